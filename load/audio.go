package load

import "math/rand/v2"

// How somebody speaks.
const (
	audioInterval = 20 * millisecond
	audioPayload  = 80 // bytes
	// dtxInterval is between two packets in silence (RFC 7587 section 3.1.3).
	dtxInterval = 400 * millisecond
	dtxPayload  = 2
	// A talk spurt and a pause, in the mean.
	talkMean  = 3 * second
	pauseMean = 4 * second
	silent    = 127 // the audio level of silence, in −dBov (RFC 6464)
)

// audio is an Opus encoder and who speaks into it.
type audio struct {
	rng     *rand.Rand
	dtx     bool
	talking bool
	until   instant // when that changes
}

func newAudio(rng *rand.Rand, dtx bool) audio {
	return audio{rng: rng, dtx: dtx, talking: rng.IntN(2) == 0}
}

// next is the packet of the time now: its size, its level in −dBov, and when the
// one after it is due. Without DTX silence is sent like speech.
func (a *audio) next(now instant) (size, level int, after instant) {
	if a.until == 0 || now >= a.until {
		a.talking = !a.talking
		mean := talkMean
		if !a.talking {
			mean = pauseMean
		}
		a.until = now + instant(a.rng.ExpFloat64()*float64(mean)) + audioInterval
	}
	switch {
	case a.talking:
		return audioPayload, 20 + a.rng.IntN(20), audioInterval
	case a.dtx:
		return dtxPayload, silent, min(dtxInterval, (max(a.until-now, 0)/audioInterval+1)*audioInterval)
	}
	return audioPayload, silent, audioInterval
}
