package sfu

import (
	"encoding/binary"

	"github.com/tertulia-rtc/tertulia/sdp"
)

// extension is a header extension that the router knows, by its URI. Ids are
// mapped per transport; values of the end-to-end ones are forwarded untouched.
type extension uint8

// The extensions. The first group belongs to one hop and is never forwarded.
const (
	extNone extension = iota
	extMID
	extRID
	extRepairedRID
	extTransportCC
	extSendTime
	extAudioLevel // the first of those that are forwarded
	extOrientation
	extDependency
	extCaptureTime
	extColorSpace
	extContentType
	extPlayoutDelay
	extensions // how many there are
)

var extensionURIs = map[string]extension{
	sdp.MidURI:                  extMID,
	sdp.RIDURI:                  extRID,
	sdp.RepairedRIDURI:          extRepairedRID,
	sdp.TransportCCURI:          extTransportCC,
	sdp.AbsSendTimeURI:          extSendTime,
	sdp.AudioLevelURI:           extAudioLevel,
	sdp.VideoOrientationURI:     extOrientation,
	sdp.DependencyDescriptorURI: extDependency,
	sdp.PlayoutDelayURI:         extPlayoutDelay,
	// Known here, but not negotiated by sdp.
	"http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time":   extCaptureTime,
	"http://www.webrtc.org/experiments/rtp-hdrext/color-space":        extColorSpace,
	"http://www.webrtc.org/experiments/rtp-hdrext/video-content-type": extContentType,
}

// rtpHeader is what the router reads of an RTP packet (RFC 3550 section 5.1).
type rtpHeader struct {
	marker    bool
	pt        uint8
	seq       uint16
	timestamp uint32
	ssrc      uint32
	profile   uint16 // of the extension block
	block     []byte // the extension block
	payload   []byte // without padding
	padding   int
}

// parseRTP reads a packet. It is not ok when lengths do not fit.
func parseRTP(b []byte) (h rtpHeader, ok bool) {
	if len(b) < 12 || b[0]>>6 != 2 {
		return h, false
	}
	h.marker, h.pt = b[1]&0x80 != 0, b[1]&0x7f
	h.seq = binary.BigEndian.Uint16(b[2:])
	h.timestamp = binary.BigEndian.Uint32(b[4:])
	h.ssrc = binary.BigEndian.Uint32(b[8:])
	at := 12 + 4*int(b[0]&0x0f)
	if b[0]&0x10 != 0 {
		if len(b) < at+4 {
			return h, false
		}
		h.profile = binary.BigEndian.Uint16(b[at:])
		n := 4 * int(binary.BigEndian.Uint16(b[at+2:]))
		at += 4
		if len(b) < at+n {
			return h, false
		}
		h.block = b[at : at+n]
		at += n
	}
	if len(b) < at {
		return h, false
	}
	end := len(b)
	if b[0]&0x20 != 0 {
		if end == at {
			return h, false
		}
		h.padding = int(b[end-1])
		if h.padding == 0 || h.padding > end-at {
			return h, false
		}
		end -= h.padding
	}
	h.payload = b[at:end]
	return h, true
}

// nextExtension takes one element off an extension block (RFC 8285). A malformed
// rest reads as the end.
func nextExtension(profile uint16, block []byte) (id uint8, value, rest []byte) {
	two := profile&0xfff0 == 0x1000
	if !two && profile != 0xbede {
		return 0, nil, nil
	}
	for len(block) > 0 {
		if block[0] == 0 { // padding
			block = block[1:]
			continue
		}
		at, n := 1, int(block[0]&0x0f)+1
		id = block[0] >> 4
		if two {
			if len(block) < 2 {
				return 0, nil, nil
			}
			id, at, n = block[0], 2, int(block[1])
		} else if id == 15 {
			return 0, nil, nil
		}
		if len(block) < at+n {
			return 0, nil, nil
		}
		return id, block[at : at+n], block[at+n:]
	}
	return 0, nil, nil
}

// received are the extensions of one packet by kind.
type received [extensions][]byte

// maxExtensionID bounds the ids that are looked at.
const maxExtensionID = 32

// readExtensions sorts the extensions of a packet by the ids of its transport.
func readExtensions(h *rtpHeader, kinds *[maxExtensionID]extension, into *received) {
	*into = received{}
	rest := h.block
	for range maxExtensionID {
		var id uint8
		var value []byte
		if id, value, rest = nextExtension(h.profile, rest); id == 0 {
			return
		}
		if id < maxExtensionID {
			into[kinds[id]] = value
		}
	}
}

// appendForwarded appends the extensions that are forwarded, in the form in
// which the ring holds them: kind, size, value, one after another.
func appendForwarded(dst []byte, ext *received) []byte {
	for kind := extAudioLevel; kind < extensions; kind++ {
		if v := ext[kind]; len(v) > 0 && len(v) < 200 && len(dst)+2+len(v) <= 255 {
			dst = append(dst, byte(kind), byte(len(v)))
			dst = append(dst, v...)
		}
	}
	return dst
}

// maxHeader bounds the headers that appendHeader makes.
const maxHeader = 12 + 4 + 5 + 2 + 32 + 255 + 16

// headerForm is how the headers of one slot look: extension ids, and the MID.
type headerForm struct {
	IDs        [extensions]uint8
	MID        string
	AllowMixed bool
}

// timing is what a header says of the moment in which its packet leaves, for the
// receiver to measure the link by.
type timing uint8

const (
	timeless    timing = iota
	numbered           // a transport-wide sequence number (extTransportCC)
	timestamped        // abs-send-time (extSendTime)
)

// appendHeader appends an RTP header with the slot's MID and the forwarded
// extensions, and with room for what stamp fills in. But for that, the same arguments always give the
// same bytes: a packet that is sent again under its old sequence number would
// otherwise use an SRTP nonce for two plaintexts. So a packet with timing is never
// sent again but by RTX.
func (f *headerForm) appendHeader(dst []byte, pt uint8, marker bool, seq uint16, timestamp, ssrc uint32, forwarded []byte, t timing) []byte {
	if marker {
		pt |= 0x80
	}
	dst = append(dst, 0x80, pt, byte(seq>>8), byte(seq),
		byte(timestamp>>24), byte(timestamp>>16), byte(timestamp>>8), byte(timestamp),
		byte(ssrc>>24), byte(ssrc>>16), byte(ssrc>>8), byte(ssrc))
	at := len(dst)
	two := f.IDs[extMID] > 14 || len(f.MID) > 16 || t != timeless && f.IDs[timingExtensions[t]] > 14
	for rest := forwarded; len(rest) > 2; rest = rest[2+int(rest[1]):] {
		if id := f.IDs[rest[0]]; id > 14 || id != 0 && rest[1] > 16 {
			two = true
		}
	}
	two = two && f.AllowMixed
	dst = append(dst, 0xbe, 0xde, 0, 0)
	if two {
		dst[at], dst[at+1] = 0x10, 0x00
	}
	dst = f.appendTiming(dst, t, two)
	if id := f.IDs[extMID]; id != 0 {
		if two {
			dst = append(dst, id, byte(len(f.MID)))
			dst = append(dst, f.MID...)
		} else if id <= 14 && len(f.MID) <= 16 {
			dst = append(dst, id<<4|byte(len(f.MID)-1))
			dst = append(dst, f.MID...)
		}
	}
	for rest := forwarded; len(rest) > 2; rest = rest[2+int(rest[1]):] {
		id, n := f.IDs[rest[0]], rest[1]
		switch {
		case id == 0:
			continue
		case two:
			dst = append(dst, id, n)
		case id <= 14 && n <= 16:
			dst = append(dst, id<<4|(n-1))
		default:
			continue // cannot be said to this receiver
		}
		dst = append(dst, rest[2:2+int(n)]...)
	}
	n := len(dst) - at - 4
	if n == 0 {
		return dst[:at]
	}
	for ; n%4 != 0; n++ {
		dst = append(dst, 0)
	}
	dst[at+2], dst[at+3] = byte(n/4>>8), byte(n/4)
	dst[at-12] |= 0x10
	return dst
}

// appendTiming appends the element that stamp fills in. It is the first one, so
// that its place is known.
func (f *headerForm) appendTiming(dst []byte, t timing, two bool) []byte {
	n := timingSizes[t]
	switch id := f.IDs[timingExtensions[t]]; {
	case n == 0:
		return dst
	case two:
		dst = append(dst, id, n)
	default:
		dst = append(dst, id<<4|(n-1))
	}
	return append(dst, zeros[:n]...)
}

var (
	timingExtensions = [...]extension{timeless: extNone, numbered: extTransportCC, timestamped: extSendTime}
	timingSizes      = [...]uint8{timeless: 0, numbered: 2, timestamped: 3}
	zeros            [3]byte
)

// canTell says whether a timing can be told to the receiver: its extension was
// agreed on, under an id that all of the slot's packets may use.
func (f *headerForm) canTell(t timing) bool {
	id := f.IDs[timingExtensions[t]]
	return id != 0 && (id <= 14 || f.AllowMixed)
}

// stamp fills in what appendHeader left open: a transport-wide sequence number, or
// the 24 bits of abs-send-time.
func stamp(header []byte, t timing, value uint32) {
	at := 17 // behind fixed header, extension header and a one-byte element header
	if header[12] == 0x10 {
		at++
	}
	switch t {
	case numbered:
		header[at], header[at+1] = byte(value>>8), byte(value)
	case timestamped:
		header[at], header[at+1], header[at+2] = byte(value>>16), byte(value>>8), byte(value)
	}
}

// sendTime is an instant as abs-send-time has it: seconds modulo 64 in 6.18 fixed point.
func sendTime(now instant) uint32 {
	return uint32(uint64(now%(64*second)) << 18 / uint64(second))
}
