package codec

// OBU types of AV1, AV1 specification section 6.2.2.
const obuSequenceHeader = 1

// AV1Keyframe tells whether a payload begins a new coded video sequence: the
// N bit of the aggregation header (AV1 RTP specification section 4.4), or a
// sequence header as the first OBU for senders that leave N out.
func AV1Keyframe(payload []byte) bool {
	if len(payload) < 2 {
		return false
	}
	header := payload[0]
	continues, count, first := header&0x80 != 0, header>>4&0x03, header&0x08 != 0
	if continues { // Z: begins amid an OBU; N must not be set then
		return false
	}
	if first {
		return true
	}
	obu := payload[1:]
	if count != 1 { // W: with 1, the only element has no length in front
		var ok bool
		if obu, ok = skipLEB128(obu); !ok {
			return false
		}
	}
	return len(obu) > 0 && obu[0]>>3&0x0f == obuSequenceHeader
}

// skipLEB128 passes over one variable-length integer of at most eight bytes.
func skipLEB128(b []byte) (rest []byte, ok bool) {
	for i := range min(len(b), 8) {
		if b[i]&0x80 == 0 {
			return b[i+1:], true
		}
	}
	return nil, false
}
