package bwe

import (
	"math"
	"time"
)

// Constants of the rate control.
const (
	// beta is what is left of what arrives when a queue grows
	// (draft-ietf-rmcat-gcc-02 section 5.5). A short queue needs less to drain, and a
	// small step down may spare a layer: so it is betaMost up to a queue of 30 ms,
	// and beta from 100 ms on.
	beta     = 0.85
	betaMost = 0.92
	// growth is that of a second while the link's capacity is not near.
	growth = 1.08
	// filled is how much more than what arrives the estimate may grow to: beyond
	// it only a probe can tell.
	filled = 1.1
	// capacityLife is for how long a limit that was seen is not grown over.
	capacityLife = 10 * time.Second
	// enoughQueue is the least standing queue that makes a rising delay an
	// overuse; enoughQueueIdle where the media are far below the estimate, so that
	// jitter is the likelier cause; calmQueue the greatest in which the estimate
	// grows.
	enoughQueue     = 20 * time.Millisecond
	enoughQueueIdle = 40 * time.Millisecond
	calmQueue       = 20 * time.Millisecond
	// jitterTime is how long overuse must last where it looks like jitter.
	jitterTime = 400 * time.Millisecond
	// fullQueue with losses is a queue that cannot grow any more.
	fullQueue = 50 * time.Millisecond
	// drainTime is how long a queue has to shrink after a decrease. One that does
	// not is no queue of ours.
	drainTime = 2 * time.Second
)

// delayState is the delay-based estimate.
type delayState struct {
	Bitrate  int64
	Capacity int64         // what passed when a queue grew; 0 while unknown
	Known    time.Duration // when Capacity was seen
	Updated  time.Duration // last look
	Cut      time.Duration // last decrease
	WasCut   bool
	Even     int           // feedbacks in a row, before which packets came evenly
	OverFor  lasting       // overuse
	Draining bool          // Queue is waited for to shrink until Cut + drainTime
	Queue    time.Duration // at the decrease
}

// lasting is for how many feedbacks in a row something has been so.
type lasting struct {
	Count int
	Since time.Duration // the first of them
}

func (l *lasting) update(is bool, now time.Duration) {
	switch {
	case !is:
		*l = lasting{}
	case l.Count == 0:
		*l = lasting{1, now}
	default:
		l.Count++
	}
}

// updateDelay follows the delay after a feedback.
func (c *Controller) updateDelay(now time.Duration) {
	d := &c.Delay
	passed := min(now-d.Updated, 200*time.Millisecond)
	d.Updated = now
	queue := c.Arrival.queue()
	if d.Draining && now-d.Cut > drainTime {
		d.Draining = false
		if queue > d.Queue*7/10 {
			c.Arrival.rebase()
		}
	}
	over := c.overused(queue)
	if d.Even++; !c.Acked.even() {
		d.Even = 0
	}
	d.OverFor.update(over, now)
	switch {
	case over && d.OverFor.Count > 1 && d.Even > 1, over && now-d.OverFor.Since > jitterTime:
		c.cut(now, queue)
	case over:
	case c.Trend.Usage == Normal && queue < c.calm():
		c.grow(now, passed)
	}
}

func (c *Controller) calm() time.Duration {
	return max(calmQueue, c.deviation(2))
}

// deviation is a multiple of the mean deviation of delay steps.
func (c *Controller) deviation(times float64) time.Duration {
	return time.Duration(times * c.Trend.Deviation * float64(time.Millisecond))
}

// overused says whether more is sent than the link carries.
func (c *Controller) overused(queue time.Duration) bool {
	if queue > fullQueue && c.Loss.excess() > 0.03 {
		return true
	}
	need := enoughQueue
	if c.Acked.Fast*10 < c.Delay.Bitrate*6 {
		need = enoughQueueIdle
	}
	return c.Trend.Usage == Over && queue >= max(need, c.deviation(1.5))
}

// cut lowers the estimate to a part of what arrives. It does so again only when
// the last decrease can have shown.
func (c *Controller) cut(now, queue time.Duration) {
	d := &c.Delay
	if d.WasCut && now-d.Cut < c.RTT.response() {
		return
	}
	next := d.Bitrate / 2
	if c.Acked.Fast > 0 {
		d.Capacity, d.Known = c.Acked.Fast, now
		next = int64(remaining(queue) * float64(c.Acked.Fast))
	}
	if !d.Draining {
		d.Draining, d.Queue = true, queue
	}
	d.Cut, d.WasCut = now, true
	c.Probing.hold(now, probeAfterCut)
	if next < d.Bitrate {
		d.Bitrate = max(next, c.Config.Min)
		c.settle(now, "delay grew")
	}
}

func remaining(queue time.Duration) float64 {
	return min(max(0.95-queue.Seconds(), beta), betaMost)
}

// grow raises the estimate while media fill it.
func (c *Controller) grow(now, passed time.Duration) {
	d := &c.Delay
	limit := c.enough()
	if c.Probing.Unfilled < maxUnfilled {
		limit = min(limit, int64(filled*float64(c.Acked.Slow)))
	}
	if d.Capacity > 0 && now-d.Known < capacityLife {
		limit = min(limit, int64(probeShare*float64(d.Capacity)))
	}
	if d.Bitrate >= limit || c.Loss.excess() > 0.02 {
		return
	}
	near := d.Capacity > 0 && d.Bitrate > d.Capacity*8/10 && d.Bitrate < d.Capacity*12/10
	seconds := passed.Seconds()
	next := d.Bitrate
	if near {
		// About a packet a round trip.
		next += int64(1200 * 8 * seconds / c.RTT.response().Seconds())
	} else {
		next = int64(float64(d.Bitrate) * math.Pow(growth, seconds))
	}
	d.Bitrate = min(next, limit)
	c.settle(now, "media filled the estimate, without delay")
}

// rttState is the round trip, the peer's wait before its feedback included.
type rttState struct {
	Smooth time.Duration // 0 while unknown
}

func (r *rttState) add(sample time.Duration) {
	if sample <= 0 || sample > 10*time.Second {
		return
	}
	if r.Smooth == 0 {
		r.Smooth = sample
		return
	}
	r.Smooth += (sample - r.Smooth) / 8
}

// response is how long a change takes to show in feedback.
func (r *rttState) response() time.Duration {
	if r.Smooth == 0 {
		return 300 * time.Millisecond
	}
	return 100*time.Millisecond + min(r.Smooth, 500*time.Millisecond)
}
