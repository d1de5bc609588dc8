package load

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"

	"github.com/tertulia-rtc/tertulia/protocol"
	"github.com/tertulia-rtc/tertulia/sdp"
)

// Native is a server with our own signalling (docs/protocol.md).
type Native struct {
	// URL is the server's, such as http://localhost:8080.
	URL string
	// Service and Key make rooms and tokens by the REST API. Without them, Token
	// is a join token for one room that may be used as often as needed; without
	// that too, participants come as guests.
	Service, Key string
	Token        string

	base   *url.URL
	rooms  []protocol.RoomID // that were made
	tokens [][]string        // by room and participant; one for all of a room where there is but one
	client http.Client
}

// transportID is the name of the one transport of each participant.
const transportID = "main"

// String is the server's address.
func (n *Native) String() string { return n.URL }

func (n *Native) prepare(ctx context.Context, r *run) error {
	var err error
	if n.base, err = url.Parse(n.URL); err != nil || n.base.Host == "" || n.base.Scheme != "http" && n.base.Scheme != "https" {
		return fmt.Errorf("--url %q is not a URL like http://localhost:8080", n.URL)
	}
	n.base.Path = strings.TrimSuffix(n.base.Path, "/")
	n.client.Timeout = 15 * time.Second
	s := &r.scenario
	if s.AllAudio && n.Service == "" {
		return errors.New("--all-audio is a setting of rooms that this makes: it needs --service ID:KEY (`tertulia service show` prints them)")
	}
	n.tokens = make([][]string, s.Rooms)
	if n.Token != "" {
		if s.Rooms > 1 {
			return errors.New("a --token opens one room: use --rooms 1, or --service ID:KEY, which makes rooms")
		}
		n.tokens[0] = []string{n.Token}
		return nil
	}
	// Names of this run alone, whatever the seed: rooms of an earlier one may still be there.
	prefix := "load-" + strconv.FormatInt(time.Now().UnixMilli(), 36)
	for room := range s.Rooms {
		name := prefix + "-" + strconv.Itoa(room+1)
		if n.Service != "" {
			err = n.makeRoom(ctx, room, name, s)
		} else {
			err = n.askGuestTokens(ctx, room, name, s.perRoom())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// makeRoom makes a room of the service, and a token for all its participants.
func (n *Native) makeRoom(ctx context.Context, room int, name string, s *Scenario) error {
	var made struct{ ID protocol.RoomID }
	settings := map[string]any{"name": name}
	if s.AllAudio {
		settings["audio"] = map[string]any{"loudest": 0}
	}
	if err := n.post(ctx, "/v1/rooms", settings, &made); err != nil {
		return fmt.Errorf("a room cannot be made: %w", err)
	}
	n.rooms = append(n.rooms, made.ID)
	var token struct{ Token string }
	body := map[string]any{"user": "load", "role": "presenter", "uses": 2 * s.perRoom(), "expiresIn": 86400}
	if err := n.post(ctx, "/v1/rooms/"+string(made.ID)+"/tokens", body, &token); err != nil {
		return fmt.Errorf("a join token cannot be made: %w", err)
	}
	n.tokens[room] = []string{token.Token}
	return nil
}

// askGuestTokens asks for a token for each participant, as fast as the server likes.
func (n *Native) askGuestTokens(ctx context.Context, room int, name string, people int) error {
	if people > 50 {
		return fmt.Errorf("a room of guests takes 50 people, not %d: give the id and key of a service with --service ID:KEY (`tertulia service show` prints them)", people)
	}
	for i := range people {
		var token struct{ Token string }
		for {
			err := n.post(ctx, "/v1/meet/"+name+"/tokens", map[string]any{"name": "load " + strconv.Itoa(i+1)}, &token)
			var late *httpError
			if errors.As(err, &late) && late.status == http.StatusTooManyRequests {
				select {
				case <-time.After(max(late.retryAfter, time.Second)):
					continue
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			if err != nil {
				return fmt.Errorf("no token for a guest: %w", err)
			}
			break
		}
		n.tokens[room] = append(n.tokens[room], token.Token)
	}
	return nil
}

// httpError is an answer that is not one of success.
type httpError struct {
	status     int
	retryAfter time.Duration
	text       string
}

func (e *httpError) Error() string { return e.text }

// post calls the REST API.
func (n *Native) post(ctx context.Context, path string, body, answer any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	return n.call(ctx, http.MethodPost, path, text, answer)
}

func (n *Native) call(ctx context.Context, method, path string, body []byte, answer any) error {
	request, err := http.NewRequestWithContext(ctx, method, n.base.String()+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	if n.Service != "" {
		request.SetBasicAuth(n.Service, n.Key)
	}
	response, err := n.client.Do(request)
	if err != nil {
		return fmt.Errorf("%w; does a server run at %s? (--url names another)", err, n.base)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return err
	}
	if response.StatusCode/100 != 2 {
		var problem struct{ Title, Detail string }
		_ = json.Unmarshal(text, &problem)
		if problem.Detail == "" {
			problem.Detail = clip(string(text))
		}
		wait, _ := strconv.Atoi(response.Header.Get("Retry-After"))
		return &httpError{response.StatusCode, time.Duration(wait) * time.Second, fmt.Sprintf("%s %s: %s: %s", method, path, response.Status, problem.Detail)}
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(text, answer)
}

func clip(s string) string { return s[:min(len(s), 200)] }

func (n *Native) finish(*run) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for _, id := range n.rooms {
		_ = n.call(ctx, http.MethodDelete, "/v1/rooms/"+string(id), nil, nil)
	}
}

// token is the join token of a participant.
func (n *Native) token(p *participant) string {
	tokens := n.tokens[p.room]
	return tokens[min(p.index, len(tokens)-1)]
}

// localFor is our address towards a server: the wildcard of its family, or its
// own if it is a loopback address.
func localFor(host string) netip.Addr {
	addrs, err := net.LookupIP(host)
	if err != nil || len(addrs) == 0 {
		return netip.IPv4Unspecified()
	}
	v4, v6 := netip.Addr{}, netip.Addr{}
	for _, ip := range addrs {
		if a, ok := netip.AddrFromSlice(ip); ok {
			if a = a.Unmap(); a.Is4() {
				v4 = a
			} else {
				v6 = a
			}
		}
	}
	if !v4.IsValid() && v6.IsValid() {
		return netip.IPv6Unspecified()
	}
	return netip.IPv4Unspecified()
}

// session is the signalling of one participant.
type session struct {
	p      *participant
	socket *websocket.Conn
	ep     *endpoint

	mu        sync.Mutex
	sent      uint64 // number of the last frame
	heard     uint64 // that of the last one of the server's
	told      uint64 // as it was last acknowledged
	ackTimer  *time.Timer
	answers   map[uint64]func(protocol.Frame)
	me        protocol.ParticipantID
	offered   *sdp.Transport // in force or waiting
	offering  bool
	slots     [3]int // by kind, that there are
	wanted    [3]int
	subscribe map[protocol.StreamID]bool
	ended     chan struct{}
	reason    error
	leaving   bool
}

func (n *Native) join(ctx context.Context, p *participant) error {
	p.started = clock()
	ep, err := p.endpoint(localFor(n.base.Hostname()))
	if err != nil {
		return err
	}
	s := &session{p: p, ep: ep, answers: map[uint64]func(protocol.Frame){}, subscribe: map[protocol.StreamID]bool{}, ended: make(chan struct{})}
	p.signalled = s
	offered, offer, err := s.firstOffer()
	if err != nil {
		return err
	}
	s.offered, s.offering = offered, true
	joined, err := s.enter(ctx, n.base, n.token(p))
	if err != nil {
		return err
	}
	s.me = joined.Participant.ID
	accepted := make(chan error, 4)
	if p.publishes {
		s.publish(accepted)
	}
	s.request(protocol.TypeOffer, protocol.Offer{Transport: transportID, SDP: offer}, func(f protocol.Frame) {
		if err := s.answered(f); err != nil {
			accepted <- err
		}
	})
	for _, stream := range joined.Streams {
		if stream.Participant != s.me {
			p.expects = true
			s.subscribeTo(stream.ID)
		}
	}
	go s.listen()
	select {
	case err := <-accepted:
		return err
	case err := <-ep.connected():
		return err
	case <-s.ended:
		return fmt.Errorf("the signalling ended: %w", s.reason)
	case <-ctx.Done():
		return fmt.Errorf("the transport was not connected in time: %w", ctx.Err())
	}
}

// enter opens the socket and takes the room's state.
func (s *session) enter(ctx context.Context, base *url.URL, token string) (*protocol.Joined, error) {
	address := *base
	address.Scheme = strings.Replace(address.Scheme, "http", "ws", 1)
	address.Path += "/v1/signal"
	socket, _, err := websocket.Dial(ctx, address.String(), nil) //nolint:bodyclose // Dial leaves no body to be closed, and says so
	if err != nil {
		return nil, fmt.Errorf("no signalling at %s: %w", address.String(), err)
	}
	socket.SetReadLimit(64 << 20)
	s.socket = socket
	opening, err := json.Marshal(protocol.Join{Protocol: protocol.Version, Token: token, Client: "tertulia-load"})
	if err != nil {
		return nil, err
	}
	if err := socket.Write(ctx, websocket.MessageText, protocol.AppendFrame(nil, 0, 0, protocol.TypeJoin, 0, opening)); err != nil {
		return nil, err
	}
	_, text, err := socket.Read(ctx)
	if err != nil {
		return nil, fmt.Errorf("no answer to join: %w", err)
	}
	var f protocol.Frame
	if err := json.Unmarshal(text, &f); err != nil {
		return nil, fmt.Errorf("the answer to join: %w", err)
	}
	if f.Type != protocol.TypeJoined {
		var refused protocol.Error
		if json.Unmarshal(f.Data, &refused) == nil && refused.Message != "" {
			return nil, fmt.Errorf("not let in: %s", refused.Message)
		}
		return nil, fmt.Errorf("the answer to join is %s", clip(string(text)))
	}
	joined := &protocol.Joined{}
	return joined, json.Unmarshal(f.Data, joined)
}

// firstOffer has a section for each thing that is sent and a slot for each that
// will be received.
func (s *session) firstOffer() (*sdp.Transport, string, error) {
	m := s.p.media
	var want sdp.Want
	add := func(kind sdp.Kind, n int, w sdp.Wanted) {
		w.Kind = kind
		for range n {
			want.Add = append(want.Add, w)
		}
	}
	sends := sdp.Wanted{Direction: sdp.SendOnly}
	if s.p.publishes && m.audio {
		add(sdp.Audio, 1, sends)
	}
	if s.p.publishes && m.video {
		for _, l := range m.layers {
			sends.RIDs = append(sends.RIDs, l.rid)
		}
		add(sdp.Video, 1, sends)
	}
	slots := min(s.p.expected(), protocol.MaxSlots)
	scenario := &s.p.run.scenario
	if scenario.Audio {
		add(sdp.Audio, slots, sdp.Wanted{Direction: sdp.RecvOnly})
		s.slots[sdp.Audio] = slots
	}
	if scenario.Video {
		add(sdp.Video, slots, sdp.Wanted{Direction: sdp.RecvOnly})
		s.slots[sdp.Video] = slots
	}
	if len(want.Add) == 0 { // the only one in a room
		add(sdp.Audio, 1, sdp.Wanted{Direction: sdp.RecvOnly})
	}
	return sdp.ClientOffer(nil, s.ep.local(), want)
}

// publish says what the first sections of the offer are.
func (s *session) publish(failed chan<- error) {
	var tracks []protocol.PublishTrack
	for i := range s.offered.Sections {
		section := &s.offered.Sections[i]
		if !section.Direction.Sends() {
			continue
		}
		track := protocol.Track{ID: "mic", Kind: protocol.Audio, Source: protocol.Microphone}
		if section.Kind == sdp.Video {
			track = protocol.Track{ID: "cam", Kind: protocol.Video, Source: protocol.Camera}
		}
		tracks = append(tracks, protocol.PublishTrack{Track: track, Transport: transportID, MID: section.Mid})
	}
	s.request(protocol.TypePublish, protocol.Publish{Tracks: tracks}, func(f protocol.Frame) {
		if f.Type == protocol.TypeError {
			failed <- fmt.Errorf("publish: %s", f.Data)
		}
	})
}

func (s *session) subscribeTo(id protocol.StreamID) {
	if s.subscribe[id] {
		return
	}
	s.subscribe[id] = true
	s.request(protocol.TypeSubscribe, protocol.SubscribeTo{Stream: id, Transport: transportID}, func(f protocol.Frame) {
		if f.Type == protocol.TypeError {
			s.p.run.note(fmt.Errorf("%s: subscribe: %s", s.p.name, f.Data))
		}
	})
}

// answered takes the answer to an offer.
func (s *session) answered(f protocol.Frame) error {
	if f.Type == protocol.TypeError {
		return fmt.Errorf("offer: %s", f.Data)
	}
	var answer protocol.Answer
	if err := json.Unmarshal(f.Data, &answer); err != nil {
		return err
	}
	accepted, role, lite, err := sdp.ClientAccept(s.offered, answer.SDP)
	if err != nil {
		return fmt.Errorf("the server's answer: %w", err)
	}
	s.offered, s.offering = accepted, false
	s.ep.negotiate(accepted, role, lite, s.p.media, answer.SDP)
	s.addSlots()
	return nil
}

// addSlots offers more slots if more are wanted and no offer is under way.
func (s *session) addSlots() {
	if s.offering {
		return
	}
	var want sdp.Want
	for _, kind := range []sdp.Kind{sdp.Audio, sdp.Video} {
		for ; s.slots[kind] < min(s.wanted[kind], protocol.MaxSlots); s.slots[kind]++ {
			want.Add = append(want.Add, sdp.Wanted{Kind: kind, Direction: sdp.RecvOnly})
		}
	}
	if len(want.Add) == 0 {
		return
	}
	offered, offer, err := sdp.ClientOffer(s.offered, s.ep.local(), want)
	if err != nil {
		s.p.run.note(fmt.Errorf("%s: more slots: %w", s.p.name, err))
		return
	}
	before := s.offered
	s.offered, s.offering = offered, true
	s.request(protocol.TypeOffer, protocol.Offer{Transport: transportID, SDP: offer}, func(f protocol.Frame) {
		if err := s.answered(f); err != nil {
			s.offered, s.offering = before, false
			s.p.run.note(fmt.Errorf("%s: %w", s.p.name, err))
		}
	})
}

// request sends a request; its answer comes to take, in the goroutine that listens.
func (s *session) request(typ string, body any, take func(protocol.Frame)) {
	data, err := json.Marshal(body)
	if err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if take != nil {
		s.answers[s.sent+1] = take
	}
	s.write(typ, data)
}

// write sends a frame under the lock; without a type it is an acknowledgement.
func (s *session) write(typ string, data []byte) {
	var seq uint64
	if typ != "" {
		s.sent++
		seq = s.sent
	}
	s.told = s.heard
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	_ = s.socket.Write(ctx, websocket.MessageText, protocol.AppendFrame(nil, seq, s.heard, typ, 0, data))
}

// When the server is told what was received at the latest (docs/protocol.md §2).
const (
	ackFrames = 16
	ackAfter  = 400 * time.Millisecond
)

// listen takes the server's frames until the socket ends.
func (s *session) listen() {
	defer close(s.ended)
	for {
		_, text, err := s.socket.Read(context.Background())
		var f protocol.Frame
		if err == nil {
			err = json.Unmarshal(text, &f)
		}
		if err != nil {
			if s.reason == nil {
				s.reason = err
			}
			s.mu.Lock()
			leaving := s.leaving
			s.mu.Unlock()
			if !leaving {
				s.p.run.note(fmt.Errorf("%s: the signalling ended: %w", s.p.name, s.reason))
			}
			return
		}
		if take := s.number(&f); take != nil {
			take(f)
		}
		s.event(&f)
	}
}

// number does the bookkeeping of frames and acknowledgements, and gives who
// waits for the answer that this is.
func (s *session) number(f *protocol.Frame) (take func(protocol.Frame)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case f.Type == "":
		s.write("", nil)
		return nil
	case f.Seq > 0:
		s.heard = f.Seq
	}
	if s.heard-s.told >= ackFrames {
		s.write("", nil)
	} else if s.ackTimer == nil {
		s.ackTimer = time.AfterFunc(ackAfter, func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			if s.ackTimer = nil; s.heard != s.told {
				s.write("", nil)
			}
		})
	}
	if f.Type == protocol.TypeOK || f.Type == protocol.TypeError {
		take = s.answers[f.Re]
		delete(s.answers, f.Re)
	}
	return take
}

func (s *session) event(f *protocol.Frame) {
	switch f.Type {
	case protocol.TypeStreamPublished:
		var stream protocol.Stream
		if json.Unmarshal(f.Data, &stream) == nil && stream.Participant != s.me {
			s.subscribeTo(stream.ID)
		}
	case protocol.TypeSlotsWanted:
		var wanted protocol.SlotsWanted
		if json.Unmarshal(f.Data, &wanted) == nil {
			s.wanted[sdp.Audio], s.wanted[sdp.Video] = wanted.Audio, wanted.Video
			s.addSlots()
		}
	case protocol.TypeTransport:
		var state protocol.TransportState
		if json.Unmarshal(f.Data, &state) == nil && state.State != protocol.TransportConnected {
			s.p.run.note(fmt.Errorf("%s: the server says that the transport is %s: %s", s.p.name, state.State, state.Reason))
		}
	case protocol.TypeSubscription:
		var state protocol.Subscription
		if json.Unmarshal(f.Data, &state) == nil && state.State == protocol.SubscriptionUnsupported {
			s.p.run.note(fmt.Errorf("%s: a subscription is not possible: %s", s.p.name, state.Reason))
		}
	case protocol.TypeEnded:
		var ended protocol.Ended
		if json.Unmarshal(f.Data, &ended) == nil {
			s.reason = fmt.Errorf("%s: %s", ended.Reason, ended.Message)
		}
	}
}

func (n *Native) leave(p *participant) {
	s, ok := p.signalled.(*session)
	if !ok {
		return
	}
	if s.socket != nil {
		s.mu.Lock()
		s.leaving = true
		s.mu.Unlock()
		left := make(chan struct{}, 1)
		s.request(protocol.TypeLeave, struct{}{}, func(protocol.Frame) { left <- struct{}{} })
		select {
		case <-left:
		case <-s.ended:
		case <-time.After(2 * time.Second):
		}
		_ = s.socket.CloseNow()
	}
	p.shut()
}

// shut closes the endpoints of a participant.
func (p *participant) shut() {
	p.mu.Lock()
	endpoints := p.endpoints
	p.mu.Unlock()
	for _, ep := range endpoints {
		p.loop.do(func(instant) { p.loop.leave(ep) })
	}
}

// note keeps an error for the report.
func (r *run) note(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.notes) < 5 {
		r.notes = append(r.notes, err.Error())
	}
}
