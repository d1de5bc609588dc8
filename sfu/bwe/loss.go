package bwe

import (
	"math"
	"time"
)

// Constants of the loss-based bound.
const (
	lossWindow     = 250 * time.Millisecond
	lossMinPackets = 15
	// ordinaryLoss is never taken for congestion, as in draft-ietf-rmcat-gcc-02
	// section 6.
	ordinaryLoss = 0.10
	// outage is a share of losses that no rate explains.
	outage = 0.8
	// A trial lasts until the sent bitrate has fallen to trialCut of what it was, or
	// further where more was lost, and so long at least.
	trialCut  = 0.75
	trialTime = time.Second
	// forgetting is how much of a fall of the losses the inherent loss follows in
	// one window.
	forgetting = 0.05
	// inherentMax is the greatest loss that is taken as the link's own.
	inherentMax = 0.4
)

// lossState is the loss-based bound, and what it was learnt from.
type lossState struct {
	Lost, Came int           // in the present window
	From       time.Duration // when it began
	Sent       int64         // Acked.Total when it began

	// Decayed counts: of the last second or so, and of the last five.
	ShortLost, ShortAll float64
	LongLost, LongAll   float64

	// Inherent is the loss that a lower bitrate does not lower.
	Inherent float64
	Bound    int64         // 0: none
	Cut      time.Duration // last decrease
	Trial    bool
	// What was sent and lost when the trial began, and what the estimate was.
	TrialAt      time.Duration
	TrialBitrate int64
	TrialSent    float64
	TrialLoss    float64
	Rate         float64 // bits a second sent in the last window, lost packets included
}

func (l *lossState) lose()   { l.Lost++ }
func (l *lossState) arrive() { l.Came++ }

// find corrects lose: the packet came late.
func (l *lossState) find() {
	l.Came++
	if l.Lost > 0 {
		l.Lost--
	}
}

// short is the share of losses in about the last second.
func (l *lossState) short() float64 {
	if l.ShortAll == 0 {
		return 0
	}
	return l.ShortLost / l.ShortAll
}

// long is the share of losses in about the last five seconds.
func (l *lossState) long() float64 {
	if l.LongAll == 0 {
		return 0
	}
	return l.LongLost / l.LongAll
}

// noise is the standard deviation of short.
func (l *lossState) noise() float64 {
	if l.ShortAll < 1 {
		return 0
	}
	p := l.short()
	return math.Sqrt(p * (1 - p) / l.ShortAll)
}

// excess is the recent loss beyond the link's own.
func (l *lossState) excess() float64 { return l.short() - l.Inherent }

// limit is the loss above which there is congestion.
func (l *lossState) limit() float64 {
	return max(ordinaryLoss, 1.25*l.Inherent+0.02) + 2*l.noise()
}

// updateLoss closes the window when it is long enough.
func (c *Controller) updateLoss(now time.Duration) {
	l := &c.Loss
	n := l.Lost + l.Came
	passed := now - l.From
	if passed < lossWindow || n < lossMinPackets && passed < 4*lossWindow || n == 0 {
		return
	}
	share := float64(l.Lost) / float64(n)
	if share < 1 {
		l.Rate = float64(c.Acked.Total-l.Sent) * 8 / passed.Seconds() / (1 - share)
	}
	lost := float64(l.Lost)
	l.Lost, l.Came, l.From, l.Sent = 0, 0, now, c.Acked.Total
	if share > outage {
		c.cutLoss(now, 0.7, 2*time.Second, "nearly everything was lost")
		return
	}
	l.ShortLost, l.ShortAll = 0.75*l.ShortLost+lost, 0.75*l.ShortAll+float64(n)
	l.LongLost, l.LongAll = 0.95*l.LongLost+lost, 0.95*l.LongAll+float64(n)
	if fall := l.Inherent - l.long(); fall > 0 {
		l.Inherent -= forgetting * fall
	}
	c.judgeTrial(now)
	switch {
	case l.short() > l.limit():
		c.cutLoss(now, 1-0.5*l.excess(), 200*time.Millisecond+c.RTT.response(), "packets are lost")
	case l.Bound > 0 && l.excess() < 0.02+l.noise():
		l.Bound += int64(float64(l.Bound) * 0.08 * passed.Seconds())
		if l.Bound >= c.Delay.Bitrate {
			l.Bound = 0
		}
		c.settle(now, "losses have ended")
	}
}

// cutLoss lowers the bound, at most once in an interval.
func (c *Controller) cutLoss(now time.Duration, factor float64, interval time.Duration, why Reason) {
	l := &c.Loss
	if l.Cut > 0 && now-l.Cut < interval {
		return
	}
	if !l.Trial && l.Bound == 0 {
		l.Trial, l.TrialAt = true, now
		l.TrialBitrate, l.TrialSent, l.TrialLoss = c.Target, l.Rate, l.short()
	}
	l.Cut = now
	l.Bound = max(int64(factor*float64(c.Target)), c.Config.Min)
	if !c.deaf() {
		c.Probing.hold(now, probeAfterCut)
	}
	c.settle(now, why)
}

// deaf says that much more is sent than the estimate allows, since there is no
// lower layer. No trial can show anything then; a probe upwards can.
func (c *Controller) deaf() bool {
	return float64(c.Target) < trialCut*c.Loss.Rate
}

// judgeTrial compares, once less is sent than before the bound, what that did to
// the losses. When it did nothing, they are the link's own, and the bound goes.
func (c *Controller) judgeTrial(now time.Duration) {
	l := &c.Loss
	if l.Bound == 0 {
		l.Trial = false
	}
	if !l.Trial || now-l.TrialAt < trialTime || l.Rate > min(trialCut, 1-0.8*l.TrialLoss)*l.TrialSent {
		return
	}
	l.Trial = false
	if l.short() > l.TrialLoss/2 {
		l.inherit()
		c.Delay.Bitrate = min(c.Delay.Bitrate, l.TrialBitrate)
		c.settle(now, "a lower bitrate does not lower the losses")
	}
}

// inherit takes the present losses as the link's own.
func (l *lossState) inherit() {
	l.Inherent = min(l.short(), inherentMax)
	l.Bound, l.Trial = 0, false
}
