package licode

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/tertulia-rtc/tertulia/protocol"
)

// The pace of requests to the room, below what a native session may do, and how
// many may wait for their turn before the client is not read any more.
const (
	requestTime   = time.Second / 45
	requestCredit = 5 * time.Second // 225 at once
	maxBacklog    = 64
)

// native is the client's side of a native session (docs/protocol.md), over a
// room that is in the same process: nothing is lost on the way and nothing
// resumed. It is owned by the session's goroutine.
type native struct {
	pipe    *pipe
	waiting []request         // for their turn, the first first
	asked   map[uint64]uint64 // numbers of the machine's requests, by those of frames
	sent    uint64
	spent   time.Time // until when requests have taken the time that they may

	received uint64
	told     uint64    // of these, what was acknowledged
	ackDue   time.Time // when the rest must be; zero: nothing to acknowledge
}

// request is a request of the machine's.
type request struct {
	number uint64
	typ    string
	body   protocol.Request
}

// Times of acknowledgements; docs/protocol.md has them.
const (
	ackDelay  = 400 * time.Millisecond
	ackFrames = 16
)

func newNative(pipe *pipe) *native { return &native{pipe: pipe, asked: map[uint64]uint64{}} }

// join opens the session.
func (n *native) join(token string) error {
	data, err := json.Marshal(protocol.Join{Protocol: protocol.Version, Token: token, Client: "licode"})
	if err != nil {
		return err
	}
	return n.pipe.say(protocol.AppendFrame(nil, 0, 0, protocol.TypeJoin, 0, data))
}

// request queues a request.
func (n *native) request(q request) { n.waiting = append(n.waiting, q) }

// leave ends the session, whatever else waits.
func (n *native) leave() error {
	n.sent++
	return n.pipe.say(protocol.AppendFrame(nil, n.sent, n.received, protocol.TypeLeave, 0, nil))
}

// full says that the client should be read no more for now.
func (n *native) full() bool { return len(n.waiting) >= maxBacklog }

// advance sends what may be sent now. Requests that the room would not even
// read are given back with the reason.
func (n *native) advance(now time.Time) (refused map[uint64]*protocol.Error, err error) {
	for len(n.waiting) > 0 && n.spent.Add(-requestCredit).Before(now) {
		q := n.waiting[0]
		n.waiting = n.waiting[1:]
		data, err := json.Marshal(q.body)
		if err != nil {
			return nil, fmt.Errorf("a request %s: %w", q.typ, err)
		}
		text := protocol.AppendFrame(nil, n.sent+1, n.received, q.typ, 0, data)
		if len(text) > protocol.MaxFrame {
			if refused == nil {
				refused = map[uint64]*protocol.Error{}
			}
			refused[q.number] = protocol.Errorf(protocol.CodeBadRequest, "That has %d bytes; at most %d are allowed.", len(text), protocol.MaxFrame)
			continue
		}
		if n.spent.Before(now) {
			n.spent = now
		}
		n.spent = n.spent.Add(requestTime)
		n.sent++
		n.asked[n.sent] = q.number
		n.told, n.ackDue = n.received, time.Time{}
		if err := n.pipe.say(text); err != nil {
			return nil, err
		}
	}
	if !n.ackDue.IsZero() && !now.Before(n.ackDue) || n.received-n.told >= ackFrames {
		return refused, n.acknowledge()
	}
	return refused, nil
}

// timer says when advance is due; zero: never.
func (n *native) timer() time.Time {
	at := n.ackDue
	if len(n.waiting) > 0 {
		if turn := n.spent.Add(-requestCredit).Add(time.Millisecond); at.IsZero() || turn.Before(at) {
			at = turn
		}
	}
	return at
}

func (n *native) acknowledge() error {
	n.told, n.ackDue = n.received, time.Time{}
	return n.pipe.say(protocol.AppendFrame(nil, 0, n.received, "", 0, nil))
}

// receive takes the number of a frame from the room; answers says which request
// of the machine's it answers, 0 for events.
func (n *native) receive(now time.Time, f protocol.Frame) (answers uint64, err error) {
	if f.Type == "" {
		return 0, n.acknowledge() // a sign of life, which asks for one
	}
	if f.Seq == 0 {
		return 0, nil // an opening frame
	}
	n.received = f.Seq
	if n.ackDue.IsZero() {
		n.ackDue = now.Add(ackDelay)
	}
	if f.Re == 0 {
		return 0, nil
	}
	answers = n.asked[f.Re]
	delete(n.asked, f.Re)
	return answers, nil
}

// maxUnread bounds the frames that the room has not read yet. The room's own
// limits are lower; one that does not read at all is broken.
const maxUnread = 512

var errUnread = errors.New("the room does not read")

// pipe is the socket of a native session in memory: a controller.Conn.
type pipe struct {
	remote string
	// hear takes a frame of the room's, in the room's goroutine; it may wait.
	hear func(ctx context.Context, f protocol.Frame) error
	// closed takes how the room has closed it.
	closed func(code int, reason string)

	mu     sync.Mutex
	queue  [][]byte
	wake   chan struct{} // of size 1
	once   sync.Once
	broken chan struct{} // closed when the room has closed it
}

func newPipe(remote string) *pipe {
	return &pipe{remote: remote, wake: make(chan struct{}, 1), broken: make(chan struct{})}
}

// say gives the room a frame, without waiting.
func (p *pipe) say(text []byte) error {
	p.mu.Lock()
	if len(p.queue) >= maxUnread {
		p.mu.Unlock()
		return errUnread
	}
	p.queue = append(p.queue, text)
	p.mu.Unlock()
	select {
	case p.wake <- struct{}{}:
	default:
	}
	return nil
}

// Read gives the room the next frame.
func (p *pipe) Read(ctx context.Context) ([]byte, error) {
	for {
		p.mu.Lock()
		if len(p.queue) > 0 {
			text := p.queue[0]
			p.queue[0] = nil
			if p.queue = p.queue[1:]; len(p.queue) == 0 {
				p.queue = nil
			}
			p.mu.Unlock()
			return text, nil
		}
		p.mu.Unlock()
		select {
		case <-p.wake:
		case <-p.broken:
			return nil, errors.New("closed")
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// Write takes a frame of the room's.
func (p *pipe) Write(ctx context.Context, text []byte) error {
	var f protocol.Frame
	if err := json.Unmarshal(text, &f); err != nil {
		return err
	}
	return p.hear(ctx, f)
}

// Close ends the pipe.
func (p *pipe) Close(code int, reason string) error {
	p.once.Do(func() {
		close(p.broken)
		p.closed(code, reason)
	})
	return nil
}

// Opened says that the participant has joined.
func (p *pipe) Opened() {}

// RemoteAddr gives the client's address, for logs.
func (p *pipe) RemoteAddr() string { return p.remote }
