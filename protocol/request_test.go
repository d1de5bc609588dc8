package protocol

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"unicode/utf8"
)

// Frames, with what becomes of them: "" they are taken, else the code.
var requestCases = []struct {
	typ, data string
	want      Code
}{
	{"offer", `{"transport":"main","sdp":"v=0"}`, ""},
	{"offer", `{"transport":"main"}`, CodeBadRequest},
	{"offer", `{"transport":"ma in","sdp":"v=0"}`, CodeBadRequest},
	{"offer", `{"transport":"` + strings.Repeat("x", 33) + `","sdp":"v=0"}`, CodeBadRequest},
	{"offer", `{"transport":7,"sdp":"v=0"}`, CodeBadRequest},
	{"offer", ``, CodeBadRequest},
	{"invite", `{"transport":"main"}`, ""},
	{"invite", `{"transport":"main","add":[{"stream":1,"track":"cam","label":"{0b7e-1}"},{"stream":1,"track":"mic"}],"stop":["v1-0"],"restart":true}`, ""},
	{"invite", `{"add":[{"stream":1,"track":"cam"}]}`, CodeBadRequest},
	{"invite", `{"transport":"main","add":[{"track":"cam"}]}`, CodeBadRequest},
	{"invite", `{"transport":"main","add":[{"stream":1}]}`, CodeBadRequest},
	{"invite", `{"transport":"main","add":[{"stream":1,"track":"cam","label":"a b"}]}`, CodeBadRequest},
	{"invite", `{"transport":"main","add":[{"stream":1,"track":"cam","label":"a\r\nb"}]}`, CodeBadRequest},
	{"invite", `{"transport":"main","add":[{"stream":1,"track":"cam","label":"-"}]}`, CodeBadRequest},
	{"invite", `{"transport":"main","add":[{"stream":1,"track":"cam","label":"--"}]}`, ""},
	{"invite", `{"transport":"main","add":[{"stream":1,"track":"cam","label":"` + strings.Repeat("x", MaxLabel+1) + `"}]}`, CodeBadRequest},
	{"invite", `{"transport":"main","add":[` + strings.Repeat(`{"stream":1,"track":"cam"},`, MaxSlots) + `{"stream":1,"track":"cam"}]}`, CodeBadRequest},
	{"invite", `{"transport":"main","stop":[""]}`, CodeBadRequest},
	{"invite", `{"transport":"main","stop":["` + strings.Repeat("m", MaxMID+1) + `"]}`, CodeBadRequest},
	{"invite", `{"transport":"main","stop":[` + strings.Repeat(`"a",`, 2*MaxSlots) + `"a"]}`, CodeBadRequest},
	{"answer", `{"transport":"main","sdp":"v=0"}`, ""},
	{"answer", `{"transport":"main"}`, CodeBadRequest},
	{"answer", `{"sdp":"v=0"}`, CodeBadRequest},
	{"close", `{"transport":"main"}`, ""},
	{"close", `{}`, CodeBadRequest},
	{"publish", `{"data":true}`, ""},
	{"publish", `{"data":true,"attributes":{"a":[1]},"stream":9007199254740991,"unknown":1}`, ""},
	{"publish", `{"data":true,"stream":9007199254740992}`, CodeBadRequest},
	{"publish", `{"data":true,"stream":-1}`, CodeBadRequest},
	{"publish", `{"data":true,"stream":1.5}`, CodeBadRequest},
	{"publish", `{"data":true,"label":"{0b7e-1}"}`, ""},
	{"publish", `{"data":true,"label":"a b"}`, CodeBadRequest},
	{"publish", `{}`, CodeBadRequest},
	{"publish", `{"data":true,"attributes":[]}`, CodeBadRequest},
	{"publish", `{"data":true,"attributes":"x"}`, CodeBadRequest},
	{"publish", `{"data":true,"attributes":null}`, ""},
	{"publish", `{"data":true,"attributes":{"a":"` + strings.Repeat("x", MaxMetadata) + `"}}`, CodeBadRequest},
	{"publish", tracks(`{"id":"c","kind":"video","source":"camera","transport":"m","mid":"0"}`, 1), ""},
	{"publish", tracks(`{"id":"c","kind":"video","source":"camera","transport":"m","mid":"0"}`, 2), CodeBadRequest},
	{"publish", tracks(`{"id":"c%d","kind":"audio","source":"other","transport":"m","mid":"0"}`, MaxTracks), ""},
	{"publish", tracks(`{"id":"c%d","kind":"audio","source":"other","transport":"m","mid":"0"}`, MaxTracks+1), CodeLimit},
	{"publish", tracks(`{"id":"c","kind":"smell","source":"other","transport":"m","mid":"0"}`, 1), CodeBadRequest},
	{"publish", tracks(`{"id":"c","kind":"audio","source":"camera","transport":"m","mid":"0"}`, 1), CodeBadRequest},
	{"publish", tracks(`{"id":"c","kind":"video","source":"screen-audio","transport":"m","mid":"0"}`, 1), CodeBadRequest},
	{"publish", tracks(`{"id":"c","kind":"video","source":"cam","transport":"m","mid":"0"}`, 1), CodeBadRequest},
	{"publish", tracks(`{"id":"","kind":"video","source":"camera","transport":"m","mid":"0"}`, 1), CodeBadRequest},
	{"publish", tracks(`{"id":"c","kind":"video","source":"camera","transport":"a b","mid":"0"}`, 1), CodeBadRequest},
	{"publish", tracks(`{"id":"c","kind":"video","source":"camera"}`, 1), ""}, // in a p2p room; others refuse it
	{"publish", tracks(`{"id":"c","kind":"video","source":"camera","transport":"m","mid":"`+strings.Repeat("m", MaxMID+1)+`"}`, 1), CodeBadRequest},
	{"unpublish", `{"stream":1}`, ""},
	{"unpublish", `{"stream":0}`, CodeBadRequest},
	{"unpublish", `{"stream":"1"}`, CodeBadRequest},
	{"subscribe", `{"stream":1,"transport":"m"}`, ""},
	{"subscribe", `{"stream":1,"transport":"m","tracks":["a b"]}`, CodeBadRequest},
	{"subscribe", `{"stream":1,"transport":"a b"}`, CodeBadRequest},
	{"subscribe", `{"stream":1}`, ""}, // in a p2p room; others refuse it
	{"unsubscribe", `{"stream":1}`, ""},
	{"unsubscribe", `{}`, CodeBadRequest},
	{"prefer", `{"stream":1,"track":"cam"}`, ""},
	{"prefer", `{"stream":1,"track":"cam","width":16384,"height":16384,"frameRate":240,"maxBitrate":1000000000,"priority":100,"paused":true}`, ""},
	{"prefer", `{"stream":1,"track":"cam","frameRate":0.5}`, ""},
	{"prefer", `{"stream":1}`, CodeBadRequest},
	{"prefer", `{"track":"cam"}`, CodeBadRequest},
	{"prefer", `{"stream":1,"track":"cam","width":16385}`, CodeBadRequest},
	{"prefer", `{"stream":1,"track":"cam","height":-1}`, CodeBadRequest},
	{"prefer", `{"stream":1,"track":"cam","height":0.5}`, CodeBadRequest},
	{"prefer", `{"stream":1,"track":"cam","frameRate":-1}`, CodeBadRequest},
	{"prefer", `{"stream":1,"track":"cam","frameRate":241}`, CodeBadRequest},
	{"prefer", `{"stream":1,"track":"cam","maxBitrate":1000000001}`, CodeBadRequest},
	{"prefer", `{"stream":1,"track":"cam","maxBitrate":-1}`, CodeBadRequest},
	{"prefer", `{"stream":1,"track":"cam","priority":101}`, CodeBadRequest},
	{"prefer", `{"stream":1,"track":"cam","priority":-1}`, CodeBadRequest},
	{"prefer", `{"stream":1,"track":"cam","pin":{"spatial":7,"temporal":7},"slideshow":1000,"slideshowBelow":7}`, ""},
	{"prefer", `{"stream":1,"track":"cam","pin":{"spatial":8,"temporal":0}}`, CodeBadRequest},
	{"prefer", `{"stream":1,"track":"cam","pin":{"spatial":0,"temporal":-1}}`, CodeBadRequest},
	{"prefer", `{"stream":1,"track":"cam","slideshow":999}`, CodeBadRequest},
	{"prefer", `{"stream":1,"track":"cam","slideshow":-2000}`, CodeBadRequest},
	{"prefer", `{"stream":1,"track":"cam","slideshow":60001}`, CodeBadRequest},
	{"prefer", `{"stream":1,"track":"cam","slideshowBelow":8}`, CodeBadRequest},
	{"prefer", `{"stream":1,"track":"cam","slideshowBelow":-1}`, CodeBadRequest},
	{"limit", `{"stream":1,"track":"cam","maxBitrate":300000}`, ""},
	{"limit", `{"stream":1,"track":"cam"}`, ""},
	{"limit", `{"stream":1}`, CodeBadRequest},
	{"limit", `{"track":"cam"}`, CodeBadRequest},
	{"limit", `{"stream":1,"track":"cam","maxBitrate":1000000001}`, CodeBadRequest},
	{"target", `{"transport":"main","bitrate":1000000000}`, ""},
	{"target", `{"transport":"main"}`, ""},
	{"target", `{"bitrate":1}`, CodeBadRequest},
	{"target", `{"transport":"main","bitrate":1000000001}`, CodeBadRequest},
	{"mute", `{"stream":1,"track":"a","muted":true}`, ""},
	{"mute", `{"stream":1,"track":"","muted":true}`, CodeBadRequest},
	{"mute", `{"stream":1,"track":"a","muted":"yes"}`, CodeBadRequest},
	{"attributes", `{"stream":1,"attributes":{}}`, ""},
	{"attributes", `{"attributes":{}}`, CodeBadRequest},
	{"metadata", `{"of":"me","metadata":{}}`, ""},
	{"metadata", `{"of":"all","metadata":{}}`, CodeBadRequest},
	{"metadata", `{"of":"room","metadata":1}`, CodeBadRequest},
	{"message", `{"id":"1","data":null}`, ""},
	{"message", `{"id":"1","stream":1,"data":null}`, ""},
	{"message", `{"id":"1","stream":9007199254740992,"data":null}`, CodeBadRequest},
	{"message", `{"id":"1"}`, CodeBadRequest},
	{"message", `{"data":1}`, CodeBadRequest},
	{"message", `{"id":"` + strings.Repeat("x", MaxMessageID+1) + `","data":1}`, CodeBadRequest},
	{"message", `{"id":"1","data":"` + strings.Repeat("x", MaxMessage-2) + `"}`, ""},
	{"message", `{"id":"1","data":"` + strings.Repeat("x", MaxMessage-1) + `"}`, CodeBadRequest},
	{"message", `{"id":"1","data":1,"to":["you"]}`, CodeBadRequest},
	{"message", `{"id":"1","data":1,"to":[` + strings.Repeat(`"00000000-0000-4000-8000-000000000001",`, MaxRecipients) + `"00000000-0000-4000-8000-000000000001"]}`, CodeBadRequest},
	{"signal", `{"to":"00000000-0000-4000-8000-000000000001","data":{"a":1}}`, ""},
	{"signal", `{"to":"00000000-0000-4000-8000-000000000001","data":"` + strings.Repeat("x", MaxSignal-2) + `"}`, ""},
	{"signal", `{"to":"00000000-0000-4000-8000-000000000001","data":"` + strings.Repeat("x", MaxSignal-1) + `"}`, CodeBadRequest},
	{"signal", `{"to":"00000000-0000-4000-8000-000000000001"}`, CodeBadRequest},
	{"signal", `{"to":"you","data":1}`, CodeBadRequest},
	{"signal", `{"data":1}`, CodeBadRequest},
	{"kick", `{"participant":"00000000-0000-4000-8000-000000000001"}`, ""},
	{"kick", `{"participant":"00000000-0000-4000-8000-00000000000X"}`, CodeBadRequest},
	{"kick", `{"participant":"00000000-0000-4000-8000-000000000001","reason":"` + strings.Repeat("x", MaxReason+1) + `"}`, CodeBadRequest},
	{"stats", ``, ""},
	{"stats", `null`, ""},
	{"leave", `{}`, ""},
	{"leave", `[]`, CodeBadRequest},
	{"fly", `{}`, CodeBadRequest},
	{"join", `{}`, CodeBadRequest},
	{"ok", `{}`, CodeBadRequest},
}

func tracks(format string, n int) string {
	list := make([]string, n)
	for i := range list {
		list[i] = format
		if strings.Contains(format, "%d") {
			list[i] = fmt.Sprintf(format, i)
		}
	}
	return `{"tracks":[` + strings.Join(list, ",") + `]}`
}

func TestRequests(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range requestCases {
		r, err := DecodeRequest(c.typ, json.RawMessage(c.data))
		got := Code("")
		if err != nil {
			got = err.Code
			if err.Message == "" || len(err.Message) > 400 {
				t.Errorf("%s: the message is %q", c.typ, err.Message)
			}
		} else {
			seen[c.typ] = true
			if r == nil {
				t.Errorf("%s %.100s: neither request nor error", c.typ, c.data)
			}
		}
		if got != c.want {
			t.Errorf("%s %.100s: %v, want %q", c.typ, c.data, err, c.want)
		}
	}
	for typ := range requests {
		if !seen[typ] {
			t.Errorf("no good %q is tried", typ)
		}
	}
}

func TestFrames(t *testing.T) {
	for _, s := range []string{``, ` `, `1`, `[]`, `"x"`, `null`, `{`, `{}x`, "{\"type\":\"\xff\"}", `{"seq":-1}`, `{"seq":1.5}`, `{"seq":"1"}`, `{"type":1}`, `{"seq":18446744073709551616}`,
		`{"data":"` + strings.Repeat("x", MaxFrame) + `"}`, strings.Repeat("[", 20000)} {
		if f, err := DecodeFrame([]byte(s)); err == nil || err.Code != CodeBadRequest || len(err.Message) > 400 {
			t.Errorf("%.50q: %+v %v", s, f, err)
		}
	}
	for _, f := range []Frame{{}, {Ack: 7}, {Seq: 1, Ack: 2, Type: "ok", Re: 3, Data: json.RawMessage(`{"a":1}`)}, {Type: "joined", Data: json.RawMessage(`{}`)}, {Seq: 1, Type: "leave"}, {Ack: 1, Re: 4}} {
		text := AppendFrame([]byte("before"), f.Seq, f.Ack, f.Type, f.Re, f.Data)
		want, _ := json.Marshal(f)
		if string(text) != "before"+string(want) {
			t.Errorf("written as %s, want %s", text[6:], want)
		}
		got, err := DecodeFrame(text[6:])
		if err != nil || fmt.Sprint(got) != fmt.Sprint(f) {
			t.Errorf("%s came out as %+v, %v", text[6:], got, err)
		}
	}
}

func TestOpenings(t *testing.T) {
	for s, want := range map[string]Code{
		`{"type":"join","data":{"protocol":1,"token":"t","client":"c/1","metadata":{"a":1}}}`:           "",
		`{"type":"resume","data":{"token":"t","ack":4,"metadata":{}}}`:                                  "",
		`{"type":"join","data":{"protocol":0,"token":"t"}}`:                                             CodeUnsupported,
		`{"type":"join","data":{"protocol":1,"token":""}}`:                                              CodeUnauthorized,
		`{"type":"join","data":{"protocol":1,"token":"t","metadata":[]}}`:                               CodeBadRequest,
		`{"type":"join","data":{"protocol":1,"token":"t","client":"` + strings.Repeat("x", 129) + `"}}`: CodeBadRequest,
		`{"type":"resume","data":{"token":""}}`:                                                         CodeResume,
		`{"type":"resume","data":{"token":"t","ack":-1}}`:                                               CodeBadRequest,
		`{"seq":1,"type":"join","data":{"protocol":1,"token":"t"}}`:                                     CodeBadRequest,
		`{"type":"leave"}`: CodeBadRequest,
		`{}`:               CodeBadRequest,
	} {
		got := Code("")
		if _, err := DecodeOpening([]byte(s)); err != nil {
			got = err.Code
		}
		if got != want {
			t.Errorf("%.100s: %q, want %q", s, got, want)
		}
	}
}

// Every code, limit and type that a client meets is in docs/protocol.md.
func TestTheDocumentIsComplete(t *testing.T) {
	b, err := os.ReadFile("../docs/protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	doc := string(b)
	var want []string
	for typ := range requests {
		want = append(want, "**`"+typ+"`**")
	}
	for _, code := range []Code{CodeBadRequest, CodeUnauthorized, CodeForbidden, CodeNotFound, CodeConflict, CodeLimit, CodeTooFast, CodeUnsupported, CodeUnavailable, CodeStaleEpoch, CodeInternal, CodeResume} {
		want = append(want, "| `"+string(code)+"` |")
	}
	for _, typ := range []string{TypeParticipantJoined, TypeParticipantUpdated, TypeParticipantLeft, TypeStreamPublished, TypeStreamUpdated, TypeStreamUnpublished, TypeStreamSubscribed, TypeStreamUnsubscribed,
		TypeSlots, TypeSlotsWanted, TypeSubscription, TypeLayersWanted, TypeSpeakers, TypeRoomUpdated, TypeTransport, TypeEnded, TypeJoined, TypeResumed, TypeResynced, TypeRefused} {
		want = append(want, "`"+typ+"`")
	}
	for _, n := range []int{CloseEnded, CloseComeBack, CloseBadRequest, CloseRefused, CloseSilent, CloseReplaced, CloseTooFast} {
		want = append(want, fmt.Sprintf("| %d |", n))
	}
	want = append(want, "524,288", "131,072", "65,536", "16,384", "1,000", "2^53−1")
	for _, p := range AllPermissions {
		want = append(want, "`"+string(p)+"`")
	}
	for _, w := range want {
		if !strings.Contains(doc, w) {
			t.Errorf("docs/protocol.md does not have %s", w)
		}
	}
}

func FuzzDecodeFrame(f *testing.F) {
	for i, c := range requestCases {
		if len(c.data) < 1000 {
			data := json.RawMessage(c.data)
			if c.data == "" {
				data = nil
			}
			f.Add(AppendFrame(nil, uint64(i), 1, c.typ, 0, data))
		}
	}
	f.Add([]byte(`{"type":"join","data":{"protocol":1,"token":"t"}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		_, _ = DecodeOpening(b)
		frame, err := DecodeFrame(b)
		if err != nil {
			return
		}
		r, err := DecodeRequest(frame.Type, frame.Data)
		if err != nil {
			if !utf8.ValidString(err.Message) || len(err.Message) > 1000 {
				t.Fatalf("the message is %q", err.Message)
			}
			return
		}
		// What was let in can be written again, to others or to the worker.
		if _, err := json.Marshal(r); err != nil {
			t.Fatal(err)
		}
	})
}
