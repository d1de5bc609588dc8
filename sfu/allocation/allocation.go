// Package allocation shares one bandwidth estimate over all video that one
// participant receives: it chooses a layer of every track, or pauses it.
//
// It is a function of its input. It measures nothing, keeps no time and
// switches nothing: the router measures, asks several times a second, and goes
// over to what was chosen when the stream permits. docs/allocation.md derives
// the rules.
package allocation

// Layer names one quality of a track: a simulcast or spatial layer, smallest
// first, and a temporal layer of it, slowest first. Both are 0…7.
type Layer struct {
	Spatial  int8 `json:"spatial"`
	Temporal int8 `json:"temporal"`
}

// None is the layer of a track of which nothing is forwarded.
var None = Layer{-1, -1}

// Option is a layer that a track has.
type Option struct {
	Layer
	// Width and Height are of the picture, in pixels; 0 where not known.
	Width  int `json:"width,omitempty"`
	Height int `json:"height,omitempty"`
	// FPS is frames a second; 0 where not known.
	FPS float64 `json:"fps,omitempty"`
	// Bitrate is what forwarding this layer takes, with all layers that it
	// needs, in bits a second. An option of 0 does not flow and is not chosen.
	// Of a layer that the publisher has stopped for want of viewers, or has
	// just begun, give what is expected of it.
	Bitrate int64 `json:"bitrate"`
	// Peak is the most that it took lately, say in ten seconds; 0 where not
	// known. Going up to the option is judged by Peak and a small margin, or
	// by Bitrate and a large one.
	Peak int64 `json:"peak,omitempty"`
}

// Wants is what the subscriber wants of a track.
type Wants struct {
	// Width and Height are of the element that shows it, in device pixels; 0 is
	// no limit. The picture is taken to be drawn as large as fits in.
	Width  int `json:"width,omitempty"`
	Height int `json:"height,omitempty"`
	// FPS is the most frames a second that are of use, 0 is no limit. A layer
	// may have up to 1.4 times as many, since the next has half.
	FPS float64 `json:"fps,omitempty"`
	// MaxBitrate is the most that the track may take, in bits a second; 0 is
	// no limit.
	MaxBitrate int64 `json:"maxBitrate,omitempty"`
	// Paused asks for nothing at all.
	Paused bool `json:"paused,omitempty"`
	// Pin asks for this layer, whatever the estimate is: what it takes is taken from
	// the others. A layer that does not flow stands for the nearest below. Of the
	// other wishes, MaxBitrate alone goes before it.
	Pin *Layer `json:"pin,omitempty"`
}

// The priorities of tracks. A priority of 2 counts as much as twice the visible
// area; a priority of 4 puts a camera about one layer ahead of its equals.
const (
	MinPriority = 1 // also what 0 means
	MaxPriority = 100
)

// Track is a video track that the participant subscribes to.
type Track struct {
	// Priority is MinPriority…MaxPriority; what is outside counts as the nearest.
	Priority int `json:"priority,omitempty"`
	// Screen says that it is read rather than watched: resolution goes before
	// frame rate, where for cameras frame rate goes before resolution.
	Screen  bool     `json:"screen,omitempty"`
	Options []Option `json:"options"` // in any order
	Wants   Wants    `json:"wants"`
	// Current is the layer that was chosen the last time, or None. What is
	// above it must fit with a margin.
	Current Layer `json:"current"`
}

// Input is what is shared, and among whom. Tracks that are alike in all are
// served in their order, so keep it.
type Input struct {
	// Estimate is of the path to the participant, in bits a second.
	Estimate int64 `json:"estimate"`
	// Audio is what audio and data take, in bits a second. It comes first,
	// always, even where it alone exceeds the estimate.
	Audio  int64   `json:"audio"`
	Tracks []Track `json:"tracks"` // MaxTracks at most; those beyond are paused
}

// MaxTracks bounds the tracks of an Input.
const MaxTracks = 1 << 16

// Decision is what becomes of a track.
type Decision struct {
	// Layer is what to forward, or None; Option is its index, or −1.
	Layer   Layer  `json:"layer"`
	Option  int    `json:"option"`
	Bitrate int64  `json:"bitrate"`
	Reason  Reason `json:"reason"` // why it is not more
	// Ideal is what would be forwarded if there were no end of bandwidth.
	Ideal        Layer `json:"ideal"`
	IdealBitrate int64 `json:"idealBitrate"`
	// Next is the next better choice, or None where the choice is ideal.
	Next        Layer `json:"next"`
	NextBitrate int64 `json:"nextBitrate"`
}

// Result is how the estimate is shared. All bitrates are bits a second and
// include audio.
type Result struct {
	// Decisions are in the order of the tracks.
	Decisions []Decision `json:"decisions"`
	// Used is what the choice takes. It exceeds the estimate only where audio and
	// pinned layers alone do.
	Used int64 `json:"used"`
	// Ideal is what would be used if there were no end of bandwidth.
	Ideal int64 `json:"ideal"`
	// Enough is the estimate from which Ideal is reached, margins included: a
	// congestion controller that wants to know whether more is of use is told
	// this.
	Enough int64 `json:"enough"`
	// Next is the least estimate at which some track gets more, margins
	// included; 0 where none would. It is what a probe should try.
	Next int64 `json:"next"`
}
