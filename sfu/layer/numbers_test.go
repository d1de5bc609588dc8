package layer

import (
	"testing"

	"github.com/tertulia-rtc/tertulia/codec"
)

// TestNumbersGoOn: across a switch to another received stream numbers go on by
// one, and differences within a stream stay.
func TestNumbersGoOn(t *testing.T) {
	var sent Sent
	first := sent.Begin(Numbers{Frame: 65530, PictureID: 0x7ffe, TL0: 250}, 0)
	if first != (Offsets{}) {
		t.Errorf("the first run has offsets: %+v", first)
	}
	sent.Note(first.Apply(Numbers{Frame: 65530, PictureID: 0x7ffe, TL0: 250}, 0))
	sent.Note(first.Apply(Numbers{Frame: 4, PictureID: 0x8008, TL0: 253}, 2))
	sent.Note(first.Apply(Numbers{Frame: 1, PictureID: 0x8005, TL0: 252}, 2)) // late
	if sent.Numbers != (Numbers{Frame: 4, PictureID: 0x8006, TL0: 253}) {
		t.Errorf("sent %+v", sent.Numbers)
	}
	next := sent.Begin(Numbers{Frame: 900, PictureID: 10, TL0: 3}, 6)
	if got := next.Apply(Numbers{Frame: 900, PictureID: 10, TL0: 3}, 6); got != (Numbers{Frame: 5, PictureID: 0x8007, TL0: 254}) {
		t.Errorf("the next run begins with %+v", got)
	}
	if got := next.Apply(Numbers{Frame: 910, PictureID: 14, TL0: 5}, 7); got != (Numbers{Frame: 15, PictureID: 0x800a, TL0: 0}) {
		t.Errorf("the next run goes on with %+v", got)
	}
}

// packetOf makes the description of a packet: its frame, whether it starts and
// ends it.
func packetOf(frame uint32, start, end bool) *codec.PacketInfo {
	return &codec.PacketInfo{Frame: frame, Flags: codec.LayersKnown | edges(start, end)}
}

func TestNumbering(t *testing.T) {
	var n Numbering
	n.Begin(100, 1)
	whole := func(frame uint32) *codec.PacketInfo { return packetOf(frame, true, true) }
	forward := func(seq uint64, p *codec.PacketInfo, want uint64) {
		t.Helper()
		out, ok := n.Forward(seq, p)
		if !ok || out != want {
			t.Errorf("%d is sent as %d (%v), want %d", seq, out, ok, want)
		}
		if in, ok := n.Original(want); !ok || in != seq {
			t.Errorf("%d was %d (%v), want %d", want, in, ok, seq)
		}
	}
	drop := func(seq uint64, p *codec.PacketInfo, want uint64) {
		t.Helper()
		if out, hole := n.Drop(seq, p); hole != (want != 0) || hole && out != want {
			t.Errorf("%d dropped: %d, %v, want %d", seq, out, hole, want)
		}
	}
	forward(100, whole(1), 1)
	drop(101, whole(2), 0)
	drop(102, whole(3), 0)
	forward(103, whole(4), 2)
	// A gap of which nothing is known keeps its numbers.
	forward(106, whole(7), 5)
	forward(104, whole(5), 3)
	drop(105, whole(6), 4) // too late: the subscriber waits for it
	// The middle, the end and the start of dropped frames do not.
	drop(107, packetOf(8, true, false), 0)
	drop(109, packetOf(8, false, true), 0)
	forward(110, whole(9), 6)
	drop(111, packetOf(10, true, false), 0)
	forward(114, packetOf(11, true, true), 7)
	drop(117, packetOf(12, false, true), 0)
	forward(118, whole(13), 8)
	if out, ok := n.Forward(113, packetOf(10, false, true)); ok {
		t.Errorf("a packet whose number was given up is sent as %d", out)
	}
	// What may be of a frame in between keeps its numbers.
	drop(119, packetOf(14, true, true), 0)
	drop(121, packetOf(16, true, true), 0)
	forward(122, whole(17), 10)
	forward(120, whole(15), 9)
	if _, ok := n.Original(11); ok {
		t.Error("a number that was not sent yet has an original")
	}
	if _, ok := n.Forward(99, whole(0)); ok {
		t.Error("a packet from before the run has a number")
	}
}

// TestNumberingForgets: after many pieces the oldest numbers are not found any
// more, and never mistaken.
func TestNumberingForgets(t *testing.T) {
	var n Numbering
	n.Begin(1000, 1)
	sent := map[uint64]uint64{}
	for seq := uint64(1000); seq < 2000; seq++ {
		p := packetOf(uint32(seq), true, true)
		if seq%3 == 0 {
			n.Drop(seq, p)
			continue
		}
		out, ok := n.Forward(seq, p)
		if !ok || out != uint64(len(sent))+1 {
			t.Fatalf("%d is sent as %d", seq, out)
		}
		sent[out] = seq
	}
	for out, seq := range sent {
		in, ok := n.Original(out)
		if ok != (seq >= 2000-3*pieces+3) && seq >= 2000-3*pieces+6 || ok && in != seq {
			t.Errorf("%d was %d, found %d (%v)", out, seq, in, ok)
		}
		if got, ok := n.Forward(seq, packetOf(uint32(seq), true, true)); ok && got != out {
			t.Errorf("%d was sent as %d, then as %d", seq, out, got)
		}
	}
}
