package main

import (
	"math/rand/v2"
	"sync"
	"time"

	"github.com/tertulia-rtc/tertulia/simnet"
)

// direction is one way of the relay: a link, the packets on it, and one
// goroutine that hands them over when they arrive.
type direction struct {
	deliver func(client int, packet []byte)
	wake    chan struct{} // something may arrive earlier than thought

	mu      sync.Mutex
	link    *simnet.Link
	history history
}

func newDirection(rng *rand.Rand, deliver func(client int, packet []byte)) *direction {
	return &direction{deliver: deliver, wake: make(chan struct{}, 1), link: simnet.NewLink(simnet.Config{}, rng)}
}

func (d *direction) set(cfg simnet.Config) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.link.Set(cfg)
}

func (d *direction) stats(from, to time.Time) directionStats {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.history.stats(from, to)
}

// send puts a packet of a client on the link.
func (d *direction) send(now time.Time, client int, packet []byte) {
	d.mu.Lock()
	before, overflowed := d.link.Next(), d.link.Stats().Overflowed
	waits := d.link.Backlog(now)
	arrives := d.link.SendTagged(now, client, packet)
	slot := d.history.at(now)
	slot.InPackets++
	slot.InBytes += len(packet)
	switch {
	case arrives:
		slot.queued = append(slot.queued, float32(waits)/float32(time.Millisecond))
	case d.link.Stats().Overflowed > overflowed:
		slot.Overflowed++
	default:
		slot.Lost++
	}
	after := d.link.Next()
	d.mu.Unlock()
	if !after.IsZero() && (before.IsZero() || after.Before(before)) {
		select {
		case d.wake <- struct{}{}:
		default:
		}
	}
}

// run delivers until end is closed. A timer of Go comes up to a millisecond
// late, which is as well as this link keeps time.
func (d *direction) run(end <-chan struct{}) {
	timer := time.NewTimer(time.Hour)
	for {
		now := time.Now()
		d.mu.Lock()
		arrived := d.link.ReceiveTagged(now)
		next := d.link.Next()
		slot := d.history.at(now)
		for _, a := range arrived {
			slot.OutPackets++
			slot.OutBytes += len(a.Packet)
			slot.LateMS = max(slot.LateMS, float64(now.Sub(a.At))/float64(time.Millisecond))
		}
		d.mu.Unlock()
		for _, a := range arrived {
			d.deliver(a.Tag, a.Packet)
		}
		wait := time.Hour
		if !next.IsZero() {
			wait = time.Until(next)
		}
		timer.Reset(wait)
		select {
		case <-timer.C:
		case <-d.wake:
		case <-end:
			return
		}
	}
}
