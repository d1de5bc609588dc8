package sdp

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"

	"github.com/tertulia-rtc/tertulia/codec"
	"github.com/tertulia-rtc/tertulia/protocol"
)

// Want says what an offer of ours should have that the transport has not.
type Want struct {
	Add    []Wanted             // new sections; they take the places of rejected ones first
	Change map[string]Direction // new directions of sections, by mid
	// Stop has the mids of sections to give up. They become inactive, whereupon every
	// peer lets go of the track (Firefox does not where the section is rejected), and
	// are rejected by the next offer; but for the one that carries the transport (RFC
	// 8843 section 7.5.2), which stays.
	Stop []string
}

// Wanted is a section to be added.
type Wanted struct {
	Kind      Kind
	Direction Direction // of Application: always both
	// Label is the id of the MediaStream that what we send becomes at the peer (RFC
	// 8830); empty for one that we make.
	Label string
	RIDs  []string // of a client: the simulcast layers that it would send, lowest first
	// Stream and Track are what the section is to carry and nothing else; 0 for
	// anything.
	Stream protocol.StreamID
	Track  protocol.TrackID
}

// msid gives the value of a=msid, empty for that of a slot that may carry anything.
func (w *Wanted) msid(mid string) string {
	switch {
	case w.Label != "":
		return w.Label + " " + mid
	case w.Stream != 0:
		return "stream-" + w.Stream.String() + " " + mid
	}
	return ""
}

// MakeOffer gives the SDP that offers t, nil at first, with what is wanted,
// and the state that AcceptAnswer needs. Until then t stays in force. Other
// Ufrag and Pwd in local than before restart ICE.
func MakeOffer(t *Transport, local Local, want Want) (next *Transport, offer string, err error) {
	if t == nil {
		t = &Transport{ExtmapAllowMixed: true}
	}
	if t.Offering {
		return nil, "", protocol.Errorf(protocol.CodeConflict, "an offer of the server waits for its answer; it cannot make another")
	}
	next = t.Clone()
	next.Offering, next.Added = true, nil
	next.Version++
	if err := next.change(want); err != nil {
		return nil, "", err
	}
	p := proposal{transport: next, local: local}
	p.learn()
	if err := p.add(t, want.Add); err != nil {
		return nil, "", err
	}
	if err := next.fillSlots(local); err != nil {
		return nil, "", err
	}
	next.remember()
	offer, err = render(next, local, nil)
	return next, offer, err
}

// change gives sections new directions and stops others.
func (t *Transport) change(want Want) error {
	for mid, direction := range want.Change {
		s := t.Section(mid)
		if s == nil || s.Kind == Application {
			return protocol.Errorf(protocol.CodeBadRequest, "no section of media in use has the mid %q, whose direction is to change", clip(mid))
		}
		s.Direction = direction
	}
	for i := range t.Sections {
		if s := &t.Sections[i]; s.GivenUp && s != t.carrier() {
			s.reject("")
		}
	}
	for _, mid := range want.Stop {
		s := t.Section(mid)
		if s == nil {
			return protocol.Errorf(protocol.CodeBadRequest, "no section in use has the mid %q, which is to stop", clip(mid))
		}
		switch {
		case s.Kind != Application:
			s.Direction, s.GivenUp = Inactive, true
			s.Send.Stream, s.Send.Track = 0, ""
		case s != t.carrier():
			s.reject("")
		}
	}
	return nil
}

// carrier is the section whose transport attributes count: the first in use.
// Peers would take another one for another transport.
func (t *Transport) carrier() *Section {
	for i := range t.Sections {
		if s := &t.Sections[i]; !s.Rejected {
			return s
		}
	}
	return nil
}

// ours lists what we offer, with the payload types that we like for them.
var ours = []struct {
	kind Kind
	Codec
}{
	{Audio, Codec{Codec: codec.Codec{Name: codec.Opus, ClockRate: 48000, Channels: 2, Fmtp: "minptime=10;useinbandfec=1"}, PayloadType: 111, TransportCC: true}},
	{Audio, Codec{Codec: codec.Codec{Name: codec.RED, ClockRate: 48000, Channels: 2}, PayloadType: 63, TransportCC: true}},
	{Audio, Codec{Codec: codec.Codec{Name: codec.G722, ClockRate: 8000, Channels: 1}, PayloadType: 9, TransportCC: true}},
	{Audio, Codec{Codec: codec.Codec{Name: codec.PCMU, ClockRate: 8000, Channels: 1}, PayloadType: 0, TransportCC: true}},
	{Audio, Codec{Codec: codec.Codec{Name: codec.PCMA, ClockRate: 8000, Channels: 1}, PayloadType: 8, TransportCC: true}},
	{Video, ourVideo(codec.VP8, "", 96, 97)},
	{Video, ourVideo(codec.VP9, "profile-id=0", 98, 99)},
	{Video, ourVideo(codec.VP9, "profile-id=2", 100, 101)},
	{Video, ourVideo(codec.H264, "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f", 102, 103)},
	{Video, ourVideo(codec.H264, "level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42e01f", 104, 105)},
	{Video, ourVideo(codec.H264, "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=4d001f", 106, 107)},
	{Video, ourVideo(codec.H264, "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=64001f", 108, 109)},
	{Video, ourVideo(codec.AV1, "level-idx=5;profile=0;tier=0", 45, 46)},
}

func ourVideo(name, fmtp string, payloadType, rtx uint8) Codec {
	return Codec{
		Codec: codec.Codec{Name: name, ClockRate: 90000, Fmtp: fmtp}, PayloadType: payloadType, RTX: rtx,
		NACK: true, PLI: true, FIR: true, TransportCC: true, REMB: true,
	}
}

// proposal is an offer in the making: which payload types and extension ids
// mean what on its transport.
type proposal struct {
	transport    *Transport
	local        Local
	payloadTypes map[uint8]bool // taken
	agreed       []Codec        // of all sections, ever; their payload types are used again
	ids          map[uint8]bool
	uris         map[string]uint8
}

// learn takes over the meanings that were agreed on.
func (p *proposal) learn() {
	p.payloadTypes, p.ids, p.uris = make(map[uint8]bool), make(map[uint8]bool), make(map[string]uint8)
	for _, c := range p.transport.Codecs {
		p.agreed = append(p.agreed, c)
		p.payloadTypes[c.PayloadType] = true
		p.payloadTypes[c.RTX] = p.payloadTypes[c.RTX] || c.RTX != 0
	}
	for _, e := range p.transport.Extensions {
		p.ids[e.ID], p.uris[e.URI] = true, e.ID
	}
}

// add puts the wanted sections into places that were rejected before, then at
// the end. before is the state in force: a place that this very offer gives up
// is not free yet (RFC 8829 section 5.2.2), and one before the section that carries
// the transport never is.
func (p *proposal) add(before *Transport, wanted []Wanted) error {
	t := p.transport
	place := max(slices.IndexFunc(before.Sections, func(s Section) bool { return !s.Rejected }), 0)
	for n, w := range wanted {
		if w.Kind != Audio && w.Kind != Video && w.Kind != Application {
			return protocol.Errorf(protocol.CodeBadRequest, "a section of %s cannot be offered", w.Kind)
		}
		if w.Kind == Application && t.Application() != nil {
			return protocol.Errorf(protocol.CodeConflict, "the transport has a section of data channels already")
		}
		s := Section{Mid: p.newMid(n), Kind: w.Kind, Direction: w.Direction, SendRIDs: slices.Clone(w.RIDs)}
		s.Send = Sending{MSID: w.msid(s.Mid), Stream: w.Stream, Track: w.Track}
		t.Added = append(t.Added, s.Mid)
		if w.Kind == Application {
			s.Direction, s.SCTPPort = SendRecv, ourSCTPPort
		} else {
			var err error
			if s.Codecs, err = p.codecs(w.Kind); err != nil {
				return err
			}
			s.Extensions = p.extensions(w.Kind, len(w.RIDs) > 0)
		}
		for place < len(before.Sections) && !before.Sections[place].Rejected {
			place++
		}
		if place < len(before.Sections) {
			t.Sections[place] = s
			place++
			continue
		}
		if len(t.Sections) == MaxSections {
			return protocol.Errorf(protocol.CodeLimit, "a transport has at most %d m-sections", MaxSections)
		}
		t.Sections = append(t.Sections, s)
	}
	return nil
}

// newMid gives the mid of the n-th new section. The version only rises, so no offer
// of ours had it before; those of the peer may.
func (p *proposal) newMid(n int) string {
	mid := fmt.Sprintf("v%d-%d", p.transport.Version, n)
	for slices.ContainsFunc(p.transport.Sections, func(s Section) bool { return s.Mid == mid }) {
		mid += "x"
	}
	return mid
}

// codecs gives all that we know of a kind, in the order of the room.
func (p *proposal) codecs(kind Kind) ([]Codec, error) {
	var list []Codec
	var opus uint8
	for _, o := range ours {
		if o.kind != kind {
			continue
		}
		c := o.Codec
		if c.Name == codec.RED {
			c.Fmtp = strconv.Itoa(int(opus)) + "/" + strconv.Itoa(int(opus))
		}
		at := slices.IndexFunc(p.agreed, func(a Codec) bool { return codec.Match(a.Codec, c.Codec) })
		if at >= 0 {
			c.PayloadType, c.RTX = p.agreed[at].PayloadType, p.agreed[at].RTX
		} else {
			var err error
			if c.PayloadType, err = p.freePayloadType(c.PayloadType); err != nil {
				return nil, err
			}
			if c.RTX != 0 {
				if c.RTX, err = p.freePayloadType(c.RTX); err != nil {
					return nil, err
				}
			}
			p.agreed = append(p.agreed, c)
		}
		if c.Name == codec.Opus {
			opus = c.PayloadType
		}
		list = append(list, c)
	}
	slices.SortStableFunc(list, func(a, b Codec) int {
		return cmp.Compare(rank(a.Name, p.local.Codecs), rank(b.Name, p.local.Codecs))
	})
	return list, nil
}

// freePayloadType gives the payload type that we like, or else a dynamic one
// that nothing uses (RFC 3551 section 3; RFC 5761 keeps 64 to 95 for RTCP).
func (p *proposal) freePayloadType(liked uint8) (uint8, error) {
	free := func(n uint8) bool {
		if p.payloadTypes[n] {
			return false
		}
		p.payloadTypes[n] = true
		return true
	}
	if free(liked) {
		return liked, nil
	}
	for n := uint8(127); n >= 35; n-- {
		if (n >= 96 || n < 64) && free(n) {
			return n, nil
		}
	}
	return 0, protocol.Errorf(protocol.CodeLimit, "no payload type is free for another codec")
}

// extensions gives all that we know of a kind, but those of simulcast where
// there is none. A server does without the absolute send time, and a client of ours sends no
// dependency descriptors.
func (p *proposal) extensions(kind Kind, simulcast bool) []Extension {
	var list []Extension
	for _, uri := range extensionsOf(kind) {
		if (uri == RIDURI || uri == RepairedRIDURI) && !simulcast || uri == AbsSendTimeURI && !p.local.Client || uri == DependencyDescriptorURI && p.local.Client {
			continue
		}
		id, ok := p.uris[uri]
		for n := uint8(1); !ok && n < 15; n++ {
			if !p.ids[n] {
				id, ok = n, true
				p.ids[n], p.uris[uri] = true, n
			}
		}
		if ok {
			list = append(list, Extension{URI: uri, ID: id})
		}
	}
	return list
}

// AcceptAnswer applies the peer's answer to the state that MakeOffer gave, and
// gives the state that is in force from now on. What a section has after it is
// what both sides named.
func AcceptAnswer(t *Transport, answer string) (next *Transport, err error) {
	if t == nil || !t.Offering {
		return nil, protocol.Errorf(protocol.CodeConflict, "there is no offer of the server that waits for an answer")
	}
	d, err := Parse(answer)
	if err != nil {
		return nil, err
	}
	if len(d.sections) != len(t.Sections) {
		return nil, protocol.Errorf(protocol.CodeBadRequest, "the answer has %d m-sections and the offer %d", len(d.sections), len(t.Sections))
	}
	if err := d.checkAnswerer(t); err != nil {
		return nil, err
	}
	next = t.Clone()
	next.Offering, next.Added = false, nil
	if d.tagged() != nil {
		next.Peer = d.peer
		next.ExtmapAllowMixed = t.ExtmapAllowMixed && d.extmapMixed
	}
	for i := range d.sections {
		if err := next.Sections[i].accept(&d.sections[i]); err != nil {
			return nil, err
		}
	}
	next.compact()
	return next, d.checkSSRCs(next)
}

// Withdraw takes the offer of pending back, which MakeOffer made of t, nil at first. It
// gives t with what was said since and may not be said anew: which meanings payload types,
// ids and mids have had.
func Withdraw(t, pending *Transport) *Transport {
	next := &Transport{ExtmapAllowMixed: true}
	if t != nil {
		next = t.Clone()
	}
	next.Version, next.Codecs, next.Extensions = pending.Version, slices.Clone(pending.Codecs), slices.Clone(pending.Extensions)
	return next
}

// checkAnswerer refuses answers in which we would have to be what we are not.
func (d *Description) checkAnswerer(t *Transport) error {
	s := d.tagged()
	switch {
	case s == nil:
		return nil
	case d.lite:
		return s.errorf(protocol.CodeUnsupported, "the answer says a=ice-lite, as the server does; one side has to make connectivity checks")
	case d.setup == "passive":
		return s.errorf(protocol.CodeUnsupported, "the answer says a=setup:passive, but the server is always the passive side of DTLS; answer active")
	case d.setup != "" && d.setup != "active":
		return s.errorf(protocol.CodeBadRequest, "a=setup:%s is no answer to actpass; answer active", clip(d.setup))
	}
	return d.checkCertificate(t)
}

// accept narrows an offered section down to what its answer takes.
func (s *Section) accept(a *described) error {
	switch {
	case a.unused:
		s.reject("")
		return nil
	case s.Rejected:
		return a.errorf(protocol.CodeBadRequest, "the offer had port 0 there, which cannot be answered with another")
	case a.mid != s.Mid && !a.noMid:
		return a.errorf(protocol.CodeBadRequest, "the offer had mid %q there", s.Mid)
	case a.kind != s.Kind:
		return a.errorf(protocol.CodeBadRequest, "the offer had %s there", s.Kind)
	case s.Kind == Application:
		s.SCTPPort, s.MaxMessageSize = a.sctpPort, a.maxMessage
		return nil
	}
	var agreed []Codec
	for _, c := range a.codecs {
		o, rtx, ok := s.Codec(c.PayloadType)
		if !ok || rtx || !c.known || !codec.Match(o.Codec, c.Codec.Codec) {
			continue
		}
		common := *o
		common.Fmtp = answerFmtp(c.Codec.Codec)
		common.NACK, common.PLI, common.FIR = o.NACK && c.NACK, o.PLI && c.PLI, o.FIR && c.FIR
		common.TransportCC, common.REMB = o.TransportCC && c.TransportCC, o.REMB && c.REMB
		if o.RTX == 0 || !common.NACK || rtxOf(c, a.codecs) != o.RTX {
			common.RTX = 0
		}
		agreed = append(agreed, common)
	}
	if len(agreed) == 0 {
		return a.errorf(protocol.CodeBadRequest, "the answer takes the section but none of the codecs offered")
	}
	s.Codecs = agreed
	s.agreeExtensions(slices.DeleteFunc(slices.Clone(s.Extensions), func(e Extension) bool {
		return !slices.ContainsFunc(a.extensions, func(m mapped) bool { return m.Extension == e })
	}))
	s.Direction = both(s.Direction, a.direction)
	was := s.Recv
	s.Recv = Receiving{}
	if s.Direction.Receives() {
		// Simulcast that was offered to us stays; we offer none.
		offered := was.RIDs
		s.Recv = a.recv
		s.Recv.RIDs = slices.DeleteFunc(slices.Clone(a.recv.RIDs), func(rid string) bool { return !slices.Contains(offered, rid) })
		if len(s.Recv.RIDs) == 0 {
			s.Recv.RIDs = nil
		}
	}
	return nil
}

// both gives the direction that two sides have in common.
func both(a, b Direction) Direction {
	switch sends, receives := a.Sends() && b.Sends(), a.Receives() && b.Receives(); {
	case sends && receives:
		return SendRecv
	case sends:
		return SendOnly
	case receives:
		return RecvOnly
	}
	return Inactive
}
