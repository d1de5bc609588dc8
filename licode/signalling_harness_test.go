package licode_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"github.com/tertulia-rtc/tertulia/bus"
	"github.com/tertulia-rtc/tertulia/controller"
	"github.com/tertulia-rtc/tertulia/licode"
	"github.com/tertulia-rtc/tertulia/protocol"
	"github.com/tertulia-rtc/tertulia/store"
)

// house is a Signalling with a real controller, bus and store, and a worker by
// hand, in a bubble with a clock of its own. Its network is in memory.
type house struct {
	slow       atomic.Int64 // nanoseconds by which a session that has joined is held up
	t          *testing.T
	store      *store.Store
	bus        *bus.Bus
	controller *controller.Controller
	tokens     *licode.Tokens
	signalling *licode.Signalling
	service    store.Service
	room       store.Room
	network    *network
	waiting    int // sockets on the doorstep
	most       int

	mu      sync.Mutex
	targets []protocol.LinkTarget // that the worker was told
}

func inHouse(t *testing.T, f func(t *testing.T, h *house)) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "db")
	synctest.Test(t, func(t *testing.T) {
		h := &house{t: t, network: newNetwork(), most: 10}
		ctx := context.Background()
		var err error
		h.store, err = store.Open(ctx, "sqlite:"+path)
		h.must(err)
		h.service, err = h.store.CreateService(ctx, store.Service{Name: "school"})
		h.must(err)
		h.room, err = h.store.CreateRoom(ctx, store.Room{Service: h.service.ID, Name: "r", MaxParticipants: 8})
		h.must(err)
		h.bus, err = bus.Start()
		h.must(err)
		stopWorker := h.worker()
		h.controller, err = controller.New(controller.Config{Bus: h.bus, Store: h.store})
		h.must(err)
		h.tokens, err = licode.NewTokens(ctx, h.store, nil, nil)
		h.must(err)
		var mu sync.Mutex
		h.signalling, err = licode.NewSignalling(licode.SignallingConfig{
			Store: h.store, Controller: h.controller, Redeem: h.tokens.Redeem,
			Client: func(*http.Request) (netip.Addr, bool) { return netip.AddrFrom4([4]byte{192, 0, 2, 1}), false },
			Step: func(netip.Addr) (func(), bool) {
				mu.Lock()
				defer mu.Unlock()
				if h.waiting >= h.most {
					return nil, false
				}
				h.waiting++
				return sync.OnceFunc(func() { mu.Lock(); h.waiting--; mu.Unlock() }), true
			},
			DefaultVideoBW: 300, MaxVideoBW: 1000, SinglePC: true,
			Log: slog.New(slowLog{slog.DiscardHandler, &h.slow}),
		})
		h.must(err)
		time.Sleep(time.Second) // the worker is heard of
		server := &http.Server{Handler: h.signalling}
		go func() { _ = server.Serve(h.network) }()
		defer func() {
			drain, cancel := context.WithTimeout(ctx, 10*time.Second)
			defer cancel()
			h.signalling.Shut()
			h.controller.Drain(drain)
			h.signalling.Drain(drain)
			if drain.Err() != nil {
				t.Error("it did not end in time")
			}
			if n := h.signalling.Sessions(); n != 0 {
				t.Errorf("%d sessions are left", n)
			}
			h.controller.Close()
			_ = server.Close()
			h.network.client.CloseIdleConnections()
			stopWorker()
			synctest.Wait()
			h.bus.Close()
			_ = h.store.Close()
		}()
		f(t, h)
	})
}

func (h *house) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

// worker answers every command at once.
func (h *house) worker() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	const id = protocol.WorkerID("w")
	subscription, err := h.bus.Subscribe(protocol.SubjectWorker(id), func(data []byte) {
		c, body, err := protocol.DecodeCommand(data)
		if err != nil {
			h.t.Error(err)
			return
		}
		var event protocol.EventBody = protocol.Done{}
		switch body := body.(type) {
		case protocol.Negotiate:
			event = protocol.Negotiated{SDP: "v=0"}
		case protocol.OfferTransport:
			event = protocol.Offered{Invitation: protocol.Invitation{SDP: "v=0", MIDs: []string{"v1-0", "v1-1", "v1-2"}[:len(body.Add)]}}
		case protocol.TargetLink:
			h.mu.Lock()
			h.targets = append(h.targets, body.LinkTarget)
			h.mu.Unlock()
		case protocol.ReadCounters:
			event = protocol.Counters{Transports: json.RawMessage(`[]`)}
		}
		_ = h.bus.Publish(protocol.SubjectRoom(c.Room), protocol.EncodeEvent(id, c.Room, c.Epoch, c.Request, event))
	})
	h.must(err)
	go func() {
		for ctx.Err() == nil {
			b, _ := json.Marshal(protocol.Heartbeat{Worker: id})
			_ = h.bus.Publish(protocol.SubjectHeartbeats, b)
			select {
			case <-time.After(250 * time.Millisecond):
			case <-ctx.Done():
			}
		}
	}()
	return func() { cancel(); subscription.Close() }
}

// network is a listener and a client whose connections are pipes.
type network struct {
	accept chan net.Conn
	closed chan struct{}
	once   sync.Once
	client *http.Client
	last   *corked // the client's end of the newest connection
}

// corked is a connection that keeps what is written while it has a cork in.
type corked struct {
	net.Conn
	mu   sync.Mutex
	in   bool
	kept []byte
}

func (c *corked) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.in {
		return c.Conn.Write(b)
	}
	c.kept = append(c.kept, b...)
	return len(b), nil
}

// together sends what f writes at once.
func (c *corked) together(f func()) {
	c.mu.Lock()
	c.in = true
	c.mu.Unlock()
	f()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.in = false
	_, _ = c.Conn.Write(c.kept)
}

func newNetwork() *network {
	n := &network{accept: make(chan net.Conn), closed: make(chan struct{})}
	n.client = &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		near, far := net.Pipe()
		select {
		case n.accept <- far:
			n.last = &corked{Conn: near}
			return n.last, nil
		case <-n.closed:
			return nil, net.ErrClosed
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}}}
	return n
}

func (n *network) Accept() (net.Conn, error) {
	select {
	case c := <-n.accept:
		return c, nil
	case <-n.closed:
		return nil, net.ErrClosed
	}
}
func (n *network) Close() error   { n.once.Do(func() { close(n.closed) }); return nil }
func (n *network) Addr() net.Addr { return &net.TCPAddr{} }

// token gives a token of Licode's, as the query that a client makes of it.
func (h *house) token(user, role string) url.Values {
	h.t.Helper()
	text, err := h.tokens.Issue(context.Background(), store.LicodeToken{Service: h.service.ID, Room: h.room.ID, Name: user, Role: role, Host: "meet.test:443"})
	h.must(err)
	return readToken(h.t, text)
}

// guest is a client of Licode's, by hand.
type guest struct {
	h        *house
	socket   *websocket.Conn
	revision string
	id       string // clientId
	events   []string
	answers  map[string]string
	closed   error
	done     chan struct{}
	mu       sync.Mutex
	deaf     bool // acknowledges nothing
}

// dial opens a socket with a query, or gives the status of the refusal.
func (h *house) dial(query url.Values, revision string) (*guest, int, error) {
	h.t.Helper()
	q := url.Values{}
	for name, values := range query {
		q[name] = values
	}
	q.Set("EIO", revision)
	q.Set("transport", "websocket")
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	socket, response, err := websocket.Dial(ctx, "ws://meet.test/socket.io/?"+q.Encode(), &websocket.DialOptions{ //nolint:bodyclose // Dial leaves no body to be closed, and says so
		HTTPClient: h.network.client, HTTPHeader: http.Header{"Origin": {"https://anywhere.example"}},
	})
	if err != nil {
		if response == nil {
			return nil, 0, err
		}
		return nil, response.StatusCode, err
	}
	socket.SetReadLimit(4 << 20)
	return &guest{h: h, socket: socket, revision: revision, answers: map[string]string{}, done: make(chan struct{})}, response.StatusCode, nil
}

// call opens a socket, which has to work.
func (h *house) call(query url.Values, revision string) *guest {
	h.t.Helper()
	g, status, err := h.dial(query, revision)
	if err != nil {
		h.t.Fatal(err, status)
	}
	return g
}

// frame reads one frame.
func (g *guest) frame() (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	kind, b, err := g.socket.Read(ctx)
	if err == nil && kind != websocket.MessageText {
		g.h.t.Error("a binary frame")
	}
	return string(b), err
}

func (g *guest) expect(frames ...string) {
	g.h.t.Helper()
	for _, want := range frames {
		got, err := g.frame()
		if err != nil || !strings.HasPrefix(got, want) {
			g.h.t.Fatalf("%q (%v), want %q…", got, err, want)
		}
	}
}

func (g *guest) say(frames ...string) {
	for _, f := range frames {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		err := g.socket.Write(ctx, websocket.MessageText, []byte(f))
		cancel()
		if err != nil {
			return // the server has ended it, which the reader sees
		}
	}
}

// live answers from now on what a client answers by itself, and notes the rest.
func (g *guest) live() *guest {
	go func() {
		defer close(g.done)
		for {
			f, err := g.frame()
			if err != nil {
				g.mu.Lock()
				g.closed = err
				g.mu.Unlock()
				return
			}
			g.take(f)
		}
	}()
	if g.revision == "3" {
		go func() {
			for {
				select {
				case <-time.After(10 * time.Second):
					g.say("2")
				case <-g.done:
					return
				}
			}
		}()
	}
	return g
}

func (g *guest) take(f string) {
	if f == "2" {
		g.say("3")
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if id, arguments, ok := strings.Cut(f, "["); ok && strings.HasPrefix(f, "43") {
		g.answers[id[2:]] = "[" + arguments
		return
	}
	g.events = append(g.events, f)
	var list []json.RawMessage
	var w struct {
		Number *int `json:"socketgd"`
		Msg    struct {
			ClientID string `json:"clientId"`
		} `json:"msg"`
	}
	if !strings.HasPrefix(f, "42") || json.Unmarshal([]byte(f[2:]), &list) != nil || len(list) < 2 || json.Unmarshal(list[1], &w) != nil || w.Number == nil {
		return
	}
	if string(list[0]) == `"connected"` {
		g.id = w.Msg.ClientID
	}
	if !g.deaf {
		go g.say(fmt.Sprintf(`42["socketgd_ack",{"id":%d}]`, *w.Number))
	}
}

// enter comes in with a fresh token.
func (h *house) enter(user string) *guest { return h.enterAs(user, "presenter", "4") }

func (h *house) enterAs(user, role, revision string) *guest {
	h.t.Helper()
	g := h.call(h.token(user, role), revision)
	if revision == "4" {
		g.say("40")
	}
	g.live()
	synctest.Wait()
	if !g.heard(`42["connected"`) {
		h.t.Fatal("not connected:", g.said())
	}
	return g
}

// said gives all that came but answers.
func (g *guest) said() []string {
	synctest.Wait()
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]string(nil), g.events...)
}

func (g *guest) heard(part string) bool {
	for _, f := range g.said() {
		if strings.Contains(f, part) {
			return true
		}
	}
	return false
}

func (g *guest) answer(id string) string {
	synctest.Wait()
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.answers[id]
}

// ended says how the server has ended the socket; false: it has not.
func (g *guest) ended() (websocket.StatusCode, bool) {
	synctest.Wait()
	g.mu.Lock()
	defer g.mu.Unlock()
	return websocket.CloseStatus(g.closed), g.closed != nil
}

func (g *guest) cut() { _ = g.socket.CloseNow() }

// get makes an ordinary request.
func (h *house) get(method, target string) (int, string) {
	w := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(context.Background(), method, "http://meet.test/", http.NoBody)
	u, err := url.Parse("http://meet.test" + target)
	h.must(err)
	r.URL = u
	h.signalling.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

// slowLog writes nothing, and takes its time to be told of whom.
type slowLog struct {
	slog.Handler
	by *atomic.Int64
}

func (l slowLog) WithAttrs([]slog.Attr) slog.Handler {
	time.Sleep(time.Duration(l.by.Load()))
	return l
}
