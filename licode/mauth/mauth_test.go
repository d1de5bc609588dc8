package mauth

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Facts of Licode's own code, run on these inputs.
func TestSignatureVectors(t *testing.T) {
	for _, v := range []struct{ text, want string }{
		{"1700000000000,42", "YzBiZWFmMGU5NjRjYzBlYmEwYjBmNWU3NjAxMWYwYTUzOWNhZjJhNw=="},
		{"1700000000000,42,alice,presenter", "YzFjMjA2ODVhMzc0MWZkNzhjZGUwODUxOWJjMjVkY2IyMDI2YmYwMA=="},
		{"5f1a2b3c4d5e6f7081920a0b,localhost:8080", "OGM0MmNkMzM3YzQ0ZGFlNTUxNTg0NmRjNjA3NmJkZmMyZjExYjkyMA=="},
	} {
		if got := Sign([]byte("secret"), v.text); got != v.want {
			t.Errorf("%s: signed %s, want %s", v.text, got, v.want)
		}
		if !Verify([]byte("secret"), v.text, v.want) {
			t.Errorf("%s: its signature is refused", v.text)
		}
		if Verify([]byte("Secret"), v.text, v.want) || Verify([]byte("secret"), v.text+" ", v.want) || Verify([]byte("secret"), v.text, v.want[1:]) {
			t.Errorf("%s: another key, text or signature is taken", v.text)
		}
	}
	if Verify(nil, "text", Sign(nil, "text")) {
		t.Error("an empty key proves something")
	}
}

func TestParse(t *testing.T) {
	signature := "YzFjMjA2ODVhMzc0MWZkNzhjZGUwODUxOWJjMjVkY2IyMDI2YmYwMA=="
	want := Header{
		Method: "HMAC_SHA1", Service: "0123456789abcdef01234567", Nonce: "42", Timestamp: "1700000000000",
		Signature: signature, Username: "alice", Role: "presenter", HasUser: true,
	}
	plain := want
	plain.Username, plain.Role, plain.HasUser = "", "", false
	for name, c := range map[string]struct {
		header string
		want   Header
	}{
		"as nuve.js writes it": {"MAuth realm=http://marte3.dit.upm.es,mauth_signature_method=HMAC_SHA1,mauth_username=alice,mauth_role=presenter," +
			"mauth_serviceid=0123456789abcdef01234567,mauth_cnonce=42,mauth_timestamp=1700000000000,mauth_signature=" + signature, want},
		"in any order, without a realm": {"MAuth signature=" + signature + ",mauth_timestamp=1700000000000,mauth_role=presenter,mauth_cnonce=42," +
			"mauth_username=alice,mauth_serviceid=0123456789abcdef01234567,mauth_signature_method=HMAC_SHA1", want},
		"the six characters before a name are not looked at": {"MAUTH realm=x,MAuth signature_method=HMAC_SHA1,xxxxxxusername=alice,mauth_role=presenter," +
			"mauth_serviceid=0123456789abcdef01234567,mauth_cnonce=42,mauth_timestamp=1700000000000,mauth_signature=" + signature, want},
		"a role without a user counts for nothing": {"MAuth realm=,mauth_signature_method=HMAC_SHA1,mauth_role=presenter," +
			"mauth_serviceid=0123456789abcdef01234567,mauth_cnonce=42,mauth_timestamp=1700000000000,mauth_signature=" + signature, plain},
		"a user without a role too, and unknown names": {"MAuth realm=,mauth_signature_method=HMAC_SHA1,mauth_username=alice,mauth_age=3,,=,x=y,mauth_constructor=z," +
			"mauth_serviceid=0123456789abcdef01234567,mauth_cnonce=42,mauth_timestamp=1700000000000,mauth_signature=" + signature, plain},
		"of two the last counts": {"MAuth realm=,mauth_signature_method=HMAC_SHA1,mauth_serviceid=another,mauth_cnonce=41," +
			"mauth_serviceid=0123456789abcdef01234567,mauth_cnonce=42,mauth_timestamp=1700000000000,mauth_signature=" + signature, plain},
	} {
		got, err := Parse(c.header)
		if err != nil || cmp.Diff(c.want, got) != "" {
			t.Errorf("%s: %v %s", name, err, cmp.Diff(c.want, got))
		}
	}
	if !want.Signed([]byte("secret")) || want.Signed([]byte("another")) {
		t.Error("the signature is not judged")
	}
	other := want
	other.Method = "HMAC_SHA256"
	if other.Signed([]byte("secret")) {
		t.Error("another method is taken")
	}
}

func TestHeadersThatAreRefused(t *testing.T) {
	good := "MAuth realm=,mauth_signature_method=HMAC_SHA1,mauth_serviceid=s,mauth_cnonce=1,mauth_timestamp=2,mauth_signature=x"
	if _, err := Parse(good); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		header string
		want   error
	}{
		"empty":                    {"", ErrTimestamp},
		"another scheme":           {"Basic YTpi", ErrTimestamp},
		"too many bytes":           {good + strings.Repeat("x", MaxHeader), ErrTooLong},
		"too many items":           {good + strings.Repeat(",", MaxItems), ErrTooLong},
		"no timestamp":             {strings.Replace(good, "timestamp", "time", 1), ErrTimestamp},
		"a timestamp that is none": {strings.Replace(good, "=2,", "=2x,", 1), ErrTimestamp},
		"a negative timestamp":     {strings.Replace(good, "=2,", "=-2,", 1), ErrTimestamp},
		"a timestamp without end":  {strings.Replace(good, "=2,", "="+strings.Repeat("9", MaxDigits+1)+",", 1), ErrTimestamp},
		"no nonce":                 {strings.Replace(good, "=1,", "=,", 1), ErrNonce},
		"a nonce without end":      {strings.Replace(good, "=1,", "="+strings.Repeat("1", MaxNonce+1)+",", 1), ErrNonce},
	} {
		if _, err := Parse(c.header); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

// Node sends "ß" as one byte and signs it as two.
func TestNamesInLatin1(t *testing.T) {
	h := Header{Method: Method, Service: "s", Nonce: "1", Timestamp: "2", Username: "gro\xdf", Role: "viewer", HasUser: true}
	h.Signature = Sign([]byte("k"), "2,1,groß,viewer")
	if h.Signed([]byte("k")) {
		t.Error("the bytes were signed")
	}
	if h = h.Latin1(); !h.Signed([]byte("k")) || h.Username != "groß" {
		t.Errorf("read as %q", h.Username)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("MAuth realm=http://marte3.dit.upm.es,mauth_signature_method=HMAC_SHA1,mauth_username=alice,mauth_role=presenter," +
		"mauth_serviceid=0123456789abcdef01234567,mauth_cnonce=42,mauth_timestamp=1700000000000,mauth_signature=YzFj==")
	f.Add("MAuth realm=,,=,mauth_timestamp=")
	f.Fuzz(func(t *testing.T, header string) {
		h, err := Parse(header)
		if err != nil {
			return
		}
		if len(h.Nonce) > MaxNonce || len(h.Timestamp) > MaxDigits || len(h.Username) > MaxHeader {
			t.Fatalf("out of bounds: %+v", h)
		}
		if _, err := h.millis(); err != nil {
			t.Fatal(err)
		}
		h.Signed([]byte("key"))
		h.Latin1().Signed([]byte("key"))
		again, err := Parse(h.String())
		if len(h.String()) <= MaxHeader && (err != nil || cmp.Diff(h, again) != "") {
			t.Fatalf("%v %s", err, cmp.Diff(h, again))
		}
	})
}
