package load

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/tertulia-rtc/tertulia/codec"
)

func TestVideoKeepsItsBitrate(t *testing.T) {
	const bitrate, fps, seconds = 1_200_000, 30, 600
	for _, keyEvery := range []int{0, 60} { // keyframes are paid for by the others
		v := newVideo(random(1, 1), bitrate, fps)
		total, sizes := 0, []float64(nil)
		for i := range fps * seconds {
			size := v.frame(keyEvery > 0 && i%keyEvery == 0)
			total += size
			sizes = append(sizes, math.Log(float64(size)))
		}
		if got := float64(total) * 8 / seconds; math.Abs(got-bitrate) > 0.03*bitrate {
			t.Errorf("with a keyframe every %d frames: %.0f b/s, want %d", keyEvery, got, bitrate)
		}
		if keyEvery > 0 {
			continue
		}
		mean, variance := 0.0, 0.0
		for _, x := range sizes {
			mean += x / float64(len(sizes))
		}
		for _, x := range sizes {
			variance += (x - mean) * (x - mean) / float64(len(sizes))
		}
		if spread := math.Sqrt(variance); math.Abs(spread-frameSpread) > 0.02 {
			t.Errorf("the logarithms of the sizes spread by %.3f, want %v", spread, frameSpread)
		}
	}
}

func TestVideoIsOfItsSeed(t *testing.T) {
	frames := func(seed uint64) (sizes []int) {
		v := newVideo(random(seed, 7), 500_000, 25)
		for i := range 100 {
			sizes = append(sizes, v.frame(i == 0))
		}
		return sizes
	}
	if !slices.Equal(frames(1), frames(1)) {
		t.Error("two runs of one seed differ")
	}
	if slices.Equal(frames(1), frames(2)) {
		t.Error("two seeds give the same")
	}
}

// libwebrtc splits a frame into packets that differ by a byte at most.
func TestFramesAreSplitEvenly(t *testing.T) {
	for frame := minFrame; frame < 20_000; frame += 7 {
		n := packets(frame)
		total, before := 0, 0
		for i := range n {
			size := part(frame, n, i)
			if size > maxPayload || size < before || i > 0 && size-part(frame, n, 0) > 1 {
				t.Fatalf("frame of %d: packet %d of %d has %d bytes after one of %d", frame, i, n, size, before)
			}
			total, before = total+size, size
		}
		if total != frame || n > 1 && (frame+maxPayload-1)/maxPayload != n {
			t.Fatalf("frame of %d: %d packets of %d bytes in all", frame, n, total)
		}
	}
}

func TestHeadsAreTrueVP8(t *testing.T) {
	for _, f := range []vp8Frame{{key: true, picture: 0x7abc, tl0: 9, width: 1280, height: 720}, {picture: 1, tl0: 10}} {
		for _, first := range []bool{true, false} {
			b := f.appendHead(nil, first)
			if len(b) > maxHead {
				t.Fatalf("a head of %d bytes", len(b))
			}
			s := stamp{sender: 3, counter: 4, sent: 5}
			payload := append(s.append(b), 1, 2, 3)
			d, ok := codec.ParseVP8(payload)
			if !ok || d.PictureID != f.picture || d.TL0PicIdx != f.tl0 || d.Start != first || d.Keyframe != (f.key && first) {
				t.Errorf("%+v, first %v: parsed as %+v, %v", f, first, d, ok)
			}
			if w, h, ok := codec.VP8Size(payload); ok != (f.key && first) || ok && (w != f.width || h != f.height) {
				t.Errorf("size %d x %d, %v", w, h, ok)
			}
			at, start, key, ok := afterHead(payload)
			if got, stamped := readStamp(payload[at:]); !ok || start != first || key != d.Keyframe || !stamped || got != s {
				t.Errorf("%+v, first %v: the stamp reads %+v, %v", f, first, got, stamped)
			}
		}
	}
}

func TestAudioWithDTX(t *testing.T) {
	for _, dtx := range []bool{false, true} {
		a := newAudio(random(1, 1), dtx)
		var sent, silentOnes int
		const seconds = 600
		for now := instant(0); now < seconds*second; {
			size, level, after := a.next(now)
			sent++
			if level == silent {
				silentOnes++
			}
			if want := size == audioPayload || size == dtxPayload && dtx && level == silent; !want || after%audioInterval != 0 || after <= 0 || after > dtxInterval {
				t.Fatalf("dtx %v: %d bytes at level %d, the next after %v ms", dtx, size, level, after/millisecond)
			}
			now += after
		}
		share := float64(sent) / (50 * seconds)
		if !dtx && sent != 50*seconds || dtx && (share < 0.3 || share > 0.7) {
			t.Errorf("dtx %v: %d packets in %d s", dtx, sent, seconds)
		}
		if silentOnes == 0 || silentOnes == sent {
			t.Errorf("dtx %v: %d of %d packets are silence", dtx, silentOnes, sent)
		}
	}
}

func TestHistogram(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	var h, a, b histogram
	var list []instant
	for i := range 20_000 {
		d := instant(math.Exp(rng.NormFloat64()*2+10) * 1000)
		list = append(list, d)
		h.add(d)
		if i%2 == 0 {
			a.add(d)
		} else {
			b.add(d)
		}
	}
	a.merge(&b)
	if a != h {
		t.Error("two halves merged are not the whole")
	}
	slices.Sort(list)
	for _, q := range []float64{0, 0.01, 0.5, 0.9, 0.99, 1} {
		want := list[min(int(q*float64(len(list))), len(list)-1)]
		if got := h.quantile(q); math.Abs(float64(got-want)) > float64(want)/50+histogramUnit {
			t.Errorf("quantile %v is %v, want %v", q, got, want)
		}
	}
	if got := (&histogram{}).quantile(0.5); got != 0 {
		t.Errorf("of nothing the median is %v", got)
	}
	for d := instant(0); d < 3*second; d += d/3 + 777 {
		if i := bucket(d); lower(i) > d || lower(i+1) <= d {
			t.Fatalf("%d is in bucket %d, from %d to %d", d, i, lower(i), lower(i+1))
		}
	}
}

func TestHeapIsInOrder(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	var h heap
	all := make([]*endpoint, 200)
	for i := range all {
		all[i] = &endpoint{due: instant(rng.IntN(1000)), place: -1}
		h.add(all[i])
	}
	for range 5000 {
		ep := all[rng.IntN(len(all))]
		switch {
		case ep.place < 0:
			ep.due = instant(rng.IntN(1000))
			h.add(ep)
		case rng.IntN(4) == 0:
			h.remove(ep)
		default:
			before := ep.due
			if ep.due = instant(rng.IntN(1000)); ep.due < before {
				h.up(ep.place)
			} else {
				h.down(ep.place)
			}
		}
		for i, ep := range h {
			if ep.place != i || i > 0 && h[(i-1)/2].due > ep.due {
				t.Fatalf("place %d of the heap has an endpoint of place %d, due %d", i, ep.place, ep.due)
			}
		}
	}
}

func TestScenarioIsChecked(t *testing.T) {
	good := Scenario{Rooms: 1, Publishers: 1, Video: true, Bitrate: 100_000, FPS: 30, JoinRate: 1, Duration: 5e9}
	if err := good.check(); err != nil || good.Open != 1 || good.Loops < 1 {
		t.Errorf("%v; %+v", err, good)
	}
	for name, spoil := range map[string]func(*Scenario){
		"no room":      func(s *Scenario) { s.Rooms = 0 },
		"no publisher": func(s *Scenario) { s.Publishers, s.Subscribers = 0, 3 },
		"nothing sent": func(s *Scenario) { s.Video = false },
		"all lost":     func(s *Scenario) { s.Loss = 1 },
		"no time":      func(s *Scenario) { s.Duration = 0 },
		"too many":     func(s *Scenario) { s.Subscribers = 1_000_000 },
		"never joined": func(s *Scenario) { s.JoinRate = 0 },
	} {
		s := good
		spoil(&s)
		if s.check() == nil {
			t.Errorf("%s: %+v is taken", name, s)
		}
	}
}
