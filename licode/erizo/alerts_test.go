package erizo

import (
	"fmt"
	"slices"
	"testing"
)

// ticks feeds a monitor with samples and lists what it says, with the tick.
func ticks(m *monitor, from int, samples ...float64) (said []string) {
	for i, s := range samples {
		if message, bandwidth := m.tick(s); message != "" {
			said = append(said, fmt.Sprintf("%d %s %.0f", from+i, message, bandwidth))
		}
	}
	return said
}

func times(n int, sample float64) []float64 { return slices.Repeat([]float64{sample}, n) }

// The threshold is 80 % of the least bandwidth, over the mean of five seconds, and
// more than ten seconds must pass in which it does not rise. The first second only
// begins the comparison.
func TestMonitorsAlert(t *testing.T) {
	low, middle, enough := 100_000.0, 170_000.0, 210_000.0
	cases := []struct {
		scheme  string
		samples []float64
		said    []string
		end     monitor
	}{
		{schemeNotify, times(30, enough), nil, monitor{}},
		{schemeNotify, times(30, middle), nil, monitor{}},
		{schemeNotify, times(11, low), nil, monitor{}},
		{schemeNotify, times(30, 0), nil, monitor{}},
		{schemeNotify, times(35, low), []string{"12 insufficient 100000", "23 insufficient 100000", "34 insufficient 100000"}, monitor{}},
		// Seconds without a sample count with the last.
		{schemeNotify, slices.Concat(times(6, low), times(6, 0)), []string{"12 insufficient 100000"}, monitor{}},
		{schemeBreak, times(30, low), []string{"12 insufficient 100000", "13 audio-only 0"}, monitor{withoutVideo: true, over: true}},
		{schemeSlideshow, times(30, low), []string{"12 insufficient 100000", "13 slideshow 0"}, monitor{slides: true, over: true}},
		{schemeStop, times(40, low), []string{"12 insufficient 100000", "23 stop-feedback 100000", "34 stop-feedback 100000"}, monitor{}},
		{schemeStop, slices.Concat(times(12, low), times(20, enough)), []string{"12 insufficient 100000", "27 recovered 210000"}, monitor{}},
		{schemeRecover, times(20, low), []string{"12 insufficient 100000"}, monitor{withoutVideo: true}},
		{schemeRecover, slices.Concat(times(12, low), times(5, enough)), []string{"12 insufficient 100000", "17 recovered 210000"}, monitor{}},
		// The 13th second plans a try 20 seconds later, which has 10.
		{schemeRecover, times(34, low), []string{"12 insufficient 100000"}, monitor{}},
		{schemeRecover, times(44, low), []string{"12 insufficient 100000"}, monitor{withoutVideo: true}},
		{schemeRecover, slices.Concat(times(34, low), []float64{150_000, 300_000, 300_000, 300_000, 300_000}), []string{"12 insufficient 100000", "38 recovered 230000"}, monitor{}},
		{schemeRecover, times(200, low), []string{"12 insufficient 100000", "107 audio-only 0"}, monitor{withoutVideo: true, over: true}},
	}
	for i, c := range cases {
		m := &monitor{scheme: c.scheme}
		m.limit(200)
		var said []string
		for n, s := range c.samples {
			if said = append(said, ticks(m, n+1, s)...); m.over {
				break
			}
		}
		if !slices.Equal(said, c.said) {
			t.Errorf("%d, %s: %q, want %q", i, c.scheme, said, c.said)
		}
		if m.withoutVideo != c.end.withoutVideo || m.slides != c.end.slides || m.over != c.end.over {
			t.Errorf("%d, %s: without video %t, slides %t, over %t", i, c.scheme, m.withoutVideo, m.slides, m.over)
		}
	}
}

// Licode loads the file that the name of a scheme leads to.
func TestSchemesAreKnownOnes(t *testing.T) {
	for name, want := range map[string]string{"": schemeNotify, "notify-slideshow": schemeSlideshow, "../../secret": schemeNotify} {
		if got := scheme(name); got != want {
			t.Errorf("scheme %q is %q, want %q", name, got, want)
		}
	}
}
