package load

import (
	"encoding/binary"
	"slices"
)

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
		ssrc := binary.BigEndian.Uint32(blocks)
		for _, s := range ep.senders {
			switch ssrc {
			case s.ssrc:
				s.identify = false
			case s.rtxSSRC:
				s.identifyRTX = false
			}
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
