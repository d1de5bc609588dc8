package main

import (
	"slices"
	"time"
)

const (
	step    = 100 * time.Millisecond // what one slot of the history covers
	maxKept = 3000                   // slots: five minutes
)

// slot is what happened in one step.
type slot struct {
	At         int64 `json:"at"` // its beginning, milliseconds since 1970
	InPackets  int   `json:"inPackets"`
	InBytes    int   `json:"inBytes"` // UDP payload
	OutPackets int   `json:"outPackets"`
	OutBytes   int   `json:"outBytes"`
	Lost       int   `json:"lost"`       // by chance
	Overflowed int   `json:"overflowed"` // for want of room in the queue
	// QueueMS is the longest that a packet that came in this step had to wait for the rate.
	QueueMS float64 `json:"queueMs"`
	// LateMS is how much later than due this program delivered, at worst: the
	// machine was busy.
	LateMS float64 `json:"lateMs"`

	queued []float32 // each packet's wait for the rate, milliseconds
}

// history keeps the recent past of a direction. The oldest slot comes first;
// steps in which nothing happened have none.
type history struct {
	slots []*slot
}

// at gives the slot of a time.
func (h *history) at(now time.Time) *slot {
	begins := now.Truncate(step).UnixMilli()
	if n := len(h.slots); n > 0 && h.slots[n-1].At >= begins {
		return h.slots[n-1]
	}
	if len(h.slots) == maxKept {
		h.slots = slices.Delete(h.slots, 0, 1)
	}
	s := &slot{At: begins}
	h.slots = append(h.slots, s)
	return s
}

// directionStats is what a direction did between two times.
type directionStats struct {
	slot
	// Waits for the rate, in milliseconds, of the packets that found room.
	Queue struct {
		P50 float64 `json:"p50"`
		P95 float64 `json:"p95"`
		Max float64 `json:"max"`
	} `json:"queue"`
	Steps []slot `json:"steps"` // each of 100 ms, those in which nothing happened left out
}

func (h *history) stats(from, to time.Time) directionStats {
	sum := directionStats{Steps: []slot{}}
	var queued []float32
	for _, s := range h.slots {
		if s.At < from.UnixMilli() || s.At >= to.UnixMilli() {
			continue
		}
		each := *s
		if len(s.queued) > 0 {
			each.QueueMS = float64(slices.Max(s.queued))
		}
		sum.Steps = append(sum.Steps, each)
		queued = append(queued, s.queued...)
		if sum.At == 0 {
			sum.At = s.At
		}
		sum.InPackets += s.InPackets
		sum.InBytes += s.InBytes
		sum.OutPackets += s.OutPackets
		sum.OutBytes += s.OutBytes
		sum.Lost += s.Lost
		sum.Overflowed += s.Overflowed
		sum.QueueMS = max(sum.QueueMS, each.QueueMS)
		sum.LateMS = max(sum.LateMS, s.LateMS)
	}
	if n := len(queued); n > 0 {
		slices.Sort(queued)
		sum.Queue.P50 = float64(queued[n/2])
		sum.Queue.P95 = float64(queued[min(n-1, n*95/100)])
		sum.Queue.Max = float64(queued[n-1])
	}
	return sum
}
