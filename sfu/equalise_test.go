package sfu

import (
	"testing"
	"time"

	"github.com/tertulia-rtc/tertulia/simnet"
)

// Packets of a frame leave in one size, the last one excepted; audio is never
// padded, and what is padded decodes to what was sent.
func TestPacketsOfAFrameAreEqual(t *testing.T) {
	w, pub, sub := couple(t, simnet.Config{})
	v := pub.video("1", 100)
	pub.audio("0", 200)
	sizes := []int{1000, 1000, 1001, 600} // as encoders cut frames, and a short end
	n := 0
	plain := v.make
	v.make = func(first, keyframe bool, frame int) []byte {
		b := plain(first, keyframe, frame)
		b = append(b, 0xaa)[:sizes[n%4]]
		n++
		return b
	}
	runs := 0
	var last int
	w.tap = func(p *Packet) {
		if p.Retransmission {
			return
		}
		if p.Kind != "video" {
			if p.Padding != 0 {
				t.Error("audio is padded")
			}
			return
		}
		size := len(p.Payload) + len(p.Prefix) + int(p.Padding)
		if size > last || last == 600 {
			runs++
		}
		last = size
	}
	w.run(2 * time.Second)
	frames := v.frame
	if runs > frames+2 {
		t.Errorf("%d frames leave in %d runs of one size", frames, runs)
	}
	r := sub.receiver[2000]
	for i, p := range r.packets {
		if want := sizes[i%4]; len(p.Payload) != want {
			t.Fatalf("packet %d has %d bytes of payload, %d were sent", i, len(p.Payload), want)
		}
	}
}

// Where sizes differ, padding stays below a twentieth.
func TestPaddingCostsLittle(t *testing.T) {
	w, pub, _ := couple(t, simnet.Config{})
	v := pub.video("1", 100)
	n := 0
	plain := v.make
	v.make = func(first, keyframe bool, frame int) []byte {
		n++
		return plain(first, keyframe, frame)[:300+60*(n%4)]
	}
	padding, media := 0, 0
	w.tap = func(p *Packet) {
		if !p.Retransmission {
			padding, media = padding+int(p.Padding), media+len(p.Payload)
		}
	}
	w.run(time.Second)
	if media == 0 || padding*20 > media {
		t.Errorf("%d bytes of padding beside %d", padding, media)
	}
}
