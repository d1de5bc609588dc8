package bwe

import (
	"math"
	"time"
)

// Usage is what the delay says of the link.
type Usage string

// The states of draft-ietf-rmcat-gcc-02 section 5.4.
const (
	Normal Usage = "normal"
	Over   Usage = "over"  // a queue grows
	Under  Usage = "under" // a queue drains
)

// Constants of the trendline filter and of its threshold. Those of the threshold
// are of draft-ietf-rmcat-gcc-02 section 5.4, the others as in libwebrtc.
const (
	trendWindow    = 20   // groups
	trendSmoothing = 0.9  // of the delay before the line is laid through it
	trendGain      = 4.0  //
	trendMaxDeltas = 60   //
	thresholdFirst = 12.5 // ms
	thresholdMin   = 6.0
	thresholdMax   = 600.0
	thresholdUp    = 0.0087 // per ms
	thresholdDown  = 0.039
	thresholdSpike = 15.0 // ms above the threshold: not followed
	overuseTime    = 10 * time.Millisecond
	// A single step of the delay counts for so many mean deviations, and at least
	// for minStep: a queue grows step by step, a radio stalls at once.
	stepDeviations = 3.0
	minStep        = 8.0 // ms
)

// point is a group in the plane of time and delay, in milliseconds.
type point struct{ X, Y float64 }

// trendState lays a line through the delays of the latest groups. Its slope is how
// fast a queue grows.
type trendState struct {
	Points    [trendWindow]point
	Count     int // of points ever
	Deltas    int // since the last reset, to trendMaxDeltas
	Origin    time.Duration
	Total     float64 // accumulated delay
	Smooth    float64
	Deviation float64 // mean deviation of steps, in ms
	Slope     float64
	Modified  float64 // the slope with its gain, as the threshold is compared with
	Threshold float64
	Updated   time.Duration
	OverFor   time.Duration
	OverCount int
	Usage     Usage
	Skipped   bool // groups were left out since the latest
}

func (t *trendState) reset() {
	deviation := t.Deviation
	*t = trendState{Threshold: thresholdFirst, Usage: Normal, Deviation: deviation}
}

// add takes a complete group. One that a probe has delayed is left out.
func (t *trendState) add(g group, disturbed bool) {
	if disturbed {
		t.Skipped = true
		return
	}
	step := float64(g.Delay-g.Previous) / float64(time.Millisecond)
	if t.Skipped {
		t.Skipped = false
		step = 0
	}
	limit := max(minStep, stepDeviations*t.Deviation)
	clipped := min(max(step, -limit), limit)
	t.Deviation += (math.Abs(clipped) - t.Deviation) / 32
	if t.Count == 0 {
		t.Origin = g.Arrived
	}
	t.Total += clipped
	t.Smooth = trendSmoothing*t.Smooth + (1-trendSmoothing)*t.Total
	t.Points[t.Count%trendWindow] = point{float64(g.Arrived-t.Origin) / float64(time.Millisecond), t.Smooth}
	t.Count++
	t.Deltas = min(t.Deltas+1, trendMaxDeltas)
	before := t.Slope
	if t.Count >= trendWindow {
		t.Slope = slope(&t.Points)
	}
	t.detect(g, before)
}

// slope is that of the line of least squares. Times are taken from the first point,
// so that one pass is exact enough.
func slope(points *[trendWindow]point) float64 {
	var x, y, xx, xy float64
	origin := points[0].X
	for i := range points {
		dx := points[i].X - origin
		x += dx
		y += points[i].Y
		xx += dx * dx
		xy += dx * points[i].Y
	}
	spread := xx - x*x/trendWindow
	if spread <= 0 {
		return 0
	}
	return (xy - x*y/trendWindow) / spread
}

func (t *trendState) detect(g group, before float64) {
	t.Modified = float64(t.Deltas) * t.Slope * trendGain
	passed := g.Arrived - t.Updated
	if t.Updated == 0 || passed < 0 {
		passed = 0
	}
	switch {
	case t.Modified > t.Threshold:
		t.OverFor += passed
		t.OverCount++
		if t.OverFor > overuseTime && t.OverCount > 1 && t.Slope >= before {
			t.Usage = Over
		}
	case t.Modified < -t.Threshold:
		t.OverFor, t.OverCount = 0, 0
		t.Usage = Under
	default:
		t.OverFor, t.OverCount = 0, 0
		t.Usage = Normal
	}
	t.adapt(passed)
	t.Updated = g.Arrived
}

// adapt moves the threshold after the trend, so that a noisy link is no
// congestion (section 5.4).
func (t *trendState) adapt(passed time.Duration) {
	size := math.Abs(t.Modified)
	if size > t.Threshold+thresholdSpike {
		return
	}
	k := thresholdDown
	if size > t.Threshold {
		k = thresholdUp
	}
	ms := min(float64(passed)/float64(time.Millisecond), 100)
	t.Threshold += k * (size - t.Threshold) * ms
	t.Threshold = min(max(t.Threshold, thresholdMin), thresholdMax)
}
