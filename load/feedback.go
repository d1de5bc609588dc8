package load

import "encoding/binary"

// feedback collects the arrivals of one transport for transport-wide congestion
// control (draft-holmer-rmcat-transport-wide-cc-extensions-01).
type feedback struct {
	started bool
	next    uint64 // the first number that was not told
	highest uint64
	count   uint8 // of feedback packets
	arrived [feedbackWindow]instant
	status  []uint8
	deltas  []int16
}

const (
	feedbackWindow = 4096 // numbers between two feedbacks, a power of 2
	maxStatuses    = 800  // in one feedback packet
	// Ticks of deltas, and of the reference time.
	deltaTick     = second / 4000
	referenceTick = 64 * millisecond
)

// take notes a packet with its transport-wide number. It says whether it is the
// first since the last feedback.
func (f *feedback) take(number uint16, now instant) (first bool) {
	if !f.started {
		f.started = true
		f.highest = 1<<16 + uint64(number)
		f.next = f.highest
	}
	extended := f.highest + uint64(int64(int16(number-uint16(f.highest))))
	if extended < f.next {
		return false // told as lost; a browser corrects that, an estimate does not need it
	}
	if extended >= f.next+feedbackWindow { // too much is missing to be told one by one
		clear(f.arrived[:])
		f.next = extended
	}
	first = !f.any()
	f.highest = max(f.highest, extended)
	if slot := &f.arrived[extended%feedbackWindow]; *slot == 0 {
		*slot = now
	}
	return first
}

// any says whether there is something to tell.
func (f *feedback) any() bool {
	return f.started && (f.highest > f.next || f.highest == f.next && f.arrived[f.next%feedbackWindow] != 0)
}

// append appends a feedback packet about what came, as much of it as fits.
func (f *feedback) append(b []byte, sender, media uint32) []byte {
	if !f.any() {
		return b
	}
	if f.status == nil {
		f.status, f.deltas = make([]uint8, 0, maxStatuses), make([]int16, 0, maxStatuses)
	}
	status, deltas := f.status[:0], f.deltas[:0]
	from := len(b)
	b = appendRTCPHeader(b, formatTransportCC, rtcpTransport)
	b = appendUint32(b, sender)
	b = appendUint32(b, media)
	base := f.next
	var reference, last instant
	for f.next <= f.highest && len(status) < maxStatuses {
		slot := &f.arrived[f.next%feedbackWindow]
		if *slot == 0 {
			status = append(status, statusLost)
			f.next++
			continue
		}
		if len(deltas) == 0 {
			reference = *slot / referenceTick
			last = reference * referenceTick / deltaTick
		}
		delta := *slot/deltaTick - last
		if delta != instant(int16(delta)) {
			break // the next packet has a reference of its own
		}
		if delta >= 0 && delta <= 255 {
			status = append(status, statusSmall)
		} else {
			status = append(status, statusLarge)
		}
		deltas = append(deltas, int16(delta))
		last += delta
		*slot = 0
		f.next++
	}
	b = binary.BigEndian.AppendUint16(b, uint16(base))
	b = binary.BigEndian.AppendUint16(b, uint16(len(status)))
	b = append(b, byte(reference>>16), byte(reference>>8), byte(reference), f.count)
	f.count++
	b = appendStatuses(b, status)
	i := 0
	for _, s := range status {
		switch s {
		case statusSmall:
			b = append(b, byte(deltas[i]))
			i++
		case statusLarge:
			b = binary.BigEndian.AppendUint16(b, uint16(deltas[i]))
			i++
		}
	}
	if pad := -(len(b) - from) & 3; pad > 0 {
		b = append(b, make([]byte, 3)[:pad]...)
		b[len(b)-1] = byte(pad)
		b[from] |= 0x20
	}
	setRTCPLength(b, from)
	return b
}

// Symbols of packet statuses.
const (
	statusLost  = 0
	statusSmall = 1 // a delta of one byte
	statusLarge = 2 // a delta of two bytes
)

// appendStatuses packs statuses (section 3.1.2): runs as run-length chunks, the
// rest as vectors, of one bit each where no delta is large, else of two.
func appendStatuses(b []byte, s []uint8) []byte {
	for len(s) > 0 {
		run, large := 1, s[0] == statusLarge
		for run < len(s) && s[run] == s[0] {
			run++
		}
		n := min(14, len(s))
		for _, x := range s[:n] {
			large = large || x == statusLarge
		}
		var chunk uint16
		switch {
		case run >= 14 || run == len(s) || large && run >= 7:
			n = min(run, 1<<13-1)
			chunk = uint16(s[0])<<13 | uint16(n)
		case large:
			n = min(7, len(s))
			chunk = 0xc000
			for i, x := range s[:n] {
				chunk |= uint16(x) << (12 - 2*i)
			}
		default:
			chunk = 0x8000
			for i, x := range s[:n] {
				chunk |= uint16(x) << (13 - i)
			}
		}
		b = binary.BigEndian.AppendUint16(b, chunk)
		s = s[n:]
	}
	return b
}
