package media

import (
	"sync"
	"time"

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

// take swaps the box's contents for the given empty slices.
func (m *mailbox) take(work []func(time.Time), datagrams []datagram) ([]func(time.Time), []datagram) {
	m.mu.Lock()
	defer m.mu.Unlock()
	work, m.work = m.work, work[:0]
	datagrams, m.datagrams = m.datagrams, datagrams[:0]
	m.woken = false
	return work, datagrams
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
