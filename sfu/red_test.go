package sfu

import (
	"bytes"
	"testing"
	"time"

	"github.com/tertulia-rtc/tertulia/protocol"
	"github.com/tertulia-rtc/tertulia/sdp"
	"github.com/tertulia-rtc/tertulia/simnet"
)

// RED goes to those who negotiated it, with their own payload type inside; the
// others get its primary block as plain Opus.
func TestRED(t *testing.T) {
	w := newWorld(t)
	pub := w.join("ana", simnet.Config{}, sends("0", sdp.Audio, opus, red))
	pub.publish(1, audioTrack("0"))
	theirs, theirRED := opus, red
	theirs.PayloadType, theirRED.PayloadType = 109, 121
	able := w.join("ben", simnet.Config{}, receives("0", sdp.Audio, 1000, theirs, theirRED))
	plain := w.join("eva", simnet.Config{}, receives("0", sdp.Audio, 1000, theirs))
	able.subscribe(1)
	plain.subscribe(1)
	s := pub.audio("0", 200)
	s.pt = 63
	s.make = func(bool, bool, int) []byte {
		// One redundant block of 3 bytes, 960 samples ago, and the primary.
		return []byte{0x80 | 111, 960 >> 6, byte(960&0x3f) << 2, 3, 111, 'o', 'l', 'd', 'n', 'e', 'w', '!'}
	}
	w.run(200 * time.Millisecond)
	s.pt, s.make = 111, func(bool, bool, int) []byte { return []byte("opus") }
	w.run(100 * time.Millisecond)
	p := able.receiver[1000].packets
	if want := []byte{0x80 | 109, 960 >> 6, byte(960&0x3f) << 2, 3, 109, 'o', 'l', 'd', 'n', 'e', 'w', '!'}; p[0].PayloadType != 121 || !bytes.Equal(p[0].Payload, want) {
		t.Errorf("RED arrived as %d %x", p[0].PayloadType, p[0].Payload)
	}
	if last := p[len(p)-1]; last.PayloadType != 109 || string(last.Payload) != "opus" {
		t.Errorf("plain Opus arrived as %d %q", last.PayloadType, last.Payload)
	}
	p = plain.receiver[1000].packets
	if p[0].PayloadType != 109 || string(p[0].Payload) != "new!" {
		t.Errorf("the primary block arrived as %d %q", p[0].PayloadType, p[0].Payload)
	}
	if len(p) != 15 || int(p[14].SequenceNumber-p[0].SequenceNumber) != 14 {
		t.Errorf("%d packets", len(p))
	}
	if s := taken[protocol.TrackStarted](w); len(s) != 1 || s[0].Codec != "opus" {
		t.Errorf("started as %v", s)
	}
	for _, p := range able.receiver[1000].packets {
		if v := p.GetExtension(1); len(v) != 1 || v[0] != 0x80|30 {
			t.Fatalf("audio level %x", v)
		}
	}
}
