package load

import (
	"sync"
	"time"
)

// watch tells the progress every second.
type watch struct {
	mu    sync.Mutex
	phase string
	stop  chan struct{}
	done  chan struct{}
}

func (r *run) watch() *watch {
	w := &watch{stop: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(w.done)
		if r.progress != nil {
			w.run(r)
		}
	}()
	return w
}

func (w *watch) set(phase string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.phase = phase
}

func (w *watch) end() {
	close(w.stop)
	<-w.done
}

func (w *watch) run(r *run) {
	began := time.Now()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	last := r.snapshot()
	for {
		select {
		case <-w.stop:
			return
		case <-tick.C:
		}
		now := r.snapshot()
		c := now.counts
		addCounts(&c, &last.counts, -1)
		seconds := now.at.Sub(last.at).Seconds()
		w.mu.Lock()
		phase := w.phase
		w.mu.Unlock()
		r.progress(Progress{
			Phase: phase, Elapsed: now.at.Sub(began), Joined: int(r.joined.Load()), Failed: int(r.failed.Load()),
			Of: r.scenario.Rooms * r.scenario.perRoom(), Sent: rate(c.Sent, seconds), Received: rate(c.Received, seconds),
			Bits: rate(c.ReceivedBytes, seconds) * 8, Lost: percent(c.Gaps-min(c.Gaps, c.Repaired), c.Received+c.Gaps),
			Server: (now.server - last.server).Seconds() / seconds, Own: (now.own - last.own).Seconds() / seconds,
		})
		last = now
	}
}
