package audible_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	. "github.com/tertulia-rtc/tertulia/sfu/audible"
)

const (
	ms     = int64(time.Millisecond)
	packet = 20 * ms
)

// voice is what a stream sends: a level for each packet, from a seed.
type voice struct {
	// speaks says whether it speaks at a time; nil is never.
	speaks func(at int64) bool
	dB     float64          // mean level of speech, dBov
	noise  float64          // level without speech
	dtx    bool             // without speech, a packet every 400 ms
	plain  bool             // sends no levels
	fixed  bool             // always dB, whatever it says
	marks  func(int64) bool // sets the V bit in its speech
	phase  float64
}

func always(int64) bool { return true }

// between is once from one time to another, in milliseconds.
func between(from, to int64) func(int64) bool {
	return func(at int64) bool { return at >= from*ms && at < to*ms }
}

// turns is speech for some time out of a period, in milliseconds, from an offset.
func turns(offset, on, period int64) func(int64) bool {
	return func(at int64) bool { return at >= offset*ms && (at/ms-offset)%period < on }
}

// room plays voices into a Selector.
type room struct {
	t      *testing.T
	s      *Selector
	rng    *rand.Rand
	now    int64
	voices []*voice

	heard   []int64 // when each stream became audible, 0 if it is not
	entered []int   // how often each became audible
	left    []int
	cut     int // streams that left in the middle of speech
	most    int // most that were audible at once, of those with levels
	told    int // lists of speakers
}

func newRoom(t *testing.T, cfg Config, voices ...*voice) *room {
	r := &room{t: t, s: New(cfg), rng: rand.New(rand.NewPCG(1, 2)), now: 1, voices: voices}
	r.heard = make([]int64, len(voices))
	r.entered, r.left = make([]int, len(voices)), make([]int, len(voices))
	for i, v := range voices {
		v.phase = r.rng.Float64()
		r.s.Add(i)
		r.heard[i] = r.now
	}
	return r
}

// crowd fills a room with the silent.
func crowd(n int, voices ...*voice) []*voice {
	for len(voices) < n {
		voices = append(voices, &voice{noise: -75})
	}
	return voices
}

// level is the next packet of a voice: speech has some four syllables a second,
// with less between them, and differs from packet to packet.
func (r *room) level(v *voice) (level byte, voiced, sent bool) {
	dB := v.noise + 4*(r.rng.Float64()-0.5)
	speaking := v.speaks != nil && v.speaks(r.now)
	switch {
	case v.fixed:
		dB = v.dB
	case speaking:
		syllable := math.Sin(2 * math.Pi * (4*float64(r.now)/1e9 + v.phase))
		dB = v.dB + 6*syllable + 4*(r.rng.Float64()-0.5)
		if r.rng.IntN(25) == 0 {
			dB -= 20 // a stop consonant
		}
	case v.dtx && r.now/packet%20 != 0:
		return 0, false, false
	}
	return byte(min(max(-dB, 0), 127)), speaking && v.marks != nil && v.marks(r.now), true
}

func (r *room) step() {
	if due := r.s.Next(); due != 0 && due <= r.now {
		if r.s.Advance(r.now) {
			r.told++
		}
		r.take()
	}
	for i, v := range r.voices {
		level, voiced, sent := r.level(v)
		if !sent || v.plain {
			continue
		}
		before := r.s.Audible(i)
		if r.s.Heard(r.now, i, level, voiced) != (r.s.Audible(i) && !before) {
			r.t.Fatalf("Heard does not say whether stream %d became audible", i)
		}
		r.take()
	}
	n := 0
	for i, v := range r.voices {
		if r.s.Audible(i) && !v.plain {
			n++
		}
		if r.s.Audible(i) != (r.heard[i] != 0) {
			r.t.Fatalf("stream %d changed, and was not told", i)
		}
	}
	if r.now > 2e9 {
		r.most = max(r.most, n)
	}
	r.now += packet
}

func (r *room) take() {
	for _, c := range r.s.Changes() {
		i := c.Stream
		if c.Audible {
			r.heard[i] = r.now
			r.entered[i]++
			continue
		}
		r.heard[i] = 0
		r.left[i]++
		if v := r.voices[i]; v.speaks != nil && v.dB > -45 && v.speaks(r.now) && v.speaks(r.now-100*ms) {
			r.cut++
		}
	}
}

func (r *room) run(d time.Duration) {
	for end := r.now + int64(d); r.now < end; {
		r.step()
	}
}

func (r *room) audible() (list []int) {
	for i := range r.voices {
		if r.s.Audible(i) {
			list = append(list, i)
		}
	}
	return list
}
