package socketio

import (
	"bytes"
	"encoding/json"
	"strconv"
	"unicode/utf8"
)

// Types of Engine.IO packets: the first byte of a frame.
const (
	engineOpen    = '0'
	engineClose   = '1'
	enginePing    = '2'
	enginePong    = '3'
	engineMessage = '4'
	engineUpgrade = '5'
	engineNoop    = '6'
)

// Type says what a Socket.IO packet is.
type Type byte

// The types, with their digits on the wire.
const (
	Connect      Type = '0'
	Disconnect   Type = '1'
	Event        Type = '2'
	Ack          Type = '3'
	ConnectError Type = '4' // "error" in protocol 4
	BinaryEvent  Type = '5'
	BinaryAck    Type = '6'
)

// Packet is one of Socket.IO, in an Engine.IO message:
//
//	type [attachments "-"] ["/" namespace ","] [id] [JSON]
type Packet struct {
	Type        Type
	Namespace   string // "" is the default one, "/"
	Attachments int    // binary frames that follow a binary packet
	HasID       bool
	ID          uint64 // that an Ack answers by, if HasID
	Data        json.RawMessage
}

// Append appends the frame of a packet, with the Engine.IO byte before it.
func (p Packet) Append(dst []byte) []byte {
	dst = append(dst, engineMessage, byte(p.Type))
	if p.Type == BinaryEvent || p.Type == BinaryAck {
		dst = strconv.AppendInt(dst, int64(p.Attachments), 10)
		dst = append(dst, '-')
	}
	if p.Namespace != "" {
		dst = append(dst, p.Namespace...)
		dst = append(dst, ',')
	}
	if p.HasID {
		dst = strconv.AppendUint(dst, p.ID, 10)
	}
	return append(dst, p.Data...)
}

// DecodePacket reads a Socket.IO packet, without the Engine.IO byte. Its data
// are valid JSON, or nil.
func DecodePacket(b []byte) (Packet, error) {
	if len(b) == 0 || b[0] < byte(Connect) || b[0] > byte(BinaryAck) {
		return Packet{}, ErrGarbled
	}
	p := Packet{Type: Type(b[0])}
	b = b[1:]
	if p.Type == BinaryEvent || p.Type == BinaryAck {
		n, rest, ok := number(b, maxAttachments)
		if !ok || len(rest) == 0 || rest[0] != '-' {
			return Packet{}, ErrGarbled
		}
		p.Attachments, b = int(n), rest[1:]
	}
	if len(b) > 0 && b[0] == '/' {
		end := bytes.IndexByte(b, ',')
		rest := end + 1
		if end < 0 {
			end, rest = len(b), len(b)
		}
		if end > maxNamespace || !utf8.Valid(b[:end]) {
			return Packet{}, ErrGarbled
		}
		if p.Namespace = string(b[:end]); p.Namespace == "/" {
			p.Namespace = ""
		}
		b = b[rest:]
	}
	if len(b) > 0 && b[0] >= '0' && b[0] <= '9' {
		n, rest, ok := number(b, maxID)
		if !ok {
			return Packet{}, ErrGarbled
		}
		p.ID, p.HasID, b = n, true, rest
	}
	if len(b) > 0 {
		if !json.Valid(b) || !utf8.Valid(b) {
			return Packet{}, ErrGarbled
		}
		p.Data = b
	}
	return p, nil
}

// number reads decimal digits at the start of b, up to a maximum.
func number(b []byte, most uint64) (n uint64, rest []byte, ok bool) {
	i := 0
	for i < len(b) && b[i] >= '0' && b[i] <= '9' {
		if n = n*10 + uint64(b[i]-'0'); n > most {
			return 0, nil, false
		}
		i++
	}
	return n, b[i:], i > 0
}

// arguments reads the list that an event or an answer has.
func arguments(data json.RawMessage) ([]json.RawMessage, error) {
	var list []json.RawMessage
	if len(data) == 0 || data[0] != '[' || json.Unmarshal(data, &list) != nil || len(list) > maxArguments {
		return nil, ErrGarbled
	}
	return list, nil
}

// event reads name and arguments of an event. Trailing nulls stand for
// arguments that the client has left undefined, and are taken away.
func event(data json.RawMessage) (name string, args []json.RawMessage, err error) {
	list, err := arguments(data)
	if err != nil || len(list) == 0 {
		return "", nil, ErrGarbled
	}
	if list[0][0] != '"' || json.Unmarshal(list[0], &name) != nil || name == "" || len(name) > maxEvent {
		return "", nil, ErrGarbled
	}
	args = list[1:]
	for len(args) > 0 && string(args[len(args)-1]) == "null" {
		args = args[:len(args)-1]
	}
	return name, args, nil
}

// appendString appends the JSON of a string.
func appendString(dst []byte, s string) []byte {
	b, err := json.Marshal(s)
	if err != nil {
		panic("socketio: " + err.Error()) // a string can always be written
	}
	return append(dst, b...)
}
