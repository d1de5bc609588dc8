package transport

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/dtls/v3"
)

// clientFlightInterval is when a client sends an unanswered flight again, doubling
// each time, as libwebrtc does it: the first one may come before the server has
// taken the pair for its own.
const clientFlightInterval = 50 * time.Millisecond

// ClientHandshake is the DTLS client of one transport: the handshake that gives
// the SRTP keys. It keeps nothing afterwards, since the last flight of a
// handshake is the server's to repeat; so there are no data channels over it.
type ClientHandshake struct {
	cfg     HandshakeConfig
	mailbox *mailbox
	muted   atomic.Bool

	mu     sync.Mutex
	cancel context.CancelFunc
	over   bool
}

// NewClientHandshake makes a handshake that begins with Start. Left of the
// configuration is not used. The error says that the fingerprint is not usable.
func NewClientHandshake(cfg HandshakeConfig) (*ClientHandshake, error) {
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
	return &ClientHandshake{cfg: cfg, mailbox: newMailbox(32)}, nil
}

// Start sends the ClientHello. It is called once, when there is a path.
func (h *ClientHandshake) Start() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.over {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), h.cfg.Timeout)
	h.cancel = cancel
	go h.run(ctx, cancel)
}

// Handle takes one DTLS datagram of the server; it is copied. It never blocks.
func (h *ClientHandshake) Handle(datagram []byte) {
	if !h.muted.Load() {
		h.mailbox.put(bytes.Clone(datagram))
	}
}

// Close ends a handshake that is not done. Done is not called any more.
func (h *ClientHandshake) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.over = true
	if h.cancel != nil {
		h.cancel()
	}
	_ = h.mailbox.Close()
}

func (h *ClientHandshake) run(ctx context.Context, cancel context.CancelFunc) {
	defer cancel()
	keys, err := h.shake(ctx)
	h.mu.Lock()
	over := h.over
	h.over = true
	h.mu.Unlock()
	if !over {
		h.cfg.Done(keys, err)
	}
}

func (h *ClientHandshake) shake(ctx context.Context) (*Keys, error) {
	hash, _ := fingerprintHash(h.cfg.PeerHash)
	mismatch := false
	c, err := dtls.ClientWithOptions(&clientConn{h.mailbox, h}, peerAddr{},
		dtls.WithCertificates(h.cfg.Certificate.tls),
		dtls.WithCipherSuites(dtls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256),
		dtls.WithSRTPProtectionProfiles(dtls.SRTP_AEAD_AES_128_GCM, dtls.SRTP_AES128_CM_HMAC_SHA1_80),
		dtls.WithExtendedMasterSecret(dtls.RequireExtendedMasterSecret),
		// The fingerprint in the session description is what counts, not who
		// has signed the certificate.
		dtls.WithInsecureSkipVerify(true),
		dtls.WithVerifyPeerCertificate(func(certificates [][]byte, _ [][]*x509.Certificate) error {
			if len(certificates) == 0 || !hasFingerprint(certificates[0], hash, h.cfg.PeerFingerprint) {
				mismatch = true
				return ErrFingerprint
			}
			return nil
		}),
		dtls.WithFlightInterval(clientFlightInterval),
		dtls.WithMTU(1200),
		dtls.WithLoggerFactory(silence),
	)
	if err != nil {
		return nil, fmt.Errorf("transport: DTLS: %w", err)
	}
	// Close waits for the goroutines of the connection.
	defer func() { _ = c.Close() }()
	err = c.HandshakeContext(ctx)
	h.muted.Store(true)
	switch {
	case mismatch:
		return nil, ErrFingerprint
	case errors.Is(err, context.DeadlineExceeded):
		return nil, fmt.Errorf("transport: DTLS handshake not done after %v: %w", h.cfg.Timeout, err)
	case err != nil:
		return nil, fmt.Errorf("transport: DTLS handshake: %w", err)
	}
	state, ok := c.ConnectionState()
	if !ok {
		return nil, errRecordState
	}
	profile, ok := c.SelectedSRTPProtectionProfile()
	if !ok {
		return nil, errors.New("transport: the peer agreed to no SRTP profile")
	}
	material, err := state.ExportKeyingMaterial("EXTRACTOR-dtls_srtp", nil, exportLen(Profile(profile)))
	if err != nil {
		return nil, fmt.Errorf("transport: SRTP keys from DTLS: %w", err)
	}
	keys, err := keysFromExport(Profile(profile), material)
	if err != nil {
		return nil, err
	}
	// keysFromExport speaks as the server.
	keys.LocalKey, keys.RemoteKey = keys.RemoteKey, keys.LocalKey
	keys.LocalSalt, keys.RemoteSalt = keys.RemoteSalt, keys.LocalSalt
	return keys, nil
}

// clientConn is the net.PacketConn that the library works on.
type clientConn struct {
	*mailbox
	h *ClientHandshake
}

// ReadFrom waits for the server's next datagram.
func (c *clientConn) ReadFrom(b []byte) (int, net.Addr, error) {
	datagram, err := c.get()
	return copy(b, datagram), peerAddr{}, err
}

// WriteTo sends a datagram to the server, unless the handshake is over.
func (c *clientConn) WriteTo(b []byte, _ net.Addr) (int, error) {
	if !c.h.muted.Load() {
		c.h.cfg.Send(b)
	}
	return len(b), nil
}
