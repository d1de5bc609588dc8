package controller

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tertulia-rtc/tertulia/protocol"
)

// One who floods a room with messages, or with changes of what is large, is
// refused before those who do not read as fast lose their sessions.
func TestAFloodEndsNobodyElsesSession(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.worker("w1")
		loud, slow := w.join(nil), w.join(nil)
		slow.mu.Lock()
		slow.silent = true // reads, and acknowledges nothing for now
		slow.mu.Unlock()
		body := json.RawMessage(`"` + strings.Repeat("x", protocol.MaxMessage-2) + `"`)
		for i := range 100 {
			loud.request(protocol.TypeMessage, protocol.Message{ID: fmt.Sprint(i), Data: body})
		}
		answers := map[protocol.Code]int{}
		for _, f := range loud.seen() {
			if f.Type == protocol.TypeError {
				answers[codeOf(f)]++
			}
		}
		if answers[protocol.CodeTooFast] < 80 || len(answers) != 1 {
			t.Errorf("of 100 messages of 64 KB at once these were refused: %v", answers)
		}
		before := len(slow.seen())
		if before < 8 || before > 24 {
			t.Errorf("%d messages came", before)
		}
		slow.mu.Lock()
		slow.silent = false
		slow.mu.Unlock()
		time.Sleep(5 * time.Second)
		if f := slow.do(protocol.TypeMetadata, protocol.Metadata{Of: "me", Metadata: json.RawMessage(`{}`)}); f.Type != protocol.TypeOK {
			t.Errorf("the one who was flooded got %s", f.Type)
		}
		if f := loud.do(protocol.TypeMessage, protocol.Message{ID: "later", Data: body}); f.Type != protocol.TypeOK {
			t.Errorf("after a pause the loud one got %s", f.Type)
		}

		// Little is said, much is told.
		attributes := json.RawMessage(`{"a":"` + strings.Repeat("x", protocol.MaxMetadata-20) + `"}`)
		published := loud.do(protocol.TypePublish, protocol.Publish{Data: true, Attributes: attributes,
			Tracks: []protocol.PublishTrack{{Track: protocol.Track{ID: "m", Kind: protocol.Audio, Source: protocol.Microphone}, Transport: "main", MID: "0"}}})
		var stream protocol.Published
		if err := json.Unmarshal(published.Data, &stream); err != nil || stream.Stream == 0 {
			t.Fatal(published.Type, err)
		}
		time.Sleep(5 * time.Second)
		before = len(slow.seen())
		for i := range 250 {
			loud.request(protocol.TypeMute, protocol.Mute{Stream: stream.Stream, Track: "m", Muted: i%2 == 0})
		}
		if n := len(slow.seen()) - before; n < 100 || n > 140 {
			t.Errorf("%d changes of a stream with 16 KB of attributes were told at once", n)
		}
	})
}
