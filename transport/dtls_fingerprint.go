package transport

import (
	"bytes"
	"crypto"
	_ "crypto/sha1" // registers what fingerprintHash names
	_ "crypto/sha256"
	_ "crypto/sha512"
	"errors"
	"fmt"
	"strings"
)

// ErrFingerprint says that the peer in DTLS is not the one of the SDP.
var ErrFingerprint = errors.New("transport: the peer's certificate has another fingerprint than its SDP says")

// fingerprintHash is the hash by its name in a=fingerprint (RFC 8122 section
// 5). MD5 and MD2 are in its list too, only to be refused.
func fingerprintHash(name string) (crypto.Hash, error) {
	switch strings.ToLower(name) {
	case "sha-1":
		return crypto.SHA1, nil
	case "sha-224":
		return crypto.SHA224, nil
	case "sha-256":
		return crypto.SHA256, nil
	case "sha-384":
		return crypto.SHA384, nil
	case "sha-512":
		return crypto.SHA512, nil
	}
	return 0, fmt.Errorf("transport: fingerprint hash %q is not one of sha-1, sha-224, sha-256, sha-384, sha-512", name)
}

// hasFingerprint compares a certificate in DER with a fingerprint.
func hasFingerprint(der []byte, hash crypto.Hash, fingerprint []byte) bool {
	h := hash.New()
	h.Write(der)
	return bytes.Equal(h.Sum(nil), fingerprint)
}
