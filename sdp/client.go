package sdp

import (
	"slices"
	"strings"

	"github.com/tertulia-rtc/tertulia/protocol"
)

// ClientOffer is MakeOffer for a client: with a full ICE agent and, in what it
// sends, simulcast layers if they are wanted. ClientAccept takes the answer.
func ClientOffer(t *Transport, local Local, want Want) (next *Transport, offer string, err error) {
	local.Client = true
	return MakeOffer(t, local, want)
}

// DTLSRole is a side of the DTLS handshake (RFC 8842).
type DTLSRole uint8

// The roles. The client begins.
const (
	DTLSClient DTLSRole = iota + 1
	DTLSServer
)

// ClientAccept applies the answer to the state that ClientOffer gave, and says
// which role in DTLS is ours, and whether the peer is ICE-lite.
func ClientAccept(t *Transport, answer string) (next *Transport, role DTLSRole, lite bool, err error) {
	if t == nil || !t.Offering {
		return nil, 0, false, protocol.Errorf(protocol.CodeConflict, "there is no offer that waits for an answer")
	}
	d, err := Parse(answer)
	if err != nil {
		return nil, 0, false, err
	}
	if len(d.sections) != len(t.Sections) {
		return nil, 0, false, protocol.Errorf(protocol.CodeBadRequest, "the answer has %d m-sections and the offer %d", len(d.sections), len(t.Sections))
	}
	next = t.Clone()
	next.Offering, next.Added = false, nil
	if tagged := d.tagged(); tagged != nil {
		switch d.setup {
		case "passive", "": // RFC 8842 section 5.3: without a word, the offerer begins
			role = DTLSClient
		case "active":
			role = DTLSServer
		default:
			return nil, 0, false, tagged.errorf(protocol.CodeBadRequest, "a=setup:%s is no answer to actpass", clip(d.setup))
		}
		next.Peer = d.peer
		next.ExtmapAllowMixed = t.ExtmapAllowMixed && d.extmapMixed
	}
	for i := range d.sections {
		s := &next.Sections[i]
		if err := s.accept(&d.sections[i]); err != nil {
			return nil, 0, false, err
		}
		if len(s.SendRIDs) > 0 {
			taken := d.sections[i].receivedRIDs()
			s.SendRIDs = slices.DeleteFunc(s.SendRIDs, func(rid string) bool { return !slices.Contains(taken, rid) })
		}
	}
	next.compact()
	return next, role, d.lite, d.checkSSRCs(next)
}

// receivedRIDs are the simulcast layers that the peer would receive (RFC 8853
// section 5.3.2); "~" says that one is paused at first.
func (s *described) receivedRIDs() []string {
	value, _ := s.attributes.get("simulcast")
	words := strings.Fields(value)
	for i := 0; i+1 < len(words); i += 2 {
		if words[i] == "recv" {
			return strings.FieldsFunc(words[i+1], func(r rune) bool { return strings.ContainsRune(";,~", r) })
		}
	}
	return nil
}

// ClientAnswer is Answer for a client: for servers that offer what they send.
// Our role in DTLS is that of the client. It says whether the peer is ICE-lite.
func ClientAnswer(t *Transport, offer string, local Local) (next *Transport, answer string, lite bool, err error) {
	d, err := Parse(offer)
	if err != nil {
		return nil, "", false, err
	}
	lite, d.lite = d.lite, false // a client may make the checks
	local.Client = true
	next, answer, err = d.Answer(t, local)
	return next, answer, lite, err
}
