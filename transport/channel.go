package transport

import (
	"errors"
	"sync"
	"sync/atomic"

	"github.com/pion/sctp"

	"github.com/tertulia-rtc/tertulia/protocol"
)

// What can go wrong with channels.
var (
	ErrNotReady      = errors.New("transport: the DTLS handshake is not done")
	ErrSlow          = errors.New("transport: the receiver of a reliable channel does not keep up")
	ErrTooLarge      = errors.New("transport: message is too large for a data channel")
	ErrChannelClosed = errors.New("transport: data channel is closed")
	ErrChannels      = errors.New("transport: too many data channels")
)

// How much may wait in a channel for a peer that does not keep up.
const (
	maxBufferedReliable = 1 << 20   // bytes
	maxBufferedLossy    = 256 << 10 // bytes
	// maxBufferedMessages bounds their number: a message of one byte costs a
	// few hundred until it is acknowledged.
	maxBufferedMessages = 4096
)

// ChannelOptions describe a data channel as RTCDataChannelInit does.
type ChannelOptions struct {
	Label             string
	Protocol          string
	Ordered           bool
	MaxRetransmits    *uint16 // nil: no limit; at most one of the two is set
	MaxPacketLifeTime *uint16 // milliseconds
}

// Lossy says whether messages may be lost.
func (o *ChannelOptions) Lossy() bool { return o.MaxRetransmits != nil || o.MaxPacketLifeTime != nil }

// Channel is one data channel. Its methods may be called from any goroutine.
type Channel struct {
	ChannelOptions
	ID uint16 // the SCTP stream; ours are odd, the peer's even

	channels *Channels
	dropped  atomic.Uint64

	mu      sync.Mutex
	stream  *sctp.Stream // nil until the association is up
	waiting []message    // sent before that
	closed  bool
	wrote   uint64   // bytes handed to the stream, ever
	sizes   []uint32 // of the messages that wait, oldest first
	freed   uint64   // bytes of the messages that left sizes
}

type message struct {
	data []byte
	kind sctp.PayloadProtocolIdentifier
}

// Send sends one message of at most protocol.MaxChannelData bytes. It never
// blocks: a lossy channel whose peer does not keep up drops the message
// (counted, no error); a reliable one says ErrSlow, and the caller then closes
// the channel. Other errors: ErrTooLarge, ErrChannelClosed. data is copied.
func (ch *Channel) Send(isString bool, data []byte) error {
	if len(data) > protocol.MaxChannelData {
		return ErrTooLarge
	}
	ch.mu.Lock()
	defer ch.mu.Unlock()
	if ch.closed {
		return ErrChannelClosed
	}
	m := newMessage(isString, data)
	if ch.full(len(m.data)) {
		if ch.Lossy() {
			ch.dropped.Add(1)
			return nil
		}
		return ErrSlow
	}
	ch.sizes = append(ch.sizes, uint32(len(m.data)))
	ch.wrote += uint64(len(m.data))
	if ch.stream == nil {
		m.data = append([]byte(nil), m.data...)
		ch.waiting = append(ch.waiting, m)
		return nil
	}
	if _, err := ch.stream.WriteSCTP(m.data, m.kind); err != nil {
		return ErrChannelClosed
	}
	return nil
}

// empty is what an empty message carries: SCTP has no empty ones (RFC 8831
// section 6.6).
var empty = []byte{0}

func newMessage(isString bool, data []byte) message {
	switch {
	case isString && len(data) == 0:
		return message{empty, sctp.PayloadTypeWebRTCStringEmpty}
	case isString:
		return message{data, sctp.PayloadTypeWebRTCString}
	case len(data) == 0:
		return message{empty, sctp.PayloadTypeWebRTCBinaryEmpty}
	}
	return message{data, sctp.PayloadTypeWebRTCBinary}
}

// full reports whether n bytes more are too much. Its caller holds the lock.
func (ch *Channel) full(n int) bool {
	buffered := ch.buffered()
	released := ch.wrote - min(buffered, ch.wrote)
	for len(ch.sizes) > 0 && ch.freed+uint64(ch.sizes[0]) <= released {
		ch.freed += uint64(ch.sizes[0])
		ch.sizes = ch.sizes[1:]
	}
	limit := maxBufferedReliable
	if ch.Lossy() {
		limit = maxBufferedLossy
	}
	return int(buffered)+n > limit || len(ch.sizes) >= maxBufferedMessages || ch.channels.full(n)
}

// buffered is how many bytes of messages are not acknowledged. Its caller
// holds the lock.
func (ch *Channel) buffered() uint64 {
	if ch.stream == nil {
		return ch.wrote
	}
	return ch.stream.BufferedAmount()
}

// Buffered is how many bytes wait to be acknowledged by the peer.
func (ch *Channel) Buffered() int {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	return int(ch.buffered())
}

// Dropped is how many messages Send dropped.
func (ch *Channel) Dropped() uint64 { return ch.dropped.Load() }

// Close closes the channel in both directions (RFC 8831 section 6.7). OnClose
// follows when the peer has agreed.
func (ch *Channel) Close() {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	if ch.closed {
		return
	}
	ch.closed = true
	ch.waiting = nil
	if ch.stream != nil {
		_ = ch.stream.Close() // fails when the association is over, and then it is closed
	}
}

// attach gives the channel its stream; what waited is sent, open first.
func (ch *Channel) attach(stream *sctp.Stream, open []byte) {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	ch.stream = stream
	_, _ = stream.WriteSCTP(open, sctp.PayloadTypeWebRTCDCEP)
	// DCEP's own bytes are counted by the stream as ours are.
	ch.sizes = append([]uint32{uint32(len(open))}, ch.sizes...)
	ch.wrote += uint64(len(open))
	for _, m := range ch.waiting {
		_, _ = stream.WriteSCTP(m.data, m.kind)
	}
	ch.waiting = nil
	if ch.closed {
		_ = stream.Close()
	}
}

// setReliability tells the stream what the options say.
func (ch *Channel) setReliability() {
	kind, limit := sctp.ReliabilityTypeReliable, uint32(0)
	switch {
	case ch.MaxRetransmits != nil:
		kind, limit = sctp.ReliabilityTypeRexmit, uint32(*ch.MaxRetransmits)
	case ch.MaxPacketLifeTime != nil:
		kind, limit = sctp.ReliabilityTypeTimed, uint32(*ch.MaxPacketLifeTime)
	}
	ch.stream.SetReliabilityParams(!ch.Ordered, kind, limit)
}

// markClosed makes Send fail.
func (ch *Channel) markClosed() {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	ch.closed = true
	ch.waiting = nil
}
