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

const (
	// rembLife is how long a REMB stands; senders repeat it about once a second.
	rembLife = 5 * time.Second
	// A peer without transport-wide feedback finds more only if it gets more for
	// about a second: padding fills the estimate, or fillOver times it where
	// nothing but losses are told, for fillTime, once in fillPause; without pause
	// as long as REMB rises.
	fillTime  = 1200 * time.Millisecond
	fillPause = 4 * time.Second
	fillOver  = 1.15
)

// REMB takes the receiver's own estimate. It counts only where there is no
// transport-wide feedback.
func (c *Controller) REMB(now time.Duration, bitrate int64) {
	p := &c.Peer
	before := p.REMB
	p.REMB, p.REMBAt, p.HasREMB = max(bitrate, 0), now, true
	if c.alive(now) {
		return
	}
	if before > 0 && p.REMB > before {
		c.Probing.Next = now // it helps: go on
	}
	c.Delay.Bitrate = min(max(p.REMB, c.Config.Min), c.Config.Max)
	c.settle(now, "the receiver's estimate (REMB)")
}

// alive says whether transport-wide feedback comes.
func (c *Controller) alive(now time.Duration) bool {
	return c.Silence.Heard && now-c.Silence.Last < rembLife
}

// fallback says whether REMB or receiver reports are all that comes.
func (c *Controller) fallback(now time.Duration) bool {
	p := &c.Peer
	return !c.alive(now) && (p.fresh(now) || p.Reported > 0 && now-p.Reported < rembLife)
}

func (p *peerState) fresh(now time.Duration) bool { return p.HasREMB && now-p.REMBAt < rembLife }

// fill begins a probe for a peer without transport-wide feedback.
func (c *Controller) fill(now time.Duration) {
	rate := float64(c.Target)
	if !c.Peer.fresh(now) {
		rate *= fillOver
	}
	c.Probing.Next = now + fillPause
	c.Probing.begin(now, int64(min(rate, probeWanted*float64(c.Wanted))), fillTime, c.History.Next)
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
	sent := c.History.Bytes.total() - p.Bytes
	p.Reported, p.Bytes = now, c.History.Bytes.total()
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
	case p.fresh(now):
		d.Bitrate = min(max(p.REMB, c.Config.Min), c.Config.Max)
		c.settle(now, "the receiver's estimate (REMB)")
	case p.Loss < 0.02 && rate*10 > d.Bitrate*8:
		next := max(rate, int64(float64(d.Bitrate)*(1+0.08*passed.Seconds())))
		d.Bitrate = max(d.Bitrate, min(next, c.enough()))
		c.settle(now, "receiver reports tell of no losses")
	}
}
