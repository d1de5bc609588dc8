package bwe

import (
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"
)

// Feedback on what was never sent, repeated feedback and times that run backwards
// are counted, and change nothing.
func TestForgedFeedback(t *testing.T) {
	w := newWorld(t, 1, queued(5e6, 40*ms))
	w.run(5 * time.Second)
	next := w.c.History.Next
	before := w.c.Stats()
	at := w.receiver.next
	got := []arrivalOf{}
	for i := range uint64(50) {
		got = append(got, arrivalOf{next + 10 + i, at + time.Duration(i)*ms})
	}
	w.c.Feedback(w.now, appendFCI(nil, next, 0, w.receiver.skew, got))
	if n := w.c.Counts.Unknown - before.Counts.Unknown; n != 60 {
		t.Errorf("%d statuses of packets that were never sent, want 60", n)
	}
	// The latest ones, once more.
	got = got[:0]
	for i := next - 40; i < next-20; i++ {
		if w.c.History.find(i).Fate == arrived {
			got = append(got, arrivalOf{i, at})
		}
	}
	w.c.Feedback(w.now, appendFCI(nil, got[0].seq, 0, w.receiver.skew, got))
	if n := w.c.Counts.Repeated - before.Counts.Repeated; n != int64(len(got)) {
		t.Errorf("%d repeated statuses, want %d", n, len(got))
	}
	// Packets in flight, an hour ago.
	got = []arrivalOf{{next - 1, at}}
	w.c.Feedback(w.now, appendFCI(nil, next-1, 0, w.receiver.skew-time.Hour, got))
	if n := w.c.Counts.Backwards - before.Counts.Backwards; n != 1 {
		t.Errorf("%d times ran backwards", n)
	}
	after := w.c.Stats()
	after.Counts = before.Counts
	if after != before {
		t.Errorf("forged feedback changed\n%+v to\n%+v", before, after)
	}
	for _, fci := range [][]byte{nil, make([]byte, 7), {0, 0, 0, 1, 0, 0, 0, 0}, {0, 0, 0, 1, 0, 0, 0, 0, 0x20, 1}, {0, 0, 0xff, 0xff, 0, 0, 0, 0, 0x1f, 0xff}, {0, 0, 0, 1, 0, 0, 0, 0, 0x60, 1, 0, 0}} {
		if w.c.Feedback(w.now, fci) {
			t.Errorf("%x is no feedback", fci)
		}
	}
	if w.c.Counts.Malformed != 6 {
		t.Errorf("%d malformed", w.c.Counts.Malformed)
	}
}

// A peer whose clock is set anew is believed again.
func TestClockSetAnew(t *testing.T) {
	for _, by := range []time.Duration{-2 * time.Hour, 2 * time.Hour} {
		w := newWorld(t, 1, queued(1e6, 40*ms))
		w.run(15 * time.Second)
		w.receiver.skew += by
		w.run(30 * time.Second)
		w.from()
		w.run(15 * time.Second)
		if low, high, _ := w.estimates(); low < 850e3 || high > 1050e3 {
			t.Errorf("by %v: estimate %d…%d", by, low, high)
		}
	}
}

// A clock that runs fast or slow by 100 ppm makes no queue.
func TestClockDrift(t *testing.T) {
	for _, ppm := range []int64{-100, 100} {
		w := newWorld(t, 1, queued(1e6, 40*ms))
		w.receiver.drift = ppm
		w.run(60 * time.Second)
		w.from()
		w.run(60 * time.Second)
		w.trace()
		if low, high, _ := w.estimates(); low < 850e3 || high > 1050e3 {
			t.Errorf("%d ppm: estimate %d…%d", ppm, low, high)
		}
	}
}

// State survives JSON at any time: the copy goes on as the original does.
func TestJSONRoundTrip(t *testing.T) {
	for _, after := range []time.Duration{0, 60 * ms, 130 * ms, time.Second, 10 * time.Second} {
		w := newWorld(t, 3, queued(1e6, 40*ms))
		w.run(after)
		b, err := json.Marshal(w.c)
		if err != nil {
			t.Fatal(err)
		}
		back := new(Controller)
		if err := json.Unmarshal(b, back); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(w.c, back) {
			t.Fatalf("after %v:\n%+v\nis not\n%+v", after, back, w.c)
		}
	}
}

// Sequence numbers of 16 bits go round; the history stays bounded and keeps two
// seconds.
func TestHistory(t *testing.T) {
	c := New(Config{})
	now := time.Duration(0)
	for i := range 200_000 {
		if seq := c.Sent(now, 1000, Media); seq != uint16(i) {
			t.Fatalf("packet %d has number %d", i, seq)
		}
		now += 5 * ms
	}
	if n := len(c.History.Ring); n != 512 {
		t.Errorf("%d places for 200 packets a second", n)
	}
	if p := c.History.find(c.History.Next - 400); p == nil || p.since(now) != 400*5*ms {
		t.Errorf("a packet of two seconds ago is %+v", p)
	}
	for range 100_000 {
		c.Sent(now, 1000, Media)
	}
	if n := len(c.History.Ring); n != maxHistory {
		t.Errorf("%d places for any number of packets a second", n)
	}
}

// Nothing is allocated per packet or per feedback.
func TestAllocatesNothing(t *testing.T) {
	c, feedback := flow()
	if n := testing.AllocsPerRun(1000, func() { feedback() }); n != 0 {
		t.Errorf("%v allocations for a feedback of %d packets", n, perFeedback)
	}
	if c.Counts.Malformed+c.Counts.Unknown+c.Counts.Repeated > 0 || c.Acked.Fast == 0 {
		t.Errorf("the flow does not flow: %+v", c.Counts)
	}
}

const perFeedback = 20

// flow is a controller, and a function that sends perFeedback packets in 100 ms and
// reads the feedback on them.
func flow() (*Controller, func()) {
	c := New(Config{})
	c.SetWanted(0, 2e6)
	now := time.Second
	got := make([]arrivalOf, perFeedback)
	var fci []byte
	count := uint8(0)
	feedback := func() {
		base := c.History.Next
		for i := range got {
			c.Sent(now, 1100, Media)
			got[i] = arrivalOf{base + uint64(i), now + 20*ms}
			now += 100 * ms / perFeedback
		}
		fci = appendPlainFCI(fci[:0], uint16(base), count, got)
		count++
		if !c.Feedback(now, fci) {
			panic("refused")
		}
		c.Advance(now)
		c.Timer()
	}
	for range 50 {
		feedback()
	}
	return c, feedback
}

// appendPlainFCI writes feedback on packets that all came, without allocation.
func appendPlainFCI(b []byte, base uint16, count uint8, got []arrivalOf) []byte {
	reference := got[0].at / referenceTick
	b = append(b, byte(base>>8), byte(base), 0, byte(len(got)), byte(reference>>16), byte(reference>>8), byte(reference), count)
	b = append(b, 0x40|byte(len(got)>>8), byte(len(got)))
	last := 256 * reference // ticks of 64 ms in those of 250 µs
	for _, a := range got {
		at := a.at / deltaTick
		b = append(b, byte((at-last)>>8), byte(at-last))
		last = at
	}
	return b
}

func BenchmarkSent(b *testing.B) {
	c := New(Config{})
	now := time.Duration(0)
	b.ReportAllocs()
	for b.Loop() {
		c.Sent(now, 1100, Media)
		now += 5 * ms
	}
}

// BenchmarkFeedback is the whole feedback, Advance and Timer included; ns/packet
// is what it comes to.
func BenchmarkFeedback(b *testing.B) {
	_, feedback := flow()
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		feedback()
		n++
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n)/perFeedback, "ns/packet")
}

// FuzzFeedback: no feedback panics, or makes an estimate out of bounds.
func FuzzFeedback(f *testing.F) {
	got := []arrivalOf{{10, time.Second}, {11, time.Second + ms}, {14, time.Second + 200*ms}}
	f.Add(appendFCI(nil, 8, 3, 0, got), appendFCI(nil, 12, 4, 0, got[2:]), uint64(1))
	f.Add([]byte{0, 0, 0, 30, 0, 0, 1, 0, 0x20, 30}, []byte{0xff, 0xf0, 0, 40, 0xff, 0xff, 0xff, 0, 0xbf, 0xff}, uint64(2))
	f.Fuzz(func(t *testing.T, first, second []byte, seed uint64) {
		rng := rand.New(rand.NewPCG(seed, 0))
		c := New(Config{})
		now := time.Duration(rng.Int64N(int64(time.Hour)))
		c.SetWanted(now, rng.Int64N(10e6))
		for range rng.IntN(200) {
			c.Sent(now, rng.IntN(2000), Kind(rng.IntN(3)))
			now += time.Duration(rng.IntN(int(20 * ms)))
			c.Advance(now)
			c.Probe(now)
		}
		for range 3 {
			c.Feedback(now, slices.Clone(first))
			now += time.Duration(rng.IntN(int(200 * ms)))
			c.Advance(now)
			c.Feedback(now, slices.Clone(second))
			now += time.Duration(rng.IntN(int(2 * time.Second)))
			c.Advance(now)
		}
		if e := c.Estimate(); e < c.Config.Min || e > c.Config.Max {
			t.Errorf("estimate %d", e)
		}
		b, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		back := new(Controller)
		if err := json.Unmarshal(b, back); err != nil || !reflect.DeepEqual(c, back) {
			t.Errorf("state %s: %v", b, err)
		}
	})
}
