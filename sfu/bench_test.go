package sfu

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/tertulia-rtc/tertulia/protocol"
	"github.com/tertulia-rtc/tertulia/sdp"
)

// counting is a Sink that looks at nothing.
type counting struct{ rtp, rtcp int }

func (c *counting) SendRTP(*Packet)       { c.rtp++ }
func (c *counting) SendRTCP(Peer, []byte) { c.rtcp++ }

// hall is a room of publishers and listeners, all of whom get everything but
// what is their own, without links.
type hall struct {
	r       *Router
	now     time.Time
	sink    counting
	packets [][]byte // one of each publisher
	seq     uint16
	peers   []Peer // of the publishers
	listens []Peer
}

func newHall(t testing.TB, publishers, listeners int) *hall {
	h := &hall{r: New(Config{Rand: rand.New(rand.NewPCG(1, 1))}), now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	people := publishers + listeners
	if listeners == 0 {
		people = publishers
	}
	for i := range people {
		id := protocol.ParticipantID(fmt.Sprintf("p%d", i))
		var sections []sdp.Section
		if i < publishers {
			sections = append(sections, sends("v", sdp.Video, vp8))
		}
		for k := range publishers {
			sections = append(sections, receives(fmt.Sprint(k), sdp.Video, uint32(2000+2*k), vp8))
		}
		key := TransportKey{id, "main"}
		peer := h.r.SetTransport(h.now, key, &sdp.Transport{Sections: sections, ExtmapAllowMixed: true})
		h.r.SetConnected(h.now, key, true)
		if i < publishers {
			h.peers = append(h.peers, peer)
			if err := h.r.Publish(h.now, protocol.PublishStream{Participant: id, Stream: protocol.StreamID(i + 1), Tracks: []protocol.PublishTrack{videoTrack("v")}}); err != nil {
				t.Fatal(err)
			}
			p := make([]byte, 1100)
			copy(p, []byte{0x90, 96, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xbe, 0xde, 0, 2, 0x40, 'v', 0x31, 0, 0, 0, 0, 0})
			copy(p[24:], []byte{0x90, 0xe0, 0x80, 1, 1, 0, 0x00})
			h.packets = append(h.packets, p)
		} else {
			h.listens = append(h.listens, peer)
		}
	}
	for i := range people {
		for k := range publishers {
			if i != k {
				if err := h.r.Subscribe(h.now, protocol.ParticipantID(fmt.Sprintf("p%d", i)), protocol.SubscribeTo{Stream: protocol.StreamID(k + 1), Transport: "main"}); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	for range 3000 { // rings and lists grow to their size
		h.burst(4)
	}
	h.r.Events()
	h.sink = counting{}
	return h
}

// burst is one receive batch: n packets of each publisher.
func (h *hall) burst(n int) {
	h.now = h.now.Add(time.Duration(n) * 8 * time.Millisecond / 4)
	for range n {
		h.seq++
		for i, p := range h.packets {
			binary.BigEndian.PutUint16(p[2:], h.seq)
			binary.BigEndian.PutUint32(p[4:], uint32(h.seq/4)*3000)
			binary.BigEndian.PutUint16(p[19:], h.seq) // transport-wide
			h.r.HandleRTP(h.now, h.peers[i], p)
		}
	}
	h.r.Flush(h.now, &h.sink)
	if due := h.r.Timer(); !due.IsZero() && !due.After(h.now) {
		h.r.Advance(h.now, &h.sink)
	}
}

var halls = []struct{ publishers, listeners int }{{1, 50}, {1, 1000}, {10, 0}}

func BenchmarkForward(b *testing.B) {
	for _, c := range halls {
		name := fmt.Sprintf("%dx%d", c.publishers, c.listeners)
		if c.listeners == 0 {
			name = fmt.Sprintf("%dx%d", c.publishers, c.publishers)
		}
		b.Run(name, func(b *testing.B) {
			h := newHall(b, c.publishers, c.listeners)
			b.ReportAllocs()
			b.ResetTimer()
			for range b.N {
				h.burst(4)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(h.sink.rtp), "ns/packet")
		})
	}
}

// nackOf is a NACK for the 17 packets before the newest ones of a slot.
func (h *hall) nackOf(peer Peer) []byte {
	s := h.r.peer(peer).Slots[0]
	b := []byte{0x81, rtcpTransportFeedback, 0, 3, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0xff, 0xff}
	binary.BigEndian.PutUint32(b[8:], s.SSRC)
	binary.BigEndian.PutUint16(b[12:], uint16(s.Seq-40))
	return b
}

func BenchmarkNACK(b *testing.B) {
	h := newHall(b, 1, 50)
	nack := h.nackOf(h.listens[0])
	p := h.r.peer(h.listens[0])
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		h.now = h.now.Add(20 * time.Millisecond)
		p.Resend.Credit = resendBurst
		h.r.HandleRTCP(h.now, h.listens[0], nack)
		h.r.Flush(h.now, &h.sink)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(h.sink.rtp), "ns/packet")
}

func TestForwardingAllocatesNothing(t *testing.T) {
	for _, c := range halls {
		if c.listeners == 1000 {
			continue
		}
		h := newHall(t, c.publishers, c.listeners)
		if n := testing.AllocsPerRun(500, func() { h.burst(4) }); n != 0 {
			t.Errorf("%d×%d: %v allocations for a batch", c.publishers, c.listeners, n)
		}
		if h.sink.rtp == 0 || h.sink.rtcp == 0 {
			t.Errorf("sent %d packets and %d reports", h.sink.rtp, h.sink.rtcp)
		}
	}
	h := newHall(t, 1, 50)
	nack := h.nackOf(h.listens[0])
	p := h.r.peer(h.listens[0])
	before := h.sink.rtp
	if n := testing.AllocsPerRun(100, func() {
		h.now = h.now.Add(20 * time.Millisecond)
		p.Resend.Credit = resendBurst
		h.r.HandleRTCP(h.now, h.listens[0], nack)
		h.r.Flush(h.now, &h.sink)
	}); n != 0 {
		t.Errorf("%v allocations for a NACK", n)
	}
	if h.sink.rtp-before != 17*101 {
		t.Errorf("answered %d packets", h.sink.rtp-before)
	}
}
