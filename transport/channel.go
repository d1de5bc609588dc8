package transport

import "errors"

// What can go wrong with channels.
var (
	ErrNotReady = errors.New("transport: the DTLS handshake is not done")
	ErrSlow     = errors.New("transport: the receiver of a reliable channel does not keep up")
	ErrTooLarge = errors.New("transport: message is too large for a data channel")
	ErrClosed   = errors.New("transport: channel is closed")
	ErrChannels = errors.New("transport: too many data channels")
)

// ChannelsConfig says whom to tell. All functions are called from one
// goroutine of the association, in order; they must not block, and may call
// any method here except Close.
type ChannelsConfig struct {
	OnOpen    func(c *Channel)                             // the peer opened a channel
	OnMessage func(c *Channel, isString bool, data []byte) // data is valid during the call
	OnClose   func(c *Channel)                             // closed by the peer, or with the association
	OnEnd     func(err error)                              // the association is over; nothing follows
}

// Channels is the SCTP association of one transport and its data channels
// (RFC 8831).
type Channels struct{}

// ChannelOptions describe a data channel as in RTCDataChannelInit.
type ChannelOptions struct {
	Label             string
	Protocol          string
	Ordered           bool
	MaxRetransmits    *uint16 // nil: no limit; at most one of the two is set
	MaxPacketLifeTime *uint16 // milliseconds
}

// Lossy says whether messages may be lost.
func (o *ChannelOptions) Lossy() bool { return o.MaxRetransmits != nil || o.MaxPacketLifeTime != nil }

// Channel is one data channel.
type Channel struct {
	ChannelOptions
	ID uint16 // the SCTP stream
}

// Open opens a channel to the peer. It may be sent on at once, also before
// the association is up.
func (c *Channels) Open(o ChannelOptions) (*Channel, error) { return nil, ErrClosed }

// Close ends the association and waits for its goroutines.
func (c *Channels) Close() {}

// Send sends one message. It never blocks: a lossy channel with a full buffer
// drops the message (counted, nil); a reliable one says ErrSlow, and the
// caller then closes it.
func (ch *Channel) Send(isString bool, data []byte) error { return ErrClosed }

// Close closes the channel both ways.
func (ch *Channel) Close() {}

// Dropped is how many messages Send dropped.
func (ch *Channel) Dropped() uint64 { return 0 }

// Buffered is how many bytes wait to be acknowledged by the peer.
func (ch *Channel) Buffered() int { return 0 }
