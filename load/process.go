package load

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// process is another process of this machine, as /proc tells of it.
type process int

// computed is the time that a process has computed, in user and system mode. Where
// only /proc tells, its grain is 10 ms.
func (p process) computed() (time.Duration, error) {
	if t, ok := clockOf(p); ok {
		return t, nil
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", int(p)))
	if err != nil {
		return 0, fmt.Errorf("the server's process cannot be looked at: %w; is --pid right?", err)
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) < 13 {
		return 0, fmt.Errorf("/proc/%d/stat has %d fields", int(p), len(fields))
	}
	user, _ := strconv.ParseInt(fields[11], 10, 64)
	system, _ := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * 10 * time.Millisecond, nil // sysconf(_SC_CLK_TCK) is 100 everywhere
}

// resident is its resident memory, in KB of 1,024 bytes.
func (p process) resident() (int64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", int(p)))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(status), "\nVmRSS:")
	line, _, _ := strings.Cut(rest, "\n")
	return strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(line, "kB")), 10, 64)
}
