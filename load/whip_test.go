package load

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"
)

// pionServer is a small WHIP and WHEP server on pion/webrtc: a full ICE agent and
// a foreign DTLS, SRTP and SDP.
type pionServer struct {
	t       *testing.T
	mu      sync.Mutex
	streams map[string][]*webrtc.TrackLocalStaticRTP // by name, once all tracks have come
	asks    map[string]func()                        // for a keyframe
	open    int                                      // resources
}

func (p *pionServer) connection() *webrtc.PeerConnection {
	var settings webrtc.SettingEngine
	settings.SetIncludeLoopbackCandidate(true)
	settings.SetInterfaceFilter(func(name string) bool { return name == "lo" })
	settings.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	var codecs webrtc.MediaEngine
	var interceptors interceptor.Registry
	if err := codecs.RegisterDefaultCodecs(); err != nil {
		p.t.Error(err)
	}
	if err := webrtc.RegisterDefaultInterceptors(&codecs, &interceptors); err != nil {
		p.t.Error(err)
	}
	pc, err := webrtc.NewAPI(webrtc.WithSettingEngine(settings), webrtc.WithMediaEngine(&codecs), webrtc.WithInterceptorRegistry(&interceptors)).
		NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		p.t.Error(err)
		return nil
	}
	p.t.Cleanup(func() { _ = pc.Close() })
	return pc
}

func (p *pionServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodDelete {
		p.mu.Lock()
		p.open--
		p.mu.Unlock()
		return
	}
	name := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
	offer, _ := io.ReadAll(r.Body)
	pc := p.connection()
	if strings.HasPrefix(r.URL.Path, "/whip/") {
		p.take(pc, name)
	} else if !p.give(pc, name) {
		http.Error(w, "no such stream", http.StatusNotFound)
		return
	}
	if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: string(offer)}); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	answer, err := pc.CreateAnswer(nil)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	gathered := webrtc.GatheringCompletePromise(pc)
	_ = pc.SetLocalDescription(answer)
	<-gathered
	p.mu.Lock()
	p.open++
	p.mu.Unlock()
	w.Header().Set("Location", "/resource/"+name)
	w.WriteHeader(http.StatusCreated)
	_, _ = io.WriteString(w, pc.LocalDescription().SDP)
}

// take forwards what a publisher sends.
func (p *pionServer) take(pc *webrtc.PeerConnection, name string) {
	pc.OnTrack(func(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		local, err := webrtc.NewTrackLocalStaticRTP(track.Codec().RTPCodecCapability, track.Kind().String(), name)
		if err != nil {
			p.t.Error(err)
			return
		}
		p.mu.Lock()
		p.streams[name] = append(p.streams[name], local)
		if track.Kind() == webrtc.RTPCodecTypeVideo {
			p.asks[name] = func() {
				_ = pc.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: uint32(track.SSRC())}})
			}
		}
		p.mu.Unlock()
		for {
			packet, _, err := track.ReadRTP()
			if err != nil {
				return
			}
			_ = local.WriteRTP(packet)
		}
	})
}

// give sends a stream on, if it has begun.
func (p *pionServer) give(pc *webrtc.PeerConnection, name string) bool {
	p.mu.Lock()
	tracks, ask := p.streams[name], p.asks[name]
	p.mu.Unlock()
	if len(tracks) < 2 {
		return false
	}
	for _, track := range tracks {
		sender, err := pc.AddTrack(track)
		if err != nil {
			p.t.Error(err)
			return false
		}
		go func() {
			for {
				packets, _, err := sender.ReadRTCP()
				if err != nil {
					return
				}
				for _, packet := range packets {
					if _, ok := packet.(*rtcp.PictureLossIndication); ok {
						ask()
					}
				}
			}
		}()
	}
	return true
}

// Two who publish to each other and one who plays both, through a foreign server.
func TestWHIPAndWHEP(t *testing.T) {
	p := &pionServer{t: t, streams: map[string][]*webrtc.TrackLocalStaticRTP{}, asks: map[string]func(){}}
	server := httptest.NewServer(p)
	defer server.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	s := Scenario{
		Rooms: 1, Publishers: 2, Subscribers: 1, Video: true, Audio: true, Bitrate: 300_000, FPS: 30,
		JoinRate: 100, Warmup: 500 * time.Millisecond, Duration: time.Second, Seed: 1,
	}
	report, err := Run(ctx, s, &WHIP{Publish: server.URL + "/whip/{stream}", Play: server.URL + "/whep/{stream}"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if report.Joins.Joined != 3 || report.Packets.Streams != 8 || report.Packets.Silent != 0 || report.Joins.Pictureless != 0 {
		t.Errorf("joins %+v, packets %+v, warnings %q", report.Joins, report.Packets, report.Warnings)
	}
	if report.Packets.Refused != 0 || report.Packets.LostPercent > 1 || report.Packets.Delivered < 300 || report.Video.FPS < 20 {
		t.Errorf("packets %+v, video %+v", report.Packets, report.Video)
	}
	if p.open != 0 {
		t.Errorf("%d resources were not deleted", p.open)
	}
}

func TestWHIPNeedsNames(t *testing.T) {
	s := Scenario{Rooms: 1, Publishers: 2, Video: true, Bitrate: 300_000, FPS: 30, JoinRate: 1, Duration: time.Second}
	for _, w := range []*WHIP{
		{Publish: "http://localhost/whip", Play: "http://localhost/{stream}/whep"},
		{Publish: "localhost/{stream}", Play: "http://localhost/{stream}"},
	} {
		if _, err := Run(t.Context(), s, w, nil); err == nil || !strings.Contains(err.Error(), "--whip") {
			t.Errorf("%+v: %v", w, err)
		}
	}
}
