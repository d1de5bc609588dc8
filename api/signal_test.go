package api

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/tertulia-rtc/tertulia/protocol"
)

// echo sends back each message, and closes at "bye".
func echo(ctx context.Context, conn *Conn) error {
	conn.Opened()
	for {
		b, err := conn.Read(ctx)
		if err != nil {
			return err
		}
		if string(b) == "bye" {
			return conn.Close(4401, strings.Repeat("é", 100))
		}
		if string(b) == "who" {
			b = []byte(conn.RemoteAddr())
		}
		if err := conn.Write(ctx, b); err != nil {
			return err
		}
	}
}

func serve(t *testing.T, change func(*Config)) (*door, string) {
	d := open(t, func(c *Config) {
		c.Signal = echo
		if change != nil {
			change(c)
		}
	})
	server := httptest.NewServer(d.server)
	t.Cleanup(server.Close)
	return d, server.URL
}

// dial opens a socket, and gives the status of the answer.
func dial(t *testing.T, url, origin string) (conn *websocket.Conn, status int, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	t.Cleanup(cancel)
	options := &websocket.DialOptions{}
	if origin != "" {
		options.HTTPHeader = http.Header{"Origin": {origin}}
	}
	conn, response, err := websocket.Dial(ctx, url+"/v1/signal", options) //nolint:bodyclose // Dial leaves no body to be closed, and says so
	if err == nil {
		t.Cleanup(func() { _ = conn.CloseNow() })
		conn.SetReadLimit(1 << 20)
	}
	if response != nil {
		status = response.StatusCode
	}
	return conn, status, err
}

func TestSignal(t *testing.T) {
	_, url := serve(t, nil)
	conn, _, err := dial(t, url, "https://anywhere.example")
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	for _, message := range []string{`{"ack":1}`, strings.Repeat("x", protocol.MaxFrame)} {
		if err := conn.Write(ctx, websocket.MessageText, []byte(message)); err != nil {
			t.Fatal(err)
		}
		if _, b, err := conn.Read(ctx); err != nil || string(b) != message {
			t.Fatal(len(b), err)
		}
	}
	_ = conn.Write(ctx, websocket.MessageText, []byte("who"))
	if _, b, err := conn.Read(ctx); err != nil || string(b) != "127.0.0.1" {
		t.Fatal(string(b), err)
	}
	_ = conn.Write(ctx, websocket.MessageText, []byte("bye"))
	_, _, err = conn.Read(ctx)
	var closed websocket.CloseError
	if !errors.As(err, &closed) || closed.Code != 4401 || closed.Reason != strings.Repeat("é", 61) {
		t.Fatal(err)
	}
}

func TestSignalRefusesFrames(t *testing.T) {
	_, url := serve(t, nil)
	for _, c := range []struct {
		kind websocket.MessageType
		size int
		code websocket.StatusCode
	}{
		{websocket.MessageBinary, 10, websocket.StatusUnsupportedData},
		{websocket.MessageText, protocol.MaxFrame + 1, websocket.StatusMessageTooBig},
	} {
		conn, _, err := dial(t, url, "")
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.Write(t.Context(), c.kind, bytes.Repeat([]byte("x"), c.size))
		if _, _, err := conn.Read(t.Context()); websocket.CloseStatus(err) != c.code {
			t.Errorf("%v of %d bytes: %v, want %d", c.kind, c.size, err, c.code)
		}
	}
}

func TestOrigins(t *testing.T) {
	d, url := serve(t, func(c *Config) { c.AllowOrigins = []string{"*.example.org", "https://app.test"} })
	for origin, want := range map[string]bool{
		"":                                true,
		"https://meet.example.org":        true,
		"http://MEET.Example.org":         true,
		"https://example.org":             false,
		"https://evil.test":               false,
		"https://app.test":                true,
		"http://app.test":                 false,
		"https://meet.example.org.evil.x": false,
		"null":                            false,
		"://":                             false,
		url:                               true, // the server's own pages
	} {
		_, status, err := dial(t, url, origin)
		if (err == nil) != want {
			t.Errorf("a socket from %q: %v", origin, err)
		}
		if err != nil && status != http.StatusForbidden {
			t.Errorf("a socket from %q: status %d", origin, status)
		}
		r := request("GET", "/healthz", nil)
		if origin == "" || origin == url {
			continue
		}
		r.Header.Set("Origin", origin)
		if w := d.raw(r); (w.Header().Get("Access-Control-Allow-Origin") == origin) != want || w.Header().Get("Vary") != "Origin" {
			t.Errorf("a request from %q: %v", origin, w.Header())
		}
	}
}

func TestAcrossOrigins(t *testing.T) {
	d := open(t, nil)
	r := request("OPTIONS", "/v1/meet/lunch/tokens", nil)
	r.Header.Set("Origin", "https://anywhere.example")
	r.Header.Set("Access-Control-Request-Method", "POST")
	w := d.raw(r)
	h := w.Header()
	if w.Code != 204 || h.Get("Access-Control-Allow-Origin") != "*" || !strings.Contains(h.Get("Access-Control-Allow-Headers"), "Authorization") ||
		!strings.Contains(h.Get("Access-Control-Allow-Methods"), "PATCH") || h.Get("Access-Control-Allow-Credentials") != "" {
		t.Error(w.Code, h)
	}
	if w := d.raw(guest("lunch", "Ana")); w.Header().Get("Access-Control-Allow-Origin") != "*" || w.Header().Get("Cache-Control") != "no-store" {
		t.Error(w.Header())
	}
}

func TestSignalIsAWebSocket(t *testing.T) {
	d := open(t, nil)
	d.refuse(request("GET", "/v1/signal", nil), 426, "WebSocket")
	r := request("GET", "/v1/signal", nil)
	r.Header.Set("Upgrade", "websocket") // and nothing else that an opening needs
	if w := d.raw(r); w.Code < 400 {
		t.Error(w.Code)
	}
}

// TestCutBody: a client that breaks off in its body leaves the server as it was.
func TestCutBody(t *testing.T) {
	d, url := serve(t, nil)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/v1/rooms", errReader{})
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	d.as(d.school, r)
	if response, err := http.DefaultClient.Do(r); err == nil {
		_ = response.Body.Close()
		if response.StatusCode != http.StatusBadRequest {
			t.Error(response.Status)
		}
	}
	d.send(d.as(d.school, request("GET", "/v1/rooms", nil)), 200)
}

// errReader breaks off.
type errReader struct{}

func (errReader) Read([]byte) (int, error) { return 0, errors.New("cut") }

// Sockets on which nobody joins are bounded, by address and in all; those on
// which somebody has joined are not.
func TestTheDoorstepIsBounded(t *testing.T) {
	joined := make(chan struct{})
	d, url := serve(t, func(c *Config) {
		c.Signal = func(ctx context.Context, conn *Conn) error {
			b, err := conn.Read(ctx)
			if err == nil && string(b) == "join" {
				conn.Opened()
				joined <- struct{}{}
				_, err = conn.Read(ctx)
			}
			return err
		}
	})
	guest, _, err := dial(t, url, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := guest.Write(t.Context(), websocket.MessageText, []byte("join")); err != nil {
		t.Fatal(err)
	}
	<-joined
	var leaves []func()
	for range maxOnDoorstepEach {
		leave, ok := d.server.doorstep.step(netip.MustParseAddr("127.0.0.1"))
		if !ok {
			t.Fatalf("%d sockets could wait", len(leaves))
		}
		leaves = append(leaves, leave)
	}
	if _, status, err := dial(t, url, ""); err == nil || status != http.StatusServiceUnavailable {
		t.Errorf("one too many got %d %v", status, err)
	}
	leaves[0]()
	leaves[0]()
	patient, _, err := dial(t, url, "")
	if err != nil {
		t.Fatal("after one has left:", err)
	}
	for i := range maxOnDoorstep {
		leave, ok := d.server.doorstep.step(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}))
		if !ok {
			break
		}
		leaves = append(leaves, leave)
	}
	if _, ok := d.server.doorstep.step(netip.MustParseAddr("2001:db8::1")); ok {
		t.Error("more wait than there may be in all")
	}
	if err := patient.Write(t.Context(), websocket.MessageText, bytes.Repeat([]byte("x"), maxOpening+1)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := patient.Read(t.Context()); websocket.CloseStatus(err) != websocket.StatusMessageTooBig {
		t.Errorf("an opening frame that is too large: %v", err)
	}
	_ = guest.CloseNow()
	for _, leave := range leaves {
		leave()
	}
	deadline := time.Now().Add(5 * time.Second)
	for {
		d.server.doorstep.mu.Lock()
		all, from := d.server.doorstep.all, len(d.server.doorstep.from)
		d.server.doorstep.mu.Unlock()
		if all == 0 && from == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d sockets of %d addresses are left on the doorstep", all, from)
		}
		time.Sleep(5 * time.Millisecond)
	}
}
