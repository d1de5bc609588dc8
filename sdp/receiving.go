package sdp

import (
	"slices"
	"strconv"
	"strings"

	"github.com/tertulia-rtc/tertulia/protocol"
)

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
