package transport

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"fmt"
	"math/big"
	"strings"
	"time"
)

// Certificate is what this process shows to every peer in DTLS: self-signed,
// ECDSA on P-256, made at start. Nobody trusts it by its issuer; the SDP
// carries its fingerprint.
type Certificate struct {
	tls         tls.Certificate
	fingerprint string
}

// NewCertificate makes a key and a certificate. It is valid for ten years and
// from yesterday on, so that a peer's wrong clock does not matter.
func NewCertificate() (*Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("transport: key of the DTLS certificate: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 64))
	if err != nil {
		return nil, fmt.Errorf("transport: serial of the DTLS certificate: %w", err)
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: "WebRTC"},
		NotBefore:    now.AddDate(0, 0, -1),
		NotAfter:     now.AddDate(10, 0, 0),
		KeyUsage:     x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, fmt.Errorf("transport: DTLS certificate: %w", err)
	}
	leaf, err := x509.ParseCertificate(der) // else the library does, for each peer
	if err != nil {
		return nil, fmt.Errorf("transport: DTLS certificate: %w", err)
	}
	sum := sha256.Sum256(der)
	return &Certificate{
		tls:         tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf},
		fingerprint: formatFingerprint(sum[:]),
	}, nil
}

// Fingerprint is the sha-256 fingerprint in the form of SDP's a=fingerprint:
// upper-case hex bytes with colons, without the name of the hash.
func (c *Certificate) Fingerprint() string { return c.fingerprint }

func formatFingerprint(sum []byte) string {
	digits := strings.ToUpper(hex.EncodeToString(sum))
	var b strings.Builder
	b.Grow(len(sum) * 3)
	for i := 0; i < len(digits); i += 2 {
		if i > 0 {
			b.WriteByte(':')
		}
		b.WriteString(digits[i : i+2])
	}
	return b.String()
}
