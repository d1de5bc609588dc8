package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/coder/websocket"
	"github.com/danielgtaylor/huma/v2"

	"github.com/tertulia-rtc/tertulia/protocol"
)

// Conn is one socket of the native signalling: whole text messages.
type Conn struct {
	socket *websocket.Conn
	net    *gatheringConn
	remote string
	leave  func() // the doorstep
}

// Opened tells that somebody has joined: the socket does not count as one that
// waits any more, and its messages may have protocol.MaxFrame bytes.
func (c *Conn) Opened() {
	c.leave()
	c.socket.SetReadLimit(protocol.MaxFrame)
}

// Read gives the next message, at most 64 KiB and, once Opened,
// protocol.MaxFrame bytes. A binary or larger message ends the socket.
func (c *Conn) Read(ctx context.Context) ([]byte, error) {
	kind, r, err := c.socket.Reader(ctx)
	if err != nil {
		return nil, err
	}
	b, err := readAll(r)
	if err != nil {
		return nil, err
	}
	if kind != websocket.MessageText {
		_ = c.socket.Close(websocket.StatusUnsupportedData, "messages are JSON in text frames")
		return nil, errors.New("a binary message")
	}
	return b, nil
}

// readAll is io.ReadAll with a buffer that was lent.
func readAll(r io.Reader) ([]byte, error) {
	buffer := lent.Get().(*[]byte) //nolint:forcetypeassert // of gather.go
	defer lent.Put(buffer)
	b := (*buffer)[:lentBuffer]
	n := 0
	for n < len(b) {
		m, err := r.Read(b[n:])
		n += m
		if errors.Is(err, io.EOF) {
			return bytes.Clone(b[:n]), nil
		}
		if err != nil {
			return nil, err
		}
	}
	rest, err := io.ReadAll(r)
	return slices.Concat(b[:n], rest), err
}

// Write sends a message, or keeps it until Release. The frame is made here: the library
// takes a timer, four locks and a context for each, and there may be
// thousands in a second. It goes on to write control frames, which are whole in one write.
func (c *Conn) Write(ctx context.Context, b []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return c.net.writeFrame(ctx, b)
}

// Gather keeps what is written from now on, until Release, so that it leaves at once.
// Neither may be called beside Write.
func (c *Conn) Gather() { c.net.gather() }

// Release sends what was written since Gather.
func (c *Conn) Release(ctx context.Context) error { return c.net.release(ctx) }

// Close ends the socket with a code (RFC 6455 section 7.4) and a reason, of
// which 123 bytes are told. What was written since Gather and not released is lost.
func (c *Conn) Close(code int, reason string) error {
	for len(reason) > 123 || !utf8.ValidString(reason) {
		reason = strings.ToValidUTF8(reason[:min(len(reason), 123)], "")
	}
	c.net.discard() // or the close frame would wait for a Release that does not come
	return c.socket.Close(websocket.StatusCode(code), reason)
}

// RemoteAddr gives the client's address, for logs.
func (c *Conn) RemoteAddr() string { return c.remote }

func (s *Server) addSignal(mux *http.ServeMux) {
	if s.Signal == nil {
		return
	}
	mux.HandleFunc("GET /v1/signal", s.signal)
	problem := map[string]*huma.MediaType{"application/problem+json": {Schema: &huma.Schema{Ref: "#/components/schemas/ErrorModel"}}}
	s.api.OpenAPI().AddOperation(&huma.Operation{
		OperationID: "signal", Method: http.MethodGet, Path: "/v1/signal", Tags: []string{"Server"},
		Summary: "Join a room", Description: "The WebSocket of the native signalling, told in docs/protocol.md. The token is in its first message, not here.",
		Responses: map[string]*huma.Response{
			"101": {Description: "The socket is open; send join or resume."},
			"403": {Description: "The page's origin is not one that the operator allows.", Content: problem},
			"503": {Description: "Too many sockets wait to join.", Content: problem},
			"426": {Description: "This is a WebSocket.", Content: problem},
		},
	})
}

// signal opens a socket and serves it until it ends.
func (s *Server) signal(w http.ResponseWriter, r *http.Request) {
	if !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		w.Header().Set("Upgrade", "websocket")
		w.Header().Set("Connection", "Upgrade")
		writeProblem(w, http.StatusUpgradeRequired, protocol.CodeUnsupported, "this is a WebSocket (RFC 6455); docs/protocol.md tells what is spoken on it")
		return
	}
	if !s.originAllowed(r) {
		writeProblem(w, http.StatusForbidden, protocol.CodeForbidden, fmt.Sprintf("pages of %.200q may not use this server", r.Header.Get("Origin")))
		return
	}
	from := s.clientOf(r).address
	leave, ok := s.doorstep.step(from)
	if !ok {
		w.Header().Set("Retry-After", "5")
		writeProblem(w, http.StatusServiceUnavailable, protocol.CodeUnavailable, "too many sockets wait to join; try again in some seconds")
		return
	}
	hijacker := &hijacker{ResponseWriter: w}
	socket, err := websocket.Accept(hijacker, r, &websocket.AcceptOptions{
		InsecureSkipVerify: true, // originAllowed has looked; a request carries a token and no cookie
		CompressionMode:    websocket.CompressionDisabled,
	})
	if err != nil {
		leave()
		s.Log.DebugContext(r.Context(), "a socket was not opened", "reason", err)
		return
	}
	socket.SetReadLimit(maxOpening)
	// No WebSocket pings: the session's acknowledgements show within seconds that a
	// socket is dead, and pings would cost each a goroutine.
	ctx := context.WithoutCancel(r.Context())
	conn := &Conn{socket: socket, net: hijacker.conn, remote: from.String(), leave: leave}
	// In a goroutine of its own: when this one ends, the request and the buffers of
	// the HTTP server go with it, some 20 KB for as long as somebody is in a room.
	go s.speak(ctx, conn)
}

// speak serves a socket until it ends.
func (s *Server) speak(ctx context.Context, conn *Conn) {
	defer conn.leave()
	defer func() { _ = conn.socket.CloseNow() }()
	defer func() {
		if fault := recover(); fault != nil {
			s.Log.ErrorContext(ctx, "a socket panicked", "reason", fmt.Sprint(fault), "stack", string(debug.Stack()))
		}
	}()
	if err := s.Signal(ctx, conn); err != nil {
		s.Log.DebugContext(ctx, "a socket ended", "from", conn.remote, "reason", err)
	}
}
