package transport

import "net/netip"

// Sockets are many UDP sockets of one goroutine, each with a port of its own:
// what a server sees as that many clients. They are read in batches, one socket
// at a time, and written in batches to one destination; nothing is allocated
// per datagram. There is no UDP_GRO and no UDP_SEGMENT, since clients that are
// somewhere else have neither: the loopback device would carry a run of
// datagrams as one.
//
//	ready, err := sockets.Wait(deadline)
//	for _, id := range ready {
//		for i := range sockets.Read(id) { … sockets.Datagram(i) … }
//	}
//
// What differs between systems is in the other files.
type Sockets struct {
	many  manySockets
	stats SocketsStats
}

// SocketsStats are counts since the Sockets were made.
type SocketsStats struct {
	// Reads and Received: calls that returned datagrams, and these.
	Reads    uint64
	Received uint64
	// Overflowed datagrams were dropped by the system because we did not read
	// fast enough. It is told by later datagrams of the same socket.
	Overflowed uint64
	// Calls and Sent: system calls, and datagrams that the system took.
	Calls uint64
	Sent  uint64
	// Unsent datagrams found the socket's buffer full, or were refused.
	Unsent uint64
}

// NewSockets makes room for sockets. The error says that this system cannot.
func NewSockets() (*Sockets, error) {
	s := &Sockets{}
	return s, s.many.init(&s.stats)
}

// Open opens a socket for an address of ours, port 0 for any free one, and
// gives its number (from 0, those of closed sockets come again) and address. Any
// goroutine may call it.
func (s *Sockets) Open(local netip.AddrPort) (id int, bound netip.AddrPort, err error) {
	return s.many.open(local)
}

// Shut closes a socket.
func (s *Sockets) Shut(id int) { s.many.shut(id) }

// Close closes all.
func (s *Sockets) Close() { s.many.close() }

// Stats counts what was received and sent.
func (s *Sockets) Stats() SocketsStats { return s.stats }
