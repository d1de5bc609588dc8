package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"github.com/tertulia-rtc/tertulia/protocol"
)

// drainLimit bounds a clean end: after it the process ends anyway.
const drainLimit = 10 * time.Second

// serveCommand is the settings of the server. docs/config.md has the same
// words; a test holds them together.
type serveCommand struct {
	HTTP      string       `name:"http" help:"Address of the page, the API and signalling." default:":8080" placeholder:"[HOST]:PORT"`
	PublicURL string       `name:"public-url" help:"URL under which clients reach the server; links and tokens carry it." placeholder:"URL"`
	TLS       string       `name:"tls" help:"self: serve HTTPS with a certificate made here." enum:",self" default:""`
	TLSCert   string       `name:"tls-cert" help:"Serve HTTPS with this certificate (PEM)." placeholder:"FILE"`
	TLSKey    string       `name:"tls-key" help:"The certificate's key (PEM)." placeholder:"FILE"`
	UDP       mediaAddress `name:"udp" help:"Address of media over UDP; with a range, a port per shard; or off." default:":7882" placeholder:"[HOST]:PORT[-PORT]"`
	TCP       mediaAddress `name:"tcp" help:"Address of media over TCP, for clients without UDP; or off." default:":7882" placeholder:"[HOST]:PORT"`
	PublicIP  []netip.Addr `name:"public-ip" help:"Address to offer instead of the interfaces', behind NAT (repeatable)." placeholder:"IP"`
	Shards    int          `help:"Loops that forward media; 0: one per core." default:"0" placeholder:"N"`
	ICEServer []string     `name:"ice-server" sep:"none" help:"STUN or TURN server handed to clients: URL or URL,USER,PASSWORD (repeatable)." placeholder:"URL[,USER,PASSWORD]"`

	TrustProxy  bool     `help:"Believe X-Forwarded-For and X-Forwarded-Proto of a proxy in front."`
	AllowOrigin []string `help:"Origins whose pages may connect; by default any (repeatable)." placeholder:"ORIGIN"`
	Meet        string   `help:"The meeting page for guests: on or off." enum:"on,off" default:"on"`

	LicodeHTTP string `name:"licode-http" help:"Address of a port for Licode's REST API alone, besides /nuve/ (plain HTTP)." placeholder:"[HOST]:PORT"`
	LicodeHost string `name:"licode-host" help:"Where Licode's clients find the signalling; by default as the public URL or the request says." placeholder:"HOST:PORT"`

	LicodeDefaultVideoBandwidth int    `name:"licode-default-video-bandwidth" help:"What Licode's clients send and receive of a video that names no limit, in kb/s." default:"1500" placeholder:"KBPS"`
	LicodeMaxVideoBandwidth     int    `name:"licode-max-video-bandwidth" help:"What Licode's clients send and receive of a video at most, in kb/s." default:"5000" placeholder:"KBPS"`
	LicodeSinglePC              string `name:"licode-single-pc" help:"Let Licode's clients have one connection for all that they send and one for all that they receive: on or off." enum:"on,off" default:"on"`

	SuperserviceID  string `name:"superservice-id" help:"Id of the first service: 24 hexadecimal characters." placeholder:"ID"`
	SuperserviceKey string `name:"superservice-key" help:"Key of the first service." placeholder:"KEY"`

	LogLevel  string `help:"debug, info, warn or error." enum:"debug,info,warn,error" default:"info"`
	LogFormat string `help:"text or json." enum:"text,json" default:"text"`
	Trace     string `help:"Write what decides on layers to this file, as JSON lines." placeholder:"FILE"`
}

// Run takes calls until the context ends.
func (c *serveCommand) Run(ctx context.Context, all *commands, out *os.File) error {
	log, err := c.logger()
	if err != nil {
		return err
	}
	tuneMemory()
	h, err := c.build(ctx, all, log)
	if err != nil {
		return err
	}
	defer h.close(log)

	listener, err := listen("--http", c.HTTP)
	if err != nil {
		return err
	}
	secure, err := c.tlsConfig(all.Data)
	if err != nil {
		return err
	}
	nuve, err := c.openLicode(listener, secure != nil, h, log)
	if err != nil {
		return err
	}
	if secure != nil {
		listener = tls.NewListener(listener, secure)
	}
	failed := make(chan error, 2)
	var servers []*http.Server
	serve := func(handler http.Handler, l net.Listener) {
		s := newServer(handler, log)
		servers = append(servers, s)
		go func() { failed <- s.Serve(l) }()
	}
	serve(h.front(), listener)
	if nuve != nil {
		serve(h.nuve.OwnPort(), nuve)
	}
	go h.handler.Run(ctx)
	// Migrations and the description of the API needed memory that taking calls
	// does not.
	debug.FreeOSMemory()
	releasePages()
	go restMemory(ctx)
	c.printWelcome(out, all, h)
	h.ready.Store(true)

	select {
	case err := <-failed:
		return fmt.Errorf("the HTTP server ended: %w", err)
	case <-ctx.Done():
	}
	h.ready.Store(false)
	fmt.Fprintln(out, "Ending: clients are told to come back.")
	drain, cancel := context.WithTimeout(context.Background(), drainLimit)
	defer cancel()
	h.signalling.Shut()
	h.controller.Drain(drain)
	h.signalling.Drain(drain)
	for _, s := range servers {
		if s.Shutdown(drain) != nil {
			_ = s.Close()
		}
	}
	return nil
}

// newServer makes an HTTP server with the limits that all of ours have.
func newServer(handler http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 10 * time.Second,
		// Of requests and answers; signalling sockets have limits of their own.
		ReadTimeout:    30 * time.Second,
		WriteTimeout:   2 * time.Minute,
		IdleTimeout:    2 * time.Minute,
		MaxHeaderBytes: 64 << 10,
		ErrorLog:       slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

func (c *serveCommand) logger() (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.LogLevel)); err != nil {
		return nil, err
	}
	options := &slog.HandlerOptions{Level: level}
	if c.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(os.Stderr, options)), nil
	}
	return slog.New(slog.NewTextHandler(os.Stderr, options)), nil
}

// listen opens an HTTP port, with one clear line when it cannot. The setting is
// the one that names the address.
func listen(setting, address string) (net.Listener, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, explainPort("HTTP", setting, address, err)
	}
	return listener, nil
}

// explainPort says in one line why a port cannot be opened, and what to do.
func explainPort(kind, setting, address string, err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("the %s port %s is in use: another server runs there; end it, or choose another port with %s", kind, address, setting)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("the %s port %s may not be opened by this user: choose one above 1023 with %s", kind, address, setting)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Errorf("the %s address %s is not one of this machine: choose another with %s", kind, address, setting)
	}
	return fmt.Errorf("%s: the %s address %s cannot be used: %w", setting, kind, address, err)
}

// tlsConfig gives the TLS settings, or nil for plain HTTP.
func (c *serveCommand) tlsConfig(data string) (*tls.Config, error) {
	var certificate tls.Certificate
	var err error
	switch {
	case c.TLS == "self":
		certificate, err = selfSigned(data, interfaceIPs(), time.Now())
	case c.TLSCert != "" && c.TLSKey != "":
		certificate, err = tls.LoadX509KeyPair(c.TLSCert, c.TLSKey)
		if err != nil {
			err = fmt.Errorf("the TLS certificate cannot be used: %w", err)
		}
	case c.TLSCert != "" || c.TLSKey != "":
		err = errors.New("--tls-cert and --tls-key go together; one is missing")
	default:
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}}, nil
}

func (c *serveCommand) secure() bool { return c.TLS != "" || c.TLSCert != "" }

// publicURL is the address under which people reach the server.
func (c *serveCommand) publicURL() (*url.URL, error) {
	if c.PublicURL != "" {
		u, err := url.Parse(c.PublicURL)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return nil, fmt.Errorf("--public-url %q is not a URL like https://meet.example.org", c.PublicURL)
		}
		u.Path = strings.TrimSuffix(u.Path, "/")
		return u, nil
	}
	host, port, err := net.SplitHostPort(c.HTTP)
	if err != nil {
		return nil, fmt.Errorf("--http %q is not an address: write :8080 or 127.0.0.1:8080", c.HTTP)
	}
	if host == "" || net.ParseIP(host).IsUnspecified() {
		host = "localhost"
		if c.TLS == "self" {
			if ip := lanAddress(); ip != "" {
				host = ip
			}
		}
	}
	scheme := "http"
	if c.secure() {
		scheme = "https"
	}
	return &url.URL{Scheme: scheme, Host: net.JoinHostPort(host, port)}, nil
}

// iceServers reads the STUN and TURN servers that clients are given.
func (c *serveCommand) iceServers() ([]protocol.ICEServer, error) {
	var servers []protocol.ICEServer
	for _, s := range c.ICEServer {
		parts := strings.Split(s, ",")
		scheme, _, _ := strings.Cut(parts[0], ":")
		switch {
		case scheme != "stun" && scheme != "stuns" && scheme != "turn" && scheme != "turns":
			return nil, fmt.Errorf("--ice-server %q: write a URL that begins with stun, stuns, turn or turns", parts[0])
		case len(parts) == 1:
			servers = append(servers, protocol.ICEServer{URLs: parts})
		case len(parts) == 3:
			servers = append(servers, protocol.ICEServer{URLs: parts[:1], Username: parts[1], Credential: parts[2]})
		default:
			return nil, fmt.Errorf("--ice-server %q: write URL or URL,USER,PASSWORD", parts[0])
		}
	}
	return servers, nil
}

func (c *serveCommand) shards() int {
	switch {
	case c.Shards > 0:
		return c.Shards
	case c.UDP.ports() > 1:
		return min(c.UDP.ports(), runtime.GOMAXPROCS(0))
	default:
		return runtime.GOMAXPROCS(0)
	}
}

// databaseURL is where the database is.
func (c *commands) databaseURL() string {
	if c.DB != "" {
		return c.DB
	}
	return "sqlite:" + filepath.Join(c.Data, "tertulia.db")
}

// interfaceIPs lists the addresses that a certificate made here should name.
func interfaceIPs() []net.IP {
	var ips []net.IP
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return []net.IP{net.IPv4(127, 0, 0, 1)}
	}
	for _, a := range addresses {
		if n, ok := a.(*net.IPNet); ok && !n.IP.IsLinkLocalUnicast() {
			ips = append(ips, n.IP)
		}
	}
	return ips
}

// lanAddress is the address that a phone on the same network would use, or "".
func lanAddress() string {
	for _, ip := range interfaceIPs() {
		if ip.To4() != nil && !ip.IsLoopback() {
			return ip.String()
		}
	}
	return ""
}
