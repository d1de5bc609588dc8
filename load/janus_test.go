package load

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/pion/webrtc/v4"
)

// pionJanus speaks as much of Janus's WebSocket API and VideoRoom as is needed,
// with media by pion. It answers requests of the plugin late, by an event, offers
// to subscribers, and tells publishers of others.
type pionJanus struct {
	pionServer
	mu       sync.Mutex
	next     uint64
	handles  map[uint64]*webrtc.PeerConnection // of subscribers, while they have an offer
	sessions map[*websocket.Conn]uint64        // publishers' sockets, with their feed
	rooms    int
}

func (j *pionJanus) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	socket, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"janus-protocol"}})
	if err != nil {
		return
	}
	if socket.Subprotocol() != "janus-protocol" {
		j.t.Error("the subprotocol is not asked for")
	}
	socket.SetReadLimit(1 << 20)
	defer func() {
		j.mu.Lock()
		delete(j.sessions, socket)
		j.mu.Unlock()
	}()
	for {
		_, text, err := socket.Read(r.Context())
		if err != nil {
			return
		}
		var m struct {
			Janus, Transaction string
			Handle             uint64 `json:"handle_id"`
			Body               struct {
				Request string
				ID      uint64
				Streams []struct{ Feed uint64 }
			}
			JSEP janusDescription
		}
		if err := json.Unmarshal(text, &m); err != nil {
			j.t.Error(err)
			return
		}
		say := func(v map[string]any) {
			v["transaction"] = m.Transaction
			b, _ := json.Marshal(v)
			_ = socket.Write(context.Background(), websocket.MessageText, b)
		}
		event := func(data map[string]any, jsep any) {
			v := map[string]any{"janus": "event", "sender": m.Handle, "plugindata": map[string]any{"data": data}}
			if jsep != nil {
				v["jsep"] = jsep
			}
			say(v)
		}
		j.mu.Lock()
		j.next++
		id := j.next
		j.mu.Unlock()
		switch m.Janus {
		case "info":
			say(map[string]any{"janus": "server_info", "version_string": "test"})
		case "create", "attach", "destroy":
			say(map[string]any{"janus": "success", "data": map[string]any{"id": id}})
		case "message":
			switch m.Body.Request {
			case "create", "destroy":
				j.mu.Lock()
				j.rooms += map[string]int{"create": 1, "destroy": -1}[m.Body.Request]
				j.mu.Unlock()
				say(map[string]any{"janus": "success", "plugindata": map[string]any{"data": map[string]any{}}})
				continue
			}
			say(map[string]any{"janus": "ack"})
			data, jsep := j.plugin(socket, m.Handle, m.Body.Request, m.Body.ID, func() (feeds []uint64) {
				for _, s := range m.Body.Streams {
					feeds = append(feeds, s.Feed)
				}
				return feeds
			}(), m.JSEP)
			event(data, jsep)
		}
	}
}

// plugin is the VideoRoom.
func (j *pionJanus) plugin(socket *websocket.Conn, handle uint64, request string, feed uint64, feeds []uint64, jsep janusDescription) (map[string]any, any) {
	failed := func(text string) (map[string]any, any) {
		return map[string]any{"videoroom": "event", "error_code": 428, "error": text}, nil
	}
	switch request {
	case "joinandconfigure":
		pc := j.connection()
		j.take(pc, strconv.FormatUint(feed, 10))
		if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: jsep.SDP}); err != nil {
			return failed(err.Error())
		}
		answer, err := pc.CreateAnswer(nil)
		if err != nil {
			return failed(err.Error())
		}
		gathered := webrtc.GatheringCompletePromise(pc)
		_ = pc.SetLocalDescription(answer)
		<-gathered
		j.mu.Lock()
		defer j.mu.Unlock()
		var there []map[string]any
		for other, id := range j.sessions {
			there = append(there, map[string]any{"id": id})
			news, _ := json.Marshal(map[string]any{"janus": "event", "plugindata": map[string]any{"data": map[string]any{
				"videoroom": "event", "publishers": []any{map[string]any{"id": feed}}}}})
			_ = other.Write(context.Background(), websocket.MessageText, news)
		}
		j.sessions[socket] = feed
		return map[string]any{"videoroom": "joined", "publishers": there}, map[string]any{"type": "answer", "sdp": pc.LocalDescription().SDP}
	case "join", "subscribe":
		j.mu.Lock()
		pc := j.handles[handle]
		if pc == nil {
			pc = j.connection()
			j.handles[handle] = pc
		}
		j.mu.Unlock()
		for _, feed := range feeds {
			for end := time.Now().Add(10 * time.Second); !j.give(pc, strconv.FormatUint(feed, 10)); time.Sleep(20 * time.Millisecond) {
				if time.Now().After(end) {
					return failed("no such feed")
				}
			}
		}
		offer, err := pc.CreateOffer(nil)
		if err != nil {
			return failed(err.Error())
		}
		gathered := webrtc.GatheringCompletePromise(pc)
		_ = pc.SetLocalDescription(offer)
		<-gathered
		return map[string]any{"videoroom": "attached"}, map[string]any{"type": "offer", "sdp": pc.LocalDescription().SDP}
	case "start":
		j.mu.Lock()
		pc := j.handles[handle]
		j.mu.Unlock()
		if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: jsep.SDP}); err != nil {
			return failed(err.Error())
		}
		return map[string]any{"videoroom": "event", "started": "ok"}, nil
	}
	return failed("no such request " + request)
}

// Three who publish to each other, and one who only receives: subscriptions come one
// after the other on one transport, which the server offers anew each time.
func TestJanus(t *testing.T) {
	j := &pionJanus{
		pionServer: pionServer{t: t, streams: map[string][]*webrtc.TrackLocalStaticRTP{}, asks: map[string]func(){}},
		handles:    map[uint64]*webrtc.PeerConnection{}, sessions: map[*websocket.Conn]uint64{},
	}
	server := httptest.NewServer(j)
	defer server.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	s := Scenario{
		Rooms: 1, Publishers: 3, Subscribers: 1, Video: true, Audio: true, Bitrate: 300_000, FPS: 30,
		JoinRate: 4, Warmup: time.Second, Duration: time.Second, Seed: 1,
	}
	report, err := Run(ctx, s, &Janus{URL: strings.Replace(server.URL, "http", "ws", 1)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if report.Joins.Joined != 4 || report.Packets.Streams != 18 || report.Packets.Silent != 0 || report.Packets.LostPercent > 1 || report.Packets.Refused != 0 || report.Video.FPS < 20 {
		t.Errorf("joins %+v, packets %+v, video %+v, warnings %q", report.Joins, report.Packets, report.Video, report.Warnings)
	}
	if !strings.Contains(report.Server, "Janus test") || j.rooms != 0 {
		t.Errorf("server %q, %d rooms left", report.Server, j.rooms)
	}
}
