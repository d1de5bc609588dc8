package layer

import (
	"math/bits"

	"github.com/tertulia-rtc/tertulia/codec"
)

// vpxState is what the payload descriptors of VP8 and VP9 have told. Frames are
// numbered by picture id: in VP9 with room for the spatial layers of a picture.
type vpxState struct {
	Picture uint32 // newest picture, extended
	TL0     uint8  // newest TL0PICIDX
	HasTL0  bool
	// Last is the newest frame of each spatial and temporal layer, 0 for none.
	Last [gridSize][gridSize]uint32
	// LastBase is the newest frame of each chain: of temporal layer 0, of the chain's
	// spatial layer or one below that it needs.
	LastBase [gridSize]uint32
	// KeyAt is the newest keyframe.
	KeyAt uint32
	// Spatial is how many spatial layers were announced; Temporals the set of
	// temporal layers seen.
	Spatial   uint8
	Temporals uint8
	// Apart is the set of spatial layers of which frames were seen that the layers
	// above do not need (Z).
	Apart uint8
	// Group is the picture group of VP9's non-flexible mode, which began with
	// picture GroupAt.
	Group     [codec.MaxVP9Group]codec.VP9GroupPicture
	GroupSize uint8
	GroupAt   uint32
}

// frame is what is read of a frame before its place in the stream is known.
type vpxFrame struct {
	start, end, key   bool
	predicted         bool
	sync              bool // VP8: Y
	layered           bool // states a temporal layer
	spatial, temporal uint8
	switchUp          bool // VP9: U
	interLayer        bool // VP9: D
	notReferred       bool // VP9: Z
	hasTL0            bool
	tl0               uint8
	flexible          bool
	references        [3]uint8 // VP9, flexible mode
}

// trackVP8 reads a packet with the descriptor of RFC 7741.
func (t *Tracker) trackVP8(p *Packet) codec.PacketInfo {
	d, ok := codec.ParseVP8(p.Payload)
	if !ok {
		t.Counted.Malformed++
		return t.unknown(p)
	}
	if !d.HasPictureID {
		t.forget()
		return t.unknown(p)
	}
	if !t.Layout.Compact {
		t.begin(true)
	}
	f := vpxFrame{
		start: d.Start && d.Partition == 0, end: p.Marker, key: d.Keyframe, predicted: !d.Keyframe,
		sync: d.LayerSync, layered: d.HasTID, temporal: d.TID, hasTL0: d.HasTL0PicIdx, tl0: d.TL0PicIdx,
	}
	picture, late, ok := t.VPX.extend(d.PictureID, d.LongID, f.key && f.start)
	if !ok {
		t.Counted.Jumps++
		return t.unknown(p)
	}
	info := t.place(&f, picture, picture, late, p.Timestamp)
	if d.NonReference {
		info.Flags |= codec.DiscardableFrame
	}
	return info
}

// trackVP9 reads a packet with the descriptor of RFC 9628.
func (t *Tracker) trackVP9(p *Packet) codec.PacketInfo {
	d, ok := codec.ParseVP9(p.Payload)
	switch {
	case !ok:
		t.Counted.Malformed++
		return t.unknown(p)
	case !d.HasPictureID:
		t.forget()
		return t.unknown(p)
	case d.SID >= gridSize || d.TID >= gridSize:
		t.Counted.Unsupported++
		return t.unknown(p)
	}
	if !t.Layout.Known || t.Layout.Compact || t.Layout.Descriptor {
		t.begin(false)
	}
	f := vpxFrame{
		start: d.Begin, end: d.End, key: !d.Predicted && d.SID == 0, predicted: d.Predicted, layered: d.HasLayers,
		spatial: d.SID, temporal: d.TID, switchUp: d.SwitchUp, interLayer: d.InterLayer, notReferred: d.NotReferred,
		hasTL0: d.HasTL0PicIdx, tl0: d.TL0PicIdx, flexible: d.Flexible, references: d.References,
	}
	picture, late, ok := t.VPX.extend(d.PictureID, d.LongID, f.key && f.start)
	if !ok {
		t.Counted.Jumps++
		return t.unknown(p)
	}
	if d.HasStructure && !late {
		if s, ok := d.Structure(p.Payload); ok {
			t.announced(&s, picture)
		}
	}
	return t.place(&f, picture, picture*gridSize+uint32(d.SID), late, p.Timestamp)
}

// announced takes a scalability structure of VP9.
func (t *Tracker) announced(s *codec.VP9Structure, picture uint32) {
	t.VPX.Spatial = min(s.SpatialLayers, gridSize)
	t.Width, t.Height = s.Width, s.Height
	t.VPX.Group, t.VPX.GroupSize, t.VPX.GroupAt = s.Group, s.GroupSize, picture
	if s.GroupSize > 0 {
		t.VPX.Temporals = 0
		for _, p := range s.Group[:s.GroupSize] {
			if p.Temporal < gridSize {
				t.VPX.Temporals |= 1 << p.Temporal
			}
		}
	}
	t.setActive()
}

// begin starts a stream of which nothing was known.
func (t *Tracker) begin(compact bool) {
	t.forget()
	t.Layout.grid(compact)
	t.VPX = vpxState{}
}

// forget returns to not knowing the layers.
func (t *Tracker) forget() {
	if t.Layout.Known {
		t.Previous = t.Layout
		t.Layout.Version++
	}
	t.Layout.single()
	t.Started = false
}

// extend gives the number of a picture near the newest one, and says whether it
// is older. It is not ok when the id does not go on from those before.
func (s *vpxState) extend(id uint16, long, key bool) (picture uint32, late, ok bool) {
	width := 7
	if long {
		width = 15
	}
	size := uint32(1) << width
	if s.Picture == 0 {
		return size + uint32(id), false, true // room for those that come late
	}
	ahead := (uint32(id) - s.Picture) & (size - 1)
	switch {
	case ahead < size/2 && ahead <= maxFrameJump:
		return s.Picture + ahead, false, true
	case ahead >= size/2 && size-ahead <= maxFrameJump:
		return s.Picture - (size - ahead), true, true
	case key:
		return s.Picture + ahead, false, true
	}
	return 0, false, false
}

// place finds a frame's place in the stream, and what follows for the decode
// targets of the grid.
func (t *Tracker) place(f *vpxFrame, picture, frame uint32, late bool, timestamp uint32) codec.PacketInfo {
	if t.Started && frame == t.Highest {
		info := t.Latest
		info.Flags = info.Flags&^packetFlags | edges(f.start, f.end)
		return info
	}
	info := codec.PacketInfo{
		Version: t.Layout.Version, Frame: frame, Spatial: f.spatial, Temporal: f.temporal,
		Flags: codec.LayersKnown | edges(f.start, f.end),
	}
	info.Present = f.present()
	if f.key {
		info.Flags |= codec.KeyFrame
	}
	late = late || t.Started && int32(frame-t.Highest) < 0
	t.refer(f, picture, late, &info)
	if late {
		// No layer is chosen by it any more, but later frames refer to it.
		t.Seen |= 1 << (t.Highest - frame)
		if frame > t.VPX.KeyAt {
			t.VPX.remember(f, frame)
		}
		return info
	}
	info.Switch = f.switches()
	t.chain(f, picture, &info)
	t.note(f, picture, &info)
	t.newest(&info, timestamp)
	return info
}

// present is the set of targets that need the frame: its own spatial layer's,
// and those above which predict from it.
func (f *vpxFrame) present() uint16 {
	row := uint16(0xf<<f.temporal) & 0xf
	if f.notReferred {
		return row << (f.spatial * gridSize)
	}
	return row * 0x1111 << (f.spatial * gridSize)
}

// switches is the set of targets that decode from this frame on, if it does; for
// a frame that refers to earlier pictures, of the spatial layers forwarded so far.
func (f *vpxFrame) switches() uint16 {
	switch {
	case !f.predicted || f.switchUp:
		// RFC 9628 section 4.2, U: later pictures of higher temporal layers need no
		// such picture from before. Encoders also set it on the first picture of a
		// layer from which that layer may be shown.
		return f.present()
	case f.temporal == 0 || f.sync:
		return 1 << (f.spatial*gridSize + f.temporal)
	}
	return 0
}

// refer finds the frames that another one refers to or, when it is new, may refer to.
func (t *Tracker) refer(f *vpxFrame, picture uint32, late bool, info *codec.PacketInfo) {
	s := &t.VPX
	if f.interLayer && f.spatial > 0 {
		info.References |= 1 << 1
	}
	if !f.predicted {
		return
	}
	stride := t.stride()
	if f.flexible {
		for _, back := range f.references {
			if back == 0 {
				break
			}
			addReference(info, uint32(back)*stride)
		}
		return
	}
	if s.GroupSize > 0 && picture >= s.GroupAt {
		p := &s.Group[(picture-s.GroupAt)%uint32(s.GroupSize)]
		if p.Temporal == f.temporal {
			for _, back := range p.References {
				if back != 0 {
					addReference(info, uint32(back)*stride)
				}
			}
			return
		}
		s.GroupSize = 0 // the stream is not as announced
		t.Counted.Contradictions++
	}
	if late {
		info.Flags |= codec.FarReference // it is not told, and no guess is of use
		return
	}
	if !f.layered {
		addReference(info, stride) // each on the one before
		return
	}
	// Not told: it may be the newest frame of any temporal layer up to its own, and
	// with VP8's sync bit of any below it. A layer that has not been seen since the
	// keyframe is not needed.
	top := f.temporal
	if (f.sync || f.switchUp) && top > 0 {
		top--
	}
	for _, last := range s.Last[f.spatial][:top+1] {
		if last != 0 {
			addReference(info, info.Frame-last)
		}
	}
	// A frame that is missing since the oldest of them may be the one.
	seen := t.seenBefore(info.Frame)
	for d := stride; d < 64 && info.References>>d != 0; d += stride {
		if seen>>d&1 == 0 {
			info.Flags |= codec.FarReference
		}
	}
}

// stride is how far apart the frames of one spatial layer are in successive pictures.
func (t *Tracker) stride() uint32 {
	if t.Layout.Compact {
		return 1
	}
	return gridSize
}

// chain finds the frames that cannot be missed before a new one: those of
// temporal layer 0. TL0PICIDX tells that one was lost.
func (t *Tracker) chain(f *vpxFrame, picture uint32, info *codec.PacketInfo) {
	s := &t.VPX
	if f.key {
		return
	}
	if !f.layered && !f.hasTL0 {
		for c := range info.Chains {
			info.Chains[c] = uint8(t.stride())
		}
		return
	}
	expected := s.TL0
	if f.temporal == 0 && picture != s.Picture {
		expected++
	}
	lost := uint32(0)
	if f.hasTL0 && s.HasTL0 && f.tl0 != expected {
		lost = t.unseen(info.Frame, f.spatial)
	}
	for c := range info.Chains {
		switch {
		case lost != 0:
			info.Chains[c] = uint8(lost)
		case s.LastBase[c] != 0:
			info.Chains[c] = uint8(min(info.Frame-s.LastBase[c], 255))
		}
	}
	if f.temporal != 0 {
		return
	}
	// What it refers to is of temporal layer 0 too, and may be lost without a trace
	// in TL0PICIDX, as the upper spatial layer of a picture.
	if missing := info.References &^ t.seenBefore(info.Frame); missing != 0 {
		for c := f.spatial; c < gridSize && (c == f.spatial || !f.notReferred); c++ {
			info.Chains[c] = uint8(bits.TrailingZeros64(missing))
		}
	}
}

// seenBefore has bit d set where a packet of the frame d before a new one has come.
func (t *Tracker) seenBefore(frame uint32) uint64 {
	return t.Seen << (frame - t.Highest)
}

// unseen gives how far back the newest picture is of which nothing has come, 0
// when it is too far.
func (t *Tracker) unseen(frame uint32, spatial uint8) uint32 {
	seen := t.seenBefore(frame)
	for d := uint32(spatial) + t.stride(); d < 64; d += t.stride() {
		if seen>>d&1 == 0 {
			return d
		}
	}
	return 0
}

// note remembers a new frame for those to come.
func (t *Tracker) note(f *vpxFrame, picture uint32, info *codec.PacketInfo) {
	s := &t.VPX
	if f.key {
		s.Last = [gridSize][gridSize]uint32{}
		s.LastBase = [gridSize]uint32{}
		s.KeyAt = info.Frame
	}
	s.remember(f, info.Frame)
	if f.switchUp {
		// No picture of a higher temporal layer will be needed from before.
		clear(s.Last[f.spatial][f.temporal+1:])
	}
	if f.notReferred && s.Apart>>f.spatial&1 == 0 {
		s.Apart |= 1 << f.spatial
		t.Layout.cover(s.Apart)
	}
	s.Picture = picture
	s.TL0, s.HasTL0 = f.tl0, f.hasTL0
	if s.Spatial <= f.spatial || s.Temporals>>f.temporal&1 == 0 {
		s.Spatial = max(s.Spatial, f.spatial+1)
		s.Temporals |= 1 << f.temporal
		t.setActive()
	}
}

// remember makes a frame the newest of its layers, unless there is a newer one.
func (s *vpxState) remember(f *vpxFrame, frame uint32) {
	last := &s.Last[f.spatial][f.temporal]
	*last = max(*last, frame)
	if f.temporal == 0 {
		for c := f.spatial; c < gridSize && (c == f.spatial || !f.notReferred); c++ {
			s.LastBase[c] = max(s.LastBase[c], frame)
		}
	}
}

// setActive makes the set of targets of the layers that are known to exist.
func (t *Tracker) setActive() {
	s := &t.VPX
	t.Layout.Active = 0
	for spatial := range s.Spatial {
		t.Layout.Active |= uint16(s.Temporals) << (spatial * gridSize)
	}
}

// addReference adds a reference to the frame that is so far back.
func addReference(info *codec.PacketInfo, back uint32) {
	if back > 63 {
		info.Flags |= codec.FarReference
	} else {
		info.References |= 1 << back
	}
}
