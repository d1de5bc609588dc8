package licode

import "time"

// What a client may ask for in a while, and at once after a pause. Licode has no
// limits and its clients no notion of one, so what is too fast is not refused: it
// is read later, and the network holds it back. The native session that it
// becomes has 50 requests and 512 KiB a second.
const (
	eventTime  = time.Second / 40  // that an event takes
	readTime   = eventTime / 10    // that reading a participant's counters takes, beside the event
	frameTime  = time.Second / 500 // that any frame takes
	byteTime   = time.Second / (200 << 10)
	paceCredit = 5 * time.Second // that may be taken at once
)

// pace says when the next frame of a client may be read. Zero is ready to use.
type pace struct {
	spent time.Time // until when time is taken
}

// take takes time for something that is done now.
func (p *pace) take(now time.Time, cost time.Duration) {
	if p.spent.Before(now) {
		p.spent = now
	}
	p.spent = p.spent.Add(cost)
}

// opens says when the next may be read; a time that is past, or zero, is now.
func (p *pace) opens() time.Time {
	if p.spent.IsZero() {
		return time.Time{}
	}
	return p.spent.Add(-paceCredit)
}
