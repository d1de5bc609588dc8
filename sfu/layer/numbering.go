package layer

import "github.com/tertulia-rtc/tertulia/codec"

// Numbering maps the sequence numbers of one received stream, extended, to those
// that one subscriber gets, extended: without those of packets that it is not
// sent. Packets that have not come keep their numbers, since they may be wanted
// when they do; those that certainly are part of a frame which is held back do
// not. Begin it with the first packet of a run.
type Numbering struct {
	// Pieces are stretches without a dropped packet, the newest at Newest, and so
	// many of them before it, modulo their number.
	Pieces  [pieces]piece
	Newest  uint32
	Older   uint32
	Highest uint64 // received, forwarded or dropped

	// Of the packet with the number Highest:
	Frame   uint32
	End     bool // it ended its frame
	Known   bool // it told of its frame
	Dropped bool
}

// piece begins with the number In as received, Out as sent.
type piece struct{ In, Out uint64 }

// pieces is how many stretches are remembered: each picture of which something is
// dropped begins one, so it is a second of 60 pictures.
const pieces = 64

// Begin starts anew: the packet with the number in, which comes next, is sent as
// out.
func (n *Numbering) Begin(in, out uint64) {
	*n = Numbering{Highest: in - 1}
	n.Pieces[0] = piece{in, out}
}

// Forward gives the number under which a packet is sent. It is not ok when the
// number was given up, or is too old: the packet cannot be sent.
func (n *Numbering) Forward(seq uint64, p *codec.PacketInfo) (out uint64, ok bool) {
	if seq <= n.Highest {
		return n.sent(seq)
	}
	n.closeGap(seq, p, false)
	n.note(seq, p, false)
	newest := &n.Pieces[n.Newest]
	return newest.Out + (seq - newest.In), true
}

// Drop gives up the number of a packet that is not sent. When it came too late
// for that, hole says that the subscriber waits for the number out, and something
// without content should be sent under it.
func (n *Numbering) Drop(seq uint64, p *codec.PacketInfo) (out uint64, hole bool) {
	if seq <= n.Highest {
		return n.sent(seq)
	}
	n.closeGap(seq, p, true)
	n.note(seq, p, true)
	n.giveUp(seq, seq)
	return 0, false
}

// Original gives the number as received of one that was sent, or reserved.
func (n *Numbering) Original(out uint64) (seq uint64, ok bool) {
	for i := range n.Older + 1 {
		if p := n.back(i); out >= p.Out {
			seq = p.In + (out - p.Out)
			return seq, seq <= n.Highest
		}
	}
	return 0, false
}

// sent finds the number of a packet that is not the newest.
func (n *Numbering) sent(seq uint64) (out uint64, ok bool) {
	end := ^uint64(0) // Out of the piece after
	for i := range n.Older + 1 {
		p := n.back(i)
		if seq >= p.In {
			out = p.Out + (seq - p.In)
			return out, out < end
		}
		end = p.Out
	}
	return 0, false
}

// back is the i-th piece before the newest.
func (n *Numbering) back(i uint32) *piece { return &n.Pieces[(n.Newest-i)%pieces] }

// giveUp takes the numbers from first to last, the highest, out of the newest piece.
func (n *Numbering) giveUp(first, last uint64) {
	newest := &n.Pieces[n.Newest]
	if newest.In == first {
		newest.In = last + 1 // nothing was in it
		return
	}
	out := newest.Out + (first - newest.In)
	n.Newest = (n.Newest + 1) % pieces
	n.Older = min(n.Older+1, pieces-1)
	n.Pieces[n.Newest] = piece{last + 1, out}
}

// closeGap gives up the numbers between the highest and seq where the packets
// around them say that all of them belong to a frame that is dropped.
func (n *Numbering) closeGap(seq uint64, p *codec.PacketInfo, dropped bool) {
	if seq == n.Highest+1 || !n.Known || p.Flags&codec.LayersKnown == 0 {
		return
	}
	same, next := p.Frame == n.Frame, p.Frame == n.Frame+1
	starts := p.Flags&codec.FrameStart != 0
	switch {
	case same && n.Dropped: // the middle of a dropped frame
	case next && n.Dropped && !n.End && (starts || dropped): // its end
	case next && n.End && !starts && dropped: // the start of one
	default:
		return
	}
	n.giveUp(n.Highest+1, seq-1)
}

func (n *Numbering) note(seq uint64, p *codec.PacketInfo, dropped bool) {
	n.Highest, n.Dropped = seq, dropped
	n.Known = p.Flags&codec.LayersKnown != 0
	n.Frame, n.End = p.Frame, p.Flags&codec.FrameEnd != 0
}
