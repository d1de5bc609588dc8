package media

import (
	"testing"
	"time"
)

// While packets leave, the loop sleeps no longer than to the next moment of the grid;
// when nothing has left for a while, feedback wakes it no more.
func TestFeedbackClock(t *testing.T) {
	start := time.Unix(1000, 250_000_000)
	f := feedbackClock{deferred: true, looked: start, active: start}
	if f.due(start.Add(feedbackAfter - 1)) {
		t.Error("it is due too early")
	}
	if !f.due(start.Add(feedbackAfter)) {
		t.Error("it is not due")
	}
	f.rest(start)
	want := time.Unix(1000, 300_000_000)
	if !f.wake.Equal(want) {
		t.Errorf("wakes at %v, want %v", f.wake, want)
	}
	if f.looked = want.Add(-1); !f.due(want) {
		t.Error("the loop wakes up and does not look: it would do so again and again")
	}
	if f.rest(start.Add(20 * time.Millisecond)); !f.wake.Equal(want) {
		t.Errorf("put off to %v", f.wake)
	}
	if f.rest(want); !f.wake.Equal(want.Add(feedbackGrid)) {
		t.Errorf("wakes at %v, want a step later", f.wake)
	}
	if f.rest(start.Add(feedbackQuiet + 1)); !f.wake.IsZero() {
		t.Errorf("wakes at %v though nothing is expected", f.wake)
	}
	if f := (feedbackClock{}); f.due(start) {
		t.Error("it is due where feedback comes with the rest")
	}
}

// A round that takes feedback in hands over twice. A buffer that was given back twice would
// be filled with two datagrams at once.
func TestBuffersAreGivenBackOnce(t *testing.T) {
	s := &shard{}
	s.mail.addDatagrams([]datagram{{data: []byte{1}}, {data: []byte{2}}})
	_, s.takenDatagrams, _ = s.mail.take(nil, nil, nil)
	s.handOver()
	s.handOver()
	if n := len(s.mail.free); n != 2 {
		t.Errorf("%d buffers to use again, of two", n)
	}
}
