package allocation

import "fmt"

// Reason says why a track does not get more than it does.
type Reason uint8

// The reasons.
const (
	TopLayer           Reason = iota // it is the best that there is
	OnlyLayer                        // there is no other
	WantedSize                       // a larger picture would not be seen larger
	WantedRate                       // more frames are not wanted
	MaxBitrate                       // the limit for this track, the subscriber's or the publisher's
	Bandwidth                        // the next does not fit
	Priority                         // a track of higher priority goes first
	Holding                          // the next fits, but not with the margin that going up needs
	PausedBySubscriber               // nothing is wanted
	NoLayer                          // nothing flows
	Pinned                           // the subscriber asked for this layer and no other
	Slideshow                        // the subscriber asked for keyframes only
	SlideshowBelow                   // … where the link does not carry the layer that it named
)

var reasons = [...]string{
	TopLayer:           "top-layer",
	OnlyLayer:          "only-layer",
	WantedSize:         "wanted-size",
	WantedRate:         "wanted-rate",
	MaxBitrate:         "max-bitrate",
	Bandwidth:          "bandwidth",
	Priority:           "priority",
	Holding:            "holding",
	PausedBySubscriber: "paused-by-subscriber",
	NoLayer:            "no-layer",
	Pinned:             "pinned",
	Slideshow:          "slideshow",
	SlideshowBelow:     "slideshow-below",
}

// String is the word for it, as in statistics.
func (r Reason) String() string {
	if int(r) < len(reasons) {
		return reasons[r]
	}
	return fmt.Sprintf("reason %d", uint8(r))
}

// MarshalText writes the word.
func (r Reason) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads the word.
func (r *Reason) UnmarshalText(text []byte) error {
	for i, word := range reasons {
		if word == string(text) {
			*r = Reason(i)
			return nil
		}
	}
	return fmt.Errorf("%q is no reason of an allocation", text)
}
