package load

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/coder/websocket"

	"github.com/tertulia-rtc/tertulia/sdp"
)

// Janus is the VideoRoom plugin of a Janus server (1.0 and later), by its
// WebSocket API. A publisher has a transport for what it sends; whoever
// receives has one for all that it receives.
type Janus struct {
	// URL is that of the WebSocket API, such as ws://localhost:8188.
	URL string

	host    string
	control *janusSession
	handle  uint64
	first   uint64 // id of the first room
	version string
}

// Version is what the server said of itself.
func (j *Janus) Version() string { return j.version }

// String names the server, with its version once it is known.
func (j *Janus) String() string {
	if j.version != "" {
		return j.URL + " (Janus " + j.version + ")"
	}
	return j.URL
}

const videoRoom = "janus.plugin.videoroom"

func (j *Janus) prepare(ctx context.Context, r *run) error {
	u, err := url.Parse(j.URL)
	if err != nil || u.Host == "" || u.Scheme != "ws" && u.Scheme != "wss" {
		return fmt.Errorf("--janus %q is not a URL like ws://localhost:8188", j.URL)
	}
	j.host = u.Hostname()
	if j.control, err = j.dial(ctx); err != nil {
		return err
	}
	if info, err := j.control.ask(ctx, janusMessage{"janus": "info"}); err == nil {
		j.version = info.Version
	}
	if err := j.control.create(ctx); err != nil {
		return err
	}
	if j.handle, err = j.control.attach(ctx); err != nil {
		return err
	}
	j.first = 1_000_000 + rand.Uint64N(1<<30)
	for room := range r.scenario.Rooms {
		_, err := j.control.message(ctx, j.handle, janusMessage{
			"request": "create", "room": j.first + uint64(room), "publishers": r.scenario.Publishers + 1, "is_private": true, "permanent": false,
			"videocodec": "vp8", "audiocodec": "opus", "audiolevel_ext": true, "transport_wide_cc_ext": true, "notify_joining": false, "bitrate": 0,
		}, nil)
		if err != nil {
			return fmt.Errorf("a room cannot be made: %w", err)
		}
	}
	return nil
}

func (j *Janus) finish(r *run) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for room := range r.scenario.Rooms {
		_, _ = j.control.message(ctx, j.handle, janusMessage{"request": "destroy", "room": j.first + uint64(room)}, nil)
	}
	j.control.end(ctx)
}

// janusMessage is a request.
type janusMessage map[string]any

// janusAnswer is what comes, in answer or by itself.
type janusAnswer struct {
	Janus       string `json:"janus"`
	Transaction string `json:"transaction"`
	Sender      uint64 `json:"sender"`
	Version     string `json:"version_string"`
	Reason      any    `json:"reason"`
	Data        struct {
		ID uint64 `json:"id"`
	} `json:"data"`
	Error struct {
		Code   int    `json:"code"`
		Reason string `json:"reason"`
	} `json:"error"`
	Plugin struct {
		Data struct {
			Event      string           `json:"videoroom"`
			Code       int              `json:"error_code"`
			Error      string           `json:"error"`
			Publishers []janusPublisher `json:"publishers"`
		} `json:"data"`
	} `json:"plugindata"`
	JSEP *janusDescription `json:"jsep"`
}

type janusPublisher struct {
	ID uint64 `json:"id"`
}

type janusDescription struct {
	Type    string `json:"type"`
	SDP     string `json:"sdp"`
	Trickle *bool  `json:"trickle,omitempty"`
}

// describe is a description that is complete.
func describe(kind, sdp string) *janusDescription {
	whole := false
	return &janusDescription{Type: kind, SDP: sdp, Trickle: &whole}
}

// err is what an answer says went wrong.
func (a *janusAnswer) err() error {
	switch {
	case a.Janus == "error":
		return fmt.Errorf("janus: %s (%d)", a.Error.Reason, a.Error.Code)
	case a.Plugin.Data.Code != 0:
		return fmt.Errorf("janus: %s (%d)", a.Plugin.Data.Error, a.Plugin.Data.Code)
	}
	return nil
}

// janusSession is a socket with one session of Janus.
type janusSession struct {
	socket *websocket.Conn
	id     uint64

	mu      sync.Mutex
	count   int
	waiting map[string]chan *janusAnswer
	event   func(*janusAnswer) // of what nobody waits for
	ended   chan struct{}
	reason  error
}

func (j *Janus) dial(ctx context.Context) (*janusSession, error) {
	socket, _, err := websocket.Dial(ctx, j.URL, &websocket.DialOptions{Subprotocols: []string{"janus-protocol"}}) //nolint:bodyclose // Dial leaves no body to be closed, and says so
	if err != nil {
		return nil, fmt.Errorf("no Janus at %s: %w; is its WebSocket transport on?", j.URL, err)
	}
	socket.SetReadLimit(16 << 20)
	s := &janusSession{socket: socket, waiting: map[string]chan *janusAnswer{}, ended: make(chan struct{})}
	go s.listen()
	go s.stayAlive()
	return s, nil
}

func (s *janusSession) listen() {
	defer close(s.ended)
	for {
		_, text, err := s.socket.Read(context.Background())
		if err != nil {
			s.reason = err
			return
		}
		a := &janusAnswer{}
		if err := json.Unmarshal(text, a); err != nil {
			s.reason = err
			return
		}
		if a.Janus == "ack" {
			continue // of a request whose event comes later, or of keepalive
		}
		s.mu.Lock()
		waiting, ok := s.waiting[a.Transaction]
		delete(s.waiting, a.Transaction)
		event := s.event
		s.mu.Unlock()
		switch {
		case ok:
			waiting <- a
		case event != nil:
			event(a)
		}
	}
}

// stayAlive keeps the session from timing out, which takes a minute.
func (s *janusSession) stayAlive() {
	tick := time.NewTicker(25 * time.Second)
	defer tick.Stop()
	for {
		select {
		case <-s.ended:
			return
		case <-tick.C:
			s.mu.Lock()
			id := s.id
			s.mu.Unlock()
			if id != 0 {
				_ = s.write(context.Background(), janusMessage{"janus": "keepalive", "session_id": id, "transaction": "keepalive"})
			}
		}
	}
}

func (s *janusSession) write(ctx context.Context, m janusMessage) error {
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return s.socket.Write(ctx, websocket.MessageText, text)
}

// ask sends a request and waits for what answers it.
func (s *janusSession) ask(ctx context.Context, m janusMessage) (*janusAnswer, error) {
	answer, err := s.begin(ctx, m)
	if err != nil {
		return nil, err
	}
	return s.await(ctx, answer)
}

// begin sends a request; await waits for its answer.
func (s *janusSession) begin(ctx context.Context, m janusMessage) (<-chan *janusAnswer, error) {
	answer := make(chan *janusAnswer, 1)
	s.mu.Lock()
	s.count++
	transaction := "t" + strconv.Itoa(s.count)
	s.waiting[transaction] = answer
	if s.id != 0 {
		m["session_id"] = s.id
	}
	s.mu.Unlock()
	m["transaction"] = transaction
	return answer, s.write(ctx, m)
}

func (s *janusSession) await(ctx context.Context, answer <-chan *janusAnswer) (*janusAnswer, error) {
	select {
	case a := <-answer:
		return a, a.err()
	case <-s.ended:
		return nil, fmt.Errorf("janus: the socket ended: %w", s.reason)
	case <-ctx.Done():
		return nil, fmt.Errorf("janus: no answer: %w", ctx.Err())
	}
}

func (s *janusSession) create(ctx context.Context) error {
	a, err := s.ask(ctx, janusMessage{"janus": "create"})
	if err == nil {
		s.mu.Lock()
		s.id = a.Data.ID
		s.mu.Unlock()
	}
	return err
}

// attach makes a handle of the plugin.
func (s *janusSession) attach(ctx context.Context) (uint64, error) {
	a, err := s.ask(ctx, janusMessage{"janus": "attach", "plugin": videoRoom})
	if err != nil {
		return 0, err
	}
	return a.Data.ID, nil
}

// message is a request of the plugin.
func (s *janusSession) message(ctx context.Context, handle uint64, body janusMessage, jsep *janusDescription) (*janusAnswer, error) {
	return s.ask(ctx, pluginMessage(handle, body, jsep))
}

func pluginMessage(handle uint64, body janusMessage, jsep *janusDescription) janusMessage {
	m := janusMessage{"janus": "message", "handle_id": handle, "body": body}
	if jsep != nil {
		m["jsep"] = jsep
	}
	return m
}

// end destroys the session.
func (s *janusSession) end(ctx context.Context) {
	if s.id != 0 {
		_, _ = s.ask(ctx, janusMessage{"janus": "destroy"})
	}
	_ = s.socket.CloseNow()
}

// janusParticipant is the signalling of one participant.
type janusParticipant struct {
	j       *Janus
	p       *participant
	session *janusSession
	room    uint64
	// feeds come from listening and are received by the goroutine receive.
	feeds    chan uint64
	received chan error // one value, when what was there at first is received, or cannot be
	stop     context.CancelFunc
}

// feedOf is the id under which participant index publishes.
func feedOf(index int) uint64 { return uint64(index) + 1 }

func (j *Janus) join(ctx context.Context, p *participant) error {
	one := &janusParticipant{
		j: j, p: p, room: j.first + uint64(p.room), feeds: make(chan uint64, p.run.scenario.Publishers+1), received: make(chan error, 1),
	}
	p.signalled = one
	p.started = clock()
	var err error
	if one.session, err = j.dial(ctx); err != nil {
		return err
	}
	if err := one.session.create(ctx); err != nil {
		return err
	}
	var first []uint64
	if p.publishes {
		if first, err = one.publish(ctx); err != nil {
			return err
		}
	} else {
		for i := range p.run.scenario.Publishers {
			first = append(first, feedOf(i))
		}
	}
	p.expects = len(first) > 0
	life, stop := context.WithCancel(context.WithoutCancel(ctx))
	one.stop = stop
	go one.receive(life, first)
	if len(first) == 0 {
		return nil
	}
	select {
	case err := <-one.received:
		return err
	case <-ctx.Done():
		return fmt.Errorf("the transport was not connected in time: %w", ctx.Err())
	}
}

// publish sends the participant's media, and gives the feeds of the others.
func (one *janusParticipant) publish(ctx context.Context) ([]uint64, error) {
	ep, err := one.p.endpoint(localFor(one.j.host))
	if err != nil {
		return nil, err
	}
	handle, err := one.session.attach(ctx)
	if err != nil {
		return nil, err
	}
	one.session.mu.Lock()
	one.session.event = one.hear
	one.session.mu.Unlock()
	want := oneWay(one.p, true)
	for _, w := range want.Add {
		slices.Reverse(w.RIDs) // Janus takes the first for the highest
	}
	offered, offer, err := sdp.ClientOffer(nil, ep.local(), want)
	if err != nil {
		return nil, err
	}
	a, err := one.session.message(ctx, handle, janusMessage{
		"request": "joinandconfigure", "ptype": "publisher", "room": one.room, "id": feedOf(one.p.index), "display": one.p.name,
	}, describe("offer", offer))
	if err != nil {
		return nil, err
	}
	if a.JSEP == nil {
		return nil, errors.New("janus: no answer to the offer")
	}
	accepted, role, lite, err := sdp.ClientAccept(offered, a.JSEP.SDP)
	if err != nil {
		return nil, fmt.Errorf("janus's answer: %w", err)
	}
	ep.negotiate(accepted, role, lite, one.p.media, a.JSEP.SDP)
	var feeds []uint64
	for _, p := range a.Plugin.Data.Publishers {
		feeds = append(feeds, p.ID)
	}
	return feeds, awaitConnected(ctx, ep)
}

// hear takes what Janus tells by itself.
func (one *janusParticipant) hear(a *janusAnswer) {
	for _, p := range a.Plugin.Data.Publishers {
		select {
		case one.feeds <- p.ID:
		default:
		}
	}
	if a.Janus == "hangup" {
		one.p.run.note(fmt.Errorf("%s: janus has hung up: %v", one.p.name, a.Reason))
	}
}

// receive subscribes to what is there at first, then to what comes.
func (one *janusParticipant) receive(ctx context.Context, feeds []uint64) {
	told := len(feeds) == 0
	var handle uint64
	var ep *endpoint
	var negotiated *sdp.Transport
	subscribed := map[uint64]bool{feedOf(one.p.index): one.p.publishes}
	for {
		feeds = slices.DeleteFunc(feeds, func(feed uint64) bool { return subscribed[feed] })
		if len(feeds) > 0 {
			err := one.subscribe(ctx, &handle, &ep, &negotiated, feeds)
			for _, feed := range feeds {
				subscribed[feed] = true
			}
			switch {
			case !told:
				told = true
				one.received <- err
			case err != nil && ctx.Err() == nil:
				one.p.run.note(fmt.Errorf("%s: %w", one.p.name, err))
			}
		}
		feeds = feeds[:0]
		select {
		case feed := <-one.feeds:
			feeds = append(feeds, feed)
		case <-ctx.Done():
			return
		case <-one.session.ended:
			return
		}
		for len(one.feeds) > 0 {
			feeds = append(feeds, <-one.feeds)
		}
	}
}

// subscribe receives feeds more, by the one transport for all of them: Janus
// offers, we answer.
func (one *janusParticipant) subscribe(ctx context.Context, handle *uint64, ep **endpoint, negotiated **sdp.Transport, feeds []uint64) (err error) {
	ctx, cancel := context.WithTimeout(ctx, maxJoinWait)
	defer cancel()
	first := *ep == nil
	body := janusMessage{"request": "subscribe"}
	if first {
		if *ep, err = one.p.endpoint(localFor(one.j.host)); err != nil {
			return err
		}
		if *handle, err = one.session.attach(ctx); err != nil {
			return err
		}
		body = janusMessage{"request": "join", "ptype": "subscriber", "room": one.room, "use_msid": false}
	}
	var streams []janusMessage
	for _, feed := range feeds {
		streams = append(streams, janusMessage{"feed": feed})
	}
	body["streams"] = streams
	a, err := one.session.message(ctx, *handle, body, nil)
	if err != nil {
		return fmt.Errorf("subscribe: %w", err)
	}
	if a.JSEP == nil {
		return errors.New("subscribe: janus offers nothing")
	}
	next, answer, lite, err := sdp.ClientAnswer(*negotiated, a.JSEP.SDP, (*ep).local())
	if err != nil {
		return fmt.Errorf("janus's offer: %w", err)
	}
	*negotiated = next
	started, err := one.session.begin(ctx, pluginMessage(*handle, janusMessage{"request": "start"}, describe("answer", answer)))
	if err != nil {
		return fmt.Errorf("start: %w", err)
	}
	// Checks go on their way with the answer, as a browser's do.
	(*ep).negotiate(next, sdp.DTLSClient, lite, media{}, a.JSEP.SDP)
	if _, err := one.session.await(ctx, started); err != nil {
		return fmt.Errorf("start: %w", err)
	}
	if !first {
		return nil
	}
	return awaitConnected(ctx, *ep)
}

func (j *Janus) leave(p *participant) {
	if one, ok := p.signalled.(*janusParticipant); ok && one.session != nil {
		if one.stop != nil {
			one.stop()
		}
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		one.session.end(ctx)
		cancel()
	}
	p.shut()
}
