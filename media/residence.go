package media

import (
	"math/bits"
	"time"
)

// residence is how long packets stay in the server: from the moment in which the
// kernel took them in until the system calls that sent what they caused have
// returned. It is a histogram with four steps to each power of two microseconds.
type residence [4 * residenceOctaves]uint32

// residenceOctaves reach from a microsecond to some minutes.
const residenceOctaves = 28

func (r *residence) add(d time.Duration) {
	us := uint64(max(d.Microseconds(), 1))
	octave := bits.Len64(us) - 1
	quarter := int(us<<2>>octave) & 3
	r[min(4*octave+quarter, len(r)-1)]++
}

// quantile gives the upper end of the step in which a share q of the packets lies;
// 0 when there were none.
func (r *residence) quantile(q float64) time.Duration {
	rank := uint64(q * float64(r.total()))
	for i, n := range r {
		if rank < uint64(n) {
			octave, quarter := i/4, uint64(i%4)
			return time.Duration(((4+quarter+1)<<octave)>>2) * time.Microsecond
		}
		rank -= uint64(n)
	}
	return 0
}

func (r *residence) total() (packets uint64) {
	for _, n := range r {
		packets += uint64(n)
	}
	return packets
}
