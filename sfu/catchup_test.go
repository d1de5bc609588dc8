package sfu

import (
	"testing"
	"time"

	"github.com/tertulia-rtc/tertulia/protocol"
	"github.com/tertulia-rtc/tertulia/sdp"
	"github.com/tertulia-rtc/tertulia/simnet"
)

// Whenever somebody joins, and however short before another one did, a picture is
// there after a round trip to the publisher and a frame at most, although the
// publisher (as browsers do) ignores what it is asked twice in 300 ms.
func TestJoinersNeverWait(t *testing.T) {
	link := simnet.Config{Latency: 10 * time.Millisecond}
	for after := time.Duration(0); after <= 800*time.Millisecond; after += 10 * time.Millisecond {
		w, pub, _ := couple(t, link)
		v := pub.video("1", 100)
		v.ignores = 300 * time.Millisecond
		w.run(2 * time.Second)
		first := w.joinLate("eva", link)
		w.run(after)
		second := w.joinLate("leo", link)
		joined := w.now
		w.run(time.Second)
		r := second.receiver[2000]
		if !r.started || r.firstAt.Sub(joined) > 80*time.Millisecond {
			t.Errorf("%v after another one: first packet after %v", after, r.firstAt.Sub(joined))
		}
		if !first.receiver[2000].started {
			t.Errorf("%v: the one before got nothing", after)
		}
		if n := v.plis; n > 3 {
			t.Errorf("%v: the publisher was asked %d times", after, n)
		}
	}
}

func (w *world) joinLate(name string, link simnet.Config) *client {
	c := w.join(name, link, receives("1", sdp.Video, 2000, vp8))
	c.subscribe(1)
	return c
}

// Who joins soon after a keyframe gets what followed it, whole and once, with the
// publisher's spacing, and nobody is asked for anything.
func TestJoinerCatchesUp(t *testing.T) {
	w, pub, ben := couple(t, simnet.Config{})
	v := pub.video("1", 100)
	w.run(250 * time.Millisecond)
	plis := v.plis
	late := w.joinLate("leo", simnet.Config{})
	w.run(time.Millisecond)
	r := late.receiver[2000]
	if len(r.packets) != v.frame*4 {
		t.Fatalf("%d packets at once, %d were sent", len(r.packets), v.frame*4)
	}
	w.run(500 * time.Millisecond)
	sameMedia(t, ben.receiver[2000], r, 0)
	// Probes repeat packets; nothing else does.
	if probed := w.stats(late).Probed; len(r.missing) != 0 || r.dups > int(probed) || v.plis != plis {
		t.Errorf("%d missing, %d twice of which %d are probes, %d requests", len(r.missing), r.dups, probed, v.plis-plis)
	}
}

// A slot that is bound anew catches up as well, and its timestamps stay those of
// the clock on the wall.
func TestReboundSlotCatchesUp(t *testing.T) {
	w, pub, ben := couple(t, simnet.Config{})
	pub.video("1", 100)
	eva := w.join("eva", simnet.Config{}, sends("1", sdp.Video, vp8))
	eva.publish(2, videoTrack("1"))
	w.run(500 * time.Millisecond)
	if err := w.r.Unsubscribe(w.now, "ben", 1); err != nil {
		t.Fatal(err)
	}
	w.run(time.Second)
	eva.video("1", 300)
	w.run(200 * time.Millisecond)
	leo := w.join("leo", simnet.Config{}, receives("1", sdp.Video, 2000, vp8))
	leo.subscribe(2)
	r := ben.receiver[2000]
	before := len(r.packets)
	last := r.packets[before-1]
	ben.subscribe(2)
	w.run(600 * time.Millisecond)
	eva.senders[0].silent = true
	w.run(400 * time.Millisecond) // until nothing waits any more
	sameMedia(t, leo.receiver[2000], r, before)
	if span := r.last.Timestamp - last.Timestamp; span < 1750*90 || span > 1850*90 {
		t.Errorf("1.8 s are %d ms in timestamps", span/90)
	}
}

// sameMedia checks that b, from its packet with index from on, is what a got, whole
// and with the same spacing, but for some frames of the upper temporal layer: while
// nobody knows what their links carry, one may be left out.
func sameMedia(t *testing.T, a, b *receiver, from int) {
	t.Helper()
	type place struct {
		frame uint32
		part  byte
	}
	theirs := map[place]uint32{}
	for _, p := range a.packets {
		_, frame, part := vp8Of(p)
		theirs[place{frame, part}] = p.Timestamp - a.packets[0].Timestamp
	}
	got := b.packets[from:]
	alike := 0
	for i := range got {
		_, frame, part := vp8Of(got[i])
		if i > 0 && got[i].SequenceNumber != got[i-1].SequenceNumber+1 {
			t.Fatalf("gap before packet %d", i)
		}
		if at, ok := theirs[place{frame, part}]; ok {
			alike++
			if got[i].Timestamp-got[0].Timestamp != at {
				t.Fatalf("packet %d, part %d of frame %d, is at %d, not at %d", i, part, frame, got[i].Timestamp-got[0].Timestamp, at)
			}
		}
	}
	if alike < len(got)*9/10 || alike < len(a.packets)*9/10 || alike == 0 {
		t.Fatalf("%d of %d packets are among the %d of the other one", alike, len(got), len(a.packets))
	}
}

// Nobody makes a keyframe for a subscriber that is not connected yet.
func TestNoKeyframeBeforeConnection(t *testing.T) {
	w, pub, _ := couple(t, simnet.Config{})
	v := pub.video("1", 100)
	w.run(time.Second)
	plis := v.plis
	late := w.joinLate("leo", simnet.Config{})
	w.r.SetConnected(w.now, late.key, false)
	w.run(300 * time.Millisecond)
	if v.plis != plis {
		t.Error("the publisher was asked before the subscriber is connected")
	}
	joined := w.now
	w.r.SetConnected(w.now, late.key, true)
	w.run(300 * time.Millisecond)
	if r := late.receiver[2000]; v.plis != plis+1 || !r.started || r.firstAt.Sub(joined) > 40*time.Millisecond {
		t.Errorf("%d requests; first packet after %v", v.plis-plis, r.firstAt.Sub(joined))
	}
}

// Nothing from before a mute, or of another track in the same section, is caught up with.
func TestCatchesUpWithNothingOld(t *testing.T) {
	for name, change := range map[string]func(w *world, pub *client){
		"mute": func(w *world, pub *client) {
			for _, muted := range []bool{true, false} {
				_ = w.r.Mute(w.now, protocol.MuteTrack{Stream: 1, Track: "v", Muted: muted})
			}
		},
		"another track": func(w *world, pub *client) {
			_ = w.r.Unpublish(w.now, 1)
			pub.publish(1, audioTrack("0"), videoTrack("1"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			w, pub, _ := couple(t, simnet.Config{})
			v := pub.video("1", 100)
			w.run(100 * time.Millisecond)
			change(w, pub)
			old := v.frame
			late := w.joinLate("leo", simnet.Config{})
			w.run(time.Second)
			r := late.receiver[2000]
			if !r.started {
				t.Fatal("no picture")
			}
			if d, frame, part := vp8Of(r.packets[0]); !d.Keyframe || part != 0 || int(frame) < old {
				t.Errorf("begins with part %d of frame %d (keyframe %v); %d frames were before", part, frame, d.Keyframe, old)
			}
		})
	}
}

// A stream without its publisher's transport, which is lost or closed, can be subscribed
// to, and begins when it has one again.
func TestSubscribesWhileThePublisherIsAway(t *testing.T) {
	w, pub, ben := couple(t, simnet.Config{})
	v, a := pub.video("1", 100), pub.audio("0", 200)
	w.run(time.Second)
	w.r.RemoveTransport(w.now, pub.key)
	delete(w.clients, pub.peer)
	late := w.joinLate("leo", simnet.Config{})
	want := protocol.Preference{Stream: 1, Track: "v", Priority: 10, Width: 640, Height: 360}
	if err := w.r.Prefer(w.now, "leo", want); err != nil {
		t.Fatal(err)
	}
	w.run(time.Second)
	pub.negotiate()
	w.clients[pub.peer] = pub
	w.r.SetConnected(w.now, pub.key, true)
	v.ssrc, v.rtx, a.ssrc = 500, 501, 600
	w.run(500 * time.Millisecond)
	for name, c := range map[string]*client{"who was there before": ben, "who joined meanwhile": late} {
		before := len(c.receiver[2000].packets)
		w.run(time.Second)
		if n := len(c.receiver[2000].packets) - before; n < 100 {
			t.Errorf("%d packets of video came in a second to %s", n, name)
		}
	}
}
