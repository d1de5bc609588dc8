package transport

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// portableSocket is a socket by means of package net alone: one datagram a
// read, one a send. It does not learn which of our addresses a datagram came
// to, so answers from all interfaces leave from the address that the system chooses.
type portableSocket struct {
	conn  *net.UDPConn
	local netip.AddrPort
	// source is the local address of paths: the one bound to, if it is one.
	source netip.Addr
	woken  atomic.Bool
}

func listenPortable(addr netip.AddrPort) (socket, error) {
	return newPortableSocket(addr)
}

func newPortableSocket(addr netip.AddrPort) (*portableSocket, error) {
	host := addr.Addr().Unmap()
	network, name := "udp", ""
	switch {
	case allInterfaces(host):
	case host.Is4():
		network, name = "udp4", host.String()
	default:
		network, name = "udp6", host.String()
	}
	var config net.ListenConfig
	packetConn, err := config.ListenPacket(context.Background(), network, net.JoinHostPort(name, strconv.Itoa(int(addr.Port()))))
	if err != nil {
		return nil, err
	}
	conn := packetConn.(*net.UDPConn)
	// The system gives what it allows; less only means earlier loss.
	_ = conn.SetReadBuffer(socketBuffer)
	_ = conn.SetWriteBuffer(socketBuffer)
	bound := conn.LocalAddr().(*net.UDPAddr).AddrPort()
	s := &portableSocket{conn: conn, local: netip.AddrPortFrom(bound.Addr().Unmap(), bound.Port())}
	if !s.local.Addr().IsUnspecified() {
		s.source = s.local.Addr()
	}
	return s, nil
}

// sharePortable makes n shards of one socket, which the first of them reads.
func sharePortable(addr netip.AddrPort, n int) ([]socket, error) {
	first, err := newPortableSocket(addr)
	if err != nil {
		return nil, err
	}
	shards := []socket{first}
	for len(shards) < n {
		shards = append(shards, &sendingSocket{portableSocket: first, wakeup: make(chan struct{}, 1), closed: make(chan struct{})})
	}
	return shards, nil
}

func (s *portableSocket) read(b *Batch, deadline time.Time) error {
	if err := s.conn.SetReadDeadline(deadline); err != nil {
		return portableError(err)
	}
	for {
		// After the deadline is set: a Wake before that would be overwritten.
		if s.woken.Swap(false) {
			return nil
		}
		n, remote, err := s.conn.ReadFromUDPAddrPort(b.slab[:MaxDatagram+1])
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			s.woken.Store(false)
			return nil
		case err != nil:
			return portableError(err)
		case n > MaxDatagram:
			b.truncated++
			continue
		}
		b.packets[0] = packet{
			data: b.slab[:n:n],
			path: Path{Remote: netip.AddrPortFrom(remote.Addr().Unmap(), remote.Port()), Local: s.source},
		}
		b.n = 1
		return nil
	}
}

func (s *portableSocket) wake() {
	if !s.woken.Swap(true) {
		_ = s.conn.SetReadDeadline(longAgo)
	}
}

func (s *portableSocket) sendTo(p Path, b []byte) error {
	_, err := s.conn.WriteToUDPAddrPort(b, p.Remote)
	return err
}

func (s *portableSocket) localAddr() netip.AddrPort { return s.local }
func (s *portableSocket) close() error              { return s.conn.Close() }
func (s *portableSocket) newRunSender() runSender   { return portableSender{s} }

func portableError(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return net.ErrClosed
	}
	return err
}

// portableSender sends datagram by datagram.
type portableSender struct{ socket *portableSocket }

func (portableSender) merges() bool { return false }

func (s portableSender) send(w *Writer) {
	for i := range w.runs {
		r := &w.runs[i]
		w.stats.Calls++
		if _, err := s.socket.conn.WriteToUDPAddrPort(w.slab[r.start:r.end], r.path.Remote); err != nil {
			w.stats.Failed++
			continue
		}
		w.stats.sent(r)
	}
}

// sendingSocket is a shard that sends through another shard's socket and
// itself reads nothing.
type sendingSocket struct {
	*portableSocket
	wakeup chan struct{}
	closed chan struct{}
	once   sync.Once
}

func (s *sendingSocket) read(_ *Batch, deadline time.Time) error {
	var due <-chan time.Time
	if !deadline.IsZero() {
		timer := time.NewTimer(time.Until(deadline))
		defer timer.Stop()
		due = timer.C
	}
	select {
	case <-s.closed:
		return net.ErrClosed
	case <-s.wakeup:
	case <-due:
	}
	return nil
}

func (s *sendingSocket) wake() {
	select {
	case s.wakeup <- struct{}{}:
	default:
	}
}

func (s *sendingSocket) close() error {
	s.once.Do(func() { close(s.closed) })
	return nil
}
