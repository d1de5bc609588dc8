package sdp

import (
	"encoding/hex"
	"slices"
	"strings"

	"github.com/tertulia-rtc/tertulia/protocol"
)

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
