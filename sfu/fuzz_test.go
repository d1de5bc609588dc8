package sfu

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/pion/rtcp"

	"github.com/tertulia-rtc/tertulia/sdp"
	"github.com/tertulia-rtc/tertulia/simnet"
)

func FuzzHandleRTP(f *testing.F) {
	f.Add([]byte{0x90, 96, 0, 1, 0, 0, 0, 1, 0, 0, 0, 100, 0xbe, 0xde, 0, 1, 0x40, '1', 0, 0, 0x90, 0xe0, 0x80, 1, 1, 0, 0, 0})
	f.Add([]byte{0x90, 97, 0, 1, 0, 0, 0, 1, 0, 0, 0, 101, 0xbe, 0xde, 0, 1, 0x40, '1', 0, 0, 0, 1, 0x90, 0xe0, 0x80, 1, 1, 0, 0, 0})
	f.Add([]byte{0xb0, 63, 0, 1, 0, 0, 0, 1, 0, 0, 0, 200, 0x10, 0, 0, 1, 4, 1, '0', 0, 111, 1, 2, 2})
	f.Fuzz(func(t *testing.T, b []byte) {
		w := fuzzWorld(t)
		// The input is several packets, each with two bytes of size.
		for range 50 {
			w.r.HandleRTP(w.now, 0, b)
			if len(b) < 2 {
				break
			}
			n := int(binary.BigEndian.Uint16(b))
			b = b[2:]
			w.r.HandleRTP(w.now, 0, b[:min(n, len(b))])
			b = b[min(n, len(b)):]
			w.now = w.now.Add(7 * time.Millisecond)
			w.r.Flush(w.now, w)
			w.r.Advance(w.now, w)
		}
		w.run(10 * time.Millisecond)
	})
}

func FuzzHandleRTCP(f *testing.F) {
	for _, p := range []rtcp.Packet{
		&rtcp.SenderReport{SSRC: 100, NTPTime: 1 << 40}, &rtcp.PictureLossIndication{MediaSSRC: 2000},
		&rtcp.TransportLayerNack{MediaSSRC: 2000, Nacks: []rtcp.NackPair{{PacketID: 3, LostPackets: 0xffff}}},
		&rtcp.FullIntraRequest{MediaSSRC: 2000, FIR: []rtcp.FIREntry{{SSRC: 2000}}},
		&rtcp.ReceiverReport{SSRC: 1, Reports: []rtcp.ReceptionReport{{SSRC: 2000}}},
	} {
		b, _ := p.Marshal()
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		w := fuzzWorld(t)
		for peer := range Peer(2) {
			w.r.HandleRTCP(w.now, peer, b)
		}
		w.run(5 * time.Millisecond)
	})
}

func fuzzWorld(t *testing.T) *world {
	w := newWorld(t)
	pub := w.join("ana", simnet.Config{}, sends("0", sdp.Audio, opus, red), sends("1", sdp.Video, vp8, h264))
	pub.publish(1, audioTrack("0"), videoTrack("1"))
	sub := w.join("ben", simnet.Config{}, receives("0", sdp.Audio, 1000, opus), receives("1", sdp.Video, 2000, vp8, h264))
	sub.subscribe(1)
	pub.video("1", 100)
	w.run(5 * time.Millisecond)
	pub.senders = nil
	return w
}
