package transport

// guessIndex is the packet index (rollover counter and sequence number, RFC
// 3711 section 3.3.1) of seq that is nearest to the highest index seen. It is
// not ok before the beginning, where the counter would be negative, and past
// the end of 48 bits.
func guessIndex(highest uint64, seq uint16) (index uint64, ok bool) {
	// The difference of 2^15 counts as back, as in the RFC's appendix A.
	i := int64(highest) + int64(int16(seq-uint16(highest)))
	return uint64(i), i >= 0 && i < 1<<48
}

// replayWindow is how many packets back from the highest a late one is still
// taken. Retransmissions come this late; it is many times the 64 that RFC 3711
// section 3.3.2 asks for.
const replayWindow = 1024

// Seen is what is remembered of one SSRC that is received.
type Seen struct {
	SSRC    uint32 `json:"ssrc"`
	Highest uint64 `json:"highest"` // the highest index
	// Window has a bit for each index in (Highest-1024, Highest], at index
	// modulo 1024.
	Window [replayWindow / 64]uint64 `json:"window"`
}

// has reports whether a packet with this index was marked, or is too old to
// know.
func (s *Seen) has(index uint64) bool {
	if index > s.Highest {
		return false
	}
	if s.Highest-index >= replayWindow {
		return true
	}
	return s.Window[index%replayWindow/64]>>(index%64)&1 != 0
}

// mark remembers index, which is not too old.
func (s *Seen) mark(index uint64) {
	if index > s.Highest {
		if index-s.Highest >= replayWindow {
			clear(s.Window[:])
		} else {
			for i := s.Highest + 1; i < index; i++ {
				s.Window[i%replayWindow/64] &^= 1 << (i % 64)
			}
		}
		s.Highest = index
	}
	s.Window[index%replayWindow/64] |= 1 << (index % 64)
}

// maxSources is how many SSRCs of one peer are remembered. Only authentic
// packets make one; a peer with more has the rest of its packets refused.
const maxSources = 256

// sources are the SSRCs of one peer, in the order of their appearance.
type sources struct {
	seen  []*Seen
	last  int              // where in seen the last packet's SSRC was
	place map[uint32]*Seen // by SSRC; only when there are many
}

func (s *sources) find(ssrc uint32) *Seen {
	if s.last < len(s.seen) && s.seen[s.last].SSRC == ssrc {
		return s.seen[s.last]
	}
	if s.place != nil {
		return s.place[ssrc]
	}
	for i, seen := range s.seen {
		if seen.SSRC == ssrc {
			s.last = i
			return seen
		}
	}
	return nil
}

func (s *sources) full() bool { return len(s.seen) >= maxSources }

// add makes room for an SSRC whose first packet had this index.
func (s *sources) add(ssrc uint32, index uint64) *Seen {
	seen := &Seen{SSRC: ssrc, Highest: index}
	s.seen = append(s.seen, seen)
	if s.place != nil {
		s.place[ssrc] = seen
	} else if len(s.seen) > scanned {
		s.place = make(map[uint32]*Seen, 2*scanned)
		for _, old := range s.seen {
			s.place[old.SSRC] = old
		}
	}
	return seen
}

func (s *sources) copy() []Seen {
	var all []Seen
	for _, seen := range s.seen {
		all = append(all, *seen)
	}
	return all
}

func (s *sources) restore(all []Seen) {
	*s = sources{}
	for _, seen := range all {
		if s.find(seen.SSRC) == nil && !s.full() {
			*s.add(seen.SSRC, seen.Highest) = seen
		}
	}
}
