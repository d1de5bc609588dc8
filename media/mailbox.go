package media

import (
	"sync"
	"time"

	"github.com/tertulia-rtc/tertulia/sfu"
	"github.com/tertulia-rtc/tertulia/transport"
)

const (
	// maxHandover bounds the datagrams that wait for another shard or come by
	// TCP; beyond it they are dropped, as a full socket would.
	maxHandover = 2048
	// handoverSize is what a datagram in the box may have.
	handoverSize = 2048
)

// mailbox is how other goroutines reach a shard's loop: work to do there, and
// datagrams that came in elsewhere.
type mailbox struct {
	mu        sync.Mutex
	work      []func(now time.Time)
	datagrams []datagram
	batches   []piped
	free      [][]byte // buffers to use again
	spare     int      // how many of them nobody has needed since the last trim
	woken     bool
}

// datagram is one packet and where it came from.
type datagram struct {
	path transport.Path
	via  *shard // the shard on whose socket it came, if another one's
	data []byte
}

// piped is a batch on its way through a pipe.
type piped struct {
	pipe    *pipe
	batch   *sfu.Batch
	packets int
}

// addBatch takes over a batch and gives another one to fill. When too much waits
// already, packets are dropped; and when there is nothing else in the batch, it is
// given back, for there is time to tell of that.
func (m *mailbox) addBatch(p *pipe, b *sfu.Batch) (next *sfu.Batch, wake bool, dropped int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if p.waiting > 0 && p.waiting+len(b.Packets) > maxPiped {
		if dropped = b.Lose(); b.Empty() {
			return b, false, dropped
		}
	}
	p.waiting += len(b.Packets)
	m.batches = append(m.batches, piped{p, b, len(b.Packets)})
	if n := len(p.free); n > 0 {
		next, p.free = p.free[n-1], p.free[:n-1]
	} else {
		next = new(sfu.Batch)
	}
	wake, m.woken = !m.woken, true
	return next, wake, dropped
}

// giveBackBatches returns batches that were taken. A few are kept to be filled again.
func (m *mailbox) giveBackBatches(all []piped) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range all {
		p := all[i].pipe
		p.waiting -= all[i].packets
		if len(p.free) < maxFreeBatches {
			all[i].batch.Reset()
			p.free = append(p.free, all[i].batch)
		}
	}
}

// maxFreeBatches is how many rounds of one shard another one may be behind without
// costing memory.
const maxFreeBatches = 4

// add puts work in the box and says whether the loop must be woken for it.
func (m *mailbox) add(work func(now time.Time)) (wake bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.work = append(m.work, work)
	wake, m.woken = !m.woken, true
	return wake
}

// addDatagrams copies datagrams into the box; dropped says how many found no room.
func (m *mailbox) addDatagrams(all []datagram) (wake bool, dropped int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range all {
		if len(m.datagrams) >= maxHandover || len(all[i].data) > handoverSize {
			dropped++
			continue
		}
		var buffer []byte
		if n := len(m.free); n > 0 {
			buffer, m.free = m.free[n-1], m.free[:n-1]
			m.spare = min(m.spare, n-1)
		} else {
			buffer = make([]byte, 0, handoverSize)
		}
		m.datagrams = append(m.datagrams, datagram{path: all[i].path, via: all[i].via, data: append(buffer, all[i].data...)})
	}
	if len(m.datagrams) == 0 {
		return false, dropped
	}
	wake, m.woken = !m.woken, true
	return wake, dropped
}

// take swaps the box's contents for the given slices, whose contents are done with.
func (m *mailbox) take(work []func(time.Time), datagrams []datagram, batches []piped) ([]func(time.Time), []datagram, []piped) {
	m.mu.Lock()
	defer m.mu.Unlock()
	work, m.work = m.work, work[:0]
	datagrams, m.datagrams = m.datagrams, datagrams[:0]
	batches, m.batches = m.batches, batches[:0]
	m.woken = false
	return work, datagrams, batches
}

// giveBack returns the buffers of datagrams that were taken.
func (m *mailbox) giveBack(datagrams []datagram) {
	if len(datagrams) == 0 {
		return // as in most rounds
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range datagrams {
		m.free = append(m.free, datagrams[i].data[:0])
	}
}

// trim lets go of the buffers that nobody has needed since the last trim: a
// burst should not cost memory for good.
func (m *mailbox) trim() {
	m.mu.Lock()
	defer m.mu.Unlock()
	keep := len(m.free) - m.spare
	clear(m.free[keep:])
	m.free = m.free[:keep]
	m.spare = keep
}
