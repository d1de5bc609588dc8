package codec

// OpusDTX tells whether an Opus payload is one of those that an encoder sends
// a few times a second while there is silence (RFC 7587 section 3.1.3): the
// TOC byte alone, or with one byte of comfort noise.
func OpusDTX(payload []byte) bool { return len(payload) == 1 || len(payload) == 2 }

// maxREDBlocks bounds the redundant blocks of one packet. Browsers send one or
// two, and at most nine when told to.
const maxREDBlocks = 32

// REDPrimary finds the primary block of an RFC 2198 payload: its payload type
// and the offset where its bytes begin, which run to the end of the payload.
// It is not ok when the headers are cut short, or promise more bytes than
// there are.
func REDPrimary(payload []byte) (payloadType uint8, offset int, ok bool) {
	redundant := 0 // bytes of the redundant blocks, which precede the primary
	for range maxREDBlocks {
		if offset >= len(payload) {
			return 0, 0, false
		}
		b := payload[offset]
		payloadType = b & 0x7f
		if b&0x80 == 0 { // F is 0: the primary block, a header of one byte
			offset += 1 + redundant
			return payloadType, offset, offset <= len(payload)
		}
		if offset+4 > len(payload) {
			return 0, 0, false
		}
		// 14 bits of timestamp offset, 10 bits of length.
		redundant += int(payload[offset+2]&0x03)<<8 | int(payload[offset+3])
		offset += 4
	}
	return 0, 0, false
}
