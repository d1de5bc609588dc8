package transport

import "time"

const (
	// slabSize is how many bytes a Writer holds before it flushes by itself:
	// some hundred packets, and not more than stays in the cache.
	slabSize = 128 << 10
	// maxRuns is how many messages it holds.
	maxRuns = 256
	// maxSegments bounds a run; older kernels take no more (UDP_MAX_SEGMENTS).
	maxSegments = 64
	// maxRunBytes bounds a run: it is one IP packet until it is segmented.
	maxRunBytes = 65535 - 40 - 8
	// maxPlain bounds the memory of destinations that take no runs.
	maxPlain = 1024
	// maxWait is how long a Flush may wait for room in the socket's buffer.
	maxWait = 5 * time.Millisecond
)

// longAgo is a deadline that has passed.
var longAgo = time.Unix(1, 0)

// Writer is the send slab of one shard: datagrams are made in it one after
// the other, and leave together. Consecutive datagrams of one size to one path (the
// last may be shorter) are a run, which Linux sends as one message. One
// goroutine uses a Writer.
type Writer struct {
	sender runSender
	slab   []byte
	used   int // bytes of the slab in use
	runs   []run
	// plain are the peers for which the system has refused a run (too long for
	// the path, or no checksum offload): they get their datagrams one by one.
	plain map[Path]struct{}
	stats WriterStats
}

// run is one message: count datagrams of size bytes each, the last of them
// maybe shorter.
type run struct {
	path       Path
	start, end int // in the slab
	size       int
	count      int
	// closed says that the last datagram was shorter.
	closed bool
}

// runSender sends the runs of a Writer, on behalf of a socket.
type runSender interface {
	// merges reports whether runs of more than one datagram are wanted.
	merges() bool
	// send sends w.runs, and counts.
	send(w *Writer)
}

// WriterStats are counts since the Writer was made.
type WriterStats struct {
	// Datagrams and their Bytes (UDP payload) were taken by the system.
	Datagrams uint64
	Bytes     uint64
	// Messages is how many runs these were, Calls how many system calls.
	Messages uint64
	Calls    uint64
	// Waits is how often a full socket buffer made a Flush wait.
	Waits uint64
	// Dropped datagrams found the socket's buffer or the device's queue full.
	Dropped uint64
	// Failed datagrams were refused, as when there is no route.
	Failed uint64
	// Fallbacks is how many runs were refused as such and left one by one.
	Fallbacks uint64
}

// sent counts a run.
func (s *WriterStats) sent(r *run) {
	s.Messages++
	s.Datagrams += uint64(r.count)
	s.Bytes += uint64(r.end - r.start)
}

// NewWriter makes a Writer that sends through a socket. It may be another
// socket than the one a peer's packets come to, if it has the same port.
func NewWriter(u *UDP) *Writer {
	return &Writer{
		sender: u.socket.newRunSender(),
		slab:   make([]byte, slabSize),
		runs:   make([]run, 0, maxRuns),
		plain:  make(map[Path]struct{}),
	}
}

// Reserve returns n bytes (at most MaxDatagram) to make a datagram in,
// with whatever was in them before; if there is no room it flushes first. What is not
// committed is reserved again the next time, so a packet that goes elsewhere
// (by [TCPConn.Send], which copies) can be made here too.
func (w *Writer) Reserve(n int) []byte {
	if n > len(w.slab)-w.used || len(w.runs) == maxRuns {
		w.Flush()
	}
	return w.slab[w.used : w.used+n : w.used+n]
}

// Commit makes the first n of the bytes reserved last a datagram for a UDP
// path. The path is copied.
func (w *Writer) Commit(p *Path, n int) {
	if n <= 0 {
		return
	}
	start := w.used
	w.used += n
	if len(w.runs) > 0 && w.sender.merges() {
		if r := &w.runs[len(w.runs)-1]; r.takes(p, n) && !w.isPlain(p) {
			r.end = w.used
			r.count++
			r.closed = n < r.size
			return
		}
	}
	w.runs = append(w.runs, run{path: *p, start: start, end: w.used, size: n, count: 1})
}

// takes reports whether a datagram of n bytes may follow in the run.
func (r *run) takes(p *Path, n int) bool {
	return !r.closed && n <= r.size && r.count < maxSegments && r.end-r.start+n <= maxRunBytes && r.path == *p
}

func (w *Writer) isPlain(p *Path) bool {
	if len(w.plain) == 0 {
		return false
	}
	_, plain := w.plain[*p]
	return plain
}

// refused remembers that a peer takes no runs.
func (w *Writer) refused(p Path) {
	if len(w.plain) >= maxPlain {
		clear(w.plain)
	}
	w.plain[p] = struct{}{}
}

// Flush sends everything that was committed, in order. Datagrams that the
// system does not take are counted and forgotten. A full socket buffer makes it
// wait, 5 ms at most.
func (w *Writer) Flush() {
	if len(w.runs) > 0 {
		w.sender.send(w)
	}
	w.runs = w.runs[:0]
	w.used = 0
}

// Stats counts what was sent.
func (w *Writer) Stats() WriterStats { return w.stats }
