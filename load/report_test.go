package load

import (
	"math"
	"strings"
	"testing"
	"time"
)

// What a join costs is shared among those who joined meanwhile, also where publishers
// could not.
func TestCostOfAJoin(t *testing.T) {
	at := func(seconds int, server time.Duration, joined int64) snapshot {
		return snapshot{at: time.Unix(int64(seconds), 0), server: server, joined: joined}
	}
	for _, c := range []struct {
		name       string
		publishers int64 // of the ten that were to come
		alone      bool
		want       float64 // milliseconds
	}{
		{"all joined", 10, true, 50},
		{"seven of ten publishers joined", 7, true, 50},
		{"no publisher was alone", 10, false, 100},
	} {
		m := measurement{run: &run{scenario: Scenario{Rooms: 1, Publishers: 10, Subscribers: 20}}}
		m.run.joined.Store(c.publishers + 20)
		m.joining = [2]snapshot{at(0, 0, 0), at(10, 3*time.Second, c.publishers+20)}
		if c.alone {
			m.alone = [2]snapshot{at(4, 2*time.Second, c.publishers), at(7, 2*time.Second, c.publishers)}
		}
		m.window = [2]snapshot{at(10, 3*time.Second, c.publishers+20), at(20, 3*time.Second, c.publishers+20)}
		if gross, net := m.perJoin(0, 0); math.Abs(gross-c.want) > 0.01 || math.Abs(net-c.want) > 0.01 {
			t.Errorf("%s: %v and %v ms, want %v", c.name, gross, net, c.want)
		}
	}
}

// A generator that did not keep up says so, by whichever sign, and one that did does not.
func TestSaturation(t *testing.T) {
	for name, c := range map[string]struct {
		generator Generator
		warning   string
	}{
		"kept up":          {Generator{Loops: 2, Processors: 1.7, LatePercent: 4}, ""},
		"no time left":     {Generator{Loops: 1, Processors: 0.95}, "0.95 processors"},
		"late":             {Generator{Loops: 1, Processors: 0.5, LatePercent: 6}, "late"},
		"read too little":  {Generator{Loops: 1, Overflowed: 1}, "faster than it read"},
		"sockets are full": {Generator{Loops: 1, Unsent: 1}, "could not be sent"},
	} {
		r := Report{Generator: c.generator}
		r.warn()
		if got := strings.Join(r.Warnings, "; "); r.Generator.Saturated != (c.warning != "") || !strings.Contains(got, c.warning) || c.warning == "" && got != "" {
			t.Errorf("%s: saturated %v, %q", name, r.Generator.Saturated, got)
		}
	}
}
