package controller

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"github.com/tertulia-rtc/tertulia/auth"
	"github.com/tertulia-rtc/tertulia/protocol"
	"github.com/tertulia-rtc/tertulia/store"
)

// Serve speaks with a client on its socket until it is closed, by either side.
// The error says why the client was refused, if it was.
func (c *Controller) Serve(ctx context.Context, conn Conn) error {
	if !c.socketOpens() {
		_ = conn.Close(protocol.CloseComeBack, "the server shuts down")
		return nil
	}
	defer c.socketCloses()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(c.ctx, cancel)()

	k := newSocket(conn, cancel)
	written := make(chan struct{})
	go func() {
		defer close(written)
		k.write(ctx)
	}()
	// The writer is the one that closes the connection; nobody leaves before.
	defer func() { <-written }()

	l, err := c.open(ctx, k)
	if err != nil {
		if err.Code == protocol.CodeBadRequest {
			k.push(frame{typ: protocol.TypeRefused, data: marshal(err)})
			k.finish(protocol.CloseBadRequest, "bad opening frame")
		} else {
			k.push(frame{typ: protocol.TypeRefused, data: marshal(err)})
			k.finish(protocol.CloseRefused, "refused")
		}
		c.log.Debug("refused", "from", conn.RemoteAddr(), "error", err)
		return err
	}
	conn.Opened()
	for {
		text, readErr := conn.Read(ctx)
		if readErr != nil {
			break
		}
		in := decode(text)
		if l.post(ctx, func(now time.Time) { l.receive(now, k, in) }) != nil {
			continue // the loop has ended; the writer is about to close
		}
	}
	_ = l.post(c.ctx, func(now time.Time) {
		if k.session != nil {
			l.detach(now, k.session, protocol.CloseSilent, "", true)
		}
	})
	k.drop(protocol.CloseSilent, "")
	return nil
}

func (c *Controller) socketOpens() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.draining {
		return false
	}
	c.sockets++
	return true
}

func (c *Controller) socketCloses() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sockets--
	if c.draining && c.sockets == 0 {
		close(c.drained)
	}
}

// open reads the opening frame and answers it, unless the client is refused.
func (c *Controller) open(ctx context.Context, k *socket) (*loop, *protocol.Error) {
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	// Who has not said anything yet does not delay the end of the server.
	reading, stop := context.WithCancel(ctx)
	undo := context.AfterFunc(c.doors, stop)
	text, err := k.conn.Read(reading)
	undo()
	stop()
	if err != nil && c.doors.Err() != nil {
		return nil, protocol.Errorf(protocol.CodeUnavailable, "The server shuts down; come back.")
	}
	if err != nil {
		return nil, protocol.Errorf(protocol.CodeBadRequest, "No opening frame came within %d seconds.", int(openTimeout.Seconds()))
	}
	opening, refused := protocol.DecodeOpening(text)
	if refused != nil {
		return nil, refused
	}
	switch o := opening.(type) {
	case protocol.Join:
		return c.join(ctx, k, o)
	case protocol.Resume:
		return c.resume(ctx, k, o)
	}
	return nil, protocol.Errorf(protocol.CodeInternal, "The opening frame was not understood.")
}

// join lets a client in with its join token.
func (c *Controller) join(ctx context.Context, k *socket, o protocol.Join) (*loop, *protocol.Error) {
	var service store.Service // whose key the token is signed with
	keyOf := func(id protocol.ServiceID) (key []byte, err error) {
		service, err = c.config.Store.Service(ctx, id)
		if errors.Is(err, store.ErrNotFound) {
			return nil, protocol.Errorf(protocol.CodeUnauthorized, "The token names a service that does not exist.")
		}
		if err != nil {
			return nil, c.explain(err)
		}
		return []byte(service.Key), nil
	}
	claims, err := auth.ParseJoin(o.Token, keyOf, time.Now())
	if err != nil {
		return nil, refusal(err, protocol.CodeUnauthorized)
	}
	r, err := c.config.Store.Room(ctx, claims.Room)
	switch {
	case errors.Is(err, store.ErrNotFound), err == nil && r.Service != claims.Service:
		return nil, protocol.Errorf(protocol.CodeNotFound, "The service has no room %s.", claims.Room)
	case err != nil:
		return nil, refusal(c.explain(err), protocol.CodeUnavailable)
	}
	permissions := claims.Permissions
	if permissions == nil {
		var ok bool
		if permissions, ok = service.Role(claims.Role); !ok {
			return nil, protocol.Errorf(protocol.CodeForbidden, "The service has no role %q.", claims.Role)
		}
	}
	if l := c.running(r.ID); l != nil {
		// A token should not be spent at the door of a full room.
		var full *protocol.Error
		_ = l.call(ctx, func(time.Time) { full = l.room.CanJoin() })
		l.release()
		if full != nil {
			return nil, full
		}
	}
	switch err := c.config.Store.Redeem(ctx, claims.ID, claims.Service, claims.ExpiresAt, max(1, claims.Uses)); {
	case errors.Is(err, store.ErrUsed):
		return nil, protocol.Errorf(protocol.CodeUnauthorized, "The token was used already; ask for a new one.")
	case err != nil:
		return nil, refusal(c.explain(err), protocol.CodeUnavailable)
	}
	who := newParticipantID()
	return c.admit(ctx, k, r, admission{
		claims: auth.ResumeClaims{
			Participant: who, Service: r.Service, Room: r.ID,
			User: claims.User, Role: claims.Role, Permissions: permissions,
		},
		metadata: o.Metadata,
		client:   o.Client,
	})
}

// resume goes on with a session, or rebuilds it.
func (c *Controller) resume(ctx context.Context, k *socket, o protocol.Resume) (*loop, *protocol.Error) {
	claims, err := auth.ParseResume(o.Token, c.secret, time.Now())
	if err != nil {
		var p *protocol.Error
		if errors.As(err, &p) {
			return nil, protocol.Errorf(protocol.CodeResume, "%s", p.Message)
		}
		return nil, protocol.Errorf(protocol.CodeResume, "The resume token is not valid.")
	}
	if l := c.running(claims.Room); l != nil {
		var refused *protocol.Error
		known := false
		err := l.call(ctx, func(now time.Time) { known, refused = l.resume(now, k, claims, o) })
		l.release()
		switch {
		case err != nil && !errors.Is(err, errEnded):
			return nil, protocol.Errorf(protocol.CodeUnavailable, "The room did not answer in time.")
		case known:
			return l, refused
		case l.epoch == claims.Epoch:
			return nil, over()
		}
	}
	return c.resync(ctx, k, claims, o)
}

// resync takes back a participant whose session this owner does not know. The
// session of the token is spent by it: of two who try, one wins.
func (c *Controller) resync(ctx context.Context, k *socket, claims auth.ResumeClaims, o protocol.Resume) (*loop, *protocol.Error) {
	r, err := c.config.Store.Room(ctx, claims.Room)
	if errors.Is(err, store.ErrNotFound) {
		return nil, protocol.Errorf(protocol.CodeResume, "The room was deleted.")
	}
	if err != nil {
		return nil, refusal(c.explain(err), protocol.CodeUnavailable)
	}
	revoked, err := c.revoked(ctx, claims.Session)
	if err != nil {
		return nil, refusal(c.explain(err), protocol.CodeUnavailable)
	}
	if revoked {
		return nil, over()
	}
	switch err := c.config.Store.Redeem(ctx, "resume:"+claims.Session, claims.Service, claims.ExpiresAt, 1); {
	case errors.Is(err, store.ErrUsed):
		return nil, over()
	case err != nil:
		return nil, refusal(c.explain(err), protocol.CodeUnavailable)
	}
	predecessor := claims.Session
	claims.IssuedAt, claims.ExpiresAt, claims.ID = time.Time{}, time.Time{}, ""
	return c.admit(ctx, k, r, admission{claims: claims, predecessor: predecessor, metadata: o.Metadata, returns: true})
}

func over() *protocol.Error {
	return protocol.Errorf(protocol.CodeResume, "The session is over; join again with a new token.")
}

// refusal gives an error that a client may see.
func refusal(err error, otherwise protocol.Code) *protocol.Error {
	var p *protocol.Error
	if errors.As(err, &p) {
		return p
	}
	return protocol.Errorf(otherwise, "%s", err)
}

func newParticipantID() protocol.ParticipantID {
	id, err := protocol.NewParticipantID(rand.Reader)
	if err != nil {
		panic("controller: " + err.Error()) // crypto/rand never fails
	}
	return id
}
