package media

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/webrtc/v4"

	"github.com/tertulia-rtc/tertulia/bus"
	"github.com/tertulia-rtc/tertulia/protocol"
	"github.com/tertulia-rtc/tertulia/transport"
)

const (
	testRoom = protocol.RoomID("0123456789abcdef01234567")
	patience = 15 * time.Second
)

// rig is a worker on its bus, and what it tells.
type rig struct {
	t      *testing.T
	bus    *bus.Bus
	worker *Worker

	mu      sync.Mutex
	request uint64
	events  []toldEvent
	news    chan struct{} // a token for each event
}

type toldEvent struct {
	re   uint64
	body protocol.EventBody
}

func newRig(t *testing.T, shards int) *rig {
	t.Helper()
	return newRigOf(t, shards, func(*Config) {})
}

func newRigOf(t *testing.T, shards int, set func(*Config)) *rig {
	t.Helper()
	b, err := bus.Start()
	if err != nil {
		t.Fatal(err)
	}
	sockets, err := transport.ListenShards(netip.MustParseAddr("127.0.0.1"), 0, 0, shards)
	if err != nil {
		t.Fatal(err)
	}
	tcp := netip.MustParseAddrPort("127.0.0.1:0")
	config := Config{Bus: b, ID: "w", UDP: sockets, AdvertiseUDP: true, TCP: &tcp}
	set(&config)
	worker, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, bus: b, worker: worker, news: make(chan struct{}, 10_000)}
	if _, err := b.Subscribe(protocol.SubjectRoom(testRoom), r.hear); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		worker.Close()
		b.Close()
	})
	return r
}

func (r *rig) hear(data []byte) {
	event, body, err := protocol.DecodeEvent(data)
	if err != nil {
		r.t.Errorf("an event cannot be read: %v", err)
		return
	}
	r.mu.Lock()
	r.events = append(r.events, toldEvent{event.Re, body})
	r.mu.Unlock()
	r.news <- struct{}{}
}

// await gives the first event that the function takes.
func (r *rig) await(what string, takes func(toldEvent) bool) protocol.EventBody {
	r.t.Helper()
	deadline := time.After(patience)
	for {
		r.mu.Lock()
		for _, e := range r.events {
			if takes(e) {
				r.mu.Unlock()
				return e.body
			}
		}
		r.mu.Unlock()
		select {
		case <-r.news:
		case <-deadline:
			r.mu.Lock()
			defer r.mu.Unlock()
			r.t.Fatalf("no %s; told were %+v", what, r.events)
		}
	}
}

// do sends a command and gives its answer.
func (r *rig) do(epoch uint64, body protocol.CommandBody) protocol.EventBody {
	r.t.Helper()
	r.mu.Lock()
	r.request++
	request := r.request
	r.mu.Unlock()
	if err := r.bus.Publish(protocol.SubjectWorker("w"), protocol.EncodeCommand(testRoom, epoch, request, body)); err != nil {
		r.t.Fatal(err)
	}
	return r.await(fmt.Sprintf("answer to %+v", body), func(e toldEvent) bool { return e.re == request })
}

// must is do for commands that have to succeed.
func (r *rig) must(body protocol.CommandBody) protocol.EventBody {
	r.t.Helper()
	answer := r.do(1, body)
	if failed, ok := answer.(protocol.Failed); ok {
		r.t.Fatalf("%+v: %v", body, failed.Message)
	}
	return answer
}

func (r *rig) awaitConnected(id protocol.ParticipantID) {
	r.t.Helper()
	r.await("connection of "+string(id), func(e toldEvent) bool {
		c, ok := e.body.(protocol.TransportChanged)
		return ok && c.Participant == id && c.State == protocol.TransportConnected
	})
}

// client is a foreign peer: pion's PeerConnection.
type client struct {
	*webrtc.PeerConnection
	id protocol.ParticipantID
}

func (r *rig) newClient(n int, network ...webrtc.NetworkType) *client {
	r.t.Helper()
	var settings webrtc.SettingEngine
	settings.SetIncludeLoopbackCandidate(true)
	settings.SetICETimeouts(5*time.Second, 25*time.Second, 200*time.Millisecond)
	settings.SetInterfaceFilter(func(name string) bool { return name == "lo" })
	if len(network) == 0 {
		network = []webrtc.NetworkType{webrtc.NetworkTypeUDP4}
	}
	settings.SetNetworkTypes(network)
	// Left alone, pion answers an ICE-lite offer with a=setup:passive.
	if err := settings.SetAnsweringDTLSRole(webrtc.DTLSRoleClient); err != nil {
		r.t.Fatal(err)
	}
	var codecs webrtc.MediaEngine
	if err := codecs.RegisterDefaultCodecs(); err != nil {
		r.t.Fatal(err)
	}
	var interceptors interceptor.Registry
	if err := webrtc.RegisterDefaultInterceptors(&codecs, &interceptors); err != nil {
		r.t.Fatal(err)
	}
	api := webrtc.NewAPI(webrtc.WithSettingEngine(settings), webrtc.WithMediaEngine(&codecs), webrtc.WithInterceptorRegistry(&interceptors))
	pc, err := api.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = pc.Close() })
	return &client{pc, protocol.ParticipantID(fmt.Sprintf("00000000-0000-4000-8000-%012d", n))}
}

// negotiate offers, and applies the answer after edit had a look at it.
func (r *rig) negotiate(c *client, edit func(answer string) string) {
	r.t.Helper()
	offer, err := c.CreateOffer(nil)
	if err != nil {
		r.t.Fatal(err)
	}
	gathered := webrtc.GatheringCompletePromise(c.PeerConnection)
	if err := c.SetLocalDescription(offer); err != nil {
		r.t.Fatal(err)
	}
	<-gathered
	answer := r.must(protocol.Negotiate{
		Participant: c.id, Transport: "main", SDP: c.LocalDescription().SDP, Codecs: []string{"VP8", "VP9", "H264", "AV1", "opus"},
	}).(protocol.Negotiated).SDP
	if edit != nil {
		answer = edit(answer)
	}
	if err := c.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
		r.t.Fatalf("%v\n%s", err, answer)
	}
}

// relay is a NAT between a client and the server, whose outer port can change.
type relay struct {
	inner  *net.UDPConn
	server *net.UDPAddr

	mu     sync.Mutex
	outer  *net.UDPConn
	client *net.UDPAddr
}

func newRelay(t *testing.T, server netip.AddrPort) *relay {
	t.Helper()
	inner, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{inner: inner, server: net.UDPAddrFromAddrPort(server)}
	r.rebind(t)
	go func() {
		buffer := make([]byte, 2048)
		for {
			n, from, err := inner.ReadFromUDP(buffer)
			if err != nil {
				return
			}
			r.mu.Lock()
			r.client = from
			_, _ = r.outer.WriteToUDP(buffer[:n], r.server)
			r.mu.Unlock()
		}
	}()
	t.Cleanup(func() { _ = inner.Close() })
	return r
}

// rebind gives the NAT a new outer port; the old one is gone.
func (r *relay) rebind(t *testing.T) {
	t.Helper()
	outer, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	r.mu.Lock()
	if r.outer != nil {
		_ = r.outer.Close()
	}
	r.outer = outer
	r.mu.Unlock()
	go func() {
		buffer := make([]byte, 2048)
		for {
			n, _, err := outer.ReadFromUDP(buffer)
			if err != nil {
				return
			}
			r.mu.Lock()
			if r.client != nil {
				_, _ = r.inner.WriteToUDP(buffer[:n], r.client)
			}
			r.mu.Unlock()
		}
	}()
	t.Cleanup(func() { _ = outer.Close() })
}

// only replaces the answer's candidates by the relay's address.
func (r *relay) only(answer string) string {
	var lines []string
	for _, line := range strings.Split(answer, "\r\n") {
		if strings.HasPrefix(line, "a=candidate:") {
			if !strings.Contains(line, " udp ") {
				continue
			}
			line = fmt.Sprintf("a=candidate:1 1 udp 2130706431 127.0.0.1 %d typ host", r.inner.LocalAddr().(*net.UDPAddr).Port)
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\r\n")
}
