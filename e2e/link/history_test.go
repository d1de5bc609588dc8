package main

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/tertulia-rtc/tertulia/simnet"
)

var start = time.UnixMilli(1_800_000_000_000)

// Packets that come faster than the link takes them wait longer and longer,
// until the queue is full.
func TestStatsTellQueueAndOverflow(t *testing.T) {
	d := newDirection(rand.New(rand.NewPCG(1, 0)), nil)
	// 1 Mb/s: 100 packets of 1000 bytes take 800 ms. 50 ms of queue hold six of them.
	d.set(settings{Rate: 1_000_000, QueueMS: 50}.config())
	for i := range 100 {
		d.send(start.Add(time.Duration(i)*4*time.Millisecond), 0, make([]byte, 1000))
	}
	s := d.stats(start, start.Add(time.Second))
	if s.InPackets != 100 || s.InBytes != 100_000 {
		t.Errorf("%d packets of %d bytes came in", s.InPackets, s.InBytes)
	}
	// Half of them go, and the queue.
	if s.Overflowed < 40 || s.Overflowed > 50 || s.Lost != 0 {
		t.Errorf("%d overflowed, %d were lost", s.Overflowed, s.Lost)
	}
	if s.Queue.Max > 50 || s.Queue.P95 < 35 || s.Queue.P50 > s.Queue.P95 || s.QueueMS != s.Queue.Max {
		t.Errorf("the queue was %+v, at most %v", s.Queue, s.QueueMS)
	}
	if len(s.Steps) != 4 || s.Steps[0].At != start.UnixMilli() || s.Steps[3].InPackets != 25 {
		t.Errorf("the steps are %+v", s.Steps)
	}
	// A part of it.
	if s := d.stats(start.Add(100*time.Millisecond), start.Add(200*time.Millisecond)); s.InPackets != 25 || len(s.Steps) != 1 {
		t.Errorf("of 100 ms: %+v", s)
	}
}

func TestHistoryIsBounded(t *testing.T) {
	var h history
	for i := range 2 * maxKept {
		h.at(start.Add(time.Duration(i)*step)).InPackets++
	}
	s := h.stats(time.Time{}, start.Add(time.Hour))
	if s.InPackets != maxKept || s.Steps[0].At != start.Add(maxKept*step).UnixMilli() {
		t.Errorf("%d steps are kept, from %d on", s.InPackets, s.Steps[0].At)
	}
}

func TestSettings(t *testing.T) {
	got := settings{Rate: 800_000, QueueMS: 200, LatencyMS: 30, Loss: 0.05, LossBurst: 3, StallMS: 200, StallEvery: 4000}.config()
	want := simnet.Config{
		Rate: 800_000, Queue: 20_000, Latency: 30 * time.Millisecond, Loss: 0.05, Burst: 3,
		Stall: 200 * time.Millisecond, StallEvery: 4 * time.Second,
	}
	if got != want {
		t.Errorf("%+v", got)
	}
	if q := (settings{Rate: 800_000, Queue: 7, QueueMS: 200}).config().Queue; q != 7 {
		t.Errorf("bytes go before milliseconds, but the queue is %d", q)
	}
	for _, bad := range []settings{{Loss: 1.5}, {LatencyMS: -1}, {StallMS: 1e9}, {Rate: -1}, {Loss: 1, LossBurst: 2}} {
		if bad.check() == nil {
			t.Errorf("%+v is taken", bad)
		}
	}
}
