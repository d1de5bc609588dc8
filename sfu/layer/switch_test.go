package layer

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/tertulia-rtc/tertulia/codec"
)

// TestActiveDecodeTargets: the receiver is told of the targets that it gets all
// frames of, in every packet from the change on, until a keyframe's structure says
// the same.
func TestActiveDecodeTargets(t *testing.T) {
	for _, test := range []struct {
		mode   string
		target Target
		want   uint32 // target s·3+t
	}{
		{"L3T3 AV1", Target{2, 2}, 0b111_111_111},
		{"L3T3 AV1", Target{1, 1}, 0b000_011_011},
		{"L3T3 AV1", Target{0, 0}, 0b000_000_001},
		{"L3T3_KEY AV1", Target{1, 1}, 0b000_011_000},
		{"L3T3_KEY AV1", Target{2, 2}, 0b111_000_000},
		{"L1T3 AV1", Target{0, 1}, 0b011},
	} {
		e := newEncoder(findMode(test.mode), rand.New(rand.NewPCG(4, 4)))
		var tracker Tracker
		selector := Selector{Target: Whole}
		var receiver codec.DependencyStructure
		active := uint32(0)
		give := func(key bool) (short int) {
			for _, p := range e.next(key) {
				info := tracker.Track(1e9, p.packet)
				d := selector.Select(&tracker, &info, 1e9)
				if !d.Forward() {
					continue
				}
				b := codec.AppendDependency(nil, p.packet.Dependency, &tracker.Structure, d.Edit(0))
				got, _ := codec.ParseDependency(b, &receiver)
				if got.HasActive || got.HasStructure {
					active = got.Active
				}
				if len(b) == 3 {
					short++
				}
			}
			return short
		}
		give(true)
		selector.Target = test.target
		for range 3 {
			give(false)
		}
		give(true)
		give(false)
		if active != test.want {
			t.Errorf("%s, target %+v: told %b, want %b", test.mode, test.target, active, test.want)
		}
		selector.Target = Whole
		give(true)
		if want := uint32(1<<tracker.Structure.Targets - 1); test.mode != "L3T3_KEY AV1" && active != want {
			t.Errorf("%s, back to all: told %b, want %b", test.mode, active, want)
		}
		if short := give(false); short == 0 && test.mode != "L3T3_KEY AV1" {
			t.Errorf("%s: descriptors stay long after a keyframe", test.mode)
		}
	}
}

// TestRepair: a lost frame that all later ones need calls for a keyframe, unless
// it comes in time.
func TestRepair(t *testing.T) {
	for _, name := range []string{"L1T3 AV1", "L3T3 AV1", "L1T3 VP8", "L1T2 VP8", "L3T3 VP9"} {
		for _, repaired := range []bool{true, false} {
			e := newEncoder(findMode(name), rand.New(rand.NewPCG(5, 5)))
			var tracker Tracker
			selector := Selector{Target: Whole}
			now := int64(time.Hour)
			var lost []packet
			for picture := range 30 {
				packets := e.next(false)
				if picture == 8 { // temporal layer 0
					lost = packets
					continue
				}
				if picture == 12 && repaired {
					packets = append(packets, lost...)
				}
				for _, p := range packets {
					info := tracker.Track(now, p.packet)
					if !selector.Select(&tracker, &info, now).Forward() {
						t.Errorf("%s: packet %d of %v is held back", name, p.index, p.frame)
					}
				}
				now += int64(33 * time.Millisecond)
				reason := selector.NeedsKeyframe(&tracker.Layout, now)
				if want := picture > 24 && !repaired; want && reason != ToRepair || picture < 20 && reason != NotNeeded || repaired && reason != NotNeeded {
					t.Errorf("%s, repaired %v, picture %d: keyframe %v", name, repaired, picture, reason)
				}
			}
		}
	}
}

// TestPause: a target of nothing ends with a picture; what comes after begins with
// a keyframe, and VP8's picture ids go on.
func TestPause(t *testing.T) {
	for _, m := range modes {
		e := newEncoder(m, rand.New(rand.NewPCG(6, 6)))
		v := newViewer(t, e)
		v.selector.Target = Whole
		run := func(pictures int, key bool) (forwarded int) {
			for i := range pictures {
				packets := e.next(key && i == 0)
				for _, p := range packets {
					v.receive(p)
				}
				for _, p := range packets {
					if v.got[p.frame.id][p.index] {
						forwarded++
					}
				}
			}
			return forwarded
		}
		run(10, false)
		v.selector.Target.Spatial = -1
		if n := run(10, true); n != 0 {
			t.Errorf("%s: %d packets are forwarded in the pause", m.name, n)
		}
		if r := v.selector.NeedsKeyframe(&v.tracker.Layout, v.now); r != NotNeeded {
			t.Errorf("%s: asks for a keyframe %v in the pause", m.name, r)
		}
		v.selector.Target = Whole
		e.next(false) // lost, and nobody misses it
		if n := run(10, false); n != 0 {
			t.Errorf("%s: %d packets are forwarded before a keyframe", m.name, n)
		}
		if r := v.selector.NeedsKeyframe(&v.tracker.Layout, v.now); r != ToStart {
			t.Errorf("%s: asks for a keyframe %v after the pause", m.name, r)
		}
		if n := run(10, true); n == 0 {
			t.Errorf("%s: nothing is forwarded after the pause", m.name)
		}
		for i := 1; i < len(v.pictures); i++ {
			if (v.pictures[i]-v.pictures[i-1])&0x7fff != 1 {
				t.Errorf("%s: picture id %d after %d", m.name, v.pictures[i], v.pictures[i-1])
			}
		}
		v.check(false)
	}
}

// TestTemporalUp: where temporal layer 0 is a switching point, nothing is left out
// from it on.
func TestTemporalUp(t *testing.T) {
	for _, m := range modes {
		if m.temporal < 3 || m.cautious || m.codec == codec.VP8 && !m.dependency {
			continue
		}
		for phase := range 4 {
			e := newEncoder(m, rand.New(rand.NewPCG(8, uint64(phase))))
			v := newViewer(t, e)
			v.selector.Target = Target{Spatial: 7}
			base := false
			for picture := range 24 {
				if picture == 8+phase {
					v.selector.Target = Whole
				}
				for _, p := range e.next(false) {
					v.receive(p)
					f := p.frame
					base = base || picture >= 8+phase && f.temporal == 0 && f.last
					top := f.last || !m.keyOnly
					if base && top && p.index == 0 && !v.any(f.id) {
						t.Errorf("%s: %v is held back", m.name, f)
					}
				}
			}
			v.check(true)
		}
	}
}

// TestDownAmidAPicture: when the first frame of a picture comes late, it is not
// the next one that ends what was forwarded: the picture would lack its end.
func TestDownAmidAPicture(t *testing.T) {
	for _, name := range []string{"L3T3 AV1", "L3T3_KEY AV1", "L3T3 VP9", "L3T3_KEY VP9"} {
		e := newEncoder(findMode(name), rand.New(rand.NewPCG(8, 8)))
		v := newViewer(t, e)
		v.selector.Target = Whole
		for range 9 {
			for _, p := range e.next(false) {
				v.receive(p)
			}
		}
		v.selector.Target = Target{Temporal: 2}
		packets := e.next(false)
		for _, first := range []bool{false, true} {
			for _, p := range packets {
				if (p.frame.spatial == 0) == first {
					v.receive(p)
				}
			}
		}
		for range 2 {
			for _, p := range e.next(false) {
				v.receive(p)
			}
		}
		v.check(true)
	}
}

// TestHeldBackReference: a frame that refers to one which was held back is held
// back too, whatever the structure says.
func TestHeldBackReference(t *testing.T) {
	var tracker Tracker
	for _, p := range stream(findMode("L1T3 AV1"), 1) {
		tracker.Track(1e9, p.packet)
	}
	var selector Selector
	frame := func(flags codec.PacketFlags, present uint16, references uint64) bool {
		info := codec.PacketInfo{
			Frame: tracker.Highest + 1, Version: tracker.Layout.Version, Present: present, Switch: present, References: references,
			Flags: codec.LayersKnown | codec.FrameStart | codec.FrameEnd | codec.PictureStart | flags,
		}
		tracker.Highest++
		return selector.Select(&tracker, &info, 1e9).Forward()
	}
	for i, want := range []bool{
		frame(codec.KeyFrame, 7, 0),
		!frame(0, 6, 1<<1), // temporal layer 1
		!frame(0, 7, 1<<1),
		frame(0, 7, 1<<3),
		!frame(0, 7, 1<<2), // refers to the one that was held back for its reference
	} {
		if !want {
			t.Errorf("frame %d is decided otherwise", i)
		}
	}
	tracker.Highest++
	late := tracker.Highest
	frame(0, 7, 1<<3)
	newest := tracker.Highest
	tracker.Highest = late - 1
	if frame(0, 7, 1<<1) {
		t.Error("a late frame is forwarded without the one it refers to")
	}
	tracker.Highest = newest
}

// TestChainBeforeUp: a lost frame that all later ones need keeps the target from
// rising, until it has come.
func TestChainBeforeUp(t *testing.T) {
	e := newEncoder(findMode("L1T3 AV1"), rand.New(rand.NewPCG(9, 9)))
	v := newViewer(t, e)
	var lost []packet
	for picture := range 28 {
		packets := e.next(false)
		switch picture {
		case 8: // temporal layer 0
			lost = packets
			continue
		case 13:
			v.selector.Target = Whole
		case 22:
			packets = append(packets, lost...)
		}
		for _, p := range packets {
			v.receive(p)
		}
		_, temporal, _ := v.selector.Forwarded(&v.tracker.Layout)
		if want := picture >= 24; (temporal == 2) != want {
			t.Errorf("picture %d: T%d is forwarded", picture, temporal)
		}
	}
	v.check(false)
}

// TestSimulcast: a subscriber is switched between received streams at keyframes.
// Frame numbers, picture ids and TL0PICIDX go on by one, as if the stream were one.
func TestSimulcast(t *testing.T) {
	for _, name := range []string{"L1T3 VP8", "L1T2 VP8", "L1T3 VP9", "L1T3 AV1"} {
		m := findMode(name)
		rng := rand.New(rand.NewPCG(7, 7))
		encoders := []*encoder{newEncoder(m, rng), newEncoder(m, rng), newEncoder(m, rng)}
		var sent Sent
		var last Numbers
		for run := range 12 {
			e := encoders[run%3]
			var tracker Tracker
			selector := Selector{Target: Target{Temporal: int8(rng.IntN(m.temporal))}}
			var offsets Offsets
			begun := false
			for picture := range 10 {
				for _, p := range e.next(picture == 0) {
					info := tracker.Track(1e9, p.packet)
					d := selector.Select(&tracker, &info, 1e9)
					if !d.Forward() {
						continue
					}
					in := Numbers{Frame: e.first + uint16(p.frame.id), PictureID: e.pictureID(p.frame), TL0: p.frame.tl0}
					first := !begun
					if first {
						begun = true
						offsets = sent.Begin(in, d.Skipped)
					}
					skipped := uint16(0)
					if tracker.Layout.Compact {
						skipped = d.Skipped
					}
					out := offsets.Apply(in, skipped)
					if first && sent.Any {
						if out.Frame != last.Frame+1 || (out.PictureID-last.PictureID)&0x7fff != 1 || out.TL0 != last.TL0+1 {
							t.Errorf("%s: run %d begins with %+v after %+v", name, run, out, last)
						}
					}
					if !first && m.codec == codec.VP8 && p.index == 0 && (out.PictureID-last.PictureID)&0x7fff != 1 {
						t.Errorf("%s: picture id %d after %d", name, out.PictureID, last.PictureID)
					}
					sent.Note(out)
					last = out
				}
			}
		}
	}
}

// TestAttach: where forwarding starts with a packet that could have no structure
// with it, it gets one, once, and again when it is sent again.
func TestAttach(t *testing.T) {
	var tracker Tracker
	packets := stream(findMode("L1T3 AV1"), 6)
	for _, p := range packets {
		tracker.Track(1e9, p.packet)
	}
	var selector Selector
	info := codec.PacketInfo{
		Frame: tracker.Highest + 1, Version: tracker.Layout.Version, Present: 7, Switch: 7,
		Flags: codec.LayersKnown | codec.KeyFrame | codec.FrameStart | codec.PictureStart,
	}
	if d := selector.Select(&tracker, &info, 1e9); !d.Forward() || !d.Edit(0).Attach {
		t.Errorf("the first packet: %+v", d)
	}
	if d, ok := selector.Recall(&info); !ok || !d.Edit(0).Attach {
		t.Errorf("the first packet again: %+v, %v", d, ok)
	}
	info.Flags = codec.LayersKnown | codec.FrameEnd
	if d := selector.Select(&tracker, &info, 1e9); !d.Forward() || d.Edit(0).Attach || !d.Marker() {
		t.Errorf("the second packet: %+v", d)
	}
}
