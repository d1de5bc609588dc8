package room

import (
	"slices"
	"time"

	"github.com/tertulia-rtc/tertulia/protocol"
)

func (r *Room) subscribe(now time.Time, p *participant, re uint64, q protocol.SubscribeTo) *protocol.Error {
	if err := r.carriedTo(q); err != nil {
		return err
	}
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
	if r.PeerToPeer() {
		return r.subscribePeer(p, re, s, q)
	}
	p.subscriptions[q.Stream] = q
	r.ask(now, p.ID, re, protocol.SubscribeStream{Participant: p.ID, SubscribeTo: q})
	r.preferAgain(p, q.Stream)
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
		p.forget(id)
		r.command(protocol.UnsubscribeStream{Participant: p.ID, Stream: id})
	}
	r.fail(w.participant, w.re, err)
}

func (r *Room) unsubscribe(p *participant, id protocol.StreamID) *protocol.Error {
	if _, ok := p.subscriptions[id]; !ok {
		return protocol.Errorf(protocol.CodeNotFound, "There is no subscription to stream %d.", id)
	}
	p.forget(id)
	r.command(protocol.UnsubscribeStream{Participant: p.ID, Stream: id})
	r.subscriberGone(p, id)
	return nil
}

// forget ends a subscription, with what the participant wants of it.
func (p *participant) forget(id protocol.StreamID) {
	delete(p.subscriptions, id)
	delete(p.preferences, id)
}

// prefer keeps what the participant wants of a track of a subscription, and
// tells the worker.
func (r *Room) prefer(p *participant, q protocol.Preference) *protocol.Error {
	subscription, ok := p.subscriptions[q.Stream]
	if !ok {
		return protocol.Errorf(protocol.CodeNotFound, "There is no subscription to stream %d.", q.Stream)
	}
	if r.streams[q.Stream].track(q.Track) == nil || subscription.Tracks != nil && !slices.Contains(subscription.Tracks, q.Track) {
		return protocol.Errorf(protocol.CodeNotFound, "The subscription to stream %d has no track %q.", q.Stream, q.Track)
	}
	if q.Priority == 0 {
		q.Priority = protocol.DefaultPriority
	}
	list := p.preferences[q.Stream]
	if i := slices.IndexFunc(list, func(o protocol.Preference) bool { return o.Track == q.Track }); i < 0 {
		p.preferences[q.Stream] = append(list, q)
	} else {
		list[i] = q
	}
	r.command(protocol.PreferTrack{Participant: p.ID, Preference: q})
	return nil
}

// preferAgain tells the worker what the participant wants of a subscription that it has
// got anew. What was wanted of tracks that are not in it is forgotten.
func (r *Room) preferAgain(p *participant, id protocol.StreamID) {
	s, wanted := r.streams[id], p.subscriptions[id].Tracks
	list, ok := p.preferences[id]
	if s == nil || !ok {
		return // the stream has ended meanwhile, or nothing was said
	}
	list = slices.DeleteFunc(list, func(q protocol.Preference) bool {
		return s.track(q.Track) == nil || wanted != nil && !slices.Contains(wanted, q.Track)
	})
	p.preferences[id] = list
	for _, q := range list {
		r.command(protocol.PreferTrack{Participant: p.ID, Preference: q})
	}
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
		r.preferAgain(p, s.id)
		r.subscriberThere(p, q)
	}
}
