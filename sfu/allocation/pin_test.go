package allocation_test

import (
	"testing"

	. "github.com/tertulia-rtc/tertulia/sfu/allocation"
)

// A pinned track gets its layer, or the nearest below, whatever fits; the others share
// what is left.
func TestPin(t *testing.T) {
	option := func(spatial, temporal int8, kbps int64) Option {
		return Option{Layer: Layer{Spatial: spatial, Temporal: temporal}, Width: 320 << spatial, Height: 180 << spatial, FPS: 15 * float64(1+temporal), Bitrate: kbps * 1000, Peak: kbps * 1000}
	}
	all := []Option{option(0, 0, 60), option(0, 1, 100), option(1, 0, 300), option(1, 1, 500), option(2, 0, 1000), option(2, 1, 1700)}
	for _, c := range []struct {
		options  []Option
		pin      Layer
		limit    int64
		current  Layer
		estimate int64
		want     Layer
		why      Reason
	}{
		{all, Layer{1, 0}, 0, None, 100_000, Layer{1, 0}, Pinned},
		{all, Layer{1, 0}, 0, None, 9_000_000, Layer{1, 0}, Pinned},
		{all, Layer{0, 7}, 0, None, 9_000_000, Layer{0, 1}, Pinned},
		{all, Layer{7, 0}, 0, None, 10_000, Layer{2, 0}, Pinned},
		{all[4:], Layer{0, 0}, 0, None, 10_000, Layer{2, 0}, Pinned},
		{append([]Option{option(1, 1, 0)}, all[:2]...), Layer{1, 1}, 0, None, 10_000, Layer{0, 1}, Pinned},
		{all, Layer{2, 1}, 400_000, None, 9_000_000, Layer{1, 0}, Pinned},
		{all, Layer{1, 0}, 310_000, None, 9_000_000, Layer{0, 0}, Pinned},
		{all, Layer{1, 0}, 310_000, Layer{1, 0}, 9_000_000, Layer{1, 0}, Pinned},
		{all, Layer{1, 0}, 10_000, None, 9_000_000, None, MaxBitrate},
		{nil, Layer{1, 0}, 0, None, 9_000_000, None, NoLayer},
	} {
		var a Allocator
		in := Input{Estimate: c.estimate, Audio: 30_000, Tracks: []Track{
			{Options: all, Current: None, Priority: 10},
			{Options: c.options, Current: c.current, Priority: 1, Wants: Wants{Pin: &c.pin, MaxBitrate: c.limit, Width: 10, Height: 10}},
		}}
		r := a.Allocate(&in)
		d := r.Decisions[1]
		if d.Layer != c.want || d.Reason != c.why || d.Ideal != c.want {
			t.Errorf("%v within %d: %+v, want %v, %v", c.pin, c.estimate, d, c.want, c.why)
		}
		if other := r.Decisions[0]; r.Used != 30_000+d.Bitrate+other.Bitrate || other.Option >= 0 && r.Used > c.estimate {
			t.Errorf("%v within %d: %+v", c.pin, c.estimate, r)
		}
		if r.Next != 0 && r.Next <= c.estimate || r.Enough < r.Ideal {
			t.Errorf("%v within %d: enough %d, next %d", c.pin, c.estimate, r.Enough, r.Next)
		}
	}
}
