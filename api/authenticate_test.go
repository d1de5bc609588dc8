package api

import (
	"crypto/tls"
	"encoding/base64"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/tertulia-rtc/tertulia/auth"
	"github.com/tertulia-rtc/tertulia/protocol"
	"github.com/tertulia-rtc/tertulia/store"
)

// TestTokensInTheirPlace: on /v1, an api token signed by a service's key, and
// nothing else.
func TestTokensInTheirPlace(t *testing.T) {
	d := open(t, nil)
	room := d.newRoom("staff")
	now := d.clock.Now()
	key := []byte(d.school.Key)
	join, _ := auth.SignJoin(key, auth.JoinClaims{Service: d.school.ID, Room: room, User: "Ana", Role: "presenter"}, now)
	resume, _ := auth.SignResume(key, auth.ResumeClaims{Session: "s", Participant: "00000000-0000-4000-8000-000000000001", Service: d.school.ID, Room: room, User: "Ana", Role: "presenter"}, now)
	api := func(c auth.APIClaims, key string) string {
		token, err := auth.SignAPI([]byte(key), c, now)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	good := api(auth.APIClaims{Service: d.school.ID}, d.school.Key)
	for _, c := range []struct{ header, want string }{
		{"", "who are you"},
		{"Bearer", "token is missing"},
		{"Bearer " + join, "it is a join token"},
		{"Bearer " + resume, "it is a resume token"},
		{"Bearer " + api(auth.APIClaims{Service: d.school.ID}, d.super.Key), "signature"},
		{"Bearer " + api(auth.APIClaims{Service: protocol.ServiceID(protocol.NewHexID())}, d.school.Key), "not known"},
		{"Bearer " + api(auth.APIClaims{Service: d.school.ID, IssuedAt: now.Add(-10 * time.Minute), ExpiresAt: now.Add(-time.Minute)}, d.school.Key), "expired"},
		{"Bearer " + api(auth.APIClaims{Service: d.school.ID, IssuedAt: now.Add(time.Minute)}, d.school.Key), "in the future"},
		{"Bearer " + good + "=", "JSON Web Token"},
		{"Bearer " + strings.Repeat("x", 9000), "8192 bytes"},
		{"Digest " + good, "Bearer or Basic"},
		{good, "Bearer or Basic"},
	} {
		r := request("GET", "/v1/rooms/"+string(room), nil)
		if c.header != "" {
			r.Header.Set("Authorization", c.header)
		}
		body, w := d.send(r, 401)
		if detail, _ := body["detail"].(string); !strings.Contains(detail, c.want) {
			t.Errorf("%.40s: %q, want %q", c.header, detail, c.want)
		}
		if challenges := strings.Join(w.Header().Values("WWW-Authenticate"), ", "); !strings.Contains(challenges, "Bearer realm") || !strings.Contains(challenges, "Basic realm") {
			t.Error("challenges:", challenges)
		}
	}
	r := request("GET", "/v1/rooms/"+string(room), nil)
	r.Header.Add("Authorization", "Bearer "+good)
	r.Header.Add("Authorization", "Bearer "+good)
	d.refuse(r, 401, "one Authorization header")

	r = request("GET", "/v1/rooms/"+string(room), nil)
	r.Header.Set("Authorization", "bearer "+good) // RFC 9110: schemes are compared without regard to case
	d.send(r, 200)
	d.send(r, 200) // within its life an api token is good for many requests

	for path, item := range d.description().Paths.Map() {
		for method, op := range item.Operations() {
			if op.Security == nil {
				continue
			}
			r := request(method, strings.NewReplacer("{room}", string(room), "{service}", string(d.school.ID), "{", "", "}", "").Replace(path), nil)
			r.Header.Set("Authorization", "Bearer "+join)
			d.clock.advance(time.Minute) // past the limit of failures
			if w := d.raw(r); w.Code != 401 || !strings.Contains(w.Body.String(), "tertulia") {
				t.Errorf("%s %s with a join token: %d %s", method, path, w.Code, w.Body)
			}
		}
	}
}

func TestBasic(t *testing.T) {
	d := open(t, nil)
	trusting := open(t, func(c *Config) { c.TrustProxy = true })
	basic := func(d *door, from string, change func(*http.Request)) *http.Request {
		r := request("GET", "/v1/services/"+string(d.school.ID), nil)
		r.RemoteAddr = from
		r.SetBasicAuth(string(d.school.ID), d.school.Key)
		if change != nil {
			change(r)
		}
		return r
	}
	header := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	overTLS := func(r *http.Request) { r.TLS = new(tls.ConnectionState) }
	for name, c := range map[string]struct {
		door   *door
		from   string
		change func(*http.Request)
		want   string
	}{
		"loopback":                    {d, "127.0.0.1:1", nil, ""},
		"loopback, IPv6":              {d, "[::1]:1", nil, ""},
		"loopback, mapped":            {d, "[::ffff:127.0.0.1]:1", nil, ""},
		"TLS":                         {d, "203.0.113.5:1", overTLS, ""},
		"plain":                       {d, "203.0.113.5:1", nil, "over TLS"},
		"plain, saying it is not":     {d, "203.0.113.5:1", header("X-Forwarded-Proto", "https"), "over TLS"},
		"plain, saying it is here":    {d, "203.0.113.5:1", header("X-Forwarded-For", "127.0.0.1"), "over TLS"},
		"a proxy that is not trusted": {d, "127.0.0.1:1", header("X-Forwarded-For", "203.0.113.5"), "--trust-proxy"},
		"a proxy, TLS": {trusting, "127.0.0.1:1", func(r *http.Request) {
			header("X-Forwarded-For", "203.0.113.5")(r)
			header("X-Forwarded-Proto", "https")(r)
		}, ""},
		"a proxy, plain": {trusting, "127.0.0.1:1", func(r *http.Request) {
			header("X-Forwarded-For", "203.0.113.5")(r)
			header("X-Forwarded-Proto", "http")(r)
		}, "over TLS"},
		"a proxy, a client's own word": {trusting, "127.0.0.1:1", header("X-Forwarded-For", "127.0.0.1, 203.0.113.5"), "over TLS"},
		"a wrong key":                  {d, "127.0.0.1:1", func(r *http.Request) { r.SetBasicAuth(string(d.school.ID), "guess") }, "id or key is wrong"},
		"an empty key":                 {d, "127.0.0.1:1", func(r *http.Request) { r.SetBasicAuth(string(d.school.ID), "") }, "id or key is wrong"},
		"an unknown service":           {d, "127.0.0.1:1", func(r *http.Request) { r.SetBasicAuth(protocol.NewHexID(), d.school.Key) }, "id or key is wrong"},
		"an unknown service, no key":   {d, "127.0.0.1:1", func(r *http.Request) { r.SetBasicAuth(protocol.NewHexID(), "") }, "id or key is wrong"},
		"another's key":                {d, "127.0.0.1:1", func(r *http.Request) { r.SetBasicAuth(string(d.super.ID), d.school.Key) }, "id or key is wrong"},
		"no base64":                    {d, "127.0.0.1:1", header("Authorization", "Basic %%%"), "not base64"},
		"no colon":                     {d, "127.0.0.1:1", header("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte("x"))), "not base64"},
	} {
		t.Run(name, func(t *testing.T) {
			door := *c.door
			door.t = t
			r := basic(&door, c.from, c.change)
			if c.want == "" {
				door.send(r, 200)
			} else {
				door.refuse(r, 401, c.want)
			}
		})
	}
}

// TestFailuresAreLimited by address, and nobody else is.
func TestFailuresAreLimited(t *testing.T) {
	d := open(t, nil)
	guess := func(from string) int {
		r := request("GET", "/v1/rooms", nil)
		r.RemoteAddr = from
		r.Header.Set("Authorization", "Bearer x")
		return d.raw(r).Code
	}
	for range 50 {
		if code := guess("203.0.113.5:1"); code != 401 {
			t.Fatal(code)
		}
	}
	r := d.as(d.school, request("GET", "/v1/rooms", nil))
	r.RemoteAddr = "203.0.113.5:2"
	_, w := d.send(r, 429)
	if w.Header().Get("Retry-After") != "1" {
		t.Error("Retry-After:", w.Header().Get("Retry-After"))
	}
	r.RemoteAddr = "203.0.113.6:2"
	d.send(r, 200)
	d.clock.advance(2 * time.Second)
	r.RemoteAddr = "203.0.113.5:2"
	d.send(r, 200)
}

func TestAddressLimits(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	l := newAddressLimits(1, 2)
	take := func(address string) bool {
		_, ok := l.take(netip.MustParseAddr(address), now)
		return ok
	}
	if !take("2001:db8::1") || !take("2001:db8::2") || take("2001:db8::3") || !take("2001:db8:0:1::3") {
		t.Error("a /64 counts as one")
	}
	if _, ok := l.take(netip.Addr{}, now); !ok {
		t.Error("an unknown address")
	}
	for i := range 3 * maxAddresses {
		take(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}).String())
	}
	if n := len(l.limiters); n > maxAddresses {
		t.Error(n, "addresses in the table")
	}
}

// TestKeysAreNotLogged: neither in answers that are refused nor in the log.
func TestKeysAreNotLogged(t *testing.T) {
	d := open(t, nil)
	token, _ := d.send(d.as(d.school, request("POST", "/v1/rooms/"+string(d.newRoom("x"))+"/tokens", object{"user": "Ana", "role": "viewer"})), 201)
	d.rooms.err = store.ErrUnavailable
	d.send(d.as(d.school, request("GET", "/v1/rooms/"+string(d.newRoom("y"))+"/streams", nil)), 503)
	for _, secret := range []string{d.school.Key, d.super.Key, token["token"].(string)} {
		if strings.Contains(d.log.String(), secret) {
			t.Error("a secret in the log")
		}
	}
}

// FuzzAuthorization: no header makes the door panic or lets anybody in.
func FuzzAuthorization(f *testing.F) {
	f.Add("Bearer a.b.c", "203.0.113.5:1", "127.0.0.1", "https")
	f.Add("Basic Og==", "[::1]:1", "x,,", "")
	db, err := store.Open(f.Context(), "sqlite::memory:")
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = db.Close() })
	d := &door{rooms: &rooms{}}
	if d.server, err = New(Config{Store: db, Rooms: d.rooms, TrustProxy: true}); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, authorization, from, forwarded, proto string) {
		r := request("GET", "/v1/rooms", nil)
		r.RemoteAddr = from
		r.Header.Set("Authorization", authorization)
		r.Header.Set("X-Forwarded-For", forwarded)
		r.Header.Set("X-Forwarded-Proto", proto)
		if w := d.raw(r); w.Code != 401 && w.Code != 429 {
			t.Fatal(w.Code, w.Body)
		}
	})
}
