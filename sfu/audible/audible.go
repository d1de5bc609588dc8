// Package audible follows how loud the audio streams of a room are: it chooses
// which of them are forwarded when there are many, and says who speaks.
//
// It knows streams by small numbers of its owner's and hears of them by the
// audio-level extension (RFC 6464). What it needs of the time it is told, in
// nanoseconds of its owner's clock; when it wants to be told, Next says.
//
// Where there are few streams, all are audible. Where there are many, the
// loudest are, and those that send no levels. Whoever begins to speak is audible
// from the second packet on, as an extra where all places are taken, and takes a
// place when speech goes on and is louder; whoever has lost a place stays until
// a pause, so that nothing is cut off in a word. Silence takes no place away:
// who spoke last stays until somebody else speaks.
package audible

import (
	"encoding/json"
	"time"
)

// Config is how many streams are audible.
type Config struct {
	// Loudest is how many of those that send levels are audible where there is
	// a limit. 0 means 3.
	Loudest int
	// Above is how many audio streams there may be without a limit. 0 means 12;
	// negative means that there is a limit always.
	Above int
}

// Change is a stream that became audible or ceased to be.
type Change struct {
	Stream  int
	Audible bool
}

// Speaker is a stream that is heard to speak.
type Speaker struct {
	Stream int
	Level  int // −127…0 dBov, smoothed
}

const (
	millisecond = int64(time.Millisecond)

	// interval is between looks at the contest, while there is a limit.
	interval = 100 * millisecond
	// toldInterval is between lists of speakers, of which it is looks many.
	toldInterval = looks * interval
	looks        = 3

	extras = 2 // streams that are audible beyond the loudest, for a while

	silence   = -127 // dBov
	quietest  = -70  // what is quieter counts as this in the contest,
	loudest   = -18  // and what is louder as this: shouting gains nothing
	speech    = -50  // what is louder may be speech
	unvoiced  = 12   // dB less, where a publisher that tells voice from noise tells noise
	constant  = -40  // what never gets quieter counts as this at most
	prominent = 6    // dB that speech stands out from what is around it, at least
	initial   = 20   // dB that a new stream is taken to stand out
	risingBy  = 10   // 1/16 dB: what is around speech is taken to rise so much in a look
	lead      = 5    // dB that a challenger must be louder to take a place
	within    = 3    // dB below the weakest that are enough to be an extra
	span      = 15   // dB below the loudest that is still speech

	onset     = 15 * millisecond // of loud packets, at least two; three in any time
	rising    = 4                // looks: the time constant of a score that rises,
	falling   = 16               // and of one that falls
	brief     = 5                // looks that an extra stays that has had no place, and more until it pauses;
	hangOver  = 20               // one that lost its place;
	longest   = 30               // and any
	pauseDrop = 10               // dB below its score: it pauses
	idleAfter = 5                // looks without speech: it yields to anybody

	probation = 2000 * millisecond // after leaving or speaking on: an onset alone does not suffice
	dominance = 6                  // looks that another must lead to be the dominant speaker
)

// Selector chooses what is audible in a room. Make it with New. Its state goes
// through JSON, except for changes that were not taken.
type Selector struct {
	state   state
	changes []Change
	// Scratch memory of list and place.
	heard  []Speaker
	places []int
}

type state struct {
	Config  Config
	Streams []stream // by number
	Present int      // how many there are
	Limited bool     // not all are audible

	Next  int64 // when a look is due, 0 for never
	Looks int   // since the last list

	// What Heard decides by, as of the last change: how loud a packet must be, and
	// how high a score for those on probation. In dBov, and in 1/16.
	Gate      int
	GateScore int
	Vacant    bool // there is a place that nobody has
	Full      bool // no more extras, unless
	Spare     int  // this one goes for another; −1 for none

	Dominant   int // stream, or −1
	Challenger int // who leads it, or −1 …
	Leading    int // … for how many looks

	Told []Speaker
}

// stream is one audio stream.
type stream struct {
	Present bool
	Leveled bool // it has sent levels
	Audible bool
	Voiced  bool // its publisher tells voice from noise
	Placed  bool // it is one of the loudest
	Lasting bool // it has been since it became audible
	Steady  bool // it never gets quieter

	Loud   int8  // loud packets, less quiet ones, while not audible
	LoudAt int64 // when the first of them came
	Sum    int32 // of contest levels since the last look, dBov
	Count  int32

	Score   int   // how loud it has been, 1/16 dB
	Around  int   // how quiet it gets, 1/16 dB
	Quiet   int   // looks without speech
	Outside int   // looks that it has been audible without a place
	FreeAt  int64 // end of its probation

	Speech speechState
}

// New makes a Selector without streams.
func New(cfg Config) *Selector {
	s := &Selector{state: state{Dominant: -1, Challenger: -1, Spare: -1}}
	s.Configure(cfg)
	return s
}

// Configure changes how many are audible.
func (s *Selector) Configure(cfg Config) {
	if cfg.Loudest == 0 {
		cfg.Loudest = 3
	}
	if cfg.Above == 0 {
		cfg.Above = 12
	}
	s.state.Config = Config{Loudest: max(cfg.Loudest, 1), Above: max(cfg.Above, 0)}
	s.limit()
}

// MarshalJSON writes the state.
func (s *Selector) MarshalJSON() ([]byte, error) { return json.Marshal(&s.state) }

// UnmarshalJSON reads what MarshalJSON wrote.
func (s *Selector) UnmarshalJSON(b []byte) error {
	s.changes = nil
	return json.Unmarshal(b, &s.state)
}

// Add tells of a new audio stream. Memory is taken for all numbers up to the
// greatest. It is audible until it has sent levels that are too low.
func (s *Selector) Add(i int) {
	for len(s.state.Streams) <= i {
		s.state.Streams = append(s.state.Streams, stream{})
	}
	st := &s.state.Streams[i]
	if st.Present {
		return
	}
	*st = stream{Present: true, Audible: true, Score: quietest * 16}
	s.state.Present++
	s.limit()
}

// Remove tells that an audio stream is gone. Its number may be used again.
func (s *Selector) Remove(i int) {
	if i < 0 || i >= len(s.state.Streams) || !s.state.Streams[i].Present {
		return
	}
	s.state.Streams[i] = stream{}
	s.state.Present--
	if s.state.Dominant == i {
		s.state.Dominant = -1
	}
	if s.state.Challenger == i {
		s.state.Challenger, s.state.Leading = -1, 0
	}
	s.limit()
}

// Audible says whether what a stream sends is forwarded.
func (s *Selector) Audible(i int) bool {
	return i >= 0 && i < len(s.state.Streams) && s.state.Streams[i].Audible
}

// Limited says whether there is a limit now.
func (s *Selector) Limited() bool { return s.state.Limited }

// Most is how many of those that send levels are audible at once while there is a limit.
func (s *Selector) Most() int { return s.state.Config.Loudest + extras }

// Changes takes what became audible, or ceased to be, since they were last
// taken. The slice is valid until something else is told.
func (s *Selector) Changes() []Change {
	c := s.changes
	s.changes = s.changes[:0]
	return c
}

// Next is when Advance is due, or 0.
func (s *Selector) Next() int64 { return s.state.Next }

// Heard takes the level of one packet (RFC 6464): 0…127 as it is sent, dBov without
// its sign, and the voice-activity bit. It says whether the stream has become
// audible with it.
func (s *Selector) Heard(now int64, i int, level byte, voice bool) bool {
	if i < 0 || i >= len(s.state.Streams) {
		return false
	}
	st := &s.state.Streams[i]
	if !st.Present {
		return false
	}
	dB := -int(level & 0x7f)
	st.Speech.Sum += int32(dB)
	st.Speech.Count++
	if voice {
		st.Voiced = true
	} else if st.Voiced {
		dB = max(dB-unvoiced, silence)
	}
	st.Sum += int32(dB)
	st.Count++
	if s.state.Next == 0 {
		s.schedule(now)
	}
	if !st.Leveled {
		s.begin(i, dB)
	}
	if st.Audible {
		return false
	}
	if dB < s.state.Gate || st.Steady && !s.state.Vacant {
		st.Loud = max(st.Loud-1, 0)
		return false
	}
	if st.Loud == 0 {
		st.LoudAt = now
	}
	st.Loud = min(st.Loud+1, 3)
	if st.Loud < 3 && (st.Loud < 2 || now-st.LoudAt < onset) {
		return false
	}
	if now < st.FreeAt && st.Score < s.state.GateScore {
		st.FreeAt = now + probation
		return false
	}
	if s.state.Full {
		s.leave(now, s.state.Spare)
	}
	st.Audible, st.Loud, st.Outside, st.Quiet = true, 0, 0, 0
	s.changed(i)
	s.gate()
	return true
}

// begin takes a stream into the contest with its first level.
func (s *Selector) begin(i, dB int) {
	st := &s.state.Streams[i]
	st.Leveled = true
	st.Around = max(dB-initial, quietest) * 16
	s.gate()
}

func (s *Selector) changed(i int) {
	s.changes = append(s.changes, Change{Stream: i, Audible: s.state.Streams[i].Audible})
}

func (s *Selector) schedule(now int64) {
	s.state.Next = now + toldInterval
	if s.state.Limited {
		s.state.Next = now + interval
	}
}

// limit makes all audible where there are few.
func (s *Selector) limit() {
	s.state.Limited = s.state.Present > s.state.Config.Above
	if !s.state.Limited {
		for i := range s.state.Streams {
			if st := &s.state.Streams[i]; st.Present && !st.Audible {
				st.Audible, st.Loud = true, 0
				s.changed(i)
			}
		}
	}
	s.gate()
}
