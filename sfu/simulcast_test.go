package sfu

import (
	"testing"
	"time"

	"github.com/tertulia-rtc/tertulia/sdp"
	"github.com/tertulia-rtc/tertulia/simnet"
)

// Of simulcast layers the largest that flows is forwarded; slots change over with
// a keyframe and unbroken numbers.
func TestSimulcast(t *testing.T) {
	w := newWorld(t)
	section := sends("1", sdp.Video, vp8)
	section.Recv.RIDs = []string{"q", "f"}
	pub := w.join("ana", simnet.Config{Latency: 5 * time.Millisecond, Loss: 0.01}, section)
	pub.publish(1, videoTrack("1"))
	sub := w.join("ben", simnet.Config{Latency: 5 * time.Millisecond}, receives("1", sdp.Video, 2000, vp8))
	sub.subscribe(1)
	small, large := pub.video("1", 100), pub.video("1", 300)
	small.rid, small.size = "q", 300
	large.rid, large.size = "f", 1100
	large.silent = true
	w.run(2 * time.Second)
	large.silent, large.next, large.nextSR = false, w.now, w.now
	w.run(3 * time.Second)
	r := sub.receiver[2000]
	if p := r.packets[len(r.packets)-1]; len(p.Payload) != 1100 {
		t.Errorf("forwards packets of %d bytes", len(p.Payload))
	}
	large.silent = true
	w.run(3 * time.Second)
	small.silent = true
	w.run(200 * time.Millisecond)
	if p := r.packets[len(r.packets)-1]; len(p.Payload) != 300 {
		t.Errorf("then packets of %d bytes", len(p.Payload))
	}
	if len(r.missing) > 0 {
		t.Errorf("%d missing", len(r.missing))
	}
	if n := r.highest - r.packets[0].SequenceNumber; int(n)+1 != len(r.packets) {
		t.Errorf("%d packets of %d", len(r.packets), n+1)
	}
}
