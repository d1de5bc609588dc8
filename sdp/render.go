package sdp

import (
	"strconv"
	"strings"

	psdp "github.com/pion/sdp/v3"

	"github.com/tertulia-rtc/tertulia/protocol"
)

// render writes a transport down: as the answer to an offer, or, with offer
// nil, as an offer of ours.
func render(t *Transport, local Local, offer *Description) (string, error) {
	out := psdp.SessionDescription{
		Origin: psdp.Origin{
			Username: "-", SessionID: local.SessionID, SessionVersion: t.Version,
			NetworkType: "IN", AddressType: "IP4", UnicastAddress: "0.0.0.0",
		},
		SessionName:      "-",
		TimeDescriptions: []psdp.TimeDescription{{}},
	}
	w := writer{attributes: &out.Attributes}
	if !local.Client {
		w.flag("ice-lite")
	}
	var bundled []string
	for i := range t.Sections {
		if s := &t.Sections[i]; !s.Rejected {
			bundled = append(bundled, s.Mid)
		}
	}
	if offer == nil || offer.hasBundle {
		w.value("group", "BUNDLE "+strings.Join(bundled, " "))
	}
	if t.ExtmapAllowMixed {
		w.flag("extmap-allow-mixed")
	}
	w.value("msid-semantic", " WMS *")
	first := true
	for i := range t.Sections {
		var theirs *described
		if offer != nil {
			theirs = &offer.sections[i]
		}
		s := &t.Sections[i]
		m := renderSection(s, local, theirs, first)
		first = first && s.Rejected
		out.MediaDescriptions = append(out.MediaDescriptions, m)
	}
	text, err := out.Marshal()
	if err != nil {
		return "", protocol.Errorf(protocol.CodeInternal, "the SDP cannot be written: %v", err)
	}
	return string(text), nil
}

// writer appends a= lines.
type writer struct{ attributes *[]psdp.Attribute }

func (w writer) flag(key string) {
	*w.attributes = append(*w.attributes, psdp.NewPropertyAttribute(key))
}

func (w writer) value(key, value string) {
	*w.attributes = append(*w.attributes, psdp.NewAttribute(key, value))
}

// renderSection writes one m-section. theirs is the section it answers, nil in
// an offer. The first section in use is the one of which the transport
// attributes count; the others repeat the short ones, for older peers.
func renderSection(s *Section, local Local, theirs *described, first bool) *psdp.MediaDescription {
	m := &psdp.MediaDescription{
		MediaName:             renderName(s, theirs),
		ConnectionInformation: &psdp.ConnectionInformation{NetworkType: "IN", AddressType: "IP4", Address: &psdp.Address{Address: "0.0.0.0"}},
	}
	w := writer{attributes: &m.Attributes}
	if theirs == nil || !theirs.noMid {
		w.value("mid", s.Mid)
	}
	if s.Rejected {
		w.flag("inactive")
		return m
	}
	w.value("ice-ufrag", local.Ufrag)
	w.value("ice-pwd", local.Pwd)
	w.value("fingerprint", "sha-256 "+local.Fingerprint)
	switch {
	case theirs == nil:
		w.value("setup", "actpass")
	case local.Client:
		w.value("setup", "active")
	default:
		w.value("setup", "passive")
	}
	if first {
		for _, c := range local.Candidates {
			w.value("candidate", c)
		}
		w.flag("end-of-candidates")
	}
	if s.Kind == Application {
		if theirs != nil && theirs.oldSCTP {
			w.value("sctpmap", strconv.Itoa(ourSCTPPort)+" webrtc-datachannel 1024")
		} else {
			w.value("sctp-port", strconv.Itoa(ourSCTPPort))
		}
		w.value("max-message-size", strconv.Itoa(protocol.MaxChannelData))
		return m
	}
	w.media(s, theirs)
	return m
}

// ourSCTPPort is the one that everybody uses inside DTLS.
const ourSCTPPort = 5000

// renderName gives the m-line: the protocol of the offer, and the port 9 that
// stands for "see the candidates" (RFC 8840 section 4.1.1).
func renderName(s *Section, theirs *described) psdp.MediaName {
	name := psdp.MediaName{Media: s.Kind.String(), Port: psdp.RangedPort{Value: 9}}
	switch {
	case theirs != nil:
		name.Media, name.Protos = theirs.media, strings.Split(theirs.protocol, "/")
	case s.Kind == Application:
		name.Protos = []string{"UDP", "DTLS", "SCTP"}
	default:
		if s.Media != "" {
			name.Media = s.Media
		}
		name.Protos = []string{"UDP", "TLS", "RTP", "SAVPF"}
	}
	switch {
	case s.Rejected:
		name.Port.Value = 0
		name.Formats = []string{"0"}
		if theirs != nil {
			name.Formats = theirs.formats[:1]
		} else if s.Kind == Application {
			name.Formats = []string{"webrtc-datachannel"}
		}
	case s.Kind == Application && theirs != nil && theirs.oldSCTP:
		name.Formats = []string{strconv.Itoa(ourSCTPPort)}
	case s.Kind == Application:
		name.Formats = []string{"webrtc-datachannel"}
	default:
		for _, c := range s.Codecs {
			name.Formats = append(name.Formats, payloadType(c.PayloadType))
			if c.RTX != 0 {
				name.Formats = append(name.Formats, payloadType(c.RTX))
			}
		}
	}
	return name
}

func payloadType(n uint8) string { return strconv.Itoa(int(n)) }

// media writes what a section of audio or video has.
func (w writer) media(s *Section, theirs *described) {
	w.flag(s.Direction.String())
	w.flag("rtcp-mux")
	w.flag("rtcp-rsize")
	for _, e := range s.Extensions {
		id := strconv.Itoa(int(e.ID))
		if theirs != nil {
			for _, m := range theirs.extensions {
				if m.URI == e.URI && m.direction != "" {
					id += "/" + mirror(m.direction)
				}
			}
		}
		w.value("extmap", id+" "+e.URI)
	}
	rtx := false
	for _, c := range s.Codecs {
		w.codec(c)
		rtx = rtx || c.RTX != 0
	}
	if s.Direction.Receives() && len(s.Recv.RIDs) > 0 {
		for _, rid := range s.Recv.RIDs {
			w.value("rid", rid+" recv")
		}
		w.value("simulcast", "recv "+strings.Join(s.Recv.RIDs, ";"))
	}
	if !s.Direction.Sends() {
		return
	}
	w.value("msid", s.Send.MSID)
	if len(s.SendRIDs) > 0 { // the rid in the packets says what they are
		for _, rid := range s.SendRIDs {
			w.value("rid", rid+" send")
		}
		w.value("simulcast", "send "+strings.Join(s.SendRIDs, ";"))
		return
	}
	ssrcs := []string{strconv.FormatUint(uint64(s.Send.SSRC), 10)}
	if rtx && s.Send.RTX != 0 {
		ssrcs = append(ssrcs, strconv.FormatUint(uint64(s.Send.RTX), 10))
		w.value("ssrc-group", "FID "+strings.Join(ssrcs, " "))
	}
	for _, ssrc := range ssrcs {
		w.value("ssrc", ssrc+" cname:"+s.Send.CNAME)
		if theirs == nil && s.Send.Ordinal == 0 {
			w.value("ssrc", ssrc+" msid:"+s.Send.MSID) // for those who know no a=msid
		}
	}
}

// codec writes the lines of one codec and of its retransmissions.
func (w writer) codec(c Codec) {
	pt := payloadType(c.PayloadType)
	encoding := c.Name + "/" + strconv.Itoa(int(c.ClockRate))
	if c.Channels > 1 {
		encoding += "/" + strconv.Itoa(int(c.Channels))
	}
	w.value("rtpmap", pt+" "+encoding)
	for _, f := range []struct {
		on   bool
		name string
	}{{c.TransportCC, "transport-cc"}, {c.REMB, "goog-remb"}, {c.FIR, "ccm fir"}, {c.NACK, "nack"}, {c.PLI, "nack pli"}} {
		if f.on {
			w.value("rtcp-fb", pt+" "+f.name)
		}
	}
	if c.Fmtp != "" {
		w.value("fmtp", pt+" "+c.Fmtp)
	}
	if c.RTX != 0 {
		rtx := payloadType(c.RTX)
		w.value("rtpmap", rtx+" rtx/"+strconv.Itoa(int(c.ClockRate)))
		w.value("fmtp", rtx+" apt="+pt)
	}
}
