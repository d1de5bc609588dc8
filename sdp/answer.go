package sdp

import (
	"slices"
	"strconv"

	"github.com/tertulia-rtc/tertulia/codec"
	"github.com/tertulia-rtc/tertulia/protocol"
)

// Answer applies an offer to a transport, nil at first, and gives the next
// state and the SDP to answer with. A section that has nothing in common with
// us is rejected by itself (Section.Reason says why); an offer that cannot be
// carried out as a whole is an error, and leaves the transport as it was.
func Answer(t *Transport, offer string, local Local) (next *Transport, answer string, err error) {
	d, err := Parse(offer)
	if err != nil {
		return nil, "", err
	}
	return d.Answer(t, local)
}

// Answer is the function Answer for an offer that is parsed already. When it
// Restarts t, local has to hold fresh credentials.
func (d *Description) Answer(t *Transport, local Local) (next *Transport, answer string, err error) {
	if t == nil {
		t = &Transport{}
	}
	if t.Offering {
		return nil, "", protocol.Errorf(protocol.CodeConflict, "an offer of the server waits for its answer; answer it first")
	}
	if err := d.checkRoles(); err != nil {
		return nil, "", err
	}
	if next, err = d.follow(t); err != nil {
		return nil, "", err
	}
	wanted := func(i int) bool { return !next.Sections[i].Rejected && next.Sections[i].Kind != Application }
	for i := range d.sections {
		s := &next.Sections[i]
		if !wanted(i) {
			continue
		}
		if s.Codecs = negotiate(d.sections[i].codecs, local); len(s.Codecs) == 0 {
			s.reject("no codec in common")
		}
	}
	for i, agreed := range (idSpace{}).agree(d, wanted) {
		next.Sections[i].agreeExtensions(agreed)
	}
	if err := d.checkPayloadTypes(next); err != nil {
		return nil, "", err
	}
	for i := range d.sections {
		if s := &next.Sections[i]; wanted(i) {
			s.Recv = d.sections[i].recv
			if !local.Simulcast {
				s.Recv.RIDs = nil
			}
		}
	}
	if err := d.checkSSRCs(next); err != nil {
		return nil, "", err
	}
	if err := next.fillSlots(local); err != nil {
		return nil, "", err
	}
	next.compact()
	next.remember()
	if t.Peer.Ufrag == "" && !slices.ContainsFunc(next.Sections, func(s Section) bool { return !s.Rejected }) {
		s := &d.sections[0]
		reason := next.Sections[0].Reason
		if reason == "" {
			reason = "it is not in use"
		}
		return nil, "", s.errorf(protocol.CodeUnsupported, "none of the %d sections can be used; the first: %s", len(d.sections), reason)
	}
	answer, err = render(next, local, d)
	return next, answer, err
}

// checkRoles refuses offers in which we would have to be what we are not.
func (d *Description) checkRoles() error {
	s := d.tagged()
	switch {
	case s == nil:
		return nil
	case d.lite:
		return s.errorf(protocol.CodeUnsupported, "the offer says a=ice-lite, as the server does; one side has to make connectivity checks")
	case d.setup == "passive":
		return s.errorf(protocol.CodeUnsupported, "the offer says a=setup:passive, but the server is always the passive side of DTLS; offer actpass or active")
	case d.setup != "" && d.setup != "actpass" && d.setup != "active":
		return s.errorf(protocol.CodeBadRequest, "a=setup:%s is not actpass or active", clip(d.setup))
	}
	return nil
}

// follow starts the next state: the sections of d with what outlives a
// negotiation. It refuses descriptions that do not continue t.
func (d *Description) follow(t *Transport) (*Transport, error) {
	if len(d.sections) < len(t.Sections) {
		return nil, protocol.Errorf(protocol.CodeBadRequest, "the SDP has %d m-sections, the one before had %d; sections that are not used stay, with port 0", len(d.sections), len(t.Sections))
	}
	next := &Transport{Sections: make([]Section, len(d.sections)), Peer: d.peer, ExtmapAllowMixed: d.extmapMixed, Version: t.Version + 1}
	next.Codecs, next.Extensions = slices.Clone(t.Codecs), slices.Clone(t.Extensions)
	if d.tagged() == nil { // nothing in use, nothing said of the transport
		next.Peer, next.ExtmapAllowMixed = t.Peer, t.ExtmapAllowMixed
	} else if err := d.checkCertificate(t); err != nil {
		return nil, err
	}
	hasApplication := false
	for i := range d.sections {
		s, n := &d.sections[i], &next.Sections[i]
		var before *Section
		if i < len(t.Sections) && !t.Sections[i].Rejected {
			before = &t.Sections[i]
			if before.Mid != s.mid {
				return nil, s.errorf(protocol.CodeBadRequest, "the place belongs to mid %q; it can be reused once that section was offered with port 0", before.Mid)
			}
			if before.Kind != s.kind {
				return nil, s.errorf(protocol.CodeBadRequest, "the section was of %s before, and cannot change", before.Kind)
			}
			n.Send = before.Send
			n.GivenUp = before.GivenUp && s.direction == Inactive
		}
		n.Mid, n.Kind, n.Direction = s.mid, s.kind, s.direction
		switch {
		case s.unused:
			n.reject("")
		case s.kind == 0:
			n.Media = clip(s.media)
			n.reject("media of this kind are not supported")
		case s.kind == Application && hasApplication:
			n.reject("there is another section of data channels")
		case s.kind == Application:
			hasApplication = true
			n.Direction = SendRecv
			n.SCTPPort, n.MaxMessageSize = s.sctpPort, s.maxMessage
		case before != nil:
			if err := s.checkMapping(before); err != nil {
				return nil, err
			}
		}
	}
	return next, nil
}

// checkCertificate refuses another certificate in mid-call: it would need a
// new DTLS association.
func (d *Description) checkCertificate(t *Transport) error {
	p := t.Peer
	if p.Ufrag == "" || p.FingerprintHash != d.peer.FingerprintHash || slices.Equal(p.Fingerprint, d.peer.Fingerprint) {
		return nil
	}
	return d.tagged().errorf(protocol.CodeUnsupported, "a=fingerprint is not that of the certificate the transport began with; make a new connection")
}

// checkMapping refuses a payload type that changes its meaning: "the mapping
// from a particular dynamic payload type number to a particular codec within
// that media stream MUST NOT change for the duration of a session" (RFC 3264
// section 8.3.2). New payload types, and fewer, are fine.
func (s *described) checkMapping(before *Section) error {
	for _, c := range s.codecs {
		old, rtx, ok := before.Codec(c.PayloadType)
		if !ok || rtx && c.apt == int(old.PayloadType) || !rtx && codec.Match(old.Codec, c.Codec.Codec) {
			continue
		}
		was := old.Name
		if rtx {
			was = "rtx of " + was
		}
		return s.errorf(protocol.CodeBadRequest, "payload type %d meant %s before and cannot mean %s (RFC 3264 section 8.3.2); use another one", c.PayloadType, was, clip(c.Name))
	}
	return nil
}

// checkPayloadTypes refuses a bundle in which an agreed payload type means one
// thing here and another there: a packet that states no mid could not be told
// apart (RFC 8843 section 9.1).
func (d *Description) checkPayloadTypes(next *Transport) error {
	type meaning struct {
		name string
		in   int
	}
	taken := make(map[uint8]meaning)
	for i := range next.Sections {
		for _, c := range next.Sections[i].Codecs {
			for _, m := range []struct {
				payloadType uint8
				name        string
			}{{c.PayloadType, c.Name}, {c.RTX, "rtx of " + c.Name}} {
				if m.payloadType == 0 && m.name != codec.PCMU {
					continue
				}
				other, ok := taken[m.payloadType]
				if ok && other.name != m.name {
					return d.sections[i].errorf(protocol.CodeBadRequest, "payload type %d means %s here and %s in %s, which share one transport (RFC 8843 section 9.1)", m.payloadType, m.name, other.name, d.sections[other.in].name())
				}
				taken[m.payloadType] = meaning{m.name, i}
			}
		}
	}
	return nil
}

// checkSSRCs refuses two sections that name the same source.
func (d *Description) checkSSRCs(next *Transport) error {
	taken := make(map[uint32]int)
	for i := range next.Sections {
		r := &next.Sections[i].Recv
		for _, ssrc := range r.all() {
			if other, ok := taken[ssrc]; ok && other != i {
				return d.sections[i].errorf(protocol.CodeBadRequest, "SSRC %d is that of %s too", ssrc, d.sections[other].name())
			}
			taken[ssrc] = i
		}
	}
	return nil
}

// all gives the SSRCs of sources and of their retransmissions.
func (r *Receiving) all() []uint32 {
	ssrcs := slices.Clone(r.SSRCs)
	for _, p := range r.FID {
		ssrcs = append(ssrcs, p.Primary, p.RTX)
	}
	return ssrcs
}

// reject takes the section out of use. Its place stays.
func (s *Section) reject(reason string) {
	*s = Section{Mid: s.Mid, Kind: s.Kind, Media: s.Media, Rejected: true, Reason: reason}
}

// agreeExtensions sets the extensions, and takes back the feedback that cannot
// work without one of them.
func (s *Section) agreeExtensions(agreed []Extension) {
	s.Extensions = agreed
	if s.Extension(TransportCCURI) != 0 {
		return
	}
	for i := range s.Codecs {
		s.Codecs[i].TransportCC = false
	}
}

// maxSSRCDraws is how often NewSSRC is asked for one SSRC that is not taken.
const maxSSRCDraws = 100

// fillSlots gives each section that has become a slot its SSRCs, for life.
func (t *Transport) fillSlots(local Local) error {
	taken := make(map[uint32]bool)
	slots := make(map[Kind]int)
	ordinals := make(map[Kind]map[int]bool)
	for _, kind := range []Kind{Audio, Video} {
		ordinals[kind] = make(map[int]bool)
	}
	for i := range t.Sections {
		s := &t.Sections[i]
		for _, ssrc := range append(s.Recv.all(), s.Send.SSRC, s.Send.RTX) {
			taken[ssrc] = true
		}
		if s.Kind != Application && s.Direction.Sends() {
			slots[s.Kind]++
		}
		if s.Send.Ordinal != 0 {
			ordinals[s.Kind][s.Send.Ordinal] = true
		}
	}
	for _, kind := range []Kind{Audio, Video} {
		if slots[kind] > protocol.MaxSlots {
			return protocol.Errorf(protocol.CodeLimit, "the SDP has %d receiving m-sections of %s; at most %d on one transport", slots[kind], kind, protocol.MaxSlots)
		}
	}
	draw := func() (uint32, error) {
		for range maxSSRCDraws {
			if ssrc := local.NewSSRC(); ssrc != 0 && !taken[ssrc] {
				taken[ssrc] = true
				return ssrc, nil
			}
		}
		return 0, protocol.Errorf(protocol.CodeInternal, "no free SSRC in %d draws", maxSSRCDraws)
	}
	for i := range t.Sections {
		s := &t.Sections[i]
		if s.Kind == Application || !s.Direction.Sends() || s.Send.SSRC != 0 {
			continue
		}
		var err error
		if s.Send.SSRC, err = draw(); err != nil {
			return err
		}
		if s.Kind == Video {
			if s.Send.RTX, err = draw(); err != nil {
				return err
			}
		}
		s.Send.CNAME = local.CNAME
		if s.Send.MSID != "" {
			continue // synchronised with whatever has the same stream there
		}
		for s.Send.Ordinal = 1; ordinals[s.Kind][s.Send.Ordinal]; s.Send.Ordinal++ {
		}
		ordinals[s.Kind][s.Send.Ordinal] = true
		n := strconv.Itoa(s.Send.Ordinal)
		s.Send.MSID = "slot-" + n + " " + s.Kind.String() + "-" + n
	}
	return nil
}
