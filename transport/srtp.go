package transport

import (
	"encoding/binary"
	"errors"

	"github.com/tertulia-rtc/tertulia/prefetch"
)

// Why a packet was not opened. They are allocated once: an attacker's packets
// must not cost memory. The caller counts them.
var (
	ErrSRTPMalformed = errors.New("transport: SRTP packet is too short or malformed")
	ErrSRTPReplayed  = errors.New("transport: SRTP packet was seen before or is too old")
	ErrSRTPAuth      = errors.New("transport: SRTP packet is not authentic")
	ErrSRTPSources   = errors.New("transport: SRTP packet of one SSRC too many")
)

const (
	rtpFixedLen   = 12
	rtcpFixedLen  = 8
	srtcpIndexLen = 4 // behind each SRTCP packet: the E flag and 31 bits of index
)

// Inbound opens the SRTP and SRTCP packets of one peer. It belongs to one
// goroutine.
type Inbound struct {
	crypto protection
	rtp    sources
	rtcp   sources
}

// NewInbound makes the receiving half from k's remote keys. The error is
// ErrKeys.
func NewInbound(k Keys) (*Inbound, error) {
	if err := k.validate(); err != nil {
		return nil, err
	}
	crypto, err := newProtection(k.Profile, k.RemoteKey, k.RemoteSalt)
	if err != nil {
		return nil, err
	}
	return &Inbound{crypto: crypto}, nil
}

// OpenRTP checks an SRTP packet and decrypts it in place. plain is the RTP
// packet, a part of packet; its padding, if any, is sound and still there.
// The errors are the ErrSRTP values. A packet that fails changes no state (a
// sound one with bad padding counts as seen), but packet is garbage then.
func (in *Inbound) OpenRTP(packet []byte) (plain []byte, err error) {
	header := rtpHeaderLength(packet)
	if header == 0 || len(packet) < header+in.crypto.tagLen {
		return nil, ErrSRTPMalformed
	}
	ssrc := binary.BigEndian.Uint32(packet[8:])
	seen := in.rtp.find(ssrc)
	index := uint64(binary.BigEndian.Uint16(packet[2:]))
	if seen != nil {
		var ok bool
		if index, ok = guessIndex(seen.Highest, uint16(index)); !ok || seen.has(index) {
			return nil, ErrSRTPReplayed
		}
	} else if in.rtp.full() {
		return nil, ErrSRTPSources
	}
	n := in.crypto.openRTP(packet, header, ssrc, index)
	if n < 0 {
		return nil, ErrSRTPAuth
	}
	if seen == nil {
		seen = in.rtp.add(ssrc, index)
	}
	seen.mark(index)
	plain = packet[:n]
	if padded := plain[0]&0x20 != 0; padded {
		if n == header || plain[n-1] == 0 || int(plain[n-1]) > n-header {
			return nil, ErrSRTPMalformed
		}
	}
	return plain, nil
}

// OpenRTCP checks an SRTCP packet and decrypts it in place, like OpenRTP. plain
// is the compound. An SRTCP packet that is not encrypted is malformed: WebRTC
// never sends one.
func (in *Inbound) OpenRTCP(packet []byte) (plain []byte, err error) {
	if len(packet) < rtcpFixedLen+in.crypto.tagLen+srtcpIndexLen || packet[0]>>6 != 2 {
		return nil, ErrSRTPMalformed
	}
	word := in.crypto.rtcpIndex(packet)
	if word>>31 == 0 {
		return nil, ErrSRTPMalformed
	}
	ssrc, index := binary.BigEndian.Uint32(packet[4:]), uint64(word&^(1<<31))
	seen := in.rtcp.find(ssrc)
	if seen != nil {
		if seen.has(index) {
			return nil, ErrSRTPReplayed
		}
	} else if in.rtcp.full() {
		return nil, ErrSRTPSources
	}
	n := in.crypto.openRTCP(packet, ssrc, uint32(index))
	if n < 0 {
		return nil, ErrSRTPAuth
	}
	if seen == nil {
		seen = in.rtcp.add(ssrc, index)
	}
	seen.mark(index)
	return packet[:n], nil
}

// InboundState is what an Inbound remembers of the packets that it opened. It
// goes through JSON unharmed.
type InboundState struct {
	RTP  []Seen `json:"rtp,omitempty"`
	RTCP []Seen `json:"rtcp,omitempty"`
}

// State is a copy of the index state, to be handed over.
func (in *Inbound) State() InboundState {
	return InboundState{RTP: in.rtp.copy(), RTCP: in.rtcp.copy()}
}

// Restore replaces the index state with one that State returned.
func (in *Inbound) Restore(s InboundState) {
	in.rtp.restore(s.RTP)
	in.rtcp.restore(s.RTCP)
}

// Outbound seals RTP and RTCP for one peer. It belongs to one goroutine.
type Outbound struct {
	crypto  protection
	sent    []Sent
	last    int            // where in sent the last packet's SSRC was
	place   map[uint32]int // by SSRC, where in sent; only when there are many
	rtcpSeq uint32         // of the next SRTCP packet
}

// scanned is how many SSRCs are looked for one after the other before a map
// is worth its cost.
const scanned = 16

// NewOutbound makes the sending half from k's local keys. The error is ErrKeys.
func NewOutbound(k Keys) (*Outbound, error) {
	if err := k.validate(); err != nil {
		return nil, err
	}
	crypto, err := newProtection(k.Profile, k.LocalKey, k.LocalSalt)
	if err != nil {
		return nil, err
	}
	return &Outbound{crypto: crypto}, nil
}

// Overhead is how many bytes SealRTP adds to header, prefix and payload.
func (out *Outbound) Overhead() int { return out.crypto.tagLen }

// OverheadRTCP is how many bytes SealRTCP adds.
func (out *Outbound) OverheadRTCP() int { return out.crypto.tagLen + srtcpIndexLen }

// SealRTP writes the SRTP packet of header (a whole RTP header with its
// extensions), prefix, payload and padding (0 to 255 bytes, for which the header
// has its P bit set) to dst and returns its length. payload is
// only read, and must not overlap dst. dst needs room for all of them and
// Overhead. It returns 0, and has done nothing that counts, when dst is too
// small, the header is malformed, or the sequence number lies before the
// beginning of its SSRC. A sequence number within 2^15 of the newest one of
// its SSRC gets the same index again, so a retransmission of the same bytes
// seals to the same packet; the caller must never seal others under it.
func (out *Outbound) SealRTP(dst, header, prefix, payload []byte, padding uint8) (n int) {
	if len(header) == 0 || rtpHeaderLength(header) != len(header) ||
		len(dst) < len(header)+len(prefix)+len(payload)+int(padding)+out.crypto.tagLen {
		return 0
	}
	ssrc, seq := binary.BigEndian.Uint32(header[8:]), binary.BigEndian.Uint16(header[2:])
	s := out.find(ssrc)
	if s == nil {
		s = out.add(Sent{SSRC: ssrc, Highest: uint64(seq)})
	}
	index, ok := guessIndex(s.Highest, seq)
	if !ok {
		return 0
	}
	s.Highest = max(s.Highest, index)
	copy(dst, header)
	body := payload
	if len(prefix) > 0 || padding > 0 {
		at := dst[len(header):]
		k := copy(at, prefix)
		k += copy(at[k:], payload)
		if padding > 0 { // RFC 3550 section 5.1: the last byte is their count
			clear(at[k : k+int(padding)])
			k += int(padding)
			at[k-1] = padding
		}
		body = at[:k]
	}
	return out.crypto.sealRTP(dst, len(header), body, ssrc, index)
}

// Prefetch asks for the memory that SealRTP will need but for the key, PrefetchKey for that.
// They are for a caller with many peers, to be called a few peers ahead in this order.
func (out *Outbound) Prefetch() {
	if out.last < len(out.sent) {
		prefetch.Value(&out.sent[out.last])
	}
	prefetch.Value(out.crypto.gcm)
}

// PrefetchKey is the second step of Prefetch.
func (out *Outbound) PrefetchKey() {
	if g := out.crypto.gcm; g != nil {
		prefetch.Bytes((*byte)(g.key), g.keySize)
	}
}

// SealRTCP writes the SRTCP packet of a compound to dst and returns its
// length; 0 when dst is too small for plain and OverheadRTCP, or plain is no
// RTCP, or after 2^31 packets, when the keys are used up. dst and plain begin
// at the same byte or do not overlap.
func (out *Outbound) SealRTCP(dst, plain []byte) (n int) {
	if len(plain) < rtcpFixedLen || plain[0]>>6 != 2 || len(dst) < len(plain)+out.OverheadRTCP() ||
		out.rtcpSeq>>31 != 0 {
		return 0
	}
	// One index for all SSRCs is allowed: it need only grow within each.
	index := out.rtcpSeq
	out.rtcpSeq++
	return out.crypto.sealRTCP(dst, plain, binary.BigEndian.Uint32(plain[4:]), index)
}

func (out *Outbound) find(ssrc uint32) *Sent {
	if out.last < len(out.sent) && out.sent[out.last].SSRC == ssrc {
		return &out.sent[out.last]
	}
	if out.place != nil {
		if i, ok := out.place[ssrc]; ok {
			out.last = i
			return &out.sent[i]
		}
		return nil
	}
	for i := range out.sent {
		if out.sent[i].SSRC == ssrc {
			out.last = i
			return &out.sent[i]
		}
	}
	return nil
}

func (out *Outbound) add(s Sent) *Sent {
	out.last = len(out.sent)
	out.sent = append(out.sent, s)
	if out.place != nil {
		out.place[s.SSRC] = out.last
	} else if len(out.sent) > scanned {
		out.place = make(map[uint32]int, 2*scanned)
		for i := range out.sent {
			out.place[out.sent[i].SSRC] = i
		}
	}
	return &out.sent[out.last]
}

// Sent is what is remembered of one SSRC that is sent.
type Sent struct {
	SSRC    uint32 `json:"ssrc"`
	Highest uint64 `json:"highest"` // the highest packet index: rollover counter and sequence number
}

// OutboundState is what an Outbound remembers of the packets that it sealed.
// It goes through JSON unharmed.
type OutboundState struct {
	RTP  []Sent `json:"rtp,omitempty"`
	RTCP uint32 `json:"rtcp,omitempty"` // index of the next SRTCP packet
}

// State is a copy of the index state, to be handed over. Whoever goes on
// sealing with the same keys must go on from it: an index that is used twice
// for different bytes gives the keys away.
func (out *Outbound) State() OutboundState {
	return OutboundState{RTP: append([]Sent(nil), out.sent...), RTCP: out.rtcpSeq}
}

// Restore replaces the index state with one that State returned.
func (out *Outbound) Restore(s OutboundState) {
	out.sent, out.place, out.last, out.rtcpSeq = nil, nil, 0, s.RTCP
	for _, sent := range s.RTP {
		if out.find(sent.SSRC) == nil {
			out.add(sent)
		}
	}
}

// rtpHeaderLength is the length of the RTP header at the start of b with its
// CSRCs and extensions (RFC 3550 section 5.1), and 0 if there is no whole one.
func rtpHeaderLength(b []byte) int {
	if len(b) < rtpFixedLen || b[0]>>6 != 2 {
		return 0
	}
	n := rtpFixedLen + 4*int(b[0]&0x0f)
	if b[0]&0x10 != 0 {
		if len(b) < n+4 {
			return 0
		}
		n += 4 + 4*int(binary.BigEndian.Uint16(b[n+2:]))
	}
	if len(b) < n {
		return 0
	}
	return n
}
