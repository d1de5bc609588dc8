package sfu

import (
	"fmt"
	"testing"
	"time"

	"github.com/pion/rtp"

	"github.com/tertulia-rtc/tertulia/protocol"
	"github.com/tertulia-rtc/tertulia/sdp"
	"github.com/tertulia-rtc/tertulia/simnet"
)

// scenarios runs a test from several seeds.
func scenarios(t *testing.T, test func(t *testing.T, w *world)) {
	for seed := uint64(1); seed <= 3; seed++ {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { test(t, quality(t, seed)) })
	}
}

// A link of 1 Mb/s is filled, with the best that fits it, and never more than that.
func TestSteadyLink(t *testing.T) {
	scenarios(t, func(t *testing.T, w *world) {
		w.films("ana", 1, 3)
		w.run(2 * time.Second)
		v := w.watches("ben", simnet.Config{Latency: 50 * time.Millisecond, Rate: 1_000_000, Queue: 60_000}, 1)
		w.run(40 * time.Second)
		for i, e := range v.estimates[150:] {
			if e < 850_000 || e > 1_050_000 {
				t.Fatalf("the estimate is %d after %.1f s", e, 15+float64(i)/10)
			}
		}
		v.checkRate(1_000_000, 0)
		if q := quantile(v.queue, 0.95); q > 100*time.Millisecond {
			t.Errorf("packets wait %v", q)
		}
		v.checkFreeze(w.now, 500*time.Millisecond)
		for i, encoding := range v.decoders[0].layers(time.Second) {
			if encoding != 1 {
				t.Errorf("encoding %d is shown after %d s", encoding, i)
			}
		}
		v.checkForwarded(15*time.Second, 3)
	})
}

// A link that becomes narrow for a while takes the layers down and up again, without
// much of a stop.
func TestLinkFallsAndRises(t *testing.T) {
	scenarios(t, func(t *testing.T, w *world) {
		w.films("ana", 1, 3)
		w.run(2 * time.Second)
		link := simnet.Config{Latency: 50 * time.Millisecond, Rate: 3_000_000, Queue: 60_000}
		v := w.watches("ben", link, 1)
		d := v.decoders[0]
		w.run(15 * time.Second)
		if s := d.shown[len(d.shown)-1]; s.encoding != 2 {
			t.Errorf("encoding %d on 3 Mb/s", s.encoding)
		}
		link.Rate = 800_000
		v.down.Set(link)
		fell := w.now
		w.run(15 * time.Second)
		for _, s := range d.shown {
			if s.encoding == 2 && s.at.After(fell.Add(2*time.Second)) {
				t.Fatalf("encoding 2 is shown %v after the fall", s.at.Sub(fell))
			}
		}
		d.checkEncoding(fell.Add(8*time.Second), w.now, 1)
		link.Rate = 3_000_000
		v.down.Set(link)
		rose := w.now
		w.run(20 * time.Second)
		back := time.Duration(-1)
		for _, s := range d.shown {
			if s.at.After(rose) && s.encoding == 2 {
				back = s.at.Sub(rose)
				break
			}
		}
		if back < 0 || back > 12*time.Second {
			t.Errorf("the top layer is back after %v", back)
		}
		d.checkEncoding(rose.Add(12*time.Second), w.now, 2)
		v.checkFreeze(w.now, time.Second)
	})
}

// A publisher that is far away takes half a second to send a keyframe of a smaller
// layer. Meanwhile what is too much is thinned out, so that nothing stands still.
func TestKeyframeFromAfar(t *testing.T) {
	scenarios(t, func(t *testing.T, w *world) {
		cam := w.films("ana", 1, 3)
		far := goodLink
		far.Latency = 200 * time.Millisecond
		cam.c.up.Set(far)
		cam.c.down.Set(far)
		w.run(2 * time.Second)
		link := simnet.Config{Latency: 50 * time.Millisecond, Rate: 3_000_000, Queue: 100_000}
		v := w.watches("ben", link, 1)
		w.run(10 * time.Second)
		link.Rate = 800_000
		v.down.Set(link)
		w.run(10 * time.Second)
		v.checkFreeze(w.now, 500*time.Millisecond)
		if share := v.decoders[0].inTime(v.joined, 400*time.Millisecond); share < 0.985 {
			t.Errorf("%.1f %% of the pictures are decoded in time", 100*share)
		}
	})
}

// When not even the smallest layer fits, that is told, audio goes on, and the video
// is back soon after the link is.
func TestStarvedVideo(t *testing.T) {
	scenarios(t, func(t *testing.T, w *world) {
		w.films("ana", 1, 3)
		w.run(2 * time.Second)
		link := simnet.Config{Latency: 50 * time.Millisecond, Rate: 1_000_000, Queue: 60_000}
		v := w.watches("ben", link, 1)
		w.run(10 * time.Second)
		state := func() (told string) {
			for _, e := range taken[protocol.SubscriptionChanged](w) {
				if e.Track == "v" {
					told = e.State + " " + e.Cause
				}
			}
			return told
		}
		state()
		v.down.Set(simnet.Config{Latency: 50 * time.Millisecond, Rate: 110_000, Queue: 10_000})
		w.run(10 * time.Second)
		if s := state(); s != protocol.SubscriptionPaused+" "+protocol.PausedByBandwidth {
			t.Errorf("told %q", s)
		}
		sent := v.video
		w.run(5 * time.Second)
		if n := v.video - sent; n > 250 {
			t.Errorf("%d packets of video were sent in five seconds", n)
		}
		v.down.Set(link)
		back := w.now
		w.run(10 * time.Second)
		if s := state(); s != protocol.SubscriptionActive+" " {
			t.Errorf("told %q", s)
		}
		d := v.decoders[0]
		if after := d.firstSince(back); after < 0 || after > 6*time.Second {
			t.Errorf("a picture after %v", after)
		}
		d.checkEncoding(w.now.Add(-time.Second), w.now, 1)
	})
}

// Random losses are repaired and not taken for congestion.
func TestRandomLoss(t *testing.T) {
	for _, loss := range []float64{0.05, 0.1} {
		t.Run(fmt.Sprint(loss), func(t *testing.T) {
			scenarios(t, func(t *testing.T, w *world) {
				w.films("ana", 1, 3)
				w.run(2 * time.Second)
				link := simnet.Config{Latency: 60 * time.Millisecond, Loss: loss, Rate: 3_000_000, Queue: 80_000}
				v := w.watches("ben", link, 1)
				// What goes up is little, and loses less.
				v.up.Set(simnet.Config{Latency: 60 * time.Millisecond, Loss: 0.01})
				w.run(30 * time.Second)
				d := v.decoders[0]
				if share := d.inTime(v.joined, 400*time.Millisecond); share < 0.95 {
					t.Errorf("%.1f %% of the pictures are decoded in time", 100*share)
				}
				v.checkFreeze(w.now, 500*time.Millisecond)
				d.checkEncoding(v.joined.Add(15*time.Second), w.now, 2)
			})
		})
	}
}

// Bursts of jitter are no congestion.
func TestJitterBursts(t *testing.T) {
	scenarios(t, func(t *testing.T, w *world) {
		w.films("ana", 1, 3)
		w.run(2 * time.Second)
		v := w.watches("ben", simnet.Config{Latency: 20 * time.Millisecond, Rate: 3_000_000, Queue: 120_000, Stall: 200 * time.Millisecond, StallEvery: 2 * time.Second}, 1)
		w.run(10 * time.Second)
		before := v.switches()
		w.run(time.Minute)
		if n := v.switches() - before; n > 2 {
			t.Errorf("%d switches in a minute", n)
		}
		v.checkFreeze(w.now, 500*time.Millisecond)
		v.decoders[0].checkEncoding(v.joined.Add(10*time.Second), w.now, 2)
	})
}

// Two cameras of priorities 2 and 1 share a link as docs/allocation.md derives.
func TestPriorities(t *testing.T) {
	scenarios(t, func(t *testing.T, w *world) {
		w.films("ana", 1, 3)
		w.films("eva", 2, 3)
		w.run(2 * time.Second)
		link := simnet.Config{Latency: 25 * time.Millisecond, Rate: 1_500_000, Queue: 100_000}
		v := w.watches("ben", link, 1, 2)
		v.prefer(1, 1280, 720, 2)
		v.prefer(2, 1280, 720, 1)
		first, second := v.shows(1), v.shows(2)
		w.run(20 * time.Second)
		first.checkEncoding(w.now.Add(-10*time.Second), w.now, 1)
		second.checkEncoding(w.now.Add(-10*time.Second), w.now, 1)
		v.checkForwarded(10*time.Second, 3)
		// Where not both can have it, the higher priority does.
		for _, step := range []struct {
			rate          int64
			first, second int
		}{{1_100_000, 1, 0}, {3_600_000, 2, 1}} {
			link.Rate = step.rate
			v.down.Set(link)
			w.run(15 * time.Second)
			first.checkEncoding(w.now.Add(-3*time.Second), w.now, step.first)
			second.checkEncoding(w.now.Add(-3*time.Second), w.now, step.second)
		}
		if v.inverted > 0 {
			t.Errorf("the higher priority was on a lower layer %d times", v.inverted)
		}
		v.checkFreeze(w.now, time.Second)
	})
}

// Whoever joins has a picture soon, and however many do, the publisher is asked for
// few keyframes.
func TestCrowd(t *testing.T) {
	w := quality(t, 1)
	cam := w.films("ana", 1, 3)
	link := simnet.Config{Latency: 20 * time.Millisecond, Rate: 20_000_000, Queue: 200_000}
	first := w.watches("ben", link, 1)
	w.run(5 * time.Second)
	asked := func() (most int) {
		for _, e := range cam.encodings {
			most = max(most, e.plis)
		}
		return most
	}
	before := asked()
	joined := w.now
	eva := w.watches("eva", link, 1)
	w.run(time.Second)
	if d := eva.decoders[0].firstSince(joined); d < 0 || d > 300*time.Millisecond {
		t.Errorf("a picture after %v", d)
	}
	if n := asked() - before; n > 4 {
		t.Errorf("the publisher was asked %d times for one", n)
	}
	w.run(2 * time.Second)

	before = asked()
	crowd := []*viewer{}
	start := w.now
	for i := range 100 {
		crowd = append(crowd, w.watches(fmt.Sprint("joiner ", i), link, 1))
		w.run(20 * time.Millisecond)
	}
	w.run(time.Second)
	for i, v := range crowd {
		if d := v.decoders[0].firstSince(v.joined); d < 0 || d > 300*time.Millisecond {
			t.Errorf("joiner %d has a picture after %v", i, d)
		}
	}
	if n, limit := asked()-before, int(w.now.Sub(start)/(300*time.Millisecond))+1; n > limit {
		t.Errorf("the publisher was asked %d times, %d are allowed", n, limit)
	}
	first.checkFreeze(w.now, 200*time.Millisecond)
	first.decoders[0].checkEncoding(first.joined.Add(3*time.Second), w.now, 2)
}

// The size in which a video is shown decides on the layer; a paused one costs
// nothing; publishers are told which layers nobody wants.
func TestSizesAndPauses(t *testing.T) {
	w := quality(t, 1)
	w.films("ana", 1, 3)
	w.run(time.Second)
	v := w.watches("ben", simnet.Config{Latency: 20 * time.Millisecond, Rate: 20_000_000, Queue: 200_000}, 1)
	d := v.decoders[0]
	w.run(5 * time.Second)
	d.checkEncoding(w.now.Add(-2*time.Second), w.now, 2)
	wanted := func() (rids string) {
		for _, e := range taken[protocol.LayersNeeded](w) {
			rids = ""
			for _, l := range e.Layers {
				if l.Wanted {
					rids += l.RID
				}
			}
		}
		return rids
	}
	if rids := wanted(); rids != "" {
		t.Errorf("told that %q are wanted, where all are", rids)
	}

	v.prefer(1, 320, 180, 1)
	changed := w.now
	w.run(6 * time.Second)
	d.checkEncoding(changed.Add(time.Second), w.now, 0)
	if rids := wanted(); rids != "q" {
		t.Errorf("told that %q are wanted, want q", rids)
	}
	v.prefer(1, 1280, 720, 1)
	changed = w.now
	w.run(time.Millisecond)
	if rids := wanted(); rids != "qhf" {
		t.Errorf("told that %q are wanted at once, want qhf", rids)
	}
	w.run(3 * time.Second)
	d.checkEncoding(changed.Add(time.Second), w.now, 2)

	v.wish(protocol.Preference{Stream: 1, Track: "v", Priority: 1, Paused: true})
	w.run(time.Millisecond)
	sent := v.video
	w.run(10 * time.Second)
	if n := v.video - sent; n > 0 {
		t.Errorf("%d packets were sent while it was paused", n)
	}
	if rids := wanted(); rids != "q" {
		t.Errorf("told that %q are wanted, want q", rids)
	}
	v.wish(protocol.Preference{Stream: 1, Track: "v", Priority: 1})
	changed = w.now
	w.run(3 * time.Second)
	if after := d.firstSince(changed); after < 0 || after > 150*time.Millisecond {
		t.Errorf("a picture %v after the pause", after)
	}
	d.checkEncoding(changed.Add(time.Second), w.now, 2)
}

// talker is somebody with a microphone in a big room.
type talker struct {
	c *client
	s *sender
}

// talkers joins n people with microphones, as streams 1 to n; all are quiet.
func (w *world) talkers(n int, extensions []sdp.Extension) []talker {
	var out []talker
	for i := range n {
		section := sends("0", sdp.Audio, opusPlain)
		section.Extensions = extensions
		c := w.join(fmt.Sprint("talker ", i), simnet.Config{Latency: 5 * time.Millisecond}, section)
		c.publish(protocol.StreamID(i+1), audioTrack("0"))
		s := c.audio("0", 50)
		s.level = 90
		out = append(out, talker{c, s})
	}
	return out
}

// listener hears talkers in slots of its own, and checks that each goes on without a break.
type listener struct {
	*client
	heard map[protocol.StreamID]int // packets
	last  map[uint32]*rtp.Packet    // by SSRC
}

func (w *world) listens(name string, slots int, streams ...protocol.StreamID) *listener {
	var sections []sdp.Section
	for i := range slots {
		sections = append(sections, receives(fmt.Sprint(i), sdp.Audio, uint32(1000+10*i), opusPlain))
	}
	l := &listener{client: w.join(name, simnet.Config{Latency: 20 * time.Millisecond}, sections...), heard: map[protocol.StreamID]int{}, last: map[uint32]*rtp.Packet{}}
	for _, r := range l.order {
		r.taken = func(p *rtp.Packet) {
			l.heard[w.bound(r)]++
			if last := l.last[p.SSRC]; last != nil {
				if p.SequenceNumber != last.SequenceNumber+1 {
					w.t.Errorf("%s: packet %d of slot %s follows %d", name, p.SequenceNumber, r.section.Mid, last.SequenceNumber)
				}
				if int32(p.Timestamp-last.Timestamp) <= 0 {
					w.t.Errorf("%s: the timestamp of slot %s goes by %d", name, r.section.Mid, int32(p.Timestamp-last.Timestamp))
				}
			}
			l.last[p.SSRC] = p
		}
	}
	for _, s := range streams {
		l.subscribe(s)
	}
	return l
}

func upTo(n int) (ids []protocol.StreamID) {
	for i := range n {
		ids = append(ids, protocol.StreamID(i+1))
	}
	return ids
}

// In a big room only the loudest are heard, in as many slots, which go over from one
// to another without a break.
func TestBigRoom(t *testing.T) {
	w := newWorld(t)
	all := w.talkers(40, theExtensions)
	a, b := w.listens("ben", 4, upTo(40)...), w.listens("eva", 5, upTo(40)...)
	w.run(3 * time.Second)
	for round := range 6 {
		for i := range all {
			all[i].s.level = 90
		}
		speak := []int{round * 5, round*5 + 1, round*5 + 2}
		for _, i := range speak {
			all[i].s.level = 25
		}
		w.run(time.Second)
		clear(b.heard)
		w.run(time.Second)
		for _, i := range speak {
			if id := protocol.StreamID(i + 1); b.heard[id] < 48 {
				t.Errorf("round %d: %d packets of stream %d are heard in a second", round, b.heard[id], id)
			}
		}
		w.run(time.Second)
		// With a slot less the third has to wait until one of those before has gone.
		clear(a.heard)
		w.run(time.Second)
		for _, i := range speak {
			if id := protocol.StreamID(i + 1); a.heard[id] < 48 {
				t.Errorf("round %d, four slots: %d packets of stream %d are heard in a second", round, a.heard[id], id)
			}
		}
		if len(a.heard) > 5 {
			t.Errorf("round %d: %d streams are heard", round, len(a.heard))
		}
	}
	for _, e := range taken[protocol.SlotsMissing](w) {
		if e.Audio > 5 {
			t.Errorf("%d audio slots are asked for", e.Audio)
		}
	}
}

// Subscribing to everybody in a very big room does not ask for as many slots.
func TestSlotsOfAVeryBigRoom(t *testing.T) {
	w := newWorld(t)
	all := w.talkers(500, theExtensions)
	for i := range all {
		all[i].s.level, all[i].s.every = uint8(20+i%50), 60*time.Millisecond // everybody talks
	}
	w.listens("ben", 4, upTo(500)...)
	w.run(2 * time.Second)
	w.listens("eva", 4, upTo(500)...)
	w.run(time.Second)
	for _, e := range taken[protocol.SlotsMissing](w) {
		if e.Audio > 5 {
			t.Errorf("%s is to have %d audio slots", e.Participant, e.Audio)
		}
	}
}

// Below the limit all are heard; and those who tell no levels always are.
func TestAllAreHeard(t *testing.T) {
	for name, room := range map[string]struct {
		n          int
		extensions []sdp.Extension
	}{"small": {12, theExtensions}, "without levels": {20, theExtensions[:4]}} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			for i, x := range w.talkers(room.n, room.extensions) {
				x.s.level = uint8(20 + 2*i)
			}
			l := w.listens("ben", room.n, upTo(room.n)...)
			w.run(3 * time.Second)
			clear(l.heard)
			w.run(time.Second)
			for _, id := range upTo(room.n) {
				if l.heard[id] < 49 {
					t.Errorf("%d packets of stream %d are heard in a second", l.heard[id], id)
				}
			}
		})
	}
}
