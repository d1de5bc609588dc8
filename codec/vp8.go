package codec

// VP8Descriptor is the payload descriptor at the start of each VP8 packet, RFC 7741
// section 4.2, with what a forwarder needs of the frame behind it.
type VP8Descriptor struct {
	Size         int    // bytes of the descriptor; the VP8 data begins there
	Start        bool   // S: the packet begins a partition
	Partition    uint8  // PID: which one; Start of 0 begins a frame
	NonReference bool   // N: no other frame refers to this one
	HasPictureID bool   // I
	LongID       bool   // M: 15 bits, not 7
	PictureID    uint16 // 7 or 15 bits
	HasTL0PicIdx bool   // L
	TL0PicIdx    uint8  // running index of frames of temporal layer 0
	HasTID       bool   // T
	TID          uint8  // temporal layer, 0…3
	LayerSync    bool   // Y: depends on nothing but layer 0
	HasKeyIdx    bool   // K
	KeyIdx       uint8  // 5 bits
	Keyframe     bool   // the packet begins a frame that needs no other
}

// ParseVP8 reads the descriptor of a VP8 packet. It is not ok when the payload
// ends within it.
func ParseVP8(payload []byte) (d VP8Descriptor, ok bool) {
	if len(payload) < 1 {
		return d, false
	}
	b := payload[0]
	d.Size = 1
	d.NonReference = b&0x20 != 0
	d.Start = b&0x10 != 0
	d.Partition = b & 0x07
	if b&0x80 != 0 { // X: extensions follow
		if len(payload) < 2 {
			return d, false
		}
		x := payload[1]
		d.Size = 2
		d.HasPictureID, d.HasTL0PicIdx = x&0x80 != 0, x&0x40 != 0
		d.HasTID, d.HasKeyIdx = x&0x20 != 0, x&0x10 != 0
		if d.HasPictureID {
			if len(payload) < d.Size+1 {
				return d, false
			}
			d.PictureID = uint16(payload[d.Size] & 0x7f)
			d.LongID = payload[d.Size]&0x80 != 0
			d.Size++
			if d.LongID {
				if len(payload) < d.Size+1 {
					return d, false
				}
				d.PictureID = d.PictureID<<8 | uint16(payload[d.Size])
				d.Size++
			}
		}
		if d.HasTL0PicIdx {
			if len(payload) < d.Size+1 {
				return d, false
			}
			d.TL0PicIdx = payload[d.Size]
			d.Size++
		}
		if d.HasTID || d.HasKeyIdx { // one byte for either or both
			if len(payload) < d.Size+1 {
				return d, false
			}
			t := payload[d.Size]
			if d.HasTID {
				d.TID, d.LayerSync = t>>6, t&0x20 != 0
			}
			if d.HasKeyIdx {
				d.KeyIdx = t & 0x1f
			}
			d.Size++
		}
	}
	// Section 4.3: the inverse key frame flag P is the lowest bit of the
	// payload header, which only the packet that begins the frame has.
	if d.Start && d.Partition == 0 && len(payload) > d.Size {
		d.Keyframe = payload[d.Size]&0x01 == 0
	}
	return d, true
}

// MaxVP8Descriptor is the size of the longest descriptor, in bytes.
const MaxVP8Descriptor = 6

// AppendVP8 appends to dst the descriptor of payload, which d was parsed from,
// with another picture id and TL0PICIDX. What the packet does not have is not
// added. The result replaces the first d.Size bytes of the payload. A 7-bit
// picture id stays 7 bits wide while the new one fits, and becomes 15 bits
// wide when it does not.
func (d *VP8Descriptor) AppendVP8(dst, payload []byte, pictureID uint16, tl0PicIdx uint8) []byte {
	if len(payload) < d.Size || d.Size < 2 {
		return append(dst, payload[:min(d.Size, len(payload))]...)
	}
	dst = append(dst, payload[0], payload[1])
	if d.HasPictureID {
		if pictureID &= 0x7fff; d.LongID || pictureID > 0x7f {
			dst = append(dst, 0x80|uint8(pictureID>>8), uint8(pictureID))
		} else {
			dst = append(dst, uint8(pictureID))
		}
	}
	if d.HasTL0PicIdx {
		dst = append(dst, tl0PicIdx)
	}
	if d.HasTID || d.HasKeyIdx {
		dst = append(dst, payload[d.Size-1])
	}
	return dst
}

// VP8Size gives the width and height in pixels that a keyframe's first packet
// states (RFC 6386 section 9.1).
func VP8Size(payload []byte) (width, height int, ok bool) {
	d, ok := ParseVP8(payload)
	if !ok || !d.Keyframe {
		return 0, 0, false
	}
	// Frame tag of 3 bytes, start code of 3, then 14 bits of size and 2 of
	// scale, twice, little-endian.
	frame := payload[d.Size:]
	if len(frame) < 10 || frame[3] != 0x9d || frame[4] != 0x01 || frame[5] != 0x2a {
		return 0, 0, false
	}
	width = int(frame[6]) | int(frame[7]&0x3f)<<8
	height = int(frame[8]) | int(frame[9]&0x3f)<<8
	return width, height, true
}
