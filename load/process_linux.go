package load

import (
	"syscall"
	"time"
	"unsafe"
)

// clockOf is the time that another process has computed, to the nanosecond; /proc counts
// in steps of 10 ms. The number of that clock is made of the process's (clock_getcpuclockid).
func clockOf(p process) (time.Duration, bool) {
	const scheduled = 2
	var t syscall.Timespec
	clock := uintptr(^int(p)<<3 | scheduled)
	if _, _, errno := syscall.Syscall(syscall.SYS_CLOCK_GETTIME, clock, uintptr(unsafe.Pointer(&t)), 0); errno != 0 {
		return 0, false
	}
	return time.Duration(t.Nano()), true
}
