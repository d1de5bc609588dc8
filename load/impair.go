package load

import (
	"math/rand/v2"
	"net/netip"
	"slices"
)

// impairment is what is asked for of the links of all participants, in both
// directions.
type impairment struct {
	loss  float64
	delay instant
	rng   *rand.Rand

	// Queues in the order of time, since the delay is one.
	coming, going []delayed
}

// delayed is a datagram on its way.
type delayed struct {
	due  instant
	came instant
	ep   *endpoint
	peer netip.AddrPort
	data []byte
}

func (m *impairment) active() bool { return m.loss > 0 || m.delay > 0 }

func (m *impairment) lose() bool { return m.loss > 0 && m.rng.Float64() < m.loss }

// receive takes a datagram that has come.
func (m *impairment) receive(now, came instant, ep *endpoint, from netip.AddrPort, data []byte) {
	switch {
	case m.lose():
		ep.loop.counts.Impaired++
	case m.delay == 0:
		ep.handle(now, came, data, from)
	default:
		m.coming = append(m.coming, delayed{now + m.delay, came + m.delay, ep, from, slices.Clone(data)})
	}
}

// send takes a datagram that would go.
func (m *impairment) send(now instant, ep *endpoint, to netip.AddrPort, data []byte) {
	if m.lose() {
		ep.loop.counts.Impaired++
		return
	}
	// Never at once: other datagrams may be waiting in the sockets' slab.
	m.going = append(m.going, delayed{now + m.delay, 0, ep, to, slices.Clone(data)})
}

// due is when the next datagram arrives somewhere.
func (m *impairment) due() instant {
	due := never
	for _, queue := range [...][]delayed{m.coming, m.going} {
		if len(queue) > 0 {
			due = min(due, queue[0].due)
		}
	}
	return due
}

// advance lets arrive what has taken its time.
func (m *impairment) advance(now instant) {
	for len(m.going) > 0 && now >= m.going[0].due {
		d := m.going[0]
		m.going = m.going[1:]
		sockets := d.ep.loop.sockets
		copy(sockets.Reserve(len(d.data)), d.data)
		sockets.Commit(len(d.data))
		sockets.Send(d.ep.id, d.peer)
	}
	for len(m.coming) > 0 && now >= m.coming[0].due {
		d := m.coming[0]
		m.coming = m.coming[1:]
		d.ep.handle(now, d.came, d.data, d.peer)
	}
}
