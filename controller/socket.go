package controller

import (
	"context"
	"encoding/json"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tertulia-rtc/tertulia/protocol"
)

// Conn is a client's WebSocket. Read gives one text message of at most
// protocol.MaxFrame bytes; Read and Write end with an error when their context
// ends, which may end the connection. Close starts the closing handshake
// with a code, makes Read and Write return, and may take some seconds.
type Conn interface {
	Read(ctx context.Context) ([]byte, error)
	Write(ctx context.Context, text []byte) error
	Close(code int, reason string) error
	// Opened is called once the client has joined or resumed.
	Opened()
	RemoteAddr() string
}

// gatherer is a Conn that can keep what is written until Release, so that several
// messages leave at once.
type gatherer interface {
	Gather()
	Release(ctx context.Context) error
}

// writeTimeout is how long a client may take to read a lot of what is written to it.
const writeTimeout = 10 * time.Second

// endTimeout is how long it may take to read all that is written before the end.
const endTimeout = 3 * writeTimeout

// A lot is what is written at once. A backlog is written in several: a client that
// reads slowly has the time for each of them, and not for all that has gathered.
const (
	maxLot     = 64 << 10 // bytes; a larger frame is a lot by itself
	frameAbout = 100      // bytes, of what a frame has beside its data
)

// maxIdleText is how much memory for the text of frames a socket keeps while it
// has nothing to write: enough for acknowledgements, not for answers.
const maxIdleText = 128

// frame is a frame to a client. data is shared between receivers.
type frame struct {
	seq  uint64
	typ  string
	re   uint64
	data json.RawMessage
}

// socket writes to a client without making anybody wait: frames are put into
// a queue, which the session bounds (what is not acknowledged is limited).
type socket struct {
	conn     Conn
	session  *session // owned by the loop once it is attached
	lags     bool     // it is one of the loop's laggards; the loop's too
	received atomic.Uint64
	cancel   context.CancelFunc // cuts the connection
	wake     chan struct{}      // of size 1

	mu       sync.Mutex
	queue    []frame
	finished bool
	code     int
	reason   string
}

func newSocket(conn Conn, cancel context.CancelFunc) *socket {
	return &socket{conn: conn, cancel: cancel, wake: make(chan struct{}, 1)}
}

// push queues a frame; after finish or cut it does nothing.
func (s *socket) push(f frame) {
	s.leave(f)
	s.nudge()
}

// leave queues a frame that may wait until another is pushed, or until nudge.
func (s *socket) leave(f frame) {
	s.mu.Lock()
	if !s.finished {
		s.queue = append(s.queue, f)
	}
	s.mu.Unlock()
}

// finish closes the connection with a code, after the frames that are queued.
func (s *socket) finish(code int, reason string) {
	s.mu.Lock()
	if !s.finished {
		s.finished, s.code, s.reason = true, code, reason
	}
	s.mu.Unlock()
	s.nudge()
}

// drop closes the connection with a code, without the frames that are queued.
func (s *socket) drop(code int, reason string) {
	s.mu.Lock()
	s.queue = nil
	s.mu.Unlock()
	s.finish(code, reason)
}

func (s *socket) nudge() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// take gives the next lot to be written, whether the end has been ordered, and whether
// it comes right after this lot.
func (s *socket) take() (frames []frame, ending, finished bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, size := 0, 0
	for n < len(s.queue) {
		if size += len(s.queue[n].data) + frameAbout; n > 0 && size > maxLot {
			break
		}
		n++
	}
	frames, s.queue = s.queue[:n:n], s.queue[n:]
	if len(s.queue) == 0 {
		s.queue = nil // the memory goes with what is written
	}
	return frames, s.finished, s.finished && s.queue == nil
}

// write is the goroutine that writes, until finish, an error or the end of ctx. It closes
// the connection.
func (s *socket) write(ctx context.Context) {
	defer s.cancel()
	var text []byte
	var limited bool
	for {
		frames, ending, finished := s.take()
		if ending && !limited { // who is sent away cannot stay by reading slowly
			limited = true
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, endTimeout)
			defer cancel()
		}
		if len(frames) > 0 {
			w, cancel := context.WithTimeout(ctx, writeTimeout)
			var err error
			text, err = s.writeAll(w, frames, text)
			cancel()
			if err != nil {
				_ = s.conn.Close(protocol.CloseSilent, "the client does not read")
				return
			}
		}
		if finished {
			_ = s.conn.Close(s.code, s.reason)
			return
		}
		if len(frames) > 0 {
			continue
		}
		if cap(text) > maxIdleText {
			text = nil
		}
		select {
		case <-s.wake:
		case <-ctx.Done():
			s.finish(protocol.CloseComeBack, "the server shuts down")
			_ = s.conn.Close(s.code, s.reason)
			return
		}
	}
}

// writeAll writes frames; text is memory for them.
func (s *socket) writeAll(ctx context.Context, frames []frame, text []byte) ([]byte, error) {
	together, ok := s.conn.(gatherer)
	if ok = ok && len(frames) > 1; ok {
		together.Gather()
	}
	for _, f := range frames {
		text = protocol.AppendFrame(text[:0], f.seq, s.received.Load(), f.typ, f.re, f.data)
		if err := s.conn.Write(ctx, text); err != nil {
			return text, err
		}
	}
	if ok {
		return text, together.Release(ctx)
	}
	return text, nil
}
