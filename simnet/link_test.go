package simnet

import (
	"math/rand/v2"
	"testing"
	"time"
)

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func run(cfg Config, seed uint64, n int) (got []int, at []time.Duration, stats Stats) {
	l := NewLink(cfg, rand.New(rand.NewPCG(seed, 0)))
	take := func(now time.Time) {
		for _, p := range l.Receive(now) {
			got = append(got, int(p[0])<<8|int(p[1]))
			at = append(at, now.Sub(start))
		}
	}
	now := start
	for i := range n {
		p := make([]byte, 1000)
		p[0], p[1] = byte(i>>8), byte(i)
		l.Send(now, p)
		for next := l.Next(); !next.IsZero() && !next.After(now); next = l.Next() {
			take(next)
		}
		now = now.Add(time.Millisecond)
	}
	for next := l.Next(); !next.IsZero(); next = l.Next() {
		take(next)
	}
	return got, at, l.Stats()
}

func TestZeroLinkDelivers(t *testing.T) {
	got, at, _ := run(Config{}, 1, 100)
	for i := range got {
		if got[i] != i || at[i] != time.Duration(i)*time.Millisecond {
			t.Fatalf("packet %d came at %v", got[i], at[i])
		}
	}
}

func TestLossAndBursts(t *testing.T) {
	for _, burst := range []float64{0, 4} {
		_, _, s := run(Config{Loss: 0.1, Burst: burst}, 2, 50000)
		if share := float64(s.Lost) / float64(s.Sent); share < 0.085 || share > 0.115 {
			t.Errorf("burst %v: lost %.3f", burst, share)
		}
	}
}

func TestRateQueuesAndOverflows(t *testing.T) {
	// 1000 packets a second of 8000 bits on 4 Mb/s: half of them overflow, and
	// the queue of 40,000 bytes is 80 ms long.
	got, at, s := run(Config{Rate: 4e6, Queue: 40000, Latency: 10 * time.Millisecond}, 3, 2000)
	if s.Overflowed < 900 || s.Overflowed > 1050 {
		t.Errorf("%d of %d overflowed", s.Overflowed, s.Sent)
	}
	last := at[len(at)-1] - time.Duration(got[len(got)-1])*time.Millisecond
	if last < 80*time.Millisecond || last > 95*time.Millisecond {
		t.Errorf("delay at the end %v", last)
	}
}

func TestReorderAndRepeat(t *testing.T) {
	cfg := Config{Reorder: 0.1, ReorderBy: 5 * time.Millisecond, Jitter: 3 * time.Millisecond, Duplicate: 0.05}
	got, _, s := run(cfg, 4, 1000)
	if len(got) != 1000+s.Duplicated || s.Reordered == 0 || s.Duplicated == 0 {
		t.Fatalf("%d packets, %+v", len(got), s)
	}
	again, _, _ := run(cfg, 4, 1000)
	swapped := 0
	for i := range got {
		if got[i] != again[i] {
			t.Fatal("the same seed gives another run")
		}
		if i > 0 && got[i] < got[i-1] {
			swapped++
		}
	}
	if swapped == 0 {
		t.Error("nothing was reordered")
	}
}

// A link that stands still holds back what would arrive, until it goes on.
func TestStalls(t *testing.T) {
	cfg := Config{Latency: 10 * time.Millisecond, Stall: 200 * time.Millisecond, StallEvery: time.Second}
	got, at, s := run(cfg, 5, 20000)
	if s.Received != 20000 {
		t.Fatalf("%d of 20000 packets came", s.Received)
	}
	var stalls int
	var longest time.Duration
	for i := 1; i < len(got); i++ {
		if got[i] < got[i-1] {
			t.Fatal("a stall reordered packets")
		}
		if at[i]-at[i-1] > 100*time.Millisecond {
			stalls++
		}
		longest = max(longest, at[i]-time.Duration(got[i])*time.Millisecond)
	}
	if stalls < 15 || stalls > 25 {
		t.Errorf("%d stalls in 20 s, of one a second", stalls)
	}
	if longest < 205*time.Millisecond || longest > 210*time.Millisecond {
		t.Errorf("the longest delay was %v, of 10 ms and a stall of 200 ms", longest)
	}
}

func TestTagsAndBacklog(t *testing.T) {
	l := NewLink(Config{Rate: 8e6, Queue: 2500}, rand.New(rand.NewPCG(6, 0)))
	for i, fits := range []bool{true, true, false} {
		if want := time.Duration(i) * time.Millisecond; l.Backlog(start) != want {
			t.Errorf("before packet %d the backlog is %v, not %v", i, l.Backlog(start), want)
		}
		if l.SendTagged(start, i, make([]byte, 1000)) != fits {
			t.Errorf("packet %d on a queue of two and a half", i)
		}
	}
	arrived := l.ReceiveTagged(start.Add(time.Second))
	if len(arrived) != 2 || arrived[0].Tag != 0 || arrived[1].Tag != 1 || arrived[1].At != start.Add(2*time.Millisecond) {
		t.Errorf("arrived: %v", arrived)
	}
	if l.Backlog(start.Add(time.Second)) != 0 {
		t.Error("an idle link has a backlog")
	}
}
