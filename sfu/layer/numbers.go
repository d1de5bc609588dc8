package layer

// Numbers are those that a payload, or its dependency descriptor, gives to
// frames. Each is used only where the format has it.
type Numbers struct {
	Frame     uint16 // frame_number of the dependency descriptor
	PictureID uint16 // of VP8 and VP9, 15 or 7 bits
	TL0       uint8  // TL0PICIDX of VP8 and VP9
}

// Offsets are added to the numbers of one received stream on their way to one
// subscriber, each modulo its size. They are constant during a run, so that the
// differences between numbers stay.
type Offsets Numbers

// Apply gives the numbers that are sent, with Decision.Skipped for VP8 and 0 for
// other formats.
func (o Offsets) Apply(in Numbers, skipped uint16) Numbers {
	return Numbers{Frame: in.Frame + o.Frame, PictureID: in.PictureID + o.PictureID - skipped, TL0: in.TL0 + o.TL0}
}

// Sent is the newest of the numbers that a subscriber was sent in one stream of
// its own, over all runs.
type Sent struct {
	Numbers
	Any bool
}

// Begin gives the offsets for a run whose first packet has the numbers in and
// the given Decision.Skipped: they go on from what was sent. The first run has
// no offsets but for what was skipped before it.
func (s *Sent) Begin(in Numbers, skipped uint16) Offsets {
	if !s.Any {
		return Offsets{PictureID: skipped}
	}
	return Offsets{
		Frame:     s.Frame + 1 - in.Frame,
		PictureID: s.PictureID + 1 - (in.PictureID - skipped),
		TL0:       s.TL0 + 1 - in.TL0,
	}
}

// Note remembers numbers as they were sent (the result of Apply), in any order.
func (s *Sent) Note(out Numbers) {
	if !s.Any {
		s.Numbers, s.Any = out, true
		return
	}
	if int16(out.Frame-s.Frame) > 0 {
		s.Frame = out.Frame
	}
	if int16(out.PictureID-s.PictureID) > 0 {
		s.PictureID = out.PictureID
	}
	if int8(out.TL0-s.TL0) > 0 {
		s.TL0 = out.TL0
	}
}
