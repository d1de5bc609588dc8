package sfu

import (
	"encoding/binary"
	"time"

	"github.com/tertulia-rtc/tertulia/protocol"
)

// receivedReport is what a publisher last said about its clock.
type receivedReport struct {
	NTP       uint64 // by our clock
	Timestamp uint32
	At        instant // when it came; 0 for never
}

// sentReport is the last sender report of a slot, for the round trip.
type sentReport struct {
	NTP uint32 // middle 32 bits
	At  instant
	Due bool // of a new run: one is to follow the first packets
}

// receiverReport is what a subscriber last said about a slot.
type receiverReport struct {
	At           instant
	FractionLost uint8 // in 1/256
	Lost         int32 // packets
	Jitter       uint32
	RTT          instant // 0 unknown
}

// handleSenderReport takes a publisher's sender report, which subscribers get
// in their own numbers with the next Flush.
func (r *Router) handleSenderReport(now instant, p *peer, b []byte) {
	to, ok := p.bySSRC[binary.BigEndian.Uint32(b[4:])]
	if !ok || to.rtx {
		// Those of retransmission streams are not needed.
		if !ok {
			p.Counted.ForeignRTCP++
		}
		return
	}
	s := to.src
	ntp := binary.BigEndian.Uint64(b[8:])
	s.Reference = uint32(ntp >> 16)
	s.SR = receivedReport{NTP: p.Clock.ours(ntp, r.ntp(now)), Timestamp: binary.BigEndian.Uint32(b[16:]), At: now}
	if !s.asked {
		s.asked = true
		r.reports = append(r.reports, s)
	}
}

// flushReports passes sender reports on.
func (r *Router) flushReports(now instant, sink Sink) {
	for _, s := range r.reports {
		s.asked = false
		t := s.in.track
		if t == nil || t.Muted || s.SR.At == 0 {
			continue
		}
		r.handReport(now, s)
		for _, sl := range t.slots {
			if sl.Live && sl.Run.Source == s.Serial && sl.peer.Connected {
				r.sendReport(now, s, sl, sink)
			}
		}
	}
	r.reports = r.reports[:0]
	for _, sl := range r.starting {
		if s := r.sources[sl.Run.Source]; s != nil && sl.SR.Due && sl.Live && sl.peer.Connected {
			r.sendReport(now, s, sl, sink)
		}
	}
	r.starting = r.starting[:0]
}

// clockState relates a publisher's NTP clock, which may be anywhere, to ours.
type clockState struct {
	Known  bool
	Offset int64 // that brings it to ours, in NTP units
}

// maxClockError is how far a publisher's clock may move against ours before it is
// related anew, in NTP units.
const maxClockError = 1 << 32

// ours gives a publisher's NTP time by our clock, now. The offset is the same for
// all that it sends, so its audio and video keep their relation to the tick.
func (c *clockState) ours(theirs, now uint64) uint64 {
	offset := int64(now - theirs)
	if d := offset - c.Offset; !c.Known || d > maxClockError || d < -maxClockError {
		c.Known, c.Offset = true, offset
	}
	return theirs + uint64(c.Offset)
}

// ntp gives an instant in NTP time.
func (r *Router) ntp(now instant) uint64 {
	t := r.state.Base.Add(time.Duration(now))
	return uint64(t.Unix()+2_208_988_800)<<32 + uint64(t.Nanosecond())<<32/1e9
}

// sendReport sends a slot's sender report. Its NTP time is the publisher's last
// one by our clock, moved on by the time since, so that the audio and the video
// of one publisher keep their relation, and those of several who share a pair of
// slots are not torn apart; the RTP timestamp is the same moment in the slot's
// timestamps.
func (r *Router) sendReport(now instant, s *source, sl *slot, sink Sink) {
	passed := uint64(now - s.SR.At)
	ntp := s.SR.NTP + passed/uint64(second)<<32 + (passed%uint64(second))<<32/uint64(second)
	timestamp := s.SR.Timestamp + uint32(passed/1000*uint64(s.Clock)/1_000_000) + sl.Run.Timestamp
	sl.SR = sentReport{NTP: uint32(ntp >> 16), At: now}
	b := appendRTCPHeader(r.scratch.rtcp[:0], 0, rtcpSenderReport)
	b = appendUint32(b, sl.SSRC)
	b = binary.BigEndian.AppendUint64(b, ntp)
	b = appendUint32(b, timestamp)
	b = appendUint32(b, uint32(sl.Packets))
	b = appendUint32(b, uint32(sl.Bytes))
	setRTCPLength(b, 0)
	if n := len(sl.CNAME); n > 0 && n < 256 {
		from := len(b)
		b = appendRTCPHeader(b, 1, rtcpSourceDescription)
		b = appendUint32(b, sl.SSRC)
		b = append(b, 1, byte(n))
		b = append(b, sl.CNAME...)
		b = append(b, 0)
		for len(b)%4 != 0 {
			b = append(b, 0)
		}
		setRTCPLength(b, from)
	}
	r.sendRTCP(sl.peer, b, sink)
}

// handleReportBlocks takes what a subscriber says about its slots.
func (r *Router) handleReportBlocks(now instant, p *peer, b []byte, count int) {
	for range count {
		if len(b) < 24 {
			p.Counted.Malformed++
			return
		}
		s := p.slotOf(binary.BigEndian.Uint32(b))
		if s == nil {
			p.Counted.ForeignRTCP++ // also reports about RTX, which nobody reads
		} else {
			s.reported(now, b)
			r.advancePlayout(now, s)
			if s.Kind == protocol.Video && p.Link != nil {
				r.reportLink(now, p, &s.Reported)
			}
		}
		b = b[24:]
	}
}

func (s *slot) reported(now instant, b []byte) {
	rr := &s.Reported
	rr.At = now
	rr.FractionLost = b[4]
	rr.Lost = int32(binary.BigEndian.Uint32(b[4:])<<8) >> 8
	rr.Jitter = binary.BigEndian.Uint32(b[12:])
	lsr, dlsr := binary.BigEndian.Uint32(b[16:]), binary.BigEndian.Uint32(b[20:])
	if lsr == 0 || lsr != s.SR.NTP || s.SR.At == 0 {
		return
	}
	if rtt := now - s.SR.At - instant(uint64(dlsr)*uint64(second)/65536); rtt > 0 && rtt < 30*second {
		rr.RTT = rtt
	}
}
