package sfu

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/tertulia-rtc/tertulia/protocol"
	"github.com/tertulia-rtc/tertulia/sdp"
	"github.com/tertulia-rtc/tertulia/sfu/allocation"
	"github.com/tertulia-rtc/tertulia/simnet"
)

// stills checks that a viewer has seen keyframes only since a moment, and gives the times
// between them.
func (d *decoder) stills(since time.Time) (between []time.Duration) {
	d.v.w.t.Helper()
	var last time.Time
	for _, s := range d.shown {
		if s.at.Before(since) {
			continue
		}
		truth := d.v.w.cameras[d.v.w.bound(d.r)].encodings[s.encoding].pictures[s.number]
		if !truth.key {
			d.v.w.t.Fatalf("a picture that moves is shown at %v", s.at.Sub(d.v.joined))
		}
		if !last.IsZero() {
			between = append(between, s.at.Sub(last))
		}
		last = s.at
	}
	return between
}

// keyframes counts those of the smallest encoding.
func (cam *camera) keyframes() (n int) {
	for _, p := range cam.encodings[0].pictures {
		if p.key {
			n++
		}
	}
	return n
}

// A slideshow is of keyframes only, one in a period, without gaps in the numbers, also
// where packets are lost; and it ends.
func TestSlideshow(t *testing.T) {
	for name, link := range map[string]simnet.Config{
		"good link": {Latency: 20 * time.Millisecond, Rate: 10_000_000},
		"loss":      {Latency: 20 * time.Millisecond, Rate: 10_000_000, Loss: 0.05},
	} {
		t.Run(name, func(t *testing.T) {
			w := quality(t, 1)
			cam := w.films("ana", 1, 3)
			w.run(2 * time.Second)
			v := w.watches("ben", link, 1)
			other := w.watches("cleo", simnet.Config{Latency: 20 * time.Millisecond, Rate: 10_000_000}, 1)
			w.run(10 * time.Second)
			v.wish(protocol.Preference{Stream: 1, Track: "v", Priority: 10, Slideshow: 2000})
			w.run(500 * time.Millisecond) // what is paced or repeated
			begun, asked := w.now, cam.keyframes()
			w.run(20 * time.Second)
			d := v.decoders[0]
			between := d.stills(begun)
			if n := len(between); n < 8 || n > 10 {
				t.Errorf("%d pictures in 20 seconds", n+1)
			}
			for _, gap := range between {
				if gap < 1500*time.Millisecond || gap > 2500*time.Millisecond {
					t.Errorf("%v between two pictures", gap)
				}
			}
			if n := cam.keyframes() - asked; n > 11 {
				t.Errorf("%d keyframes were asked for", n)
			}
			other.checkFreeze(w.now, 500*time.Millisecond)
			for seq, at := range d.r.missing {
				if w.now.Sub(at) > time.Second {
					t.Errorf("packet %d lacks since %v", seq, at.Sub(v.joined))
				}
			}
			slot := w.stats(v.client).Subscribed
			for _, s := range slot {
				if s.Track == "v" && (s.Slideshow != 2000 || s.Layer == nil || s.Layer.Reason != allocation.Slideshow.String() || s.Layer.RID != "f") {
					t.Errorf("%+v %+v", s, s.Layer)
				}
			}
			if link.Loss > 0 && w.stats(v.client).Retransmitted == 0 {
				t.Error("nothing was repeated")
			}

			v.wish(protocol.Preference{Stream: 1, Track: "v", Priority: 10})
			ended := w.now
			w.run(5 * time.Second)
			if at := d.firstSince(ended); at > 700*time.Millisecond {
				t.Errorf("pictures move after %v", at)
			}
			if gap, at := d.freeze(ended.Add(time.Second), w.now); gap > 500*time.Millisecond {
				t.Errorf("nothing new for %v at %v", gap, at)
			}
		})
	}
}

// However many slideshows of a track there are, and whenever they began: one keyframe in
// a period serves them all.
func TestSlideshowsKeepStep(t *testing.T) {
	w := quality(t, 1)
	cam := w.films("ana", 1, 1)
	w.run(time.Second)
	for i := range 10 {
		v := w.watches(fmt.Sprint("viewer ", i), simnet.Config{Latency: time.Duration(10+20*i) * time.Millisecond, Rate: 10_000_000}, 1)
		v.wish(protocol.Preference{Stream: 1, Track: "v", Priority: 10, Slideshow: 3000})
		w.run(730 * time.Millisecond)
	}
	for _, v := range w.viewers {
		if len(v.decoders[0].shown) == 0 {
			t.Errorf("%s has seen nothing", v.id)
		}
	}
	w.run(3 * time.Second)
	before, begun := cam.keyframes(), w.now
	w.run(30 * time.Second)
	if n := cam.keyframes() - before; n < 9 || n > 11 {
		t.Errorf("%d keyframes in ten periods", n)
	}
	for _, v := range w.viewers {
		if n := len(v.decoders[0].stills(begun)); n < 8 || n > 10 {
			t.Errorf("%s has seen %d pictures", v.id, n)
		}
	}
}

// The shortest period is kept, and asks for no more keyframes than any subscriber may.
func TestFastSlideshow(t *testing.T) {
	w := quality(t, 1)
	cam := w.films("ana", 1, 1)
	w.run(time.Second)
	v := w.watches("ben", goodLink, 1)
	v.wish(protocol.Preference{Stream: 1, Track: "v", Priority: 10, Slideshow: protocol.MinSlideshow})
	w.run(2 * time.Second)
	before, begun := cam.keyframes(), w.now
	w.run(10 * time.Second)
	if n := cam.keyframes() - before; n > 11 {
		t.Errorf("%d keyframes in ten seconds", n)
	}
	between := v.decoders[0].stills(begun)
	if want := int(10 * time.Second / (protocol.MinSlideshow * time.Millisecond)); len(between) < want-2 {
		t.Errorf("%d pictures in ten seconds, want %d", len(between)+1, want)
	}
}

// Where the link does not carry the layer that was named, keyframes are shown until it
// does again; with audio and without.
func TestSlideshowBelow(t *testing.T) {
	for _, audio := range []bool{true, false} {
		t.Run(fmt.Sprint("audio ", audio), func(t *testing.T) {
			w := quality(t, 1)
			cam := w.films("ana", 1, 3)
			if !audio {
				cam.c.senders[0].silent = true
			}
			w.run(2 * time.Second)
			link := simnet.Config{Latency: 30 * time.Millisecond, Rate: 3_000_000, Queue: 60_000}
			v := w.watches("ben", link, 1)
			v.wish(protocol.Preference{Stream: 1, Track: "v", Priority: 10, SlideshowBelow: 1})
			w.run(15 * time.Second)
			d := v.decoders[0]
			v.checkFreeze(w.now, time.Second)
			link.Rate = 350_000
			v.down.Set(link)
			w.run(15 * time.Second)
			begun := w.now
			w.run(15 * time.Second)
			between := d.stills(begun)
			if n := len(between); n < 3 || n > 5 {
				t.Errorf("%d pictures in 15 seconds", n+1)
			}
			for _, s := range w.stats(v.client).Subscribed {
				if s.Track == "v" && (s.Slideshow != 3000 || s.Layer == nil || s.Layer.Reason != allocation.SlideshowBelow.String()) {
					t.Errorf("%+v %+v", s, s.Layer)
				}
			}
			link.Rate = 3_000_000
			v.down.Set(link)
			w.run(15 * time.Second)
			from := w.now
			w.run(5 * time.Second)
			if gap, at := d.freeze(from, w.now); gap > 500*time.Millisecond {
				t.Errorf("nothing new for %v at %v", gap, at)
			}
		})
	}
}

// A layer that a subscriber insists on is sent whatever its link carries, and its other
// tracks have the rest.
func TestPin(t *testing.T) {
	w := quality(t, 1)
	w.r.cfg.Trace = nil
	one := w.films("ana", 1, 3)
	w.films("ben", 2, 3)
	w.run(2 * time.Second)
	v := w.watches("cleo", simnet.Config{Latency: 30 * time.Millisecond, Rate: 1_500_000, Queue: 60_000}, 1, 2)
	pin := func(spatial, temporal int) {
		t.Helper()
		v.wish(protocol.Preference{Stream: 1, Track: "v", Priority: 1, Pin: &protocol.PinnedLayer{Spatial: spatial, Temporal: temporal}})
		w.run(4 * time.Second)
	}
	check := func(wantEncoding, wantTemporal int) {
		t.Helper()
		from := w.now
		w.run(3 * time.Second)
		v.shows(1).checkEncoding(from, w.now, wantEncoding)
		top := 0
		for _, s := range v.shows(1).shown {
			if s.at.After(from) {
				top = max(top, int(s.tid))
			}
		}
		if top != wantTemporal {
			t.Errorf("temporal layers up to %d, want %d", top, wantTemporal)
		}
	}
	pin(1, 2)
	check(1, 2)
	pin(0, 0)
	check(0, 0)
	v.shows(2).checkEncoding(w.now.Add(-time.Second), w.now, 1)
	pin(7, 1) // above all that there is
	check(2, 1)
	for _, s := range w.stats(v.client).Subscribed {
		if s.Track == "v" && s.Stream == 1 && (s.Layer == nil || s.Layer.Reason != allocation.Pinned.String()) {
			t.Errorf("%+v", s.Layer)
		}
	}
	// The publisher need not send what is above.
	pin(0, 2)
	w.run(4 * time.Second)
	told := taken[protocol.LayersNeeded](w)
	if len(told) == 0 {
		t.Fatal("the publisher was told nothing")
	}
	last := told[len(told)-1]
	if last.Participant != one.c.id || last.Layers[1].Wanted || last.Layers[2].Wanted || !last.Layers[0].Wanted {
		t.Errorf("%+v", last)
	}
	v.wish(protocol.Preference{Stream: 1, Track: "v", Priority: 1})
	w.run(4 * time.Second)
	told = taken[protocol.LayersNeeded](w)
	if last = told[len(told)-1]; !last.Layers[2].Wanted {
		t.Errorf("%+v", last)
	}
}

// Sharing a link is done all the time, and allocates nothing, whatever is wanted.
func TestSharingAllocatesNothing(t *testing.T) {
	for name, wish := range map[string]protocol.Preference{
		"nothing": {}, "a layer": {Pin: &protocol.PinnedLayer{Spatial: 1, Temporal: 1}}, "a slideshow": {Slideshow: 2000}, "a slideshow below": {SlideshowBelow: 1},
	} {
		w := quality(t, 1)
		w.r.cfg.Trace = nil
		w.films("ana", 1, 3)
		w.run(2 * time.Second)
		v := w.watches("ben", goodLink, 1)
		wish.Stream, wish.Track, wish.Priority = 1, "v", 10
		v.wish(wish)
		w.run(3 * time.Second)
		p, now := w.r.peer(v.peer), w.r.instant(w.now)
		if n := testing.AllocsPerRun(100, func() { w.r.share(now, p) }); n > 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

// A slideshow goes on in another router.
func TestSlideshowThroughJSON(t *testing.T) {
	w := quality(t, 1)
	w.films("ana", 1, 1)
	w.run(time.Second)
	v := w.watches("ben", goodLink, 1)
	v.wish(protocol.Preference{Stream: 1, Track: "v", Priority: 10, Slideshow: 2000})
	w.run(3 * time.Second)
	state, err := w.r.MarshalJSON()
	check(t, err)
	cfg := w.r.cfg
	w.r, err = Restore(cfg, state)
	check(t, err)
	begun := w.now
	w.run(8 * time.Second)
	if n := len(v.decoders[0].stills(begun)); n < 2 || n > 4 {
		t.Errorf("%d pictures in 8 seconds", n+1)
	}
}

// justAfterKeyframe runs the world until an encoding has made a keyframe, and not yet
// the next picture.
func (e *encoding) justAfterKeyframe() {
	e.cam.c.w.t.Helper()
	for range 10_000 {
		before := e.keyframes
		e.cam.c.w.run(time.Millisecond)
		if e.keyframes > before {
			return
		}
	}
	e.cam.c.w.t.Fatal("no keyframe in ten seconds")
}

// When the layer of a slideshow stops with the picture that is shown, as that of a screen
// may on which nothing moves, it goes on with another layer.
func TestSlideshowOfALayerThatStops(t *testing.T) {
	w := quality(t, 1)
	cam := w.films("ana", 1, 2)
	cam.apart = true
	w.run(2 * time.Second)
	v := w.watches("ben", goodLink, 1)
	w.run(3 * time.Second)
	v.wish(protocol.Preference{Stream: 1, Track: "v", Priority: 10, Slideshow: 2000})
	w.run(3 * time.Second)
	top := cam.encodings[1]
	top.justAfterKeyframe()
	top.silent = true
	w.run(3 * time.Second)
	from, asked := w.now, cam.keyframes()
	w.run(20 * time.Second)
	d := v.decoders[0]
	d.checkEncoding(from, w.now, 0)
	if n := len(d.stills(from)); n < 8 || n > 10 {
		t.Errorf("%d pictures in 20 seconds", n+1)
	}
	if n := cam.keyframes() - asked; n > 11 {
		t.Errorf("%d keyframes were asked for", n)
	}
}

// A publisher whose timestamps jump back ends no slideshow.
func TestSlideshowWhenTimestampsJump(t *testing.T) {
	w := newWorld(t)
	pub := w.join("ana", simnet.Config{Latency: 5 * time.Millisecond}, sends("1", sdp.Video, vp8))
	pub.publish(1, videoTrack("1"))
	sub := w.join("ben", simnet.Config{Latency: 5 * time.Millisecond}, receives("1", sdp.Video, 2000, vp8))
	sub.subscribe(1)
	cam := pub.video("1", 100)
	w.run(2 * time.Second)
	check(t, w.r.Prefer(w.now, sub.id, protocol.Preference{Stream: 1, Track: "v", Priority: 10, Slideshow: 2000}))
	w.run(3 * time.Second)
	for asked := cam.keyframes; cam.keyframes == asked; {
		w.run(time.Millisecond)
	}
	cam.base -= 90_000 * 60
	r := sub.receiver[2000]
	w.run(time.Second)
	had, asked := len(r.packets), cam.keyframes
	w.run(10 * time.Second)
	if n := (len(r.packets) - had) / cam.perFrame; n < 4 {
		t.Errorf("%d pictures in 10 seconds", n)
	}
	if n := cam.keyframes - asked; n > 6 {
		t.Errorf("%d keyframes were asked for", n)
	}
}

// A slot that was to catch up when its slideshow began does not: moving pictures are what
// follows a keyframe in the ring.
func TestSlideshowDoesNotCatchUp(t *testing.T) {
	w, pub, _ := couple(t, simnet.Config{})
	pub.video("1", 100)
	w.run(250 * time.Millisecond)
	late := w.joinLate("leo", simnet.Config{})
	check(t, w.r.Prefer(w.now, late.id, protocol.Preference{Stream: 1, Track: "v", Priority: 10, Paused: true}))
	w.run(time.Millisecond)
	check(t, w.r.Prefer(w.now, late.id, protocol.Preference{Stream: 1, Track: "v", Priority: 10, Slideshow: 2000}))
	w.run(2 * time.Millisecond)
	s := w.r.peer(late.peer).Slots[0]
	if s.Slides.Period == 0 || s.Live || !w.r.sources[s.Aim].keyframeHeld(w.r.instant(w.now)) {
		t.Fatal("there is nothing that it could catch up with")
	}
	before := s.Packets
	w.r.waiting = append(w.r.waiting, s)
	w.r.Flush(w.now, w)
	if s.Packets != before {
		t.Errorf("%d packets of what is past", s.Packets-before)
	}
}

// Where a track goes on after an interruption, a slideshow shows that at once: the
// picture before is of another time.
func TestSlideshowAfterAnInterruption(t *testing.T) {
	mute := func(muted bool) func(*world, *camera) {
		return func(w *world, _ *camera) {
			check(t, w.r.Mute(w.now, protocol.MuteTrack{Stream: 1, Track: "v", Muted: muted}))
		}
	}
	direct := func(direction sdp.Direction) func(*world, *camera) {
		return func(w *world, cam *camera) {
			next := *cam.c.sdp
			next.Sections = slices.Clone(next.Sections)
			next.Sections[1].Direction = direction
			cam.c.sdp = &next
			cam.c.negotiate()
		}
	}
	for name, c := range map[string]struct{ begin, end func(*world, *camera) }{
		"muted":              {mute(true), mute(false)},
		"without a section":  {direct(sdp.Inactive), direct(sdp.RecvOnly)},
		"with another codec": {func(*world, *camera) {}, func(_ *world, cam *camera) { cam.encodings[0].pt = 98 }},
	} {
		t.Run(name, func(t *testing.T) {
			w := quality(t, 1)
			cam := w.films("ana", 1, 1)
			other := vp8
			other.PayloadType, other.RTX = 98, 99
			cam.c.sdp.Sections[1].Codecs = append(cam.c.sdp.Sections[1].Codecs, other)
			cam.c.negotiate()
			w.run(2 * time.Second)
			v := w.watches("ben", goodLink, 1)
			w.run(2 * time.Second)
			v.wish(protocol.Preference{Stream: 1, Track: "v", Priority: 10, Slideshow: 20_000})
			d := v.decoders[0]
			w.run(25 * time.Second) // one has just been shown
			c.begin(w, cam)
			w.run(2 * time.Second)
			c.end(w, cam)
			from := w.now
			w.run(3 * time.Second)
			if after := d.firstSince(from); after < 0 || after > time.Second {
				t.Errorf("the first picture after %v", after)
			}
			d.stills(from)
		})
	}
}

// Pictures that do not move are no proof that a link carries their layer.
func TestSlideshowPassesNoLayer(t *testing.T) {
	w := quality(t, 1)
	cam := w.films("ana", 1, 1)
	w.run(2 * time.Second)
	v := w.watches("ben", goodLink, 1)
	w.run(3 * time.Second)
	s := w.r.peer(v.peer).Slots[1]
	passing := func() int64 {
		w.r.scratch.sharing = append(w.r.scratch.sharing[:0], s)
		return w.r.passing(&allocation.Input{Tracks: []allocation.Track{{Options: s.track.options}}})
	}
	if passing() == 0 {
		t.Fatal("moving pictures do not pass")
	}
	v.wish(protocol.Preference{Stream: 1, Track: "v", Priority: 10, Slideshow: 2000})
	cam.encodings[0].justAfterKeyframe()
	for range 20 {
		if !s.Live {
			w.run(time.Millisecond)
		}
	}
	if !s.Live {
		t.Fatal("the picture does not come")
	}
	if n := passing(); n != 0 {
		t.Errorf("%d bits per second pass", n)
	}
}
