package layer

import "github.com/tertulia-rtc/tertulia/codec"

// choose finds the decode target to forward from this frame on, and says whether
// forwarding starts with it.
func (s *Selector) choose(l *Layout, p *codec.PacketInfo, now int64) (started bool) {
	want := s.want(l)
	switch {
	case !s.On:
		s.BehindAt = 0
		if want < 0 || !p.Flags.Has(codec.KeyFrame|codec.FrameStart) {
			return false
		}
		to := l.best(p.Switch&l.active(), l.spatial(want), l.temporal(want))
		if to < 0 {
			return false
		}
		s.On, s.Current = true, to
		return true
	case want < 0:
		if p.Flags&codec.PictureStart != 0 {
			s.On = false
		}
		return false
	case want != s.Current:
		s.move(l, p, want)
	case p.Flags&codec.PictureStart != 0 && !s.intact(l):
		s.fall(l, p)
	}
	if s.Current == want {
		s.BehindAt = 0
	} else if s.BehindAt == 0 {
		s.BehindAt = now
	}
	return false
}

// move goes towards the decode target that is wanted, as far as this frame allows.
func (s *Selector) move(l *Layout, p *codec.PacketInfo, want int8) {
	spatial, temporal := l.spatial(want), l.temporal(want)
	free := s.decodes(p) && p.Flags&codec.FrameStart != 0
	if free && p.Flags&codec.KeyFrame != 0 {
		if to := l.best(p.Switch&l.active(), spatial, temporal); to >= 0 {
			s.Current = to
			return
		}
	}
	if p.Flags&codec.PictureStart != 0 {
		s.lower(l, p, spatial, temporal)
		if !s.intact(l) {
			s.fall(l, p)
		}
	}
	if !free || s.MissingCount > 0 || !s.intact(l) || s.Current == want {
		return
	}
	if !l.Descriptor && p.References&^2 != 0 {
		// A frame that refers to earlier pictures tells of temporal layers only.
		spatial = min(spatial, l.spatial(s.Current))
	}
	to := l.best(p.Switch&l.active(), spatial, temporal)
	if to >= 0 && to != s.Current && l.Spatial[to] >= l.Spatial[s.Current] && l.Temporal[to] >= l.Temporal[s.Current] {
		s.Current = to
		s.Intact |= s.chainBit(l)
	}
}

// decodes says whether all that a new frame refers to was forwarded.
func (s *Selector) decodes(p *codec.PacketInfo) bool {
	return p.References&^s.Sent == 0 && p.Flags&codec.FarReference == 0
}

// lower goes down where either layer is above what is wanted: to a target that is
// part of the current one, or whose chain was forwarded too. Where there is none
// (the lower spatial layers are not needed for the upper ones, and were held
// back), only the pictures of temporal layer 0 go on, until a keyframe.
func (s *Selector) lower(l *Layout, p *codec.PacketInfo, spatial, temporal int8) {
	curSpatial, curTemporal := l.spatial(s.Current), l.temporal(s.Current)
	if spatial >= curSpatial && temporal >= curTemporal {
		return
	}
	reachable := l.Covers[s.Current]
	if s.decodes(p) {
		reachable |= s.intactTargets(l)
	}
	to := l.best(reachable&l.active(), min(spatial, curSpatial), min(temporal, curTemporal))
	if to < 0 {
		to = l.best(l.Covers[s.Current], curSpatial, 0)
	}
	if to >= 0 {
		s.Current = to
	}
}

// fall goes to the best lower target that still decodes, when the current one's
// chain is broken for good. Without one, things stay until the next keyframe.
func (s *Selector) fall(l *Layout, p *codec.PacketInfo) {
	if !s.decodes(p) {
		return
	}
	if to := l.best(l.active()&s.intactTargets(l), l.spatial(s.Current), l.temporal(s.Current)); to >= 0 {
		s.Current = to
		s.MissingCount = 0
	}
}

// intactTargets is the set of decode targets whose chain is intact.
func (s *Selector) intactTargets(l *Layout) uint16 {
	var set uint16
	for i := range l.Targets {
		if c := l.Chain[i]; c < codec.MaxLayerChains && s.Intact>>c&1 != 0 {
			set |= 1 << i
		}
	}
	return set
}

// intact says whether the current chain is, as far as frames have come. A target
// without a chain cannot break.
func (s *Selector) intact(l *Layout) bool {
	bit := s.chainBit(l)
	return bit == 0 || s.Intact&bit != 0
}

func (s *Selector) chainBit(l *Layout) uint8 {
	if c := l.Chain[s.Current]; c < codec.MaxLayerChains {
		return 1 << c
	}
	return 0
}

// want gives the decode target that Target stands for, −1 for none.
func (s *Selector) want(l *Layout) int8 {
	if s.WantedKnown && s.WantedFor == s.Target && s.WantedActive == l.Active && s.WantedVersion == l.Version {
		return s.Wanted
	}
	s.Appeared = s.WantedKnown && s.WantedFor == s.Target && s.WantedVersion == l.Version
	s.WantedKnown, s.WantedFor, s.WantedActive, s.WantedVersion = true, s.Target, l.Active, l.Version
	s.Wanted = l.best(l.active(), s.Target.Spatial, s.Target.Temporal)
	if s.Wanted < 0 && s.Target.Spatial >= 0 {
		s.Wanted = l.lowest()
	}
	return s.Wanted
}
