package layer

import (
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/tertulia-rtc/tertulia/codec"
)

// script reads a fuzz input as packets: what a publisher may send.
type script struct{ b []byte }

func (s *script) byte() byte {
	if len(s.b) == 0 {
		return 0
	}
	b := s.b[0]
	s.b = s.b[1:]
	return b
}

func (s *script) bytes() []byte {
	n := min(int(s.byte()), len(s.b))
	b := s.b[:n]
	s.b = s.b[n:]
	return b
}

// FuzzStream: whatever a publisher sends, and whatever a subscriber wants, nothing
// panics, a decision that was made stays, and sequence numbers are given once.
func FuzzStream(f *testing.F) {
	for i, m := range modes {
		e := newEncoder(m, rand.New(rand.NewPCG(9, uint64(i))))
		var b []byte
		for n := range 8 {
			for _, p := range e.next(n == 5) {
				b = append(b, byte(len(m.codec))<<4|byte(n), 1, byte(p.frame.picture))
				b = append(b, byte(len(p.packet.Payload)))
				b = append(b, p.packet.Payload...)
				b = append(b, byte(len(p.packet.Dependency)))
				b = append(b, p.packet.Dependency...)
			}
		}
		f.Add(b, m.codec[2])
	}
	names := []string{codec.VP8, codec.VP9, codec.H264, codec.AV1, "H265"}
	f.Fuzz(func(t *testing.T, b []byte, name uint8) {
		s := script{b}
		var tracker Tracker
		var selector Selector
		var numbering Numbering
		type past struct {
			info codec.PacketInfo
			d    Decision
		}
		var sent []past
		out := map[uint64]uint64{}
		seq, now := uint64(1<<16), int64(time.Hour)
		numbering.Begin(seq, 1)
		buffer := make([]byte, 0, 512)
		for n := 0; len(s.b) > 0 && n < 300; n++ {
			control := s.byte()
			if control&0x80 != 0 {
				selector.Target = Target{Spatial: int8(control>>2&7) - 1, Temporal: int8(control & 3)}
			}
			seq += uint64(s.byte() % 8)
			now += int64(control) * 1e6
			p := Packet{Codec: names[int(name)%len(names)], Timestamp: uint32(s.byte()) * 3000, Marker: control&1 != 0, Size: 1000}
			p.Payload, p.Dependency = s.bytes(), s.bytes()
			info := tracker.Track(now, p)
			at := seq
			if control&0x40 != 0 {
				at -= uint64(control & 0x0f) // late
			}
			d := selector.Select(&tracker, &info, now)
			if d != selector.Select(&tracker, &info, now) {
				t.Fatalf("packet %d is decided on twice", n)
			}
			if d.Forward() {
				if o, ok := numbering.Forward(at, &info); ok {
					if was, taken := out[o]; taken && was != at {
						t.Fatalf("%d is sent as %d, which is %d", at, o, was)
					}
					out[o] = at
				}
				if info.Flags&codec.LayersKnown != 0 {
					sent = append(sent, past{info, d})
				}
			} else {
				numbering.Drop(at, &info)
			}
			buffer = codec.AppendDependency(buffer[:0], p.Dependency, &tracker.Structure, d.Edit(3))
			selector.NeedsKeyframe(&tracker.Layout, now)
			selector.Forwarded(&tracker.Layout)
			if layers := tracker.AppendLayers(now, nil); len(layers) > codec.MaxLayerTargets {
				t.Fatalf("%d layers", len(layers))
			}
		}
		for _, p := range sent {
			if d, ok := selector.Recall(&p.info); ok && selector.Highest-p.info.Frame < history && d != p.d && d.Forward() != p.d.Forward() {
				t.Fatalf("decided %+v, then %+v", p.d, d)
			}
		}
	})
}

func TestStateGoesThroughJSON(t *testing.T) {
	var tracker Tracker
	selector := Selector{Target: Whole}
	var numbering Numbering
	packets := stream(findMode("L3T3 AV1"), 10)
	numbering.Begin(packets[0].seq, 7)
	for _, p := range packets {
		info := tracker.Track(5e9, p.packet)
		selector.Select(&tracker, &info, 5e9)
		numbering.Forward(p.seq, &info)
	}
	for _, pair := range [][2]any{{tracker, &Tracker{}}, {selector, &Selector{}}, {numbering, &Numbering{}}} {
		b, err := json.Marshal(pair[0])
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(b, pair[1]); err != nil {
			t.Fatal(err)
		}
		if got := reflect.ValueOf(pair[1]).Elem().Interface(); !reflect.DeepEqual(got, pair[0]) {
			t.Errorf("%T is another one after JSON", got)
		}
	}
}
