package sfu

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/pion/rtcp"

	"github.com/tertulia-rtc/tertulia/protocol"
	"github.com/tertulia-rtc/tertulia/sdp"
	"github.com/tertulia-rtc/tertulia/simnet"
)

// pairedSlots gives so many slots of each kind, with ordinals from 1.
func pairedSlots(audio, video int) (all []sdp.Section) {
	for i := range audio {
		s := receives(fmt.Sprintf("a%d", i+1), sdp.Audio, uint32(1000+i), opus)
		s.Send.Ordinal, s.Send.RTX = i+1, 0
		all = append(all, s)
	}
	for i := range video {
		s := receives(fmt.Sprintf("v%d", i+1), sdp.Video, uint32(2000+2*i), vp8)
		s.Send.Ordinal = i + 1
		all = append(all, s)
	}
	return all
}

// bound tells what the slots of a client carry.
func (c *client) bound() []string {
	var all []string
	for _, s := range c.w.r.peer(c.peer).Slots {
		if s.Stream != 0 {
			all = append(all, fmt.Sprintf("%s=%d", s.MID, s.Stream))
		}
	}
	return all
}

// A receiver synchronises slots of the same ordinal, so the tracks of a stream
// get those where they can, whatever comes first; and none goes without a slot
// for it.
func TestTracksOfAStreamArePaired(t *testing.T) {
	const both, sound, picture = "av", "a", "v"
	for _, test := range []struct {
		name         string
		audio, video int
		streams      []string // 1, 2, …: what they publish
		begins       []string // stream and kind, in the order of their first packets
		want         []string
	}{
		{"in turn", 3, 3, []string{both, both}, []string{"1a", "1v", "2a", "2v"}, []string{"a1=1", "a2=2", "v1=1", "v2=2"}},
		{"crosswise", 3, 3, []string{both, both, both}, []string{"1a", "2v", "3a", "2a", "3v", "1v"}, []string{"a1=1", "a2=2", "a3=3", "v1=1", "v2=2", "v3=3"}},
		{"a pair is kept for those who need one", 3, 2, []string{sound, both}, []string{"1a", "2v", "2a"}, []string{"a1=2", "a3=1", "v1=2"}},
		{"nothing but single ones", 2, 2, []string{sound, picture}, []string{"1a", "2v"}, []string{"a1=1", "v2=2"}},
		{"no other is free", 2, 1, []string{both, both}, []string{"1a", "2a", "2v"}, []string{"a1=1", "a2=2", "v1=2"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			sub := w.join("ben", simnet.Config{}, pairedSlots(test.audio, test.video)...)
			publishers := make([]*client, len(test.streams))
			for i, kinds := range test.streams {
				publishers[i] = w.join(fmt.Sprint("p", i), simnet.Config{}, sends("0", sdp.Audio, opus), sends("1", sdp.Video, vp8))
				var tracks []protocol.PublishTrack
				if kinds != picture {
					tracks = append(tracks, audioTrack("0"))
				}
				if kinds != sound {
					tracks = append(tracks, videoTrack("1"))
				}
				publishers[i].publish(protocol.StreamID(i+1), tracks...)
				sub.subscribe(protocol.StreamID(i + 1))
			}
			for _, b := range test.begins {
				if p := publishers[b[0]-'1']; b[1:] == "a" {
					p.audio("0", 200)
				} else {
					p.video("1", 100)
				}
				w.run(50 * time.Millisecond)
			}
			if got := sub.bound(); !slices.Equal(got, test.want) {
				t.Errorf("bound %v, want %v", got, test.want)
			}
		})
	}
}

// Clocks of publishers that are far apart do not show: whoever shares a pair with
// another one would be delayed by the difference.
func TestReportsAreByOneClock(t *testing.T) {
	w, pub, sub := couple(t, simnet.Config{Latency: 10 * time.Millisecond})
	pub.audio("0", 200)
	w.run(2500 * time.Millisecond)
	reports := sub.receiver[1000].reports
	if len(reports) == 0 {
		t.Fatal("no reports")
	}
	for _, sr := range reports {
		if d := w.now.Sub(ntpTime(sr.NTPTime)); d < 0 || d > 2500*time.Millisecond {
			t.Errorf("a report is %v old", d)
		}
	}
	// The clock is set in mid-call: the next report is by ours again.
	pub.senders[0].nextSR = w.now.Add(time.Hour)
	pub.sendRTCP(&rtcp.SenderReport{SSRC: 200, NTPTime: ntp(w.now.Add(-3 * time.Hour)), RTPTime: pub.senders[0].timestamp(w.now)})
	w.run(100 * time.Millisecond)
	reports = sub.receiver[1000].reports
	if d := w.now.Sub(ntpTime(reports[len(reports)-1].NTPTime)); d < 0 || d > 150*time.Millisecond {
		t.Errorf("after the clock was set, a report is %v old", d)
	}
}
