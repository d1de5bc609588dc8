// Package load makes synthetic participants: they join rooms, send video and
// audio as browsers do, receive, give feedback, and measure what a server makes
// of it. `tertulia load` is its command line; docs/load.md says what its
// figures mean and how far to trust them.
//
// [Run] takes a [Scenario] and gives a [Report]. The media of all participants
// belong to a few loops, one for each processor; each participant has a socket
// of its own, and nothing is allocated for a packet. Signalling has a goroutine
// for each participant: our own protocol (docs/protocol.md), WHIP and WHEP, or
// Janus's VideoRoom.
//
// Nothing is encoded or decoded. Payloads have true VP8 descriptors and frame
// heads, so that a server recognises keyframes; the rest is filler, and a stamp
// that says who sent the packet and when.
package load

import (
	"math/rand/v2"
	"time"
)

// instant is a time in nanoseconds of Unix time, by which also the system
// stamps packets when they come. 0 is never.
type instant int64

const (
	millisecond = instant(time.Millisecond)
	second      = instant(time.Second)
	never       = instant(1<<63 - 1)
)

func clock() instant { return instant(time.Now().UnixNano()) }

func (t instant) time() time.Time { return time.Unix(0, int64(t)) }

// at turns a time that may be zero into an instant; zero is never.
func at(t time.Time) instant {
	if t.IsZero() {
		return never
	}
	return instant(t.UnixNano())
}

// random gives the chances of one part of a run: the same for the same seed and
// part, whatever the others do.
func random(seed, part uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, part)) }
