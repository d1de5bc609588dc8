package sfu

import (
	"time"

	"github.com/tertulia-rtc/tertulia/protocol"
)

// Mute stops or resumes the forwarding of a track. While it is muted nothing of
// it is kept or forwarded; afterwards it goes on with unbroken sequence
// numbers, video with a keyframe.
func (r *Router) Mute(now time.Time, m protocol.MuteTrack) *protocol.Error {
	at := r.instant(now)
	t, err := r.track(m.Stream, m.Track)
	if err != nil || t.Muted == m.Muted {
		return err
	}
	t.Muted = m.Muted
	r.listen(at, t)
	r.interrupt(at, t)
	if t.in != nil {
		for _, s := range t.in.Sources {
			s.Losses = s.Losses[:0]
			s.Keyframe.First = 0
		}
	}
	if !t.Muted {
		r.wantAwaited(at, t)
	}
	r.schedule(at)
	return nil
}

// track finds a published track.
func (r *Router) track(stream protocol.StreamID, id protocol.TrackID) (*track, *protocol.Error) {
	pub := r.streams[stream]
	if pub == nil {
		return nil, protocol.Errorf(protocol.CodeNotFound, "there is no stream %d", stream)
	}
	if t := pub.track(id); t != nil {
		return t, nil
	}
	return nil, protocol.Errorf(protocol.CodeNotFound, "stream %d has no track %q", stream, id)
}
