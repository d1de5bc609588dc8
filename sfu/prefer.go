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
	for _, sub := range pub.subs {
		if sub.Participant != who {
			continue
		}
		for _, st := range sub.Parts {
			if st.Track != want.Track {
				continue
			}
			st.Wish = want
			r.needChanged(at, pub)
			if st.track.in != nil && st.track.Kind == protocol.Video {
				r.advanceWanted(at, st.track) // what is wanted again is told at once
			}
			if p := r.byKey[TransportKey{who, sub.Transport}]; p != nil {
				p.fresh = true // what is wanted does not wait for its turn
				r.needRebind(p)
				r.bind(at)
			}
			return nil
		}
	}
	return protocol.Errorf(protocol.CodeNotFound, "track %q of stream %d is not subscribed to", want.Track, want.Stream)
}
