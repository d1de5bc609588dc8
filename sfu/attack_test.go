package sfu

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"github.com/tertulia-rtc/tertulia/simnet"
)

// scene is a room with somebody in it who means no good: Mallory publishes stream 2,
// which Ben watches beside Ana's stream 1, and watches Ana too.
type scene struct {
	w               *world
	rng             *rand.Rand
	ana, mallory    *camera
	ben, watcher    *viewer
	sent, retrieved int // packets that left for the watcher since the attack began, and those of them that were sent again
}

// attack plays the scene for five seconds, and five more in which each millisecond
// something happens, and gives what Ben saw of Ana meanwhile.
func attack(t *testing.T, begin func(s *scene), each func(s *scene)) (*scene, []showing) {
	w := quality(t, 1)
	s := &scene{w: w, rng: rand.New(rand.NewPCG(5, 5)), ana: w.films("ana", 1, 3), mallory: w.films("mallory", 2, 3)}
	link := simnet.Config{Latency: 20 * time.Millisecond, Rate: 20_000_000, Queue: 200_000}
	s.ben, s.watcher = w.watches("ben", link, 1, 2), w.watches("watcher", link, 1)
	w.run(5 * time.Second)
	d := s.ben.shows(2)
	d.r.taken, d.asked = func(*rtp.Packet) {}, w.now.Add(time.Hour) // it need not make sense
	d = s.watcher.decoders[0]
	d.r.taken, d.r.nacks, d.asked = func(*rtp.Packet) {}, false, w.now.Add(time.Hour)
	tap, tick := w.tap, w.tick
	w.tap = func(p *Packet) {
		tap(p)
		if p.To == s.watcher.peer {
			s.sent++
			if p.Retransmission {
				s.retrieved++
			}
		}
	}
	if each != nil {
		w.tick = func() {
			tick()
			each(s)
		}
	}
	if begin != nil {
		begin(s)
	}
	from := w.now
	w.run(5 * time.Second)
	var seen []showing
	for _, shown := range s.ben.shows(1).shown {
		if shown.came.After(from) {
			seen = append(seen, shown)
		}
	}
	return s, seen
}

// unharmed checks that Ben saw the same pictures of Ana as without the attack, as soon.
func unharmed(t *testing.T, seen []showing) {
	t.Helper()
	_, want := attack(t, nil, nil)
	if !slices.EqualFunc(seen, want, func(a, b showing) bool { return a.encoding == b.encoding && a.number == b.number && a.tid == b.tid }) {
		t.Errorf("%d pictures are seen, %d without the attack", len(seen), len(want))
	}
	for _, s := range seen {
		if s.at.Sub(s.came) > 100*time.Millisecond {
			t.Errorf("picture %d is late by %v", s.id, s.at.Sub(s.came))
		}
	}
}

// silence makes Mallory's encodings send nothing by themselves.
func (s *scene) silence() {
	for _, e := range s.mallory.encodings {
		e.silent = true
	}
}

// nonsense sends one packet of Mallory's stream with a descriptor that says anything.
func (s *scene) nonsense(e *encoding) {
	b := make([]byte, 30+s.rng.IntN(900))
	for i := range b[:24] {
		b[i] = byte(s.rng.Uint32())
	}
	b[0] |= 0x80
	if s.rng.IntN(3) == 0 { // what claims to be a keyframe of any size
		copy(b, []byte{0x90, 0xe0, 0x80 | byte(s.rng.Uint32()), byte(s.rng.Uint32()), byte(s.rng.Uint32()), byte(s.rng.Uint32()), 0x10, 0, 0, 0x9d, 0x01, 0x2a})
	}
	e.packet(b, e.timestamp(s.w.now), s.rng.IntN(2) == 0)
}

func TestContradictoryLayers(t *testing.T) {
	s, seen := attack(t, (*scene).silence, func(s *scene) { s.nonsense(s.mallory.encodings[s.rng.IntN(3)]) })
	unharmed(t, seen)
	p := s.w.stats(s.mallory.c)
	errors := uint64(0)
	for _, src := range p.Published {
		c := src.LayerErrors
		errors += c.Malformed + c.Jumps + c.Unsupported + c.Contradictions
	}
	if errors == 0 {
		t.Errorf("nothing is counted: %+v", p.Published)
	}
}

func TestSequenceJumps(t *testing.T) {
	s, seen := attack(t, nil, func(s *scene) {
		for _, e := range s.mallory.encodings {
			if s.rng.IntN(5) == 0 {
				e.seq = uint16(s.rng.Uint32())
			}
		}
	})
	unharmed(t, seen)
	p := s.w.stats(s.mallory.c)
	odd, asked := uint64(0), uint64(0)
	for _, src := range p.Published {
		odd += src.Stray + src.Restarts + src.GivenUp
		asked = max(asked, src.KeyframeRequests)
	}
	if odd == 0 || asked > 40 {
		t.Errorf("%d odd packets are counted, %d keyframes were asked for", odd, asked)
	}
}

func TestReplayedPackets(t *testing.T) {
	s, seen := attack(t, nil, func(s *scene) {
		for _, e := range s.mallory.encodings {
			for range 3 {
				if b := e.sent[e.seq-uint16(1+s.rng.IntN(1800))]; b != nil {
					s.mallory.c.up.Send(s.w.now, append([]byte{0}, b...))
				}
			}
		}
	})
	unharmed(t, seen)
	duplicates := uint64(0)
	for _, src := range s.w.stats(s.mallory.c).Published {
		duplicates += src.Duplicates
	}
	if duplicates < 3000 {
		t.Errorf("%d duplicates are counted", duplicates)
	}
}

func TestPublisherWithoutKeyframes(t *testing.T) {
	s, seen := attack(t, func(s *scene) {
		for _, e := range s.mallory.encodings {
			e.keyless = true
		}
		v := s.w.watches("late", simnet.Config{Latency: 20 * time.Millisecond}, 2)
		v.decoders[0].r.taken = func(*rtp.Packet) {}
	}, nil)
	unharmed(t, seen)
	for _, src := range s.w.stats(s.mallory.c).Published {
		if src.Codec == "VP8" && src.KeyframeRequests > 20 {
			t.Errorf("a keyframe of %s was asked for %d times", src.RID, src.KeyframeRequests)
		}
	}
}

func TestForgedFeedback(t *testing.T) {
	count := byte(0)
	s, seen := attack(t, nil, func(s *scene) {
		// Statuses of packets that were never sent, or long ago, with any times.
		b := appendRTCPHeader(nil, 15, rtcpTransportFeedback)
		b = appendUint32(appendUint32(b, 1), 2)
		b = binary.BigEndian.AppendUint16(b, uint16(s.rng.Uint32()))
		n := uint16(s.rng.Uint32())
		if s.rng.IntN(2) == 0 {
			n = 60
		}
		b = binary.BigEndian.AppendUint16(b, n)
		b = append(b, byte(s.rng.Uint32()), byte(s.rng.Uint32()), byte(s.rng.Uint32()), count)
		count++
		for range 16 {
			b = binary.BigEndian.AppendUint16(b, uint16(s.rng.Uint32()))
		}
		for range 40 {
			b = appendUint32(b, s.rng.Uint32())
		}
		setRTCPLength(b, 0)
		s.watcher.up.Send(s.w.now, append([]byte{1}, b...))
	})
	unharmed(t, seen)
	st := s.w.stats(s.watcher.client)
	if st.BadFeedback+uint64(st.Link.Counts.Unknown) < 1000 {
		t.Errorf("%d malformed feedbacks and %d unknown statuses are counted", st.BadFeedback, st.Link.Counts.Unknown)
	}
	if e := st.Link.Estimate; e < 30_000 || e > 60_000_000 {
		t.Errorf("the estimate is %d", e)
	}
	if s.sent > 10_000 {
		t.Errorf("%d packets were sent to it", s.sent)
	}
}

// Feedback tells of thousands of packets in a few bytes, and there may be many in one
// datagram: so much is looked at as may be true.
func TestFeedbackOnTooMuch(t *testing.T) {
	w, pub, sub := couple(t, simnet.Config{})
	pub.video("1", 100)
	w.run(3 * time.Second)
	before := w.stats(sub)
	var compound []byte
	for range 60 {
		b := appendUint32(appendUint32(appendRTCPHeader(nil, 15, rtcpTransportFeedback), 1), 2)
		b = binary.BigEndian.AppendUint16(b, uint16(w.r.peer(sub.peer).Link.History.Next)-8000)
		b = binary.BigEndian.AppendUint16(b, 8000)
		b = appendUint32(b, uint32(w.r.instant(w.now)/referenceTick)<<8)
		b = appendUint32(b, 8000<<16) // a run of lost ones
		setRTCPLength(b, 0)
		compound = append(compound, b...)
	}
	w.r.HandleRTCP(w.now, sub.peer, compound)
	after := w.stats(sub)
	if n := after.Link.Counts.Unknown - before.Link.Counts.Unknown; n == 0 || n > 8000 {
		t.Errorf("%d packets that were never sent are looked at", n)
	}
	if n := after.BadFeedback - before.BadFeedback; n != 59 {
		t.Errorf("%d feedbacks are refused", n)
	}
}

func TestNACKsOfEverything(t *testing.T) {
	s, seen := attack(t, nil, func(s *scene) {
		r := s.watcher.decoders[0].r
		n := &rtcp.TransportLayerNack{MediaSSRC: r.section.Send.SSRC}
		for i := range uint16(60) {
			n.Nacks = append(n.Nacks, rtcp.NackPair{PacketID: r.highest - 17*i, LostPackets: 0xffff})
		}
		s.watcher.sendRTCP(n)
	})
	unharmed(t, seen)
	st := s.w.stats(s.watcher.client)
	if st.NACKsRefused < 4000 {
		t.Errorf("%d are refused", st.NACKsRefused)
	}
	if n := s.retrieved; n > s.sent/2 {
		t.Errorf("%d of %d packets were sent again", n, s.sent)
	}
}

func TestKeyframeStorm(t *testing.T) {
	before := 0
	s, seen := attack(t, func(s *scene) { before = s.ana.encodings[2].plis }, func(s *scene) {
		s.watcher.sendRTCP(&rtcp.PictureLossIndication{MediaSSRC: s.watcher.decoders[0].r.section.Send.SSRC})
	})
	// Each keyframe costs the others something, so there are few.
	if n := s.ana.encodings[2].plis - before; n < 1 || n > 8 {
		t.Errorf("the publisher was asked %d times in five seconds", n)
	}
	if n := len(seen); n < 145 {
		t.Errorf("%d pictures are seen", n)
	}
	for _, shown := range seen {
		if shown.encoding != 2 || shown.at.Sub(shown.came) > 100*time.Millisecond {
			t.Errorf("picture %d is of encoding %d, and late by %v", shown.id, shown.encoding, shown.at.Sub(shown.came))
		}
	}
	if st := s.w.stats(s.watcher.client); st.KeyframesAsked < 4900 || st.KeyframesRefused < 3000 {
		t.Errorf("%d requests are counted, %d refused", st.KeyframesAsked, st.KeyframesRefused)
	}
}
