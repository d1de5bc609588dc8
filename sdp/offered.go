package sdp

import (
	"slices"
	"strings"
)

// OfferedSection is what a description says of one of its sections, for those who
// have to know which is which.
type OfferedSection struct {
	MID string
	// Kind is 0 for what is neither audio, nor video, nor data channels.
	Kind Kind
	// Direction is ours: RecvOnly where the peer publishes.
	Direction Direction
	// Stream is the id of the MediaStream of what the peer sends (RFC 8830), empty
	// where it does not say one.
	Stream string
	// RIDs are the simulcast layers that the peer would send, as it orders them.
	RIDs []string
	// Rejected says that the section is not in use.
	Rejected bool
}

// Offered lists the sections in their order; there are MaxSections at most.
func (d *Description) Offered() []OfferedSection {
	list := make([]OfferedSection, len(d.sections))
	for i := range d.sections {
		s := &d.sections[i]
		o := OfferedSection{MID: strings.Clone(s.mid), Kind: s.kind, Direction: s.direction, Rejected: s.unused}
		if !s.unused && s.direction.Receives() {
			stream, _, _ := strings.Cut(s.recv.MSID, " ")
			if stream != "-" { // "no MediaStream", RFC 8830 section 2
				o.Stream = strings.Clone(stream)
			}
			o.RIDs = slices.Clone(s.recv.RIDs)
		}
		list[i] = o
	}
	return list
}
