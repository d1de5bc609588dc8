package sdp

import (
	"encoding/hex"
	"slices"
	"strconv"
	"strings"

	psdp "github.com/pion/sdp/v3"

	"github.com/tertulia-rtc/tertulia/protocol"
)

// Bounds of what a peer may say. Each is a few times what browsers need for
// the largest meeting.
const (
	MaxSize       = 128 << 10 // bytes of a description
	MaxSections   = 200
	maxLines      = 10_000
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

// parseReceiving reads what the peer says of its sources.
func (s *described) parseReceiving() error {
	repair := make(map[uint32]bool) // SSRCs of retransmission and error correction
	var ssrcs, sim []uint32
	for _, a := range s.attributes {
		switch a.Key {
		case "ssrc":
			id, what, _ := strings.Cut(a.Value, " ")
			ssrc, err := strconv.ParseUint(id, 10, 32)
			if err != nil || ssrc == 0 {
				return s.errorf(protocol.CodeBadRequest, "a=ssrc:%s does not begin with an SSRC", clip(a.Value))
			}
			if !slices.Contains(ssrcs, uint32(ssrc)) {
				ssrcs = append(ssrcs, uint32(ssrc))
			}
			if cname, ok := strings.CutPrefix(what, "cname:"); ok && s.recv.CNAME == "" {
				s.recv.CNAME = cname
			}
			if msid, ok := strings.CutPrefix(what, "msid:"); ok && s.recv.MSID == "" {
				s.recv.MSID = msid
			}
		case "ssrc-group":
			group := strings.Fields(a.Value)
			if len(group) < 3 {
				continue // a group of one says nothing
			}
			members, ok := parseSSRCs(group[1:])
			if !ok {
				return s.errorf(protocol.CodeBadRequest, "a=ssrc-group:%s is not a list of SSRCs", clip(a.Value))
			}
			switch group[0] {
			case "FID":
				s.recv.FID = append(s.recv.FID, RTX{Primary: members[0], RTX: members[1]})
				repair[members[1]] = true
			case "FEC", "FEC-FR":
				repair[members[1]] = true
			case "SIM":
				sim = members
			}
		}
		if len(ssrcs) > maxSSRCs || len(sim) > maxSSRCs || len(s.recv.FID) > maxSSRCs {
			return s.errorf(protocol.CodeBadRequest, "more than %d SSRCs", maxSSRCs)
		}
	}
	for _, ssrc := range append(sim, ssrcs...) {
		if !repair[ssrc] && !slices.Contains(s.recv.SSRCs, ssrc) {
			s.recv.SSRCs = append(s.recv.SSRCs, ssrc)
		}
	}
	if msid, ok := s.attributes.get("msid"); ok {
		s.recv.MSID = msid
	}
	return s.parseSimulcast()
}

// parseSimulcast reads the layers that the peer would send, RFC 8853.
func (s *described) parseSimulcast() error {
	value, ok := s.attributes.get("simulcast")
	if !ok {
		return nil
	}
	sends := make(map[string]bool)
	for _, a := range s.attributes {
		if id, rest, _ := strings.Cut(a.Value, " "); a.Key == "rid" && strings.HasPrefix(rest, "send") {
			sends[id] = true
		}
	}
	words := strings.Fields(value)
	for i := 0; i+1 < len(words); i += 2 {
		if words[i] != "send" {
			continue
		}
		for stream := range strings.SplitSeq(words[i+1], ";") {
			// Alternatives are separated by commas, the best first; "~" says
			// that the layer is paused at first.
			id, _, _ := strings.Cut(stream, ",")
			id = strings.TrimPrefix(id, "~")
			if !validRID(id) {
				return s.errorf(protocol.CodeBadRequest, "the rid %q of a=simulcast has to have 1 to %d letters and digits", clip(id), maxRID)
			}
			if !sends[id] {
				return s.errorf(protocol.CodeBadRequest, "a=simulcast names the rid %q, for which there is no a=rid:%s send", id, id)
			}
			s.recv.RIDs = append(s.recv.RIDs, id)
			if len(s.recv.RIDs) > maxRIDs {
				return s.errorf(protocol.CodeBadRequest, "more than %d simulcast layers", maxRIDs)
			}
		}
	}
	return nil
}

// parseBundle reads the BUNDLE group, RFC 8843, and refuses what would need
// more than one transport.
func (d *Description) parseBundle() error {
	for _, a := range d.sessionLevel {
		words := strings.Fields(a.Value)
		if a.Key != "group" || len(words) == 0 || words[0] != "BUNDLE" {
			continue
		}
		if d.hasBundle {
			return protocol.Errorf(protocol.CodeUnsupported, "the SDP has several BUNDLE groups; all sections have to share one transport")
		}
		d.hasBundle, d.bundle = true, words[1:]
	}
	if len(d.bundle) > len(d.sections) {
		return protocol.Errorf(protocol.CodeBadRequest, "the BUNDLE group has %d mids and the SDP %d sections", len(d.bundle), len(d.sections))
	}
	grouped := make(map[string]bool, len(d.bundle))
	for _, mid := range d.bundle {
		grouped[mid] = true
	}
	for i := range d.sections {
		s := &d.sections[i]
		if grouped[s.mid] && s.noMid {
			return s.errorf(protocol.CodeBadRequest, "a=mid is missing, though there is a BUNDLE group")
		}
		delete(grouped, s.mid)
	}
	for mid := range grouped {
		return protocol.Errorf(protocol.CodeBadRequest, "the BUNDLE group names mid %q, which no section has", clip(mid))
	}
	var alone *described // the first section in use outside the group
	inUse := 0
	for i := range d.sections {
		s := &d.sections[i]
		if !s.usable() {
			continue
		}
		inUse++
		if alone == nil && !slices.Contains(d.bundle, s.mid) {
			alone = s
		}
	}
	if alone != nil && inUse > 1 {
		return alone.errorf(protocol.CodeUnsupported, "the section is not in the BUNDLE group (a=group:BUNDLE); all sections have to share one transport, so offer with bundlePolicy max-bundle")
	}
	return nil
}

// tagged gives the section whose transport attributes hold for the bundle:
// the first of the group that is in use (RFC 8843 section 7.1.3). Nil: no
// section is in use.
func (d *Description) tagged() *described {
	for _, mid := range d.bundle {
		for i := range d.sections {
			if s := &d.sections[i]; s.mid == mid && s.usable() {
				return s
			}
		}
	}
	for i := range d.sections {
		if s := &d.sections[i]; s.usable() {
			return s
		}
	}
	return nil
}

// parsePeer reads the transport attributes. Peers that do not yet know whether
// we bundle give each section credentials of its own (aiortc does); those of
// the tagged section count then. Their certificate is one.
func (d *Description) parsePeer() error {
	s := d.tagged()
	if s == nil {
		return nil
	}
	get := func(key string) (string, bool) {
		if value, ok := s.attributes.get(key); ok {
			return value, true
		}
		return d.sessionLevel.get(key)
	}
	p := &d.peer
	p.Ufrag, _ = get("ice-ufrag")
	p.Pwd, _ = get("ice-pwd")
	if !validICE(p.Ufrag, 4) || !validICE(p.Pwd, 22) {
		return s.errorf(protocol.CodeBadRequest, "a=ice-ufrag has to have 4 to 256 and a=ice-pwd 22 to 256 letters, digits, + or / (RFC 8839)")
	}
	options, _ := get("ice-options")
	for option := range strings.FieldsSeq(options) {
		p.Trickle = p.Trickle || option == "trickle"
		p.Renomination = p.Renomination || option == "renomination"
	}
	d.setup, _ = get("setup")
	_, inSection := s.attributes.get("extmap-allow-mixed")
	d.extmapMixed = inSection || d.sessionLevel.has("extmap-allow-mixed")
	for _, a := range s.attributes {
		if a.Key == "candidate" && len(a.Value) <= 512 && len(p.Candidates) < maxCandidates {
			p.Candidates = append(p.Candidates, a.Value)
		}
	}
	return d.parseFingerprint(s)
}

// parseFingerprint reads the fingerprint of the peer's certificate, which all
// sections of the bundle have to agree on.
func (d *Description) parseFingerprint(tagged *described) error {
	hash, value, err := fingerprintOf(tagged, d.sessionLevel)
	if err != nil {
		return err
	}
	if hash == "" {
		return tagged.errorf(protocol.CodeBadRequest, "a=fingerprint is missing: WebRTC without DTLS is not supported")
	}
	d.peer.FingerprintHash, d.peer.Fingerprint = hash, value
	for i := range d.sections {
		s := &d.sections[i]
		if s.unused || s.kind == 0 || !s.attributes.has("fingerprint") {
			continue
		}
		otherHash, other, err := fingerprintOf(s, nil)
		if err != nil {
			return err
		}
		if otherHash != hash || string(other) != string(value) {
			return s.errorf(protocol.CodeBadRequest, "a=fingerprint differs from that of %s, though they share one transport", tagged.name())
		}
	}
	return nil
}

// fingerprintOf gives the fingerprint that a section has, or inherits from the
// session; no hash when there is none. Of several, the first is taken whose
// hash function is known (RFC 8122 section 5 asks for the strongest; all of
// these are strong enough).
func fingerprintOf(s *described, session attributes) (hash string, value []byte, err error) {
	var unknown string
	for _, level := range []attributes{s.attributes, session} {
		for _, a := range level {
			if a.Key != "fingerprint" {
				continue
			}
			name, text, _ := strings.Cut(a.Value, " ")
			name = strings.ToLower(name)
			size, ok := map[string]int{"sha-256": 32, "sha-384": 48, "sha-512": 64}[name]
			if !ok {
				unknown = name
				continue
			}
			value, err := hex.DecodeString(strings.ReplaceAll(strings.TrimSpace(text), ":", ""))
			if err != nil || len(value) != size {
				return "", nil, s.errorf(protocol.CodeBadRequest, "a=fingerprint is not %d bytes in hexadecimal, as %s has", size, name)
			}
			return name, value, nil
		}
		if unknown != "" {
			return "", nil, s.errorf(protocol.CodeUnsupported, "the fingerprint's hash function %q is not supported; use sha-256", clip(unknown))
		}
	}
	return "", nil, nil
}

// Restarts tells whether the description restarts ICE on t, so that the answer
// has to have fresh credentials of ours.
func (d *Description) Restarts(t *Transport) bool {
	return t != nil && t.Peer.Ufrag != "" && d.peer.Ufrag != "" && (d.peer.Ufrag != t.Peer.Ufrag || d.peer.Pwd != t.Peer.Pwd)
}
