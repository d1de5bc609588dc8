package socketio

import "time"

// Heartbeat finds out whether the other side is still there. In revision 4 the
// server pings, in revision 3 the client does. Whatever is heard is a sign of
// life.
type Heartbeat struct {
	Revision Revision
	Heard    time.Time // anything
	Pinged   time.Time // the last ping of ours, or the start
	Waiting  bool      // for the answer to it
}

// start begins to count.
func (h *Heartbeat) start(now time.Time) { h.Heard, h.Pinged = now, now }

// hear takes a sign of life.
func (h *Heartbeat) hear(now time.Time) { h.Heard, h.Waiting = now, false }

// advance says whether to ping now, and whether the other side is gone.
func (h *Heartbeat) advance(now time.Time) (ping, dead bool) {
	if now.Before(h.timer()) {
		return false, false
	}
	if h.Waiting || h.Revision == Revision3 {
		return false, true
	}
	h.Pinged, h.Waiting = now, true
	return true, false
}

// timer says when advance is due.
func (h *Heartbeat) timer() time.Time {
	switch {
	case h.Revision == Revision3:
		return h.Heard.Add(PingInterval + PingTimeout)
	case h.Waiting:
		return h.Pinged.Add(PingTimeout)
	}
	return h.Pinged.Add(PingInterval)
}
