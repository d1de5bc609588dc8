package sfu

import (
	"testing"
	"time"

	"github.com/pion/rtcp"

	"github.com/tertulia-rtc/tertulia/sdp"
	"github.com/tertulia-rtc/tertulia/simnet"
)

// Transport-wide feedback tells each packet that came and each that was lost, and
// when, as another implementation reads it.
func TestTransportWideFeedback(t *testing.T) {
	w, pub, _ := couple(t, simnet.Config{Latency: 10 * time.Millisecond})
	pub.up.Set(simnet.Config{Latency: 10 * time.Millisecond, Loss: 0.1, Jitter: 30 * time.Millisecond, Reorder: 0.02, ReorderBy: 200 * time.Millisecond})
	pub.wide = 0xff80
	pub.video("1", 100)
	pub.audio("0", 200)
	w.run(5 * time.Second)
	told := map[uint16]int{}
	var last *rtcp.TransportLayerCC
	feedbacks := 0
	for _, p := range pub.rtcp {
		f, ok := p.(*rtcp.TransportLayerCC)
		if !ok {
			continue
		}
		feedbacks++
		seq := f.BaseSequenceNumber
		n, deltas := int(f.PacketStatusCount), 0
		status := func(s uint16) {
			if n == 0 {
				return
			}
			n--
			if s != rtcp.TypeTCCPacketNotReceived {
				told[seq]++
				deltas++
			}
			seq++
		}
		for _, c := range f.PacketChunks {
			switch c := c.(type) {
			case *rtcp.RunLengthChunk:
				for range c.RunLength {
					status(c.PacketStatusSymbol)
				}
			case *rtcp.StatusVectorChunk:
				for _, s := range c.SymbolList {
					status(s)
				}
			}
		}
		if deltas != len(f.RecvDeltas) || n != 0 {
			t.Fatalf("%d deltas for %d packets, %d statuses missing", len(f.RecvDeltas), deltas, n)
		}
		if last != nil && f.FbPktCount != last.FbPktCount+1 {
			t.Fatalf("feedback %d after %d", f.FbPktCount, last.FbPktCount)
		}
		last = f
	}
	if feedbacks < 50 || feedbacks > 160 {
		t.Errorf("%d feedbacks in 5 s", feedbacks)
	}
	sent, came := int(pub.wide-0xff80), pub.up.Stats().Received
	if len(told) < sent*85/100 || len(told) > came {
		t.Errorf("%d told, %d came, %d sent", len(told), came, sent)
	}
}

// Receiver reports by RFC 3550: losses before retransmission are recovered ones
// too, for what counts is what came; LSR and DLSR give the round trip.
func TestReceiverReports(t *testing.T) {
	plain := opus
	plain.NACK = false
	w := newWorld(t)
	pub := w.join("ana", simnet.Config{Latency: 30 * time.Millisecond, Loss: 0.2}, sends("0", sdp.Audio, plain))
	pub.publish(1, audioTrack("0"))
	s := pub.audio("0", 200)
	s.rtx = 0
	w.run(10 * time.Second)
	var last rtcp.ReceptionReport
	n := 0
	for _, p := range pub.rtcp {
		if rr, ok := p.(*rtcp.ReceiverReport); ok {
			last = rr.Reports[0]
			n++
		}
	}
	if n < 6 || last.SSRC != 200 || int16(s.seq-uint16(last.LastSequenceNumber)) > 120 { // reports are lost too
		t.Fatalf("%d reports, %+v", n, last)
	}
	if share := float64(last.TotalLost) / float64(s.packets); share < 0.12 || share > 0.28 {
		t.Errorf("lost %.2f", share)
	}
	if last.LastSenderReport == 0 || last.Delay == 0 {
		t.Error("no round trip")
	}
	if last.Jitter > 480 {
		t.Errorf("jitter %d", last.Jitter)
	}
}

// A peer with goog-remb only gets REMB.
func TestREMB(t *testing.T) {
	old := vp8
	old.TransportCC, old.REMB, old.PLI = false, true, false
	w := newWorld(t)
	pub := w.join("ana", simnet.Config{}, sends("1", sdp.Video, old))
	pub.publish(1, videoTrack("1"))
	sub := w.join("ben", simnet.Config{}, receives("1", sdp.Video, 2000, vp8))
	pub.video("1", 100)
	w.run(time.Second)
	sub.subscribe(1)
	w.run(time.Second)
	var remb *rtcp.ReceiverEstimatedMaximumBitrate
	fir := 0
	for _, p := range pub.rtcp {
		switch p := p.(type) {
		case *rtcp.ReceiverEstimatedMaximumBitrate:
			remb = p
		case *rtcp.FullIntraRequest:
			fir++
		case *rtcp.PictureLossIndication:
			t.Error("PLI was not negotiated")
		}
	}
	if remb == nil || remb.Bitrate < 2.49e6 || remb.Bitrate > 2.5e6 || len(remb.SSRCs) != 1 || remb.SSRCs[0] != 100 {
		t.Errorf("REMB %v", remb)
	}
	if fir == 0 {
		t.Error("no FIR")
	}
}
