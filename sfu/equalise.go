package sfu

import "github.com/tertulia-rtc/tertulia/sfu/rtpbuf"

// Packets of one size to one receiver leave as one message (UDP_SEGMENT), and
// encoders cut a frame into sizes that differ by a byte or so. The rest is padding
// (RFC 3550 section 5.1), decided once for all subscribers.
const (
	maxEqualising   = 64 // bytes of one packet
	equalisingShare = 20 // at most one byte of padding for so many of media
)

// equalise decides the padding of a batch: the packets of a frame get the size of
// the largest, where that costs little. The last one of a frame may be shorter.
func equalise(batch []ready) {
	for len(batch) > 1 {
		frame, largest, total := 0, 0, 0
		for ; frame < len(batch) && batch[frame].entry.Timestamp == batch[0].entry.Timestamp; frame++ {
			n := batch[frame].size()
			largest, total = max(largest, n), total+n
		}
		padding := 0
		for i := range batch[:frame-1] {
			if b := &batch[i]; b.paddable(largest) {
				padding += largest - b.size()
			}
		}
		if padding > 0 && padding*equalisingShare <= total {
			for i := range batch[:frame-1] {
				if b := &batch[i]; b.paddable(largest) {
					b.entry.Pad = uint8(largest - b.size())
				}
			}
		}
		batch = batch[frame:]
	}
}

// size is what subscribers share of a packet's size.
func (b *ready) size() int { return len(b.forwarded) + len(b.payload) }

// paddable says whether a packet may be brought to a size. What came late leaves
// by itself in any case.
func (b *ready) paddable(size int) bool {
	return b.entry.Flags&(rtpbuf.Padding|rtpbuf.Recovered) == 0 && size-b.size() <= maxEqualising
}
