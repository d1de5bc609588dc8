package allocation_test

import (
	"testing"

	. "github.com/tertulia-rtc/tertulia/sfu/allocation"
)

// Shapes of tracks, as publishers send them.

var (
	cameraRates  = []int64{150e3, 500e3, 1700e3}
	temporalPart = []float64{0.4, 0.6, 1}
)

// layersOf are the layers of a 16:9 stream whose largest picture is 180 × 2^(n−1)
// lines high, and whose spatial layers take the given bitrates.
func layersOf(fps float64, temporal int, rates ...int64) []Option {
	var options []Option
	for s, rate := range rates {
		for t := range temporal {
			options = append(options, Option{
				Layer: Layer{int8(s), int8(t)},
				Width: 320 << s, Height: 180 << s,
				FPS:     fps / float64(int(1)<<(temporal-1-t)),
				Bitrate: int64(float64(rate)*temporalPart[len(temporalPart)-temporal+t] + 0.5),
			})
		}
	}
	return options
}

func simulcast() []Option { return layersOf(30, 3, cameraRates...) }

func camera(priority, width, height int) Track {
	return Track{Priority: priority, Options: simulcast(), Wants: Wants{Width: width, Height: height}, Current: None}
}

func screen(priority, width, height int) Track {
	t := camera(priority, width, height)
	t.Screen = true
	return t
}

// L, M and H name layers by size and frame rate.
var (
	paused        = None
	l7, l15, l30  = Layer{0, 0}, Layer{0, 1}, Layer{0, 2}
	m7, m15, m30  = Layer{1, 0}, Layer{1, 1}, Layer{1, 2}
	h7, h15, h30  = Layer{2, 0}, Layer{2, 1}, Layer{2, 2}
	names         = map[Layer]string{paused: "–", l7: "L7", l15: "L15", l30: "L30", m7: "M7", m15: "M15", m30: "M30", h7: "H7", h15: "H15", h30: "H30"}
	anyAllocator  Allocator
	_, _, _, _, _ = m7, m15, h7, h15, l7
)

// share allocates and checks what always holds.
func share(t *testing.T, in *Input) Result {
	t.Helper()
	res := anyAllocator.Allocate(in)
	if res.Used > max(in.Estimate, in.Audio) {
		t.Fatalf("%d of %d bits a second used", res.Used, in.Estimate)
	}
	total := in.Audio
	for i := range res.Decisions {
		total += res.Decisions[i].Bitrate
	}
	if total != res.Used || res.Used > res.Ideal || res.Ideal > res.Enough {
		t.Fatalf("%d used, %d in the decisions, %d ideal, %d enough", res.Used, total, res.Ideal, res.Enough)
	}
	return res
}

// chosen lists the layers.
func chosen(res Result) []Layer {
	var layers []Layer
	for i := range res.Decisions {
		layers = append(layers, res.Decisions[i].Layer)
	}
	return layers
}

// keep makes what was decided the current choice.
func keep(in *Input, res Result) {
	for i := range in.Tracks {
		in.Tracks[i].Current = res.Decisions[i].Layer
	}
}
