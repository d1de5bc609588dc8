package room

import (
	"slices"
	"time"

	"github.com/tertulia-rtc/tertulia/protocol"
)

// invitation names a transport whose invitation waits for the client's answer.
type invitation struct {
	participant protocol.ParticipantID
	transport   protocol.TransportID
	until       time.Time
}

func (r *Room) invite(now time.Time, p *participant, re uint64, q protocol.Invite) *protocol.Error {
	if len(q.Add) > 0 {
		if err := need(p, protocol.Subscribe); err != nil {
			return err
		}
	} else if _, ok := p.transports[q.Transport]; !ok {
		return protocol.Errorf(protocol.CodeNotFound, "There is no transport %q, and nothing to make it for.", q.Transport)
	}
	kinds := make([]protocol.Kind, len(q.Add))
	for i, a := range q.Add {
		s, err := r.published(a.Stream)
		if err != nil {
			return err
		}
		t := s.track(a.Track)
		if t == nil {
			return protocol.Errorf(protocol.CodeNotFound, "Stream %d has no track %q.", a.Stream, a.Track)
		}
		kinds[i] = t.Kind
	}
	t, err := p.transport(q.Transport)
	if err != nil {
		return err
	}
	t.negotiating = true
	r.ask(now, p.ID, re, protocol.OfferTransport{Participant: p.ID, Invite: q, Kinds: kinds, Codecs: r.config.Room.Codecs})
	return nil
}

// inviteAnswered passes the worker's offer on, whose answer the client owes from now on.
func (r *Room) inviteAnswered(w pending, id protocol.TransportID, answer protocol.EventBody, err *protocol.Error) {
	o, ok := answer.(protocol.Offered)
	if !ok && err == nil {
		err = protocol.Errorf(protocol.CodeInternal, "The media worker made no offer.")
	}
	if err != nil {
		r.settle(w.participant, id, false)
		r.fail(w.participant, w.re, err)
		return
	}
	if t, ok := r.participants[w.participant].transports[id]; ok {
		t.negotiating = false
		t.invited = w.deadline.Add(InvitationTimeout - AnswerTimeout)
		r.invitations = append(r.invitations, invitation{w.participant, id, t.invited})
	}
	r.ok(w.participant, w.re, o.Invitation)
}

func (r *Room) answer(now time.Time, p *participant, re uint64, q protocol.InviteAnswer) *protocol.Error {
	t, ok := p.transports[q.Transport]
	switch {
	case !ok:
		return protocol.Errorf(protocol.CodeNotFound, "There is no transport %q.", q.Transport)
	case t.invited.IsZero():
		return protocol.Errorf(protocol.CodeConflict, "Transport %q has no invitation that waits for an answer.", q.Transport)
	}
	t.negotiating, t.invited = true, time.Time{}
	r.ask(now, p.ID, re, protocol.AcceptAnswer{Participant: p.ID, InviteAnswer: q})
	return nil
}

// answerApplied ends what answer has begun. Where the answer cannot be applied, the worker
// takes its offer back.
func (r *Room) answerApplied(w pending, id protocol.TransportID, err *protocol.Error) {
	r.settle(w.participant, id, err == nil)
	if err != nil {
		r.fail(w.participant, w.re, err)
		return
	}
	r.ok(w.participant, w.re, nil)
}

// current gives the transport of an invitation that still waits, or nil.
func (r *Room) current(i invitation) *transport {
	p, ok := r.participants[i.participant]
	if !ok {
		return nil
	}
	if t, ok := p.transports[i.transport]; ok && t.invited.Equal(i.until) {
		return t
	}
	return nil
}

// nextInvitation says when the next invitation is taken back; zero: none waits.
func (r *Room) nextInvitation() time.Time {
	r.invitations = slices.DeleteFunc(r.invitations, func(i invitation) bool { return r.current(i) == nil })
	var next time.Time
	for _, i := range r.invitations {
		if next.IsZero() || i.until.Before(next) {
			next = i.until
		}
	}
	return next
}

// endInvitations takes those back that have waited too long. The worker forgets its offer
// with the next negotiation.
func (r *Room) endInvitations(now time.Time) {
	for _, i := range r.invitations {
		t := r.current(i)
		if t == nil || now.Before(i.until) {
			continue
		}
		r.settle(i.participant, i.transport, false)
		if !t.answered {
			r.tell(i.participant, protocol.TypeTransport, protocol.TransportState{Transport: i.transport, State: protocol.TransportClosed, Reason: "The invitation was not answered."})
		}
	}
	r.invitations = slices.DeleteFunc(r.invitations, func(i invitation) bool { return !now.Before(i.until) })
}
