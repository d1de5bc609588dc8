package licode

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tertulia-rtc/tertulia/licode/mauth"
	"github.com/tertulia-rtc/tertulia/protocol"
	"github.com/tertulia-rtc/tertulia/store"
)

func (w *world) token(room, user, role string) Fields {
	w.t.Helper()
	got := w.send("POST", "/rooms/"+room+"/tokens", w.sign(w.school, user, role).String(), "", "")
	text, err := base64.StdEncoding.DecodeString(got.text)
	if err != nil || got.status != http.StatusOK || got.kind != textKind {
		w.t.Fatal(got)
	}
	// Exactly these fields, in this order.
	if !regexp.MustCompile(`^\{"tokenId":"[0-9a-f]{24}","host":"[^"]+:\d+","secure":(true|false),"signature":"[A-Za-z0-9+/]{54}=="\}$`).Match(text) {
		w.t.Fatalf("the token is %s", text)
	}
	var f Fields
	if err := json.Unmarshal(text, &f); err != nil {
		w.t.Fatal(err)
	}
	return f
}

func TestATokenFromMakingToUse(t *testing.T) {
	w := newWorld(t)
	room := w.room(w.school, `{"name":"r"}`)
	redeem := func(f Fields) (store.LicodeToken, error) { return w.nuve.Tokens.Redeem(t.Context(), f) }
	f := w.token(room, "ana ñ=", "king")
	got, err := redeem(f)
	if err != nil {
		t.Fatal(err)
	}
	want := store.LicodeToken{
		ID: f.ID, Service: w.school.ID, Room: protocol.RoomID(room), Name: "ana ñ=", Role: "king",
		Host: "licode.example.org:3000", Created: w.now, Expires: w.now.Add(3 * time.Minute),
	}
	if got != want {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	refused := func(what string, f Fields, want Refusal) {
		t.Helper()
		if got, err := redeem(f); !errors.Is(err, want) || got != (store.LicodeToken{}) {
			t.Errorf("%s: %v %v, want %v", what, got, err, want)
		}
	}
	refused("a second time", f, ErrTokenGone)
	refused("nothing", Fields{}, ErrNoToken)

	// What is forged is not even looked up, and spends nothing.
	f = w.token(room, "ana", "viewer")
	for what, forge := range map[string]func(f *Fields){
		"no signature":                    func(f *Fields) { f.Signature = "" },
		"another host":                    func(f *Fields) { f.Host = "evil.example.org:8080" },
		"another id":                      func(f *Fields) { f.ID = "0123456789abcdef01234567" },
		"no id":                           func(f *Fields) { f.ID = "" },
		"signed by the service":           func(f *Fields) { f.Signature = mauth.Sign([]byte(w.school.Key), signedPart(f.ID, f.Host)) },
		"signed by the super service":     func(f *Fields) { f.Signature = mauth.Sign([]byte(w.super.Key), signedPart(f.ID, f.Host)) },
		"signed with nothing":             func(f *Fields) { f.Signature = mauth.Sign(nil, signedPart(f.ID, f.Host)) },
		"a comma that moves the boundary": func(f *Fields) { f.ID, f.Host = f.ID+",x", f.Host[1:] },
	} {
		forged := f
		forge(&forged)
		refused(what, forged, ErrSignature)
	}
	// A signature that is good for a host that the record does not have.
	moved := f
	moved.Host = "other.example.org:8080"
	moved.Signature = mauth.Sign(w.nuve.Tokens.secret, signedPart(moved.ID, moved.Host))
	refused("another host, signed", moved, ErrHost)

	f = w.token(room, "ana", "viewer")
	f.Secure = true // not signed, and not looked at
	w.now = w.now.Add(3*time.Minute - time.Millisecond)
	if _, err := redeem(f); err != nil {
		t.Error("in the last moment:", err)
	}
	f = w.token(room, "ana", "viewer")
	w.now = w.now.Add(3 * time.Minute)
	refused("too late", f, ErrTokenGone)

	f = w.token(room, "ana", "viewer")
	w.expect("delete", w.call(w.school, "DELETE", "/rooms/"+room, ""), 200, "Room deleted")
	refused("the room was deleted", f, ErrTokenGone)

	room = w.room(w.school, `{"name":"r"}`)
	f = w.token(room, "ana", "viewer")
	_ = w.store.Close()
	if _, err := redeem(f); !errors.Is(err, ErrUnavailable) && !errors.Is(err, ErrInternal) {
		t.Error("the store is closed:", err)
	}
}

func TestOfManyWithOneTokenOneComesIn(t *testing.T) {
	w := newWorld(t)
	f := w.token(w.room(w.school, `{"name":"r"}`), "ana", "presenter")
	var in atomic.Int32
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			if _, err := w.nuve.Tokens.Redeem(t.Context(), f); err == nil {
				in.Add(1)
			}
		})
	}
	all.Wait()
	if in.Load() != 1 {
		t.Errorf("%d came in", in.Load())
	}
}

func TestWhoATokenIsFor(t *testing.T) {
	w := newWorld(t)
	room := w.room(w.school, `{"name":"r"}`)
	path := "/rooms/" + room + "/tokens"
	const who = "Name and role?"
	w.expect("nobody", w.send("POST", path, w.sign(w.school).String(), "", ""), 401, who)
	for what, user := range map[string][]string{
		"an empty name": {"", "presenter"}, "an empty role": {"ana", ""}, "a long name": {strings.Repeat("x", 129), "viewer"}, "a long role": {"ana", strings.Repeat("x", 33)},
	} {
		w.expect(what, w.send("POST", path, w.sign(w.school, user...).String(), "", ""), 401, who)
	}
	// A comma ends the name, so what was signed is another one.
	w.expect("a comma", w.send("POST", path, w.sign(w.school, "a,b", "viewer").String(), "", ""), 401, challenge)
	w.expect("an absent room comes first", w.send("POST", nowhere+"/tokens", w.sign(w.school).String(), "", ""), 404, "Room does not exist")
	// nuve.py sends a body, which counts for nothing.
	if got := w.send("POST", path+"/", w.sign(w.school, "ana", "viewer").String(), "application/json", "{}"); got.status != http.StatusOK {
		t.Error(got)
	}
	// Node sends ISO 8859-1, whatever was signed.
	for _, signed := range []string{"gro\xdf", "groß"} {
		h := w.sign(w.school, signed, "viewer")
		h.Username = "gro\xdf"
		got := w.send("POST", path, h.String(), "", "")
		text, _ := base64.StdEncoding.DecodeString(got.text)
		var f Fields
		_ = json.Unmarshal(text, &f)
		if token, err := w.nuve.Tokens.Redeem(t.Context(), f); err != nil || token.Name != "groß" {
			t.Errorf("%q: %v %v %v", signed, got, token, err)
		}
	}
}

func TestWhereATokenLeads(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		name, host, public, request string
		own, tls, mainTLS, proxied  bool
		want                        string
		secure                      bool
	}{
		{name: "where the request went", request: "Meet.Example.org:8080", want: "meet.example.org:8080"},
		{name: "without a port, as nuve.js writes it", request: "meet.example.org", want: "meet.example.org:8080"},
		{name: "by TLS", request: "meet.example.org", tls: true, want: "meet.example.org:8080", secure: true},
		{name: "by a proxy", request: "meet.example.org", proxied: true, want: "meet.example.org:80"},
		{name: "by TLS to a proxy", request: "meet.example.org", proxied: true, tls: true, want: "meet.example.org:443", secure: true},
		{name: "an address", request: "[2001:db8::1]:8080", want: "[2001:db8::1]:8080"},
		{name: "an address without a port", request: "[2001:db8::1]", want: "[2001:db8::1]:8080"},
		{name: "no host", request: "", want: "localhost:8080"},
		{name: "from Nuve's own port to the main one", request: "meet.example.org:3000", own: true, want: "meet.example.org:8080"},
		{name: "which speaks TLS", request: "meet.example.org:3000", own: true, mainTLS: true, want: "meet.example.org:8080", secure: true},
		{name: "the public URL", request: "10.0.0.1:3000", own: true, public: "https://meet.example.org", want: "meet.example.org:443", secure: true},
		{name: "the public URL with a port", request: "10.0.0.1:8080", tls: true, public: "http://meet.example.org:81/", want: "meet.example.org:81"},
		{name: "what is set", host: "sig.example.org:444", request: "10.0.0.1:8080", public: "https://meet.example.org", want: "sig.example.org:444", secure: true},
		{name: "what is set, without a public URL", host: "sig.example.org:444", request: "10.0.0.1:8080", want: "sig.example.org:444"},
	} {
		config := w.nuve.NuveConfig
		config.Host, config.PublicURL, config.MainTLS, config.Proxied, config.Callers = c.host, c.public, c.mainTLS, c.proxied, &callers{left: 1, secure: c.tls}
		n, err := NewNuve(config)
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequestWithContext(t.Context(), "POST", "http://x/", nil)
		r.Host = c.request
		if c.proxied {
			r.Header.Set("X-Forwarded-For", "203.0.113.9")
		}
		if c.own {
			r = r.WithContext(context.WithValue(r.Context(), ownPort{}, true))
		}
		if host, secure := n.where(r); host != c.want || secure != c.secure {
			t.Errorf("%s: %s %v, want %s %v", c.name, host, secure, c.want, c.secure)
		}
	}
	// By the port of its own, through the whole.
	w.handler = w.nuve.OwnPort()
	if f := w.token(w.room(w.school, `{"name":"r"}`), "ana", "viewer"); f.Host != "licode.example.org:8080" {
		t.Error(f.Host)
	}
}
