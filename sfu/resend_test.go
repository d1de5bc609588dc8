package sfu

import (
	"testing"
	"time"

	"github.com/pion/rtcp"

	"github.com/tertulia-rtc/tertulia/protocol"
	"github.com/tertulia-rtc/tertulia/sdp"
	"github.com/tertulia-rtc/tertulia/simnet"
)

// Without RTX an answer to a NACK is the same packet, byte for byte.
func TestResendsTheSameBytes(t *testing.T) {
	plain := vp8
	plain.RTX = 0
	w := newWorld(t)
	pub := w.join("ana", simnet.Config{}, sends("1", sdp.Video, vp8))
	pub.publish(1, videoTrack("1"))
	sub := w.join("ben", simnet.Config{}, receives("1", sdp.Video, 2000, plain))
	sub.subscribe(1)
	pub.video("1", 100)
	sent := map[string]int{}
	again := 0
	w.tap = func(p *Packet) {
		b := string(p.Header) + string(p.Prefix) + string(p.Payload)
		if p.Retransmission {
			if again++; sent[b] != 1 {
				t.Errorf("sent again with other bytes")
			}
			return
		}
		sent[b]++
	}
	w.run(time.Second)
	// Pause the track, so that there are two runs to answer from.
	last := sub.receiver[2000].highest
	_ = w.r.Mute(w.now, protocol.MuteTrack{Stream: 1, Track: "v", Muted: true})
	w.run(100 * time.Millisecond)
	_ = w.r.Mute(w.now, protocol.MuteTrack{Stream: 1, Track: "v"})
	w.run(200 * time.Millisecond)
	sub.sendRTCP(&rtcp.TransportLayerNack{MediaSSRC: 2000, Nacks: []rtcp.NackPair{{PacketID: last - 5, LostPackets: 0x3ff}}})
	w.run(20 * time.Millisecond)
	if again != 11 {
		t.Errorf("%d packets were sent again", again)
	}
}

// A subscriber that asks for everything again and again costs a bounded number
// of bytes, and the others nothing.
func TestNACKStorm(t *testing.T) {
	w, pub, sub := couple(t, simnet.Config{})
	other := w.join("eva", simnet.Config{}, receives("1", sdp.Video, 2000, vp8))
	other.subscribe(1)
	v := pub.video("1", 100)
	w.run(2 * time.Second)
	var first, again int64
	w.tap = func(p *Packet) {
		if p.To == sub.peer && p.Retransmission {
			again += int64(len(p.Payload))
		} else if p.To == sub.peer {
			first += int64(len(p.Payload))
		}
	}
	sub.receiver[2000].nacks = false
	before := len(other.receiver[2000].packets)
	for range 2000 {
		var n rtcp.TransportLayerNack
		n.MediaSSRC = 2000
		for i := range 250 {
			n.Nacks = append(n.Nacks, rtcp.NackPair{PacketID: sub.receiver[2000].highest - uint16(i*17), LostPackets: 0xffff})
		}
		sub.sendRTCP(&n)
		w.run(time.Millisecond)
	}
	// The burst, so much a second, and half of what goes out anyway.
	if limit := int64(resendBurst) + 2*resendPerSecond + first/2; again > limit {
		t.Errorf("%d bytes sent again, %d at first", again, first)
	}
	st := w.stats(sub)
	if st.NACKsRefused == 0 || st.NACKsIn > 2000*maxNACKs {
		t.Errorf("%+v", st.peerCounters)
	}
	if got := len(other.receiver[2000].packets) - before; got < 2000/33*4-8 {
		t.Errorf("the other got %d packets", got)
	}
	if v.plis > 5 {
		t.Errorf("%d keyframe requests", v.plis)
	}
}
