package controller

import (
	"context"
	crand "crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/tertulia-rtc/tertulia/bus"
	"github.com/tertulia-rtc/tertulia/protocol"
	"github.com/tertulia-rtc/tertulia/room"
	"github.com/tertulia-rtc/tertulia/store"
)

// errEnded says that a loop has ended.
var errEnded = errors.New("the room has ended")

// loop owns a room: room, sessions and worker are touched only by functions
// that run in its goroutine. It never waits for anything but the next function
// or the next timer.
type loop struct {
	c       *Controller
	id      protocol.RoomID
	service protocol.ServiceID
	epoch   uint64

	started chan struct{} // closed once start is over
	failed  *protocol.Error
	inbox   chan func(now time.Time)
	done    chan struct{} // closed when the loop has ended
	nudge   chan struct{} // of size 1: nobody holds the loop any more
	held    int           // who may still post; guarded by Controller.mu
	count   atomic.Int64  // participants

	subscription *bus.Subscription
	room         *room.Room
	sessions     map[protocol.ParticipantID]*session
	readings     map[uint64]chan<- room.Reading // by ticket; each takes one
	lastTicket   uint64
	worker       protocol.WorkerID // "" while there is none
	cause        *session          // whose request is being carried out, if any
	superseded   bool              // somebody else owns the room
	saving       bool              // the room's metadata are being saved
	toSave       *json.RawMessage  // and these next
	wake         time.Time         // of the timer
	due          time.Time         // when a session has something to do, at the earliest; zero: never
	laggards     laggards
}

func newLoop(c *Controller, r store.Room) *loop {
	var seed [16]byte
	_, _ = crand.Read(seed[:]) // never fails (crypto/rand)
	return &loop{
		c: c, id: r.ID, service: r.Service,
		started: make(chan struct{}), done: make(chan struct{}),
		inbox: make(chan func(time.Time), 64), nudge: make(chan struct{}, 1),
		sessions: map[protocol.ParticipantID]*session{}, readings: map[uint64]chan<- room.Reading{},
		room: room.New(room.Config{
			Room: publicRoom(r), MaxParticipants: r.MaxParticipants, MaxStreams: r.MaxStreams, Settings: settings(r),
			Rand: rand.New(rand.NewPCG(binary.NativeEndian.Uint64(seed[:]), binary.NativeEndian.Uint64(seed[8:]))),
		}),
	}
}

// start makes this controller the owner of the room.
func (l *loop) start() *protocol.Error {
	// Not the context of the client that came first: others may wait too.
	ctx, cancel := context.WithTimeout(l.c.ctx, 10*time.Second)
	defer cancel()
	var err error
	if l.epoch, err = l.c.config.Store.RaiseEpoch(ctx, l.id, l.c.config.ID); err != nil {
		l.c.log.Error("room cannot be owned", "room", l.id, "error", err)
		return protocol.Errorf(protocol.CodeUnavailable, "The store cannot be used now; try again.")
	}
	if l.subscription, err = l.c.config.Bus.Subscribe(protocol.SubjectRoom(l.id), l.event); err != nil {
		l.c.log.Error("room has no bus", "room", l.id, "error", err)
		return protocol.Errorf(protocol.CodeUnavailable, "The bus cannot be used now; try again.")
	}
	l.c.log.Debug("room starts", "room", l.id, "epoch", l.epoch)
	l.c.work.Go(l.run)
	return nil
}

// post gives the loop a function to run; it waits while the inbox is full.
func (l *loop) post(ctx context.Context, f func(now time.Time)) error {
	select {
	case <-l.done:
		return errEnded
	default:
	}
	select {
	case l.inbox <- f:
		return nil
	case <-l.done:
		return errEnded
	case <-ctx.Done():
		return ctx.Err()
	}
}

// call runs a function in the loop and waits for it.
func (l *loop) call(ctx context.Context, f func(now time.Time)) error {
	ran := make(chan struct{})
	if err := l.post(ctx, func(now time.Time) { f(now); close(ran) }); err != nil {
		return err
	}
	select {
	case <-ran:
		return nil
	case <-l.done:
		select {
		case <-ran:
			return nil
		default:
			return errEnded
		}
	case <-ctx.Done():
		return ctx.Err()
	}
}

// release lets go of a loop that running or enter gave.
func (l *loop) release() {
	l.c.mu.Lock()
	l.held--
	free := l.held == 0
	l.c.mu.Unlock()
	if free {
		select {
		case l.nudge <- struct{}{}:
		default:
		}
	}
}

// run is the goroutine that owns the room.
func (l *loop) run() {
	defer l.end()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case f := <-l.inbox:
			f(time.Now())
		case <-timer.C:
			l.wake = time.Time{}
			now := time.Now()
			l.laggards.advance(now)
			l.advance(now)
		case <-l.nudge:
		case <-l.c.ctx.Done():
			return
		}
		now := time.Now()
		l.carryOut(now)
		l.count.Store(int64(l.room.Len()))
		if l.superseded || l.room.Empty() && l.c.retire(l) {
			return
		}
		if at := l.timer(); !at.Equal(l.wake) {
			l.wake = at
			if at.IsZero() {
				timer.Stop()
			} else {
				timer.Reset(at.Sub(now))
			}
		}
	}
}

// end lets go of everything. Sessions that are still there are told to come
// back: the process ends, or the room has another owner.
func (l *loop) end() {
	now := time.Now()
	if l.room.Empty() && !l.superseded {
		l.room.Close("", "") // lets the worker forget the room
		l.carryOut(now)
	}
	for _, s := range l.sessions {
		l.detach(now, s, protocol.CloseComeBack, "come back", false)
	}
	l.c.mu.Lock()
	l.c.forget(l)
	l.c.mu.Unlock()
	l.count.Store(0)
	close(l.done)
	l.subscription.Close()
	l.c.log.Debug("room ends", "room", l.id, "epoch", l.epoch)
}

// timer says when advance is due; zero: never.
func (l *loop) timer() time.Time {
	return sooner(sooner(l.room.Timer(), l.due), l.laggards.timer())
}

// touch notes when a session that was just spoken to has something to do. It need not be
// called when that has only become later.
func (l *loop) touch(s *session) { l.due = sooner(l.due, s.timer()) }

// sooner gives the earlier of two times; zero is never.
func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// advance does what is due. Who is in the room is looked through only then, and not
// with everything that happens.
func (l *loop) advance(now time.Time) {
	l.room.Advance(now)
	if l.due.IsZero() || now.Before(l.due) {
		return
	}
	defer func() {
		l.due = time.Time{}
		for _, s := range l.sessions {
			l.touch(s)
		}
	}()
	for id, s := range l.sessions {
		switch {
		case s.socket == nil:
			if !now.Before(s.lost.Add(resumeWindow)) {
				l.room.Leave(id, protocol.ReasonTimeout, "")
			}
		case !s.advance(now):
			l.detach(now, s, protocol.CloseSilent, "nothing was heard", true)
		}
	}
}

// detach takes the socket off a session, which may be resumed from now on. What is queued
// is written first, or dropped.
func (l *loop) detach(now time.Time, s *session, code int, reason string, drop bool) {
	if s.socket == nil {
		return
	}
	if drop {
		s.socket.drop(code, reason)
	} else {
		s.socket.finish(code, reason)
	}
	s.socket.session, s.socket = nil, nil
	s.lost = now
	l.touch(s)
}

// findWorker chooses a worker, if there is something to tell one.
func (l *loop) findWorker() {
	if !l.room.NeedsWorker() {
		return
	}
	if id, ok := l.c.workers.least(); ok {
		l.worker = id
		l.room.WorkerFound()
	}
}

func (l *loop) workerLost(id protocol.WorkerID) {
	if l.worker != id {
		return
	}
	l.c.log.Warn("worker lost", "room", l.id, "worker", id)
	l.worker = ""
	l.room.WorkerLost()
}

// event takes what workers tell, in the goroutine of the bus.
func (l *loop) event(data []byte) {
	e, body, err := protocol.DecodeEvent(data)
	if err != nil {
		l.c.log.Error("event from the bus", "room", l.id, "error", err)
		return
	}
	_ = l.post(l.c.ctx, func(time.Time) {
		f, failed := body.(protocol.Failed)
		stale := failed && f.Code == protocol.CodeStaleEpoch
		switch {
		case e.Epoch > l.epoch, e.Epoch == l.epoch && stale:
			l.superseded = true
		case e.Epoch == l.epoch && e.Worker == l.worker:
			l.room.Event(e.Re, body)
		}
	})
}

// carryOut does what the room wants to be done.
func (l *loop) carryOut(now time.Time) {
	for {
		if l.worker == "" {
			l.findWorker()
		}
		effects := l.room.Effects()
		if len(effects) == 0 {
			return
		}
		for _, e := range effects {
			switch e := e.(type) {
			case room.Tell:
				l.tell(now, e)
			case room.Answer:
				if s, ok := l.sessions[e.To]; ok {
					l.answer(now, s, e)
				}
			case room.Command:
				data := protocol.EncodeCommand(l.id, l.epoch, e.Request, e.Body)
				if err := l.c.config.Bus.Publish(protocol.SubjectWorker(l.worker), data); err != nil {
					l.c.log.Error("command to the bus", "room", l.id, "error", err)
				}
			case room.Reading:
				if read, ok := l.readings[e.Ticket]; ok {
					delete(l.readings, e.Ticket)
					read <- e
				}
			case room.End:
				l.endSession(now, e)
			case room.SaveMetadata:
				l.save(e.Room.Metadata)
			}
		}
	}
}

func (l *loop) tell(now time.Time, e room.Tell) {
	data := marshal(e.Data)
	urgent := e.To != nil || len(l.sessions) < bigRoom || e.Type != protocol.TypeParticipantJoined && e.Type != protocol.TypeParticipantLeft
	if l.cause != nil {
		l.cause.traffic.spend(now, len(data))
	}
	if e.To != nil {
		for _, id := range e.To {
			if s, ok := l.sessions[id]; ok {
				l.send(now, s, e.Type, 0, data)
			}
		}
		return
	}
	for id, s := range l.sessions {
		switch {
		case id == e.Except:
		case urgent:
			l.send(now, s, e.Type, 0, data)
		default:
			l.sendLater(now, s, e.Type, data)
		}
	}
}

func (l *loop) answer(now time.Time, s *session, e room.Answer) {
	if e.Error != nil {
		l.send(now, s, protocol.TypeError, e.Re, marshal(e.Error))
		return
	}
	l.send(now, s, protocol.TypeOK, e.Re, marshal(e.Data))
}

// send gives a session a frame. One that does not acknowledge loses its
// session rather than the memory of everybody.
func (l *loop) send(now time.Time, s *session, typ string, re uint64, data json.RawMessage) {
	if !s.send(now, typ, re, data, true) {
		l.overflow(now, s)
	}
}

// sendLater gives a session a frame that may wait for others.
func (l *loop) sendLater(now time.Time, s *session, typ string, data json.RawMessage) {
	if !s.send(now, typ, 0, data, false) {
		l.overflow(now, s)
		return
	}
	if s.socket != nil {
		l.laggards.add(now, s.socket)
	}
}

func (l *loop) overflow(now time.Time, s *session) {
	l.detach(now, s, protocol.CloseSilent, "too much is not acknowledged", true)
	l.room.Leave(s.claims.Participant, protocol.ReasonTimeout, "")
}

// endSession ends a session for good: no resume token of it works again.
func (l *loop) endSession(now time.Time, e room.End) {
	s, ok := l.sessions[e.Participant]
	if !ok {
		return
	}
	switch e.Reason {
	case protocol.ReasonLeft, protocol.ReasonTimeout:
		l.detach(now, s, protocol.CloseEnded, e.Reason, false)
	case protocol.ReasonError:
		s.send(now, protocol.TypeEnded, 0, marshal(protocol.Ended{Reason: e.Reason, Message: e.Message}), true)
		l.detach(now, s, protocol.CloseBadRequest, "the rules were broken", false)
	default:
		s.send(now, protocol.TypeEnded, 0, marshal(protocol.Ended{Reason: e.Reason, Message: e.Message}), true)
		l.detach(now, s, protocol.CloseEnded, e.Reason, false)
	}
	delete(l.sessions, e.Participant)
	l.c.log.Debug("session ends", "room", l.id, "participant", e.Participant, "reason", e.Reason)
	l.c.revoke(s.id, now.Add(resumeLife))
}

// save keeps the room's metadata in the store, one after the other, the latest
// last.
func (l *loop) save(metadata json.RawMessage) {
	if l.saving {
		l.toSave = &metadata
		return
	}
	l.saving = true
	l.c.background("the metadata of a room cannot be saved", func(ctx context.Context) error {
		r, err := l.c.config.Store.Room(ctx, l.id)
		if err == nil {
			r.Metadata = metadata
			_, err = l.c.config.Store.UpdateRoom(ctx, r)
		}
		_ = l.post(l.c.ctx, func(time.Time) {
			l.saving = false
			if next := l.toSave; next != nil {
				l.toSave = nil
				l.save(*next)
			}
		})
		return err
	})
}
