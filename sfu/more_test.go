package sfu

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pion/rtcp"

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

// Speakers: loudest first, told when it changes, silence told too.
func TestSpeakers(t *testing.T) {
	w := newWorld(t)
	var senders []*sender
	for i, name := range []string{"a", "b", "c"} {
		c := w.join(name, simnet.Config{}, sends("0", sdp.Audio, opus))
		c.publish(protocol.StreamID(i+1), audioTrack("0"))
		s := c.audio("0", 200)
		s.level = 90
		senders = append(senders, s)
	}
	speaking := func() (ids []protocol.StreamID, n int) {
		w.run(2500 * time.Millisecond)
		all := taken[protocol.SpeakersChanged](w)
		if len(all) == 0 {
			return nil, 0
		}
		for _, s := range all[len(all)-1].Speakers.Speakers {
			ids = append(ids, s.Stream)
		}
		return ids, len(all)
	}
	if _, n := speaking(); n != 0 {
		t.Error("noise is not speech")
	}
	senders[1].level, senders[2].level = 40, 20
	if ids, n := speaking(); !cmp.Equal(ids, []protocol.StreamID{3, 2}) || n > 3 {
		t.Errorf("speak: %v, told %d times", ids, n)
	}
	senders[2].silent = true
	if ids, _ := speaking(); !cmp.Equal(ids, []protocol.StreamID{2}) {
		t.Errorf("speak: %v", ids)
	}
	senders[1].level = 100
	if ids, n := speaking(); len(ids) != 0 || n == 0 {
		t.Errorf("speak: %v, told %d times", ids, n)
	}
	for _, s := range senders {
		s.silent = true
	}
	w.run(8 * time.Second)
	if due := w.r.Timer(); !due.IsZero() {
		t.Errorf("the timer never rests: %v", due.Sub(w.now))
	}
}

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
	if n < 6 || last.SSRC != 200 || int16(s.seq-uint16(last.LastSequenceNumber)) > 60 {
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

// The state survives JSON, and the restored router goes on where the other was.
func TestStateRoundTrip(t *testing.T) {
	w, pub, sub := couple(t, simnet.Config{Latency: 10 * time.Millisecond, Loss: 0.02})
	v := pub.video("1", 100)
	pub.audio("0", 200)
	w.run(3 * time.Second)
	state, err := json.Marshal(w.r)
	if err != nil {
		t.Fatal(err)
	}
	r, err := Restore(Config{Rand: rand.New(rand.NewPCG(1, 1))}, state)
	if err != nil {
		t.Fatal(err)
	}
	again, err := json.Marshal(r)
	if err != nil || !bytes.Equal(state, again) {
		t.Fatalf("another state after the round trip: %v\n%s", err, cmp.Diff(string(state), string(again)))
	}
	w.r = r
	rec := sub.receiver[2000]
	before := len(rec.packets)
	w.run(2 * time.Second)
	if len(rec.packets) < before+200 || rec.dups > 15 {
		t.Errorf("%d packets after the hand-over, %d twice", len(rec.packets)-before, rec.dups)
	}
	if v.plis > 3 {
		t.Errorf("%d keyframe requests", v.plis)
	}
	for _, bad := range []string{`[]`, `{"Peers":[{"Index":3}]}`, `{"Subscriptions":[{"stream":9}]}`} {
		if _, err := Restore(Config{}, []byte(bad)); err == nil {
			t.Errorf("restored from %s", bad)
		}
	}
}

// Errors name what is wrong.
func TestErrors(t *testing.T) {
	w, pub, sub := couple(t, simnet.Config{})
	for want, err := range map[string]*protocol.Error{
		"no stream 9":         w.r.Subscribe(w.now, sub.id, protocol.SubscribeTo{Stream: 9, Transport: "main"}),
		"no track \"x\"":      w.r.Subscribe(w.now, sub.id, protocol.SubscribeTo{Stream: 1, Transport: "main", Tracks: []protocol.TrackID{"x"}}),
		"stream 8":            w.r.Unpublish(w.now, 8),
		"no track \"y\"":      w.r.Mute(w.now, protocol.MuteTrack{Stream: 1, Track: "y"}),
		"another participant": w.r.Publish(w.now, protocol.PublishStream{Participant: "eva", Stream: 1}),
		"carries a track of":  w.r.Publish(w.now, protocol.PublishStream{Participant: pub.id, Stream: 2, Tracks: []protocol.PublishTrack{videoTrack("1")}}),
		"neither audio":       w.r.Publish(w.now, protocol.PublishStream{Participant: pub.id, Stream: 3, Tracks: []protocol.PublishTrack{{}}}),
	} {
		if err == nil || !strings.Contains(err.Message, want) {
			t.Errorf("%q: %v", want, err)
		}
	}
}

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
