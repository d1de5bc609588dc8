package layer

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/tertulia-rtc/tertulia/codec"
)

// mode is a scalability mode and how the stream tells of it.
type mode struct {
	name              string
	codec             string
	spatial, temporal int
	keyOnly           bool // inter-layer prediction on keyframes only (…_KEY)
	dependency        bool // dependency descriptors
	flexible          bool // VP9
	group             bool // VP9: picture group in the structure
	cautious          bool // VP9: U is not set on temporal layer 0, as libvpx does
}

var modes = []mode{
	{name: "L1T1 AV1", codec: codec.AV1, spatial: 1, temporal: 1, dependency: true},
	{name: "L1T2 H264", codec: codec.H264, spatial: 1, temporal: 2, dependency: true},
	{name: "L1T3 AV1", codec: codec.AV1, spatial: 1, temporal: 3, dependency: true},
	{name: "L1T3 VP8 with descriptor", codec: codec.VP8, spatial: 1, temporal: 3, dependency: true},
	{name: "L2T3 AV1", codec: codec.AV1, spatial: 2, temporal: 3, dependency: true},
	{name: "L3T3 AV1", codec: codec.AV1, spatial: 3, temporal: 3, dependency: true},
	{name: "L3T3_KEY AV1", codec: codec.AV1, spatial: 3, temporal: 3, keyOnly: true, dependency: true},
	{name: "L3T1 VP9 with descriptor", codec: codec.VP9, spatial: 3, temporal: 1, dependency: true, flexible: true},
	{name: "L1T1 VP8", codec: codec.VP8, spatial: 1, temporal: 1},
	{name: "L1T2 VP8", codec: codec.VP8, spatial: 1, temporal: 2},
	{name: "L1T3 VP8", codec: codec.VP8, spatial: 1, temporal: 3},
	{name: "L1T3 VP9", codec: codec.VP9, spatial: 1, temporal: 3},
	{name: "L1T3 VP9 group", codec: codec.VP9, spatial: 1, temporal: 3, group: true, cautious: true},
	{name: "L3T3 VP9", codec: codec.VP9, spatial: 3, temporal: 3, group: true},
	{name: "L3T3 VP9 cautious", codec: codec.VP9, spatial: 3, temporal: 3, group: true, cautious: true},
	{name: "L3T3 VP9 flexible", codec: codec.VP9, spatial: 3, temporal: 3, flexible: true},
	{name: "L3T3_KEY VP9", codec: codec.VP9, spatial: 3, temporal: 3, keyOnly: true, flexible: true},
	{name: "L3T3_KEY VP9 group", codec: codec.VP9, spatial: 3, temporal: 3, keyOnly: true, group: true},
}

// frame is one frame of the model's encoder, with its true references.
type frame struct {
	id                uint32 // counts frames from 0, without gaps
	picture           int
	spatial, temporal int
	key               bool // of a key picture
	references        []uint32
	dtis              []codec.DTI
	chains            []int
	packets           int
	last              bool // the highest frame of its picture
	tl0               uint8
	sync, up          bool
}

// packet is one RTP packet of the model.
type packet struct {
	seq    uint64
	frame  *frame
	index  int // in its frame
	packet Packet
}

// encoder makes streams of a mode.
type encoder struct {
	mode
	rng      *rand.Rand
	frames   []*frame
	picture  int
	phase    int // in the temporal pattern
	tl0      uint8
	seq      uint64
	newest   [4][3]int // index in frames of the newest of each layer since the key picture, −1 none
	inChain  [4]int    // index of the newest frame of each chain
	template []frame   // of the dependency structure
	first    uint16    // frame number of frames[0]
	firstPID uint16
	idOffset int
}

func newEncoder(m mode, rng *rand.Rand) *encoder {
	e := &encoder{mode: m, rng: rng, seq: 1<<16 + uint64(rng.IntN(1<<16)), first: uint16(rng.Uint32()), firstPID: uint16(rng.Uint32()) & 0x7fff}
	if m.dependency {
		e.idOffset = rng.IntN(64)
		// The templates are what the first pictures turn out to need.
		trial := &encoder{mode: m, rng: rng}
		trial.dependency = false
		for i := range 9 {
			for _, f := range trial.encode(i == 0) {
				if !slices.ContainsFunc(e.template, func(o frame) bool { return o.sameTemplate(f) }) {
					e.template = append(e.template, *f)
				}
			}
		}
		slices.SortStableFunc(e.template, func(a, b frame) int { return (a.spatial-b.spatial)*8 + a.temporal - b.temporal })
	}
	return e
}

func (f *frame) diffs() []int {
	var d []int
	for _, r := range f.references {
		d = append(d, int(f.id-r))
	}
	return d
}

func (f frame) sameTemplate(o *frame) bool {
	return f.spatial == o.spatial && f.temporal == o.temporal && slices.Equal(f.dtis, o.dtis) &&
		slices.Equal(f.diffs(), o.diffs()) && slices.Equal(f.chains, o.chains)
}

// encode makes the frames of the next picture.
func (e *encoder) encode(key bool) []*frame {
	if key || len(e.frames) == 0 {
		key = true
		e.phase = 0
		for s := range e.newest {
			e.newest[s] = [3]int{-1, -1, -1}
		}
	}
	pattern := [][]int{{0}, {0, 1}, {0, 2, 1, 2}}[e.temporal-1]
	t := pattern[e.phase%len(pattern)]
	if t == 0 {
		e.tl0++
	}
	var made []*frame
	for s := range e.spatial {
		f := &frame{id: uint32(len(e.frames)), picture: e.picture, spatial: s, temporal: t, key: key, packets: 1 + e.rng.IntN(3), last: s == e.spatial-1, tl0: e.tl0}
		if s > 0 && (key || !e.keyOnly) {
			f.references = append(f.references, f.id-1)
		}
		if !key {
			// Temporal layer 0 refers to itself; others to the newest frame of a lower
			// one, which in the second half of the pattern is layer 1.
			from := e.newest[s][0]
			if t == 2 && e.phase%4 == 3 {
				from = e.newest[s][1]
			}
			f.references = append(f.references, uint32(from))
		}
		f.sync = t == 1 || t == 2 && e.phase%4 == 1
		f.up = !e.cautious || t > 0
		e.indicate(f)
		e.newest[s][t] = len(e.frames)
		if t == 0 {
			for c := range e.spatial {
				if c == s || c > s && (key || !e.keyOnly) {
					e.inChain[c] = len(e.frames)
				}
			}
		}
		e.frames = append(e.frames, f)
		made = append(made, f)
	}
	e.picture++
	e.phase++
	return made
}

// indicate fills in decode target indications and chains. Target s·T+t has all
// layers up to s and t.
func (e *encoder) indicate(f *frame) {
	for s := range e.spatial {
		for t := range e.temporal {
			d := codec.NotPresent
			switch {
			case t < f.temporal || s < f.spatial || s > f.spatial && e.keyOnly && !f.key:
			case s > f.spatial && !f.key:
				d = codec.Required
			case f.temporal == 0 || t > f.temporal:
				d = codec.Switch
			default:
				d = codec.Discardable
			}
			f.dtis = append(f.dtis, d)
		}
	}
	for c := range e.spatial {
		if f.key && f.spatial == 0 {
			f.chains = append(f.chains, 0)
		} else {
			f.chains = append(f.chains, int(f.id)-e.inChain[c])
		}
	}
}

// next makes the packets of the next picture.
func (e *encoder) next(key bool) []packet {
	var out []packet
	for _, f := range e.encode(key) {
		for i := range f.packets {
			p := packet{seq: e.seq, frame: f, index: i}
			p.packet = Packet{
				Codec: e.codec, Size: 1000, Timestamp: uint32(f.picture) * 3000, Marker: f.last && i == f.packets-1,
				Payload: e.payload(f, i),
			}
			if e.dependency {
				p.packet.Dependency = e.descriptor(f, i)
			}
			e.seq++
			out = append(out, p)
		}
	}
	return out
}

func (e *encoder) pictureID(f *frame) uint16 { return (e.firstPID + uint16(f.picture)) & 0x7fff }

// payload makes the start of a payload.
func (e *encoder) payload(f *frame, i int) []byte {
	switch e.codec {
	case codec.VP8:
		b := []byte{0x80, 0x80 | 0x40 | 0x20, 0, 0, f.tl0, uint8(f.temporal) << 6}
		if i == 0 {
			b[0] |= 0x10
		}
		binary.BigEndian.PutUint16(b[2:], 0x8000|e.pictureID(f))
		if f.sync {
			b[5] |= 0x20
		}
		if f.key && i == 0 {
			return append(b, 0x10, 0, 0, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0xe0, 0x01)
		}
		return append(b, 0x11)
	case codec.VP9:
		return e.vp9(f, i)
	case codec.H264:
		if f.key {
			return []byte{0x65, 0x88}
		}
		return []byte{0x41, 0x9a}
	case codec.AV1:
		if f.key && f.spatial == 0 && i == 0 {
			return []byte{0x18, 0x0a, 0x0b}
		}
		return []byte{0x10, 0x32}
	}
	panic(e.codec)
}

func (e *encoder) vp9(f *frame, i int) []byte {
	b := []byte{0x80 | 0x20, 0x80, 0, 0}
	binary.BigEndian.PutUint16(b[1:], 0x8000|e.pictureID(f))
	l := uint8(f.temporal)<<5 | uint8(f.spatial)<<1
	if f.up {
		l |= 0x10
	}
	if f.spatial > 0 && (f.key || !e.keyOnly) {
		l |= 0x01
	}
	b[3] = l
	if !f.key {
		b[0] |= 0x40
	}
	if i == 0 {
		b[0] |= 0x08
	}
	if i == f.packets-1 {
		b[0] |= 0x04
	}
	if f.last || e.keyOnly && !f.key {
		b[0] |= 0x01
	}
	if e.flexible {
		b[0] |= 0x10
		if !f.key {
			from := e.frames[f.references[len(f.references)-1]]
			b = append(b, uint8(f.picture-from.picture)<<1)
		}
	} else {
		b = append(b, f.tl0)
	}
	if f.key && f.spatial == 0 && i == 0 {
		b[0] |= 0x02
		s := uint8(e.spatial-1)<<5 | 0x10
		if e.group {
			s |= 0x08
		}
		b = append(b, s)
		for s := range e.spatial {
			b = binary.BigEndian.AppendUint16(b, uint16(320<<s))
			b = binary.BigEndian.AppendUint16(b, uint16(180<<s))
		}
		if e.group {
			up := uint8(0x10)
			if e.cautious {
				up = 0
			}
			b = append(b, 4, up|1<<2, 4, 2<<5|0x10|1<<2, 1, 1<<5|0x10|1<<2, 2, 2<<5|0x10|1<<2, 1)
		}
	}
	return append(b, 0xaa)
}

// bitString writes a dependency descriptor, after the syntax of A.8.2.
type bitString struct {
	b []byte
	n int
}

func (w *bitString) put(v, n int) {
	for i := n - 1; i >= 0; i-- {
		if w.n%8 == 0 {
			w.b = append(w.b, 0)
		}
		w.b[w.n/8] |= byte(v>>i&1) << (7 - w.n%8)
		w.n++
	}
}

func (w *bitString) nonSymmetric(n, v int) {
	if n == 1 {
		return
	}
	width := 0
	for x := n; x != 0; x >>= 1 {
		width++
	}
	if m := 1<<width - n; v < m {
		w.put(v, width-1)
	} else {
		w.put(v+m, width)
	}
}

func (w *bitString) flag(v bool) {
	if v {
		w.put(1, 1)
	} else {
		w.put(0, 1)
	}
}

func (e *encoder) descriptor(f *frame, i int) []byte {
	w := &bitString{}
	w.flag(i == 0)
	w.flag(i == f.packets-1)
	t := slices.IndexFunc(e.template, func(o frame) bool { return o.sameTemplate(f) })
	custom := t < 0
	if custom {
		t = slices.IndexFunc(e.template, func(o frame) bool { return o.spatial == f.spatial && o.temporal == f.temporal })
	}
	w.put((e.idOffset+t)%64, 6)
	w.put(int(e.first+uint16(f.id)), 16)
	structure := f.key && f.spatial == 0 && i == 0
	if !structure && !custom {
		return w.b
	}
	w.flag(structure)
	w.put(0, 1)
	w.flag(custom)
	w.flag(custom)
	w.flag(custom)
	if structure {
		e.structure(w)
	}
	if custom {
		for _, d := range f.dtis {
			w.put(int(d), 2)
		}
		for _, d := range f.diffs() {
			w.put(2, 2)
			w.put(d-1, 8)
		}
		w.put(0, 2)
		for _, c := range f.chains {
			w.put(c, 8)
		}
	}
	return w.b
}

func (e *encoder) structure(w *bitString) {
	targets := e.spatial * e.temporal
	w.put(e.idOffset, 6)
	w.put(targets-1, 5)
	for i, t := range e.template {
		switch {
		case i == len(e.template)-1:
			w.put(3, 2)
		case e.template[i+1].spatial > t.spatial:
			w.put(2, 2)
		case e.template[i+1].temporal > t.temporal:
			w.put(1, 2)
		default:
			w.put(0, 2)
		}
	}
	for _, t := range e.template {
		for _, d := range t.dtis {
			w.put(int(d), 2)
		}
	}
	for _, t := range e.template {
		for _, d := range t.diffs() {
			w.put(1, 1)
			w.put(d-1, 4)
		}
		w.put(0, 1)
	}
	w.nonSymmetric(targets+1, e.spatial)
	for t := range targets {
		w.nonSymmetric(e.spatial, t/e.temporal)
	}
	for _, t := range e.template {
		for _, c := range t.chains {
			w.put(c, 4)
		}
	}
	w.put(1, 1)
	for s := range e.spatial {
		w.put(320<<s-1, 16)
		w.put(180<<s-1, 16)
	}
}

func (f *frame) String() string {
	return fmt.Sprintf("frame %d (picture %d, S%dT%d, refers to %v)", f.id, f.picture, f.spatial, f.temporal, f.references)
}
