package sfu

import (
	"encoding/binary"
	"slices"
)

// Intervals of what publishers are told.
const (
	feedbackInterval = 50 * millisecond // transport-wide congestion control; at least
	reportInterval   = second           // receiver reports, REMB
)

// reportState is when a publisher is next sent receiver reports.
type reportState struct {
	Next   instant // 0 while nothing comes
	Active instant // when the last packet of a source came
}

// scheduleReport keeps receiver reports going while packets come.
func (r *Router) scheduleReport(now instant, p *peer) {
	p.Reports.Active = now
	if p.Reports.Next == 0 {
		p.Reports.Next = (now + reportInterval/4).on(grid) // the first one soon, for the sender's estimate
		r.schedule(p.Reports.Next)
	}
}

// advanceReports sends receiver reports (RFC 3550 section 6.4.2), and REMB to
// those who negotiated nothing better.
func (r *Router) advanceReports(now instant, p *peer, sink Sink) {
	if p.Reports.Next == 0 {
		return
	}
	if now < p.Reports.Next {
		r.schedule(p.Reports.Next)
		return
	}
	if now-p.Reports.Active > 5*reportInterval {
		p.Reports.Next = 0
		return
	}
	p.Reports.Next = (now + reportInterval).on(grid)
	r.schedule(p.Reports.Next)
	b := appendRTCPHeader(r.scratch.rtcp[:0], 0, rtcpReceiverReport)
	b = appendUint32(b, p.SSRC)
	blocks := 0
	remb := false
	for _, in := range p.Inbounds {
		if c := in.codecInUse(); c != nil && c.REMB && !c.TransportCC {
			remb = true
		}
		for _, s := range in.Sources {
			if !s.Seq.Started || blocks == 31 {
				continue
			}
			b = s.appendReportBlock(b, now)
			blocks++
		}
	}
	if blocks == 0 {
		return
	}
	b[0] |= byte(blocks)
	setRTCPLength(b, 0)
	if remb {
		b = r.appendREMB(b, p)
	}
	r.sendRTCP(p, b, sink)
}

func (s *source) appendReportBlock(b []byte, now instant) []byte {
	fraction, cumulative := s.Seq.lost()
	s.Counted.Lost, s.Counted.FractionLost = int64(cumulative), fraction
	b = appendUint32(b, s.SSRC)
	b = appendUint32(b, uint32(fraction)<<24|uint32(cumulative)&0xffffff)
	b = appendUint32(b, uint32(s.Seq.Highest-sequenceStart))
	b = appendUint32(b, s.Seq.Jitter>>4)
	if s.SR.At == 0 {
		return append(b, 0, 0, 0, 0, 0, 0, 0, 0)
	}
	b = appendUint32(b, s.Reference)
	return appendUint32(b, uint32(uint64(now-s.SR.At)*65536/uint64(second)))
}

// appendREMB appends draft-alvestrand-rmcat-remb-03: a bitrate for all SSRCs of
// the peer together.
func (r *Router) appendREMB(b []byte, p *peer) []byte {
	from := len(b)
	b = appendRTCPHeader(b, 15, rtcpPayloadFeedback)
	b = appendUint32(b, p.SSRC)
	b = appendUint32(b, 0)
	b = append(b, 'R', 'E', 'M', 'B')
	mantissa, exponent := r.remb(p), uint32(0)
	for mantissa >= 1<<18 {
		mantissa >>= 1
		exponent++
	}
	at := len(b)
	b = appendUint32(b, exponent<<18|uint32(mantissa))
	for _, in := range p.Inbounds {
		for _, s := range in.Sources {
			if b[at] < 255 {
				b = appendUint32(b, s.SSRC)
				b[at]++
			}
		}
	}
	setRTCPLength(b, from)
	return b
}

// transportCCState collects arrivals for transport-wide feedback
// (draft-holmer-rmcat-transport-wide-cc-extensions-01).
type transportCCState struct {
	Started  bool
	Highest  uint64 // greatest extended number so far
	Next     uint64 // the first that has not been reported on
	FirstAt  instant
	Count    uint8 // of feedback packets
	Arrivals []arrival
}

// arrival is one packet with a transport-wide sequence number.
type arrival struct {
	Seq uint64
	At  instant
}

// Bounds of transport-wide feedback.
const (
	maxArrivals   = 2048 // between two feedbacks
	maxStatuses   = 1000 // in one packet, lost ones included
	maxLateStatus = 8    // packets that came after they were reported lost
)

// due is when what has come is told.
func (c *transportCCState) due() instant { return (c.FirstAt + feedbackInterval).on(grid) }

// arrived takes note of a packet.
func (c *transportCCState) arrived(seq uint16, now instant) {
	if !c.Started {
		c.Started = true
		c.Highest = sequenceStart + uint64(seq)
		c.Next = c.Highest
	}
	extended := c.Highest + uint64(int64(int16(seq-uint16(c.Highest))))
	c.Highest = max(c.Highest, extended)
	if len(c.Arrivals) == 0 {
		c.FirstAt = now
	}
	if len(c.Arrivals) < maxArrivals {
		c.Arrivals = append(c.Arrivals, arrival{extended, now})
	}
}

// advanceTransportCC sends the feedback that is due.
func (r *Router) advanceTransportCC(now instant, p *peer, sink Sink) {
	c := &p.CC
	if len(c.Arrivals) == 0 {
		return
	}
	if due := c.due(); now < due {
		r.schedule(due)
		return
	}
	var media uint32
	for _, in := range p.Inbounds {
		for _, s := range in.Sources {
			if media == 0 || s.Seq.Started {
				media = s.SSRC
			}
		}
	}
	all := c.take()
	lateOnes := 0
	for len(all) > 0 && all[0].Seq < c.Next {
		if lateOnes++; lateOnes <= maxLateStatus {
			b, _ := c.appendFeedback(r.scratch.rtcp[:0], p.SSRC, media, all[0].Seq, all[:1])
			r.sendRTCP(p, b, sink)
		}
		all = all[1:]
	}
	for len(all) > 0 {
		if all[0].Seq-c.Next > maxStatuses/2 {
			c.Next = all[0].Seq // too much is missing to be told one by one
		}
		b, n := c.appendFeedback(r.scratch.rtcp[:0], p.SSRC, media, c.Next, all)
		r.sendRTCP(p, b, sink)
		c.Next = all[n-1].Seq + 1
		all = all[n:]
	}
}

// take gives the arrivals since the last call, in rising order of their numbers,
// until the next one comes.
func (c *transportCCState) take() []arrival {
	slices.SortFunc(c.Arrivals, func(a, b arrival) int {
		switch {
		case a.Seq < b.Seq:
			return -1
		case a.Seq > b.Seq:
			return 1
		}
		return 0
	})
	all := slices.CompactFunc(c.Arrivals, func(a, b arrival) bool { return a.Seq == b.Seq })
	c.Arrivals = c.Arrivals[:0]
	return all
}

// Symbols of packet statuses.
const (
	statusLost  = 0
	statusSmall = 1 // a delta of one byte
	statusLarge = 2 // a delta of two bytes
)

// The unit of deltas, and of the reference time.
const (
	deltaTick     = second / 4000
	referenceTick = 64 * millisecond
)

// appendFeedback appends one feedback packet from base on, with as many arrivals
// as it can hold, at least one, and says how many. Arrivals are in rising order
// and not below base.
func (c *transportCCState) appendFeedback(b []byte, sender, media uint32, base uint64, all []arrival) ([]byte, int) {
	from := len(b)
	b = appendRTCPHeader(b, 15, rtcpTransportFeedback)
	b = appendUint32(b, sender)
	b = appendUint32(b, media)
	reference := all[0].At / referenceTick
	b = append(b, byte(base>>8), byte(base), 0, 0) // the count follows
	b = append(b, byte(reference>>16), byte(reference>>8), byte(reference), c.Count)
	c.Count++

	var statuses [maxStatuses]uint8
	var deltas [maxStatuses]int16
	n, taken := 0, 0
	last := int64(reference * referenceTick / deltaTick)
	for _, a := range all {
		at := int64(a.At / deltaTick)
		delta := at - last
		gap := int(a.Seq-base) - n
		if taken > 0 && (n+gap+1 > maxStatuses || taken >= 400 || delta != int64(int16(delta))) {
			break
		}
		n += gap
		statuses[n] = statusSmall
		if delta < 0 || delta > 255 {
			statuses[n] = statusLarge
		}
		deltas[taken] = int16(delta)
		last = at
		n++
		taken++
	}
	binary.BigEndian.PutUint16(b[from+14:], uint16(n))
	b = appendStatusChunks(b, statuses[:n])
	k := 0
	for _, s := range statuses[:n] {
		switch s {
		case statusSmall:
			b = append(b, byte(deltas[k]))
			k++
		case statusLarge:
			b = append(b, byte(deltas[k]>>8), byte(deltas[k]))
			k++
		}
	}
	if pad := (4 - len(b)%4) % 4; pad > 0 {
		for i := range pad {
			b = append(b, 0)
			if i == pad-1 {
				b[len(b)-1] = byte(pad)
			}
		}
		b[from] |= 0x20
	}
	setRTCPLength(b, from)
	return b, taken
}

// appendStatusChunks packs statuses (section 3.1.2): runs as run-length chunks,
// the rest as vectors of one bit each where no delta is large, else of two.
func appendStatusChunks(b []byte, s []uint8) []byte {
	for len(s) > 0 {
		run := 1
		for run < len(s) && s[run] == s[0] {
			run++
		}
		if run >= 14 || run == len(s) {
			b = binary.BigEndian.AppendUint16(b, uint16(s[0])<<13|uint16(run))
			s = s[run:]
			continue
		}
		one := s[:min(14, len(s))]
		if !slices.Contains(one, statusLarge) {
			v := uint16(0x8000)
			for i, x := range one {
				v |= uint16(x) << (13 - i)
			}
			b = binary.BigEndian.AppendUint16(b, v)
			s = s[len(one):]
			continue
		}
		two := s[:min(7, len(s))]
		v := uint16(0xc000)
		for i, x := range two {
			v |= uint16(x) << (12 - 2*i)
		}
		b = binary.BigEndian.AppendUint16(b, v)
		s = s[len(two):]
	}
	return b
}
