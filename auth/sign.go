package auth

import (
	"errors"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/tertulia-rtc/tertulia/protocol"
)

// defaultLife is how long a token lasts whose maker does not say.
const defaultLife = 5 * time.Minute

// SignJoin makes a join token with the service's key. A zero IssuedAt is now, a
// zero ExpiresAt five minutes later; an empty ID is made. Claims that ParseJoin
// would refuse are refused here.
func SignJoin(key []byte, c JoinClaims, now time.Time) (string, error) {
	if c.Uses == 0 {
		c.Uses = 1
	}
	w := wireClaims{
		Issuer: string(c.Service), Audience: audiences{AudienceJoin},
		Room: string(c.Room), User: c.User, Role: c.Role, Permissions: permissionsOf(c.Permissions), Uses: &c.Uses,
	}
	w.fill(c.ID, c.IssuedAt, c.ExpiresAt, now, defaultLife)
	if _, err := w.join(); err != nil {
		return "", err
	}
	return sign(key, &w)
}

// SignAPI makes an api token with the service's key, filling in like SignJoin.
func SignAPI(key []byte, c APIClaims, now time.Time) (string, error) {
	w := wireClaims{Issuer: string(c.Service), Audience: audiences{AudienceAPI}}
	w.fill(c.ID, c.IssuedAt, c.ExpiresAt, now, defaultLife)
	if _, err := w.api(); err != nil {
		return "", err
	}
	return sign(key, &w)
}

// SignResume makes a resume token with the server's own secret, filling in like
// SignJoin, but for MaxResumeLife.
func SignResume(secret []byte, c ResumeClaims, now time.Time) (string, error) {
	w := wireClaims{
		Issuer: string(c.Service), Audience: audiences{AudienceResume},
		Room: string(c.Room), User: c.User, Role: c.Role, Permissions: permissionsOf(c.Permissions),
		Session: c.Session, Participant: string(c.Participant), Epoch: c.Epoch,
	}
	w.fill(c.ID, c.IssuedAt, c.ExpiresAt, now, MaxResumeLife)
	if _, err := w.resume(); err != nil {
		return "", err
	}
	return sign(secret, &w)
}

func (w *wireClaims) fill(id string, issued, expires, now time.Time, life time.Duration) {
	if id == "" {
		id = protocol.NewHexID()
	}
	if issued.IsZero() {
		issued = now
	}
	if expires.IsZero() {
		expires = issued.Add(life)
	}
	w.ID = id
	w.IssuedAt = numericDate(issued)
	w.ExpiresAt = numericDate(expires)
}

func sign(key []byte, w *wireClaims) (string, error) {
	if len(key) == 0 {
		return "", errors.New("a token cannot be signed without a key")
	}
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, w).SignedString(key)
	if err != nil {
		return "", fmt.Errorf("sign a token: %w", err)
	}
	if len(token) > MaxToken {
		return "", fmt.Errorf("a token has %d bytes at most; this one would have %d", MaxToken, len(token))
	}
	return token, nil
}

// permissionsOf keeps the difference between nil (those of the role) and empty
// (none).
func permissionsOf(permissions []protocol.Permission) *[]protocol.Permission {
	if permissions == nil {
		return nil
	}
	return &permissions
}
