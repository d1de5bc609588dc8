package bwe

import (
	"testing"
	"time"

	"github.com/tertulia-rtc/tertulia/simnet"
)

// When only feedback is lost, the estimate falls meanwhile and is back at once.
func TestFeedbackLost(t *testing.T) {
	seeds(t, 4, func(t *testing.T, seed uint64) {
		w := newWorld(t, seed, queued(5e6, 40*ms))
		w.run(10 * time.Second)
		before := w.c.Estimate()
		w.mute = true
		w.run(900 * ms)
		if e := w.c.Estimate(); e != before {
			t.Errorf("estimate %d after 0.9 s without feedback, %d before", e, before)
		}
		w.run(3 * time.Second)
		if e := w.c.Estimate(); e > before/2 {
			t.Errorf("estimate %d after 3.9 s without feedback, %d before", e, before)
		}
		w.mute = false
		w.run(400 * ms)
		if e := w.c.Estimate(); e < before*9/10 {
			t.Errorf("estimate %d after feedback is back, %d before", e, before)
		}
	})
}

// Feedback of which much is lost, or that comes out of order, is enough.
func TestFeedbackOnABadPath(t *testing.T) {
	seeds(t, 4, func(t *testing.T, seed uint64) {
		w := newWorld(t, seed, queued(1e6, 40*ms))
		w.up.Set(simnet.Config{Latency: 40 * ms, Jitter: 30 * ms, Loss: 0.3, Reorder: 0.2, ReorderBy: 150 * ms, Duplicate: 0.1})
		w.run(15 * time.Second)
		w.from()
		w.run(30 * time.Second)
		w.trace()
		low, high, _ := w.estimates()
		t.Logf("estimate %d…%d, %+v", low, high, w.c.Counts)
		if low < 750e3 || high > 1100e3 {
			t.Errorf("estimate %d…%d", low, high)
		}
		if w.c.Counts.Repeated == 0 {
			t.Error("no repeated feedback was seen")
		}
	})
}

// A link that dies takes the estimate down to the least within seconds; one that
// comes back brings it up again within a few.
func TestLinkDies(t *testing.T) {
	seeds(t, 4, func(t *testing.T, seed uint64) {
		w := newWorld(t, seed, queued(5e6, 40*ms))
		w.run(10 * time.Second)
		before := w.c.Estimate()
		w.dead = true
		w.run(4 * time.Second)
		if e := w.c.Estimate(); e > before/2 {
			t.Errorf("estimate %d after 4 s, %d before", e, before)
		}
		w.run(20 * time.Second)
		if e := w.c.Estimate(); e != w.c.Config.Min {
			t.Errorf("estimate %d after 24 s", e)
		}
		w.dead = false
		back := w.now
		for w.c.Estimate() < 2160e3 && w.now < back+20*time.Second {
			w.run(10 * ms)
		}
		w.trace()
		t.Logf("back after %v", w.now-back)
		if w.now-back > 6*time.Second {
			t.Errorf("back after %v", w.now-back)
		}
	})
}

// A few seconds without any packet getting through leave no trace for long.
func TestOutage(t *testing.T) {
	seeds(t, 4, func(t *testing.T, seed uint64) {
		w := newWorld(t, seed, queued(5e6, 40*ms))
		w.run(10 * time.Second)
		w.dead = true
		w.run(2 * time.Second)
		w.dead = false
		back := w.now
		for w.c.Estimate() < 2160e3 && w.now < back+20*time.Second {
			w.run(10 * ms)
		}
		w.trace()
		t.Logf("back after %v", w.now-back)
		if w.now-back > 4*time.Second {
			t.Errorf("back after %v", w.now-back)
		}
	})
}

// A transport that sends nothing asks for nothing; one that is content asks for
// about a call a second.
func TestIdleCostsNothing(t *testing.T) {
	w := newWorld(t, 1, queued(5e6, 40*ms))
	w.run(10 * time.Second)
	w.advances = 0
	w.run(10 * time.Second)
	if w.advances > 20 {
		t.Errorf("%d calls in 10 s of nothing to look for", w.advances)
	}
	w.media.stopped = true
	w.run(5 * time.Second)
	if due := w.c.Timer(); due != 0 {
		t.Errorf("Timer %v at %v although nothing is sent", due, w.now)
	}
	before := w.c.Estimate()
	w.media.stopped = false
	w.run(5 * time.Second)
	if e := w.c.Estimate(); e < before*9/10 {
		t.Errorf("estimate %d after a pause, %d before", e, before)
	}
	if New(Config{}).Timer() != 0 {
		t.Error("a new controller wants to be called")
	}
}
