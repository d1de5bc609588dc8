package load

import (
	"math"
	"math/rand/v2"

	"github.com/tertulia-rtc/tertulia/codec"
)

// How a camera's encoder behaves. The sizes of frames of one kind are nearly
// log-normal; a keyframe takes several times the bytes of the others, and the rate
// control takes them back from the frames after it.
const (
	frameSpread    = 0.3 // sigma of the logarithm of a frame's size
	keyframeFactor = 5.0 // size of a keyframe, in others
	payback        = 0.2 // share of each frame that goes to earlier excess
	// keyframePause is how soon after a keyframe a request for another is
	// passed over, as browsers do.
	keyframePause = 300 * millisecond
	// maxPayload is the most bytes of an RTP payload.
	maxPayload = 1100
	// minFrame is the least bytes of a frame: what its stamps and heads need.
	minFrame = 64
)

// video is the encoder of one simulcast layer, or of the only one: it says how
// big the next frame is.
type video struct {
	rng  *rand.Rand
	mean float64 // bytes of a frame
	debt float64 // bytes above the bitrate so far
}

func newVideo(rng *rand.Rand, bitrate, fps int) video {
	return video{rng: rng, mean: float64(bitrate) / 8 / float64(fps)}
}

// frame is the size of the next frame, in bytes.
func (v *video) frame(key bool) int {
	want := v.mean
	if key {
		want *= keyframeFactor
	} else if v.debt > 0 {
		want -= min(v.debt, payback*v.mean)
	}
	v.debt += want - v.mean
	size := want * math.Exp(frameSpread*v.rng.NormFloat64()-frameSpread*frameSpread/2)
	return max(minFrame, min(int(size), 20*int(want)))
}

// packets is into how many packets a frame is split, and part the size of the
// i-th of them: as libwebrtc does it, they differ by a byte at most, the smaller
// ones first.
func packets(frame int) int { return (frame + maxPayload - 1) / maxPayload }

func part(frame, n, i int) int {
	size := frame / n
	if i >= n-frame%n {
		size++
	}
	return size
}

// vp8Frame is what the head of a VP8 frame's packets says.
type vp8Frame struct {
	key           bool
	picture       uint16 // 15 bits
	tl0           uint8
	width, height int
}

// maxHead is the longest that appendHead appends: descriptor and keyframe head.
const maxHead = codec.MaxVP8Descriptor + 10

// appendHead appends the payload descriptor (RFC 7741 section 4.2) and, in the
// first packet, the head of the frame (RFC 6386 section 9.1).
func (f *vp8Frame) appendHead(b []byte, first bool) []byte {
	const extended, start, pictureID, tl0PicIdx, tid = 0x80, 0x10, 0x80, 0x40, 0x20
	descriptor := byte(extended)
	if first {
		descriptor |= start
	}
	b = append(b, descriptor, pictureID|tl0PicIdx|tid, 0x80|byte(f.picture>>8), byte(f.picture), f.tl0, 0)
	if !first {
		return b
	}
	const shown = 0x10
	if !f.key {
		const interframe = 0x01
		return append(b, shown|interframe, 0, 0)
	}
	return append(b, shown, 0, 0, 0x9d, 0x01, 0x2a, byte(f.width), byte(f.width>>8), byte(f.height), byte(f.height>>8))
}

// afterHead is where a payload goes on behind what appendHead appended, whether
// or not a server has rewritten the descriptor. It is not ok for what is no VP8.
func afterHead(payload []byte) (at int, start, key, ok bool) {
	d, ok := codec.ParseVP8(payload)
	if !ok {
		return 0, false, false, false
	}
	start = d.Start && d.Partition == 0
	switch at = d.Size; {
	case start && d.Keyframe:
		at += 10
	case start:
		at += 3
	}
	return at, start, d.Keyframe, at <= len(payload)
}
