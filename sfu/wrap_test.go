package sfu

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/tertulia-rtc/tertulia/sdp"
	"github.com/tertulia-rtc/tertulia/simnet"
)

// Picture ids go on by one across a switch of simulcast layers also when those of the
// publisher have begun anew meanwhile: after 15 bits, or after 7.
func TestPictureIDsWrap(t *testing.T) {
	for _, long := range []bool{true, false} {
		w := newWorld(t)
		section := sends("1", sdp.Video, vp8)
		section.Recv.RIDs = []string{"q", "f"}
		pub := w.join("ana", simnet.Config{Latency: 5 * time.Millisecond}, section)
		pub.publish(1, videoTrack("1"))
		sub := w.join("ben", simnet.Config{Latency: 5 * time.Millisecond}, receives("1", sdp.Video, 2000, vp8))
		sub.subscribe(1)
		small, large := pub.video("1", 100), pub.video("1", 300)
		small.rid, large.rid = "q", "f"
		size := uint16(1 << 15)
		if !long {
			size = 1 << 7
		}
		for i, s := range []*sender{small, large} {
			id := size - 20 - 40*uint16(i)
			s.make = func(first, keyframe bool, frame int) []byte {
				b := make([]byte, 500+100*i)
				b[0], b[1] = 0x80, 0xc0 // X; I L
				if first {
					b[0] |= 0x10
				}
				at := 2
				if n := id + uint16(frame); long {
					binary.BigEndian.PutUint16(b[at:], 0x8000|n)
					at += 2
				} else {
					b[at] = byte(n) & 0x7f
					at++
				}
				b[at] = byte(frame) // TL0PICIDX
				if !keyframe {
					b[at+1] = 1
				}
				return b
			}
		}
		large.silent = true
		w.run(3 * time.Second)
		large.silent, large.next, large.nextSR = false, w.now, w.now
		w.run(6 * time.Second)
		large.silent = true
		w.run(3 * time.Second)
		switches := 0
		packets := sub.receiver[2000].packets
		for i := 1; i < len(packets); i++ {
			a, _, _ := vp8Of(packets[i-1])
			b, _, _ := vp8Of(packets[i])
			if len(packets[i].Payload) != len(packets[i-1].Payload) {
				switches++
			}
			same := packets[i].Timestamp == packets[i-1].Timestamp
			if d := (b.PictureID - a.PictureID) & (size - 1); same && d != 0 || !same && d != 1 {
				t.Errorf("long %v: picture id %d after %d, packet %d", long, b.PictureID, a.PictureID, i)
			}
			if d := b.TL0PicIdx - a.TL0PicIdx; same && d != 0 || !same && d != 1 {
				t.Errorf("long %v: TL0PICIDX %d after %d", long, b.TL0PicIdx, a.TL0PicIdx)
			}
		}
		if switches != 2 {
			t.Errorf("long %v: %d switches", long, switches)
		}
	}
}
