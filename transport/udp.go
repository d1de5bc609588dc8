package transport

import (
	"errors"
	"net/netip"
	"time"
)

var errTODO = errors.New("not yet")

// UDP is a socket that is read and written in batches.
type UDP struct{}

// ListenUDP opens a UDP socket. An invalid or unspecified IPv6 host stands for
// all interfaces, IPv4 and IPv6.
func ListenUDP(addr netip.AddrPort, reusePort bool) (*UDP, error) { return nil, errTODO }

// ListenShards opens one socket for each of n shards. With first == last all
// share that port (zero: any free one); with a range each has a port of its own.
func ListenShards(host netip.Addr, first, last uint16, n int) ([]*UDP, error) { return nil, errTODO }

// Read waits for datagrams until the deadline (zero: for ever), or until Wake.
// It returns nil with an empty batch at the deadline or after Wake, and
// net.ErrClosed after Close.
func (u *UDP) Read(b *Batch, deadline time.Time) error { return errTODO }

// Wake makes the Read in progress, or else the next one, return. It may be called from any goroutine.
func (u *UDP) Wake() {}

// LocalAddr is the address the socket is bound to; the host is unspecified for all interfaces.
func (u *UDP) LocalAddr() netip.AddrPort { return netip.AddrPort{} }

// Close closes the socket.
func (u *UDP) Close() error { return nil }

// Stats counts what the socket has received. It belongs to the goroutine that reads.
func (u *UDP) Stats() UDPStats { return UDPStats{} }

// UDPStats are counts since the socket was opened.
type UDPStats struct {
	Datagrams, Bytes, Reads uint64
	// Truncated datagrams were longer than MaxDatagram, and dropped.
	Truncated uint64
}

// SendTo sends one datagram, from any goroutine. It never waits.
func SendTo(u *UDP, p Path, b []byte) error { return errTODO }

// Batch is what one Read took from a socket. The data is valid until the next Read.
type Batch struct{}

// NewBatch makes room for n datagrams.
func NewBatch(n int) *Batch { return nil }

// Len is the number of datagrams.
func (b *Batch) Len() int { return 0 }

// Packet is the i-th datagram and the path it came by.
func (b *Batch) Packet(i int) (data []byte, path Path) { return nil, Path{} }
