//go:build amd64 || arm64

package transport

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// socketsBatch is how many datagrams one Read takes, and one Send sends.
	socketsBatch = 64
	// socketsReady is how many sockets one Wait tells of.
	socketsReady = 128
	// clientBuffer is asked of the system for receiving by each socket, in bytes:
	// a burst of keyframes while the goroutine is busy.
	clientBuffer = 2 << 20
)

// manySockets are non-blocking sockets in an epoll set of our own, which itself
// is in the runtime's: so a goroutine that waits holds no thread.
type manySockets struct {
	stats *SocketsStats
	file  *os.File // of the epoll set
	raw   syscall.RawConn
	woken atomic.Bool

	mu   sync.Mutex
	fds  []int32 // by number; -1 is free
	ipv6 []bool

	// The rest belongs to the goroutine that reads.
	events   [socketsReady]unix.EpollEvent
	ready    []int
	err      error
	tryWait  func(fd uintptr)
	parkWait func(fd uintptr) bool

	batch    *Batch
	overflow []uint32 // by number, as the system told it last

	slab    []byte
	used    int
	sizes   []int
	headers [socketsBatch]messageHeader
	vectors [socketsBatch]unix.Iovec
	name    unix.RawSockaddrInet6
}

func (m *manySockets) init(stats *SocketsStats) error {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return os.NewSyscallError("epoll_create1", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		_ = unix.Close(fd)
		return os.NewSyscallError("fcntl", err)
	}
	m.stats = stats
	m.file = os.NewFile(uintptr(fd), "epoll")
	if m.raw, err = m.file.SyscallConn(); err == nil {
		err = m.file.SetReadDeadline(time.Time{}) // fails if the runtime's poller does not take it
	}
	if err != nil {
		_ = m.file.Close()
		return err
	}
	m.batch = NewBatch(socketsBatch)
	m.slab = make([]byte, socketsBatch*MaxDatagram)
	m.tryWait = func(fd uintptr) { m.poll(int(fd)) }
	m.parkWait = func(fd uintptr) bool { return m.poll(int(fd)) || m.woken.Load() }
	return nil
}

func (m *manySockets) open(local netip.AddrPort) (int, netip.AddrPort, error) {
	host := local.Addr().Unmap()
	family := unix.AF_INET
	var name unix.Sockaddr = &unix.SockaddrInet4{Port: int(local.Port()), Addr: v4bytes(host)}
	if host.Is6() {
		family = unix.AF_INET6
		name = &unix.SockaddrInet6{Port: int(local.Port()), Addr: host.As16(), ZoneId: scopeOf(host)}
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, local, listenError("udp", local, os.NewSyscallError("socket", err))
	}
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, clientBuffer) != nil {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, clientBuffer)
	}
	for _, option := range [...]int{unix.SO_TIMESTAMPNS, unix.SO_RXQ_OVFL} {
		if err == nil {
			err = os.NewSyscallError("setsockopt", unix.SetsockoptInt(fd, unix.SOL_SOCKET, option, 1))
		}
	}
	if err == nil {
		err = os.NewSyscallError("bind", unix.Bind(fd, name))
	}
	var bound unix.Sockaddr
	if err == nil {
		bound, err = unix.Getsockname(fd)
	}
	if err != nil {
		_ = unix.Close(fd)
		return 0, local, listenError("udp", local, err)
	}
	switch a := bound.(type) {
	case *unix.SockaddrInet4:
		local = netip.AddrPortFrom(host, uint16(a.Port))
	case *unix.SockaddrInet6:
		local = netip.AddrPortFrom(host, uint16(a.Port))
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	id := 0
	for id < len(m.fds) && m.fds[id] >= 0 {
		id++
	}
	if id == len(m.fds) {
		m.fds, m.ipv6 = append(m.fds, -1), append(m.ipv6, false)
	}
	event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(id)}
	if failed := m.raw.Control(func(epoll uintptr) {
		err = os.NewSyscallError("epoll_ctl", unix.EpollCtl(int(epoll), unix.EPOLL_CTL_ADD, fd, &event))
	}); failed != nil {
		err = failed
	}
	if err != nil {
		_ = unix.Close(fd)
		return 0, local, listenError("udp", local, err)
	}
	m.fds[id], m.ipv6[id] = int32(fd), host.Is6()
	return id, local, nil
}

func (m *manySockets) shut(id int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if id < len(m.fds) && m.fds[id] >= 0 {
		_ = unix.Close(int(m.fds[id])) // which takes it out of the epoll set
		m.fds[id] = -1
	}
}

func (m *manySockets) close() {
	for id := range m.fds {
		m.shut(id)
	}
	_ = m.file.Close()
}

func (m *manySockets) descriptor(id int) (fd int32, ipv6 bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.fds[id], m.ipv6[id]
}

// Wait waits until sockets have something to read, until Wake, or until the
// deadline (zero: for ever), and gives the numbers of these sockets, valid
// until the next Wait. A socket that was not emptied is told again.
func (s *Sockets) Wait(deadline time.Time) (ready []int, err error) {
	m := &s.many
	m.err = nil
	err = m.raw.Control(m.tryWait)
	if err == nil && len(m.ready) == 0 && m.err == nil && !m.woken.Load() && (deadline.IsZero() || time.Until(deadline) > 0) {
		if err = m.file.SetReadDeadline(deadline); err == nil && !m.woken.Load() {
			err = m.raw.Read(m.parkWait)
		}
	}
	m.woken.Store(false)
	switch {
	case m.err != nil:
		return nil, m.err
	case err == nil, errors.Is(err, os.ErrDeadlineExceeded):
		return m.ready, nil
	}
	return nil, err
}

// Wake makes the Wait in progress return, or else the next one. Any goroutine
// may call it.
func (s *Sockets) Wake() {
	if !s.many.woken.Swap(true) {
		_ = s.many.file.SetReadDeadline(longAgo)
	}
}

// poll asks the epoll set without waiting; false if no socket has anything.
func (m *manySockets) poll(epoll int) bool {
	m.ready = m.ready[:0]
	for {
		n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(epoll), uintptr(unsafe.Pointer(&m.events[0])), socketsReady, 0, 0, 0)
		switch errno {
		case 0:
			for i := range m.events[:n] {
				m.ready = append(m.ready, int(m.events[i].Fd))
			}
			return n > 0
		case unix.EINTR:
		default:
			m.err = os.NewSyscallError("epoll_wait", errno)
			return true
		}
	}
}

// Read takes what a socket has, as much as fits one batch, and says how many
// datagrams that is. They are valid until the next Read.
func (s *Sockets) Read(id int) (n int) {
	m := &s.many
	fd, _ := m.descriptor(id)
	b := m.batch
	b.n, b.truncated = 0, 0
	if fd < 0 {
		return 0
	}
	k := &b.kernel
	for {
		k.prepare()
		n, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG, uintptr(fd), uintptr(unsafe.Pointer(&k.headers[0])), uintptr(len(k.headers)),
			unix.MSG_DONTWAIT, 0, 0)
		if errno == unix.EINTR {
			continue
		}
		if errno != 0 {
			// Nothing there, or an error that an ICMP message left, which is
			// thereby taken off the socket.
			return 0
		}
		k.filled = int(n)
		break
	}
	for i := range k.headers[:k.filled] {
		h := &k.headers[i]
		if h.header.Flags&unix.MSG_TRUNC != 0 {
			continue
		}
		start := i * MaxDatagram
		end := start + int(h.length)
		p := &b.packets[b.n]
		p.data = b.slab[start:end:end]
		p.path.Remote = decodeName(&k.names[i])
		p.arrived = m.control(id, k.control[i*receiveSpace:][:h.header.Controllen])
		b.n++
	}
	s.stats.Reads++
	s.stats.Received += uint64(b.n)
	return b.n
}

// control reads the time of arrival, and the count of datagrams that the
// socket had no room for.
func (m *manySockets) control(id int, control []byte) (stamp int64) {
	for len(control) >= cmsgData {
		length := binary.NativeEndian.Uint64(control)
		if length < cmsgData || length > uint64(len(control)) {
			break
		}
		data := control[cmsgData:length]
		if binary.NativeEndian.Uint32(control[cmsgLevel:]) == unix.SOL_SOCKET {
			switch kind := binary.NativeEndian.Uint32(control[cmsgType:]); {
			case kind == unix.SCM_TIMESTAMPNS && len(data) >= 16:
				stamp = int64(binary.NativeEndian.Uint64(data))*int64(time.Second) + int64(binary.NativeEndian.Uint64(data[8:]))
			case kind == unix.SO_RXQ_OVFL && len(data) >= 4:
				for id >= len(m.overflow) {
					m.overflow = append(m.overflow, 0)
				}
				now := binary.NativeEndian.Uint32(data)
				if before := m.overflow[id]; now > before {
					m.stats.Overflowed += uint64(now - before)
				}
				m.overflow[id] = now
			}
		}
		control = control[min(int(length+7)&^7, len(control)):]
	}
	return stamp
}

// Datagram is the i-th datagram of the last Read, the address that it came
// from, and when it came to this machine (nanoseconds of Unix time, 0 if the
// system did not tell). The data may be changed in place.
func (s *Sockets) Datagram(i int) (data []byte, from netip.AddrPort, at int64) {
	p := &s.many.batch.packets[:s.many.batch.n][i]
	return p.data, p.path.Remote, p.arrived
}

// Reserve returns n bytes (at most MaxDatagram) to make a datagram in; nil if
// 64 are waiting for Send.
func (s *Sockets) Reserve(n int) []byte {
	m := &s.many
	if len(m.sizes) == socketsBatch || n > len(m.slab)-m.used {
		return nil
	}
	return m.slab[m.used : m.used+n : m.used+n]
}

// Commit makes the first n of the bytes reserved last a datagram.
func (s *Sockets) Commit(n int) {
	if n > 0 {
		s.many.used += n
		s.many.sizes = append(s.many.sizes, n)
	}
}

// Send sends all that was committed from one socket to one address. What the
// system does not take is counted and forgotten.
func (s *Sockets) Send(id int, to netip.AddrPort) {
	m := &s.many
	n := len(m.sizes)
	if n == 0 {
		return
	}
	fd, ipv6 := m.descriptor(id)
	form := kernelSocket{ipv6: ipv6}
	namelen := form.encodeName(&m.name, to)
	at := 0
	for i, size := range m.sizes {
		m.vectors[i] = unix.Iovec{Base: &m.slab[at], Len: uint64(size)}
		at += size
		h := &m.headers[i].header
		h.Name, h.Namelen = (*byte)(unsafe.Pointer(&m.name)), namelen
		h.Iov, h.Iovlen = &m.vectors[i], 1
	}
	m.used, m.sizes = 0, m.sizes[:0]
	if fd < 0 || namelen == 0 {
		s.stats.Unsent += uint64(n)
		return
	}
	for next := 0; next < n; {
		s.stats.Calls++
		sent, _, errno := unix.RawSyscall6(unix.SYS_SENDMMSG, uintptr(fd), uintptr(unsafe.Pointer(&m.headers[next])), uintptr(n-next),
			unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
		switch errno {
		case 0:
			s.stats.Sent += uint64(sent)
			next += int(sent)
		case unix.EINTR, unix.ECONNREFUSED: // the latter is of an earlier datagram
		case unix.EAGAIN:
			s.stats.Unsent += uint64(n - next)
			return
		default:
			s.stats.Unsent++
			next++
		}
	}
}
