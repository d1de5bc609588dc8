package codec

// Bounds of the dependency descriptor, AV1 RTP specification appendix A.8.2:
// the width of its fields, and layers as AV1 has them.
const (
	MaxDecodeTargets  = 32
	MaxTemplates      = 64
	MaxSpatialLayers  = 8
	MaxTemporalLayers = 8
	// MaxReferences bounds the frames that one frame refers to. AV1 has seven
	// reference frames, and all senders name each of them once.
	MaxReferences = 16
)

// DTI is a decode target indication: what a frame is to a decode target
// (table A.1).
type DTI uint8

// The decode target indications.
const (
	NotPresent  DTI = iota // not part of the decode target
	Discardable            // part of it, and nothing in it refers to the frame
	Switch                 // if it decodes, all later frames of the target do
	Required               // part of it
)

// Indications holds the DTI of each decode target, two bits each, target 0 lowest.
type Indications uint64

// Of gives the indication for one decode target.
func (i Indications) Of(target int) DTI { return DTI(i >> (2 * target) & 3) }

// Present is the set of decode targets that the frame is part of, bit 0 for target 0.
func (i Indications) Present() uint32 { return everySecond(uint64(i | i>>1)) }

// Switch is the set of decode targets with a switch indication.
func (i Indications) Switch() uint32 { return everySecond(uint64(i >> 1 &^ i)) }

// Discardable is the set of decode targets with a discardable indication.
func (i Indications) Discardable() uint32 { return everySecond(uint64(i &^ (i >> 1))) }

// everySecond packs the even bits of x.
func everySecond(x uint64) uint32 {
	x &= 0x5555555555555555
	x = (x | x>>1) & 0x3333333333333333
	x = (x | x>>2) & 0x0f0f0f0f0f0f0f0f
	x = (x | x>>4) & 0x00ff00ff00ff00ff
	x = (x | x>>8) & 0x0000ffff0000ffff
	return uint32(x | x>>16)
}

// DependencyTemplate is what frames that name it have in common (A.8.1).
type DependencyTemplate struct {
	Spatial, Temporal uint8
	Indications       Indications
	// References has bit d set where the frame refers to the one d before it, 1…16.
	References uint32
	// ChainDiffs are, per chain, how far back its previous frame is; 0 when the
	// chain needs none.
	ChainDiffs [MaxDecodeTargets]uint8
}

// DependencyStructure is the last template dependency structure that a source
// has announced (A.8.2). The descriptors of all later packets build on it, so
// whoever reads them keeps one per received stream. The zero value knows none.
type DependencyStructure struct {
	IDOffset  uint8 // template id of the first template
	Templates uint8 // how many there are, 0 while none was announced
	Targets   uint8 // decode targets, 1…32
	Chains    uint8
	Spatial   uint8 // spatial layers, from 1
	Template  [MaxTemplates]DependencyTemplate
	// ProtectedBy is the chain of each decode target.
	ProtectedBy [MaxDecodeTargets]uint8
	// TargetSpatial and TargetTemporal are the highest layers of each decode target.
	TargetSpatial, TargetTemporal [MaxDecodeTargets]uint8
	// Width and Height of each spatial layer in pixels, 0 where not stated.
	Width, Height [MaxSpatialLayers]uint16
	// Raw and RawBits are the structure as it was announced, from its first bit.
	Raw     []byte
	RawBits int
}

// Dependency is a dependency descriptor, read with the help of the structure
// that it builds on.
type Dependency struct {
	Start, End  bool // first, last packet of the frame
	TemplateID  uint8
	FrameNumber uint16
	// Known says that the template was found and the fields below are there.
	Known        bool
	HasStructure bool   // a structure came with the packet
	HasActive    bool   // the set of active decode targets came with the packet,
	Active       uint32 // bit 0 for target 0; all of them where a structure came without
	Custom       bool   // the frame differs from its template

	Spatial, Temporal uint8
	Indications       Indications
	Diffs             [MaxReferences]uint16 // distances to the frames it refers to
	DiffCount         uint8
	ChainDiffs        [MaxDecodeTargets]uint8
}

// ParseDependency reads a descriptor. A structure that comes with it replaces
// the one in s. It is not ok when the bytes end too early or go beyond a bound;
// s is then as before. A descriptor whose template was never announced is ok but
// not Known: only its mandatory fields are there.
func ParseDependency(b []byte, s *DependencyStructure) (d Dependency, ok bool) {
	if len(b) < 3 || len(b) > 255 {
		return d, false
	}
	d.Start, d.End = b[0]&0x80 != 0, b[0]&0x40 != 0
	d.TemplateID = b[0] & 0x3f
	d.FrameNumber = uint16(b[1])<<8 | uint16(b[2])
	if len(b) == 3 {
		d.resolve(nil, 0, s)
		return d, true
	}
	r := bitReader{bytes: b, at: 24}
	flags := r.take(5)
	if flags&flagStructure != 0 {
		// Taken over only when the whole descriptor makes sense.
		var fresh DependencyStructure
		if !fresh.read(&r) {
			return d, false
		}
		d.HasStructure = true
		if !d.readExtended(&r, flags, &fresh) || !d.Known {
			return d, false
		}
		fresh.Raw = appendBits(s.Raw[:0], b, structureAt, fresh.RawBits)
		*s = fresh
		return d, true
	}
	if s.Templates == 0 {
		return d, true
	}
	return d, d.readExtended(&r, flags, s)
}

const (
	flagStructure = 1 << 4
	flagActive    = 1 << 3
	flagDTIs      = 1 << 2
	flagDiffs     = 1 << 1
	flagChains    = 1 << 0
	structureAt   = 24 + 5 // bit at which a structure begins
)

// readExtended reads what follows the structure.
func (d *Dependency) readExtended(r *bitReader, flags uint32, s *DependencyStructure) bool {
	if d.HasStructure {
		d.Active = uint32(uint64(1)<<s.Targets - 1)
	}
	if flags&flagActive != 0 {
		d.HasActive = true
		d.Active = r.take(int(s.Targets))
	}
	d.Custom = flags&(flagDTIs|flagDiffs|flagChains) != 0
	d.resolve(r, flags, s)
	return !r.short && !r.bad
}

// resolve fills the frame's fields from its template and its custom fields.
func (d *Dependency) resolve(r *bitReader, flags uint32, s *DependencyStructure) {
	i := (d.TemplateID - s.IDOffset) & 0x3f
	if i >= s.Templates {
		return
	}
	t := &s.Template[i]
	d.Known = true
	d.Spatial, d.Temporal = t.Spatial, t.Temporal
	d.Indications = t.Indications
	if flags&flagDTIs != 0 {
		d.Indications = r.indications(int(s.Targets))
	}
	if flags&flagDiffs != 0 {
		for size := r.take(2); size != 0; size = r.take(2) {
			if d.DiffCount == MaxReferences {
				r.bad = true
				return
			}
			d.Diffs[d.DiffCount] = uint16(r.take(4*int(size)) + 1)
			d.DiffCount++
		}
	} else {
		for diff, rest := uint16(0), t.References; rest != 0; diff, rest = diff+1, rest>>1 {
			if rest&1 != 0 {
				d.Diffs[d.DiffCount] = diff
				d.DiffCount++
			}
		}
	}
	if flags&flagChains != 0 {
		for c := range s.Chains {
			d.ChainDiffs[c] = uint8(r.take(8))
		}
	} else {
		d.ChainDiffs = t.ChainDiffs
	}
}

// read reads a template dependency structure.
func (s *DependencyStructure) read(r *bitReader) bool {
	begin := r.at
	s.IDOffset = uint8(r.take(6))
	s.Targets = uint8(r.take(5)) + 1
	if !s.readLayers(r) {
		return false
	}
	templates := s.Template[:s.Templates]
	for i := range templates {
		templates[i].Indications = r.indications(int(s.Targets))
	}
	for i := range templates {
		for n := 0; r.take(1) != 0; n++ {
			if n == MaxReferences {
				return false
			}
			templates[i].References |= 2 << r.take(4)
		}
	}
	s.Chains = uint8(r.nonSymmetric(uint32(s.Targets) + 1))
	if s.Chains > 0 {
		for t := range s.Targets {
			s.ProtectedBy[t] = uint8(r.nonSymmetric(uint32(s.Chains)))
		}
		for i := range templates {
			for c := range s.Chains {
				templates[i].ChainDiffs[c] = uint8(r.take(4))
			}
		}
	}
	if r.take(1) != 0 {
		for i := range s.Spatial {
			// As "minus one" fields: 65536 would not fit, and is no size of video.
			s.Width[i], s.Height[i] = uint16(r.take(16))+1, uint16(r.take(16))+1
		}
	}
	s.findTargetLayers()
	s.RawBits = r.at - begin
	return !r.short
}

// readLayers reads the layers of the templates, and so how many there are.
func (s *DependencyStructure) readLayers(r *bitReader) bool {
	var spatial, temporal uint8
	for !r.short {
		if s.Templates == MaxTemplates {
			return false
		}
		t := &s.Template[s.Templates]
		t.Spatial, t.Temporal = spatial, temporal
		s.Templates++
		switch r.take(2) {
		case 1:
			temporal++
		case 2:
			temporal = 0
			spatial++
		case 3:
			s.Spatial = spatial + 1
			return true
		}
		if spatial >= MaxSpatialLayers || temporal >= MaxTemporalLayers {
			return false
		}
	}
	return false
}

// findTargetLayers finds the highest layers of each decode target, as
// decode_target_layers() of A.8.2 does.
func (s *DependencyStructure) findTargetLayers() {
	for i := range s.Template[:s.Templates] {
		t := &s.Template[i]
		present := t.Indications.Present()
		for target := range s.Targets {
			if present>>target&1 != 0 {
				s.TargetSpatial[target] = max(s.TargetSpatial[target], t.Spatial)
				s.TargetTemporal[target] = max(s.TargetTemporal[target], t.Temporal)
			}
		}
	}
}

// bitReader reads bits, most significant first; short says that some were missing.
type bitReader struct {
	bytes []byte
	at    int // in bits
	short bool
	bad   bool // a bound was exceeded
}

// take reads up to 32 bits; what is missing reads as zero.
func (r *bitReader) take(n int) uint32 {
	if r.at+n > 8*len(r.bytes) {
		r.short = true
		return 0
	}
	var v uint32
	for n > 0 {
		left := 8 - r.at&7
		use := min(left, n)
		v = v<<use | uint32(r.bytes[r.at>>3])>>(left-use)&(1<<use-1)
		r.at += use
		n -= use
	}
	return v
}

// nonSymmetric reads ns(n) of A.8.2, a value below n.
func (r *bitReader) nonSymmetric(n uint32) uint32 {
	width := 0
	for x := n; x != 0; x >>= 1 {
		width++
	}
	m := uint32(1)<<width - n
	v := r.take(width - 1)
	if v < m {
		return v
	}
	return v<<1 - m + r.take(1)
}

func (r *bitReader) indications(targets int) Indications {
	var all Indications
	for t := range targets {
		all |= Indications(r.take(2)) << (2 * t)
	}
	return all
}
