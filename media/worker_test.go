package media

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"github.com/tertulia-rtc/tertulia/protocol"
)

// vp8Keyframe is a packet's worth of a VP8 keyframe: descriptor with S, frame
// tag of a keyframe, start code, 640x480 (RFC 7741, RFC 6386 §9.1).
var vp8Keyframe = append([]byte{0x10, 0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0xe0, 0x01}, make([]byte, 800)...)

// vp8Other is one of a VP8 frame that builds on earlier ones.
var vp8Other = append([]byte{0x10, 0x11, 0x02, 0x00}, make([]byte, 800)...)

// publish adds a video track to a client, sends a packet every 10 ms, keyframes
// only when asked for, and counts the requests that come back.
func publish(t *testing.T, c *client) (keyframeRequests *atomic.Int64) {
	t.Helper()
	track, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8, ClockRate: 90000}, "camera", "s")
	if err != nil {
		t.Fatal(err)
	}
	transceiver, err := c.AddTransceiverFromTrack(track, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
	if err != nil {
		t.Fatal(err)
	}
	keyframeRequests = new(atomic.Int64)
	var asked atomic.Bool
	go func() {
		for {
			packets, _, err := transceiver.Sender().ReadRTCP()
			if err != nil {
				return
			}
			for _, p := range packets {
				if _, ok := p.(interface{ DestinationSSRC() []uint32 }); ok && fmt.Sprintf("%T", p) == "*rtcp.PictureLossIndication" {
					keyframeRequests.Add(1)
					asked.Store(true)
				}
			}
		}
	}()
	stop := make(chan struct{})
	t.Cleanup(func() { close(stop) })
	go func() {
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			case <-tick.C:
			}
			payload := vp8Other
			if asked.Swap(false) {
				payload = vp8Keyframe
			}
			_ = track.WriteRTP(&rtp.Packet{
				Header:  rtp.Header{Version: 2, Marker: true, SequenceNumber: uint16(65500 + i), Timestamp: uint32(i) * 900},
				Payload: payload,
			})
		}
	}()
	return keyframeRequests
}

// receive adds slots to a client and counts what comes on them.
func receive(t *testing.T, c *client, slots int) *atomic.Int64 {
	t.Helper()
	for range slots {
		for _, kind := range []webrtc.RTPCodecType{webrtc.RTPCodecTypeAudio, webrtc.RTPCodecTypeVideo} {
			if _, err := c.AddTransceiverFromKind(kind, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
				t.Fatal(err)
			}
		}
	}
	received := new(atomic.Int64)
	c.OnTrack(func(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		for {
			if _, _, err := track.ReadRTP(); err != nil {
				return
			}
			received.Add(1)
		}
	})
	return received
}

// carry publishes the first video section of one client as stream 7, and
// subscribes another to it.
func (r *rig) carry(from, to *client) {
	r.t.Helper()
	r.must(protocol.PublishStream{Participant: from.id, Stream: 7, Tracks: []protocol.PublishTrack{{
		Track: protocol.Track{ID: "camera", Kind: protocol.Video, Source: protocol.Camera}, Transport: "main", MID: "0",
	}}})
	r.must(protocol.SubscribeStream{Participant: to.id, SubscribeTo: protocol.SubscribeTo{Stream: 7, Transport: "main"}})
}

func waitFor(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !holds(); {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", patience, what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func TestAStreamReachesItsSubscriber(t *testing.T) {
	for _, shards := range []int{1, 3} {
		t.Run(fmt.Sprintf("%d shards", shards), func(t *testing.T) {
			r := newRig(t, shards)
			from, to := r.newClient(1), r.newClient(2)
			requests := publish(t, from)
			received := receive(t, to, 2)
			r.negotiate(from, nil)
			r.negotiate(to, nil)
			r.carry(from, to)
			r.awaitConnected(from.id)
			r.awaitConnected(to.id)
			waitFor(t, "fifty packets", func() bool { return received.Load() > 50 })
			if requests.Load() == 0 {
				t.Error("packets came, but the publisher was asked for no keyframe")
			}

			listing := r.must(protocol.ListRoom{}).(protocol.Listing)
			if len(listing.Transports) != 2 || len(listing.Streams) != 1 || len(listing.Subscriptions) != 1 {
				t.Errorf("the listing is %+v", listing)
			}

			r.must(protocol.UnsubscribeStream{Participant: to.id, Stream: 7})
			time.Sleep(200 * time.Millisecond)
			before := received.Load()
			time.Sleep(200 * time.Millisecond)
			if after := received.Load(); after != before {
				t.Errorf("%d packets came after the subscription had ended", after-before)
			}
		})
	}
}

// A NAT that rebinds moves the client to another port and so, as a rule, to
// another shard's socket: the next authenticated check moves media with it.
func TestAClientMovesBetweenSockets(t *testing.T) {
	for _, shards := range []int{1, 3} {
		t.Run(fmt.Sprintf("%d shards", shards), func(t *testing.T) {
			r := newRig(t, shards)
			from, to := r.newClient(1), r.newClient(2)
			publish(t, from)
			received := receive(t, to, 1)
			address := r.worker.shards[0].udp.LocalAddr()
			nats := []*relay{newRelay(t, address), newRelay(t, address)}
			r.negotiate(from, nats[0].only)
			r.negotiate(to, nats[1].only)
			r.carry(from, to)
			waitFor(t, "media", func() bool { return received.Load() > 20 })
			for range 4 {
				for _, nat := range nats {
					nat.rebind(t)
					before := received.Load()
					waitFor(t, "media after the NAT has rebound", func() bool { return received.Load() > before+20 })
				}
			}
		})
	}
}

func TestICEOverTCP(t *testing.T) {
	r := newRig(t, 3)
	from, to := r.newClient(1, webrtc.NetworkTypeTCP4), r.newClient(2, webrtc.NetworkTypeTCP4)
	publish(t, from)
	received := receive(t, to, 1)
	r.negotiate(from, nil)
	r.negotiate(to, nil)
	r.carry(from, to)
	waitFor(t, "media", func() bool { return received.Load() > 50 })
}

func TestACommandOfAFormerOwnerIsRefused(t *testing.T) {
	r := newRig(t, 1)
	r.do(5, protocol.PublishStream{Participant: "00000000-0000-4000-8000-000000000001", Stream: 7})
	failed, ok := r.do(4, protocol.UnpublishStream{Stream: 7}).(protocol.Failed)
	if !ok || failed.Code != protocol.CodeStaleEpoch {
		t.Errorf("got %+v, want %s", failed, protocol.CodeStaleEpoch)
	}
}

func TestAnOfferThatIsNoneIsRefused(t *testing.T) {
	r := newRig(t, 1)
	for _, sdp := range []string{"", "nonsense", "v=0\r\n"} {
		failed, ok := r.do(1, protocol.Negotiate{Participant: "00000000-0000-4000-8000-000000000001", Transport: "main", SDP: sdp}).(protocol.Failed)
		if !ok || failed.Code == protocol.CodeInternal {
			t.Errorf("%q: got %+v, want a refusal", sdp, failed)
		}
	}
}
