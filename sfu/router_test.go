package sfu

import (
	"testing"
	"time"

	"github.com/pion/rtcp"

	"github.com/tertulia-rtc/tertulia/protocol"
	"github.com/tertulia-rtc/tertulia/sdp"
	"github.com/tertulia-rtc/tertulia/simnet"
)

// Media goes through whole, in order, in the subscriber's numbers.
func TestForwards(t *testing.T) {
	w, pub, sub := couple(t, simnet.Config{Latency: 10 * time.Millisecond})
	v, a := pub.video("1", 100), pub.audio("0", 200)
	w.run(3 * time.Second)
	for _, c := range []struct {
		s *sender
		v *receiver
	}{{v, sub.receiver[2000]}, {a, sub.receiver[1000]}} {
		if got, want := len(c.v.packets), int(c.s.packets); got < want-20 || got > want { // until the link has been measured, every other frame may be left out
			t.Errorf("%s: %d of %d packets came", c.s.mid, got, want)
		}
		for i := 1; i < len(c.v.packets); i++ {
			if c.v.packets[i].SequenceNumber != c.v.packets[i-1].SequenceNumber+1 {
				t.Fatalf("gap after packet %d", i)
			}
		}
	}
	if _, frame, part := vp8Of(sub.receiver[2000].packets[0]); frame != 0 || part != 0 {
		t.Errorf("begins with frame %d part %d", frame, part)
	}
	started := taken[protocol.TrackStarted](w)
	if len(started) != 2 {
		t.Errorf("%d tracks started: %v", len(started), started)
	}
	slots := map[string]protocol.Slot{}
	for _, e := range taken[protocol.SlotsChanged](w) {
		for _, s := range e.Slots.Slots {
			slots[s.MID] = s
		}
	}
	if slots["0"] != (protocol.Slot{MID: "0", Stream: 1, Track: "a"}) || slots["1"] != (protocol.Slot{MID: "1", Stream: 1, Track: "v"}) {
		t.Errorf("slots %v", slots)
	}
	states := map[protocol.TrackID]string{}
	for _, e := range taken[protocol.SubscriptionChanged](w) {
		states[e.Track] = states[e.Track] + " " + e.State
	}
	if states["a"] != " waiting active" || states["v"] != " waiting active" {
		t.Errorf("subscriptions went %v", states)
	}
}

// Five per cent of loss each way: every packet comes in the end, by NACK and RTX
// on both legs.
func TestRecoversLosses(t *testing.T) {
	w, pub, sub := couple(t, simnet.Config{Latency: 20 * time.Millisecond, Loss: 0.05})
	v := pub.video("1", 100)
	v.size = 400 // less than any estimate, so that all layers are forwarded
	w.run(10 * time.Second)
	v.silent = true
	w.run(time.Second)
	r := sub.receiver[2000]
	if len(r.missing) > 0 {
		t.Errorf("%d packets never came: %v", len(r.missing), r.missing)
	}
	frames := map[[2]uint32]bool{}
	for _, p := range r.packets {
		_, frame, part := vp8Of(p)
		frames[[2]uint32{frame, uint32(part)}] = true
	}
	_, first, _ := vp8Of(r.packets[0])
	want := (v.frame - int(first)) * 4
	if len(frames) < want-4 {
		t.Errorf("%d of %d packets came", len(frames), want)
	}
	st := w.stats(pub).Published
	s := st[len(st)-1]
	if s.Recovered < 30 || s.GivenUp > 1 || r.rtx < 30 {
		t.Errorf("recovered %d, gave up %d; %d retransmissions downwards", s.Recovered, s.GivenUp, r.rtx)
	}
	if n := w.stats(sub).Retransmitted; n > 300 {
		t.Errorf("%d retransmissions for about 60 losses and their repeats", n)
	}
}

// Reordered packets are forwarded as they come, duplicates once.
func TestReorderedAndDuplicated(t *testing.T) {
	w, pub, sub := couple(t, simnet.Config{Latency: 5 * time.Millisecond})
	pub.up.Set(simnet.Config{Reorder: 0.1, ReorderBy: 3 * time.Millisecond, Duplicate: 0.1})
	a := pub.audio("0", 200)
	a.every = 2 * time.Millisecond
	w.run(4 * time.Second)
	r := sub.receiver[1000]
	if r.dups != 0 {
		t.Errorf("%d duplicates went through", r.dups)
	}
	if len(r.missing) > 3 || len(r.packets) < 1980 {
		t.Errorf("%d missing, %d came", len(r.missing), len(r.packets))
	}
	s := w.stats(pub).Published[0]
	if s.Duplicates < 100 || s.Reordered < 100 || s.NACKed > 20 {
		t.Errorf("%+v", s)
	}
}

// Sequence numbers and timestamps wrap, on both sides, without anything to see.
func TestWraps(t *testing.T) {
	w, pub, sub := couple(t, simnet.Config{Loss: 0.02, Latency: 10 * time.Millisecond})
	v := pub.video("1", 100)
	v.seq, v.base = 0xff00, 0xffffff00
	v.every, v.size = time.Millisecond, 200
	w.run(100 * time.Millisecond)
	sl := w.r.peer(sub.peer).Slots[1]
	if sl.Seq>>16 != 1 {
		t.Fatalf("slot at %d", sl.Seq)
	}
	w.run(17 * time.Second) // 4000 packets a second: over 65536 for the slot too
	v.silent = true
	w.run(time.Second)
	r := sub.receiver[2000]
	if sl.Seq>>16 < 2 || len(r.missing) > 0 {
		t.Errorf("slot at %d, %d missing", sl.Seq, len(r.missing))
	}
	if n := w.stats(pub).Published[0].Restarts; n != 0 {
		t.Errorf("%d restarts", n)
	}
}

// A slot that goes to another track goes on: next sequence number, timestamp by
// the time that passed, next picture id; and with a keyframe.
func TestRebindsSeamlessly(t *testing.T) {
	w := newWorld(t)
	link := simnet.Config{Latency: 10 * time.Millisecond}
	ana := w.join("ana", link, sends("1", sdp.Video, vp8))
	ana.publish(1, videoTrack("1"))
	eva := w.join("eva", link, sends("1", sdp.Video, vp8))
	eva.publish(2, videoTrack("1"))
	sub := w.join("ben", link, receives("1", sdp.Video, 2000, vp8))
	ana.video("1", 100)
	second := eva.video("1", 300)
	sub.subscribe(1)
	sub.subscribe(2)
	w.run(2 * time.Second)
	missing := taken[protocol.SlotsMissing](w)
	if len(missing) != 1 || missing[0].Video != 2 || missing[0].Audio != 0 {
		t.Fatalf("asked for %v", missing)
	}
	r := sub.receiver[2000]
	before := len(r.packets)
	last := r.packets[before-1]
	keyframes := second.keyframes
	if err := w.r.Unsubscribe(w.now, sub.id, 1); err != nil {
		t.Fatal(err)
	}
	w.run(time.Second)
	if len(r.packets) == before {
		t.Fatal("nothing came of the other track")
	}
	first := r.packets[before]
	// What was on the link still belongs to the track before.
	for d, _, _ := vp8Of(first); !d.Keyframe; d, _, _ = vp8Of(first) {
		last = first
		before++
		first = r.packets[before]
	}
	if first.SequenceNumber != last.SequenceNumber+1 {
		t.Errorf("sequence number %d after %d", first.SequenceNumber, last.SequenceNumber)
	}
	if d := first.Timestamp - last.Timestamp; d == 0 || d > 90000 {
		t.Errorf("timestamp went on by %d", d)
	}
	d0, _, _ := vp8Of(last)
	d1, _, _ := vp8Of(first)
	if !d1.Keyframe || d1.PictureID != (d0.PictureID+1)&0x7fff || d1.TL0PicIdx != d0.TL0PicIdx+1 {
		t.Errorf("picture %d/%d (keyframe %v) after %d/%d", d1.PictureID, d1.TL0PicIdx, d1.Keyframe, d0.PictureID, d0.TL0PicIdx)
	}
	if second.keyframes == keyframes {
		t.Error("no keyframe was asked for")
	}
	for i := before + 1; i < len(r.packets); i++ {
		if r.packets[i].SequenceNumber != r.packets[i-1].SequenceNumber+1 {
			t.Fatalf("gap at %d", i)
		}
	}
}

// An SR reaches the subscriber with the publisher's NTP time, by the router's
// clock, and the timestamp that the slot's packets have at that moment.
func TestTranslatesSenderReports(t *testing.T) {
	w, pub, sub := couple(t, simnet.Config{Latency: 10 * time.Millisecond})
	a, v := pub.audio("0", 200), pub.video("1", 100)
	w.run(3500 * time.Millisecond)
	for _, c := range []struct {
		s *sender
		v *receiver
	}{{v, sub.receiver[2000]}, {a, sub.receiver[1000]}} {
		if len(c.v.reports) < 3 {
			t.Fatalf("%d reports", len(c.v.reports))
		}
		sr := c.v.reports[len(c.v.reports)-1]
		offset := c.v.packets[0].Timestamp - c.s.base // what the slot adds: the first packet was sent at once
		at0 := sr.RTPTime - offset
		// By the clocks as the router knows them: NTP → media time. The way here
		// took ten milliseconds.
		passed := ntpTime(sr.NTPTime).Add(-10 * time.Millisecond).Sub(c.s.begun)
		should := c.s.base + uint32(passed.Microseconds()*int64(c.s.clock)/1_000_000)
		if d := int32(at0 - should); d < -2 || d > 2 {
			t.Errorf("%s: off by %d ticks", c.s.mid, d)
		}
		if sr.PacketCount == 0 || sr.OctetCount == 0 {
			t.Error("counts nothing")
		}
	}
}

func ntpTime(n uint64) time.Time {
	return time.Unix(int64(n>>32)-2_208_988_800, int64((n&0xffffffff)*1e9>>32)).UTC()
}

// A late joiner gets a picture at once, and many of them ask once.
func TestLateJoiners(t *testing.T) {
	w, pub, _ := couple(t, simnet.Config{Latency: 20 * time.Millisecond})
	v := pub.video("1", 100)
	w.run(2 * time.Second)
	plis := v.plis
	var late []*client
	for i := range 20 {
		c := w.join("late"+string(rune('a'+i)), simnet.Config{Latency: 20 * time.Millisecond}, receives("1", sdp.Video, 2000, vp8), receives("0", sdp.Audio, 1000, opus))
		c.subscribe(1)
		late = append(late, c)
	}
	joined := w.now
	w.run(time.Second)
	for _, c := range late {
		r := c.receiver[2000]
		if !r.started || r.firstAt.Sub(joined) > 150*time.Millisecond {
			t.Fatalf("%s: first packet after %v", c.id, r.firstAt.Sub(joined))
		}
		if d, _, _ := vp8Of(r.packets[0]); !d.Keyframe {
			t.Error("does not begin with a keyframe")
		}
	}
	if n := v.plis - plis; n != 1 {
		t.Errorf("the publisher was asked %d times", n)
	}
}

// However many ask, the publisher hears it at most every 300 ms; and again while
// it does not answer.
func TestKeyframeRequestsAreThrottled(t *testing.T) {
	w, pub, sub := couple(t, simnet.Config{})
	v := pub.video("1", 100)
	w.run(time.Second)
	plis := v.plis
	for range 1000 {
		sub.sendRTCP(&rtcp.PictureLossIndication{MediaSSRC: 2000}, &rtcp.FullIntraRequest{MediaSSRC: 2000, FIR: []rtcp.FIREntry{{SSRC: 2000}}})
		w.run(time.Millisecond)
	}
	if n := v.plis - plis; n < 3 || n > 5 {
		t.Errorf("%d requests in a second", n)
	}
	// Unanswered.
	plis = v.plis
	stop := v.make
	v.make = func(first, _ bool, frame int) []byte { return stop(first, false, frame) }
	w.run(time.Second)
	sub.sendRTCP(&rtcp.PictureLossIndication{MediaSSRC: 2000})
	w.run(3 * time.Second)
	if n := v.plis - plis; n < 8 || n > 14 {
		t.Errorf("repeated %d times", n)
	}
}

// Muted: nothing goes out; afterwards numbers go on, video with a keyframe.
func TestMute(t *testing.T) {
	w, pub, sub := couple(t, simnet.Config{Latency: 5 * time.Millisecond})
	pub.video("1", 100)
	pub.audio("0", 200)
	w.run(time.Second)
	for _, track := range []protocol.TrackID{"a", "v"} {
		if err := w.r.Mute(w.now, protocol.MuteTrack{Stream: 1, Track: track, Muted: true}); err != nil {
			t.Fatal(err)
		}
	}
	w.run(10 * time.Millisecond)
	a, v := sub.receiver[1000], sub.receiver[2000]
	na, nv := len(a.packets), len(v.packets)
	w.run(time.Second)
	if len(a.packets) != na || len(v.packets) != nv {
		t.Fatal("a muted track was forwarded")
	}
	for _, track := range []protocol.TrackID{"a", "v"} {
		_ = w.r.Mute(w.now, protocol.MuteTrack{Stream: 1, Track: track})
	}
	w.run(time.Second)
	for _, c := range []struct {
		r *receiver
		n int
	}{{a, na}, {v, nv}} {
		if len(c.r.packets) < c.n+20 {
			t.Fatal("did not go on")
		}
		if before, after := c.r.packets[c.n-1], c.r.packets[c.n]; after.SequenceNumber != before.SequenceNumber+1 {
			t.Errorf("sequence number %d after %d", after.SequenceNumber, before.SequenceNumber)
		}
	}
	if d, _, _ := vp8Of(v.packets[nv]); !d.Keyframe {
		t.Error("video goes on without a keyframe")
	}
	if len(v.missing) > 0 || len(a.missing) > 0 {
		t.Error("gaps")
	}
}

// Every order of the calls leads to the same.
func TestOrderOfCalls(t *testing.T) {
	link := simnet.Config{Latency: 5 * time.Millisecond}
	for name, f := range map[string]func(w *world) (pub, sub *client){
		"publish before the transport": func(w *world) (*client, *client) {
			_ = w.r.Publish(w.now, protocol.PublishStream{Participant: "ana", Stream: 1, Tracks: []protocol.PublishTrack{videoTrack("1")}})
			sub := w.join("ben", link, receives("1", sdp.Video, 2000, vp8))
			sub.subscribe(1)
			return w.join("ana", link, sends("1", sdp.Video, vp8)), sub
		},
		"subscribe before the subscriber's transport": func(w *world) (*client, *client) {
			pub := w.join("ana", link, sends("1", sdp.Video, vp8))
			pub.publish(1, videoTrack("1"))
			if err := w.r.Subscribe(w.now, "ben", protocol.SubscribeTo{Stream: 1, Transport: "main"}); err != nil {
				panic(err)
			}
			return pub, w.join("ben", link, receives("1", sdp.Video, 2000, vp8))
		},
		"slots come later": func(w *world) (*client, *client) {
			pub := w.join("ana", link, sends("1", sdp.Video, vp8))
			pub.publish(1, videoTrack("1"))
			sub := w.join("ben", link)
			sub.subscribe(1)
			w.run(time.Millisecond)
			if m := taken[protocol.SlotsMissing](w); len(m) != 1 || m[0].Video != 1 {
				w.t.Errorf("asked for %v", m)
			}
			sub.sdp.Sections = append(sub.sdp.Sections, receives("1", sdp.Video, 2000, vp8))
			sub.negotiate()
			return pub, sub
		},
		"the section comes after the stream": func(w *world) (*client, *client) {
			pub := w.join("ana", link)
			pub.publish(1, videoTrack("1"))
			pub.sdp.Sections = append(pub.sdp.Sections, sends("1", sdp.Video, vp8))
			pub.negotiate()
			sub := w.join("ben", link, receives("1", sdp.Video, 2000, vp8))
			sub.subscribe(1)
			return pub, sub
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			pub, sub := f(w)
			pub.video("1", 100)
			w.run(500 * time.Millisecond)
			if n := len(sub.receiver[2000].packets); n < 40 {
				t.Errorf("%d packets came", n)
			}
		})
	}
}

// Nothing goes to a transport that is not connected; video goes on with a keyframe.
func TestInterrupted(t *testing.T) {
	w, pub, sub := couple(t, simnet.Config{})
	pub.video("1", 100)
	w.run(time.Second)
	r := sub.receiver[2000]
	w.r.SetConnected(w.now, sub.key, false)
	w.run(10 * time.Millisecond)
	n := len(r.packets)
	w.run(time.Second)
	if len(r.packets) != n {
		t.Fatal("sent to a transport that is not connected")
	}
	w.r.SetConnected(w.now, sub.key, true)
	w.run(time.Second)
	if len(r.packets) == n || r.packets[n].SequenceNumber != r.packets[n-1].SequenceNumber+1 {
		t.Fatal("did not go on")
	}
	if d, _, _ := vp8Of(r.packets[n]); !d.Keyframe {
		t.Error("goes on without a keyframe")
	}
}

// Slots are freed and reused; audio goes to audio slots and video to video slots.
func TestSlotsAreReused(t *testing.T) {
	w := newWorld(t)
	sub := w.join("ben", simnet.Config{}, receives("0", sdp.Audio, 1000, opus), receives("1", sdp.Video, 2000, vp8))
	for i, name := range []string{"a", "b", "c"} {
		c := w.join(name, simnet.Config{}, sends("0", sdp.Audio, opus), sends("1", sdp.Video, vp8))
		c.publish(protocol.StreamID(i+1), audioTrack("0"), videoTrack("1"))
		c.video("1", 100)
		c.audio("0", 200)
		sub.subscribe(protocol.StreamID(i + 1))
	}
	w.run(300 * time.Millisecond)
	bound := func() [2]protocol.StreamID {
		p := w.r.peer(sub.peer)
		return [2]protocol.StreamID{p.Slots[0].Stream, p.Slots[1].Stream}
	}
	if got := bound(); got != [2]protocol.StreamID{1, 1} {
		t.Fatalf("bound to %v", got)
	}
	if err := w.r.Unpublish(w.now, 1); err != nil {
		t.Fatal(err)
	}
	if got := bound(); got != [2]protocol.StreamID{2, 2} {
		t.Fatalf("then bound to %v", got)
	}
	w.r.RemoveParticipant(w.now, "b")
	if got := bound(); got != [2]protocol.StreamID{3, 3} {
		t.Fatalf("then bound to %v", got)
	}
	w.run(300 * time.Millisecond)
	_ = w.r.Unsubscribe(w.now, "ben", 3)
	if got := bound(); got != [2]protocol.StreamID{} {
		t.Fatalf("then bound to %v", got)
	}
	w.r.RemoveParticipant(w.now, "ben")
	w.r.RemoveParticipant(w.now, "a")
	w.r.RemoveParticipant(w.now, "c")
	if s, u := w.r.Listing(); len(s)+len(u) != 0 || len(w.r.byKey)+len(w.r.sources) != 0 {
		t.Error("something is left")
	}
}
