package load

import (
	"strings"
	"testing"
	"time"
)

// What only a service may set is refused to others, not left out without a word.
func TestAllAudioNeedsAService(t *testing.T) {
	s := Scenario{Rooms: 1, Publishers: 2, Audio: true, JoinRate: 1, Duration: time.Second, AllAudio: true}
	for _, n := range []*Native{{URL: "http://127.0.0.1:9"}, {URL: "http://127.0.0.1:9", Token: "t"}} {
		if _, err := Run(t.Context(), s, n, nil); err == nil || !strings.Contains(err.Error(), "--service") {
			t.Errorf("%+v: %v", n, err)
		}
	}
}
