package sfu

import (
	"testing"

	"github.com/tertulia-rtc/tertulia/codec"
	"github.com/tertulia-rtc/tertulia/protocol"
	"github.com/tertulia-rtc/tertulia/sfu/rtpbuf"
)

// lossySlot is a slot whose stream has three temporal layers, and its router.
func lossySlot() (*Router, *slot) {
	r := New(Config{})
	source := &source{in: &inbound{}}
	source.Tracker.Layout.Targets = 3
	source.Tracker.Layout.Temporal[1], source.Tracker.Layout.Temporal[2] = 1, 2
	r.sources[7] = source
	s := &slot{Kind: protocol.Video, Run: run{Source: 7}}
	s.Form.IDs[extPlayoutDelay] = 5
	s.Reported.RTT = 60 * millisecond
	return r, s
}

// Where packets are lost, pictures are shown so much later that repairs come in
// time; where they are not lost any more, that is taken back slowly, and said.
func TestPlayoutFollowsLoss(t *testing.T) {
	r, s := lossySlot()
	now := instant(0)
	report := func(lost uint8, seconds int) {
		s.Reported.FractionLost = lost
		for range seconds {
			now += second
			r.advancePlayout(now, s)
		}
	}
	report(0, 5)
	if s.Playout.Says {
		t.Error("a delay is asked for on a link that loses nothing")
	}
	report(26, 15) // a tenth
	// Four rounds of 60 ms and the receiver's 20, and 20 more.
	if s.Playout.Delay != 340*millisecond || !s.Playout.Says {
		t.Errorf("the delay is %d ms at a loss of 10 %%", s.Playout.Delay/millisecond)
	}
	report(0, 8)
	if s.Playout.Delay != 340*millisecond {
		t.Errorf("the delay is %d ms soon after the loss has ended", s.Playout.Delay/millisecond)
	}
	report(0, 14)
	if s.Playout.Delay != 0 {
		t.Errorf("the delay is %d ms long after the loss has ended", s.Playout.Delay/millisecond)
	}
	report(0, 3)
	if s.Playout.Says {
		t.Error("what is over is said for ever")
	}
}

// The longest delay is half a second, however long the round trip.
func TestPlayoutIsBounded(t *testing.T) {
	r, s := lossySlot()
	s.Reported.RTT = 10 * second
	s.Reported.FractionLost = 255
	for now := instant(0); now < 20*second; now += second {
		r.advancePlayout(now, s)
	}
	if s.Playout.Delay != playoutMost {
		t.Errorf("the delay is %d ms", s.Playout.Delay/millisecond)
	}
}

// A stream without temporal layers is left to its receiver, which waits by itself;
// so is one that did not negotiate the extension.
func TestPlayoutIsForTemporalLayers(t *testing.T) {
	for name, change := range map[string]func(*Router, *slot){
		"one layer":    func(r *Router, _ *slot) { r.sources[7].Tracker.Layout.Temporal = [codec.MaxLayerTargets]uint8{} },
		"no extension": func(_ *Router, s *slot) { s.Form.IDs[extPlayoutDelay] = 0 },
	} {
		r, s := lossySlot()
		change(r, s)
		s.Reported.FractionLost = 26
		for now := instant(0); now < 20*second; now += second {
			r.advancePlayout(now, s)
		}
		if s.Playout.Says {
			t.Errorf("%s: a delay is asked for", name)
		}
	}
}

// The extension has two numbers of 12 bits, in units of 10 ms.
func TestPlayoutExtension(t *testing.T) {
	p := playout{Delay: 340 * millisecond}
	got := p.appendTo(nil)
	want := []byte{byte(extPlayoutDelay), 3, 0x02, 0x23, 0xe8}
	if string(got) != string(want) {
		t.Errorf("% x, want % x", got, want)
	}
}

// On a link that loses packets the header says the delay, but never in packets that
// may be sent again as they were: then an SRTP nonce would serve two plaintexts.
func TestPlayoutIsNotSaidWhereHeadersRepeat(t *testing.T) {
	r, s := lossySlot()
	s.Playout = playout{Delay: 100 * millisecond, Says: true}
	b := ready{entry: &rtpbuf.Entry{}}
	for timing, says := range map[timing]bool{timeless: false, numbered: true} {
		s.formats[0].timing = timing
		if got := len(r.extensions(s, &s.Run, &b, &r.scratch.decision)) > 0; got != says {
			t.Errorf("timing %d: %v", timing, got)
		}
	}
}
