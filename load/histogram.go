package load

import "math/bits"

// histogram counts durations with a resolution of 1/64, from a microsecond to
// hours, in constant memory.
type histogram struct {
	counts [64 * 36]uint32
	n      uint64
	most   instant
}

const histogramUnit = 1000 // nanoseconds

func (h *histogram) add(d instant) {
	d = max(d, 0)
	h.counts[bucket(d)]++
	h.n++
	h.most = max(h.most, d)
}

// bucket is linear up to 128 units; then each power of two has 64 of them.
func bucket(d instant) int {
	v := uint64(d) / histogramUnit
	shift := max(bits.Len64(v)-7, 0)
	return min(shift*64+int(v>>shift), 64*36-1)
}

// lower is the least duration in a bucket.
func lower(i int) instant {
	if i < 128 {
		return instant(i) * histogramUnit
	}
	shift := i/64 - 1
	return instant(i-shift*64) << shift * histogramUnit
}

// quantile is the duration that a share q of all do not exceed, to 1/64.
func (h *histogram) quantile(q float64) instant {
	rank := uint64(q * float64(h.n))
	seen := uint64(0)
	for i, n := range h.counts {
		if seen += uint64(n); seen > rank && n > 0 {
			return min((lower(i)+lower(i+1))/2, h.most)
		}
	}
	return h.most
}

func (h *histogram) merge(o *histogram) {
	for i, n := range o.counts {
		h.counts[i] += n
	}
	h.n += o.n
	h.most = max(h.most, o.most)
}
