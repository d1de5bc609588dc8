package bwe

import "time"

// When feedback stays away.
const (
	silenceFirst = time.Second // beside two round trips
	silenceNext  = 500 * time.Millisecond
	silenceCut   = 0.7
)

// silenceState watches for feedback.
type silenceState struct {
	Heard   bool          // transport-wide feedback has come once
	Last    time.Duration // when the latest came
	Waiting bool          // packets have left since
	Since   time.Duration // when the first of them did
	Cuts    int
	Before  int64 // the estimate before the cuts
}

func (s *silenceState) sent(now time.Duration) {
	if !s.Waiting {
		s.Waiting, s.Since = true, now
	}
}

// due is when the next cut is.
func (s *silenceState) due(rtt time.Duration) time.Duration {
	return s.Since + silenceFirst + 2*rtt + time.Duration(s.Cuts)*silenceNext
}

// advanceSilence lowers the estimate while packets leave and nothing is heard.
func (c *Controller) advanceSilence(now time.Duration) {
	s := &c.Silence
	if s.Waiting && c.History.idle(now, silenceFirst) {
		s.Waiting = false // nothing leaves any more
	}
	if !s.Waiting || !s.Heard || now < s.due(c.RTT.Smooth) {
		return
	}
	if s.Cuts == 0 {
		s.Before = c.Delay.Bitrate
	}
	s.Cuts++
	c.Delay.Bitrate = max(int64(silenceCut*float64(min(c.Delay.Bitrate, c.Target))), c.Config.Min)
	c.settle(now, "no feedback comes")
}

// endSilence notes a feedback. When only feedback was lost, and not packets, the
// estimate is what it was.
func (c *Controller) endSilence(now time.Duration, came, missed int) {
	s := &c.Silence
	long := s.Heard && now-s.Last > silenceFirst
	s.Heard, s.Last, s.Waiting = true, now, false
	if long {
		c.Trend.reset()
	}
	if s.Cuts == 0 {
		return
	}
	s.Cuts = 0
	c.Probing.Next = now + probeRetry
	c.Probing.Passed = true
	if missed*5 < came && c.Arrival.queue() < fullQueue {
		c.Delay.Bitrate = max(c.Delay.Bitrate, s.Before)
		c.settle(now, "feedback is back")
	}
}
