package api

import (
	"net/netip"
	"sync"
)

// How many sockets may wait for their opening frame at a time: of all clients,
// and of one address (many people may come from one at once, when a server
// behind a proxy that it does not know starts again). Each waits for 10 seconds
// at most, as a rule for some milliseconds.
const (
	maxOnDoorstep     = 1024
	maxOnDoorstepEach = 256
	// maxOpening bounds the opening frame, in bytes: a token, metadata, and room.
	maxOpening = 64 << 10
)

// doorstep counts the sockets that nobody has joined on yet. What they cost,
// they cost without a token.
type doorstep struct {
	mu   sync.Mutex
	all  int
	from map[netip.Prefix]int
}

func newDoorstep() *doorstep { return &doorstep{from: map[netip.Prefix]int{}} }

// step lets a socket wait, unless too many do. leave must be called; it may be
// called again.
func (d *doorstep) step(address netip.Addr) (leave func(), ok bool) {
	prefix := prefixOf(address)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.all >= maxOnDoorstep || d.from[prefix] >= maxOnDoorstepEach {
		return nil, false
	}
	d.all++
	d.from[prefix]++
	return sync.OnceFunc(func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.all--
		if d.from[prefix]--; d.from[prefix] == 0 {
			delete(d.from, prefix)
		}
	}), true
}

// Step lets a socket of another door wait until somebody has joined on it, among
// those of this one, unless too many do. leave must be called; it may be called
// again.
func (s *Server) Step(from netip.Addr) (leave func(), ok bool) { return s.doorstep.step(from) }
