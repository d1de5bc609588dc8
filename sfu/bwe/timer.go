package bwe

import "time"

// Timer is when Advance is next wanted, 0 for never. It is worth asking after
// Feedback, Report, REMB, SetWanted, Probe and Advance, and after Sent where it was
// 0. A transport that sends nothing wants nothing; one that does, about one call a
// second, and while a probe runs one in 5 ms.
func (c *Controller) Timer() time.Duration {
	p, s := &c.Probing, &c.Silence
	var due time.Duration
	at := func(t time.Duration) {
		t = max(t, 1)
		if due == 0 || t < due {
			due = t
		}
	}
	if p.Running {
		at(min(p.Tick, p.Start+p.Length))
	}
	if p.Awaiting {
		at(p.Deadline)
	}
	if s.Waiting && s.Heard {
		at(s.due(c.RTT.Smooth))
	}
	if s.Waiting && !p.Running && !p.Awaiting && c.wantsMore() {
		at(p.Next)
	}
	return due
}

// Advance does what is due by time. It may be called at any time.
func (c *Controller) Advance(now time.Duration) {
	c.advanceProbe(now)
	c.advanceSilence(now)
	c.maybeProbe(now)
}
