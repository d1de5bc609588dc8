package bwe

import "time"

// Limits of what is believed of the peer's clock.
const (
	// clockBack is how far feedback may lie before the latest one, when it was
	// overtaken on its way.
	clockBack = time.Second
	// clockStands is for how long a clock that has jumped back is not believed.
	clockStands = 2 * time.Second
	// clockAhead is how much more than our clock the peer's may have moved between
	// two feedbacks before it is taken as set anew.
	clockAhead = 5 * time.Second
)

// Feedback reads transport-wide feedback: fci is what follows the two SSRCs of one
// RTCP packet, padding or not. It gives false if that is malformed. What the
// packet tells of packets that were never sent, are forgotten, or were told of
// before is counted and ignored.
func (c *Controller) Feedback(now time.Duration, fci []byte) bool {
	s, ok := openFeedback(fci)
	if !ok {
		c.Counts.Malformed++
		return false
	}
	c.Counts.Feedbacks++
	if c.History.Next == 0 {
		c.Counts.Unknown += int64(s.left)
		return true
	}
	at, ok := c.Arrival.clock(now, s.reference)
	if !ok {
		c.Counts.Backwards++
		return true
	}
	came, missed := 0, 0
	var last *sentPacket
	var end uint64
	seq := c.History.extend(s.base)
	first := seq
	// The numbers after base follow it, so one that is below the next to send is
	// found even when the first ones are forgotten.
	for ; s.left > 0; seq++ {
		received, delta := s.next()
		at += delta
		p := c.History.find(seq)
		if p == nil {
			c.Counts.Unknown++
			continue
		}
		end = seq + 1
		if !received {
			if p.Fate == unknown || p.Fate == assumed {
				p.Fate = lost
				missed++
				c.Loss.lose()
				c.Probing.lose(seq)
			}
			continue
		}
		if p.Fate == arrived {
			c.Counts.Repeated++
			continue
		}
		if came == 0 {
			c.assume(first, at)
		}
		if p.Fate == lost {
			c.Loss.find()
			c.Probing.find(seq)
		} else {
			c.Loss.arrive()
		}
		if p.Fate != assumed {
			c.Acked.add(at, int(p.Size))
		}
		p.Fate = arrived
		came++
		last = p
		sent := now - p.since(now)
		c.Probing.arrive(seq, sent, at, int(p.Size))
		if c.Arrival.add(sent, at) {
			c.Trend.add(c.Arrival.Sample, c.Probing.disturbs(c.Arrival.Sample.Sent))
		}
	}
	if came+missed == 0 {
		return true
	}
	if last != nil {
		c.RTT.add(last.since(now))
	}
	c.History.Told = max(c.History.Told, end)
	c.heard(now, came, missed)
	return true
}

// heard draws the conclusions of a feedback.
func (c *Controller) heard(now time.Duration, came, missed int) {
	c.Acked.settle()
	c.endSilence(now, came, missed)
	c.updateLoss(now)
	c.updateDelay(now)
	c.finishProbe(now)
	c.maybeProbe(now)
}

// assume counts the packets before to, of which nothing was told, as arrived
// between the latest that was and until: the feedback on them is lost or late.
// Else the acknowledged bitrate would have a hole.
func (c *Controller) assume(to uint64, until time.Duration) {
	h := &c.History
	span := until - c.Acked.Last
	if to <= h.Told || to-h.Told > uint64(len(h.Ring)) || to > h.Next || span <= 0 || span > time.Second {
		return
	}
	step := span / time.Duration(to-h.Told+1)
	at := c.Acked.Last
	for seq := h.Told; seq < to; seq++ {
		at += step
		if p := h.find(seq); p != nil && p.Fate == unknown {
			p.Fate = assumed
			c.Acked.add(at, int(p.Size))
		}
	}
}
