package sfu

import "github.com/tertulia-rtc/tertulia/codec"

// maxREDHeader bounds the block headers that are rewritten: ten blocks.
const maxREDHeader = 41

// renameRED appends the block headers of an RFC 2198 payload with another payload
// type in each block, and gives the size of what they replace. It is 0, and
// nothing is appended, when the payload is not well-formed.
func renameRED(dst, payload []byte, pt uint8) ([]byte, int) {
	from := len(dst)
	for at := 0; at < len(payload) && at < maxREDHeader-4; {
		if payload[at]&0x80 == 0 {
			return append(dst, pt&0x7f), at + 1
		}
		if at+4 > len(payload) {
			break
		}
		dst = append(dst, 0x80|pt&0x7f, payload[at+1], payload[at+2], payload[at+3])
		at += 4
	}
	return dst[:from], 0
}

// primaryBlock gives the primary block of an RFC 2198 payload; it is empty when
// there is none.
func primaryBlock(payload []byte) []byte {
	_, offset, ok := codec.REDPrimary(payload)
	if !ok {
		return nil
	}
	return payload[offset:]
}
