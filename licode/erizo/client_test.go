package erizo

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tertulia-rtc/tertulia/protocol"
)

var epoch = time.UnixMilli(1_000_000)

// testClient is in a room with streams of somebody else's.
func testClient(config Config) *Client {
	c := New(config)
	c.Joined(epoch, protocol.Joined{
		Participant: protocol.Participant{ID: participantID("me"), Permissions: protocol.AllPermissions},
		Room:        protocol.Room{ID: "000000000000000000000001"},
		Streams: []protocol.Stream{
			{ID: 42, Participant: participantID("ana"), Label: "LA", Tracks: []protocol.Track{{ID: "cam", Kind: protocol.Video, Source: protocol.Camera}, {ID: "mic", Kind: protocol.Audio, Source: protocol.Microphone}}},
			{ID: 43, Participant: participantID("ana"), Data: true},
		},
	})
	c.Effects()
	return c
}

func acks(c *Client) (list []string) {
	for _, e := range c.Effects() {
		if a, ok := e.(Ack); ok {
			list = append(list, fmt.Sprintf("%d %s", a.ID, text(a.Args)))
		}
	}
	return list
}

// Every event that asks for one is acknowledged, with the reason where clients look
// for it, whatever its payload is. Licode leaves some without an answer, and its
// clients wait for ever.
func TestEveryEventIsAcknowledged(t *testing.T) {
	both := func(reason string) string { return text([]any{nil, reason, nil, reason}) }
	one := func(reason string) string { return text([]any{nil, reason}) }
	cases := []struct{ event, msg, want string }{
		{"publish", ``, both(reasonMalformed)},
		{"publish", `null`, both(reasonMalformed)},
		{"publish", `{}`, both(reasonMalformed)},
		{"publish", `{"options":7}`, both(reasonMalformed)},
		{"publish", `{"options":{}}`, both("There is nothing to publish")},
		{"publish", `{"options":{"state":"erizo","audio":true}}`, both("The label is missing or in use")},
		{"publish", `{"options":{"state":"erizo","label":"L"}}`, both("There is nothing to publish")},
		{"publish", `{"options":{"state":"erizo","audio":true,"label":"a b"}}`, both("The label is not the id of a MediaStream")},
		{"publish", `{"options":{"state":"erizo","audio":true,"label":7}}`, both("The label is not the id of a MediaStream")},
		{"publish", `{"options":{"state":"erizo","audio":true,"label":"L","attributes":[]}}`, both("attributes must be a JSON object.")},
		{"publish", `{"options":{"state":"erizo","audio":true,"label":"L","attributes":{"a":"` + strings.Repeat("x", protocol.MaxMetadata) + `"}}}`, both("attributes has 16392 bytes; at most 16384 are allowed.")},
		{"publish", `{"options":{"state":"p2p","audio":true,"label":"L"}}`, both("There is nothing to publish")},
		{"unpublish", `x`, one(reasonMalformed)},
		{"unpublish", `{}`, one(reasonMalformed)},
		{"unpublish", `0`, one(reasonMalformed)},
		{"unpublish", `-1`, one(reasonMalformed)},
		{"unpublish", `1.5`, one(reasonMalformed)},
		{"unpublish", `1e99`, one(reasonMalformed)},
		{"unpublish", `44`, one(reasonNoStream)},
		{"unpublish", `"44"`, one(reasonNoStream)},
		{"unpublish", `42`, one(unauthorized)},
		{"subscribe", `[]`, both(reasonMalformed)},
		{"subscribe", `{"options":{}}`, both(reasonMalformed)},
		{"subscribe", `{"options":{"streamId":44}}`, both(reasonNoStream)},
		{"subscribe", `{"options":{"streamId":43}}`, `[true]`},
		{"subscribe", `{"options":{"streamId":42,"audio":false,"video":false}}`, `[true,"erizo","00000000-0000-4000-8000-000000006d65_erizo_1"]`},
		{"unsubscribe", ``, one(reasonMalformed)},
		{"unsubscribe", `44`, one(reasonNoStream)},
		{"unsubscribe", `42`, one("Stream not subscribed")},
		{"connectionMessage", `{}`, one(reasonMalformed)},
		{"connectionMessage", `{"options":{"connectionId":"x","msg":[]}}`, one(reasonMalformed)},
		{"connectionMessage", `{"options":{"connectionId":"x","msg":{}}}`, one("Connection does not exist")},
		{"connectionMessage", `{"options":{"msg":{"type":"answer"}}}`, one("Connection does not exist")},
		{"streamMessage", `{"options":{}}`, one(reasonMalformed)},
		{"streamMessage", `{"options":{"streamId":42}}`, one(reasonMalformed)},
		{"streamMessage", `{"options":{"streamId":42,"msg":{}}}`, one("Stream not subscribed")},
		{"streamMessage", `{"options":{"streamId":44,"msg":{}}}`, one(reasonNoStream)},
		{"streamMessageP2P", `{}`, one("The room is not peer to peer")},
		{"sendDataStream", `7`, one(reasonMalformed)},
		{"sendDataStream", `{"msg":1}`, one(reasonMalformed)},
		{"sendDataStream", `{"id":42,"msg":1}`, one(reasonNotOwner)},
		{"sendDataStream", `{"id":44,"msg":1}`, one(reasonNoStream)},
		{"updateStreamAttributes", `{"id":42}`, one(reasonNotOwner)},
		{"updateStreamAttributes", `null`, one(reasonMalformed)},
		{"startRecorder", `{}`, one(reasonMalformed)},
		{"startRecorder", `{"to":"42"}`, one("Recording is not available on this server yet")},
		{"stopRecorder", ``, one("This stream is not being recorded")},
		{"getStreamStats", `{}`, one(reasonMalformed)},
		{"getStreamStats", `44`, one(reasonNoStream)},
		{"setStreamPriorityStrategy", `{}`, `[true]`},
		{"setConnectionTargetBandwidth", `-1`, one(reasonMalformed)},
		{"setConnectionTargetBandwidth", `0`, `[true]`},
		{"clientDisconnection", ``, `[]`},
		{"dance", `{}`, one(reasonUnknown)},
	}
	seen := map[string]bool{}
	for _, test := range cases {
		seen[test.event] = true
		c := testClient(testConfig())
		c.FromClient(epoch, test.event, json.RawMessage(test.msg), 7)
		if got := acks(c); !slices.Equal(got, []string{"7 " + test.want}) {
			t.Errorf("%s %.80s: %q, want %s", test.event, test.msg, got, test.want)
		}
		c = testClient(testConfig())
		c.FromClient(epoch, test.event, json.RawMessage(test.msg), NoAck)
		if got := acks(c); len(got) > 0 {
			t.Errorf("%s %.80s: %q without being asked", test.event, test.msg, got)
		}
	}
	for event := range events {
		if !seen[event] {
			t.Errorf("%s is not in the table", event)
		}
	}
}

// What a client can make us keep is bounded.
// Nothing is received by what publishes: no slots in it, though the client's
// transceivers would take something.
func TestPublishersAreOfferedNothing(t *testing.T) {
	c := testClient(testConfig())
	c.FromClient(epoch, "publish", json.RawMessage(`{"options":{"state":"erizo","audio":true,"video":true,"label":"L1"}}`), 1)
	c.Effects()
	offer := strings.ReplaceAll(testOffer("L1", "0a", "1v"), "a=sendonly", "a=sendrecv")
	c.FromClient(epoch, "connectionMessage", json.RawMessage(`{"options":{"connectionId":"`+string(participantID("me"))+`_erizo_1","msg":{"type":"offer","sdp":`+text(offer)+`}}}`), 2)
	offered := 0
	for _, e := range c.Effects() {
		if r, ok := e.(Request); ok && r.Type == protocol.TypeOffer {
			offered++
			if got := r.Body.(protocol.Offer).SDP; got != testOffer("L1", "0a", "1v") {
				t.Errorf("offered to the room: %s", got)
			}
		}
	}
	if offered != 1 {
		t.Error(offered, "offers")
	}
}

func TestBounds(t *testing.T) {
	t.Run("streams", func(t *testing.T) {
		c := testClient(testConfig())
		for i := range protocol.MaxStreams + 1 {
			c.FromClient(epoch, "publish", json.RawMessage(`{"options":{"state":"erizo","audio":true,"label":"L`+strconv.Itoa(i)+`"}}`), i)
		}
		got := acks(c)
		if want := `64 [null,"A client publishes at most 64 streams",null,"A client publishes at most 64 streams"]`; got[64] != want {
			t.Errorf("%s, want %s", got[64], want)
		}
	})
	t.Run("connections", func(t *testing.T) {
		c := testClient(testConfig())
		for i := range protocol.MaxTransports + 1 {
			id := strconv.Itoa(1000 + i)
			c.FromRoom(epoch, "stream-published", json.RawMessage(`{"id":`+id+`,"participant":"x","tracks":[{"id":"a","kind":"audio"}]}`))
			c.FromClient(epoch, "subscribe", json.RawMessage(`{"options":{"streamId":`+id+`}}`), i)
		}
		if got, want := acks(c), both64; !slices.Equal(got, []string{want}) {
			t.Errorf("%q, want %s", got, want)
		}
	})
	t.Run("requests", func(t *testing.T) {
		c := testClient(testConfig())
		c.FromClient(epoch, "publish", json.RawMessage(`{"options":{"state":"data","data":true}}`), 0)
		c.Answered(epoch, 1, nil, nil)
		id := text(c.order[2].ID)
		c.Effects()
		for i := range maxRequests + 1 {
			c.FromClient(epoch, "sendDataStream", json.RawMessage(`{"id":`+id+`}`), i)
		}
		if got := acks(c); len(got) != 1 || !strings.Contains(got[0], reasonTooMuch) {
			t.Errorf("%q", got)
		}
		c.FromClient(epoch, "clientDisconnection", nil, NoAck)
		if got := c.Effects(); len(got) != 1 {
			t.Errorf("a client that asks for much cannot go: %v", got)
		}
	})
	t.Run("payload", func(t *testing.T) {
		c := testClient(testConfig())
		c.FromClient(epoch, "sendDataStream", make(json.RawMessage, MaxPayload+1), 1)
		if got := acks(c); !slices.Equal(got, []string{`1 [null,"` + reasonMalformed + `"]`}) {
			t.Errorf("%q", got)
		}
	})
	t.Run("hints", func(t *testing.T) {
		c := testClient(testConfig())
		for i := range 2 * maxHints {
			c.Hinted(epoch, Hint{Stream: protocol.StreamID(1000 + i), MinVideoBW: 1})
		}
		if len(c.hints) != maxHints {
			t.Errorf("%d hints", len(c.hints))
		}
	})
}

const both64 = `64 [null,"` + reasonConnections + `",null,"` + reasonConnections + `"]`

// Everything in a query is text, and Licode takes any text for true.
func TestOptionsOfTheQuery(t *testing.T) {
	for value, want := range map[string]bool{"true": true, "1": true, "yes": true, "false": false, "0": false, "": false, "undefined": false, "null": false} {
		if got := ReadOptions(func(name string) string { return map[string]string{"singlePC": value}[name] }); got.SinglePC != want {
			t.Errorf("singlePC=%s is %t", value, got.SinglePC)
		}
	}
	for value, want := range map[string]uint64{"": 0, "500000": 500_000, "-5": 0, "x": 0, "1e300": protocol.MaxWantedBitrate, "NaN": 0} {
		if got := ReadOptions(func(name string) string { return map[string]string{"connectionTargetBw": value}[name] }); got.TargetBitrate != want {
			t.Errorf("connectionTargetBw=%s is %d", value, got.TargetBitrate)
		}
	}
}

// singlePC needs both sides; a strategy has to be there; each ICE server has a url too.
func TestWhatTheClientIsTold(t *testing.T) {
	config := testConfig()
	greet := func(o Options) connected {
		config.Options = o
		c := New(config)
		c.Joined(epoch, protocol.Joined{ICEServers: []protocol.ICEServer{{URLs: []string{"turn:a", "turn:b"}, Username: "u", Credential: "c"}, {}}})
		return c.Effects()[0].(Emit).Msg.(connected)
	}
	got := greet(Options{SinglePC: true, Strategy: "high", TargetBitrate: 7})
	if !got.SinglePC || got.Strategy != "high" || got.TargetBitrate != 7 {
		t.Errorf("singlePC %t, strategy %v, target %d", got.SinglePC, got.Strategy, got.TargetBitrate)
	}
	if want := `[{"url":"turn:a","urls":["turn:a","turn:b"],"username":"u","credential":"c"}]`; text(got.ICEServers) != want {
		t.Errorf("ICE servers %s, want %s", text(got.ICEServers), want)
	}
	if got = greet(Options{Strategy: "none"}); got.SinglePC || got.Strategy != false || got.TargetBitrate != 0 {
		t.Errorf("%s", text(got))
	}
	config.SinglePC = false
	if greet(Options{SinglePC: true}).SinglePC {
		t.Error("singlePC, which the server does not allow")
	}
}

// Acknowledgements come before what is said of a connection, since the client
// makes it when it reads them; and what a client says makes nobody panic.
func FuzzFromClient(f *testing.F) {
	for _, event := range slices.Sorted(maps.Keys(events)) {
		f.Add(event, `{"options":{"streamId":42,"state":"erizo","audio":true,"video":{"width":{"max":1}},"label":"L","connectionId":"00000000-0000-4000-8000-000000006d65_erizo_1","msg":{"type":"offer","sdp":"v=0","config":{"slideShowMode":true}}}}`)
		f.Add(event, `42`)
		f.Add(event, `{"stream":42,"id":42,"state":"closed","transport":"s2","track":"cam","from":"00000000-0000-4000-8000-0000000616e61","data":{"licode":{"streamId":42}}}`)
		f.Add(event, `{"id":42,"to":42,"msg":{},"attrs":{}}`)
	}
	f.Fuzz(func(t *testing.T, event, msg string) {
		for i := range 4 {
			config := testConfig()
			config.Options = Options{SinglePC: i&1 != 0}
			config.Rand = rand.New(rand.NewPCG(3, 4))
			c := testClient(config)
			if i&2 != 0 {
				c.mode = protocol.P2P
			}
			c.FromClient(epoch, "publish", json.RawMessage(`{"options":{"state":"erizo","audio":true,"label":"L0"}}`), 1)
			c.FromClient(epoch, "subscribe", json.RawMessage(`{"options":{"streamId":42}}`), 2)
			c.Answered(epoch, c.lastRequest, nil, nil)
			c.Effects()
			for i := range 3 {
				c.FromClient(epoch, event, json.RawMessage(msg), 3+i)
				c.FromRoom(epoch, event, json.RawMessage(msg))
				for n := range c.lastRequest {
					c.Answered(epoch, n+1, json.RawMessage(msg), nil)
				}
				for _, typ := range slices.Sorted(maps.Keys(roomEvents)) {
					c.FromRoom(epoch, typ, json.RawMessage(msg))
				}
				c.Stats(epoch, uint64(i), map[protocol.ParticipantID]json.RawMessage{participantID("me"): json.RawMessage(msg)})
				c.Advance(epoch.Add(time.Duration(i) * time.Minute))
			}
			answered := map[int]int{}
			for _, e := range c.Effects() {
				switch e := e.(type) {
				case Ack:
					if answered[e.ID]++; answered[e.ID] > 1 {
						t.Fatalf("%s: acknowledgement %d comes twice", event, e.ID)
					}
					_ = text(e.Args)
				case Emit:
					if s := text(e.Msg); strings.Contains(s, "error calling") {
						t.Fatalf("%s: %s", event, s)
					}
				case Request:
					if err := e.Body.Validate(); err != nil {
						t.Fatalf("%s makes %s %s: %s", event, e.Type, text(e.Body), err)
					}
				}
			}
		}
	})
}
