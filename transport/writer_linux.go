//go:build amd64 || arm64

package transport

import (
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// messagesPerCall is how many messages go into one sendmmsg; more gains nothing.
const messagesPerCall = 64

// kernelSender sends the runs of one Writer by sendmmsg, a run of several
// datagrams with UDP_SEGMENT.
type kernelSender struct {
	socket  *kernelSocket
	headers [messagesPerCall]messageHeader
	vectors [messagesPerCall]unix.Iovec
	names   [messagesPerCall]unix.RawSockaddrInet6
	control [messagesPerCall][controlSpace]byte
	single  sendArguments // of a run that leaves one by one

	// waitUntil is when the Flush in progress stops waiting; zero before it waits.
	waitUntil time.Time

	// next to last are the headers of the call to make; the functions, kept
	// because making them anew would allocate, leave their result in sent and errno.
	next, last int
	sent       int
	errno      syscall.Errno
	trySend    func(fd uintptr)
	waitSend   func(fd uintptr) bool
	trySingle  func(fd uintptr)
}

func (s *kernelSocket) newRunSender() runSender {
	k := &kernelSender{socket: s}
	k.trySend = k.sendmmsg
	k.waitSend = func(fd uintptr) bool {
		k.sendmmsg(fd)
		return k.errno != unix.EAGAIN
	}
	k.trySingle = func(fd uintptr) { k.errno = k.single.sendOne(fd) }
	return k
}

func (k *kernelSender) merges() bool { return k.socket.segments }

func (k *kernelSender) sendmmsg(fd uintptr) {
	n, _, errno := unix.RawSyscall6(unix.SYS_SENDMMSG, fd, uintptr(unsafe.Pointer(&k.headers[k.next])), uintptr(k.last-k.next),
		unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
	k.sent, k.errno = int(n), errno
}

func (k *kernelSender) send(w *Writer) {
	k.waitUntil = time.Time{}
	for runs := w.runs; len(runs) > 0; {
		n := min(len(runs), messagesPerCall)
		if !k.sendSome(w, runs[:n]) {
			for i := range runs[n:] {
				w.stats.Dropped += uint64(runs[n+i].count)
			}
			return
		}
		runs = runs[n:]
	}
}

// sendSome sends as many runs as fit one call. sendmmsg ends at the first
// message that fails, and says why only if that was the first of the call; so
// the rest is tried again, and what fails in first place is dealt with and
// skipped. False: the socket's buffer stayed full, the rest is dropped.
func (k *kernelSender) sendSome(w *Writer, runs []run) bool {
	for i := range runs {
		r := &runs[i]
		segment := 0
		if r.count > 1 {
			segment = r.size
		}
		if !setMessage(k.socket, &k.headers[i].header, &k.vectors[i], &k.names[i], &k.control[i], &r.path, w.slab[r.start:r.end], segment) {
			// An IPv6 peer on a socket for IPv4: the system refuses the empty name.
			k.headers[i].header.Namelen = 0
			k.headers[i].header.Controllen = 0
		}
	}
	for k.next, k.last = 0, len(runs); k.next < k.last; {
		w.stats.Calls++
		if k.socket.raw.Control(k.trySend) != nil { // closed
			k.sent, k.errno = 0, unix.EBADF
		}
		if k.errno == unix.EAGAIN {
			k.wait(w)
		}
		switch k.errno {
		case 0:
			for range k.sent {
				w.stats.sent(&runs[k.next])
				k.next++
			}
		case unix.EINTR:
		case unix.EAGAIN:
			for i := range runs[k.next:] {
				w.stats.Dropped += uint64(runs[k.next+i].count)
			}
			return false
		case unix.ENOBUFS, unix.ENOMEM:
			w.stats.Dropped += uint64(runs[k.next].count)
			k.next++
		case unix.EINVAL, unix.EIO, unix.EMSGSIZE, unix.EOPNOTSUPP:
			k.refuse(w, &runs[k.next])
			k.next++
		default:
			w.stats.Failed += uint64(runs[k.next].count)
			k.next++
		}
	}
	return true
}

// wait tries again as soon as there is room in the socket's buffer. If there
// is none in time, errno is still EAGAIN.
func (k *kernelSender) wait(w *Writer) {
	if k.waitUntil.IsZero() {
		w.stats.Waits++
		k.waitUntil = time.Now().Add(maxWait)
		if k.socket.file.SetWriteDeadline(k.waitUntil) != nil {
			return
		}
	}
	_ = k.socket.raw.Write(k.waitSend)
}

// refuse deals with a run that the system does not take: each datagram is sent
// by itself, and if that is better, the peer gets no more runs.
func (k *kernelSender) refuse(w *Writer, r *run) {
	if r.count == 1 {
		w.stats.Failed++
		return
	}
	w.stats.Fallbacks++
	taken := false
	for start := r.start; start < r.end; start += r.size {
		end := min(start+r.size, r.end)
		k.single.set(k.socket, &r.path, w.slab[start:end], 0)
		w.stats.Calls++
		if k.socket.raw.Control(k.trySingle) != nil {
			k.errno = unix.EBADF
		}
		switch k.errno {
		case 0:
			w.stats.Messages++
			w.stats.Datagrams++
			w.stats.Bytes += uint64(end - start)
			taken = true
		case unix.EAGAIN, unix.ENOBUFS, unix.ENOMEM:
			w.stats.Dropped++
		default:
			w.stats.Failed++
		}
	}
	if taken {
		w.refused(r.path)
	}
}
