//go:build linux

package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/tertulia-rtc/tertulia/protocol"
)

// process is the real binary, with a data folder and ports of its own.
type process struct {
	command      *exec.Cmd
	output       *log
	url          string
	service, key string // of the first service
	ended        chan struct{}
}

// log is what a process writes.
type log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

var credentials = regexp.MustCompile(`id {2}([0-9a-f]{24})\s+key (\S+)`)

// start runs the binary that TERTULIA_BINARY names until the test ends.
func start(t *testing.T) *process {
	t.Helper()
	address, media := freePort(t), freePort(t)
	p := &process{output: &log{}, url: "http://" + address, ended: make(chan struct{})}
	p.command = exec.Command(os.Getenv("TERTULIA_BINARY"), "--data", t.TempDir(), "--http", address, "--udp", media, "--tcp", media)
	p.command.Stdout, p.command.Stderr = p.output, p.output
	if err := p.command.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = p.command.Wait()
		close(p.ended)
	}()
	t.Cleanup(func() {
		_ = p.command.Process.Kill()
		<-p.ended
	})
	for deadline := time.Now().Add(30 * time.Second); !strings.Contains(p.output.String(), "Ctrl-C ends it"); {
		select {
		case <-p.ended:
			t.Fatalf("the server ended:\n%s", p.output)
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			t.Fatalf("the server was not ready in 30 s:\n%s", p.output)
		}
	}
	found := credentials.FindStringSubmatch(p.output.String())
	if found == nil {
		t.Fatalf("the server told no credentials:\n%s", p.output)
	}
	p.service, p.key = found[1], found[2]
	return p
}

func freePort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// post calls the REST API as the first service.
func (p *process) post(path string, body, answer any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	request, err := http.NewRequest(http.MethodPost, p.url+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	request.SetBasicAuth(p.service, p.key)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err = io.ReadAll(response.Body)
	if err != nil || response.StatusCode/100 != 2 {
		return fmt.Errorf("POST %s: %s %s (%w)", path, response.Status, text, err)
	}
	return json.Unmarshal(text, answer)
}

// room makes a room, and a token that lets n people in.
func (p *process) room(t *testing.T, n int) (token string) {
	t.Helper()
	var room struct{ ID protocol.RoomID }
	if err := p.post("/v1/rooms", map[string]any{"name": "memory"}, &room); err != nil {
		t.Fatal(err)
	}
	var made struct{ Token string }
	if err := p.post("/v1/rooms/"+string(room.ID)+"/tokens", map[string]any{"user": "ana", "role": "presenter", "uses": n, "expiresIn": 3600}, &made); err != nil {
		t.Fatal(err)
	}
	return made.Token
}

// memory is what Linux says of a process, in kB of 1,024 bytes: all that is resident, what of
// it is the process's own, and what is pages of the binary.
type memory struct{ rss, anon, file int }

// memory reads /proc/PID/status.
func (p *process) memory(t *testing.T) memory {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.command.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	read := func(name string) int {
		_, rest, _ := strings.Cut(string(status), "\n"+name+":")
		line, _, _ := strings.Cut(rest, "\n")
		n, err := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(line, "kB")))
		if err != nil {
			t.Fatalf("%s in /proc/PID/status: %v", name, err)
		}
		return n
	}
	return memory{read("VmRSS"), read("RssAnon"), read("RssFile")}
}

// processor is the time that the process has computed.
func (p *process) processor(t *testing.T) time.Duration {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.command.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond // of 100 a second (sysconf(_SC_CLK_TCK))
}

var (
	goroutine = regexp.MustCompile(`(?m)^goroutine \d+ .*:$`)
	creator   = regexp.MustCompile(`(?m)^created by (\S+)`)
)

// goroutines ends the process by SIGQUIT, at which Go's runtime writes the
// stack of every goroutine, and counts them: in all, and by who made them.
func (p *process) goroutines(t *testing.T) (all int, by map[string]int) {
	t.Helper()
	if err := p.command.Process.Signal(syscall.SIGQUIT); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	select {
	case <-p.ended:
	case <-ctx.Done():
		t.Fatal("the server did not end by SIGQUIT")
	}
	by = map[string]int{}
	for _, found := range creator.FindAllStringSubmatch(p.output.String(), -1) {
		by[found[1]]++
	}
	return len(goroutine.FindAllString(p.output.String(), -1)), by
}
