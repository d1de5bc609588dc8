package sfu

import (
	"github.com/tertulia-rtc/tertulia/sfu/bwe"
	"github.com/tertulia-rtc/tertulia/sfu/rtpbuf"
)

// Publishers have spread their packets over time already, so most leave at once.
// What is paced is more than the subscriber's link takes: a keyframe, or what a
// slot begins with. Those packets wait as numbers; their bytes stay in the rings.
const (
	pacingTick   = 5 * millisecond
	pacingBurst  = 20 * millisecond // of the pacing rate, that may leave at once …
	pacingAtOnce = 3600             // … or so many bytes
	pacingFactor = 5                // halves of the estimate
	maxPaced     = 2048             // packets; beyond that video goes on with a keyframe
)

// paceState is what waits for a subscriber's link.
type paceState struct {
	Credit int64 // bytes that may leave; below 0 is debt
	At     instant
	queue  []paced
	next   int // the first of queue that waits
}

// paced is a packet that has its number and has not left.
type paced struct {
	slot   *slot
	source uint32
	seq    uint64 // as sent
}

// limited says whether something is known of the link to a subscriber.
func (p *peer) limited() bool { return p.Link != nil && p.measured && p.Link.Measured() }

// refill adds what the time since the last call allows. It is false where
// nothing is paced, for want of an estimate.
func (p *peer) refill(now instant) bool {
	if p.Link == nil || !p.measured || !p.Link.Heard() {
		return false
	}
	if now > p.Pace.At {
		p.refillRepairs(min(now-p.Pace.At, second))
		rate := p.Link.Estimate() * pacingFactor / 2 / 8
		burst := max(rate*int64(pacingBurst)/int64(second), pacingAtOnce)
		p.Pace.Credit = min(burst, p.Pace.Credit+rate*int64(min(now-p.Pace.At, second))/int64(second))
		p.Pace.At = now
	}
	return true
}

// paces says whether a packet may leave at once.
func (p *peer) paces(now instant, size int) bool {
	if !p.refill(now) {
		return true
	}
	if p.Pace.next < len(p.Pace.queue) || p.Pace.Credit <= 0 {
		return false
	}
	p.Pace.Credit -= int64(size)
	return true
}

// pacingFull says whether no more packets may wait.
func (p *peer) pacingFull() bool { return len(p.Pace.queue)-p.Pace.next >= maxPaced }

// wait lets a packet wait for its turn.
func (r *Router) wait(now instant, sl *slot, seq uint64) {
	p := sl.peer
	p.Pace.queue = append(p.Pace.queue, paced{sl, sl.Run.Source, seq})
	p.Counted.Paced++
	r.schedulePeer(p, (now + pacingTick).on(fineGrid))
}

// advancePacing sends what has waited long enough.
func (r *Router) advancePacing(now instant, p *peer, sink Sink) {
	q := &p.Pace
	if q.next == len(q.queue) {
		return
	}
	unlimited := !p.refill(now)
	for ; q.next < len(q.queue) && (unlimited || q.Credit > 0); q.next++ {
		w := &q.queue[q.next]
		if !p.Connected || w.slot.track == nil || w.slot.track.in == nil {
			continue
		}
		d := &r.scratch.decision
		if run, b, ok := r.held(w.slot, w.seq, d); ok && run.Source == w.source && !w.slot.track.Muted {
			q.Credit -= int64(len(b.payload))
			r.send(now, w.slot, run, &b, w.seq, d, sink)
		} else if run := w.slot.findRun(w.seq); run != nil && run.Source == w.source {
			r.sendNothing(now, w.slot, w.seq, sink)
		}
	}
	if q.next == len(q.queue) {
		q.queue, q.next = q.queue[:0], 0
		return
	}
	if q.next > maxPaced {
		q.queue, q.next = q.queue[:copy(q.queue, q.queue[q.next:])], 0
	}
	r.schedulePeer(p, (now + pacingTick).on(fineGrid))
}

// sendNothing uses up a number whose packet is not to be had, or not to be sent: the
// subscriber should not ask for it. It is a packet of padding only.
func (r *Router) sendNothing(now instant, sl *slot, seq uint64, sink Sink) {
	f := &sl.formats[sl.track.Format]
	if f.op == opDrop {
		return
	}
	p := &r.scratch.packet
	*p = Packet{To: sl.peer.Index, Kind: sl.Kind, Padding: 1}
	p.Header = sl.Form.appendHeader(r.scratch.header[:0], f.pt, false, uint16(seq), sl.Timestamp, sl.SSRC, nil, f.timing)
	r.emit(now, sl.peer, p, f.timing, bwe.Media, sink)
}

// held gives a packet of the ring with what forwarding needs of it.
func (s *source) held(e *rtpbuf.Entry) ready {
	b := ready{entry: e, forwarded: s.ring.Extensions(e), payload: s.ring.Payload(e)}
	if t := s.in.track; t != nil && t.Formats[e.Format].RED {
		b.primary = primaryBlock(b.payload)
	}
	return b
}
