package load

import (
	"crypto/rand"
	"encoding/binary"
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
		mid: s.Mid, pt: c.PayloadType, rtxPT: c.RTX, clockRate: c.ClockRate, identify: true,
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

// handleRTP takes a packet of media. What its header says in clear is used for
// all; the payload is opened where it is needed, and of the share that is asked for.
func (ep *endpoint) handleRTP(now, at instant, data []byte) {
	c := &ep.loop.counts
	if ep.in == nil {
		c.Early++
		return
	}
	header := 12 + 4*int(data[0]&0x0f)
	ssrc := binary.BigEndian.Uint32(data[8:])
	var mid []byte
	if data[0]&0x10 != 0 {
		if len(data) < header+4 {
			return
		}
		profile := binary.BigEndian.Uint16(data[header:])
		end := header + 4 + 4*int(binary.BigEndian.Uint16(data[header+2:]))
		if len(data) < end {
			return
		}
		var number []byte
		number, mid = ep.extensions(profile, data[header+4:end])
		if len(number) == 2 && ep.feedback.take(binary.BigEndian.Uint16(number), at) {
			ep.scheduleFeedback(at)
		}
		header = end
	}
	ep.feedbackIn += len(data)
	stream := ep.last
	if ssrc != ep.lastSSRC || stream.r == nil {
		stream = ep.bySSRC[ssrc]
		if stream.r == nil {
			if stream = ep.learn(ssrc, data[1]&0x7f, string(mid)); stream.r == nil {
				c.Strange++
				return
			}
		}
		ep.last, ep.lastSSRC = stream, ssrc
	}
	r := stream.r
	a := &ep.scratch.arrival
	*a = arrival{
		now: now, at: at, marker: data[1]&0x80 != 0, repaired: stream.rtx, media: true,
		seq: binary.BigEndian.Uint16(data[2:]), timestamp: binary.BigEndian.Uint32(data[4:]),
	}
	c.Received++
	c.ReceivedBytes += uint64(len(data))
	if stream.rtx || r.video && r.frame.broken || ep.loop.sample() {
		plain, err := ep.in.OpenRTP(data)
		if err != nil {
			if errors.Is(err, transport.ErrSRTPReplayed) {
				c.Repeated++
			} else {
				c.Refused++
				ep.rollOver(r, ssrc, a.seq)
			}
			return
		}
		r.refused = 0
		if plain[0]&0x20 != 0 {
			plain = plain[:len(plain)-int(plain[len(plain)-1])]
		}
		a.payload = plain[header:]
		if stream.rtx {
			if len(a.payload) < 2 {
				c.Padding++
				return
			}
			a.seq = binary.BigEndian.Uint16(a.payload)
			a.payload = a.payload[2:]
			c.ReceivedRTX++
		}
		if a.media = len(a.payload) > 0; !a.media {
			c.Padding++
		}
	}
	if !r.take(a) || !a.media {
		return
	}
	c.Delivered++
	if r.video {
		c.DeliveredVideo++
	} else {
		c.DeliveredAudio++
	}
	if ep.firstMedia == 0 {
		ep.firstMedia = at
	}
	if a.payload == nil {
		return
	}
	start := 1
	if r.video {
		start, _, _, _ = afterHead(a.payload)
	}
	if s, ok := readStamp(a.payload[min(start, len(a.payload)):]); ok {
		c.Stamped++
		if !a.repaired && ep.loop.windowEnd == ^uint64(0) {
			ep.loop.delay.add(at - s.sent)
		}
	}
}

// rollOver supposes that the sequence number of a stream has rolled over once, after
// some packets in a row were not authentic. libsrtp counts a rollover when the
// second packet of a stream that it sends has the number before the first; by RFC
// 3711 (appendix A) that is none.
func (ep *endpoint) rollOver(r *receiver, ssrc uint32, seq uint16) {
	if r.refused++; r.refused != 3 {
		return
	}
	state := ep.in.State()
	seen := transport.Seen{SSRC: ssrc, Highest: 1<<16 + uint64(seq)}
	if i := slices.IndexFunc(state.RTP, func(s transport.Seen) bool { return s.SSRC == ssrc }); i >= 0 {
		state.RTP[i] = seen
	} else {
		state.RTP = append(state.RTP, seen)
	}
	ep.in.Restore(state)
}

// extensions reads the transport-wide number and the mid of a packet (RFC 8285).
func (ep *endpoint) extensions(profile uint16, block []byte) (number, mid []byte) {
	two := profile&0xfff0 == 0x1000
	if !two && profile != 0xbede {
		return nil, nil
	}
	for len(block) > 0 {
		if block[0] == 0 {
			block = block[1:]
			continue
		}
		id, at, n := block[0]>>4, 1, int(block[0]&0x0f)+1
		if two {
			if len(block) < 2 {
				return number, mid
			}
			id, at, n = block[0], 2, int(block[1])
		}
		if len(block) < at+n {
			return number, mid
		}
		switch id {
		case ep.ids.transportCC:
			number = block[at : at+n]
		case ep.ids.mid:
			mid = block[at : at+n]
		}
		block = block[at+n:]
	}
	return number, mid
}

// learn finds out what an SSRC is that the description does not name: by mid, or
// by payload type if that says enough.
func (ep *endpoint) learn(ssrc uint32, pt uint8, mid string) streamOf {
	for _, r := range ep.receivers {
		s := ep.negotiated.Section(r.mid)
		if s == nil || mid != "" && mid != r.mid {
			continue
		}
		_, rtx, ok := s.Codec(pt)
		switch {
		case !ok, mid == "" && !rtx && r.ssrc != 0, rtx && (r.ssrc == 0 || r.rtx != 0):
			continue
		case rtx:
			ep.bind(r, r.ssrc, ssrc)
		default:
			ep.bind(r, ssrc, 0)
		}
		return ep.bySSRC[ssrc]
	}
	return streamOf{}
}

// handleRTCP takes a compound.
func (ep *endpoint) handleRTCP(now instant, data []byte) {
	c := &ep.loop.counts
	if ep.in == nil {
		c.Early++
		return
	}
	plain, err := ep.in.OpenRTCP(data)
	if err != nil {
		c.Refused++
		return
	}
	c.RTCPReceived++
	ep.takeRTCP(now, plain)
}

// takeRTCP takes a compound that was opened.
func (ep *endpoint) takeRTCP(now instant, plain []byte) {
	c := &ep.loop.counts
	for packet, rest := nextRTCP(plain); packet != nil; packet, rest = nextRTCP(rest) {
		format := packet[0] & 0x1f
		switch packet[1] {
		case rtcpSenderReport:
			if len(packet) >= senderReportFixed {
				if s := ep.bySSRC[binary.BigEndian.Uint32(packet[4:])]; s.r != nil && !s.rtx {
					s.r.takeReport(now, packet)
				}
				ep.acknowledge(packet[senderReportFixed:], int(format))
			}
		case rtcpReceiverReport:
			if len(packet) >= receiverReportFixed {
				ep.acknowledge(packet[receiverReportFixed:], int(format))
			}
		case rtcpTransport:
			switch {
			case len(packet) < 12:
			case format == formatNACK:
				c.NACKsReceived++
				ep.answerNACK(now, binary.BigEndian.Uint32(packet[8:]), packet[12:])
			case format == formatTransportCC:
				c.FeedbackReceived++
			}
		case rtcpPayload:
			switch {
			case len(packet) < 12:
			case format == formatPLI:
				ep.keyframeWanted(binary.BigEndian.Uint32(packet[8:]))
			case format == formatFIR:
				for items := packet[12:]; len(items) >= 8; items = items[8:] {
					ep.keyframeWanted(binary.BigEndian.Uint32(items))
				}
			}
		}
	}
}

// acknowledge takes report blocks: from then on packets of that stream need not
// say what they are.
func (ep *endpoint) acknowledge(blocks []byte, n int) {
	for ; n > 0 && len(blocks) >= reportBlock; n, blocks = n-1, blocks[reportBlock:] {
		if s := ep.sender(binary.BigEndian.Uint32(blocks)); s != nil {
			s.identify = false
		}
	}
}

func (ep *endpoint) sender(ssrc uint32) *sender {
	for _, s := range ep.senders {
		if s.ssrc == ssrc {
			return s
		}
	}
	return nil
}

func (ep *endpoint) keyframeWanted(ssrc uint32) {
	ep.loop.counts.PLIsReceived++
	for _, c := range ep.cameras {
		if slices.ContainsFunc(c.layers, func(s *sender) bool { return s.ssrc == ssrc }) {
			for _, s := range c.layers { // all at once, as libwebrtc does it
				s.wantKey = true
			}
		}
	}
}

func (ep *endpoint) answerNACK(now instant, ssrc uint32, items []byte) {
	s := ep.sender(ssrc)
	if s == nil || ep.out == nil {
		return
	}
	for ; len(items) >= 4; items = items[4:] {
		seq, mask := binary.BigEndian.Uint16(items), binary.BigEndian.Uint16(items[2:])
		ep.resend(now, s, seq)
		for i := range uint16(16) {
			if mask>>i&1 != 0 {
				ep.resend(now, s, seq+i+1)
			}
		}
	}
	ep.flush()
}

// The limits of the interval between two feedbacks, which is chosen so that they
// take a twentieth of the bitrate that is received, as in libwebrtc.
const (
	feedbackLeast = 50 * millisecond
	feedbackMost  = 100 * millisecond
	feedbackSize  = 68 // bytes, about
)

func (ep *endpoint) scheduleFeedback(now instant) {
	if ep.feedbackAt != never {
		return
	}
	interval := feedbackMost
	if ep.feedbackIn > 0 { // of the interval before, which was near the most
		interval = min(max(feedbackMost*feedbackSize*20/instant(ep.feedbackIn), feedbackLeast), feedbackMost)
	}
	ep.feedbackIn = 0
	ep.feedbackAt = now + interval
	ep.want(ep.feedbackAt)
}

func (ep *endpoint) sendFeedback(now instant) {
	ep.feedbackAt = never
	var mediaSSRC uint32
	if ep.last.r != nil {
		mediaSSRC = ep.last.r.ssrc
	}
	for range 8 {
		if !ep.feedback.any() {
			return
		}
		b := ep.feedback.append(ep.feedbackOn(ep.last.r, now), ep.ssrc, mediaSSRC)
		ep.sendRTCP(b)
		ep.loop.counts.FeedbackSent++
	}
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

// sendReports sends the reports of a second: one compound for each sender, and
// the receivers' blocks in the first ones.
func (ep *endpoint) sendReports(now instant) {
	receivers := ep.scratch.started[:0]
	for _, r := range ep.receivers {
		if r.started {
			receivers = append(receivers, r)
		}
	}
	ep.scratch.started = receivers
	blocks := func(b []byte, from int) []byte {
		n := 0
		for len(receivers) > 0 && n < maxReportBlocks {
			b = receivers[0].appendReport(b, now)
			receivers = receivers[1:]
			n++
		}
		b[from] |= byte(n)
		setRTCPLength(b, from)
		return b
	}
	for _, s := range ep.senders {
		if s.packets == 0 {
			continue
		}
		b := s.appendSenderReport(ep.scratch.rtcp[:0], now, s.timestamp)
		b = blocks(b, 0)
		ep.sendRTCP(appendDescription(b, s.ssrc, ep.cname))
	}
	for len(receivers) > 0 {
		b := appendRTCPHeader(ep.scratch.rtcp[:0], 0, rtcpReceiverReport)
		b = appendUint32(b, ep.ssrc)
		b = blocks(b, 0)
		ep.sendRTCP(appendDescription(b, ep.ssrc, ep.cname))
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
