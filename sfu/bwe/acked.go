package bwe

import "time"

// The acknowledged bitrate is counted in buckets by time of arrival.
const (
	bucketSpan = 50 * time.Millisecond
	buckets    = 32
)

type bucket struct {
	Index int64 // arrival / bucketSpan
	Bytes int
}

// ackedState is how much arrives.
type ackedState struct {
	Buckets [buckets]bucket
	First   time.Duration // arrival of the first packet
	Last    time.Duration // arrival of the latest
	Started bool
	Total   int64 // bytes

	Fast int64 // bits a second in the last 300 ms; 0 while too little is known
	Slow int64 // in the last second
}

func (a *ackedState) add(came time.Duration, size int) {
	if !a.Started || came < a.First-time.Minute {
		*a = ackedState{Started: true, First: came, Last: came, Total: a.Total}
	}
	if came > a.Last+time.Second {
		a.First = came // after a pause, what lies before it says nothing
	}
	i := int64(came / bucketSpan)
	b := &a.Buckets[uint64(i)%buckets]
	switch {
	case b.Index == i:
		b.Bytes += size
	case b.Index < i || b.Index > i+buckets:
		*b = bucket{i, size}
	}
	a.Last = max(a.Last, came)
	a.Total += int64(size)
}

// settle computes the bitrates.
func (a *ackedState) settle() {
	a.Fast = a.over(300 * time.Millisecond)
	a.Slow = a.over(time.Second)
}

func (a *ackedState) over(window time.Duration) int64 {
	if a.Last-a.First < 200*time.Millisecond {
		return 0
	}
	from := max(int64((a.Last-window)/bucketSpan)+1, int64(a.First/bucketSpan))
	bytes := 0
	for i := from; i <= int64(a.Last/bucketSpan); i++ {
		if b := a.Buckets[uint64(i)%buckets]; b.Index == i {
			bytes += b.Bytes
		}
	}
	span := a.Last - max(time.Duration(from)*bucketSpan, a.First)
	if span <= 0 {
		return 0
	}
	return int64(bytes) * 8 * int64(time.Second) / int64(span)
}

// even says whether packets came at a steady rate in the last 300 ms, as they do
// behind a full link, and not in bursts with pauses between, as after a stall. It
// compares each 100 ms with the mean, with some room for single packets.
func (a *ackedState) even() bool {
	const pairs = 3
	last := int64(a.Last/bucketSpan) - 1 // the one before the present
	if last-2*pairs < int64(a.First/bucketSpan) {
		return true // not enough is known to doubt it
	}
	at := func(i int64) int {
		if b := a.Buckets[uint64(i)%buckets]; b.Index == i {
			return b.Bytes
		}
		return 0
	}
	total, least, most := 0, 0, 0
	for i := last - 2*pairs + 1; i <= last; i++ {
		total += at(i)
		if i == last {
			break
		}
		two := at(i) + at(i+1)
		if most == 0 || two < least {
			least = two
		}
		most = max(most, two)
	}
	const room = 1200
	mean := total / pairs
	return most <= mean*11/10+room && least >= mean*9/10-room
}
