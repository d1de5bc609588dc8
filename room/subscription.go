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
	r.command(r.preference(p, q))
	return nil
}

// preference is what the worker is told of a preference: the owner of the stream may
// limit it.
func (r *Room) preference(p *participant, q protocol.Preference) protocol.PreferTrack {
	if limit := r.streams[q.Stream].limits[q.Track]; limit != 0 && (q.MaxBitrate == 0 || limit < q.MaxBitrate) {
		q.MaxBitrate = limit
	}
	return protocol.PreferTrack{Participant: p.ID, Preference: q}
}

// limit keeps what subscribers of a track may get at most, and tells the worker what
// that comes to for each of them.
func (r *Room) limit(p *participant, q protocol.Limit) *protocol.Error {
	s, err := r.own(p, q.Stream)
	if err != nil {
		return err
	}
	if s.track(q.Track) == nil {
		return protocol.Errorf(protocol.CodeNotFound, "Stream %d has no track %q.", q.Stream, q.Track)
	}
	switch {
	case s.limits[q.Track] == q.MaxBitrate:
		return nil
	case q.MaxBitrate == 0:
		delete(s.limits, q.Track)
	default:
		s.limits[q.Track] = q.MaxBitrate
	}
	for _, id := range r.order {
		other := r.participants[id]
		if to, ok := other.subscriptions[s.id]; ok && (to.Tracks == nil || slices.Contains(to.Tracks, q.Track)) {
			r.command(r.preference(other, other.wish(s.id, q.Track)))
		}
	}
	return nil
}

// wish gives what a participant wants of a track of a subscription.
func (p *participant) wish(id protocol.StreamID, track protocol.TrackID) protocol.Preference {
	for _, q := range p.preferences[id] {
		if q.Track == track {
			return q
		}
	}
	return protocol.Preference{Stream: id, Track: track, Priority: protocol.DefaultPriority}
}

// preferAgain tells the worker what the participant wants, and may have, of a
// subscription that it has got anew. What was wanted of tracks that are not in it is
// forgotten.
func (r *Room) preferAgain(p *participant, id protocol.StreamID) {
	s, wanted := r.streams[id], p.subscriptions[id].Tracks
	if s == nil {
		return // it has ended meanwhile
	}
	missing := func(track protocol.TrackID) bool {
		return s.track(track) == nil || wanted != nil && !slices.Contains(wanted, track)
	}
	if list, ok := p.preferences[id]; ok {
		list = slices.DeleteFunc(list, func(q protocol.Preference) bool { return missing(q.Track) })
		p.preferences[id] = list
		for _, q := range list {
			r.command(r.preference(p, q))
		}
	}
	for _, t := range s.tracks {
		if s.limits[t.ID] != 0 && !missing(t.ID) && !slices.ContainsFunc(p.preferences[id], func(q protocol.Preference) bool { return q.Track == t.ID }) {
			r.command(r.preference(p, p.wish(id, t.ID)))
		}
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
