package transport

import "encoding/binary"

// soundSCTP reports whether a packet has the outer form of SCTP (RFC 9260
// section 3): a header and whole chunks. What has not never reaches the
// library, whose goroutines cannot be guarded against a mistake in its parser.
func soundSCTP(packet []byte) bool {
	const header, chunkHeader, maxChunks = 12, 4, 64
	if len(packet) < header+chunkHeader || len(packet) > MaxDatagram {
		return false
	}
	chunks := packet[header:]
	for n := 0; len(chunks) > 0; n++ {
		if len(chunks) < chunkHeader || n == maxChunks {
			return false
		}
		size := int(binary.BigEndian.Uint16(chunks[2:]))
		if size < chunkHeader || size > len(chunks) {
			return false
		}
		// Chunks are padded to four bytes; the last one may lack its padding.
		chunks = chunks[min((size+3)&^3, len(chunks)):]
	}
	return true
}
