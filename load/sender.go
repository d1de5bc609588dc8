package load

import (
	"encoding/binary"
	"math/rand/v2"
)

// sender is one RTP stream that a participant sends: its audio, its video, or
// one layer of it.
type sender struct {
	number uint32 // within the run
	video  bool
	rid    string // of a layer
	mid    string
	ids    extensionIDs

	ssrc, rtxSSRC uint32
	pt, rtxPT     uint8
	clockRate     uint32
	seq, rtxSeq   uint16
	timestamp     uint32
	counter       uint32
	// identify says that packets carry mid and rid, until the server has
	// reported on the stream (as browsers do it); identifyRTX is that of its
	// retransmissions, on which few servers report.
	identify, identifyRTX bool

	packets, octets uint32 // for sender reports
	history         []sentPacket

	camera        video
	head          vp8Frame
	wantKey       bool
	keyAt         instant
	width, height int
}

// sentPacket is what is needed to send a packet again: the rest is filler.
type sentPacket struct {
	seq       uint16
	size      uint16 // of the filler
	headLen   uint8  // 0: none was sent
	marker    bool
	timestamp uint32
	head      [maxHead + stampSize]byte
}

// historySize is a few seconds of video at usual bitrates, a power of 2.
const historySize = 512

// extensionIDs are the ids of header extensions; 0 for none.
type extensionIDs struct{ mid, rid, repairedRID, transportCC, sendTime, level uint8 }

// filler is what payloads consist of.
var filler = func() (b [maxPayload]byte) {
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}()

// maxHeader bounds the headers that appendHeader makes.
const maxHeader = 12 + 4 + 3*(1+16) + 3 + 4 + 2 + 3

// packetHeader is what a packet says of itself besides its stream.
type packetHeader struct {
	seq         uint16
	timestamp   uint32
	marker, rtx bool
	level       int // −dBov; −1 for none
}

// appendHeader appends an RTP header with the extensions of one-byte form (RFC
// 8285) that were agreed on. number is the transport-wide sequence number.
func (s *sender) appendHeader(b []byte, now instant, h packetHeader, number uint16) []byte {
	pt, ssrc := s.pt, s.ssrc
	if h.rtx {
		pt, ssrc = s.rtxPT, s.rtxSSRC
	}
	if h.marker {
		pt |= 0x80
	}
	b = append(b, 0x80, pt)
	b = binary.BigEndian.AppendUint16(b, h.seq)
	b = appendUint32(b, h.timestamp)
	b = appendUint32(b, ssrc)
	from := len(b)
	b = append(b, 0xbe, 0xde, 0, 0)
	word := func(id uint8, value string) {
		if id != 0 && id < 15 && value != "" {
			b = append(b, id<<4|uint8(len(value)-1))
			b = append(b, value...)
		}
	}
	if s.identify && !h.rtx || s.identifyRTX && h.rtx {
		word(s.ids.mid, s.mid)
		if h.rtx {
			word(s.ids.repairedRID, s.rid)
		} else {
			word(s.ids.rid, s.rid)
		}
	}
	if id := s.ids.transportCC; id != 0 {
		b = append(b, id<<4|1, byte(number>>8), byte(number))
	}
	if id := s.ids.sendTime; id != 0 { // 6 bits of seconds, 18 of fraction
		t := ntp(now) >> 14
		b = append(b, id<<4|2, byte(t>>16), byte(t>>8), byte(t))
	}
	if id := s.ids.level; id != 0 && h.level >= 0 {
		const voice = 0x80
		level := byte(h.level)
		if h.level < silent {
			level |= voice
		}
		b = append(b, id<<4, level)
	}
	if len(b) == from+4 {
		return b[:from]
	}
	for (len(b)-from)%4 != 0 {
		b = append(b, 0)
	}
	binary.BigEndian.PutUint16(b[from+2:], uint16((len(b)-from)/4-1))
	b[0] |= 0x10
	return b
}

// remember keeps a packet for repairs.
func (s *sender) remember(seq uint16, timestamp uint32, marker bool, head []byte, size int) {
	if s.history == nil {
		s.history = make([]sentPacket, historySize)
	}
	p := &s.history[seq%historySize]
	p.seq, p.timestamp, p.marker, p.size = seq, timestamp, marker, uint16(size)
	p.headLen = uint8(copy(p.head[:], head))
}

// sendFrame sends the next frame of video.
func (ep *endpoint) sendFrame(now instant, s *sender, timestamp uint32) {
	s.head.key = s.wantKey && now-s.keyAt >= keyframePause
	if s.head.key {
		s.wantKey = false
		s.keyAt = now
		ep.loop.counts.KeyframesSent++
	}
	s.head.picture = (s.head.picture + 1) & 0x7fff
	s.head.tl0++
	s.head.width, s.head.height = s.width, s.height
	frame := s.camera.frame(s.head.key)
	n := packets(frame)
	sent := clock()
	for i := range n {
		head := s.head.appendHead(ep.scratch.head[:0], i == 0)
		head = s.stamped(head, sent)
		size := max(part(frame, n, i)-len(head), 0)
		marker := i == n-1
		s.remember(s.seq, timestamp, marker, head, size)
		ep.sendPacket(now, s, packetHeader{seq: s.seq, timestamp: timestamp, marker: marker, level: -1}, head, size)
		s.seq++
	}
}

// stamped appends a fresh stamp.
func (s *sender) stamped(b []byte, sent instant) []byte {
	s.counter++
	st := stamp{sender: s.number, counter: s.counter, sent: sent}
	return st.append(b)
}

// sendAudio sends a packet of size bytes.
func (ep *endpoint) sendAudio(now instant, s *sender, size, level int) {
	head := append(ep.scratch.head[:0], 0xfc) // TOC: CELT, 20 ms, stereo (RFC 6716 section 3.1)
	if size > 1+stampSize {
		head = s.stamped(head, clock())
	}
	ep.sendPacket(now, s, packetHeader{seq: s.seq, timestamp: s.timestamp, level: level}, head, max(size-len(head), 0))
	s.seq++
}

// sendPacket seals a packet of head and filler, and leaves it for the next send.
func (ep *endpoint) sendPacket(now instant, s *sender, h packetHeader, head []byte, size int) {
	header := s.appendHeader(ep.scratch.header[:0], now, h, ep.number)
	if s.ids.transportCC != 0 {
		ep.number++
	}
	n := ep.out.SealRTP(ep.reserve(len(header)+len(head)+size+ep.out.Overhead()), header, head, filler[:size], 0)
	ep.commit(n)
	c := &ep.loop.counts
	c.Sent++
	c.SentBytes += uint64(n)
	if h.rtx {
		c.Resent++
		return
	}
	if s.video {
		c.SentVideo++
	} else {
		c.SentAudio++
	}
	s.packets++
	s.octets += uint32(len(head) + size)
}

// resend answers a request for a packet, by RTX (RFC 4588) where it was agreed on.
func (ep *endpoint) resend(now instant, s *sender, seq uint16) {
	if s.history == nil {
		return
	}
	p := &s.history[seq%historySize]
	if p.headLen == 0 || p.seq != seq {
		return
	}
	if s.rtxPT == 0 {
		ep.sendPacket(now, s, packetHeader{seq: seq, timestamp: p.timestamp, marker: p.marker, level: -1}, p.head[:p.headLen], int(p.size))
		return
	}
	head := append(ep.scratch.head[:0], byte(seq>>8), byte(seq))
	head = append(head, p.head[:p.headLen]...)
	ep.sendPacket(now, s, packetHeader{seq: s.rtxSeq, timestamp: p.timestamp, marker: p.marker, rtx: true, level: -1}, head, int(p.size))
	s.rtxSeq++
}

// appendSenderReport appends an SR of the stream (RFC 3550 section 6.4.1).
func (s *sender) appendSenderReport(b []byte, now instant, timestamp uint32) []byte {
	from := len(b)
	b = appendRTCPHeader(b, 0, rtcpSenderReport)
	b = appendUint32(b, s.ssrc)
	b = binary.BigEndian.AppendUint64(b, ntp(now))
	b = appendUint32(b, timestamp)
	b = appendUint32(b, s.packets)
	b = appendUint32(b, s.octets)
	setRTCPLength(b, from)
	return b
}
