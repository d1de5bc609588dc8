package auth

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"

	"github.com/tertulia-rtc/tertulia/protocol"
)

const (
	service = protocol.ServiceID("0123456789abcdef01234567")
	room    = protocol.RoomID("abcdef0123456789abcdef01")
)

var (
	key = []byte("the key of the service, which must never be seen")
	now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
)

func keyOf(id protocol.ServiceID) ([]byte, error) {
	if id != service {
		return nil, errors.New("not found")
	}
	return key, nil
}

func joinClaims() JoinClaims {
	return JoinClaims{ID: "1", Service: service, Room: room, User: "Ana Ñ 😀", Role: "presenter", Uses: 2,
		Permissions: []protocol.Permission{protocol.Subscribe}, IssuedAt: now, ExpiresAt: now.Add(time.Hour)}
}

func resumeClaims() ResumeClaims {
	return ResumeClaims{ID: "1", Session: "s1", Participant: "01234567-89ab-4def-8123-456789abcdef", Service: service, Room: room,
		User: "Ana", Role: "viewer", Permissions: []protocol.Permission{}, Epoch: 1 << 60, IssuedAt: now, ExpiresAt: now.Add(time.Hour)}
}

func TestRoundTrips(t *testing.T) {
	join := joinClaims()
	token, err := SignJoin(key, join, now)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := ParseJoin(token, keyOf, now); err != nil || cmp.Diff(join, got) != "" {
		t.Error("join:", err, cmp.Diff(join, got))
	}
	api := APIClaims{ID: "x", Service: service, IssuedAt: now, ExpiresAt: now.Add(MaxAPILife)}
	token, err = SignAPI(key, api, now)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := ParseAPI(token, keyOf, now); err != nil || cmp.Diff(api, got) != "" {
		t.Error("api:", err, cmp.Diff(api, got))
	}
	resume := resumeClaims()
	token, err = SignResume(key, resume, now)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := ParseResume(token, key, now); err != nil || cmp.Diff(resume, got) != "" {
		t.Error("resume:", err, cmp.Diff(resume, got))
	}
}

func TestSignFillsIn(t *testing.T) {
	token, err := SignJoin(key, JoinClaims{Service: service, Room: room, User: "Ana", Role: "viewer"}, now)
	if err != nil {
		t.Fatal(err)
	}
	c, err := ParseJoin(token, keyOf, now)
	if err != nil || c.Uses != 1 || len(c.ID) != 24 || !c.IssuedAt.Equal(now) || !c.ExpiresAt.Equal(now.Add(5*time.Minute)) || c.Permissions != nil {
		t.Errorf("%+v %v", c, err)
	}
}

// TestEachInItsPlace: a token of one audience is refused in another's place,
// with a sentence that says so.
func TestEachInItsPlace(t *testing.T) {
	tokens := map[Audience]string{}
	var err [3]error
	tokens[AudienceJoin], err[0] = SignJoin(key, joinClaims(), now)
	tokens[AudienceAPI], err[1] = SignAPI(key, APIClaims{Service: service}, now)
	tokens[AudienceResume], err[2] = SignResume([]byte("the server's own secret"), resumeClaims(), now)
	if e := errors.Join(err[:]...); e != nil {
		t.Fatal(e)
	}
	parsers := map[Audience]func(string) error{
		AudienceJoin:   func(s string) error { _, err := ParseJoin(s, keyOf, now); return err },
		AudienceAPI:    func(s string) error { _, err := ParseAPI(s, keyOf, now); return err },
		AudienceResume: func(s string) error { _, err := ParseResume(s, key, now); return err },
	}
	for place, parse := range parsers {
		for kind, token := range tokens {
			if kind == place {
				continue
			}
			want := "it is " + articles[kind] + titles[kind] + " (aud " + string(kind) + "), and here " + articles[place] + titles[place] + " is needed"
			if err := parse(token); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s in the place of %s: %v", kind, place, err)
			}
		}
	}
}

// TestClocks: ±30 s between the clocks of who signs and who reads.
func TestClocks(t *testing.T) {
	c := joinClaims()
	token, err := SignJoin(key, c, now)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		now  time.Time
		want string
	}{
		{now.Add(-29 * time.Second), ""},
		{now.Add(-30 * time.Second), ""},
		{now.Add(-31 * time.Second), "its iat is 31s in the future"},
		{c.ExpiresAt.Add(29 * time.Second), ""},
		{c.ExpiresAt.Add(30 * time.Second), "it expired 30s ago"},
		{c.ExpiresAt.Add(5 * time.Minute), "it expired 5m0s ago"},
	} {
		_, err := ParseJoin(token, keyOf, test.now)
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("at %v: %v, want %q", test.now.Sub(now), err, test.want)
		}
	}
}

// TestRefusals changes one thing of a good token at a time.
func TestRefusals(t *testing.T) {
	iat, exp := now.Unix(), now.Add(time.Hour).Unix()
	good := map[string]any{"iss": service, "aud": AudienceJoin, "jti": "1", "iat": iat, "exp": exp, "room": room, "user": "Ana", "role": "viewer"}
	if _, err := ParseJoin(signRaw(t, jwt.SigningMethodHS256, key, good), keyOf, now); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		claim string
		value any // nil: missing
		want  string
	}{
		{"iss", nil, "iss is missing"},
		{"iss", "ABCDEF0123456789abcdef01", "iss is missing or is not"},
		{"iss", "ffffffffffffffffffffffff", "is not known"},
		{"iss", 7, "not a JSON Web Token"},
		{"aud", nil, "aud is missing"},
		{"aud", "", "aud is missing"},
		{"aud", []string{}, "aud is missing"},
		{"aud", "tertulia:other", `aud is "tertulia:other"`},
		{"aud", []string{"tertulia:join", "tertulia:api"}, "nothing else"},
		{"aud", 5, "not a JSON Web Token"},
		{"jti", nil, "jti is missing"},
		{"jti", strings.Repeat("x", 65), "jti"},
		{"jti", "a b", "jti"},
		{"iat", nil, "iat is missing"},
		{"iat", "yesterday", "not a JSON Web Token"},
		{"iat", -1, "seconds since 1970"},
		{"iat", 1e300, "iat is"},
		{"exp", nil, "exp is missing"},
		{"exp", 1e300, "seconds since 1970"},
		{"exp", iat + 24*3600 + 1, "more than 24 hours after"},
		{"exp", iat, "not after its iat"},
		{"nbf", exp, "nbf is in the future"},
		{"room", nil, "room is missing"},
		{"room", "hall", "not the id of a room"},
		{"user", nil, "user is missing"},
		{"user", strings.Repeat("é", 129), "user"},
		{"user", "a\nb", "control"},
		{"role", nil, "role is missing"},
		{"role", strings.Repeat("x", 33), "role"},
		{"permissions", []string{"fly"}, `permissions has "fly"`},
		{"permissions", slicesRepeat("subscribe", 33), "more than 32"},
		{"permissions", "subscribe", "not a JSON Web Token"},
		{"uses", 0, "uses must be in"},
		{"uses", -3, "uses must be in"},
		{"uses", 1_000_001, "uses must be in"},
		{"uses", 1.5, "not a JSON Web Token"},
	} {
		claims := map[string]any{}
		for k, v := range good {
			claims[k] = v
		}
		if c.value == nil {
			delete(claims, c.claim)
		} else {
			claims[c.claim] = c.value
		}
		_, err := ParseJoin(signRaw(t, jwt.SigningMethodHS256, key, claims), keyOf, now)
		checkRefusal(t, err, c.want)
	}
	if got, err := ParseJoin(signRaw(t, jwt.SigningMethodHS256, key, with(good, "aud", []Audience{AudienceJoin})), keyOf, now); err != nil || got.User != "Ana" {
		t.Error("an audience in an array of one:", err)
	}
	if got, err := ParseJoin(signRaw(t, jwt.SigningMethodHS256, key, with(good, "sub", 5)), keyOf, now); err != nil || got.User != "Ana" {
		t.Error("a claim that is not ours:", err)
	}
	if got, err := ParseJoin(signRaw(t, jwt.SigningMethodHS256, key, with(good, "exp", float64(exp)+0.5)), keyOf, now); err != nil || got.ExpiresAt.Nanosecond() != 500_000_000 {
		t.Error("a fraction of a second:", err)
	}
	if got, err := ParseJoin(signRaw(t, jwt.SigningMethodHS256, key, with(good, "permissions", []string{})), keyOf, now); err != nil || got.Permissions == nil || len(got.Permissions) != 0 {
		t.Error("no permissions at all:", err)
	}

	api := map[string]any{"iss": service, "aud": AudienceAPI, "jti": "1", "iat": iat, "exp": iat + 901}
	_, err := ParseAPI(signRaw(t, jwt.SigningMethodHS256, key, api), keyOf, now)
	checkRefusal(t, err, "more than 15 minutes after")
}

// TestForgeries: HS256 by the right key, and nothing else.
func TestForgeries(t *testing.T) {
	good := map[string]any{"iss": service, "aud": AudienceJoin, "jti": "1", "iat": now.Unix(), "exp": now.Unix() + 60, "room": room, "user": "Ana", "role": "viewer"}
	token := signRaw(t, jwt.SigningMethodHS256, key, good)
	parts := strings.Split(token, ".")
	encode := base64.RawURLEncoding.EncodeToString
	better, _ := json.Marshal(with(good, "role", "presenter"))
	for name, c := range map[string]struct{ token, want string }{
		"another key":     {signRaw(t, jwt.SigningMethodHS256, []byte("guess"), good), "signature is not HS256"},
		"an empty key":    {signRaw(t, jwt.SigningMethodHS256, []byte{}, good), "signature is not HS256"},
		"HS512":           {signRaw(t, jwt.SigningMethodHS512, key, good), "signature is not HS256"},
		"none":            {encode([]byte(`{"alg":"none","typ":"JWT"}`)) + "." + parts[1] + ".", "signature is not HS256"},
		"no alg":          {encode([]byte(`{"typ":"JWT"}`)) + "." + parts[1] + "." + parts[2], "signature is not HS256"},
		"changed claims":  {parts[0] + "." + encode(better) + "." + parts[2], "signature is not HS256"},
		"no signature":    {parts[0] + "." + parts[1] + ".", "signature is not HS256"},
		"two parts":       {parts[0] + "." + parts[1], "not a JSON Web Token"},
		"four parts":      {token + ".x", "not a JSON Web Token"},
		"padding":         {token + "=", "not a JSON Web Token"},
		"nothing":         {"", "the join token is missing"},
		"a word":          {"hello", "not a JSON Web Token"},
		"too long":        {strings.Repeat("x", MaxToken+1), "more than 8192 bytes"},
		"claims an array": {parts[0] + "." + encode([]byte(`[1]`)) + "." + parts[2], "not a JSON Web Token"},
		"claims null":     {parts[0] + "." + encode([]byte(`null`)) + "." + parts[2], "aud is missing"},
		"crit":            {encode([]byte(`{"alg":"HS256","crit":["b64"]}`)) + "." + parts[1] + "." + parts[2], "critical extensions"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ParseJoin(c.token, keyOf, now)
			checkRefusal(t, err, c.want)
		})
	}
	_, err := ParseJoin(token, func(protocol.ServiceID) ([]byte, error) { return nil, nil }, now)
	checkRefusal(t, err, "is not known")

	_, err = ParseJoin(token, func(protocol.ServiceID) ([]byte, error) {
		return nil, protocol.Errorf(protocol.CodeUnavailable, "the store is away")
	}, now)
	var known *protocol.Error
	if !errors.As(err, &known) || known.Code != protocol.CodeUnavailable {
		t.Error("an error of the store:", err)
	}
}

func TestSignRefusesWhatParseWould(t *testing.T) {
	c := joinClaims()
	c.ExpiresAt = now.Add(25 * time.Hour)
	if _, err := SignJoin(key, c, now); err == nil || !strings.Contains(err.Error(), "24 hours") {
		t.Error(err)
	}
	if _, err := SignJoin(nil, joinClaims(), now); err == nil {
		t.Error("signed without a key")
	}
}

func checkRefusal(t *testing.T, err error, want string) {
	t.Helper()
	var known *protocol.Error
	if !errors.As(err, &known) || known.Code != protocol.CodeUnauthorized {
		t.Errorf("%v is no refusal (want %q)", err, want)
		return
	}
	if !strings.Contains(known.Message, want) || strings.Contains(known.Message, string(key)) {
		t.Errorf("%q, want %q", known.Message, want)
	}
}

func with(claims map[string]any, claim string, value any) map[string]any {
	changed := map[string]any{claim: value}
	for k, v := range claims {
		if k != claim {
			changed[k] = v
		}
	}
	return changed
}

func signRaw(t testing.TB, method jwt.SigningMethod, key []byte, claims map[string]any) string {
	t.Helper()
	token, err := jwt.NewWithClaims(method, jwt.MapClaims(claims)).SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func slicesRepeat(s string, n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = s
	}
	return all
}

// FuzzParse: no token makes a parser panic, and every refusal is one that a
// client may see.
func FuzzParse(f *testing.F) {
	token, err := SignJoin(key, joinClaims(), now)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(token)
	f.Add("a.b.c")
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	f.Fuzz(func(t *testing.T, token string) {
		var known *protocol.Error
		if _, err := ParseJoin(token, keyOf, now); err != nil && !errors.As(err, &known) {
			t.Fatal(err)
		}
		if _, err := ParseAPI(token, keyOf, now); err == nil || !errors.As(err, &known) {
			t.Fatal(err)
		}
		if _, err := ParseResume(token, key, now); err == nil || !errors.As(err, &known) {
			t.Fatal(err)
		}
	})
}

// FuzzClaims gives the parsers well signed claims of any form.
func FuzzClaims(f *testing.F) {
	f.Add(`{"iss":"0123456789abcdef01234567","aud":"tertulia:join","jti":"1","iat":1795348800,"exp":1795348860,"room":"abcdef0123456789abcdef01","user":"Ana","role":"viewer"}`)
	f.Add(`{"iss":"0123456789abcdef01234567","aud":["tertulia:api"],"jti":"1","iat":1795348800.5,"exp":1e400}`)
	f.Add(`{"iss":"0123456789abcdef01234567","aud":"tertulia:resume","epoch":-1,"permissions":null}`)
	header := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256"}`))
	f.Fuzz(func(t *testing.T, claims string) {
		text := header + "." + base64.RawURLEncoding.EncodeToString([]byte(claims))
		signature, err := jwt.SigningMethodHS256.Sign(text, key)
		if err != nil {
			t.Fatal(err)
		}
		token := text + "." + base64.RawURLEncoding.EncodeToString(signature)
		if c, err := ParseJoin(token, keyOf, now); err == nil {
			if c.ExpiresAt.Before(now.Add(-Leeway)) || c.IssuedAt.After(now.Add(Leeway)) || c.ExpiresAt.Sub(c.IssuedAt) > MaxJoinLife || c.Uses < 1 {
				t.Fatalf("accepted %+v", c)
			}
			if _, err := SignJoin(key, c, now); err != nil {
				t.Fatalf("what was accepted cannot be signed: %v", err)
			}
		}
		_, _ = ParseAPI(token, keyOf, now)
		_, _ = ParseResume(token, key, now)
	})
}
