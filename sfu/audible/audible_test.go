package audible_test

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	. "github.com/tertulia-rtc/tertulia/sfu/audible"
)

// Up to the threshold everything passes, whatever it sends.
func TestFewStreamsAreAllAudible(t *testing.T) {
	var voices []*voice
	for i := range 12 {
		voices = append(voices, &voice{noise: -100, speaks: turns(int64(i)*100, 500, 1500), dB: -20 - float64(i)})
	}
	r := newRoom(t, Config{}, voices...)
	r.run(time.Minute)
	if n := len(r.audible()); n != 12 || slices.Max(r.left) > 0 {
		t.Errorf("%d audible, %v left", n, r.left)
	}
	// The thirteenth brings the limit; when it is gone, all are audible at once.
	r.voices = append(r.voices, &voice{noise: -100})
	r.heard, r.entered, r.left = append(r.heard, r.now), append(r.entered, 0), append(r.left, 0)
	r.s.Add(12)
	r.run(5 * time.Second)
	if n := len(r.audible()); n < 3 || n > 5 || !r.s.Limited() {
		t.Errorf("%d audible with the limit", n)
	}
	r.voices, r.heard = r.voices[:12], r.heard[:12]
	r.s.Remove(12)
	r.take()
	if n := len(r.audible()); n != 12 || r.s.Limited() || r.s.Audible(12) {
		t.Errorf("%d audible without it", n)
	}
}

// Forty murmur, three talk: the three are heard in every word, and nobody else
// for long.
func TestThreeTalkersAmongMurmurs(t *testing.T) {
	var voices []*voice
	for i := range 40 {
		voices = append(voices, &voice{speaks: turns(int64(i)*130, 2000, 5000), dB: -52, noise: -65})
	}
	for i, k := range []int{7, 19, 33} {
		voices[k] = &voice{speaks: turns(int64(i)*900, 4000, 5500), dB: -26, noise: -68}
	}
	r := newRoom(t, Config{}, voices...)
	r.run(10 * time.Second)
	for i := range r.left {
		r.left[i], r.entered[i] = 0, 0
	}
	lost, spoken, others := 0, 0, 0
	for r.now < 70e9 {
		r.step()
		for _, k := range []int{7, 19, 33} {
			if voices[k].speaks(r.now - packet) {
				spoken++
				if !r.s.Audible(k) {
					lost++
				}
			}
		}
		others += len(r.audible()) - 3
	}
	if lost > 0 {
		t.Errorf("%d of %d packets of speech not heard", lost, spoken)
	}
	if r.cut > 0 || r.most > 5 {
		t.Errorf("%d cut off, %d audible at once", r.cut, r.most)
	}
	churn := 0
	for i := range r.entered {
		churn += r.entered[i]
	}
	t.Logf("%d entered in a minute, %.2f others audible on average", churn, float64(others)/3000)
	if churn > 60 {
		t.Errorf("%d changes in a minute", churn)
	}
}

// Who begins to speak is audible from the second packet on, 20 ms after the
// first, if places are free, if their owners are silent, and if three talk; a
// little later where the first syllable begins softly.
func TestOnset(t *testing.T) {
	for _, row := range []struct {
		name    string
		talkers int
		until   int64 // ms
		dB      float64
	}{
		{"into silence", 0, 0, -40},
		{"after others", 3, 9400, -36},
		{"over two", 2, 20000, -36},
		{"over three", 3, 20000, -20},
		{"over three, as loud", 3, 20000, -26},
	} {
		t.Run(row.name, func(t *testing.T) {
			var late []int64
			for from := int64(10000); from < 11000; from += 20 {
				voices := crowd(20)
				for i := range row.talkers {
					voices[i] = &voice{speaks: between(0, row.until), dB: -28, noise: -70}
				}
				voices[15] = &voice{speaks: between(from, 20000), dB: row.dB, noise: -72}
				r := newRoom(t, Config{}, voices...)
				r.run(time.Duration(from) * time.Millisecond)
				if r.s.Audible(15) {
					t.Fatal("audible before")
				}
				for r.now < from*ms { // packets come at 1 ns past
					r.step()
				}
				first := r.now
				for r.heard[15] == 0 && r.now < 13e9 {
					r.step()
				}
				late = append(late, (r.heard[15]-first)/ms)
			}
			slices.Sort(late)
			median, most := late[len(late)/2], late[len(late)-1]
			t.Logf("audible %d ms after the first packet, %d ms at most", median, most)
			if median > 40 || most > 100 {
				t.Errorf("audible %d ms after the first packet, %d ms at most", median, most)
			}
		})
	}
}

// Whoever is displaced leaves in a pause, after half a second at the least; while
// four talk in turns, the fourth is an extra.
func TestTalkOver(t *testing.T) {
	voices := crowd(20)
	for i := range 3 {
		voices[i] = &voice{speaks: turns(int64(i)*300, 2500, 3000), dB: -32 - float64(i), noise: -70}
	}
	talks := voices[2].speaks
	voices[2].speaks = func(at int64) bool { return at < 14000*ms && talks(at) }
	voices[9] = &voice{speaks: between(10000, 20000), dB: -20, noise: -70}
	r := newRoom(t, Config{}, voices...)
	r.run(10 * time.Second)
	if got := r.audible(); !slices.Equal(got, []int{0, 1, 2}) {
		t.Fatalf("audible: %v", got)
	}
	before, left := r.left[0]+r.left[1]+r.left[2], int64(0)
	for r.now < 19e9 {
		r.step()
		if left == 0 && r.left[0]+r.left[1]+r.left[2] > before {
			left = r.now
		}
	}
	if left < 14.5e9 || r.s.Audible(2) {
		t.Errorf("the first left at %d ms (0 is never); audible: %v", left/ms, r.audible())
	}
	if !r.s.Audible(9) || r.left[9] > 1 { // once at the beginning, in silence
		t.Errorf("the loudest is gone: %v", r.left)
	}
	if r.cut > 0 {
		t.Errorf("%d cut off in speech", r.cut)
	}
	if r.most > 5 {
		t.Errorf("%d audible at once", r.most)
	}
}

// Two who alternate, each syllable or each sentence, with one place between them.
func TestAlternatingSpeakersDoNotFlap(t *testing.T) {
	for _, period := range []int64{300, 600, 1000, 2000, 6000} {
		voices := crowd(20)
		voices[3] = &voice{speaks: turns(0, period/2, period), dB: -26, noise: -70}
		voices[4] = &voice{speaks: turns(period/2, period/2, period), dB: -26, noise: -70}
		for _, places := range []int{1, 3} {
			r := newRoom(t, Config{Loudest: places}, voices...)
			r.run(time.Minute)
			entered := r.entered[3] + r.entered[4]
			t.Logf("period %d ms, %d places: entered %d times", period, places, entered)
			if limit := 20; places == 3 && entered > 0 || entered > max(limit, int(2*60000/max(period, 2500))) {
				t.Errorf("period %d ms, %d places: entered %d times in a minute", period, places, entered)
			}
		}
	}
}

// A cough or a click displaces nobody, and is soon gone.
func TestCoughsAndClicks(t *testing.T) {
	for _, length := range []int64{20, 40, 100, 300, 500} {
		voices := crowd(30)
		for i := range 3 {
			voices[i] = &voice{speaks: turns(int64(i)*400, 2600, 3200), dB: -30, noise: -70}
		}
		for i := range 10 {
			voices[10+i] = &voice{speaks: turns(int64(5000+i*700), length, 7000), dB: -12, noise: -75}
		}
		r := newRoom(t, Config{}, voices...)
		r.run(4 * time.Second)
		r.left, r.entered = make([]int, 30), make([]int, 30)
		r.run(time.Minute)
		if n := r.left[0] + r.left[1] + r.left[2]; n > 0 {
			t.Errorf("coughs of %d ms displaced a talker %d times", length, n)
		}
		coughs := 0
		for i := range 10 {
			coughs += r.entered[10+i]
		}
		if length == 20 && coughs > 0 {
			t.Errorf("a single packet was enough, %d times", coughs)
		}
		if r.most > 5 {
			t.Errorf("%d audible at once", r.most)
		}
	}
}

// Streams that send no levels are always audible, and take nobody's place.
func TestStreamsWithoutLevels(t *testing.T) {
	voices := crowd(30)
	for i := range 10 {
		voices[i] = &voice{plain: true}
	}
	for i := range 3 {
		voices[20+i] = &voice{speaks: always, dB: -30, noise: -70}
	}
	r := newRoom(t, Config{}, voices...)
	r.run(20 * time.Second)
	if got, want := r.audible(), []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 20, 21, 22}; !slices.Equal(got, want) {
		t.Errorf("audible: %v", got)
	}
	if slices.Max(r.left[:10]) > 0 {
		t.Error("they left")
	}
}

// Those who say that they are always the loudest keep nobody out for long, not
// even if they are many; one has one place at the most.
func TestLiars(t *testing.T) {
	for _, liars := range []int{1, 3, 10} {
		voices := crowd(30)
		for i := range liars {
			voices[i] = &voice{fixed: true, dB: 0}
		}
		talkers := 3
		if liars == 1 {
			talkers = 2
		}
		for i := range talkers {
			voices[20+i] = &voice{speaks: turns(int64(i)*500, 3000, 4000), dB: -30, noise: -70}
		}
		r := newRoom(t, Config{}, voices...)
		r.run(5 * time.Second)
		lost, spoken := 0, 0
		for r.now < 65e9 {
			r.step()
			for k := 20; k < 20+talkers; k++ {
				if voices[k].speaks(r.now - packet) {
					spoken++
					if !r.s.Audible(k) {
						lost++
					}
				}
			}
		}
		t.Logf("%d liars: %d of %d packets not heard", liars, lost, spoken)
		if lost*50 > spoken {
			t.Errorf("%d liars: %d of %d packets of speech not heard", liars, lost, spoken)
		}
		if d := r.s.Dominant(); d < 20 {
			t.Errorf("%d liars: %d is the dominant speaker", liars, d)
		}
	}
}

// Where a publisher tells voice from noise, its noise is not speech.
func TestVoiceActivity(t *testing.T) {
	for _, tells := range []bool{false, true} {
		voices := crowd(20)
		voices[2] = &voice{speaks: turns(0, 400, 1000), dB: -33, noise: -70} // a keyboard, mostly
		if tells {
			voices[2].marks = between(1000, 2000)
		}
		for i := 5; i < 8; i++ {
			voices[i] = &voice{speaks: between(5000, 60000), dB: -30, noise: -70}
		}
		r := newRoom(t, Config{}, voices...)
		r.run(10 * time.Second)
		r.entered[2] = 0
		r.voices[2].speaks = turns(15000, 400, 1000)
		r.run(10 * time.Second)
		if entered := r.entered[2] > 0; entered == tells {
			t.Errorf("told to be noise: %v, became audible: %v", tells, entered)
		}
	}
}

// The dominant speaker is who leads, not who coughs or says yes.
func TestDominantSpeaker(t *testing.T) {
	voices := crowd(20)
	voices[1] = &voice{speaks: turns(0, 3000, 3500), dB: -28, noise: -70}
	voices[2] = &voice{speaks: turns(3000, 450, 3500), dB: -14, noise: -70} // yes!
	voices[3] = &voice{speaks: between(30000, 40000), dB: -26, noise: -70}
	r := newRoom(t, Config{}, voices...)
	changes, last := 0, -1
	for r.now < 29e9 {
		r.step()
		if d := r.s.Dominant(); d != last {
			changes, last = changes+1, d
		}
	}
	if last != 1 || changes > 1 {
		t.Errorf("%d dominates after %d changes", last, changes)
	}
	voices[1].speaks, voices[2].speaks = nil, nil
	r.run(4 * time.Second)
	if d := r.s.Dominant(); d != 3 {
		t.Errorf("%d dominates", d)
	}
	r.s.Remove(3)
	if d := r.s.Dominant(); d != -1 {
		t.Errorf("%d dominates, and is gone", d)
	}
}

// More talk at once, and without end, than there are places: those who have them
// keep them, and the others do not come and go.
func TestMoreTalkersThanPlaces(t *testing.T) {
	for _, places := range []int{1, 3} {
		voices := crowd(20)
		for i := range places + 3 {
			voices[i] = &voice{speaks: always, dB: -28, noise: -70}
		}
		r := newRoom(t, Config{Loudest: places}, voices...)
		r.run(10 * time.Second)
		r.entered, r.left = make([]int, 20), make([]int, 20)
		sum, n := 0, 0
		for r.now < 70e9 {
			r.step()
			sum, n = sum+len(r.audible()), n+1
		}
		entered := 0
		for _, k := range r.entered {
			entered += k
		}
		mean := float64(sum) / float64(n)
		t.Logf("%d places: %d entered, %.2f audible on average", places, entered, mean)
		if entered > 20 || mean > float64(places)+0.7 {
			t.Errorf("%d places: %d entered in a minute, %.2f audible on average", places, entered, mean)
		}
	}
}

// DTX: a place is kept through silence, and whoever comes back is heard at once.
func TestDTX(t *testing.T) {
	voices := crowd(40)
	for _, v := range voices {
		v.dtx = true
	}
	voices[0] = &voice{speaks: turns(0, 2000, 12000), dB: -30, noise: -100, dtx: true}
	r := newRoom(t, Config{}, voices...)
	r.run(time.Minute)
	if !r.s.Audible(0) || r.left[0] > 1 {
		t.Errorf("left %d times", r.left[0])
	}
	if n := len(r.audible()); n > 5 {
		t.Errorf("%d audible", n)
	}
}

// Speakers are told the loudest first, 8 at most, every 300 ms and only when it
// is worth it.
func TestSpeakers(t *testing.T) {
	r := newRoom(t, Config{}, crowd(15)...)
	r.run(3 * time.Second)
	if r.told != 0 || len(r.s.Speakers()) != 0 {
		t.Errorf("noise is not speech: %v", r.s.Speakers())
	}
	for i := range 10 {
		*r.voices[i] = voice{fixed: true, dB: -20 - float64(i)}
	}
	r.run(3 * time.Second)
	var got []int
	for _, s := range r.s.Speakers() {
		got = append(got, s.Stream)
	}
	if !slices.Equal(got, []int{0, 1, 2, 3, 4, 5, 6, 7}) || r.told > 5 {
		t.Errorf("speak: %v, told %d times", got, r.told)
	}
	for i := range 10 {
		*r.voices[i] = voice{noise: -100}
	}
	r.run(3 * time.Second)
	if len(r.s.Speakers()) != 0 {
		t.Errorf("speak: %v", r.s.Speakers())
	}
	r.voices = nil
	for range 200 { // nobody sends: it rests
		if due := r.s.Next(); due != 0 {
			r.now = due
			r.s.Advance(r.now)
		}
	}
	if r.s.Next() != 0 {
		t.Error("never rests")
	}
}

// The state goes through JSON, at any time.
func TestJSON(t *testing.T) {
	voices := crowd(30)
	for i := range 6 {
		voices[i] = &voice{speaks: turns(int64(i)*700, 1500, 4000), dB: -28, noise: -70}
	}
	r := newRoom(t, Config{}, voices...)
	for range 20 {
		r.run(500 * time.Millisecond)
		before, err := json.Marshal(r.s)
		if err != nil {
			t.Fatal(err)
		}
		s := New(Config{})
		if err := json.Unmarshal(before, s); err != nil {
			t.Fatal(err)
		}
		after, _ := json.Marshal(s)
		if d := cmp.Diff(string(before), string(after)); d != "" {
			t.Fatal(d)
		}
		r.s = s
	}
}

// Whatever it is told: nothing of streams that are not there, and never more than
// two beyond the loudest, once it has had three seconds.
func TestRandomRooms(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 9))
	for range 100 {
		places := 1 + rng.IntN(4)
		s := New(Config{Loudest: places, Above: rng.IntN(10) - 1})
		present := map[int]bool{}
		for now := int64(1); now < 10e9; now += rng.Int64N(8 * ms) {
			i := rng.IntN(30) - 1
			switch rng.IntN(100) {
			case 0:
				if i >= 0 && now < 5e9 {
					s.Add(i)
					present[i] = true
				}
			case 1:
				if now < 5e9 {
					s.Remove(i)
					delete(present, i)
				}
			default:
				s.Heard(now, i, byte(rng.IntN(256)), rng.IntN(2) == 0)
			}
			if due := s.Next(); due != 0 && due <= now {
				s.Advance(now)
			}
			n := 0
			for k := -1; k < 40; k++ {
				if !s.Audible(k) {
					continue
				}
				if n++; !present[k] {
					t.Fatalf("%d is audible, and is not there", k)
				}
			}
			if !s.Limited() && n != len(present) {
				t.Fatalf("%d of %d audible without a limit", n, len(present))
			}
			if s.Limited() && now > 9e9 && n > places+2 {
				t.Fatalf("%d audible, %d places", n, places)
			}
		}
	}
}

func TestNoAllocations(t *testing.T) {
	s, now := busy(40), int64(1)
	n := testing.AllocsPerRun(2000, func() {
		for i := range 40 {
			s.Heard(now, i, byte(20+(now/packet+int64(i)*7)%60), true)
		}
		if s.Next() <= now {
			s.Advance(now)
		}
		_ = s.Changes()
		now += packet
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// busy is a room where all have been heard.
func busy(n int) *Selector {
	s := New(Config{})
	for i := range n {
		s.Add(i)
	}
	now := int64(1)
	for range 200 {
		for i := range n {
			s.Heard(now, i, byte(20+(now/packet+int64(i)*7)%60), true)
		}
		if s.Next() <= now {
			s.Advance(now)
		}
		now += packet
	}
	s.Changes()
	return s
}

func BenchmarkHeard(b *testing.B) {
	s := busy(500)
	now := 10 * int64(time.Second)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		s.Heard(now, i, 60, false)
		if i++; i == 500 {
			i = 0
		}
	}
}

func BenchmarkAudible(b *testing.B) {
	s := busy(500)
	i, n := 0, 0
	for b.Loop() {
		if s.Audible(i) {
			n++
		}
		if i++; i == 500 {
			i = 0
		}
	}
}

// BenchmarkAdvance is one look at a room of 500, ten a second.
func BenchmarkAdvance(b *testing.B) {
	s := busy(500)
	now := 10 * int64(time.Second)
	b.ReportAllocs()
	for b.Loop() {
		for i := range 5 {
			s.Heard(now, i*100, 30, true)
		}
		now = max(s.Next(), now)
		s.Advance(now)
		s.Changes()
	}
}
