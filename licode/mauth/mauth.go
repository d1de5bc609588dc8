// Package mauth is the authentication that Licode's Nuve asks of applications:
// an Authorization header whose signature proves that its sender has the key
// of a service.
//
//	Authorization: MAuth realm=…,mauth_signature_method=HMAC_SHA1,mauth_serviceid=…,
//	               mauth_cnonce=…,mauth_timestamp=…,mauth_signature=…
//
// (on one line). The signature covers the timestamp, the nonce, and the user and
// role where there are any; it does not cover the path or the body. That a
// header is used once is the business of the Guard. The package is told the
// time, and has it compared with nothing that a client says: clients whose
// clocks are wrong are served, as Licode serves them.
package mauth

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // what the protocol says; as an HMAC it still proves that somebody has the key
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strconv"
	"strings"
)

// Limits of a header.
const (
	MaxHeader = 4 << 10 // bytes
	MaxItems  = 32      // between commas
	MaxNonce  = 64      // bytes
	MaxDigits = 18      // of a timestamp, which then fits an int64
)

// Method is the only method of signing.
const Method = "HMAC_SHA1"

// Header is what an Authorization header says. Its texts are bytes as they came.
type Header struct {
	Method    string
	Service   string // the service's id
	Nonce     string
	Timestamp string // decimal; milliseconds since 1970 by most clients
	Signature string
	// Username and Role are signed, and count, only when both are there.
	Username string
	Role     string
	HasUser  bool // both were there; they may be empty
}

// Errors of Parse.
var (
	ErrTooLong   = errors.New("the header is too long")
	ErrTimestamp = errors.New("mauth_timestamp is not a decimal number")
	ErrNonce     = errors.New("mauth_cnonce is missing or too long")
)

// prefix is how many bytes stand before the name in each item: "MAuth " before
// the first, "mauth_" before the others. Licode's server looks at no byte of
// them, so neither do we.
const prefix = len("mauth_")

// Parse reads a header. Names that are not known, and the realm, are skipped; of
// a name that is there twice the last counts. A value begins after the first "="
// and ends at a comma: there is no quoting.
func Parse(header string) (Header, error) {
	var h Header
	if len(header) > MaxHeader || strings.Count(header, ",") >= MaxItems {
		return h, ErrTooLong
	}
	var user, role bool
	for item := range strings.SplitSeq(header, ",") {
		name, value, _ := strings.Cut(item, "=")
		if len(name) < prefix {
			continue
		}
		switch name[prefix:] {
		case "signature_method":
			h.Method = value
		case "serviceid":
			h.Service = value
		case "cnonce":
			h.Nonce = value
		case "timestamp":
			h.Timestamp = value
		case "signature":
			h.Signature = value
		case "username":
			h.Username, user = value, true
		case "role":
			h.Role, role = value, true
		}
	}
	h.HasUser = user && role
	if !h.HasUser {
		h.Username, h.Role = "", ""
	}
	if _, err := h.millis(); err != nil {
		return h, err
	}
	if h.Nonce == "" || len(h.Nonce) > MaxNonce {
		return h, ErrNonce
	}
	return h, nil
}

// String gives the header in the order in which nuve.js writes it.
func (h Header) String() string {
	var b strings.Builder
	b.WriteString("MAuth realm=http://marte3.dit.upm.es,mauth_signature_method=" + h.Method)
	if h.HasUser {
		b.WriteString(",mauth_username=" + h.Username + ",mauth_role=" + h.Role)
	}
	b.WriteString(",mauth_serviceid=" + h.Service + ",mauth_cnonce=" + h.Nonce + ",mauth_timestamp=" + h.Timestamp + ",mauth_signature=" + h.Signature)
	return b.String()
}

// StringToSign gives the text that the signature covers.
func (h Header) StringToSign() string {
	s := h.Timestamp + "," + h.Nonce
	if h.HasUser {
		s += "," + h.Username + "," + h.Role
	}
	return s
}

// Sign gives the signature of a text: the HMAC-SHA1 in lower-case hexadecimal
// digits, and those in base64.
func Sign(key []byte, text string) string {
	mac := hmac.New(sha1.New, key)
	_, _ = mac.Write([]byte(text)) // never fails (hash.Hash)
	return base64.StdEncoding.EncodeToString([]byte(hex.EncodeToString(mac.Sum(nil))))
}

// Verify says, in constant time, whether the signature of a text is the one
// that the key makes. An empty key makes none.
func Verify(key []byte, text, signature string) bool {
	want := Sign(key, text)
	return subtle.ConstantTimeCompare([]byte(want), []byte(signature)) == 1 && len(key) > 0
}

// Signed says whether the key has signed the header.
func (h Header) Signed(key []byte) bool {
	return Verify(key, h.StringToSign(), h.Signature) && h.Method == Method
}

// Latin1 gives the header with its texts read as ISO 8859-1. Node sends header
// values so, while what it signs is the same text in UTF-8.
func (h Header) Latin1() Header {
	for _, s := range []*string{&h.Nonce, &h.Username, &h.Role} {
		*s = latin1(*s)
	}
	return h
}

func latin1(s string) string {
	runes := make([]rune, len(s))
	for i, c := range []byte(s) {
		runes[i] = rune(c)
	}
	return string(runes)
}

// millis gives the timestamp as a number, by which requests are put in order.
func (h Header) millis() (int64, error) {
	if h.Timestamp == "" || len(h.Timestamp) > MaxDigits {
		return 0, ErrTimestamp
	}
	for _, c := range []byte(h.Timestamp) {
		if c < '0' || c > '9' {
			return 0, ErrTimestamp
		}
	}
	n, err := strconv.ParseInt(h.Timestamp, 10, 64)
	if err != nil {
		return 0, ErrTimestamp
	}
	return n, nil
}
