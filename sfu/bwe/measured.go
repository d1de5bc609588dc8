package bwe

import "time"

// Measured says whether the estimate rests on anything that the link has shown.
// Until then it is a guess, and an owner that has only one quality to send may
// rather try it than send nothing.
func (c *Controller) Measured() bool {
	return c.Probing.Proven || c.Delay.WasCut || c.Loss.Bound > 0 || c.Peer.HasREMB
}

// Heard says whether the receiver has told anything of the link.
func (c *Controller) Heard() bool { return c.Silence.Heard || c.Peer.HasREMB }

// RoundTrip is the smoothed round trip, queues and the peer's wait before its
// feedback included; 0 while unknown.
func (c *Controller) RoundTrip() time.Duration {
	if !c.Silence.Heard {
		return c.Peer.RTT
	}
	return c.RTT.Smooth
}

// Calm says that what is sent now passes: feedback comes, no queue stands, and no
// more is lost than the link loses by itself.
func (c *Controller) Calm() bool {
	return c.Silence.Heard && c.Silence.Cuts == 0 && c.Trend.Usage != Over && c.Arrival.queue() < c.calm() && c.Loss.excess() <= 0.02
}

// Congested says that a queue stands or grows: what is sent in addition now delays
// everything else.
func (c *Controller) Congested() bool {
	return c.Trend.Usage == Over || c.Arrival.queue() > max(fullQueue, c.calm())
}
