package controller

import "time"

// In a big room, that somebody has come or gone is told to many, and nobody waits for
// it: such frames are left in the queues of the sockets, and several leave together.
const (
	bigRoom    = 50                     // sessions
	lagTime    = 250 * time.Millisecond // until the first of them leaves
	lagTurn    = 10 * time.Millisecond  // between one lot of sockets and the next
	lagSockets = 64                     // in a lot: all at once would keep media waiting
)

// laggards are sockets that have such frames, and when they are woken to write them.
type laggards struct {
	sockets []*socket
	next    int       // of those, that is woken; above 0 in the middle of them
	later   []*socket // that came meanwhile
	at      time.Time // when more are woken; zero: there are none
}

// add notes a socket that has a frame left.
func (q *laggards) add(now time.Time, s *socket) {
	if s.lags {
		return
	}
	s.lags = true
	if q.next > 0 {
		q.later = append(q.later, s)
		return
	}
	q.sockets = append(q.sockets, s)
	if q.at.IsZero() {
		q.at = now.Add(lagTime)
	}
}

// timer says when advance is due; zero: never.
func (q *laggards) timer() time.Time { return q.at }

// advance wakes a lot of sockets, if it is time.
func (q *laggards) advance(now time.Time) {
	if q.at.IsZero() || now.Before(q.at) {
		return
	}
	for range min(lagSockets, len(q.sockets)-q.next) {
		s := q.sockets[q.next]
		q.next++
		s.lags = false
		s.nudge()
	}
	if q.next < len(q.sockets) {
		q.at = now.Add(lagTurn)
		return
	}
	clear(q.sockets)
	*q = laggards{sockets: q.later, later: q.sockets[:0]}
	if len(q.sockets) > 0 {
		q.at = now.Add(lagTime)
	}
}
