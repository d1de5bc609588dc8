package api

import (
	"net/http"
	"net/netip"
)

// What other doors ask this one, so that an address has one allowance of failed
// attempts at all of them.

// Client says which address a request comes from, and whether it came by TLS, as
// far as can be trusted.
func (s *Server) Client(r *http.Request) (from netip.Addr, secure bool) {
	c := s.clientOf(r)
	return c.address, c.tls
}

// Barred says for how many seconds an address may not try to prove who it is,
// since it failed too often; 0: it may.
func (s *Server) Barred(from netip.Addr) (seconds int) {
	if wait, ok := s.failures.peek(from, s.Now()); !ok {
		return wait
	}
	return 0
}

// Failed counts a failed attempt of an address.
func (s *Server) Failed(from netip.Addr) { s.failures.take(from, s.Now()) }
