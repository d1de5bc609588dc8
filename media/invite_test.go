package media

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"

	"github.com/tertulia-rtc/tertulia/protocol"
)

var theCodecs = []string{"VP8", "VP9", "H264", "AV1", "opus"}

// invited is a client that answers offers and makes none.
type invited struct {
	*client
	r *rig

	mu     sync.Mutex
	got    map[string]int // packets by MediaStream id
	ended  map[string]bool
	opened int
}

func (r *rig) newInvited(n int) *invited {
	r.t.Helper()
	v := &invited{client: r.newClient(n), r: r, got: map[string]int{}, ended: map[string]bool{}}
	v.OnTrack(func(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		v.mu.Lock()
		v.opened++
		v.mu.Unlock()
		for {
			_, _, err := track.ReadRTP()
			v.mu.Lock()
			if err != nil {
				v.ended[track.StreamID()] = true
				v.mu.Unlock()
				return
			}
			v.got[track.StreamID()]++
			v.mu.Unlock()
		}
	})
	return v
}

func (v *invited) packets(label string) int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.got[label]
}

// offered asks for an offer.
func (v *invited) offered(want protocol.Invite, kinds ...protocol.Kind) protocol.Invitation {
	v.r.t.Helper()
	want.Transport = "main"
	return v.r.must(protocol.OfferTransport{Participant: v.id, Invite: want, Kinds: kinds, Codecs: theCodecs}).(protocol.Offered).Invitation
}

// answer makes the answer to an offer, which is in force at the client then.
func (v *invited) answer(offer string) string {
	v.r.t.Helper()
	if err := v.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer}); err != nil {
		v.r.t.Fatalf("%v\n%s", err, offer)
	}
	answer, err := v.CreateAnswer(nil)
	if err != nil {
		v.r.t.Fatal(err)
	}
	gathered := webrtc.GatheringCompletePromise(v.PeerConnection)
	if err := v.SetLocalDescription(answer); err != nil {
		v.r.t.Fatal(err)
	}
	<-gathered
	return v.LocalDescription().SDP
}

func (v *invited) accept(answer string) protocol.EventBody {
	v.r.t.Helper()
	return v.r.do(1, protocol.AcceptAnswer{Participant: v.id, InviteAnswer: protocol.InviteAnswer{Transport: "main", SDP: answer}})
}

// invite lets the server offer and the client answer, and gives the new mids.
func (v *invited) invite(want protocol.Invite, kinds ...protocol.Kind) []string {
	v.r.t.Helper()
	i := v.offered(want, kinds...)
	if failed, ok := v.accept(v.answer(i.SDP)).(protocol.Failed); ok {
		v.r.t.Fatal(failed.Message)
	}
	return i.MIDs
}

func (v *invited) flows(label string) {
	v.r.t.Helper()
	before := v.packets(label)
	waitFor(v.r.t, fmt.Sprintf("media of %s at %s", label, v.id), func() bool { return v.packets(label) > before+20 })
}

// publishes lets a client publish its first section as a stream.
func (r *rig) publishes(n int) *client {
	r.t.Helper()
	c := r.newClient(n)
	publish(r.t, c)
	r.negotiate(c, nil)
	r.must(protocol.PublishStream{Participant: c.id, Stream: protocol.StreamID(n), Tracks: []protocol.PublishTrack{{
		Track: protocol.Track{ID: "camera", Kind: protocol.Video, Source: protocol.Camera}, Transport: "main", MID: "0",
	}}})
	return c
}

func (v *invited) subscribe(stream protocol.StreamID) {
	v.r.t.Helper()
	v.r.must(protocol.SubscribeStream{Participant: v.id, SubscribeTo: protocol.SubscribeTo{Stream: stream, Transport: "main"}})
}

func add(stream protocol.StreamID) protocol.Invite {
	return protocol.Invite{Add: []protocol.InvitedSection{{Stream: stream, Track: "camera", Label: fmt.Sprintf("{label-%d}", stream)}}}
}

// A client that makes no offer gets what it asks for under the label that it asks for,
// more later, and less.
func TestAnInvitedClient(t *testing.T) {
	for name, set := range map[string]func(*Config){"one shard": func(*Config) {}, "a room that spans shards": func(c *Config) { c.ShardFull = 1 }} {
		t.Run(name, func(t *testing.T) {
			r := newRigOf(t, 3, set)
			for stream := 1; stream <= 3; stream++ {
				r.publishes(stream)
			}
			v := r.newInvited(9)
			v.subscribe(1)
			first := v.invite(add(1), protocol.Video)
			r.awaitConnected(v.id)
			v.flows("{label-1}")

			second := v.invite(add(2), protocol.Video)
			v.subscribe(2)
			v.flows("{label-2}")
			v.flows("{label-1}")
			bound := map[string]protocol.StreamID{}
			r.mu.Lock()
			for _, e := range r.events {
				if s, ok := e.body.(protocol.SlotsChanged); ok {
					for _, slot := range s.Slots.Slots {
						bound[slot.MID] = slot.Stream
					}
				}
			}
			r.mu.Unlock()
			if bound[first[0]] != 1 || bound[second[0]] != 2 {
				t.Errorf("%v, %v: bound are %v", first, second, bound)
			}

			// The first section carries the transport: it stays when its stream goes.
			r.must(protocol.UnsubscribeStream{Participant: v.id, Stream: 1})
			v.invite(protocol.Invite{Stop: first})
			v.flows("{label-2}")
			r.must(protocol.UnsubscribeStream{Participant: v.id, Stream: 2})
			v.invite(protocol.Invite{Stop: second})
			waitFor(t, "the end of the second track", func() bool {
				v.mu.Lock()
				defer v.mu.Unlock()
				return v.ended["{label-2}"]
			})
			third := v.invite(add(3), protocol.Video)
			if slices.Contains(append(first, second...), third[0]) {
				t.Errorf("the mid %s was used before", third[0])
			}
			v.subscribe(3)
			v.flows("{label-3}")
			if n := len(v.GetTransceivers()); n > 3 {
				t.Errorf("%d transceivers for one stream", n)
			}
		})
	}
}

// Either side may offer, and restart ICE.
func TestBothSidesOffer(t *testing.T) {
	r := newRig(t, 2)
	r.publishes(1)
	r.publishes(2)
	v := r.newInvited(9)
	v.subscribe(1)
	v.subscribe(2)
	v.invite(add(1), protocol.Video)
	v.flows("{label-1}")

	credentials := func() (local, remote string) {
		cut := func(sdp string) string {
			_, rest, _ := strings.Cut(sdp, "a=ice-ufrag:")
			ufrag, _, _ := strings.Cut(rest, "\r\n")
			return ufrag
		}
		return cut(v.LocalDescription().SDP), cut(v.RemoteDescription().SDP)
	}
	mine, theirs := credentials()
	t.Log("the client offers")
	if _, err := v.CreateDataChannel("x", nil); err != nil {
		t.Fatal(err)
	}
	r.negotiate(v.client, nil)
	v.flows("{label-1}")
	v.invite(add(2), protocol.Video)
	v.flows("{label-2}")
	if a, b := credentials(); a != mine || b != theirs {
		t.Error("ICE was restarted")
	}

	t.Log("the server restarts ICE")
	v.invite(protocol.Invite{Restart: true})
	v.flows("{label-1}")
	was := mine + theirs
	if mine, theirs := credentials(); strings.Contains(was, mine) || strings.Contains(was, theirs) {
		t.Error("ICE was not restarted")
	}
	t.Log("the client restarts ICE")
	offer, err := v.CreateOffer(&webrtc.OfferOptions{ICERestart: true})
	if err != nil {
		t.Fatal(err)
	}
	gathered := webrtc.GatheringCompletePromise(v.PeerConnection)
	if err := v.SetLocalDescription(offer); err != nil {
		t.Fatal(err)
	}
	<-gathered
	answer := r.must(protocol.Negotiate{Participant: v.id, Transport: "main", SDP: v.LocalDescription().SDP, Codecs: theCodecs}).(protocol.Negotiated).SDP
	if err := v.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
		t.Fatal(err)
	}
	v.flows("{label-1}")
	v.flows("{label-2}")
	time.Sleep(500 * time.Millisecond)
	if v.ICEConnectionState() != webrtc.ICEConnectionStateConnected {
		t.Errorf("the client is %v", v.ICEConnectionState())
	}
}

// An invitation that comes to nothing changes nothing.
func TestAnInvitationIsTakenBack(t *testing.T) {
	r := newRig(t, 1)
	r.publishes(1)
	r.publishes(2)
	v := r.newInvited(9)
	v.subscribe(1)
	v.subscribe(2)
	nothing := func(answer string) {
		t.Helper()
		failed, ok := v.accept(answer).(protocol.Failed)
		if !ok || failed.Code == protocol.CodeInternal {
			t.Errorf("%+v", failed)
		}
	}
	nothing("v=0") // nothing was offered
	v.offered(add(1), protocol.Video)
	nothing("nonsense")
	nothing("again nonsense")
	v.offered(add(1), protocol.Video)
	one := v.offered(add(1), protocol.Video)
	if failed, ok := v.accept(v.answer(one.SDP)).(protocol.Failed); ok {
		t.Fatal(failed.Message)
	}
	v.flows("{label-1}")

	// The client hears nothing of these, and its old credentials go on.
	v.offered(protocol.Invite{Restart: true, Stop: one.MIDs, Add: add(2).Add}, protocol.Video)
	nothing("nonsense")
	v.flows("{label-1}")
	v.offered(protocol.Invite{Restart: true, Add: add(2).Add}, protocol.Video)
	time.Sleep(time.Second) // some checks
	if _, err := v.CreateDataChannel("x", nil); err != nil {
		t.Fatal(err)
	}
	r.negotiate(v.client, nil)
	v.flows("{label-1}")
	time.Sleep(time.Second)
	v.invite(add(2), protocol.Video)
	v.flows("{label-2}")
	v.flows("{label-1}")
}

// What comes of a client before its answer waits for it.
func TestTheAnswerComesLate(t *testing.T) {
	r := newRig(t, 2)
	r.publishes(1)
	v := r.newInvited(9)
	v.subscribe(1)
	i := v.offered(add(1), protocol.Video)
	answer := v.answer(i.SDP)
	time.Sleep(1500 * time.Millisecond) // it checks, and begins the DTLS handshake
	before := time.Now()
	if failed, ok := v.accept(answer).(protocol.Failed); ok {
		t.Fatal(failed.Message)
	}
	r.awaitConnected(v.id)
	t.Log("connected after", time.Since(before))
	v.flows("{label-1}")

	// A transport that was offered and dropped leaves nothing behind.
	other := r.newInvited(10)
	other.offered(add(1), protocol.Video)
	r.must(protocol.DropTransport{Participant: other.id, Transport: "main"})
	if l := r.must(protocol.ListRoom{}).(protocol.Listing); len(l.Transports) != 2 {
		t.Errorf("%+v", l.Transports)
	}
	if failed, ok := r.do(1, protocol.OfferTransport{Participant: other.id, Invite: protocol.Invite{Transport: "main", Stop: []string{"x"}}}).(protocol.Failed); !ok || failed.Code != protocol.CodeBadRequest {
		t.Errorf("%+v", failed)
	}
	if l := r.must(protocol.ListRoom{}).(protocol.Listing); len(l.Transports) != 2 {
		t.Errorf("%+v", l.Transports)
	}
}
