package api

import (
	"net/http"
	"net/netip"
	"strings"
)

// client is where a request comes from, as far as it can be trusted.
type client struct {
	address netip.Addr // invalid when it is not known
	tls     bool       // on the first hop
	proxied bool       // headers say so, though no proxy is trusted
}

// clientOf says who sends a request. A proxy that is trusted appends the address
// that it sees to X-Forwarded-For, so the last one is the client's; what stands
// before it, anybody may have written.
func (s *Server) clientOf(r *http.Request) client {
	c := client{tls: r.TLS != nil}
	if peer, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		c.address = peer.Addr().Unmap().WithZone("")
	}
	forwarded := r.Header.Values("X-Forwarded-For")
	if !s.TrustProxy {
		c.proxied = len(forwarded) > 0 || r.Header.Get("Forwarded") != ""
		return c
	}
	if len(forwarded) > 0 {
		list := forwarded[len(forwarded)-1]
		last := strings.TrimSpace(list[strings.LastIndexByte(list, ',')+1:])
		if address, err := netip.ParseAddr(last); err == nil {
			c.address = address.Unmap().WithZone("")
		} else if both, err := netip.ParseAddrPort(last); err == nil {
			c.address = both.Addr().Unmap().WithZone("")
		}
	}
	if protos := r.Header.Values("X-Forwarded-Proto"); len(protos) > 0 {
		list := protos[len(protos)-1]
		c.tls = strings.EqualFold(strings.TrimSpace(list[strings.LastIndexByte(list, ',')+1:]), "https")
	}
	return c
}

// secure says whether nobody on the way could read the request. A proxy that is
// not trusted may itself have been asked over plain HTTP.
func (c client) secure() bool { return c.tls || c.address.IsLoopback() && !c.proxied }

// base is the address of the server as its clients see it, without a slash at
// the end.
func (s *Server) base(r *http.Request) string {
	if s.PublicURL != "" {
		return s.PublicURL
	}
	if s.clientOf(r).tls {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}
