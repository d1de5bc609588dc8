package codec

// VP9Descriptor is the payload descriptor at the start of each VP9 packet, RFC 9628
// section 4.2.
type VP9Descriptor struct {
	Size         int    // bytes of the descriptor; the VP9 data begins there
	HasPictureID bool   // I
	LongID       bool   // M: 15 bits, not 7
	PictureID    uint16 // 7 or 15 bits
	Predicted    bool   // P: the picture refers to earlier ones
	HasLayers    bool   // L: the layer fields below are there
	TID          uint8  // temporal layer
	SwitchUp     bool   // U: higher temporal layers may be switched to after it
	SID          uint8  // spatial layer
	InterLayer   bool   // D: refers to the spatial layer below
	Flexible     bool   // F: references are written out, there is no TL0PICIDX
	// References are, in flexible mode, how many pictures back the pictures are
	// that this layer frame refers to (P_DIFF, 1…127); 0 ends the list.
	References    [3]uint8
	HasTL0PicIdx  bool
	TL0PicIdx     uint8
	Begin         bool // B: first packet of a layer frame
	End           bool // E: last packet of a layer frame
	NotReferred   bool // Z: higher spatial layers do not refer to it
	HasStructure  bool // V: the scalability structure is there
	SpatialLayers uint8
	Width, Height uint16 // of the highest spatial layer; 0 where not stated
	tl0At, pictAt int    // where the bytes to rewrite are
	structureAt   int    // where the scalability structure is
}

// ParseVP9 reads the descriptor of a VP9 packet. It is not ok when the payload
// ends within it.
func ParseVP9(payload []byte) (d VP9Descriptor, ok bool) {
	r := byteReader{rest: payload}
	b := r.next()
	d.HasPictureID, d.Predicted, d.HasLayers, d.Flexible = b&0x80 != 0, b&0x40 != 0, b&0x20 != 0, b&0x10 != 0
	d.Begin, d.End, d.HasStructure, d.NotReferred = b&0x08 != 0, b&0x04 != 0, b&0x02 != 0, b&0x01 != 0
	if d.HasPictureID {
		d.pictAt = r.read
		id := r.next()
		d.PictureID = uint16(id & 0x7f)
		if d.LongID = id&0x80 != 0; d.LongID {
			d.PictureID = d.PictureID<<8 | uint16(r.next())
		}
	}
	if d.HasLayers {
		l := r.next()
		d.TID, d.SwitchUp, d.SID, d.InterLayer = l>>5, l&0x10 != 0, l>>1&0x07, l&0x01 != 0
		if !d.Flexible {
			d.HasTL0PicIdx, d.tl0At = true, r.read
			d.TL0PicIdx = r.next()
		}
	}
	if d.Flexible && d.Predicted {
		// At most three references, each saying whether another follows.
		for i := range d.References {
			b := r.next()
			d.References[i] = b >> 1
			if b&0x01 == 0 {
				break
			}
		}
	}
	if d.HasStructure {
		d.structureAt = r.read
		d.parseStructure(&r)
	}
	d.Size = r.read
	return d, !r.short
}

// parseStructure reads the scalability structure, RFC 9628 section 4.2.1.
func (d *VP9Descriptor) parseStructure(r *byteReader) {
	s := r.next()
	d.SpatialLayers = s>>5 + 1
	if s&0x10 != 0 { // Y: a size for each spatial layer
		for range d.SpatialLayers {
			d.Width = uint16(r.next())<<8 | uint16(r.next())
			d.Height = uint16(r.next())<<8 | uint16(r.next())
		}
	}
	if s&0x08 != 0 { // G: a picture group
		for range r.next() {
			references := r.next() >> 2 & 0x03
			for range references {
				r.next()
			}
		}
	}
}

// VP9Structure is the scalability structure of VP9, RFC 9628 section 4.2.1.
type VP9Structure struct {
	SpatialLayers uint8 // 1…8
	// Width and Height of each spatial layer in pixels, 0 where not stated.
	Width, Height [MaxSpatialLayers]uint16
	// GroupSize is how many pictures the picture group has; 0 when there is none,
	// or one of more than MaxVP9Group, which is passed over.
	GroupSize uint8
	Group     [MaxVP9Group]VP9GroupPicture
}

// VP9GroupPicture describes one picture of a picture group, which repeats.
type VP9GroupPicture struct {
	Temporal   uint8
	SwitchUp   bool     // U
	References [3]uint8 // how many pictures back, 0 ends the list
}

// MaxVP9Group bounds the picture groups that are read; libvpx has at most eight
// pictures in a group.
const MaxVP9Group = 16

// Structure reads the scalability structure of the payload that d was parsed
// from. It is not ok when there is none.
func (d *VP9Descriptor) Structure(payload []byte) (s VP9Structure, ok bool) {
	if !d.HasStructure || d.structureAt >= len(payload) {
		return s, false
	}
	r := byteReader{rest: payload, read: d.structureAt}
	b := r.next()
	s.SpatialLayers = b>>5 + 1
	if b&0x10 != 0 {
		for i := range s.SpatialLayers {
			s.Width[i] = uint16(r.next())<<8 | uint16(r.next())
			s.Height[i] = uint16(r.next())<<8 | uint16(r.next())
		}
	}
	if b&0x08 != 0 {
		size := r.next()
		if size > MaxVP9Group {
			return s, !r.short
		}
		s.GroupSize = size
		for i := range size {
			p := &s.Group[i]
			b := r.next()
			p.Temporal, p.SwitchUp = b>>5, b&0x10 != 0
			for k := range b >> 2 & 0x03 {
				p.References[k] = r.next()
			}
		}
	}
	return s, !r.short
}

// Keyframe tells whether the packet begins a frame that needs no other: the
// lowest spatial layer of a picture that refers to nothing earlier.
func (d *VP9Descriptor) Keyframe() bool {
	return d.Begin && !d.Predicted && (!d.HasLayers || d.SID == 0)
}

// AppendVP9 appends to dst the descriptor of payload, which d was parsed from,
// with another picture id and TL0PICIDX. What the packet does not have is not
// added. The result replaces the first d.Size bytes of the payload and has the
// same size, so a 7-bit picture id keeps the low 7 bits of the new one.
func (d *VP9Descriptor) AppendVP9(dst, payload []byte, pictureID uint16, tl0PicIdx uint8) []byte {
	at := len(dst)
	dst = append(dst, payload[:min(d.Size, len(payload))]...)
	descriptor := dst[at:]
	switch {
	case d.HasPictureID && d.LongID && d.pictAt+1 < len(descriptor):
		descriptor[d.pictAt], descriptor[d.pictAt+1] = 0x80|uint8(pictureID>>8), uint8(pictureID)
	case d.HasPictureID && !d.LongID && d.pictAt < len(descriptor):
		descriptor[d.pictAt] = uint8(pictureID) & 0x7f
	}
	if d.HasTL0PicIdx && d.tl0At < len(descriptor) {
		descriptor[d.tl0At] = tl0PicIdx
	}
	return dst
}

// byteReader reads bytes until there are none; short says that one was missing.
type byteReader struct {
	rest  []byte
	read  int
	short bool
}

func (r *byteReader) next() byte {
	if r.read >= len(r.rest) {
		r.short = true
		return 0
	}
	b := r.rest[r.read]
	r.read++
	return b
}
