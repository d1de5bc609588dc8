package licode

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/tertulia-rtc/tertulia/licode/mauth"
	"github.com/tertulia-rtc/tertulia/protocol"
	"github.com/tertulia-rtc/tertulia/store"
)

// NuveConfig is what a Nuve needs. Store, Rooms, Callers and Tokens are required.
type NuveConfig struct {
	Store   *store.Store
	Rooms   Rooms
	Callers Callers
	Tokens  *Tokens
	// Host is the host:port that tokens name, where browsers find the signalling.
	// Empty: that of PublicURL, else the host that a request was sent to, with
	// MainPort when it came by the port of Nuve's own or names no port.
	Host string
	// PublicURL is the address that clients see, or empty.
	PublicURL string
	MainPort  int
	MainTLS   bool             // whether MainPort speaks TLS
	Proxied   bool             // whether a trusted proxy may stand before MainPort
	Now       func() time.Time // nil: time.Now
	Log       *slog.Logger     // nil: slog.Default()
}

// Nuve is the REST API of Licode.
type Nuve struct {
	NuveConfig
	public *url.URL // nil without a PublicURL
	routes []route

	mu    sync.Mutex
	guard mauth.Guard
}

// NewNuve makes a Nuve.
func NewNuve(config NuveConfig) (*Nuve, error) {
	if config.Store == nil || config.Rooms == nil || config.Callers == nil || config.Tokens == nil {
		return nil, errors.New("Nuve needs a store, rooms, callers and tokens")
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	if config.Log == nil {
		config.Log = slog.Default()
	}
	n := &Nuve{NuveConfig: config}
	if config.Host != "" {
		_, port, err := net.SplitHostPort(config.Host)
		if _, e := strconv.ParseUint(port, 10, 16); err != nil || e != nil {
			return nil, fmt.Errorf("the host of Licode's tokens must be host:port, such as meet.example.org:443, not %q", config.Host)
		}
	}
	if config.PublicURL != "" {
		u, err := url.Parse(config.PublicURL)
		if err != nil || u.Host == "" {
			return nil, errors.New("the public URL must be like https://meet.example.org")
		}
		n.public = u
	}
	n.routes = []route{
		{http.MethodPost, "rooms", n.createRoom},
		{http.MethodGet, "rooms", n.listRooms},
		{http.MethodGet, "rooms/:room", n.getRoom},
		{http.MethodPut, "rooms/:room", n.updateRoom},
		{http.MethodPatch, "rooms/:room", n.patchRoom},
		{http.MethodDelete, "rooms/:room", n.deleteRoom},
		{http.MethodPost, "rooms/:room/tokens", n.createToken},
		{http.MethodGet, "rooms/:room/users", n.listUsers},
		{http.MethodGet, "rooms/:room/users/:user", n.getUser},
		{http.MethodDelete, "rooms/:room/users/:user", n.kickUser},
		{http.MethodPost, "services", n.createService},
		{http.MethodGet, "services", n.listServices},
		{http.MethodGet, "services/:service", n.getService},
		{http.MethodDelete, "services/:service", n.deleteService},
	}
	return n, nil
}

// route is what answers a method at a path, in which a segment that begins with
// a colon is a parameter.
type route struct {
	method  string
	path    string
	handler func(*call) (any, error)
}

// call is an authentic request on its way through a route.
type call struct {
	r       *http.Request
	ctx     context.Context //nolint:containedctx // the request's
	service store.Service   // that makes it
	header  mauth.Header
	params  map[string]string
	body    object
}

// failure is an answer that is no success: a status and a text.
type failure struct {
	status int
	text   string
}

func (f failure) Error() string { return f.text }

// Failures of more than one route, in Licode's words.
var (
	errNoResource = failure{http.StatusNotFound, "Resource not found"}
	errNoRoom     = failure{http.StatusNotFound, "Room does not exist"}
	errBadRoom    = failure{http.StatusBadRequest, "Invalid room"}
	errStore      = failure{http.StatusServiceUnavailable, "The database cannot be used now"}
)

// ServeHTTP answers a request, whose path begins after where Nuve is mounted.
func (n *Nuve) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	defer n.recoverPanic(w, r)
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Allow-Methods", "POST, GET, OPTIONS, DELETE")
	h.Set("Access-Control-Allow-Headers", "origin, authorization, content-type")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store") // answers hold tokens and keys
	method := r.Method
	if method == http.MethodHead { // the server leaves the body away
		method = http.MethodGet
	}
	path := segments(r.URL)
	switch method {
	case http.MethodOptions:
		send(w, http.StatusOK, "text/plain; charset=utf-8", []byte("OK"))
		return
	case http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete:
	default:
		n.answer(w, r, nil, errNoResource)
		return
	}
	if _, ok := match("test", path); ok && method == http.MethodGet {
		send(w, http.StatusOK, "text/html; charset=utf-8", []byte(testPage))
		return
	}
	c := &call{r: r, ctx: r.Context()}
	if !n.authenticate(w, c) {
		return
	}
	for _, route := range n.routes {
		params, ok := match(route.path, path)
		if !ok || route.method != method {
			continue
		}
		c.params = params
		var err error
		if c.body, err = readBody(w, r); err != nil {
			n.answer(w, r, nil, err)
			return
		}
		result, err := route.handler(c)
		n.answer(w, r, result, err)
		return
	}
	n.answer(w, r, nil, errNoResource)
}

// OwnPort is the handler for a port of Nuve's own. It differs in what tokens
// say when no host is set.
func (n *Nuve) OwnPort() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), ownPort{}, true)))
	})
}

type ownPort struct{}

const testPage = `<!DOCTYPE html><html lang="en"><title>Nuve</title><p>Licode's REST API is answered here, by Tertulia.</p></html>`

// segments takes a path apart. A slash at its end counts for nothing.
func segments(u *url.URL) []string {
	path := strings.TrimPrefix(u.EscapedPath(), "/")
	path = strings.TrimSuffix(path, "/")
	parts := strings.Split(path, "/")
	for i, part := range parts {
		if text, err := url.PathUnescape(part); err == nil {
			parts[i] = text
		}
	}
	return parts
}

// match says whether a path is one of a route, whose words are taken in either
// case, and gives its parameters.
func match(pattern string, path []string) (map[string]string, bool) {
	words := strings.Split(pattern, "/")
	if len(words) != len(path) {
		return nil, false
	}
	params := map[string]string{}
	for i, word := range words {
		name, isParam := strings.CutPrefix(word, ":")
		switch {
		case isParam && path[i] != "":
			params[name] = path[i]
		case isParam || !strings.EqualFold(word, path[i]):
			return nil, false
		}
	}
	return params, true
}

// authenticate says whether a request comes from a service, and answers it if
// not. What is wrong is told to nobody but the log.
func (n *Nuve) authenticate(w http.ResponseWriter, c *call) bool {
	from, _ := n.Callers.Client(c.r)
	if seconds := n.Callers.Barred(from); seconds > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(seconds))
		n.answer(w, c.r, nil, failure{http.StatusTooManyRequests, "Too many failed attempts from your address"})
		return false
	}
	why, err := n.identify(c)
	if err != nil {
		n.answer(w, c.r, nil, err)
		return false
	}
	if why == "" {
		return true
	}
	n.Log.InfoContext(c.ctx, "a request to Nuve was refused", "reason", why, "from", from)
	n.Callers.Failed(from)
	n.answerJSON(w, http.StatusUnauthorized, map[string]string{"WWW-Authenticate": `MAuth realm="http://marte3.dit.upm.es"`})
	return false
}

// identify finds the service that makes a request, or says why it is none.
func (n *Nuve) identify(c *call) (why string, err error) {
	header := c.r.Header.Get("Authorization")
	if header == "" {
		return "there is no Authorization header", nil
	}
	h, err := mauth.Parse(header)
	if err != nil {
		return err.Error(), nil //nolint:nilerr // a refusal, not a failure
	}
	h.Service = strings.ToLower(h.Service) // MongoDB reads ids in either case; the guard must know both for one
	var service store.Service
	if id := protocol.ServiceID(h.Service); id.Valid() {
		service, err = n.Store.Service(c.ctx, id)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return "", err
		}
	}
	// A service that is not there has an empty key, which signs nothing.
	key := []byte(service.Key)
	switch {
	case h.Signed(key):
	case h.Latin1().Signed(key):
		h = h.Latin1()
	case service.ID == "":
		return "the service is not known", nil
	default:
		return "the signature is not by the service's key", nil
	}
	n.mu.Lock()
	fresh := n.guard.Take(n.Now(), h)
	n.mu.Unlock()
	if !fresh {
		return "the timestamp is too old, or the request was made already", nil
	}
	c.service, c.header = service, h
	return "", nil
}

// answer writes a result or a failure.
func (n *Nuve) answer(w http.ResponseWriter, r *http.Request, result any, err error) {
	var f failure
	switch {
	case err == nil:
		if text, ok := result.(string); ok {
			send(w, http.StatusOK, "text/html; charset=utf-8", []byte(text))
			return
		}
		n.answerJSON(w, http.StatusOK, result)
		return
	case errors.As(err, &f):
	default:
		n.Log.ErrorContext(r.Context(), "a request to Nuve failed", "method", r.Method, "path", r.URL.Path, "reason", err)
		f = errStore
		var known *protocol.Error
		if errors.As(err, &known) {
			f.text = known.Message
		}
	}
	send(w, f.status, "text/html; charset=utf-8", []byte(f.text))
}

func (n *Nuve) answerJSON(w http.ResponseWriter, status int, value any) {
	text, err := encode(value)
	if err != nil {
		n.Log.Error("an answer could not be written", "reason", err)
		status, text = http.StatusInternalServerError, []byte("{}")
	}
	send(w, status, "application/json; charset=utf-8", text)
}

func send(w http.ResponseWriter, status int, contentType string, body []byte) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// recoverPanic keeps a fault in one request from being more than that.
func (n *Nuve) recoverPanic(w http.ResponseWriter, r *http.Request) {
	fault := recover()
	if fault == nil {
		return
	}
	if fault == http.ErrAbortHandler { //nolint:errorlint // net/http compares it so
		panic(fault)
	}
	n.Log.ErrorContext(r.Context(), "a request to Nuve panicked", "method", r.Method, "path", r.URL.Path, "reason", fmt.Sprint(fault), "stack", string(debug.Stack()))
	send(w, http.StatusInternalServerError, "text/html; charset=utf-8", []byte("Internal Server Error"))
}
