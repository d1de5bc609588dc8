package socketio

import (
	"encoding/json"
	"net/url"
)

// Revision is one of Engine.IO.
type Revision int

// The revisions that are spoken.
const (
	Revision3 Revision = 3 // the client pings; the namespace is joined unasked
	Revision4 Revision = 4 // the server pings; the client asks for the namespace
)

// Refusal is an answer to a request that cannot become a connection, with the
// numbers of Engine.IO.
type Refusal struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

// The refusals. A client that wants to poll is told what an Engine.IO server
// says that has only WebSockets.
var (
	TransportUnknown   = Refusal{0, "Transport unknown"}
	SessionUnknown     = Refusal{1, "Session ID unknown"}
	BadMethod          = Refusal{2, "Bad handshake method"}
	BadRequest         = Refusal{3, "Bad request"}
	Forbidden          = Refusal{4, "Forbidden"}
	VersionUnsupported = Refusal{5, "Unsupported protocol version"}
)

// Body gives the JSON of the answer.
func (r Refusal) Body() []byte {
	b, err := json.Marshal(r)
	if err != nil {
		panic("socketio: " + err.Error()) // a number and a string
	}
	return b
}

// ParseQuery reads what a request says about Engine.IO in its query. Without
// EIO it is revision 3, as Engine.IO has it.
func ParseQuery(query url.Values) (Revision, *Refusal) {
	if query.Get("transport") != "websocket" {
		return 0, &TransportUnknown
	}
	if query.Has("sid") { // an upgrade of a polling connection, of which there are none
		return 0, &SessionUnknown
	}
	switch query.Get("EIO") {
	case "4":
		return Revision4, nil
	case "3", "":
		return Revision3, nil
	}
	return 0, &VersionUnsupported
}
