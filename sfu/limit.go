package sfu

import (
	"time"

	"github.com/tertulia-rtc/tertulia/protocol"
)

// Limit sets what each subscriber gets of a track at most. The track keeps it, so it
// holds for those who come later too.
func (r *Router) Limit(now time.Time, l protocol.LimitTrack) *protocol.Error {
	at := r.instant(now)
	t, err := r.track(l.Stream, l.Track)
	if err != nil || t.MaxBitrate == l.MaxBitrate {
		return err
	}
	t.MaxBitrate = l.MaxBitrate
	for _, s := range t.slots {
		r.wantShare(s.peer, at) // in its turn: a publisher may change its mind all the time
	}
	return nil
}

// limits gives those of the tracks that have one.
func (p *publication) limits() (all []protocol.LimitTrack) {
	for _, t := range p.Tracks {
		if t.MaxBitrate != 0 {
			all = append(all, protocol.LimitTrack{Stream: p.Stream, Track: t.ID, MaxBitrate: t.MaxBitrate})
		}
	}
	return all
}

// most is what a subscriber may get of the track, in bits per second: the lesser of its
// own limit and the publisher's; 0: all.
func (t *track) most(wish *protocol.Preference) int64 {
	if t.MaxBitrate != 0 && (wish.MaxBitrate == 0 || t.MaxBitrate < wish.MaxBitrate) {
		return int64(t.MaxBitrate)
	}
	return int64(wish.MaxBitrate)
}
