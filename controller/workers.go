package controller

import (
	"cmp"
	"context"
	"encoding/json"
	"sync"
	"time"

	"github.com/tertulia-rtc/tertulia/bus"
	"github.com/tertulia-rtc/tertulia/protocol"
)

// workerSilence is how long a worker may be silent before it counts as lost.
const workerSilence = 2 * time.Second

// workerCheck is how often that is looked at.
const workerCheck = 250 * time.Millisecond

// workers knows the media workers by their heartbeats.
type workers struct {
	subscription *bus.Subscription
	appeared     chan struct{} // a worker came, or came back

	mu    sync.Mutex
	alive map[protocol.WorkerID]heard
}

// heard is the last that was heard of a worker.
type heard struct {
	protocol.Heartbeat
	at time.Time
}

func watchWorkers(b *bus.Bus) (*workers, error) {
	w := &workers{appeared: make(chan struct{}, 1), alive: map[protocol.WorkerID]heard{}}
	var err error
	w.subscription, err = b.Subscribe(protocol.SubjectHeartbeats, w.heartbeat)
	return w, err
}

func (w *workers) close() { w.subscription.Close() }

func (w *workers) heartbeat(data []byte) {
	var h protocol.Heartbeat
	if json.Unmarshal(data, &h) != nil || h.Worker == "" {
		return
	}
	w.mu.Lock()
	_, known := w.alive[h.Worker]
	w.alive[h.Worker] = heard{h, time.Now()}
	w.mu.Unlock()
	if !known {
		select {
		case w.appeared <- struct{}{}:
		default:
		}
	}
}

// least gives the worker with the least to do.
func (w *workers) least() (protocol.WorkerID, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var best protocol.Heartbeat
	for _, h := range w.alive {
		if best.Worker == "" || cmp.Or(
			cmp.Compare(h.Transports+h.Subscriptions, best.Transports+best.Subscriptions),
			cmp.Compare(h.Rooms, best.Rooms),
			cmp.Compare(h.Worker, best.Worker)) < 0 {
			best = h.Heartbeat
		}
	}
	return best.Worker, best.Worker != ""
}

// run tells every loop of workers that are lost or new, until ctx ends.
func (w *workers) run(ctx context.Context, eachLoop func(func(*loop, time.Time))) {
	tick := time.NewTicker(workerCheck)
	defer tick.Stop()
	last := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.appeared:
			eachLoop(func(l *loop, _ time.Time) { l.findWorker() })
		case <-tick.C:
			now := time.Now()
			for _, id := range w.lost(now, now.Sub(last)-workerCheck) {
				eachLoop(func(l *loop, _ time.Time) { l.workerLost(id) })
			}
			last = now
		}
	}
}

// lost takes out the workers that were silent for too long. When this process
// itself stood still for a while, that was not the workers' fault.
func (w *workers) lost(now time.Time, stoodStill time.Duration) []protocol.WorkerID {
	w.mu.Lock()
	defer w.mu.Unlock()
	var ids []protocol.WorkerID
	for id, h := range w.alive {
		if stoodStill > workerCheck {
			h.at = h.at.Add(stoodStill)
			w.alive[id] = h
		}
		if now.Sub(h.at) >= workerSilence {
			delete(w.alive, id)
			ids = append(ids, id)
		}
	}
	return ids
}
