package sfu

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/tertulia-rtc/tertulia/protocol"
	"github.com/tertulia-rtc/tertulia/simnet"
)

// An empty list of tracks asks for none (the data of the stream only), no list
// for all of them; also after the way over the bus and a hand-over.
func TestSubscribesToNoTracks(t *testing.T) {
	w, pub, sub := couple(t, simnet.Config{})
	pub.video("1", 100)
	pub.audio("0", 200)
	w.run(200 * time.Millisecond)
	if got := sub.bound(); len(got) != 2 {
		t.Fatalf("bound %v", got)
	}
	none := protocol.SubscribeTo{Stream: 1, Transport: "main", Tracks: []protocol.TrackID{}, Data: true}
	text, err := json.Marshal(none)
	if err != nil {
		t.Fatal(err)
	}
	var to protocol.SubscribeTo
	if err := json.Unmarshal(text, &to); err != nil {
		t.Fatal(err)
	}
	if err := w.r.Subscribe(w.now, sub.id, to); err != nil {
		t.Fatal(err)
	}
	w.run(50 * time.Millisecond)
	packets := len(sub.receiver[1000].packets) + len(sub.receiver[2000].packets)
	w.run(500 * time.Millisecond)
	if got := sub.bound(); len(got) != 0 {
		t.Errorf("still bound %v", got)
	}
	if n := len(sub.receiver[1000].packets) + len(sub.receiver[2000].packets); n != packets {
		t.Errorf("%d packets came", n-packets)
	}
	if missing := taken[protocol.SlotsMissing](w); len(missing) != 0 {
		t.Errorf("slots are asked for: %v", missing)
	}
	_, listed := w.r.Listing()
	if len(listed) != 1 || listed[0].Tracks == nil || len(listed[0].Tracks) != 0 || !listed[0].Data {
		t.Errorf("listed as %+v", listed)
	}
	state, err := json.Marshal(w.r)
	if err != nil {
		t.Fatal(err)
	}
	if w.r, err = Restore(w.r.cfg, state); err != nil {
		t.Fatal(err)
	}
	if _, listed = w.r.Listing(); len(listed) != 1 || listed[0].Tracks == nil {
		t.Errorf("after the hand-over listed as %+v", listed)
	}
	sub.subscribe(1)
	w.run(100 * time.Millisecond)
	if got := sub.bound(); len(got) != 2 {
		t.Errorf("all again: bound %v", got)
	}
}
