package bwe

import "time"

// groupSpan is how long after its first packet a packet may leave and still be of
// the same group (draft-ietf-rmcat-gcc-02 section 5.2); burstGap and maxBurst join
// packets that were held back and then came all at once.
const (
	groupSpan = 5 * time.Millisecond
	burstGap  = 5 * time.Millisecond
	maxBurst  = 100 * time.Millisecond
)

// The baseline is the least delay of one to two periods; the standing delay that
// of the latest one to two slots.
const (
	basePeriod   = 10 * time.Second
	standingSlot = 100 * time.Millisecond
)

// group is packets that left together. What counts is the least of their delays:
// the others waited for their own like.
type group struct {
	Count    int
	First    time.Duration // when the first left
	Sent     time.Duration // when the last left
	Arrived  time.Duration // when the last came, by the peer's clock
	Delay    time.Duration // the least; from clock to clock, so only differences mean anything
	Previous time.Duration // Delay of the group before
}

// arrivalState makes groups of packets that came.
type arrivalState struct {
	Reference int64         // extended, of the latest feedback, in ticks of 64 ms
	ReadAt    time.Duration // when it came
	Started   bool

	Group    group
	Sample   group // the latest that is complete
	Sampled  bool
	Base     windowMin
	Standing windowMin
}

// clock gives the reference time of a feedback as a time of the peer's clock, and
// false if it runs backwards.
func (a *arrivalState) clock(now time.Duration, reference uint32) (time.Duration, bool) {
	if !a.Started {
		a.Started = true
		a.Reference = int64(reference)
	}
	step := int64(int32((reference-uint32(a.Reference))<<8) >> 8) // 24 bits, signed
	moved := time.Duration(step) * referenceTick
	passed := now - a.ReadAt
	switch {
	case moved < -clockBack && passed < clockStands:
		return 0, false
	case moved < -clockBack, moved > passed+clockAhead && a.ReadAt > 0:
		// Another clock: nothing before can be compared.
		a.Group, a.Sample, a.Sampled = group{}, group{}, false
		a.Base, a.Standing = windowMin{}, windowMin{}
	}
	at := time.Duration(a.Reference+step) * referenceTick
	if step >= 0 || moved < -clockBack {
		a.Reference += step
		a.ReadAt = now
	}
	return at, true
}

// add takes a packet that left and came, and says whether that completed a group,
// which is then Sample.
func (a *arrivalState) add(sent, came time.Duration) bool {
	delay := came - sent
	g := &a.Group
	switch {
	case g.Count == 0:
		*g = group{Count: 1, First: sent, Sent: sent, Arrived: came, Delay: delay}
		return false
	case sent < g.First:
		return false // overtaken by a whole group
	case sent-g.First <= groupSpan,
		came-g.Arrived <= burstGap && delay < g.Delay && sent-g.First <= maxBurst:
		g.Count++
		g.Sent = max(g.Sent, sent)
		g.Arrived = max(g.Arrived, came)
		g.Delay = min(g.Delay, delay)
		return false
	}
	g.Previous = g.Delay
	if a.Sampled {
		g.Previous = a.Sample.Delay
	}
	a.Sample, a.Sampled = *g, true
	a.Base.add(g.Arrived, basePeriod, g.Delay)
	a.Standing.add(g.Arrived, standingSlot, g.Delay)
	*g = group{Count: 1, First: sent, Sent: sent, Arrived: came, Delay: delay}
	return true
}

// queue is how long packets wait at least, beyond what they always take.
func (a *arrivalState) queue() time.Duration {
	if !a.Sampled {
		return 0
	}
	return a.Standing.least() - a.Base.least()
}

// rebase takes the present delay as that of an empty queue.
func (a *arrivalState) rebase() { a.Base = a.Standing }

// windowMin is the least of the values of the last one to two periods.
type windowMin struct {
	Until         time.Duration // end of the present period
	Now, Before   time.Duration
	Seen, HasPast bool
}

func (w *windowMin) add(at, period, v time.Duration) {
	switch {
	case !w.Seen || at > w.Until+period:
		*w = windowMin{Until: at + period, Now: v, Seen: true}
	case at > w.Until:
		w.Before, w.HasPast = w.Now, true
		w.Now, w.Until = v, w.Until+period
	default:
		w.Now = min(w.Now, v)
	}
}

func (w *windowMin) least() time.Duration {
	if w.HasPast {
		return min(w.Now, w.Before)
	}
	return w.Now
}
