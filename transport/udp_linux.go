//go:build amd64 || arm64

package transport

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// kernelSocket is a non-blocking socket that is read by recvmmsg and written by
// sendmmsg, and waits in the runtime's poller: a goroutine that is parked there
// costs one wake-up of a thread at most, where a blocking call costs the
// hand-over of a processor each time.
//
// On a socket for all interfaces IPv4 addresses are in IPv6 form
// (::ffff:192.0.2.1) in both directions, in names and in packet information.
type kernelSocket struct {
	file *os.File // keeps the descriptor open
	raw  syscall.RawConn
	// ipv6 says which form the addresses have.
	ipv6 bool
	// segments says whether the system knows UDP_SEGMENT (Linux 4.18).
	segments bool
	local    netip.AddrPort
	// host is the one address that it is bound to; then no packet needs to say which of
	// ours it came to or leaves from. Invalid on a socket for all interfaces.
	host  netip.Addr
	woken atomic.Bool

	// The rest belongs to the goroutine that reads; the functions are kept
	// because making them anew would allocate.
	batch    *Batch
	err      error
	deadline time.Time // that the poller has; longAgo if it may be another one
	tryRead  func(fd uintptr)
	waitRead func(fd uintptr) bool
}

func listenNative(addr netip.AddrPort, reusePort bool) (socket, error) {
	return listenKernel(addr, reusePort)
}

func listenKernel(addr netip.AddrPort, reusePort bool) (*kernelSocket, error) {
	host := addr.Addr().Unmap()
	if !allInterfaces(host) {
		return openKernelSocket(netip.AddrPortFrom(host, addr.Port()), reusePort)
	}
	s, err := openKernelSocket(netip.AddrPortFrom(netip.IPv6Unspecified(), addr.Port()), reusePort)
	if errors.Is(err, unix.EAFNOSUPPORT) || errors.Is(err, unix.EADDRNOTAVAIL) {
		return openKernelSocket(netip.AddrPortFrom(netip.IPv4Unspecified(), addr.Port()), reusePort)
	}
	return s, err
}

// shareNative binds the first socket alone and only then makes its port one
// that can be shared.
func shareNative(addr netip.AddrPort, n int) ([]socket, error) {
	first, err := listenKernel(addr, false)
	if err != nil {
		return nil, err
	}
	sockets := []socket{first}
	if n > 1 {
		var failed error
		err := first.raw.Control(func(fd uintptr) {
			failed = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
		})
		if err := errors.Join(err, failed); err != nil {
			closeAll(sockets)
			return nil, listenError("udp", first.local, os.NewSyscallError("setsockopt", err))
		}
	}
	for len(sockets) < n {
		s, err := listenKernel(first.local, true)
		if err != nil {
			closeAll(sockets)
			return nil, err
		}
		sockets = append(sockets, s)
	}
	return sockets, nil
}

// openKernelSocket binds a socket to an address, whose host is valid; [::]
// serves IPv4 too.
func openKernelSocket(addr netip.AddrPort, reusePort bool) (*kernelSocket, error) {
	s := &kernelSocket{ipv6: addr.Addr().Is6(), deadline: longAgo}
	if !addr.Addr().IsUnspecified() {
		s.host = addr.Addr().WithZone("")
	}
	family := unix.AF_INET
	if s.ipv6 {
		family = unix.AF_INET6
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, listenError("udp", addr, os.NewSyscallError("socket", err))
	}
	if err := s.setUp(fd, addr, reusePort); err != nil {
		_ = unix.Close(fd)
		return nil, listenError("udp", addr, err)
	}
	s.file = os.NewFile(uintptr(fd), "udp:"+s.local.String())
	if s.raw, err = s.file.SyscallConn(); err == nil {
		err = s.file.SetReadDeadline(time.Time{}) // fails if the poller does not take it
	}
	if err != nil {
		_ = s.file.Close()
		return nil, listenError("udp", addr, err)
	}
	s.tryRead = func(fd uintptr) { s.receive(fd) }
	s.waitRead = func(fd uintptr) bool { return s.receive(fd) || s.woken.Load() }
	return s, nil
}

// setUp sets the options, binds, and reads back the address.
func (s *kernelSocket) setUp(fd int, addr netip.AddrPort, reusePort bool) error {
	type option struct{ level, name, value int }
	var options []option
	if reusePort {
		options = append(options, option{unix.SOL_SOCKET, unix.SO_REUSEPORT, 1})
	}
	switch {
	case s.host.IsValid() && s.ipv6:
		options = append(options, option{unix.SOL_IPV6, unix.IPV6_V6ONLY, 1})
	case s.host.IsValid():
	case s.ipv6:
		options = append(options, option{unix.SOL_IPV6, unix.IPV6_V6ONLY, 0}, option{unix.SOL_IPV6, unix.IPV6_RECVPKTINFO, 1})
	default:
		options = append(options, option{unix.SOL_IP, unix.IP_PKTINFO, 1})
	}
	for _, o := range options {
		if err := unix.SetsockoptInt(fd, o.level, o.name, o.value); err != nil {
			return os.NewSyscallError("setsockopt", err)
		}
	}
	// Without the right to exceed the system's limit we get what it allows,
	// which only means earlier loss.
	for _, buffer := range [...][2]int{{unix.SO_RCVBUFFORCE, unix.SO_RCVBUF}, {unix.SO_SNDBUFFORCE, unix.SO_SNDBUF}} {
		if unix.SetsockoptInt(fd, unix.SOL_SOCKET, buffer[0], socketBuffer) != nil {
			_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, buffer[1], socketBuffer)
		}
	}
	// Without it, nothing is known of the time that packets spend here.
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1)
	_, err := unix.GetsockoptInt(fd, unix.SOL_UDP, unix.UDP_SEGMENT)
	s.segments = err == nil

	var name unix.Sockaddr = &unix.SockaddrInet4{Port: int(addr.Port()), Addr: v4bytes(addr.Addr())}
	if s.ipv6 {
		name = &unix.SockaddrInet6{Port: int(addr.Port()), Addr: addr.Addr().As16(), ZoneId: scopeOf(addr.Addr())}
	}
	if err := unix.Bind(fd, name); err != nil {
		return os.NewSyscallError("bind", err)
	}
	bound, err := unix.Getsockname(fd)
	if err != nil {
		return os.NewSyscallError("getsockname", err)
	}
	switch a := bound.(type) {
	case *unix.SockaddrInet4:
		s.local = netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port))
	case *unix.SockaddrInet6:
		s.local = netip.AddrPortFrom(addr.Addr(), uint16(a.Port))
	}
	return nil
}

// v4bytes is As4 for an address that may not be IPv4 (and then unused).
func v4bytes(a netip.Addr) (b [4]byte) {
	if a.Is4() {
		b = a.As4()
	}
	return b
}

// scopeOf is the interface index of a link-local address with a zone.
func scopeOf(a netip.Addr) uint32 {
	zone := a.Zone()
	if zone == "" {
		return 0
	}
	if index, err := strconv.ParseUint(zone, 10, 32); err == nil {
		return uint32(index)
	}
	if i, err := net.InterfaceByName(zone); err == nil {
		return uint32(i.Index)
	}
	return 0
}

func (s *kernelSocket) localAddr() netip.AddrPort { return s.local }
func (s *kernelSocket) close() error              { return s.file.Close() }

func (s *kernelSocket) wake() {
	if !s.woken.Swap(true) {
		_ = s.file.SetReadDeadline(longAgo)
	}
}

// read asks the socket and parks if nothing is there. When time is up it asks once
// more: a loop that is always late must read all the same.
func (s *kernelSocket) read(b *Batch, deadline time.Time) error {
	s.batch, s.err = b, nil
	err := s.park(deadline)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		s.deadline = longAgo
		err = s.raw.Control(s.tryRead)
	}
	s.woken.Store(false)
	switch {
	case s.err != nil:
		return os.NewSyscallError("recvmmsg", s.err)
	case err != nil:
		return net.ErrClosed // the only other error of the poller
	}
	return nil
}

// park asks the socket and waits. The deadline of the poller, which costs a timer
// of the runtime, is left alone when it is the right one already.
func (s *kernelSocket) park(deadline time.Time) error {
	if !deadline.Equal(s.deadline) {
		s.deadline = deadline
		if err := s.file.SetReadDeadline(deadline); err != nil {
			return err
		}
	}
	return s.raw.Read(s.waitRead)
}

// receive takes what is there; false if nothing is.
func (s *kernelSocket) receive(fd uintptr) bool {
	b := s.batch
	k := &b.kernel
	for {
		k.prepare()
		n, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG, fd, uintptr(unsafe.Pointer(&k.headers[0])), uintptr(len(k.headers)),
			unix.MSG_DONTWAIT, 0, 0)
		switch errno {
		case 0:
			k.filled = int(n)
			s.collect(b)
			if b.n > 0 {
				return true
			}
			// All of them were too long: there may be more.
		case unix.EINTR:
		case unix.EAGAIN:
			return false
		default:
			s.err = errno
			return true
		}
	}
}

// collect turns what recvmmsg filled in into packets.
func (s *kernelSocket) collect(b *Batch) {
	k := &b.kernel
	for i := range k.headers[:k.filled] {
		h := &k.headers[i]
		if h.header.Flags&unix.MSG_TRUNC != 0 {
			b.truncated++
			continue
		}
		p := &b.packets[b.n]
		start := i * MaxDatagram
		end := start + int(h.length)
		p.data = b.slab[start:end:end]
		p.path.Remote = decodeName(&k.names[i])
		p.path.Local, p.arrived = decodeControl(k.control[i*receiveSpace:][:h.header.Controllen])
		if s.host.IsValid() {
			p.path.Local = s.host
		}
		b.n++
	}
}

// controlSpace is the room for control messages of one message that is sent:
// packet information (40 bytes) and a segment size (24). receiveSpace is that of
// one received: packet information and the time of arrival (32).
const (
	controlSpace = 64
	receiveSpace = 72
)

// messageHeader is struct mmsghdr.
type messageHeader struct {
	header unix.Msghdr
	length uint32
}

// kernelBatch are the arguments of recvmmsg.
type kernelBatch struct {
	headers []messageHeader
	vectors []unix.Iovec
	names   []unix.RawSockaddrInet6
	control []byte
	// filled is how many headers the last call changed.
	filled int
}

func (k *kernelBatch) init(slab []byte, n int) {
	k.headers = make([]messageHeader, n)
	k.vectors = make([]unix.Iovec, n)
	k.names = make([]unix.RawSockaddrInet6, n)
	k.control = make([]byte, n*receiveSpace)
	k.filled = n
	for i := range k.headers {
		k.vectors[i] = unix.Iovec{Base: &slab[i*MaxDatagram], Len: MaxDatagram}
		h := &k.headers[i].header
		h.Name = (*byte)(unsafe.Pointer(&k.names[i]))
		h.Iov = &k.vectors[i]
		h.Iovlen = 1
		h.Control = &k.control[i*receiveSpace]
	}
}

// prepare sets again what the last call has changed.
func (k *kernelBatch) prepare() {
	for i := range k.headers[:k.filled] {
		h := &k.headers[i].header
		h.Namelen = unix.SizeofSockaddrInet6
		h.Controllen = receiveSpace
		h.Flags = 0
	}
	k.filled = 0
}

// decodeName reads a socket address of either family.
func decodeName(name *unix.RawSockaddrInet6) netip.AddrPort {
	switch name.Family {
	case unix.AF_INET:
		v4 := (*unix.RawSockaddrInet4)(unsafe.Pointer(name))
		return netip.AddrPortFrom(netip.AddrFrom4(v4.Addr), networkOrder(v4.Port))
	case unix.AF_INET6:
		addr := netip.AddrFrom16(name.Addr).Unmap()
		if name.Scope_id != 0 && addr.IsLinkLocalUnicast() {
			addr = addr.WithZone(strconv.FormatUint(uint64(name.Scope_id), 10))
		}
		return netip.AddrPortFrom(addr, networkOrder(name.Port))
	}
	return netip.AddrPort{}
}

// networkOrder swaps the bytes of a port: the supported processors are little-endian.
func networkOrder(port uint16) uint16 { return port>>8 | port<<8 }

// Offsets in a control message: struct cmsghdr, then the data.
const (
	cmsgLevel = 8
	cmsgType  = 12
	cmsgData  = 16
	// In struct in_pktinfo: our address that the datagram was routed to.
	pktinfoSpecDst = 4
)

// decodeControl reads the control messages of a datagram: the address that it was
// sent to, and when it came (nanoseconds of Unix time).
func decodeControl(control []byte) (local netip.Addr, arrived int64) {
	for len(control) >= cmsgData {
		length := binary.NativeEndian.Uint64(control)
		if length < cmsgData || length > uint64(len(control)) {
			break
		}
		data := control[cmsgData:length]
		level, kind := binary.NativeEndian.Uint32(control[cmsgLevel:]), binary.NativeEndian.Uint32(control[cmsgType:])
		switch {
		case level == unix.SOL_IP && kind == unix.IP_PKTINFO && len(data) >= unix.SizeofInet4Pktinfo:
			local = netip.AddrFrom4([4]byte(data[pktinfoSpecDst:]))
		case level == unix.SOL_IPV6 && kind == unix.IPV6_PKTINFO && len(data) >= unix.SizeofInet6Pktinfo:
			local = netip.AddrFrom16([16]byte(data)).Unmap()
		case level == unix.SOL_SOCKET && kind == unix.SO_TIMESTAMPNS && len(data) >= 16:
			arrived = int64(binary.NativeEndian.Uint64(data))*1e9 + int64(binary.NativeEndian.Uint64(data[8:]))
		}
		control = control[min(int(length+7)&^7, len(control)):]
	}
	return local, arrived
}

// encodeName writes the address of a path's peer in the socket's form; zero if
// it has none there.
func (s *kernelSocket) encodeName(name *unix.RawSockaddrInet6, remote netip.AddrPort) (length uint32) {
	addr := remote.Addr()
	port := networkOrder(remote.Port())
	if s.ipv6 {
		*name = unix.RawSockaddrInet6{Family: unix.AF_INET6, Port: port, Addr: addr.As16(), Scope_id: scopeOf(addr)}
		return unix.SizeofSockaddrInet6
	}
	if !addr.Is4() {
		return 0
	}
	*(*unix.RawSockaddrInet4)(unsafe.Pointer(name)) = unix.RawSockaddrInet4{Family: unix.AF_INET, Port: port, Addr: addr.As4()}
	return unix.SizeofSockaddrInet4
}

// encodeControl writes the control messages of one message: the source
// address, if it is known, and the size of segments, if there is more than
// one. It returns their length in bytes.
func (s *kernelSocket) encodeControl(control *[controlSpace]byte, p *Path, segment int) int {
	n := 0
	add := func(level, kind uint32, size int) []byte {
		m := control[n:]
		binary.NativeEndian.PutUint64(m, uint64(cmsgData+size))
		binary.NativeEndian.PutUint32(m[cmsgLevel:], level)
		binary.NativeEndian.PutUint32(m[cmsgType:], kind)
		n += (cmsgData + size + 7) &^ 7
		return m[cmsgData:][:size]
	}
	if p.Local.IsValid() && p.Local != s.host && p.Local.Is4() == p.Remote.Addr().Is4() {
		if s.ipv6 {
			info := add(unix.SOL_IPV6, unix.IPV6_PKTINFO, unix.SizeofInet6Pktinfo)
			local := p.Local.As16()
			copy(info, local[:])
			// A link-local source needs its interface, others must not be tied to one.
			binary.NativeEndian.PutUint32(info[16:], scopeOf(p.Remote.Addr()))
		} else {
			info := add(unix.SOL_IP, unix.IP_PKTINFO, unix.SizeofInet4Pktinfo)
			clear(info)
			local := p.Local.As4()
			copy(info[pktinfoSpecDst:], local[:])
		}
	}
	if segment > 0 {
		binary.NativeEndian.PutUint16(add(unix.SOL_UDP, unix.UDP_SEGMENT, 2), uint16(segment))
	}
	return n
}

func (s *kernelSocket) sendTo(p Path, b []byte) error {
	if len(b) == 0 {
		return nil
	}
	m := new(sendArguments)
	if !m.set(s, &p, b, 0) {
		return os.NewSyscallError("sendmsg", unix.EAFNOSUPPORT)
	}
	var errno syscall.Errno
	err := s.raw.Control(func(fd uintptr) { errno = m.sendOne(fd) })
	switch {
	case err != nil:
		return net.ErrClosed
	case errno != 0:
		return os.NewSyscallError("sendmsg", errno)
	}
	return nil
}

// sendArguments is all that one message needs.
type sendArguments struct {
	header  unix.Msghdr
	vector  unix.Iovec
	name    unix.RawSockaddrInet6
	control [controlSpace]byte
}

// set fills in a message; false if the path has no form on this socket.
func (m *sendArguments) set(s *kernelSocket, p *Path, b []byte, segment int) bool {
	return setMessage(s, &m.header, &m.vector, &m.name, &m.control, p, b, segment)
}

func setMessage(s *kernelSocket, h *unix.Msghdr, vector *unix.Iovec, name *unix.RawSockaddrInet6, control *[controlSpace]byte,
	p *Path, b []byte, segment int,
) bool {
	namelen := s.encodeName(name, p.Remote)
	if namelen == 0 {
		return false
	}
	*vector = unix.Iovec{Base: unsafe.SliceData(b), Len: uint64(len(b))}
	h.Name = (*byte)(unsafe.Pointer(name))
	h.Namelen = namelen
	h.Iov = vector
	h.Iovlen = 1
	h.Control = &control[0]
	h.Controllen = uint64(s.encodeControl(control, p, segment))
	if h.Controllen == 0 {
		h.Control = nil
	}
	h.Flags = 0
	return true
}

// sendOne is sendmsg, repeated when a signal interrupts.
func (m *sendArguments) sendOne(fd uintptr) syscall.Errno {
	for {
		_, _, errno := unix.RawSyscall(unix.SYS_SENDMSG, fd, uintptr(unsafe.Pointer(&m.header)), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
		if errno != unix.EINTR {
			return errno
		}
	}
}
