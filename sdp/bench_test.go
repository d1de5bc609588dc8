package sdp

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/tertulia-rtc/tertulia/protocol"
)

// withAllSlots gives a browser's offer with as many slots as are allowed: copies
// of its last sections of audio and of video.
func withAllSlots(t testing.TB, name string) string {
	parts := strings.Split(fixture(t, name), "m=")
	var last [2]string
	have := [2]int{}
	for _, p := range parts[1:] {
		kind := 0
		if strings.HasPrefix(p, "video") {
			kind = 1
		}
		if strings.Contains(p, "a=recvonly") {
			last[kind] = p
			have[kind]++
		}
	}
	mid := regexp.MustCompile(`a=mid:\S+`)
	var mids []string
	for kind := range last {
		for n := have[kind]; n < protocol.MaxSlots; n++ {
			mids = append(mids, fmt.Sprintf("s%d-%d", kind, n))
			section := regexp.MustCompile(`^(\w+) \d+`).ReplaceAllString(last[kind], "$1 0")
			section = regexp.MustCompile(`a=(ssrc|candidate|end-of-candidates|bundle-only).*\r\n`).ReplaceAllString(section, "")
			parts = append(parts, mid.ReplaceAllString(section, "a=bundle-only\r\na=mid:"+mids[len(mids)-1]))
		}
	}
	text := strings.Join(parts, "m=")
	return regexp.MustCompile(`a=group:BUNDLE [^\r\n]*`).ReplaceAllStringFunc(text, func(line string) string {
		return line + " " + strings.Join(mids, " ")
	})
}

// The largest meeting fits, even with all the codecs of a browser.
func TestAllSlots(t *testing.T) {
	for _, name := range []string{"chromium-call", "firefox-call"} {
		offer := withAllSlots(t, name)
		next, _ := mustAnswer(t, nil, offer, testLocal())
		slots := map[Kind]int{}
		for _, s := range next.Sections {
			if s.Direction == SendOnly && !s.Rejected {
				slots[s.Kind]++
			}
		}
		if slots[Audio] != protocol.MaxSlots || slots[Video] != protocol.MaxSlots {
			t.Errorf("%s: %v slots of %d bytes", name, slots, len(offer))
		}
	}
}

// BenchmarkAnswer answers the offer of a call, and one with all slots. The loop
// that forwards everybody's packets waits for it.
func BenchmarkAnswer(b *testing.B) {
	for _, bench := range []struct{ name, offer string }{
		{"chromium-call", fixture(b, "chromium-call")},
		{"firefox-call", fixture(b, "firefox-call")},
		{"chromium-all-slots", withAllSlots(b, "chromium-call")},
		{"firefox-all-slots", withAllSlots(b, "firefox-call")},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.SetBytes(int64(len(bench.offer)))
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := Answer(nil, bench.offer, testLocal()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
