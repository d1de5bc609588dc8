package bwe

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/tertulia-rtc/tertulia/simnet"
)

var verbose = flag.Bool("bwe.trace", false, "print how each scenario goes, every half second")

const ms = time.Millisecond

func seeds(t *testing.T, n int, f func(t *testing.T, seed uint64)) {
	for seed := range uint64(n) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { f(t, seed) })
	}
}

func (w *world) trace() {
	if !*verbose {
		return
	}
	var b strings.Builder
	start := w.samples[0].At
	last := Reason("")
	for i, s := range w.samples {
		if i%10 == 0 || s.Reason != last {
			fmt.Fprintf(&b, "%6.2f est %7d media %7d sent %7d acked %7d queue %4d %s %v %s\n", (s.At - start).Seconds(), s.Estimate, s.Media, s.Sent, s.Acked, s.Queue.Milliseconds(), s.Usage, s.Probing, s.Reason)
		}
		last = s.Reason
	}
	fmt.Fprint(os.Stderr, b.String())
}

// The estimate finds a steady link and stays there, although the media fill only
// two thirds of it.
func TestSteadyLink(t *testing.T) {
	seeds(t, 8, func(t *testing.T, seed uint64) {
		w := newWorld(t, seed, queued(1e6, 50*ms))
		w.run(15 * time.Second)
		w.trace()
		w.from()
		padding := w.c.History.Bytes[Probe]
		w.run(60 * time.Second)
		w.trace()
		low, high, mean := w.estimates()
		probes := w.c.History.Bytes[Probe] - padding
		t.Logf("estimate %d…%d, mean %d, above the link for %v, queue p95 %v, %d switches, %d b/s of probes, %d calls of Advance a second", low, high, mean, w.above(), w.ninetyFifth(), w.media.switches, probes*8/60, w.advances/60)
		if low < 850e3 || high > 1050e3 {
			t.Errorf("estimate %d…%d is not within 85–105 %% of the link", low, high)
		}
		if w.above() > time.Second {
			t.Errorf("more is sent than the link carries for %v", w.above())
		}
		if w.advances > 60*20 {
			t.Errorf("%d calls of Advance a minute", w.advances)
		}
		if q := w.ninetyFifth(); q > 100*ms {
			t.Errorf("queue p95 %v", q)
		}
	})
}

// A fall of the link's rate is followed at once, and so is its return.
func TestFallAndReturn(t *testing.T) {
	seeds(t, 8, func(t *testing.T, seed uint64) {
		w := newWorld(t, seed, queued(3e6, 40*ms))
		w.run(20 * time.Second)
		if e := w.c.Estimate(); e < 2400e3 {
			t.Errorf("estimate %d before the fall", e)
		}
		w.set(queued(800e3, 40*ms))
		fall := w.now
		below, back := time.Duration(0), time.Duration(0)
		for w.now < fall+25*time.Second {
			w.run(10 * ms)
			if w.c.Estimate() > 840e3 {
				below = 0 // for good
			} else if below == 0 && w.c.Estimate() < 800e3 {
				below = w.now - fall
			}
		}
		low := w.c.Estimate()
		w.set(queued(3e6, 40*ms))
		rise := w.now
		for w.now < rise+25*time.Second {
			w.run(10 * ms)
			if w.c.Estimate() > 2160e3 && back == 0 {
				back = w.now - rise
			}
		}
		w.trace()
		t.Logf("below after %v, %d at the end, back after %v, %d switches", below, low, back, w.media.switches)
		if below == 0 || below > 2*time.Second {
			t.Errorf("below the link after %v", below)
		}
		if low < 650e3 {
			t.Errorf("estimate %d on the lower link", low)
		}
		if back == 0 || back > 12*time.Second {
			t.Errorf("back after %v", back)
		}
	})
}

// Falls of other depths are followed as well, a small one when its queue shows.
func TestFalls(t *testing.T) {
	for _, to := range []int64{2200e3, 1800e3, 1200e3, 500e3, 250e3} {
		t.Run(fmt.Sprint(to), func(t *testing.T) {
			seeds(t, 4, func(t *testing.T, seed uint64) {
				w := newWorld(t, seed, queued(3e6, 40*ms))
				w.run(15 * time.Second)
				w.set(queued(to, 40*ms))
				fall, below := w.now, time.Duration(0)
				for w.now < fall+20*time.Second {
					w.run(10 * ms)
					if w.c.Estimate() > to*105/100 {
						below = 0
					} else if below == 0 {
						below = w.now - fall
					}
				}
				w.from()
				w.run(10 * time.Second)
				w.trace()
				low, high, _ := w.estimates()
				t.Logf("below after %v, later %d…%d", below, low, high)
				if below == 0 || below > 3*time.Second || low < to*85/100 {
					t.Errorf("below after %v, later %d…%d", below, low, high)
				}
			})
		})
	}
}

// Losses that have nothing to do with the bitrate do not lower it.
func TestRandomLoss(t *testing.T) {
	for _, loss := range []float64{0.05, 0.10, 0.20} {
		t.Run(fmt.Sprint(loss), func(t *testing.T) {
			seeds(t, 8, func(t *testing.T, seed uint64) {
				w := newWorld(t, seed, simnet.Config{Latency: 60 * ms, Loss: loss})
				w.run(5 * time.Second)
				w.from()
				w.run(60 * time.Second)
				w.trace()
				low := int64(1e9)
				var sum int64
				for _, s := range w.samples {
					low = min(low, s.Estimate)
					sum += s.Estimate
				}
				t.Logf("estimate at least %d, mean %d, inherent %.2f, %d switches", low, sum/int64(len(w.samples)), w.c.Loss.Inherent, w.media.switches)
				if low < 1500e3 && loss < 0.2 {
					t.Errorf("estimate %d", low)
				}
			})
		})
	}
}

// Delays that come and go do not lower the estimate.
func TestJitterBursts(t *testing.T) {
	shapes := map[string]func(w *world, cfg simnet.Config){
		"stall": func(w *world, cfg simnet.Config) { // 200 ms, then all at once
			cfg.Latency += 200 * ms
			w.set(cfg)
			w.run(40 * ms)
		},
		"detour": func(w *world, cfg simnet.Config) {
			cfg.Latency += 200 * ms
			w.set(cfg)
			w.run(300 * ms)
		},
		"noise": func(w *world, cfg simnet.Config) {
			cfg.Jitter += 200 * ms
			w.set(cfg)
			w.run(500 * ms)
		},
	}
	for name, burst := range shapes {
		t.Run(name, func(t *testing.T) {
			seeds(t, 8, func(t *testing.T, seed uint64) {
				cfg := queued(5e6, 40*ms)
				w := newWorld(t, seed, cfg)
				w.run(5 * time.Second)
				w.from()
				switches := w.media.switches
				for end := w.now + 60*time.Second; w.now < end; {
					w.run(time.Duration(2000+w.rng.IntN(3000)) * ms)
					burst(w, cfg)
					w.set(cfg)
				}
				w.trace()
				low := int64(1e9)
				drops := 0
				was := w.samples[0].Estimate
				for _, s := range w.samples {
					low = min(low, s.Estimate)
					if s.Estimate < was*95/100 {
						drops++
					}
					was = s.Estimate
				}
				t.Logf("estimate at least %d, %d drops, %d switches", low, drops, w.media.switches-switches)
				if drops > 2 {
					t.Errorf("%d drops in a minute", drops)
				}
			})
		})
	}
}

// On a link that carries everything, everything is there in two seconds.
func TestStart(t *testing.T) {
	seeds(t, 8, func(t *testing.T, seed uint64) {
		w := newWorld(t, seed, simnet.Config{Rate: 100e6, Latency: time.Duration(seed) * 20 * ms})
		w.c.SetWanted(w.now, 2500e3)
		start := w.now
		for w.c.Estimate() < 2500e3 && w.now < start+5*time.Second {
			w.run(10 * ms)
		}
		t.Logf("one way %v: after %v", time.Duration(seed)*20*ms, w.now-start)
		if w.now-start > 2*time.Second {
			t.Errorf("after %v", w.now-start)
		}
	})
}
