package transport

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/subtle"
	"encoding/binary"
	"fmt"
)

// counterMode is AES in counter mode with a fresh 16-byte counter block per
// packet, without the allocation that cipher.NewCTR costs for each.
//
// Short packets are done block by block. Long ones go through GCM, whose
// encryption is counter mode too, because the standard library exposes its
// multi-block AES code only there in a form that takes an IV per call. GCM
// derives its first counter from a 16-byte nonce N as
//
//	J0 = GHASH(N) = (N·H + L)·H,   so   N = J0·H⁻² + L·H⁻¹
//
// and the nonce that leads to any wanted counter is found by one multiplication
// with a constant, which is a table. GCM's own authentication tag is thrown
// away. It is not part of SRTP_AES128_CM.
type counterMode struct {
	block cipher.Block
	gcm   cipher.AEAD
	// nonceOf[i][v] is the contribution of value v in half-byte i of the
	// variable part of J0, its bytes 4 to 13: SSRC and packet index.
	nonceOf  [20][16]fieldElement
	constant fieldElement // L·H⁻¹ and what the fixed bytes of J0 contribute

	// Scratch. These escape through the interfaces above, so they live here.
	iv      [aes.BlockSize]byte // set by the caller before xor
	nonce   [aes.BlockSize]byte
	stream  [aes.BlockSize]byte
	tail    [2 * aes.BlockSize]byte
	counter [aes.BlockSize]byte
}

// gcmFrom is the length in bytes from which the way through GCM is faster.
const gcmFrom = 128

// newCounterMode makes a counterMode whose iv has the given bytes 0 to 3; they
// are those of the session salt and never change.
func newCounterMode(key []byte, fixed [4]byte) (*counterMode, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("transport: SRTP session key: %w", err)
	}
	gcm, err := cipher.NewGCMWithNonceSize(block, aes.BlockSize)
	if err != nil {
		return nil, fmt.Errorf("transport: SRTP session key: %w", err)
	}
	c := &counterMode{block: block, gcm: gcm}

	var h [aes.BlockSize]byte
	block.Encrypt(h[:], h[:])
	inverse := loadElement(h[:]).inverse()
	square := inverse.times(inverse)
	length := fieldElement{0, 8 * aes.BlockSize} // L: no additional data, a nonce of 128 bits

	// The counter of an SRTP packet ends in 16 zero bits (RFC 3711 section
	// 4.1.1) and GCM counts once before its first block, so J0 ends in 0xffff.
	var rest [aes.BlockSize]byte
	copy(rest[:4], fixed[:])
	rest[14], rest[15] = 0xff, 0xff
	c.constant = length.times(inverse).plus(loadElement(rest[:]).times(square))
	for i := range c.nonceOf {
		for bit := range 4 {
			var one [aes.BlockSize]byte
			one[4+i/2] = 1 << (bit + 4*(1-i%2)) // the upper half of each byte comes first
			product := loadElement(one[:]).times(square)
			for v := range c.nonceOf[i] {
				if v>>bit&1 == 1 {
					c.nonceOf[i][v] = c.nonceOf[i][v].plus(product)
				}
			}
		}
	}
	return c, nil
}

// xor encrypts or decrypts src to dst with the counter block c.iv. Both have
// the same length, and are the same slice or do not overlap. The bytes of dst
// behind it, spare of them, may be overwritten with anything.
func (c *counterMode) xor(dst, src []byte, spare int) {
	done := 0
	if len(src) >= gcmFrom {
		// GCM writes 16 bytes of tag behind what it encrypts. It gets so many
		// whole blocks that the tag fits; in place, the bytes under the tag are
		// saved before.
		done = (len(src) + spare - aes.BlockSize) &^ (aes.BlockSize - 1)
		done = min(done, len(src)&^(aes.BlockSize-1))
		tail := c.tail[:copy(c.tail[:], src[done:])]
		c.findNonce()
		c.gcm.Seal(dst[:0], c.nonce[:], src[:done], nil)
		src = tail
	}
	c.counter = c.iv
	next := binary.BigEndian.Uint32(c.counter[12:]) + uint32(done/aes.BlockSize)
	for dst = dst[done:]; len(src) > 0; next++ {
		binary.BigEndian.PutUint32(c.counter[12:], next)
		c.block.Encrypt(c.stream[:], c.counter[:])
		n := subtle.XORBytes(dst, src, c.stream[:])
		dst, src = dst[n:], src[n:]
	}
}

// findNonce sets the nonce for which GCM starts with the counter c.iv.
func (c *counterMode) findNonce() {
	v := binary.BigEndian.Uint64(c.iv[4:])
	w := binary.BigEndian.Uint16(c.iv[12:]) - 1 // borrowed by the 0xffff of J0
	hi, lo := c.constant.hi, c.constant.lo
	for i := range 16 {
		e := &c.nonceOf[i][v>>60]
		hi ^= e.hi
		lo ^= e.lo
		v <<= 4
	}
	for i := 16; i < 20; i++ {
		e := &c.nonceOf[i][w>>12]
		hi ^= e.hi
		lo ^= e.lo
		w <<= 4
	}
	binary.BigEndian.PutUint64(c.nonce[:], hi)
	binary.BigEndian.PutUint64(c.nonce[8:], lo)
}

// fieldElement is an element of GF(2^128) in the bit order of GCM (NIST SP
// 800-38D section 6.3): the coefficient of x^0 is the top bit of hi. Its
// arithmetic runs when keys are made, never per packet, and takes the same
// time for all values.
type fieldElement struct{ hi, lo uint64 }

func loadElement(b []byte) fieldElement {
	return fieldElement{binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:])}
}

func (a fieldElement) plus(b fieldElement) fieldElement {
	return fieldElement{a.hi ^ b.hi, a.lo ^ b.lo}
}

func (a fieldElement) times(b fieldElement) fieldElement {
	var z fieldElement
	for i := range 128 {
		word := a.hi
		if i >= 64 {
			word = a.lo
		}
		mask := -(word >> (63 - i%64) & 1)
		z.hi ^= b.hi & mask
		z.lo ^= b.lo & mask
		carry := -(b.lo & 1)
		b.lo = b.lo>>1 | b.hi<<63
		b.hi = b.hi>>1 ^ carry&(0xe1<<56)
	}
	return z
}

// inverse is a to the power of 2^128-2.
func (a fieldElement) inverse() fieldElement {
	z := fieldElement{hi: 1 << 63} // one
	power := a
	for range 127 {
		power = power.times(power)
		z = z.times(power)
	}
	return z
}
