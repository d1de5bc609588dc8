package codec

// PacketInfo is the place of a video packet in the layers of its stream: what
// every subscriber's decision needs to know of it. It is found once per received
// packet, from the dependency descriptor or from the payload descriptor, in one
// form for all formats: frames have numbers, refer to earlier frames, and belong
// to decode targets (AV1 RTP specification appendix A).
type PacketInfo struct {
	// References has bit d set where the frame refers to the one d before it, d in
	// 1…63. FarReference stands for those farther back.
	References uint64
	// Frame is the frame's number, extended beyond the width it has on the wire.
	// With a dependency descriptor its low 16 bits are the frame_number; else it is
	// counted from picture ids.
	Frame uint32
	// Chains are, for the first chains, how far back the chain's previous frame is,
	// 0 when it needs none.
	Chains [MaxLayerChains]uint8
	// Present and Switch are sets of decode targets, bit 0 for target 0: those that
	// the frame is part of, and those that can be decoded from here on if the frame
	// itself can be.
	Present, Switch uint16
	Flags           PacketFlags
	// Version is that of the layout which gives the decode targets their meaning.
	Version           uint8
	Spatial, Temporal uint8
}

// Bounds of the layers among which a choice is made. A structure beyond them is
// legal, and is forwarded whole.
const (
	MaxLayerTargets = 16
	MaxLayerChains  = 4
)

// PacketFlags say what a packet is in its frame, and its frame in the stream.
type PacketFlags uint8

// The flags of PacketInfo.
const (
	// LayersKnown says that the fields of PacketInfo are there. Without it only
	// FrameStart and KeyFrame are, and the packet is part of whatever is forwarded.
	LayersKnown      PacketFlags = 1 << iota
	FrameStart                   // first packet of its frame
	FrameEnd                     // last packet of its frame
	KeyFrame                     // its frame needs no other; decoding can begin there
	PictureStart                 // its frame is the first one of its picture (temporal unit)
	FarReference                 // its frame refers to one more than 63 before
	DiscardableFrame             // no frame refers to its frame
	WithStructure                // its dependency descriptor brings the structure
)

// Has says whether all of the given flags are set.
func (f PacketFlags) Has(all PacketFlags) bool { return f&all == all }
