package layer

import (
	"bytes"

	"github.com/tertulia-rtc/tertulia/codec"
)

// maxFrameJump is how far frame numbers may go on at once, and how late a frame
// may be. The publisher drops a frame now and then, and a second of three layers
// may be lost; more is a new beginning, which needs a keyframe.
const maxFrameJump = 512

// maxStructure bounds a structure: the extension that it comes in.
const maxStructure = 256

// trackDependency reads a packet with a dependency descriptor.
func (t *Tracker) trackDependency(p *Packet) codec.PacketInfo {
	b := p.Dependency
	if len(b) == 3 && t.Started && b[0]&0x3f == t.Template && t.Layout.Descriptor &&
		uint16(b[1])<<8|uint16(b[2]) == uint16(t.Highest) && t.Latest.Flags&codec.LayersKnown != 0 {
		// A further packet of the newest frame.
		info := t.Latest
		info.Flags = info.Flags&^packetFlags | edges(b[0]&0x80 != 0, b[0]&0x40 != 0)
		return info
	}
	var d codec.Dependency
	var ok, changed bool
	if len(b) > 3 && b[3]&0x80 != 0 {
		d, ok, changed = t.readStructure(b)
	} else {
		d, ok = codec.ParseDependency(b, &t.Structure)
	}
	switch {
	case !ok:
		t.Counted.Malformed++
		return t.unknown(p)
	case !d.Known:
		t.Counted.UnknownTemplates++
		return t.unknown(p)
	case changed:
		t.Previous = t.Layout
		t.Width, t.Height = t.Structure.Width, t.Structure.Height
		if !t.Layout.adopt(&t.Structure) {
			t.Counted.Unsupported++
		}
	}
	if !t.Layout.Known {
		return t.unknown(p)
	}
	info := t.describe(&d)
	late, ok := t.number(&info, d.FrameNumber)
	if !ok {
		t.Counted.Jumps++
		return t.unknown(p)
	}
	if !late {
		if d.HasStructure || d.HasActive {
			t.Layout.Active = uint16(d.Active)
		}
		t.newest(&info, p.Timestamp)
		t.Template = d.TemplateID
	}
	return info
}

// readStructure reads a descriptor that has a structure with it, and says whether that is
// another one than before. The one before is kept.
func (t *Tracker) readStructure(b []byte) (d codec.Dependency, ok, changed bool) {
	var old [maxStructure]byte // the new one takes over the memory of Raw
	raw := old[:copy(old[:], t.Structure.Raw)]
	former := t.Structure
	d, ok = codec.ParseDependency(b, &t.Structure)
	changed = ok && d.Known && d.HasStructure &&
		(!t.Layout.Descriptor || former.IDOffset != t.Structure.IDOffset || !bytes.Equal(raw, t.Structure.Raw))
	if changed && t.Layout.Descriptor {
		t.keep(&former, raw)
	}
	return d, ok, changed
}

// keep remembers a structure that was replaced, with its bits: packets that build on it
// may be sent again.
func (t *Tracker) keep(s *codec.DependencyStructure, raw []byte) {
	if t.Former == nil {
		t.Former = &codec.DependencyStructure{}
	}
	memory := t.Former.Raw[:0]
	*t.Former = *s
	t.Former.Raw = append(memory, raw...)
}

// packetFlags are the flags that packets of one frame do not share.
const packetFlags = codec.FrameStart | codec.FrameEnd | codec.WithStructure

func edges(start, end bool) (f codec.PacketFlags) {
	if start {
		f |= codec.FrameStart
	}
	if end {
		f |= codec.FrameEnd
	}
	return f
}

// describe turns a descriptor into the form that is common to all formats.
func (t *Tracker) describe(d *codec.Dependency) codec.PacketInfo {
	info := codec.PacketInfo{
		Version: t.Layout.Version, Spatial: d.Spatial, Temporal: d.Temporal,
		Present: uint16(d.Indications.Present()), Switch: uint16(d.Indications.Switch()),
		Flags: codec.LayersKnown | edges(d.Start, d.End),
	}
	for _, diff := range d.Diffs[:d.DiffCount] {
		addReference(&info, uint32(diff))
	}
	copy(info.Chains[:t.Layout.Chains], d.ChainDiffs[:])
	if d.HasStructure {
		info.Flags |= codec.WithStructure
	}
	if d.DiffCount == 0 && (d.Spatial == 0 || d.HasStructure) {
		info.Flags |= codec.KeyFrame
	}
	if info.Present == uint16(d.Indications.Discardable()) {
		info.Flags |= codec.DiscardableFrame
	}
	return info
}

// number extends a frame number to that of the frame near the newest one, and
// says whether the frame is older. It is not ok when the number does not go on
// from those before and no keyframe explains it.
func (t *Tracker) number(info *codec.PacketInfo, wire uint16) (late, ok bool) {
	if !t.Started {
		info.Frame = 1<<16 + uint32(wire)
		return false, true
	}
	delta := int16(wire - uint16(t.Highest))
	switch {
	case delta >= 0 && delta <= maxFrameJump, delta < 0 && delta >= -maxFrameJump:
		info.Frame = t.Highest + uint32(int32(delta))
		return delta < 0, true
	case info.Flags.Has(codec.KeyFrame | codec.FrameStart):
		// Numbers begin anew, here always farther on than all before.
		t.Counted.Jumps++
		info.Frame = t.Highest + uint32(wire-uint16(t.Highest))
		return false, true
	}
	return false, false
}

// newest takes note of a packet of the newest frame so far.
func (t *Tracker) newest(info *codec.PacketInfo, timestamp uint32) {
	switch gone := info.Frame - t.Highest; {
	case !t.Started:
		t.Seen = 1
		info.Flags |= codec.PictureStart
	case gone == 0:
		// A further packet says of its frame what the first one said, or it lies;
		// then what the first one said is true.
		first := t.Latest
		info.Flags |= first.Flags & (codec.PictureStart | codec.KeyFrame)
		if first.Present != info.Present || first.References != info.References || first.Spatial != info.Spatial {
			t.Counted.Contradictions++
			first.Flags = first.Flags&^packetFlags | info.Flags&packetFlags
			*info = first
		}
	default:
		t.Seen = t.Seen<<gone | 1
		// With a gap before it, and lower layers missing, the picture may have begun
		// with one of the missing frames.
		if timestamp != t.Timestamp && (info.Spatial == 0 || gone == 1) {
			info.Flags |= codec.PictureStart
		}
	}
	t.Started, t.Highest, t.Timestamp = true, info.Frame, timestamp
	t.Latest = *info
}
