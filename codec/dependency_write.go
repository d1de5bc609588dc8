package codec

// DependencyEdit is how a descriptor is changed on its way to one receiver. The
// same edit of the same bytes always gives the same bytes, so that a packet can
// be sent again.
type DependencyEdit struct {
	// FrameOffset is added to the frame number, modulo 65536.
	FrameOffset uint16
	// SetActive says that Active is written as the set of active decode targets,
	// bit 0 for target 0, whatever the packet said of it.
	SetActive bool
	Active    uint32
	// Attach says that the structure is written with the packet when it has none.
	// The receiver then takes all decode targets for active, unless SetActive.
	Attach bool
}

// AppendDependency appends descriptor b to dst with an edit; all else stays as it
// is, bit for bit. s is the structure that b builds on, or that it brings; where
// none is known, or b makes no sense with it, only the frame number is changed.
func AppendDependency(dst, b []byte, s *DependencyStructure, e DependencyEdit) []byte {
	if len(b) < 3 || len(b) > 255 {
		return append(dst, b...)
	}
	at := len(dst)
	if !e.SetActive && (!e.Attach || len(b) > 3 && b[3]&0x80 != 0) || s == nil || s.Templates == 0 {
		dst = append(dst, b...)
	} else {
		dst = s.appendExtended(dst, b, &e)
	}
	n := uint16(b[1])<<8 | uint16(b[2])
	n += e.FrameOffset
	dst[at+1], dst[at+2] = byte(n>>8), byte(n)
	return dst
}

// appendExtended appends b with other extended fields.
func (s *DependencyStructure) appendExtended(dst, b []byte, e *DependencyEdit) []byte {
	r := bitReader{bytes: b, at: 24}
	var flags uint32
	targets, chains := int(s.Targets), int(s.Chains)
	structure, structureBits := s.Raw, s.RawBits
	from := 0
	attach := e.Attach
	if len(b) > 3 {
		flags = r.take(5)
		if flags&flagStructure != 0 {
			structure, from, attach = b, structureAt, true
			if s.begins(b) {
				r.at += s.RawBits
			} else {
				var own DependencyStructure
				if !own.read(&r) {
					return append(dst, b...)
				}
				targets, chains, structureBits = int(own.Targets), int(own.Chains), own.RawBits
			}
		}
		if flags&flagActive != 0 {
			r.take(targets)
		}
	}
	rest := r.at
	r.skipCustom(flags, targets, chains)
	if r.short {
		return append(dst, b...)
	}
	w := bitWriter{bytes: append(dst, b[0], b[1], b[2])}
	flags &^= flagStructure
	if attach {
		flags |= flagStructure
	}
	active, hasActive := e.Active, e.SetActive
	if !hasActive && flags&flagActive != 0 {
		old := bitReader{bytes: b, at: rest - targets}
		active, hasActive = old.take(targets), true
	}
	flags &^= flagActive
	if hasActive {
		flags |= flagActive
	}
	w.put(flags, 5)
	if attach {
		w.copy(structure, from, structureBits)
	}
	if hasActive {
		w.put(active, targets)
	}
	w.copy(b, rest, r.at-rest)
	return w.bytes
}

// begins says whether the structure in b is this one, bit for bit.
func (s *DependencyStructure) begins(b []byte) bool {
	if len(b)*8 < structureAt+s.RawBits {
		return false
	}
	whole := s.RawBits / 8
	for i, want := range s.Raw[:whole] {
		if b[i+structureAt/8]<<(structureAt%8)|b[i+structureAt/8+1]>>(8-structureAt%8) != want {
			return false
		}
	}
	left := s.RawBits % 8
	r := bitReader{bytes: b, at: structureAt + 8*whole}
	return left == 0 || byte(r.take(left))<<(8-left) == s.Raw[whole]
}

// skipCustom passes over the fields in which a frame differs from its template.
func (r *bitReader) skipCustom(flags uint32, targets, chains int) {
	if flags&flagDTIs != 0 {
		r.indications(targets)
	}
	if flags&flagDiffs != 0 {
		for size := r.take(2); size != 0; size = r.take(2) {
			r.take(4 * int(size))
		}
	}
	if flags&flagChains != 0 {
		for range chains {
			r.take(8)
		}
	}
}

// appendBits appends n bits of b from bit at, and zeros up to a whole byte.
func appendBits(dst, b []byte, at, n int) []byte {
	w := bitWriter{bytes: dst}
	w.copy(b, at, n)
	return w.bytes
}

// bitWriter appends bits, most significant first, to whole bytes.
type bitWriter struct {
	bytes []byte
	free  int // bits of the last byte that are not written yet
}

// put appends the n lowest bits of v, n ≤ 32.
func (w *bitWriter) put(v uint32, n int) {
	for n > 0 {
		if w.free == 0 {
			w.bytes = append(w.bytes, 0)
			w.free = 8
		}
		use := min(w.free, n)
		part := v >> (n - use) & (1<<use - 1)
		w.bytes[len(w.bytes)-1] |= byte(part << (w.free - use))
		w.free -= use
		n -= use
	}
}

// copy appends n bits of b from bit at.
func (w *bitWriter) copy(b []byte, at, n int) {
	r := bitReader{bytes: b, at: at}
	for n > 0 {
		use := min(n, 32)
		w.put(r.take(use), use)
		n -= use
	}
}
