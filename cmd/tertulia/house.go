package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"os"
	"sync/atomic"

	"github.com/tertulia-rtc/tertulia/api"
	"github.com/tertulia-rtc/tertulia/bus"
	"github.com/tertulia-rtc/tertulia/controller"
	"github.com/tertulia-rtc/tertulia/licode"
	"github.com/tertulia-rtc/tertulia/media"
	"github.com/tertulia-rtc/tertulia/protocol"
	"github.com/tertulia-rtc/tertulia/store"
	"github.com/tertulia-rtc/tertulia/transport"
	"github.com/tertulia-rtc/tertulia/web"
)

// house is the whole server, wired: every part owns what it holds, and parts
// meet only through what is given to them here.
type house struct {
	store      *store.Store
	bus        *bus.Bus
	worker     *media.Worker
	controller *controller.Controller
	handler    *api.Server
	nuve       *licode.Nuve
	signalling *licode.Signalling
	super      store.Service
	superMade  bool // by this start: its key is shown once
	publicURL  *url.URL
	ready      atomic.Bool
}

// build makes the parts from the ground up; on an error those that stand are
// closed again.
func (c *serveCommand) build(ctx context.Context, all *commands, log *slog.Logger) (_ *house, err error) {
	h := &house{}
	defer func() {
		if err != nil {
			h.close(log)
		}
	}()
	if h.publicURL, err = c.publicURL(); err != nil {
		return nil, err
	}
	iceServers, err := c.iceServers()
	if err != nil {
		return nil, err
	}
	if h.store, err = store.Open(ctx, all.databaseURL()); err != nil {
		return nil, err
	}
	if h.super, h.superMade, err = c.superService(ctx, h.store, log); err != nil {
		return nil, err
	}
	if h.bus, err = bus.Start(); err != nil {
		return nil, fmt.Errorf("the message bus does not start: %w", err)
	}
	if h.controller, err = controller.New(controller.Config{
		Bus:        h.bus,
		Store:      h.store,
		Log:        log.With("part", "controller"),
		ICEServers: iceServers,
	}); err != nil {
		return nil, err
	}
	if h.worker, err = c.startWorker(h.bus, log); err != nil {
		return nil, err
	}
	if h.handler, err = api.New(api.Config{
		Store:  h.store,
		Rooms:  h.controller,
		Pages:  web.Handler(web.Config{Meet: c.Meet == "on"}),
		Signal: func(ctx context.Context, conn *api.Conn) error { return h.controller.Serve(ctx, conn) },

		PublicURL:    c.PublicURL,
		Version:      version,
		Meet:         c.Meet == "on",
		TrustProxy:   c.TrustProxy,
		AllowOrigins: c.AllowOrigin,
		Ready:        h.ready.Load,
		Log:          log.With("part", "api"),
	}); err != nil {
		return nil, err
	}
	return h, nil
}

// goodKeyLength is how many characters a key of HS256 should have (RFC 7518
// §3.2 asks for 256 bits).
const goodKeyLength = 32

// superService makes the first service at the first start, or finds it.
func (c *serveCommand) superService(ctx context.Context, s *store.Store, log *slog.Logger) (service store.Service, made bool, err error) {
	id := protocol.ServiceID(c.SuperserviceID)
	if id != "" && !id.Valid() {
		return store.Service{}, false, errors.New("--superservice-id must have 24 lower-case hexadecimal characters")
	}
	if n := len(c.SuperserviceKey); n > 0 && n < goodKeyLength {
		log.Warn("the key of the first service is short: whoever guesses it manages every service", "characters", n, "advised", goodKeyLength)
	}
	return s.EnsureSuperService(ctx, id, c.SuperserviceKey)
}

// startWorker opens the media sockets and starts the media worker on them.
func (c *serveCommand) startWorker(b *bus.Bus, log *slog.Logger) (*media.Worker, error) {
	if c.UDP.Off && c.TCP.Off {
		return nil, errors.New("--udp and --tcp are both off, so no media could come in: leave one of them on")
	}
	host, first, last := c.UDP.Host, c.UDP.First, c.UDP.Last
	if c.UDP.Off {
		// The loops still need sockets to sleep on.
		host, first, last = netip.AddrFrom4([4]byte{127, 0, 0, 1}), 0, 0
	}
	sockets, err := transport.ListenShards(host, first, last, c.shards())
	if err != nil {
		return nil, explainPort("media", "--udp", c.UDP.String(), err)
	}
	var tcp *netip.AddrPort
	if !c.TCP.Off {
		address := c.TCP.addrPort()
		tcp = &address
	}
	trace, err := c.openTrace()
	if err != nil {
		return nil, err
	}
	worker, err := media.New(media.Config{
		Bus:          b,
		ID:           protocol.WorkerID(protocol.NewHexID()),
		Log:          log.With("part", "media"),
		UDP:          sockets,
		AdvertiseUDP: !c.UDP.Off,
		TCP:          tcp,
		PublicIPs:    c.PublicIP,
		Trace:        trace,
	})
	if err != nil {
		for _, u := range sockets {
			_ = u.Close()
		}
		if port := (*net.OpError)(nil); errors.As(err, &port) {
			return nil, explainPort("media", "--tcp", c.TCP.String(), err)
		}
		return nil, err
	}
	return worker, nil
}

// openTrace opens the file of --trace; nil when there is none. It stays open until
// the process ends.
func (c *serveCommand) openTrace() (io.Writer, error) {
	if c.Trace == "" {
		return nil, nil
	}
	f, err := os.Create(c.Trace)
	if err != nil {
		return nil, fmt.Errorf("the trace cannot be written: %w", err)
	}
	return f, nil
}

// close ends the parts from the top down.
func (h *house) close(log *slog.Logger) {
	if h.controller != nil {
		h.controller.Close()
	}
	if h.worker != nil {
		h.worker.Close()
	}
	if h.bus != nil {
		h.bus.Close()
	}
	if h.store != nil {
		if err := h.store.Close(); err != nil {
			log.Warn("the database did not close cleanly", "err", err)
		}
	}
}

// printWelcome says where everything is.
func (c *serveCommand) printWelcome(out *os.File, all *commands, h *house) {
	base := h.publicURL.String()
	fmt.Fprintf(out, "\nTertulia %s is ready.\n\n", versionString())
	if c.Meet == "on" {
		fmt.Fprintf(out, "  Meet     %s/\n", base)
	}
	fmt.Fprintf(out, "  API      %s/v1   (described at %s/v1/openapi.json)\n", base, base)
	if c.LicodeHTTP != "" {
		address := c.LicodeHTTP
		if host, port, err := net.SplitHostPort(address); err == nil && host == "" {
			address = net.JoinHostPort("localhost", port)
		}
		fmt.Fprintf(out, "  Licode   REST at http://%s/ and %s/nuve/\n", address, base)
	}
	fmt.Fprintf(out, "  Service  id  %s\n", h.super.ID)
	switch {
	case h.superMade && c.SuperserviceKey == "":
		fmt.Fprintf(out, "           key %s   (shown this once; tertulia service show prints it)\n", h.super.Key)
	case c.SuperserviceKey == "":
		fmt.Fprintln(out, "           key as made at the first start; tertulia service show prints it")
	default:
		fmt.Fprintln(out, "           key as set")
	}
	fmt.Fprintf(out, "  Media    UDP %s, TCP %s, %d loops\n", c.UDP, c.TCP, c.shards())
	fmt.Fprintf(out, "  Data     %s\n\n", all.databaseLabel())
	if c.TLS == "self" {
		fmt.Fprintln(out, "The certificate was made here: a browser asks once whether to trust it.")
	} else if !c.secure() && c.PublicURL == "" {
		fmt.Fprintln(out, "Browsers give a camera to localhost and to HTTPS pages only; for phones start with --tls self.")
	}
	fmt.Fprintln(out, "Ctrl-C ends it.")
}

// databaseLabel is the database without its password.
func (c *commands) databaseLabel() string {
	if c.DB == "" {
		return c.Data
	}
	u, err := url.Parse(c.DB)
	if err != nil {
		return "as given by --db"
	}
	return u.Redacted()
}
