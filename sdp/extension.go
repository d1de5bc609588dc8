package sdp

// The RTP header extensions that we know.
const (
	MidURI                  = "urn:ietf:params:rtp-hdrext:sdes:mid"
	RIDURI                  = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"
	RepairedRIDURI          = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id"
	AudioLevelURI           = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
	VideoOrientationURI     = "urn:3gpp:video-orientation"
	TransportCCURI          = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
	AbsSendTimeURI          = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
	DependencyDescriptorURI = "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension"
)
