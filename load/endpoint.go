package load

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/tertulia-rtc/tertulia/codec"
	"github.com/tertulia-rtc/tertulia/sdp"
	"github.com/tertulia-rtc/tertulia/transport"
)

// endpoint is the client side of one transport: socket, ICE, DTLS, SRTP, and
// the streams that it sends and receives. It belongs to a loop; the functions
// that signalling calls say so.
type endpoint struct {
	loop    *loop
	label   string // for errors
	id      int    // of its socket
	address netip.AddrPort
	place   int // in the loop's heap; -1 when out of it
	due     instant
	closed  bool

	agent      transport.ClientAgent
	negotiated *sdp.Transport
	role       sdp.DTLSRole
	client     *transport.ClientHandshake
	server     *transport.Handshake
	in         *transport.Inbound
	out        *transport.Outbound
	remote     netip.AddrPort // where media goes
	state      chan error     // one value: nil when connected
	told       bool

	ssrc  uint32 // of its RTCP
	cname string
	// compound says that feedback has to follow a report in its packet: the peer
	// did not agree to reduced-size RTCP (RFC 5506).
	compound bool
	number   uint16 // transport-wide, of the next packet

	senders   []*sender
	cameras   []*camera
	mics      []*microphone
	reportsAt instant // of the senders and receivers

	receivers []*receiver
	bySSRC    map[uint32]streamOf
	lastSSRC  uint32
	last      streamOf
	ids       receivedIDs

	feedback   feedback
	feedbackAt instant
	feedbackIn int // bytes since the last one

	// started is when signalling began; what is expected to come has a first
	// video packet and a first picture.
	started    instant
	firstMedia instant
	firstVideo instant
	firstKey   instant

	scratch struct {
		head, header []byte
		rtcp         []byte
		seqs         []uint16
		arrival      arrival
		started      []*receiver
	}
}

// receivedIDs are the ids of the extensions that are read.
type receivedIDs struct{ mid, transportCC uint8 }

// streamOf is what an SSRC is.
type streamOf struct {
	r   *receiver
	rtx bool
}

// camera is the frame clock of a video: of its layers, or of the only one.
type camera struct {
	layers   []*sender
	interval instant
	next     instant
	base     uint32 // of timestamps
	begun    instant
}

// microphone is the clock of an audio.
type microphone struct {
	sender *sender
	audio  audio
	next   instant
}

// media is what an endpoint sends: nothing when zero.
type media struct {
	number        uint32 // of its first sender
	video, audio  bool
	bitrate, fps  int
	layers        []layer // of simulcast; nil for none
	dtx           bool
	width, height int
}

// layer is one simulcast layer.
type layer struct {
	rid   string
	share float64 // of the bitrate
	scale int
}

// threeLayers are about what browsers make of 720p.
var threeLayers = []layer{{"q", 0.1, 4}, {"h", 0.3, 2}, {"f", 1, 1}}

// newEndpoint opens the socket of one. Any goroutine may call it.
func (l *loop) newEndpoint(label string, local netip.Addr, started instant) (*endpoint, error) {
	id, address, err := l.sockets.Open(netip.AddrPortFrom(local, 0))
	if err != nil {
		return nil, err
	}
	ep := &endpoint{
		loop: l, label: label, id: id, address: address, place: -1, due: never, started: started,
		agent: transport.NewClientAgent(rand.Reader), state: make(chan error, 1),
		bySSRC: map[uint32]streamOf{}, feedbackAt: never, reportsAt: never, cname: label,
	}
	ep.ssrc = l.run.newSSRC()
	ep.scratch.head = make([]byte, 0, 2+maxHead+stampSize)
	ep.scratch.header = make([]byte, 0, maxHeader)
	ep.scratch.rtcp = make([]byte, 0, 1400)
	ep.scratch.seqs = make([]uint16, 0, 200)
	l.post(func(now instant) { l.enter(ep) })
	return ep, nil
}

// local is the endpoint's part of a description. Any goroutine may call it.
func (ep *endpoint) local() sdp.Local {
	host := ep.address.Addr()
	if host.IsUnspecified() {
		host = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	return sdp.Local{
		Ufrag: ep.agent.Local.Ufrag, Pwd: ep.agent.Local.Pwd, Fingerprint: ep.loop.run.certificate.Fingerprint(),
		Candidates: []sdp.Candidate{fmt.Sprintf("1 1 udp 2130706431 %s %d typ host", host, ep.address.Port())},
		CNAME:      ep.cname, NewSSRC: ep.loop.run.newSSRC, SessionID: uint64(ep.started) >> 2,
	}
}

// negotiate tells what was agreed on; theirs is the peer's description. Any
// goroutine may call it.
func (ep *endpoint) negotiate(t *sdp.Transport, role sdp.DTLSRole, lite bool, m media, theirs string) {
	compound := !strings.Contains(theirs, "a=rtcp-rsize")
	ep.loop.post(func(now instant) {
		ep.compound = compound
		ep.apply(now, t, role, lite, m)
	})
}

// connected waits until media can flow, or cannot. Any goroutine may call it.
func (ep *endpoint) connected() <-chan error { return ep.state }

// tell says once how the connection came out.
func (ep *endpoint) tell(err error) {
	if !ep.told {
		ep.told = true
		ep.state <- err
	}
}

func (ep *endpoint) apply(now instant, t *sdp.Transport, role sdp.DTLSRole, lite bool, m media) {
	first := ep.negotiated == nil
	ep.negotiated = t
	for i := range t.Sections {
		s := &t.Sections[i]
		if s.Rejected || s.Kind == sdp.Application || len(s.Codecs) == 0 {
			continue
		}
		ep.ids.mid = max(ep.ids.mid, s.Extension(sdp.MidURI))
		ep.ids.transportCC = max(ep.ids.transportCC, s.Extension(sdp.TransportCCURI))
		if s.Direction.Receives() {
			ep.receive(s)
		}
		if s.Direction.Sends() && first {
			ep.send(now, s, m)
		}
	}
	if first {
		ep.role = role
		ep.agent.SetRemote(now.time(), transport.Credentials{Ufrag: t.Peer.Ufrag, Pwd: t.Peer.Pwd}, lite, t.Peer.Candidates)
		if len(ep.agent.Pairs) == 0 {
			ep.tell(errors.New("the answer has no UDP candidate with an IP address"))
			return
		}
		ep.want(now)
	}
}

// receive makes the receiver of a section, or tells it of new SSRCs.
func (ep *endpoint) receive(s *sdp.Section) {
	var r *receiver
	if i := slices.IndexFunc(ep.receivers, func(r *receiver) bool { return r.mid == s.Mid }); i >= 0 {
		r = ep.receivers[i]
	} else {
		c := s.Codecs[0]
		r = &receiver{ep: ep, mid: s.Mid, video: s.Kind == sdp.Video, clockRate: c.ClockRate}
		for _, c := range s.Codecs {
			r.nack, r.pli, r.fir = r.nack || c.NACK, r.pli || c.PLI, r.fir || c.FIR
		}
		r.loss.due, r.frame.due, r.frame.broken = never, never, true
		r.window.end = ep.loop.windowEnd
		ep.receivers = append(ep.receivers, r)
	}
	if len(s.Recv.SSRCs) > 0 {
		rtx := uint32(0)
		for _, pair := range s.Recv.FID {
			if pair.Primary == s.Recv.SSRCs[0] {
				rtx = pair.RTX
			}
		}
		ep.bind(r, s.Recv.SSRCs[0], rtx)
	}
}

func (ep *endpoint) bind(r *receiver, ssrc, rtx uint32) {
	if r.ssrc != ssrc {
		delete(ep.bySSRC, r.ssrc)
		r.ssrc = ssrc
		r.started = false
	}
	ep.bySSRC[ssrc] = streamOf{r, false}
	if rtx != 0 {
		r.rtx = rtx
		ep.bySSRC[rtx] = streamOf{r, true}
	}
}

// send makes the senders of a section.
func (ep *endpoint) send(now instant, s *sdp.Section, m media) {
	c := s.Codecs[0]
	base := sender{
		mid: s.Mid, pt: c.PayloadType, rtxPT: c.RTX, clockRate: c.ClockRate, identify: true, identifyRTX: true,
		ids: extensionIDs{
			mid: s.Extension(sdp.MidURI), rid: s.Extension(sdp.RIDURI), repairedRID: s.Extension(sdp.RepairedRIDURI),
			transportCC: s.Extension(sdp.TransportCCURI), sendTime: s.Extension(sdp.AbsSendTimeURI),
		},
	}
	rng := random(ep.loop.run.scenario.Seed, 1<<32|uint64(m.number))
	if base.ids.transportCC != 0 {
		base.ids.sendTime = 0
	}
	add := func(ssrc, rtx uint32) *sender {
		one := base
		one.number = m.number
		m.number++
		one.ssrc, one.rtxSSRC = ssrc, rtx
		one.seq, one.rtxSeq, one.timestamp = uint16(rng.Uint32()), uint16(rng.Uint32()), rng.Uint32()
		ep.senders = append(ep.senders, &one)
		return &one
	}
	if s.Kind == sdp.Audio && m.audio {
		base.ids.level = s.Extension(sdp.AudioLevelURI)
		ep.mics = append(ep.mics, &microphone{sender: add(s.Send.SSRC, 0), audio: newAudio(rng, m.dtx), next: never})
		return
	}
	if s.Kind != sdp.Video || !m.video {
		return
	}
	if i := slices.IndexFunc(s.Codecs, func(c sdp.Codec) bool { return c.Name == codec.VP8 }); i >= 0 {
		base.pt, base.rtxPT = s.Codecs[i].PayloadType, s.Codecs[i].RTX
	} else {
		ep.tell(errors.New("the server takes no VP8, which is the only video that can be made here"))
		return
	}
	cam := &camera{interval: second / instant(m.fps), next: never, base: rng.Uint32()}
	layers := []layer{{"", 1, 1}}
	if len(m.layers) > 0 {
		layers = slices.DeleteFunc(slices.Clone(m.layers), func(l layer) bool { return !slices.Contains(s.SendRIDs, l.rid) })
		if len(layers) == 0 { // the server takes one encoding
			layers = []layer{{"", 1, 1}}
		}
	}
	for i, l := range layers {
		ssrc, rtx := s.Send.SSRC, s.Send.RTX
		if i > 0 {
			ssrc, rtx = ep.loop.run.newSSRC(), ep.loop.run.newSSRC()
		}
		one := add(ssrc, rtx)
		one.video, one.rid = true, l.rid
		one.camera = newVideo(rng, int(float64(m.bitrate)*l.share), m.fps)
		one.head.picture, one.head.tl0 = uint16(rng.Uint32()&0x7fff), uint8(rng.Uint32())
		one.wantKey, one.width, one.height = true, m.width/l.scale, m.height/l.scale
		one.keyAt = now - second
		cam.layers = append(cam.layers, one)
	}
	ep.cameras = append(ep.cameras, cam)
}

// want makes advance be called at that time at the latest.
func (ep *endpoint) want(t instant) {
	if t < ep.due && ep.place >= 0 {
		ep.due = t
		ep.loop.heap.up(ep.place)
	}
}

// reserve gives room for a datagram of n bytes.
func (ep *endpoint) reserve(n int) []byte {
	b := ep.loop.sockets.Reserve(n)
	if b == nil {
		ep.flush()
		b = ep.loop.sockets.Reserve(n)
	}
	return b
}

// commit leaves what was made in the reserved room for the next flush.
func (ep *endpoint) commit(n int) {
	l := ep.loop
	if l.impair.active() && n > 0 {
		l.impair.send(clock(), ep, ep.remote, l.sockets.Reserve(n)[:n])
		return
	}
	l.sockets.Commit(n)
}

func (ep *endpoint) flush() { ep.loop.sockets.Send(ep.id, ep.remote) }

// sendTo sends a datagram of ICE or DTLS.
func (ep *endpoint) sendTo(path transport.Path, b []byte) {
	l := ep.loop
	if l.impair.active() {
		l.impair.send(clock(), ep, path.Remote, b)
		return
	}
	copy(l.sockets.Reserve(len(b)), b)
	l.sockets.Commit(len(b))
	l.sockets.Send(ep.id, path.Remote)
}

// feedbackOn begins a packet of feedback on what a receiver receives.
func (ep *endpoint) feedbackOn(r *receiver, now instant) []byte {
	b := ep.scratch.rtcp[:0]
	if !ep.compound {
		return b
	}
	b = appendRTCPHeader(b, 0, rtcpReceiverReport)
	b = appendUint32(b, ep.ssrc)
	if r != nil && r.started {
		b[0] |= 1
		b = r.appendReport(b, now)
	}
	setRTCPLength(b, 0)
	return appendDescription(b, ep.ssrc, ep.cname)
}

// sendRTCP seals a compound and sends it.
func (ep *endpoint) sendRTCP(plain []byte) {
	if ep.out == nil || len(plain) == 0 {
		return
	}
	n := ep.out.SealRTCP(ep.reserve(len(plain)+ep.out.OverheadRTCP()), plain)
	ep.commit(n)
	ep.flush()
	ep.loop.counts.RTCPSent++
}

// handle takes a datagram, which came at a time.
func (ep *endpoint) handle(now, came instant, data []byte, from netip.AddrPort) {
	if ep.closed {
		return
	}
	switch transport.Classify(data) {
	case transport.RTP:
		ep.handleRTP(now, came, data)
	case transport.RTCP:
		ep.handleRTCP(now, data)
	case transport.STUN:
		changed, err := ep.agent.HandleSTUN(now.time(), data, transport.Path{Remote: from}, ep.sendTo)
		if err != nil {
			ep.loop.counts.Refused++
		}
		if changed {
			ep.selected()
		}
		ep.want(at(ep.agent.Timer()))
	case transport.DTLS:
		switch {
		case ep.client != nil:
			ep.client.Handle(data)
		case ep.server != nil:
			ep.server.Handle(data)
		case ep.role == sdp.DTLSServer:
			ep.shake()
			if ep.server != nil {
				ep.server.Handle(data)
			}
		}
	}
}

// selected begins the handshake once there is a path.
func (ep *endpoint) selected() {
	path, ok := ep.agent.Selected()
	if !ok {
		return
	}
	ep.remote = path.Remote
	if ep.client == nil && ep.server == nil && ep.in == nil {
		ep.shake()
	}
}

// shake begins the handshake in our role.
func (ep *endpoint) shake() {
	peer := ep.negotiated.Peer
	config := transport.HandshakeConfig{
		Certificate: ep.loop.run.certificate, PeerHash: peer.FingerprintHash, PeerFingerprint: peer.Fingerprint,
		Send: func(b []byte) {
			b = slices.Clone(b)
			ep.loop.post(func(instant) {
				if !ep.closed && ep.remote.IsValid() {
					ep.sendTo(transport.Path{Remote: ep.remote}, b)
				}
			})
		},
		Done: func(keys *transport.Keys, err error) {
			ep.loop.post(func(now instant) { ep.shaken(now, keys, err) })
		},
	}
	var err error
	if ep.role == sdp.DTLSServer {
		ep.server, err = transport.NewHandshake(config)
	} else if ep.client, err = transport.NewClientHandshake(config); err == nil {
		ep.client.Start()
	}
	if err != nil {
		ep.tell(err)
	}
}

// shaken begins to send.
func (ep *endpoint) shaken(now instant, keys *transport.Keys, err error) {
	if ep.closed {
		return
	}
	if err == nil {
		ep.in, err = transport.NewInbound(*keys)
	}
	if err == nil {
		ep.out, err = transport.NewOutbound(*keys)
	}
	if err != nil {
		ep.tell(err)
		return
	}
	ep.client = nil
	rng := random(ep.loop.run.scenario.Seed, 2<<32|uint64(ep.ssrc))
	for _, c := range ep.cameras {
		c.next = now + instant(rng.Int64N(int64(c.interval)))
		c.begun = c.next
	}
	for _, m := range ep.mics {
		m.next = now + instant(rng.Int64N(int64(audioInterval)))
	}
	ep.reportsAt = now + instant(rng.Int64N(int64(second)))
	ep.want(now)
	ep.tell(nil)
}

// advance does what is due.
func (ep *endpoint) advance(now instant) {
	ep.due = never
	ep.agent.Advance(now.time(), ep.sendTo)
	ep.want(at(ep.agent.Timer()))
	if !ep.told && ep.agent.State(now.time()) == transport.ConnExpired {
		ep.tell(fmt.Errorf("no answer to connectivity checks at %v for %v; does UDP to the server's media port get through?", ep.agent.Pairs[0].Path.Remote, transport.ExpiredAfter))
	}
	if ep.out == nil {
		return
	}
	ep.advanceMedia(now)
	if now >= ep.feedbackAt {
		ep.sendFeedback(now)
	}
	ep.want(ep.feedbackAt)
	for _, r := range ep.receivers {
		r.advance(now)
	}
	if now >= ep.reportsAt {
		ep.reportsAt = now + second
		ep.sendReports(now)
	}
	ep.want(ep.reportsAt)
}

// advanceMedia sends the frames and audio packets that are due.
func (ep *endpoint) advanceMedia(now instant) {
	sent := false
	for _, m := range ep.mics {
		for now >= m.next {
			ep.loop.late(now - m.next)
			size, level, after := m.audio.next(now)
			ep.sendAudio(now, m.sender, size, level)
			m.sender.timestamp += uint32(after * 48000 / second)
			m.next += after
			if now-m.next > second {
				m.next = now
			}
			sent = true
		}
		ep.want(m.next)
	}
	for _, c := range ep.cameras {
		for now >= c.next {
			ep.loop.late(now - c.next)
			timestamp := c.base + uint32(uint64(c.next-c.begun)*9/100_000)
			for _, s := range c.layers {
				s.timestamp = timestamp
				ep.sendFrame(now, s, timestamp)
			}
			c.next += c.interval
			if now-c.next > second {
				c.next = now
			}
			sent = true
		}
		ep.want(c.next)
	}
	if sent {
		ep.flush()
	}
}

// close lets go of everything.
func (ep *endpoint) close() {
	if ep.closed {
		return
	}
	ep.closed = true
	if ep.client != nil {
		ep.client.Close()
	}
	if ep.server != nil {
		go ep.server.Close()
	}
	ep.tell(errors.New("closed"))
}
