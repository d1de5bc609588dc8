package transport

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"
)

// socketBuffer is asked of the system for each direction of a socket, in
// bytes: a keyframe for some hundred subscribers has to fit.
const socketBuffer = 8 << 20

// UDP is a socket that is read and written in batches. One goroutine, the
// owner's, calls Read and Stats; a [Writer] sends for it; the rest may be
// called from any goroutine.
type UDP struct {
	socket socket
	stats  UDPStats
}

// UDPStats are counts since the socket was opened.
type UDPStats struct {
	// Reads is how many calls of Read returned datagrams.
	Reads     uint64
	Datagrams uint64
	Bytes     uint64
	// Truncated datagrams were longer than MaxDatagram, and dropped.
	Truncated uint64
}

// socket is what differs between systems: kernelSocket (Linux) does all in
// batches, portableSocket uses package net only.
type socket interface {
	// read fills an emptied batch; see UDP.Read.
	read(b *Batch, deadline time.Time) error
	wake()
	sendTo(p Path, b []byte) error
	// newRunSender makes what one Writer sends through.
	newRunSender() runSender
	localAddr() netip.AddrPort
	close() error
}

// ListenUDP opens a socket. An invalid host and [::] stand for all interfaces,
// IPv4 and IPv6 (IPv4 alone where the system has no IPv6); port 0 for any free
// one. With reusePort more sockets can be bound to the same port, and the
// system spreads the peers over them; see [ListenShards].
func ListenUDP(addr netip.AddrPort, reusePort bool) (*UDP, error) {
	s, err := listenNative(addr, reusePort)
	if err != nil {
		return nil, err
	}
	return &UDP{socket: s}, nil
}

// ListenShards opens one socket for each of n shards. If first equals last,
// all of them share that port (zero: any free one): it is bound alone before
// it is shared, so that a second server on the machine gets an error
// (EADDRINUSE) and not half of the packets. Otherwise each shard has a port of
// its own from first to last; ports in use are skipped, and it is an error if
// fewer than n are left.
//
// Where the system cannot share a port between sockets, the first shard reads
// all datagrams and the others send through its socket; what comes to the
// wrong shard has to be handed over in any case.
func ListenShards(host netip.Addr, first, last uint16, n int) ([]*UDP, error) {
	switch {
	case n < 1:
		return nil, fmt.Errorf("%d shards: at least one is needed", n)
	case last < first || first == 0 && last != 0:
		return nil, fmt.Errorf("port range %d-%d: the first port must not be above the last, nor 0", first, last)
	case first != last && int(last-first)+1 < n:
		return nil, fmt.Errorf("port range %d-%d has fewer ports than there are shards (%d)", first, last, n)
	}
	var sockets []socket
	var err error
	if first == last {
		sockets, err = shareNative(netip.AddrPortFrom(host, first), n)
	} else {
		sockets, err = listenRange(host, first, last, n)
	}
	if err != nil {
		return nil, err
	}
	shards := make([]*UDP, n)
	for i, s := range sockets {
		shards[i] = &UDP{socket: s}
	}
	return shards, nil
}

// listenRange binds n sockets to ports of their own.
func listenRange(host netip.Addr, first, last uint16, n int) ([]socket, error) {
	var sockets []socket
	var inUse error
	for port := int(first); port <= int(last) && len(sockets) < n; port++ {
		s, err := listenNative(netip.AddrPortFrom(host, uint16(port)), false)
		switch {
		case err == nil:
			sockets = append(sockets, s)
		case errors.Is(err, syscall.EADDRINUSE):
			inUse = err
		default:
			closeAll(sockets)
			return nil, err
		}
	}
	if len(sockets) < n {
		closeAll(sockets)
		return nil, fmt.Errorf("only %d of the %d ports needed are free in %d-%d: %w", len(sockets), n, first, last, inUse)
	}
	return sockets, nil
}

func closeAll(sockets []socket) {
	for _, s := range sockets {
		_ = s.close()
	}
}

// allInterfaces reports whether a host to listen on stands for every address,
// IPv4 and IPv6.
func allInterfaces(host netip.Addr) bool {
	return !host.IsValid() || host.Is6() && host.IsUnspecified()
}

// listenError names the operation and address as package net does.
func listenError(network string, addr netip.AddrPort, err error) error {
	host := addr.Addr()
	if !host.IsValid() {
		host = netip.IPv6Unspecified()
	}
	return &net.OpError{Op: "listen", Net: network, Addr: net.UDPAddrFromAddrPort(netip.AddrPortFrom(host, addr.Port())), Err: err}
}

// Read waits for datagrams, until the deadline (zero: for ever) or Wake, and
// takes as many as are there and fit the batch. It returns nil with an empty
// batch at the deadline or after Wake, net.ErrClosed after Close. Any other error
// is the system's; reading may go on.
func (u *UDP) Read(b *Batch, deadline time.Time) error {
	b.n, b.truncated = 0, 0
	err := u.socket.read(b, deadline)
	if b.n > 0 {
		u.stats.Reads++
		u.stats.Datagrams += uint64(b.n)
		for _, p := range b.packets[:b.n] {
			u.stats.Bytes += uint64(len(p.data))
		}
	}
	u.stats.Truncated += uint64(b.truncated)
	return err
}

// Wake makes the Read in progress return, or else the next one. A Read that
// returns anyway, with datagrams, has used up the Wakes before.
func (u *UDP) Wake() { u.socket.wake() }

// LocalAddr is the address the socket is bound to. The host is [::] for all
// interfaces, or 0.0.0.0 if only IPv4 is served.
func (u *UDP) LocalAddr() netip.AddrPort { return u.socket.localAddr() }

// Close closes the socket; a Read in progress ends.
func (u *UDP) Close() error { return u.socket.close() }

// Stats counts what was received.
func (u *UDP) Stats() UDPStats { return u.stats }

// errNotUDP is what SendTo says of a TCP path.
var errNotUDP = errors.New("the path is not one of UDP")

// SendTo sends one datagram at once, from any goroutine, for what comes
// seldom: checks and handshakes. It never waits: if the socket's buffer is
// full the datagram is lost, with an error.
func SendTo(u *UDP, p Path, b []byte) error {
	if p.TCP != 0 || !p.IsValid() {
		return errNotUDP
	}
	return u.socket.sendTo(p, b)
}

// Batch is what one Read took from a socket.
type Batch struct {
	// slab has MaxDatagram bytes for each datagram, and one more, by which the
	// portable read recognises a truncated one.
	slab    []byte
	packets []packet
	n       int
	// truncated is how many datagrams of the read were too long.
	truncated int
	kernel    kernelBatch
}

// packet is one datagram of a batch.
type packet struct {
	data    []byte
	path    Path
	arrived int64
}

// NewBatch makes room for n datagrams; 64 is a good number.
func NewBatch(n int) *Batch {
	b := &Batch{slab: make([]byte, n*MaxDatagram+1), packets: make([]packet, n)}
	b.kernel.init(b.slab, n)
	return b
}

// Len is the number of datagrams.
func (b *Batch) Len() int { return b.n }

// Packet is the i-th datagram and the path it came by. The data may be changed
// in place; it is valid until the batch is read into again.
func (b *Batch) Packet(i int) (data []byte, path Path) {
	p := &b.packets[:b.n][i]
	return p.data, p.path
}

// Arrived is when the system took the i-th datagram in, in nanoseconds of Unix
// time; 0 where it does not say.
func (b *Batch) Arrived(i int) int64 { return b.packets[:b.n][i].arrived }
