package transport

// Writer is the send slab of one shard.
type Writer struct{}

// NewWriter makes a writer for a socket; one goroutine uses it.
func NewWriter(u *UDP) *Writer { return nil }

// Reserve returns n bytes of the slab to fill (n ≤ MaxDatagram); it flushes by itself when full. Bytes that are
// not committed are reused by the next Reserve (so a packet for a TCP path is sealed here, given to TCPConn.Send, which copies, and not committed).
func (w *Writer) Reserve(n int) []byte { return nil }

// Commit makes the first n of the reserved bytes a datagram for p, a UDP path.
func (w *Writer) Commit(p *Path, n int) {}

// Flush sends everything.
func (w *Writer) Flush() {}

// Stats counts what was sent.
func (w *Writer) Stats() WriterStats { return WriterStats{} }

// WriterStats are counts since the writer was made.
type WriterStats struct {
	Datagrams uint64 // handed to the system
	Bytes     uint64
	Messages  uint64 // runs of datagrams, each one message of sendmmsg
	Calls     uint64 // system calls
	Dropped   uint64 // datagrams dropped because the socket's buffer or a queue was full
	Failed    uint64 // datagrams refused by the system for another reason
	Fallbacks uint64 // runs that the system refused as a whole and that left one by one
}
