package layer

import "github.com/tertulia-rtc/tertulia/codec"

// Selector decides which packets of one received stream one subscriber gets. The
// zero value is ready and forwards the lowest layer; set Target before use and
// whenever it changes. Begin a new Selector with another received stream; keep
// the old one while its packets may be sent again.
type Selector struct {
	Target Target

	// On says that frames are being forwarded: those of decode target Current.
	On      bool
	Current int8
	// Version is that of the layout which Current is of.
	Version uint8

	// Highest is the newest frame. Sent and Dropped have bit d set where the frame d
	// before it was forwarded or held back; of others nothing has come yet.
	Started       bool
	Highest       uint32
	Sent, Dropped uint64
	Records       [history]record

	// Intact is the set of chains of which no frame was held back.
	Intact uint8
	// Missing are frames of the current chain of which nothing has come; they may
	// come yet as retransmissions.
	Missing      [4]missing
	MissingCount uint8
	// ChainAt is the frame that the current chain last began with.
	ChainAt uint32
	// BehindAt is since when less than what is wanted has been forwarded, 0 for not.
	BehindAt int64

	// Overridden says that the receiver was told another set of active decode
	// targets than the publisher's, and has to be told until the next structure.
	Overridden bool
	// Skipped counts the pictures that were held back, modulo 65536.
	Skipped uint16

	// Wanted is the decode target that Target stands for, −1 for none.
	Wanted        int8
	WantedFor     Target
	WantedActive  uint16
	WantedVersion uint8
	WantedKnown   bool
	// Appeared says that a layer which appeared made the difference, not Target.
	Appeared bool
}

// history is how many frames decisions are remembered for: more than a second of
// three spatial layers at 60 pictures a second.
const history = 256

// record is the decision for one frame.
type record struct {
	Active  uint16 // set of active decode targets to be written
	Skipped uint16
	Target  int8 // decode target when the frame was due, −1 for none
	Bits    uint8
}

// The bits of a record: the first are flags of decisions. Without Forward and
// recordDropped, nothing of the frame has come.
const (
	recordDropped = 1 << (iota + 3)
	recordTop     // spatial layer of Target, in the bits from here on
)

// missing is a frame that is needed, and since when that is known.
type missing struct {
	Frame uint32
	At    int64
}

// Decision is what becomes of one packet for one subscriber.
type Decision struct {
	Flags DecisionFlags
	// Active is the set of active decode targets to be written, with SetActive.
	Active uint16
	// Skipped is subtracted from the picture id of VP8, whose receivers take gaps
	// for loss. Picture ids of VP9 keep their differences, for references are told
	// by them.
	Skipped uint16
}

// DecisionFlags say what is done.
type DecisionFlags uint8

// The flags of a Decision. SetActive and Attach are those of codec.DependencyEdit.
const (
	Forward   DecisionFlags = 1 << iota // without it, the others mean nothing
	SetActive                           // Active is written
	Attach                              // the structure is written
	Marker                              // last packet of its picture here: it has the marker bit, whatever it came with
)

// Forward says whether the packet is sent.
func (d Decision) Forward() bool { return d.Flags&Forward != 0 }

// Marker says whether the packet is the last one of its picture here, and has the
// marker bit; otherwise the bit stays as it came.
func (d Decision) Marker() bool { return d.Flags&Marker != 0 }

// Edit is how the packet's dependency descriptor is rewritten, with the frame
// offset of the run (Offsets.Frame).
func (d Decision) Edit(frameOffset uint16) codec.DependencyEdit {
	return codec.DependencyEdit{
		FrameOffset: frameOffset,
		SetActive:   d.Flags&SetActive != 0,
		Active:      uint32(d.Active),
		Attach:      d.Flags&Attach != 0,
	}
}

// Select decides on a packet when it is first to be forwarded, be it in order or
// late. t is the Tracker that described it; now in nanoseconds.
func (s *Selector) Select(t *Tracker, p *codec.PacketInfo, now int64) Decision {
	if p.Flags&codec.LayersKnown == 0 {
		return s.whole(&t.Layout, p)
	}
	if !s.Started || p.Frame != s.Highest {
		if l := t.LayoutOf(p); l != nil {
			s.selectFrame(l, p, now)
		}
	}
	return s.answer(p)
}

// Recall gives the decision for a packet that was forwarded, to send it again. It
// is not ok when it was not forwarded, or too long ago.
func (s *Selector) Recall(p *codec.PacketInfo) (d Decision, ok bool) {
	if p.Flags&codec.LayersKnown == 0 {
		return Decision{Flags: Forward}, true
	}
	d = s.answer(p)
	return d, d.Forward()
}

// answer makes a decision from the frame's record.
func (s *Selector) answer(p *codec.PacketInfo) Decision {
	r := &s.Records[p.Frame%history]
	if s.Highest-p.Frame >= history || r.Bits&uint8(Forward) == 0 {
		return Decision{}
	}
	flags := DecisionFlags(r.Bits) & (Forward | SetActive | Attach)
	if p.Flags&codec.FrameStart == 0 {
		flags &^= Attach
	}
	if p.Flags&codec.FrameEnd != 0 && r.Bits/recordTop == p.Spatial {
		flags |= Marker
	}
	return Decision{Flags: flags, Active: r.Active, Skipped: r.Skipped}
}

// whole decides on a packet of which no layers are known.
func (s *Selector) whole(l *Layout, p *codec.PacketInfo) Decision {
	if !l.Known {
		if s.Started {
			// The stream said more of itself before; begin anew.
			*s = Selector{Target: s.Target, Skipped: s.Skipped}
		}
		s.On = s.Target.Spatial >= 0 && (s.On || p.Flags.Has(codec.KeyFrame|codec.FrameStart))
	}
	if !s.On {
		return Decision{}
	}
	return Decision{Flags: Forward, Skipped: s.Skipped}
}

// selectFrame decides on a frame whose first packet has come.
func (s *Selector) selectFrame(l *Layout, p *codec.PacketInfo, now int64) {
	if s.Started {
		if behind := s.Highest - p.Frame; behind < 1<<31 {
			s.selectLate(l, p, behind, now)
			return
		}
	}
	s.advance(l, p)
	s.checkChains(l, p, now)
	started := s.choose(l, p, now)

	bit := 1 << uint(max(s.Current, 0))
	forward := s.On && p.Present&uint16(bit) != 0 && p.References&s.Dropped == 0
	r := s.next(l)
	if forward {
		s.Sent |= 1
		s.begin(l, p)
		r = s.describe(l, p, started)
		r.Bits |= uint8(Forward)
	} else {
		s.Dropped |= 1
		r.Bits |= recordDropped
		s.Skipped++
	}
	s.Records[p.Frame%history] = r
}

// advance makes p's frame the newest. Those between have not come.
func (s *Selector) advance(l *Layout, p *codec.PacketInfo) {
	if p.Version != s.Version {
		if !p.Flags.Has(codec.KeyFrame) {
			s.On = false
		}
		s.Current, s.Intact, s.Version = 0, 0, p.Version
	}
	if !s.Started {
		s.Started, s.Highest = true, p.Frame
		for i := range s.Records {
			s.Records[i] = record{Target: -1, Skipped: s.Skipped}
		}
		return
	}
	gone := p.Frame - s.Highest
	between := s.next(l)
	for i := uint32(1); i < gone && i < history; i++ {
		s.Records[(p.Frame-i)%history] = between
	}
	if !s.On {
		s.Skipped += uint16(gone - 1)
	}
	s.Sent <<= gone
	s.Dropped <<= gone
	s.Highest = p.Frame
}

// next is the record of a frame of which nothing has come.
func (s *Selector) next(l *Layout) record {
	r := record{Target: -1, Skipped: s.Skipped}
	if s.On {
		r.Target = s.Current
		r.Bits = l.Spatial[s.Current] * recordTop
		if s.Overridden {
			r.Active = l.Covers[s.Current] & l.Active
			r.Bits |= uint8(SetActive)
		}
	}
	return r
}

// describe is the record of a frame that is forwarded.
func (s *Selector) describe(l *Layout, p *codec.PacketInfo, started bool) record {
	if l.Descriptor {
		same := l.Covers[s.Current]&l.Active == l.Active
		switch {
		case !same:
			s.Overridden = true
		case p.Flags&codec.WithStructure != 0:
			s.Overridden = false // it says by itself which ones are active
		}
	}
	r := s.next(l)
	if started && l.Descriptor && p.Flags&codec.WithStructure == 0 {
		r.Bits |= uint8(Attach)
	}
	return r
}

// selectLate decides on a frame that is older than the newest one: it is forwarded
// if it is part of what was forwarded at its time, or if it decodes and what is
// forwarded now may need it.
func (s *Selector) selectLate(l *Layout, p *codec.PacketInfo, behind uint32, now int64) {
	if behind >= history {
		return
	}
	r := &s.Records[p.Frame%history]
	if r.Bits&(uint8(Forward)|recordDropped) != 0 {
		return
	}
	var sent, dropped uint64 // as seen from the frame
	if behind < 64 {
		sent, dropped = s.Sent>>behind, s.Dropped>>behind
	}
	then := r.Target >= 0 && p.Present>>r.Target&1 != 0 && p.References&dropped == 0
	since := r.Target >= 0 && s.On && p.Present>>s.Current&1 != 0 && p.References != 0 && p.References&^sent == 0 && p.Flags&codec.FarReference == 0
	if p.Version != s.Version || !then && !since {
		r.Bits |= recordDropped
		if behind < 64 {
			s.Dropped |= 1 << behind
		}
		return
	}
	r.Bits |= uint8(Forward)
	if behind < 64 {
		s.Sent |= 1 << behind
	}
	s.found(p.Frame)
	if c := l.Chain[s.Current]; s.On && c < codec.MaxLayerChains && p.Chains[c] != 0 {
		// What came before it in the chain must be there too.
		back := uint32(p.Chains[c])
		sent, dropped := s.state(behind + back)
		if !sent && !dropped && int32(p.Frame-back-s.ChainAt) >= 0 {
			s.miss(p.Frame-back, now)
		}
	}
}

// Forwarded gives the layers that are forwarded now; not ok while nothing is, and
// for streams whose layers are not known.
func (s *Selector) Forwarded(l *Layout) (spatial, temporal uint8, ok bool) {
	if !s.On || !s.Started || s.Version != l.Version {
		return 0, 0, false
	}
	return l.Spatial[s.Current], l.Temporal[s.Current], true
}
