package audible

import "slices"

// speechState is whether a stream is told to speak.
type speechState struct {
	Sum      int32 // of levels since the last list, dBov
	Count    int32
	Known    bool
	Speaking bool
	Pausing  bool // at the last look
	Smoothed int  // 1/16 dB, 0 while Known is false
	QuietFor int  // lists
}

const (
	speakingAbove = -50 // dBov, to begin
	silentBelow   = -58 // dBov, to end …
	silentLists   = 3   // … for so many lists
	maxSpeakers   = 8   // that are told
	levelStep     = 6   // dB that are worth telling
)

// Speakers lists who speaks, the loudest first, 8 at most, as it was last worth
// telling. The slice is valid until Advance.
func (s *Selector) Speakers() []Speaker { return s.state.Told }

// smooth takes in what was heard since the last list. A stream that sends
// nothing (DTX, mute) is silent.
func (l *speechState) smooth() {
	level := silence
	if l.Count > 0 {
		level = int(l.Sum / l.Count)
	}
	l.Sum, l.Count = 0, 0
	if !l.Known {
		l.Known, l.Smoothed = true, level*16
	}
	if d := level*16 - l.Smoothed; d > 0 {
		l.Smoothed += d * 3 / 4
	} else {
		l.Smoothed += d / 4
	}
	switch dB := l.Smoothed / 16; {
	case dB > speakingAbove:
		l.Speaking, l.QuietFor = true, 0
	case dB < silentBelow && l.Speaking:
		if l.QuietFor++; l.QuietFor >= silentLists {
			l.Speaking = false
		}
	}
}

// list makes the list of speakers and says whether it is worth telling.
func (s *Selector) list() bool {
	list := s.heard[:0]
	for i := range s.state.Streams {
		st := &s.state.Streams[i]
		if !st.Leveled {
			continue
		}
		st.Speech.smooth()
		if st.Speech.Speaking {
			list = append(list, Speaker{Stream: i, Level: st.Speech.Smoothed / 16})
		}
	}
	slices.SortStableFunc(list, func(a, b Speaker) int { return b.Level - a.Level })
	s.heard = list
	list = list[:min(len(list), maxSpeakers)]
	same := slices.EqualFunc(s.state.Told, list, func(a, b Speaker) bool {
		return a.Stream == b.Stream && max(a.Level-b.Level, b.Level-a.Level) < levelStep
	})
	if !same {
		s.state.Told = append(s.state.Told[:0], list...)
	}
	return !same
}
