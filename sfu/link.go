package sfu

import (
	"encoding/binary"
	"time"

	"github.com/tertulia-rtc/tertulia/protocol"
	"github.com/tertulia-rtc/tertulia/sfu/bwe"
)

// handleWideFeedback takes what a subscriber says about the arrival of what it was
// sent (transport-wide congestion control).
func (r *Router) handleWideFeedback(now instant, p *peer, fci []byte, budget *int) {
	if p.Link == nil {
		p.Counted.ForeignRTCP++
		return
	}
	if len(fci) >= 4 {
		*budget -= int(binary.BigEndian.Uint16(fci[2:]))
	}
	if *budget < 0 {
		p.Counted.BadFeedback++
		return
	}
	if r.cfg.Trace != nil {
		r.trace(now, p, TraceLine{Feedback: fci})
	}
	if !p.Link.Feedback(time.Duration(now), fci) {
		p.Counted.BadFeedback++
		return
	}
	r.linkChanged(now, p)
}

// handleREMB takes a receiver's own estimate (draft-alvestrand-rmcat-remb-03
// section 2.2).
func (r *Router) handleREMB(now instant, p *peer, b []byte) {
	if p.Link == nil || len(b) < 8 || string(b[:4]) != "REMB" {
		return
	}
	word := binary.BigEndian.Uint32(b[4:]) & 0xffffff
	exponent, mantissa := word>>18, uint64(word&0x3ffff)
	bitrate := int64(min(mantissa<<exponent, 1<<40))
	if r.cfg.Trace != nil {
		r.trace(now, p, TraceLine{REMB: &bitrate})
	}
	p.Link.REMB(time.Duration(now), bitrate)
	r.linkChanged(now, p)
}

// linkChanged sees to it that a new estimate is shared out, and that the
// controller is asked again when it wants to be.
func (r *Router) linkChanged(now instant, p *peer) {
	if estimate := p.Link.Estimate(); p.Share.differs(estimate) {
		r.wantShare(p, now)
	}
	r.scheduleLink(now, p)
}

// scheduleLink asks for advanceSubscriber when the controller wants to be asked.
func (r *Router) scheduleLink(now instant, p *peer) {
	at := instant(p.Link.Timer())
	if at == 0 {
		return
	}
	step := grid
	switch {
	case p.Link.Probing.Running:
		step = fineGrid
	case at-now > farOff:
		step = coarseGrid
	}
	r.schedulePeer(p, max(at, now+1).on(step))
}

// Timers are on a grid, the same for all transports and all rooms: waking up is dear,
// and one round serves them all.
const (
	grid       = 20 * millisecond
	fineGrid   = 5 * millisecond   // of probes, and of packets that wait
	coarseGrid = 100 * millisecond // of what is farther off than farOff, such as silence
	farOff     = second / 2
)

// on gives the first time on a grid that is not before t.
func (t instant) on(grid instant) instant { return (t + grid - 1) / grid * grid }

// advanceSubscriber does what is due towards a subscriber: paced packets, probes,
// the sharing of its link.
func (r *Router) advanceSubscriber(now instant, p *peer, sink Sink) {
	p.due = 0
	r.advancePacing(now, p, sink)
	if p.Link == nil {
		return
	}
	if at := p.Link.Timer(); at != 0 && instant(at) <= now {
		if r.cfg.Trace != nil {
			r.trace(now, p, TraceLine{Advance: true})
		}
		p.Link.Advance(time.Duration(now))
		r.linkChanged(now, p)
	}
	if r.cfg.Trace != nil {
		r.trace(now, p, TraceLine{Probe: true})
	}
	if n := p.Link.Probe(time.Duration(now)); n > 0 {
		r.probe(now, p, n, sink)
	}
	r.advanceShare(now, p)
	r.advanceSlides(now, p)
	r.trickle(now, p, sink)
	r.scheduleLink(now, p)
}

// Padding of probes.
const (
	maxProbePackets = 64  // in one call
	plainPadding    = 224 // bytes, of a packet of padding only
)

// probe sends n bytes that only measure the link: packets of the last second again
// as RTX, which may even be of use, or else padding. It needs a slot with RTX
// (RFC 4588), since all other numbers belong to media.
func (r *Router) probe(now instant, p *peer, n int, sink Sink) {
	if p.Pace.next < len(p.Pace.queue) {
		p.Pace.Credit = max(p.Pace.Credit, 0) + int64(n) // what waits measures it as well
		r.advancePacing(now, p, sink)
		return
	}
	s := p.probeSlot()
	if s == nil {
		return
	}
	f := &s.formats[s.track.Format]
	seq := s.Seq
	for range maxProbePackets {
		if n <= 0 {
			return
		}
		packet := &r.scratch.packet
		size := 0
		if s.Live && seq+256 > s.Seq {
			d := &r.scratch.decision
			if run, b, ok := r.held(s, seq, d); ok && s.formats[b.entry.Format].rtx == f.rtx {
				binary.BigEndian.PutUint16(r.scratch.prefix[:], uint16(seq))
				if r.fill(packet, s, run, &s.formats[b.entry.Format], &b, d, 2) {
					s.RTXSeq++
					packet.Header = s.Form.appendHeader(r.scratch.header[:0], f.rtx, packet.Marker, s.RTXSeq, b.entry.Timestamp+run.Timestamp, s.RTX, r.extensions(s, run, &b, d), f.timing)
					size = len(packet.Prefix) + len(packet.Payload)
				}
			}
			seq--
		}
		if size == 0 {
			s.RTXSeq++
			*packet = Packet{To: p.Index, Kind: s.Kind, Padding: plainPadding}
			packet.Header = s.Form.appendHeader(r.scratch.header[:0], f.rtx, false, s.RTXSeq, s.Timestamp, s.RTX, nil, f.timing)
			size = plainPadding
		}
		packet.Retransmission = true
		p.Counted.Probed++
		p.Counted.ProbedBytes += uint64(size)
		n -= size + len(packet.Header) + sealOverhead
		r.emit(now, p, packet, f.timing, bwe.Probe, sink)
	}
}

// probeSlot finds a slot to send probes in: one that sends, if there is one.
func (p *peer) probeSlot() (found *slot) {
	for _, s := range p.Slots {
		if s.Kind != protocol.Video || s.track == nil || !s.track.Started {
			continue
		}
		if f := &s.formats[s.track.Format]; f.rtx == 0 || f.timing != numbered {
			continue
		}
		if s.Live && !s.track.Muted {
			return s
		}
		found = s
	}
	return found
}

// reportLink takes what a receiver report says of the link.
func (r *Router) reportLink(now instant, p *peer, rr *receiverReport) {
	lost, rtt := float64(rr.FractionLost)/256, time.Duration(rr.RTT)
	if r.cfg.Trace != nil {
		r.trace(now, p, TraceLine{Report: &TraceReport{lost, rtt}})
	}
	p.Link.Report(time.Duration(now), lost, rtt)
	r.linkChanged(now, p)
}

// TargetLink says up to which bitrate the link to a transport is to be measured, where
// media need less: probes look for no more than that, nor than the controller's bounds.
func (r *Router) TargetLink(now time.Time, who protocol.ParticipantID, to protocol.LinkTarget) *protocol.Error {
	p := r.byKey[TransportKey{who, to.Transport}]
	if p == nil {
		return protocol.Errorf(protocol.CodeNotFound, "there is no transport %q", to.Transport)
	}
	p.Target = int64(to.Bitrate)
	r.wantShare(p, r.instant(now))
	return nil
}
