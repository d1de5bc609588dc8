package sfu

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tertulia-rtc/tertulia/protocol"
	"github.com/tertulia-rtc/tertulia/simnet"
)

// The state survives JSON, and the restored router goes on where the other was.
func TestStateRoundTrip(t *testing.T) {
	w, pub, sub := couple(t, simnet.Config{Latency: 10 * time.Millisecond, Loss: 0.02})
	v := pub.video("1", 100)
	pub.audio("0", 200)
	w.run(3 * time.Second)
	state, err := json.Marshal(w.r)
	if err != nil {
		t.Fatal(err)
	}
	r, err := Restore(Config{Rand: rand.New(rand.NewPCG(1, 1))}, state)
	if err != nil {
		t.Fatal(err)
	}
	again, err := json.Marshal(r)
	if err != nil || !bytes.Equal(state, again) {
		t.Fatalf("another state after the round trip: %v\n%s", err, cmp.Diff(string(state), string(again)))
	}
	w.r = r
	rec := sub.receiver[2000]
	before := len(rec.packets)
	w.run(2 * time.Second)
	if len(rec.packets) < before+200 || rec.dups > 15 {
		t.Errorf("%d packets after the hand-over, %d twice", len(rec.packets)-before, rec.dups)
	}
	if v.plis > 3 {
		t.Errorf("%d keyframe requests", v.plis)
	}
	for _, bad := range []string{`[]`, `{"Peers":[{"Index":3}]}`, `{"Subscriptions":[{"stream":9}]}`} {
		if _, err := Restore(Config{}, []byte(bad)); err == nil {
			t.Errorf("restored from %s", bad)
		}
	}
}

// Errors name what is wrong.
func TestErrors(t *testing.T) {
	w, pub, sub := couple(t, simnet.Config{})
	for want, err := range map[string]*protocol.Error{
		"no stream 9":         w.r.Subscribe(w.now, sub.id, protocol.SubscribeTo{Stream: 9, Transport: "main"}),
		"no track \"x\"":      w.r.Subscribe(w.now, sub.id, protocol.SubscribeTo{Stream: 1, Transport: "main", Tracks: []protocol.TrackID{"x"}}),
		"stream 8":            w.r.Unpublish(w.now, 8),
		"no track \"y\"":      w.r.Mute(w.now, protocol.MuteTrack{Stream: 1, Track: "y"}),
		"another participant": w.r.Publish(w.now, protocol.PublishStream{Participant: "eva", Stream: 1}),
		"carries a track of":  w.r.Publish(w.now, protocol.PublishStream{Participant: pub.id, Stream: 2, Tracks: []protocol.PublishTrack{videoTrack("1")}}),
		"neither audio":       w.r.Publish(w.now, protocol.PublishStream{Participant: pub.id, Stream: 3, Tracks: []protocol.PublishTrack{{}}}),
	} {
		if err == nil || !strings.Contains(err.Message, want) {
			t.Errorf("%q: %v", want, err)
		}
	}
}
