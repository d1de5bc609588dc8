package load

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
)

// Pion reads what we write.
func TestRTCPIsReadByPion(t *testing.T) {
	b := appendPLI(nil, 1, 2)
	b = appendFIR(b, 1, 2, 7)
	b = appendNACK(b, 1, 2, []uint16{65530, 65535, 4, 40, 41, 57, 58})
	b = appendDescription(b, 1, "r1p1")
	packets, err := rtcp.Unmarshal(b)
	if err != nil || len(packets) != 4 {
		t.Fatalf("%v: %v", packets, err)
	}
	if p := packets[0].(*rtcp.PictureLossIndication); p.SenderSSRC != 1 || p.MediaSSRC != 2 {
		t.Errorf("PLI: %v", p)
	}
	if p := packets[1].(*rtcp.FullIntraRequest); len(p.FIR) != 1 || p.FIR[0] != (rtcp.FIREntry{SSRC: 2, SequenceNumber: 7}) {
		t.Errorf("FIR: %v", p)
	}
	var seqs []uint16
	for _, pair := range packets[2].(*rtcp.TransportLayerNack).Nacks {
		seqs = append(seqs, pair.PacketList()...)
	}
	if !slices.Equal(seqs, []uint16{65530, 65535, 4, 40, 41, 57, 58}) {
		t.Errorf("NACK: %v", seqs)
	}
	if p := packets[3].(*rtcp.SourceDescription); len(p.Chunks) != 1 || p.Chunks[0].Items[0].Text != "r1p1" {
		t.Errorf("SDES: %v", p)
	}
	var split []byte
	for packet, rest := nextRTCP(b); packet != nil; packet, rest = nextRTCP(rest) {
		split = append(split, packet...)
	}
	if !bytes.Equal(split, b) {
		t.Error("a compound taken apart is not what it was")
	}
}

// What the feedback says of each packet, as pion reads it, is what happened: come or not,
// and when, to a quarter of a millisecond.
func TestFeedbackTellsArrivals(t *testing.T) {
	for seed := range uint64(50) {
		rng := rand.New(rand.NewPCG(seed, 1))
		var f feedback
		came := map[uint16]instant{}
		told := map[uint16]bool{}
		now := 1_800_000_000*second + instant(rng.Int64N(int64(second)))
		number := uint16(rng.Uint32())
		for range 40 {
			for range rng.IntN(200) {
				now += instant(rng.Int64N(int64(3 * millisecond)))
				if rng.IntN(300) == 0 {
					now += 9 * second // more than a delta can say
				}
				if number++; rng.IntN(10) > 0 {
					f.take(number, now)
					came[number] = now
				}
			}
			for f.any() {
				b := f.append(nil, 1, 2)
				packets, err := rtcp.Unmarshal(b)
				if err != nil {
					t.Fatalf("seed %d: %v", seed, err)
				}
				checkFeedback(t, packets[0].(*rtcp.TransportLayerCC), came, told)
			}
		}
		for seq := range came {
			if !told[seq] {
				t.Fatalf("seed %d: packet %d came and was not told", seed, seq)
			}
		}
	}
}

func checkFeedback(t *testing.T, p *rtcp.TransportLayerCC, came map[uint16]instant, told map[uint16]bool) {
	t.Helper()
	var statuses []uint16
	for _, chunk := range p.PacketChunks {
		switch c := chunk.(type) {
		case *rtcp.RunLengthChunk:
			for range c.RunLength {
				statuses = append(statuses, c.PacketStatusSymbol)
			}
		case *rtcp.StatusVectorChunk:
			statuses = append(statuses, c.SymbolList...)
		}
	}
	at := instant(p.ReferenceTime) * 64 * millisecond
	deltas := p.RecvDeltas
	for i, status := range statuses[:p.PacketStatusCount] {
		seq := p.BaseSequenceNumber + uint16(i)
		when, did := came[seq]
		if told[seq] && did {
			t.Fatalf("packet %d is told twice", seq)
		}
		if did != (status != rtcp.TypeTCCPacketNotReceived) {
			t.Fatalf("packet %d has status %d, and came: %v", seq, status, did)
		}
		if !did {
			continue
		}
		told[seq] = true
		at += instant(deltas[0].Delta) * 1000
		deltas = deltas[1:]
		// The reference has 24 bits of 64 ms.
		if off := (when - at) % (64 * millisecond << 24); off < 0 || off >= deltaTick {
			t.Fatalf("packet %d came at %d, told is %d: off by %d µs", seq, when, at, off/1000)
		}
	}
}

func TestHeadersAreReadByPion(t *testing.T) {
	s := sender{
		mid: "v1-1", rid: "h", pt: 96, rtxPT: 97, ssrc: 11, rtxSSRC: 12, identify: true, identifyRTX: true,
		ids: extensionIDs{mid: 1, rid: 2, repairedRID: 3, transportCC: 4, sendTime: 5, level: 6},
	}
	for _, c := range []struct {
		header packetHeader
		want   map[uint8]string
	}{
		{packetHeader{seq: 9, timestamp: 90, marker: true, level: -1}, map[uint8]string{1: "v1-1", 2: "h", 4: "\x12\x34"}},
		{packetHeader{seq: 9, timestamp: 90, rtx: true, level: -1}, map[uint8]string{1: "v1-1", 3: "h", 4: "\x12\x34"}},
		{packetHeader{seq: 9, timestamp: 90, level: 30}, map[uint8]string{1: "v1-1", 2: "h", 4: "\x12\x34", 6: "\x9e"}},
		{packetHeader{seq: 9, timestamp: 90, level: silent}, map[uint8]string{1: "v1-1", 2: "h", 4: "\x12\x34", 6: "\x7f"}},
	} {
		b := s.appendHeader(nil, 1_800_000_000*second+second/2, c.header, 0x1234)
		var h rtp.Header
		n, err := h.Unmarshal(b)
		if err != nil || n != len(b) || len(b) > maxHeader {
			t.Fatalf("%+v: %d of %d bytes, %v", c.header, n, len(b), err)
		}
		if h.Marker != c.header.marker || h.SequenceNumber != 9 || h.Timestamp != 90 || (h.SSRC == 12) != c.header.rtx || (h.PayloadType == 97) != c.header.rtx {
			t.Errorf("%+v reads as %+v", c.header, h)
		}
		for id, want := range c.want {
			if got := string(h.GetExtension(id)); got != want {
				t.Errorf("%+v: extension %d is %q, want %q", c.header, id, got, want)
			}
		}
		if got := h.GetExtension(5); len(got) != 3 || got[0]&3 != 2 || got[1] != 0 {
			t.Errorf("absolute send time % x: half a second should be half of 18 bits", got)
		}
	}
	// Reports on a stream say nothing of its retransmissions: a server may not have seen any.
	ep := endpoint{senders: []*sender{&s}}
	names := func(rtx bool) bool {
		var h rtp.Header
		if _, err := h.Unmarshal(s.appendHeader(nil, 0, packetHeader{rtx: rtx, level: -1}, 0)); err != nil {
			t.Fatal(err)
		}
		return h.GetExtension(1) != nil
	}
	for _, c := range []struct {
		reported   uint32
		media, rtx bool
	}{{13, true, true}, {11, false, true}, {12, false, false}} {
		ep.acknowledge(append(appendUint32(nil, c.reported), make([]byte, reportBlock-4)...), 1)
		if names(false) != c.media || names(true) != c.rtx {
			t.Errorf("after a report on %d: media say what they are %v, retransmissions %v", c.reported, names(false), names(true))
		}
	}
	s.ids = extensionIDs{}
	if b := s.appendHeader(nil, 0, packetHeader{level: -1}, 0); len(b) != 12 {
		t.Errorf("without extensions a header has %d bytes", len(b))
	}
}

func FuzzHandle(f *testing.F) {
	f.Add(appendNACK(appendPLI(nil, 1, 2), 1, 2, []uint16{1, 2, 30}))
	f.Fuzz(func(_ *testing.T, b []byte) {
		r := rigForFuzz()
		r.ep.takeRTCP(clock(), b)
		_, _ = r.ep.extensions(0xbede, b)
		_, _ = r.ep.extensions(0x1000, b)
		_, _, _, _ = afterHead(b)
	})
}
