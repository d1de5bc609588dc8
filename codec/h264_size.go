package codec

// H264Size gives the width and height in pixels that the first sequence
// parameter set in a payload states (ITU-T H.264 section 7.3.2.1.1), alone or in
// a STAP-A.
func H264Size(payload []byte) (width, height int, ok bool) {
	sps := findSPS(payload)
	if len(sps) < 4 {
		return 0, 0, false
	}
	r := golombReader{bits: bitReader{bytes: unescape(sps[1:])}}
	return r.size()
}

// findSPS gives the first sequence parameter set in a payload, RFC 6184.
func findSPS(payload []byte) []byte {
	if len(payload) < 1 {
		return nil
	}
	switch payload[0] & 0x1f {
	case nalSPS:
		return payload
	case nalSTAPA:
		for rest := payload[1:]; len(rest) > 2; {
			size := int(rest[0])<<8 | int(rest[1])
			if rest = rest[2:]; size > len(rest) {
				return nil
			}
			if size > 0 && rest[0]&0x1f == nalSPS {
				return rest[:size]
			}
			rest = rest[size:]
		}
	}
	return nil
}

// maxSPS bounds how much of a parameter set is read. The size stands near its
// start; only scaling lists come before it.
const maxSPS = 256

// unescape removes emulation prevention bytes (section 7.4.1.1) from at most
// maxSPS bytes.
func unescape(b []byte) []byte {
	out := make([]byte, 0, maxSPS)
	zeros := 0
	for _, c := range b[:min(len(b), maxSPS)] {
		if zeros >= 2 && c == 3 {
			zeros = 0
			continue
		}
		if c == 0 {
			zeros++
		} else {
			zeros = 0
		}
		out = append(out, c)
	}
	return out
}

// golombReader reads the variable-length integers of H.264, section 9.1.
type golombReader struct{ bits bitReader }

func (r *golombReader) unsigned() uint32 {
	zeros := 0
	for r.bits.take(1) == 0 {
		if zeros++; zeros > 31 || r.bits.short {
			r.bits.short = true
			return 0
		}
	}
	return 1<<zeros - 1 + r.bits.take(zeros)
}

func (r *golombReader) signed() int32 {
	v := r.unsigned()
	if v&1 != 0 {
		return int32(v/2) + 1
	}
	return -int32(v / 2)
}

// size reads a sequence parameter set after its NAL unit header.
func (r *golombReader) size() (width, height int, ok bool) {
	profile := r.bits.take(8)
	r.bits.take(16) // constraints, level
	r.unsigned()    // seq_parameter_set_id
	chroma := uint32(1)
	separate := uint32(0)
	switch profile {
	case 100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135:
		if chroma = r.unsigned(); chroma == 3 {
			separate = r.bits.take(1)
		}
		r.unsigned() // bit_depth_luma_minus8
		r.unsigned() // bit_depth_chroma_minus8
		r.bits.take(1)
		if r.bits.take(1) != 0 {
			r.skipScaling(chroma)
		}
	}
	r.unsigned() // log2_max_frame_num_minus4
	switch r.unsigned() {
	case 0:
		r.unsigned()
	case 1:
		r.bits.take(1)
		r.signed()
		r.signed()
		for range min(r.unsigned(), 255) {
			r.signed()
		}
	}
	r.unsigned() // max_num_ref_frames
	r.bits.take(1)
	columns, rows := r.unsigned()+1, r.unsigned()+1
	frameOnly := r.bits.take(1)
	if frameOnly == 0 {
		r.bits.take(1)
	}
	r.bits.take(1)
	const limit = 1 << 12 // macroblocks; 65536 pixels
	if columns > limit || rows > limit || r.bits.short {
		return 0, 0, false
	}
	width, height = int(columns)*16, int(rows)*16*int(2-frameOnly)
	if r.bits.take(1) != 0 {
		// Section 7.4.2.1.1: cropping counts in chroma samples, and in fields.
		x, y := 1, int(2-frameOnly)
		if separate == 0 && (chroma == 1 || chroma == 2) {
			x = 2
		}
		if separate == 0 && chroma == 1 {
			y *= 2
		}
		left, right, top, bottom := r.unsigned(), r.unsigned(), r.unsigned(), r.unsigned()
		if max(left, right, top, bottom) > limit*16 {
			return 0, 0, false
		}
		width -= x * int(left+right)
		height -= y * int(top+bottom)
	}
	return width, height, !r.bits.short && width > 0 && height > 0
}

// skipScaling passes over scaling lists, section 7.3.2.1.1.1.
func (r *golombReader) skipScaling(chroma uint32) {
	lists := 8
	if chroma == 3 {
		lists = 12
	}
	for i := range lists {
		if r.bits.take(1) == 0 {
			continue
		}
		size := 16
		if i >= 6 {
			size = 64
		}
		last, next := int32(8), int32(8)
		for range size {
			if next != 0 {
				next = (last + r.signed() + 256) % 256
			}
			if next != 0 {
				last = next
			}
		}
	}
}
