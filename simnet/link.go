// Package simnet is a network for tests, in virtual time: links with latency,
// jitter, loss, a rate with a queue before it, reordering and duplicates, all
// drawn from a seed so that a run can be repeated.
//
// A Link goes one way and is told the time. The test moves the time on:
//
//	link.Send(now, packet)
//	now = link.Next()
//	for _, packet := range link.Receive(now) { … }
package simnet

import (
	"math/rand/v2"
	"slices"
	"time"
)

// Config is how a link behaves. The zero Config loses nothing and takes no time.
type Config struct {
	Latency time.Duration // of every packet
	Jitter  time.Duration // up to so much more; order is kept
	Loss    float64       // chance of a packet to be lost, 0…1
	// Burst is how many packets in a row a loss takes on average, where it is
	// more than 1. Loss stays the share of lost packets.
	Burst float64
	// Reorder is the chance of a packet to be held back by ReorderBy, behind
	// those that follow it.
	Reorder   float64
	ReorderBy time.Duration
	Duplicate float64 // chance of a packet to come twice
	// Stall is how long the link stands still now and then, as radio does:
	// what would arrive meanwhile arrives at its end, all at once. From one
	// stall to the next it takes StallEvery on average, and between half and
	// one and a half of it.
	Stall, StallEvery time.Duration
	// Rate is the link's rate in bits per second; 0 is unlimited. Queue is how
	// many bytes may wait for it before packets are dropped; 0 is unlimited.
	Rate  int64
	Queue int
}

// Stats counts the packets of a link.
type Stats struct {
	Sent, Lost, Overflowed, Reordered, Duplicated, Received int
}

// Link carries packets one way.
type Link struct {
	cfg   Config
	rng   *rand.Rand
	stats Stats

	flying []Arrival // by arrival
	free   time.Time
	last   time.Time // latest arrival so far of those in order
	stall  time.Time // when the next stall begins
	bad    bool      // within a burst of losses
}

// Arrival is a packet that comes out of a link.
type Arrival struct {
	At     time.Time
	Tag    int // as the sender gave it
	Packet []byte
}

// NewLink makes a link whose chances come from rng.
func NewLink(cfg Config, rng *rand.Rand) *Link {
	return &Link{cfg: cfg, rng: rng}
}

// Set changes how the link behaves, for packets sent from now on.
func (l *Link) Set(cfg Config) { l.cfg = cfg }

// Stats gives the counts so far.
func (l *Link) Stats() Stats { return l.stats }

// Backlog is how long a packet that is sent now would wait for the link's rate.
func (l *Link) Backlog(now time.Time) time.Duration { return max(0, l.free.Sub(now)) }

// Send puts a copy of a packet on the link.
func (l *Link) Send(now time.Time, packet []byte) { l.SendTagged(now, 0, packet) }

// SendTagged is Send for those who share a link: the packet arrives with the
// tag. It tells whether the packet will arrive.
func (l *Link) SendTagged(now time.Time, tag int, packet []byte) bool {
	l.stats.Sent++
	if l.lose() {
		l.stats.Lost++
		return false
	}
	at := now
	if l.cfg.Rate > 0 {
		if l.free.Before(now) {
			l.free = now
		}
		waiting := int64(l.free.Sub(now)) * l.cfg.Rate / 8 / int64(time.Second)
		if l.cfg.Queue > 0 && waiting+int64(len(packet)) > int64(l.cfg.Queue) {
			l.stats.Overflowed++
			return false
		}
		l.free = l.free.Add(time.Duration(int64(len(packet)) * 8 * int64(time.Second) / l.cfg.Rate))
		at = l.free
	}
	at = at.Add(l.cfg.Latency)
	if l.cfg.Jitter > 0 {
		at = at.Add(time.Duration(l.rng.Int64N(int64(l.cfg.Jitter))))
	}
	if l.cfg.Reorder > 0 && l.rng.Float64() < l.cfg.Reorder {
		l.stats.Reordered++
		at = at.Add(l.cfg.ReorderBy)
	} else {
		at = l.afterStall(now, at)
		if at.Before(l.last) {
			at = l.last
		}
		l.last = at
	}
	l.arrive(at, tag, packet)
	if l.cfg.Duplicate > 0 && l.rng.Float64() < l.cfg.Duplicate {
		l.stats.Duplicated++
		l.arrive(at, tag, packet)
	}
	return true
}

// afterStall gives when something arrives that would have arrived at a time,
// did the link never stand still.
func (l *Link) afterStall(now, at time.Time) time.Time {
	if l.cfg.Stall <= 0 || l.cfg.StallEvery <= 0 {
		l.stall = time.Time{}
		return at
	}
	next := func() time.Duration { return time.Duration((0.5 + l.rng.Float64()) * float64(l.cfg.StallEvery)) }
	if l.stall.IsZero() {
		l.stall = now.Add(next())
	}
	for !at.Before(l.stall.Add(l.cfg.Stall)) {
		l.stall = l.stall.Add(max(next(), l.cfg.Stall))
	}
	if at.Before(l.stall) {
		return at
	}
	return l.stall.Add(l.cfg.Stall)
}

// lose draws the fate of a packet: single losses, or bursts by the model of
// Gilbert.
func (l *Link) lose() bool {
	if l.cfg.Loss <= 0 {
		return false
	}
	if l.cfg.Burst <= 1 {
		return l.rng.Float64() < l.cfg.Loss
	}
	if l.bad {
		l.bad = l.rng.Float64() >= 1/l.cfg.Burst
	} else {
		l.bad = l.rng.Float64() < l.cfg.Loss/(1-l.cfg.Loss)/l.cfg.Burst
	}
	return l.bad
}

func (l *Link) arrive(at time.Time, tag int, packet []byte) {
	i := len(l.flying)
	for i > 0 && l.flying[i-1].At.After(at) {
		i--
	}
	l.flying = slices.Insert(l.flying, i, Arrival{at, tag, slices.Clone(packet)})
}

// Next gives the time of the next arrival; zero when nothing is on its way.
func (l *Link) Next() time.Time {
	if len(l.flying) == 0 {
		return time.Time{}
	}
	return l.flying[0].At
}

// Receive takes what has arrived by now, in the order of arrival.
func (l *Link) Receive(now time.Time) [][]byte {
	var packets [][]byte
	for _, a := range l.ReceiveTagged(now) {
		packets = append(packets, a.Packet)
	}
	return packets
}

// ReceiveTagged is Receive with the tags and the times of arrival.
func (l *Link) ReceiveTagged(now time.Time) []Arrival {
	n := 0
	for n < len(l.flying) && !l.flying[n].At.After(now) {
		n++
	}
	if n == 0 {
		return nil
	}
	arrived := slices.Clone(l.flying[:n])
	l.flying = slices.Delete(l.flying, 0, n)
	l.stats.Received += n
	return arrived
}
