package bwe

import (
	"encoding/binary"
	"time"
)

// Units of transport-wide feedback (section 3.1).
const (
	referenceTick = 64 * time.Millisecond
	deltaTick     = 250 * time.Microsecond
)

// Symbols of packet statuses (section 3.1.1).
const (
	symbolLost  = 0
	symbolSmall = 1 // a delta of one byte
	symbolLarge = 2 // a delta of two bytes, signed
)

// statuses reads the FCI of one feedback packet, status by status.
type statuses struct {
	base      uint16
	reference uint32 // 24 bits
	count     uint8  // of feedback packets

	left   int    // statuses to come
	chunks []byte // chunks to come
	deltas []byte
	// The chunk that is being read: the symbol of a run, or a vector's symbols of
	// width bits, the next one on top.
	symbol uint8
	run    int
	vector uint16
	width  uint
}

// openFeedback checks that an FCI holds all that it announces.
func openFeedback(fci []byte) (statuses, bool) {
	if len(fci) < 8 {
		return statuses{}, false
	}
	s := statuses{
		base:      binary.BigEndian.Uint16(fci),
		left:      int(binary.BigEndian.Uint16(fci[2:])),
		reference: binary.BigEndian.Uint32(fci[4:]) >> 8,
		count:     fci[7],
	}
	if s.left > maxHistory {
		return statuses{}, false // nobody can have got so many since the last time
	}
	// Where the deltas begin, and how long they must be, is known at the end of
	// the chunks.
	rest := fci[8:]
	size, n := 0, 0
	for n < s.left {
		if len(rest) < 2 {
			return statuses{}, false
		}
		chunk := binary.BigEndian.Uint16(rest)
		rest = rest[2:]
		if chunk&0x8000 == 0 {
			symbol, run := int(chunk>>13), min(int(chunk&0x1fff), s.left-n)
			if symbol > symbolLarge {
				return statuses{}, false
			}
			size += symbol * run
			n += run
			continue
		}
		width, symbols := vectorOf(chunk)
		for range min(symbols, s.left-n) {
			symbol := int(chunk<<2>>(16-width)) & 3
			if symbol > symbolLarge {
				return statuses{}, false
			}
			size += symbol
			chunk = chunk&0xc000 | chunk<<width&0x3fff
		}
		n += min(symbols, s.left-n)
	}
	s.chunks = fci[8 : len(fci)-len(rest)]
	if len(rest) < size {
		return statuses{}, false
	}
	s.deltas = rest
	return s, true
}

// vectorOf gives the width and the number of the symbols of a status vector.
func vectorOf(chunk uint16) (width uint, symbols int) {
	if chunk&0x4000 == 0 {
		return 1, 14
	}
	return 2, 7
}

// next gives the next status: whether the packet came, and how long after the one
// before it, or after the reference time.
func (s *statuses) next() (came bool, delta time.Duration) {
	for s.run == 0 {
		chunk := binary.BigEndian.Uint16(s.chunks)
		s.chunks = s.chunks[2:]
		if chunk&0x8000 == 0 {
			s.symbol, s.run, s.width = uint8(chunk>>13), int(chunk&0x1fff), 0
			continue
		}
		s.width, s.run = vectorOf(chunk)
		s.vector = chunk << 2
	}
	s.run--
	s.left--
	if s.width > 0 {
		s.symbol = uint8(s.vector >> (16 - s.width))
		s.vector <<= s.width
	}
	switch s.symbol {
	case symbolSmall:
		delta = time.Duration(s.deltas[0]) * deltaTick
		s.deltas = s.deltas[1:]
	case symbolLarge:
		delta = time.Duration(int16(binary.BigEndian.Uint16(s.deltas))) * deltaTick
		s.deltas = s.deltas[2:]
	}
	return s.symbol != symbolLost, delta
}
