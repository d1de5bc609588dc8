package layer

import "github.com/tertulia-rtc/tertulia/codec"

// Tracker follows the layers of one received RTP stream. The zero value is ready.
type Tracker struct {
	// Layout is what the newest packets are of; Previous what those before it were.
	Layout, Previous Layout
	// Structure is the dependency structure that descriptors build on, which
	// codec.AppendDependency needs; Former is the one before it, nil for none.
	Structure codec.DependencyStructure
	Former    *codec.DependencyStructure
	Counted   Counters

	// Highest is the number of the newest frame, Latest what is known of it, and
	// Timestamp that of its picture. Seen has bit d set where a packet of the frame
	// d before it has come.
	Started   bool
	Highest   uint32
	Latest    codec.PacketInfo
	Timestamp uint32
	Seen      uint64
	Template  uint8 // of the newest frame, with dependency descriptors

	// Width and Height are those of spatial layers, 0 while unknown; LastAt is when
	// a packet of each last came.
	Width, Height [codec.MaxSpatialLayers]uint16
	LastAt        [codec.MaxSpatialLayers]int64

	Rates rates
	VPX   vpxState
}

// LayoutOf gives the layout that a packet is of, nil when it is too old.
func (t *Tracker) LayoutOf(p *codec.PacketInfo) *Layout {
	switch p.Version {
	case t.Layout.Version:
		return &t.Layout
	case t.Previous.Version:
		return &t.Previous
	}
	return nil
}

// StructureOf gives the dependency structure that a packet's descriptor builds on, nil
// when it is too old.
func (t *Tracker) StructureOf(p *codec.PacketInfo) *codec.DependencyStructure {
	switch p.Version {
	case t.Layout.Version:
		return &t.Structure
	case t.Previous.Version:
		return t.Former
	}
	return nil
}

// Counters count what a Tracker could not make sense of.
type Counters struct {
	Malformed        uint64 // descriptors that cannot be read
	UnknownTemplates uint64 // frames whose template was not announced
	Unsupported      uint64 // structures and layers beyond our bounds
	Jumps            uint64 // frame numbers that do not go on
	Contradictions   uint64 // packets that say of their frame what others do not
}

// Packet is what a Tracker is told of a packet.
type Packet struct {
	Codec      string // canonical name
	Payload    []byte
	Dependency []byte // value of the dependency descriptor extension, if there is one
	Size       int    // bytes that count for the bitrate
	Timestamp  uint32 // of RTP
	Marker     bool
}

// Track takes the next packet, in the order in which packets come; now is in
// nanoseconds. The result stays true for the packet's life.
func (t *Tracker) Track(now int64, p Packet) codec.PacketInfo {
	var info codec.PacketInfo
	switch {
	case len(p.Dependency) > 0:
		info = t.trackDependency(&p)
	case p.Codec == codec.VP8:
		info = t.trackVP8(&p)
	case p.Codec == codec.VP9:
		info = t.trackVP9(&p)
	default:
		info = t.unknown(&p)
	}
	if info.Flags&(codec.KeyFrame|codec.FrameStart) == codec.KeyFrame|codec.FrameStart {
		t.readSize(&p)
	}
	t.count(now, &p, &info)
	return info
}

// unknown is what is said of a packet whose layers are not known.
func (t *Tracker) unknown(p *Packet) codec.PacketInfo {
	if t.Layout.Targets == 0 {
		t.Layout.single()
	}
	info := codec.PacketInfo{Version: t.Layout.Version}
	if codec.Keyframe(p.Codec, p.Payload) {
		info.Flags = codec.KeyFrame | codec.FrameStart
	}
	return info
}

// count measures a packet. What is of no known layer counts for all.
func (t *Tracker) count(now int64, p *Packet, info *codec.PacketInfo) {
	present, begins := info.Present, uint16(0)
	if info.Flags&codec.LayersKnown == 0 {
		present = uint16(1<<t.Layout.Targets - 1)
		if p.Marker {
			begins = present
		}
	} else if info.Flags&codec.FrameStart != 0 {
		for i := range t.Layout.Targets {
			if t.Layout.Spatial[i] == info.Spatial {
				begins |= 1 << i
			}
		}
		begins &= present
	}
	t.LastAt[info.Spatial] = now
	t.Rates.count(now, p.Size, present, begins)
}

// readSize reads the picture's size from a keyframe whose descriptor did not
// state it.
func (t *Tracker) readSize(p *Packet) {
	if t.Structure.Width[0] != 0 && len(p.Dependency) > 0 {
		return
	}
	var width, height int
	var ok bool
	switch p.Codec {
	case codec.VP8:
		width, height, ok = codec.VP8Size(p.Payload)
	case codec.H264:
		width, height, ok = codec.H264Size(p.Payload)
	}
	if ok {
		top := uint8(0)
		if t.Structure.Spatial > 0 {
			top = t.Structure.Spatial - 1
		}
		t.Width[top], t.Height[top] = uint16(min(width, 1<<16-1)), uint16(min(height, 1<<16-1))
	}
}

// Layer is one choice of those that a stream offers.
type Layer struct {
	Spatial, Temporal uint8
	// Width and Height in pixels, 0 where not known.
	Width, Height uint16
	// Bitrate is what forwarding it takes, lower layers included where they are
	// needed, in bits per second over the last second.
	Bitrate uint64
	// FrameRate is its pictures per second.
	FrameRate float32
	// Flowing says that its spatial layer has had packets within the last second.
	Flowing bool
}

// flowPause is how long a spatial layer may be silent and still flow.
const flowPause = int64(1e9)

// AppendLayers appends the layers that the publisher offers at present, from the
// lowest: at least one once a packet has come.
func (t *Tracker) AppendLayers(now int64, dst []Layer) []Layer {
	l := &t.Layout
	for spatial := range uint8(codec.MaxSpatialLayers) {
		for temporal := range uint8(codec.MaxTemporalLayers) {
			for i := range l.Targets {
				if l.Active>>i&1 == 0 || l.Spatial[i] != spatial || l.Temporal[i] != temporal {
					continue
				}
				bits, pictures := t.Rates.of(now, int(i))
				dst = append(dst, Layer{
					Spatial: spatial, Temporal: temporal,
					Width: t.Width[spatial], Height: t.Height[spatial],
					Bitrate: bits, FrameRate: pictures,
					Flowing: t.LastAt[spatial] != 0 && now-t.LastAt[spatial] <= flowPause,
				})
				break
			}
		}
	}
	return dst
}
