package sfu

// layerState is when the simulcast layers of a section are next compared.
type layerState struct {
	Next instant
}

const (
	layerInterval = 500 * millisecond
	layerSilence  = second // without a packet a layer does not flow
)

// scheduleLayer keeps comparisons going while layers flow.
func (r *Router) scheduleLayer(now instant, in *inbound) {
	if in.Layer.Next == 0 {
		in.Layer.Next = now + layerInterval
		r.schedule(in.Layer.Next)
	}
}

// advanceLayer chooses the layer that is forwarded: the one of the highest
// bitrate among those that flow, for every subscriber. Slots go over to it with
// its next keyframe.
func (r *Router) advanceLayer(now instant, in *inbound) {
	if in.Layer.Next == 0 {
		return
	}
	if now < in.Layer.Next {
		r.schedule(in.Layer.Next)
		return
	}
	in.Layer.Next = 0
	var best, current *source
	for _, s := range in.Sources {
		s.Rate = s.Window * 8 * uint64(second/layerInterval)
		s.Window = 0
		if s.Serial == in.Current {
			current = s
		}
		if !s.Seq.Started || now-s.LastAt > layerSilence {
			continue
		}
		if best == nil || s.Rate > best.Rate {
			best = s
		}
	}
	if best == nil {
		return
	}
	r.scheduleLayer(now, in)
	flows := current != nil && current.Seq.Started && now-current.LastAt <= layerSilence
	if best == current || flows && best.Rate < current.Rate+current.Rate/4 {
		return // not so much better that a keyframe is worth it
	}
	in.Current = best.Serial
	if in.track != nil {
		r.wantKeyframe(now, in.track)
	}
}
