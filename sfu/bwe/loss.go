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
	// Windows near the peak rate are compared with those in which clearly less was
	// sent: highShare of the peak or more with lowShare of it or less, and still
	// less where much was lost. Each kind is believed from so many packets on.
	highShare  = 0.85
	lowShare   = 0.75
	minCompare = 80
	// peakFade is what remains of the peak rate, and compareFade of the counts,
	// after a window.
	peakFade    = 0.99
	compareFade = 0.97
	// inherentMax is the greatest loss that is taken as the link's own, and
	// forgetting how much of a fall of the losses it follows in a window.
	inherentMax = 0.4
	forgetting  = 0.05
)

// tally counts packets, older ones less.
type tally struct{ Lost, All float64 }

func (t *tally) fade(by float64) { t.Lost, t.All = t.Lost*by, t.All*by }
func (t *tally) add(lost, all int) {
	t.Lost, t.All = t.Lost+float64(lost), t.All+float64(all)
}

// share is that of the lost ones.
func (t *tally) share() float64 {
	if t.All == 0 {
		return 0
	}
	return t.Lost / t.All
}

// lossState is the loss-based bound, and what it was learnt from.
type lossState struct {
	Lost, Came int           // in the present window
	From       time.Duration // when it began
	Acked      int64         // ackedState.Total then

	Short tally   // about the last second
	Long  tally   // about the last five
	Rate  float64 // bits a second sent in the last window, lost packets included

	Peak      float64 // the greatest Rate of late
	High, Low tally   // near the peak, and far below

	Inherent float64       // the share of losses that a lower bitrate does not lower
	Bound    int64         // 0: none
	Cut      time.Duration // last decrease
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

// excess is the recent loss beyond the link's own.
func (l *lossState) excess() float64 { return l.Short.share() - l.Inherent }

// noise is the standard deviation of the recent loss.
func (l *lossState) noise() float64 {
	p := l.Short.share()
	return math.Sqrt(p * (1 - p) / max(l.Short.All, 1))
}

// limit is the loss above which there is congestion.
func (l *lossState) limit() float64 {
	return max(ordinaryLoss, 1.25*l.Inherent+0.02) + 3*l.noise()
}

// updateLoss closes the window when it is long enough.
func (c *Controller) updateLoss(now time.Duration) {
	l := &c.Loss
	n := l.Lost + l.Came
	passed := now - l.From
	if passed < lossWindow || n < lossMinPackets && passed < 4*lossWindow || n == 0 {
		return
	}
	lost, share := l.Lost, float64(l.Lost)/float64(n)
	acked := c.Acked.Total - l.Acked
	l.Lost, l.Came, l.From, l.Acked = 0, 0, now, c.Acked.Total
	if share > outage {
		c.cutLoss(now, 0.7, 2*time.Second, "nearly everything was lost")
		return
	}
	l.Rate = float64(acked) * 8 / passed.Seconds() / (1 - share)
	l.Short.fade(0.75)
	l.Short.add(lost, n)
	l.Long.fade(0.95)
	l.Long.add(lost, n)
	l.compare(lost, n)
	switch {
	case l.Short.share() > l.limit():
		c.cutLoss(now, 1-0.5*l.excess(), 200*time.Millisecond+c.RTT.response(), "packets are lost")
	case l.Bound > 0 && l.excess() < 0.02+l.noise():
		l.Bound += int64(float64(l.Bound) * 0.08 * passed.Seconds())
		if l.Bound >= c.Delay.Bitrate {
			l.Bound = 0
		}
		c.settle(now, "losses have ended")
	}
}

// compare learns from a window how much is lost whatever the bitrate is. What is
// lost although clearly less is sent is the link's own.
func (l *lossState) compare(lost, n int) {
	l.High.fade(compareFade)
	l.Low.fade(compareFade)
	l.Peak = max(peakFade*l.Peak, l.Rate)
	switch {
	case l.Rate >= highShare*l.Peak:
		l.High.add(lost, n)
	case l.Rate <= min(lowShare, 1-0.8*l.High.share())*l.Peak:
		l.Low.add(lost, n)
	}
	if fall := l.Inherent - l.Long.share(); fall > 0 {
		l.Inherent -= forgetting * fall
	}
	low := l.Low.share()
	if l.High.All >= minCompare && l.Low.All >= minCompare && low > l.High.share()/2 && low > l.Inherent {
		l.inherit(low)
	}
}

// inherit takes a share of losses as the link's own. A bound that was set by such
// losses was wrong.
func (l *lossState) inherit(share float64) {
	l.Inherent = min(share, inherentMax)
	if l.Short.share() <= l.limit() {
		l.Bound = 0
	}
}

// cutLoss lowers the bound, at most once in an interval.
func (c *Controller) cutLoss(now time.Duration, factor float64, interval time.Duration, why Reason) {
	l := &c.Loss
	if l.Cut > 0 && now-l.Cut < interval {
		return
	}
	l.Cut = now
	base := c.Target
	if l.Rate > 0 {
		base = min(base, int64(l.Rate))
	}
	l.Bound = max(int64(factor*float64(base)), c.Config.Min)
	if !c.deaf() {
		c.Probing.hold(now, probeAfterCut)
	}
	c.settle(now, why)
}

// deaf says that much more is sent than the estimate allows, since there is no
// lower layer. Only a probe upwards can tell then what the losses come from.
func (c *Controller) deaf() bool {
	return float64(c.Target) < lowShare*c.Loss.Rate
}
