package api

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"

	"github.com/tertulia-rtc/tertulia/auth"
	"github.com/tertulia-rtc/tertulia/protocol"
	"github.com/tertulia-rtc/tertulia/store"
)

// rooms is who is where, as the test says.
type rooms struct {
	mu           sync.Mutex
	participants map[protocol.RoomID][]protocol.Participant
	streams      map[protocol.RoomID][]protocol.Stream
	stats        map[protocol.ParticipantID]json.RawMessage
	kicked       []protocol.ParticipantID
	closed       []protocol.RoomID
	changed      []store.Room
	err          error
}

func (r *rooms) Participants(_ context.Context, room protocol.RoomID) ([]protocol.Participant, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.participants[room]), r.err
}

func (r *rooms) Streams(_ context.Context, room protocol.RoomID) ([]protocol.Stream, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.streams[room], r.err
}

func (r *rooms) Stats(_ context.Context, _ protocol.RoomID, id protocol.ParticipantID) (protocol.Stats, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return protocol.Stats{Transports: r.stats[id]}, r.err
}

func (r *rooms) Kick(_ context.Context, _ protocol.RoomID, id protocol.ParticipantID, _ string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.kicked = append(r.kicked, id)
	return r.err
}

func (r *rooms) CloseRoom(_ context.Context, room protocol.RoomID) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = append(r.closed, room)
	delete(r.participants, room)
	return r.err
}

func (r *rooms) RoomChanged(_ context.Context, room store.Room) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.changed = append(r.changed, room)
	return r.err
}

func (r *rooms) enter(room protocol.RoomID, participants ...protocol.Participant) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.participants[room] = append(r.participants[room], participants...)
}

// clock is a time that stands still unless it is moved.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// door is a Server under test; every exchange with it is held against its own
// OpenAPI description.
type door struct {
	t      *testing.T
	server *Server
	store  *store.Store
	rooms  *rooms
	clock  *clock
	log    *bytes.Buffer
	super  store.Service
	school store.Service // an ordinary service
	router routers.Router
	seen   map[string]map[int]bool // answers by operation
}

const testURL = "https://meet.example.org"

func open(t *testing.T, change func(*Config)) *door {
	t.Helper()
	db, err := store.Open(t.Context(), "sqlite::memory:")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	d := &door{
		t: t, store: db, seen: map[string]map[int]bool{}, log: new(bytes.Buffer),
		rooms: &rooms{participants: map[protocol.RoomID][]protocol.Participant{}, streams: map[protocol.RoomID][]protocol.Stream{}},
		clock: &clock{now: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)},
	}
	db.Now = d.clock.Now
	if d.super, _, err = db.EnsureSuperService(t.Context(), "", ""); err != nil {
		t.Fatal(err)
	}
	if d.school, err = db.CreateService(t.Context(), store.Service{Name: "school"}); err != nil {
		t.Fatal(err)
	}
	config := Config{
		Store: db, Rooms: d.rooms, Meet: true, PublicURL: testURL + "/", Now: d.clock.Now,
		Signal: func(context.Context, *Conn) error { return nil },
		Log:    slog.New(slog.NewTextHandler(d.log, nil)),
	}
	if change != nil {
		change(&config)
	}
	if d.server, err = New(config); err != nil {
		t.Fatal(err)
	}
	response := d.raw(httptest.NewRequest(http.MethodGet, "/v1/openapi.json", nil))
	loader := openapi3.NewLoader()
	doc, err := loader.LoadFromData(response.Body.Bytes())
	if err != nil {
		t.Fatal("the OpenAPI description cannot be read:", err)
	}
	doc.Servers = nil
	if d.router, err = legacy.NewRouter(doc, openapi3.IsOpenAPI31OrLater()); err != nil {
		t.Fatal("the OpenAPI description is not valid:", err)
	}
	return d
}

// raw answers a request without looking at it.
func (d *door) raw(r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	d.server.ServeHTTP(w, r)
	return w
}

// request makes one from the machine itself.
func request(method, path string, body any) *http.Request {
	var reader io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		reader = strings.NewReader(b)
	default:
		text, err := json.Marshal(b)
		if err != nil {
			panic(err)
		}
		reader = bytes.NewReader(text)
	}
	r := httptest.NewRequest(method, path, reader)
	r.RemoteAddr = "127.0.0.1:5000"
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	return r
}

// as signs the request with a service's key.
func (d *door) as(service store.Service, r *http.Request) *http.Request {
	d.t.Helper()
	token, err := auth.SignAPI([]byte(service.Key), auth.APIClaims{Service: service.ID}, d.clock.Now())
	if err != nil {
		d.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	return r
}

// send answers a request, checks the answer against the description, and gives
// its body. A status of 0 allows any.
func (d *door) send(r *http.Request, status int) (map[string]any, *httptest.ResponseRecorder) {
	d.t.Helper()
	var sent []byte
	if r.Body != nil {
		sent, _ = io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(sent))
	}
	w := d.raw(r)
	if status != 0 && w.Code != status {
		d.t.Fatalf("%s %s: %d, want %d: %s", r.Method, r.URL, w.Code, status, w.Body)
	}
	d.hold(r, sent, w)
	if w.Body.Len() == 0 {
		return nil, w
	}
	var body map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
		d.t.Fatalf("%s %s: %v: %s", r.Method, r.URL, err, w.Body)
	}
	if w.Code >= 400 {
		d.checkProblem(r, w, body)
	}
	return body, w
}

// hold holds an exchange against the description.
func (d *door) hold(r *http.Request, sent []byte, w *httptest.ResponseRecorder) {
	d.t.Helper()
	again := r.Clone(context.Background())
	again.Body = io.NopCloser(bytes.NewReader(sent))
	again.URL.Scheme, again.URL.Host = "", ""
	route, parameters, err := d.router.FindRoute(again)
	if err != nil {
		d.t.Fatalf("%s %s is not in the description: %v", r.Method, r.URL, err)
	}
	if d.seen[route.Operation.OperationID] == nil {
		d.seen[route.Operation.OperationID] = map[int]bool{}
	}
	d.seen[route.Operation.OperationID][w.Code] = true
	input := &openapi3filter.RequestValidationInput{
		Request: again, PathParams: parameters, Route: route,
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true},
	}
	if w.Code < 300 { // what was accepted must be as described
		if err := openapi3filter.ValidateRequest(context.Background(), input); err != nil {
			d.t.Errorf("%s %s was accepted and is not as described: %v", r.Method, r.URL, err)
		}
	}
	if err := openapi3filter.ValidateResponse(context.Background(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: input, Status: w.Code, Header: w.Header(), Body: io.NopCloser(bytes.NewReader(w.Body.Bytes())), Options: input.Options,
	}); err != nil {
		d.t.Errorf("%s %s: the answer %d %s is not as described: %v", r.Method, r.URL, w.Code, w.Body, err)
	}
}

func (d *door) checkProblem(r *http.Request, w *httptest.ResponseRecorder, body map[string]any) {
	d.t.Helper()
	kind, _ := body["type"].(string)
	detail, _ := body["detail"].(string)
	if w.Header().Get("Content-Type") != "application/problem+json" || !strings.HasPrefix(kind, problemType) || len(detail) < 10 {
		d.t.Errorf("%s %s: not a problem that says why: %q %s", r.Method, r.URL, w.Header().Get("Content-Type"), w.Body)
	}
	for _, secret := range []string{d.super.Key, d.school.Key} {
		if strings.Contains(w.Body.String(), secret) {
			d.t.Errorf("%s %s: the answer has a key", r.Method, r.URL)
		}
	}
}

// refuse sends a request that must be refused, with a sentence that has want.
func (d *door) refuse(r *http.Request, status int, want string) {
	d.t.Helper()
	body, _ := d.send(r, status)
	if detail, _ := body["detail"].(string); !strings.Contains(detail, want) {
		d.t.Errorf("%s %s: %q, want %q", r.Method, r.URL, detail, want)
	}
}

// newRoom makes a room of the school.
func (d *door) newRoom(name string) protocol.RoomID {
	d.t.Helper()
	room, err := d.store.CreateRoom(d.t.Context(), store.Room{Service: d.school.ID, Name: name})
	if err != nil {
		d.t.Fatal(err)
	}
	return room.ID
}

func pathOf(location string) string {
	u, err := url.Parse(location)
	if err != nil {
		return ""
	}
	return u.Path
}
