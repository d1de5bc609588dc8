package sfu

import (
	"testing"
	"time"

	"github.com/pion/rtcp"

	"github.com/tertulia-rtc/tertulia/sdp"
	"github.com/tertulia-rtc/tertulia/simnet"
)

// What a participant says about SSRCs that are not its own counts for nothing.
func TestForeignReports(t *testing.T) {
	w, pub, sub := couple(t, simnet.Config{})
	evil := w.join("evil", simnet.Config{}, sends("1", sdp.Video, vp8))
	v := pub.video("1", 100)
	w.run(time.Second)
	plis := v.plis
	before := w.r.peer(pub.peer).Inbounds[1].Sources[0].SR
	resent := w.stats(sub).Retransmitted
	for _, ssrc := range []uint32{100, 2000, 101, 2001} {
		evil.sendRTCP(&rtcp.PictureLossIndication{MediaSSRC: ssrc}, &rtcp.SenderReport{SSRC: ssrc, NTPTime: 1},
			&rtcp.ReceiverReport{SSRC: 1, Reports: []rtcp.ReceptionReport{{SSRC: ssrc, FractionLost: 255}}},
			&rtcp.TransportLayerNack{MediaSSRC: ssrc, Nacks: []rtcp.NackPair{{PacketID: 1, LostPackets: 0xffff}}},
			&rtcp.Goodbye{Sources: []uint32{ssrc}})
	}
	n := len(sub.receiver[2000].packets)
	// And media under the SSRC of the other one.
	fake := evil.video("1", 100)
	fake.perFrame = 1
	w.run(time.Second)
	if v.plis != plis || w.stats(sub).Retransmitted != resent {
		t.Error("a stranger's feedback was heard")
	}
	if w.r.peer(pub.peer).Inbounds[1].Sources[0].SR.NTP == 1 || before.NTP == 1 {
		t.Error("a stranger's report was taken")
	}
	if got := len(sub.receiver[2000].packets) - n; got < 110 || got > 125 {
		t.Errorf("%d packets in a second", got)
	}
	if st := w.stats(evil); st.ForeignRTCP < 12 || st.Unclaimed == 0 {
		t.Errorf("%+v", st.peerCounters)
	}
}

// A publisher that shows ever new SSRCs is held to a few.
func TestUnknownSSRCsAreBounded(t *testing.T) {
	w, pub, sub := couple(t, simnet.Config{})
	s := pub.audio("0", 1)
	w.run(100 * time.Millisecond)
	for i := range uint32(5000) {
		s.ssrc = 10 + i
		s.packet([]byte{1}, 0, true)
		w.run(time.Millisecond)
	}
	p := w.r.peer(pub.peer)
	if len(p.bySSRC) > 8 || len(w.r.sources) > 8 || p.Counted.UnknownSSRC < 4900 {
		t.Errorf("%d SSRCs, %d sources, %d refused", len(p.bySSRC), len(w.r.sources), p.Counted.UnknownSSRC)
	}
	_ = sub
}
