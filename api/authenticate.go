package api

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/tertulia-rtc/tertulia/auth"
	"github.com/tertulia-rtc/tertulia/protocol"
	"github.com/tertulia-rtc/tertulia/store"
)

type serviceKey struct{}

// caller gives the service that authenticate found.
func caller(ctx context.Context) store.Service {
	service, ok := ctx.Value(serviceKey{}).(store.Service)
	if !ok {
		panic("api: an operation without Security asked who calls") // a fault in the table of operations
	}
	return service
}

// authenticate lets operations with Security pass for services only.
func (s *Server) authenticate(ctx huma.Context, next func(huma.Context)) {
	if len(ctx.Operation().Security) == 0 {
		next(ctx)
		return
	}
	r, w := humago.Unwrap(ctx)
	from := s.clientOf(r)
	if wait, ok := s.failures.peek(from.address, s.Now()); !ok {
		w.Header().Set("Retry-After", strconv.Itoa(wait))
		writeProblem(w, http.StatusTooManyRequests, protocol.CodeTooFast, "too many failed attempts from your address; wait a little")
		return
	}
	service, err := s.identify(ctx.Context(), r, from)
	if err == nil {
		next(huma.WithValue(ctx, serviceKey{}, service))
		return
	}
	var known *protocol.Error
	if !errors.As(err, &known) {
		known = protocol.Errorf(protocol.CodeUnavailable, "the server's database cannot be used now; try again")
		s.Log.ErrorContext(ctx.Context(), "a service was not authenticated", "reason", err)
	}
	status := statusOf[known.Code]
	switch status {
	case http.StatusUnauthorized:
		s.failures.take(from.address, s.Now())
		challenge := `Bearer realm="tertulia"`
		if r.Header.Get("Authorization") != "" {
			challenge += `, error="invalid_token"` // RFC 6750 section 3.1
		}
		w.Header().Add("WWW-Authenticate", challenge)
		if from.secure() {
			w.Header().Add("WWW-Authenticate", `Basic realm="tertulia", charset="UTF-8"`)
		}
	case http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", "5")
	}
	writeProblem(w, status, known.Code, known.Message)
}

// identify says which service makes the request.
func (s *Server) identify(ctx context.Context, r *http.Request, from client) (store.Service, error) {
	headers := r.Header.Values("Authorization")
	if len(headers) != 1 {
		return store.Service{}, protocol.Errorf(protocol.CodeUnauthorized, "who are you? Send one Authorization header: Bearer with a token for tertulia:api, or Basic with the service's id and key")
	}
	scheme, credentials, _ := strings.Cut(headers[0], " ")
	switch strings.ToLower(scheme) {
	case "bearer":
		claims, err := auth.ParseAPI(strings.TrimSpace(credentials), s.Store.KeyOf(ctx), s.Now())
		if err != nil {
			return store.Service{}, err
		}
		return s.Store.Service(ctx, claims.Service)
	case "basic":
		if !from.secure() {
			return store.Service{}, protocol.Errorf(protocol.CodeUnauthorized, "HTTP Basic is taken over TLS, or from the machine itself, only: use https, or sign a token (behind a proxy, start the server with --trust-proxy)")
		}
		id, key, ok := r.BasicAuth()
		if !ok {
			return store.Service{}, protocol.Errorf(protocol.CodeUnauthorized, "the Basic credentials are not base64 of id:key")
		}
		return s.checkKey(ctx, protocol.ServiceID(id), key)
	}
	return store.Service{}, protocol.Errorf(protocol.CodeUnauthorized, "the Authorization scheme must be Bearer or Basic")
}

// checkKey takes as long for an unknown service as for a wrong key.
func (s *Server) checkKey(ctx context.Context, id protocol.ServiceID, key string) (store.Service, error) {
	service, err := s.Store.Service(ctx, id)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return store.Service{}, err
	}
	want, got := sha256.Sum256([]byte(service.Key)), sha256.Sum256([]byte(key))
	if subtle.ConstantTimeCompare(want[:], got[:]) != 1 || service.Key == "" {
		return store.Service{}, protocol.Errorf(protocol.CodeUnauthorized, "the service's id or key is wrong")
	}
	return service, nil
}

// mustBeSuper refuses services that do not manage the others.
func mustBeSuper(ctx context.Context) error {
	if caller(ctx).Super {
		return nil
	}
	return protocol.Errorf(protocol.CodeForbidden, "only the super service, whose id and key are printed at the first start, may do this")
}
