package licode

import (
	"context"
	"encoding/base64"
	"errors"
	"log/slog"
	"time"

	"github.com/tertulia-rtc/tertulia/licode/mauth"
	"github.com/tertulia-rtc/tertulia/protocol"
	"github.com/tertulia-rtc/tertulia/store"
)

// TokenLife is how long after it was made a token may be used.
const TokenLife = 3 * time.Minute

// Tokens makes and redeems the tokens of Licode's clients. A token is base64 of
// JSON that names a record in the store and where to go with it, with a
// signature by a secret that the servers on one database share; unlike in
// Licode, that is no service's key.
type Tokens struct {
	store  *store.Store
	secret []byte
	now    func() time.Time
	log    *slog.Logger
}

// NewTokens makes Tokens; now and log may be nil.
func NewTokens(ctx context.Context, s *store.Store, now func() time.Time, log *slog.Logger) (*Tokens, error) {
	secret, err := s.Secret(ctx, "licode-token")
	if err != nil {
		return nil, err
	}
	if now == nil {
		now = time.Now
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Tokens{store: s, secret: secret, now: now, log: log}, nil
}

// Fields is what a token says. Clients send it back field by field.
type Fields struct {
	ID        protocol.TokenID `json:"tokenId"`
	Host      string           `json:"host"`
	Secure    bool             `json:"secure"` // not signed, and not looked at
	Signature string           `json:"signature"`
}

// Refusal is why a token is refused, in Licode's words.
type Refusal string

func (r Refusal) Error() string { return string(r) }

// The refusals.
const (
	ErrNoToken     Refusal = "No token information" //nolint:gosec // a sentence
	ErrSignature   Refusal = "Authentication error"
	ErrTokenGone   Refusal = "Token does not exist" // used, expired, or its room was deleted
	ErrHost        Refusal = "Invalid host"
	ErrUnavailable Refusal = "Nuve does not respond" // the store cannot be asked
	ErrInternal    Refusal = "Internal error authenticating request"
)

// Issue keeps a token for TokenLife from now and gives it as the client gets it.
func (t *Tokens) Issue(ctx context.Context, token store.LicodeToken) (string, error) {
	token.Created = t.now()
	token.Expires = token.Created.Add(TokenLife)
	kept, err := t.store.KeepLicodeToken(ctx, token)
	if err != nil {
		return "", err
	}
	text, err := encode(Fields{ID: kept.ID, Host: kept.Host, Secure: kept.Secure, Signature: mauth.Sign(t.secret, signedPart(kept.ID, kept.Host))})
	return base64.StdEncoding.EncodeToString(text), err
}

// Redeem gives the record that a token names, once. The error is a Refusal.
func (t *Tokens) Redeem(ctx context.Context, f Fields) (store.LicodeToken, error) {
	if f == (Fields{}) {
		return store.LicodeToken{}, ErrNoToken
	}
	if !mauth.Verify(t.secret, signedPart(f.ID, f.Host), f.Signature) {
		return store.LicodeToken{}, ErrSignature
	}
	token, err := t.store.TakeLicodeToken(ctx, f.ID)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return store.LicodeToken{}, ErrTokenGone
	case errors.Is(err, store.ErrUnavailable), errors.Is(err, context.DeadlineExceeded):
		t.log.ErrorContext(ctx, "a token could not be redeemed", "reason", err)
		return store.LicodeToken{}, ErrUnavailable
	case err != nil:
		t.log.ErrorContext(ctx, "a token could not be redeemed", "reason", err)
		return store.LicodeToken{}, ErrInternal
	case token.Host != f.Host:
		return store.LicodeToken{}, ErrHost
	}
	return token, nil
}

func signedPart(id protocol.TokenID, host string) string { return string(id) + "," + host }
