package transport

import (
	"crypto/aes"
	"crypto/cipher"
	"fmt"
)

// The labels of key derivation, RFC 3711 section 4.3.
const (
	labelRTPKey   = 0
	labelRTPAuth  = 1
	labelRTPSalt  = 2
	labelRTCPKey  = 3
	labelRTCPAuth = 4
	labelRTCPSalt = 5
)

// sessionKeys are what a pair of master key and salt unfolds into, for RTP or
// for RTCP.
type sessionKeys struct {
	key  []byte // 16 bytes, AES
	salt []byte // as long as the master salt
	auth []byte // 20 bytes, HMAC-SHA1; unused by GCM
}

// deriveSessionKeys runs the AES-CM key derivation of RFC 3711 section 4.3.3
// at key derivation rate 0: the keys never change during a session.
func deriveSessionKeys(master, salt []byte, rtcp bool) (sessionKeys, error) {
	block, err := aes.NewCipher(master)
	if err != nil {
		return sessionKeys{}, fmt.Errorf("transport: SRTP master key: %w", err)
	}
	derive := func(label byte, n int) []byte {
		// A salt of 12 bytes is taken as 14 with zeros on the right (RFC 7714
		// section 11); the label sits above the 48 bits of the (zero) index.
		var iv [aes.BlockSize]byte
		copy(iv[:14], salt)
		iv[7] ^= label
		out := make([]byte, n)
		cipher.NewCTR(block, iv[:]).XORKeyStream(out, out)
		return out
	}
	if rtcp {
		return sessionKeys{derive(labelRTCPKey, 16), derive(labelRTCPSalt, len(salt)), derive(labelRTCPAuth, 20)}, nil
	}
	return sessionKeys{derive(labelRTPKey, 16), derive(labelRTPSalt, len(salt)), derive(labelRTPAuth, 20)}, nil
}
