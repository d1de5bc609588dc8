package main

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"strings"

	"github.com/tertulia-rtc/tertulia/licode"
)

// openLicode makes Licode's door, and its own port if there is to be one, else
// nil. The main port is what tokens lead to.
func (c *serveCommand) openLicode(main net.Listener, secure bool, h *house, log *slog.Logger) (net.Listener, error) {
	log = log.With("part", "licode")
	tokens, err := licode.NewTokens(context.Background(), h.store, nil, log)
	if err != nil {
		return nil, err
	}
	port := 0
	if address, ok := main.Addr().(*net.TCPAddr); ok {
		port = address.Port
	}
	h.nuve, err = licode.NewNuve(licode.NuveConfig{
		Store: h.store, Rooms: h.controller, Callers: h.handler, Tokens: tokens,
		Host: c.LicodeHost, PublicURL: c.PublicURL, MainPort: port, MainTLS: secure, Proxied: c.TrustProxy,
		Log: log,
	})
	if err != nil {
		return nil, err
	}
	h.signalling, err = licode.NewSignalling(licode.SignallingConfig{
		Store: h.store, Controller: h.controller, Redeem: tokens.Redeem,
		Client: h.handler.Client, Step: h.handler.Step, OriginAllowed: h.handler.OriginAllowed,
		DefaultVideoBW: c.LicodeDefaultVideoBandwidth, MaxVideoBW: c.LicodeMaxVideoBandwidth, SinglePC: c.LicodeSinglePC == "on",
		Log: log,
	})
	if err != nil || c.LicodeHTTP == "" {
		return nil, err
	}
	return listen("--licode-http", c.LicodeHTTP)
}

// front is the handler of the main port: each door behind its path.
func (h *house) front() http.Handler {
	nuve := http.StripPrefix("/nuve", h.nuve)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/nuve" || strings.HasPrefix(r.URL.Path, "/nuve/") {
			nuve.ServeHTTP(w, r)
			return
		}
		if r.URL.Path == "/socket.io" || strings.HasPrefix(r.URL.Path, "/socket.io/") {
			h.signalling.ServeHTTP(w, r)
			return
		}
		h.handler.ServeHTTP(w, r)
	})
}
