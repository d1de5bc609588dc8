package controller

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tertulia-rtc/tertulia/auth"
	"github.com/tertulia-rtc/tertulia/protocol"
)

var camera = protocol.Publish{Tracks: []protocol.PublishTrack{{Track: protocol.Track{ID: "cam", Kind: protocol.Video, Source: protocol.Camera}, Transport: "main", MID: "0"}}}

func TestTwoTalk(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		k := w.worker("w1")
		ana, ben := w.join(nil), w.join(nil)
		if len(ben.joined.Participants) != 1 || ben.joined.Participants[0].ID != ana.id() || ben.joined.Participants[0].Permissions != nil {
			t.Errorf("ben sees %+v", ben.joined.Participants)
		}
		if len(ana.joined.Participant.Permissions) != len(protocol.AllPermissions) || ana.joined.ResumeWindow != 30 {
			t.Errorf("ana is %+v", ana.joined)
		}
		var answer protocol.Answer
		_ = json.Unmarshal(ana.do(protocol.TypeOffer, protocol.Offer{Transport: "main", SDP: "o"}).Data, &answer)
		if answer.SDP != "answer to o" {
			t.Errorf("the answer is %q", answer.SDP)
		}
		var stream protocol.Published
		_ = json.Unmarshal(ana.do(protocol.TypePublish, camera).Data, &stream)
		ben.do(protocol.TypeSubscribe, protocol.SubscribeTo{Stream: stream.Stream, Transport: "main"})
		k.tell(w.room.ID, k.epoch, 0, protocol.SlotsChanged{Participant: ben.id(), Slots: protocol.Slots{Transport: "main", Slots: []protocol.Slot{{MID: "3", Stream: stream.Stream, Track: "cam"}}}})
		k.tell(w.room.ID, k.epoch, 0, protocol.SpeakersChanged{})
		ana.wantTypes("participant-joined", "ok", "ok", "speakers")
		ben.wantTypes("stream-published", "ok", "slots", "speakers")
		if got := k.told(); !slices.Equal(got, []string{"drop-room", "configure-room", "negotiate", "publish", "subscribe"}) {
			t.Errorf("the worker was told %q", got)
		}
		if rooms, people := w.c.Counts(); rooms != 1 || people != 2 {
			t.Errorf("%d rooms with %d participants", rooms, people)
		}
		ctx := context.Background()
		if p, err := w.c.Participants(ctx, w.room.ID); err != nil || len(p) != 2 {
			t.Errorf("participants %v %v", p, err)
		}
		if s, err := w.c.Streams(ctx, w.room.ID); err != nil || len(s) != 1 {
			t.Errorf("streams %v %v", s, err)
		}
		// Who leaves is gone, and the last one takes the room along.
		if f := ana.do(protocol.TypeLeave, nil); f.Type != protocol.TypeOK {
			t.Errorf("leave: %s", f.Data)
		}
		ana.wantClosed(1000)
		ben.wantTypes("stream-unpublished", "participant-left")
		ben.do(protocol.TypeLeave, nil)
		if got := k.told(); got[len(got)-1] != "drop-room" {
			t.Errorf("the worker was told %q", got)
		}
		if rooms, people := w.c.Counts(); rooms != 0 || people != 0 {
			t.Errorf("%d rooms with %d participants", rooms, people)
		}
		wantRefused(t, ana.comeBack(), protocol.CodeResume)
		if p, err := w.c.Participants(ctx, w.room.ID); err != nil || len(p) != 0 {
			t.Errorf("participants %v %v", p, err)
		}
		var e *protocol.Error
		if err := w.c.Kick(ctx, w.room.ID, ana.id(), ""); !errors.As(err, &e) || e.Code != protocol.CodeNotFound {
			t.Errorf("kick: %v", err)
		}
	})
}

func TestATokenOpensOnce(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		token := w.token(nil)
		text := opening(protocol.TypeJoin, protocol.Join{Protocol: 1, Token: token})
		var mu sync.Mutex
		count := map[string]int{}
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				p := &pipe{toServer: make(chan []byte), toClient: make(chan []byte), closed: make(chan struct{})}
				go func() { _ = w.c.Serve(context.Background(), p) }()
				p.toServer <- []byte(text)
				f, _ := protocol.DecodeFrame(<-p.toClient)
				mu.Lock()
				count[f.Type]++
				mu.Unlock()
				_ = p.Close(1006, "")
			})
		}
		all.Wait()
		if count["joined"] != 1 || count["refused"] != 49 {
			t.Errorf("the answers were %v", count)
		}
		w.restart()
		_, f := w.open(text)
		wantRefused(t, f, protocol.CodeUnauthorized)
		// Three uses are three.
		token = w.token(func(c *auth.JoinClaims) { c.Uses = 3 })
		for range 3 {
			w.joinWith(token)
		}
		_, f = w.open(opening(protocol.TypeJoin, protocol.Join{Protocol: 1, Token: token}))
		wantRefused(t, f, protocol.CodeUnauthorized)
	})
}

func TestRefusals(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		join := func(change func(*auth.JoinClaims)) string {
			return opening(protocol.TypeJoin, protocol.Join{Protocol: 1, Token: w.token(change)})
		}
		api, err := auth.SignAPI([]byte(w.service.Key), auth.APIClaims{Service: w.service.ID}, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		other, err := auth.SignJoin([]byte("another key, which is long enough to be one"), auth.JoinClaims{Service: w.service.ID, Room: w.room.ID, User: "u", Role: "viewer"}, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		resume := w.join(nil).resume
		for name, c := range map[string]struct {
			text  string
			code  protocol.Code
			close int
		}{
			"no JSON":              {"hello", protocol.CodeBadRequest, 4400},
			"a request first":      {`{"seq":1,"type":"leave"}`, protocol.CodeBadRequest, 4400},
			"a stranger's word":    {`{"type":"hello"}`, protocol.CodeBadRequest, 4400},
			"another version":      {`{"type":"join","data":{"protocol":2,"token":"x"}}`, protocol.CodeUnsupported, 4401},
			"no token":             {`{"type":"join","data":{"protocol":1}}`, protocol.CodeUnauthorized, 4401},
			"nonsense":             {`{"type":"join","data":{"protocol":1,"token":"x"}}`, protocol.CodeUnauthorized, 4401},
			"an api token":         {opening("join", protocol.Join{Protocol: 1, Token: api}), protocol.CodeUnauthorized, 4401},
			"a resume token":       {opening("join", protocol.Join{Protocol: 1, Token: resume}), protocol.CodeUnauthorized, 4401},
			"another key":          {opening("join", protocol.Join{Protocol: 1, Token: other}), protocol.CodeUnauthorized, 4401},
			"an unknown room":      {join(func(c *auth.JoinClaims) { c.Room = "0123456789abcdef01234567" }), protocol.CodeNotFound, 4401},
			"an unknown role":      {join(func(c *auth.JoinClaims) { c.Role = "king" }), protocol.CodeForbidden, 4401},
			"resume by join token": {opening("resume", protocol.Resume{Token: w.token(nil)}), protocol.CodeResume, 4401},
			"resume by nonsense":   {opening("resume", protocol.Resume{Token: "x"}), protocol.CodeResume, 4401},
		} {
			c2, f := w.open(c.text)
			t.Log(name, string(f.Data))
			if f.Type != protocol.TypeRefused || codeOf(f) != c.code {
				t.Errorf("%s: answered %s %s, want %s", name, f.Type, f.Data, c.code)
			}
			c2.wantClosed(c.close)
		}
		quiet, _ := w.open("")
		time.Sleep(9 * time.Second)
		quiet.wantClosed(0)
		time.Sleep(2 * time.Second)
		quiet.wantClosed(4400)
		// The roles of the service and of the token.
		if c := w.join(func(c *auth.JoinClaims) { c.Role = "talker" }); len(c.joined.Participant.Permissions) != 1 {
			t.Errorf("talker may %v", c.joined.Participant.Permissions)
		}
		if c := w.join(func(c *auth.JoinClaims) { c.Permissions = []protocol.Permission{} }); len(c.joined.Participant.Permissions) != 0 {
			t.Errorf("with none, may %v", c.joined.Participant.Permissions)
		}
	})
}

func TestAFullRoomSpendsNoToken(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.room.MaxParticipants = 1
		if _, err := w.store.UpdateRoom(context.Background(), w.room); err != nil {
			t.Fatal(err)
		}
		w.join(nil)
		token := w.token(nil)
		_, f := w.open(opening(protocol.TypeJoin, protocol.Join{Protocol: 1, Token: token}))
		wantRefused(t, f, protocol.CodeLimit)
		w.room.MaxParticipants = 2
		if err := w.c.RoomChanged(context.Background(), w.room); err != nil {
			t.Fatal(err)
		}
		w.joinWith(token)
	})
}

func TestResume(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		ana, ben := w.join(nil), w.join(nil)
		ana.seen()
		ben.cut()
		ana.do(protocol.TypeMessage, protocol.Message{ID: "1", Data: json.RawMessage(`"while you were out"`)})
		ana.wantTypes("ok") // nobody left
		time.Sleep(29 * time.Second)
		if f := ben.comeBack(); f.Type != protocol.TypeResumed {
			t.Fatalf("answered %s %s", f.Type, f.Data)
		}
		ben.wantTypes("message")
		// The old socket is still there for the server.
		old := ben.pipe
		if f := ben.comeBack(); f.Type != protocol.TypeResumed {
			t.Fatalf("answered %s %s", f.Type, f.Data)
		}
		<-old.closed
		if old.code != protocol.CloseReplaced {
			t.Errorf("the old socket was closed with %d", old.code)
		}
		ben.wantTypes()
		if f := ben.do(protocol.TypeMessage, protocol.Message{ID: "1", Data: json.RawMessage("1")}); f.Type != protocol.TypeOK {
			t.Error(string(f.Data))
		}
		// An acknowledgement of what was never sent.
		ben.cut()
		ben.got += 7
		wantRefused(t, ben.comeBack(), protocol.CodeResume)
		ben.got -= 7
		// The window is over.
		time.Sleep(31 * time.Second)
		ana.wantTypes("message", "participant-left")
		wantRefused(t, ben.comeBack(), protocol.CodeResume)
		ben.wantClosed(4401)
	})
}

// Frames are neither lost nor seen twice, wherever the sockets are cut.
func TestRandomCuts(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				r := rand.New(rand.NewPCG(seed, 0))
				clients := []*client{w.join(nil), w.join(nil), w.join(nil)}
				const n = 60
				for i := range n {
					for _, c := range clients {
						id := fmt.Sprint(i)
						data := json.RawMessage(fmt.Sprint(i))
						switch r.IntN(8) {
						case 0: // cut, somewhere in the middle of writing
							go c.request(protocol.TypeMessage, protocol.Message{ID: id, Data: data})
							if r.IntN(2) == 0 {
								synctest.Wait()
							}
							c.cut()
							synctest.Wait()
							time.Sleep(time.Duration(r.IntN(5000)) * time.Millisecond)
							if f := c.comeBack(); f.Type != protocol.TypeResumed {
								t.Fatalf("answered %s %s", f.Type, f.Data)
							}
						case 1: // sent while there is no socket
							c.cut()
							c.request(protocol.TypeMessage, protocol.Message{ID: id, Data: data})
							if f := c.comeBack(); f.Type != protocol.TypeResumed {
								t.Fatalf("answered %s %s", f.Type, f.Data)
							}
						case 2: // a second socket beside the first
							c.request(protocol.TypeMessage, protocol.Message{ID: id, Data: data})
							if f := c.comeBack(); f.Type != protocol.TypeResumed {
								t.Fatalf("answered %s %s", f.Type, f.Data)
							}
						default:
							c.request(protocol.TypeMessage, protocol.Message{ID: id, Data: data})
							if r.IntN(4) == 0 {
								time.Sleep(time.Duration(r.IntN(900)) * time.Millisecond)
							}
						}
					}
				}
				time.Sleep(time.Second)
				for i, c := range clients {
					next := map[protocol.ParticipantID]int{}
					oks := 0
					for _, f := range c.seen() {
						switch f.Type {
						case protocol.TypeOK:
							oks++
						case protocol.TypeMessage:
							var m protocol.Message
							_ = json.Unmarshal(f.Data, &m)
							if m.ID != fmt.Sprint(next[m.From]) {
								t.Fatalf("client %d got message %s of %s, want %d", i, m.ID, m.From, next[m.From])
							}
							next[m.From]++
						}
					}
					if oks != n {
						t.Errorf("client %d got %d answers to %d requests", i, oks, n)
					}
					for _, other := range clients {
						if other != c && next[other.id()] != n {
							t.Errorf("client %d got %d of %d messages", i, next[other.id()], n)
						}
					}
					if len(c.unacked) != 0 {
						t.Errorf("client %d still has %d unacknowledged frames", i, len(c.unacked))
					}
				}
			})
		})
	}
}

func TestKickedStaysOut(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		ana, ben, cid := w.join(nil), w.join(nil), w.join(func(c *auth.JoinClaims) { c.Role = "viewer" })
		if f := cid.do(protocol.TypeKick, protocol.Kick{Participant: ben.id()}); codeOf(f) != protocol.CodeForbidden {
			t.Errorf("a viewer kicks: %s", f.Data)
		}
		ana.seen()
		ben.seen()
		if f := ana.do(protocol.TypeKick, protocol.Kick{Participant: ben.id(), Reason: "Noise."}); f.Type != protocol.TypeOK {
			t.Error(string(f.Data))
		}
		ana.wantTypes("participant-left", "ok")
		ben.wantTypes("ended")
		ben.wantClosed(1000)
		wantRefused(t, ben.comeBack(), protocol.CodeResume)
		if err := w.c.Kick(context.Background(), w.room.ID, cid.id(), "API"); err != nil {
			t.Error(err)
		}
		cid.wantClosed(1000)
		w.restart()
		wantRefused(t, ben.comeBack(), protocol.CodeResume)
		wantRefused(t, cid.comeBack(), protocol.CodeResume)
		if f := ana.comeBack(); f.Type != protocol.TypeResynced {
			t.Errorf("answered %s %s", f.Type, f.Data)
		}
	})
}

func TestRestart(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		k := w.worker("w1")
		ana, ben := w.join(nil), w.join(func(c *auth.JoinClaims) { c.User, c.Role = "ben", "talker" })
		first := ana.joined
		var p protocol.Published
		_ = json.Unmarshal(ana.do(protocol.TypePublish, camera).Data, &p)
		old, benOld := ana.resume, ben.resume
		w.restart()
		ana.wantClosed(1001)
		ben.wantClosed(1001)
		if f := ana.comeBack(); f.Type != protocol.TypeResynced {
			t.Fatalf("answered %s %s", f.Type, f.Data)
		}
		if ana.id() != first.Participant.ID || ana.joined.Participant.Role != "presenter" || !slices.Equal(ana.joined.Participant.Permissions, first.Participant.Permissions) {
			t.Errorf("ana is %+v", ana.joined.Participant)
		}
		if string(ana.joined.Participant.Metadata) != `{"n":2}` || len(ana.joined.Participants) != 0 || len(ana.joined.Streams) != 0 {
			t.Errorf("the snapshot is %+v", ana.joined)
		}
		time.Sleep(time.Second) // until the worker is heard
		again := camera
		again.Stream = p.Stream
		if f := ana.do(protocol.TypePublish, again); f.Type != protocol.TypeOK {
			t.Errorf("publish: %s", f.Data)
		}
		// The answer to a resync may get lost: then the spent token still leads back to
		// the new session, but only until the client has shown that it got the answer.
		c, f := w.open(opening(protocol.TypeResume, protocol.Resume{Token: benOld}))
		if f.Type != protocol.TypeResynced {
			t.Fatalf("answered %s %s", f.Type, f.Data)
		}
		c.cut()
		if f := ben.comeBack(); f.Type != protocol.TypeResynced {
			t.Fatalf("answered %s %s", f.Type, f.Data)
		}
		if ben.joined.Participant.User != "ben" || len(ben.joined.Participant.Permissions) != 1 || len(ben.joined.Streams) != 1 {
			t.Errorf("the snapshot is %+v", ben.joined)
		}
		if f := ben.do(protocol.TypeMessage, protocol.Message{ID: "1", Data: json.RawMessage("1")}); f.Type != protocol.TypeOK {
			t.Error(string(f.Data))
		}
		_, f = w.open(opening(protocol.TypeResume, protocol.Resume{Token: benOld}))
		wantRefused(t, f, protocol.CodeResume)
		_, f = w.open(opening(protocol.TypeResume, protocol.Resume{Token: old}))
		wantRefused(t, f, protocol.CodeResume)
		// The new one works.
		ben.cut()
		if f := ben.comeBack(); f.Type != protocol.TypeResumed {
			t.Fatalf("answered %s %s", f.Type, f.Data)
		}
		if k.epoch < 2 {
			t.Errorf("the epoch is %d", k.epoch)
		}
	})
}

func TestSignsOfLife(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		ana, ben := w.join(nil), w.join(nil)
		ana.seen()
		time.Sleep(10 * time.Minute) // bare acknowledgements go to and fro
		ana.wantClosed(0)
		ben.mu.Lock()
		ben.silent = true
		ben.mu.Unlock()
		time.Sleep(13 * time.Second)
		ben.wantClosed(4408)
		ana.wantTypes()
		if f := ben.comeBack(); f.Type != protocol.TypeResumed {
			t.Errorf("answered %s %s", f.Type, f.Data)
		}
	})
}

func TestAcknowledgements(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		ana := w.join(func(c *auth.JoinClaims) { c.Role = "presenter" })
		k := w.worker("w1")
		k.answers(func(uint64, protocol.CommandBody) (protocol.EventBody, time.Duration) { return nil, 0 })
		acked := func() uint64 {
			synctest.Wait()
			ana.mu.Lock()
			defer ana.mu.Unlock()
			return ana.acked
		}
		ana.request(protocol.TypePublish, camera) // answered in five seconds
		if n := acked(); n != 0 {
			t.Fatal("acknowledged at once")
		}
		time.Sleep(500 * time.Millisecond)
		if n := acked(); n != 1 {
			t.Errorf("%d frames acknowledged after 500 ms", n)
		}
		for range 20 {
			ana.request(protocol.TypePublish, camera)
		}
		if n := acked(); n < 17 {
			t.Errorf("%d frames acknowledged after 21", n)
		}
	})
}

func TestASlowClientDelaysNobody(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		ana, ben, slow := w.join(nil), w.join(nil), w.join(nil)
		slow.mu.Lock()
		slow.stalled = make(chan struct{})
		slow.mu.Unlock()
		for i := range 40 {
			if f := ana.do(protocol.TypeMessage, protocol.Message{ID: fmt.Sprint(i), Data: json.RawMessage("1")}); f.Type != protocol.TypeOK {
				t.Fatal(string(f.Data))
			}
		}
		if n := len(ben.seen()); n != 41 { // slow joined, too
			t.Errorf("ben got %d frames", n)
		}
		time.Sleep(13 * time.Second)
		slow.wantClosed(4408)
		close(slow.stalled)
		slow.mu.Lock()
		slow.stalled = nil
		slow.mu.Unlock()
		if f := slow.comeBack(); f.Type != protocol.TypeResumed {
			t.Fatalf("answered %s %s", f.Type, f.Data)
		}
		if n := len(slow.seen()); n != 40 {
			t.Errorf("slow got %d frames", n)
		}
		// More than is kept ends the session.
		slow.cut()
		big := json.RawMessage(`"` + string(slices.Repeat([]byte("x"), 60<<10)) + `"`)
		for i := range 80 {
			ana.do(protocol.TypeMessage, protocol.Message{ID: fmt.Sprint("big", i), Data: big})
			time.Sleep(250 * time.Millisecond) // as fast as it may
		}
		if got := types(ben.seen()); got[len(got)-1] != "message" || !slices.Contains(got, "participant-left") {
			t.Errorf("ben saw %q", got)
		}
		wantRefused(t, slow.comeBack(), protocol.CodeResume)
	})
}

func TestTooFast(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		ana := w.join(nil)
		fast := 0
		for range 350 {
			last := ana.do(protocol.TypeUnsubscribe, protocol.StreamRef{Stream: 1})
			ana.seen()
			if codeOf(last) == protocol.CodeTooFast {
				fast++
			}
		}
		if fast != 50 {
			t.Errorf("%d of 350 requests were too fast", fast)
		}
		time.Sleep(time.Second)
		if f := ana.do(protocol.TypeUnsubscribe, protocol.StreamRef{Stream: 1}); codeOf(f) != protocol.CodeNotFound {
			t.Errorf("after a pause: %s", f.Data)
		}
		for range 300 {
			ana.request(protocol.TypeUnsubscribe, protocol.StreamRef{Stream: 1})
		}
		ana.wantClosed(4429)
		time.Sleep(5 * time.Second)
		if f := ana.comeBack(); f.Type != protocol.TypeResumed {
			t.Errorf("answered %s %s", f.Type, f.Data)
		}
	})
}

func TestBrokenRules(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		watcher := w.join(nil)
		send := func(c *client, texts ...string) {
			for _, text := range texts {
				c.raw(c.pipe, []byte(text))
				synctest.Wait()
			}
		}
		// What has a number is answered, and is no reason to end anything.
		c := w.join(nil)
		send(c, `{"seq":1,"type":"fly"}`, `{"seq":2,"type":"mute","data":[]}`, `{"seq":3,"type":"message","data":{"id":"","data":1}}`,
			`{"seq":4,"type":"metadata","data":{"of":"me","metadata":[1]}}`, `{"seq":4,"type":"leave"}`, `{}`)
		c.wantTypes("error", "error", "error", "error")
		c.wantClosed(0)
		// What has none, four times; the fifth is too much.
		send(c, `no`, "{\"type\":\"\xff\"}", `{"type":"leave"}`, `{"seq":9}`)
		c.wantTypes("error", "error", "error", "error")
		c.wantClosed(0)
		watcher.wantTypes("participant-joined")
		send(c, `[]`)
		c.wantTypes("error", "ended")
		c.wantClosed(4400)
		watcher.wantTypes("participant-left")
		wantRefused(t, c.comeBack(), protocol.CodeResume)
		for _, text := range []string{`{"seq":2,"type":"leave"}`, `{"ack":1000}`} {
			c := w.join(nil)
			send(c, text)
			c.wantClosed(4400)
		}
	})
}

func TestWorkers(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		ana, ben := w.join(nil), w.join(nil)
		ana.seen()
		// There is none yet: requests wait.
		ana.request(protocol.TypeOffer, protocol.Offer{Transport: "main", SDP: "o"})
		ana.request(protocol.TypePublish, camera)
		ana.wantTypes()
		one := w.worker("w1")
		ana.wantTypes("ok", "ok")
		ben.wantTypes("stream-published")
		// It dies: transports close, another is found.
		two := w.worker("w2")
		one.stop()
		time.Sleep(3 * time.Second)
		ana.wantTypes("transport")
		if got := two.told(); !slices.Equal(got, []string{"drop-room", "configure-room", "publish"}) {
			t.Errorf("the second worker was told %q", got)
		}
		ben.wantTypes()
		if f := ana.do(protocol.TypeOffer, protocol.Offer{Transport: "main", SDP: "p"}); f.Type != protocol.TypeOK {
			t.Error(string(f.Data))
		}
		// What the dead one still says is nobody's business, nor is what was said in another epoch.
		one.tell(w.room.ID, two.epoch, 0, protocol.SpeakersChanged{})
		two.tell(w.room.ID, two.epoch-1, 0, protocol.SpeakersChanged{})
		ben.wantTypes()
		// Delayed and out of order, and never.
		two.answers(func(request uint64, body protocol.CommandBody) (protocol.EventBody, time.Duration) {
			switch q := body.(type) {
			case protocol.Negotiate:
				if q.Transport == "never" {
					return nil, 0
				}
				return protocol.Negotiated{SDP: q.SDP}, 4 * time.Second
			case protocol.ReadCounters:
				return protocol.Counters{Transports: json.RawMessage("[]")}, time.Second
			}
			return protocol.Done{}, 0
		})
		ana.seen()
		never := ana.request(protocol.TypeOffer, protocol.Offer{Transport: "never", SDP: "n"})
		slow := ana.request(protocol.TypeOffer, protocol.Offer{Transport: "main", SDP: "s"})
		stats := ana.request(protocol.TypeStats, nil)
		mute := ana.request(protocol.TypeMetadata, protocol.Metadata{Of: "me"})
		time.Sleep(6 * time.Second)
		var order []uint64
		for _, f := range ana.seen() {
			if f.Re != 0 {
				order = append(order, f.Re)
			}
			if f.Re == never && codeOf(f) != protocol.CodeUnavailable {
				t.Errorf("never: %s", f.Data)
			}
		}
		if !slices.Equal(order, []uint64{mute, stats, slow, never}) {
			t.Errorf("answered in the order %v", order)
		}
	})
}

func TestAnotherOwnerTakesOver(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		k := w.worker("w1")
		ana := w.join(nil)
		ana.do(protocol.TypePublish, camera)
		if _, err := w.store.RaiseEpoch(context.Background(), w.room.ID, "another"); err != nil {
			t.Fatal(err)
		}
		k.answers(func(uint64, protocol.CommandBody) (protocol.EventBody, time.Duration) {
			return protocol.Failed{Error: *protocol.Errorf(protocol.CodeStaleEpoch, "Old.")}, 0
		})
		ana.request(protocol.TypePublish, camera)
		ana.wantClosed(1001)
		k.answers(nil)
		if f := ana.comeBack(); f.Type != protocol.TypeResynced {
			t.Errorf("answered %s %s", f.Type, f.Data)
		}
	})
}

func TestTheRoomIsChangedAndDeleted(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		ana, ben := w.join(nil), w.join(nil)
		ana.seen()
		ana.do(protocol.TypeMetadata, protocol.Metadata{Of: "room", Metadata: json.RawMessage(`{"a":1}`)})
		ana.do(protocol.TypeMetadata, protocol.Metadata{Of: "room", Metadata: json.RawMessage(`{"a":2}`)})
		ana.wantTypes("room-updated", "ok", "room-updated", "ok")
		r, err := w.store.Room(ctx, w.room.ID)
		if err != nil || string(r.Metadata) != `{"a":2}` {
			t.Errorf("stored: %s %v", r.Metadata, err)
		}
		r.Name = "s"
		if err := w.c.RoomChanged(ctx, r); err != nil {
			t.Error(err)
		}
		ana.wantTypes("room-updated")
		if err := w.store.DeleteRoom(ctx, w.room.ID); err != nil {
			t.Error(err)
		}
		if err := w.c.CloseRoom(ctx, w.room.ID); err != nil {
			t.Error(err)
		}
		ana.wantTypes("ended")
		ana.wantClosed(1000)
		ben.wantClosed(1000)
		wantRefused(t, ben.comeBack(), protocol.CodeResume)
	})
}

func TestDrainedMeansClosed(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.join(nil)
		w.c.Drain(context.Background())
		c, f := w.open(opening(protocol.TypeJoin, protocol.Join{Protocol: 1, Token: "x"}))
		if f.Type != "" {
			t.Errorf("answered %s", f.Type)
		}
		c.wantClosed(1001)
		w.c.Drain(context.Background()) // again is harmless
	})
}

// What a client wants of a track, and what a publisher is told of it, goes
// through the bus; and is there again after a cut and after a new worker.
func TestPreferencesAndWantedLayers(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		k := w.worker("w1")
		var preferred []protocol.PreferTrack
		k.answers(func(_ uint64, body protocol.CommandBody) (protocol.EventBody, time.Duration) {
			if q, ok := body.(protocol.PreferTrack); ok {
				preferred = append(preferred, q)
			}
			return protocol.Done{}, 0
		})
		ana, ben := w.join(nil), w.join(nil)
		stream := publishCamera(t, ana)
		ben.do(protocol.TypeSubscribe, protocol.SubscribeTo{Stream: stream, Transport: "main"})
		want := protocol.Preference{Stream: stream, Track: "cam", Width: 320, Height: 180, Priority: 30}
		if f := ben.do(protocol.TypePrefer, want); f.Type != protocol.TypeOK {
			t.Fatalf("prefer: %s", f.Data)
		}
		synctest.Wait()
		if len(preferred) != 1 || preferred[0].Preference != want || preferred[0].Participant != ben.id() {
			t.Errorf("the worker was told %+v", preferred)
		}
		ana.seen()
		ben.seen()
		ana.cut()
		layers := protocol.LayersWanted{Stream: stream, Track: "cam", Layers: []protocol.WantedLayer{{RID: "q", Wanted: true}, {RID: "f"}}}
		k.tell(w.room.ID, k.epoch, 0, protocol.LayersNeeded{Participant: ana.id(), LayersWanted: layers})
		synctest.Wait()
		ana.comeBack()
		frames := ana.seen()
		var got protocol.LayersWanted
		if len(frames) != 1 || frames[0].Type != protocol.TypeLayersWanted || json.Unmarshal(frames[0].Data, &got) != nil || !slices.Equal(got.Layers, layers.Layers) {
			t.Errorf("the publisher was told %+v", frames)
		}
		ben.wantTypes() // it is nobody else's business

		preferred = nil
		k.stop()
		two := w.worker("w2")
		two.answers(k.answer)
		time.Sleep(workerSilence + time.Second)
		if got := two.told(); !slices.Equal(got, []string{"drop-room", "configure-room", "publish", "subscribe", "prefer"}) || len(preferred) != 1 || preferred[0].Preference != want {
			t.Errorf("the next worker was told %q %+v", got, preferred)
		}
	})
}

func publishCamera(t *testing.T, c *client) protocol.StreamID {
	t.Helper()
	f := c.do(protocol.TypePublish, protocol.Publish{Tracks: []protocol.PublishTrack{{
		Track: protocol.Track{ID: "cam", Kind: protocol.Video, Source: protocol.Camera}, Transport: "main", MID: "0",
	}}})
	var published protocol.Published
	if err := json.Unmarshal(f.Data, &published); err != nil || published.Stream == 0 {
		t.Fatalf("publish: %s", f.Data)
	}
	return published.Stream
}

// The settings of the room reach the worker first, and again when they change.
func TestSettingsReachTheWorker(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.room.Settings = &protocol.RoomSettings{Audio: protocol.AudioSettings{Loudest: 2, Above: 5}}
		if _, err := w.store.UpdateRoom(context.Background(), w.room); err != nil {
			t.Fatal(err)
		}
		k := w.worker("w1")
		var settings []protocol.RoomSettings
		k.answers(func(_ uint64, body protocol.CommandBody) (protocol.EventBody, time.Duration) {
			if q, ok := body.(protocol.ConfigureRoom); ok {
				settings = append(settings, q.RoomSettings)
			}
			return protocol.Done{}, 0
		})
		publishCamera(t, w.join(nil))
		first := *w.room.Settings
		w.room.Settings = &protocol.RoomSettings{}
		for range 2 {
			if err := w.c.RoomChanged(context.Background(), w.room); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		if !slices.Equal(settings, []protocol.RoomSettings{first, {}}) {
			t.Errorf("the worker was told %+v", settings)
		}
		if got := k.told(); !slices.Equal(got, []string{"drop-room", "configure-room", "publish", "configure-room"}) {
			t.Errorf("the worker was told %q", got)
		}
	})
}

// The API reads statistics without being a participant.
func TestStatsForTheAPI(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		stranger := protocol.ParticipantID("00000000-0000-4000-8000-000000000009")
		wantCode := func(err error, code protocol.Code) {
			t.Helper()
			var known *protocol.Error
			if !errors.As(err, &known) || known.Code != code {
				t.Errorf("%v, want %s", err, code)
			}
		}
		_, err := w.c.Stats(ctx, w.room.ID, stranger)
		wantCode(err, protocol.CodeNotFound)
		ana := w.join(nil)
		if s, err := w.c.Stats(ctx, w.room.ID, ana.id()); err != nil || string(s.Transports) != "[]" {
			t.Errorf("without a worker: %s %v", s.Transports, err)
		}
		_, err = w.c.Stats(ctx, w.room.ID, stranger)
		wantCode(err, protocol.CodeNotFound)

		k := w.worker("w1")
		publishCamera(t, ana)
		k.answers(func(_ uint64, body protocol.CommandBody) (protocol.EventBody, time.Duration) {
			return protocol.Counters{Transports: json.RawMessage(`[{"transport":"main"}]`)}, 0
		})
		if s, err := w.c.Stats(ctx, w.room.ID, ana.id()); err != nil || string(s.Transports) != `[{"transport":"main"}]` {
			t.Errorf("%s %v", s.Transports, err)
		}
		ana.wantTypes("ok") // its publish: statistics for others are not told to it

		// A worker that is late, a caller who goes, a participant who leaves meanwhile.
		k.answers(func(uint64, protocol.CommandBody) (protocol.EventBody, time.Duration) { return nil, 0 })
		_, err = w.c.Stats(ctx, w.room.ID, ana.id())
		wantCode(err, protocol.CodeUnavailable)
		brief, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		_, err = w.c.Stats(brief, w.room.ID, ana.id())
		wantCode(err, protocol.CodeUnavailable)
		done := make(chan error)
		go func() {
			_, err := w.c.Stats(ctx, w.room.ID, ana.id())
			done <- err
		}()
		synctest.Wait()
		ana.do(protocol.TypeLeave, nil)
		wantCode(<-done, protocol.CodeNotFound)
		synctest.Wait()
		if rooms, _ := w.c.Counts(); rooms != 0 {
			t.Error("the room goes on")
		}
	})
}
