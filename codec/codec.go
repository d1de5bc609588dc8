// Package codec knows the media formats that are forwarded: their names and
// parameters in SDP, which of them fit each other, and as much of their RTP
// payloads as a forwarder has to read or rewrite. It never decodes.
//
// The functions over payloads are pure, allocate nothing, and answer
// "not ok" to bytes that are cut short or make no sense; they never panic.
package codec

import (
	"strconv"
	"strings"
)

// Canonical names of the formats that can be forwarded. SDP compares encoding
// names without regard to case (RFC 8866 section 6.6); everything here that
// takes a name does so too.
const (
	VP8  = "VP8"
	VP9  = "VP9"
	H264 = "H264"
	AV1  = "AV1"
	Opus = "opus"
	RED  = "red" // redundant audio, RFC 2198, around Opus
	G722 = "G722"
	PCMU = "PCMU"
	PCMA = "PCMA"
)

// Preferred is the order in which formats are preferred where a room says
// nothing else.
var Preferred = []string{VP8, VP9, H264, AV1, Opus, RED, G722, PCMU, PCMA}

// Codec is one format with its parameters, as an rtpmap and an fmtp line of
// SDP describe it.
type Codec struct {
	Name      string `json:"name"`               // canonical where known
	ClockRate uint32 `json:"clockRate"`          // Hz
	Channels  uint8  `json:"channels,omitempty"` // audio: at least 1; video: 0
	Fmtp      string `json:"fmtp,omitempty"`     // format parameters, as written
}

// Canonical gives the spelling that this package uses for a name. It is false
// for formats that cannot be forwarded.
func Canonical(name string) (string, bool) {
	for _, known := range Preferred {
		if strings.EqualFold(name, known) {
			return known, true
		}
	}
	return name, false
}

// IsAudio tells whether a format is one of the known audio formats.
func IsAudio(name string) bool {
	switch name, _ = Canonical(name); name {
	case Opus, RED, G722, PCMU, PCMA:
		return true
	}
	return false
}

// IsVideo tells whether a format is one of the known video formats.
func IsVideo(name string) bool {
	switch name, _ = Canonical(name); name {
	case VP8, VP9, H264, AV1:
		return true
	}
	return false
}

// Known tells whether c can be forwarded: a known name with the clock rate and
// channels that its payload specification demands and, where the format has
// profiles, one that browsers decode.
func Known(c Codec) bool {
	name, ok := Canonical(c.Name)
	if !ok {
		return false
	}
	switch name {
	case Opus: // RFC 7587 section 7: always 48000/2, whatever is coded
		return c.ClockRate == 48000 && c.Channels == 2
	case RED:
		return c.ClockRate == 48000 && c.Channels == 2
	case G722, PCMU, PCMA: // RFC 3551: G722 too says 8000
		return c.ClockRate == 8000 && c.Channels <= 1
	case VP8:
		return c.ClockRate == 90000
	case VP9:
		p, ok := profileNumber(c.Fmtp, "profile-id")
		return c.ClockRate == 90000 && ok && (p == 0 || p == 2)
	case AV1:
		p, ok := profileNumber(c.Fmtp, "profile")
		return c.ClockRate == 90000 && ok && p <= 2
	case H264:
		_, ok := ParseH264Format(c.Fmtp)
		return c.ClockRate == 90000 && ok
	}
	return false
}

// Match tells whether two descriptions are the same format, so that packets of
// one may be sent as the other by changing the payload type alone: same name,
// clock rate and channels, and the same profile where there are profiles
// (VP9 profile-id, AV1 profile, H264 profile and packetization-mode; its level
// may differ). Parameters that tune an encoder do not count.
func Match(a, b Codec) bool {
	if !strings.EqualFold(a.Name, b.Name) || a.ClockRate != b.ClockRate || max(a.Channels, 1) != max(b.Channels, 1) {
		return false
	}
	switch name, _ := Canonical(a.Name); name {
	case VP9:
		return sameProfile(a.Fmtp, b.Fmtp, "profile-id")
	case AV1:
		return sameProfile(a.Fmtp, b.Fmtp, "profile")
	case H264:
		fa, okA := ParseH264Format(a.Fmtp)
		fb, okB := ParseH264Format(b.Fmtp)
		return okA && okB && fa.Profile == fb.Profile && fa.PacketizationMode == fb.PacketizationMode
	}
	return true
}

// Decodes tells whether a receiver that described itself as receiver can be
// sent a stream of the format stream. It is true where they Match, and also
// where H264's profiles and packetization modes are subsets of one another.
// Levels do not count: browsers state a nominal level and decode far above it,
// and a stream that is not transcoded cannot be lowered.
func Decodes(receiver, stream Codec) bool {
	if Match(receiver, stream) {
		return true
	}
	if !strings.EqualFold(receiver.Name, H264) || !strings.EqualFold(stream.Name, H264) || receiver.ClockRate != stream.ClockRate {
		return false
	}
	r, okR := ParseH264Format(receiver.Fmtp)
	s, okS := ParseH264Format(stream.Fmtp)
	return okR && okS && s.PacketizationMode <= r.PacketizationMode && r.Profile.decodes(s.Profile)
}

// Parameter gives the value of one format parameter of an fmtp string such as
// "profile-level-id=42e01f;packetization-mode=1". Names are compared without
// regard to case.
func Parameter(fmtp, name string) (string, bool) {
	for part := range strings.SplitSeq(fmtp, ";") {
		key, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		if strings.EqualFold(strings.TrimSpace(key), name) {
			return strings.TrimSpace(value), true
		}
	}
	return "", false
}

// profileNumber reads a profile that is 0 when absent: VP9's profile-id
// (RFC 9628 section 7), AV1's profile (AV1 RTP specification section 7.2.1).
func profileNumber(fmtp, name string) (uint8, bool) {
	text, ok := Parameter(fmtp, name)
	if !ok {
		return 0, true
	}
	n, err := strconv.ParseUint(text, 10, 8)
	return uint8(n), err == nil
}

func sameProfile(a, b, name string) bool {
	pa, okA := profileNumber(a, name)
	pb, okB := profileNumber(b, name)
	return okA && okB && pa == pb
}
