package sfu

import "time"

// instant is a time in nanoseconds since the Router's base. 0 is never.
type instant int64

const (
	millisecond = instant(time.Millisecond)
	second      = instant(time.Second)
)

// sequence follows the sequence numbers of one RTP stream (RFC 3550 appendix A.1)
// and counts for its reception reports (A.3, A.8).
type sequence struct {
	Started bool
	Base    uint64 // extended number of the first packet
	Highest uint64 // greatest extended number so far
	Bad     uint32 // the number that would confirm a jump, 1<<16 when none

	Received      uint64 // packets, duplicates not counted
	PriorExpected uint64
	PriorReceived uint64

	Transit int64  // arrival minus timestamp, in timestamp units
	Jitter  uint32 // in 1/16 of timestamp units
}

// What became of a sequence number.
type verdict uint8

const (
	inOrder verdict = iota // the next, or after a gap
	late                   // out of order, or a duplicate: the ring knows
	stray                  // far from the others: dropped until a second one confirms it
	restarted
)

// Limits of RFC 3550 appendix A.1, the second one as wide as a retransmission
// may be late.
const (
	maxDropout  = 3000
	maxMisorder = 1500
)

// sequenceStart leaves room below the first number for those that come late.
const sequenceStart = 1 << 16

// receive takes a sequence number off the wire and gives its extended form.
func (s *sequence) receive(seq uint16) (uint64, verdict) {
	if !s.Started {
		s.start(seq)
		return s.Highest, inOrder
	}
	delta := int16(seq - uint16(s.Highest))
	switch {
	case delta > 0 && delta <= maxDropout:
		s.Highest += uint64(delta)
		s.Bad = 1 << 16
		return s.Highest, inOrder
	case delta <= 0 && delta >= -maxMisorder:
		return s.Highest - uint64(-int(delta)), late
	case s.Bad == uint32(seq):
		s.start(seq)
		return s.Highest, restarted
	}
	s.Bad = uint32(seq + 1)
	return 0, stray
}

// extend gives the extended form of a number that is near the highest one.
func (s *sequence) extend(seq uint16) uint64 {
	return s.Highest + uint64(int64(int16(seq-uint16(s.Highest))))
}

func (s *sequence) start(seq uint16) {
	*s = sequence{Started: true, Bad: 1 << 16, Jitter: s.Jitter}
	s.Base = sequenceStart + uint64(seq)
	s.Highest = s.Base
}

// count counts a packet that came for the first time; jitter is taken from those
// that were not retransmitted.
func (s *sequence) count(now instant, timestamp, clock uint32) {
	s.Received++
	if clock == 0 {
		return
	}
	arrival := int64(now/1000) * int64(clock) / 1_000_000
	transit := arrival - int64(timestamp)
	if s.Received > 1 {
		d := int64(int32(transit - s.Transit))
		if d < 0 {
			d = -d
		}
		if d < int64(clock)*10 { // a new timestamp origin is not jitter
			s.Jitter += uint32(d) - (s.Jitter+8)>>4
		}
	}
	s.Transit = transit
}

// lost gives what a report block says: the fraction lost since the last call, in
// 1/256, and the cumulative loss, clamped to 24 bits signed.
func (s *sequence) lost() (fraction uint8, cumulative int32) {
	expected := s.Highest - s.Base + 1
	cumulative = int32(min(max(int64(expected)-int64(s.Received), -0x800000), 0x7fffff))
	interval := int64(expected - s.PriorExpected)
	lost := interval - int64(s.Received-s.PriorReceived)
	s.PriorExpected, s.PriorReceived = expected, s.Received
	if interval > 0 && lost > 0 {
		fraction = uint8(min(lost*256/interval, 255))
	}
	return fraction, cumulative
}
