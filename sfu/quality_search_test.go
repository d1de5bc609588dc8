package sfu

import (
	"cmp"
	"math"
	"slices"

	"github.com/tertulia-rtc/tertulia/sfu/allocation"
)

// This file says the rules of docs/allocation.md once more, for cameras whose
// subscribers want no more than a size, and tries all allocations. It shares no code
// with the package that it judges.

// rung is a layer on the ladder of a track.
type rung struct {
	allocation.Option
	index   int // in the track's options
	order   float64
	caution int64
	need    float64
}

// ladderOf gives what of a track is of use, the least first, and the order of what it had.
func ladderOf(t *allocation.Track) (ladder []rung, held float64) {
	held = -1
	if t.Wants.Paused {
		return nil, held
	}
	var all []rung
	fastest, largest := 0.0, int8(0)
	for i, o := range t.Options {
		if o.Bitrate <= 0 {
			continue
		}
		if o.FPS == 0 {
			highest := int8(0)
			for _, p := range t.Options {
				if p.Spatial == o.Spatial && p.Bitrate > 0 {
					highest = max(highest, p.Temporal)
				}
			}
			o.FPS = 30 / math.Pow(2, float64(highest-o.Temporal))
		}
		c := o.Bitrate + o.Bitrate/4
		if o.Peak > 0 {
			c = max(o.Bitrate, o.Peak)
			c += c / 20
		}
		all = append(all, rung{Option: o, index: i, caution: c})
		fastest, largest = max(fastest, o.FPS), max(largest, o.Spatial)
	}
	slices.SortFunc(all, func(a, b rung) int {
		return cmp.Or(cmp.Compare(a.Spatial, b.Spatial), cmp.Compare(a.Temporal, b.Temporal))
	})
	scale := func(o allocation.Option) float64 { // by which it is enlarged when it is drawn
		s := math.Inf(1)
		if t.Wants.Width > 0 {
			s = float64(t.Wants.Width) / float64(o.Width)
		}
		if t.Wants.Height > 0 {
			s = min(s, float64(t.Wants.Height)/float64(o.Height))
		}
		return s
	}
	limited := t.Wants.Width > 0 || t.Wants.Height > 0
	for _, l := range slices.Backward(all) {
		if limited && l.Width > 0 && scale(l.Option) <= 1.1043 {
			largest = l.Spatial
		}
	}
	fastest = min(fastest, 24)
	motion := func(l rung) int {
		switch {
		case l.FPS/fastest >= 0.8:
			return 2
		case l.FPS/fastest >= 0.4:
			return 1
		}
		return 0
	}
	area := 0.0
	for i := range all {
		l := &all[i]
		l.order = float64(motion(*l))*64 + float64(l.Spatial)*8 + float64(l.Temporal)
		if l.Spatial < t.Current.Spatial || l.Spatial == t.Current.Spatial && l.Temporal <= t.Current.Temporal {
			held = max(held, l.order)
		}
		area = float64(l.Width) * float64(l.Height)
		if limited {
			area *= scale(l.Option) * scale(l.Option)
		}
	}
	for _, l := range all {
		if l.Layer == t.Current {
			held = l.order
		}
	}
	all = slices.DeleteFunc(all, func(l rung) bool { return l.Spatial > largest })
	slices.SortFunc(all, func(a, b rung) int { return cmp.Compare(b.order, a.order) })
	for _, l := range all {
		more := l.Spatial < largest && motion(l) == 2 && slices.ContainsFunc(all, func(m rung) bool {
			return m.Spatial == l.Spatial && m.order < l.order && motion(m) == 2 && m.Bitrate < l.Bitrate
		})
		if !more && !slices.ContainsFunc(ladder, func(m rung) bool { return m.Bitrate <= l.Bitrate || m.Spatial < l.Spatial }) {
			ladder = append(ladder, l)
		}
	}
	slices.Reverse(ladder)
	for i := 1; i < len(ladder); i++ {
		l, below := &ladder[i], ladder[i-1]
		sharp := math.Pow(4, -float64(largest-l.Spatial))
		if l.Width > 0 {
			sharp = min(1, float64(l.Width)*float64(l.Height)/area)
		}
		quality := sharp * []float64{1. / 16, 1. / 4, 1}[motion(*l)]
		if l.Spatial == below.Spatial && l.Spatial == largest && motion(below) == 2 {
			quality *= 4
		}
		l.need = max(quality/float64(max(t.Priority, 1)), below.need)
		l.caution = max(l.caution, below.caution)
	}
	return ladder, held
}

// bestShare gives the option of each track in the best allocation, −1 for none. All
// tracks are of one shape and one priority, or of priorities that differ.
func bestShare(in *allocation.Input) []int {
	type step struct {
		track, level int
		need         float64
	}
	var ladders [][]rung
	var held []float64
	for i := range in.Tracks {
		l, h := ladderOf(&in.Tracks[i])
		ladders, held = append(ladders, l), append(held, h)
	}
	priority := func(i int) int { return max(in.Tracks[i].Priority, 1) }
	sameShape := func(i, j int) bool {
		return slices.EqualFunc(in.Tracks[i].Options, in.Tracks[j].Options, func(a, b allocation.Option) bool { return a.Layer == b.Layer })
	}
	var steps []step
	for i, ladder := range ladders {
		for k, l := range ladder {
			s := step{i, k, l.need}
			for j, other := range ladders {
				if k == 0 || priority(j) <= priority(i) || !sameShape(i, j) || len(other) == 0 {
					continue
				}
				// It waits for what the higher priority needs to be level with it.
				m := slices.IndexFunc(other, func(o rung) bool { return o.order >= l.order })
				if m < 0 {
					m = len(other) - 1
				}
				s.need = max(s.need, other[m].need)
			}
			steps = append(steps, s)
		}
	}
	slices.SortStableFunc(steps, func(a, b step) int {
		need := cmp.Compare(a.need, b.need)
		if math.Abs(a.need-b.need) < 1e-6*a.need {
			need = 0
		}
		return cmp.Or(need, cmp.Compare(priority(b.track), priority(a.track)), cmp.Compare(held[b.track], held[a.track]), cmp.Compare(a.track, b.track))
	})
	permitted := func(levels []int) bool {
		used, caution, rises := in.Audio, in.Audio, false
		for i, k := range levels {
			if k < 0 {
				continue
			}
			l := ladders[i][k]
			used, caution, rises = used+l.Bitrate, caution+l.caution, rises || l.order > held[i]
			for j, m := range levels {
				if k < 1 || priority(j) <= priority(i) || !sameShape(i, j) || m == len(ladders[j])-1 {
					continue
				}
				if m < 0 || ladders[j][m].order < l.order {
					return false
				}
			}
		}
		return used <= in.Estimate && (!rises || caution <= in.Estimate)
	}
	levels := slices.Repeat([]int{-1}, len(ladders))
	best, most := slices.Clone(levels), uint64(0)
	for {
		value := uint64(0)
		for i, s := range steps {
			if levels[s.track] >= s.level {
				value |= 1 << (63 - i)
			}
		}
		if value > most && permitted(levels) {
			best, most = slices.Clone(levels), value
		}
		i := 0
		for ; i < len(levels); i++ {
			if levels[i]++; levels[i] < len(ladders[i]) {
				break
			}
			levels[i] = -1
		}
		if i == len(levels) {
			break
		}
	}
	for i, k := range best {
		if k >= 0 {
			best[i] = ladders[i][k].index
		}
	}
	return best
}
