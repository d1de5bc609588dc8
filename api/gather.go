package api

import (
	"bufio"
	"context"
	"encoding/binary"
	"net"
	"net/http"
	"sync"
	"time"
)

// A socket of the signalling is silent most of the time, and there are many: so its
// buffers are small, and bigger ones are lent to it while something is under way.
const (
	idleBuffer = 512
	lentBuffer = 16 << 10
)

var lent = sync.Pool{New: func() any { b := make([]byte, 0, lentBuffer); return &b }}

// hijacker takes the connection from the HTTP server with small buffers.
type hijacker struct {
	http.ResponseWriter
	conn *gatheringConn
}

// Hijack is http.Hijacker.
func (h *hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffers, err := http.NewResponseController(h.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	h.conn = &gatheringConn{Conn: conn}
	if n := buffers.Reader.Buffered(); n > 0 {
		early, _ := buffers.Peek(n)
		h.conn.early = append(h.conn.early, early...)
	}
	return h.conn, bufio.NewReadWriter(bufio.NewReaderSize(h.conn, idleBuffer), bufio.NewWriterSize(h.conn, idleBuffer)), nil
}

// gatheringConn is a connection that can keep what is written, to send it at once.
type gatheringConn struct {
	net.Conn
	early []byte // came with the request

	mu       sync.Mutex // the library also writes while it reads
	gathered *[]byte    // nil unless it gathers
}

// Read gives what came first, then what comes.
func (c *gatheringConn) Read(b []byte) (int, error) {
	if len(c.early) > 0 {
		n := copy(b, c.early)
		if c.early = c.early[n:]; len(c.early) == 0 {
			c.early = nil
		}
		return n, nil
	}
	return c.Conn.Read(b)
}

// Write sends, or keeps, up to a bound.
func (c *gatheringConn) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gathered == nil {
		return c.Conn.Write(b)
	}
	*c.gathered = append(*c.gathered, b...)
	if len(*c.gathered) < lentBuffer {
		return len(b), nil
	}
	_, err := c.Conn.Write(*c.gathered)
	*c.gathered = (*c.gathered)[:0]
	return len(b), err
}

// writeFrame sends a text message in one frame (RFC 6455 section 5.2), or keeps it.
func (c *gatheringConn) writeFrame(ctx context.Context, text []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	gathers := c.gathered != nil
	if !gathers {
		c.gathered = lent.Get().(*[]byte) //nolint:forcetypeassert // of this file
	}
	const finalText = 0x81
	b := append(*c.gathered, finalText)
	switch n := len(text); {
	case n < 126:
		b = append(b, byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 127), uint64(n))
	}
	*c.gathered = append(b, text...)
	if gathers && len(*c.gathered) < lentBuffer {
		return nil
	}
	err := c.send(ctx)
	if gathers && err == nil {
		c.gathered = lent.Get().(*[]byte) //nolint:forcetypeassert // of this file
	}
	return err
}

func (c *gatheringConn) gather() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gathered == nil {
		c.gathered = lent.Get().(*[]byte) //nolint:forcetypeassert // of this file
	}
}

// release sends what was gathered, until the context's deadline.
func (c *gatheringConn) release(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gathered == nil {
		return nil
	}
	return c.send(ctx)
}

// send sends what was gathered, and gathers no more. The lock is held.
func (c *gatheringConn) send(ctx context.Context) error {
	b := c.gathered
	c.gathered = nil
	var err error
	if len(*b) > 0 {
		if deadline, ok := ctx.Deadline(); ok {
			_ = c.SetWriteDeadline(deadline)
			defer func() { _ = c.SetWriteDeadline(time.Time{}) }()
		}
		_, err = c.Conn.Write(*b)
	}
	giveBack(b)
	return err
}

// discard forgets what was gathered, and gathers no more.
func (c *gatheringConn) discard() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gathered != nil {
		giveBack(c.gathered)
		c.gathered = nil
	}
}

// giveBack returns a buffer that was lent, unless it has grown too large to keep.
func giveBack(b *[]byte) {
	if cap(*b) <= 4*lentBuffer {
		*b = (*b)[:0]
		lent.Put(b)
	}
}
