package allocation

import (
	"math"
	"slices"
)

// Allocator shares estimates. It keeps nothing from one to the next but memory.
// The zero Allocator is ready.
type Allocator struct {
	tracks    []climber
	order     []uint64 // tracks, who comes first among equals first
	climbers  []int32  // their indices, in that order
	rungs     []rung   // of all tracks, one ladder after the other
	steps     []uint64 // rungs by need
	decisions []Decision
	survey    survey
	pinned    int64 // bitrate of the pinned layers
}

// climber is a track on its ladder.
type climber struct {
	ladder   []rung
	at       int32 // the rung it stands on, −1 before the first
	priority int32
	shape    uint64
	held     rank
	ceiling  rank // what those of higher priority have reached
	screen   bool
	stopped  bool
	reason   Reason
	pinned   int32 // option of a track that is pinned, −1 for none
}

func (c *climber) rank() rank {
	if c.at < 0 {
		return noRank
	}
	return c.ladder[c.at].rank
}

// Allocate shares the estimate. The decisions are valid until the next call.
//
// Steps from rung to rung are tried in the order of their needs, and taken where
// they fit. The result is the best in this sense: of two allocations that keep
// the rules, the better takes the first step that only one of them takes.
func (a *Allocator) Allocate(in *Input) Result {
	mixed := a.prepare(in)
	if mixed {
		a.inherit()
	}
	a.sortSteps()
	next := a.climb(max(in.Estimate-in.Audio-a.pinned, 0), mixed)
	if mixed {
		a.blamePriority()
	}
	return a.result(in, next)
}

// prepare builds the ladders, sorts the tracks, and says whether priorities
// differ.
func (a *Allocator) prepare(in *Input) bool {
	n := len(in.Tracks)
	a.tracks = slices.Grow(a.tracks[:0], n)[:n]
	a.decisions = slices.Grow(a.decisions[:0], n)[:n]
	a.order, a.climbers, a.rungs = a.order[:0], a.climbers[:0], a.rungs[:0]
	a.pinned = 0
	options := 0
	for i := range in.Tracks {
		options += len(in.Tracks[i].Options)
	}
	a.rungs = slices.Grow(a.rungs, options) // ladders point into it
	mixed := false
	for i := range in.Tracks {
		t := &in.Tracks[i]
		c := &a.tracks[i]
		*c = climber{at: -1, pinned: -1, priority: int32(min(max(t.Priority, MinPriority), MaxPriority)), ceiling: math.MaxInt16, screen: t.Screen}
		if t.Wants.Paused || i >= MaxTracks {
			c.reason = PausedBySubscriber
			continue
		}
		if t.Wants.Pin != nil {
			c.pinned, c.reason = t.pinned()
			if c.pinned >= 0 {
				a.pinned += min(t.Options[c.pinned].Bitrate, maxBitrate)
			}
			continue
		}
		s := &a.survey
		s.look(t, float64(c.priority))
		c.shape, c.held = s.shape, s.held
		first := len(a.rungs)
		a.rungs = s.ladder(a.rungs)
		c.ladder = a.rungs[first:]
		switch {
		case s.shape == 0:
			c.reason = NoLayer
		case s.shape&(s.shape-1) == 0 && !s.byBitrate:
			c.reason = OnlyLayer
		case s.byBitrate:
			c.reason = MaxBitrate
		case s.bySize:
			c.reason = WantedSize
		case s.byRate:
			c.reason = WantedRate
		}
		if len(c.ladder) == 0 {
			continue
		}
		// Among equals: priority, then the larger, then who is served better
		// already (so that nothing changes hands), then the order of the input.
		const areas = 1<<31 - 1
		a.order = append(a.order, uint64(MaxPriority-c.priority)<<57|
			(areas-uint64(min(s.drawn, areas)))<<26|uint64(1<<10-1-min(c.held+1, 1<<10-1))<<16|uint64(i))
	}
	slices.Sort(a.order)
	for _, key := range a.order {
		i := int32(key & (MaxTracks - 1))
		a.climbers = append(a.climbers, i)
		mixed = mixed || a.tracks[i].priority != a.tracks[a.climbers[0]].priority
	}
	return mixed
}

// inherit lets a track of lower priority wait until those of its shape and
// higher priority have been offered the same layer.
func (a *Allocator) inherit() {
	for p, i := range a.climbers {
		low := &a.tracks[i]
		for _, j := range a.climbers[:p] {
			high := &a.tracks[j]
			if !high.precedes(low) {
				continue
			}
			k := 0
			for r := 1; r < len(low.ladder); r++ {
				for k < len(high.ladder)-1 && high.ladder[k].rank < low.ladder[r].rank {
					k++
				}
				low.ladder[r].need = max(low.ladder[r].need, high.ladder[k].need)
			}
		}
	}
}

// precedes says whether a track must not be on a lower layer than the other.
func (c *climber) precedes(other *climber) bool {
	return c.priority > other.priority && c.shape == other.shape && c.screen == other.screen
}

// sortSteps puts the rungs of all tracks in the order in which they are tried.
func (a *Allocator) sortSteps() {
	a.steps = a.steps[:0]
	for p, i := range a.climbers {
		for r := range a.tracks[i].ladder {
			// Positive floats sort as their bits do.
			a.steps = append(a.steps, uint64(math.Float32bits(a.tracks[i].ladder[r].need))<<22|uint64(p)<<6|uint64(r))
		}
	}
	slices.Sort(a.steps)
}

// climb takes the steps that fit, and returns the least budget with which one
// that did not would have been taken, or 0.
func (a *Allocator) climb(budget int64, mixed bool) (next int64) {
	var used, caution int64 // of all tracks
	rising := false         // a track is above what it had
	for _, step := range a.steps {
		p, r := int(step>>6)&(MaxTracks-1), int32(step&63)
		c := &a.tracks[a.climbers[p]]
		if c.stopped {
			continue
		}
		to := &c.ladder[r]
		wouldUse, wouldNeed := used+to.bitrate, caution+to.caution
		if r > 0 {
			from := &c.ladder[r-1]
			wouldUse -= from.bitrate
			wouldNeed -= from.caution
		}
		wouldRise := rising || to.rank > c.held
		needed := wouldUse
		if wouldRise {
			needed = wouldNeed
		}
		overtakes := r > 0 && to.rank > c.ceiling
		if needed <= budget && !overtakes {
			c.at, used, caution, rising = r, wouldUse, wouldNeed, wouldRise
			continue
		}
		if !overtakes && (next == 0 || needed < next) {
			next = needed
		}
		switch {
		case wouldUse > budget:
			a.stop(p, Bandwidth, mixed)
		case overtakes:
			a.stop(p, Priority, mixed)
		default:
			a.stop(p, Holding, mixed)
		}
	}
	return next
}

// stop ends the climb of a track, and keeps those of its shape and lower priority
// from overtaking it.
func (a *Allocator) stop(p int, why Reason, mixed bool) {
	c := &a.tracks[a.climbers[p]]
	c.stopped, c.reason = true, why
	if !mixed {
		return
	}
	for _, i := range a.climbers[p+1:] {
		if low := &a.tracks[i]; c.precedes(low) {
			low.ceiling = min(low.ceiling, c.rank())
		}
	}
}

// blamePriority tells those who lack bandwidth when more went to a track of
// higher priority.
func (a *Allocator) blamePriority() {
	var above, most int64 // the greatest bitrate of higher priorities, and with this one
	priority := int32(MaxPriority + 1)
	for _, i := range a.climbers {
		c := &a.tracks[i]
		if c.priority != priority {
			priority, above = c.priority, most
		}
		var bitrate int64
		if c.at >= 0 {
			bitrate = c.ladder[c.at].bitrate
		}
		if c.reason == Bandwidth && above > bitrate {
			c.reason = Priority
		}
		most = max(most, bitrate)
	}
}

func (a *Allocator) result(in *Input, next int64) Result {
	res := Result{Decisions: a.decisions, Used: in.Audio, Ideal: in.Audio}
	caution := a.pinned
	rising := false
	for i := range a.tracks {
		t, c, d := &in.Tracks[i], &a.tracks[i], &a.decisions[i]
		*d = Decision{Layer: None, Option: -1, Reason: c.reason, Ideal: None, Next: None}
		if c.pinned >= 0 {
			o := &t.Options[c.pinned]
			d.Layer, d.Option, d.Bitrate = o.Layer, int(c.pinned), min(o.Bitrate, maxBitrate)
			d.Ideal, d.IdealBitrate = d.Layer, d.Bitrate
			res.Used += d.Bitrate
			res.Ideal += d.Bitrate
			continue
		}
		if len(c.ladder) == 0 {
			continue
		}
		if c.at >= 0 {
			r := &c.ladder[c.at]
			d.Layer, d.Option, d.Bitrate = t.Options[r.option].Layer, int(r.option), r.bitrate
		}
		if int(c.at)+1 < len(c.ladder) {
			r := &c.ladder[c.at+1]
			d.Next, d.NextBitrate = t.Options[r.option].Layer, r.bitrate
		}
		top := &c.ladder[len(c.ladder)-1]
		d.Ideal, d.IdealBitrate = t.Options[top.option].Layer, top.bitrate
		res.Used += d.Bitrate
		res.Ideal += top.bitrate
		caution += top.caution
		rising = rising || top.rank > c.held
	}
	res.Enough = res.Ideal
	if rising {
		res.Enough = in.Audio + caution
	}
	if next > 0 {
		res.Next = in.Audio + a.pinned + next
	}
	return res
}
