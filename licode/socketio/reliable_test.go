package socketio

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
)

// far is the far end of a Reliable: what a client of Licode's has heard.
type far struct {
	t *testing.T
	r *Reliable
	s *Socket
}

func newFar(t *testing.T) *far {
	s, _ := NewSocket(Revision4, "abc", start)
	_, _ = s.Receive(start, []byte(`40`))
	s.Accept(start)
	f := &far{t: t, r: &Reliable{}, s: s}
	f.r.Attach(start)
	return f
}

// says takes a frame of the client's.
func (f *far) says(frame string) (Delivery, []string) {
	f.t.Helper()
	f.r = throughJSON(f.t, f.r)
	in, err := f.s.Receive(start, []byte(frame))
	if err != nil {
		f.t.Fatal(err)
	}
	d, frames, err := f.r.Receive(in)
	if err != nil {
		f.t.Fatal(err)
	}
	return d, texts(frames)
}

func texts(frames [][]byte) (list []string) {
	for _, frame := range frames {
		if frame != nil {
			list = append(list, string(frame))
		}
	}
	return list
}

func (f *far) expect(got []string, want ...string) {
	f.t.Helper()
	if !reflect.DeepEqual(got, want) && len(got)+len(want) > 0 {
		f.t.Errorf("frames %q, want %q", got, want)
	}
}

func (f *far) send(event, message string) []string {
	f.t.Helper()
	frame, err := f.r.Send(event, json.RawMessage(message))
	if err != nil {
		f.t.Fatal(err)
	}
	return texts([][]byte{frame})
}

// The frames are those that were recorded between Licode's own two ends.
func TestFramesOfLicode(t *testing.T) {
	f := newFar(t)
	f.expect(f.send("connected", `{"id":"5f"}`), `42["connected",{"socketgd":0,"msg":{"id":"5f"}},null]`)
	d, frames := f.says(`420["publish",{"socketgd":0,"msg":{"options":{}}}]`)
	f.expect(frames, `42["socketgd_ack",{"id":0}]`)
	if d.Event != "publish" || string(d.Message) != `{"options":{}}` || d.Call == 0 {
		t.Errorf("%+v", d)
	}
	answer := f.r.Answer(d.Call, json.RawMessage(`[123456789012345680,"erizo1","conn1"]`))
	f.expect(texts([][]byte{answer}), `430[123456789012345680,"erizo1","conn1"]`)
	if again := f.r.Answer(d.Call, json.RawMessage(`[]`)); again != nil {
		t.Errorf("a second answer: %s", again)
	}
	f.says(`42["socketgd_ack",{"id":0}]`)
	if len(f.r.Pending) != 0 || f.r.PendingBytes != 0 {
		t.Errorf("acknowledged, but kept: %+v", f.r.Pending)
	}
	d, frames = f.says(`42["clientDisconnection",{"socketgd":1},null]`)
	f.expect(frames, `42["socketgd_ack",{"id":1}]`)
	if d.Event != "clientDisconnection" || d.Message != nil || d.Call != 0 {
		t.Errorf("%+v", d)
	}
	f.expect(f.send("nothing", ""), `42["nothing",{"socketgd":1},null]`)
}

// "On receipt: if socketgd <= lastAcked drop."
func TestRepeatsAreDropped(t *testing.T) {
	f := newFar(t)
	f.says(`42["a",{"socketgd":0,"msg":1}]`)
	f.says(`42["a",{"socketgd":1,"msg":2}]`)
	for n := range 2 {
		d, frames := f.says(fmt.Sprintf(`42["a",{"socketgd":%d,"msg":9}]`, n))
		if d.Event != "" {
			t.Errorf("event %d was delivered twice", n)
		}
		f.expect(frames, `42["socketgd_ack",{"id":1}]`)
	}
	// A gap is not detected, as in Licode.
	if d, _ := f.says(`42["a",{"socketgd":5,"msg":3}]`); d.Event != "a" {
		t.Error("an event after a gap was dropped")
	}
}

func TestAcknowledgementsAreCumulative(t *testing.T) {
	f := newFar(t)
	for n := range 5 {
		f.send("e", fmt.Sprint(n))
	}
	f.says(`42["socketgd_ack",{"id":2}]`)
	f.says(`42["socketgd_ack",{"id":1}]`)  // late
	f.says(`42["socketgd_ack",{"id":-1}]`) // nonsense
	f.says(`42["socketgd_ack",{"id":"3"}]`)
	f.says(`42["socketgd_ack"]`)
	f.r.Detach()
	f.expect(f.send("e", "5"))
	f.expect(texts(f.r.Attach(start)),
		`42["e",{"socketgd":3,"msg":3},null]`, `42["e",{"socketgd":4,"msg":4},null]`, `42["e",{"socketgd":5,"msg":5},null]`)
	f.says(`42["socketgd_ack",{"id":900}]`)
	if len(f.r.Pending) != 0 {
		t.Error(f.r.Pending)
	}
}

// "Objects without socketgd are delivered unwrapped."
func TestUnwrappedEvents(t *testing.T) {
	f := newFar(t)
	for frame, want := range map[string]string{
		`42["a",{"id":3}]`: `{"id":3}`, `42["a",7,null]`: `7`, `42["a"]`: ``, `42["a",{"socketgd":null,"x":1}]`: `{"socketgd":null,"x":1}`,
		`42["a",{"socketgd":"x"}]`: `{"socketgd":"x"}`,
	} {
		d, frames := f.says(frame)
		if d.Event != "a" || string(d.Message) != want || frames != nil {
			t.Errorf("%s: %+v %q", frame, d, frames)
		}
	}
	for _, frame := range []string{`42["a",{"socketgd":-1}]`, `42["a",{"socketgd":1.5}]`, `42["a",{"socketgd":1e300}]`} {
		in, _ := f.s.Receive(start, []byte(frame))
		if _, _, err := f.r.Receive(in); !errors.Is(err, ErrGarbled) {
			t.Errorf("%s: %v", frame, err)
		}
	}
}

// A call that the client repeats after a cut has a fresh number there, and is
// answered by that, once, however far the first had come.
func TestRepeatedCalls(t *testing.T) {
	for _, when := range []string{"before the cut", "during the cut", "after the repeat"} {
		f := newFar(t)
		d, _ := f.says(`424["publish",{"socketgd":0,"msg":1}]`)
		answer := func(at string, want ...string) {
			if at == when {
				f.expect(texts([][]byte{f.r.Answer(d.Call, json.RawMessage(`[1]`))}), want...)
			}
		}
		answer("before the cut", `434[1]`)
		f.r.Detach()
		answer("during the cut")
		f.r.Attach(start)
		repeat, frames := f.says(`425["publish",{"socketgd":0,"msg":1}]`)
		if repeat.Event != "" {
			t.Errorf("%s: carried out twice", when)
		}
		if when == "after the repeat" {
			f.expect(frames, `42["socketgd_ack",{"id":0}]`)
		} else {
			f.expect(frames, `42["socketgd_ack",{"id":0}]`, `435[1]`)
		}
		answer("after the repeat", `435[1]`)
		f.expect(texts(f.r.Advance(start.Add(time.Minute))))
	}
}

// An answer that was lost with the connection is given by the old number if
// the client does not repeat the call: it knows that it has arrived.
func TestLostAnswers(t *testing.T) {
	f := newFar(t)
	f.send("e", "0")
	d, _ := f.says(`424["publish",{"socketgd":0,"msg":1}]`)
	f.expect(texts([][]byte{f.r.Answer(d.Call, json.RawMessage(`[1]`))}), `434[1]`)
	late, _ := f.says(`425["subscribe",{"socketgd":1,"msg":1}]`)
	f.r.Detach()
	f.r.Attach(start)
	f.says(`42["socketgd_ack",{"id":0}]`) // says nothing about the answer: the event was sent before it
	f.expect(texts(f.r.Advance(start.Add(time.Second))))
	at := f.r.Timer()
	if at != start.Add(settleTime) {
		t.Fatal(at.Sub(start))
	}
	f.expect(texts(f.r.Advance(at)), `434[1]`)
	if !f.r.Timer().IsZero() {
		t.Error("it goes on")
	}
	f.expect(texts([][]byte{f.r.Answer(late.Call, json.RawMessage(`[2]`))}), `435[2]`)
	// What the client says after the answers proves that it has them.
	f.send("e", "1")
	f.says(`42["socketgd_ack",{"id":1}]`)
	if len(f.r.Calls) != 0 || f.r.AnswerBytes != 0 {
		t.Errorf("%+v", f.r.Calls)
	}
}

// Another Socket.IO client under the same session begins its numbers again: it must
// not hear the answers to what its predecessor asked.
func TestNumbersThatBeginAgain(t *testing.T) {
	f := newFar(t)
	old, _ := f.says(`420["publish",{"socketgd":0,"msg":1}]`)
	bare, _ := f.says(`421["x",1]`)
	f.r.Detach()
	f.r.Attach(start)
	fresh, _ := f.says(`420["subscribe",{"socketgd":1,"msg":1}]`)
	f.expect(texts([][]byte{f.r.Answer(old.Call, json.RawMessage(`["old"]`))}))
	f.expect(texts([][]byte{f.r.Answer(bare.Call, json.RawMessage(`["bare"]`))}))
	f.expect(texts([][]byte{f.r.Answer(fresh.Call, json.RawMessage(`["fresh"]`))}), `430["fresh"]`)
	f.expect(texts(f.r.Advance(start.Add(time.Minute))))
}

func TestWhoAcknowledgesNothing(t *testing.T) {
	f := newFar(t)
	var err error
	sent := 0
	for ; err == nil && sent <= MaxPending; sent++ {
		_, err = f.r.Send("e", json.RawMessage(`1`))
	}
	if !errors.Is(err, ErrUnacknowledged) || sent != MaxPending+1 {
		t.Errorf("%d events: %v", sent, err)
	}
	f = newFar(t)
	big := json.RawMessage(`"` + strings.Repeat("x", 1<<20) + `"`)
	for sent, err = 0, nil; err == nil && sent < 10; sent++ {
		_, err = f.r.Send("e", big)
	}
	if !errors.Is(err, ErrUnacknowledged) || sent != 4 {
		t.Errorf("%d events of a megabyte: %v", sent, err)
	}
}

func TestCallsAreBounded(t *testing.T) {
	f := newFar(t)
	for n := range 2000 {
		in, err := f.s.Receive(start, fmt.Appendf(nil, `42%d["a",{"socketgd":%d}]`, n, n))
		if err != nil {
			t.Fatal(err)
		}
		d, _, err := f.r.Receive(in)
		if err != nil {
			t.Fatal(err)
		}
		if n%2 == 0 {
			f.r.Answer(d.Call, json.RawMessage(`["`+strings.Repeat("x", 20000)+`"]`))
		}
	}
	if len(f.r.Calls) > maxCalls || f.r.AnswerBytes > maxAnswerBytes {
		t.Errorf("%d calls, %d bytes", len(f.r.Calls), f.r.AnswerBytes)
	}
	sum := 0
	for _, c := range f.r.Calls {
		sum += len(c.Answer)
	}
	if sum != f.r.AnswerBytes {
		t.Errorf("%d bytes are counted as %d", sum, f.r.AnswerBytes)
	}
}

// FuzzReliable lets a client say anything, with cuts between, and holds what is
// kept to its bounds.
func FuzzReliable(f *testing.F) {
	f.Add("420[\"a\",{\"socketgd\":0,\"msg\":1}]\n!\n421[\"a\",{\"socketgd\":0,\"msg\":1}]\n42[\"socketgd_ack\",{\"id\":0}]")
	f.Fuzz(func(t *testing.T, script string) {
		c := newFar(t)
		delivered := map[uint64]bool{}
		for _, line := range strings.SplitN(script, "\n", 64) {
			if line == "!" {
				c.r.Detach()
				c.r.Attach(start)
				continue
			}
			in, err := c.s.Receive(start, []byte(line))
			if err != nil {
				return
			}
			if in.Event == "" {
				continue
			}
			before := c.r.Expected
			d, _, err := c.r.Receive(in)
			if err != nil {
				return
			}
			if c.r.Expected < before {
				t.Fatal("numbers go back")
			}
			if d.Call != 0 {
				if delivered[d.Call] {
					t.Fatal("a handle is given twice")
				}
				delivered[d.Call] = true
				c.r.Answer(d.Call, json.RawMessage(`[]`))
			}
			if _, err := c.r.Send("e", json.RawMessage(`1`)); err != nil {
				t.Fatal(err)
			}
		}
		throughJSON(t, c.r)
	})
}
