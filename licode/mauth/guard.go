package mauth

import (
	"strconv"
	"time"
)

// What a Guard remembers.
const (
	// Window is how far behind the newest timestamp of its service a request may
	// be: requests that are sent at once may arrive in any order. In
	// milliseconds of the client's clock.
	Window = 10_000
	// MaxRemembered bounds the requests that are remembered of one service. A
	// service that makes more within the window has a shorter window.
	MaxRemembered = 4096
	// Quiet is how long a service must be silent for its window to close: from
	// then on only newer requests than its newest are taken, and one number is
	// all that is remembered of it.
	Quiet = 10 * time.Second
	// MaxServices bounds the services that are remembered. Beyond, the one that
	// has been silent for longest is forgotten.
	MaxServices = 10_000
)

// Guard refuses requests that are made a second time. It is told of authentic
// requests only, so strangers cost it nothing. Like Licode's it begins with no
// memory, so the first request of a service is new, whatever its timestamp.
type Guard struct {
	Services map[string]*Memory
}

// Memory is what is remembered of one service.
type Memory struct {
	Newest int64 // the highest timestamp taken
	// Floor is the lowest timestamp that may still be taken, but for those Seen.
	Floor int64
	Seen  map[string]int64 // "timestamp,nonce" of requests that were taken, and the timestamp
	At    time.Time        // of the last request taken
}

// Take says whether a request is new, and remembers it if so.
func (g *Guard) Take(now time.Time, h Header) bool {
	at, err := h.millis()
	if err != nil {
		return false
	}
	m := g.Services[h.Service]
	if m == nil {
		m = g.remember(h.Service)
		m.Newest, m.Floor = at, at-Window
	}
	if now.Sub(m.At) >= Quiet && len(m.Seen) > 0 {
		m.close()
	}
	once := strconv.FormatInt(at, 10) + "," + h.Nonce
	if _, seen := m.Seen[once]; seen || at < m.Floor {
		return false
	}
	if m.Seen == nil {
		m.Seen = map[string]int64{}
	}
	m.Seen[once] = at
	m.Newest = max(m.Newest, at)
	m.Floor = max(m.Floor, m.Newest-Window)
	m.At = now
	m.tidy()
	return true
}

// close forgets single requests by refusing all up to the newest.
func (m *Memory) close() {
	m.Seen = nil
	m.Floor = m.Newest + 1
}

// tidy keeps the number of remembered requests within its bound. Whatever is
// forgotten is below the floor, and so refused.
func (m *Memory) tidy() {
	if len(m.Seen) <= MaxRemembered {
		return
	}
	forget := func() {
		for once, at := range m.Seen {
			if at < m.Floor {
				delete(m.Seen, once)
			}
		}
	}
	forget()
	// Halving the window each time leaves, at the worst, only the newest.
	for width := (m.Newest - m.Floor) / 2; len(m.Seen) > MaxRemembered*3/4; width /= 2 {
		m.Floor = m.Newest - width
		if width == 0 {
			m.Floor = m.Newest + 1
		}
		forget()
	}
}

// remember makes room for a service.
func (g *Guard) remember(service string) *Memory {
	if g.Services == nil {
		g.Services = map[string]*Memory{}
	}
	if len(g.Services) >= MaxServices {
		oldest := ""
		for id, m := range g.Services {
			if oldest == "" || m.At.Before(g.Services[oldest].At) {
				oldest = id
			}
		}
		delete(g.Services, oldest)
	}
	m := new(Memory)
	g.Services[service] = m
	return m
}
