package sfu

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tertulia-rtc/tertulia/protocol"
	"github.com/tertulia-rtc/tertulia/sdp"
	"github.com/tertulia-rtc/tertulia/simnet"
)

// invited is a section that was offered for one track.
func invited(mid string, kind sdp.Kind, ssrc uint32, stream protocol.StreamID, track protocol.TrackID, codecs ...sdp.Codec) sdp.Section {
	s := receives(mid, kind, ssrc, codecs...)
	s.Send.Stream, s.Send.Track = stream, track
	return s
}

// slots tells which of a client's sections is bound to which stream.
func (c *client) slots() map[string]protocol.StreamID {
	got := map[string]protocol.StreamID{}
	for _, s := range c.w.r.byKey[c.key].Slots {
		got[s.MID] = s.Stream
	}
	return got
}

// A slot that was offered for a track waits for it and is given to no other, and the
// track takes no other slot on that transport.
func TestReservedSlots(t *testing.T) {
	w := newWorld(t)
	for stream := protocol.StreamID(1); stream <= 3; stream++ {
		pub := w.join("p"+stream.String(), simnet.Config{}, sends("0", sdp.Video, vp8))
		pub.publish(stream, videoTrack("0"))
		pub.video("0", uint32(stream)*10)
	}
	sub := w.join("s", simnet.Config{}, invited("one", sdp.Video, 1000, 1, "v", vp8), receives("any", sdp.Video, 2000, vp8), invited("two", sdp.Video, 3000, 2, "v", vp8))
	expect := func(what string, one, two, other protocol.StreamID) {
		t.Helper()
		w.run(200 * time.Millisecond)
		if diff := cmp.Diff(map[string]protocol.StreamID{"one": one, "two": two, "any": other}, sub.slots()); diff != "" {
			t.Errorf("%s:\n%s", what, diff)
		}
	}
	sub.subscribe(3)
	expect("a track for which nothing was offered", 0, 0, 3)
	sub.subscribe(2)
	sub.subscribe(1)
	expect("each its own", 1, 2, 3)
	w.run(500 * time.Millisecond)
	if len(sub.receiver[1000].packets) == 0 || len(sub.receiver[3000].packets) == 0 {
		t.Error("nothing comes in them")
	}
	if missing := taken[protocol.SlotsMissing](w); len(missing) != 0 {
		t.Errorf("slots are asked for: %+v", missing)
	}
	check(t, w.r.Unsubscribe(w.now, sub.id, 1))
	expect("ended", 0, 2, 3)

	// A track of high priority does not take it either.
	sub.sdp.Sections = append(sub.sdp.Sections[:0:0], sub.sdp.Sections[0], sub.sdp.Sections[2])
	sub.negotiate()
	check(t, w.r.Prefer(w.now, sub.id, protocol.Preference{Stream: 3, Track: "v", Priority: 100}))
	w.run(200 * time.Millisecond)
	if diff := cmp.Diff(map[string]protocol.StreamID{"one": 0, "two": 2}, sub.slots()); diff != "" {
		t.Error(diff)
	}
	if missing := taken[protocol.SlotsMissing](w); len(missing) == 0 || missing[len(missing)-1].Video != 1 {
		t.Errorf("%+v", missing)
	}
	check(t, w.r.Prefer(w.now, sub.id, protocol.Preference{Stream: 2, Track: "v", Priority: 1, Paused: true}))
	w.run(200 * time.Millisecond)
	if diff := cmp.Diff(map[string]protocol.StreamID{"one": 0, "two": 2}, sub.slots()); diff != "" {
		t.Error(diff)
	}

	// A track goes over to the slot that is offered for it later.
	sub.sdp.Sections = append(sub.sdp.Sections, receives("any", sdp.Video, 5000, vp8))
	sub.negotiate()
	w.run(200 * time.Millisecond)
	if sub.slots()["any"] != 3 {
		t.Error(sub.slots())
	}
	sub.sdp.Sections = append(sub.sdp.Sections, invited("three", sdp.Video, 6000, 3, "v", vp8))
	sub.negotiate()
	w.run(500 * time.Millisecond)
	if got := sub.slots(); got["any"] != 0 || got["three"] != 3 || len(sub.receiver[6000].packets) == 0 {
		t.Error(got)
	}

	state, err := json.Marshal(w.r)
	check(t, err)
	w.r, err = Restore(w.r.cfg, state)
	check(t, err)
	sub.subscribe(1)
	w.run(200 * time.Millisecond)
	if got := sub.slots(); got["one"] != 1 || got["any"] != 0 {
		t.Errorf("after a hand-over: %v", got)
	}
}

// A slot whose codecs do not do is no reason to take another.
func TestReservedSlotWithoutTheCodec(t *testing.T) {
	w := newWorld(t)
	pub := w.join("p", simnet.Config{}, sends("0", sdp.Video, vp8))
	pub.publish(1, videoTrack("0"))
	pub.video("0", 10)
	sub := w.join("s", simnet.Config{}, invited("one", sdp.Video, 1000, 1, "v", h264), receives("any", sdp.Video, 2000, vp8))
	sub.subscribe(1)
	w.run(200 * time.Millisecond)
	told := taken[protocol.SubscriptionChanged](w)
	if len(told) == 0 || told[len(told)-1].State != protocol.SubscriptionUnsupported {
		t.Errorf("%+v", told)
	}
	if got := sub.slots(); got["any"] != 0 {
		t.Error(got)
	}
}

// In a big room the places of those who are not heard stay theirs.
func TestReservedSlotsOfTheQuiet(t *testing.T) {
	w := newWorld(t)
	w.r.Configure(w.now, protocol.RoomSettings{Audio: protocol.AudioSettings{Loudest: 1, Above: 1}})
	var sections []sdp.Section
	var senders []*sender
	for stream := protocol.StreamID(1); stream <= 3; stream++ {
		pub := w.join("p"+stream.String(), simnet.Config{}, sends("0", sdp.Audio, opus))
		pub.publish(stream, audioTrack("0"))
		senders = append(senders, pub.audio("0", uint32(stream)*10))
		senders[stream-1].level = byte(20 + 30*stream)
		sections = append(sections, invited(stream.String(), sdp.Audio, uint32(stream)*1000, stream, "a", opus))
	}
	sub := w.join("s", simnet.Config{}, sections...)
	for stream := protocol.StreamID(1); stream <= 3; stream++ {
		sub.subscribe(stream)
	}
	w.run(5 * time.Second)
	senders[0].level, senders[2].level = 110, 20
	w.run(5 * time.Second)
	for mid, stream := range sub.slots() {
		if stream != 0 && mid != stream.String() {
			t.Errorf("stream %d is in the slot of %s", stream, mid)
		}
	}
	before := len(sub.receiver[3000].packets)
	w.run(time.Second)
	if n := len(sub.receiver[3000].packets) - before; n < 40 {
		t.Errorf("%d packets of the one who speaks now", n)
	}
	if missing := taken[protocol.SlotsMissing](w); len(missing) != 0 {
		t.Errorf("slots are asked for: %+v", missing)
	}
}

func check[E comparable](t *testing.T, err E) {
	t.Helper()
	var none E
	if err != none {
		t.Fatal(err)
	}
}
