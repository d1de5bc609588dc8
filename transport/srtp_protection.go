package transport

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/subtle"
	"encoding/binary"
	"fmt"
	"hash"
	"reflect"
	"unsafe"
)

// protection is the cryptography of one direction, by one of two profiles. It
// knows nothing of windows and counters. It is two pointers and not an
// interface so that slices passed to it stay where they are.
type protection struct {
	tagLen int
	gcm    *gcmProtection // or
	cm     *cmProtection
}

func newProtection(p Profile, key, salt []byte) (protection, error) {
	rtp, err := deriveSessionKeys(key, salt, false)
	if err != nil {
		return protection{}, err
	}
	rtcp, err := deriveSessionKeys(key, salt, true)
	if err != nil {
		return protection{}, err
	}
	switch p {
	case ProfileAEADAES128GCM:
		g, err := newGCMProtection(rtp, rtcp)
		return protection{tagLen: gcmTagLen, gcm: g}, err
	case ProfileAES128CMHMACSHA1:
		c, err := newCMProtection(rtp, rtcp)
		return protection{tagLen: cmTagLen, cm: c}, err
	}
	return protection{}, ErrKeys
}

// sealRTP completes dst, whose first bytes are a header, with the protected
// body and returns the whole length. body may lie in dst behind the header.
func (p *protection) sealRTP(dst []byte, header int, body []byte, ssrc uint32, index uint64) int {
	if p.gcm != nil {
		return p.gcm.sealRTP(dst, header, body, ssrc, index)
	}
	return p.cm.sealRTP(dst, header, body, ssrc, index)
}

// openRTP decrypts a packet with a header of that length in place and returns
// the length of the plain one; -1 if it is not authentic.
func (p *protection) openRTP(packet []byte, header int, ssrc uint32, index uint64) int {
	if p.gcm != nil {
		return p.gcm.openRTP(packet, header, ssrc, index)
	}
	return p.cm.openRTP(packet, header, ssrc, index)
}

func (p *protection) sealRTCP(dst, plain []byte, ssrc, index uint32) int {
	copy(dst, plain)
	if p.gcm != nil {
		return p.gcm.sealRTCP(dst, len(plain), ssrc, index)
	}
	return p.cm.sealRTCP(dst, len(plain), ssrc, index)
}

func (p *protection) openRTCP(packet []byte, ssrc, index uint32) int {
	if p.gcm != nil {
		return p.gcm.openRTCP(packet, ssrc, index)
	}
	return p.cm.openRTCP(packet, ssrc, index)
}

// rtcpIndex is the word with the E flag and the index of a packet that is long
// enough. It is the last one, or the last one before the tag.
func (p *protection) rtcpIndex(packet []byte) uint32 {
	at := len(packet) - srtcpIndexLen
	if p.cm != nil {
		at -= cmTagLen
	}
	return binary.BigEndian.Uint32(packet[at:])
}

const gcmTagLen = 16

// gcmProtection is AEAD_AES_128_GCM, RFC 7714.
type gcmProtection struct {
	rtp, rtcp         cipher.AEAD
	rtpSalt, rtcpSalt [12]byte
	key               unsafe.Pointer // to what rtp is, for prefetching; its fields are private
	keySize           uintptr
	// Scratch: passed through an interface, a local variable would be
	// allocated for each packet.
	nonce [12]byte
	aad   [rtcpFixedLen + srtcpIndexLen]byte
}

func newGCMProtection(rtp, rtcp sessionKeys) (*gcmProtection, error) {
	g := &gcmProtection{}
	copy(g.rtpSalt[:], rtp.salt)
	copy(g.rtcpSalt[:], rtcp.salt)
	var err error
	if g.rtp, err = newGCM(rtp.key); err == nil {
		g.rtcp, err = newGCM(rtcp.key)
		if v := reflect.ValueOf(g.rtp); v.Kind() == reflect.Pointer {
			g.key, g.keySize = v.UnsafePointer(), v.Type().Elem().Size()
		}
	}
	return g, err
}

func newGCM(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("transport: AES key: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("transport: AES-GCM: %w", err)
	}
	return aead, nil
}

// rtpNonce sets the nonce of RFC 7714 section 8.1.
func (g *gcmProtection) rtpNonce(ssrc uint32, index uint64) {
	binary.BigEndian.PutUint16(g.nonce[:], 0)
	binary.BigEndian.PutUint32(g.nonce[2:], ssrc)
	binary.BigEndian.PutUint32(g.nonce[6:], uint32(index>>16))
	binary.BigEndian.PutUint16(g.nonce[10:], uint16(index))
	subtle.XORBytes(g.nonce[:], g.nonce[:], g.rtpSalt[:])
}

// rtcpNonce sets the nonce of RFC 7714 section 9.1 and the additional data of
// an encrypted packet, section 9.2.
func (g *gcmProtection) rtcpNonce(header []byte, ssrc, index uint32) {
	binary.BigEndian.PutUint16(g.nonce[:], 0)
	binary.BigEndian.PutUint32(g.nonce[2:], ssrc)
	binary.BigEndian.PutUint16(g.nonce[6:], 0)
	binary.BigEndian.PutUint32(g.nonce[8:], index)
	subtle.XORBytes(g.nonce[:], g.nonce[:], g.rtcpSalt[:])
	copy(g.aad[:], header[:rtcpFixedLen])
	binary.BigEndian.PutUint32(g.aad[rtcpFixedLen:], index|1<<31)
}

func (g *gcmProtection) sealRTP(dst []byte, header int, body []byte, ssrc uint32, index uint64) int {
	g.rtpNonce(ssrc, index)
	return header + len(g.rtp.Seal(dst[header:header], g.nonce[:], body, dst[:header]))
}

func (g *gcmProtection) openRTP(packet []byte, header int, ssrc uint32, index uint64) int {
	g.rtpNonce(ssrc, index)
	body, err := g.rtp.Open(packet[header:header], g.nonce[:], packet[header:], packet[:header])
	if err != nil {
		return -1
	}
	return header + len(body)
}

func (g *gcmProtection) sealRTCP(dst []byte, n int, ssrc, index uint32) int {
	g.rtcpNonce(dst, ssrc, index)
	g.rtcp.Seal(dst[rtcpFixedLen:rtcpFixedLen], g.nonce[:], dst[rtcpFixedLen:n], g.aad[:])
	n += gcmTagLen
	binary.BigEndian.PutUint32(dst[n:], index|1<<31)
	return n + srtcpIndexLen
}

func (g *gcmProtection) openRTCP(packet []byte, ssrc, index uint32) int {
	g.rtcpNonce(packet, ssrc, index)
	sealed := packet[rtcpFixedLen : len(packet)-srtcpIndexLen]
	body, err := g.rtcp.Open(sealed[:0], g.nonce[:], sealed, g.aad[:])
	if err != nil {
		return -1
	}
	return rtcpFixedLen + len(body)
}

const cmTagLen = 10

// cmProtection is AES128_CM_HMAC_SHA1_80, RFC 3711.
type cmProtection struct {
	rtp, rtcp cmKeys
}

// cmKeys are the keys of cmProtection for RTP or RTCP.
type cmKeys struct {
	ctr  *counterMode
	mac  hash.Hash
	salt [14]byte

	// Scratch, for the same reason as in gcmProtection.
	trailer [4]byte
	sum     [sha1.Size]byte
}

func newCMProtection(rtp, rtcp sessionKeys) (*cmProtection, error) {
	c := &cmProtection{}
	if err := c.rtp.init(rtp); err != nil {
		return nil, err
	}
	return c, c.rtcp.init(rtcp)
}

func (k *cmKeys) init(s sessionKeys) (err error) {
	copy(k.salt[:], s.salt)
	k.ctr, err = newCounterMode(s.key, [4]byte(s.salt))
	k.mac = hmac.New(sha1.New, s.auth)
	return err
}

// encrypt applies the keystream of RFC 3711 section 4.1.1, either way. Behind
// dst there is room for a tag.
func (k *cmKeys) encrypt(dst, src []byte, ssrc uint32, index uint64) {
	iv := &k.ctr.iv
	copy(iv[:4], k.salt[:])
	binary.BigEndian.PutUint32(iv[4:], ssrc^binary.BigEndian.Uint32(k.salt[4:]))
	binary.BigEndian.PutUint32(iv[8:], uint32(index>>16)^binary.BigEndian.Uint32(k.salt[8:]))
	binary.BigEndian.PutUint16(iv[12:], uint16(index)^binary.BigEndian.Uint16(k.salt[12:]))
	k.ctr.xor(dst, src, cmTagLen)
}

// tag is the authentication tag of b, and of the trailer if there is one, valid
// until the next call.
func (k *cmKeys) tag(b []byte, trailer []byte) []byte {
	k.mac.Reset()
	k.mac.Write(b)
	k.mac.Write(trailer)
	return k.mac.Sum(k.sum[:0])[:cmTagLen]
}

// rollover is the trailer under the tag of an RTP packet, section 4.2.
func (k *cmKeys) rollover(index uint64) []byte {
	binary.BigEndian.PutUint32(k.trailer[:], uint32(index>>16))
	return k.trailer[:]
}

func (c *cmProtection) sealRTP(dst []byte, header int, body []byte, ssrc uint32, index uint64) int {
	n := header + len(body)
	c.rtp.encrypt(dst[header:n], body, ssrc, index)
	return n + copy(dst[n:], c.rtp.tag(dst[:n], c.rtp.rollover(index)))
}

func (c *cmProtection) openRTP(packet []byte, header int, ssrc uint32, index uint64) int {
	n := len(packet) - cmTagLen
	if subtle.ConstantTimeCompare(packet[n:], c.rtp.tag(packet[:n], c.rtp.rollover(index))) == 0 {
		return -1
	}
	c.rtp.encrypt(packet[header:n], packet[header:n], ssrc, index)
	return n
}

func (c *cmProtection) sealRTCP(dst []byte, n int, ssrc, index uint32) int {
	body := dst[rtcpFixedLen:n]
	c.rtcp.encrypt(body, body, ssrc, uint64(index))
	binary.BigEndian.PutUint32(dst[n:], index|1<<31)
	n += srtcpIndexLen
	return n + copy(dst[n:], c.rtcp.tag(dst[:n], nil))
}

func (c *cmProtection) openRTCP(packet []byte, ssrc, index uint32) int {
	n := len(packet) - cmTagLen
	if subtle.ConstantTimeCompare(packet[n:], c.rtcp.tag(packet[:n], nil)) == 0 {
		return -1
	}
	n -= srtcpIndexLen
	body := packet[rtcpFixedLen:n]
	c.rtcp.encrypt(body, body, ssrc, uint64(index))
	return n
}
