package sfu

import (
	"time"

	"github.com/tertulia-rtc/tertulia/sfu/bwe"
)

// mirrorState estimates what a publisher's link carries, for publishers that know
// REMB but not transport-wide feedback: it is the sender's congestion control, fed
// here with the times that the packets state (abs-send-time) and those at which
// they came. Losses are told by receiver reports.
type mirrorState struct {
	Link     *bwe.Controller // nil until a packet states its time
	Stated   uint32          // last abs-send-time, 24 bits
	SentAt   instant         // the same by our clock, but for the way
	Arrivals transportCCState
	Told     int64 // last REMB, bits per second
}

const (
	mirrorInterval = 100 * millisecond // between looks
	mirrorMost     = 20_000_000        // bits per second; nobody needs to send more
)

// mirrored takes the time that a publisher's packet states.
func (r *Router) mirrored(now instant, p *peer, v []byte, size int) {
	stated := uint32(v[0])<<16 | uint32(v[1])<<8 | uint32(v[2])
	m := &p.Mirror
	if m.Link == nil {
		m.Link = bwe.New(bwe.Config{Start: int64(r.cfg.REMB), Max: mirrorMost})
		m.Stated, m.SentAt = stated, now
	}
	// Signed and modulo 64 s.
	passed := instant(int32((stated-m.Stated)<<8)>>8) * second >> 18
	if passed < 0 {
		return // it was overtaken
	}
	m.Stated, m.SentAt = stated, m.SentAt+passed
	if at := now + second; m.SentAt > at {
		m.SentAt = at // its clock runs away
	}
	m.Arrivals.arrived(m.Link.Sent(time.Duration(m.SentAt), size, bwe.Media), now)
	r.schedule(m.Arrivals.FirstAt + mirrorInterval)
}

// advanceMirror looks at what came, and has the publisher told at once when it
// sends too much.
func (r *Router) advanceMirror(now instant, p *peer) {
	m := &p.Mirror
	if m.Link == nil || len(m.Arrivals.Arrivals) == 0 {
		return
	}
	if due := m.Arrivals.FirstAt + mirrorInterval; now < due {
		r.schedule(due)
		return
	}
	for all := m.Arrivals.take(); len(all) > 0; {
		b, n := m.Arrivals.appendFeedback(r.scratch.rtcp[:0], 0, 0, all[0].Seq, all)
		m.Link.Feedback(time.Duration(now), b[12:])
		all = all[n:]
	}
	m.Link.SetWanted(time.Duration(now), mirrorMost)
	m.Link.Probe(time.Duration(now)) // it cannot be asked for padding; what it sends has to do
	m.Link.Advance(time.Duration(now))
	if m.Link.Estimate() < m.Told-m.Told/20 && p.Reports.Next != 0 {
		p.Reports.Next = now
		r.schedule(now)
	}
}

// remb is the bitrate that a publisher is told.
func (r *Router) remb(p *peer) uint64 {
	if p.Mirror.Link == nil {
		return r.cfg.REMB
	}
	p.Mirror.Told = p.Mirror.Link.Estimate()
	return uint64(p.Mirror.Told)
}
