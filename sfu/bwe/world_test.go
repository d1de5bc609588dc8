package bwe

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/tertulia-rtc/tertulia/simnet"
)

// world is a controller with a source of media, links and a receiver, in virtual
// time.
type world struct {
	t        testing.TB
	c        *Controller
	rng      *rand.Rand
	now      time.Duration
	down, up *simnet.Link
	rate     int64 // of the link; for judging

	media    source
	receiver receiver
	// mute stops feedback, dead everything; pads is false where the sender has
	// nothing to pad with.
	mute, dead, nopads bool
	// other sends over the same link; its packets bear its mark.
	other     *world
	mark      byte
	timers    []*timer
	oneWay    time.Duration
	bytesIn   int64
	cross     int64 // bits a second of somebody else on the same link
	nextCross time.Duration
	advances  int

	sent     [][2]int64 // time, bytes: of every packet
	samples  []sample
	queueing []time.Duration // of every packet that came
}

// sample is how things stood, every 50 ms.
type sample struct {
	At                    time.Duration
	Estimate, Media, Link int64
	Sent, Acked           int64 // in the last second
	Queue                 time.Duration
	Usage                 Usage
	Reason                Reason
	Probing               bool
}

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

const (
	mtu   = 1150
	audio = 40e3
)

// source sends video in frames at 30 Hz, of the best of its choices that fits
// the estimate, and audio every 20 ms.
type source struct {
	choices   []int64 // bits a second
	choice    int
	nextFrame time.Duration
	nextAudio time.Duration
	switches  int
	stopped   bool
	keyframes bool // a switch up begins with one, of half a second's bits
}

type receiver struct {
	got   []arrivalOf
	next  time.Duration
	every time.Duration
	count uint8
	base  uint64 // of the next feedback
	open  bool
	high  uint64
	// skew is what the clock is off; drift in parts per million.
	skew  time.Duration
	drift int64
}

type arrivalOf struct {
	seq uint64
	at  time.Duration
}

func newWorld(t testing.TB, seed uint64, cfg simnet.Config) *world {
	rng := rand.New(rand.NewPCG(seed, 99))
	w := &world{t: t, c: New(Config{}), rng: rng, rate: cfg.Rate}
	w.down = simnet.NewLink(cfg, rng)
	w.up = simnet.NewLink(simnet.Config{Latency: cfg.Latency}, rng)
	w.oneWay = cfg.Latency
	w.media = source{choices: []int64{150e3, 650e3, 2350e3}, keyframes: true}
	w.media.nextFrame = time.Duration(rng.Int64N(int64(33 * time.Millisecond)))
	w.media.nextAudio = time.Duration(rng.Int64N(int64(20 * time.Millisecond)))
	w.receiver.every = time.Duration(50+rng.IntN(50)) * time.Millisecond
	w.receiver.skew = time.Duration(rng.Int64N(int64(24 * time.Hour)))
	w.now = time.Duration(1+rng.IntN(1000)) * time.Second
	w.media.nextFrame += w.now
	w.media.nextAudio += w.now
	w.receiver.next = w.now
	w.c.SetWanted(w.now, 2400e3)
	return w
}

func (w *world) set(cfg simnet.Config) {
	w.rate = cfg.Rate
	w.down.Set(cfg)
}

// queued is the link of a rate with a quarter of a second of queue.
func queued(rate int64, latency time.Duration) simnet.Config {
	return simnet.Config{Rate: rate, Queue: int(rate / 8 / 4), Latency: latency}
}

func (w *world) send(size int, kind Kind) {
	seq := w.c.Sent(w.now, size, kind)
	w.sent = append(w.sent, [2]int64{int64(w.now), int64(size + headerBytes)})
	if w.dead {
		return
	}
	p := make([]byte, size+headerBytes)
	binary.BigEndian.PutUint16(p, seq)
	binary.BigEndian.PutUint64(p[2:], uint64(w.now))
	p[10] = w.mark
	w.down.Send(epoch.Add(w.now), p)
}

// run lets time pass, in steps of a millisecond.
func (w *world) run(d time.Duration) {
	for end := w.now + d; w.now < end; w.now += time.Millisecond {
		w.step()
		if o := w.other; o != nil {
			o.now = w.now
			o.step()
		}
	}
}

func (w *world) step() {
	w.source()
	for _, t := range w.timers {
		if w.now >= t.next {
			t.next += t.every
			t.f()
		}
	}
	if due := w.c.Timer(); due > 0 && due <= w.now {
		w.advances++
		w.c.Advance(w.now)
		for left := w.c.Probe(w.now); left > 0 && !w.nopads; {
			size := min(max(left, 60), mtu)
			w.send(size, Probe)
			left -= size + headerBytes
		}
		if after := w.c.Timer(); after > 0 && after <= w.now {
			w.t.Fatalf("Timer stays at %v", after)
		}
	}
	w.receive()
	for next := w.up.Next(); !next.IsZero() && !next.After(epoch.Add(w.now)); next = w.up.Next() {
		for _, p := range w.up.Receive(next) {
			if !w.c.Feedback(w.now, p) {
				w.t.Fatal("feedback refused")
			}
		}
	}
	if w.now%(50*time.Millisecond) < time.Millisecond {
		w.sample()
	}
}

func (w *world) source() {
	m := &w.media
	for ; w.cross > 0 && w.now >= w.nextCross; w.nextCross = max(w.now, w.nextCross) + time.Duration(1200*8*int64(time.Second)/w.cross) {
		w.down.Send(epoch.Add(w.now), make([]byte, 1200))
	}
	if m.stopped {
		m.nextAudio, m.nextFrame = w.now, w.now
		return
	}
	for w.now >= m.nextAudio {
		m.nextAudio += 20 * time.Millisecond
		w.send(audio/8/50, Media)
	}
	if w.now < m.nextFrame {
		return
	}
	m.nextFrame += time.Second / 30
	choice := 0
	for i, b := range m.choices {
		if b+audio+audio/2 <= w.c.Estimate() {
			choice = i
		}
	}
	size := 0.0
	if choice > m.choice && m.keyframes {
		size += float64(m.choices[choice]) / 8 / 10
	}
	if choice != m.choice {
		m.choice = choice
		m.switches++
	}
	if len(m.choices) > 0 {
		size += float64(m.choices[choice]) / 8 / 30 * (0.7 + 0.6*w.rng.Float64())
	}
	n := int(size)/mtu + 1
	for range n {
		w.send(max(int(size)/n-headerBytes, 20), Media)
	}
}

func (w *world) receive() {
	for next := w.down.Next(); !next.IsZero() && !next.After(epoch.Add(w.now)); next = w.down.Next() {
		at := next.Sub(epoch)
		for _, p := range w.down.Receive(next) {
			if binary.BigEndian.Uint64(p[2:]) == 0 {
				continue // somebody else's
			}
			if p[10] != w.mark {
				w.other.take(p, at)
				continue
			}
			w.take(p, at)
		}
	}
	w.feedback()
}

// take is the arrival of a packet.
func (w *world) take(p []byte, at time.Duration) {
	r := &w.receiver
	seq := uint64(binary.BigEndian.Uint16(p))
	if !r.open {
		r.open, r.base, r.high = true, seq, seq
	}
	seq = r.high + uint64(int64(int16(uint16(seq)-uint16(r.high))))
	r.high = max(r.high, seq)
	r.got = append(r.got, arrivalOf{seq, at})
	w.queueing = append(w.queueing, at-time.Duration(binary.BigEndian.Uint64(p[2:])))
	w.bytesIn += int64(len(p))
}

func (w *world) feedback() {
	r := &w.receiver
	if w.now < r.next {
		return
	}
	r.next += r.every
	if len(r.got) == 0 {
		return
	}
	slices.SortFunc(r.got, func(a, b arrivalOf) int { return int(int64(a.seq - b.seq)) })
	r.got = slices.CompactFunc(r.got, func(a, b arrivalOf) bool { return a.seq == b.seq })
	base := min(r.base, r.got[0].seq)
	fci := appendFCI(nil, base, r.count, r.skew+w.now*time.Duration(r.drift)/1e6, r.got)
	r.base = r.got[len(r.got)-1].seq + 1
	r.count++
	r.got = r.got[:0]
	if !w.mute && !w.dead {
		w.up.Send(epoch.Add(w.now), fci)
	}
}

// appendFCI writes feedback in the plainest way: vectors of seven symbols.
func appendFCI(b []byte, base uint64, count uint8, skew time.Duration, got []arrivalOf) []byte {
	n := int(got[len(got)-1].seq-base) + 1
	reference := (got[0].at + skew) / referenceTick
	b = append(b, byte(base>>8), byte(base), byte(n>>8), byte(n), byte(reference>>16), byte(reference>>8), byte(reference), count)
	symbols := make([]byte, (n+6)/7*7)
	var deltas []byte
	last := 256 * reference // ticks of 64 ms in those of 250 µs
	for _, a := range got {
		at := (a.at + skew) / deltaTick
		d := at - last
		last = at
		if d >= 0 && d < 256 {
			symbols[a.seq-base] = symbolSmall
			deltas = append(deltas, byte(d))
			continue
		}
		symbols[a.seq-base] = symbolLarge
		deltas = append(deltas, byte(d>>8), byte(d))
	}
	for i := 0; i < len(symbols); i += 7 {
		v := uint16(0xc000)
		for k, s := range symbols[i : i+7] {
			v |= uint16(s) << (12 - 2*k)
		}
		b = binary.BigEndian.AppendUint16(b, v)
	}
	return append(b, deltas...)
}

func (w *world) sample() {
	s := w.c.Stats()
	var sent int64
	for i := len(w.sent) - 1; i >= 0 && w.sent[i][0] > int64(w.now-time.Second); i-- {
		sent += w.sent[i][1] * 8
	}
	w.samples = append(w.samples, sample{At: w.now, Estimate: s.Estimate, Media: w.media.choices[w.media.choice], Link: w.rate,
		Sent: sent, Acked: s.Acknowledged, Queue: s.Queue, Usage: s.Usage, Reason: s.Reason, Probing: s.Probing > 0})
}

// from forgets what was sampled until now.
func (w *world) from() {
	w.samples, w.queueing = nil, nil
	w.media.switches, w.advances = 0, 0
}

// ninetyFifth is that percentile of the delay beyond the least.
func (w *world) ninetyFifth() time.Duration {
	all := slices.Clone(w.queueing)
	slices.Sort(all)
	return all[len(all)*95/100] - all[0]
}

// estimates sums up the samples.
func (w *world) estimates() (low, high, mean int64) {
	low = 1e9
	for _, s := range w.samples {
		low, high = min(low, s.Estimate), max(high, s.Estimate)
		mean += s.Estimate
	}
	return low, high, mean / int64(len(w.samples))
}

type timer struct {
	next, every time.Duration
	f           func()
}

func (w *world) every(d time.Duration, f func()) {
	w.timers = append(w.timers, &timer{w.now + d, d, f})
}

// lately is how long the latest packet waited.
func (w *world) lately() time.Duration {
	if len(w.queueing) == 0 {
		return 0
	}
	return w.queueing[len(w.queueing)-1] - w.oneWay
}

// above is for how long at most the last second had more bits than the link
// carries in one.
func (w *world) above() time.Duration {
	run, most := time.Duration(0), time.Duration(0)
	for _, s := range w.samples {
		run += 50 * ms
		if s.Link == 0 || s.Sent <= s.Link {
			run = 0
		}
		most = max(most, run)
	}
	return most
}
