// Package layer chooses among the layers of a received video stream: temporal
// layers, and spatial ones where several travel in one stream (SVC). It is the
// part of a forwarder that says, packet by packet, what one subscriber gets, and
// it decodes nothing.
//
// A Tracker belongs to one received RTP stream. It turns each packet into a
// codec.PacketInfo, once for all subscribers, and knows which layers there are,
// how large, how fast and of what bitrate. What it reads is the dependency
// descriptor (AV1 RTP specification, appendix A), for any format, encrypted ones
// too, else the payload descriptor of VP9 (RFC 9628) or VP8 (RFC 7741). Streams
// that tell nothing of layers, or contradict themselves, are "not known" and
// forwarded whole.
//
// A Selector belongs to one subscriber and one received stream. It has a Target
// and decides for each packet whether it is forwarded and what is rewritten.
// Its rules:
//
//   - a frame is forwarded whole or not at all, also when its packets come late;
//   - no frame is forwarded that refers to one which was held back;
//   - up only at a frame from which the higher layer decodes: a keyframe, or one
//     with a switch indication whose references were all forwarded, while the
//     chain of frames that cannot be missed is intact;
//   - down with the next picture, where that decodes, else at the next keyframe.
//
// In use, for each received stream:
//
//	info := tracker.Track(now, layer.Packet{…})      // kept beside the packet
//	for each subscriber of the stream:
//	        d := selector.Select(tracker, &info, now)
//	        if !d.Forward() {
//	                numbering.Drop(seq, &info)
//	                continue
//	        }
//	        out, ok := numbering.Forward(seq, &info)
//	        codec.AppendDependency(…, tracker.StructureOf(&info), d.Edit(offsets.Frame))
//
// One Selector, Numbering and Offsets make a run: a stretch of one received
// stream with constant offsets. Keep them together while packets of the run may
// be asked for again; Numbering.Original finds the packet, Selector.Recall gives
// the same decision as the first time. Numbers makes the Offsets with which
// frame numbers, picture ids and TL0PICIDX go on when the subscriber is switched
// to another received stream (simulcast), at a keyframe of that stream.
//
// Time is told in nanoseconds of the owner's clock. Nothing here allocates per
// packet.
package layer

import "github.com/tertulia-rtc/tertulia/codec"

// Target is the highest layer that a subscriber is to get. The best that exists
// at or below it is forwarded: first the highest spatial layer, then the highest
// temporal one.
type Target struct {
	Spatial  int8 // −1 forwards nothing, from the next picture on
	Temporal int8
}

// Whole is the target of whoever gets everything.
var Whole = Target{Spatial: codec.MaxSpatialLayers - 1, Temporal: codec.MaxTemporalLayers - 1}

// Layout is what the decode targets of a stream mean. It changes with a new
// dependency structure, which comes with a keyframe, and when layers appear.
type Layout struct {
	// Version counts structures; PacketInfo has that of its own.
	Version uint8
	// Known is false while nothing is known of layers: there is one target then.
	Known bool
	// Descriptor says that the layout comes from dependency descriptors, where sets
	// of targets can be written.
	Descriptor bool
	// Compact says that frames are numbered without room for spatial layers (VP8).
	Compact bool
	Targets uint8
	Chains  uint8
	// Active is the set of targets that the publisher produces.
	Active uint16
	// Spatial and Temporal are the highest layers of each target, Chain the chain
	// that protects it (MaxLayerChains for none).
	Spatial, Temporal, Chain [codec.MaxLayerTargets]uint8
	// Covers are, for each target, those of which it contains all frames.
	Covers [codec.MaxLayerTargets]uint16
}

// HasTemporal says whether there are frames that others do without.
func (l *Layout) HasTemporal() bool {
	for i := range l.Targets {
		if l.Temporal[i] > 0 {
			return true
		}
	}
	return false
}

// best gives the target with the highest layers within bounds among a set, or −1.
func (l *Layout) best(among uint16, spatial, temporal int8) int8 {
	found := int8(-1)
	rank := -1
	for i := range l.Targets {
		s, t := l.Spatial[i], l.Temporal[i]
		if among>>i&1 == 0 || int8(s) > spatial || int8(t) > temporal {
			continue
		}
		if r := int(s)<<3 | int(t); r > rank {
			found, rank = int8(i), r
		}
	}
	return found
}

// lowest gives the active target with the lowest layers, or −1.
func (l *Layout) lowest() int8 {
	found := int8(-1)
	rank := 1 << 8
	for i := range l.Targets {
		if r := int(l.Spatial[i])<<3 | int(l.Temporal[i]); l.active()>>i&1 != 0 && r < rank {
			found, rank = int8(i), r
		}
	}
	return found
}

// active is the set of targets to choose from. A publisher that says that it
// produces none produces something nevertheless.
func (l *Layout) active() uint16 {
	if l.Active == 0 {
		return 1<<l.Targets - 1
	}
	return l.Active
}

func (l *Layout) spatial(target int8) int8  { return int8(l.Spatial[target]) }
func (l *Layout) temporal(target int8) int8 { return int8(l.Temporal[target]) }

// single is the layout of a stream whose layers are not known.
func (l *Layout) single() {
	*l = Layout{Version: l.Version, Targets: 1, Active: 1}
	l.Covers[0] = 1
	l.Chain[0] = codec.MaxLayerChains
}

// grid is the layout of a stream that states spatial and temporal ids alone:
// four spatial layers with four temporal ones each. Which of them exist is seen.
func (l *Layout) grid(compact bool) {
	*l = Layout{Version: l.Version + 1, Known: true, Compact: compact, Targets: gridSize * gridSize, Chains: gridSize}
	for s := range uint8(gridSize) {
		for t := range uint8(gridSize) {
			i := s*gridSize + t
			l.Spatial[i], l.Temporal[i], l.Chain[i] = s, t, s
		}
	}
	l.cover(0)
}

// cover finds what the targets of the grid contain, apart being the spatial layers
// of which frames were seen that the layers above do not need.
func (l *Layout) cover(apart uint8) {
	for s := range uint8(gridSize) {
		for t := range uint8(gridSize) {
			var set uint16
			for below := range s + 1 {
				if below == s || apart>>below&1 == 0 {
					set |= (2<<t - 1) << (below * gridSize)
				}
			}
			l.Covers[s*gridSize+t] = set
		}
	}
}

const gridSize = 4

// adopt makes the layout of a dependency structure. It is false when the
// structure has more than a choice is made among.
func (l *Layout) adopt(s *codec.DependencyStructure) bool {
	l.single()
	l.Version++
	if s.Targets > codec.MaxLayerTargets || s.Chains > codec.MaxLayerChains {
		return false
	}
	l.Known, l.Descriptor = true, true
	l.Targets, l.Chains = s.Targets, s.Chains
	for i := range s.Targets {
		l.Spatial[i], l.Temporal[i] = s.TargetSpatial[i], s.TargetTemporal[i]
		l.Chain[i] = codec.MaxLayerChains
		if s.Chains > 0 {
			l.Chain[i] = s.ProtectedBy[i]
		}
		l.Covers[i] = 1<<s.Targets - 1
	}
	for t := range s.Templates {
		present := uint16(s.Template[t].Indications.Present())
		for i := range s.Targets {
			if present>>i&1 == 0 {
				l.Covers[i] &^= present
			}
		}
	}
	return true
}
