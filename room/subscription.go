package room

import (
	"time"

	"github.com/tertulia-rtc/tertulia/protocol"
)

func (r *Room) subscribe(now time.Time, p *participant, re uint64, q protocol.SubscribeTo) *protocol.Error {
	if err := need(p, protocol.Subscribe); err != nil {
		return err
	}
	s, err := r.published(q.Stream)
	if err != nil {
		return err
	}
	for _, t := range q.Tracks {
		if s.track(t) == nil {
			return protocol.Errorf(protocol.CodeNotFound, "Stream %d has no track %q.", q.Stream, t)
		}
	}
	if q.Data && !s.data {
		return protocol.Errorf(protocol.CodeNotFound, "Stream %d has no data.", q.Stream)
	}
	p.subscriptions[q.Stream] = q
	r.ask(now, p.ID, re, protocol.SubscribeStream{Participant: p.ID, SubscribeTo: q})
	return nil
}

// subscribeAnswered ends what subscribe has begun. One that failed is undone
// at the worker too, which may only have been late.
func (r *Room) subscribeAnswered(w pending, id protocol.StreamID, err *protocol.Error) {
	if err == nil {
		r.ok(w.participant, w.re, nil)
		return
	}
	p := r.participants[w.participant]
	if _, ok := p.subscriptions[id]; ok {
		delete(p.subscriptions, id)
		r.command(protocol.UnsubscribeStream{Participant: p.ID, Stream: id})
	}
	r.fail(w.participant, w.re, err)
}

func (r *Room) unsubscribe(p *participant, id protocol.StreamID) *protocol.Error {
	if _, ok := p.subscriptions[id]; !ok {
		return protocol.Errorf(protocol.CodeNotFound, "There is no subscription to stream %d.", id)
	}
	delete(p.subscriptions, id)
	r.command(protocol.UnsubscribeStream{Participant: p.ID, Stream: id})
	return nil
}

// subscribeAgain gives the worker the subscriptions to a stream that it got anew.
func (r *Room) subscribeAgain(s *stream) {
	for _, id := range r.order {
		p := r.participants[id]
		q, ok := p.subscriptions[s.id]
		if !ok {
			continue
		}
		if q.Tracks != nil {
			// Tracks that are gone would make the worker refuse the rest.
			kept := []protocol.TrackID{}
			for _, t := range q.Tracks {
				if s.track(t) != nil {
					kept = append(kept, t)
				}
			}
			q.Tracks = kept
		}
		q.Data = q.Data && s.data
		p.subscriptions[s.id] = q
		r.command(protocol.SubscribeStream{Participant: id, SubscribeTo: q})
	}
}
