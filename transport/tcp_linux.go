package transport

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// unsentLimit is how many bytes the system may hold that it has not sent: what
// waits there can no longer be dropped. What is under way does not count.
const unsentLimit = 32 << 10

// limitUnsent makes the system refuse more than unsentLimit bytes.
func limitUnsent(raw syscall.RawConn) {
	_ = raw.Control(func(fd uintptr) {
		// Without it the queue just begins later.
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, unsentLimit)
	})
}

// writeNow writes what the system takes at once, in bytes; -1 if the
// connection is broken.
func writeNow(fd uintptr, b []byte) int {
	for {
		n, err := unix.Write(int(fd), b)
		switch err {
		case nil:
			return n
		case unix.EINTR:
		case unix.EAGAIN:
			return 0
		default:
			return -1
		}
	}
}
