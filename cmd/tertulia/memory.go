package main

import (
	"context"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	// garbagePercent is how much garbage there may be, in per cent of what lives.
	// Forwarding allocates nothing; what is allocated is the short-lived side of joining.
	garbagePercent = 50
	// ballastSize counts as living, and so lets half of it be garbage at any time. A
	// small server has 3 MB that live: without ballast it would collect at every third
	// join, which takes a fifth of the time that joining takes. It is never written to, so it
	// has no memory.
	ballastSize = 8 << 20
	// restAfter is how long few may have joined until the garbage is given back to the
	// system, restLess what they allocate in that time: a join takes some 250 KB.
	restAfter = 5 * time.Second
	restLess  = 2 << 20
	// restMore is how much must have been allocated to make it worth it; and a
	// quarter of what lives.
	restMore = 2 << 20
)

// ballast keeps the collector from running too often.
var ballast []byte

// tuneMemory sets how often garbage is collected, unless the environment says so.
func tuneMemory() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbagePercent)
		ballast = make([]byte, ballastSize)
	}
}

// restMemory gives memory back to the system after people have joined, until the
// context ends.
func restMemory(ctx context.Context) {
	defer runtime.KeepAlive(ballast)
	tick := time.NewTicker(restAfter)
	defer tick.Stop()
	last, _ := allocated()
	rested := last
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now, live := allocated()
		if now-last < restLess && now-rested > restMore+(live-min(live, ballastSize))/4 {
			debug.FreeOSMemory()
			releasePages()
			now, _ = allocated()
			rested = now
		}
		last = now
	}
}

// allocated is how many bytes were ever allocated, and how many lived at the last
// collection.
func allocated() (all, live uint64) {
	samples := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}, {Name: "/gc/heap/live:bytes"}}
	metrics.Read(samples)
	return samples[0].Value.Uint64(), samples[1].Value.Uint64()
}
