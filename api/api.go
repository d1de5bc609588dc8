// Package api is the HTTP door: the REST API under /v1 with its OpenAPI
// description, the WebSocket of the native signalling at /v1/signal, the small
// endpoint that lets guests in, the meeting page, and /healthz.
//
// It authenticates services and keeps one service's rooms out of another's
// sight; who is in a room, and what happens there, it asks the controller.
package api

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/tertulia-rtc/tertulia/protocol"
	"github.com/tertulia-rtc/tertulia/store"
)

// Rooms is what the API asks of, and tells to, whoever runs the rooms.
// A room that nobody is in has no participants and no streams. Errors that a
// client may see are *protocol.Error.
type Rooms interface {
	Participants(ctx context.Context, room protocol.RoomID) ([]protocol.Participant, error)
	Streams(ctx context.Context, room protocol.RoomID) ([]protocol.Stream, error)
	// Stats gives what is counted for one participant, not-found when it is not there.
	Stats(ctx context.Context, room protocol.RoomID, id protocol.ParticipantID) (protocol.Stats, error)
	Kick(ctx context.Context, room protocol.RoomID, id protocol.ParticipantID, reason string) error
	CloseRoom(ctx context.Context, room protocol.RoomID) error
	RoomChanged(ctx context.Context, room store.Room) error
}

// Config is what a Server needs. Store and Rooms are required.
type Config struct {
	Store *store.Store
	Rooms Rooms
	// Signal serves one socket of the native signalling until it ends; nil: there
	// is no signalling here.
	Signal func(ctx context.Context, conn *Conn) error
	// Pages serves what is not the API, with its own security headers; nil: nothing.
	Pages http.Handler
	// Ready says whether the server can take calls; nil: always.
	Ready func() bool
	// PublicURL is the address that clients see ("https://meet.example.org"), in
	// links, Location headers and the answers that hold tokens. Empty: what the
	// request was sent to.
	PublicURL string
	// Meet lets guests in without a service of their own.
	Meet bool
	// TrustProxy takes the client's address and scheme from X-Forwarded-For and
	// X-Forwarded-Proto, which the proxy in front must set.
	TrustProxy bool
	// AllowOrigins lists the origins whose pages may use the API and the
	// signalling, as host patterns ("*.example.org") or with a scheme
	// ("https://example.org"). Empty: all, which is safe since every request
	// carries its own token and none a cookie.
	AllowOrigins []string
	// Version is told in the OpenAPI description; empty: "dev".
	Version string
	Now     func() time.Time // nil: time.Now
	Log     *slog.Logger     // nil: slog.Default()
}

// Server is the HTTP handler. Run does what is due from time to time.
type Server struct {
	Config
	handler http.Handler
	api     huma.API
	guests  *guests // nil while Meet is off
	// failures counts failed authentications, arrivals what guests ask for, by
	// client address.
	failures *addressLimits
	arrivals *addressLimits
	doorstep *doorstep
}

// New makes a Server.
func New(config Config) (*Server, error) {
	if config.Store == nil || config.Rooms == nil {
		return nil, errors.New("the API needs a store and rooms")
	}
	if config.PublicURL != "" {
		u, err := url.Parse(config.PublicURL)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
			return nil, errors.New("the public URL must be like https://meet.example.org, without query and fragment")
		}
		config.PublicURL = strings.TrimSuffix(config.PublicURL, "/")
	}
	if err := checkPatterns(config.AllowOrigins); err != nil {
		return nil, err
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	if config.Log == nil {
		config.Log = slog.Default()
	}
	if config.Version == "" {
		config.Version = "dev"
	}
	s := &Server{
		Config: config,
		// A client that misspells its key gets 50 answers at once and then one a second.
		failures: newAddressLimits(1, 50),
		// A class of pupils behind one address comes in together.
		arrivals: newAddressLimits(1, 100),
		doorstep: newDoorstep(),
	}
	if config.Meet {
		guests, err := newGuests(s)
		if err != nil {
			return nil, err
		}
		s.guests = guests
	}
	mux := http.NewServeMux()
	s.api = humago.New(mux, describe(config.Version))
	s.api.UseMiddleware(s.introduce, s.authenticate, s.limitBody)
	s.addServices()
	s.addRooms()
	s.addPresence()
	s.addStats()
	s.addTokens()
	s.addMeet()
	s.addHealth()
	s.addSignal(mux)
	addExamples(s.api.OpenAPI())
	if config.Pages != nil {
		mux.Handle("/", config.Pages)
	}
	s.handler = s.recoverPanics(s.shareAcrossOrigins(problemsOnly(mux)))
	return s, nil
}

// ServeHTTP answers a request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// Run removes guest rooms that nobody is in and forgets expired tokens, until
// the context ends.
func (s *Server) Run(ctx context.Context) {
	sweep := time.NewTicker(30 * time.Second)
	defer sweep.Stop()
	purge := time.NewTicker(10 * time.Minute)
	defer purge.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-sweep.C:
			if s.guests != nil {
				if err := s.guests.sweep(ctx); err != nil && ctx.Err() == nil {
					s.Log.Warn("guest rooms were not swept", "reason", err)
				}
			}
		case <-purge.C:
			if err := s.Store.Purge(ctx); err != nil && ctx.Err() == nil {
				s.Log.Warn("expired tokens were not forgotten", "reason", err)
			}
		}
	}
}

// maxBody bounds the body of every request, in bytes.
const maxBody = 64 << 10

const description = `Rooms, tokens and who is there.

Your server makes a room (or lets Tertulia make it on first use), asks for a **token** for each person, and hands the token to the
person's browser, which joins with it over the signalling at ` + "`/v1/signal`" + `.

**Authentication.** Every request carries either a JSON Web Token signed by the service's key (HS256, ` + "`aud`" + ` = ` + "`tertulia:api`" + `,
at most 15 minutes long; see docs/tokens.md), or, over TLS or on the machine itself, the service's id and key by HTTP Basic.
A service sees its own rooms only; another's are not found. The *super service*, whose id and key are printed at the first start, also manages the services.

**Errors** are problem details (RFC 9457): ` + "`detail`" + ` is a sentence for people, ` + "`type`" + ` is ` + "`urn:tertulia:…`" + ` with one of the words
bad-request, unauthorized, forbidden, not-found, conflict, limit, too-fast, unsupported, unavailable, internal.

**Bodies** have 64 KiB at most; fields and query parameters that are not described here are refused.`

func describe(version string) huma.Config {
	config := huma.DefaultConfig("Tertulia", version)
	config.Info.Description = description
	config.Info.License = &huma.License{Name: "MIT", Identifier: "MIT"}
	config.OpenAPIPath = "/v1/openapi"
	config.DocsPath = ""
	config.SchemasPath = ""
	config.CreateHooks = nil // no $schema links in answers
	config.Formats = map[string]huma.Format{"application/json": huma.DefaultJSONFormat, "json": huma.DefaultJSONFormat}
	config.RejectUnknownQueryParameters = true
	config.Transformers = []huma.Transformer{explainProblem}
	config.Servers = []*huma.Server{{URL: "/"}}
	config.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"token": {Type: "http", Scheme: "bearer", BearerFormat: "JWT", Description: "A JSON Web Token with the audience tertulia:api, signed by the service's key."},
		"key":   {Type: "http", Scheme: "basic", Description: "The service's id and key; over TLS, or from the machine itself."},
	}
	config.Tags = []*huma.Tag{
		{Name: "Services", Description: "Applications, each with an id, a key and rooms of its own. For the super service; a service may read itself and change its roles."},
		{Name: "Rooms", Description: "Where people meet."},
		{Name: "Presence", Description: "Who is in a room now, and what they publish."},
		{Name: "Tokens", Description: "The right to join a room."},
		{Name: "Guests", Description: "The meeting page's own way in, without a service."},
		{Name: "Server", Description: "The server itself."},
	}
	return config
}

// needsService is the security of operations that a service calls.
var needsService = []map[string][]string{{"token": {}}, {"key": {}}}

// register adds an operation and puts the errors of its handler into problems.
func register[I, O any](s *Server, op huma.Operation, handler func(context.Context, *I) (*O, error)) {
	op.MaxBodyBytes = maxBody + 1 // limitBody is first
	op.Errors = append(op.Errors, http.StatusTooManyRequests, http.StatusServiceUnavailable)
	if op.Security != nil {
		op.Errors = append(op.Errors, http.StatusUnauthorized, http.StatusForbidden)
	}
	if op.Method == http.MethodPost || op.Method == http.MethodPut || op.Method == http.MethodPatch {
		op.Errors = append(op.Errors, http.StatusBadRequest, http.StatusRequestTimeout, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)
	}
	huma.Register(s.api, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := handler(ctx, in)
		if err != nil {
			return nil, s.problem(ctx, op.OperationID, err)
		}
		return out, nil
	})
}
