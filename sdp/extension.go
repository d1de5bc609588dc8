package sdp

import (
	"slices"
	"strings"

	"github.com/tertulia-rtc/tertulia/protocol"
)

// The RTP header extensions that we know.
const (
	MidURI                  = "urn:ietf:params:rtp-hdrext:sdes:mid"
	RIDURI                  = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"
	RepairedRIDURI          = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id"
	AudioLevelURI           = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
	VideoOrientationURI     = "urn:3gpp:video-orientation"
	TransportCCURI          = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
	AbsSendTimeURI          = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
	PlayoutDelayURI         = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay"
	DependencyDescriptorURI = "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension"
)

// extensionsOf lists what we agree to in a section of a kind, the most needed
// first: when ids clash, that one keeps its id.
func extensionsOf(kind Kind) []string {
	if kind == Audio {
		return []string{MidURI, TransportCCURI, AudioLevelURI, AbsSendTimeURI}
	}
	return []string{MidURI, RIDURI, RepairedRIDURI, TransportCCURI, DependencyDescriptorURI, VideoOrientationURI, PlayoutDelayURI, AbsSendTimeURI}
}

// mapped is an extension of a description.
type mapped struct {
	Extension
	direction string // of the peer, "sendonly" and so on; mostly empty
}

// parseExtensions reads the a=extmap lines that we know, RFC 8285 section 5.
func (s *described) parseExtensions() error {
	known := extensionsOf(s.kind)
	for _, a := range s.attributes {
		if a.Key != "extmap" {
			continue
		}
		head, rest, _ := strings.Cut(a.Value, " ")
		text, direction, _ := strings.Cut(head, "/")
		id, ok := number(text, 4351)
		if !ok || id == 0 {
			return s.errorf(protocol.CodeBadRequest, "a=extmap:%s does not begin with an id from 1 to 255", clip(a.Value))
		}
		uri, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
		// Id 15 is reserved; 4096 and more are proposals without an id
		// (section 7), which need not be taken up.
		if id == 15 || id > 255 || direction == "inactive" || !slices.Contains(known, uri) {
			continue
		}
		taken := slices.ContainsFunc(s.extensions, func(m mapped) bool { return m.URI == uri || int(m.ID) == id })
		if !taken {
			s.extensions = append(s.extensions, mapped{Extension: Extension{URI: uri, ID: uint8(id)}, direction: direction})
		}
	}
	return nil
}

// idSpace holds the ids that the sections of a transport agree on. In a bundle
// an id means the same everywhere (RFC 8843 section 9.2); an extension whose
// id is taken for another meaning is left out, since peers such as aiortc
// offer that.
type idSpace map[uint8]string

// agree gives, for each section of d that is wanted, the extensions agreed on.
func (ids idSpace) agree(d *Description, wanted func(i int) bool) [][]Extension {
	agreed := make([][]Extension, len(d.sections))
	for rank := range len(extensionsOf(Video)) {
		for i := range d.sections {
			s := &d.sections[i]
			order := extensionsOf(s.kind)
			if !wanted(i) || rank >= len(order) {
				continue
			}
			at := slices.IndexFunc(s.extensions, func(m mapped) bool { return m.URI == order[rank] })
			if at < 0 {
				continue
			}
			e := s.extensions[at].Extension
			if uri, taken := ids[e.ID]; taken && uri != e.URI {
				continue
			}
			// The absolute send time serves bandwidth estimation where there
			// is no transport-wide feedback; with it, it is four bytes wasted.
			if e.URI == AbsSendTimeURI && slices.ContainsFunc(agreed[i], func(a Extension) bool { return a.URI == TransportCCURI }) {
				continue
			}
			ids[e.ID] = e.URI
			agreed[i] = append(agreed[i], e)
		}
	}
	return agreed
}

// mirror gives the direction of an extension as the other side has to say it.
func mirror(direction string) string {
	switch direction {
	case "sendonly":
		return "recvonly"
	case "recvonly":
		return "sendonly"
	}
	return direction
}
