package sfu

import (
	"testing"
	"time"

	"github.com/tertulia-rtc/tertulia/protocol"
	"github.com/tertulia-rtc/tertulia/simnet"
)

// A link is measured as far as its client asks, beyond what media need, and no further;
// what it does not carry does no harm.
func TestTargetOfALink(t *testing.T) {
	for _, c := range []struct{ rate, target, least, most int64 }{
		{6_000_000, 0, 0, 1_500_000},
		{6_000_000, 3_000_000, 2_700_000, 3_600_000},
		{1_000_000, 3_000_000, 800_000, 1_100_000},
		{100_000_000, 1_000_000_000, 30_000_000, 60_000_000},
	} {
		w := quality(t, 1)
		w.films("ana", 1, 1)
		w.run(2 * time.Second)
		v := w.watches("ben", simnet.Config{Latency: 30 * time.Millisecond, Rate: c.rate, Queue: 60_000}, 1)
		check(t, w.r.TargetLink(w.now, v.id, protocol.LinkTarget{Transport: "main", Bitrate: uint64(c.target)}))
		w.run(30 * time.Second)
		if got := w.r.peer(v.peer).Link.Estimate(); got < c.least || got > c.most {
			t.Errorf("%d on a link of %d: the estimate is %d", c.target, c.rate, got)
		}
		v.checkFreeze(w.now, 500*time.Millisecond)
		// Once it is known, nothing more is probed for.
		before := w.stats(v.client).ProbedBytes
		w.run(10 * time.Second)
		if n := w.stats(v.client).ProbedBytes - before; c.rate > c.target && n > 20_000 || n > 10*uint64(c.rate)/8/10 {
			t.Errorf("%d on a link of %d: %d bytes of probes in ten seconds", c.target, c.rate, n)
		}
	}
	w := newWorld(t)
	if err := w.r.TargetLink(w.now, "nobody", protocol.LinkTarget{Transport: "main"}); err == nil || err.Code != protocol.CodeNotFound {
		t.Error(err)
	}
}
