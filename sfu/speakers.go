package sfu

import (
	"slices"

	"github.com/tertulia-rtc/tertulia/protocol"
)

// levelState is how loud a track is, from RFC 6464 levels, which are −127…0 dBov
// written without their sign.
type levelState struct {
	Sum      int // of the levels since the last tick
	Count    int
	Smoothed int // −127…0 dBov in 1/16, 0 while Known is false
	Known    bool
	Speaking bool
	QuietFor int // ticks below the threshold
}

// speakers is who is told to speak.
type speakers struct {
	Next instant // of the next tick, 0 while nothing is heard
	Told []protocol.Speaker
}

const (
	speakersInterval = 300 * millisecond
	speakingAbove    = -50 // dBov, to begin
	silentBelow      = -58 // dBov, to end …
	silentTicks      = 3   // … for so many ticks
	maxSpeakers      = 8   // that are told
	levelStep        = 6   // dB that are worth telling
	silence          = -127
)

// heard takes the level of one packet.
func (r *Router) heard(now instant, t *track, level byte) {
	t.Level.Sum -= int(level & 0x7f)
	t.Level.Count++
	if s := &r.state.Speakers; s.Next == 0 {
		s.Next = now + speakersInterval
		r.schedule(s.Next)
	}
}

// tick smooths what was heard since the last one. A track that sends nothing
// (DTX, mute) is silent.
func (l *levelState) tick() {
	level := silence
	if l.Count > 0 {
		level = l.Sum / l.Count
	}
	l.Sum, l.Count = 0, 0
	if !l.Known {
		l.Known, l.Smoothed = true, level*16
	}
	// Quick to notice speech, slower to forget it between words.
	if d := level*16 - l.Smoothed; d > 0 {
		l.Smoothed += d * 3 / 4
	} else {
		l.Smoothed += d / 4
	}
	switch dB := l.Smoothed / 16; {
	case dB > speakingAbove:
		l.Speaking, l.QuietFor = true, 0
	case dB < silentBelow && l.Speaking:
		if l.QuietFor++; l.QuietFor >= silentTicks {
			l.Speaking = false
		}
	}
}

// advanceSpeakers tells who speaks when that changed.
func (r *Router) advanceSpeakers(now instant) {
	s := &r.state.Speakers
	if s.Next == 0 {
		return
	}
	if now < s.Next {
		r.schedule(s.Next)
		return
	}
	s.Next = 0
	heard := false
	var list []protocol.Speaker
	for _, pub := range r.state.Publications {
		for _, t := range pub.Tracks {
			if t.Kind != protocol.Audio || !t.Level.Known && t.Level.Count == 0 {
				continue
			}
			heard = heard || t.Level.Count > 0
			t.Level.tick()
			if t.Level.Speaking {
				list = append(list, protocol.Speaker{Stream: pub.Stream, Track: t.ID, Level: t.Level.Smoothed / 16})
			}
		}
	}
	slices.SortStableFunc(list, func(a, b protocol.Speaker) int { return b.Level - a.Level })
	list = list[:min(len(list), maxSpeakers)]
	if heard || len(list) > 0 {
		s.Next = now + speakersInterval
		r.schedule(s.Next)
	}
	if s.same(list) {
		return
	}
	s.Told = list
	r.events = append(r.events, protocol.SpeakersChanged{Speakers: protocol.Speakers{Speakers: append([]protocol.Speaker{}, list...)}})
}

// same says whether a list is not worth telling after the last one.
func (s *speakers) same(list []protocol.Speaker) bool {
	return slices.EqualFunc(s.Told, list, func(a, b protocol.Speaker) bool {
		return a.Stream == b.Stream && a.Track == b.Track && max(a.Level-b.Level, b.Level-a.Level) < levelStep
	})
}
