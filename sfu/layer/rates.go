package layer

import "github.com/tertulia-rtc/tertulia/codec"

// rates counts what flows, per decode target, in buckets of a quarter second.
type rates struct {
	// Bucket is the number of the current bucket since the clock's zero; Since that
	// of the first one that counted.
	Bucket, Since int64
	Bytes         [buckets][codec.MaxLayerTargets]uint32
	Pictures      [buckets][codec.MaxLayerTargets]uint16
}

const (
	bucketLength = int64(250e6)
	buckets      = 5 // four that are over, and the current one
)

func (r *rates) advance(now int64) {
	b := now / bucketLength
	if b <= r.Bucket {
		return
	}
	if r.Bucket == 0 {
		r.Since = b
	}
	for n := min(b-r.Bucket, buckets); n > 0; n-- {
		i := (b - n + 1) % buckets
		r.Bytes[i] = [codec.MaxLayerTargets]uint32{}
		r.Pictures[i] = [codec.MaxLayerTargets]uint16{}
	}
	r.Bucket = b
}

// count adds a packet to the targets that it is part of, and a picture to those
// of which it begins the highest layer.
func (r *rates) count(now int64, size int, present, begins uint16) {
	r.advance(now)
	i := r.Bucket % buckets
	for t := 0; present != 0; t, present = t+1, present>>1 {
		if present&1 != 0 {
			r.Bytes[i][t] += uint32(size)
		}
	}
	for t := 0; begins != 0; t, begins = t+1, begins>>1 {
		if begins&1 != 0 {
			r.Pictures[i][t]++
		}
	}
}

// of gives bits and pictures per second of a target over the last second, or
// over what there has been of it.
func (r *rates) of(now int64, target int) (bits uint64, pictures float32) {
	r.advance(now)
	var bytes, count uint64
	for i := range buckets {
		if int64(i) != r.Bucket%buckets {
			bytes += uint64(r.Bytes[i][target])
			count += uint64(r.Pictures[i][target])
		}
	}
	span := min(r.Bucket-r.Since, buckets-1)
	if span <= 0 {
		// Nothing is over yet: the current bucket says more than nothing.
		i := r.Bucket % buckets
		bytes, count, span = uint64(r.Bytes[i][target]), uint64(r.Pictures[i][target]), 1
	}
	perSecond := uint64(1e9 / bucketLength)
	return bytes * 8 * perSecond / uint64(span), float32(count*perSecond) / float32(span)
}
