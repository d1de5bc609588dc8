package room

import (
	"time"

	"github.com/tertulia-rtc/tertulia/protocol"
)

// transport is what the room knows of a transport.
type transport struct {
	negotiating bool // an offer waits for the worker's answer
	answered    bool // the worker has it
}

func (r *Room) offer(now time.Time, p *participant, re uint64, q protocol.Offer) *protocol.Error {
	t, ok := p.transports[q.Transport]
	switch {
	case !ok && len(p.transports) >= protocol.MaxTransports:
		return protocol.Errorf(protocol.CodeLimit, "A participant has at most %d transports.", protocol.MaxTransports)
	case !ok:
		t = &transport{}
		p.transports[q.Transport] = t
	case t.negotiating:
		return protocol.Errorf(protocol.CodeConflict, "Transport %q has an offer that is not answered yet.", q.Transport)
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
	p := r.participants[w.participant]
	if t, ok := p.transports[id]; ok {
		t.negotiating = false
		t.answered = t.answered || err == nil
		if !t.answered {
			// It never came to be; the worker may only have been late.
			delete(p.transports, id)
			r.command(protocol.DropTransport{Participant: p.ID, Transport: id})
		}
	}
	if err != nil {
		r.fail(w.participant, w.re, err)
		return
	}
	r.ok(w.participant, w.re, protocol.Answer(n))
}

func (r *Room) closeTransport(p *participant, q protocol.CloseTransport) *protocol.Error {
	if _, ok := p.transports[q.Transport]; !ok {
		return protocol.Errorf(protocol.CodeNotFound, "There is no transport %q.", q.Transport)
	}
	delete(p.transports, q.Transport)
	closed := protocol.Errorf(protocol.CodeConflict, "The transport was closed meanwhile.")
	r.failPending(closed, func(w pending) bool {
		n, ok := w.body.(protocol.Negotiate)
		return ok && w.participant == p.ID && n.Transport == q.Transport
	})
	r.command(protocol.DropTransport{Participant: p.ID, Transport: q.Transport})
	return nil
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
