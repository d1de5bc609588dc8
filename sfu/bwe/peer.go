package bwe

import "time"

// peerState is what a peer without transport-wide feedback tells.
type peerState struct {
	REMB     int64
	REMBAt   time.Duration
	HasREMB  bool
	Loss     float64
	RTT      time.Duration // of the latest report
	LeastRTT time.Duration
	Reported time.Duration
	Bytes    int64 // sent until then
	Cut      time.Duration
}

// rembLife is how long a REMB stands; senders repeat it about once a second.
const rembLife = 5 * time.Second

// REMB takes the receiver's own estimate. It counts only where there is no
// transport-wide feedback.
func (c *Controller) REMB(now time.Duration, bitrate int64) {
	p := &c.Peer
	p.REMB, p.REMBAt, p.HasREMB = max(bitrate, 0), now, true
	if c.alive(now) {
		return
	}
	c.Delay.Bitrate = min(max(p.REMB, c.Config.Min), c.Config.Max)
	c.settle(now, "the receiver's estimate (REMB)")
}

// alive says whether transport-wide feedback comes.
func (c *Controller) alive(now time.Duration) bool {
	return c.Silence.Heard && now-c.Silence.Last < rembLife
}

// Report takes what an RTCP receiver report says of loss, 0…1, and of the round
// trip, 0 if unknown. Where there is no transport-wide feedback it moves the
// estimate, as in draft-ietf-rmcat-gcc-02 section 6.
func (c *Controller) Report(now time.Duration, fractionLost float64, rtt time.Duration) {
	p := &c.Peer
	p.Loss = min(max(fractionLost, 0), 1)
	if rtt > 0 {
		p.RTT = rtt
		if p.LeastRTT == 0 || rtt < p.LeastRTT {
			p.LeastRTT = rtt
		}
	}
	passed := now - p.Reported
	sent := c.History.Bytes - p.Bytes
	p.Reported, p.Bytes = now, c.History.Bytes
	if c.alive(now) || passed <= 0 {
		return
	}
	passed = min(passed, 5*time.Second)
	rate := sent * 8 * int64(time.Second) / int64(passed)
	d := &c.Delay
	late := rtt > 0 && p.RTT > p.LeastRTT+150*time.Millisecond
	switch {
	case p.Loss > ordinaryLoss || late:
		if now-p.Cut < 500*time.Millisecond {
			return
		}
		p.Cut = now
		factor := 1 - 0.5*p.Loss
		if late {
			factor = min(factor, beta)
		}
		d.Bitrate = max(int64(factor*float64(d.Bitrate)), c.Config.Min)
		c.settle(now, "receiver reports tell of losses or delay")
	case p.HasREMB && now-p.REMBAt < rembLife:
		d.Bitrate = min(max(p.REMB, c.Config.Min), c.Config.Max)
		c.settle(now, "the receiver's estimate (REMB)")
	case p.Loss < 0.02 && rate*10 > d.Bitrate*6:
		next := int64(float64(d.Bitrate) * (1 + 0.08*passed.Seconds()))
		d.Bitrate = max(d.Bitrate, min(next, c.enough()))
		c.settle(now, "receiver reports tell of no losses")
	}
}
