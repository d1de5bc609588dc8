package sfu

import (
	"fmt"
	"testing"
	"time"

	"github.com/tertulia-rtc/tertulia/protocol"
)

// BenchmarkPrefer is one subscriber of many that changes its mind.
func BenchmarkPrefer(b *testing.B) {
	for _, n := range []int{10, 1000} {
		b.Run(fmt.Sprint(n, " subscribers"), func(b *testing.B) {
			w := quality(b, 1)
			w.films("ana", 1, 3)
			w.run(time.Second)
			var v *viewer
			for i := range n {
				v = w.watches(fmt.Sprint("viewer ", i), goodLink, 1)
				w.viewers = nil
			}
			w.run(time.Second)
			wish := protocol.Preference{Stream: 1, Track: "v", Priority: 1}
			i := 0
			for b.Loop() {
				i++
				wish.Width = 320 + i%2*960
				_ = w.r.Prefer(w.now, v.id, wish)
			}
		})
	}
}
