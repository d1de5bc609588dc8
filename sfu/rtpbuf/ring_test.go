package rtpbuf

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func packet(seq uint64, size int) []byte {
	b := make([]byte, size)
	for i := range b {
		b[i] = byte(seq + uint64(i))
	}
	if size >= 8 {
		binary.BigEndian.PutUint64(b, seq)
	}
	return b
}

// What Get gives is what was put in, never another packet's bytes, whatever the
// sizes, gaps and order.
func TestHeldPacketsAreWhole(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, l := range []Limits{Audio, Video, {Bytes: 3000, MaxBytes: 5000, Packets: 4, MaxPackets: 8}} {
		r := New(l)
		sizes := map[uint64]int{}
		seq, now := uint64(1<<16), int64(0)
		for range 1500 {
			s := seq
			if rng.IntN(10) == 0 {
				s -= uint64(rng.IntN(40)) // late
			} else {
				seq += uint64(1 + rng.IntN(3))
				s = seq
			}
			n := 8 + rng.IntN(1200)
			now += int64(rng.IntN(int(10 * time.Millisecond)))
			ext := packet(s, 8)
			if r.Put(Entry{Seq: s, At: now}, ext, packet(s, n)) != nil {
				sizes[s] = n
			}
			for back := range uint64(45) {
				e := r.Get(seq - back)
				if e == nil {
					continue
				}
				if !bytes.Equal(r.Payload(e), packet(e.Seq, sizes[e.Seq])) || !bytes.Equal(r.Extensions(e), packet(e.Seq, 8)) {
					t.Fatalf("packet %d has other bytes", e.Seq)
				}
			}
		}
		if len(r.arena) > l.MaxBytes || len(r.table) > l.MaxPackets {
			t.Errorf("grew over its limits: %d bytes, %d packets", len(r.arena), len(r.table))
		}
	}
}

// A stream of any usual rate is held for about a second, in memory of its size.
func TestHoldsAboutASecond(t *testing.T) {
	for _, c := range []struct {
		name      string
		limits    Limits
		perSecond int
		size      int
		atMost    int
	}{
		{"audio", Audio, 50, 80, 10 << 10},
		{"audio with redundancy", Audio, 50, 220, 32 << 10},
		{"video at 300 kb/s", Video, 40, 940, 76 << 10},
		{"video at 1.2 Mb/s", Video, 136, 1100, 256 << 10},
		{"video at 8 Mb/s", Video, 900, 1100, 2 << 20},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := New(c.limits)
			var seq uint64 = 65536
			for i := range 10 * c.perSecond {
				seq++
				r.Put(Entry{Seq: seq, At: int64(i) * int64(time.Second) / int64(c.perSecond)}, nil, packet(seq, c.size))
			}
			held := 0
			for r.Get(seq-uint64(held)) != nil {
				held++
			}
			if held < c.perSecond*8/10 {
				t.Errorf("holds %d packets, %.2f s", held, float64(held)/float64(c.perSecond))
			}
			if r.Bytes() > c.atMost {
				t.Errorf("takes %d bytes", r.Bytes())
			}
		})
	}
}

// Frames differ in size, and now and then one is a keyframe: the memory is for the mean
// rate, and a busy second is held for half of it at least.
func TestUnevenStreamTakesWhatItsMeanRateNeeds(t *testing.T) {
	const fps, mean, seconds = 30, 5000, 120 // 1.2 Mb/s
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 1))
		r := New(Video)
		at := map[uint64]int64{}
		seq, debt, holds := uint64(1<<16), 0.0, []float64{}
		for frame := range fps * seconds {
			now := int64(frame) * int64(time.Second) / fps
			size := mean * math.Exp(0.3*rng.NormFloat64()-0.045)
			if frame%300 == 0 {
				size, debt = size*5, debt+size*4
			} else if debt > 0 {
				debt -= size / 4
				size -= size / 4
			}
			for rest := int(size); rest > 0; rest -= 1100 {
				seq++
				at[seq] = now
				r.Put(Entry{Seq: seq, At: now}, nil, packet(seq, min(rest, 1100)))
			}
			oldest := seq
			for r.Get(oldest-1) != nil {
				oldest--
			}
			if held := float64(now-at[oldest]) / 1e9; frame > 10*fps {
				holds = append(holds, held)
			}
		}
		slices.Sort(holds)
		if median, least := holds[len(holds)/2], holds[0]; median < 0.9 || least < 0.5 {
			t.Errorf("seed %d: holds %.2f s in the median and %.2f s at least", seed, median, least)
		}
		if r.Bytes() > 190<<10 {
			t.Errorf("seed %d: takes %d bytes", seed, r.Bytes())
		}
	}
}

// A stream that becomes faster is held for as long again after a few seconds.
func TestGrowsWithTheRate(t *testing.T) {
	r := New(Video)
	seq, now := uint64(1<<16), int64(0)
	for _, perSecond := range []int64{40, 140, 500} {
		for range 12 * perSecond {
			seq++
			now += int64(time.Second) / perSecond
			r.Put(Entry{Seq: seq, At: now}, nil, packet(seq, 1100))
		}
		oldest := seq
		for r.Get(oldest-1) != nil {
			oldest--
		}
		if held := float64(seq-oldest) / float64(perSecond); held < 0.8 {
			t.Errorf("%d packets a second are held for %.2f s", perSecond, held)
		}
	}
}

// A burst larger than the first arena (a keyframe in one batch) is held whole.
func TestHoldsABurst(t *testing.T) {
	r := New(Video)
	for seq := uint64(0); seq < 300; seq++ {
		r.Put(Entry{Seq: seq + 1}, nil, packet(seq, 1200))
	}
	for seq := uint64(1); seq <= 300; seq++ {
		if r.Get(seq) == nil {
			t.Fatalf("lost %d of the burst", seq)
		}
	}
}

// After a calm time, packets come in bursts: the arena grows within a round, and
// what of the round before it has been overwritten is held no more.
func TestGrowthForgetsWhatWasOverwritten(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for _, l := range []Limits{Audio, Video} {
		for range 20 {
			r := New(l)
			sizes := map[uint64]int{}
			seq, now := uint64(1<<16), int64(0)
			for burst := range 12 {
				packets := 30 + rng.IntN(200)
				for range packets {
					seq++
					sizes[seq] = 8 + rng.IntN(l.Bytes/40)
					r.Put(Entry{Seq: seq, At: now}, packet(seq, 8), packet(seq, sizes[seq]))
					if burst%2 == 0 {
						now += int64(20 * time.Millisecond)
					}
				}
				for s := uint64(1<<16) + 1; s <= seq; s++ {
					e := r.Get(s)
					if e != nil && (!bytes.Equal(r.Payload(e), packet(s, sizes[s])) || !bytes.Equal(r.Extensions(e), packet(s, 8))) {
						t.Fatalf("packet %d of %d has other bytes", s, seq)
					}
				}
			}
		}
	}
}

func TestRefusesWhatDoesNotFit(t *testing.T) {
	r := New(Video)
	if r.Put(Entry{Seq: 1}, make([]byte, 256), nil) != nil || r.Put(Entry{Seq: 1}, nil, make([]byte, MaxSize+1)) != nil {
		t.Error("took a packet that is too large")
	}
	if r.Get(1) != nil || r.Get(0) != nil {
		t.Error("holds what it refused")
	}
	r.Put(Entry{Seq: 5000}, nil, nil)
	if r.Put(Entry{Seq: 5000 - 128}, nil, nil) != nil {
		t.Error("an old packet took the place of a new one")
	}
	if e := r.Get(5000); e == nil || len(r.Payload(e)) != 0 {
		t.Error("an empty packet is a packet")
	}
}

func TestPutAllocatesNothing(t *testing.T) {
	r := New(Video)
	p := packet(1, 1100)
	var seq uint64
	put := func() { seq++; r.Put(Entry{Seq: seq, At: int64(seq) * 8e6}, nil, p) }
	for range 2000 {
		put()
	}
	if n := testing.AllocsPerRun(1000, put); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
