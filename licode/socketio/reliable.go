package socketio

import (
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"time"
)

// Bounds of what is kept for a client.
const (
	// MaxPending and MaxPendingBytes bound the events that the client has not
	// acknowledged.
	MaxPending      = 1024
	MaxPendingBytes = 4 << 20
	// maxCalls and maxAnswerBytes bound the answers that are kept, to be given
	// again after a cut, and the calls that have none yet.
	maxCalls       = 256
	maxAnswerBytes = 1 << 20
)

// settleTime is how long after a cut a client may take to repeat its calls. A
// call that it does not repeat is answered by its old number: what repeats a
// call is the client's own layer, what hears the answer is Socket.IO's, which
// counts on through cuts.
const settleTime = 2 * time.Second

// ErrUnacknowledged says that a client lets too much pile up.
var ErrUnacknowledged = errors.New("the client does not acknowledge what it is sent")

// Reliable is the layer that Licode puts on Socket.IO on both sides, so that
// nothing is lost with a connection: events are numbered from 0 in each
// direction, for the life of the session; acknowledgements are cumulative; what
// is not acknowledged is sent again on the next connection, under its number.
//
// In addition, an answer that may have been lost with a connection is given
// again on the next. Licode forgets those.
//
// Its fields survive a round trip through JSON.
type Reliable struct {
	Next         uint64    // number of the next event to the client
	Pending      []Pending // events that it has not acknowledged, the oldest first
	PendingBytes int
	Expected     uint64 // number of the next event from the client; lower ones are repeats

	Calls       []Call // the oldest first
	LastCall    uint64 // handle of the latest
	AnswerBytes int    // of the answers in Calls
	HighestID   uint64 // that the client has called by, +1; 0: none yet
	Attached    bool   // a connection is there
	// Settles is when the calls of former connections are answered by their old
	// numbers; zero: done.
	Settles time.Time
}

// Pending is an event that waits for the client's acknowledgement.
type Pending struct {
	Number  uint64
	Event   string
	Message json.RawMessage `json:",omitempty"` // nil: undefined
}

// Call is an event of the client's that wants an answer.
type Call struct {
	Handle   uint64
	Numbered bool            // the event was
	Number   uint64          // of the event
	ID       uint64          // that the client hears the answer by; the latest
	Former   bool            // ID was given on a former connection
	Answer   json.RawMessage `json:",omitempty"`
	// Written says that the answer was written to this connection, before event
	// Before: when the client acknowledges that one, it has the answer too.
	Written bool
	Before  uint64
}

// Delivery is an event that has come from the client for the first time.
type Delivery struct {
	Event   string          // "" if there is nothing to deliver
	Message json.RawMessage `json:",omitempty"` // nil: undefined
	Binary  bool            // its message cannot be read
	Call    uint64          // handle for Answer; 0: no answer is wanted
}

// Send numbers an event and gives its frame, nil while no connection is there.
// Message is valid JSON, or nil for undefined; it is kept. An error ends the
// session.
func (r *Reliable) Send(event string, message json.RawMessage) ([]byte, error) {
	if len(r.Pending) >= MaxPending || r.PendingBytes+len(message) > MaxPendingBytes && len(r.Pending) > 0 {
		return nil, ErrUnacknowledged
	}
	p := Pending{Number: r.Next, Event: event, Message: message}
	r.Next++
	r.Pending = append(r.Pending, p)
	r.PendingBytes += len(message)
	if !r.Attached {
		return nil, nil
	}
	return p.frame(), nil
}

// frame gives 42["event",{"socketgd":0,"msg":…},null], as Licode writes it.
func (p Pending) frame() []byte {
	b := append(make([]byte, 0, len(p.Message)+len(p.Event)+48), engineMessage, byte(Event), '[')
	b = appendString(b, p.Event)
	b = append(b, `,{"socketgd":`...)
	b = strconv.AppendUint(b, p.Number, 10)
	if len(p.Message) > 0 {
		b = append(b, `,"msg":`...)
		b = append(b, p.Message...)
	}
	return append(b, `},null]`...)
}

// acknowledgement is the event by which numbers are acknowledged.
const acknowledgement = "socketgd_ack"

// wrapped is how Licode wraps messages, and its acknowledgement.
type wrapped struct {
	Number *float64        `json:"socketgd"`
	Msg    json.RawMessage `json:"msg"`
	ID     *float64        `json:"id"`
}

// Receive takes an event of the client's: what of it is new, and frames to send.
// An error ends the session.
func (r *Reliable) Receive(in Incoming) (d Delivery, frames [][]byte, err error) {
	var w wrapped
	var argument json.RawMessage
	if len(in.Args) > 0 {
		argument = in.Args[0]
	}
	if len(argument) > 0 && argument[0] == '{' {
		if json.Unmarshal(argument, &w) != nil {
			w = wrapped{} // its members have other types: it is not wrapped
		}
	}
	if in.Event == acknowledgement {
		if n, ok := integer(w.ID); ok {
			r.acknowledged(n)
		}
		return Delivery{}, nil, nil
	}
	number, numbered := integer(w.Number)
	if w.Number != nil && !numbered {
		return Delivery{}, nil, ErrGarbled
	}
	r.called(in)
	if numbered && number < r.Expected {
		return Delivery{}, r.repeated(number, in), nil
	}
	d = Delivery{Event: in.Event, Message: argument, Binary: in.Binary}
	if numbered {
		d.Message = w.Msg
		r.Expected = number + 1
		frames = append(frames, r.acknowledge())
	}
	if in.HasID {
		r.LastCall++
		r.Calls = append(r.Calls, Call{Handle: r.LastCall, Numbered: numbered, Number: number, ID: in.ID})
		d.Call = r.LastCall
		r.forget()
	}
	return d, frames, nil
}

func integer(f *float64) (uint64, bool) {
	if f == nil || *f < 0 || *f >= maxID || *f != float64(uint64(*f)) {
		return 0, false
	}
	return uint64(*f), true
}

// acknowledge gives the frame that acknowledges all that has come.
func (r *Reliable) acknowledge() []byte {
	b := append([]byte{engineMessage, byte(Event)}, `["`+acknowledgement+`",{"id":`...)
	b = strconv.AppendUint(b, r.Expected-1, 10)
	return append(b, `}]`...)
}

// acknowledged takes the client's acknowledgement of everything up to a number.
func (r *Reliable) acknowledged(number uint64) {
	r.drop(func(c Call) bool { return c.Written && c.Before <= number })
	n := 0
	for n < len(r.Pending) && r.Pending[n].Number <= number {
		r.PendingBytes -= len(r.Pending[n].Message)
		n++
	}
	if n == len(r.Pending) {
		r.Pending = nil // let go of the array
		return
	}
	clear(r.Pending[:n])
	r.Pending = r.Pending[n:]
}

// called notes the number that an answer is wanted by. Numbers only grow as long
// as the client's Socket.IO is the same. One that begins again has no use for
// what was asked before.
func (r *Reliable) called(in Incoming) {
	if !in.HasID {
		return
	}
	if in.ID < r.HighestID {
		r.drop(func(c Call) bool { return c.Former && !c.Numbered })
		for i := range r.Calls {
			if r.Calls[i].Former {
				r.Calls[i].ID = noID
			}
		}
	}
	r.HighestID = in.ID + 1
}

// noID says that nobody hears an answer any more, unless the call is repeated.
const noID = 1<<64 - 1

// repeated takes an event that has come before. If it wants an answer, then by
// another number now.
func (r *Reliable) repeated(number uint64, in Incoming) (frames [][]byte) {
	frames = append(frames, r.acknowledge())
	if !in.HasID {
		return frames
	}
	for i := range r.Calls {
		c := &r.Calls[i]
		if c.Numbered && c.Number == number && c.Former {
			c.ID, c.Former = in.ID, false
			if c.Answer != nil {
				frames = append(frames, r.write(c))
			}
		}
	}
	return frames
}

// Answer gives the answer to a call, a JSON list, and the frame to send: nil if
// it can not be sent now. An answer is given once.
func (r *Reliable) Answer(call uint64, arguments json.RawMessage) []byte {
	i := slices.IndexFunc(r.Calls, func(c Call) bool { return c.Handle == call })
	if i < 0 || r.Calls[i].Answer != nil {
		return nil
	}
	c := &r.Calls[i]
	c.Answer = arguments
	r.AnswerBytes += len(arguments)
	var frame []byte
	if r.Attached && !c.Former {
		frame = r.write(c)
	}
	r.forget()
	return frame
}

// write gives the frame of an answer, which is written now.
func (r *Reliable) write(c *Call) []byte {
	c.Written, c.Before = true, r.Next
	return Packet{Type: Ack, HasID: true, ID: c.ID, Data: c.Answer}.Append(nil)
}

// drop forgets calls.
func (r *Reliable) drop(which func(Call) bool) {
	r.Calls = slices.DeleteFunc(r.Calls, func(c Call) bool {
		if !which(c) {
			return false
		}
		r.AnswerBytes -= len(c.Answer)
		return true
	})
}

// forget keeps calls and answers within their bounds: the oldest go first.
func (r *Reliable) forget() {
	n := 0
	for n < len(r.Calls)-1 && (len(r.Calls)-n > maxCalls || r.AnswerBytes > maxAnswerBytes) {
		r.AnswerBytes -= len(r.Calls[n].Answer)
		n++
	}
	clear(r.Calls[:n])
	r.Calls = r.Calls[n:]
}

// Attach begins to use a connection, and gives the frames that repeat what the
// client has not acknowledged.
func (r *Reliable) Attach(now time.Time) (frames [][]byte) {
	r.Attached = true
	if len(r.Calls) > 0 {
		r.Settles = now.Add(settleTime)
	}
	for _, p := range r.Pending {
		frames = append(frames, p.frame())
	}
	return frames
}

// Detach says that the connection is lost.
func (r *Reliable) Detach() {
	r.Attached, r.Settles = false, time.Time{}
	for i := range r.Calls {
		r.Calls[i].Former, r.Calls[i].Written = true, false
	}
}

// Advance does what is due, and gives frames to send.
func (r *Reliable) Advance(now time.Time) (frames [][]byte) {
	if r.Settles.IsZero() || now.Before(r.Settles) {
		return nil
	}
	r.Settles = time.Time{}
	for i := range r.Calls {
		c := &r.Calls[i]
		if !c.Former || c.ID == noID {
			continue
		}
		c.Former = false
		if c.Answer != nil { // heard twice, it counts once: Socket.IO forgets the number with the first
			frames = append(frames, r.write(c))
		}
	}
	return frames
}

// Timer says when Advance is due; zero: never.
func (r *Reliable) Timer() time.Time { return r.Settles }
