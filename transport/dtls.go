package transport

import "time"

// HandshakeConfig says what a Handshake needs.
type HandshakeConfig struct {
	Certificate *Certificate
	// PeerHash and PeerFingerprint are what the peer's SDP promised: the name
	// of the hash ("sha-256") and the bytes. RFC 8122.
	PeerHash        string
	PeerFingerprint []byte
	// Send carries one datagram to the peer. It is called from the handshake's
	// goroutines, also after Done; the slice is valid during the call only.
	Send func(datagram []byte)
	// Done is called once, from a goroutine of the handshake, with the keys or
	// the reason why there are none. It is not called after Close.
	Done func(*Keys, error)
	// Timeout bounds the whole handshake. Zero means 15 s.
	Timeout time.Duration
}

// Handshake is the DTLS server side of one transport.
type Handshake struct{}

// NewHandshake makes a handshake that waits for its first datagram; until then
// it costs no goroutine. The error says that the fingerprint's hash is not
// usable.
func NewHandshake(cfg HandshakeConfig) (*Handshake, error) { return &Handshake{}, nil }

// Handle takes one DTLS datagram from the peer; it is copied. It never blocks
// and may be called from any goroutine.
func (h *Handshake) Handle(datagram []byte) {}

// OpenChannels starts SCTP over the finished handshake, at once or any time
// later; at most once. ErrNotReady before the handshake is done.
func (h *Handshake) OpenChannels(cfg ChannelsConfig) (*Channels, error) { return nil, ErrNotReady }

// Close ends everything, channels too. The peer is told. Done is not called
// any more.
func (h *Handshake) Close() {}
