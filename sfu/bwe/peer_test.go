package bwe

import (
	"testing"
	"time"
)

// oldPeer makes the receiver one without transport-wide feedback, which sends
// receiver reports every second and, if it can, REMB: that rises by 8 % a second,
// but not above half more than what comes, and falls when packets wait.
func (w *world) oldPeer(remb bool) {
	w.mute = true
	got, lost := 0, 0
	estimate := int64(300e3)
	w.every(time.Second, func() {
		s := w.down.Stats()
		came, missed := s.Received-got, s.Lost+s.Overflowed-lost
		got, lost = s.Received, s.Lost+s.Overflowed
		if came+missed == 0 {
			return
		}
		w.c.Report(w.now, float64(missed)/float64(came+missed), 2*w.oneWay+w.lately())
		if remb {
			if w.lately() > 50*ms {
				estimate = min(estimate, w.bytesIn*8*85/100)
			} else {
				estimate = max(estimate, min(estimate*108/100, w.bytesIn*8*3/2+10e3))
			}
			w.c.REMB(w.now, estimate)
		}
		w.bytesIn = 0
	})
}

// A peer with REMB only gets what it asks for, and padding helps it to ask for more.
func TestREMBOnly(t *testing.T) {
	for _, link := range []int64{1e6, 5e6} {
		seeds(t, 4, func(t *testing.T, seed uint64) {
			w := newWorld(t, seed, queued(link, 40*ms))
			w.oldPeer(true)
			w.run(30 * time.Second)
			w.from()
			w.run(30 * time.Second)
			w.trace()
			low, high, _ := w.estimates()
			t.Logf("estimate %d…%d on %d", low, high, link)
			if high > link*5/4 || low < min(link*6/10, 2400e3) {
				t.Errorf("estimate %d…%d on %d", low, high, link)
			}
		})
	}
}

// A peer that sends receiver reports only finds its way too, more slowly.
func TestReportsOnly(t *testing.T) {
	for _, link := range []int64{1e6, 5e6} {
		seeds(t, 4, func(t *testing.T, seed uint64) {
			w := newWorld(t, seed, queued(link, 40*ms))
			w.oldPeer(false)
			w.run(60 * time.Second)
			w.from()
			w.run(60 * time.Second)
			w.trace()
			_, high, mean := w.estimates()
			t.Logf("estimate up to %d, mean %d on %d", high, mean, link)
			if high > link*5/4 || mean < min(link*6/10, 2000e3) {
				t.Errorf("estimate up to %d, mean %d on %d", high, mean, link)
			}
		})
	}
}

// Where transport-wide feedback comes, REMB and reports of loss say nothing.
func TestREMBBesideFeedback(t *testing.T) {
	w := newWorld(t, 1, queued(5e6, 40*ms))
	w.run(5 * time.Second)
	before := w.c.Estimate()
	w.c.REMB(w.now, 100e3)
	w.c.Report(w.now, 0.5, time.Second)
	w.run(time.Second)
	if w.c.Estimate() != before {
		t.Errorf("estimate %d, %d before", w.c.Estimate(), before)
	}
}

// Nonsense in reports stays within bounds.
func TestReportsOutOfRange(t *testing.T) {
	c := New(Config{})
	for i, loss := range []float64{-1, 2, 0.5, 1e300} {
		c.Report(time.Duration(i+1)*time.Second, loss, -time.Second)
		c.REMB(time.Duration(i+1)*time.Second, []int64{-5, 0, 1 << 62, 1}[i])
	}
	if e := c.Estimate(); e < c.Config.Min || e > c.Config.Max {
		t.Errorf("estimate %d", e)
	}
}
