package sdp

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/tertulia-rtc/tertulia/codec"
	"github.com/tertulia-rtc/tertulia/protocol"
)

// offered is one payload type of a description: a Codec whose feedback is what
// the peer offers, known to us or not.
type offered struct {
	Codec
	known bool
	apt   int // of RTX: the payload type that it repairs; -1 otherwise
}

// parseCodecs reads the payload types of the m-line.
func (s *described) parseCodecs() error {
	at := make(map[uint8]int, len(s.formats))
	for _, f := range s.formats {
		n, ok := number(f, 127)
		if !ok {
			return s.errorf(protocol.CodeBadRequest, "%q is not a payload type", clip(f))
		}
		if _, twice := at[uint8(n)]; twice {
			return s.errorf(protocol.CodeBadRequest, "the m-line names payload type %d twice", n)
		}
		at[uint8(n)] = len(s.codecs)
		s.codecs = append(s.codecs, offered{Codec: staticCodec(uint8(n)), apt: -1})
	}
	for _, a := range s.attributes {
		if a.Key != "rtpmap" && a.Key != "fmtp" && a.Key != "rtcp-fb" {
			continue
		}
		which, value, _ := strings.Cut(a.Value, " ")
		value = strings.TrimSpace(value)
		if a.Key == "rtcp-fb" && which == "*" {
			for i := range s.codecs {
				s.codecs[i].addFeedback(value)
			}
			continue
		}
		n, ok := number(which, 127)
		if !ok {
			return s.errorf(protocol.CodeBadRequest, "a=%s:%s does not begin with a payload type", a.Key, clip(a.Value))
		}
		i, ok := at[uint8(n)]
		if !ok {
			continue // a payload type that the m-line leaves out means nothing
		}
		c := &s.codecs[i]
		switch a.Key {
		case "rtpmap":
			if !c.parseRTPMap(value) {
				return s.errorf(protocol.CodeBadRequest, "a=rtpmap:%s is not of the form name/clock", clip(a.Value))
			}
		case "fmtp":
			c.Fmtp = value
		case "rtcp-fb":
			c.addFeedback(value)
		}
	}
	for i := range s.codecs {
		s.codecs[i].finish(s.kind)
	}
	return nil
}

// staticCodec gives the meaning that a payload type has by itself, RFC 3551.
func staticCodec(payloadType uint8) Codec {
	c := Codec{PayloadType: payloadType}
	switch payloadType {
	case 0:
		c.Codec = codec.Codec{Name: codec.PCMU, ClockRate: 8000, Channels: 1}
	case 8:
		c.Codec = codec.Codec{Name: codec.PCMA, ClockRate: 8000, Channels: 1}
	case 9:
		c.Codec = codec.Codec{Name: codec.G722, ClockRate: 8000, Channels: 1}
	}
	return c
}

// parseRTPMap reads "opus/48000/2".
func (c *offered) parseRTPMap(value string) bool {
	name, rest, _ := strings.Cut(value, "/")
	rate, channels, _ := strings.Cut(rest, "/")
	clock, ok := number(rate, 1<<31)
	if !ok || clock == 0 || name == "" {
		return false
	}
	c.Name, _ = codec.Canonical(name)
	c.ClockRate = uint32(clock)
	c.Channels = 0
	if channels != "" {
		n, ok := number(channels, 255)
		if !ok {
			return false
		}
		c.Channels = uint8(n)
	}
	return true
}

// addFeedback notes one kind of feedback that the peer offers, RFC 4585
// section 4.2 and what came after it.
func (c *offered) addFeedback(value string) {
	switch value {
	case "nack":
		c.NACK = true
	case "nack pli":
		c.PLI = true
	case "ccm fir":
		c.FIR = true
	case "transport-cc":
		c.TransportCC = true
	case "goog-remb":
		c.REMB = true
	}
}

// finish decides whether a payload type can be agreed on.
func (c *offered) finish(kind Kind) {
	if kind == Audio && c.Channels == 0 && c.Name != "" {
		c.Channels = 1
	}
	if strings.EqualFold(c.Name, "rtx") {
		if apt, ok := codec.Parameter(c.Fmtp, "apt"); ok {
			if n, ok := number(apt, 127); ok {
				c.apt = n
			}
		}
	}
	// RFC 5761 section 4: with RTCP on the same port, 64 to 95 are packet
	// types of RTCP.
	muxable := c.PayloadType < 64 || c.PayloadType > 95
	if c.Name == codec.RED && kind == Video {
		return // around ULPFEC, another thing under the same name
	}
	c.known = muxable && codec.Known(c.Codec.Codec) && codec.IsVideo(c.Name) == (kind == Video)
}

// negotiate gives what we agree to of the payload types of a section, best
// first.
func negotiate(list []offered, local Local) []Codec {
	var agreed []Codec
	for _, c := range list {
		if !c.known || c.Name == codec.RED && !redFits(c, list) {
			continue
		}
		a := c.Codec
		a.Fmtp = answerFmtp(a.Codec)
		if a.NACK && codec.IsVideo(a.Name) { // without NACK nothing asks for RTX
			a.RTX = rtxOf(c, list)
		}
		agreed = append(agreed, a)
	}
	slices.SortStableFunc(agreed, func(a, b Codec) int {
		return cmp.Or(cmp.Compare(rank(a.Name, local.Codecs), rank(b.Name, local.Codecs)), cmp.Compare(variant(a.Codec), variant(b.Codec)))
	})
	return agreed
}

// rtxOf finds the payload type of the retransmissions of c, RFC 4588.
func rtxOf(c offered, list []offered) uint8 {
	for _, r := range list {
		if r.apt == int(c.PayloadType) && r.ClockRate == c.ClockRate && (r.PayloadType < 64 || r.PayloadType > 95) {
			return r.PayloadType
		}
	}
	return 0
}

// redFits tells whether the blocks of RED are Opus: its fmtp lists their
// payload types, "111/111" (RFC 2198 section 5).
func redFits(red offered, list []offered) bool {
	if red.Fmtp == "" {
		return false
	}
	for block := range strings.SplitSeq(red.Fmtp, "/") {
		pt, ok := number(block, 127)
		if !ok || !slices.ContainsFunc(list, func(c offered) bool {
			return c.known && c.Name == codec.Opus && int(c.PayloadType) == pt
		}) {
			return false
		}
	}
	return true
}

// rank is the place of a format in the order of the room. A room that does not
// name RED leaves it to the publisher's offer whether it stands before Opus.
func rank(name string, order []string) int {
	named := func(name string) int {
		return slices.IndexFunc(order, func(o string) bool { return strings.EqualFold(o, name) })
	}
	i := named(name)
	if i < 0 && name == codec.RED {
		name = codec.Opus
		i = named(name)
	}
	if i >= 0 {
		return i
	}
	return len(order) + slices.Index(codec.Preferred, name)
}

// variant orders the profiles of one format: what the most receivers decode
// comes first.
func variant(c codec.Codec) int {
	if c.Name == codec.H264 {
		f, _ := codec.ParseH264Format(c.Fmtp)
		return int(f.Profile)*2 - int(f.PacketizationMode)
	}
	for _, name := range []string{"profile-id", "profile"} {
		if p, ok := codec.Parameter(c.Fmtp, name); ok {
			n, _ := strconv.Atoi(p)
			return n
		}
	}
	return 0
}

// answerFmtp gives the parameters that we answer with: those that name the
// format, and the wishes of an Opus receiver, as offered. Wishes about an
// encoder of ours are left out, since we have none.
func answerFmtp(c codec.Codec) string {
	var keep []string
	switch c.Name {
	case codec.RED:
		return c.Fmtp
	case codec.Opus: // RFC 7587 section 6.1
		keep = []string{"minptime", "maxptime", "ptime", "useinbandfec", "usedtx", "stereo", "maxplaybackrate", "maxaveragebitrate", "cbr"}
	case codec.H264:
		keep = []string{"level-asymmetry-allowed", "packetization-mode", "profile-level-id"}
	case codec.VP9:
		keep = []string{"profile-id"}
	case codec.AV1:
		keep = []string{"level-idx", "profile", "tier"}
	}
	var kept []string
	for part := range strings.SplitSeq(c.Fmtp, ";") {
		part = strings.TrimSpace(part)
		key, _, _ := strings.Cut(part, "=")
		if slices.Contains(keep, strings.ToLower(key)) {
			kept = append(kept, part)
		}
	}
	return strings.Join(kept, ";")
}
