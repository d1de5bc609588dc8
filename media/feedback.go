package media

import (
	"time"
)

// Transport-wide feedback wakes nobody where the system can keep it apart
// (transport.UDP.DefersFeedback). A round that there is for another reason
// takes it in; if none comes, the loop wakes up for it.
const (
	feedbackAfter  = 15 * time.Millisecond
	feedbackLatest = 35 * time.Millisecond
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
	active   time.Time // when there was last a reason to expect any
	sent     uint64    // shard.sentPackets, when it was looked at last
}

// due says whether a round at this time takes feedback in.
func (f *feedbackClock) due(now time.Time) bool {
	return f.deferred && now.Sub(f.looked) >= feedbackAfter
}

// latest is until when it may wait; zero when none is expected.
func (f *feedbackClock) latest() time.Time {
	if !f.deferred || f.looked.Sub(f.active) > feedbackQuiet {
		return time.Time{}
	}
	return f.looked.Add(feedbackLatest)
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
			s.log.Error("feedback cannot be read", "err", err)
			f.deferred = false
			return
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
	s.flush(now)
	s.writer.Flush()
}
