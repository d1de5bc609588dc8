package auth

import (
	"errors"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/tertulia-rtc/tertulia/protocol"
)

// ParseJoin reads a join token and verifies it with the key of the service that
// it names. Errors are *protocol.Error and say why it is refused.
func ParseJoin(token string, keyOf KeyOf, now time.Time) (JoinClaims, error) {
	w, err := parse(token, AudienceJoin, keyOf, now)
	if err != nil {
		return JoinClaims{}, err
	}
	c, err := w.join()
	return c, refused(AudienceJoin, err)
}

// ParseAPI reads an api token, like ParseJoin.
func ParseAPI(token string, keyOf KeyOf, now time.Time) (APIClaims, error) {
	w, err := parse(token, AudienceAPI, keyOf, now)
	if err != nil {
		return APIClaims{}, err
	}
	c, err := w.api()
	return c, refused(AudienceAPI, err)
}

// ParseResume reads a resume token and verifies it with the server's own secret.
func ParseResume(token string, secret []byte, now time.Time) (ResumeClaims, error) {
	w, err := parse(token, AudienceResume, func(protocol.ServiceID) ([]byte, error) { return secret, nil }, now)
	if err != nil {
		return ResumeClaims{}, err
	}
	c, err := w.resume()
	return c, refused(AudienceResume, err)
}

// articles go with titles.
var articles = map[Audience]string{AudienceJoin: "a ", AudienceAPI: "an ", AudienceResume: "a "}

// titles names the kinds of tokens for people.
var titles = map[Audience]string{
	AudienceJoin:   "join token",
	AudienceAPI:    "api token",
	AudienceResume: "resume token",
}

var errIssuer = errors.New("its claim iss is missing or is not the id of a service (24 characters of 0–9 a–f)")

func parse(token string, want Audience, keyOf KeyOf, now time.Time) (*wireClaims, error) {
	if token == "" {
		return nil, protocol.Errorf(protocol.CodeUnauthorized, "the %s is missing", titles[want])
	}
	if len(token) > MaxToken {
		return nil, refused(want, fmt.Errorf("it has more than %d bytes", MaxToken))
	}
	parser := jwt.NewParser(
		jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}),
		jwt.WithStrictDecoding(),
		jwt.WithTimeFunc(func() time.Time { return now }),
		jwt.WithLeeway(Leeway),
		jwt.WithIssuedAt(),
	)
	w := new(wireClaims)
	_, err := parser.ParseWithClaims(token, w, func(t *jwt.Token) (any, error) {
		if _, ok := t.Header["crit"]; ok {
			return nil, &reason{errors.New("its header names critical extensions, which are not known here")}
		}
		// The audience is looked at before the signature, so that a token that is
		// good elsewhere is told so: who holds it can read it anyway.
		if err := checkAudience(w.Audience, want); err != nil {
			return nil, &reason{err}
		}
		service := protocol.ServiceID(w.Issuer)
		if !service.Valid() {
			return nil, &reason{errIssuer}
		}
		key, err := keyOf(service)
		if err != nil {
			return nil, &keyError{err}
		}
		if len(key) == 0 { // HMAC with an empty key is no proof of anything
			return nil, &keyError{errors.New("the service has no key")}
		}
		return key, nil
	})
	if err != nil {
		return nil, explain(err, want, w, now)
	}
	return w, nil
}

// reason is a refusal in words that passes through the parser.
type reason struct{ error }

// keyError is an error of a KeyOf that passes through the parser.
type keyError struct{ error }

func (e *keyError) Unwrap() error { return e.error }

func checkAudience(got audiences, want Audience) error {
	if len(got) == 1 && got[0] == want {
		return nil
	}
	if len(got) == 0 {
		return fmt.Errorf("its claim aud is missing; it must be %s", want)
	}
	if len(got) > 1 {
		return fmt.Errorf("its claim aud must be %s and nothing else", want)
	}
	if title, ok := titles[got[0]]; ok {
		return fmt.Errorf("it is %s (aud %s), and here %s is needed (aud %s)", articles[got[0]]+title, got[0], articles[want]+titles[want], want)
	}
	return fmt.Errorf("its claim aud is %.40q; it must be %s", string(got[0]), want)
}

// explain puts an error of the parser into words. None of them holds a key or
// the token.
func explain(err error, want Audience, w *wireClaims, now time.Time) error {
	var because *reason
	var key *keyError
	var known *protocol.Error
	switch {
	case errors.As(err, &because):
		return refused(want, because.error)
	case errors.As(err, &key):
		if errors.As(key.error, &known) {
			return known
		}
		return refused(want, errors.New("the service that its claim iss names is not known"))
	case errors.Is(err, jwt.ErrTokenMalformed):
		return refused(want, errors.New("it is not a JSON Web Token with the claims of "+articles[want]+titles[want]))
	case errors.Is(err, jwt.ErrTokenSignatureInvalid), errors.Is(err, jwt.ErrTokenUnverifiable):
		return refused(want, errors.New("its signature is not HS256 by the key of the service that its claim iss names"))
	case errors.Is(err, jwt.ErrTokenExpired):
		ago := now.Sub(timeOf(*w.ExpiresAt)).Round(time.Second)
		return refused(want, fmt.Errorf("it expired %s ago; ask for a fresh one", ago))
	case errors.Is(err, jwt.ErrTokenUsedBeforeIssued):
		ahead := timeOf(*w.IssuedAt).Sub(now).Round(time.Second)
		return refused(want, fmt.Errorf("its iat is %s in the future: the clocks of the signer and of the server differ", ahead))
	case errors.Is(err, jwt.ErrTokenNotValidYet):
		return refused(want, errors.New("its nbf is in the future"))
	}
	return refused(want, errors.New("its claims are not valid"))
}

func refused(want Audience, err error) error {
	if err == nil {
		return nil
	}
	var known *protocol.Error
	if errors.As(err, &known) {
		return known
	}
	return protocol.Errorf(protocol.CodeUnauthorized, "the %s is refused: %v", titles[want], err)
}
