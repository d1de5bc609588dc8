package transport

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/sctp"

	"github.com/tertulia-rtc/tertulia/protocol"
)

// ChannelsConfig says whom to tell. All functions are called in order, never
// two at once, from goroutines of the association. They must not block: SCTP
// stands still meanwhile. They may call any method of this package. None may
// be nil but OnEnd.
type ChannelsConfig struct {
	OnOpen    func(ch *Channel)                             // the peer opened a channel
	OnMessage func(ch *Channel, isString bool, data []byte) // data is valid during the call only
	OnClose   func(ch *Channel)                             // a channel is over, whoever closed it
	OnEnd     func(err error)                               // the association is over; nothing follows
}

const (
	// receiveBuffer is the window offered to the peer, in bytes of messages
	// that are not whole yet: whole ones are read at once.
	receiveBuffer = 256 << 10
	// maxFragments bounds how many pieces of messages wait in one stream.
	maxFragments = 8192
	// maxAssociation is how many bytes may wait in all channels together.
	maxAssociation = 4 << 20
	// maxRefused is how many channels too many a peer may try to open.
	maxRefused = 64
	// maxUnnamed is how many streams of the peer may wait for their DCEP
	// message at a time.
	maxUnnamed = 2 * protocol.MaxChannels
	// lastID is the highest stream that is opened from here. Firefox
	// negotiates 256 at first.
	lastID = 255
	// packetQueue is how many SCTP packets wait to be read.
	packetQueue = 128
)

// Channels is the SCTP association of one transport and its data channels (RFC
// 8831). It begins with the peer's first packet, and takes four goroutines
// from then on, however many channels there are.
type Channels struct {
	cfg  ChannelsConfig
	h    *Handshake
	conn *sctpConn

	mu      sync.Mutex
	started bool
	closed  bool
	ended   error // why it ended itself
	// assoc is set once it is up. It is read without the lock too: a channel's
	// lock is never held while this one is waited for.
	assoc   atomic.Pointer[sctp.Association]
	ours    map[uint16]*Channel
	nextID  uint16
	arrived []*sctp.Stream // opened by the peer, not looked at yet
	opened  []*Channel     // opened by us, not looked at yet

	// Owned by the association's reading goroutine, and by run after it.
	live    []*Channel
	unnamed []*sctp.Stream // opened by the peer, without a DCEP message so far
	silent  []*sctp.Stream // pre-negotiated by the peer: what comes is dropped
	theirs  int            // channels in live that the peer opened
	refused int
}

func newChannels(cfg ChannelsConfig, h *Handshake) *Channels {
	c := &Channels{cfg: cfg, h: h, ours: map[uint16]*Channel{}, nextID: 1}
	c.conn = &sctpConn{mailbox: newMailbox(packetQueue), channels: c}
	return c
}

// handle takes one SCTP packet, which is the association's from then on.
func (c *Channels) handle(packet []byte) {
	if !soundSCTP(packet) {
		return
	}
	c.mu.Lock()
	start := !c.started && !c.closed
	if start {
		c.started = true
	}
	c.mu.Unlock()
	c.conn.put(packet)
	if start {
		go c.run()
	}
}

// Open opens a channel to the peer. It can be sent on at once; before the
// association is up, messages wait. Errors: ErrChannelClosed when the
// association is over, ErrChannels when there is no stream left, ErrTooLarge
// for label and protocol.
func (c *Channels) Open(o ChannelOptions) (*Channel, error) {
	if dcepOpenLen+len(o.Label)+len(o.Protocol) > maxDCEP {
		return nil, ErrTooLarge
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, ErrChannelClosed
	}
	id, ok := c.freeID()
	if !ok {
		return nil, ErrChannels
	}
	ch := &Channel{ChannelOptions: o, ID: id, channels: c}
	if c.assoc.Load() != nil {
		if err := c.bring(ch); err != nil {
			return nil, ErrChannelClosed
		}
	}
	c.ours[id] = ch
	c.opened = append(c.opened, ch)
	c.conn.poke()
	return ch, nil
}

// freeID finds a stream of ours: odd, since we are the DTLS server (RFC 8832
// section 6). Its caller holds the lock. A stream that was just closed is the
// last to be taken again.
func (c *Channels) freeID() (uint16, bool) {
	for range (lastID + 1) / 2 {
		id := c.nextID
		if c.nextID += 2; c.nextID > lastID {
			c.nextID = 1
		}
		if c.ours[id] == nil {
			return id, true
		}
	}
	return 0, false
}

// bring opens the stream of a channel of ours. Its caller holds the lock.
func (c *Channels) bring(ch *Channel) error {
	stream, err := c.assoc.Load().OpenStream(ch.ID, sctp.PayloadTypeWebRTCBinary)
	if err != nil {
		return err
	}
	neverWait(stream)
	ch.attach(stream, ch.appendOpen(nil))
	return nil
}

// neverWait makes reads of a stream return at once when there is nothing.
func neverWait(stream *sctp.Stream) { _ = stream.SetReadDeadline(time.Unix(1, 0)) }

// full reports whether n bytes more are too many for the association.
func (c *Channels) full(n int) bool {
	assoc := c.assoc.Load()
	return assoc != nil && assoc.BufferedAmount()+n > maxAssociation
}

// Close ends the association. Its channels are told so, then OnEnd. It does
// not wait for that.
func (c *Channels) Close() { c.end(nil) }

// end closes the association, because of err.
func (c *Channels) end(err error) {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return
	}
	c.closed, c.ended = true, err
	start := !c.started
	c.started = true
	c.mu.Unlock()
	_ = c.conn.Close()
	if start { // there is no run that would finish
		go c.finish(nil)
	}
}

// run is the life of the association.
func (c *Channels) run() {
	assoc, err := sctp.ServerWithOptions(
		sctp.WithNetConn(c.conn),
		sctp.WithLoggerFactory(silence),
		sctp.WithName("sctp"),
		sctp.WithMaxReceiveBufferSize(receiveBuffer),
		sctp.WithMaxMessageSize(protocol.MaxChannelData),
		sctp.WithMaxReassemblyQueueEntries(maxFragments),
		sctp.WithEnableInterleaving(false),
		sctp.WithMTU(1191), // 1228 with DTLS, and IP and UDP fit 1280
	)
	if err != nil {
		_ = c.conn.Close()
		c.finish(err)
		return
	}
	c.mu.Lock()
	c.assoc.Store(assoc)
	for _, ch := range c.ours {
		if err := c.bring(ch); err != nil {
			break // it ended already; AcceptStream says so
		}
	}
	c.mu.Unlock()
	c.conn.poke()
	for {
		stream, err := assoc.AcceptStream()
		if err != nil {
			break
		}
		neverWait(stream)
		c.mu.Lock()
		c.arrived = append(c.arrived, stream)
		many := len(c.arrived) > maxUnnamed
		c.mu.Unlock()
		if many {
			c.end(ErrChannels)
		}
		c.conn.poke()
	}
	_ = assoc.Close()
	c.finish(nil)
}

// finish tells everybody that the association is over.
func (c *Channels) finish(err error) {
	c.mu.Lock()
	c.closed = true
	if err == nil {
		err = c.ended
	}
	all := append(c.live, c.opened...)
	c.live, c.opened, c.arrived, c.ours = nil, nil, nil, nil
	c.mu.Unlock()
	c.h.forget(c)
	for _, ch := range all {
		ch.markClosed()
		c.cfg.OnClose(ch)
	}
	if c.cfg.OnEnd != nil {
		c.cfg.OnEnd(err)
	}
}

// messageBuffers are buffers for one message of the greatest size.
var messageBuffers = sync.Pool{New: func() any { return new([protocol.MaxChannelData]byte) }}

// deliver reads everything that is there and tells of it. SCTP's reading
// goroutine runs it between two packets, so no channel needs a goroutine.
func (c *Channels) deliver() {
	c.mu.Lock()
	c.live = append(c.live, c.opened...)
	c.unnamed = append(c.unnamed, c.arrived...)
	c.opened, c.arrived = nil, nil
	up := c.assoc.Load() != nil
	c.mu.Unlock()
	if !up || len(c.live)+len(c.unnamed)+len(c.silent) == 0 {
		return
	}
	buf := messageBuffers.Get().(*[protocol.MaxChannelData]byte)
	defer messageBuffers.Put(buf)
	for i := 0; i < len(c.unnamed); {
		if c.name(c.unnamed[i], buf[:]) {
			c.unnamed = remove(c.unnamed, i)
		} else {
			i++
		}
	}
	if len(c.unnamed) > maxUnnamed {
		// Each is looked at between all packets: nobody needs so many.
		c.end(ErrChannels)
		return
	}
	for i := 0; i < len(c.silent); {
		if c.drain(c.silent[i], buf[:]) {
			c.silent = remove(c.silent, i)
		} else {
			i++
		}
	}
	for i := 0; i < len(c.live); {
		if ch := c.live[i]; c.read(ch, buf[:]) {
			c.live = remove(c.live, i)
			c.leave(ch)
		} else {
			i++
		}
	}
}

func remove[T any](s []T, i int) []T {
	copy(s[i:], s[i+1:])
	clear(s[len(s)-1:])
	return s[:len(s)-1]
}

// name looks for the first message of a stream that the peer opened. It
// reports whether the stream is not unnamed any longer.
func (c *Channels) name(stream *sctp.Stream, buf []byte) bool {
	n, kind, err := stream.ReadSCTP(buf)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return false
	case errors.Is(err, io.ErrShortBuffer):
		// Nothing more can be read past a message that does not fit.
		_ = stream.Close()
		return true
	case err != nil:
		_ = stream.Close()
		return true
	}
	if c.theirs+len(c.silent) >= protocol.MaxChannels {
		_ = stream.Close()
		if c.refused++; c.refused > maxRefused {
			c.end(ErrChannels)
		}
		return true
	}
	if kind != sctp.PayloadTypeWebRTCDCEP {
		c.silent = append(c.silent, stream)
		return true
	}
	o, err := parseOpen(buf[:n])
	if err != nil {
		_ = stream.Close()
		return true
	}
	ch := &Channel{ChannelOptions: o, ID: stream.StreamIdentifier(), channels: c, stream: stream}
	_, _ = stream.WriteSCTP([]byte{dcepAck}, sctp.PayloadTypeWebRTCDCEP)
	ch.wrote, ch.sizes = 1, []uint32{1}
	ch.setReliability()
	c.live = append(c.live, ch)
	c.theirs++
	c.cfg.OnOpen(ch)
	return true
}

// drain drops what came on a stream and reports whether it is over.
func (c *Channels) drain(stream *sctp.Stream, buf []byte) bool {
	for {
		if _, _, err := stream.ReadSCTP(buf); errors.Is(err, os.ErrDeadlineExceeded) {
			return false
		} else if err != nil {
			_ = stream.Close()
			return true
		}
	}
}

// read tells of the messages of a channel and reports whether it is over.
func (c *Channels) read(ch *Channel, buf []byte) bool {
	ch.mu.Lock()
	stream, closed := ch.stream, ch.closed
	ch.mu.Unlock()
	if stream == nil {
		return closed
	}
	for {
		n, kind, err := stream.ReadSCTP(buf)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			return false
		case err != nil:
			// Reset by the peer (RFC 8831 section 6.7: reset ours too), the end
			// of the association, or a message over the limit that was agreed.
			_ = stream.Close()
			return true
		}
		switch kind {
		case sctp.PayloadTypeWebRTCDCEP:
			// Data sent before the ACK had to be ordered (RFC 8832 section 6).
			if n == 1 && buf[0] == dcepAck {
				ch.setReliability()
			}
		case sctp.PayloadTypeWebRTCString:
			c.tell(ch, true, buf[:n])
		case sctp.PayloadTypeWebRTCBinary:
			c.tell(ch, false, buf[:n])
		case sctp.PayloadTypeWebRTCStringEmpty:
			c.tell(ch, true, nil)
		case sctp.PayloadTypeWebRTCBinaryEmpty:
			c.tell(ch, false, nil)
		}
	}
}

// tell passes a message on, unless the channel was closed here.
func (c *Channels) tell(ch *Channel, isString bool, data []byte) {
	ch.mu.Lock()
	closed := ch.closed
	ch.mu.Unlock()
	if !closed {
		c.cfg.OnMessage(ch, isString, data)
	}
}

// leave is the end of one channel.
func (c *Channels) leave(ch *Channel) {
	ch.markClosed()
	c.mu.Lock()
	if c.ours[ch.ID] == ch {
		delete(c.ours, ch.ID)
	} else {
		c.theirs--
	}
	c.mu.Unlock()
	c.cfg.OnClose(ch)
}

// sctpConn is the net.Conn under SCTP: DTLS records of a Handshake.
type sctpConn struct {
	*mailbox
	channels *Channels
}

// Read waits for the next packet of the peer. The last one has been worked on
// when it is called, so this is when channels can have become readable.
func (s *sctpConn) Read(b []byte) (int, error) {
	for {
		s.channels.deliver()
		packet, err := s.get()
		if errors.Is(err, net.ErrClosed) {
			return 0, io.EOF
		}
		if err != nil || packet != nil {
			return copy(b, packet), err
		}
	}
}

// Write sends a packet.
func (s *sctpConn) Write(b []byte) (int, error) {
	h := s.channels.h
	if err := h.records.send(recordData, b, h.cfg.Send); err != nil {
		return 0, err
	}
	return len(b), nil
}
