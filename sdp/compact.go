package sdp

import (
	"slices"
	"strings"
	"unique"
)

// compact makes the state hold no memory but its own: it lives as long as the
// transport, and a string cut out of an offer would keep the whole offer
// alive. Sections that agreed on the same share one list, and all transports
// share the words that they have in common.
func (t *Transport) compact() {
	p := &t.Peer
	p.Ufrag, p.Pwd, p.FingerprintHash = strings.Clone(p.Ufrag), strings.Clone(p.Pwd), shared(p.FingerprintHash)
	for i := range p.Candidates {
		p.Candidates[i] = strings.Clone(p.Candidates[i])
	}
	for i := range t.Sections {
		s, before := &t.Sections[i], t.Sections[:i]
		s.Mid, s.Reason, s.Media = shared(s.Mid), strings.Clone(s.Reason), strings.Clone(s.Media)
		s.Recv.MSID, s.Recv.CNAME = strings.Clone(s.Recv.MSID), strings.Clone(s.Recv.CNAME)
		for k := range s.Recv.RIDs {
			s.Recv.RIDs[k] = shared(s.Recv.RIDs[k])
		}
		if k := slices.IndexFunc(before, func(o Section) bool { return slices.Equal(o.Codecs, s.Codecs) }); k >= 0 {
			s.Codecs = before[k].Codecs
		} else {
			s.Codecs = slices.Clone(s.Codecs)
			for k := range s.Codecs {
				s.Codecs[k].Name, s.Codecs[k].Fmtp = shared(s.Codecs[k].Name), shared(s.Codecs[k].Fmtp)
			}
		}
		if k := slices.IndexFunc(before, func(o Section) bool { return slices.Equal(o.Extensions, s.Extensions) }); k >= 0 {
			s.Extensions = before[k].Extensions
		} else {
			s.Extensions = slices.Clone(s.Extensions)
			for k := range s.Extensions {
				s.Extensions[k].URI = shared(s.Extensions[k].URI)
			}
		}
	}
}

// shared gives the one copy of a string that many transports have.
func shared(s string) string { return unique.Make(s).Value() }
