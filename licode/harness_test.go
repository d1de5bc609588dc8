package licode

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tertulia-rtc/tertulia/licode/mauth"
	"github.com/tertulia-rtc/tertulia/protocol"
	"github.com/tertulia-rtc/tertulia/store"
)

// rooms is who is where, as the test says.
type rooms struct {
	mu           sync.Mutex
	participants map[protocol.RoomID][]protocol.Participant
	kicked       []protocol.ParticipantID
	closed       []protocol.RoomID
	changed      []store.Room
	err          error
	kickErr      error
}

func (r *rooms) Participants(_ context.Context, room protocol.RoomID) ([]protocol.Participant, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.participants[room]), r.err
}

func (r *rooms) Kick(_ context.Context, _ protocol.RoomID, id protocol.ParticipantID, _ string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.kickErr == nil {
		r.kicked = append(r.kicked, id)
	}
	return r.kickErr
}

func (r *rooms) CloseRoom(_ context.Context, room protocol.RoomID) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = append(r.closed, room)
	return r.err
}

func (r *rooms) RoomChanged(_ context.Context, room store.Room) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.changed = append(r.changed, room)
	return r.err
}

func (r *rooms) enter(room protocol.RoomID, user, role string, permissions ...protocol.Permission) protocol.ParticipantID {
	r.mu.Lock()
	defer r.mu.Unlock()
	id := protocol.ParticipantID(fmt.Sprintf("00000000-0000-4000-8000-%012d", len(r.participants[room])))
	r.participants[room] = append(r.participants[room], protocol.Participant{ID: id, User: user, Role: role, Permissions: permissions})
	return id
}

// callers lets an address fail so often.
type callers struct {
	mu     sync.Mutex
	left   int
	secure bool
}

func (c *callers) Client(*http.Request) (netip.Addr, bool) {
	return netip.AddrFrom4([4]byte{192, 0, 2, 1}), c.secure
}

func (c *callers) Barred(netip.Addr) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.left <= 0 {
		return 1
	}
	return 0
}

func (c *callers) Failed(netip.Addr) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.left--
}

// world is a Nuve with a super service and two ordinary ones.
type world struct {
	t       *testing.T
	nuve    *Nuve
	handler http.Handler
	store   *store.Store
	rooms   *rooms
	callers *callers
	super   store.Service
	school  store.Service
	other   store.Service
	now     time.Time
	nonce   int
	log     bytes.Buffer
}

func newWorld(t *testing.T) *world {
	t.Helper()
	ctx := t.Context()
	s, err := store.Open(ctx, "sqlite::memory:")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	w := &world{
		t: t, store: s, now: time.UnixMilli(1_700_000_000_000).UTC(),
		rooms: &rooms{participants: map[protocol.RoomID][]protocol.Participant{}}, callers: &callers{left: 1_000_000},
	}
	s.Now = func() time.Time { return w.now }
	if w.super, _, err = s.EnsureSuperService(ctx, "", ""); err != nil {
		t.Fatal(err)
	}
	if w.school, err = s.CreateService(ctx, store.Service{Name: "school", Roles: map[string][]protocol.Permission{"pupil": {protocol.Subscribe}}}); err != nil {
		t.Fatal(err)
	}
	if w.other, err = s.CreateService(ctx, store.Service{Name: "other"}); err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(&w.log, nil))
	tokens, err := NewTokens(ctx, s, s.Now, log)
	if err != nil {
		t.Fatal(err)
	}
	w.nuve, err = NewNuve(NuveConfig{Store: s, Rooms: w.rooms, Callers: w.callers, Tokens: tokens, Now: s.Now, Log: log, MainPort: 8080})
	if err != nil {
		t.Fatal(err)
	}
	w.handler = w.nuve
	return w
}

// answer is what came back.
type answer struct {
	status int
	kind   string
	text   string
	header http.Header
}

func (a answer) String() string { return fmt.Sprintf("%d %s %s", a.status, a.kind, a.text) }

// sign makes a header that is good once.
func (w *world) sign(service store.Service, user ...string) mauth.Header {
	w.nonce++
	h := mauth.Header{
		Method: mauth.Method, Service: string(service.ID), Nonce: fmt.Sprint(w.nonce),
		Timestamp: fmt.Sprint(w.now.UnixMilli()),
	}
	if len(user) == 2 {
		h.Username, h.Role, h.HasUser = user[0], user[1], true
	}
	h.Signature = mauth.Sign([]byte(service.Key), h.StringToSign())
	return h
}

// send makes a request with an Authorization header, unless that is empty.
func (w *world) send(method, path, authorization, contentType, body string) answer {
	w.t.Helper()
	r := httptest.NewRequestWithContext(w.t.Context(), method, "http://licode.example.org:3000"+path, strings.NewReader(body))
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	recorder := httptest.NewRecorder()
	w.handler.ServeHTTP(recorder, r)
	response := recorder.Result()
	text, _ := io.ReadAll(response.Body)
	return answer{response.StatusCode, response.Header.Get("Content-Type"), string(text), response.Header}
}

// call makes a signed request with a JSON body, if there is one.
func (w *world) call(service store.Service, method, path, body string) answer {
	w.t.Helper()
	kind := ""
	if body != "" {
		kind = "application/json"
	}
	return w.send(method, path, w.sign(service).String(), kind, body)
}

// room makes a room and gives its id.
func (w *world) room(service store.Service, body string) string {
	w.t.Helper()
	got := w.call(service, "POST", "/rooms", body)
	var room struct {
		ID string `json:"_id"`
	}
	if err := json.Unmarshal([]byte(got.text), &room); err != nil || got.status != http.StatusOK || !protocol.RoomID(room.ID).Valid() {
		w.t.Fatalf("POST /rooms %s: %v", body, got)
	}
	return room.ID
}

const (
	textKind = "text/html; charset=utf-8"
	jsonKind = "application/json; charset=utf-8"
)

// expect holds an answer against a status and a text; a text that begins with {
// or [ or " is JSON.
func (w *world) expect(what string, got answer, status int, text string) {
	w.t.Helper()
	kind := textKind
	if strings.ContainsAny(text[:min(len(text), 1)], `{["`) && len(text) > 0 {
		kind = jsonKind
	}
	if got.status != status || got.text != text || got.kind != kind {
		w.t.Errorf("%s:\n got %v\nwant %d %s %s", what, got, status, kind, text)
	}
	if got.header.Get("Access-Control-Allow-Origin") != "*" || got.header.Get("Access-Control-Allow-Methods") != "POST, GET, OPTIONS, DELETE" ||
		got.header.Get("Access-Control-Allow-Headers") != "origin, authorization, content-type" {
		w.t.Errorf("%s: CORS headers %v", what, got.header)
	}
}
