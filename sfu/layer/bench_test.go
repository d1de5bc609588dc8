package layer

import (
	"math/rand/v2"
	"testing"

	"github.com/tertulia-rtc/tertulia/codec"
)

// stream is a recorded stretch of a model stream.
func stream(m mode, pictures int) []packet {
	e := newEncoder(m, rand.New(rand.NewPCG(1, 1)))
	var all []packet
	for i := range pictures {
		all = append(all, e.next(i%200 == 0)...)
	}
	return all
}

func findMode(name string) mode {
	for _, m := range modes {
		if m.name == name {
			return m
		}
	}
	panic(name)
}

var benchModes = []string{"L3T3 AV1", "L3T3_KEY VP9", "L1T3 VP8"}

func BenchmarkTracker(b *testing.B) {
	for _, name := range benchModes {
		b.Run(name, func(b *testing.B) {
			packets := stream(findMode(name), 200)
			var t Tracker
			now := int64(0)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				now += 1e6
				t.Track(now, packets[i%len(packets)].packet)
			}
		})
	}
}

func BenchmarkSelector(b *testing.B) {
	for _, name := range benchModes {
		for _, target := range []struct {
			name string
			Target
		}{{"whole", Whole}, {"lowest", Target{}}} {
			b.Run(name+"/"+target.name, func(b *testing.B) {
				var t Tracker
				var infos []codec.PacketInfo
				for _, p := range stream(findMode(name), 200) {
					infos = append(infos, t.Track(1, p.packet))
				}
				s := Selector{Target: target.Target}
				span := infos[len(infos)-1].Frame - infos[0].Frame + 1
				b.ReportAllocs()
				i, base := 0, uint32(0)
				for b.Loop() {
					p := infos[i]
					p.Frame += base
					s.Select(&t, &p, 1)
					if i++; i == len(infos) {
						i, base = 0, base+span
					}
				}
			})
		}
	}
}

// A frame is decided on once; its further packets find the decision.
func BenchmarkSelectorFurtherPacket(b *testing.B) {
	var t Tracker
	var s Selector
	s.Target = Whole
	for _, p := range stream(findMode("L3T3 AV1"), 20) {
		info := t.Track(1, p.packet)
		s.Select(&t, &info, 1)
	}
	b.ReportAllocs()
	for b.Loop() {
		s.Select(&t, &t.Latest, 1)
	}
}

func BenchmarkNumbering(b *testing.B) {
	var n Numbering
	n.Begin(1, 1)
	info := codec.PacketInfo{Flags: codec.LayersKnown | codec.FrameStart | codec.FrameEnd}
	seq := uint64(1)
	b.ReportAllocs()
	for b.Loop() {
		info.Frame++
		if seq%4 == 0 {
			n.Drop(seq, &info)
		} else {
			n.Forward(seq, &info)
		}
		seq++
	}
}

func BenchmarkAppendDependency(b *testing.B) {
	var t Tracker
	var plain, key []byte
	for _, p := range stream(findMode("L3T3 AV1"), 20) {
		t.Track(1, p.packet)
		if d := p.packet.Dependency; len(d) > 60 {
			key = d
		} else if len(d) == 3 {
			plain = d
		}
	}
	buffer := make([]byte, 0, 256)
	for _, c := range []struct {
		name string
		b    []byte
		e    codec.DependencyEdit
	}{
		{"offset", plain, codec.DependencyEdit{FrameOffset: 7}},
		{"active", plain, codec.DependencyEdit{FrameOffset: 7, SetActive: true, Active: 7}},
		{"attach", plain, codec.DependencyEdit{FrameOffset: 7, SetActive: true, Active: 7, Attach: true}},
		{"structure and active", key, codec.DependencyEdit{FrameOffset: 7, SetActive: true, Active: 7}},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				buffer = codec.AppendDependency(buffer[:0], c.b, &t.Structure, c.e)
			}
		})
	}
}

func TestNothingIsAllocated(t *testing.T) {
	for _, m := range modes {
		packets := stream(m, 200)
		var tracker Tracker
		var numbering Numbering
		selector := Selector{Target: Target{Spatial: 1, Temporal: 1}}
		buffer := make([]byte, 0, 256)
		numbering.Begin(packets[0].seq, 1)
		i := 0
		if n := testing.AllocsPerRun(len(packets)-1, func() {
			p := &packets[i]
			i++
			info := tracker.Track(int64(i)*1e6, p.packet)
			d := selector.Select(&tracker, &info, int64(i)*1e6)
			if d.Forward() {
				numbering.Forward(p.seq, &info)
			} else {
				numbering.Drop(p.seq, &info)
			}
			buffer = codec.AppendDependency(buffer[:0], p.packet.Dependency, &tracker.Structure, d.Edit(1))
			selector.NeedsKeyframe(&tracker.Layout, int64(i)*1e6)
		}); n != 0 {
			t.Errorf("%s: %v allocations per packet", m.name, n)
		}
	}
}
