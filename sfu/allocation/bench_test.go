package allocation_test

import (
	"fmt"
	"testing"

	. "github.com/tertulia-rtc/tertulia/sfu/allocation"
)

func BenchmarkAllocate(b *testing.B) {
	for _, n := range []int{1, 4, 9, 50} {
		for _, priorities := range []int{1, 3} {
			if n == 1 && priorities > 1 {
				continue
			}
			b.Run(fmt.Sprintf("tracks=%d/priorities=%d", n, priorities), func(b *testing.B) {
				in := Input{Estimate: int64(n) * 400e3, Audio: 40e3}
				for i := range n {
					t := camera(1+i%priorities, 1280>>(i%4), 720>>(i%4))
					t.Current = m30
					in.Tracks = append(in.Tracks, t)
				}
				var a Allocator
				b.ReportAllocs()
				for b.Loop() {
					a.Allocate(&in)
				}
			})
		}
	}
}
