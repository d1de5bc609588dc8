package transport

import "encoding/binary"

// Protocol is what a datagram carries.
type Protocol uint8

// The protocols that share a path (RFC 7983, section 7).
const (
	Unknown Protocol = iota
	STUN
	DTLS
	RTP
	RTCP
)

var protocolNames = [...]string{"unknown", "STUN", "DTLS", "RTP", "RTCP"}

// String is the name of the protocol.
func (p Protocol) String() string {
	if int(p) < len(protocolNames) {
		return protocolNames[p]
	}
	return protocolNames[Unknown]
}

// The shortest datagram that can be one of the protocol: its fixed header.
const (
	minSTUN = 20 // RFC 8489, section 5
	minDTLS = 13 // RFC 6347, section 4.1
	minRTP  = 12 // RFC 3550, section 5.1
	minRTCP = 8  // RFC 3550, section 6.4.2: header and SSRC
)

// stunCookie is in bytes 4 to 8 of each STUN message (RFC 8489, section 5).
const stunCookie = 0x2112A442

// Classify tells from the first bytes which protocol a datagram belongs to:
// by its first byte (RFC 7983), and RTP from RTCP by the second (RFC 5761,
// section 4: packet types 192 to 223). A datagram too short for its protocol's
// header is Unknown.
func Classify(b []byte) Protocol {
	if len(b) < minRTCP {
		return Unknown
	}
	switch first := b[0]; {
	case first < 4:
		if len(b) >= minSTUN && binary.BigEndian.Uint32(b[4:]) == stunCookie {
			return STUN
		}
	case first >= 20 && first < 64:
		if len(b) >= minDTLS {
			return DTLS
		}
	case first >= 128 && first < 192:
		if b[1] >= 192 && b[1] < 224 {
			return RTCP
		}
		if len(b) >= minRTP {
			return RTP
		}
	}
	return Unknown
}
