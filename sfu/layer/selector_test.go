package layer

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/tertulia-rtc/tertulia/codec"
)

// viewer is one subscriber of a model stream, with what it has got.
type viewer struct {
	t         *testing.T
	e         *encoder
	tracker   Tracker
	selector  Selector
	numbering Numbering
	begun     bool
	now       int64
	got       map[uint32][]bool // packets of each frame that were forwarded
	came      map[uint32][]bool // … and that came
	out       map[uint64]uint64 // sent number → received
	first     uint64
	last      uint64
	pictures  []uint16 // VP8: picture ids as sent, in order
	receiver  codec.DependencyStructure
	sent      map[uint64]sentPacket
}

type sentPacket struct {
	info     codec.PacketInfo
	packet   packet
	decision Decision
	bytes    []byte
}

func newViewer(t *testing.T, e *encoder) *viewer {
	return &viewer{t: t, e: e, now: int64(time.Hour), got: map[uint32][]bool{}, came: map[uint32][]bool{}, out: map[uint64]uint64{}, sent: map[uint64]sentPacket{}}
}

const frameOffset = 1000

func (v *viewer) receive(p packet) {
	v.t.Helper()
	f := p.frame
	if v.came[f.id] == nil {
		v.came[f.id], v.got[f.id] = make([]bool, f.packets), make([]bool, f.packets)
	}
	v.came[f.id][p.index] = true
	info := v.tracker.Track(v.now, p.packet)
	d := v.selector.Select(&v.tracker, &info, v.now)
	if !d.Forward() {
		if v.begun {
			if out, hole := v.numbering.Drop(p.seq, &info); hole {
				v.out[out] = p.seq // filled
			}
		}
		return
	}
	if !v.begun {
		v.begun, v.first, v.last = true, 5000, 4999
		v.numbering.Begin(p.seq, v.first)
	}
	if p.seq < v.numbering.Pieces[0].In && v.numbering.Older < pieces-1 {
		return // from before the run
	}
	out, ok := v.numbering.Forward(p.seq, &info)
	if !ok {
		v.t.Fatalf("packet %d of %v has no number any more", p.index, f)
	}
	if before, taken := v.out[out]; taken && before != p.seq {
		v.t.Fatalf("number %d is given to %d and %d", out, before, p.seq)
	}
	v.out[out] = p.seq
	if seq, ok := v.numbering.Original(out); !ok || seq != p.seq {
		v.t.Fatalf("number %d is said to be of %d, it is of %d", out, seq, p.seq)
	}
	v.last = max(v.last, out)
	v.got[f.id][p.index] = true
	if p.index == 0 && v.e.codec == codec.VP8 {
		v.pictures = append(v.pictures, v.e.pictureID(f)-d.Skipped)
	}
	s := sentPacket{info: info, packet: p, decision: d}
	if v.e.dependency {
		s.bytes = v.describe(&p, d)
	}
	v.sent[out] = s
}

// describe rewrites a descriptor and reads it as the receiver does.
func (v *viewer) describe(p *packet, d Decision) []byte {
	b := codec.AppendDependency(nil, p.packet.Dependency, &v.tracker.Structure, d.Edit(frameOffset))
	got, ok := codec.ParseDependency(b, &v.receiver)
	if !ok || !got.Known {
		v.t.Fatalf("%v: %x has become %x, which its receiver cannot read", p.frame, p.packet.Dependency, b)
	}
	if want := v.e.first + uint16(p.frame.id) + frameOffset; got.FrameNumber != want {
		v.t.Fatalf("%v: frame number %d, want %d", p.frame, got.FrameNumber, want)
	}
	for i, dti := range p.frame.dtis {
		if got.Indications.Of(i) != dti {
			v.t.Fatalf("%v: other indications", p.frame)
		}
	}
	return b
}

// whole says whether all packets of a frame were forwarded, any says whether one was.
func (v *viewer) whole(id uint32) bool { return v.got[id] != nil && !slices.Contains(v.got[id], false) }
func (v *viewer) any(id uint32) bool   { return slices.Contains(v.got[id], true) }
func (v *viewer) arrived(id uint32) bool {
	return v.came[id] != nil && !slices.Contains(v.came[id], false)
}

// decodes says which frames the receiver can decode.
func (v *viewer) decodes() map[uint32]bool {
	ok := map[uint32]bool{}
	for _, f := range v.e.frames {
		ok[f.id] = v.whole(f.id) && !slices.ContainsFunc(f.references, func(r uint32) bool { return !ok[r] })
	}
	return ok
}

// root gives the first frame that is missing for another to decode.
func (v *viewer) root(f *frame, decodes map[uint32]bool) *frame {
	for _, r := range f.references {
		if !decodes[r] {
			return v.root(v.e.frames[r], decodes)
		}
	}
	return f
}

// check holds what was forwarded against the rules.
func (v *viewer) check(lossless bool) {
	v.t.Helper()
	for _, f := range v.e.frames {
		if !v.any(f.id) {
			continue
		}
		// A frame is forwarded whole or not at all.
		for i, came := range v.came[f.id] {
			if came && !v.got[f.id][i] && (lossless || v.begunBefore(f)) {
				v.t.Errorf("packet %d of %d of %v was held back, others were not", i, f.packets, f)
			}
		}
		// No frame is forwarded that refers to one which was held back.
		for _, r := range f.references {
			if !v.any(r) && v.arrived(r) && v.begunBefore(v.e.frames[r]) {
				v.t.Errorf("%v was forwarded without frame %d", f, r)
			}
		}
	}
	if lossless {
		for out := v.first; out <= v.last; out++ {
			if _, ok := v.out[out]; !ok {
				v.t.Errorf("number %d was left out", out)
			}
		}
		for i := 1; i < len(v.pictures); i++ {
			if (v.pictures[i]-v.pictures[i-1])&0x7fff != 1 {
				v.t.Errorf("picture id %d after %d", v.pictures[i], v.pictures[i-1])
			}
		}
	}
	// The last packet of each picture has the marker, no other has it.
	highest, marked := map[int]int{}, map[int][]int{}
	for _, s := range v.sent {
		f := s.packet.frame
		highest[f.picture] = max(highest[f.picture], f.spatial)
		if s.packet.packet.Marker || s.decision.Marker() {
			marked[f.picture] = append(marked[f.picture], f.spatial)
			if s.packet.index != f.packets-1 {
				v.t.Errorf("the marker is on packet %d of %v", s.packet.index, f)
			}
		}
	}
	if lossless {
		for picture, spatial := range highest {
			if !slices.Equal(marked[picture], []int{spatial}) {
				v.t.Errorf("picture %d ends with S%d, its markers are on %v", picture, spatial, marked[picture])
			}
		}
	}
	v.checkAgain()
}

func (v *viewer) begunBefore(f *frame) bool {
	for _, s := range v.sent {
		if s.packet.frame.id < f.id {
			return true
		}
	}
	return false
}

// checkAgain sends the last packets once more: the decision and the bytes are the same.
func (v *viewer) checkAgain() {
	v.t.Helper()
	again := 0
	for out := v.last; out >= v.first && again < 200; out-- {
		s, ok := v.sent[out]
		if !ok {
			continue
		}
		again++
		if v.selector.Highest-s.info.Frame >= history {
			break
		}
		d, ok := v.selector.Recall(&s.info)
		if !ok || d != s.decision {
			v.t.Fatalf("packet %d of %v: decided %+v, then %+v", s.packet.index, s.packet.frame, s.decision, d)
		}
		if s.bytes != nil && s.decision.Flags&Attach == 0 {
			if b := codec.AppendDependency(nil, s.packet.packet.Dependency, &v.tracker.Structure, d.Edit(frameOffset)); !bytes.Equal(b, s.bytes) {
				v.t.Fatalf("sent %x, then %x", s.bytes, b)
			}
		}
	}
}

// TestTargets: on a clean stream every target is reached, from every other one,
// at once downwards where that decodes, in a bounded time upwards; everything
// that is forwarded decodes, and numbers have no gaps.
func TestTargets(t *testing.T) {
	for i, m := range modes {
		t.Run(m.name, func(t *testing.T) {
			e := newEncoder(m, rand.New(rand.NewPCG(1, uint64(i))))
			v := newViewer(t, e)
			rng := rand.New(rand.NewPCG(2, uint64(i)))
			key := false
			run := func(pictures int) {
				for range pictures {
					for _, p := range e.next(key) {
						v.receive(p)
					}
					key = false
					v.now += int64(33 * time.Millisecond)
				}
			}
			run(3) // what comes before anybody asks
			for step := range 60 {
				want := Target{Spatial: int8(rng.IntN(m.spatial)), Temporal: int8(rng.IntN(m.temporal))}
				v.selector.Target = want
				run(1)
				reason := v.selector.NeedsKeyframe(&v.tracker.Layout, v.now)
				if key = reason != NotNeeded; key && step > 0 {
					from, _, _ := v.selector.Forwarded(&v.tracker.Layout)
					if int8(from) == want.Spatial {
						t.Fatalf("asks for a keyframe %v at S%d, wants %+v", reason, from, want)
					}
					if reason == ToGoDown && !m.keyOnly {
						t.Fatalf("asks for a keyframe to go down, though lower layers are there")
					}
				}
				run(1)
				if reason := v.selector.NeedsKeyframe(&v.tracker.Layout, v.now); reason != NotNeeded {
					t.Fatalf("after a keyframe it is still needed: %v", reason)
				}
				run(8)
				if s, tid, ok := v.selector.Forwarded(&v.tracker.Layout); !ok || int8(s) != want.Spatial || int8(tid) != want.Temporal {
					t.Fatalf("step %d: forwards S%dT%d (%v), wanted %+v", step, s, tid, ok, want)
				}
				// What is forwarded from now on is exactly the target.
				begin := e.frames[len(e.frames)-1].id + 1
				run(8)
				decodes := v.decodes()
				for _, f := range e.frames[begin:] {
					needed := f.temporal <= int(want.Temporal) && (f.spatial == int(want.Spatial) || f.spatial < int(want.Spatial) && (!m.keyOnly || f.key))
					if v.any(f.id) != needed {
						t.Fatalf("step %d, target %+v: %v forwarded: %v", step, want, f, v.any(f.id))
					}
					if needed && !decodes[f.id] {
						t.Fatalf("step %d, target %+v: %v does not decode", step, want, f)
					}
				}
			}
			decodes := v.decodes()
			for _, f := range e.frames {
				if v.any(f.id) && !decodes[f.id] {
					t.Errorf("%v was forwarded and does not decode", f)
				}
			}
			v.check(true)
			if c := v.tracker.Counted; c != (Counters{}) {
				t.Errorf("a clean stream counted %+v", c)
			}
		})
	}
}

// TestLossAndReordering: whatever is lost on the way here, comes late or again,
// while targets change, the rules hold, and once the losses end the target is
// reached.
func TestLossAndReordering(t *testing.T) {
	seeds := uint64(60)
	if testing.Short() {
		seeds = 5
	}
	for _, m := range modes {
		t.Run(m.name, func(t *testing.T) {
			for seed := range seeds {
				lossy(t, m, seed)
				if t.Failed() {
					t.Fatalf("seed %d", seed)
				}
			}
			for _, seed := range []uint64{65, 146, 179, 249, 490, 505, 605, 718, 967} { // each once broke a rule
				lossy(t, m, seed)
				if t.Failed() {
					t.Fatalf("seed %d", seed)
				}
			}
		})
	}
}

func lossy(t *testing.T, m mode, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 7))
	e := newEncoder(m, rng)
	v := newViewer(t, e)
	v.selector.Target = Whole
	type delayed struct {
		packet
		at int
	}
	var queue []delayed
	loss, late := rng.Float64()*0.1, rng.Float64()*0.1
	tick, keyAt := 0, 0
	run := func(pictures int, clean bool) {
		for range pictures {
			key := keyAt != 0 && tick >= keyAt
			if key {
				keyAt = 0
			}
			for _, p := range e.next(key) {
				switch r := rng.Float64(); {
				case clean || r >= loss+late:
					queue = append(queue, delayed{p, tick})
				case r < loss*0.3: // never comes
				case r < loss:
					queue = append(queue, delayed{p, tick + 1 + rng.IntN(12)})
				default:
					queue = append(queue, delayed{p, tick + rng.IntN(2)})
				}
			}
			if !clean && rng.IntN(4) == 0 {
				rng.Shuffle(len(queue), func(i, k int) { queue[i], queue[k] = queue[k], queue[i] })
			}
			rest := queue[:0]
			for _, d := range queue {
				if d.at <= tick {
					v.receive(d.packet)
				} else {
					rest = append(rest, d)
				}
			}
			queue = rest
			tick++
			v.now += int64(33 * time.Millisecond)
			if v.selector.NeedsKeyframe(&v.tracker.Layout, v.now) != NotNeeded && keyAt == 0 {
				keyAt = tick + 3
			}
			if !clean && rng.IntN(20) == 0 {
				v.selector.Target = Target{Spatial: int8(rng.IntN(m.spatial+1) - 1), Temporal: int8(rng.IntN(m.temporal))}
			}
		}
	}
	run(2, true) // how packets are dealt with before the structure is a test of its own
	run(300, false)
	v.selector.Target = Target{Spatial: int8(m.spatial - 1), Temporal: int8(m.temporal - 1)}
	run(60, true)
	if s, tid, ok := v.selector.Forwarded(&v.tracker.Layout); !ok || int(s) != m.spatial-1 || int(tid) != m.temporal-1 {
		t.Errorf("forwards S%dT%d (%v) 60 pictures after the last loss; needs a keyframe %v; %+v", s, tid, ok, v.selector.NeedsKeyframe(&v.tracker.Layout, v.now), v.tracker.Counted)
	}
	begin := len(e.frames)
	run(20, true)
	decodes := v.decodes()
	for _, f := range e.frames[begin:] {
		if v.any(f.id) && !decodes[f.id] && v.selector.NeedsKeyframe(&v.tracker.Layout, v.now) == NotNeeded {
			if root := v.root(f, decodes); v.any(root.id) {
				break // the receiver asks by itself: packets within the frame are missing
			}
			t.Errorf("%v does not decode long after the last loss, for want of %v", f, v.root(f, decodes))
			break
		}
	}
	v.check(false)
}
