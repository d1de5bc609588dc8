package sfu

import (
	"time"

	"github.com/tertulia-rtc/tertulia/protocol"
)

// Prefer sets what a subscriber wants of a track. It is checked for bounds, and
// its Priority is not 0.
func (r *Router) Prefer(now time.Time, who protocol.ParticipantID, want protocol.Preference) *protocol.Error {
	at := r.instant(now)
	pub := r.streams[want.Stream]
	if pub == nil {
		return protocol.Errorf(protocol.CodeNotFound, "there is no stream %d", want.Stream)
	}
	st := pub.subscribers[who].part(want.Track)
	if st == nil {
		return protocol.Errorf(protocol.CodeNotFound, "track %q of stream %d is not subscribed to", want.Track, want.Stream)
	}
	paused := st.Wish.Paused
	st.Wish = want
	if want.Paused != paused {
		r.needChanged(at, pub)
	}
	r.wantsMore(at, st)
	if p := r.byKey[TransportKey{who, st.sub.Transport}]; p != nil {
		p.fresh = true // what is wanted does not wait for its turn
		r.needRebind(p)
		r.bind(at)
	}
	return nil
}

// part finds that of a track, or nil; a subscription that is nil has none.
func (s *subscription) part(id protocol.TrackID) *part {
	if s == nil {
		return nil
	}
	for _, st := range s.Parts {
		if st.Track == id {
			return st
		}
	}
	return nil
}
