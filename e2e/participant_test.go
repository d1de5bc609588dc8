//go:build linux

package e2e_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"github.com/tertulia-rtc/tertulia/protocol"
)

// patience is how long a participant waits for anything; the machine may be busy.
const patience = 60 * time.Second

// participant speaks the native signalling, with pion's PeerConnection for its
// one transport.
type participant struct {
	socket   *websocket.Conn
	pc       *webrtc.PeerConnection
	joined   protocol.Joined
	received atomic.Int64 // packets of media

	mu      sync.Mutex
	sent    uint64                           // number of the last frame
	heard   uint64                           // that of the last one of the server's
	answers map[uint64]chan<- protocol.Frame // by request
	active  map[protocol.TrackID]bool        // subscriptions
	changed chan struct{}                    // a subscription
	failed  error                            // of the socket
	ended   chan struct{}                    // with failed set
}

// join enters the room of a token.
func join(url, token string) (_ *participant, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	socket, _, err := websocket.Dial(ctx, url+"/v1/signal", nil) //nolint:bodyclose // Dial leaves no body to be closed, and says so
	if err != nil {
		return nil, err
	}
	socket.SetReadLimit(protocol.MaxFrame)
	p := &participant{
		socket: socket, answers: map[uint64]chan<- protocol.Frame{}, active: map[protocol.TrackID]bool{},
		changed: make(chan struct{}, 1), ended: make(chan struct{}),
	}
	opening, err := json.Marshal(protocol.Join{Protocol: protocol.Version, Token: token})
	if err != nil {
		return nil, err
	}
	if err := socket.Write(ctx, websocket.MessageText, protocol.AppendFrame(nil, 0, 0, protocol.TypeJoin, 0, opening)); err != nil {
		return nil, err
	}
	_, text, err := socket.Read(ctx)
	if err != nil {
		return nil, err
	}
	var f protocol.Frame
	if err := json.Unmarshal(text, &f); err != nil || f.Type != protocol.TypeJoined {
		return nil, fmt.Errorf("the answer to join: %s", text)
	}
	if err := json.Unmarshal(f.Data, &p.joined); err != nil {
		return nil, err
	}
	go p.listen()
	go p.stayAlive()
	return p, nil
}

// listen takes the server's frames until the socket ends.
func (p *participant) listen() {
	defer close(p.ended)
	for {
		_, text, err := p.socket.Read(context.Background())
		if err != nil {
			p.failed = err
			return
		}
		var f protocol.Frame
		if p.failed = json.Unmarshal(text, &f); p.failed != nil {
			return
		}
		p.take(f)
	}
}

func (p *participant) take(f protocol.Frame) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if f.Seq > 0 {
		p.heard = f.Seq
	}
	switch f.Type {
	case protocol.TypeOK, protocol.TypeError:
		if answer := p.answers[f.Re]; answer != nil {
			delete(p.answers, f.Re)
			answer <- f
		}
	case protocol.TypeSubscription:
		var s protocol.Subscription
		if json.Unmarshal(f.Data, &s) == nil {
			p.active[s.Track] = s.State == protocol.SubscriptionActive
			select {
			case p.changed <- struct{}{}:
			default:
			}
		}
	}
	if f.Seq > 0 && f.Seq%16 == 0 {
		p.write("", nil)
	}
}

// stayAlive acknowledges, and is never silent for long.
func (p *participant) stayAlive() {
	tick := time.NewTicker(2 * time.Second)
	defer tick.Stop()
	for {
		select {
		case <-p.ended:
			return
		case <-tick.C:
		}
		p.mu.Lock()
		p.write("", nil)
		p.mu.Unlock()
	}
}

// write sends a frame under the lock; without a type it is an acknowledgement.
func (p *participant) write(typ string, data []byte) {
	var seq uint64
	if typ != "" {
		p.sent++
		seq = p.sent
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_ = p.socket.Write(ctx, websocket.MessageText, protocol.AppendFrame(nil, seq, p.heard, typ, 0, data))
}

// request asks, and waits for the answer.
func (p *participant) request(typ string, body, answer any) error {
	data, err := json.Marshal(body)
	if err != nil {
		return err
	}
	answered := make(chan protocol.Frame, 1)
	p.mu.Lock()
	p.answers[p.sent+1] = answered
	p.write(typ, data)
	p.mu.Unlock()
	select {
	case f := <-answered:
		if f.Type == protocol.TypeError {
			return fmt.Errorf("%s: %s", typ, f.Data)
		}
		return json.Unmarshal(f.Data, answer)
	case <-p.ended:
		return fmt.Errorf("%s: the socket ended: %w", typ, p.failed)
	case <-time.After(patience):
		return fmt.Errorf("%s: no answer", typ)
	}
}

// connect makes the transport "main", with the given slots of each kind and
// the tracks to send, and waits until it is connected.
func (p *participant) connect(slots int, tracks ...webrtc.TrackLocal) error {
	var settings webrtc.SettingEngine
	settings.SetIncludeLoopbackCandidate(true)
	settings.SetInterfaceFilter(func(name string) bool { return name == "lo" })
	settings.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	settings.SetICETimeouts(20*time.Second, 40*time.Second, 2*time.Second)
	var codecs webrtc.MediaEngine
	if err := codecs.RegisterDefaultCodecs(); err != nil {
		return err
	}
	pc, err := webrtc.NewAPI(webrtc.WithSettingEngine(settings), webrtc.WithMediaEngine(&codecs)).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		return err
	}
	p.pc = pc
	for _, track := range tracks {
		if _, err := pc.AddTransceiverFromTrack(track, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly}); err != nil {
			return err
		}
	}
	for _, kind := range []webrtc.RTPCodecType{webrtc.RTPCodecTypeAudio, webrtc.RTPCodecTypeVideo} {
		for range slots {
			if _, err := pc.AddTransceiverFromKind(kind, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
				return err
			}
		}
	}
	pc.OnTrack(func(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		for {
			if _, _, err := track.ReadRTP(); err != nil {
				return
			}
			p.received.Add(1)
		}
	})
	connected := make(chan struct{})
	var once sync.Once
	pc.OnConnectionStateChange(func(s webrtc.PeerConnectionState) {
		if s == webrtc.PeerConnectionStateConnected {
			once.Do(func() { close(connected) })
		}
	})
	offer, err := pc.CreateOffer(nil)
	if err != nil {
		return err
	}
	gathered := webrtc.GatheringCompletePromise(pc)
	if err := pc.SetLocalDescription(offer); err != nil {
		return err
	}
	<-gathered
	var answer protocol.Answer
	if err := p.request(protocol.TypeOffer, protocol.Offer{Transport: "main", SDP: pc.LocalDescription().SDP}, &answer); err != nil {
		return err
	}
	if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer.SDP}); err != nil {
		return err
	}
	select {
	case <-connected:
		return nil
	case <-time.After(patience):
		return errors.New("the transport was not connected in time")
	}
}

// awaitActive waits until n subscribed tracks are active.
func (p *participant) awaitActive(n int) error {
	timeout := time.After(patience)
	for {
		p.mu.Lock()
		active := 0
		for _, is := range p.active {
			if is {
				active++
			}
		}
		p.mu.Unlock()
		if active >= n {
			return nil
		}
		select {
		case <-p.changed:
		case <-timeout:
			return fmt.Errorf("%d of %d subscribed tracks are active", active, n)
		}
	}
}

func (p *participant) close() {
	_ = p.socket.CloseNow()
	if p.pc != nil {
		_ = p.pc.Close()
	}
}

// camera is a publisher's audio and video.
type camera struct {
	audio, video *webrtc.TrackLocalStaticRTP
	sent         uint16
}

func newCamera() (*camera, error) {
	audio, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2}, "audio", "camera")
	if err != nil {
		return nil, err
	}
	video, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8, ClockRate: 90000}, "video", "camera")
	return &camera{audio: audio, video: video}, err
}

// shoot sends n packets of each track; each of video is a keyframe.
func (c *camera) shoot(n int) {
	// VP8: a descriptor with S, then the head of a keyframe (RFC 7741, RFC 6386 §9.1).
	keyframe := append([]byte{0x10, 0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0xe0, 0x01}, make([]byte, 900)...)
	for range n {
		c.sent++
		_ = c.audio.WriteRTP(&rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: c.sent, Timestamp: uint32(c.sent) * 960}, Payload: make([]byte, 80)})
		_ = c.video.WriteRTP(&rtp.Packet{Header: rtp.Header{Version: 2, Marker: true, SequenceNumber: c.sent, Timestamp: uint32(c.sent) * 3000}, Payload: keyframe})
		time.Sleep(30 * time.Millisecond)
	}
}

// tracks say where the camera's tracks are: it is the first in its offer.
func (c *camera) tracks() []protocol.PublishTrack {
	return []protocol.PublishTrack{
		{Track: protocol.Track{ID: "audio", Kind: protocol.Audio, Source: protocol.Microphone}, Transport: "main", MID: "0"},
		{Track: protocol.Track{ID: "video", Kind: protocol.Video, Source: protocol.Camera}, Transport: "main", MID: "1"},
	}
}
