package controller

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/tertulia-rtc/tertulia/auth"
	"github.com/tertulia-rtc/tertulia/protocol"
	"github.com/tertulia-rtc/tertulia/store"
)

// admission is a client that may enter.
type admission struct {
	claims      auth.ResumeClaims // Session and Epoch are still to be filled in
	metadata    json.RawMessage
	client      string
	predecessor string // the session that is resynced
	returns     bool
}

// admit takes a client into a room, whose loop it starts if need be.
func (c *Controller) admit(ctx context.Context, k *socket, r store.Room, a admission) (*loop, *protocol.Error) {
	for range 3 {
		l, refused := c.enter(ctx, r)
		if refused != nil {
			return nil, refused
		}
		err := l.call(ctx, func(now time.Time) { refused = l.admit(now, k, a) })
		l.release()
		switch {
		case errors.Is(err, errEnded):
			continue // it ended between enter and call: another owner took over
		case err != nil:
			return nil, protocol.Errorf(protocol.CodeUnavailable, "The room did not answer in time.")
		}
		return l, refused
	}
	return nil, protocol.Errorf(protocol.CodeUnavailable, "The room is moving; try again.")
}

// admit makes the session and answers with the snapshot.
func (l *loop) admit(now time.Time, k *socket, a admission) *protocol.Error {
	a.claims.Session, a.claims.Epoch = protocol.NewHexID(), l.epoch
	s := newSession(a.claims.Session, a.claims)
	s.predecessor = a.predecessor
	resume, err := l.resumeToken(now, s)
	if err != nil {
		return err
	}
	if err := l.room.Join(protocol.Participant{
		ID: a.claims.Participant, User: a.claims.User, Role: a.claims.Role,
		Permissions: a.claims.Permissions, Metadata: a.metadata,
	}, a.returns); err != nil {
		return err
	}
	l.carryOut(now) // the others are told before the snapshot is made: it is not told to the newcomer
	l.sessions[a.claims.Participant] = s
	l.snapshot(now, k, s, resume, a.returns)
	l.c.log.Debug("joined", "room", l.id, "participant", a.claims.Participant, "user", a.claims.User, "client", a.client, "returns", a.returns, "from", k.conn.RemoteAddr())
	return nil
}

// snapshot opens a session on a socket with all there is to know.
func (l *loop) snapshot(now time.Time, k *socket, s *session, resume string, returns bool) {
	j := l.room.Snapshot(s.claims.Participant)
	j.ICEServers = l.c.config.ICEServers
	j.Resume = resume
	j.ResumeWindow = int(resumeWindow.Seconds())
	typ := protocol.TypeJoined
	if returns {
		typ = protocol.TypeResynced
	}
	s.attach(now, k)
	l.touch(s)
	k.push(frame{typ: typ, data: marshal(j)})
	l.sendBackIfDraining(now, s)
}

// sendBackIfDraining is for a client that came in while Drain went through the loops.
func (l *loop) sendBackIfDraining(now time.Time, s *session) {
	if l.c.isDraining() {
		l.detach(now, s, protocol.CloseComeBack, "the server shuts down", false)
	}
}

// resume goes on with a session that this loop knows. known is false when it
// does not.
func (l *loop) resume(now time.Time, k *socket, claims auth.ResumeClaims, o protocol.Resume) (known bool, refused *protocol.Error) {
	s, ok := l.sessions[claims.Participant]
	switch {
	case !ok:
		return false, nil
	case s.id == claims.Session:
	case s.predecessor == claims.Session && !s.confirmed:
		// The client has not got the answer to its resync: once more.
		resume, err := l.resumeToken(now, s)
		if err != nil {
			return true, err
		}
		l.detach(now, s, protocol.CloseReplaced, "resumed on another socket", true)
		s.restart()
		l.snapshot(now, k, s, resume, true)
		return true, nil
	default:
		return true, over()
	}
	if err := s.resumable(o.Ack); err != nil {
		return true, err
	}
	resume, err := l.resumeToken(now, s)
	if err != nil {
		return true, err
	}
	l.detach(now, s, protocol.CloseReplaced, "resumed on another socket", true)
	_ = s.acknowledged(o.Ack) // resumable has checked it
	s.attach(now, k)
	l.touch(s)
	k.push(frame{typ: protocol.TypeResumed, data: marshal(protocol.Resumed{Ack: s.received, Resume: resume})})
	for _, f := range s.unacked {
		k.push(f)
	}
	l.sendBackIfDraining(now, s)
	return true, nil
}

func (l *loop) resumeToken(now time.Time, s *session) (string, *protocol.Error) {
	claims := s.claims
	claims.ExpiresAt = now.Add(resumeLife)
	token, err := auth.SignResume(l.c.secret, claims, now)
	if err != nil {
		l.c.log.Error("resume token", "error", err)
		return "", protocol.Errorf(protocol.CodeInternal, "The resume token could not be made.")
	}
	return token, nil
}
