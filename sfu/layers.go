package sfu

import (
	"cmp"
	"slices"

	"github.com/tertulia-rtc/tertulia/protocol"
	"github.com/tertulia-rtc/tertulia/sdp"
	"github.com/tertulia-rtc/tertulia/sfu/allocation"
	"github.com/tertulia-rtc/tertulia/sfu/layer"
)

const (
	layerInterval = 500 * millisecond
	layerSilence  = second // without a packet a received stream does not flow
	peakMemory    = 20     // intervals in which a peak halves about twice
)

// surveyState is when a section's layers are looked at next.
type surveyState struct {
	Next instant
}

// choice is one quality of a track: a received stream and a target in it. It
// belongs to the option of the same index.
type choice struct {
	source            *source
	spatial, temporal uint8 // in the stream
	target            layer.Target
}

// scheduleSurvey keeps the looking at layers going while packets come.
func (r *Router) scheduleSurvey(now instant, in *inbound) {
	if in.Survey.Next == 0 {
		in.Survey.Next = (now + layerInterval).on(grid)
		r.schedule(in.Survey.Next)
	}
}

// advanceSurvey measures the streams of a section. What its track offers has
// changed by now, so all who receive it share their links anew.
func (r *Router) advanceSurvey(now instant, in *inbound) {
	if in.Survey.Next == 0 {
		return
	}
	if now < in.Survey.Next {
		r.schedule(in.Survey.Next)
		return
	}
	in.Survey.Next = 0
	flows := false
	for _, s := range in.Sources {
		s.Rate = s.Window * 8 * uint64(second) / uint64(layerInterval)
		s.Window = 0
		flows = flows || s.flows(now)
	}
	if flows {
		r.scheduleSurvey(now, in)
	}
	if in.track == nil || in.Kind != sdp.Video {
		return
	}
	in.track.survey(now)
	for _, sl := range in.track.slots {
		r.wantShare(sl.peer, now)
	}
	r.advanceWanted(now, in.track)
}

// flows says whether packets of a stream come.
func (s *source) flows(now instant) bool {
	return s.Seq.Started && now-s.LastAt <= layerSilence
}

// survey lists what a track offers now, the smallest first.
func (t *track) survey(now instant) {
	t.options, t.choices = t.options[:0], t.choices[:0]
	if t.in == nil {
		return
	}
	t.ranked = t.ranked[:0]
	for _, s := range t.in.Sources {
		if s.flows(now) && s.in.track == t {
			s.layers = s.Tracker.AppendLayers(int64(now), s.layers[:0])
			t.ranked = append(t.ranked, s)
		}
	}
	slices.SortStableFunc(t.ranked, func(a, b *source) int {
		return cmp.Or(cmp.Compare(a.height(), b.height()), cmp.Compare(a.Rate, b.Rate))
	})
	below := 0 // spatial layers of smaller streams
	for _, s := range t.ranked {
		top := 0
		for i := range s.layers {
			l := &s.layers[i]
			if !l.Flowing && len(s.layers) > 1 {
				continue
			}
			top = max(top, int(l.Spatial)+1)
			s.notePeak(i, int64(l.Bitrate))
			t.options = append(t.options, allocation.Option{
				Layer: allocation.Layer{Spatial: int8(min(below+int(l.Spatial), 7)), Temporal: int8(l.Temporal)},
				Width: int(l.Width), Height: int(l.Height), FPS: float64(l.FrameRate),
				Bitrate: cmp.Or(int64(l.Bitrate), presumed(l)), Peak: s.Peaks[i],
			})
			t.choices = append(t.choices, choice{s, l.Spatial, l.Temporal, layer.Target{Spatial: int8(l.Spatial), Temporal: int8(l.Temporal)}})
		}
		t.openTop(s)
		below += max(top, 1)
	}
}

// openTop makes the highest choice of a stream mean all of it: layers that have not
// been seen yet belong to it too.
func (t *track) openTop(s *source) {
	highest := layer.Target{}
	for _, c := range t.choices {
		if c.source == s {
			highest.Spatial, highest.Temporal = max(highest.Spatial, c.target.Spatial), max(highest.Temporal, c.target.Temporal)
		}
	}
	for i := range t.choices {
		c := &t.choices[i]
		if c.source != s {
			continue
		}
		if c.target.Spatial == highest.Spatial {
			c.target.Spatial = layer.Whole.Spatial
		}
		if c.target.Temporal == highest.Temporal {
			c.target.Temporal = layer.Whole.Temporal
		}
	}
}

// height is that of a stream's largest picture, 0 while it is not known.
func (s *source) height() (h uint16) {
	for i := range s.layers {
		h = max(h, s.layers[i].Height)
	}
	return h
}

// notePeak keeps the most that a layer took lately.
func (s *source) notePeak(i int, bitrate int64) {
	for len(s.Peaks) <= i {
		s.Peaks = append(s.Peaks, 0)
	}
	s.Peaks[i] = max(bitrate, s.Peaks[i]-s.Peaks[i]/peakMemory)
}

// presumed is the bitrate of a layer that has not been measured yet.
func presumed(l *layer.Layer) int64 {
	return max(int64(l.Width)*int64(l.Height)*2, 100_000)
}

// chosen gives the choice for a decision, or nil.
func (t *track) chosen(option int) *choice {
	if option < 0 || option >= len(t.choices) {
		return nil
	}
	return &t.choices[option]
}

// presentLayer describes what a slot gets now, for statistics; nil for nothing.
func (s *slot) presentLayer() *protocol.Layer {
	t := s.track
	if t == nil || s.Kind != protocol.Video || !s.Live && (s.Slides.Period == 0 || s.Run.Source == 0 || s.Aim == 0) {
		return nil
	}
	l := &protocol.Layer{Reason: s.Decision.Reason.String()}
	for i, c := range t.choices {
		if c.source.Serial != s.Run.Source {
			continue
		}
		if spatial, temporal, ok := s.Run.Cut.Selector.Forwarded(&c.source.Tracker.Layout); ok && (spatial != c.spatial || temporal != c.temporal) {
			continue
		}
		o := &t.options[i]
		l.RID, l.Spatial, l.Temporal = c.source.RID, int(c.spatial), int(c.temporal)
		l.Width, l.Height, l.FrameRate, l.Bitrate = o.Width, o.Height, o.FPS, uint64(o.Bitrate)
	}
	return l
}
