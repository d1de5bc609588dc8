package sdp

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tertulia-rtc/tertulia/protocol"
)

func mustBeOurs(t *testing.T, err error) {
	t.Helper()
	var e *protocol.Error
	if !errors.As(err, &e) || e.Code == protocol.CodeInternal || e.Message == "" {
		t.Fatalf("%T: %v", err, err)
	}
}

func seeds(f *testing.F) []string {
	files, err := filepath.Glob("testdata/*.sdp")
	if err != nil {
		f.Fatal(err)
	}
	var texts []string
	for _, file := range files {
		if text := fixture(f, strings.TrimSuffix(filepath.Base(file), ".sdp")); len(text) < 8000 {
			texts = append(texts, text)
		}
	}
	return append(texts,
		session("0 1", audio("0", "sendrecv", "a=ssrc:5 cname:x"), video("1", "sendonly", "a=rid:q send", "a=simulcast:send q")),
		session("0", audio("0", "recvonly"), stopped(video("1", "inactive"))),
	)
}

func FuzzParse(f *testing.F) {
	for _, s := range seeds(f) {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, err := Parse(text)
		if err != nil {
			mustBeOurs(t, err)
			return
		}
		if n := len(d.Offered()); n > MaxSections {
			t.Fatalf("%d sections", n)
		}
	})
}

// FuzzAnswer offers twice: whatever was answered is an answer to that offer,
// and leaves a state from which the next one goes on.
func FuzzAnswer(f *testing.F) {
	all := seeds(f)
	for i, s := range all {
		f.Add(s, all[(i+1)%len(all)], true)
		f.Add(s, s, false)
	}
	f.Fuzz(func(t *testing.T, first, second string, simulcast bool) {
		local := testLocal()
		local.Simulcast = simulcast
		var state *Transport
		for _, offer := range []string{first, second} {
			next, answer, err := Answer(state, offer, local)
			if err != nil {
				mustBeOurs(t, err)
				return
			}
			d := parsed(t, answer)
			if len(d.MediaDescriptions) != len(next.Sections) {
				t.Fatalf("%d sections, %d m-lines", len(next.Sections), len(d.MediaDescriptions))
			}
			for i, s := range next.Sections {
				if d.MediaDescriptions[i].MediaName.Port.Value == 0 != s.Rejected {
					t.Fatalf("section %d: %+v", i, s)
				}
				if !s.Rejected && s.Kind != Application && (len(s.Codecs) == 0 || s.Direction.Sends() && s.Send.SSRC == 0) {
					t.Fatalf("section %d: %+v", i, s)
				}
			}
			state = next
		}
	})
}
