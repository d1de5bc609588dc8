// Package controller owns rooms and the signalling of clients.
//
// Each room that somebody is in has one loop, a goroutine that owns the
// room.Room and the sessions of its participants: numbering, acknowledgements, what must be sent again.
// Everything else talks to a loop by giving it functions to run. A client's
// socket has a reader (the caller of Serve) and a writer; neither can make a
// loop wait. Media workers are spoken to over the bus only.
//
//	New → Serve for every socket, and the methods for the API → Drain → Close
//
// docs/protocol.md tells what goes over the sockets.
package controller

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/tertulia-rtc/tertulia/bus"
	"github.com/tertulia-rtc/tertulia/protocol"
	"github.com/tertulia-rtc/tertulia/room"
	"github.com/tertulia-rtc/tertulia/store"
)

// Config is what a controller is made from.
type Config struct {
	Bus   *bus.Bus
	Store *store.Store
	Log   *slog.Logger // nil: nothing is logged
	// ICEServers are handed to clients.
	ICEServers []protocol.ICEServer
	// ID names this controller as the owner of rooms; "": a random one.
	ID string
}

// Controller owns rooms. Its methods may be called from any goroutine.
type Controller struct {
	config  Config
	log     *slog.Logger
	secret  []byte // signs resume tokens
	workers *workers
	ctx     context.Context // until Close
	stop    context.CancelFunc
	work    sync.WaitGroup  // goroutines of the controller's own
	doors   context.Context // until Drain
	shut    context.CancelFunc

	mu       sync.Mutex
	loops    map[protocol.RoomID]*loop
	sockets  int
	draining bool
	drained  chan struct{}   // closed when the last socket is gone while draining
	revoking map[string]bool // sessions that have ended, until the store knows
}

// New makes a controller that takes part on the bus from now on.
func New(c Config) (*Controller, error) {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.ID == "" {
		c.ID = protocol.NewHexID()
	}
	ctx, stop := context.WithCancel(context.Background())
	k := &Controller{config: c, log: c.Log, ctx: ctx, stop: stop, loops: map[protocol.RoomID]*loop{}, revoking: map[string]bool{}, drained: make(chan struct{})}
	k.doors, k.shut = context.WithCancel(ctx)
	var err error
	if k.secret, err = c.Store.Secret(ctx, "resume"); err != nil {
		stop()
		return nil, fmt.Errorf("the secret of resume tokens: %w", err)
	}
	if k.workers, err = watchWorkers(c.Bus); err != nil {
		stop()
		return nil, err
	}
	k.work.Go(func() { k.workers.run(ctx, k.eachLoop) })
	return k, nil
}

// Participants lists who is in a room, with their permissions. A room that
// nobody is in has none.
func (c *Controller) Participants(ctx context.Context, id protocol.RoomID) ([]protocol.Participant, error) {
	list := []protocol.Participant{}
	err := c.inRoom(ctx, id, func(l *loop, _ time.Time) { list = l.room.Participants() })
	return list, err
}

// Participant gives one participant of a room.
func (c *Controller) Participant(ctx context.Context, id protocol.RoomID, who protocol.ParticipantID) (protocol.Participant, error) {
	var p protocol.Participant
	found := false
	err := c.inRoom(ctx, id, func(l *loop, _ time.Time) { p, found = l.room.Participant(who) })
	if err == nil && !found {
		return p, noParticipant(who)
	}
	return p, err
}

// Streams lists the streams of a room.
func (c *Controller) Streams(ctx context.Context, id protocol.RoomID) ([]protocol.Stream, error) {
	list := []protocol.Stream{}
	err := c.inRoom(ctx, id, func(l *loop, _ time.Time) { list = l.room.Streams() })
	return list, err
}

// Stats gives what the media worker counts for a participant's transports.
func (c *Controller) Stats(ctx context.Context, id protocol.RoomID, who protocol.ParticipantID) (protocol.Stats, error) {
	l := c.running(id)
	if l == nil {
		return protocol.Stats{}, noParticipant(who)
	}
	defer l.release()
	late := protocol.Errorf(protocol.CodeUnavailable, "The room did not answer in time.")
	read := make(chan room.Reading, 1)
	if err := l.call(ctx, func(now time.Time) {
		l.lastTicket++
		l.readings[l.lastTicket] = read
		l.room.ReadStats(now, who, l.lastTicket)
	}); err != nil {
		return protocol.Stats{}, late
	}
	select {
	case r := <-read:
		if r.Error != nil {
			return protocol.Stats{}, r.Error
		}
		return r.Stats, nil
	case <-l.done:
	case <-ctx.Done():
	}
	return protocol.Stats{}, late
}

// Kick ends a participant's presence. When it returns without error, the participant's resume
// token is revoked for good.
func (c *Controller) Kick(ctx context.Context, id protocol.RoomID, who protocol.ParticipantID, reason string) error {
	failed := noParticipant(who)
	session := ""
	err := c.inRoom(ctx, id, func(l *loop, _ time.Time) {
		if s, ok := l.sessions[who]; ok {
			session = s.id
		}
		failed = l.room.Kick(who, reason)
	})
	if err != nil {
		return err
	}
	if failed != nil {
		return failed
	}
	return c.explain(c.config.Store.Revoke(ctx, session, time.Now().Add(resumeLife)))
}

// CloseRoom ends all sessions of a room, because it is deleted.
func (c *Controller) CloseRoom(ctx context.Context, id protocol.RoomID) error {
	return c.inRoom(ctx, id, func(l *loop, _ time.Time) {
		l.room.Close(protocol.ReasonDeleted, "The room was deleted.")
	})
}

// RoomChanged tells a running room its new name, metadata, codecs, limits and settings.
func (c *Controller) RoomChanged(ctx context.Context, r store.Room) error {
	return c.inRoom(ctx, r.ID, func(l *loop, _ time.Time) { l.room.Change(publicRoom(r), r.MaxParticipants, r.MaxStreams, settings(r)) })
}

// Counts counts the rooms that somebody is in, and the participants.
func (c *Controller) Counts() (rooms, participants int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, l := range c.loops {
		if n := int(l.count.Load()); n > 0 {
			rooms++
			participants += n
		}
	}
	return rooms, participants
}

// Drain takes no more sockets, and closes the ones there are so that clients come back, to another
// controller or to the next process: what was said to them is written first.
// It returns when all sockets are closed, or when ctx ends.
func (c *Controller) Drain(ctx context.Context) {
	c.mu.Lock()
	if !c.draining {
		c.draining = true
		if c.sockets == 0 {
			close(c.drained)
		}
	}
	c.mu.Unlock()
	c.shut()
	c.eachLoop(func(l *loop, now time.Time) {
		for _, s := range l.sessions {
			l.detach(now, s, protocol.CloseComeBack, "the server shuts down", false)
		}
	})
	select {
	case <-c.drained:
	case <-ctx.Done():
	}
}

// Close ends all loops. Workers keep what they have; sessions can be resynced by the next owner.
func (c *Controller) Close() {
	c.stop()
	c.work.Wait()
	c.workers.close()
}

// inRoom runs f in the loop of a room, if it has one.
func (c *Controller) inRoom(ctx context.Context, id protocol.RoomID, f func(*loop, time.Time)) error {
	l := c.running(id)
	if l == nil {
		return nil
	}
	defer l.release()
	if err := l.call(ctx, func(now time.Time) { f(l, now) }); err != nil && !errors.Is(err, errEnded) {
		return protocol.Errorf(protocol.CodeUnavailable, "The room did not answer in time.")
	}
	return nil
}

// running gives the loop of a room, held until release, or nil.
func (c *Controller) running(id protocol.RoomID) *loop {
	c.mu.Lock()
	l := c.loops[id]
	if l != nil {
		l.held++
	}
	c.mu.Unlock()
	if l == nil {
		return nil
	}
	select {
	case <-l.started:
	case <-c.ctx.Done():
	}
	if l.failed != nil {
		l.release()
		return nil
	}
	return l
}

// enter gives the loop of a room, held until release; it starts one, which makes this
// controller the owner of the room, if there is none.
func (c *Controller) enter(ctx context.Context, r store.Room) (*loop, *protocol.Error) {
	c.mu.Lock()
	l := c.loops[r.ID]
	if l != nil {
		l.held++
		c.mu.Unlock()
		select {
		case <-l.started:
		case <-ctx.Done():
			l.release()
			return nil, protocol.Errorf(protocol.CodeUnavailable, "The room did not start in time.")
		}
		if l.failed != nil {
			l.release()
			return nil, l.failed
		}
		return l, nil
	}
	l = newLoop(c, r)
	l.held++
	c.loops[r.ID] = l
	c.mu.Unlock()
	if err := l.start(); err != nil {
		c.mu.Lock()
		delete(c.loops, r.ID)
		c.mu.Unlock()
		l.failed = err
		close(l.done)
		close(l.started)
		return nil, err
	}
	close(l.started)
	return l, nil
}

// retire forgets a loop unless somebody holds it; then the loop may end.
func (c *Controller) retire(l *loop) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if l.held > 0 {
		return false
	}
	c.forget(l)
	return true
}

// forget takes a loop off the table; c.mu is held.
func (c *Controller) forget(l *loop) {
	if c.loops[l.id] == l {
		delete(c.loops, l.id)
	}
}

// eachLoop runs f in every loop, one after the other.
func (c *Controller) eachLoop(f func(*loop, time.Time)) {
	c.mu.Lock()
	all := make([]*loop, 0, len(c.loops))
	for _, l := range c.loops {
		all = append(all, l)
	}
	c.mu.Unlock()
	for _, l := range all {
		_ = l.post(c.ctx, func(now time.Time) { f(l, now) })
	}
}

func (c *Controller) isDraining() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.draining
}

// revoke refuses the resume tokens of a session from now on, also after a
// restart. It does not wait for the store.
func (c *Controller) revoke(session string, until time.Time) {
	c.mu.Lock()
	c.revoking[session] = true
	c.mu.Unlock()
	c.background("session cannot be revoked", func(ctx context.Context) error {
		if err := c.config.Store.Revoke(ctx, session, until); err != nil {
			return err
		}
		c.mu.Lock()
		delete(c.revoking, session)
		c.mu.Unlock()
		return nil
	})
}

// revoked says whether a session was revoked.
func (c *Controller) revoked(ctx context.Context, session string) (bool, error) {
	c.mu.Lock()
	revoking := c.revoking[session]
	c.mu.Unlock()
	if revoking {
		return true, nil
	}
	return c.config.Store.Revoked(ctx, session)
}

// background runs f, bounded in time, outside any loop.
func (c *Controller) background(what string, f func(ctx context.Context) error) {
	c.work.Go(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(c.ctx), 10*time.Second)
		defer cancel()
		if err := f(ctx); err != nil {
			c.log.Error(what, "error", err)
		}
	})
}

// explain makes an error of the store one for clients.
func (c *Controller) explain(err error) error {
	if err == nil {
		return nil
	}
	c.log.Error("store", "error", err)
	return protocol.Errorf(protocol.CodeUnavailable, "The store cannot be used now; try again.")
}

func noParticipant(id protocol.ParticipantID) *protocol.Error {
	return protocol.Errorf(protocol.CodeNotFound, "There is no participant %s in the room.", id)
}

// publicRoom gives a stored room as participants see it.
func publicRoom(r store.Room) protocol.Room {
	if !json.Valid(r.Metadata) {
		r.Metadata = nil // absent
	}
	return protocol.Room{ID: r.ID, Name: r.Name, Mode: r.Mode, Metadata: r.Metadata, Codecs: r.Codecs}
}

func settings(r store.Room) protocol.RoomSettings {
	if r.Settings == nil {
		return protocol.DefaultRoomSettings
	}
	return *r.Settings
}

// marshal cannot fail: it is given the types of the package protocol, with raw
// JSON that was checked when it came.
func marshal(v any) json.RawMessage {
	if v == nil {
		return json.RawMessage("{}")
	}
	b, err := json.Marshal(v)
	if err != nil {
		panic("controller: " + err.Error())
	}
	return b
}
