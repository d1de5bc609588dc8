package layer

// Reason is why a Selector needs a keyframe.
type Reason uint8

// The reasons.
const (
	NotNeeded Reason = iota
	ToStart          // nothing is forwarded yet
	ToGoUp           // a higher layer is wanted
	ToGoDown         // a lower layer is wanted that does not decode without
	ToRepair         // a frame is lost that all later ones need
)

func (r Reason) String() string {
	return [...]string{"not needed", "to start", "to go up", "to go down", "to repair"}[min(r, ToRepair)]
}

const (
	// repairPatience is how long a retransmission may take.
	repairPatience = int64(500e6)
	// appearPatience is how long a spatial layer that has appeared may take to begin:
	// with the next picture of temporal layer 0, in libaom.
	appearPatience = int64(500e6)
	// temporalPatience is how long a switching point of temporal layers is waited for.
	temporalPatience = int64(3e9)
)

// NeedsKeyframe says whether a keyframe of the received stream has to be asked
// for to get on, and why. Ask again as time passes, and after Target has changed.
func (s *Selector) NeedsKeyframe(l *Layout, now int64) Reason {
	if s.Target.Spatial < 0 {
		return NotNeeded
	}
	if !s.On {
		return ToStart
	}
	if !s.Started || l.Version != s.Version {
		return NotNeeded // not layered, or a keyframe is about to come
	}
	want := s.want(l)
	switch {
	case s.MissingCount > 0 && now-s.Missing[0].At > repairPatience:
		return ToRepair
	case want < 0 || want == s.Current:
		if !s.intact(l) {
			return ToRepair
		}
	case l.Spatial[want] > l.Spatial[s.Current]:
		// A layer that appears may bring what it needs to begin with.
		if !s.Appeared || s.BehindAt != 0 && now-s.BehindAt > appearPatience {
			return ToGoUp
		}
	case l.Spatial[want] < l.Spatial[s.Current]:
		// The next picture may do; its decision says so by staying behind.
		if s.BehindAt != 0 {
			return ToGoDown
		}
	case !s.intact(l):
		return ToRepair
	case s.BehindAt != 0 && now-s.BehindAt > temporalPatience:
		return ToGoUp
	}
	return NotNeeded
}
