package sfu

import (
	"bytes"
	"testing"
	"time"

	"github.com/pion/rtp"

	"github.com/tertulia-rtc/tertulia/sdp"
	"github.com/tertulia-rtc/tertulia/simnet"
)

// Headers are read by another implementation as they were meant, in the one-byte
// and in the two-byte form (RFC 8285).
func TestHeaders(t *testing.T) {
	small := []byte{byte(extAudioLevel), 1, 0x9e, byte(extOrientation), 1, 2}
	long := append([]byte{byte(extDependency), 40}, bytes.Repeat([]byte{7}, 40)...)
	for _, c := range []struct {
		name      string
		form      headerForm
		forwarded []byte
		profile   uint16
		want      map[uint8][]byte
	}{
		{"nothing", headerForm{}, small, 0, nil},
		{"mid only", headerForm{MID: "12", IDs: [extensions]uint8{extMID: 4}}, nil, 0xbede, map[uint8][]byte{4: []byte("12")}},
		{"one byte", headerForm{MID: "1", IDs: [extensions]uint8{extMID: 4, extAudioLevel: 14}}, small, 0xbede,
			map[uint8][]byte{4: []byte("1"), 14: {0x9e}}},
		{"a large id", headerForm{MID: "1", IDs: [extensions]uint8{extMID: 4, extAudioLevel: 15, extOrientation: 2}, AllowMixed: true}, small, 0x1000,
			map[uint8][]byte{4: []byte("1"), 15: {0x9e}, 2: {2}}},
		{"a large id, which the receiver cannot read", headerForm{MID: "1", IDs: [extensions]uint8{extMID: 4, extAudioLevel: 15}}, small, 0xbede,
			map[uint8][]byte{4: []byte("1")}},
		{"a long value", headerForm{MID: "1", IDs: [extensions]uint8{extMID: 4, extDependency: 5}, AllowMixed: true}, long, 0x1000,
			map[uint8][]byte{4: []byte("1"), 5: long[2:]}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := c.form.appendHeader(nil, 96, true, 0x1234, 0xdeadbeef, 77, c.forwarded, timeless)
			var p rtp.Packet
			if err := p.Unmarshal(append(b, 'x')); err != nil {
				t.Fatal(err)
			}
			if !p.Marker || p.PayloadType != 96 || p.SequenceNumber != 0x1234 || p.Timestamp != 0xdeadbeef || p.SSRC != 77 || string(p.Payload) != "x" {
				t.Errorf("read as %+v", p.Header)
			}
			if p.Extension != (c.profile != 0) || p.Extension && p.ExtensionProfile != c.profile {
				t.Errorf("profile %x", p.ExtensionProfile)
			}
			if len(p.GetExtensionIDs()) != len(c.want) {
				t.Errorf("ids %v", p.GetExtensionIDs())
			}
			for id, v := range c.want {
				if !bytes.Equal(p.GetExtension(id), v) {
					t.Errorf("extension %d is %x", id, p.GetExtension(id))
				}
			}
			// And as we read them ourselves.
			h, ok := parseRTP(append(b, 'x'))
			if !ok || h.seq != 0x1234 || string(h.payload) != "x" {
				t.Fatalf("parsed %+v", h)
			}
			var kinds [maxExtensionID]extension
			for kind, id := range c.form.IDs {
				kinds[id] = extension(kind)
			}
			kinds[0] = extNone
			var ext received
			readExtensions(&h, &kinds, &ext)
			for id, v := range c.want {
				if !bytes.Equal(ext[kinds[id]], v) {
					t.Errorf("we read extension %d as %x", id, ext[kinds[id]])
				}
			}
		})
	}
}

// Padding-only packets leave no gap and are sent on as one byte.
func TestPaddingOnly(t *testing.T) {
	w, pub, sub := couple(t, simnet.Config{})
	s := pub.video("1", 100)
	s.rtx = 0
	w.run(300 * time.Millisecond)
	var last *Packet
	w.tap = func(p *Packet) { c := *p; c.Header = bytes.Clone(p.Header); last = &c }
	p := rtp.Packet{Header: rtp.Header{Version: 2, Padding: true, PayloadType: 96, SequenceNumber: s.seq, SSRC: 100, PaddingSize: 200}}
	b, err := p.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	s.silent = true
	w.r.HandleRTP(w.now, pub.peer, b)
	w.r.Flush(w.now, w)
	if last == nil || last.Header[0]&0x20 == 0 || len(last.Payload) != 0 || last.Padding != 1 {
		t.Fatalf("sent on as %+v", last)
	}
	s.silent = false
	s.seq++
	w.run(300 * time.Millisecond)
	if r := sub.receiver[2000]; len(r.missing) > 0 || len(r.packets) < 60 {
		t.Errorf("%d missing of %d", len(r.missing), len(r.packets))
	}
}

// A section that stops sending for a while comes back with the numbers it had: an
// SSRC never sends one twice.
func TestSlotKeepsItsNumbersWhileInactive(t *testing.T) {
	w, pub, sub := couple(t, simnet.Config{})
	pub.video("1", 100)
	w.run(time.Second)
	slot := w.r.peer(sub.peer).Slots[1]
	seq := slot.Seq
	sub.sdp.Sections[1].Direction = sdp.Inactive
	sub.negotiate()
	n := len(sub.receiver[2000].packets)
	w.run(time.Second)
	if len(sub.receiver[2000].packets) > n+4 || len(w.r.peer(sub.peer).Slots) != 1 {
		t.Fatal("an inactive section was sent to")
	}
	sub.sdp.Sections[1].Direction = sdp.SendOnly
	sub.negotiate()
	w.run(time.Second)
	if again := w.r.peer(sub.peer).Slots[1]; again != slot || slot.Seq < seq+80 {
		t.Fatalf("came back at %d after %d", slot.Seq, seq)
	}
	if r := sub.receiver[2000]; len(r.missing) > 0 {
		t.Errorf("%d missing", len(r.missing))
	}
}

// The subscriber's receiver reports give its losses and the round trip.
func TestSubscriberReports(t *testing.T) {
	w, pub, sub := couple(t, simnet.Config{Latency: 40 * time.Millisecond})
	pub.audio("0", 200)
	w.run(2 * time.Second)
	r := sub.receiver[1000]
	sr := r.reports[len(r.reports)-1]
	slot := w.r.peer(sub.peer).Slots[0]
	delay := time.Duration(w.r.instant(w.now)-slot.SR.At) - 40*time.Millisecond
	rr := rtcpReport(1000, uint32(sr.NTPTime>>16), uint32(delay.Microseconds()*65536/1e6))
	sub.up.Send(w.now, append([]byte{1}, rr...))
	w.run(100 * time.Millisecond)
	st := w.stats(sub).Subscribed[0]
	if st.RTTMS < 78 || st.RTTMS > 83 || st.Lost != -2 || st.FractionLost != 0.25 {
		t.Errorf("%+v", st)
	}
}

func rtcpReport(ssrc, lsr, dlsr uint32) []byte {
	b := appendRTCPHeader(nil, 1, rtcpReceiverReport)
	b = appendUint32(b, 1)
	b = appendUint32(b, ssrc)
	b = append(b, 64, 0xff, 0xff, 0xfe)
	for _, v := range []uint32{5, 480, lsr, dlsr} {
		b = appendUint32(b, v)
	}
	setRTCPLength(b, 0)
	return b
}

// What a header tells of the time is where stamp puts it, in both forms.
func TestTiming(t *testing.T) {
	for _, c := range []struct {
		name string
		form headerForm
		t    timing
		want []byte
	}{
		{"number", headerForm{MID: "1", IDs: [extensions]uint8{extMID: 4, extTransportCC: 3}}, numbered, []byte{0xab, 0xcd}},
		{"number under a large id", headerForm{MID: "1", IDs: [extensions]uint8{extMID: 4, extTransportCC: 20}, AllowMixed: true}, numbered, []byte{0xab, 0xcd}},
		{"time", headerForm{MID: "1", IDs: [extensions]uint8{extMID: 4, extSendTime: 3}}, timestamped, []byte{0x00, 0xab, 0xcd}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := c.form.appendHeader(nil, 96, false, 1, 2, 3, nil, c.t)
			stamp(b, c.t, 0xabcd)
			var p rtp.Packet
			if err := p.Unmarshal(append(b, 'x')); err != nil {
				t.Fatal(err)
			}
			if got := p.GetExtension(c.form.IDs[timingExtensions[c.t]]); !bytes.Equal(got, c.want) {
				t.Errorf("says %x", got)
			}
			if got := p.GetExtension(4); string(got) != "1" {
				t.Errorf("mid %q", got)
			}
		})
	}
	if a, b := sendTime(second), sendTime(65*second); a != 1<<18 || a != b {
		t.Errorf("a second is %x, 65 are %x", a, b)
	}
}
