package sfu

import (
	"testing"
	"time"

	"github.com/tertulia-rtc/tertulia/protocol"
	"github.com/tertulia-rtc/tertulia/sdp"
	"github.com/tertulia-rtc/tertulia/simnet"
)

// A receiver without the codec is told so, and the publisher may change it in
// mid-stream.
func TestCodecs(t *testing.T) {
	w := newWorld(t)
	pub := w.join("ana", simnet.Config{}, sends("1", sdp.Video, vp8, h264))
	pub.publish(1, videoTrack("1"))
	both := w.join("ben", simnet.Config{}, receives("1", sdp.Video, 2000, vp8, h264))
	only := w.join("eva", simnet.Config{}, receives("1", sdp.Video, 2000, vp8))
	both.subscribe(1)
	only.subscribe(1)
	s := pub.video("1", 100)
	w.run(1500 * time.Millisecond)
	taken[protocol.SubscriptionChanged](w)
	n := len(both.receiver[2000].packets)
	s.pt, s.rtxPT = 102, 103
	s.make = func(first, keyframe bool, frame int) []byte {
		b := make([]byte, 800)
		b[0] = 0x61
		if first && keyframe {
			b[0] = 0x65
		}
		return b
	}
	w.run(time.Second)
	told := taken[protocol.SubscriptionChanged](w)
	var reasons []string
	for _, e := range told {
		if e.Participant == "eva" {
			reasons = append(reasons, e.State+" "+e.Reason)
		} else if e.State != protocol.SubscriptionActive || e.Codec != "H264" {
			t.Errorf("told %+v", e)
		}
	}
	if len(reasons) != 1 || reasons[0] != "codec-unsupported the track is H264, which this receiver does not accept; it accepts VP8" {
		t.Errorf("told %q", reasons)
	}
	p := both.receiver[2000].packets
	if len(p) < n+80 || p[n].PayloadType != 102 || p[n].Payload[0] != 0x65 || p[n].SequenceNumber != p[n-1].SequenceNumber+1 {
		t.Fatalf("H264 did not follow: %d packets", len(p)-n)
	}
	// And back again.
	s.pt, s.rtxPT = 96, 97
	s.make = pub.video("none", 900).make
	pub.senders = pub.senders[:1]
	w.run(time.Second)
	told = taken[protocol.SubscriptionChanged](w)
	if len(told) != 2 || told[0].State != protocol.SubscriptionActive || told[1].State != protocol.SubscriptionActive {
		t.Errorf("told %+v", told)
	}
	if r := only.receiver[2000]; len(r.missing) > 0 {
		t.Error("gaps")
	}
}

// A new SSRC in the same section (a restarted encoder) goes on in the slot.
func TestNewSSRC(t *testing.T) {
	w, pub, sub := couple(t, simnet.Config{})
	s := pub.audio("0", 300)
	w.run(time.Second)
	s.ssrc, s.seq, s.base = 301, 7, 1<<31
	w.run(time.Second)
	// A jump of the numbers within the same SSRC too.
	s.seq += 20000
	w.run(time.Second)
	r := sub.receiver[1000]
	if len(r.packets) < 147 || len(r.missing) > 0 {
		t.Errorf("%d packets, %d missing", len(r.packets), len(r.missing))
	}
	for i := 1; i < len(r.packets); i++ {
		a, b := r.packets[i-1], r.packets[i]
		if d := b.Timestamp - a.Timestamp; b.SequenceNumber != a.SequenceNumber+1 || d == 0 || d > 4000 {
			t.Fatalf("%d/%d after %d/%d", b.SequenceNumber, b.Timestamp, a.SequenceNumber, a.Timestamp)
		}
	}
}
