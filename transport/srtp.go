package transport

import "errors"

// Why a packet was not opened. They are allocated once: an attacker's packets
// must not cost memory. The caller counts them.
var (
	ErrShort     = errors.New("transport: packet is too short")
	ErrMalformed = errors.New("transport: packet is malformed")
	ErrReplayed  = errors.New("transport: packet was seen before or is too old")
	ErrAuth      = errors.New("transport: packet is not authentic")
	ErrSSRCs     = errors.New("transport: too many SSRCs")
)

// Inbound opens the SRTP and SRTCP packets of one peer. It belongs to one
// goroutine.
type Inbound struct{}

// NewInbound makes the receiving half from k's remote keys.
func NewInbound(k Keys) (*Inbound, error) { return &Inbound{}, k.validate() }

// OpenRTP checks an SRTP packet and decrypts it in place. plain is the RTP
// packet, a part of packet. The errors are the Err values above; a failed
// packet changes nothing but may have been partly overwritten.
func (in *Inbound) OpenRTP(packet []byte) (plain []byte, err error) { return nil, ErrAuth }

// OpenRTCP checks an SRTCP packet and decrypts it in place, like OpenRTP.
func (in *Inbound) OpenRTCP(packet []byte) (plain []byte, err error) { return nil, ErrAuth }

// State is a copy of the index state, to be handed over.
func (in *Inbound) State() InboundState { return InboundState{} }

// Restore replaces the index state with one that State returned.
func (in *Inbound) Restore(s InboundState) {}

// InboundState is what an Inbound remembers of the packets it opened.
type InboundState struct{}

// Outbound seals RTP and RTCP for one peer. It belongs to one goroutine.
type Outbound struct{}

// NewOutbound makes the sending half from k's local keys.
func NewOutbound(k Keys) (*Outbound, error) { return &Outbound{}, k.validate() }

// Overhead is how many bytes SealRTP adds to header, prefix and payload.
func (out *Outbound) Overhead() int { return 16 }

// OverheadRTCP is how many bytes SealRTCP adds.
func (out *Outbound) OverheadRTCP() int { return 20 }

// SealRTP writes the SRTP packet of header (a whole RTP header with its
// extensions), prefix and payload to dst and returns its length. payload is
// only read and must not overlap dst. dst needs room for all three and
// Overhead. It returns 0, and writes nothing that counts, when dst is too
// small, the header is malformed, or the sequence number lies before the
// first of its SSRC. The same sequence number within 2^15 of the newest gets
// the same index again, so a retransmission seals to the same bytes.
func (out *Outbound) SealRTP(dst, header, prefix, payload []byte) (n int) { return 0 }

// SealRTCP writes the SRTCP packet of a compound to dst and returns its
// length; 0 when dst is too small or plain is no RTCP. dst may be plain's own
// array only if it begins at the same place.
func (out *Outbound) SealRTCP(dst, plain []byte) (n int) { return 0 }

// State is a copy of the index state, to be handed over.
func (out *Outbound) State() OutboundState { return OutboundState{} }

// Restore replaces the index state with one that State returned.
func (out *Outbound) Restore(s OutboundState) {}

// OutboundState is what an Outbound remembers of the packets it sealed.
type OutboundState struct{}
