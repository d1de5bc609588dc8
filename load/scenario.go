package load

import (
	"fmt"
	"runtime"
	"time"
)

// Scenario says who takes part and what they send.
type Scenario struct {
	// In each of Rooms rooms Publishers send to each other and to Subscribers
	// more, who only receive. Everybody receives all but its own.
	Rooms       int `json:"rooms"`
	Publishers  int `json:"publishers"`
	Subscribers int `json:"subscribers"`

	Video     bool `json:"video"`
	Audio     bool `json:"audio"`
	Bitrate   int  `json:"bitrate"` // of video, in bits per second; of the top layer with Simulcast
	FPS       int  `json:"fps"`
	Simulcast bool `json:"simulcast"` // three layers
	DTX       bool `json:"dtx"`       // audio stops in silence
	// AllAudio has rooms that Native makes by a service forward all audio, not the
	// loudest alone when there is much of it.
	AllAudio bool `json:"allAudio"`

	// JoinRate is how many join in a second.
	JoinRate float64 `json:"joinRate"`
	// Warmup is between the last join and the measured Duration; in JSON both are
	// in nanoseconds, like Delay.
	Warmup   time.Duration `json:"warmup"`
	Duration time.Duration `json:"duration"`

	// Loss is the share of datagrams lost in each direction, Delay what each takes
	// longer in each direction.
	Loss  float64       `json:"loss"`
	Delay time.Duration `json:"delay"`

	// Open is of how many packets one is opened and looked at, where that need
	// not be done for all: 1 for all.
	Open int `json:"open"`
	// Loops is how many goroutines have the media; 0: one for each processor.
	Loops int `json:"loops"`
	// PID is the server's process on this machine, to be looked at; 0 for none.
	PID int `json:"pid,omitempty"`
	// Seed is what all chances come from.
	Seed uint64 `json:"seed"`
}

// Bounds of a scenario.
const (
	maxParticipants = 20_000
	maxJoinWait     = 30 * time.Second
)

// check completes a scenario, or says what is wrong with it.
func (s *Scenario) check() error {
	switch {
	case s.Rooms < 1 || s.Publishers < 1 || s.Subscribers < 0:
		return fmt.Errorf("%d rooms of %d publishers and %d subscribers: there must be a room, and somebody who publishes in it", s.Rooms, s.Publishers, s.Subscribers)
	case s.Rooms*(s.Publishers+s.Subscribers) > maxParticipants:
		return fmt.Errorf("%d participants are more than one process can be (%d): run several", s.Rooms*(s.Publishers+s.Subscribers), maxParticipants)
	case !s.Video && !s.Audio:
		return fmt.Errorf("neither video nor audio: nothing would be sent")
	case s.Video && (s.Bitrate < 10_000 || s.Bitrate > 50_000_000):
		return fmt.Errorf("a video bitrate of %d b/s is out of range: 10 kb/s to 50 Mb/s", s.Bitrate)
	case s.Video && (s.FPS < 1 || s.FPS > 120):
		return fmt.Errorf("%d frames a second are out of range: 1 to 120", s.FPS)
	case s.JoinRate <= 0:
		return fmt.Errorf("a join rate of %v is not above 0", s.JoinRate)
	case s.Loss < 0 || s.Loss >= 1 || s.Delay < 0:
		return fmt.Errorf("a loss of %v or a delay of %v makes no sense: loss is a share below 1", s.Loss, s.Delay)
	case s.Duration < time.Second:
		return fmt.Errorf("a duration of %v is too short to measure: a second at least", s.Duration)
	}
	s.Open = max(s.Open, 1)
	if s.Loops <= 0 {
		s.Loops = runtime.GOMAXPROCS(0)
	}
	return nil
}

// perRoom is how many are in a room.
func (s *Scenario) perRoom() int { return s.Publishers + s.Subscribers }

// media is what publisher n of all sends.
func (s *Scenario) media(n int) media {
	m := media{
		number: uint32(n) * 8, video: s.Video, audio: s.Audio, bitrate: s.Bitrate, fps: s.FPS, dtx: s.DTX,
		width: 1280, height: 720,
	}
	if s.Simulcast {
		m.layers = threeLayers
	}
	return m
}

// String names the scenario as people do: 10 rooms of 3 + 0, video + audio.
func (s *Scenario) String() string {
	rooms := ""
	if s.Rooms > 1 {
		rooms = fmt.Sprintf("%d rooms of ", s.Rooms)
	}
	what := "video + audio"
	switch {
	case !s.Audio:
		what = "video"
	case !s.Video:
		what = "audio"
	}
	if s.Video && s.Simulcast {
		what += ", simulcast"
	}
	who := fmt.Sprintf("%d who publish to each other", s.Publishers)
	switch {
	case s.Subscribers > 0 && s.Publishers == 1:
		who = fmt.Sprintf("1 publisher, %d subscribers", s.Subscribers)
	case s.Subscribers > 0:
		who = fmt.Sprintf("%d publishers, %d subscribers more", s.Publishers, s.Subscribers)
	}
	return rooms + who + " (" + what + ")"
}
