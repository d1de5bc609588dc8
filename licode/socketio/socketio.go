// Package socketio is as much of Engine.IO and Socket.IO as Licode's clients
// speak, and the numbering that they put on top: packets, the server's end of a
// connection, its heartbeat, and Reliable, which repeats after a cut what was
// not acknowledged.
//
// It knows Engine.IO revision 4 with Socket.IO protocol 5 (socket.io-client 3
// and 4) and revision 3 with protocol 4 (socket.io-client 1 and 2), on a
// WebSocket from the start: no polling, no upgrade, no binary events, and the
// default namespace only. The machines are told the time and what was
// received; they give the frames to write.
//
// The protocols are told at https://socket.io/docs/v4/engine-io-protocol/ and
// https://socket.io/docs/v4/socket-io-protocol/.
package socketio

import (
	"errors"
	"time"
)

// MaxPayload is how many bytes a frame may have, in both directions; the open
// packet tells it to clients.
const MaxPayload = 1_000_000

// Times of a connection; the open packet tells the first two.
const (
	PingInterval = 10 * time.Second // between pings
	PingTimeout  = 5 * time.Second  // for the answer to one
	// ConnectTimeout is for a client to ask for the namespace, and to go away
	// after it was refused.
	ConnectTimeout = 10 * time.Second
)

// Bounds of packets.
const (
	maxArguments   = 16        // of an event or its answer, with the name
	maxAttachments = 16        // of a binary packet
	maxNamespace   = 128       // bytes
	maxEvent       = 128       // bytes of an event's name
	maxID          = 1<<53 - 1 // of an acknowledgement, as JavaScript counts
)

// Why a connection ends by a frame of the client's.
var (
	ErrTooLarge = errors.New("a frame has more than 1,000,000 bytes")
	ErrGarbled  = errors.New("a frame is no packet of Engine.IO or Socket.IO")
	ErrBinary   = errors.New("a binary frame that no packet announced")
	ErrEarly    = errors.New("a packet before the namespace was joined")
)
