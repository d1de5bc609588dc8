package allocation

// rung is an option that may be chosen, on the ladder of its track.
type rung struct {
	bitrate int64
	caution int64   // what must fit to go up to it
	need    float32 // the rung of least need comes first
	option  int32
	rank    rank
	spatial int8
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

// survey is what there is to know of a track's options as a whole.
type survey struct {
	shape   uint64          // a bit for each layer, by Spatial × 8 + Temporal
	slowest [layers]float64 // frame rates of the spatial layers …
	fastest [layers]int8    // … and their highest temporal layers
	best    float64         // frame rate that is wanted and that there is
	limit   int8            // the highest spatial layer that is of use
	top     int8            // the highest that there is
	// drawn is how many pixels the picture covers where it is shown.
	drawn float64
	// ruled out by the subscriber's wants
	bySize, byRate, byBitrate bool
}

// usable says whether an option can be chosen at all.
func (o *Option) usable() bool {
	return o.Bitrate > 0 && o.Spatial >= 0 && o.Spatial < layers && o.Temporal >= 0 && o.Temporal < layers
}

func (o *Option) bit() uint64 { return 1 << (uint(o.Spatial)*layers + uint(o.Temporal)) }

// look surveys the options. Of two options of one layer the first counts.
func (s *survey) look(t *Track) {
	*s = survey{limit: layers, top: -1}
	var area, topArea float64
	largest := int8(-1)
	for i := range t.Options {
		o := &t.Options[i]
		if !o.usable() || s.shape&o.bit() != 0 {
			continue
		}
		s.shape |= o.bit()
		s.top = max(s.top, o.Spatial)
		s.fastest[o.Spatial] = max(s.fastest[o.Spatial], o.Temporal)
		if o.Width <= 0 || o.Height <= 0 {
			continue
		}
		pixels := float64(o.Width) * float64(o.Height)
		sharp, limited := t.Wants.sharpness(o)
		if limited && sharp >= largeEnough {
			s.limit = min(s.limit, o.Spatial)
		}
		if o.Spatial > largest {
			largest, topArea = o.Spatial, pixels
			if limited {
				area = pixels / sharp
			}
		}
	}
	s.limit = min(s.limit, s.top)
	s.drawn = topArea
	if t.Wants.Width > 0 || t.Wants.Height > 0 {
		s.drawn = area
	}
	for i := range s.slowest {
		s.slowest[i] = -1
	}
	for i := range t.Options {
		o := &t.Options[i]
		if !o.usable() {
			continue
		}
		fps := s.fps(o)
		if low := &s.slowest[o.Spatial]; *low < 0 || fps < *low {
			*low = fps
		}
	}
	for i := range t.Options {
		if o := &t.Options[i]; o.usable() && s.wantedRate(t, o) {
			s.best = max(s.best, s.fps(o))
		}
	}
	s.best = min(s.best, fluentFPS)
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

// fps is the frame rate of an option; where it is not known, what its temporal
// layer usually has.
func (s *survey) fps(o *Option) float64 {
	if o.FPS > 0 {
		return o.FPS
	}
	return 30 / float64(uint(1)<<uint(s.fastest[o.Spatial]-o.Temporal))
}

// wantedRate says whether an option is not faster than wanted. The slowest of a
// spatial layer never is.
func (s *survey) wantedRate(t *Track, o *Option) bool {
	fps := s.fps(o)
	return t.Wants.FPS <= 0 || fps <= t.Wants.FPS*tooFast || fps <= s.slowest[o.Spatial]
}

func (s *survey) motion(o *Option) motion {
	switch fps := s.fps(o); {
	case fps >= 0.8*s.best:
		return fluent
	case fps >= 0.4*s.best:
		return halved
	}
	return slow
}

func (s *survey) rank(t *Track, o *Option) rank {
	r := rank(o.Spatial)*layers + rank(o.Temporal)
	if !t.Screen {
		r += rank(s.motion(o)) * layers * layers
	}
	return r
}

// held is the rank up to which the track has been served: that of its current
// layer, or of the best below it when that is gone.
func (s *survey) held(t *Track) rank {
	held := noRank
	for i := range t.Options {
		o := &t.Options[i]
		if !o.usable() {
			continue
		}
		if o.Layer == t.Current {
			return s.rank(t, o)
		}
		if o.Spatial < t.Current.Spatial || o.Spatial == t.Current.Spatial && o.Temporal < t.Current.Temporal {
			held = max(held, s.rank(t, o))
		}
	}
	return held
}

// quality is how good an option looks where it is shown: the part of the drawn
// pixels that it has, at most 1, weighted by its motion.
func (s *survey) quality(t *Track, o *Option) float64 {
	sharp, limited := t.Wants.sharpness(o)
	switch {
	case o.Width <= 0 || o.Height <= 0 || s.drawn <= 0:
		// Each spatial layer usually has four times the pixels of the one below.
		sharp = 1 / float64(uint(1)<<(2*uint(max(s.limit-o.Spatial, 0))))
	case !limited:
		sharp = float64(o.Width) * float64(o.Height) / s.drawn
	}
	sharp = min(sharp, 1)
	if t.Screen {
		return sharp
	}
	return sharp * motionWeight[s.motion(o)]
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
func (s *survey) ladder(rungs []rung, t *Track, held rank, priority float64) []rung {
	first := len(rungs)
	seen := uint64(0)
	top := int8(-1) // spatial layer
	for i := range t.Options {
		o := &t.Options[i]
		if !o.usable() || seen&o.bit() != 0 {
			continue
		}
		seen |= o.bit()
		if o.Spatial > s.limit {
			s.bySize = true
			continue
		}
		if !s.wantedRate(t, o) {
			s.byRate = true
			continue
		}
		r := rung{bitrate: min(o.Bitrate, maxBitrate), caution: o.caution(), option: int32(i), rank: s.rank(t, o), spatial: o.Spatial}
		if limit := t.Wants.MaxBitrate; limit > 0 && (r.bitrate > limit || r.rank > held && r.caution > limit) {
			s.byBitrate = true
			continue
		}
		top = max(top, o.Spatial)
		// Best first: options come in order, smallest first, as a rule.
		at := len(rungs)
		rungs = append(rungs, r)
		for at > first && rungs[at-1].rank < r.rank {
			rungs[at] = rungs[at-1]
			at--
		}
		rungs[at] = r
	}
	// Leave out what costs no less than something better, and what is larger.
	kept := first
	for i := first; i < len(rungs); i++ {
		r := rungs[i]
		if kept > first && (r.bitrate >= rungs[kept-1].bitrate || r.spatial > rungs[kept-1].spatial) {
			continue
		}
		// Frame rate beyond what is fluent is for the top alone; of two fluent
		// rungs below it the slower is the dearer one's better.
		if !t.Screen && kept > first && r.spatial < top && r.spatial == rungs[kept-1].spatial &&
			s.motion(&t.Options[r.option]) == fluent {
			kept--
		}
		rungs[kept] = r
		kept++
	}
	rungs = rungs[:kept]
	for i, j := first, len(rungs)-1; i < j; i, j = i+1, j-1 {
		rungs[i], rungs[j] = rungs[j], rungs[i]
	}
	s.price(rungs[first:], t, priority, top)
	return rungs
}

// price sets the needs of a ladder. The lowest rung has none: to be seen at all
// comes before everything.
func (s *survey) price(ladder []rung, t *Track, priority float64, top int8) {
	for i := 1; i < len(ladder); i++ {
		r, below := &ladder[i], &ladder[i-1]
		o := &t.Options[r.option]
		quality := s.quality(t, o)
		faster := r.spatial == below.spatial && r.spatial == top
		if faster && (t.Screen || s.motion(&t.Options[below.option]) == fluent) {
			quality *= extraWeight
		}
		r.need = max(float32(quality/priority), below.need)
		r.caution = max(r.caution, below.caution)
	}
}
