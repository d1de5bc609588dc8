package licode

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"sync"
	"time"

	"github.com/coder/websocket"

	"github.com/tertulia-rtc/tertulia/controller"
	"github.com/tertulia-rtc/tertulia/licode/socketio"
	"github.com/tertulia-rtc/tertulia/protocol"
	"github.com/tertulia-rtc/tertulia/store"
)

// SignallingConfig is what a Signalling needs. All but the last group is
// required.
type SignallingConfig struct {
	Store      *store.Store
	Controller *controller.Controller
	// Redeem gives what a token stands for, once; an error that is a Refusal is
	// told to the client.
	Redeem func(ctx context.Context, token Fields) (store.LicodeToken, error)

	// Client says which address a request comes from, and whether it came by TLS.
	Client func(r *http.Request) (from netip.Addr, secure bool)
	// Step counts a socket that nobody has joined on yet, unless there are too many; leave
	// must be called, once or more often.
	Step func(from netip.Addr) (leave func(), ok bool)
	// OriginAllowed says whether the page that makes a request may; nil: any page
	// may, as with Licode.
	OriginAllowed func(r *http.Request) bool

	// DefaultVideoBW and MaxVideoBW are told to clients, which keep to them when
	// they publish and subscribe: kilobits per second.
	DefaultVideoBW, MaxVideoBW int
	// SinglePC lets clients have one connection for all that they send and one for
	// all that they receive, if they ask for it.
	SinglePC bool
	Log      *slog.Logger // nil: nothing is logged
}

// Signalling is where Licode's clients connect: a handler for /socket.io/. Each
// client has a session, which is an ordinary participant of its room.
type Signalling struct {
	SignallingConfig
	ctx   context.Context // until Drain has ended
	stop  context.CancelFunc
	doors context.Context // until Shut
	shut  context.CancelFunc

	mu       sync.Mutex
	draining bool
	sessions map[protocol.ParticipantID]*session
	rooms    map[protocol.RoomID]*hintedRoom
	gone     gone
	work     sync.WaitGroup // requests that have become sockets, and sessions
}

// Times of a request on its way to a session.
const (
	admitTimeout = 10 * time.Second // from the client's CONNECT to our answer
	maxOpening   = 64 << 10         // bytes of a frame before that
	// lastFarewell is how long somebody who was refused may read why when the server ends.
	lastFarewell = 500 * time.Millisecond
)

// errClosed is what a client hears whose session is not there any more, or is
// another's.
const errClosed Refusal = "Connection already closed"

// NewSignalling makes a Signalling.
func NewSignalling(config SignallingConfig) (*Signalling, error) {
	if config.Store == nil || config.Controller == nil || config.Redeem == nil || config.Client == nil || config.Step == nil {
		return nil, errors.New("the signalling for Licode needs a store, a controller, and functions that redeem tokens and know callers")
	}
	if config.MaxVideoBW <= 0 || config.DefaultVideoBW <= 0 || config.DefaultVideoBW > config.MaxVideoBW {
		return nil, fmt.Errorf("the video bandwidth of Licode's clients must be positive, and the default (%d) at most the maximum (%d)", config.DefaultVideoBW, config.MaxVideoBW)
	}
	if config.Log == nil {
		config.Log = slog.New(slog.DiscardHandler)
	}
	s := &Signalling{SignallingConfig: config, sessions: map[protocol.ParticipantID]*session{}, rooms: map[protocol.RoomID]*hintedRoom{}}
	s.ctx, s.stop = context.WithCancel(context.Background())
	s.doors, s.shut = context.WithCancel(s.ctx)
	return s, nil
}

// Shut takes no more clients, and sends those away who have not asked to come in yet: their
// tokens stay good. It comes before the controller drains, which lets nobody in any more.
func (s *Signalling) Shut() {
	s.mu.Lock()
	s.draining = true
	s.mu.Unlock()
	s.shut()
}

// Drain takes no more clients and waits until those that are there have gone, as
// they do when the controller drains; it cuts them when ctx ends.
func (s *Signalling) Drain(ctx context.Context) {
	s.Shut()
	done := make(chan struct{})
	go func() { s.work.Wait(); close(done) }()
	select {
	case <-done:
	case <-ctx.Done():
	}
	s.stop()
	<-done
}

// ServeHTTP serves one connection until it ends.
func (s *Signalling) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	if r.URL.Path != "/socket.io/" && r.URL.Path != "/socket.io" {
		refuse(w, http.StatusNotFound, socketio.BadRequest)
		return
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		refuse(w, http.StatusBadRequest, socketio.BadRequest)
		return
	}
	revision, refusal := socketio.ParseQuery(query)
	switch {
	case refusal != nil:
		refuse(w, http.StatusBadRequest, *refusal)
	case r.Method != http.MethodGet:
		refuse(w, http.StatusBadRequest, socketio.BadMethod)
	case s.OriginAllowed != nil && !s.OriginAllowed(r):
		refuse(w, http.StatusForbidden, socketio.Forbidden)
	default:
		s.open(w, r, query, revision)
	}
}

func refuse(w http.ResponseWriter, status int, why socketio.Refusal) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(why.Body())
}

// open makes a WebSocket of a request.
func (s *Signalling) open(w http.ResponseWriter, r *http.Request, query url.Values, revision socketio.Revision) {
	s.mu.Lock()
	over := s.gone.has(protocol.ParticipantID(query.Get("clientId")), time.Now())
	closed := s.draining
	if !over && !closed {
		s.work.Add(1)
	}
	s.mu.Unlock()
	switch {
	case over:
		refuse(w, http.StatusForbidden, socketio.Forbidden)
		return
	case closed:
		w.Header().Set("Retry-After", "5")
		refuse(w, http.StatusServiceUnavailable, socketio.Forbidden)
		return
	}
	defer s.work.Done()
	from, _ := s.Client(r)
	leave, ok := s.Step(from)
	if !ok {
		w.Header().Set("Retry-After", "5")
		refuse(w, http.StatusServiceUnavailable, socketio.Forbidden)
		return
	}
	defer leave()
	socket, err := websocket.Accept(w, r, &websocket.AcceptOptions{
		InsecureSkipVerify: true, // OriginAllowed has looked; a request carries a token and no cookie
		CompressionMode:    websocket.CompressionDisabled,
	})
	if err != nil {
		s.Log.DebugContext(r.Context(), "a socket was not opened", "reason", err)
		return
	}
	defer func() { _ = socket.CloseNow() }()
	socket.SetReadLimit(maxOpening)
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(s.ctx, cancel)()
	l := newLink(socket, cancel)
	var written sync.WaitGroup
	written.Go(func() { l.write(ctx) })
	defer written.Wait()
	defer l.finish(websocket.StatusNormalClosure)
	visit := visit{query: query, from: from, link: l}
	if err := s.serve(ctx, visit, revision, leave); err != nil {
		s.Log.DebugContext(ctx, "a socket ended", "from", from, "reason", err)
	}
}

// visit is a client that comes with a new socket.
type visit struct {
	query url.Values
	from  netip.Addr
	link  *link
}

// token gives what the query says of a token.
func (v visit) token() Fields {
	return Fields{
		ID: protocol.TokenID(v.query.Get("tokenId")), Host: v.query.Get("host"),
		Secure: v.query.Get("secure") == "true", Signature: v.query.Get("signature"),
	}
}

// serve speaks with a client until its socket ends.
func (s *Signalling) serve(ctx context.Context, v visit, revision socketio.Revision, leave func()) error {
	l := v.link
	engine, open := socketio.NewSocket(revision, protocol.NewHexID(), time.Now())
	l.engine = engine
	l.push(open)
	if err := l.awaitConnect(ctx, s.doors); err != nil {
		return err
	}
	admit, cancel := context.WithTimeout(ctx, admitTimeout)
	c, err := s.admit(admit, v)
	cancel()
	if err != nil {
		l.push(engine.Refuse(time.Now(), err.Error()))
		s.Log.DebugContext(ctx, "refused", "from", v.from, "reason", err)
		return l.awaitFarewell(ctx, s.doors)
	}
	leave()
	l.socket.SetReadLimit(socketio.MaxPayload)
	return c.read(ctx, l)
}

// awaitConnect reads until the client asks for the namespace, while the doors are open.
func (l *link) awaitConnect(ctx, doors context.Context) error {
	ctx, cancel := context.WithDeadline(ctx, l.engine.Timer())
	defer cancel()
	defer context.AfterFunc(doors, cancel)()
	for l.engine.Phase == socketio.PhaseOpened {
		in, err := l.next(ctx)
		if err != nil {
			return err
		}
		if in.Left {
			return errors.New("the client left")
		}
	}
	return nil
}

// awaitFarewell waits for a client that was refused to go away by itself: it
// must have read why.
func (l *link) awaitFarewell(ctx, doors context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, socketio.ConnectTimeout)
	defer cancel()
	defer context.AfterFunc(doors, func() { time.AfterFunc(lastFarewell, cancel) })()
	for {
		if in, err := l.next(ctx); err != nil || in.Left {
			return err
		}
	}
}

// next reads a frame before there is a session.
func (l *link) next(ctx context.Context) (socketio.Incoming, error) {
	kind, frame, err := l.socket.Read(ctx)
	if err != nil {
		return socketio.Incoming{}, err
	}
	if kind != websocket.MessageText {
		return socketio.Incoming{}, socketio.ErrBinary
	}
	in, err := l.engine.Receive(time.Now(), frame)
	if err == nil {
		l.push(in.Reply)
	}
	return in, err
}

// admit gives the session of a client: its old one if it names that, else a new
// one. An error that is not a Refusal tells the client what it says.
func (s *Signalling) admit(ctx context.Context, v visit) (*session, error) {
	token := v.token()
	if id := v.query.Get("clientId"); id != "" {
		s.mu.Lock()
		c := s.sessions[protocol.ParticipantID(id)]
		s.mu.Unlock()
		if c == nil || !c.token.same(token) || !c.attach(ctx, v.link) {
			return nil, errClosed
		}
		return c, nil
	}
	if s.doors.Err() != nil {
		return nil, tokenError(ErrUnavailable) // redeemed, the token would be spent for nothing
	}
	record, err := s.Redeem(ctx, token)
	var refusal Refusal
	switch {
	case errors.As(err, &refusal):
		return nil, tokenError(refusal)
	case err != nil:
		s.Log.ErrorContext(ctx, "a token could not be redeemed", "reason", err)
		return nil, tokenError(ErrInternal)
	}
	join, err := s.invite(ctx, record)
	if err != nil {
		s.Log.ErrorContext(ctx, "a token could not be used", "reason", err)
		return nil, tokenError(ErrInternal)
	}
	c := newSession(s, v, record)
	if err := c.start(ctx, join); err != nil {
		return nil, err
	}
	if !c.attach(ctx, v.link) {
		c.dismiss()
		return nil, errClosed
	}
	return c, nil
}

// tokenError is a Refusal as clients hear it, who know it by its first word.
func tokenError(r Refusal) Refusal { return "token: " + r }

// same says whether a token is the one that a session began with.
func (f Fields) same(other Fields) bool {
	id := subtle.ConstantTimeCompare([]byte(f.ID), []byte(other.ID))
	signature := subtle.ConstantTimeCompare([]byte(f.Signature), []byte(other.Signature))
	return id&signature == 1
}

// remember makes a session findable by its participant.
func (s *Signalling) remember(c *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sessions[c.id] = c
	room := s.rooms[c.room]
	if room == nil {
		room = &hintedRoom{sessions: map[*session]bool{}, hints: map[protocol.StreamID]sessionHint{}}
		s.rooms[c.room] = room
	}
	room.sessions[c] = true
	for _, h := range room.hints {
		c.hints = append(c.hints, h.Hint)
	}
	c.nudge()
}

// forget ends what remember began. barred says that the client's further attempts
// should fail in a way that ends them.
func (s *Signalling) forget(c *session, barred bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sessions[c.id] == c {
		delete(s.sessions, c.id)
	}
	if barred && c.id != "" {
		s.gone.add(c.id, time.Now())
	}
	room := s.rooms[c.room]
	if room == nil {
		return
	}
	for stream, h := range room.hints {
		if h.from == c {
			delete(room.hints, stream)
		}
	}
	if delete(room.sessions, c); len(room.sessions) == 0 {
		delete(s.rooms, c.room)
	}
}

// Sessions counts the clients that are there, with those who may come back.
func (s *Signalling) Sessions() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.sessions)
}

// gone is whose sessions have ended for good, as far as it is remembered: as many as
// may come in a minute, for longer than clients try.
type gone struct {
	at    map[protocol.ParticipantID]time.Time
	order []protocol.ParticipantID
}

const (
	maxGone  = 4096
	goneTime = 5 * time.Minute
)

func (g *gone) has(id protocol.ParticipantID, now time.Time) bool {
	at, ok := g.at[id]
	return ok && now.Sub(at) < goneTime
}

func (g *gone) add(id protocol.ParticipantID, now time.Time) {
	if g.at == nil {
		g.at = map[protocol.ParticipantID]time.Time{}
	}
	if _, ok := g.at[id]; !ok {
		g.order = append(g.order, id)
	}
	g.at[id] = now
	for len(g.order) > 0 && (len(g.order) > maxGone || now.Sub(g.at[g.order[0]]) >= goneTime) {
		delete(g.at, g.order[0])
		g.order = g.order[1:]
	}
}

// encodeJSON cannot fail for what the machine gives; a fault of it is logged, and null.
func (s *Signalling) encodeJSON(v any) json.RawMessage {
	b, err := encode(v)
	if err != nil {
		s.Log.Error("a message for a client could not be written", "reason", err)
		return json.RawMessage("null")
	}
	return b
}
