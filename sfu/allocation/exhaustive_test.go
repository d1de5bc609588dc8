package allocation_test

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	. "github.com/tertulia-rtc/tertulia/sfu/allocation"
)

// This file says the rules of docs/allocation.md again, plainly and slowly, and
// tries all allocations. It shares no code with the package.

// reference is a track as the rules see it.
type reference struct {
	*Track
	priority float64
	held     float64 // order of the current layer, or −1
	shape    string
	area     float64
	best     float64
	top      int8    // spatial layer that is still of use
	ladder   []level // lowest first
}

type level struct {
	Option
	order   float64 // preference within the track
	caution int64
	need    float64
}

func fps(t *Track, o Option) float64 {
	if o.FPS > 0 {
		return o.FPS
	}
	highest := int8(0)
	for _, p := range t.Options {
		if p.Spatial == o.Spatial && p.Bitrate > 0 {
			highest = max(highest, p.Temporal)
		}
	}
	return 30 / math.Pow(2, float64(highest-o.Temporal))
}

// scale is by how much the picture is enlarged when it is shown.
func scale(w Wants, o Option) float64 {
	s := math.Inf(1)
	if w.Width > 0 {
		s = float64(w.Width) / float64(o.Width)
	}
	if w.Height > 0 {
		s = min(s, float64(w.Height)/float64(o.Height))
	}
	return s
}

func (r *reference) motion(o Option) int {
	ratio := fps(r.Track, o) / r.best
	switch {
	case ratio >= 0.8:
		return 2
	case ratio >= 0.4:
		return 1
	}
	return 0
}

func (r *reference) order(o Option) float64 {
	if r.Screen {
		return float64(o.Spatial)*8 + float64(o.Temporal)
	}
	return float64(r.motion(o))*64 + float64(o.Spatial)*8 + float64(o.Temporal)
}

func refer(t *Track) *reference {
	r := &reference{Track: t, priority: float64(min(max(t.Priority, 1), 100)), held: -1}
	if t.Wants.Paused {
		return r
	}
	limited := t.Wants.Width > 0 || t.Wants.Height > 0
	var flowing []Option
	for _, o := range t.Options {
		if o.Bitrate > 0 {
			flowing = append(flowing, o)
		}
	}
	slices.SortFunc(flowing, func(a, b Option) int {
		return cmp.Or(cmp.Compare(a.Spatial, b.Spatial), cmp.Compare(a.Temporal, b.Temporal))
	})
	slowest := func(s int8) float64 {
		low := math.Inf(1)
		for _, o := range flowing {
			if o.Spatial == s {
				low = min(low, fps(t, o))
			}
		}
		return low
	}
	// Wanted frame rate, wanted size.
	var wanted []Option
	for _, o := range flowing {
		r.shape += fmt.Sprint(o.Spatial, o.Temporal, t.Screen, " ")
		if t.Wants.FPS == 0 || fps(t, o) <= 1.4*t.Wants.FPS || fps(t, o) == slowest(o.Spatial) {
			wanted = append(wanted, o)
			r.best = max(r.best, fps(t, o))
		}
		r.top = o.Spatial
	}
	r.best = min(r.best, 24)
	for _, o := range slices.Backward(flowing) {
		if limited && o.Width > 0 && scale(t.Wants, o) <= math.Sqrt(1/0.82) {
			r.top = o.Spatial
		}
	}
	for _, o := range flowing {
		if o.Layer == t.Current || o.Spatial < t.Current.Spatial || o.Spatial == t.Current.Spatial && o.Temporal < t.Current.Temporal {
			r.held = max(r.held, r.order(o))
		}
	}
	for _, o := range flowing {
		if o.Layer == t.Current {
			r.held = r.order(o)
		}
	}
	pixels := func(o Option) float64 { return float64(o.Width) * float64(o.Height) }
	if len(flowing) > 0 {
		largest := flowing[len(flowing)-1]
		r.area = pixels(largest)
		if limited {
			s := scale(t.Wants, largest)
			r.area *= s * s
		}
	}
	// Options that the wants leave, best first.
	var left []level
	for _, o := range wanted {
		l := level{Option: o, order: r.order(o), caution: o.Bitrate + o.Bitrate/4}
		if o.Peak > 0 {
			l.caution = max(o.Bitrate, o.Peak) + max(o.Bitrate, o.Peak)/20
		}
		limit := t.Wants.MaxBitrate
		if o.Spatial > r.top || limit > 0 && (o.Bitrate > limit || l.order > r.held && l.caution > limit) {
			continue
		}
		left = append(left, l)
	}
	slices.SortFunc(left, func(a, b level) int { return cmp.Compare(b.order, a.order) })
	top := int8(-1)
	for _, l := range left {
		top = max(top, l.Spatial)
	}
	// Below the largest size a camera needs no more than fluent motion.
	left = slices.DeleteFunc(slices.Clone(left), func(l level) bool {
		return !t.Screen && l.Spatial < top && r.motion(l.Option) == 2 && slices.ContainsFunc(left, func(m level) bool {
			return m.Spatial == l.Spatial && m.order < l.order && r.motion(m.Option) == 2 && m.Bitrate < l.Bitrate
		})
	})
	// Nothing on the ladder costs more, or is larger, than what is better.
	for _, l := range left {
		if !slices.ContainsFunc(r.ladder, func(m level) bool { return m.Bitrate <= l.Bitrate || m.Spatial < l.Spatial }) {
			r.ladder = append(r.ladder, l)
		}
	}
	slices.Reverse(r.ladder)
	// Needs.
	for i := 1; i < len(r.ladder); i++ {
		l, below := &r.ladder[i], r.ladder[i-1]
		sharp := math.Pow(4, -float64(r.top-l.Spatial))
		if l.Width > 0 {
			sharp = min(1, pixels(l.Option)/r.area)
			if limited {
				s := scale(t.Wants, l.Option)
				sharp = min(1, 1/(s*s))
			}
		}
		q := sharp
		if !t.Screen {
			q *= []float64{1. / 16, 1. / 4, 1}[r.motion(l.Option)]
		}
		if l.Spatial == below.Spatial && l.Spatial == top && (t.Screen || r.motion(below.Option) == 2) {
			q *= 4
		}
		l.need = max(q/r.priority, below.need)
		l.caution = max(l.caution, below.caution)
	}
	return r
}

type refStep struct{ track, level int }

// rankSteps puts all steps in the order of the rules.
func rankSteps(refs []*reference) []refStep {
	need := map[refStep]float64{}
	var steps []refStep
	for i, r := range refs {
		for k, l := range r.ladder {
			n := l.need
			if k > 0 {
				for _, h := range refs {
					if h.shape != r.shape || h.priority <= r.priority || len(h.ladder) == 0 {
						continue
					}
					for m, hl := range h.ladder {
						if hl.order >= l.order || m == len(h.ladder)-1 {
							n = max(n, hl.need)
							break
						}
					}
				}
			}
			need[refStep{i, k}] = n
			steps = append(steps, refStep{i, k})
		}
	}
	// Inherited needs do not fall along a ladder either.
	slices.SortStableFunc(steps, func(a, b refStep) int {
		ra, rb := refs[a.track], refs[b.track]
		byNeed := cmp.Compare(need[a], need[b])
		if math.Abs(need[a]-need[b]) < 1e-6*need[a] {
			byNeed = 0
		}
		byArea := cmp.Compare(rb.area, ra.area)
		if math.Abs(ra.area-rb.area) < 0.5 {
			byArea = 0
		}
		return cmp.Or(byNeed, cmp.Compare(rb.priority, ra.priority), byArea,
			cmp.Compare(rb.held, ra.held), cmp.Compare(a.track, b.track), cmp.Compare(a.level, b.level))
	})
	return steps
}

// permitted says whether an allocation (a level per track, −1 is paused) keeps
// the rules.
func permitted(refs []*reference, levels []int, budget int64) bool {
	var used, caution int64
	rising := false
	for i, k := range levels {
		if k < 0 {
			continue
		}
		l := refs[i].ladder[k]
		used += l.Bitrate
		caution += l.caution
		rising = rising || l.order > refs[i].held
	}
	if used > budget || rising && caution > budget {
		return false
	}
	// The higher priority is never on a lower layer.
	for i, low := range refs {
		if levels[i] < 1 {
			continue
		}
		for j, high := range refs {
			if high.priority <= low.priority || high.shape != low.shape || len(high.ladder) == 0 || levels[j] == len(high.ladder)-1 {
				continue
			}
			if levels[j] < 0 || high.ladder[levels[j]].order < low.ladder[levels[i]].order {
				return false
			}
		}
	}
	return true
}

// best tries all allocations.
func best(refs []*reference, budget int64) []int {
	steps := rankSteps(refs)
	value := func(levels []int) (v uint64) {
		for i, s := range steps {
			if levels[s.track] >= s.level {
				v |= 1 << (63 - i)
			}
		}
		return v
	}
	levels := make([]int, len(refs))
	for i := range levels {
		levels[i] = -1
	}
	winner, most := slices.Clone(levels), uint64(0)
	for {
		if v := value(levels); v >= most && permitted(refs, levels, budget) {
			winner, most = slices.Clone(levels), v
		}
		i := 0
		for ; i < len(levels); i++ {
			if levels[i]++; levels[i] < len(refs[i].ladder) {
				break
			}
			levels[i] = -1
		}
		if i == len(levels) {
			return winner
		}
	}
}

// randomTrack is one of many shapes, with bitrates that publishers really send
// and some that they do not.
func randomTrack(rng *rand.Rand) Track {
	pick := func(n ...int) int { return n[rng.IntN(len(n))] }
	spatial, temporal := pick(1, 2, 3, 3), pick(1, 2, 3, 3)
	rates := [][]int64{{900e3}, {200e3, 900e3}, cameraRates}[spatial-1]
	t := Track{Priority: pick(0, 1, 1, 2, 2, 3, 4, 7), Screen: rng.IntN(4) == 0, Current: None}
	t.Options = layersOf(float64(pick(15, 30, 30, 60)), temporal, rates...)
	for i := range t.Options {
		o := &t.Options[i]
		spread := 0.2
		if rng.IntN(10) == 0 {
			spread = 1.9
		}
		o.Bitrate = int64(float64(o.Bitrate) * (1 + spread*(rng.Float64()-0.5)))
		if rng.IntN(2) == 0 {
			o.Peak = int64(float64(o.Bitrate) * (0.9 + rng.Float64()/2))
		}
		if rng.IntN(20) == 0 {
			o.Bitrate = 0
		}
	}
	if rng.IntN(8) == 0 {
		for i := range t.Options {
			o := &t.Options[i]
			o.Width, o.Height, o.FPS = 0, 0, 0
		}
	} else if rng.IntN(3) > 0 {
		w := pick(160, 320, 500, 640, 960, 1280, 1920)
		t.Wants.Width, t.Wants.Height = w, w*9/16
	}
	if rng.IntN(8) == 0 {
		t.Wants.FPS = float64(pick(5, 10, 15, 24))
	}
	if rng.IntN(8) == 0 {
		t.Wants.MaxBitrate = rng.Int64N(2e6)
	}
	t.Wants.Paused = rng.IntN(20) == 0
	if rng.IntN(3) > 0 {
		t.Current = Layer{int8(rng.IntN(spatial)), int8(rng.IntN(temporal))}
	}
	return t
}

func randomInput(rng *rand.Rand) Input {
	in := Input{Audio: rng.Int64N(100e3)}
	combinations := 1
	for range 2 + rng.IntN(5) {
		t := randomTrack(rng)
		if len(in.Tracks) > 0 && rng.IntN(2) == 0 { // of a shape that is there already
			p := t.Priority
			t = in.Tracks[rng.IntN(len(in.Tracks))]
			t.Options = slices.Clone(t.Options)
			for i := range t.Options {
				t.Options[i].Bitrate += t.Options[i].Bitrate * rng.Int64N(20) / 100
			}
			t.Priority = p
		}
		in.Tracks = append(in.Tracks, t)
		combinations *= len(refer(&t).ladder) + 1
	}
	if combinations > 30000 {
		in.Tracks = in.Tracks[:2]
	}
	in.Estimate = in.Audio + int64(math.Exp(math.Log(40e3)+rng.Float64()*math.Log(200)))
	return in
}

// "The best set of layers that fits the estimate, as an exhaustive search in the
// test finds it."
func TestAgainstExhaustiveSearch(t *testing.T) {
	cases := 4000
	if testing.Short() {
		cases = 500
	}
	rng := rand.New(rand.NewPCG(3, 4))
	for n := range cases {
		in := randomInput(rng)
		var refs []*reference
		for i := range in.Tracks {
			refs = append(refs, refer(&in.Tracks[i]))
		}
		want := best(refs, in.Estimate-in.Audio)
		res := share(t, &in)
		for i, d := range res.Decisions {
			layer := None
			if want[i] >= 0 {
				layer = refs[i].ladder[want[i]].Layer
			}
			if d.Layer != layer {
				t.Fatalf("case %d, track %d of %d: %v, the search finds %v\n%+v", n, i, len(refs), d, layer, in)
			}
			if ideal := refs[i].ladder; len(ideal) > 0 && d.Ideal != ideal[len(ideal)-1].Layer {
				t.Fatalf("case %d, track %d: ideal %v", n, i, d.Ideal)
			}
		}
	}
}

// What holds for any input: what Next and Enough promise, that a choice stays
// when nothing changes, and that a higher priority does not cost its track
// anything.
func TestProperties(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for n := range 6000 {
		in := randomInput(rng)
		res := share(t, &in)
		layers, next, enough := chosen(res), res.Next, res.Enough
		estimate := in.Estimate

		if next != 0 {
			if in.Estimate = next; slices.Equal(chosen(share(t, &in)), layers) {
				t.Fatalf("case %d: nothing more at %d, which is said to be the next", n, next)
			}
			if in.Estimate = next - 1; !slices.Equal(chosen(share(t, &in)), layers) {
				t.Fatalf("case %d: a change before %d, which is said to be the next", n, next)
			}
		}
		in.Estimate = max(enough, estimate)
		if full := share(t, &in); full.Used != full.Ideal || full.Next != 0 {
			t.Fatalf("case %d: not ideal at %d, which is said to be enough: %+v", n, enough, full)
		}

		in.Estimate = estimate
		i := rng.IntN(len(in.Tracks))
		was := in.Tracks[i].Priority
		bitrate := share(t, &in).Decisions[i].Bitrate
		in.Tracks[i].Priority = max(was, 1) + 1 + rng.IntN(8)
		if got := share(t, &in).Decisions[i].Bitrate; got < bitrate {
			t.Fatalf("case %d: priority %d → %d costs track %d: %d → %d b/s", n, was, in.Tracks[i].Priority, i, bitrate, got)
		}
		in.Tracks[i].Priority = was

		keep(&in, share(t, &in))
		if again := chosen(share(t, &in)); !slices.Equal(again, layers) {
			// It may go up where it was held for want of a margin that its equals
			// have now; then it stays.
			keep(&in, share(t, &in))
			settled := chosen(share(t, &in))
			keep(&in, share(t, &in))
			if !slices.Equal(settled, chosen(share(t, &in))) {
				t.Fatalf("case %d: %v, then %v", n, layers, again)
			}
		}
	}
}

// Nobody can make it panic or take long.
func TestHostileInput(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	odd := func() int64 {
		switch v := rng.Int64() >> rng.IntN(64); rng.IntN(4) {
		case 0:
			return -v
		default:
			return v
		}
	}
	for range 3000 {
		in := Input{Estimate: odd() >> 2, Audio: rng.Int64N(1e9)}
		for range rng.IntN(6) {
			tr := Track{Priority: int(odd()), Screen: rng.IntN(2) == 0, Current: Layer{int8(odd()), int8(odd())}}
			tr.Wants = Wants{Width: int(odd()), Height: int(odd()), FPS: math.Float64frombits(rng.Uint64()), MaxBitrate: odd()}
			for range rng.IntN(100) {
				tr.Options = append(tr.Options, Option{
					Layer: Layer{int8(rng.IntN(12) - 2), int8(rng.IntN(12) - 2)}, Width: int(odd()), Height: int(odd()),
					FPS: math.Float64frombits(rng.Uint64()), Bitrate: odd(), Peak: odd(),
				})
			}
			in.Tracks = append(in.Tracks, tr)
		}
		share(t, &in)
	}
}
