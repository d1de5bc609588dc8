package layer

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/tertulia-rtc/tertulia/codec"
)

// TestWhatMakesNoSenseIsForwardedWhole: claims that contradict each other, or go
// beyond our bounds, are counted; the stream is then forwarded whole, from a
// keyframe on.
func TestWhatMakesNoSenseIsForwardedWhole(t *testing.T) {
	for _, test := range []struct {
		name    string
		change  func(i int, p *Packet)
		counted func(c Counters) bool
	}{
		{"descriptors cut short", func(i int, p *Packet) { p.Dependency = p.Dependency[:2] }, func(c Counters) bool { return c.Malformed > 100 }},
		{"structure never announced", func(i int, p *Packet) {
			p.Dependency = p.Dependency[:3]
		}, func(c Counters) bool { return c.UnknownTemplates > 100 }},
	} {
		e := newEncoder(findMode("L3T3 AV1"), rand.New(rand.NewPCG(3, 3)))
		var tracker Tracker
		var selector Selector
		i, began := 0, false
		for picture := range 30 {
			for _, p := range e.next(picture%10 == 5) {
				test.change(i, &p.packet)
				i++
				info := tracker.Track(1e9, p.packet)
				key := p.frame.key && p.frame.spatial == 0 && p.index == 0
				began = began || key
				if d := selector.Select(&tracker, &info, 1e9); d.Forward() != began {
					t.Fatalf("%s: packet %d of %v is forwarded: %v", test.name, p.index, p.frame, d.Forward())
				}
			}
		}
		if !test.counted(tracker.Counted) {
			t.Errorf("%s: counted %+v", test.name, tracker.Counted)
		}
		if layers := tracker.AppendLayers(1e9, nil); len(layers) != 1 {
			t.Errorf("%s: layers %+v", test.name, layers)
		}
	}
}

// TestTooManyTargets: a structure with more decode targets than are chosen among
// is legal, and forwarded whole.
func TestTooManyTargets(t *testing.T) {
	w := &bitString{}
	w.put(0b11_000000, 8)
	w.put(1, 16)
	w.put(0b10000, 5)
	w.put(0, 6)
	w.put(17-1, 5)
	w.put(3, 2)
	for range 17 {
		w.put(2, 2)
	}
	w.put(0, 1)
	w.nonSymmetric(18, 0)
	w.put(0, 1)
	var tracker Tracker
	var selector Selector
	info := tracker.Track(1e9, Packet{Codec: codec.AV1, Payload: []byte{0x18, 0x0a, 0x0b}, Dependency: w.b})
	if !selector.Select(&tracker, &info, 1e9).Forward() || tracker.Layout.Known || tracker.Counted.Unsupported != 1 {
		t.Errorf("%+v; counted %+v", info, tracker.Counted)
	}
}

// TestFrameNumbersJump: numbers that do not go on are not believed, until a
// keyframe begins anew.
func TestFrameNumbersJump(t *testing.T) {
	e := newEncoder(findMode("L1T3 AV1"), rand.New(rand.NewPCG(3, 4)))
	var tracker Tracker
	selector := Selector{Target: Whole}
	give := func(key bool) (forwarded, known int) {
		for _, p := range e.next(key) {
			info := tracker.Track(1e9, p.packet)
			if info.Flags&codec.LayersKnown != 0 {
				known++
			}
			if selector.Select(&tracker, &info, 1e9).Forward() {
				forwarded++
			}
		}
		return forwarded, known
	}
	for range 10 {
		give(false)
	}
	for _, jump := range []uint16{20000, 40000, 65000, 5000} {
		e.first += jump
		if forwarded, known := give(false); known != 0 || forwarded == 0 {
			t.Errorf("jump by %d: %d packets known, %d forwarded", jump, known, forwarded)
		}
		highest := tracker.Highest
		if forwarded, known := give(true); known != forwarded || known == 0 {
			t.Errorf("keyframe after a jump by %d: %d packets known, %d forwarded", jump, known, forwarded)
		}
		if tracker.Highest <= highest {
			t.Errorf("frame numbers go back from %d to %d", highest, tracker.Highest)
		}
		for range 5 {
			if forwarded, known := give(false); known != forwarded {
				t.Errorf("after it %d packets are known, %d forwarded", known, forwarded)
			}
		}
	}
}

// TestContradiction: what the first packet said of a frame stays true.
func TestContradiction(t *testing.T) {
	var tracker Tracker
	packets := stream(findMode("L1T3 AV1"), 2)
	for _, p := range packets {
		tracker.Track(1e9, p.packet)
	}
	was := tracker.Latest
	last := packets[len(packets)-1].packet
	last.Dependency = slices.Clone(last.Dependency)
	first := packets[0].packet.Dependency
	last.Dependency[0] = last.Dependency[0]&0xc0 | first[0]&0x3f // the keyframe's template
	info := tracker.Track(1e9, last)
	if info.Present != was.Present || info.Temporal != was.Temporal || tracker.Counted.Contradictions != 1 {
		t.Errorf("%+v after %+v; counted %+v", info, was, tracker.Counted)
	}
}

// TestRates: bitrate and frame rate of each layer are those of the last second.
func TestRates(t *testing.T) {
	for _, name := range []string{"L3T3 AV1", "L3T3_KEY AV1", "L1T3 VP8", "L3T3 VP9 flexible"} {
		m := findMode(name)
		e := newEncoder(m, rand.New(rand.NewPCG(3, 5)))
		var tracker Tracker
		now := int64(time.Hour)
		for range 120 {
			for _, p := range e.next(false) {
				// 1000 bytes for each frame of spatial layer 0, 2000 for the next, 3000.
				p.packet.Size = (p.frame.spatial + 1) * 1000 / p.frame.packets
				tracker.Track(now, p.packet)
			}
			now += int64(time.Second) / 32
		}
		layers := tracker.AppendLayers(now, nil)
		if len(layers) != m.spatial*m.temporal {
			t.Fatalf("%s: %+v", name, layers)
		}
		for _, l := range layers {
			pictures := float64(int(8) << l.Temporal)
			bytes := 0
			for s := range int(l.Spatial) + 1 {
				if s == int(l.Spatial) || !m.keyOnly {
					bytes += (s + 1) * 1000
				}
			}
			want := pictures * float64(bytes) * 8
			if float64(l.FrameRate) < pictures*0.95 || float64(l.FrameRate) > pictures*1.05 || float64(l.Bitrate) < want*0.93 || float64(l.Bitrate) > want*1.07 || !l.Flowing {
				t.Errorf("%s: %+v, want %v pictures and %v bits a second", name, l, pictures, want)
			}
			if m.dependency && (l.Width != 320<<l.Spatial || l.Height != 180<<l.Spatial) {
				t.Errorf("%s: %+v", name, l)
			}
		}
		now += int64(3 * time.Second)
		for _, l := range tracker.AppendLayers(now, nil) {
			if l.Flowing || l.Bitrate != 0 || l.FrameRate != 0 {
				t.Errorf("%s: three seconds later %+v", name, l)
			}
		}
	}
}
