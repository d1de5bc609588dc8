package transport

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"math/rand"
	"strconv"
	"testing"
)

// TestCounterMode holds counterMode against cipher.NewCTR for all lengths that
// matter, into another buffer and in place, and looks that nothing behind the
// spare bytes is touched.
func TestCounterMode(t *testing.T) {
	rng := rand.New(rand.NewSource(1))
	for range 20 {
		key := make([]byte, 16)
		rng.Read(key)
		var fixed [4]byte
		rng.Read(fixed[:])
		c, err := newCounterMode(key, fixed)
		if err != nil {
			t.Fatal(err)
		}
		block, _ := aes.NewCipher(key)
		for n := range 400 {
			rng.Read(c.iv[:14])
			copy(c.iv[:4], fixed[:])
			if n%7 == 0 {
				c.iv[12], c.iv[13] = 0, 0 // the borrow goes around
			}
			src := make([]byte, n)
			rng.Read(src)
			want := make([]byte, n)
			cipher.NewCTR(block, c.iv[:]).XORKeyStream(want, src)

			dst := bytes.Repeat([]byte{0xaa}, n+32)
			c.xor(dst[:n:n+10], src, 10)
			if !bytes.Equal(dst[:n], want) {
				t.Fatalf("length %d: wrong bytes", n)
			}
			if !bytes.Equal(dst[n+10:], bytes.Repeat([]byte{0xaa}, 22)) {
				t.Fatalf("length %d: wrote behind the spare bytes", n)
			}
			in := append(append(make([]byte, 0, n+10), src...), make([]byte, 10)...)
			c.xor(in[:n], in[:n], 10)
			if !bytes.Equal(in[:n], want) {
				t.Fatalf("length %d: wrong bytes in place", n)
			}
		}
	}
}

func BenchmarkCounterMode(b *testing.B) {
	c, _ := newCounterMode(make([]byte, 16), [4]byte{})
	for _, n := range []int{48, 100, 127, 128, 160, 256, 1100} {
		buf := make([]byte, n+16)
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c.xor(buf[:n], buf[:n], 10)
			}
		})
	}
}
