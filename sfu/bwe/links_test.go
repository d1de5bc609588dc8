package bwe

import (
	"testing"
	"time"

	"github.com/tertulia-rtc/tertulia/simnet"
)

// Many kinds of links, for a minute each after 15 seconds to find them: the
// estimate stays between two shares of what the link carries or of what is
// wanted, whichever is less; more than the link carries is sent for moments only; packets wait
// little; layers do not flap.
func TestLinks(t *testing.T) {
	fine := fineChoices()
	for _, c := range []struct {
		name      string
		link      simnet.Config
		choices   []int64
		wanted    int64
		prepare   func(w *world)
		low, high float64
		queue     time.Duration // 95th percentile
		switches  int
	}{
		{name: "short queue", link: simnet.Config{Rate: 1e6, Queue: 1e6 / 8 / 20, Latency: 25 * ms}, low: 0.90, high: 1.01, queue: 50 * ms},
		{name: "policer", link: simnet.Config{Rate: 1e6, Queue: 3000, Latency: 25 * ms}, low: 0.80, high: 1.05, queue: 50 * ms},
		{name: "long queue", link: simnet.Config{Rate: 1e6, Queue: 1e6 / 8, Latency: 25 * ms}, low: 0.90, high: 1.01, queue: 60 * ms},
		{name: "300 kb/s", link: queued(300e3, 40*ms), low: 0.90, high: 1.01, queue: 80 * ms},
		{name: "700 kb/s", link: queued(700e3, 40*ms), low: 0.90, high: 1.01, queue: 60 * ms},
		{name: "2 Mb/s", link: queued(2e6, 40*ms), low: 0.90, high: 1.01, queue: 40 * ms},
		{name: "12 Mb/s, all wanted", link: queued(12e6, 20*ms), wanted: 20e6, low: 0.90, high: 1.01, queue: 20 * ms},
		{name: "far away", link: queued(1e6, 250*ms), low: 0.90, high: 1.01, queue: 60 * ms},
		{name: "jitter 10 ms", link: simnet.Config{Rate: 3e6, Queue: 90e3, Latency: 25 * ms, Jitter: 10 * ms}, low: 0.95, high: 1.25, queue: 60 * ms},
		{name: "jitter 20 ms, 1 Mb/s", link: simnet.Config{Rate: 1e6, Queue: 30e3, Latency: 25 * ms, Jitter: 20 * ms}, low: 0.85, high: 1.08, queue: 80 * ms},
		{name: "jitter 30 ms", link: simnet.Config{Rate: 3e6, Queue: 90e3, Latency: 25 * ms, Jitter: 30 * ms}, low: 0.95, high: 1.25, queue: 80 * ms},
		{name: "reordering", link: simnet.Config{Rate: 3e6, Queue: 90e3, Latency: 25 * ms, Reorder: 0.05, ReorderBy: 20 * ms}, low: 0.95, high: 1.25, queue: 60 * ms},
		{name: "losses in bursts", link: simnet.Config{Rate: 3e6, Queue: 90e3, Latency: 25 * ms, Loss: 0.03, Burst: 8}, low: 0.70, high: 1.25, queue: 60 * ms, switches: 4},
		{name: "10 % loss, 1 Mb/s", link: simnet.Config{Rate: 1e6, Queue: 30e3, Latency: 25 * ms, Loss: 0.10}, low: 0.85, high: 1.05, queue: 60 * ms},
		{name: "15 % loss", link: simnet.Config{Latency: 25 * ms, Loss: 0.15}, low: 0.80, high: 1.25, queue: ms, switches: 2},
		{name: "30 % loss", link: simnet.Config{Latency: 25 * ms, Loss: 0.30}, low: 0.60, high: 1.25, queue: ms, switches: 4},
		{name: "media fill all", link: queued(1e6, 40*ms), choices: fine, wanted: 5e6, low: 0.80, high: 1.01, queue: 80 * ms, switches: 10},
		{name: "media fill 3 Mb/s", link: queued(3e6, 40*ms), choices: fine, wanted: 5e6, low: 0.80, high: 1.01, queue: 95 * ms, switches: 12},
		{name: "layer of 90 % of the link", link: queued(1.9e6, 40*ms), choices: []int64{150e3, 500e3, 1700e3}, wanted: 1800e3, low: 0.85, high: 1.10, queue: 60 * ms, switches: 2},
		{name: "layer just too large", link: queued(1.75e6, 40*ms), choices: []int64{150e3, 500e3, 1700e3}, wanted: 1800e3, low: 0.90, high: 1.03, queue: 40 * ms, switches: 2},
		{name: "somebody else", link: queued(2e6, 40*ms), prepare: func(w *world) { w.cross = 500e3 }, low: 0.75, high: 0.88, queue: 40 * ms},
		{name: "rare feedback", link: queued(1e6, 40*ms), prepare: func(w *world) { w.receiver.every = 250 * ms }, low: 0.90, high: 1.01, queue: 60 * ms},
		{name: "frequent feedback", link: queued(1e6, 40*ms), prepare: func(w *world) { w.receiver.every = 20 * ms }, low: 0.90, high: 1.01, queue: 60 * ms},
		{name: "nothing to pad with", link: queued(3e6, 40*ms), prepare: func(w *world) { w.nopads = true }, low: 0.35, high: 1.12, queue: 60 * ms, switches: 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			seeds(t, 2, func(t *testing.T, seed uint64) {
				w := newWorld(t, seed, c.link)
				wanted := int64(2400e3)
				if c.wanted > 0 {
					wanted = c.wanted
				}
				if c.choices != nil {
					w.media.choices = c.choices
				}
				w.c.SetWanted(w.now, wanted)
				if c.prepare != nil {
					c.prepare(w)
				}
				w.run(15 * time.Second)
				w.from()
				w.run(60 * time.Second)
				w.trace()
				low, high, mean := w.estimates()
				carries := wanted
				if w.rate > 0 {
					carries = min(carries, w.rate)
				}
				t.Logf("estimate %d…%d, mean %d, above the link for %v, queue p95 %v, %d switches, inherent loss %.2f", low, high, mean, w.above(), w.ninetyFifth(), w.media.switches, w.c.Loss.Inherent)
				if float64(low) < c.low*float64(carries) || float64(high) > c.high*float64(carries) {
					t.Errorf("estimate %d…%d of %d", low, high, carries)
				}
				if w.above() > 1600*ms {
					t.Errorf("more is sent than the link carries for %v", w.above())
				}
				if w.ninetyFifth() > c.queue {
					t.Errorf("queue p95 %v", w.ninetyFifth())
				}
				if w.media.switches > c.switches {
					t.Errorf("%d switches", w.media.switches)
				}
			})
		})
	}
}

// fineChoices are those of a source that fills any estimate, to 5 %.
func fineChoices() []int64 {
	var fine []int64
	for b := int64(100e3); b < 5e6; b += b / 20 {
		fine = append(fine, b)
	}
	return fine
}

// Of two subscribers behind one link, neither starves. Where media come in steps
// its queue stays short; where they fill every bit it does not.
func TestTwoOnOneLink(t *testing.T) {
	for _, c := range []struct {
		name    string
		choices []int64
		queue   time.Duration
	}{{"steps", []int64{150e3, 650e3, 2350e3}, 100 * ms}, {"all filled", fineChoices(), 250 * ms}} {
		t.Run(c.name, func(t *testing.T) {
			seeds(t, 4, func(t *testing.T, seed uint64) {
				w := newWorld(t, seed, queued(2e6, 40*ms))
				o := newWorld(t, seed+100, queued(2e6, 40*ms))
				o.now, o.down, o.mark = w.now, w.down, 1
				o.media.nextAudio, o.media.nextFrame, o.receiver.next = w.now, w.now, w.now
				w.other, o.other = o, w
				w.media.choices, o.media.choices = c.choices, c.choices
				w.c.SetWanted(w.now, 2400e3)
				o.c.SetWanted(w.now, 2400e3)
				w.run(20 * time.Second)
				w.from()
				o.from()
				w.run(60 * time.Second)
				w.trace()
				var mine, theirs int64
				for i := range w.samples {
					mine += w.samples[i].Sent
					theirs += o.samples[i].Sent
				}
				mine, theirs = mine/int64(len(w.samples)), theirs/int64(len(o.samples))
				t.Logf("%d and %d sent, queue p95 %v, %d and %d switches", mine, theirs, w.ninetyFifth(), w.media.switches, o.media.switches)
				if mine+theirs < 1400e3 || mine*3 < theirs || theirs*3 < mine {
					t.Error("the link is not shared well")
				}
				if w.ninetyFifth() > c.queue {
					t.Errorf("queue p95 %v", w.ninetyFifth())
				}
			})
		})
	}
}
