// Package rtpbuf holds the packets of one received RTP stream as shared
// plaintext: the one copy from which all subscribers are served, and the only
// store for retransmissions.
//
// A Ring is sized by what flows: it starts small and grows, up to its limit,
// until it holds about a second. Nothing in it is freed packet by packet; new
// packets overwrite the oldest ones.
package rtpbuf

import (
	"unsafe"

	"github.com/tertulia-rtc/tertulia/codec"
)

// Limits bounds a Ring.
type Limits struct {
	// Bytes and MaxBytes are the first and the greatest size of the arena that
	// holds extensions and payloads. MaxBytes must hold the greatest packet.
	Bytes, MaxBytes int
	// Packets and MaxPackets are the first and the greatest number of packets,
	// rounded up to powers of two.
	Packets, MaxPackets int
}

// Audio and Video are limits that fit the streams of a call: about a second of
// Opus with redundancy, and of video up to MaxBytes × 8 bits a second.
var (
	Audio = Limits{Bytes: 4 << 10, MaxBytes: 64 << 10, Packets: 64, MaxPackets: 256}
	Video = Limits{Bytes: 64 << 10, MaxBytes: 2 << 20, Packets: 128, MaxPackets: 4096}
)

// Times, in nanoseconds.
const (
	// window is what a Ring tries to hold at the mean rate of its stream; the table of
	// packets, which takes little, holds as much at any rate.
	window = 900e6
	// burst is what it holds at least, however fast packets come.
	burst = 500e6
	// averaged is over how much the mean rate is taken, and twice that at most.
	averaged = 4e9
)

// Flags say what a packet is.
type Flags uint8

// The flags of packets.
const (
	Marker    Flags = 1 << iota // the marker bit of RTP
	Keyframe                    // first packet of a frame that decodes by itself
	Padding                     // no payload: the publisher sent padding only
	Recovered                   // came as a retransmission
)

// Entry describes a packet in a Ring.
type Entry struct {
	Seq       uint64 // extended sequence number
	At        int64  // when it came, in nanoseconds of its owner's clock
	Timestamp uint32 // RTP timestamp
	Format    uint8  // index of its payload format, of its owner
	Flags     Flags
	// What rewriting needs of the payload, parsed once: for VP8 the size of the
	// payload descriptor, its picture id and TL0PICIDX. Of its owner.
	Descriptor uint8
	TL0        uint8
	PictureID  uint16
	// Info is the place of a video packet in the layers of its stream. Of its owner.
	Info codec.PacketInfo
	// Pad is how many bytes of padding the packet leaves with. Of its owner.
	Pad uint8

	extensions uint8
	size       uint16
	offset     uint32
	end        uint64 // total of bytes written when it was
}

// Ring holds the latest packets of one RTP stream by extended sequence number.
// The zero Ring is not usable; see New.
type Ring struct {
	limits Limits
	arena  []byte
	table  []Entry // by Seq modulo its length, a power of two

	written uint64 // bytes ever written, skipped ends of the arena included
	floor   uint64 // what was written before is lost, since the arena grew over it
	next    int    // where the next packet goes in the arena
	round   int64  // when the present round of the arena began

	// What the mean rate is taken from: the older one, until the newer one is old enough.
	older, newer mark
}

// mark is how much had been written at a moment.
type mark struct {
	at      int64
	written uint64
}

// New makes an empty Ring. Its memory is taken with the first packet.
func New(l Limits) *Ring {
	return &Ring{limits: l}
}

// Bytes is the memory that the Ring holds, for statistics.
func (r *Ring) Bytes() int { return len(r.arena) + len(r.table)*entrySize }

const entrySize = int(unsafe.Sizeof(Entry{}))

// MaxSize bounds extensions and payload of one packet.
const MaxSize = 2048

// Put copies a packet in and returns its entry, which is valid until the next
// Put. It returns nil when the packet is too large, or when a newer packet has
// the place of its sequence number (it is too old to be kept).
func (r *Ring) Put(e Entry, extensions, payload []byte) *Entry {
	n := len(extensions) + len(payload)
	if len(extensions) > 255 || n > MaxSize {
		return nil
	}
	if r.arena == nil {
		r.arena = make([]byte, r.limits.Bytes)
		r.table = make([]Entry, powerOfTwo(r.limits.Packets))
		r.round = e.At
		r.older = mark{at: e.At}
		r.newer = r.older
	}
	slot := &r.table[e.Seq&uint64(len(r.table)-1)]
	if slot.end != 0 {
		if slot.Seq > e.Seq {
			return nil
		}
		if slot.Seq < e.Seq && len(r.table) < r.limits.MaxPackets && r.holds(slot) && e.At-slot.At < window {
			r.growTable()
			slot = &r.table[e.Seq&uint64(len(r.table)-1)]
		}
	}
	if r.next+n > len(r.arena) {
		r.wrap(e.At, n)
	}
	e.extensions, e.size, e.offset = uint8(len(extensions)), uint16(n), uint32(r.next)
	copy(r.arena[r.next:], extensions)
	copy(r.arena[r.next+len(extensions):], payload)
	r.next += n
	r.written += uint64(n)
	// An empty packet at the very start would look like a free place.
	e.end = r.written + 1
	*slot = e
	return slot
}

// Get gives the entry of a sequence number, or nil when it is not held. The
// entry is valid until the next Put.
func (r *Ring) Get(seq uint64) *Entry {
	if len(r.table) == 0 {
		return nil
	}
	e := &r.table[seq&uint64(len(r.table)-1)]
	if e.Seq != seq || e.end == 0 || !r.holds(e) {
		return nil
	}
	return e
}

// Extensions gives the extensions of an entry, as they were put in.
func (r *Ring) Extensions(e *Entry) []byte {
	return r.arena[e.offset : e.offset+uint32(e.extensions)]
}

// Payload gives the payload of an entry.
func (r *Ring) Payload(e *Entry) []byte {
	return r.arena[e.offset+uint32(e.extensions) : e.offset+uint32(e.size)]
}

// Reset forgets all packets and keeps the memory.
func (r *Ring) Reset() {
	clear(r.table)
	r.next, r.floor = 0, r.written
}

// holds says whether the bytes of an entry are still there: the arena holds the
// last len(arena) bytes of all that was written above the floor.
func (r *Ring) holds(e *Entry) bool {
	start := e.end - 1 - uint64(e.size)
	return start >= r.floor && start+uint64(len(r.arena)) >= r.written
}

// wrap begins a new round of the arena, or makes the arena larger when it is too small.
func (r *Ring) wrap(now int64, need int) {
	if now-r.newer.at >= averaged {
		r.older, r.newer = r.newer, mark{now, r.written}
	}
	if missing := r.missing(now); missing > 0 && len(r.arena) < r.limits.MaxBytes {
		// At least an eighth, so that it does not grow at every round, and at most a half,
		// since the round may have been a keyframe.
		more := min(max(missing, len(r.arena)/8, need), len(r.arena)/2)
		size := min(len(r.arena)+more, r.limits.MaxBytes)
		if r.next+need <= size {
			// What is there keeps its place; the round goes on in the new part.
			// The round before it, which has been overwritten, was of another
			// length: its bytes can be told no more from those of this one.
			r.floor = r.written - uint64(r.next)
			arena := make([]byte, size)
			copy(arena, r.arena)
			r.arena = arena
			return
		}
	}
	r.written += uint64(len(r.arena) - r.next)
	r.next = 0
	r.round = now
}

// missing is how many bytes more the arena should have, now that a round of it ends; at
// most as many as it has.
func (r *Ring) missing(now int64) int {
	size := int64(len(r.arena))
	missing := int64(0)
	if took := max(now-r.round, 1); took < burst {
		missing = size * (burst - took) / took
	}
	if over := now - r.older.at; over >= window {
		held := float64(r.written-r.older.written) * window / float64(over)
		missing = max(missing, int64(held)-size)
	}
	return int(min(missing, size))
}

func (r *Ring) growTable() {
	old := r.table
	r.table = make([]Entry, 2*len(old))
	for _, e := range old {
		if e.end != 0 {
			r.table[e.Seq&uint64(len(r.table)-1)] = e
		}
	}
}

func powerOfTwo(n int) int {
	p := 1
	for p < n {
		p *= 2
	}
	return p
}
