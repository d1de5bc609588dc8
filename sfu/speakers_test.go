package sfu

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tertulia-rtc/tertulia/protocol"
	"github.com/tertulia-rtc/tertulia/sdp"
	"github.com/tertulia-rtc/tertulia/simnet"
)

// Speakers: loudest first, told when it changes, silence told too.
func TestSpeakers(t *testing.T) {
	w := newWorld(t)
	var senders []*sender
	for i, name := range []string{"a", "b", "c"} {
		c := w.join(name, simnet.Config{}, sends("0", sdp.Audio, opus))
		c.publish(protocol.StreamID(i+1), audioTrack("0"))
		s := c.audio("0", 200)
		s.level = 90
		senders = append(senders, s)
	}
	speaking := func() (ids []protocol.StreamID, n int) {
		w.run(2500 * time.Millisecond)
		all := taken[protocol.SpeakersChanged](w)
		if len(all) == 0 {
			return nil, 0
		}
		for _, s := range all[len(all)-1].Speakers.Speakers {
			ids = append(ids, s.Stream)
		}
		return ids, len(all)
	}
	if _, n := speaking(); n != 0 {
		t.Error("noise is not speech")
	}
	senders[1].level, senders[2].level = 40, 20
	if ids, n := speaking(); !cmp.Equal(ids, []protocol.StreamID{3, 2}) || n > 3 {
		t.Errorf("speak: %v, told %d times", ids, n)
	}
	senders[2].silent = true
	if ids, _ := speaking(); !cmp.Equal(ids, []protocol.StreamID{2}) {
		t.Errorf("speak: %v", ids)
	}
	senders[1].level = 100
	if ids, n := speaking(); len(ids) != 0 || n == 0 {
		t.Errorf("speak: %v, told %d times", ids, n)
	}
	for _, s := range senders {
		s.silent = true
	}
	w.run(8 * time.Second)
	if due := w.r.Timer(); !due.IsZero() {
		t.Errorf("the timer never rests: %v", due.Sub(w.now))
	}
}
