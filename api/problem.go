package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/tertulia-rtc/tertulia/protocol"
	"github.com/tertulia-rtc/tertulia/store"
)

// problemType is the prefix of the type of a problem; a protocol.Code follows.
const problemType = "urn:tertulia:"

// statusOf maps the codes to HTTP, here and nowhere else.
var statusOf = map[protocol.Code]int{
	protocol.CodeBadRequest:   http.StatusBadRequest,
	protocol.CodeUnauthorized: http.StatusUnauthorized,
	protocol.CodeForbidden:    http.StatusForbidden,
	protocol.CodeNotFound:     http.StatusNotFound,
	protocol.CodeConflict:     http.StatusConflict,
	protocol.CodeLimit:        http.StatusConflict,
	protocol.CodeTooFast:      http.StatusTooManyRequests,
	protocol.CodeUnsupported:  http.StatusUnprocessableEntity,
	protocol.CodeUnavailable:  http.StatusServiceUnavailable,
	protocol.CodeInternal:     http.StatusInternalServerError,
}

// codeOf names the code of a status that huma or net/http chose.
func codeOf(status int) protocol.Code {
	switch status {
	case http.StatusUnauthorized:
		return protocol.CodeUnauthorized
	case http.StatusForbidden:
		return protocol.CodeForbidden
	case http.StatusNotFound, http.StatusMethodNotAllowed:
		return protocol.CodeNotFound
	case http.StatusConflict:
		return protocol.CodeConflict
	case http.StatusTooManyRequests:
		return protocol.CodeTooFast
	case http.StatusUnsupportedMediaType, http.StatusUpgradeRequired:
		return protocol.CodeUnsupported
	case http.StatusServiceUnavailable:
		return protocol.CodeUnavailable
	}
	if status >= 500 {
		return protocol.CodeInternal
	}
	return protocol.CodeBadRequest
}

func newProblem(status int, code protocol.Code, detail string) *huma.ErrorModel {
	return &huma.ErrorModel{Type: problemType + string(code), Title: http.StatusText(status), Status: status, Detail: detail}
}

// problem puts an error of a handler into words for the client. What is no
// client's business is logged here, once.
func (s *Server) problem(ctx context.Context, operation string, err error) error {
	var known *protocol.Error
	var already huma.StatusError
	switch {
	case errors.As(err, &already):
		return err
	case errors.As(err, &known):
		status, ok := statusOf[known.Code]
		if !ok {
			status = http.StatusInternalServerError
		}
		return withRetry(newProblem(status, known.Code, known.Message))
	case errors.Is(err, store.ErrNotFound):
		return newProblem(http.StatusNotFound, protocol.CodeNotFound, "it is not there (any more)")
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return withRetry(newProblem(http.StatusServiceUnavailable, protocol.CodeUnavailable, "the request was not finished in time"))
	case errors.Is(err, store.ErrUnavailable):
		s.Log.ErrorContext(ctx, "the store failed", "operation", operation, "reason", err)
		return withRetry(newProblem(http.StatusServiceUnavailable, protocol.CodeUnavailable, "the server's database cannot be used now; try again"))
	}
	s.Log.ErrorContext(ctx, "a request failed", "operation", operation, "reason", err)
	return newProblem(http.StatusInternalServerError, protocol.CodeInternal, "a fault of the server; its log has the reason")
}

// withRetry says when to try again, where that helps.
func withRetry(p *huma.ErrorModel) error {
	if p.Status != http.StatusServiceUnavailable && p.Status != http.StatusTooManyRequests {
		return p
	}
	return huma.ErrorWithHeaders(p, http.Header{"Retry-After": {"5"}})
}

// explainProblem completes the problems that huma makes: what the type is, and
// what was wrong where in one sentence. Values of the request are not repeated:
// they may be long, or secret.
func explainProblem(_ huma.Context, _ string, v any) (any, error) {
	p, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	if p.Type == "" {
		p.Type = problemType + string(codeOf(p.Status))
	}
	if p.Status == http.StatusUnsupportedMediaType {
		p.Detail = "this content type is not understood; send JSON, with Content-Type: application/json"
	}
	for _, e := range p.Errors {
		if e != nil {
			e.Value = nil
		}
	}
	if p.Detail == "validation failed" && len(p.Errors) > 0 && p.Errors[0] != nil {
		first := p.Errors[0]
		p.Detail = strings.TrimSpace("the request is not valid: " + first.Location + " " + first.Message)
		if n := len(p.Errors) - 1; n > 0 {
			p.Detail += " (and " + strconv.Itoa(n) + " more)"
		}
	}
	return p, nil
}

// writeProblem answers a request that did not get to an operation.
func writeProblem(w http.ResponseWriter, status int, code protocol.Code, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Del("Content-Length")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(newProblem(status, code, detail)) // the client may be gone
}

// notFound is the same for what is not there and for what is another service's.
func notFound(what, id string) error {
	return protocol.Errorf(protocol.CodeNotFound, "there is no %s %.80q", what, id)
}

func isNotFound(err error) bool {
	var known *protocol.Error
	return errors.As(err, &known) && known.Code == protocol.CodeNotFound
}
