package prefetch

import "testing"

// What is asked for may be anything: nil, one byte, the end of a page.
func TestHarmless(t *testing.T) {
	Value[int](nil)
	Bytes[byte](nil, 4096)
	var big [10000]byte
	Value(&big)
	for i := range big {
		Bytes(&big[i], 200)
	}
}

func BenchmarkValue(b *testing.B) {
	var v [256]byte
	for range b.N {
		Value(&v)
	}
}
