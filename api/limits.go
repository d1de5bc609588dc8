package api

import (
	"math"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// maxAddresses bounds the table of an addressLimits.
const maxAddresses = 10_000

// addressLimits is a rate limit for each client address. An IPv6 client has a
// whole /64 to choose addresses from, so that counts as one.
type addressLimits struct {
	perSecond rate.Limit
	burst     int

	mu       sync.Mutex
	limiters map[netip.Prefix]*rate.Limiter
}

func newAddressLimits(perSecond rate.Limit, burst int) *addressLimits {
	return &addressLimits{perSecond: perSecond, burst: burst, limiters: map[netip.Prefix]*rate.Limiter{}}
}

// take counts one event of the address and says whether it is within the limit,
// and if not, in how many seconds it would be.
func (l *addressLimits) take(address netip.Addr, now time.Time) (wait int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	prefix := prefixOf(address)
	limiter := l.limiters[prefix]
	if limiter == nil {
		if len(l.limiters) >= maxAddresses {
			l.forget(now)
		}
		limiter = rate.NewLimiter(l.perSecond, l.burst)
		l.limiters[prefix] = limiter
	}
	if limiter.AllowN(now, 1) {
		return 0, true
	}
	return l.waitFor(limiter, now), false
}

// peek is take without counting.
func (l *addressLimits) peek(address netip.Addr, now time.Time) (wait int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	limiter := l.limiters[prefixOf(address)]
	if limiter == nil || limiter.TokensAt(now) >= 1 {
		return 0, true
	}
	return l.waitFor(limiter, now), false
}

func (l *addressLimits) waitFor(limiter *rate.Limiter, now time.Time) int {
	return max(1, int(math.Ceil((1-limiter.TokensAt(now))/float64(l.perSecond))))
}

// forget makes room: first the addresses that have been quiet, else any. Who
// has thousands of addresses is not stopped by such a limit anyway.
func (l *addressLimits) forget(now time.Time) {
	for prefix, limiter := range l.limiters {
		if limiter.TokensAt(now) >= float64(l.burst) {
			delete(l.limiters, prefix)
		}
	}
	for prefix := range l.limiters {
		if len(l.limiters) <= maxAddresses*3/4 { // so that this is seldom done
			return
		}
		delete(l.limiters, prefix)
	}
}

func prefixOf(address netip.Addr) netip.Prefix {
	bits := address.BitLen()
	if address.Is6() {
		bits = 64
	}
	prefix, err := address.Prefix(bits)
	if err != nil {
		return netip.Prefix{} // the unknown address, shared by all who have it
	}
	return prefix
}
