//go:build unix

package sfu

import (
	"fmt"
	"syscall"
	"testing"
)

// BenchmarkPipe tells what a packet costs with one listener beside its publisher;
// when it is also handed over; and when it is also taken in and forwarded to one
// listener there.
func BenchmarkPipe(b *testing.B) {
	for _, c := range []struct {
		name string
		run  func(b *bridge, n int)
	}{
		{"alone", func(b *bridge, n int) { b.burst(n) }},
		{"handed", func(b *bridge, n int) {
			b.burst(n)
			b.r.HandOver(func(_ Pipe, full *Batch) *Batch { full.Reset(); return full })
		}},
		{"taken", (*bridge).round},
	} {
		for _, frame := range []int{1, 4, 16} {
			b.Run(fmt.Sprintf("%s/frame=%d", c.name, frame), func(b *testing.B) {
				s := newBridge(b, 1)
				if c.name == "alone" {
					s.r.streams[1].Tracks[0].Pipes = nil
				}
				b.ReportAllocs()
				begun := processor(b)
				b.ResetTimer()
				for range b.N {
					c.run(s, frame)
				}
				b.StopTimer()
				b.ReportMetric(float64(processor(b)-begun)/float64(b.N*frame), "cpu-ns/packet")
			})
		}
	}
}

// processor is the time that the test has computed, in nanoseconds.
func processor(t testing.TB) int64 {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		t.Fatal(err)
	}
	return used.Utime.Nano() + used.Stime.Nano()
}
