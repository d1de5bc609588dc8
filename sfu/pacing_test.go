package sfu

import (
	"testing"
	"time"

	"github.com/tertulia-rtc/tertulia/protocol"
	"github.com/tertulia-rtc/tertulia/sdp"
	"github.com/tertulia-rtc/tertulia/simnet"
)

// A frame that is much larger than the link takes leaves over time, in order, and
// audio does not wait behind it.
func TestPacesLargeFrames(t *testing.T) {
	w := newWorld(t)
	pub := w.join("ana", simnet.Config{}, sends("0", sdp.Audio, opus), sends("1", sdp.Video, vp8))
	pub.publish(1, audioTrack("0"), videoTrack("1"))
	sub := w.join("ben", simnet.Config{Latency: 10 * time.Millisecond, Rate: 1_000_000, Queue: 60_000},
		receives("0", sdp.Audio, 1000, opus), receives("1", sdp.Video, 2000, vp8))
	sub.subscribe(1)
	v := pub.video("1", 100)
	pub.audio("0", 200)
	v.perFrame, v.size = 2, 700 // 340 kb/s
	w.run(5 * time.Second)
	r := sub.receiver[2000]
	v.perFrame = 30 // one large frame: 21 KB, 170 ms of the link
	at := w.now
	var first, last time.Time
	audio := 0
	w.tap = func(p *Packet) {
		switch {
		case p.Retransmission:
		case p.Kind == "audio":
			audio++
		case len(p.Payload) == 700 && w.now.Sub(at) < 400*time.Millisecond:
			if first.IsZero() {
				first = w.now
			}
			last = w.now
		}
	}
	w.run(33 * time.Millisecond)
	v.perFrame = 2
	v.silent = true
	w.run(400 * time.Millisecond)
	if spread := last.Sub(first); spread < 30*time.Millisecond || spread > 300*time.Millisecond {
		t.Errorf("it left within %v", spread)
	}
	if audio < 20 {
		t.Errorf("only %d packets of audio left meanwhile", audio)
	}
	v.silent, v.next = false, w.now
	w.run(3 * time.Second)
	if len(r.missing) > 0 {
		t.Errorf("%d packets are missing", len(r.missing))
	}
	if n := w.stats(sub).Paced; n == 0 {
		t.Error("nothing was paced")
	}
}

// What waits when a track is muted does not leave any more, and nobody asks for it.
func TestMuteEndsWaiting(t *testing.T) {
	w := newWorld(t)
	pub := w.join("ana", simnet.Config{}, sends("1", sdp.Video, vp8))
	pub.publish(1, videoTrack("1"))
	sub := w.join("ben", simnet.Config{Latency: 10 * time.Millisecond, Rate: 1_000_000, Queue: 60_000}, receives("1", sdp.Video, 2000, vp8))
	sub.subscribe(1)
	v := pub.video("1", 100)
	v.perFrame, v.size = 2, 700
	w.run(3 * time.Second)
	v.perFrame = 40
	w.run(33 * time.Millisecond)
	p := w.r.peer(sub.peer)
	if len(p.Pace.queue)-p.Pace.next < 5 {
		t.Fatalf("%d packets wait", len(p.Pace.queue)-p.Pace.next)
	}
	if err := w.r.Mute(w.now, protocol.MuteTrack{Stream: 1, Track: "v", Muted: true}); err != nil {
		t.Fatal(err)
	}
	w.tap = func(p *Packet) {
		if len(p.Payload) > 0 {
			t.Fatal("media of a muted track leaves")
		}
	}
	w.run(2 * time.Second)
	if n := len(sub.receiver[2000].missing); n > 0 {
		t.Errorf("%d packets are asked for", n)
	}
}
