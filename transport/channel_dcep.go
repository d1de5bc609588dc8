package transport

import (
	"encoding/binary"
	"errors"
)

// The Data Channel Establishment Protocol, RFC 8832.

const (
	dcepAck     = 2
	dcepOpen    = 3
	dcepOpenLen = 12 // without label and protocol
	// maxDCEP bounds a message of the peer: labels and protocols are short.
	maxDCEP = 2048
)

// Channel types of RFC 8832 section 5.1; the top bit says unordered.
const (
	dcepReliable   = 0x00
	dcepRetransmit = 0x01
	dcepTimed      = 0x02
	dcepUnordered  = 0x80
)

var errDCEP = errors.New("transport: malformed data channel open message")

// parseOpen reads a DATA_CHANNEL_OPEN message.
func parseOpen(b []byte) (ChannelOptions, error) {
	if len(b) < dcepOpenLen || len(b) > maxDCEP || b[0] != dcepOpen {
		return ChannelOptions{}, errDCEP
	}
	label, protocol := int(binary.BigEndian.Uint16(b[8:])), int(binary.BigEndian.Uint16(b[10:]))
	if len(b) != dcepOpenLen+label+protocol {
		return ChannelOptions{}, errDCEP
	}
	o := ChannelOptions{
		Label:    string(b[dcepOpenLen : dcepOpenLen+label]),
		Protocol: string(b[dcepOpenLen+label:]),
		Ordered:  b[1]&dcepUnordered == 0,
	}
	// The limits of RTCDataChannelInit have 16 bits, those here 32.
	limit := uint16(min(binary.BigEndian.Uint32(b[4:]), 0xffff))
	switch b[1] &^ dcepUnordered {
	case dcepReliable:
	case dcepRetransmit:
		o.MaxRetransmits = &limit
	case dcepTimed:
		o.MaxPacketLifeTime = &limit
	default:
		return ChannelOptions{}, errDCEP
	}
	return o, nil
}

// appendOpen writes a DATA_CHANNEL_OPEN message.
func (o *ChannelOptions) appendOpen(b []byte) []byte {
	kind, limit := byte(dcepReliable), uint32(0)
	switch {
	case o.MaxRetransmits != nil:
		kind, limit = dcepRetransmit, uint32(*o.MaxRetransmits)
	case o.MaxPacketLifeTime != nil:
		kind, limit = dcepTimed, uint32(*o.MaxPacketLifeTime)
	}
	if !o.Ordered {
		kind |= dcepUnordered
	}
	b = append(b, dcepOpen, kind, 0, 0) // priority 0: none of ours is before another
	b = binary.BigEndian.AppendUint32(b, limit)
	b = binary.BigEndian.AppendUint16(b, uint16(len(o.Label)))
	b = binary.BigEndian.AppendUint16(b, uint16(len(o.Protocol)))
	b = append(b, o.Label...)
	return append(b, o.Protocol...)
}
