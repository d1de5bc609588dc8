package bwe

import "time"

// Bounds of the history of sent packets.
const (
	firstHistory = 64
	maxHistory   = 8192 // a second of 60 Mb/s
	// growCheck says at which packets the ring may grow.
	growCheck = 7
	// keep is for how long packets are remembered, unless there are more than
	// maxHistory. Feedback later than this says nothing about the link as it is.
	keep = 2 * time.Second
)

// fate is what is known of a sent packet.
type fate uint8

const (
	unknown fate = iota
	lost         // so far
	assumed      // feedback leapt over it; counted as arrived
	arrived
)

// sentPacket is what is remembered of a packet. It is small since there are
// hundreds for each subscriber.
type sentPacket struct {
	At   uint32 // in microseconds, modulo 2^32 (71 minutes)
	Size uint16 // IP and UDP headers included
	Fate fate
}

// kinds counts bytes by Kind.
type kinds [4]int64

func (k *kinds) total() int64 { return k[Media] + k[Repair] + k[Probe] }

// history holds the latest packets by sequence number, in a ring that grows until
// it holds what was sent in two seconds.
type history struct {
	Next  uint64 // the sequence number of the next packet, extended
	Told  uint64 // feedback has told of packets before this one, not of later ones
	Bytes kinds  // ever sent
	Ring  []sentPacket
}

func microseconds(t time.Duration) uint32 { return uint32(t / time.Microsecond) }

func (h *history) add(now time.Duration, size int, kind Kind) uint64 {
	at := microseconds(now)
	seq := h.Next
	n := uint64(len(h.Ring))
	// The oldest packet is not looked at each time: its memory is cold.
	if seq&growCheck == 0 && seq >= n && n < maxHistory && (n == 0 || at-h.Ring[seq&(n-1)].At < uint32(keep/time.Microsecond)) {
		h.grow()
		n = uint64(len(h.Ring))
	}
	h.Ring[seq&(n-1)] = sentPacket{At: at, Size: uint16(min(size, 0xffff))}
	h.Next++
	h.Bytes[kind&3] += int64(size)
	return seq
}

func (h *history) grow() {
	old := h.Ring
	h.Ring = make([]sentPacket, max(firstHistory, 2*len(old)))
	mask := uint64(len(h.Ring) - 1)
	for i := range uint64(len(old)) {
		seq := h.Next - 1 - i
		h.Ring[seq&mask] = old[seq&uint64(len(old)-1)]
	}
}

// extend gives the latest packet that can be meant by a sequence number of 16
// bits, whether it is still remembered or not.
func (h *history) extend(seq uint16) uint64 {
	last := h.Next - 1
	return last - uint64(uint16(last)-seq)
}

// find gives a packet, nil if it was never sent or is forgotten.
func (h *history) find(seq uint64) *sentPacket {
	if seq >= h.Next || h.Next-seq > uint64(len(h.Ring)) {
		return nil
	}
	return &h.Ring[seq&uint64(len(h.Ring)-1)]
}

// idle says whether nothing has left for a while.
func (h *history) idle(now, while time.Duration) bool {
	return h.Next == 0 || h.find(h.Next-1).since(now) > while
}

// since gives how long ago a packet was sent.
func (p *sentPacket) since(now time.Duration) time.Duration {
	return time.Duration(microseconds(now)-p.At) * time.Microsecond
}
