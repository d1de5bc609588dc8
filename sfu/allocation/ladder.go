package allocation

import "math"

// rung is an option that may be chosen, on the ladder of its track.
type rung struct {
	bitrate int64
	caution int64   // what must fit to go up to it
	need    float32 // the rung of least need comes first
	option  int32
	rank    rank
	spatial int8
	// candidate is its index in the survey that made the ladder.
	candidate int8
}

// rank orders the layers of a track, and of tracks of one shape, by preference.
// For cameras: motion, then size, then frame rate; for screens: size, then
// frame rate.
type rank int16

const noRank rank = -1

// motion is how fluent a layer is, compared with the best of its track.
type motion uint8

const (
	slow   motion = iota // less than 40 %
	halved               // less than 80 %
	fluent
)

// fluentFPS is enough for any camera: more comes last.
const fluentFPS = 24

// motionWeight is what the motion of a camera's layer counts in its quality: as
// much as a step in size, which has four times the pixels.
var motionWeight = [...]float64{slow: 1. / 16, halved: 1. / 4, fluent: 1}

// extraWeight is what frame rate counts that comes after size: beyond
// fluentFPS, and of screens.
const extraWeight = 4

const (
	tooFast     = 1.4  // times the wanted frame rate
	largeEnough = 0.82 // of the drawn pixels: the picture may be drawn 10 % larger than it is
)

// layers is how many spatial layers and how many temporal ones there may be.
const layers = 8

// candidate is an option that flows.
type candidate struct {
	*Option
	index  int32
	fps    float64
	motion motion
	rank   rank
}

// survey is what there is to know of a track's options. It is scratch memory,
// used for one track after the other.
type survey struct {
	track    *Track
	options  []candidate // one for each layer
	memory   [layers * layers]candidate
	priority float64
	shape    uint64          // a bit for each layer, by Spatial × 8 + Temporal
	slowest  [layers]float64 // frame rates of the spatial layers …
	fastest  [layers]int8    // … and their highest temporal layers
	best     float64         // frame rate that is wanted and that there is, fluentFPS at most
	limit    int8            // the highest spatial layer that is of use
	drawn    float64         // pixels that the picture covers where it is shown; 0 where not known
	held     rank            // of the current layer, or of the best below it when that is gone
	// ruled out by the subscriber's wants
	bySize, byRate, byBitrate bool
}

// look surveys the options. Of two options of one layer the first counts.
func (s *survey) look(t *Track, priority float64) {
	s.track, s.priority = t, priority
	s.options, s.shape = s.memory[:0], 0
	s.bySize, s.byRate, s.byBitrate = false, false, false
	for i := range s.slowest {
		s.slowest[i], s.fastest[i] = math.Inf(1), 0
	}
	top := int8(-1)
	for i := range t.Options {
		o := &t.Options[i]
		if o.Bitrate <= 0 || o.Spatial < 0 || o.Spatial >= layers || o.Temporal < 0 || o.Temporal >= layers {
			continue
		}
		bit := uint64(1) << (uint(o.Spatial)*layers + uint(o.Temporal))
		if s.shape&bit != 0 {
			continue
		}
		s.shape |= bit
		n := len(s.options)
		s.options = s.memory[:n+1]
		c := &s.options[n]
		c.Option, c.index, c.fps = o, int32(i), o.FPS
		s.fastest[o.Spatial] = max(s.fastest[o.Spatial], o.Temporal)
		top = max(top, o.Spatial)
	}
	s.sizes(top)
	s.rates()
	s.ranks()
}

// sizes finds the largest layer that is of use, and how large the picture is drawn.
func (s *survey) sizes(top int8) {
	s.limit, s.drawn = top, 0
	largest := int8(-1)
	for i := range s.options {
		o := &s.options[i]
		if o.Width <= 0 || o.Height <= 0 {
			continue
		}
		sharp, limited := s.track.Wants.sharpness(o.Option)
		if limited && sharp >= largeEnough {
			s.limit = min(s.limit, o.Spatial)
		}
		if o.Spatial > largest {
			largest, s.drawn = o.Spatial, float64(o.Width)*float64(o.Height)
			if limited {
				s.drawn /= sharp
			}
		}
	}
}

// rates finds the frame rates: where one is not known, what its temporal layer
// usually has.
func (s *survey) rates() {
	for i := range s.options {
		o := &s.options[i]
		if !(o.fps > 0) {
			o.fps = 30 / float64(uint(1)<<uint(s.fastest[o.Spatial]-o.Temporal))
		}
		s.slowest[o.Spatial] = min(s.slowest[o.Spatial], o.fps)
	}
	s.best = 0
	for i := range s.options {
		if o := &s.options[i]; o.fps > s.best && s.wantedRate(o) {
			s.best = o.fps
		}
	}
	s.best = min(s.best, fluentFPS)
}

// ranks puts the options in the order of preference.
func (s *survey) ranks() {
	s.held = noRank
	current, found := s.track.Current, false
	for i := range s.options {
		o := &s.options[i]
		o.motion = slow
		switch {
		case o.fps >= 0.8*s.best:
			o.motion = fluent
		case o.fps >= 0.4*s.best:
			o.motion = halved
		}
		o.rank = rank(o.Spatial)*layers + rank(o.Temporal)
		if !s.track.Screen {
			o.rank += rank(o.motion) * layers * layers
		}
		switch {
		case o.Layer == current:
			s.held, found = o.rank, true
		case !found && (o.Spatial < current.Spatial || o.Spatial == current.Spatial && o.Temporal < current.Temporal):
			s.held = max(s.held, o.rank)
		}
	}
}

// wantedRate says whether an option is not faster than wanted. The slowest of a
// spatial layer never is.
func (s *survey) wantedRate(o *candidate) bool {
	wanted := s.track.Wants.FPS
	return !(wanted > 0) || o.fps <= wanted*tooFast || o.fps <= s.slowest[o.Spatial]
}

// sharpness is how many pixels the picture has for each that it is drawn with,
// and whether the subscriber said how large that is.
func (w *Wants) sharpness(o *Option) (float64, bool) {
	linear := 0.
	if w.Width > 0 {
		linear = float64(o.Width) / float64(w.Width)
	}
	if w.Height > 0 {
		linear = max(linear, float64(o.Height)/float64(w.Height))
	}
	return linear * linear, w.Width > 0 || w.Height > 0
}

// quality is how good an option looks where it is shown: the part of the drawn
// pixels that it has, at most 1, weighted by its motion.
func (s *survey) quality(o *candidate) float64 {
	sharp, limited := s.track.Wants.sharpness(o.Option)
	switch {
	case o.Width <= 0 || o.Height <= 0 || s.drawn <= 0:
		// Each spatial layer usually has four times the pixels of the one below.
		sharp = 1 / float64(uint(1)<<(2*uint(max(s.limit-o.Spatial, 0))))
	case !limited:
		sharp = float64(o.Width) * float64(o.Height) / s.drawn
	}
	sharp = min(sharp, 1)
	if s.track.Screen {
		return sharp
	}
	return sharp * motionWeight[o.motion]
}

// caution is what must fit before going up to an option. Measured bitrates
// wobble; after going up by the margin they do not lead down again at once.
func (o *Option) caution() int64 {
	bitrate := min(o.Bitrate, maxBitrate)
	if o.Peak > 0 {
		bitrate = max(bitrate, min(o.Peak, maxBitrate))
		return bitrate + bitrate/20
	}
	return bitrate + bitrate/4
}

// maxBitrate keeps sums within 64 bits.
const maxBitrate = 1 << 44

// ladder appends the rungs of a track, lowest first: of the options that the
// subscriber's wants leave, those that no other has for less. Bitrates, cautions,
// ranks and spatial layers rise from rung to rung; needs do not fall.
func (s *survey) ladder(rungs []rung) []rung {
	first := len(rungs)
	top := int8(-1) // spatial layer
	for i := range s.options {
		o := &s.options[i]
		if o.Spatial > s.limit {
			s.bySize = true
			continue
		}
		if !s.wantedRate(o) {
			s.byRate = true
			continue
		}
		r := rung{bitrate: min(o.Bitrate, maxBitrate), caution: o.caution(), option: o.index, rank: o.rank, spatial: o.Spatial, candidate: int8(i)}
		if limit := s.track.Wants.MaxBitrate; limit > 0 && (r.bitrate > limit || r.rank > s.held && r.caution > limit) {
			s.byBitrate = true
			continue
		}
		top = max(top, o.Spatial)
		at := len(rungs)
		rungs = append(rungs, r)
		for ; at > first && rungs[at-1].rank > r.rank; at-- {
			rungs[at] = rungs[at-1]
		}
		rungs[at] = r
	}
	// From the best down, leave out what costs no less than something better, or
	// is larger.
	kept := len(rungs)
	for i := len(rungs) - 1; i >= first; i-- {
		r := &rungs[i]
		if kept < len(rungs) {
			better := &rungs[kept]
			if r.bitrate >= better.bitrate || r.spatial > better.spatial {
				continue
			}
			// Below the largest size a camera needs no more than fluent motion.
			if !s.track.Screen && r.spatial < top && r.spatial == better.spatial && s.options[r.candidate].motion == fluent {
				kept++
			}
		}
		kept--
		rungs[kept] = *r
	}
	rungs = rungs[:first+copy(rungs[first:], rungs[kept:])]
	s.price(rungs[first:], top)
	return rungs
}

// price sets the needs of a ladder. The lowest rung has none: to be seen at all
// comes before everything.
func (s *survey) price(ladder []rung, top int8) {
	for i := 1; i < len(ladder); i++ {
		r, below := &ladder[i], &ladder[i-1]
		quality := s.quality(&s.options[r.candidate])
		faster := r.spatial == below.spatial && r.spatial == top
		if faster && (s.track.Screen || s.options[below.candidate].motion == fluent) {
			quality *= extraWeight
		}
		r.need = max(float32(quality/s.priority), below.need)
		r.caution = max(r.caution, below.caution)
	}
}
