package socketio

import (
	"encoding/json"
	"errors"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"
)

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// throughJSON holds a machine to its promise that it survives a round trip.
func throughJSON[T any](t *testing.T, v *T) *T {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var back T
	if err := json.Unmarshal(b, &back); err != nil {
		t.Fatal(err)
	}
	again, err := json.Marshal(&back)
	if err != nil || string(again) != string(b) {
		t.Fatalf("%s became %s (%v)", b, again, err)
	}
	return &back
}

func TestQuery(t *testing.T) {
	for query, want := range map[string]any{
		"EIO=4&transport=websocket":                 Revision4,
		"EIO=3&transport=websocket":                 Revision3,
		"transport=websocket":                       Revision3,
		"EIO=4&transport=polling":                   TransportUnknown,
		"EIO=4":                                     TransportUnknown,
		"EIO=4&transport=websocket&sid=x":           SessionUnknown,
		"EIO=5&transport=websocket":                 VersionUnsupported,
		"EIO=4&transport=websocket&transport=other": Revision4,
		"EIO=%2e%2e/4&transport=websocket":          VersionUnsupported,
	} {
		values, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		revision, refusal := ParseQuery(values)
		var got any = revision
		if refusal != nil {
			got = *refusal
		}
		if got != want {
			t.Errorf("%s: %v, want %v", query, got, want)
		}
	}
	if got, want := string(TransportUnknown.Body()), `{"code":0,"message":"Transport unknown"}`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestPackets(t *testing.T) {
	for frame, want := range map[string]Packet{
		`40`:                 {Type: Connect},
		`40{"token":"x"}`:    {Type: Connect, Data: json.RawMessage(`{"token":"x"}`)},
		`40/admin,`:          {Type: Connect, Namespace: "/admin"},
		`40/admin,{"a":1}`:   {Type: Connect, Namespace: "/admin", Data: json.RawMessage(`{"a":1}`)},
		`41`:                 {Type: Disconnect},
		`42["a",1]`:          {Type: Event, Data: json.RawMessage(`["a",1]`)},
		`4217["publish",{}]`: {Type: Event, HasID: true, ID: 17, Data: json.RawMessage(`["publish",{}]`)},
		`42/x,3["a"]`:        {Type: Event, Namespace: "/x", HasID: true, ID: 3, Data: json.RawMessage(`["a"]`)},
		`430[123456789012345680,"erizo1","conn1"]`: {Type: Ack, HasID: true, Data: json.RawMessage(`[123456789012345680,"erizo1","conn1"]`)},
		`44{"message":"token: Invalid host"}`:      {Type: ConnectError, Data: json.RawMessage(`{"message":"token: Invalid host"}`)},
		`451-5["a",{"_placeholder":true,"num":0}]`: {Type: BinaryEvent, Attachments: 1, HasID: true, ID: 5, Data: json.RawMessage(`["a",{"_placeholder":true,"num":0}]`)},
	} {
		got, err := DecodePacket([]byte(frame[1:]))
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v (%v), want %+v", frame, got, err, want)
		}
		if again := string(want.Append(nil)); again != frame && frame != `40/admin,` {
			t.Errorf("%s was written as %s", frame, again)
		}
	}
	for _, frame := range []string{
		"", "7", "x", "2[", `2["a"`, `2["a"]x`, "29999999999999999999[]", `5["a"]`, `5-["a"]`, `517-["a"]`, "5999999999999999999999-[]",
		"2[\"\xff\"]", "0/" + strings.Repeat("n", 200) + ",", "0/\xff,",
	} {
		if p, err := DecodePacket([]byte(frame)); !errors.Is(err, ErrGarbled) {
			t.Errorf("%.40q was read as %+v (%v)", frame, p, err)
		}
	}
}

// "The server sends … sid, upgrades, pingInterval, pingTimeout, maxPayload", then
// waits for CONNECT (https://socket.io/docs/v4/socket-io-protocol/).
func TestHandshakeOfRevision4(t *testing.T) {
	s, open := NewSocket(Revision4, "abc", start)
	if want := `0{"sid":"abc","upgrades":[],"pingInterval":10000,"pingTimeout":5000,"maxPayload":1000000}`; string(open) != want {
		t.Errorf("%s, want %s", open, want)
	}
	if _, err := s.Receive(start, []byte(`42["publish"]`)); !errors.Is(err, ErrEarly) {
		t.Errorf("an event before CONNECT: %v", err)
	}
	in, err := s.Receive(start, []byte(`40`))
	if err != nil || !in.Asked {
		t.Fatalf("%+v %v", in, err)
	}
	s = throughJSON(t, s)
	if in, err := s.Receive(start, []byte(`40`)); err != nil || in.Asked {
		t.Errorf("a second CONNECT: %+v %v", in, err)
	}
	if got := string(s.Accept(start)); got != `40{"sid":"abc"}` {
		t.Error(got)
	}
	in, err = s.Receive(start, []byte(`427["publish",{"socketgd":0,"msg":{}},null]`))
	if err != nil || in.Event != "publish" || len(in.Args) != 1 || !in.HasID || in.ID != 7 {
		t.Errorf("%+v %v", in, err)
	}
	for _, frame := range []string{`41`, `1`} {
		if in, err := s.Receive(start, []byte(frame)); err != nil || !in.Left {
			t.Errorf("%s: %+v %v", frame, in, err)
		}
	}
}

func TestHandshakeOfRevision3(t *testing.T) {
	s, _ := NewSocket(Revision3, "abc", start)
	if s.Phase != PhaseAsked {
		t.Fatal(s.Phase)
	}
	if got := string(s.Accept(start)); got != `40` {
		t.Error(got)
	}
	in, err := s.Receive(start, []byte(`2probe`))
	if err != nil || string(in.Reply) != `3probe` {
		t.Errorf("%+v %v", in, err)
	}
}

func TestRefusals(t *testing.T) {
	for revision, want := range map[Revision]string{
		Revision4: `44{"message":"token: Invalid host","data":"token: Invalid host"}`,
		Revision3: `44"token: Invalid host"`,
	} {
		s, _ := NewSocket(revision, "abc", start)
		if got := string(s.Refuse(start, "token: Invalid host")); got != want {
			t.Errorf("%s, want %s", got, want)
		}
		if in, err := s.Receive(start, []byte(`42["publish"]`)); err != nil || in.Event != "" {
			t.Errorf("an event after the refusal: %+v %v", in, err)
		}
		if _, dead := s.Advance(start.Add(ConnectTimeout)); !dead {
			t.Error("who was refused may stay")
		}
	}
	s, _ := NewSocket(Revision4, "abc", start)
	in, err := s.Receive(start, []byte(`40/admin,`))
	if err != nil || string(in.Reply) != `44/admin,{"message":"Invalid namespace"}` {
		t.Errorf("%+v %v", in, err)
	}
}

func TestSilentClients(t *testing.T) {
	// The server pings, and waits pingTimeout for an answer.
	s, _ := NewSocket(Revision4, "abc", start)
	_, _ = s.Receive(start, []byte(`40`))
	s.Accept(start)
	now := start
	for range 3 {
		now = s.Timer()
		if frame, dead := s.Advance(now); string(frame) != `2` || dead {
			t.Fatalf("after %v: %q %v", now.Sub(start), frame, dead)
		}
		if frame, dead := s.Advance(now.Add(time.Second)); frame != nil || dead {
			t.Fatalf("while the answer is awaited: %q %v", frame, dead)
		}
		_, _ = s.Receive(now.Add(time.Second), []byte(`3`))
	}
	if now != start.Add(3*PingInterval) {
		t.Errorf("three pings took %v", now.Sub(start))
	}
	now = s.Timer()
	_, _ = s.Advance(now)
	if _, dead := s.Advance(now.Add(PingTimeout)); !dead {
		t.Error("a client that answers no ping lives on")
	}
	// One that is not listened to may have answered.
	s, _ = NewSocket(Revision4, "abc", start)
	s.Accept(start)
	_, _ = s.Advance(start.Add(PingInterval))
	s.Excuse(start.Add(PingInterval + PingTimeout))
	if _, dead := s.Advance(start.Add(PingInterval + PingTimeout)); dead {
		t.Error("a client that was not listened to is taken for dead")
	}
	// The client pings.
	s, _ = NewSocket(Revision3, "abc", start)
	s.Accept(start)
	_, _ = s.Receive(start.Add(10*time.Second), []byte(`2`))
	if frame, dead := s.Advance(start.Add(24 * time.Second)); frame != nil || dead {
		t.Errorf("%q %v", frame, dead)
	}
	if _, dead := s.Advance(start.Add(25 * time.Second)); !dead {
		t.Error("a client that does not ping lives on")
	}
	// It says nothing at all.
	s, _ = NewSocket(Revision4, "abc", start)
	if at := s.Timer(); at != start.Add(ConnectTimeout) {
		t.Error(at.Sub(start))
	}
	if _, dead := s.Advance(s.Timer()); !dead {
		t.Error("a client that does not ask for the namespace lives on")
	}
}

func TestMalformedFrames(t *testing.T) {
	for _, frame := range []string{
		"", "9", "x", "4", "42", "42{}", "42[]", `42[1]`, `42[{"a":1}]`, `42["a"`, "2" + strings.Repeat("x", 100), "0{}",
		`42["` + strings.Repeat("n", 200) + `"]`, `42["a"` + strings.Repeat(",1", 20) + `]`,
	} {
		s, _ := NewSocket(Revision3, "abc", start)
		s.Accept(start)
		if in, err := s.Receive(start, []byte(frame)); err == nil {
			t.Errorf("%.40q was taken as %+v", frame, in)
		}
	}
	s, _ := NewSocket(Revision3, "abc", start)
	s.Accept(start)
	if _, err := s.Receive(start, []byte("4"+strings.Repeat("x", MaxPayload))); !errors.Is(err, ErrTooLarge) {
		t.Error(err)
	}
}

// Binary packets are not understood, but they are no reason to lose the connection:
// the frames that belong to them are passed over, and no others.
func TestBinaryPackets(t *testing.T) {
	s, _ := NewSocket(Revision3, "abc", start)
	s.Accept(start)
	if err := s.ReceiveBinary(start); !errors.Is(err, ErrBinary) {
		t.Error(err)
	}
	in, err := s.Receive(start, []byte(`452-["a",{"_placeholder":true,"num":0}]`))
	if err != nil || !in.Binary || in.Event != "a" {
		t.Fatalf("%+v %v", in, err)
	}
	for _, want := range []error{nil, nil, ErrBinary} {
		if err := s.ReceiveBinary(start); !errors.Is(err, want) {
			t.Errorf("%v, want %v", err, want)
		}
	}
	for range 2 {
		_, err = s.Receive(start, []byte(`4516-/x,["a"]`))
	}
	if !errors.Is(err, ErrBinary) {
		t.Errorf("attachments without end: %v", err)
	}
}

func FuzzSocket(f *testing.F) {
	for _, frame := range []string{
		`40`, `42["a",{"socketgd":0,"msg":{}},null]`, `4212["socketgd_ack",{"id":4}]`, `41`, `2probe`, `3`, `40/a,{}`, `451-["a",{"_placeholder":true,"num":0}]`,
		`430[123456789012345680,"erizo1","conn1"]`, `44"x"`, `1`, `6`,
	} {
		f.Add([]byte(frame), false)
	}
	f.Fuzz(func(t *testing.T, frame []byte, old bool) {
		revision := Revision4
		if old {
			revision = Revision3
		}
		s, _ := NewSocket(revision, "abc", start)
		s.Accept(start)
		in, err := s.Receive(start, frame)
		if err != nil {
			return
		}
		if p, err := DecodePacket(frame[1:]); frame[0] == engineMessage && err == nil {
			again, err := DecodePacket(p.Append(nil)[1:])
			if err != nil || !reflect.DeepEqual(again, p) {
				t.Fatalf("%q: %+v became %+v (%v)", frame, p, again, err)
			}
		}
		var r Reliable
		r.Attach(start)
		if _, frames, err := r.Receive(in); err == nil && in.Event != "" {
			for _, frame := range frames {
				if _, err := DecodePacket(frame[1:]); err != nil {
					t.Fatalf("%q was written", frame)
				}
			}
		}
	})
}
