package transport

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/logging"
)

// HandshakeConfig says what a Handshake needs.
type HandshakeConfig struct {
	Certificate *Certificate
	// PeerHash and PeerFingerprint are what the peer's SDP promised: the name
	// of the hash ("sha-256") and the bytes. RFC 8122.
	PeerHash        string
	PeerFingerprint []byte
	// Send carries one datagram to the peer; the slice is valid during the
	// call only. It is called from goroutines of the handshake, of the
	// channels, and from Handle, also after Done.
	Send func(datagram []byte)
	// Done is called once, from a goroutine of the handshake, with the keys or
	// the reason why there are none. It is not called after Close.
	Done func(*Keys, error)
	// Left is called from Handle when the peer says, authenticated, that it
	// closes the connection (a browser tab does, when it is closed). May be nil.
	Left func()
	// Timeout bounds the whole handshake, from its first datagram. Zero means
	// 15 s.
	Timeout time.Duration
}

const (
	handshakeTimeout = 15 * time.Second
	// flightInterval is when an unanswered flight is sent again; it doubles
	// each time. RFC 6347 says a second, for servers far away. A call waits.
	flightInterval = 150 * time.Millisecond
	// repeatInterval is the least time between two repetitions of our last
	// flight, and maxRepeats how many there are: a peer that lost it asks with
	// its own timer, 50 ms at the earliest.
	repeatInterval = 40 * time.Millisecond
	maxRepeats     = 30
	// maxEarly is how many records of application data are kept until there
	// are channels: the peer's SCTP INIT can overtake the end of the handshake
	// or the signalling.
	maxEarly = 4
)

// Handshake is the DTLS server side of one transport: first the handshake that
// gives the SRTP keys, then the connection under data channels.
//
// Only the handshake itself costs goroutines. When it is done, the library's
// connection is let go: what is kept is the last flight, for a peer that lost
// it, and the keys of the record layer. So data channels can be opened at any
// later time without a new handshake.
type Handshake struct {
	cfg  HandshakeConfig
	hash crypto.Hash

	mu       sync.Mutex
	phase    phase
	mailbox  *mailbox           // while shaking
	cancel   context.CancelFunc // while shaking
	flight   [][]byte           // the datagrams of our last flight
	records  *records           // once done
	early    [][]byte           // application data from before there were channels
	channels *Channels
	repeated time.Time // when flight was last repeated
	repeats  int
}

// phase is how far a Handshake is.
type phase uint8

const (
	phaseIdle    phase = iota // nothing came yet
	phaseShaking              // the library is at work
	phaseDone                 // keys are out
	phaseOver                 // failed or closed
)

// NewHandshake makes a handshake that waits for its first datagram; until then
// it costs no goroutine. The error says that the fingerprint is not usable.
func NewHandshake(cfg HandshakeConfig) (*Handshake, error) {
	hash, err := fingerprintHash(cfg.PeerHash)
	if err != nil {
		return nil, err
	}
	if len(cfg.PeerFingerprint) != hash.Size() {
		return nil, fmt.Errorf("transport: %s fingerprint of %d bytes", cfg.PeerHash, len(cfg.PeerFingerprint))
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = handshakeTimeout
	}
	return &Handshake{cfg: cfg, hash: hash}, nil
}

// Handle takes one DTLS datagram from the peer; what is needed of it is copied.
// It never blocks and may be called from any goroutine. What makes no sense is
// dropped.
func (h *Handshake) Handle(datagram []byte) {
	first, _ := nextRecord(datagram)
	if first == nil {
		return
	}
	h.mu.Lock()
	switch h.phase {
	case phaseIdle:
		if isClientHello(first) {
			h.start()
			h.mailbox.put(bytes.Clone(datagram))
		}
		h.mu.Unlock()
	case phaseShaking:
		if first[0] == recordData {
			h.keepEarly(datagram)
		} else {
			h.mailbox.put(bytes.Clone(datagram))
		}
		h.mu.Unlock()
	case phaseDone:
		h.mu.Unlock()
		h.handleRecords(datagram)
	default:
		h.mu.Unlock()
	}
}

// isClientHello reports whether a record begins a handshake.
func isClientHello(record []byte) bool {
	return record[0] == recordHandshake && binary.BigEndian.Uint16(record[3:]) == 0 &&
		len(record) > recordHeaderLen && record[recordHeaderLen] == 1
}

// keepEarly keeps application data for later. Its caller holds the lock.
func (h *Handshake) keepEarly(datagram []byte) {
	if len(h.early) < maxEarly {
		h.early = append(h.early, bytes.Clone(datagram))
	}
}

// handleRecords takes a datagram after the handshake.
func (h *Handshake) handleRecords(datagram []byte) {
	for record, rest := nextRecord(datagram); record != nil; record, rest = nextRecord(rest) {
		switch record[0] {
		case recordHandshake:
			// The peer is still in its handshake, so it lost our last flight.
			h.repeatFlight(time.Now())
			return
		case recordAlert:
			if alert, ok := h.records.open(record); ok && len(alert) == 2 && h.cfg.Left != nil {
				const fatal, closeNotify = 2, 0
				if alert[0] == fatal || alert[1] == closeNotify {
					h.cfg.Left()
				}
			}
		case recordData:
			h.mu.Lock()
			channels := h.channels
			if channels == nil {
				h.keepEarly(record)
			}
			h.mu.Unlock()
			if channels != nil {
				if packet, ok := h.records.open(record); ok {
					channels.handle(packet)
				}
			}
		}
	}
}

// repeatFlight sends the last flight again, byte for byte.
func (h *Handshake) repeatFlight(now time.Time) {
	h.mu.Lock()
	due := h.phase == phaseDone && h.repeats < maxRepeats && now.Sub(h.repeated) >= repeatInterval
	flight := h.flight
	if due {
		h.repeats++
		h.repeated = now
	}
	h.mu.Unlock()
	if due {
		for _, datagram := range flight {
			h.cfg.Send(datagram)
		}
	}
}

// start begins the handshake. Its caller holds the lock.
func (h *Handshake) start() {
	h.phase = phaseShaking
	h.mailbox = newMailbox(32)
	ctx, cancel := context.WithTimeout(context.Background(), h.cfg.Timeout)
	h.cancel = cancel
	go h.run(ctx, cancel, &handshakeConn{mailbox: h.mailbox, h: h})
}

// run is the handshake's goroutine.
func (h *Handshake) run(ctx context.Context, cancel context.CancelFunc, conn *handshakeConn) {
	defer cancel()
	keys, records, err := h.shake(ctx, conn)
	h.mu.Lock()
	if h.phase != phaseShaking { // closed meanwhile
		h.mu.Unlock()
		return
	}
	h.mailbox, h.cancel = nil, nil
	if err != nil {
		h.phase = phaseOver
		h.early = nil
	} else {
		h.phase = phaseDone
		h.records = records
	}
	h.mu.Unlock()
	h.cfg.Done(keys, err)
}

// shake runs the library's handshake to its end and takes the connection over.
func (h *Handshake) shake(ctx context.Context, conn *handshakeConn) (*Keys, *records, error) {
	var mismatch bool
	var secrets secrets
	c, err := dtls.ServerWithOptions(conn, peerAddr{},
		dtls.WithCertificates(h.cfg.Certificate.tls),
		// The one suite that RFC 8827 section 6.5 makes everybody have, and
		// the one that records knows.
		dtls.WithCipherSuites(dtls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256),
		// The server's order decides.
		dtls.WithSRTPProtectionProfiles(dtls.SRTP_AEAD_AES_128_GCM, dtls.SRTP_AES128_CM_HMAC_SHA1_80),
		dtls.WithExtendedMasterSecret(dtls.RequireExtendedMasterSecret),
		dtls.WithClientAuth(dtls.RequireAnyClientCert),
		dtls.WithVerifyPeerCertificate(func(certificates [][]byte, _ [][]*x509.Certificate) error {
			if len(certificates) == 0 || !hasFingerprint(certificates[0], h.hash, h.cfg.PeerFingerprint) {
				mismatch = true
				return ErrFingerprint
			}
			return nil
		}),
		// ICE has proved that the peer owns its address.
		dtls.WithInsecureSkipVerifyHello(true),
		// What the record layer is taken over with. Nothing of it is logged.
		dtls.WithServerHelloMessageHook(secrets.hello),
		dtls.WithKeyLogWriter(&secrets),
		dtls.WithFlightInterval(flightInterval),
		dtls.WithMTU(1200),
		dtls.WithLoggerFactory(silence),
	)
	if err != nil {
		return nil, nil, fmt.Errorf("transport: DTLS: %w", err)
	}
	// Close waits for the goroutines of the connection.
	defer func() { _ = c.Close() }()
	err = c.HandshakeContext(ctx)
	if err != nil && mismatch {
		err = ErrFingerprint
	} else if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("transport: DTLS handshake not done after %v: %w", h.cfg.Timeout, err)
	} else if err != nil {
		err = fmt.Errorf("transport: DTLS handshake: %w", err)
	}
	// From here on the library's packets are swallowed: the close_notify of its
	// Close, and a repetition that would use up sequence numbers of records.
	h.mute(conn)
	if err != nil {
		return nil, nil, err
	}
	state, ok := c.ConnectionState()
	if !ok {
		return nil, nil, errRecordState
	}
	profile, ok := c.SelectedSRTPProtectionProfile()
	if !ok {
		return nil, nil, errors.New("transport: the peer agreed to no SRTP profile")
	}
	material, err := state.ExportKeyingMaterial("EXTRACTOR-dtls_srtp", nil, exportLen(Profile(profile)))
	if err != nil {
		return nil, nil, fmt.Errorf("transport: SRTP keys from DTLS: %w", err)
	}
	keys, err := keysFromExport(Profile(profile), material)
	if err != nil {
		return nil, nil, err
	}
	records, err := takeOver(&secrets, conn.sequence())
	return keys, records, err
}

// mute ends what conn sends and waits until the last of it is out.
func (h *Handshake) mute(conn *handshakeConn) {
	conn.sending.Lock()
	conn.muted = true
	conn.sending.Unlock()
}

// OpenChannels starts SCTP over the finished handshake, at once or any time
// later. It takes no goroutine before the peer's first SCTP packet. Errors:
// ErrNotReady before the handshake is done and after Close; ErrChannels while
// there is an association already.
func (h *Handshake) OpenChannels(cfg ChannelsConfig) (*Channels, error) {
	h.mu.Lock()
	if h.phase != phaseDone {
		h.mu.Unlock()
		return nil, ErrNotReady
	}
	if h.channels != nil {
		h.mu.Unlock()
		return nil, ErrChannels
	}
	c := newChannels(cfg, h)
	h.channels = c
	early := h.early
	h.early = nil
	h.mu.Unlock()
	for _, datagram := range early {
		h.handleRecords(datagram)
	}
	return c, nil
}

// forget is called by channels that are over.
func (h *Handshake) forget(c *Channels) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.channels == c {
		h.channels = nil
	}
}

// Close ends everything, channels too, and tells the peer. It does not wait
// for the goroutines of either. Done is not called any more.
func (h *Handshake) Close() {
	h.mu.Lock()
	last := h.phase
	h.phase = phaseOver
	cancel, mailbox, channels := h.cancel, h.mailbox, h.channels
	h.early, h.flight = nil, nil
	h.mu.Unlock()
	switch last {
	case phaseShaking:
		cancel()
		_ = mailbox.Close()
	case phaseDone:
		if channels != nil {
			channels.Close()
		}
		const warning, closeNotify = 1, 0
		_ = h.records.send(recordAlert, []byte{warning, closeNotify}, h.cfg.Send)
	}
}

// handshakeConn is the net.PacketConn that the library works on.
type handshakeConn struct {
	*mailbox
	h *Handshake

	sending sync.Mutex
	muted   bool
	next    uint64 // the sequence number after the last record of epoch 1
}

// sequence is the number of the next record of epoch 1.
func (c *handshakeConn) sequence() uint64 {
	c.sending.Lock()
	defer c.sending.Unlock()
	return c.next
}

// ReadFrom waits for the peer's next datagram.
func (c *handshakeConn) ReadFrom(b []byte) (int, net.Addr, error) {
	datagram, err := c.get()
	return copy(b, datagram), peerAddr{}, err
}

// WriteTo sends a datagram to the peer, and keeps it when it is of the last
// flight: ChangeCipherSpec and Finished.
func (c *handshakeConn) WriteTo(b []byte, _ net.Addr) (int, error) {
	c.sending.Lock()
	defer c.sending.Unlock()
	if c.muted {
		return len(b), nil
	}
	for record, rest := nextRecord(b); record != nil; record, rest = nextRecord(rest) {
		if n := binary.BigEndian.Uint64(record[3:]); n>>48 == recordEpoch {
			c.next = max(c.next, n&(1<<48-1)+1)
		}
	}
	switch record, _ := nextRecord(b); {
	case record == nil:
	case record[0] == recordChangeCipherSpec:
		c.keep([][]byte{bytes.Clone(b)})
	case record[0] == recordHandshake && binary.BigEndian.Uint16(record[3:]) == recordEpoch:
		c.h.mu.Lock()
		flight := c.h.flight
		c.h.mu.Unlock()
		c.keep(append(flight[:len(flight):len(flight)], bytes.Clone(b)))
	}
	c.h.cfg.Send(b)
	return len(b), nil
}

func (c *handshakeConn) keep(flight [][]byte) {
	c.h.mu.Lock()
	defer c.h.mu.Unlock()
	if c.h.phase == phaseShaking {
		c.h.flight = flight
	}
}

// silence keeps the libraries from writing to the log: what they have to say
// is about one peer's packets.
var silence = &logging.DefaultLoggerFactory{Writer: io.Discard, DefaultLogLevel: logging.LogLevelDisabled}
