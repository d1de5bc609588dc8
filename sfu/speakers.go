package sfu

import (
	"math"
	"slices"
	"time"

	"github.com/tertulia-rtc/tertulia/protocol"
	"github.com/tertulia-rtc/tertulia/sfu/audible"
)

// Configure sets what the media of the room follow.
func (r *Router) Configure(now time.Time, s protocol.RoomSettings) {
	r.state.Ears.Configure(audibleConfig(s.Audio))
	r.earsChanged(r.instant(now))
}

// audibleConfig says the same with other zeros.
func audibleConfig(s protocol.AudioSettings) audible.Config {
	cfg := audible.Config{Loudest: s.Loudest, Above: s.Above}
	switch {
	case s.Loudest == 0:
		cfg.Above = math.MaxInt
	case s.Above == 0:
		cfg.Above = -1
	}
	return cfg
}

// listen takes an audio track among those that are listened to, or out of them.
// One that cannot be heard takes nobody's place.
func (r *Router) listen(now instant, t *track) {
	if t.Kind != protocol.Audio {
		return
	}
	heard := !t.Muted && (t.in != nil || t.pub.From != 0) // what is beyond a pipe counts too
	switch {
	case heard && t.Ear < 0:
		t.Ear = slices.Index(r.ears, nil)
		if t.Ear < 0 {
			t.Ear = len(r.ears)
			r.ears = append(r.ears, nil)
		}
		r.ears[t.Ear] = t
		r.state.Ears.Add(t.Ear)
		t.Hushed = false
	case !heard && t.Ear >= 0:
		r.state.Ears.Remove(t.Ear)
		r.ears[t.Ear] = nil
		t.Ear = -1
	}
	r.earsChanged(now)
}

// contends says whether an audio track is one of those of which only the loudest are
// forwarded. Until it starts, what was negotiated tells.
func (r *Router) contends(t *track) bool {
	if t.Kind != protocol.Audio || !r.state.Ears.Limited() {
		return false
	}
	return t.Leveled || !t.Started && t.pub.From != 0 || !t.Started && t.peer != nil && slices.Contains(t.peer.Kinds[:], extAudioLevel)
}

// heard takes the level of one packet (RFC 6464).
func (r *Router) heard(now instant, t *track, level byte) {
	if r.state.Ears.Heard(int64(now), t.Ear, level&0x7f, level&0x80 != 0) {
		r.earsChanged(now)
	}
	if next := r.state.Ears.Next(); next != 0 {
		r.schedule(instant(next))
	}
}

// earsChanged carries out what has become of the audio tracks of a big room: those
// that are audible get slots from those that are not.
func (r *Router) earsChanged(now instant) {
	for _, c := range r.state.Ears.Changes() {
		t := r.ears[c.Stream]
		if t == nil || t.Hushed == !c.Audible {
			continue
		}
		t.Hushed = !c.Audible
		if t.Hushed {
			for _, s := range t.slots {
				s.Live = false
				if s.peer.Wanted[kindIndex(protocol.Audio)] > 0 {
					r.needRebind(s.peer) // somebody waits for the slot
				}
			}
			continue
		}
		for _, sub := range t.pub.subs {
			for _, st := range sub.Parts {
				if st.track == t && st.slot == nil && t.Started && r.wants(st) {
					r.seat(now, st)
				}
			}
		}
	}
	r.bind(now)
}

// seat gives a track that has become audible a slot at once, where there is one.
func (r *Router) seat(now instant, st *part) {
	p := r.byKey[TransportKey{st.sub.Participant, st.sub.Transport}]
	if p == nil {
		return
	}
	s, _, _ := r.slotFor(p, st)
	if s == nil {
		r.needRebind(p)
		return
	}
	if s.track != nil {
		r.release(s)
	}
	r.bindSlot(now, p, s, st)
	r.tellBound(st.sub, st)
}

// advanceSpeakers listens on, and tells who speaks when that changed.
func (r *Router) advanceSpeakers(now instant) {
	ears := r.state.Ears
	if next := ears.Next(); next == 0 {
		return
	} else if now < instant(next) {
		r.schedule(instant(next))
		return
	}
	told := ears.Advance(int64(now))
	r.earsChanged(now)
	if next := ears.Next(); next != 0 {
		r.schedule(instant(next))
	}
	if !told || r.state.Quiet {
		return
	}
	list := []protocol.Speaker{}
	for _, s := range ears.Speakers() {
		if t := r.ears[s.Stream]; t != nil {
			list = append(list, protocol.Speaker{Stream: t.pub.Stream, Track: t.ID, Level: s.Level})
		}
	}
	r.events = append(r.events, protocol.SpeakersChanged{Speakers: protocol.Speakers{Speakers: list}})
}
