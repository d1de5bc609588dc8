package licode

import (
	"context"
	crand "crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"time"
	"unicode"

	"github.com/coder/websocket"

	"github.com/tertulia-rtc/tertulia/auth"
	"github.com/tertulia-rtc/tertulia/licode/erizo"
	"github.com/tertulia-rtc/tertulia/licode/socketio"
	"github.com/tertulia-rtc/tertulia/protocol"
	"github.com/tertulia-rtc/tertulia/store"
)

// Times of a session.
const (
	// returnWindow is how long a client may take to come back, as with Licode.
	returnWindow = 30 * time.Second
	// partingTime is how long the room may take to let a participant go.
	partingTime = 5 * time.Second
)

// maxReadings is how many readings of statistics may be under way for a client.
const maxReadings = 4

// session is one client, from its token to its end; it outlives its socket by
// returnWindow. Its goroutine owns the machine that translates between Licode and
// the room, the layer that repeats what a cut has lost, and the client's side of
// a native session. Others give it functions to run.
type session struct {
	s     *Signalling
	log   *slog.Logger
	token Fields // that it began with, and that it must come back with
	room  protocol.RoomID
	id    protocol.ParticipantID // known once it has started

	ctx   context.Context // until stop; the native session's
	stop  context.CancelFunc
	inbox chan func(now time.Time)
	// frames are from the client, read as fast as its pace allows. It has no buffer: what
	// is taken late stays with the network, and the end of a socket comes after its last frame.
	frames chan arrival
	hinted chan struct{} // of size 1: hints wait
	hints  []erizo.Hint  // guarded by Signalling.mu
	begun  chan error    // of size 1: whether it has joined
	done   chan struct{} // closed when it has ended
	left   chan struct{} // closed when the room has let it go

	// Owned by run.
	machine  *erizo.Client
	reliable socketio.Reliable
	native   *native
	pace     pace
	link     *link     // nil while there is none
	lost     time.Time // when the last one was lost
	leaving  bool      // the client has said that it leaves
	readings int
	over     bool
	barred   bool // it is not to come back
	wake     time.Time
}

// arrival is a frame of the client's.
type arrival struct {
	link   *link
	binary bool
	frame  []byte
}

// invite makes a join token for whom a token of Licode's stands for.
func (s *Signalling) invite(ctx context.Context, t store.LicodeToken) (join string, err error) {
	service, err := s.Store.Service(ctx, t.Service)
	if err != nil {
		return "", err
	}
	return auth.SignJoin([]byte(service.Key), auth.JoinClaims{
		Service: t.Service, Room: t.Room, User: clip(t.Name, auth.MaxUser), Role: clip(t.Role, auth.MaxRole), Permissions: permissionsOf(service, t.Role), Uses: 1,
	}, time.Now())
}

// clip makes a text that a token of ours may hold of one that Licode's may: at most
// so many characters, and no control characters.
func clip(text string, most int) string {
	r := []rune(strings.Map(func(c rune) rune {
		if unicode.IsControl(c) {
			return ' '
		}
		return c
	}, text))
	if len(r) == 0 {
		return "none"
	}
	return string(r[:min(len(r), most)])
}

func newSession(s *Signalling, v visit, t store.LicodeToken) *session {
	var seed [16]byte
	_, _ = crand.Read(seed[:]) // never fails (crypto/rand)
	c := &session{
		s: s, log: s.Log, token: v.token(), room: t.Room,
		inbox: make(chan func(time.Time), 64), frames: make(chan arrival), hinted: make(chan struct{}, 1),
		begun: make(chan error, 1), done: make(chan struct{}), left: make(chan struct{}),
		machine: erizo.New(erizo.Config{
			DefaultVideoBW: s.DefaultVideoBW, MaxVideoBW: s.MaxVideoBW, SinglePC: s.SinglePC,
			Options: erizo.ReadOptions(v.query.Get),
			Rand:    rand.New(rand.NewPCG(binary.NativeEndian.Uint64(seed[:]), binary.NativeEndian.Uint64(seed[8:]))),
		}),
	}
	c.ctx, c.stop = context.WithCancel(s.ctx)
	pipe := newPipe(v.from.String())
	pipe.hear = func(ctx context.Context, f protocol.Frame) error {
		return c.post(ctx, func(now time.Time) { c.fromRoom(now, f) })
	}
	pipe.closed = func(code int, reason string) {
		_ = c.post(c.ctx, func(time.Time) { c.roomClosed(code, reason) })
	}
	c.native = newNative(pipe)
	return c
}

// start joins the room and begins to run. An error is for the client.
func (c *session) start(ctx context.Context, join string) error {
	if err := c.native.join(join); err != nil {
		c.stop() // nothing runs yet
		return tokenError(ErrInternal)
	}
	c.lost = time.Now()
	c.s.work.Go(func() {
		defer close(c.left)
		_ = c.s.Controller.Serve(c.ctx, c.native.pipe) // what it refuses, it says in a frame
	})
	c.s.work.Go(c.run)
	err, ok := c.outcome(ctx)
	if !ok {
		c.dismiss()
	}
	return err
}

// outcome says how joining has gone; not ok: there is no time to wait for that.
func (c *session) outcome(ctx context.Context) (err error, ok bool) {
	select {
	case err := <-c.begun:
		return err, true
	case <-ctx.Done():
		return tokenError(ErrUnavailable), false
	case <-c.done:
	}
	select {
	case err := <-c.begun: // with the reason why it has ended
		return err, true
	default:
		return errClosed, true
	}
}

// dismiss ends a session whose client was not admitted: nobody can come back to it.
func (c *session) dismiss() {
	_ = c.post(c.ctx, func(time.Time) { c.finish(false, "not admitted") })
}

// post gives the session a function to run; it waits while the inbox is full.
func (c *session) post(ctx context.Context, f func(now time.Time)) error {
	select {
	case c.inbox <- f:
		return nil
	case <-c.done:
		return errEnded
	case <-ctx.Done():
		return ctx.Err()
	}
}

var errEnded = errors.New("the session has ended")

func (c *session) nudge() {
	select {
	case c.hinted <- struct{}{}:
	default:
	}
}

// attach gives the session a socket. It says false when the session has ended, or
// does not answer in time.
func (c *session) attach(ctx context.Context, l *link) bool {
	var claimed atomic.Bool // by whoever says first what becomes of the socket
	taken := make(chan struct{})
	if c.post(ctx, func(now time.Time) {
		if claimed.CompareAndSwap(false, true) {
			c.take(now, l)
			close(taken)
		}
	}) != nil {
		return false
	}
	select {
	case <-taken:
		return true
	case <-c.done:
	case <-ctx.Done():
	}
	if claimed.CompareAndSwap(false, true) {
		return false
	}
	<-taken
	return true
}

// read takes what comes on a socket until that ends, in the goroutine of its request.
func (c *session) read(ctx context.Context, l *link) error {
	for {
		kind, frame, err := l.socket.Read(ctx)
		if err != nil {
			_ = c.post(c.ctx, func(now time.Time) { c.detach(now, l) })
			return err
		}
		select {
		case c.frames <- arrival{l, kind == websocket.MessageBinary, frame}:
		case <-c.done:
			return nil
		}
	}
}

// run is the goroutine that owns the session.
func (c *session) run() {
	defer c.end()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for !c.over {
		frames := c.frames
		if c.heldBack(time.Now()) {
			frames = nil // the client waits; what has come stays with the network
		}
		select {
		case f := <-c.inbox:
			f(time.Now())
		case a := <-frames:
			c.arrive(time.Now(), a)
		case <-c.hinted:
			c.takeHints(time.Now())
		case <-timer.C:
			c.wake = time.Time{}
			c.advance(time.Now())
		case <-c.ctx.Done():
			return
		}
		now := time.Now()
		c.carryOut(now)
		if at := c.timer(); !at.Equal(c.wake) {
			c.wake = at
			if at.IsZero() {
				timer.Stop()
			} else {
				timer.Reset(at.Sub(now))
			}
		}
	}
}

// heldBack says whether the client is not read for now.
func (c *session) heldBack(now time.Time) bool { return c.native.full() || c.pace.opens().After(now) }

// timer says when advance is due, or the client may be read again.
func (c *session) timer() time.Time {
	var at time.Time
	first := func(t time.Time) {
		if !t.IsZero() && (at.IsZero() || t.Before(at)) {
			at = t
		}
	}
	first(c.machine.Timer())
	first(c.reliable.Timer())
	first(c.native.timer())
	if c.link != nil {
		first(c.link.engine.Timer())
	} else {
		first(c.lost.Add(returnWindow))
	}
	if opens := c.pace.opens(); opens.After(time.Now()) {
		first(opens)
	}
	return at
}

// advance does what is due.
func (c *session) advance(now time.Time) {
	if at := c.machine.Timer(); !at.IsZero() && !now.Before(at) {
		c.machine.Advance(now)
	}
	if frames := c.reliable.Advance(now); c.link != nil {
		c.link.push(frames...)
	}
	if c.link == nil {
		if !now.Before(c.lost.Add(returnWindow)) {
			c.finish(false, "the client did not come back")
		}
		return
	}
	if c.heldBack(now) {
		c.link.engine.Excuse(now)
	}
	frame, dead := c.link.engine.Advance(now)
	c.link.push(frame)
	if dead {
		c.link.drop()
		c.detach(now, c.link)
	}
}

// take uses a socket from now on, in place of another if there is one.
func (c *session) take(now time.Time, l *link) {
	if c.link != nil {
		old := c.link
		c.reliable.Detach()
		old.finish(websocket.StatusNormalClosure)
	}
	c.link, c.leaving = l, false
	l.push(l.engine.Accept(now))
	l.push(c.reliable.Attach(now)...)
}

// detach says that a socket has ended.
func (c *session) detach(now time.Time, l *link) {
	if c.link != l {
		return // it was replaced
	}
	c.reliable.Detach()
	c.link, c.lost = nil, now
	if c.leaving {
		c.finish(true, "left")
	}
}

// arrive takes a frame of the client's.
func (c *session) arrive(now time.Time, a arrival) {
	if a.link != c.link {
		return
	}
	c.pace.take(now, frameTime+time.Duration(len(a.frame))*byteTime)
	var in socketio.Incoming
	var err error
	if a.binary {
		err = c.link.engine.ReceiveBinary(now)
	} else {
		in, err = c.link.engine.Receive(now, a.frame)
	}
	var delivery socketio.Delivery
	if err == nil && in.Event != "" {
		var frames [][]byte
		delivery, frames, err = c.reliable.Receive(in)
		c.link.push(frames...)
	}
	if err != nil { // as with Socket.IO, it is the connection that ends, not the session
		c.log.Debug("a client broke the rules", "participant", c.id, "reason", err)
		c.link.finish(websocket.StatusPolicyViolation)
		c.detach(now, c.link)
		return
	}
	c.link.push(in.Reply)
	if delivery.Event != "" {
		c.deliver(now, delivery)
	}
	if in.Left && c.link != nil {
		l := c.link
		l.finish(websocket.StatusNormalClosure)
		c.detach(now, l)
	}
}

// deliver gives the machine an event of the client's.
func (c *session) deliver(now time.Time, d socketio.Delivery) {
	c.pace.take(now, eventTime)
	call := erizo.NoAck
	if d.Call != 0 {
		call = int(d.Call)
	}
	switch {
	case d.Binary:
		if d.Call != 0 {
			c.answer(d.Call, []any{nil, "Binary data are not supported"})
		}
	default:
		if d.Event == erizo.EventDisconnection {
			c.leaving = true
		}
		c.machine.FromClient(now, d.Event, d.Message, call)
	}
}

func (c *session) answer(call uint64, arguments []any) {
	if arguments == nil {
		arguments = []any{}
	}
	frame := c.reliable.Answer(call, c.s.encodeJSON(arguments))
	if c.link != nil {
		c.link.push(frame)
	}
}

// fromRoom takes a frame of the native session's.
func (c *session) fromRoom(now time.Time, f protocol.Frame) {
	request, err := c.native.receive(now, f)
	if err != nil {
		c.finish(true, err.Error())
		return
	}
	switch f.Type {
	case "":
	case protocol.TypeJoined:
		var j protocol.Joined
		if err := json.Unmarshal(f.Data, &j); err != nil {
			c.begun <- tokenError(ErrInternal)
			c.finish(true, err.Error())
			return
		}
		c.id = j.Participant.ID
		c.log = c.log.With("room", c.room, "participant", c.id)
		c.s.remember(c)
		c.machine.Joined(now, j)
		c.begun <- nil
	case protocol.TypeRefused:
		var e protocol.Error
		_ = json.Unmarshal(f.Data, &e) // what is missing is empty
		c.begun <- Refusal(e.Message)
		c.finish(true, e.Message)
	case protocol.TypeOK:
		if request != 0 {
			c.machine.Answered(now, request, f.Data, nil)
		}
	case protocol.TypeError:
		e := new(protocol.Error)
		_ = json.Unmarshal(f.Data, e)
		if request != 0 {
			c.machine.Answered(now, request, nil, e)
		} else {
			c.log.Error("the room did not understand", "reason", e)
		}
	default:
		if f.Type == protocol.TypeStreamUnpublished {
			c.s.streamEnded(c.room, f.Data)
		}
		c.machine.FromRoom(now, f.Type, f.Data)
	}
}

// roomClosed says that the native session has ended.
func (c *session) roomClosed(code int, reason string) {
	c.finish(true, "the room closed it: "+reason)
	if code == protocol.CloseTooFast || code == protocol.CloseBadRequest {
		c.log.Warn("a client of Licode's was cut off by its room", "code", code, "reason", reason)
	}
}

// carryOut does what the machine wants, and what the native session may send.
func (c *session) carryOut(now time.Time) {
	for !c.over {
		effects := c.machine.Effects()
		for _, e := range effects {
			c.effect(now, e)
		}
		refused, err := c.native.advance(now)
		if err != nil {
			c.finish(true, err.Error())
			return
		}
		for number, why := range refused {
			c.machine.Answered(now, number, nil, why)
		}
		if len(effects)+len(refused) == 0 {
			return
		}
	}
}

func (c *session) effect(now time.Time, e erizo.Effect) {
	switch e := e.(type) {
	case erizo.Emit:
		frame, err := c.reliable.Send(e.Event, c.s.encodeJSON(e.Msg))
		if err != nil {
			c.finish(true, err.Error())
			return
		}
		if c.link != nil {
			c.link.push(frame)
		}
	case erizo.Ack:
		if e.ID > 0 {
			c.answer(uint64(e.ID), e.Args)
		}
	case erizo.Request:
		c.native.request(request{e.Number, e.Type, e.Body})
	case erizo.ReadStats:
		c.readStats(now, e)
	case erizo.Hint:
		c.s.hint(c, e)
	case erizo.Disconnect:
		c.finish(true, e.Reason)
	}
}

// readStats reads what is counted for participants, outside the session's goroutine.
func (c *session) readStats(now time.Time, e erizo.ReadStats) {
	if c.readings >= maxReadings {
		c.machine.Stats(now, e.Ticket, nil)
		return
	}
	c.readings++
	c.pace.take(now, time.Duration(len(e.Of))*readTime)
	c.s.work.Go(func() {
		ctx, cancel := context.WithTimeout(c.ctx, partingTime)
		defer cancel()
		of := map[protocol.ParticipantID]json.RawMessage{}
		for _, who := range e.Of {
			if stats, err := c.s.Controller.Stats(ctx, c.room, who); err == nil {
				of[who] = stats.Transports
			}
		}
		_ = c.post(c.ctx, func(now time.Time) {
			c.readings--
			c.machine.Stats(now, e.Ticket, of)
		})
	})
}

// takeHints tells the machine what other clients of the room have hinted.
func (c *session) takeHints(now time.Time) {
	c.s.mu.Lock()
	hints := c.hints
	c.hints = nil
	c.s.mu.Unlock()
	for _, h := range hints {
		c.machine.Hinted(now, h)
	}
}

// finish ends the session; barred says that the client is not to come back, and its
// attempts should fail so that it notices.
func (c *session) finish(barred bool, reason string) {
	if c.over {
		return
	}
	c.over, c.barred = true, barred
	c.log.Debug("a client of Licode's is gone", "reason", reason)
}

// end lets go of everything. The room hears of it as of anybody who leaves, and is
// given the time to.
func (c *session) end() {
	c.s.forget(c, c.barred)
	if c.link != nil {
		c.link.finish(websocket.StatusGoingAway)
	}
	if c.native.leave() == nil {
		late := time.NewTimer(partingTime)
		defer late.Stop()
		for waiting := true; waiting; {
			select {
			case <-c.inbox: // what the room says must not be held up: it would take us for somebody who may come back
			case <-c.left:
				waiting = false
			case <-late.C:
				waiting = false
			case <-c.ctx.Done():
				waiting = false
			}
		}
	}
	close(c.done)
	c.stop()
	<-c.left
}
