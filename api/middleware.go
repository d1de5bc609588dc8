package api

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path"
	"runtime/debug"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/tertulia-rtc/tertulia/protocol"
)

// isAPI says whether a path belongs to the API rather than to the pages.
func isAPI(path string) bool {
	return path == "/v1" || strings.HasPrefix(path, "/v1/") || path == "/healthz"
}

// recoverPanics keeps a fault in one request from being more than that.
func (s *Server) recoverPanics(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			fault := recover()
			if fault == nil {
				return
			}
			if fault == http.ErrAbortHandler { //nolint:errorlint // net/http compares it so
				panic(fault)
			}
			s.Log.ErrorContext(r.Context(), "a request panicked", "method", r.Method, "path", r.URL.Path, "reason", fmt.Sprint(fault), "stack", string(debug.Stack()))
			writeProblem(w, http.StatusInternalServerError, protocol.CodeInternal, "a fault of the server; its log has the reason")
		}()
		next.ServeHTTP(w, r)
	})
}

// shareAcrossOrigins lets pages of other origins use the API (the Fetch
// standard's CORS protocol). No request carries a cookie, so any origin may,
// unless the operator names some.
func (s *Server) shareAcrossOrigins(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !isAPI(r.URL.Path) {
			next.ServeHTTP(w, r)
			return
		}
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-store") // answers hold tokens and keys
		if len(s.AllowOrigins) == 0 {
			h.Set("Access-Control-Allow-Origin", "*")
		} else {
			h.Add("Vary", "Origin")
			if origin := r.Header.Get("Origin"); origin != "" && s.originAllowed(r) {
				h.Set("Access-Control-Allow-Origin", origin)
			}
		}
		h.Set("Access-Control-Expose-Headers", "Location, Retry-After, WWW-Authenticate")
		if r.Method == http.MethodOptions {
			h.Set("Access-Control-Allow-Methods", "GET, POST, PUT, PATCH, DELETE")
			h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type")
			h.Set("Access-Control-Max-Age", "86400")
			w.WriteHeader(http.StatusNoContent)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// OriginAllowed says whether the page that makes a request may use the server, for
// other doors.
func (s *Server) OriginAllowed(r *http.Request) bool { return s.originAllowed(r) }

// originAllowed says whether the page that made the request may. Requests
// without an Origin come from no page of another origin.
func (s *Server) originAllowed(r *http.Request) bool {
	origin := strings.ToLower(r.Header.Get("Origin"))
	if len(s.AllowOrigins) == 0 || origin == "" {
		return true
	}
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" {
		return false
	}
	if strings.EqualFold(u.Host, r.Host) {
		return true
	}
	for _, pattern := range s.AllowOrigins {
		subject := u.Host
		if strings.Contains(pattern, "://") {
			subject = u.Scheme + "://" + u.Host
		}
		if ok, _ := path.Match(strings.ToLower(pattern), subject); ok { // checkPatterns saw its form
			return true
		}
	}
	return false
}

func checkPatterns(patterns []string) error {
	for _, pattern := range patterns {
		if _, err := path.Match(pattern, ""); err != nil {
			return fmt.Errorf("the origin %q is not a pattern like *.example.org or https://example.org", pattern)
		}
	}
	return nil
}

// problemsOnly turns the texts of ServeMux for unknown paths and methods into
// problems, where the API would have been.
func problemsOnly(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, pattern := mux.Handler(r)
		if !isAPI(r.URL.Path) || pattern != "" && pattern != "/" {
			mux.ServeHTTP(w, r)
			return
		}
		if allowed := allowedMethods(mux, r); allowed != "" {
			w.Header().Set("Allow", allowed)
			writeProblem(w, http.StatusMethodNotAllowed, protocol.CodeNotFound, fmt.Sprintf("%.20q is not something that one can do here; these are: %s", r.Method, allowed))
			return
		}
		writeProblem(w, http.StatusNotFound, protocol.CodeNotFound, "there is nothing at this path; /v1/openapi.json describes what is there")
	})
}

func allowedMethods(mux *http.ServeMux, r *http.Request) string {
	var allowed []string
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		other := r.Clone(r.Context())
		other.Method = method
		if _, pattern := mux.Handler(other); pattern != "" && pattern != "/" {
			allowed = append(allowed, method)
		}
	}
	return strings.Join(allowed, ", ")
}

// bodyTimeout is how long a client may take to send a body.
const bodyTimeout = 10 * time.Second

// limitBody reads the body, within its bounds of size and time, before the
// operation sees it.
func (s *Server) limitBody(ctx huma.Context, next func(huma.Context)) {
	r, w := humago.Unwrap(ctx)
	if r.Body == nil || r.Body == http.NoBody || ctx.Operation().RequestBody == nil {
		next(ctx)
		return
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTimeout)) // not every writer can
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		var tooLarge *http.MaxBytesError
		var network net.Error
		switch {
		case errors.As(err, &tooLarge):
			writeProblem(w, http.StatusRequestEntityTooLarge, protocol.CodeBadRequest, fmt.Sprintf("the body has more than %d bytes", maxBody))
		case errors.As(err, &network) && network.Timeout():
			writeProblem(w, http.StatusRequestTimeout, protocol.CodeBadRequest, fmt.Sprintf("the body did not arrive within %v", bodyTimeout))
		default:
			writeProblem(w, http.StatusBadRequest, protocol.CodeBadRequest, "the body is cut short or garbled")
		}
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	next(ctx)
}
