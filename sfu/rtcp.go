package sfu

import (
	"encoding/binary"
	"time"

	"github.com/tertulia-rtc/tertulia/protocol"
)

// RTCP packet types (RFC 3550 section 12.1, RFC 4585 section 6.1).
const (
	rtcpSenderReport      = 200
	rtcpReceiverReport    = 201
	rtcpSourceDescription = 202
	rtcpBye               = 203
	rtcpTransportFeedback = 205
	rtcpPayloadFeedback   = 206
)

// Bounds of the work that one compound packet can cause.
const (
	maxRTCPPackets = 64
	maxNACKs       = 512 // sequence numbers
	maxKeyframeAsk = 32  // entries of FIR
	// maxTold bounds the packets that transport-wide feedback tells of: a run of
	// thousands takes two bytes. It is more than are sent between two feedbacks.
	maxTold = 8192
)

func appendUint32(b []byte, v uint32) []byte { return binary.BigEndian.AppendUint32(b, v) }

// appendRTCPHeader begins an RTCP packet; setRTCPLength completes it.
func appendRTCPHeader(b []byte, count, typ uint8) []byte {
	return append(b, 0x80|count, typ, 0, 0)
}

// setRTCPLength sets the length of the packet that begins at from and ends b.
func setRTCPLength(b []byte, from int) {
	binary.BigEndian.PutUint16(b[from+2:], uint16((len(b)-from)/4-1))
}

func (r *Router) sendRTCP(p *peer, b []byte, sink Sink) {
	p.Counted.RTCPOut++
	sink.SendRTCP(p.Index, b)
}

// HandleRTCP takes a decrypted compound or reduced-size RTCP packet, valid
// during the call only. What it says about SSRCs that are not those of the
// transport it came on is ignored and counted.
func (r *Router) HandleRTCP(now time.Time, from Peer, compound []byte) {
	p := r.peer(from)
	if p == nil {
		r.dropped.UnknownPeer++
		return
	}
	at := r.instant(now)
	p.Counted.RTCPIn++
	nacks, told := maxNACKs, maxTold
	for range maxRTCPPackets {
		if len(compound) == 0 {
			return
		}
		if len(compound) < 4 || compound[0]>>6 != 2 {
			p.Counted.Malformed++
			return
		}
		n := 4 * (int(binary.BigEndian.Uint16(compound[2:])) + 1)
		if n > len(compound) {
			p.Counted.Malformed++
			return
		}
		b := compound[:n]
		compound = compound[n:]
		if b[0]&0x20 != 0 {
			pad := int(b[n-1])
			if pad == 0 || pad > n-4 {
				p.Counted.Malformed++
				return
			}
			b = b[:n-pad]
		}
		r.handleRTCPPacket(at, p, b, &nacks, &told)
	}
	if len(compound) > 0 {
		p.Counted.Malformed++
	}
}

func (r *Router) handleRTCPPacket(now instant, p *peer, b []byte, nacks, told *int) {
	count := int(b[0] & 0x1f)
	switch b[1] {
	case rtcpSenderReport:
		if len(b) < 28 {
			p.Counted.Malformed++
			return
		}
		r.handleSenderReport(now, p, b)
		r.handleReportBlocks(now, p, b[28:], count)
	case rtcpReceiverReport:
		if len(b) < 8 {
			p.Counted.Malformed++
			return
		}
		r.handleReportBlocks(now, p, b[8:], count)
	case rtcpTransportFeedback:
		if len(b) < 12 {
			p.Counted.Malformed++
			return
		}
		switch count {
		case 1:
			r.handleNACK(now, p, binary.BigEndian.Uint32(b[8:]), b[12:], nacks)
		case 15:
			r.handleWideFeedback(now, p, b[12:], told)
		}
	case rtcpPayloadFeedback:
		if len(b) < 12 {
			p.Counted.Malformed++
			return
		}
		switch count {
		case 1: // PLI
			r.askedForKeyframe(now, p, binary.BigEndian.Uint32(b[8:]))
		case 15: // application layer feedback, of which we know REMB
			r.handleREMB(now, p, b[12:])
		case 4: // FIR: one entry for each SSRC
			fci := b[12:]
			for range maxKeyframeAsk {
				if len(fci) < 8 {
					break
				}
				r.askedForKeyframe(now, p, binary.BigEndian.Uint32(fci))
				fci = fci[8:]
			}
		}
	}
}

// askedForKeyframe takes a subscriber's wish for a keyframe.
func (r *Router) askedForKeyframe(now instant, p *peer, ssrc uint32) {
	s := p.slotOf(ssrc)
	if s == nil {
		p.Counted.ForeignRTCP++
		return
	}
	p.Counted.KeyframesAsked++
	if s.track == nil || s.Kind != protocol.Video || !p.Connected {
		return
	}
	if s.Slides.Period != 0 {
		// Receivers ask when no picture has come for a while, and none is due yet.
		p.Counted.KeyframesRefused++
		return
	}
	serial := s.Aim
	if s.Live {
		serial = s.Run.Source
	}
	source := r.sources[serial]
	if source == nil || source.Keyframe.Wanted {
		return
	}
	// A keyframe costs all who receive the stream, so one of them may not have
	// many: a few in a row, for a link that loses them, and then one a second.
	if s.AskAgain > now+keyframeAsks*keyframeAskInterval {
		p.Counted.KeyframesRefused++
		return
	}
	s.AskAgain = max(s.AskAgain, now) + keyframeAskInterval
	r.wantKeyframe(now, source)
}

// slotOf finds the slot that sends an SSRC.
func (p *peer) slotOf(ssrc uint32) *slot {
	for _, s := range p.Slots {
		if s.SSRC == ssrc {
			return s
		}
	}
	return nil
}
