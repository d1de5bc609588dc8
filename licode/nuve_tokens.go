package licode

import (
	"errors"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/tertulia-rtc/tertulia/auth"
	"github.com/tertulia-rtc/tertulia/store"
)

var (
	errWho        = failure{http.StatusUnauthorized, "Name and role?"}
	errNoWhere    = failure{http.StatusNotFound, "No Erizo Controller found"}
	errNoSuchHost = failure{http.StatusBadRequest, "The Host header is missing or too long"}
)

// maxHost bounds what a token says of where to go, in bytes.
const maxHost = 300

func (n *Nuve) createToken(c *call) (any, error) {
	room, err := n.room(c)
	if err != nil {
		return nil, err
	}
	name, role := c.header.Username, c.header.Role
	if !utf8.ValidString(name) || !utf8.ValidString(role) {
		h := c.header.Latin1()
		name, role = h.Username, h.Role
	}
	// The role may be any word; one that is not known may do nothing.
	if !isText(name, auth.MaxUser) || !isText(role, auth.MaxRole) {
		return nil, errWho
	}
	host, secure := n.where(c.r)
	if len(host) > maxHost {
		return nil, errNoSuchHost
	}
	token, err := n.Tokens.Issue(c.ctx, store.LicodeToken{Service: c.service.ID, Room: room.ID, Name: name, Role: role, Host: host, Secure: secure})
	switch {
	case errors.Is(err, store.ErrNotFound): // deleted meanwhile
		return nil, errNoRoom
	case err != nil:
		n.Log.ErrorContext(c.ctx, "a token could not be kept", "reason", err)
		return nil, errNoWhere
	}
	return token, nil
}

// where gives the host:port at which browsers find the signalling, and whether
// by TLS: as is set, else by the public URL, else where the request was sent.
// nuve.js leaves the port out of its Host header, so a missing port is no sign
// of the well-known one, unless a proxy was there first.
func (n *Nuve) where(r *http.Request) (host string, secure bool) {
	_, secure = n.Callers.Client(r)
	host = hostPort(r.Host, secure)
	own, _ := r.Context().Value(ownPort{}).(bool)
	proxied := n.Proxied && (r.Header.Get("X-Forwarded-For") != "" || r.Header.Get("X-Forwarded-Proto") != "")
	named := (&url.URL{Host: r.Host}).Port() != ""
	if own || !named && !proxied {
		secure = secure || own && n.MainTLS
		name, _, _ := net.SplitHostPort(host)
		host = net.JoinHostPort(name, strconv.Itoa(n.MainPort))
	}
	if n.public != nil {
		secure = n.public.Scheme == "https"
		host = hostPort(n.public.Host, secure)
	}
	if n.Host != "" {
		host = n.Host
	}
	return host, secure
}

// hostPort gives a host with the port that it has or that goes without saying.
func hostPort(host string, secure bool) string {
	u := url.URL{Host: host}
	port := u.Port()
	if port == "" {
		port = "80"
		if secure {
			port = "443"
		}
	}
	name := u.Hostname()
	if name == "" {
		name = "localhost"
	}
	return net.JoinHostPort(strings.ToLower(name), port)
}
