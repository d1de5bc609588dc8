package licode_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"github.com/tertulia-rtc/tertulia/licode"
	"github.com/tertulia-rtc/tertulia/licode/socketio"
	"github.com/tertulia-rtc/tertulia/protocol"
)

// readToken makes a query of a token, as Licode's clients do.
func readToken(t *testing.T, text string) url.Values {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	var fields struct {
		TokenID, Host, Signature string
		Secure                   bool
	}
	if err := json.Unmarshal(b, &fields); err != nil {
		t.Fatal(err)
	}
	return url.Values{"tokenId": {fields.TokenID}, "host": {fields.Host}, "secure": {fmt.Sprint(fields.Secure)}, "signature": {fields.Signature}, "singlePC": {"false"}}
}

func TestRequestsThatBecomeNoSocket(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		for _, c := range []struct {
			method, target string
			status         int
			body           string
		}{
			{"GET", "/socket.io/?EIO=4&transport=polling", 400, `{"code":0,"message":"Transport unknown"}`},
			{"POST", "/socket.io/?EIO=3&transport=polling&sid=abc", 400, `{"code":0,"message":"Transport unknown"}`},
			{"GET", "/socket.io/", 400, `{"code":0,"message":"Transport unknown"}`},
			{"GET", "/socket.io/?EIO=4&transport=websocket&sid=abc", 400, `{"code":1,"message":"Session ID unknown"}`},
			{"GET", "/socket.io/?EIO=9&transport=websocket", 400, `{"code":5,"message":"Unsupported protocol version"}`},
			{"POST", "/socket.io/?EIO=4&transport=websocket", 400, `{"code":2,"message":"Bad handshake method"}`},
			{"GET", "/socket.io/?EIO=4&transport=websocket&a=%zz", 400, `{"code":3,"message":"Bad request"}`},
			{"GET", "/socket.io/../v1/rooms?EIO=4&transport=websocket", 404, `{"code":3,"message":"Bad request"}`},
			{"GET", "/socket.io/socket.io.js", 404, `{"code":3,"message":"Bad request"}`},
			{"GET", "/socket.io/%2e%2e/", 404, `{"code":3,"message":"Bad request"}`},
			{"GET", "/socket.io//?EIO=4&transport=websocket", 404, `{"code":3,"message":"Bad request"}`},
		} {
			if status, body := h.get(c.method, c.target); status != c.status || body != c.body {
				t.Errorf("%s %s: %d %s, want %d %s", c.method, c.target, status, body, c.status, c.body)
			}
		}
		// An ordinary GET of a WebSocket.
		if status, _ := h.get("GET", "/socket.io/?EIO=4&transport=websocket"); status != 426 {
			t.Errorf("without an upgrade: %d", status)
		}
	})
}

func TestComingIn(t *testing.T) {
	for _, revision := range []string{"4", "3"} {
		inHouse(t, func(t *testing.T, h *house) {
			g := h.call(h.token("ana", "presenter"), revision)
			g.expect(`0{"sid":"`)
			connected := `40{"sid":"`
			if revision == "4" {
				g.say("40")
			} else {
				connected = `40`
			}
			g.expect(connected)
			f, err := g.frame()
			h.must(err)
			var event []json.RawMessage
			var first struct {
				Number int `json:"socketgd"`
				Msg    struct {
					Streams                    []any
					ID                         protocol.RoomID
					ClientID                   protocol.ParticipantID
					SinglePC                   bool
					DefaultVideoBW, MaxVideoBW int
				}
			}
			if err := json.Unmarshal([]byte(f[2:]), &event); err != nil || len(event) != 3 || string(event[0]) != `"connected"` || string(event[2]) != "null" {
				t.Fatal(f, err)
			}
			h.must(json.Unmarshal(event[1], &first))
			if m := first.Msg; first.Number != 0 || m.Streams == nil || m.ID != h.room.ID || !m.ClientID.Valid() || m.SinglePC || m.DefaultVideoBW != 300 || m.MaxVideoBW != 1000 {
				t.Error(f)
			}
			people, err := h.controller.Participants(context.Background(), h.room.ID)
			h.must(err)
			if len(people) != 1 || people[0].User != "ana" || people[0].Role != "presenter" || people[0].ID != first.Msg.ClientID {
				t.Error(people)
			}
			g.cut()
		})
	}
}

func TestFalseTokens(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		used := h.token("ana", "presenter")
		h.call(used, "4").live().say("40")
		synctest.Wait()
		expired := h.token("ben", "presenter")
		time.Sleep(4 * time.Minute)
		change := func(name, value string) url.Values {
			q := h.token("eve", "presenter")
			q.Set(name, value)
			return q
		}
		for why, query := range map[string]url.Values{
			"Token does not exist": used, "Token does not exist ": expired, "No token information": {},
			"Authentication error":   change("signature", "x"),
			"Authentication error ":  change("host", "elsewhere.test"),
			"Authentication error  ": change("tokenId", "5f1a2b3c4d5e6f7081920a0b"),
		} {
			why = "token: " + strings.TrimSpace(why)
			for revision, want := range map[string]string{"4": fmt.Sprintf(`44{"message":%q,"data":%q}`, why, why), "3": fmt.Sprintf(`44%q`, why)} {
				g := h.call(query, revision)
				if revision == "4" {
					g.say("40")
				}
				g.expect(`0{`, want)
				// It may go by itself, and has to within some seconds.
				if start := time.Now(); true {
					if _, err := g.frame(); err == nil || time.Since(start) > 11*time.Second {
						t.Error(err, time.Since(start))
					}
				}
			}
		}
	})
}

// A role that nobody knows may do nothing, but its holder comes in.
func TestRights(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		for role, may := range map[string]bool{"presenter": true, "nobody": false, strings.Repeat("ä", 100): false, "": false} {
			g := h.enterAs(strings.Repeat("ñ", 200), role, "4")
			g.say(`421["publish",{"socketgd":0,"msg":{"options":{"state":"data","data":true}}}]`)
			if got := g.answer("1"); strings.Contains(got, "Unauthorized") == may || got == "" {
				t.Errorf("%.20q publishes: %s", role, got)
			}
			g.cut()
		}
	})
}

func TestFullRoom(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		for n := range h.room.MaxParticipants {
			h.enter(fmt.Sprint("user", n))
		}
		g := h.call(h.token("late", "presenter"), "4")
		g.say("40")
		g.expect(`0{`, `44{"message":"The room is full`)
		g.cut()
	})
}

// Whoever could not be admitted in time is in the room no more.
func TestNotAdmittedInTime(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		h.slow.Store(int64(11 * time.Second))
		g := h.call(h.token("ana", "presenter"), "4")
		g.say("40")
		g.expect(`0{`, `44{"message":"token: Nuve does not respond"`)
		time.Sleep(2 * time.Second)
		if people, _ := h.controller.Participants(context.Background(), h.room.ID); len(people) != 0 || h.signalling.Sessions() != 0 {
			t.Error(people, h.signalling.Sessions())
		}
		g.cut()
	})
}

// publishData publishes a stream of data and gives its id.
func (g *guest) publishData(number int) string {
	g.h.t.Helper()
	g.say(fmt.Sprintf(`42%d["publish",{"socketgd":%d,"msg":{"options":{"state":"data","data":true,"attributes":{"name":"x"}}}}]`, number, number))
	var ids []json.Number
	if err := json.Unmarshal([]byte(g.answer(fmt.Sprint(number))), &ids); err != nil || len(ids) == 0 {
		g.h.t.Fatal("publish was answered", g.answer(fmt.Sprint(number)), err, g.said())
	}
	return ids[0].String()
}

func TestDataBetweenTwo(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		ana, ben := h.enter("ana"), h.enterAs("ben", "presenter", "3")
		stream := ana.publishData(0)
		if !ben.heard(`42["onAddStream",{"socketgd":1,"msg":{"id":`+stream) || !ana.heard(`["onAddStream"`) {
			t.Fatal(ben.said(), ana.said())
		}
		ben.say(`429["subscribe",{"socketgd":0,"msg":{"options":{"streamId":` + stream + `,"data":true}}}]`)
		if got := ben.answer("9"); got != "[true]" {
			t.Errorf("subscribe: %s", got)
		}
		ana.say(`421["sendDataStream",{"socketgd":1,"msg":{"id":` + stream + `,"msg":{"text":"hé <llo>"}}}]`)
		if !ben.heard(`["onDataStream"`) || ana.answer("1") != "[]" {
			t.Error(ben.said(), ana.answer("1"))
		}
		// Somebody who does not own the stream cannot speak for it.
		ben.say(`4210["sendDataStream",{"socketgd":1,"msg":{"id":` + stream + `,"msg":"forged"}}]`)
		if ana.heard("forged") {
			t.Error("data of a stream of others")
		}
		ana.say(`42["clientDisconnection",{"socketgd":2},null]`, `41`)
		if !ben.heard(`["onRemoveStream",{"socketgd":3,"msg":{"id":` + stream) {
			t.Error(ben.said())
		}
		if people, _ := h.controller.Participants(context.Background(), h.room.ID); len(people) != 1 {
			t.Error(people)
		}
		ben.cut()
	})
}

// A client that was cut comes back within 30 seconds: nothing is lost, nothing is
// done twice, and nobody else has noticed.
func TestComingBack(t *testing.T) {
	for _, revision := range []string{"4", "3"} {
		inHouse(t, func(t *testing.T, h *house) {
			query := h.token("ana", "presenter")
			ana := h.call(query, revision)
			if revision == "4" {
				ana.say("40")
			}
			ana.live()
			synctest.Wait()
			ben := h.enter("ben")
			stream := ben.publishData(0)
			ana.say(`42["subscribe",{"socketgd":0,"msg":{"options":{"streamId":` + stream + `,"data":true}}}]`)
			synctest.Wait()
			ana.cut()
			time.Sleep(25 * time.Second)
			ben.say(`42["sendDataStream",{"socketgd":1,"msg":{"id":` + stream + `,"msg":"meanwhile"}}]`)
			synctest.Wait()

			query.Set("clientId", ana.id)
			back := h.call(query, revision)
			if revision == "4" {
				back.say("40")
			}
			back.expect(`0{`, `40`)
			f, err := back.frame()
			if err != nil || !strings.Contains(f, `"onDataStream"`) || !strings.Contains(f, "meanwhile") {
				t.Fatal(f, err)
			}
			back.live()
			back.say(`425["subscribe",{"socketgd":0,"msg":{"options":{"streamId":`+stream+`,"data":true}}}]`, // again
				`426["sendDataStream",{"socketgd":1,"msg":{"id":1,"msg":"x"}}]`)
			if back.answer("6") == "" || back.heard(`"connected"`) {
				t.Error(back.answer("6"), back.said())
			}
			if ben.heard("onRemoveStream") {
				t.Error(ben.said())
			}
			if people, _ := h.controller.Participants(context.Background(), h.room.ID); len(people) != 2 {
				t.Error(people)
			}
			// A second socket takes over from the first.
			third := h.call(query, revision)
			if revision == "4" {
				third.say("40")
			}
			third.live()
			if code, ended := back.ended(); !ended || code != websocket.StatusNormalClosure || !third.heard("40") {
				t.Error(code, ended)
			}
			third.cut()
			ben.cut()
		})
	}
}

func TestWhoMayNotComeBack(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		closed := `44{"message":"Connection already closed","data":"Connection already closed"}`
		query := h.token("ana", "presenter")
		ana := h.call(query, "4")
		ana.say("40")
		ana.live()
		synctest.Wait()
		tries := func(change func(q url.Values)) {
			t.Helper()
			q := url.Values{}
			for name, v := range query {
				q[name] = v
			}
			q.Set("clientId", ana.id)
			change(q)
			g := h.call(q, "4")
			g.say("40")
			g.expect(`0{`, closed)
			g.cut()
		}
		other := h.token("eve", "presenter")
		tries(func(q url.Values) { q.Set("signature", "forged") })
		tries(func(q url.Values) { q.Del("signature"); q.Del("tokenId") })
		tries(func(q url.Values) {
			q.Set("signature", other.Get("signature"))
			q.Set("tokenId", other.Get("tokenId"))
		})
		tries(func(q url.Values) { q.Set("clientId", "00000000-0000-4000-8000-000000000000") })
		if _, ended := ana.ended(); ended {
			t.Error("somebody else's attempt has ended it")
		}
		ana.cut()
		time.Sleep(31 * time.Second)
		tries(func(url.Values) {}) // too late
		if people, _ := h.controller.Participants(context.Background(), h.room.ID); len(people) != 0 {
			t.Error(people)
		}
	})
}

// Who was kicked loses the socket, and its attempts to come back fail in a way that
// ends them. What the client has is over for the room at once.
func TestKicked(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		query := h.token("ana", "presenter")
		ana := h.call(query, "4")
		ana.say("40")
		ana.live()
		ben := h.enter("ben")
		stream := ana.publishData(0)
		h.must(h.controller.Kick(context.Background(), h.room.ID, protocol.ParticipantID(ana.id), "off you go"))
		if code, ended := ana.ended(); !ended || code != websocket.StatusGoingAway {
			t.Error(code, ended)
		}
		if !ben.heard(`["onRemoveStream",{"socketgd":2,"msg":{"id":` + stream) {
			t.Error(ben.said())
		}
		query.Set("clientId", ana.id)
		for range 3 {
			_, status, err := h.dial(query, "4")
			if err == nil || status != http.StatusForbidden {
				t.Fatal(status, err)
			}
		}
		time.Sleep(6 * time.Minute)
		g := h.call(query, "4") // forgotten, but not let in
		g.say("40")
		g.expect(`0{`, `44{"message":"Connection already closed"`)
		g.cut()
		// The same when the room is deleted, and for who has left.
		h.must(h.controller.CloseRoom(context.Background(), h.room.ID))
		if code, ended := ben.ended(); !ended || code != websocket.StatusGoingAway {
			t.Error(code, ended)
		}
	})
}

func TestLeaving(t *testing.T) {
	for _, last := range []string{"41", "1", ""} {
		inHouse(t, func(t *testing.T, h *house) {
			query := h.token("ana", "presenter")
			ana := h.call(query, "4")
			ana.say("40")
			ana.live()
			synctest.Wait()
			ana.say(`420["clientDisconnection",{"socketgd":0},null]`)
			if last != "" {
				ana.say(last)
			} else {
				ana.cut()
			}
			synctest.Wait()
			if people, _ := h.controller.Participants(context.Background(), h.room.ID); len(people) != 0 {
				t.Error(people)
			}
			query.Set("clientId", ana.id)
			if _, status, err := h.dial(query, "4"); err == nil || status != http.StatusForbidden {
				t.Error(err)
			}
		})
	}
	// Without having said that it leaves, a client may come back.
	inHouse(t, func(t *testing.T, h *house) {
		ana := h.enter("ana")
		ana.say("41")
		time.Sleep(29 * time.Second)
		if people, _ := h.controller.Participants(context.Background(), h.room.ID); len(people) != 1 {
			t.Error(people)
		}
	})
}

// What a client has said last counts, also when it comes together with the end of the
// socket and is read late.
func TestLeavingInAHurry(t *testing.T) {
	for how, end := range map[string]func(g *guest){
		"closed": func(g *guest) { _ = g.socket.Close(websocket.StatusGoingAway, "") },
		"cut":    func(g *guest) { g.cut() },
	} {
		inHouse(t, func(t *testing.T, h *house) {
			ana := h.enter("ana")
			n := 0
			ask := func(most int) { // more than is read at once
				for ; n < most; n++ {
					ana.say(fmt.Sprintf(`42%d["getStreamStats",{"socketgd":%d,"msg":77}]`, n, n))
				}
			}
			ask(220)
			h.network.last.together(func() {
				ask(240)
				ana.say(fmt.Sprintf(`42["clientDisconnection",{"socketgd":%d},null]`, n), "41")
			})
			end(ana)
			time.Sleep(5 * time.Second)
			if people, _ := h.controller.Participants(context.Background(), h.room.ID); len(people) != 0 {
				t.Errorf("%s: %v", how, people)
			}
		})
	}
}

func TestSilence(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		// A client that answers stays, for hours.
		ana, ben := h.enter("ana"), h.enterAs("ben", "viewer", "3")
		time.Sleep(3 * time.Hour)
		if _, ended := ana.ended(); ended || h.signalling.Sessions() != 2 {
			t.Error("it was ended")
		}
		if _, ended := ben.ended(); ended {
			t.Error("it was ended")
		}
		// One that does not is cut, and gone after another half minute.
		for _, revision := range []string{"4", "3"} {
			g := h.call(h.token("mute", "viewer"), revision)
			if revision == "4" {
				g.say("40")
			}
			start := time.Now()
			for {
				if _, err := g.frame(); err != nil {
					break
				}
			}
			if d := time.Since(start); d != 15*time.Second {
				t.Errorf("revision %s: cut after %v", revision, d)
			}
			time.Sleep(31 * time.Second)
			if n := h.signalling.Sessions(); n != 2 {
				t.Errorf("%d sessions", n)
			}
		}
		// One that says nothing at all.
		g := h.call(url.Values{}, "4")
		start := time.Now()
		g.expect(`0{`)
		if _, err := g.frame(); err == nil {
			t.Error("it goes on")
		}
		if d := time.Since(start); d < 10*time.Second || d > 16*time.Second {
			t.Errorf("cut after %v", d)
		}
	})
}

func TestWhoBreaksTheRules(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		ben := h.enter("ben")
		for _, frame := range []string{
			"9", "4", "42{}", "42[1]", `42["a"`, "0{}", `42["a",{"socketgd":-1}]`, `42[""]`, "42[\"\xff\"]",
			"4" + strings.Repeat("x", socketio.MaxPayload),
		} {
			g := h.enter("eve")
			g.say(frame)
			if _, ended := g.ended(); !ended {
				t.Errorf("%.30q has no consequence", frame)
			}
			time.Sleep(31 * time.Second)
		}
		g := h.enter("eve")
		_ = g.socket.Write(context.Background(), websocket.MessageBinary, []byte{1, 2, 3})
		if _, ended := g.ended(); !ended {
			t.Error("a binary frame has no consequence")
		}
		// Such as are only odd cost nothing.
		g = h.enter("odd")
		g.say("40", "40/admin", `42/admin,["x"]`, "3", "5", "6", "2probe", `42["nobody-knows-this",{"socketgd":0,"msg":1}]`, `43999[1]`, `44"x"`,
			`42["socketgd_ack",{"id":99}]`, `42["socketgd_ack","x"]`, `42["message","socketgd:0:hello"]`,
			`451-1["sendDataStream",{"socketgd":1,"msg":{"id":1,"msg":{"_placeholder":true,"num":0}}}]`)
		_ = g.socket.Write(context.Background(), websocket.MessageBinary, []byte{1, 2, 3})
		if _, ended := g.ended(); ended || g.answer("1") != `[null,"Binary data are not supported"]` || !g.heard("3probe") ||
			!g.heard(`42["socketgd_ack",{"id":1}]`) || !g.heard(`44/admin,{"message":"Invalid namespace"}`) {
			t.Error(ended, g.answer("1"), g.said())
		}
		if _, ended := ben.ended(); ended {
			t.Error("somebody else has lost the socket")
		}
		ben.cut()
		g.cut()
	})
}

// Every event that wants an answer gets one, whatever it holds.
func TestEveryEventIsAnswered(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		g := h.enter("ana")
		n := 0
		for _, event := range []string{
			"publish", "subscribe", "unpublish", "unsubscribe", "connectionMessage", "streamMessage", "streamMessageP2P", "sendDataStream",
			"updateStreamAttributes", "startRecorder", "stopRecorder", "getStreamStats", "setStreamPriorityStrategy", "setConnectionTargetBandwidth",
			"__proto__", "connected",
		} {
			for _, msg := range []string{`null`, `{}`, `[]`, `7`, `"x"`, `{"options":{"streamId":77}}`, `{"options":null}`, `{"id":1e99}`, `{"id":"../../etc/passwd","to":"x"}`} {
				g.say(fmt.Sprintf(`42%d[%q,{"socketgd":%d,"msg":%s}]`, n, event, n, msg))
				n++
			}
		}
		time.Sleep(20 * time.Second)
		for i := range n {
			if g.answer(fmt.Sprint(i)) == "" {
				t.Errorf("call %d was not answered", i)
			}
		}
		if _, ended := g.ended(); ended {
			t.Error("it was ended")
		}
		g.cut()
	})
}

// A flood is read no faster than the room takes it: nothing is lost, nobody cut,
// and nobody else waits.
func TestFlood(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		ana, ben, cho := h.enter("ana"), h.enter("ben"), h.enter("cho")
		stream := ana.publishData(0)
		other := cho.publishData(0)
		for _, id := range []string{stream, other} {
			ben.say(`42["subscribe",{"msg":{"options":{"streamId":` + id + `,"data":true}},"socketgd":` + map[bool]string{true: "0", false: "1"}[id == stream] + `}]`)
		}
		synctest.Wait()
		start := time.Now()
		flooded := make(chan time.Duration)
		go func() {
			for n := 1; n <= 1000; n++ {
				ana.say(fmt.Sprintf(`42["sendDataStream",{"socketgd":%d,"msg":{"id":%s,"msg":%d}}]`, n, stream, n))
			}
			flooded <- time.Since(start)
		}()
		time.Sleep(2 * time.Second)
		cho.say(`42["sendDataStream",{"socketgd":1,"msg":{"id":` + other + `,"msg":"calm"}}]`)
		if !ben.heard(`"calm"`) {
			t.Error("others wait")
		}
		if d := <-flooded; d < 10*time.Second || d > 40*time.Second {
			t.Errorf("1000 events were read in %v", d)
		}
		time.Sleep(10 * time.Second)
		for n := 1; n <= 1000; n++ {
			if !ben.heard(fmt.Sprintf(`"msg":{"id":%s,"msg":%d}`, stream, n)) && !ben.heard(fmt.Sprintf(`"msg":%d,"id":%s`, n, stream)) {
				t.Fatalf("event %d is lost", n)
			}
		}
		if _, ended := ana.ended(); ended {
			t.Error("it was ended")
		}
	})
}

// Large frames are read slowly too, and nobody is cut off for them.
func TestLargeFrames(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		ana := h.enter("ana")
		for n := range 8 {
			ana.say(fmt.Sprintf(`42%d["sendDataStream",{"socketgd":%d,"msg":{"id":1,"msg":%q}}]`, n, n, strings.Repeat("x", 990_000)))
		}
		time.Sleep(time.Minute)
		if _, ended := ana.ended(); ended || ana.answer("7") == "" {
			t.Error(ended, ana.answer("7"))
		}
		ana.cut()
	})
}

// A client that acknowledges nothing loses its session; one that does not even read
// makes nobody wait.
func TestWhoTakesNothing(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		ana := h.enter("ana")
		stream := ana.publishData(0)
		deaf := h.enter("deaf")
		deaf.mu.Lock()
		deaf.deaf = true
		deaf.mu.Unlock()
		stuck := h.call(h.token("stuck", "presenter"), "4")
		stuck.say("40")
		stuck.expect(`0{`, `40`, `42["connected"`)
		subscribe := `42["subscribe",{"socketgd":0,"msg":{"options":{"streamId":` + stream + `,"data":true}}}]`
		deaf.say(subscribe)
		stuck.say(subscribe)
		synctest.Wait()
		for n := 1; n <= 1200; n++ {
			ana.say(fmt.Sprintf(`42["sendDataStream",{"socketgd":%d,"msg":{"id":%s,"msg":%d}}]`, n, stream, n))
		}
		time.Sleep(40 * time.Second)
		if _, ended := deaf.ended(); !ended {
			t.Error("who acknowledges nothing stays")
		}
		people, _ := h.controller.Participants(context.Background(), h.room.ID)
		if len(people) != 1 || people[0].User != "ana" {
			t.Error(people)
		}
	})
}

func TestDoorstep(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		var waiting []*guest
		for range h.most {
			waiting = append(waiting, h.call(url.Values{}, "4"))
		}
		if _, status, err := h.dial(url.Values{}, "4"); err == nil || status != http.StatusServiceUnavailable {
			t.Error(err)
		}
		for _, g := range waiting {
			g.cut()
		}
		synctest.Wait()
		for range 3 * h.most {
			h.enter("ana").say(`42["clientDisconnection",{"socketgd":0},null]`, "41")
			synctest.Wait()
		}
		time.Sleep(20 * time.Second)
		if h.waiting != 0 {
			t.Errorf("%d sockets are taken to wait", h.waiting)
		}
	})
}

// When the server ends in order, everybody's socket closes, and nobody gets in.
func TestDrain(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		ana := h.enter("ana")
		token := h.token("ben", "presenter")
		waiting := h.call(token, "4")
		refused := h.call(url.Values{}, "4")
		refused.say("40")
		refused.expect(`0{`, `44{"message":"token: `)
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		start := time.Now()
		h.signalling.Shut()
		waiting.say("40")
		h.controller.Drain(ctx)
		if code, ended := ana.ended(); !ended || code != websocket.StatusGoingAway {
			t.Error(code, ended)
		}
		h.signalling.Drain(ctx)
		if time.Since(start) > time.Second {
			t.Error("it took", time.Since(start))
		}
		// Who did not get in can use the token at the next server.
		if _, err := h.tokens.Redeem(context.Background(), licode.Fields{ID: protocol.TokenID(token.Get("tokenId")), Host: token.Get("host"), Signature: token.Get("signature")}); err != nil {
			t.Error("the token is spent:", err)
		}
		if _, status, err := h.dial(h.token("cho", "presenter"), "4"); err == nil || status != http.StatusServiceUnavailable {
			t.Error(err)
		}
	})
}

// What a client costs by reading counters is by how many participants it reads.
func TestPaceOfStatistics(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		took := func(people int) time.Duration {
			var all []*guest
			for n := range people {
				all = append(all, h.enter(fmt.Sprint("user", n)))
			}
			ana := all[0]
			stream := ana.publishData(0)
			start := time.Now()
			for n := 1; n <= 300; n++ {
				ana.say(fmt.Sprintf(`42%d["getStreamStats",{"socketgd":%d,"msg":%s}]`, n, n, stream))
				for ana.answer(fmt.Sprint(n)) == "" {
					time.Sleep(time.Millisecond)
				}
			}
			d := time.Since(start)
			for _, g := range all {
				g.cut()
			}
			time.Sleep(31 * time.Second)
			return d
		}
		if alone, full := took(1), took(h.room.MaxParticipants); full < alone+4*time.Second {
			t.Errorf("%v in a full room, %v alone", full, alone)
		}
	})
}

// Statistics come through the controller.
func TestStatistics(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		ana := h.enter("ana")
		stream := ana.publishData(0)
		ana.say(`421["getStreamStats",{"socketgd":1,"msg":` + stream + `}]`)
		if got := ana.answer("1"); !strings.HasPrefix(got, "[{") {
			t.Error(got)
		}
		ana.cut()
	})
}

// What the links of a client are measured for comes to the worker, also where it is
// changed before there is a link.
func TestTargetOfLinks(t *testing.T) {
	for name, c := range map[string]struct {
		change string // between offer and answer
		want   uint64
	}{"as it came": {"", 500_000}, "changed meanwhile": {"700000", 700_000}} {
		t.Run(name, func(t *testing.T) {
			inHouse(t, func(t *testing.T, h *house) {
				ana := h.enter("ana")
				ana.say(`421["publish",{"socketgd":0,"msg":{"options":{"state":"erizo","audio":true,"label":"LA"}}}]`)
				var published []json.RawMessage
				if err := json.Unmarshal([]byte(ana.answer("1")), &published); err != nil || len(published) < 3 {
					t.Fatal(ana.answer("1"), err)
				}
				offer, err := json.Marshal("v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n" +
					"a=fingerprint:sha-256 " + strings.Repeat("AA:", 31) + "AA\r\na=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\na=setup:actpass\r\n" +
					"m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=rtpmap:111 opus/48000/2\r\na=mid:0\r\na=rtcp-mux\r\na=sendonly\r\na=msid:LA t\r\n")
				h.must(err)
				ana.say(fmt.Sprintf(`422["connectionMessage",{"socketgd":1,"msg":{"options":{"connectionId":%s,"msg":{"type":"offer","sdp":%s}}}}]`, published[2], offer))
				if !ana.heard(`"type":"answer"`) {
					t.Fatal(ana.said())
				}
				query := h.token("ben", "presenter")
				query.Set("connectionTargetBw", "500000")
				ben := h.call(query, "4")
				ben.say("40")
				ben.live()
				ben.say(fmt.Sprintf(`421["subscribe",{"socketgd":0,"msg":{"options":{"streamId":%s,"audio":true}}}]`, published[0]))
				var subscribed []json.RawMessage
				if err := json.Unmarshal([]byte(ben.answer("1")), &subscribed); err != nil || len(subscribed) < 3 || !ben.heard(`"type":"offer"`) {
					t.Fatal(ben.answer("1"), ben.said(), err)
				}
				if c.change != "" {
					ben.say(`422["setConnectionTargetBandwidth",{"socketgd":1,"msg":` + c.change + `}]`)
					synctest.Wait()
				}
				ben.say(fmt.Sprintf(`423["connectionMessage",{"socketgd":2,"msg":{"options":{"connectionId":%s,"msg":{"type":"answer","sdp":"v=0"}}}}]`, subscribed[2]))
				synctest.Wait()
				h.mu.Lock()
				defer h.mu.Unlock()
				if len(h.targets) != 1 || h.targets[0].Bitrate != c.want {
					t.Errorf("the worker was told %+v, want %d", h.targets, c.want)
				}
			})
		})
	}
}
