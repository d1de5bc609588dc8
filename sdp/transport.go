// Package sdp negotiates: pure functions from the state of one transport and
// what the peer said to the next state and what to say back. Answer is for
// peers that offer (native clients, WHIP, WHEP); MakeOffer and AcceptAnswer
// are for those that expect offers. The state, Transport, is a plain value
// that survives a JSON round trip; no function changes the one it is given.
//
// Our side is always ICE-lite (RFC 8445), the DTLS server, and bundled on one
// transport. Sections keep their place, their mid and, where we send, their
// SSRCs for life. The grammar of SDP is left to pion/sdp; bounds and meaning
// are checked here. Every error is a *protocol.Error that names the section.
package sdp

import (
	"bytes"
	"slices"

	"github.com/tertulia-rtc/tertulia/codec"
	"github.com/tertulia-rtc/tertulia/protocol"
)

// Kind is what a section carries.
type Kind uint8

// The kinds of sections. Others are rejected, and have kind 0.
const (
	Audio Kind = iota + 1
	Video
	Application // data channels
)

// String gives the media name of the m-line.
func (k Kind) String() string {
	switch k {
	case Audio:
		return "audio"
	case Video:
		return "video"
	case Application:
		return "application"
	}
	return "unknown"
}

// Direction is the direction of a section as we see it.
type Direction uint8

// The directions.
const (
	Inactive Direction = iota
	RecvOnly           // the peer publishes
	SendOnly           // a slot
	SendRecv           // both, as peers of the older style have it
)

// Sends tells whether we may send: the section is a slot.
func (d Direction) Sends() bool { return d == SendOnly || d == SendRecv }

// Receives tells whether the peer may send.
func (d Direction) Receives() bool { return d == RecvOnly || d == SendRecv }

// String gives the SDP attribute that states the direction.
func (d Direction) String() string {
	switch d {
	case RecvOnly:
		return "recvonly"
	case SendOnly:
		return "sendonly"
	case SendRecv:
		return "sendrecv"
	}
	return "inactive"
}

// Codec is one negotiated format of a section.
type Codec struct {
	codec.Codec
	PayloadType uint8 `json:"payloadType"`
	RTX         uint8 `json:"rtx,omitempty"` // payload type of its retransmissions, RFC 4588; 0 for none
	// What may be said about it over RTCP (rtcp-fb), both sides agreeing.
	NACK        bool `json:"nack,omitempty"`
	PLI         bool `json:"pli,omitempty"`
	FIR         bool `json:"fir,omitempty"`
	TransportCC bool `json:"transportCC,omitempty"`
	REMB        bool `json:"remb,omitempty"`
}

// Extension is one negotiated RTP header extension, RFC 8285. Ids are the same
// in all sections of a transport.
type Extension struct {
	URI string `json:"uri"`
	ID  uint8  `json:"id"` // 1…255; above 14 it needs the two-byte form
}

// RTX pairs the SSRC of a source with that of its retransmissions.
type RTX struct {
	Primary uint32 `json:"primary"`
	RTX     uint32 `json:"rtx"`
}

// Receiving is what the peer said of what it sends in a section. All of it may
// be empty: a peer need not name its SSRCs, then its packets carry the mid.
type Receiving struct {
	SSRCs []uint32 `json:"ssrcs,omitempty"` // without those of retransmissions; lowest layer first
	FID   []RTX    `json:"fid,omitempty"`
	RIDs  []string `json:"rids,omitempty"` // simulcast layers that we accepted, as ordered by the peer
	MSID  string   `json:"msid,omitempty"` // stream and track id, never an identity
	CNAME string   `json:"cname,omitempty"`
}

// Sending is what we send in a section. It is set when the section first
// becomes a slot, and kept for life.
type Sending struct {
	SSRC  uint32 `json:"ssrc,omitempty"` // 0: never was a slot
	RTX   uint32 `json:"rtx,omitempty"`  // video only; in use where the codec has an RTX payload type
	CNAME string `json:"cname,omitempty"`
	MSID  string `json:"msid,omitempty"` // the value of a=msid
	// Ordinal counts the slots of a kind from 1. Slots of both kinds with the same
	// one have the same stream in MSID, which is what receivers synchronise. 0 of
	// slots whose MSID was asked for.
	Ordinal int `json:"ordinal,omitempty"`
	// Stream and Track are what the section was offered for and may carry; 0 for
	// anything.
	Stream protocol.StreamID `json:"stream,omitempty"`
	Track  protocol.TrackID  `json:"track,omitempty"`
}

// Section is one m-section.
type Section struct {
	Mid       string    `json:"mid"`
	Kind      Kind      `json:"kind"`
	Direction Direction `json:"direction"`
	// Rejected says that the section is not in use: refused by one side (then
	// Reason says why, if we did), or stopped. Its place may be taken by a new
	// section with a new mid.
	Rejected bool   `json:"rejected,omitempty"`
	Reason   string `json:"reason,omitempty"`
	// GivenUp says that we want no more of the section: our next offer rejects it.
	GivenUp bool `json:"givenUp,omitempty"`

	// Codecs lists what was agreed, best first, with the payload types of
	// whoever offered. RED is an entry of its own; RTX is data of its codec.
	// Sections may share the list, and that of the extensions: neither is changed.
	Codecs     []Codec     `json:"codecs,omitempty"`
	Extensions []Extension `json:"extensions,omitempty"`
	Recv       Receiving   `json:"recv,omitzero"`
	Send       Sending     `json:"send,omitzero"`
	// SendRIDs are the simulcast layers that we offer as a client, lowest first; after
	// the answer, those that it takes.
	SendRIDs []string `json:"sendRIDs,omitempty"`

	// Of data channels, RFC 8841.
	SCTPPort       int `json:"sctpPort,omitempty"`
	MaxMessageSize int `json:"maxMessageSize,omitempty"` // bytes the peer takes in one message; 0 for any number

	// Media is the media name of a section of unknown kind; empty otherwise.
	Media string `json:"media,omitempty"`
}

// Peer is what the peer said of its end of the transport.
type Peer struct {
	Ufrag           string   `json:"ufrag"`
	Pwd             string   `json:"pwd"`
	FingerprintHash string   `json:"fingerprintHash"` // "sha-256", "sha-384" or "sha-512"
	Fingerprint     []byte   `json:"fingerprint"`     // of its certificate
	Candidates      []string `json:"candidates,omitempty"`
	Trickle         bool     `json:"trickle,omitempty"`      // may find more candidates later
	Renomination    bool     `json:"renomination,omitempty"` // may nominate another pair later
}

// Transport is the negotiated state of one transport.
type Transport struct {
	Sections []Section `json:"sections"`
	Peer     Peer      `json:"peer"`
	// ExtmapAllowMixed says that packets with one-byte and two-byte header
	// extensions may be mixed in a stream, RFC 8285 section 6.
	ExtmapAllowMixed bool `json:"extmapAllowMixed,omitempty"`
	// Codecs and Extensions are the meanings that payload types and ids ever had
	// on the transport, also in sections that are gone and in offers that were
	// not taken up: our offers must not give them others (RFC 3264 section
	// 8.3.2; Firefox holds us to it for extensions too).
	Codecs     []Codec     `json:"codecs,omitempty"`
	Extensions []Extension `json:"extensions,omitempty"`
	// Offering says that the state is that of an offer of ours, not answered
	// yet: it is good for AcceptAnswer and Withdraw only. Added are the mids of the
	// sections that the offer adds, in the order of Want.
	Offering bool     `json:"offering,omitempty"`
	Added    []string `json:"added,omitempty"`
	// Version counts our descriptions, for their o= lines.
	Version uint64 `json:"version"`
}

// Section gives the section with a mid that is in use, or nil.
func (t *Transport) Section(mid string) *Section {
	for i := range t.Sections {
		if s := &t.Sections[i]; s.Mid == mid && !s.Rejected {
			return s
		}
	}
	return nil
}

// Application gives the section of data channels that is in use, or nil.
func (t *Transport) Application() *Section {
	for i := range t.Sections {
		if s := &t.Sections[i]; s.Kind == Application && !s.Rejected {
			return s
		}
	}
	return nil
}

// Restarted tells whether the peer restarted ICE between prev and t.
func (t *Transport) Restarted(prev *Transport) bool {
	return prev != nil && prev.Peer.Ufrag != "" && (t.Peer.Ufrag != prev.Peer.Ufrag || t.Peer.Pwd != prev.Peer.Pwd)
}

// Codec gives the codec of a payload type. The second result says whether it is
// the payload type of retransmissions of that codec.
func (s *Section) Codec(payloadType uint8) (c *Codec, rtx, ok bool) {
	for i := range s.Codecs {
		switch c := &s.Codecs[i]; {
		case c.PayloadType == payloadType:
			return c, false, true
		case c.RTX == payloadType && c.RTX != 0:
			return c, true, true
		}
	}
	return nil, false, false
}

// Carrying gives the codec of the section under which packets of the format
// stream can be sent in it: one that matches exactly, or else one whose
// decoders read that format too. Nil: the peer cannot receive the format.
func (s *Section) Carrying(stream codec.Codec) *Codec {
	for i := range s.Codecs {
		if codec.Match(s.Codecs[i].Codec, stream) {
			return &s.Codecs[i]
		}
	}
	for i := range s.Codecs {
		if codec.Decodes(s.Codecs[i].Codec, stream) {
			return &s.Codecs[i]
		}
	}
	return nil
}

// Extension gives the id of a header extension, 0 when it was not agreed on.
func (s *Section) Extension(uri string) uint8 {
	for _, e := range s.Extensions {
		if e.URI == uri {
			return e.ID
		}
	}
	return 0
}

// remember notes what payload types and ids mean in the sections. What the peer
// gives another meaning has that one.
func (t *Transport) remember() {
	for i := range t.Sections {
		for _, c := range t.Sections[i].Codecs {
			at := slices.IndexFunc(t.Codecs, func(k Codec) bool { return k.PayloadType == c.PayloadType })
			switch {
			case at < 0:
				t.Codecs = append(t.Codecs, c)
			case c.RTX != 0 || !codec.Match(t.Codecs[at].Codec, c.Codec):
				t.Codecs[at] = c
			}
		}
		for _, e := range t.Sections[i].Extensions {
			if at := slices.IndexFunc(t.Extensions, func(k Extension) bool { return k.ID == e.ID }); at < 0 {
				t.Extensions = append(t.Extensions, e)
			} else {
				t.Extensions[at] = e
			}
		}
	}
}

// Clone gives a copy that shares nothing with t.
func (t *Transport) Clone() *Transport {
	c := *t
	c.Peer.Fingerprint = bytes.Clone(t.Peer.Fingerprint)
	c.Peer.Candidates = slices.Clone(t.Peer.Candidates)
	c.Codecs = slices.Clone(t.Codecs)
	c.Extensions = slices.Clone(t.Extensions)
	c.Added = slices.Clone(t.Added)
	c.Sections = slices.Clone(t.Sections)
	for i := range c.Sections {
		s := &c.Sections[i]
		s.Codecs = slices.Clone(s.Codecs)
		s.Extensions = slices.Clone(s.Extensions)
		s.Recv.SSRCs = slices.Clone(s.Recv.SSRCs)
		s.Recv.FID = slices.Clone(s.Recv.FID)
		s.Recv.RIDs = slices.Clone(s.Recv.RIDs)
		s.SendRIDs = slices.Clone(s.SendRIDs)
	}
	return &c
}
