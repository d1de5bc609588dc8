package codec

// Keyframe tells whether a payload of the named video format begins a frame
// that can be decoded without any before it. It is false for formats that are
// not known, and for audio, where the question has no meaning.
func Keyframe(name string, payload []byte) bool {
	switch name, _ = Canonical(name); name {
	case VP8:
		d, ok := ParseVP8(payload)
		return ok && d.Keyframe
	case VP9:
		d, ok := ParseVP9(payload)
		return ok && d.Keyframe()
	case H264:
		return H264Keyframe(payload)
	case AV1:
		return AV1Keyframe(payload)
	}
	return false
}
