package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/tertulia-rtc/tertulia/auth"
	"github.com/tertulia-rtc/tertulia/protocol"
)

const (
	asServer = "RUN_THE_SERVER_INSTEAD_OF_ITS_TESTS"
	testID   = protocol.ServiceID("0123456789abcdef01234567")
	testKey  = "a key that only this test knows"
)

// TestMain lets the test binary be the server too, so that exit codes and
// signals are those of a real process.
func TestMain(m *testing.M) {
	if os.Getenv(asServer) != "" {
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// process is a server of its own.
type process struct {
	t    *testing.T
	cmd  *exec.Cmd
	data string
	url  string
	out  bytes.Buffer
}

func command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), asServer+"=1")
	return cmd
}

func launch(t *testing.T, data string, more ...string) *process {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close()
	p := &process{t: t, data: data, url: "http://" + address}
	p.cmd = command(t, append([]string{
		"--data", data, "--http", address, "--udp", "127.0.0.1:0", "--tcp", "127.0.0.1:0", "--shards", "1",
		"--superservice-id", string(testID), "--superservice-key", testKey, "--log-level", "debug",
	}, more...)...)
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.out
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.cmd.Process.Kill() })
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if response, err := http.Get(p.url + "/healthz"); err == nil {
			_ = response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return p
			}
		}
		if time.Now().After(end) {
			t.Fatal("the server did not start")
		}
	}
}

// end ends the server as a supervisor does, and gives what it wrote.
func (p *process) end() string {
	p.t.Helper()
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	if err := p.cmd.Wait(); err != nil {
		p.t.Errorf("after SIGTERM: %v\n%s", err, p.out.String())
	}
	return p.out.String()
}

// call makes a request and gives its status and its body.
func (p *process) call(method, path, authorization, body string) (int, map[string]any) {
	p.t.Helper()
	request, err := http.NewRequestWithContext(p.t.Context(), method, p.url+path, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	if authorization != "" {
		request.Header.Set("Authorization", authorization)
	}
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		p.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, _ := io.ReadAll(response.Body)
	var value map[string]any
	if json.Unmarshal(text, &value) != nil && len(text) > 0 || response.StatusCode >= 400 && response.Header.Get("Content-Type") != "application/problem+json" {
		p.t.Errorf("%s %s: %d %s %q", method, path, response.StatusCode, response.Header.Get("Content-Type"), text)
	}
	return response.StatusCode, value
}

func basic(id protocol.ServiceID, key string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(string(id)+":"+key))
}

func (p *process) room(id protocol.ServiceID, key, name string) protocol.RoomID {
	p.t.Helper()
	status, room := p.call("POST", "/v1/rooms", basic(id, key), fmt.Sprintf(`{"name":%q,"getOrCreate":true}`, name))
	if status >= 300 {
		p.t.Fatal(status, room)
	}
	return protocol.RoomID(room["id"].(string))
}

// claims are those of a good join token.
func claims(room protocol.RoomID, change map[string]any) map[string]any {
	now := time.Now().Unix()
	c := map[string]any{"iss": testID, "aud": "tertulia:join", "jti": protocol.NewHexID(), "iat": now, "exp": now + 300, "room": room, "user": "Ana", "role": "presenter"}
	for k, v := range change {
		c[k] = v
	}
	return c
}

func signed(header, key string, claims map[string]any) string {
	body, _ := json.Marshal(claims)
	text := base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString(body)
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(text))
	return text + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

const hs256 = `{"alg":"HS256","typ":"JWT"}`

// dial opens a signalling socket.
func (p *process) dial() *websocket.Conn {
	p.t.Helper()
	conn, _, err := websocket.Dial(p.t.Context(), p.url+"/v1/signal", nil) //nolint:bodyclose // Dial leaves no body to be closed
	if err != nil {
		p.t.Fatal(err)
	}
	conn.SetReadLimit(1 << 20)
	p.t.Cleanup(func() { _ = conn.CloseNow() })
	return conn
}

func say(t *testing.T, conn *websocket.Conn, kind websocket.MessageType, text string) {
	t.Helper()
	if err := conn.Write(t.Context(), kind, []byte(text)); err != nil {
		t.Fatal(err)
	}
}

func hear(conn *websocket.Conn) (protocol.Frame, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	_, text, err := conn.Read(ctx)
	if err != nil {
		return protocol.Frame{}, err
	}
	var f protocol.Frame
	return f, json.Unmarshal(text, &f)
}

// closing reads until the socket closes.
func closing(conn *websocket.Conn) websocket.StatusCode {
	for {
		if _, err := hear(conn); err != nil {
			return websocket.CloseStatus(err)
		}
	}
}

// knock opens a session, or not.
func (p *process) knock(typ string, data any) (*websocket.Conn, protocol.Frame) {
	p.t.Helper()
	body, _ := json.Marshal(data)
	conn := p.dial()
	say(p.t, conn, websocket.MessageText, fmt.Sprintf(`{"type":%q,"data":%s}`, typ, body))
	f, err := hear(conn)
	if err != nil {
		p.t.Fatal(err)
	}
	return conn, f
}

func (p *process) join(token string) (*websocket.Conn, protocol.Frame) {
	p.t.Helper()
	return p.knock(protocol.TypeJoin, protocol.Join{Protocol: 1, Token: token})
}

func (p *process) mustJoin(token string) (*websocket.Conn, protocol.Joined) {
	p.t.Helper()
	conn, f := p.join(token)
	var j protocol.Joined
	if f.Type != protocol.TypeJoined || json.Unmarshal(f.Data, &j) != nil {
		p.t.Fatalf("not joined but %s %s", f.Type, f.Data)
	}
	return conn, j
}

func refusedWith(f protocol.Frame) protocol.Code {
	var e protocol.Error
	if f.Type != protocol.TypeRefused || json.Unmarshal(f.Data, &e) != nil || e.Message == "" {
		return ""
	}
	return e.Code
}

// The doors: of rooms, and of the API. Each token opens its own once, also
// when fifty come with it at the same time, and also after a restart.
func TestTheDoors(t *testing.T) {
	data := t.TempDir()
	p := launch(t, data)
	room := p.room(testID, testKey, "hall")
	_, other := p.call("POST", "/v1/services", basic(testID, testKey), `{"name":"other"}`)
	otherID, otherKey := protocol.ServiceID(other["id"].(string)), other["key"].(string)
	foreign := p.room(otherID, otherKey, "theirs")
	api, err := auth.SignAPI([]byte(testKey), auth.APIClaims{Service: testID}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().Unix()
	for name, c := range map[string]struct {
		token string
		want  protocol.Code
	}{
		"an api token":                {api, protocol.CodeUnauthorized},
		"nothing":                     {"", protocol.CodeUnauthorized},
		"a word":                      {"please", protocol.CodeUnauthorized},
		"a huge one":                  {strings.Repeat("x", 9000), protocol.CodeUnauthorized},
		"expired":                     {signed(hs256, testKey, claims(room, map[string]any{"iat": now - 600, "exp": now - 300})), protocol.CodeUnauthorized},
		"from the future":             {signed(hs256, testKey, claims(room, map[string]any{"iat": now + 600, "exp": now + 900})), protocol.CodeUnauthorized},
		"too long a life":             {signed(hs256, testKey, claims(room, map[string]any{"exp": now + 90_000})), protocol.CodeUnauthorized},
		"alg none":                    {signed(`{"alg":"none"}`, testKey, claims(room, nil)), protocol.CodeUnauthorized},
		"alg HS512":                   {signed(`{"alg":"HS512"}`, testKey, claims(room, nil)), protocol.CodeUnauthorized},
		"another key":                 {signed(hs256, "a guess", claims(room, nil)), protocol.CodeUnauthorized},
		"another service's key":       {signed(hs256, otherKey, claims(room, nil)), protocol.CodeUnauthorized},
		"another aud":                 {signed(hs256, testKey, claims(room, map[string]any{"aud": "tertulia:resume"})), protocol.CodeUnauthorized},
		"two auds":                    {signed(hs256, testKey, claims(room, map[string]any{"aud": []string{"tertulia:join", "tertulia:api"}})), protocol.CodeUnauthorized},
		"a service that is not there": {signed(hs256, testKey, claims(room, map[string]any{"iss": "ffffffffffffffffffffffff"})), protocol.CodeUnauthorized},
		"another service's room":      {signed(hs256, testKey, claims(foreign, nil)), protocol.CodeNotFound},
		"a room that is not there":    {signed(hs256, testKey, claims("ffffffffffffffffffffffff", nil)), protocol.CodeNotFound},
		"a role that is not there":    {signed(hs256, testKey, claims(room, map[string]any{"role": "king"})), protocol.CodeForbidden},
	} {
		conn, f := p.join(c.token)
		if code := refusedWith(f); code != c.want {
			t.Errorf("%s: %s %s, want %s", name, f.Type, f.Data, c.want)
		}
		if code := closing(conn); code != protocol.CloseRefused {
			t.Errorf("%s: closed with %d", name, code)
		}
	}

	join := signed(hs256, testKey, claims(room, nil))
	for _, c := range []struct{ method, path string }{
		{"GET", "/v1/services"}, {"GET", "/v1/rooms"}, {"POST", "/v1/rooms"}, {"GET", "/v1/rooms/" + string(room)}, {"DELETE", "/v1/rooms/" + string(room)},
		{"GET", "/v1/rooms/" + string(room) + "/participants"}, {"GET", "/v1/rooms/" + string(room) + "/streams"}, {"POST", "/v1/rooms/" + string(room) + "/tokens"},
	} {
		body := ""
		if c.method == "POST" {
			body = `{}`
		}
		for _, token := range []string{join, join + "x", signed(`{"alg":"none"}`, "", claims(room, map[string]any{"aud": "tertulia:api"}))} {
			if status, problem := p.call(c.method, c.path, "Bearer "+token, body); status != http.StatusUnauthorized {
				t.Errorf("%s %s: %d %v", c.method, c.path, status, problem)
			}
		}
	}
	for _, path := range []string{"", "/participants", "/streams", "/users"} {
		theirs, problem := p.call("GET", "/v1/rooms/"+string(foreign)+path, "Bearer "+api, "")
		none, same := p.call("GET", "/v1/rooms/ffffffffffffffffffffffff"+path, "Bearer "+api, "")
		if theirs != http.StatusNotFound || none != http.StatusNotFound ||
			strings.ReplaceAll(fmt.Sprint(problem), string(foreign), "X") != strings.ReplaceAll(fmt.Sprint(same), "ffffffffffffffffffffffff", "X") {
			t.Errorf("another service's room can be told from none: %d %v, %d %v", theirs, problem, none, same)
		}
	}

	// The same token fifty times at once.
	var entered, refused sync.Map
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() {
			_, f := p.join(join)
			if f.Type == protocol.TypeJoined {
				entered.Store(i, true)
			} else if refusedWith(f) == protocol.CodeUnauthorized {
				refused.Store(i, true)
			}
		})
	}
	all.Wait()
	count := func(m *sync.Map) (n int) { m.Range(func(any, any) bool { n++; return true }); return n }
	if count(&entered) != 1 || count(&refused) != 49 {
		t.Errorf("of fifty with one token %d got in, %d were refused", count(&entered), count(&refused))
	}

	// One is kicked, one stays.
	_, stays := p.mustJoin(signed(hs256, testKey, claims(room, nil)))
	kicked, gone := p.mustJoin(signed(hs256, testKey, claims(room, nil)))
	if status, problem := p.call("DELETE", "/v1/rooms/"+string(room)+"/participants/"+string(gone.Participant.ID), "Bearer "+api, ""); status != http.StatusNoContent {
		t.Fatal(status, problem)
	}
	if code := closing(kicked); code != protocol.CloseEnded {
		t.Errorf("the one who was kicked: closed with %d", code)
	}
	again := func(when string) {
		t.Helper()
		for name, token := range map[string]string{"kicked": gone.Resume, "a join token": join, "tampered": stays.Resume[:len(stays.Resume)-3] + "abc"} {
			if _, f := p.knock(protocol.TypeResume, protocol.Resume{Token: token}); refusedWith(f) != protocol.CodeResume {
				t.Errorf("%s, resume of %s: %s %s", when, name, f.Type, f.Data)
			}
		}
		for name, token := range map[string]string{"used": join, "a resume token": stays.Resume} {
			if _, f := p.join(token); refusedWith(f) != protocol.CodeUnauthorized {
				t.Errorf("%s, join with %s: %s %s", when, name, f.Type, f.Data)
			}
		}
	}
	again("before the restart")
	logged := p.end()
	p = launch(t, data)
	again("after the restart")
	if _, f := p.knock(protocol.TypeResume, protocol.Resume{Token: stays.Resume}); f.Type != protocol.TypeResynced {
		t.Errorf("who stayed got %s %s", f.Type, f.Data)
	}
	if _, f := p.knock(protocol.TypeResume, protocol.Resume{Token: stays.Resume}); refusedWith(f) != protocol.CodeResume && f.Type != protocol.TypeResynced {
		t.Errorf("the same again got %s %s", f.Type, f.Data)
	}
	_, welcome, _ := strings.Cut(logged, "Ctrl-C ends it.")
	for name, secret := range map[string]string{"a key": testKey, "another key": otherKey, "a join token": join, "an api token": api, "a resume token": stays.Resume} {
		if strings.Contains(welcome, secret) {
			t.Errorf("%s is in the log", name)
		}
	}
}

// What is malformed or too large is answered clearly, and the server goes on.
func TestWhatIsMalformed(t *testing.T) {
	p := launch(t, t.TempDir())
	room := p.room(testID, testKey, "hall")
	raw := func(text string) string {
		conn, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		_ = conn.SetDeadline(time.Now().Add(15 * time.Second))
		go func() { _, _ = io.WriteString(conn, text) }()
		line, _ := bufio.NewReader(conn).ReadString('\n')
		return strings.TrimSpace(line)
	}
	for text, want := range map[string]string{
		"nonsense\r\n\r\n":                             "HTTP/1.1 400",
		"GET / HTTP/1.1\r\n\r\n":                       "HTTP/1.1 400", // no Host
		"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n": "HTTP/1.1 400",
		"GET / HTTP/1.1\r\nHost: a/../<x>\r\n\r\n":     "HTTP/1.1 400",
		"GET / HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("x", 100_000) + "\r\n\r\n":                                                                 "HTTP/1.1 431",
		"POST /v1/rooms HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n":                                       "HTTP/1.1 401",
		"GET /m/..%2f..%2fv1 HTTP/1.1\r\nHost: a\r\n\r\n":                                                                                              "HTTP/1.1 200", // a room of that name, which the page refuses
		"GET /m/../../../etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n":                                                                                       "HTTP/1.1 30",
		"GET /v1/signal HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 99\r\nSec-WebSocket-Key: x\r\n\r\n": "HTTP/1.1 400",
	} {
		if line := raw(text); !strings.HasPrefix(line, want) {
			t.Errorf("%.60q: %q, want %s", text, line, want)
		}
	}
	for body, want := range map[string]int{
		`{"name":"` + strings.Repeat("x", 70_000) + `"}`: http.StatusRequestEntityTooLarge,
		`{`:                         http.StatusBadRequest,
		`[]`:                        http.StatusUnprocessableEntity,
		`{"name":7}`:                http.StatusUnprocessableEntity,
		`{"name":"x","more":1}`:     http.StatusUnprocessableEntity,
		strings.Repeat("[", 20_000): http.StatusBadRequest,
	} {
		if status, problem := p.call("POST", "/v1/rooms", basic(testID, testKey), body); status != want || problem["detail"] == "" {
			t.Errorf("%.30s: %d %v, want %d", body, status, problem, want)
		}
	}
	for name, c := range map[string]struct {
		kind websocket.MessageType
		text string
		want websocket.StatusCode
	}{
		"binary":     {websocket.MessageBinary, `{"type":"join"}`, websocket.StatusUnsupportedData},
		"too large":  {websocket.MessageText, strings.Repeat("x", 70_000), websocket.StatusMessageTooBig},
		"no JSON":    {websocket.MessageText, "hello", protocol.CloseBadRequest},
		"deep JSON":  {websocket.MessageText, strings.Repeat(`{"a":`, 12_000), protocol.CloseBadRequest},
		"no opening": {websocket.MessageText, `{"seq":1,"type":"leave"}`, protocol.CloseBadRequest},
	} {
		conn := p.dial()
		say(t, conn, c.kind, c.text)
		if code := closing(conn); code != c.want {
			t.Errorf("an opening that is %s: closed with %d, want %d", name, code, c.want)
		}
	}
	for name, c := range map[string]struct {
		texts []string
		want  websocket.StatusCode
	}{
		"nonsense, again and again": {[]string{"a", "b", "[]", "null", "\xff"}, protocol.CloseBadRequest},
		"a gap in the numbers":      {[]string{`{"seq":7,"type":"leave"}`}, protocol.CloseBadRequest},
		"a false acknowledgement":   {[]string{`{"ack":999}`}, protocol.CloseBadRequest},
		"too large":                 {[]string{strings.Repeat(" ", protocol.MaxFrame+1)}, websocket.StatusMessageTooBig},
		"a flood":                   {slicesOf(3000, `{"ack":0}`), protocol.CloseTooFast},
	} {
		conn, _ := p.mustJoin(signed(hs256, testKey, claims(room, nil)))
		for _, text := range c.texts {
			if conn.Write(t.Context(), websocket.MessageText, []byte(text)) != nil {
				break
			}
		}
		if code := closing(conn); code != c.want {
			t.Errorf("%s: closed with %d, want %d", name, code, c.want)
		}
	}
	// Sockets that never say anything are bounded: 256 of one address.
	silent, refused := 0, 0
	for range 300 {
		conn, response, err := websocket.Dial(t.Context(), p.url+"/v1/signal", nil) //nolint:bodyclose // Dial leaves no body to be closed
		switch {
		case err == nil:
			silent++
			defer func() { _ = conn.CloseNow() }()
		case response != nil && response.StatusCode == http.StatusServiceUnavailable:
			refused++
		default:
			t.Fatal(err)
		}
	}
	if silent > 256 || refused < 44 {
		t.Errorf("of 300 silent sockets %d were taken and %d refused", silent, refused)
	}
	if status, _ := p.call("GET", "/healthz", "", ""); status != http.StatusOK {
		t.Errorf("after all that: %d", status)
	}
	began := time.Now()
	if out := p.end(); strings.Contains(out, "panic") {
		t.Error(out)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("the end took %v", took)
	}
}

func slicesOf(n int, s string) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = s
	}
	return all
}

// Who is in a room when the server ends is told to come back, and the server
// ends well.
func TestTheEnd(t *testing.T) {
	p := launch(t, t.TempDir())
	room := p.room(testID, testKey, "hall")
	var people []*websocket.Conn
	for range 3 {
		conn, _ := p.mustJoin(signed(hs256, testKey, claims(room, nil)))
		people = append(people, conn)
	}
	var codes sync.WaitGroup
	for _, conn := range people {
		codes.Go(func() {
			if code := closing(conn); code != protocol.CloseComeBack {
				t.Errorf("closed with %d", code)
			}
		})
	}
	began := time.Now()
	p.end()
	codes.Wait()
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("the end took %v", took)
	}
}

// A server that cannot start says why in one line, and ends with 1.
func TestItCannotStart(t *testing.T) {
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tcp.Close() }()
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = udp.Close() }()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	cases := map[string][]string{
		"in use: another":                        {"--http", tcp.Addr().String()},
		"choose another port with --udp":         {"--udp", udp.LocalAddr().String()},
		"choose another port with --tcp":         {"--tcp", tcp.Addr().String()},
		"choose another with --udp":              {"--udp", "192.0.2.1:7882"},
		"leave one of them on":                   {"--udp", "off", "--tcp", "off"},
		"is a file, not a folder":                {"--data", filepath.Join(file, "data")},
		"must have 24":                           {"--superservice-id", "x"},
		"choose another port with --licode-http": {"--licode-http", tcp.Addr().String()},
		"must be host:port":                      {"--licode-host", "meet.example.org"},
	}
	if os.Getuid() != 0 {
		locked := t.TempDir()
		if err := os.Chmod(locked, 0o500); err != nil {
			t.Fatal(err)
		}
		cases["permission denied"] = []string{"--data", locked}
	} else if full := t.TempDir(); syscall.Mount("tmpfs", full, "tmpfs", 0, "size=64k") == nil {
		defer func() { _ = syscall.Unmount(full, syscall.MNT_DETACH) }()
		_ = os.WriteFile(filepath.Join(full, "ballast"), make([]byte, 48<<10), 0o600) // as much of it as fits
		cases["the disk is full"] = []string{"--data", full}
		if locked := t.TempDir(); syscall.Mount("tmpfs", locked, "tmpfs", syscall.MS_RDONLY, "") == nil {
			defer func() { _ = syscall.Unmount(locked, syscall.MNT_DETACH) }()
			cases["read-only"] = []string{"--data", locked}
		}
	} else {
		t.Log("no tmpfs here: a full and a read-only disk are not tried")
	}
	for want, args := range cases {
		all := []string{"--shards", "1"}
		for _, setting := range [][2]string{{"--data", filepath.Join(t.TempDir(), "data")}, {"--http", "127.0.0.1:0"}, {"--udp", "127.0.0.1:0"}, {"--tcp", "127.0.0.1:0"}} {
			if setting[0] != args[0] {
				all = append(all, setting[0], setting[1])
			}
		}
		cmd := command(t, append(all, args...)...)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		timer := time.AfterFunc(10*time.Second, func() { _ = cmd.Process.Kill() })
		err := cmd.Run()
		timer.Stop()
		var exit *exec.ExitError
		text := strings.TrimSpace(stderr.String())
		said := false
		for part := range strings.SplitSeq(want, "|") {
			said = said || strings.Contains(text, part)
		}
		if !errors.As(err, &exit) || exit.ExitCode() != 1 || !said || strings.Count(text, "\n") > 0 {
			t.Errorf("%v: %v, %q; want one line with %q", args, err, text, want)
		}
	}
}
