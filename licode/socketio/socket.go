package socketio

import (
	"encoding/json"
	"time"
	"unicode/utf8"
)

// Phase is how far a connection has come.
type Phase string

// The phases, in their order.
const (
	PhaseOpened  Phase = "opened"  // waits for the client to ask for the namespace
	PhaseAsked   Phase = "asked"   // whoever owns the connection is to Accept or Refuse
	PhaseJoined  Phase = "joined"  // events may flow
	PhaseRefused Phase = "refused" // the client is expected to go away
)

// Socket is the server's end of one connection. It is owned by whoever owns the
// WebSocket; its fields survive a round trip through JSON.
type Socket struct {
	Revision  Revision
	SID       string // the connection's id
	Phase     Phase
	Since     time.Time // of the phase
	Heartbeat Heartbeat
	Skip      int // binary frames that belong to packets which were not taken
}

// Incoming is what a frame of the client's says.
type Incoming struct {
	// Asked says that the client asks for the namespace.
	Asked bool
	// Left says that it has left the namespace or closes the connection.
	Left bool
	// Event is the name of an event, "" if the frame has none; Binary ones have
	// arguments that cannot be read.
	Event  string
	Args   []json.RawMessage
	Binary bool
	HasID  bool // an answer is wanted
	ID     uint64
	// Reply is a frame to send, or nil.
	Reply []byte
}

// NewSocket makes the end of a connection that has just been opened, and the
// frame that opens it. A client of revision 3 has asked for the namespace by
// coming.
func NewSocket(revision Revision, sid string, now time.Time) (s *Socket, open []byte) {
	s = &Socket{Revision: revision, SID: sid, Phase: PhaseOpened, Since: now, Heartbeat: Heartbeat{Revision: revision}}
	if revision == Revision3 {
		s.Phase = PhaseAsked
	}
	s.Heartbeat.start(now)
	b, err := json.Marshal(struct {
		SID          string   `json:"sid"`
		Upgrades     []string `json:"upgrades"`
		PingInterval int64    `json:"pingInterval"`
		PingTimeout  int64    `json:"pingTimeout"`
		MaxPayload   int      `json:"maxPayload"`
	}{sid, []string{}, PingInterval.Milliseconds(), PingTimeout.Milliseconds(), MaxPayload})
	if err != nil {
		panic("socketio: " + err.Error()) // strings and numbers
	}
	return s, append([]byte{engineOpen}, b...)
}

// Receive takes a text frame. An error ends the connection. What it gives
// shares memory with the frame.
func (s *Socket) Receive(now time.Time, frame []byte) (Incoming, error) {
	if len(frame) > MaxPayload {
		return Incoming{}, ErrTooLarge
	}
	if len(frame) == 0 {
		return Incoming{}, ErrGarbled
	}
	s.Heartbeat.hear(now)
	switch frame[0] {
	case engineMessage:
		p, err := DecodePacket(frame[1:])
		if err != nil {
			return Incoming{}, err
		}
		return s.packet(now, p)
	case enginePing: // what it says comes back, which is how upgrades are probed
		if len(frame) > 64 || !utf8.Valid(frame) {
			return Incoming{}, ErrGarbled
		}
		return Incoming{Reply: append([]byte{enginePong}, frame[1:]...)}, nil
	case enginePong, engineUpgrade, engineNoop:
		return Incoming{}, nil
	case engineClose:
		return Incoming{Left: true}, nil
	}
	return Incoming{}, ErrGarbled
}

// ReceiveBinary takes a binary frame, which is not looked at.
func (s *Socket) ReceiveBinary(now time.Time) error {
	if s.Skip == 0 {
		return ErrBinary
	}
	s.Skip--
	s.Heartbeat.hear(now)
	return nil
}

func (s *Socket) packet(now time.Time, p Packet) (Incoming, error) {
	s.Skip += p.Attachments
	switch {
	case s.Skip > maxAttachments:
		return Incoming{}, ErrBinary
	case p.Namespace != "":
		if p.Type == Connect {
			return Incoming{Reply: s.refusal(p.Namespace, "Invalid namespace", nil)}, nil
		}
		return Incoming{}, nil
	case s.Phase == PhaseRefused:
		return Incoming{Left: p.Type == Disconnect}, nil
	}
	switch p.Type {
	case Connect:
		if s.Phase != PhaseOpened {
			return Incoming{}, nil // once is enough
		}
		s.Phase, s.Since = PhaseAsked, now
		return Incoming{Asked: true}, nil
	case Disconnect:
		return Incoming{Left: true}, nil
	case Event, BinaryEvent:
		if s.Phase != PhaseJoined {
			return Incoming{}, ErrEarly
		}
		name, args, err := event(p.Data)
		if err != nil {
			return Incoming{}, err
		}
		return Incoming{Event: name, Args: args, Binary: p.Type == BinaryEvent, HasID: p.HasID, ID: p.ID}, nil
	default: // answers: we ask for none
		return Incoming{}, nil
	}
}

// Accept lets the client into the namespace.
func (s *Socket) Accept(now time.Time) []byte {
	s.Phase, s.Since = PhaseJoined, now
	p := Packet{Type: Connect}
	if s.Revision == Revision4 {
		p.Data = append(appendString([]byte(`{"sid":`), s.SID), '}')
	}
	return p.Append(nil)
}

// Refuse keeps the client out of the namespace: message is what it is told,
// and has as its error's data.
func (s *Socket) Refuse(now time.Time, message string) []byte {
	s.Phase, s.Since = PhaseRefused, now
	return s.refusal("", message, &message)
}

func (s *Socket) refusal(namespace, message string, data *string) []byte {
	p := Packet{Type: ConnectError, Namespace: namespace}
	if s.Revision == Revision3 {
		p.Data = appendString(nil, message)
		return p.Append(nil)
	}
	p.Data = appendString([]byte(`{"message":`), message)
	if data != nil {
		p.Data = appendString(append(p.Data, `,"data":`...), *data)
	}
	p.Data = append(p.Data, '}')
	return p.Append(nil)
}

// Advance does what is due: a frame to send, or nil; dead says that the
// connection is over.
func (s *Socket) Advance(now time.Time) (frame []byte, dead bool) {
	if s.expires() && !now.Before(s.Since.Add(ConnectTimeout)) {
		return nil, true
	}
	ping, dead := s.Heartbeat.advance(now)
	if ping {
		frame = []byte{enginePing}
	}
	return frame, dead
}

// Excuse says that nobody listens to the client for now: its silence is no sign.
func (s *Socket) Excuse(now time.Time) { s.Heartbeat.hear(now) }

// Timer says when Advance is due.
func (s *Socket) Timer() time.Time {
	at := s.Heartbeat.timer()
	if end := s.Since.Add(ConnectTimeout); s.expires() && end.Before(at) {
		return end
	}
	return at
}

// expires says whether the phase has an end.
func (s *Socket) expires() bool { return s.Phase == PhaseOpened || s.Phase == PhaseRefused }
