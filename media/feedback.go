package media

import "time"

// Transport-wide feedback wakes nobody where the system can keep it apart
// (transport.UDP.DefersFeedback). A round that there is for another reason
// takes it in. While media flow there are such rounds all the time; for the rest the
// loop wakes up at the moments of the routers' coarsest timers.
const (
	feedbackAfter = 15 * time.Millisecond
	feedbackGrid  = 100 * time.Millisecond
	// feedbackQuiet is how long after the last packet sent, or the last feedback,
	// more of it is expected: several times the interval of browsers.
	feedbackQuiet = time.Second
	// feedbackBatches bounds what one round takes in.
	feedbackBatches = 16
)

// feedbackClock says when to look for feedback.
type feedbackClock struct {
	deferred bool // there is something to look for
	looked   time.Time
	wake     time.Time // until when the loop may sleep; zero when nothing is expected
	active   time.Time // when there was last a reason to expect any
	sent     uint64    // shard.sentPackets, when it was looked at last
}

// due says whether a round at this time takes feedback in.
func (f *feedbackClock) due(now time.Time) bool {
	return f.deferred && (now.Sub(f.looked) >= feedbackAfter || !f.wake.IsZero() && !now.Before(f.wake))
}

// rest sets the time until when the loop may sleep. A time to come is left as it is,
// since the runtime wakes a thread for each deadline that was put off.
func (f *feedbackClock) rest(now time.Time) {
	switch {
	case now.Sub(f.active) > feedbackQuiet:
		f.wake = time.Time{}
	case !now.Before(f.wake):
		f.wake = now.Add(feedbackGrid - time.Duration(now.UnixNano()%int64(feedbackGrid)))
	}
}

// takeFeedback takes in the feedback that is there.
func (s *shard) takeFeedback(now time.Time) {
	f := &s.feedback
	f.looked = now
	if s.sentPackets != f.sent {
		f.sent, f.active = s.sentPackets, now
	}
	for range feedbackBatches {
		if err := s.udp.ReadFeedback(s.batch); err != nil {
			if !s.closed {
				s.log.Error("feedback cannot be read", "err", err)
			}
			f.deferred = false
			break
		}
		if s.batch.Len() == 0 {
			break
		}
		f.active = now
		s.takeBatch(now)
		if s.batch.Len() < batchSize {
			break
		}
	}
	f.rest(now)
	s.flush(now)
	s.writer.Flush()
}
