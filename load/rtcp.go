package load

import "encoding/binary"

// RTCP packet types (RFC 3550, RFC 4585).
const (
	rtcpSenderReport    = 200
	rtcpReceiverReport  = 201
	rtcpDescription     = 202
	rtcpBye             = 203
	rtcpTransport       = 205 // feedback on the transport layer
	rtcpPayload         = 206 // feedback on the payload
	formatNACK          = 1
	formatTransportCC   = 15
	formatPLI           = 1
	formatFIR           = 4
	reportBlock         = 24
	maxReportBlocks     = 31
	rtcpHeader          = 4
	unixToNTP           = 2208988800
	senderReportFixed   = 28
	receiverReportFixed = 8
)

func appendUint32(b []byte, v uint32) []byte { return binary.BigEndian.AppendUint32(b, v) }

func appendRTCPHeader(b []byte, count, kind byte) []byte { return append(b, 0x80|count, kind, 0, 0) }

// setRTCPLength completes the packet that begins at from.
func setRTCPLength(b []byte, from int) {
	binary.BigEndian.PutUint16(b[from+2:], uint16((len(b)-from)/4-1))
}

// nextRTCP cuts the first packet off a compound; nil at the end, also where it
// makes no sense.
func nextRTCP(b []byte) (packet, rest []byte) {
	if len(b) < rtcpHeader || b[0]>>6 != 2 {
		return nil, nil
	}
	n := 4 * (int(binary.BigEndian.Uint16(b[2:])) + 1)
	if n > len(b) {
		return nil, nil
	}
	return b[:n], b[n:]
}

// ntp is the time in the form of sender reports: seconds since 1900 and 2^-32 parts.
func ntp(t instant) uint64 {
	s := uint64(t / second)
	fraction := uint64(t%second) << 32 / uint64(second)
	return (s+unixToNTP)<<32 | fraction
}

// appendDescription appends an SDES packet with a CNAME, which each compound
// of reports has (RFC 3550 section 6.1).
func appendDescription(b []byte, ssrc uint32, cname string) []byte {
	from := len(b)
	b = appendRTCPHeader(b, 1, rtcpDescription)
	b = appendUint32(b, ssrc)
	b = append(b, 1, byte(len(cname)))
	b = append(b, cname...)
	b = append(b, 0)
	for (len(b)-from)%4 != 0 {
		b = append(b, 0)
	}
	setRTCPLength(b, from)
	return b
}

// appendPLI appends a picture loss indication (RFC 4585 section 6.3.1).
func appendPLI(b []byte, sender, media uint32) []byte {
	from := len(b)
	b = appendRTCPHeader(b, formatPLI, rtcpPayload)
	b = appendUint32(b, sender)
	b = appendUint32(b, media)
	setRTCPLength(b, from)
	return b
}

// appendFIR appends a full intra request (RFC 5104 section 4.3.1).
func appendFIR(b []byte, sender, media uint32, number uint8) []byte {
	from := len(b)
	b = appendRTCPHeader(b, formatFIR, rtcpPayload)
	b = appendUint32(b, sender)
	b = appendUint32(b, 0)
	b = appendUint32(b, media)
	b = append(b, number, 0, 0, 0)
	setRTCPLength(b, from)
	return b
}

// appendNACK appends a request for packets by their sequence numbers, which are
// in rising order (RFC 4585 section 6.2.1).
func appendNACK(b []byte, sender, media uint32, seqs []uint16) []byte {
	from := len(b)
	b = appendRTCPHeader(b, formatNACK, rtcpTransport)
	b = appendUint32(b, sender)
	b = appendUint32(b, media)
	for i := 0; i < len(seqs); {
		first, mask := seqs[i], uint16(0)
		for i++; i < len(seqs) && seqs[i]-first <= 16; i++ {
			mask |= 1 << (seqs[i] - first - 1)
		}
		b = binary.BigEndian.AppendUint16(b, first)
		b = binary.BigEndian.AppendUint16(b, mask)
	}
	setRTCPLength(b, from)
	return b
}
