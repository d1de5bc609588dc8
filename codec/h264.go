package codec

import "strconv"

// H264Profile is a profile of H.264 as WebRTC tells them apart.
type H264Profile uint8

// The profiles that a profile-level-id can name, RFC 6184 table 5.
const (
	H264ConstrainedBaseline H264Profile = iota + 1
	H264Baseline
	H264Main
	H264Extended
	H264ConstrainedHigh
	H264High
	H264High444
)

// decodes tells whether a decoder of profile p reads streams of profile s.
func (p H264Profile) decodes(s H264Profile) bool {
	switch s {
	case p:
		return true
	case H264ConstrainedBaseline: // a subset of all profiles here but High 4:4:4 Predictive
		return p != H264High444
	case H264Main, H264ConstrainedHigh:
		return p == H264High || p == H264ConstrainedHigh && s == H264Main
	}
	return false
}

// H264Level1b is the level "1b", which lies between 10 and 11. Other levels
// are their level_idc: ten times the number, 31 for level 3.1.
const H264Level1b = 9

// H264Format is what the fmtp line of H264 says that has to be agreed on.
type H264Format struct {
	Profile H264Profile
	Level   uint8 // ten times the level; H264Level1b
	// PacketizationMode is 0 (single NAL units) or 1 (also STAP-A and FU-A).
	PacketizationMode uint8
	// LevelAsymmetry says that each direction may have a level of its own,
	// RFC 6184 section 8.1, level-asymmetry-allowed.
	LevelAsymmetry bool
}

// ParseH264Format reads the fmtp parameters of H264. Without a
// profile-level-id the format is Baseline level 1 (RFC 6184 section 8.1),
// without a packetization-mode it is 0. Not ok are ids that are not six hex
// digits, unknown profiles, and interleaved mode (2).
func ParseH264Format(fmtp string) (H264Format, bool) {
	f := H264Format{Profile: H264Baseline, Level: 10}
	if id, ok := Parameter(fmtp, "profile-level-id"); ok {
		bits, err := strconv.ParseUint(id, 16, 32)
		if err != nil || len(id) != 6 {
			return H264Format{}, false
		}
		if f.Profile, ok = h264Profile(uint8(bits>>16), uint8(bits>>8)); !ok {
			return H264Format{}, false
		}
		f.Level = h264Level(f.Profile, uint8(bits>>8), uint8(bits))
	}
	switch mode, _ := Parameter(fmtp, "packetization-mode"); mode {
	case "", "0":
	case "1":
		f.PacketizationMode = 1
	default:
		return H264Format{}, false
	}
	asymmetry, _ := Parameter(fmtp, "level-asymmetry-allowed")
	f.LevelAsymmetry = asymmetry == "1"
	return f, true
}

// h264Profile reads profile_idc and the constraint flags (profile-iop) by
// RFC 6184 table 5: the same profile may be written in several ways.
func h264Profile(idc, iop uint8) (H264Profile, bool) {
	for _, row := range [...]struct {
		idc, mask, bits uint8
		profile         H264Profile
	}{
		{0x42, 0b0100_1111, 0b0100_0000, H264ConstrainedBaseline}, // x1xx0000
		{0x4d, 0b1000_1111, 0b1000_0000, H264ConstrainedBaseline}, // 1xxx0000
		{0x58, 0b1100_1111, 0b1100_0000, H264ConstrainedBaseline}, // 11xx0000
		{0x42, 0b0100_1111, 0b0000_0000, H264Baseline},            // x0xx0000
		{0x58, 0b1100_1111, 0b1000_0000, H264Baseline},            // 10xx0000
		{0x4d, 0b1010_1111, 0b0000_0000, H264Main},                // 0x0x0000
		{0x58, 0b1100_1111, 0b0000_0000, H264Extended},            // 00xx0000
		{0x64, 0b1111_1111, 0b0000_0000, H264High},
		{0x64, 0b1111_1111, 0b0000_1100, H264ConstrainedHigh},
		{0xf4, 0b1111_1111, 0b0000_0000, H264High444},
	} {
		if idc == row.idc && iop&row.mask == row.bits {
			return row.profile, true
		}
	}
	return 0, false
}

// h264Level reads level_idc. Level 1b is 11 with constraint_set3_flag in the
// older profiles, and 9 in the High ones (RFC 6184 section 8.1).
func h264Level(profile H264Profile, iop, idc uint8) uint8 {
	const constraintSet3 = 0x10
	if idc == 11 && iop&constraintSet3 != 0 && profile <= H264Extended {
		return H264Level1b
	}
	return idc
}

// NAL unit types of H.264 and of its RTP payload, RFC 6184 table 1.
const (
	nalIDR   = 5
	nalSPS   = 7
	nalSTAPA = 24
	nalFUA   = 28
)

// H264Keyframe tells whether a payload holds the start of a keyframe: a
// sequence parameter set or (the first fragment of) an IDR slice, alone, in a
// STAP-A or in an FU-A. An encoder that sends SPS, PPS and slices in packets of
// their own gives several such packets for one keyframe; the first counts.
func H264Keyframe(payload []byte) bool {
	if len(payload) < 2 {
		return false
	}
	switch nal := payload[0] & 0x1f; nal {
	case nalSPS, nalIDR:
		return true
	case nalSTAPA:
		// RFC 6184 section 5.7.1: 16-bit size, NAL unit, and so on.
		for rest := payload[1:]; len(rest) > 2; {
			size := int(rest[0])<<8 | int(rest[1])
			if nal := rest[2] & 0x1f; size > 0 && (nal == nalSPS || nal == nalIDR) {
				return true
			}
			if rest = rest[2:]; size >= len(rest) {
				return false
			}
			rest = rest[size:]
		}
		return false
	case nalFUA:
		// Section 5.8: the FU header has a start bit and the type.
		start, nal := payload[1]&0x80 != 0, payload[1]&0x1f
		return start && (nal == nalSPS || nal == nalIDR)
	}
	return false
}
