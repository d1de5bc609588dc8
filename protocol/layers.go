package protocol

// DefaultPriority is the weight of a track that its subscriber gives none.
const DefaultPriority = 10

// Limits of a Preference.
const (
	MaxPriority      = 100
	MaxWantedSize    = 16384         // pixels of each dimension
	MaxWantedRate    = 240           // frames per second
	MaxWantedBitrate = 1_000_000_000 // bits per second
	MaxLayer         = 7             // number of a spatial or temporal layer
	MinSlideshow     = 1_000         // milliseconds
	MaxSlideshow     = 60_000
)

// Preference is what a subscriber wants of one track that it receives: the
// most that it has a use for, and how much the track counts beside its others
// where not all fits. The zero value of a field is no wish. It belongs to the
// subscription of its stream, ends with it, and replaces the one before.
type Preference struct {
	Stream StreamID `json:"stream"`
	Track  TrackID  `json:"track"`
	// Width and Height are the size of the element that shows the video, in
	// device pixels; 0: no limit.
	Width  int `json:"width,omitempty"`
	Height int `json:"height,omitempty"`
	// FrameRate is in frames per second; 0: no limit.
	FrameRate float64 `json:"frameRate,omitempty"`
	// MaxBitrate is in bits per second; 0: no limit.
	MaxBitrate uint64 `json:"maxBitrate,omitempty"`
	// Priority is a weight from 1 to MaxPriority; 0: DefaultPriority. A router is
	// never told 0.
	Priority int `json:"priority,omitempty"`
	// Paused asks for nothing of the track until it is taken back.
	Paused bool `json:"paused,omitempty"`
	// Pin asks for this layer and no other, whatever the link carries; nil: the
	// best that fits.
	Pin *PinnedLayer `json:"pin,omitempty"`
	// Slideshow asks for keyframes only, one in so many milliseconds, from
	// MinSlideshow to MaxSlideshow; 0: for moving pictures.
	Slideshow int `json:"slideshow,omitempty"`
	// SlideshowBelow asks for a slideshow while the link does not carry this
	// spatial layer, counted from 1 for the second smallest; 0: never.
	SlideshowBelow int `json:"slideshowBelow,omitempty"`
}

// PinnedLayer is a layer that a subscriber insists on: of all layers of the
// track, simulcast encodings or spatial layers, 0 the smallest. What the track
// does not have stands for the nearest below.
type PinnedLayer struct {
	Spatial  int `json:"spatial"`
	Temporal int `json:"temporal"`
}

// WantedLayer says whether anybody has a use for one layer of a track.
type WantedLayer struct {
	// RID names a simulcast encoding as the publisher's offer does (RFC 8853);
	// "" for a track that is sent as one encoding.
	RID string `json:"rid,omitempty"`
	// Spatial is the spatial layer within the encoding, 0 the smallest.
	Spatial int  `json:"spatial"`
	Wanted  bool `json:"wanted"`
}

// LayersWanted tells a publisher which layers of a track anybody has a use for:
// it need not encode the others. All layers of the track are in it, the
// smallest first, also those that the publisher has stopped sending since: else
// it could not be told that they are wanted again. Spatial counts from the
// smallest of when all were sent. What it does not hear of is wanted.
type LayersWanted struct {
	Stream StreamID      `json:"stream"`
	Track  TrackID       `json:"track"`
	Layers []WantedLayer `json:"layers"`
}

// Layer is what a subscriber gets of a track now, for statistics.
type Layer struct {
	RID      string `json:"rid,omitempty"`
	Spatial  int    `json:"spatial"`
	Temporal int    `json:"temporal"`
	// Width and Height are in pixels, 0 while they are not known.
	Width  int `json:"width,omitempty"`
	Height int `json:"height,omitempty"`
	// FrameRate is measured, in frames per second.
	FrameRate float64 `json:"frameRate,omitempty"`
	// Bitrate is that of the layer with those it depends on, measured, in bits
	// per second.
	Bitrate uint64 `json:"bitrate,omitempty"`
	// Reason is a word for why it is this layer and not a better one;
	// docs/allocation.md lists them.
	Reason string `json:"reason,omitempty"`
}

// RoomSettings is what a room is set to as far as its media go.
type RoomSettings struct {
	Audio AudioSettings `json:"audio"`
}

// AudioSettings limits the audio of big rooms to those who speak. Tracks without
// the audio-level extension (RFC 6464) are always forwarded, and are none of the loudest.
type AudioSettings struct {
	// Loudest is how many audio tracks are forwarded at once; 0: all, the limit is off.
	Loudest int `json:"loudest"`
	// Above is the number of audio tracks in the room above which the limit
	// begins; 0: always.
	Above int `json:"above"`
}

// DefaultRoomSettings are those of a room that does not name its own.
var DefaultRoomSettings = RoomSettings{Audio: AudioSettings{Loudest: 3, Above: 12}}

// Limits of RoomSettings.
const (
	MaxLoudest    = 50
	MaxAudioAbove = 1_000_000
)

// Validate checks the bounds.
func (s RoomSettings) Validate() *Error {
	switch {
	case s.Audio.Loudest < 0 || s.Audio.Loudest > MaxLoudest:
		return Errorf(CodeBadRequest, "audio.loudest must be 0 to %d.", MaxLoudest)
	case s.Audio.Above < 0 || s.Audio.Above > MaxAudioAbove:
		return Errorf(CodeBadRequest, "audio.above must be 0 to %d.", MaxAudioAbove)
	}
	return nil
}

func (Preference) isRequest() {}

// Validate checks ids and bounds.
func (p Preference) Validate() *Error {
	switch {
	case !p.Stream.Valid():
		return badStream()
	case !p.Track.Valid():
		return badName("id of a track")
	case p.Width < 0 || p.Width > MaxWantedSize || p.Height < 0 || p.Height > MaxWantedSize:
		return Errorf(CodeBadRequest, "width and height must be 0 to %d pixels.", MaxWantedSize)
	case !(p.FrameRate >= 0 && p.FrameRate <= MaxWantedRate):
		return Errorf(CodeBadRequest, "frameRate must be 0 to %d.", MaxWantedRate)
	case p.MaxBitrate > MaxWantedBitrate:
		return Errorf(CodeBadRequest, "maxBitrate must be 0 to %d bits per second.", MaxWantedBitrate)
	case p.Priority < 0 || p.Priority > MaxPriority:
		return Errorf(CodeBadRequest, "priority must be 1 to %d.", MaxPriority)
	case p.Pin != nil && (min(p.Pin.Spatial, p.Pin.Temporal) < 0 || max(p.Pin.Spatial, p.Pin.Temporal) > MaxLayer):
		return Errorf(CodeBadRequest, "The layers of pin must be 0 to %d.", MaxLayer)
	case p.Slideshow != 0 && (p.Slideshow < MinSlideshow || p.Slideshow > MaxSlideshow):
		return Errorf(CodeBadRequest, "slideshow must be 0, or %d to %d milliseconds.", MinSlideshow, MaxSlideshow)
	case p.SlideshowBelow < 0 || p.SlideshowBelow > MaxLayer:
		return Errorf(CodeBadRequest, "slideshowBelow must be 0 to %d.", MaxLayer)
	}
	return nil
}
