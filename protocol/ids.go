package protocol

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"strconv"
)

type (
	// ServiceID is a service's: 24 lower-case hexadecimal characters.
	ServiceID string
	// RoomID is a room's, in the form of a ServiceID.
	RoomID string
	// TokenID is a token's, in the form of a ServiceID.
	TokenID string
	// ParticipantID is a participant's: a UUID (RFC 9562), in lower case.
	ParticipantID string
	// StreamID is a stream's: an integer that every JavaScript number can hold
	// exactly. It is in 1…MaxStreamID and unique within its service.
	StreamID uint64
	// TrackID names a track within its stream; the publisher chooses it.
	TrackID string
	// TransportID names a transport within its participant; the client chooses it.
	TransportID string
	// WorkerID names a media worker on the bus.
	WorkerID string
)

// MaxStreamID is 2^53−1, the largest integer that a float64 holds with all its
// predecessors.
const MaxStreamID StreamID = 1<<53 - 1

// String gives the decimal form, as clients see it.
func (id StreamID) String() string { return strconv.FormatUint(uint64(id), 10) }

// Valid says whether the id is in 1…MaxStreamID.
func (id StreamID) Valid() bool { return id >= 1 && id <= MaxStreamID }

// Valid says whether the id has the form of a service's id.
func (id ServiceID) Valid() bool { return isHex24(string(id)) }

// Valid says whether the id has the form of a room's id.
func (id RoomID) Valid() bool { return isHex24(string(id)) }

// Valid says whether the id has the form of a token's id.
func (id TokenID) Valid() bool { return isHex24(string(id)) }

// Valid says whether the id has 1…32 characters of A–Z a–z 0–9 _ - .
func (id TrackID) Valid() bool { return isName(string(id)) }

// Valid says whether the id has 1…32 characters of A–Z a–z 0–9 _ - .
func (id TransportID) Valid() bool { return isName(string(id)) }

// Valid says whether the id has the form of a UUID (RFC 9562), in lower case.
func (id ParticipantID) Valid() bool {
	if len(id) != 36 {
		return false
	}
	for i, c := range []byte(id) {
		switch i {
		case 8, 13, 18, 23:
			if c != '-' {
				return false
			}
		default:
			if !isHexDigit(c) {
				return false
			}
		}
	}
	return true
}

// NewHexID makes the 24 characters of a new service, room or token id.
func NewHexID() string {
	var b [12]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return hex.EncodeToString(b[:])
}

// NewParticipantID makes a random UUID (version 4) from r, which is
// crypto/rand.Reader outside tests.
func NewParticipantID(r io.Reader) (ParticipantID, error) {
	var b [16]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return "", fmt.Errorf("random source: %w", err)
	}
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return ParticipantID(fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:])), nil
}

func isHex24(s string) bool {
	if len(s) != 24 {
		return false
	}
	for _, c := range []byte(s) {
		if !isHexDigit(c) {
			return false
		}
	}
	return true
}

func isHexDigit(c byte) bool { return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' }

func isName(s string) bool {
	if len(s) == 0 || len(s) > 32 {
		return false
	}
	for _, c := range []byte(s) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '_', c == '-':
		default:
			return false
		}
	}
	return true
}
