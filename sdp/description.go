package sdp

import (
	"strconv"
	"strings"

	psdp "github.com/pion/sdp/v3"

	"github.com/tertulia-rtc/tertulia/protocol"
)

// Bounds of what a peer may say. Each is a few times what browsers need for
// the largest meeting.
const (
	MaxSize       = protocol.MaxFrame // bytes of a description
	MaxSections   = 200
	maxLines      = 20_000
	maxLine       = 4 << 10 // bytes
	maxMid        = 64      // bytes
	maxRID        = 16      // bytes, what a one-byte header extension holds
	maxRIDs       = 16      // of one section
	maxSSRCs      = 64      // of one section
	maxCandidates = 64
)

// Description is an offer or an answer of the peer, parsed and checked by
// itself, without regard to what was agreed on before.
type Description struct {
	sections     []described
	peer         Peer
	setup        string // of the bundle
	lite         bool
	extmapMixed  bool
	bundle       []string // mids of the BUNDLE group
	hasBundle    bool
	sessionLevel attributes
}

// described is one m-section of a Description.
type described struct {
	index      int // from 0
	line       int // of the m-line, from 1
	kind       Kind
	media      string // as the m-line has it
	protocol   string
	formats    []string
	mid        string
	noMid      bool      // the mid was made up: there is no a=mid
	unused     bool      // port 0 without a=bundle-only: rejected or stopped
	direction  Direction // ours
	codecs     []offered
	extensions []mapped
	recv       Receiving
	sctpPort   int
	oldSCTP    bool // "DTLS/SCTP 5000" and a=sctpmap, before RFC 8841
	maxMessage int
	attributes attributes
}

// errorf makes an error about the section.
func (s *described) errorf(code protocol.Code, format string, args ...any) *protocol.Error {
	e := protocol.Errorf(code, format, args...)
	e.Message = s.name() + ": " + e.Message
	return e
}

// usable tells whether the section is one to negotiate: in use, and of a kind
// that is not rejected in any case.
func (s *described) usable() bool { return !s.unused && s.kind != 0 }

// name is how errors call the section.
func (s *described) name() string {
	name := "m-section " + strconv.Itoa(s.index+1) + " (" + clip(s.media)
	if s.mid != "" && !s.noMid {
		name += ", mid " + strconv.Quote(clip(s.mid))
	}
	return name + ", line " + strconv.Itoa(s.line) + ")"
}

// clip shortens what the peer wrote, for an error's sentence.
func clip(s string) string {
	if len(s) > 80 {
		return strings.ToValidUTF8(s[:80], "") + "…"
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

// Parse reads an offer or an answer within bounds.
func Parse(text string) (*Description, error) {
	lines, err := scan(text)
	if err != nil {
		return nil, err
	}
	var parsed psdp.SessionDescription
	if err := parsed.UnmarshalString(text); err != nil {
		return nil, protocol.Errorf(protocol.CodeBadRequest, "the SDP cannot be read: %s", clip(err.Error()))
	}
	if len(parsed.MediaDescriptions) != len(lines) {
		return nil, protocol.Errorf(protocol.CodeBadRequest, "the SDP has %d m-lines, of which %d can be read", len(lines), len(parsed.MediaDescriptions))
	}
	if len(lines) == 0 {
		return nil, protocol.Errorf(protocol.CodeBadRequest, "the SDP has no m-line: offer at least one section")
	}
	d := &Description{sessionLevel: parsed.Attributes, sections: make([]described, len(lines))}
	d.lite = d.sessionLevel.has("ice-lite")
	mids := make(map[string]int, len(lines))
	for i, m := range parsed.MediaDescriptions {
		s := &d.sections[i]
		s.index, s.line = i, lines[i]
		if err := s.parse(m, d.sessionLevel); err != nil {
			return nil, err
		}
		if s.unused && s.noMid {
			continue // some answer refused sections without their mid
		}
		if other, taken := mids[s.mid]; taken {
			return nil, s.errorf(protocol.CodeBadRequest, "%s has the same mid", d.sections[other].name())
		}
		mids[s.mid] = i
	}
	if err := d.parseBundle(); err != nil {
		return nil, err
	}
	if err := d.parsePeer(); err != nil {
		return nil, err
	}
	return d, nil
}

// scan checks the bounds and the shape of all lines, and gives the numbers of
// the m-lines.
func scan(text string) (mLines []int, _ error) {
	if len(text) > MaxSize {
		return nil, protocol.Errorf(protocol.CodeBadRequest, "the SDP has %d bytes; at most %d are read", len(text), MaxSize)
	}
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimRight(line, "\r\n")
		switch {
		case n > maxLines:
			return nil, protocol.Errorf(protocol.CodeBadRequest, "the SDP has more than %d lines", maxLines)
		case len(line) > maxLine:
			return nil, protocol.Errorf(protocol.CodeBadRequest, "line %d of the SDP has %d bytes; at most %d are read", n, len(line), maxLine)
		case line == "":
			continue
		case len(line) < 2 || line[1] != '=' || strings.ContainsAny(line, "\x00\r"):
			return nil, protocol.Errorf(protocol.CodeBadRequest, "line %d of the SDP is not of the form x=value: %q", n, clip(line))
		case line[0] == 'm':
			if len(mLines) == MaxSections {
				return nil, protocol.Errorf(protocol.CodeBadRequest, "line %d of the SDP: more than %d m-lines", n, MaxSections)
			}
			mLines = append(mLines, n)
		}
	}
	return mLines, nil
}

// attributes are the a= lines of a section or of the session.
type attributes []psdp.Attribute

func (a attributes) get(key string) (string, bool) {
	for i := range a {
		if a[i].Key == key {
			return a[i].Value, true
		}
	}
	return "", false
}

func (a attributes) has(key string) bool { _, ok := a.get(key); return ok }

// parse reads what the section says by itself.
func (s *described) parse(m *psdp.MediaDescription, session attributes) error {
	s.media = m.MediaName.Media
	s.protocol = strings.Join(m.MediaName.Protos, "/")
	s.formats = m.MediaName.Formats
	s.attributes = m.Attributes
	s.maxMessage = protocol.MaxChannelData
	switch s.media {
	case "audio":
		s.kind = Audio
	case "video":
		s.kind = Video
	case "application":
		s.kind = Application
	}
	if s.mid, s.noMid = s.parseMid(); !validToken(s.mid) || len(s.mid) > maxMid {
		return s.errorf(protocol.CodeBadRequest, "the mid has to be a token of 1 to %d bytes", maxMid)
	}
	if len(s.formats) == 0 {
		return s.errorf(protocol.CodeBadRequest, "the m-line names no format")
	}
	s.direction = s.parseDirection(session)
	s.unused = m.MediaName.Port.Value == 0 && !s.attributes.has("bundle-only")
	if s.unused {
		return nil
	}
	switch s.kind {
	case Audio, Video:
		return s.parseMedia()
	case Application:
		return s.parseApplication()
	}
	return nil
}

// parseMid gives the mid, or for a peer that has none a name made of the
// section's place.
func (s *described) parseMid() (mid string, made bool) {
	if mid, ok := s.attributes.get("mid"); ok {
		return mid, false
	}
	return strconv.Itoa(s.index), true
}

// parseDirection turns the peer's direction, which a section may inherit from
// the session and which is sendrecv by default, into ours.
func (s *described) parseDirection(session attributes) Direction {
	for _, level := range []attributes{s.attributes, session} {
		for i := range level {
			switch level[i].Key {
			case "sendonly":
				return RecvOnly
			case "recvonly":
				return SendOnly
			case "sendrecv":
				return SendRecv
			case "inactive":
				return Inactive
			}
		}
	}
	return SendRecv
}

// parseMedia reads a section of audio or video.
func (s *described) parseMedia() error {
	switch s.protocol {
	case "UDP/TLS/RTP/SAVPF", "TCP/TLS/RTP/SAVPF", "UDP/TLS/RTP/SAVP", "TCP/TLS/RTP/SAVP",
		"RTP/SAVPF", "RTP/SAVP", "RTP/AVPF", "RTP/AVP": // RFC 8829 section 5.1.2: all mean the first
	default:
		return s.errorf(protocol.CodeUnsupported, "the transport protocol %q is not one of WebRTC; use UDP/TLS/RTP/SAVPF", clip(s.protocol))
	}
	if !s.attributes.has("rtcp-mux") && !s.attributes.has("bundle-only") {
		return s.errorf(protocol.CodeUnsupported, "a=rtcp-mux is missing; RTCP on a port of its own is not supported")
	}
	if err := s.parseCodecs(); err != nil {
		return err
	}
	if err := s.parseExtensions(); err != nil {
		return err
	}
	if s.direction.Receives() {
		return s.parseReceiving()
	}
	return nil
}

// parseApplication reads a section of data channels, in the syntax of RFC 8841
// or in the one before it.
func (s *described) parseApplication() error {
	switch s.protocol {
	case "UDP/DTLS/SCTP", "TCP/DTLS/SCTP":
		if s.formats[0] != "webrtc-datachannel" {
			return s.errorf(protocol.CodeUnsupported, "the format %q is not webrtc-datachannel", clip(s.formats[0]))
		}
		port, ok := s.attributes.get("sctp-port")
		if !ok {
			port = "5000"
		}
		if s.sctpPort, ok = number(port, 65535); !ok {
			return s.errorf(protocol.CodeBadRequest, "a=sctp-port:%s is not a port", clip(port))
		}
	case "DTLS/SCTP":
		var ok bool
		if s.sctpPort, ok = number(s.formats[0], 65535); !ok {
			return s.errorf(protocol.CodeBadRequest, "%q is not an SCTP port", clip(s.formats[0]))
		}
		s.oldSCTP = true
	default:
		return s.errorf(protocol.CodeUnsupported, "the transport protocol %q is not one of data channels; use UDP/DTLS/SCTP", clip(s.protocol))
	}
	if s.sctpPort == 0 { // RFC 8841 section 5.2: the association is closed
		s.unused = true
	}
	if size, ok := s.attributes.get("max-message-size"); ok {
		if s.maxMessage, ok = number(size, 1<<62); !ok {
			return s.errorf(protocol.CodeBadRequest, "a=max-message-size:%s is not a number of bytes", clip(size))
		}
	}
	return nil
}

// Restarts tells whether the description restarts ICE on t, so that the answer
// has to have fresh credentials of ours.
func (d *Description) Restarts(t *Transport) bool {
	return t != nil && t.Peer.Ufrag != "" && d.peer.Ufrag != "" && (d.peer.Ufrag != t.Peer.Ufrag || d.peer.Pwd != t.Peer.Pwd)
}
