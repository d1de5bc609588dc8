package auth

import (
	"errors"
	"time"

	"github.com/tertulia-rtc/tertulia/protocol"
)

var errStub = errors.New("not written yet")

// SignJoin makes a join token. Zero times are filled in: issued now, expiring
// after five minutes; an empty ID is made.
func SignJoin(key []byte, c JoinClaims, now time.Time) (string, error) { return "", errStub }

// SignAPI makes an api token, filling in like SignJoin.
func SignAPI(key []byte, c APIClaims, now time.Time) (string, error) { return "", errStub }

// SignResume makes a resume token with the server's own secret, filling in
// like SignJoin but expiring after MaxResumeLife.
func SignResume(secret []byte, c ResumeClaims, now time.Time) (string, error) { return "", errStub }

// ParseJoin reads a join token and verifies it with the key of the service that
// it names. Errors are *protocol.Error and say why.
func ParseJoin(token string, keyOf KeyOf, now time.Time) (JoinClaims, error) {
	return JoinClaims{}, protocol.Errorf(protocol.CodeUnauthorized, "stub")
}

// ParseAPI reads and verifies an api token.
func ParseAPI(token string, keyOf KeyOf, now time.Time) (APIClaims, error) {
	return APIClaims{}, protocol.Errorf(protocol.CodeUnauthorized, "stub")
}

// ParseResume reads and verifies a resume token.
func ParseResume(token string, secret []byte, now time.Time) (ResumeClaims, error) {
	return ResumeClaims{}, protocol.Errorf(protocol.CodeUnauthorized, "stub")
}
