package sfu

import (
	"fmt"
	"testing"
	"time"

	"github.com/tertulia-rtc/tertulia/protocol"
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

// Whoever joins has a picture soon, and however many do, the publisher is asked for
// few keyframes.
func TestCrowd(t *testing.T) {
	w := quality(t, 1)
	cam := w.films("ana", 1, 3)
	link := simnet.Config{Latency: 20 * time.Millisecond, Rate: 20_000_000, Queue: 200_000}
	first := w.watches("ben", link, 1)
	w.run(5 * time.Second)
	asked := func() (most int) {
		for _, e := range cam.encodings {
			most = max(most, e.plis)
		}
		return most
	}
	before := asked()
	joined := w.now
	eva := w.watches("eva", link, 1)
	w.run(time.Second)
	if d := eva.decoders[0].firstSince(joined); d < 0 || d > 300*time.Millisecond {
		t.Errorf("a picture after %v", d)
	}
	if n := asked() - before; n > 4 {
		t.Errorf("the publisher was asked %d times for one", n)
	}
	w.run(2 * time.Second)

	before = asked()
	crowd := []*viewer{}
	start := w.now
	for i := range 100 {
		crowd = append(crowd, w.watches(fmt.Sprint("joiner ", i), link, 1))
		w.run(20 * time.Millisecond)
	}
	w.run(time.Second)
	for i, v := range crowd {
		if d := v.decoders[0].firstSince(v.joined); d < 0 || d > 300*time.Millisecond {
			t.Errorf("joiner %d has a picture after %v", i, d)
		}
	}
	if n, limit := asked()-before, int(w.now.Sub(start)/(300*time.Millisecond))+1; n > limit {
		t.Errorf("the publisher was asked %d times, %d are allowed", n, limit)
	}
	first.checkFreeze(w.now, 200*time.Millisecond)
	first.decoders[0].checkEncoding(first.joined.Add(3*time.Second), w.now, 2)
}

// The size in which a video is shown decides on the layer; a paused one costs
// nothing; publishers are told which layers nobody wants.
func TestSizesAndPauses(t *testing.T) {
	w := quality(t, 1)
	w.films("ana", 1, 3)
	w.run(time.Second)
	v := w.watches("ben", simnet.Config{Latency: 20 * time.Millisecond, Rate: 20_000_000, Queue: 200_000}, 1)
	d := v.decoders[0]
	w.run(5 * time.Second)
	d.checkEncoding(w.now.Add(-2*time.Second), w.now, 2)
	wanted := func() (rids string) {
		for _, e := range taken[protocol.LayersNeeded](w) {
			rids = ""
			for _, l := range e.Layers {
				if l.Wanted {
					rids += l.RID
				}
			}
		}
		return rids
	}
	if rids := wanted(); rids != "" {
		t.Errorf("told that %q are wanted, where all are", rids)
	}

	v.prefer(1, 320, 180, 1)
	changed := w.now
	w.run(6 * time.Second)
	d.checkEncoding(changed.Add(time.Second), w.now, 0)
	if rids := wanted(); rids != "q" {
		t.Errorf("told that %q are wanted, want q", rids)
	}
	v.prefer(1, 1280, 720, 1)
	changed = w.now
	w.run(time.Millisecond)
	if rids := wanted(); rids != "qhf" {
		t.Errorf("told that %q are wanted at once, want qhf", rids)
	}
	w.run(3 * time.Second)
	d.checkEncoding(changed.Add(time.Second), w.now, 2)

	v.wish(protocol.Preference{Stream: 1, Track: "v", Priority: 1, Paused: true})
	w.run(time.Millisecond)
	sent := v.video
	w.run(10 * time.Second)
	if n := v.video - sent; n > 0 {
		t.Errorf("%d packets were sent while it was paused", n)
	}
	if rids := wanted(); rids != "q" {
		t.Errorf("told that %q are wanted, want q", rids)
	}
	v.wish(protocol.Preference{Stream: 1, Track: "v", Priority: 1})
	changed = w.now
	w.run(3 * time.Second)
	if after := d.firstSince(changed); after < 0 || after > 150*time.Millisecond {
		t.Errorf("a picture %v after the pause", after)
	}
	d.checkEncoding(changed.Add(time.Second), w.now, 2)
}
