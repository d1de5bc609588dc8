package sfu

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tertulia-rtc/tertulia/protocol"
	"github.com/tertulia-rtc/tertulia/sdp"
	"github.com/tertulia-rtc/tertulia/simnet"
)

// What real clients offer can be published and received: each section that they
// send in, under the SSRCs and payload types that were negotiated.
func TestOffersOfRealClients(t *testing.T) {
	offers, err := filepath.Glob("../sdp/testdata/*.sdp")
	if err != nil || len(offers) == 0 {
		t.Skip("no offers")
	}
	for _, name := range offers {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".sdp"), func(t *testing.T) {
			offer, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			w := newWorld(t)
			next := uint32(5000)
			negotiated, _, err := sdp.Answer(nil, string(offer), sdp.Local{Ufrag: "aaaa", Pwd: "aaaaaaaaaaaaaaaaaaaaaaaa",
				Fingerprint: strings.Repeat("AA:", 31) + "AA", CNAME: "t", NewSSRC: func() uint32 { next += 10; return next }, SessionID: 1})
			if err != nil {
				t.Skip(err)
			}
			pub := w.join("ana", simnet.Config{}, negotiated.Sections...)
			sub := w.join("ben", simnet.Config{})
			var stream protocol.PublishStream
			stream.Participant, stream.Stream = pub.id, 1
			for i, s := range negotiated.Sections {
				if s.Rejected || !s.Direction.Receives() || len(s.Codecs) == 0 {
					continue
				}
				c := s.Codecs[0]
				track := protocol.PublishTrack{Transport: "main", MID: s.Mid}
				track.ID = protocol.TrackID("t" + s.Mid)
				track.Kind = kindOf(s.Kind)
				stream.Tracks = append(stream.Tracks, track)
				slot := receives(s.Mid, s.Kind, uint32(100000+10*i), s.Codecs...)
				slot.Extensions = theExtensions
				sub.sdp.Sections = append(sub.sdp.Sections, slot)
				var sd *sender
				if s.Kind == sdp.Audio {
					sd = pub.audio(s.Mid, uint32(90000+10*i))
				} else {
					sd = pub.video(s.Mid, uint32(90000+10*i))
				}
				if len(s.Recv.SSRCs) > 0 {
					sd.ssrc = s.Recv.SSRCs[0]
				}
				if c.Name != "VP8" && s.Kind == sdp.Video {
					sd.silent = true // the test's payloads are VP8
				}
				sd.pt, sd.rtxPT, sd.rtx = c.PayloadType, c.RTX, 0
				sd.mid = "" // only what the SDP says
				if len(s.Recv.SSRCs) == 0 {
					for _, e := range s.Extensions {
						if e.URI == sdp.MidURI && e.ID == 4 {
							sd.mid = s.Mid
						}
					}
				}
			}
			if len(stream.Tracks) == 0 {
				t.Skip("publishes nothing")
			}
			sub.negotiate()
			if err := w.r.Publish(w.now, stream); err != nil {
				t.Fatal(err)
			}
			sub.subscribe(1)
			w.run(300 * time.Millisecond)
			for i, sd := range pub.senders {
				ssrc := sub.sdp.Sections[i].Send.SSRC
				if n := len(sub.receiver[ssrc].packets); !sd.silent && n < 10 {
					t.Errorf("section %s: %d packets came; %+v", stream.Tracks[i].MID, n, w.stats(pub).peerCounters)
				}
			}
		})
	}
}
