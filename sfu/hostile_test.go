package sfu

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/tertulia-rtc/tertulia/sdp"
)

// A subscriber that gives up its slots and makes new ones, over and over, leaves
// nothing behind; one whose slot rests and sends again finds it as it was.
func TestSlotsThatWereGivenUpAreForgotten(t *testing.T) {
	r := New(Config{Rand: rand.New(rand.NewPCG(1, 2))})
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	key := TransportKey{Participant: "00000000-0000-4000-8000-000000000001", Transport: "main"}
	negotiated := func(ssrc uint32, d sdp.Direction) *sdp.Transport {
		return &sdp.Transport{Sections: []sdp.Section{{Mid: "0", Kind: sdp.Video, Direction: d, Send: sdp.Sending{SSRC: ssrc}}}}
	}
	p := r.peer(r.SetTransport(now, key, negotiated(1, sdp.SendOnly)))
	first := p.Slots[0]
	r.SetTransport(now, key, negotiated(1, sdp.Inactive))
	r.SetTransport(now, key, negotiated(1, sdp.SendOnly))
	if p.Slots[0] != first {
		t.Error("the slot that rested is another one: its sequence numbers began anew under the same SSRC")
	}
	for ssrc := range uint32(1000) {
		r.SetTransport(now, key, negotiated(2+ssrc, sdp.SendOnly))
	}
	if len(p.Slots) != 1 || len(p.Retired) != 0 {
		t.Errorf("%d slots and %d retired ones are left", len(p.Slots), len(p.Retired))
	}
}

// A subscriber that has missed nothing for days may miss something then.
func TestRetransmissionsAfterDays(t *testing.T) {
	r := New(Config{Rand: rand.New(rand.NewPCG(1, 2))})
	p := &peer{Resend: resendState{At: 1, Credit: resendBurst}}
	for _, days := range []int{1, 2, 5, 50} {
		p.Resend.pending = true
		r.resending = append(r.resending, p)
		r.flushRetransmissions(p.Resend.At+instant(days)*24*3600*second, nil)
		if p.Resend.Credit != resendBurst {
			t.Errorf("after %d days %d bytes may be sent again, want %d", days, p.Resend.Credit, resendBurst)
		}
	}
}
