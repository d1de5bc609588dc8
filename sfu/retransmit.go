package sfu

import (
	"encoding/binary"

	"github.com/tertulia-rtc/tertulia/sfu/bwe"
	"github.com/tertulia-rtc/tertulia/sfu/layer"
)

// resendState bounds what one subscriber can make us send again.
type resendState struct {
	// Credit is how many bytes may be sent again. Where the link is measured: what
	// media leave of the estimate, and a little more. Else so much a second, and half
	// of what is sent for the first time.
	Credit  int64
	At      instant
	pending bool // is in Router.resending
}

const (
	resendBurst     = 256 << 10 // bytes
	resendPerSecond = 64 << 10  // bytes
	resendPause     = 15 * millisecond
	maxResendQueue  = 256 // packets of one slot between two flushes
	resentMemory    = 256 // packets of one slot that are not sent again at once

	// Where the link is measured:
	resendExtra  = 8                 // a part of the estimate that media cannot take from repairs
	resendSpare  = 100 * millisecond // of the estimate, that may be saved up
	resendDebt   = 100 * millisecond // of the estimate, that media may take in advance
	resendAtOnce = 8 << 10           // bytes, of savings on any link
)

// refillRepairs adds what a link leaves in a time. While it is congested, what media took
// in advance is waited for; else a keyframe shall not keep its own losses from being
// repaired.
func (p *peer) refillRepairs(passed instant) {
	c, rate := &p.Resend, p.Link.Estimate()/8
	debt := -rate * int64(resendDebt) / int64(second)
	if !p.Link.Congested() {
		debt = 0
	}
	c.Credit = max(c.Credit, debt) + (rate+rate/resendExtra)*int64(passed)/int64(second)
	c.Credit = min(c.Credit, max(rate*int64(resendSpare)/int64(second), resendAtOnce), resendBurst)
}

// afterMedia takes note of bytes that were sent for the first time.
func (p *peer) afterMedia(n int64) {
	if p.limited() {
		p.Resend.Credit -= n
	} else {
		p.Resend.Credit += n / 2
	}
}

// resentState is what a slot has to send again, and what it just did.
type resentState struct {
	Queue []uint64 // extended sequence numbers as sent
	// recent is by sequence number modulo its size; taken when first needed.
	recent []resent
}

type resent struct {
	seq uint64
	at  instant
}

// sent notes that a packet went out late or again.
func (s *resentState) sent(seq uint64, now instant) {
	if s.recent == nil {
		s.recent = make([]resent, resentMemory)
	}
	s.recent[seq%resentMemory] = resent{seq, now}
}

// known says whether a packet went out late or again, lately.
func (s *resentState) known(seq uint64) bool {
	return s.recent != nil && s.recent[seq%resentMemory].seq == seq
}

// justSent says whether a packet went out late or again within the last pause.
func (s *resentState) justSent(seq uint64, now, pause instant) bool {
	if s.recent == nil {
		return false
	}
	last := &s.recent[seq%resentMemory]
	return last.seq == seq && now-last.at < pause
}

// handleNACK takes a subscriber's request for packets (RFC 4585 section 6.2.1).
// They leave with the next Flush.
func (r *Router) handleNACK(now instant, p *peer, ssrc uint32, pairs []byte, budget *int) {
	s := p.slotOf(ssrc)
	if s == nil {
		p.Counted.ForeignRTCP++
		return
	}
	for ; len(pairs) >= 4; pairs = pairs[4:] {
		mask := uint32(binary.BigEndian.Uint16(pairs[2:]))<<1 | 1
		first := binary.BigEndian.Uint16(pairs)
		for i := uint16(0); mask != 0; i, mask = i+1, mask>>1 {
			if mask&1 == 0 {
				continue
			}
			if *budget == 0 || len(s.Resent.Queue) >= maxResendQueue {
				p.Counted.NACKsRefused++
				return
			}
			*budget--
			p.Counted.NACKsIn++
			s.Resent.Queue = append(s.Resent.Queue, s.extend(first+i))
		}
	}
	if !p.Resend.pending {
		p.Resend.pending = true
		r.resending = append(r.resending, p)
	}
}

// extend gives the extended form of a sequence number that the slot sent.
func (s *slot) extend(seq uint16) uint64 {
	return s.Seq - uint64(uint16(s.Seq)-seq)
}

func (r *Router) flushRetransmissions(now instant, sink Sink) {
	for _, p := range r.resending {
		p.Resend.pending = false
		c := &p.Resend
		if p.refill(now) {
			c.At = now
		} else if c.At == 0 {
			c.Credit += resendBurst / 4
		} else {
			// More than fills it needs no counting, and would overflow after a day.
			c.Credit += int64(min(now-c.At, second*resendBurst/resendPerSecond)) * resendPerSecond / int64(second)
		}
		c.At = now
		c.Credit = min(c.Credit, resendBurst)
		for _, s := range p.Slots {
			for _, seq := range s.Resent.Queue {
				if p.Connected {
					r.resend(now, p, s, seq, sink)
				}
			}
			s.Resent.Queue = s.Resent.Queue[:0]
		}
	}
	r.resending = r.resending[:0]
}

// resendPause is for how long a packet is not sent again: who asks before a round
// trip is over cannot know of the answer to what it asked before. Where there is
// room, two answers are better than one.
func (p *peer) resendPause(s *slot) instant {
	rtt := s.Reported.RTT
	if p.Link != nil {
		if measured := instant(p.Link.RoundTrip()); measured != 0 {
			rtt = measured
		}
	}
	if p.Resend.Credit > resendAtOnce {
		return max(resendPause, rtt/2)
	}
	return max(resendPause, min(rtt, second)*7/8)
}

// resend sends a packet again: in the RTX stream where there is one (RFC 4588),
// else byte for byte as it was.
func (r *Router) resend(now instant, p *peer, s *slot, seq uint64, sink Sink) {
	d := &r.scratch.decision
	run, b, ok := r.held(s, seq, d)
	if !ok || s.track.Muted {
		p.Counted.NACKsMissed++
		return
	}
	if run != &s.Run && run.Cut != nil && p.limited() && p.Link.Congested() {
		p.Counted.NACKsRefused++ // it would come after the keyframe that has been sent since
		return
	}
	e := b.entry
	if s.Resent.justSent(seq, now, p.resendPause(s)) {
		p.Counted.NACKsRepeated++
		return
	}
	f := &s.formats[e.Format]
	osn := 0
	if f.rtx != 0 {
		osn = 2
		binary.BigEndian.PutUint16(r.scratch.prefix[:], uint16(seq))
	}
	forwarded := r.extensions(s, run, &b, d)
	if f.rtx == 0 && (f.timing != timeless || d.Flags&(layer.SetActive|layer.Attach) != 0) {
		p.Counted.NACKsRefused++ // it could not be the same again
		return
	}
	packet := &r.scratch.packet
	if !r.fill(packet, s, run, f, &b, d, osn) {
		return
	}
	n := int64(len(packet.Prefix) + len(packet.Payload))
	if p.Resend.Credit < n {
		p.Counted.NACKsRefused++
		return
	}
	copies := 1
	if f.rtx != 0 && (s.Resent.known(seq) || s.Playout.Loss >= playoutTwice) && p.limited() && p.Resend.Credit > resendAtOnce {
		copies = 2 // the answer was or may be lost as well, and a video may stand still for it
	}
	s.Resent.sent(seq, now)
	packet.Retransmission = true
	for range copies {
		pt, ssrc, number := f.pt, s.SSRC, uint16(seq)
		if f.rtx != 0 {
			s.RTXSeq++
			pt, ssrc, number = f.rtx, s.RTX, s.RTXSeq
		}
		packet.Header = s.Form.appendHeader(r.scratch.header[:0], pt, packet.Marker, number, e.Timestamp+run.Timestamp, ssrc, forwarded, f.timing)
		p.Resend.Credit -= n
		p.Counted.Retransmitted++
		p.Counted.RetransmittedBytes += uint64(n)
		r.emit(now, p, packet, f.timing, bwe.Repair, sink)
	}
}
