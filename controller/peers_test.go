package controller

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tertulia-rtc/tertulia/protocol"
)

// peerToPeer makes the world's room one whose media do not go through the server.
func (w *world) peerToPeer() {
	w.t.Helper()
	w.room.Mode = protocol.P2P
	var err error
	if w.room, err = w.store.UpdateRoom(context.Background(), w.room); err != nil {
		w.t.Fatal(err)
	}
}

// describe publishes a camera that no transport carries.
func describe(t *testing.T, c *client) protocol.StreamID {
	t.Helper()
	f := c.do(protocol.TypePublish, protocol.Publish{Tracks: []protocol.PublishTrack{{Track: protocol.Track{ID: "cam", Kind: protocol.Video, Source: protocol.Camera}}}})
	var published protocol.Published
	if err := json.Unmarshal(f.Data, &published); err != nil || published.Stream == 0 {
		t.Fatalf("publish: %s %s", f.Type, f.Data)
	}
	return published.Stream
}

// Two find each other through the server, which asks no worker for anything.
func TestPeersFindEachOther(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.peerToPeer()
		k := w.worker("w1")
		ana, ben := w.join(nil), w.join(nil)
		if ana.joined.Room.Mode != protocol.P2P {
			t.Errorf("the mode is told as %q", ana.joined.Room.Mode)
		}
		stream := describe(t, ana)
		ben.do(protocol.TypeSubscribe, protocol.SubscribeTo{Stream: stream})
		frames := ana.seen()
		if !slices.Equal(types(frames), []string{"participant-joined", "ok", "stream-subscribed"}) {
			t.Errorf("Ana was told %q", types(frames))
		}
		var who protocol.StreamSubscribed
		if err := json.Unmarshal(frames[len(frames)-1].Data, &who); err != nil || who.Participant != ben.id() || who.Stream != stream {
			t.Errorf("%+v %v", who, err)
		}
		ben.seen()
		ana.do(protocol.TypeSignal, protocol.Signal{To: ben.id(), Data: json.RawMessage(`{"description":{"type":"offer"}}`)})
		frames = ben.seen()
		if len(frames) != 1 || string(frames[0].Data) != `{"from":"`+string(ana.id())+`","data":{"description":{"type":"offer"}}}` {
			t.Errorf("Ben was told %v", frames)
		}

		// The connection lives on while a socket is cut; what was signalled meanwhile comes.
		ben.cut()
		ana.do(protocol.TypeSignal, protocol.Signal{To: ben.id(), Data: json.RawMessage(`1`)})
		if f := ben.comeBack(); f.Type != protocol.TypeResumed {
			t.Fatalf("%s %s", f.Type, f.Data)
		}
		ben.wantTypes("signal")

		if f := ana.do(protocol.TypeOffer, protocol.Offer{Transport: "main", SDP: "v=0"}); codeOf(f) != protocol.CodeUnsupported || !strings.Contains(string(f.Data), "peer to peer") {
			t.Errorf("an offer: %s", f.Data)
		}
		var known *protocol.Error
		if _, err := w.c.Stats(context.Background(), w.room.ID, ana.id()); !errors.As(err, &known) || known.Code != protocol.CodeUnsupported {
			t.Errorf("statistics for the API: %v", err)
		}
		ana.do(protocol.TypeLeave, nil)
		ben.do(protocol.TypeLeave, nil)
		time.Sleep(time.Second)
		if got := k.told(); len(got) != 0 {
			t.Errorf("the worker was told %q", got)
		}
	})
}

// After a restart the room is what it was: the mode comes from the store.
func TestPeersComeBackAfterARestart(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.peerToPeer()
		ana, ben := w.join(nil), w.join(nil)
		stream := describe(t, ana)
		w.restart()
		for _, c := range []*client{ana, ben} {
			if f := c.comeBack(); f.Type != protocol.TypeResynced || c.joined.Room.Mode != protocol.P2P {
				t.Fatalf("%s %s", f.Type, f.Data)
			}
		}
		if f := ben.do(protocol.TypeSubscribe, protocol.SubscribeTo{Stream: stream}); codeOf(f) != protocol.CodeNotFound {
			t.Errorf("a stream that is not back yet: %s", f.Data)
		}
		ana.do(protocol.TypePublish, protocol.Publish{Stream: stream, Data: true})
		ben.do(protocol.TypeSubscribe, protocol.SubscribeTo{Stream: stream, Data: true})
		if got := types(ana.seen()); !slices.Equal(got, []string{"participant-joined", "ok", "stream-subscribed"}) {
			t.Errorf("Ana was told %q", got)
		}
	})
}

func TestAPeerToPeerRoomIsFullWithFour(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.peerToPeer()
		for range protocol.DefaultPeers {
			w.join(nil)
		}
		_, answer := w.open(opening(protocol.TypeJoin, protocol.Join{Protocol: 1, Token: w.token(nil)}))
		wantRefused(t, answer, protocol.CodeLimit)

		// A room that says so takes more.
		w.room.MaxParticipants = 6
		if err := w.c.RoomChanged(context.Background(), w.room); err != nil {
			t.Fatal(err)
		}
		w.join(nil)
	})
}

// One who signals without end is slowed down, and fills nobody's session.
func TestSignalsAreBounded(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.peerToPeer()
		ana, ben := w.join(nil), w.join(nil)
		data := json.RawMessage(`"` + strings.Repeat("x", protocol.MaxSignal-2) + `"`)
		for range 100 {
			ana.request(protocol.TypeSignal, protocol.Signal{To: ben.id(), Data: data})
		}
		synctest.Wait()
		got, slow := len(ben.seen()), 0
		for _, f := range ana.seen() {
			if codeOf(f) == protocol.CodeTooFast {
				slow++
			}
		}
		if got < 5 || got > 10 || slow < 80 {
			t.Errorf("%d of 100 signals of the largest size came, %d were too fast", got, slow)
		}
		ben.wantClosed(0)
		if f := ana.do(protocol.TypeSignal, protocol.Signal{To: ben.id(), Data: append(data[:len(data)-1], `x"`...)}); codeOf(f) != protocol.CodeBadRequest && codeOf(f) != protocol.CodeTooFast {
			t.Errorf("one that is too large: %s", f.Data)
		}
	})
}

// A mode that the store changes meanwhile does not turn a running room around.
func TestTheModeOfARunningRoomStays(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.peerToPeer()
		ana := w.join(nil)
		changed := w.room
		changed.Mode = protocol.SFU
		if _, err := w.store.UpdateRoom(context.Background(), changed); err != nil {
			t.Fatal(err)
		}
		if err := w.c.RoomChanged(context.Background(), changed); err != nil {
			t.Fatal(err)
		}
		describe(t, ana)
		ana.do(protocol.TypeLeave, nil)
		synctest.Wait()
		if ben := w.join(nil); ben.joined.Room.Mode != protocol.SFU {
			t.Errorf("the next room is %q", ben.joined.Room.Mode)
		}
	})
}
