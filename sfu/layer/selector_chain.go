package layer

import (
	"slices"

	"github.com/tertulia-rtc/tertulia/codec"
)

// miss takes note of a frame that is needed. More than a few mean that a keyframe
// will be needed anyhow.
func (s *Selector) miss(frame uint32, now int64) {
	known := s.Missing[:s.MissingCount]
	if !slices.ContainsFunc(known, func(m missing) bool { return m.Frame == frame }) && len(known) < len(s.Missing) {
		s.Missing[s.MissingCount] = missing{frame, now}
		s.MissingCount++
	}
}

// found takes a frame off the list of missing ones.
func (s *Selector) found(frame uint32) {
	known := s.Missing[:s.MissingCount]
	s.MissingCount = uint8(len(slices.DeleteFunc(known, func(m missing) bool { return m.Frame == frame })))
}

// checkChains finds out whether the frame tells of others before it that were
// held back, or have not come.
func (s *Selector) checkChains(l *Layout, p *codec.PacketInfo, now int64) {
	for c := range l.Chains {
		back := uint32(p.Chains[c])
		if back == 0 {
			continue
		}
		sent, dropped := s.state(back)
		switch {
		case sent:
		case dropped || !s.On || l.Chain[s.Current] != c:
			s.Intact &^= 1 << c
		default:
			s.miss(p.Frame-back, now)
		}
	}
}

// state says what became of the frame that is so far before the newest one.
func (s *Selector) state(back uint32) (sent, dropped bool) {
	if back < 64 {
		return s.Sent>>back&1 != 0, s.Dropped>>back&1 != 0
	}
	if back >= history {
		return false, false
	}
	r := &s.Records[(s.Highest-back)%history]
	return r.Bits&uint8(Forward) != 0, r.Bits&recordDropped != 0
}

// begin takes note of the chains that a forwarded frame begins.
func (s *Selector) begin(l *Layout, p *codec.PacketInfo) {
	for c := range l.Chains {
		if p.Chains[c] == 0 {
			s.Intact |= 1 << c
			if l.Chain[s.Current] == c {
				s.MissingCount, s.ChainAt = 0, p.Frame
			}
		}
	}
	if p.Flags&codec.KeyFrame != 0 {
		s.MissingCount = 0
	}
}
