package sfu

import (
	"fmt"
	"testing"
	"time"

	"github.com/tertulia-rtc/tertulia/simnet"
)

// scenarios runs a test from several seeds.
func scenarios(t *testing.T, test func(t *testing.T, w *world)) {
	for seed := uint64(1); seed <= 3; seed++ {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { test(t, quality(t, seed)) })
	}
}

// A link of 1 Mb/s is filled, with the best that fits it, and never more than that.
func TestSteadyLink(t *testing.T) {
	scenarios(t, func(t *testing.T, w *world) {
		w.films("ana", 1, 3)
		w.run(2 * time.Second)
		v := w.watches("ben", simnet.Config{Latency: 50 * time.Millisecond, Rate: 1_000_000, Queue: 60_000}, 1)
		w.run(40 * time.Second)
		for i, e := range v.estimates[150:] {
			if e < 850_000 || e > 1_050_000 {
				t.Fatalf("the estimate is %d after %.1f s", e, 15+float64(i)/10)
			}
		}
		v.checkRate(1_000_000, 0)
		if q := quantile(v.queue, 0.95); q > 100*time.Millisecond {
			t.Errorf("packets wait %v", q)
		}
		v.checkFreeze(w.now, 500*time.Millisecond)
		for i, encoding := range v.decoders[0].layers(time.Second) {
			if encoding != 1 {
				t.Errorf("encoding %d is shown after %d s", encoding, i)
			}
		}
		v.checkForwarded(15*time.Second, 3)
	})
}

// A link that becomes narrow for a while takes the layers down and up again, without
// much of a stop.
func TestLinkFallsAndRises(t *testing.T) {
	scenarios(t, func(t *testing.T, w *world) {
		w.films("ana", 1, 3)
		w.run(2 * time.Second)
		link := simnet.Config{Latency: 50 * time.Millisecond, Rate: 3_000_000, Queue: 60_000}
		v := w.watches("ben", link, 1)
		d := v.decoders[0]
		w.run(15 * time.Second)
		if s := d.shown[len(d.shown)-1]; s.encoding != 2 {
			t.Errorf("encoding %d on 3 Mb/s", s.encoding)
		}
		link.Rate = 800_000
		v.down.Set(link)
		fell := w.now
		w.run(15 * time.Second)
		d.checkEncoding(fell.Add(2*time.Second), w.now, 1)
		link.Rate = 3_000_000
		v.down.Set(link)
		rose := w.now
		w.run(20 * time.Second)
		back := time.Duration(-1)
		for _, s := range d.shown {
			if s.at.After(rose) && s.encoding == 2 {
				back = s.at.Sub(rose)
				break
			}
		}
		if back < 0 || back > 12*time.Second {
			t.Errorf("the top layer is back after %v", back)
		}
		d.checkEncoding(rose.Add(12*time.Second), w.now, 2)
		v.checkFreeze(w.now, time.Second)
	})
}

// Random losses are repaired and not taken for congestion.
func TestRandomLoss(t *testing.T) {
	for _, loss := range []float64{0.05, 0.1} {
		t.Run(fmt.Sprint(loss), func(t *testing.T) {
			scenarios(t, func(t *testing.T, w *world) {
				w.films("ana", 1, 3)
				w.run(2 * time.Second)
				link := simnet.Config{Latency: 60 * time.Millisecond, Loss: loss, Rate: 3_000_000, Queue: 80_000}
				v := w.watches("ben", link, 1)
				// What goes up is little, and loses less.
				v.up.Set(simnet.Config{Latency: 60 * time.Millisecond, Loss: 0.01})
				w.run(30 * time.Second)
				d := v.decoders[0]
				if share := d.inTime(v.joined, 400*time.Millisecond); share < 0.95 {
					t.Errorf("%.1f %% of the pictures are decoded in time", 100*share)
				}
				v.checkFreeze(w.now, 500*time.Millisecond)
				d.checkEncoding(v.joined.Add(15*time.Second), w.now, 2)
			})
		})
	}
}

// Bursts of jitter are no congestion.
func TestJitterBursts(t *testing.T) {
	scenarios(t, func(t *testing.T, w *world) {
		w.films("ana", 1, 3)
		w.run(2 * time.Second)
		v := w.watches("ben", simnet.Config{Latency: 20 * time.Millisecond, Rate: 3_000_000, Queue: 120_000, Stall: 200 * time.Millisecond, StallEvery: 2 * time.Second}, 1)
		w.run(10 * time.Second)
		before := v.switches()
		w.run(time.Minute)
		if n := v.switches() - before; n > 2 {
			t.Errorf("%d switches in a minute", n)
		}
		v.checkFreeze(w.now, 500*time.Millisecond)
		v.decoders[0].checkEncoding(v.joined.Add(10*time.Second), w.now, 2)
	})
}

// Two cameras of priorities 2 and 1 share a link as docs/allocation.md derives.
func TestPriorities(t *testing.T) {
	scenarios(t, func(t *testing.T, w *world) {
		w.films("ana", 1, 3)
		w.films("eva", 2, 3)
		w.run(2 * time.Second)
		link := simnet.Config{Latency: 25 * time.Millisecond, Rate: 1_500_000, Queue: 100_000}
		v := w.watches("ben", link, 1, 2)
		v.prefer(1, 1280, 720, 2)
		v.prefer(2, 1280, 720, 1)
		first, second := v.shows(1), v.shows(2)
		w.run(20 * time.Second)
		first.checkEncoding(w.now.Add(-10*time.Second), w.now, 1)
		second.checkEncoding(w.now.Add(-10*time.Second), w.now, 1)
		v.checkForwarded(10*time.Second, 3)
		// Where not both can have it, the higher priority does.
		for _, step := range []struct {
			rate          int64
			first, second int
		}{{1_100_000, 1, 0}, {3_600_000, 2, 1}} {
			link.Rate = step.rate
			v.down.Set(link)
			w.run(15 * time.Second)
			first.checkEncoding(w.now.Add(-3*time.Second), w.now, step.first)
			second.checkEncoding(w.now.Add(-3*time.Second), w.now, step.second)
		}
		if v.inverted > 0 {
			t.Errorf("the higher priority was on a lower layer %d times", v.inverted)
		}
		v.checkFreeze(w.now, time.Second)
	})
}
