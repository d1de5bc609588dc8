package room

import (
	"time"

	"github.com/tertulia-rtc/tertulia/protocol"
)

// InvitationTimeout is how long an invitation waits for the client's answer. It ends
// before the worker gives up a transport that nobody has connected.
const InvitationTimeout = 20 * time.Second

// transport is what the room knows of a transport.
type transport struct {
	negotiating bool      // an offer, an invitation or its answer waits for the worker
	invited     time.Time // until when an invitation waits for the client's answer; zero: none does
	answered    bool      // both sides have agreed on it
}

// busy says why nothing can be offered now, or nil.
func (t *transport) busy(id protocol.TransportID) *protocol.Error {
	switch {
	case t.negotiating:
		return protocol.Errorf(protocol.CodeConflict, "Transport %q has an offer that is not answered yet.", id)
	case !t.invited.IsZero():
		return protocol.Errorf(protocol.CodeConflict, "Transport %q has an invitation that is not answered yet.", id)
	}
	return nil
}

// transport gives one of the participant's transports to offer on, a new one if need be.
func (p *participant) transport(id protocol.TransportID) (*transport, *protocol.Error) {
	t, ok := p.transports[id]
	switch {
	case ok:
		return t, t.busy(id)
	case len(p.transports) >= protocol.MaxTransports:
		return nil, protocol.Errorf(protocol.CodeLimit, "A participant has at most %d transports.", protocol.MaxTransports)
	}
	t = &transport{}
	p.transports[id] = t
	return t, nil
}

func (r *Room) offer(now time.Time, p *participant, re uint64, q protocol.Offer) *protocol.Error {
	t, err := p.transport(q.Transport)
	if err != nil {
		return err
	}
	t.negotiating = true
	r.ask(now, p.ID, re, protocol.Negotiate{Participant: p.ID, Transport: q.Transport, SDP: q.SDP, Codecs: r.config.Room.Codecs})
	return nil
}

// offerAnswered ends what offer has begun.
func (r *Room) offerAnswered(w pending, id protocol.TransportID, answer protocol.EventBody, err *protocol.Error) {
	n, ok := answer.(protocol.Negotiated)
	if !ok && err == nil {
		err = protocol.Errorf(protocol.CodeInternal, "The media worker gave no answer to the offer.")
	}
	r.settle(w.participant, id, err == nil)
	if err != nil {
		r.fail(w.participant, w.re, err)
		return
	}
	r.ok(w.participant, w.re, protocol.Answer(n))
}

// settle ends a negotiation, in which both sides have agreed or not. If not, the
// transport is as it was before, or it is gone when it never came to be: the worker may
// only have been late.
func (r *Room) settle(who protocol.ParticipantID, id protocol.TransportID, agreed bool) {
	p := r.participants[who]
	t, ok := p.transports[id]
	if !ok {
		return
	}
	t.negotiating, t.invited = false, time.Time{}
	t.answered = t.answered || agreed
	if !t.answered {
		delete(p.transports, id)
		r.command(protocol.DropTransport{Participant: p.ID, Transport: id})
	}
}

func (r *Room) closeTransport(p *participant, q protocol.CloseTransport) *protocol.Error {
	if _, ok := p.transports[q.Transport]; !ok {
		return protocol.Errorf(protocol.CodeNotFound, "There is no transport %q.", q.Transport)
	}
	delete(p.transports, q.Transport)
	closed := protocol.Errorf(protocol.CodeConflict, "The transport was closed meanwhile.")
	r.failPending(closed, func(w pending) bool {
		id, ok := negotiates(w.body)
		return ok && w.participant == p.ID && id == q.Transport
	})
	r.command(protocol.DropTransport{Participant: p.ID, Transport: q.Transport})
	return nil
}

// target tells the worker up to where a link should be measured.
func (r *Room) target(p *participant, q protocol.LinkTarget) *protocol.Error {
	if t, ok := p.transports[q.Transport]; !ok || !t.answered {
		return protocol.Errorf(protocol.CodeNotFound, "There is no transport %q yet.", q.Transport)
	}
	r.command(protocol.TargetLink{Participant: p.ID, LinkTarget: q})
	return nil
}

// negotiates gives the transport that a command negotiates.
func negotiates(body protocol.CommandBody) (protocol.TransportID, bool) {
	switch c := body.(type) {
	case protocol.Negotiate:
		return c.Transport, true
	case protocol.OfferTransport:
		return c.Transport, true
	case protocol.AcceptAnswer:
		return c.Transport, true
	}
	return "", false
}

// transportChanged passes on what the worker says of a transport that the
// client has not closed itself.
func (r *Room) transportChanged(e protocol.TransportChanged) {
	p, ok := r.participants[e.Participant]
	if !ok {
		return
	}
	if t, ok := p.transports[e.Transport]; !ok || !t.answered {
		return // closed by the client, or about the one before of that name
	}
	if e.State == protocol.TransportClosed {
		delete(p.transports, e.Transport)
	}
	r.tell(p.ID, protocol.TypeTransport, e.TransportState)
}
