package sfu

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"github.com/tertulia-rtc/tertulia/codec"
	"github.com/tertulia-rtc/tertulia/protocol"
	"github.com/tertulia-rtc/tertulia/sdp"
	"github.com/tertulia-rtc/tertulia/simnet"
)

// The codecs of the tests' clients.
var (
	vp8  = sdp.Codec{Codec: codec.Codec{Name: codec.VP8, ClockRate: 90000}, PayloadType: 96, RTX: 97, NACK: true, PLI: true, FIR: true, TransportCC: true}
	h264 = sdp.Codec{Codec: codec.Codec{Name: codec.H264, ClockRate: 90000, Fmtp: "profile-level-id=42e01f;packetization-mode=1"}, PayloadType: 102, RTX: 103, NACK: true, PLI: true, TransportCC: true}
	opus = sdp.Codec{Codec: codec.Codec{Name: codec.Opus, ClockRate: 48000, Channels: 2}, PayloadType: 111, NACK: true, TransportCC: true}
	red  = sdp.Codec{Codec: codec.Codec{Name: codec.RED, ClockRate: 48000, Channels: 2, Fmtp: "111/111"}, PayloadType: 63}
)

var theExtensions = []sdp.Extension{
	{URI: sdp.MidURI, ID: 4}, {URI: sdp.RIDURI, ID: 10}, {URI: sdp.RepairedRIDURI, ID: 11},
	{URI: sdp.TransportCCURI, ID: 3}, {URI: sdp.AudioLevelURI, ID: 1}, {URI: sdp.VideoOrientationURI, ID: 13},
}

// sends is a section in which a client publishes, receives one in which we do.
func sends(mid string, kind sdp.Kind, codecs ...sdp.Codec) sdp.Section {
	return sdp.Section{Mid: mid, Kind: kind, Direction: sdp.RecvOnly, Codecs: codecs, Extensions: theExtensions}
}

func receives(mid string, kind sdp.Kind, ssrc uint32, codecs ...sdp.Codec) sdp.Section {
	return sdp.Section{Mid: mid, Kind: kind, Direction: sdp.SendOnly, Codecs: codecs, Extensions: theExtensions,
		Send: sdp.Sending{SSRC: ssrc, RTX: ssrc + 1, CNAME: "tertulia"}}
}

// world is a router with clients behind simulated links.
type world struct {
	t       testing.TB
	r       *Router
	now     time.Time
	rng     *rand.Rand
	clients map[Peer]*client
	order   []*client
	events  []Event
	// tap, when set, sees each packet that leaves the router.
	tap func(p *Packet)
	// overhead is what a packet takes on a link beside what the router makes: the tag
	// of SRTP and the headers of UDP and IP, less the first byte here.
	overhead int
	// tick, when set, is called each millisecond.
	tick    func()
	cameras map[protocol.StreamID]*camera
	viewers []*viewer
}

func newWorld(t testing.TB) *world { return newWorldFrom(t, 7) }

func newWorldFrom(t testing.TB, seed uint64) *world {
	rng := rand.New(rand.NewPCG(seed, 7))
	return &world{t: t, rng: rng, r: New(Config{Rand: rng}), now: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC), clients: map[Peer]*client{}, cameras: map[protocol.StreamID]*camera{}}
}

// client is a participant with one transport.
type client struct {
	w        *world
	id       protocol.ParticipantID
	key      TransportKey
	peer     Peer
	sdp      *sdp.Transport
	up, down *simnet.Link // first byte: 0 RTP, 1 RTCP
	senders  []*sender
	receiver map[uint32]*receiver // by SSRC
	order    []*receiver
	rtcp     []rtcp.Packet // that it got
	wide     uint16
	// statesTime has its packets carry abs-send-time, under id 2, and no
	// transport-wide numbers.
	statesTime bool

	feedback     transportCCState // of what came with a transport-wide number
	nextFeedback time.Time
}

func (w *world) join(name string, link simnet.Config, sections ...sdp.Section) *client {
	c := &client{w: w, id: protocol.ParticipantID(name), receiver: map[uint32]*receiver{}}
	c.key = TransportKey{c.id, "main"}
	c.sdp = &sdp.Transport{Sections: sections, ExtmapAllowMixed: true}
	c.up = simnet.NewLink(link, w.rng)
	c.down = simnet.NewLink(link, w.rng)
	c.negotiate()
	w.clients[c.peer] = c
	w.order = append(w.order, c)
	w.r.SetConnected(w.now, c.key, true)
	return c
}

func (c *client) negotiate() {
	c.peer = c.w.r.SetTransport(c.w.now, c.key, c.sdp)
	for _, s := range c.sdp.Sections {
		if s.Direction.Sends() && c.receiver[s.Send.SSRC] == nil {
			v := &receiver{c: c, section: s, missing: map[uint16]time.Time{}, nacks: true}
			c.receiver[s.Send.SSRC] = v
			c.order = append(c.order, v)
		}
	}
}

func (c *client) publish(stream protocol.StreamID, tracks ...protocol.PublishTrack) {
	c.w.t.Helper()
	if err := c.w.r.Publish(c.w.now, protocol.PublishStream{Participant: c.id, Stream: stream, Tracks: tracks}); err != nil {
		c.w.t.Fatal(err)
	}
}

func (c *client) subscribe(stream protocol.StreamID) {
	c.w.t.Helper()
	if err := c.w.r.Subscribe(c.w.now, c.id, protocol.SubscribeTo{Stream: stream, Transport: "main"}); err != nil {
		c.w.t.Fatal(err)
	}
}

func videoTrack(mid string) protocol.PublishTrack {
	return protocol.PublishTrack{Track: protocol.Track{ID: "v", Kind: protocol.Video, Source: protocol.Camera}, Transport: "main", MID: mid}
}

func audioTrack(mid string) protocol.PublishTrack {
	return protocol.PublishTrack{Track: protocol.Track{ID: "a", Kind: protocol.Audio, Source: protocol.Microphone}, Transport: "main", MID: mid}
}

// sender is one RTP stream of a client: frames of VP8 or packets of Opus.
type sender struct {
	c         *client
	mid, rid  string
	ssrc, rtx uint32
	pt, rtxPT uint8
	clock     uint32
	every     time.Duration
	perFrame  int
	size      int
	level     byte // audio level to state
	make      func(first bool, keyframe bool, frame int) []byte
	encode    func(keyframe bool) [][]byte // in place of make: the payloads of the next frame
	// dependency gives the dependency descriptor of a payload.
	dependency func(payload []byte) []byte

	seq, rtxSeq uint16
	base        uint32
	begun       time.Time
	frame       int
	next        time.Time
	nextSR      time.Time
	keyframe    bool
	keyframes   int
	plis        int
	packets     uint32
	silent      bool
	sent        map[uint16][]byte // marshalled, by sequence number
	dropped     map[uint16]bool   // never to be sent in the stream itself
	unnacked    bool
	ignores     time.Duration // keyframe requests within so much of the last one that it heeded
	heeded      time.Time
}

func (c *client) video(mid string, ssrc uint32) *sender {
	s := &sender{c: c, mid: mid, ssrc: ssrc, rtx: ssrc + 1, pt: 96, rtxPT: 97, clock: 90000, every: 33 * time.Millisecond,
		perFrame: 4, size: 1000, keyframe: true, seq: uint16(c.w.rng.Uint32()), base: c.w.rng.Uint32()}
	s.make = func(first, keyframe bool, frame int) []byte {
		b := make([]byte, s.size)
		b[0], b[1] = 0x80, 0xe0 // X; I L T
		if first {
			b[0] |= 0x10
		}
		binary.BigEndian.PutUint16(b[2:], 0x8000|uint16(frame)&0x7fff)
		b[4], b[5] = byte(frame/2), byte(frame%2)*0x60 // TL0PICIDX; TID and Y
		b[6] = 1
		if keyframe {
			b[5], b[6] = 0, 0 // always of the lowest layer
		}
		return b
	}
	return c.add(s)
}

func (c *client) audio(mid string, ssrc uint32) *sender {
	s := &sender{c: c, mid: mid, ssrc: ssrc, pt: 111, clock: 48000, every: 20 * time.Millisecond, perFrame: 1, size: 80,
		level: 30, seq: uint16(c.w.rng.Uint32()), base: c.w.rng.Uint32()}
	s.make = func(bool, bool, int) []byte { return make([]byte, s.size) }
	return c.add(s)
}

func (c *client) add(s *sender) *sender {
	s.sent = map[uint16][]byte{}
	s.dropped = map[uint16]bool{}
	s.begun, s.next, s.nextSR = c.w.now, c.w.now, c.w.now.Add(200*time.Millisecond)
	c.senders = append(c.senders, s)
	return s
}

// timestamp is the media time of now.
func (s *sender) timestamp(now time.Time) uint32 {
	return s.base + uint32(now.Sub(s.begun).Microseconds()*int64(s.clock)/1_000_000)
}

func (s *sender) run() {
	w := s.c.w
	for !w.now.Before(s.next) && !s.silent {
		key := s.keyframe
		s.keyframe = false
		if key {
			s.keyframes++
		}
		if s.encode != nil {
			payloads := s.encode(key)
			for i, b := range payloads {
				s.packet(b, s.timestamp(s.next), i == len(payloads)-1)
			}
		}
		for i := range s.perFrame {
			payload := s.make(i == 0, key, s.frame)
			if s.clock == 90000 && len(payload) > 20 {
				binary.BigEndian.PutUint32(payload[12:], uint32(s.frame)) // to know it again
				payload[16] = byte(i)
			}
			s.packet(payload, s.timestamp(s.next), i == s.perFrame-1)
		}
		s.frame++
		s.next = s.next.Add(s.every)
	}
	if !w.now.Before(s.nextSR) && !s.silent {
		s.nextSR = s.nextSR.Add(time.Second)
		s.c.sendRTCP(&rtcp.SenderReport{SSRC: s.ssrc, NTPTime: ntp(w.now), RTPTime: s.timestamp(w.now), PacketCount: s.packets})
	}
}

// ntp is the client's clock, one hour ahead of the router's.
func ntp(t time.Time) uint64 {
	n := uint64(t.Add(time.Hour).UnixNano())
	return (n/1e9+2_208_988_800)<<32 + n%1e9<<32/1e9
}

func (s *sender) packet(payload []byte, timestamp uint32, marker bool) {
	p := rtp.Packet{Header: rtp.Header{Version: 2, PayloadType: s.pt, SequenceNumber: s.seq, Timestamp: timestamp, SSRC: s.ssrc, Marker: marker}, Payload: payload}
	s.extend(&p, false)
	b, err := p.Marshal()
	if err != nil {
		s.c.w.t.Fatal(err)
	}
	s.sent[s.seq] = b
	delete(s.sent, s.seq-2000)
	if !s.dropped[s.seq] {
		s.c.up.Send(s.c.w.now, append([]byte{0}, b...))
	}
	s.seq++
	s.packets++
}

func (s *sender) extend(p *rtp.Packet, rtx bool) {
	if s.dependency != nil {
		payload := p.Payload
		if rtx {
			payload = payload[2:]
		}
		p.ExtensionProfile, p.Extension = 0x1000, true
		_ = p.SetExtension(12, s.dependency(payload))
	}
	if s.mid != "" {
		_ = p.SetExtension(4, []byte(s.mid))
	}
	if s.rid != "" {
		id := uint8(10)
		if rtx {
			id = 11
		}
		_ = p.SetExtension(id, []byte(s.rid))
	}
	if s.c.statesTime {
		t := sendTime(s.c.w.r.instant(s.c.w.now))
		_ = p.SetExtension(2, []byte{byte(t >> 16), byte(t >> 8), byte(t)})
		return
	}
	s.c.wide++
	_ = p.SetExtension(3, []byte{byte(s.c.wide >> 8), byte(s.c.wide)})
	if s.clock == 48000 {
		_ = p.SetExtension(1, []byte{0x80 | s.level})
	}
}

func (s *sender) resend(seq uint16) {
	b := s.sent[seq]
	if b == nil || s.unnacked {
		return
	}
	var p rtp.Packet
	if p.Unmarshal(b) != nil {
		return
	}
	if s.rtx != 0 {
		s.rtxSeq++
		p.PayloadType, p.SSRC, p.SequenceNumber = s.rtxPT, s.rtx, s.rtxSeq
		p.Payload = append([]byte{byte(seq >> 8), byte(seq)}, p.Payload...)
		p.Extension, p.Extensions = false, nil
		s.extend(&p, true)
	}
	b, _ = p.Marshal()
	s.c.up.Send(s.c.w.now, append([]byte{0}, b...))
}

func (c *client) sendRTCP(packets ...rtcp.Packet) {
	b, err := rtcp.Marshal(packets)
	if err != nil {
		c.w.t.Fatalf("%v: %v", err, packets)
	}
	c.up.Send(c.w.now, append([]byte{1}, b...))
}

// receiver is a client's end of a slot.
type receiver struct {
	c       *client
	section sdp.Section
	nacks   bool
	taken   func(p *rtp.Packet) // in place of keeping it in packets

	started    bool
	highest    uint16
	last       *rtp.Packet // of highest
	packets    []*rtp.Packet
	missing    map[uint16]time.Time // when to ask again
	rtx        int
	dups       int
	reports    []*rtcp.SenderReport
	firstAt    time.Time
	reportedNT uint32
}

func (c *client) got(b []byte, at time.Time) {
	p := &rtp.Packet{}
	if err := p.Unmarshal(b); err != nil {
		c.w.t.Fatalf("malformed packet: %v", err)
	}
	if wide := p.GetExtension(3); len(wide) == 2 {
		c.feedback.arrived(binary.BigEndian.Uint16(wide), c.w.r.instant(at))
	}
	v := c.receiver[p.SSRC]
	if v == nil {
		if v = c.receiver[p.SSRC-1]; v == nil {
			c.w.t.Fatalf("packet of unknown SSRC %d", p.SSRC)
		}
		v.rtx++
		if len(p.Payload) < 2 {
			return // padding only
		}
		p.SequenceNumber = binary.BigEndian.Uint16(p.Payload)
		p.SSRC--
		p.Payload = p.Payload[2:]
		p.PayloadType--
		if int16(p.SequenceNumber-v.highest) > 0 && v.taken == nil {
			c.w.t.Fatalf("retransmission of %d, which was never sent", p.SequenceNumber)
		}
	}
	if string(p.GetExtension(4)) != v.section.Mid {
		c.w.t.Fatalf("packet with MID %q in slot %q", p.GetExtension(4), v.section.Mid)
	}
	v.take(p)
}

func (v *receiver) take(p *rtp.Packet) {
	now := v.c.w.now
	if !v.started {
		v.started, v.highest, v.firstAt = true, p.SequenceNumber, now
		v.last = p
	} else if d := int16(p.SequenceNumber - v.highest); d > 0 {
		for s := v.highest + 1; s != p.SequenceNumber; s++ {
			v.missing[s] = now.Add(10 * time.Millisecond)
		}
		v.highest, v.last = p.SequenceNumber, p
	} else {
		if _, ok := v.missing[p.SequenceNumber]; !ok {
			v.dups++
			return
		}
		delete(v.missing, p.SequenceNumber)
	}
	if v.taken != nil {
		v.taken(p)
		return
	}
	v.packets = append(v.packets, p)
}

func (v *receiver) run() {
	if !v.nacks {
		return
	}
	var ask []uint16
	for s, at := range v.missing {
		if !v.c.w.now.Before(at) {
			ask = append(ask, s)
			v.missing[s] = v.c.w.now.Add(100 * time.Millisecond)
		}
	}
	if len(ask) > 0 {
		slices.Sort(ask) // for the sake of repeatable runs
		n := &rtcp.TransportLayerNack{SenderSSRC: 1, MediaSSRC: v.section.Send.SSRC}
		for _, s := range ask {
			n.Nacks = append(n.Nacks, rtcp.NackPair{PacketID: s})
		}
		v.c.sendRTCP(n)
	}
}

// sendFeedback tells of what came with transport-wide numbers, as Chromium does.
func (c *client) sendFeedback() {
	if c.w.now.Before(c.nextFeedback) {
		return
	}
	c.nextFeedback = c.w.now.Add(50 * time.Millisecond)
	all := c.feedback.take()
	for len(all) > 0 && all[0].Seq < c.feedback.Next {
		all = all[1:] // it was told lost
	}
	for len(all) > 0 {
		c.feedback.Next = max(c.feedback.Next, all[0].Seq-min(all[0].Seq-c.feedback.Next, maxStatuses/2))
		b, n := c.feedback.appendFeedback(nil, 1, 1, c.feedback.Next, all)
		c.up.Send(c.w.now, append([]byte{1}, b...))
		c.feedback.Next = all[n-1].Seq + 1
		all = all[n:]
	}
}

// SendRTP and SendRTCP put what the router sends on the client's link.
func (w *world) SendRTP(p *Packet) {
	if w.tap != nil {
		w.tap(p)
	}
	c := w.clients[p.To]
	b := append([]byte{0}, p.Header...)
	b = append(b, p.Prefix...)
	b = append(b, p.Payload...)
	if p.Padding > 0 {
		b = append(append(b, make([]byte, p.Padding-1)...), p.Padding)
	}
	c.down.Send(w.now, append(b, make([]byte, w.overhead)...))
}

func (w *world) SendRTCP(to Peer, compound []byte) {
	w.clients[to].down.Send(w.now, append([]byte{1}, compound...))
}

// run moves the world on by d in steps of a millisecond.
func (w *world) run(d time.Duration) {
	w.t.Helper()
	for end := w.now.Add(d); w.now.Before(end); w.now = w.now.Add(time.Millisecond) {
		for _, c := range w.order {
			for _, s := range c.senders {
				s.run()
			}
			for _, v := range c.order {
				v.run()
			}
			c.sendFeedback()
			for _, b := range c.up.Receive(w.now) {
				if b[0] == 0 {
					w.r.HandleRTP(w.now, c.peer, b[1:])
				} else {
					w.r.HandleRTCP(w.now, c.peer, b[1:])
				}
			}
		}
		w.r.Flush(w.now, w)
		if due := w.r.Timer(); !due.IsZero() && !due.After(w.now) {
			w.r.Advance(w.now, w)
			if due := w.r.Timer(); !due.IsZero() && !due.After(w.now) {
				w.t.Fatalf("Timer stays in the past: %v", w.now.Sub(due))
			}
		}
		w.events = append(w.events, w.r.Events()...)
		for _, c := range w.order {
			for _, a := range c.down.ReceiveTagged(w.now) {
				if b := a.Packet; b[0] == 0 {
					c.got(b[1:len(b)-w.overhead], a.At)
				} else {
					c.gotRTCP(b[1:])
				}
			}
		}
		if w.tick != nil {
			w.tick()
		}
	}
}

func (c *client) gotRTCP(b []byte) {
	packets, err := rtcp.Unmarshal(b)
	if err != nil {
		c.w.t.Fatalf("malformed RTCP %x: %v", b, err)
	}
	c.rtcp = append(c.rtcp, packets...)
	for _, p := range packets {
		switch p := p.(type) {
		case *rtcp.TransportLayerNack:
			for _, s := range c.senders {
				if s.ssrc == p.MediaSSRC {
					for _, pair := range p.Nacks {
						for _, seq := range pair.PacketList() {
							s.resend(seq)
						}
					}
				}
			}
		case *rtcp.PictureLossIndication:
			for _, s := range c.senders {
				if s.ssrc == p.MediaSSRC {
					s.plis++
					if w := s.c.w; w.now.Sub(s.heeded) >= s.ignores {
						s.keyframe, s.heeded = true, w.now
					}
				}
			}
		case *rtcp.SenderReport:
			if v := c.receiver[p.SSRC]; v != nil {
				v.reports = append(v.reports, p)
				v.reportedNT = uint32(p.NTPTime >> 16)
			} else {
				c.w.t.Errorf("sender report about %d", p.SSRC)
			}
		}
	}
}

// taken gives the events of one type since the last call.
func taken[E Event](w *world) []E {
	var out []E
	kept := w.events[:0]
	for _, e := range w.events {
		if v, ok := e.(E); ok {
			out = append(out, v)
		} else {
			kept = append(kept, e)
		}
	}
	w.events = kept
	return out
}

func (w *world) stats(c *client) TransportStats {
	all := w.r.Stats(c.id)
	if len(all) != 1 {
		w.t.Fatalf("%s has %d transports", c.id, len(all))
	}
	return all[0]
}

// vp8Of reads the test's VP8 payload: descriptor, frame and part.
func vp8Of(p *rtp.Packet) (d codec.VP8Descriptor, frame uint32, part byte) {
	d, _ = codec.ParseVP8(p.Payload)
	if len(p.Payload) < 20 {
		return d, 0, 0
	}
	return d, binary.BigEndian.Uint32(p.Payload[12:]), p.Payload[16]
}

// couple is a publisher of video and audio, and a subscriber.
func couple(t testing.TB, link simnet.Config) (w *world, pub, sub *client) {
	w = newWorld(t)
	pub = w.join("ana", link, sends("0", sdp.Audio, opus), sends("1", sdp.Video, vp8, h264))
	pub.publish(1, audioTrack("0"), videoTrack("1"))
	sub = w.join("ben", link, receives("0", sdp.Audio, 1000, opus), receives("1", sdp.Video, 2000, vp8, h264))
	sub.subscribe(1)
	return w, pub, sub
}
