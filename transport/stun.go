package transport

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net/netip"
	"sync"

	"github.com/pion/stun/v3"
)

// What [Agent.HandleSTUN] says of a message that it did not take.
var (
	// ErrBadCheck is for what is no well-formed STUN message of ours.
	ErrBadCheck = errors.New("transport: malformed STUN message")
	// ErrUnauthenticated is for a message whose username or integrity is wrong.
	ErrUnauthenticated = errors.New("transport: STUN message with foreign credentials")
)

// stunAttributeHeader is the length of an attribute's type and length.
const stunAttributeHeader = 4

// maxUfrag bounds a ufrag, in characters (RFC 8839, section 5.4).
const maxUfrag = 256

// UfragOf reads whom a connectivity check is meant for: of the USERNAME of a
// binding request, ours:theirs, the first part. Nothing is authenticated by
// that. Responses have no USERNAME; whom they are for, the path must tell.
func UfragOf(msg []byte) (local string, ok bool) {
	if len(msg) < minSTUN || binary.BigEndian.Uint16(msg) != stun.BindingRequest.Value() ||
		binary.BigEndian.Uint32(msg[4:]) != stunCookie || int(binary.BigEndian.Uint16(msg[2:])) != len(msg)-minSTUN {
		return "", false
	}
	for rest := msg[minSTUN:]; len(rest) >= stunAttributeHeader; {
		kind := stun.AttrType(binary.BigEndian.Uint16(rest))
		length := int(binary.BigEndian.Uint16(rest[2:]))
		rest = rest[stunAttributeHeader:]
		if length > len(rest) {
			break
		}
		if kind == stun.AttrUsername {
			ufrag, _, found := bytes.Cut(rest[:length], []byte{':'})
			if !found || len(ufrag) == 0 || len(ufrag) > maxUfrag {
				break
			}
			return string(ufrag), true
		}
		rest = rest[min((length+3)&^3, len(rest)):]
	}
	return "", false
}

// check is what a binding request says.
type check struct {
	// local and remote are the parts of USERNAME: the receiver's ufrag, the sender's.
	local, remote string
	priority      uint32
	useCandidate  bool
	// controlled says that the sender claims the role that is ours.
	controlled bool
	// unknown are the attributes that must be understood and are not.
	unknown []stun.AttrType
}

// stunMessages are reused: each has a buffer and a list of attributes.
var stunMessages = sync.Pool{New: func() any { return new(stun.Message) }}

// decodeSTUN decodes a message, which the caller gives back to stunMessages. It
// must be complete and nothing else, and if it has a FINGERPRINT, that must be
// last and right.
func decodeSTUN(msg []byte) (*stun.Message, error) {
	m := stunMessages.Get().(*stun.Message)
	m.Reset()
	if len(msg) > MaxDatagram || len(msg)%4 != 0 || stun.Decode(msg, m) != nil || int(m.Length) != len(msg)-minSTUN {
		stunMessages.Put(m)
		return nil, ErrBadCheck
	}
	if _, found := m.Attributes.Get(stun.AttrFingerprint); found {
		if m.Attributes[len(m.Attributes)-1].Type != stun.AttrFingerprint || stun.Fingerprint.Check(m) != nil {
			stunMessages.Put(m)
			return nil, ErrBadCheck
		}
	}
	return m, nil
}

// parseCheck reads the attributes of a binding request, up to
// MESSAGE-INTEGRITY: what follows is not authentic, and ignored (RFC 8489,
// section 14.5). A request without MESSAGE-INTEGRITY is no check.
func parseCheck(m *stun.Message) (c check, err error) {
	seen := false
	for _, a := range m.Attributes {
		switch a.Type {
		case stun.AttrMessageIntegrity:
			if !seen {
				return c, ErrBadCheck
			}
			return c, nil
		case stun.AttrUsername:
			if seen { // the first of several counts (RFC 8489, section 14)
				continue
			}
			local, remote, found := bytes.Cut(a.Value, []byte{':'})
			if !found || len(local) > maxUfrag || len(remote) > maxUfrag {
				return c, ErrBadCheck
			}
			c.local, c.remote, seen = string(local), string(remote), true
		case stun.AttrPriority:
			if len(a.Value) != 4 {
				return c, ErrBadCheck
			}
			c.priority = binary.BigEndian.Uint32(a.Value)
		case stun.AttrUseCandidate:
			c.useCandidate = true
		case stun.AttrICEControlled:
			c.controlled = true
		default:
			if a.Type.Required() && !knownAttribute(a.Type) {
				c.unknown = append(c.unknown, a.Type)
			}
		}
	}
	return c, ErrUnauthenticated
}

// knownAttribute reports whether an attribute that must be understood is one
// that may be in a check, or is harmless there.
func knownAttribute(t stun.AttrType) bool {
	switch t {
	case stun.AttrMessageIntegritySHA256, stun.AttrXORMappedAddress, stun.AttrMappedAddress, stun.AttrRealm, stun.AttrNonce:
		return true
	}
	return false
}

// newSTUN begins a message.
func newSTUN(kind stun.MessageType, id [stun.TransactionIDSize]byte) *stun.Message {
	m := stunMessages.Get().(*stun.Message)
	m.Reset()
	m.TransactionID = id
	m.Type = kind
	m.WriteHeader()
	return m
}

// seal adds integrity and fingerprint, and gives the message to send.
func seal(m *stun.Message, pwd string, to Path, send func(to Path, b []byte)) {
	defer stunMessages.Put(m)
	if stun.NewShortTermIntegrity(pwd).AddTo(m) == nil && stun.Fingerprint.AddTo(m) == nil {
		send(to, m.Raw)
	}
}

// addMapped adds XOR-MAPPED-ADDRESS.
func addMapped(m *stun.Message, a netip.AddrPort) {
	// It fails for addresses that are neither IPv4 nor IPv6 only.
	_ = stun.XORMappedAddress{IP: a.Addr().AsSlice(), Port: int(a.Port())}.AddTo(m)
}

// addUint32 and addUint64 add an attribute of a number.
func addUint32(m *stun.Message, t stun.AttrType, v uint32) {
	m.Add(t, binary.BigEndian.AppendUint32(nil, v))
}

func addUint64(m *stun.Message, t stun.AttrType, v uint64) {
	m.Add(t, binary.BigEndian.AppendUint64(nil, v))
}
