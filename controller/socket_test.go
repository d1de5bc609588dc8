package controller

import (
	"bytes"
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tertulia-rtc/tertulia/protocol"
)

// slowConn is a client that reads a megabit a second, without pause, or less.
type slowConn struct {
	Conn
	slower  int // so many times
	gathers bool
	bytes   int
	frames  int
	lots    []int // bytes that were sent at once
	code    int
}

func (c *slowConn) Gather() { c.gathers = true }

func (c *slowConn) Write(ctx context.Context, text []byte) error {
	c.frames++
	c.bytes += len(text)
	if c.gathers {
		return ctx.Err()
	}
	return c.send(ctx)
}

func (c *slowConn) Release(ctx context.Context) error {
	c.gathers = false
	return c.send(ctx)
}

func (c *slowConn) send(ctx context.Context) error {
	c.lots = append(c.lots, c.bytes)
	took := time.After(time.Duration(c.bytes*8*max(c.slower, 1)) * time.Microsecond)
	c.bytes = 0
	select {
	case <-took:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *slowConn) Close(code int, _ string) error {
	c.code = code
	return nil
}

// backlog queues 2.5 MB, which take 20 seconds, and gives the number of frames.
func backlog(s *socket) int {
	large := append(append([]byte{'"'}, bytes.Repeat([]byte("x"), 50<<10)...), '"')
	for range 48 {
		s.push(frame{seq: 1, typ: protocol.TypeMessage, data: large})
	}
	for range 900 {
		s.push(frame{seq: 1, typ: protocol.TypeParticipantLeft, data: []byte(`{}`)})
	}
	s.push(frame{seq: 1, typ: protocol.TypeMessage, data: append(append([]byte{'"'}, bytes.Repeat([]byte("x"), 100<<10)...), '"')})
	return 949
}

// TestASlowReaderGetsAllOfABacklog: who reads is not cut, however much there is.
func TestASlowReaderGetsAllOfABacklog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		conn := &slowConn{}
		s := newSocket(conn, cancel)
		n := backlog(s)
		s.finish(protocol.CloseEnded, "")
		began := time.Now()
		s.write(ctx)
		if took := time.Since(began); took < 2*writeTimeout {
			t.Fatalf("all was read after %v already, which proves nothing", took)
		}
		if conn.code != protocol.CloseEnded || conn.frames != n {
			t.Errorf("closed with %d after %d frames of %d", conn.code, conn.frames, n)
		}
		for i, size := range conn.lots {
			if size > maxLot && i < len(conn.lots)-1 {
				t.Errorf("lot %d has %d bytes", i, size)
			}
		}
		if len(conn.lots) > 55 {
			t.Errorf("%d frames left in %d lots", n, len(conn.lots))
		}
	})
}

// TestADroppedSocketSparesTheRestOfABacklog: what is queued does not delay its end.
func TestADroppedSocketSparesTheRestOfABacklog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		conn := &slowConn{}
		s := newSocket(conn, cancel)
		n := backlog(s)
		time.AfterFunc(time.Second, func() { s.drop(protocol.CloseReplaced, "") })
		began := time.Now()
		s.write(ctx)
		if took := time.Since(began); conn.code != protocol.CloseReplaced || conn.frames >= n || took > 2*time.Second {
			t.Errorf("closed with %d after %d frames of %d and %v", conn.code, conn.frames, n, took)
		}
	})
}

// TestASlowReaderCannotStay: who has been sent away is gone in time.
func TestASlowReaderCannotStay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		conn := &slowConn{slower: 10}
		s := newSocket(conn, cancel)
		n := backlog(s)
		time.AfterFunc(time.Minute, func() { s.finish(protocol.CloseEnded, "") })
		began := time.Now()
		s.write(ctx)
		if took := time.Since(began); conn.code != protocol.CloseSilent || conn.frames >= n || took < time.Minute || took > time.Minute+endTimeout+writeTimeout {
			t.Errorf("closed with %d after %d frames of %d and %v", conn.code, conn.frames, n, took)
		}
	})
}
