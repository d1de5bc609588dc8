package erizo

import (
	"slices"
	"strconv"
	"time"

	"github.com/tertulia-rtc/tertulia/protocol"
)

// erizoID stands for the process that has the media in Licode. Clients keep their
// connections by it; with us there is one for all.
const erizoID = "erizo"

// answerTimeout is how long a client may take to answer an offer, which the room
// takes back then.
const answerTimeout = 20 * time.Second

// closingTimeout is how long a client may take to see that the last stream of a
// connection has ended before it is closed.
const closingTimeout = 10 * time.Second

// connection is an RTCPeerConnection of the client's: one of our transports.
type connection struct {
	id        string // the connectionId that the client knows
	transport protocol.TransportID
	publishes bool // the client sends in it; else it receives
	connected bool
	// abandoned: the client has forgotten it. It loses all connections of the singlePC
	// kind when one of them fails, though it does not close the others.
	abandoned bool
	// closing: it has no use any more, and ends when the client has been told so.
	closing bool
	closed  bool
	quality quality
	negotiation
}

// Codes of connection_message_erizo.
const (
	infoSDP     = 202
	infoReady   = 104
	infoFailed  = 500
	infoQuality = 150
)

// connectionEvent is what is told of a connection.
type connectionEvent struct {
	Type         string  `json:"type"`
	SDP          *string `json:"sdp,omitempty"`
	Level        *int    `json:"level,omitempty"`
	PreviousType string  `json:"previousType,omitempty"`
}

// tellConnection tells the client of one of its connections. info is a number, or
// "error".
func (c *Client) tellConnection(id string, info any, event connectionEvent) {
	c.emit("connection_message_erizo", struct {
		ConnectionID string          `json:"connectionId"`
		Info         any             `json:"info"`
		Event        connectionEvent `json:"evt"`
	}{id, info, event})
}

// connectionFor gives the connection for one more stream: a new one, or with
// singlePC the one that there is; nil if there are too many.
func (c *Client) connectionFor(publishes bool) *connection {
	if c.singlePC {
		for _, x := range c.connections {
			if x.publishes == publishes && !x.abandoned {
				return x
			}
		}
	}
	if len(c.connections) >= protocol.MaxTransports {
		return nil
	}
	c.made++
	n := strconv.Itoa(c.made)
	x := &connection{
		id:        string(c.me.ID) + "_" + erizoID + "_" + n,
		transport: protocol.TransportID("s" + n), publishes: publishes,
		quality: quality{level: qualityGood},
	}
	if publishes {
		x.transport = protocol.TransportID("p" + n)
	}
	c.connections = append(c.connections, x)
	return x
}

func (c *Client) connection(id string) *connection {
	if i := slices.IndexFunc(c.connections, func(x *connection) bool { return x.id == id }); i >= 0 {
		return c.connections[i]
	}
	return nil
}

func (c *Client) transportChanged(now time.Time, t protocol.TransportState) {
	i := slices.IndexFunc(c.connections, func(x *connection) bool { return x.transport == t.Transport })
	if i < 0 {
		return
	}
	x := c.connections[i]
	switch t.State {
	case protocol.TransportConnected:
		c.ready(x)
	case protocol.TransportClosed:
		x.opened = false // it is gone from the room
		c.lost(x)
	}
}

// ready goes on when a connection carries media.
func (c *Client) ready(x *connection) {
	if x.connected {
		return // after an interruption
	}
	x.connected = true
	c.tellConnection(x.id, infoReady, connectionEvent{Type: "ready"})
	for _, s := range c.order {
		if s.own != nil && s.own.connection == x && s.own.state == published {
			c.announce(s)
		}
	}
}

// lost ends a connection that cannot be mended, with all that it carries. The client
// need not hear of one that is to be closed anyway.
func (c *Client) lost(x *connection) {
	if x.closed {
		return
	}
	if x.closing {
		c.close(x)
		return
	}
	none := ""
	c.tellConnection(x.id, infoFailed, connectionEvent{Type: "failed", SDP: &none})
	c.close(x)
	for _, s := range c.order {
		if s.own != nil && s.own.connection == x {
			c.failPublication(s)
		}
		if s.sub != nil && s.sub.connection == x {
			c.failSubscription(s)
		}
	}
	c.abandonOthers()
}

// abandonOthers notes that the client has forgotten its other connections.
func (c *Client) abandonOthers() {
	if !c.singlePC {
		return
	}
	for _, x := range slices.Clone(c.connections) {
		x.abandoned = true
		c.maybeClose(x)
	}
}

// close ends a connection on our side.
func (c *Client) close(x *connection) {
	if x.closed {
		return
	}
	x.closed = true
	x.negotiation = negotiation{opened: x.opened}
	if x.opened {
		c.ask(protocol.TypeClose, protocol.CloseTransport{Transport: x.transport}, nil)
	}
	c.connections = slices.DeleteFunc(c.connections, func(o *connection) bool { return o == x })
}

// maybeClose closes a connection that carries nothing any more and will not either.
func (c *Client) maybeClose(x *connection) {
	if c.singlePC && !x.abandoned || c.carries(x) {
		return
	}
	c.close(x)
}

func (c *Client) carries(x *connection) bool {
	return slices.ContainsFunc(c.order, func(s *stream) bool {
		return s.own != nil && s.own.connection == x || s.sub != nil && s.sub.connection == x
	})
}

// failed is what a client says whose connection could not be made. It ends the
// streams in it by itself.
func (c *Client) failed(x *connection) {
	c.close(x)
	for _, s := range c.order {
		if s.own != nil && s.own.connection == x {
			s.own.failed = true
			c.withdraw(s)
		}
		if s.sub != nil && s.sub.connection == x {
			c.endSubscription(s)
		}
	}
	c.abandonOthers()
}
