package allocation_test

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	. "github.com/tertulia-rtc/tertulia/sfu/allocation"
)

// The worked example of docs/allocation.md: two cameras, priorities 2:1. Each
// row is an estimate in kb/s at which something changes when rising from nothing
// with the layers' peaks known, and one below it.
func TestWorkedExample(t *testing.T) {
	for _, row := range []struct {
		estimate int64
		a, b     Layer
		why      [2]Reason
	}{
		{59, paused, paused, [2]Reason{Bandwidth, Bandwidth}},
		{60, l7, paused, [2]Reason{Bandwidth, Priority}},
		{120, l7, l7, [2]Reason{Bandwidth, Bandwidth}},
		{150, l15, l7, [2]Reason{Bandwidth, Priority}},
		{180, l15, l15, [2]Reason{Bandwidth, Bandwidth}},
		{240, l30, l15, [2]Reason{Bandwidth, Priority}},
		{300, l30, l30, [2]Reason{Bandwidth, Bandwidth}},
		{649, l30, l30, [2]Reason{Bandwidth, Bandwidth}},
		{650, m30, l30, [2]Reason{Bandwidth, Priority}},
		{1000, m30, m30, [2]Reason{Bandwidth, Bandwidth}},
		{1500, m30, m30, [2]Reason{Bandwidth, Bandwidth}},
		{2199, m30, m30, [2]Reason{Bandwidth, Bandwidth}},
		{2200, h30, m30, [2]Reason{TopLayer, Priority}},
		{3400, h30, h30, [2]Reason{TopLayer, TopLayer}},
	} {
		in := Input{Estimate: row.estimate * 1000, Tracks: []Track{camera(2, 0, 0), camera(1, 0, 0)}}
		for i := range in.Tracks {
			in.Tracks[i].Current = h30 // held: no margin
		}
		res := share(t, &in)
		if got := chosen(res); got[0] != row.a || got[1] != row.b {
			t.Errorf("%d kb/s: %s and %s, want %s and %s", row.estimate, names[got[0]], names[got[1]], names[row.a], names[row.b])
		}
		if got := [2]Reason{res.Decisions[0].Reason, res.Decisions[1].Reason}; got != row.why {
			t.Errorf("%d kb/s: %v, want %v", row.estimate, got, row.why)
		}
	}
}

// "Two subscriptions, priorities 2:1, one 1.5 Mb/s link": both at 640 × 360 with
// all their frames, coming from nothing, from above and from below.
func TestTwoPrioritiesOnOneLink(t *testing.T) {
	for _, from := range []Layer{None, l7, l30, m30, h30} {
		in := Input{Estimate: 1500e3, Audio: 80e3, Tracks: []Track{camera(2, 1280, 720), camera(1, 1280, 720)}}
		in.Tracks[0].Current, in.Tracks[1].Current = from, from
		res := share(t, &in)
		if got := chosen(res); !slices.Equal(got, []Layer{m30, m30}) {
			t.Errorf("from %s: %s and %s", names[from], names[got[0]], names[got[1]])
		}
		if res.Ideal != 3480e3 || res.Used != 1080e3 {
			t.Errorf("from %s: %d used, %d ideal", names[from], res.Used, res.Ideal)
		}
		// A would go up first: with its margin, unless it holds that layer.
		want := int64(80e3 + (1700e3+500e3)*5/4)
		if from == h30 {
			want = 2280e3
		}
		if res.Next != want {
			t.Errorf("from %s: next at %d, want %d", names[from], res.Next, want)
		}
		if d := res.Decisions[0]; d.Next != h30 || d.NextBitrate != 1700e3 {
			t.Errorf("from %s: next is %s at %d", names[from], names[d.Next], d.NextBitrate)
		}
	}
}

// "Drops layers before frame rate before video", for one camera; for a screen
// frame rate before size.
func TestOrderOfDegradation(t *testing.T) {
	descend := func(track Track) (path []string) {
		for estimate := int64(2000e3); estimate >= 0; estimate -= 5e3 {
			in := Input{Estimate: estimate, Tracks: []Track{track}}
			in.Tracks[0].Current = h30
			if name := names[share(t, &in).Decisions[0].Layer]; len(path) == 0 || path[len(path)-1] != name {
				path = append(path, name)
			}
		}
		return path
	}
	if got, want := descend(camera(1, 0, 0)), []string{"H30", "M30", "L30", "L15", "L7", "–"}; !slices.Equal(got, want) {
		t.Errorf("camera: %v, want %v", got, want)
	}
	if got, want := descend(screen(1, 0, 0)), []string{"H30", "H15", "H7", "M30", "M15", "M7", "L30", "L15", "L7", "–"}; !slices.Equal(got, want) {
		t.Errorf("screen: %v, want %v", got, want)
	}
	fast := camera(1, 0, 0)
	fast.Options = layersOf(60, 3, cameraRates...)
	if got, want := descend(fast), []string{"H30", "H15", "M15", "L15", "L7", "–"}; !slices.Equal(got, want) {
		t.Errorf("camera of 60 frames a second: %v, want %v (names are of temporal layers)", got, want)
	}
}

// What is not seen is not sent: the size of the element, the frame rate, the
// limit of the track, the pause.
func TestWants(t *testing.T) {
	wants := func(w Wants) Track { c := camera(1, 0, 0); c.Wants = w; return c }
	single := camera(1, 0, 0)
	single.Options = layersOf(30, 1, 900e3)
	stopped := camera(1, 0, 0)
	for i := range stopped.Options {
		stopped.Options[i].Bitrate = 0
	}
	for _, row := range []struct {
		name  string
		track Track
		layer Layer
		why   Reason
	}{
		{"no limit", wants(Wants{}), h30, TopLayer},
		{"thumbnail", wants(Wants{Width: 160, Height: 90}), l30, WantedSize},
		{"exactly", wants(Wants{Width: 640, Height: 360}), m30, WantedSize},
		{"a little larger", wants(Wants{Width: 700, Height: 394}), m30, WantedSize},
		{"much larger", wants(Wants{Width: 800, Height: 450}), h30, TopLayer},
		{"a tall element shows the width", wants(Wants{Width: 360, Height: 640}), m30, WantedSize},
		{"height alone", wants(Wants{Height: 180}), l30, WantedSize},
		{"15 frames", wants(Wants{FPS: 15}), h15, WantedRate},
		{"24 frames take 30", wants(Wants{FPS: 24}), h30, TopLayer},
		{"one frame takes the slowest", wants(Wants{FPS: 1}), h7, WantedRate},
		{"limit", wants(Wants{MaxBitrate: 700e3}), m30, MaxBitrate},
		{"limit below everything", wants(Wants{MaxBitrate: 10e3}), None, MaxBitrate},
		{"paused", wants(Wants{Paused: true}), None, PausedBySubscriber},
		{"single layer", single, Layer{}, OnlyLayer},
		{"nothing flows", stopped, None, NoLayer},
	} {
		t.Run(row.name, func(t *testing.T) {
			in := Input{Estimate: 1e9, Tracks: []Track{row.track}}
			res := share(t, &in)
			d := res.Decisions[0]
			if d.Layer != row.layer || d.Reason != row.why || d.Ideal != d.Layer || d.Next != None || res.Next != 0 {
				t.Errorf("%+v, want %s because of %s", d, names[row.layer], row.why)
			}
		})
	}
}

// Audio comes first, also where it alone is too much.
func TestAudioAlways(t *testing.T) {
	in := Input{Estimate: 200e3, Audio: 60e3, Tracks: []Track{camera(1, 0, 0)}}
	in.Tracks[0].Current = h30
	if res := share(t, &in); res.Decisions[0].Layer != l15 || res.Used != 150e3 {
		t.Errorf("%+v", res)
	}
	in.Estimate = 50e3
	if res := share(t, &in); res.Decisions[0].Layer != None || res.Used != 60e3 || res.Next != 120e3 || res.Decisions[0].Reason != Bandwidth {
		t.Errorf("%+v", res)
	}
}

// A speaker's tile and a row of thumbnails: nobody is dark, then the tile grows
// before the thumbnails become fluent.
func TestBigTileAndThumbnails(t *testing.T) {
	in := Input{Tracks: []Track{camera(1, 160, 90)}}
	in.Tracks[0].Current = h30
	for len(in.Tracks) < 9 {
		in.Tracks = append(in.Tracks, in.Tracks[0])
	}
	in.Tracks[4].Wants = Wants{Width: 1280, Height: 720}
	for _, row := range []struct {
		estimate    int64
		tile        Layer
		least, most Layer // of the thumbnails
	}{
		{540e3, l7, l7, l7},
		{600e3, l15, l7, l15},
		{700e3, l30, l7, l15},
		{980e3, m30, l7, l7},
		{1220e3, m30, l15, l15},
		{1500e3, m30, l15, l30},
		{2420e3, h30, l15, l15},
		{2900e3, h30, l30, l30},
	} {
		in.Estimate = row.estimate
		res := share(t, &in)
		least, most := h30, l7
		for i, d := range res.Decisions {
			if i != 4 && d.Layer.Temporal < least.Temporal || least == h30 {
				least = d.Layer
			}
			if i != 4 && d.Layer.Temporal > most.Temporal {
				most = d.Layer
			}
		}
		if got := res.Decisions[4].Layer; got != row.tile || least != row.least || most != row.most {
			t.Errorf("%d b/s: tile %s, thumbnails %s…%s; want %s, %s…%s", row.estimate, names[got], names[least], names[most], names[row.tile], names[row.least], names[row.most])
		}
	}
}

// SVC: the bitrate of a layer includes what it needs.
func TestSVC(t *testing.T) {
	track := camera(1, 0, 0)
	track.Options = layersOf(30, 3, 120e3, 400e3, 1100e3) // L3T3
	in := Input{Estimate: 1000e3, Tracks: []Track{track, track}}
	in.Tracks[0].Current, in.Tracks[1].Current = h30, h30
	if got := chosen(share(t, &in)); !slices.Equal(got, []Layer{m30, m30}) {
		t.Errorf("%v", got)
	}
}

// A publisher that says nothing of sizes and frame rates is served by the order
// of its layers.
func TestUnknownSizes(t *testing.T) {
	in := Input{Tracks: []Track{camera(1, 1280, 720), camera(1, 1280, 720)}}
	for i := range in.Tracks[0].Options {
		o := &in.Tracks[0].Options[i]
		o.Width, o.Height, o.FPS = 0, 0, 0
	}
	in.Tracks[0].Current, in.Tracks[1].Current = h30, h30
	for _, row := range []struct {
		estimate int64
		a, b     Layer
	}{{120e3, l7, l7}, {300e3, l30, l30}, {1000e3, m30, m30}, {3400e3, h30, h30}} {
		in.Estimate = row.estimate
		if got := chosen(share(t, &in)); got[0] != row.a || got[1] != row.b {
			t.Errorf("%d b/s: %v", row.estimate, got)
		}
	}
}

// Bitrates that wobble by ±10 % do not make layers flap: each track goes up at
// most once to where it stays.
func TestWobblingBitrates(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for estimate := int64(50e3); estimate < 8e6; estimate += estimate/16 + 1 {
		for _, peaks := range []bool{false, true} {
			in := Input{Estimate: estimate, Audio: 40e3, Tracks: []Track{camera(1, 1280, 720), camera(2, 640, 360), screen(1, 1280, 720), camera(1, 160, 90)}}
			still := simulcast()
			ups, downs := 0, 0
			for range 300 { // a minute
				for i := range in.Tracks {
					for k := range still {
						o := &in.Tracks[i].Options[k]
						o.Bitrate = int64(float64(still[k].Bitrate) * (0.9 + 0.2*rng.Float64()))
						if peaks {
							o.Peak = still[k].Bitrate * 11 / 10
						}
					}
				}
				res := share(t, &in)
				for i := range in.Tracks {
					before, after := in.Tracks[i].Current, res.Decisions[i].Layer
					switch {
					case after == before:
					case before == None || after.Spatial > before.Spatial || after.Spatial == before.Spatial && after.Temporal > before.Temporal:
						ups++
					default:
						downs++
					}
				}
				keep(&in, res)
			}
			// A screen that goes to a larger layer begins with fewer frames; a track
			// may give way once to one whose turn it is before.
			if ups > 20 || downs > 4 {
				t.Errorf("%d b/s, peaks %v: %d times up, %d times down in a minute", estimate, peaks, ups, downs)
			}
		}
	}
}

// A margin is needed to go up, none to stay, and what does not fit goes at once.
func TestHysteresis(t *testing.T) {
	in := Input{Estimate: 2000e3, Tracks: []Track{camera(1, 0, 0)}}
	res := share(t, &in)
	if d := res.Decisions[0]; d.Layer != m30 || d.Reason != Holding || res.Next != 2125e3 || res.Enough != 2125e3 {
		t.Fatalf("%+v", res)
	}
	in.Estimate = res.Next
	keep(&in, share(t, &in))
	if in.Tracks[0].Current != h30 {
		t.Fatalf("%+v", in.Tracks[0].Current)
	}
	in.Estimate = 1700e3
	if d := share(t, &in).Decisions[0]; d.Layer != h30 {
		t.Fatalf("%+v", d)
	}
	in.Estimate--
	if d := share(t, &in).Decisions[0]; d.Layer != m30 || d.Reason != Bandwidth {
		t.Fatalf("%+v", d)
	}
	// With the peak known the margin is small.
	in.Tracks[0].Current = m30
	in.Tracks[0].Options[8].Peak = 1800e3
	in.Estimate = 500e3 + 5000e3
	if res := share(t, &in); res.Enough != 1890e3 {
		t.Fatalf("enough at %d", res.Enough)
	}
}

// Two that are alike in all keep what they have, whoever comes first.
func TestEqualsDoNotChangeHands(t *testing.T) {
	in := Input{Estimate: 3000e3, Tracks: []Track{camera(1, 0, 0), camera(1, 0, 0)}}
	in.Tracks[0].Current, in.Tracks[1].Current = m30, h30
	for range 3 {
		res := share(t, &in)
		if got := chosen(res); !slices.Equal(got, []Layer{m30, h30}) {
			t.Fatalf("%v", got)
		}
		keep(&in, res)
	}
}

// A layer that is gone is not held against its track: what is below it is held.
func TestLostLayer(t *testing.T) {
	in := Input{Estimate: 510e3, Tracks: []Track{camera(1, 0, 0)}}
	in.Tracks[0].Current = h30
	in.Tracks[0].Options = in.Tracks[0].Options[:6]
	if d := share(t, &in).Decisions[0]; d.Layer != m30 {
		t.Errorf("%+v", d)
	}
}

// Fifty equal tracks: nobody is more than one step ahead of another, unless
// taking that step away would not pay for one of the other's.
func TestFiftyTracks(t *testing.T) {
	in := Input{Audio: 40e3}
	for range 50 {
		c := camera(1, 320, 180)
		c.Current = l30
		in.Tracks = append(in.Tracks, c)
	}
	for in.Estimate = 0; in.Estimate < 9e6; in.Estimate += 100e3 {
		res := share(t, &in)
		least, most := int64(math.MaxInt64), int64(0)
		for _, d := range res.Decisions {
			least, most = min(least, d.Bitrate), max(most, d.Bitrate)
		}
		steps := []int64{0, 60e3, 90e3, 150e3}
		low, high := slices.Index(steps, least), slices.Index(steps, most)
		if free := max(in.Estimate, in.Audio) - res.Used; high > low+1 && free+most-steps[high-1] >= steps[low+1]-least {
			t.Fatalf("%d b/s: between %d and %d", in.Estimate, least, most)
		}
		if res.Next != 0 && res.Next <= max(in.Estimate, in.Audio) {
			t.Fatalf("%d b/s: more at %d", in.Estimate, res.Next)
		}
		if res.Next == 0 && least != 150e3 {
			t.Fatalf("%d b/s: nothing more is wanted at %d", in.Estimate, least)
		}
	}
}

// A priority of 4 is one layer ahead.
func TestPriorityFour(t *testing.T) {
	in := Input{Estimate: 1850e3, Tracks: []Track{camera(1, 0, 0), camera(4, 0, 0)}}
	in.Tracks[0].Current, in.Tracks[1].Current = h30, h30
	if got := chosen(share(t, &in)); !slices.Equal(got, []Layer{l30, h30}) {
		t.Errorf("%v", got)
	}
	in.Tracks[1].Priority = 2
	if got := chosen(share(t, &in)); !slices.Equal(got, []Layer{m30, m30}) {
		t.Errorf("%v", got)
	}
}

func TestJSON(t *testing.T) {
	in := Input{Estimate: 1500e3, Audio: 1, Tracks: []Track{camera(2, 1280, 720), screen(1, 0, 0)}}
	in.Tracks[0].Wants.Paused = true
	res := share(t, &in)
	var in2 Input
	var res2 Result
	roundTrip(t, in, &in2)
	roundTrip(t, res, &res2)
	if d := cmp.Diff(in, in2) + cmp.Diff(res, res2); d != "" {
		t.Error(d)
	}
	var r Reason
	if err := r.UnmarshalText([]byte("weather")); err == nil {
		t.Error("weather is a reason")
	}
	if got := Reason(200).String(); got != "reason 200" {
		t.Error(got)
	}
}

func roundTrip(t *testing.T, from, to any) {
	t.Helper()
	b, err := json.Marshal(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, to); err != nil {
		t.Fatal(err)
	}
}

func TestNoAllocations(t *testing.T) {
	in := Input{Estimate: 3000e3, Tracks: []Track{camera(2, 1280, 720), screen(1, 0, 0), camera(1, 160, 90)}}
	var a Allocator
	a.Allocate(&in)
	if n := testing.AllocsPerRun(100, func() { a.Allocate(&in) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
