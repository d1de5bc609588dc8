package transport

import (
	"encoding/binary"
	"testing"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/stun/v3"
)

// pad makes b n bytes long.
func pad(n int, b ...byte) []byte { return append(b, make([]byte, n-len(b))...) }

// RFC 7983, section 7: the first byte; RFC 5761, section 4: RTP or RTCP.
func TestClassify(t *testing.T) {
	cookie := []byte{0, 1, 0, 0, 0x21, 0x12, 0xA4, 0x42}
	tests := []struct {
		name string
		b    []byte
		want Protocol
	}{
		{"empty", nil, Unknown},
		{"STUN", pad(20, cookie...), STUN},
		{"STUN, short", pad(19, cookie...), Unknown},
		{"no cookie", pad(20, 0, 1), Unknown},
		{"first byte 3", pad(20, 3, 1, 0, 0, 0x21, 0x12, 0xA4, 0x42), STUN},
		{"first byte 4", pad(20, 4, 1, 0, 0, 0x21, 0x12, 0xA4, 0x42), Unknown},
		{"ZRTP", pad(20, 16), Unknown},
		{"below DTLS", pad(20, 19), Unknown},
		{"DTLS change cipher spec", pad(14, 20), DTLS},
		{"DTLS application data", pad(14, 23), DTLS},
		{"DTLS, last", pad(14, 63), DTLS},
		{"DTLS, short", pad(12, 22), Unknown},
		{"TURN channel", pad(20, 64), Unknown},
		{"below RTP", pad(20, 127), Unknown},
		{"RTP", pad(12, 128, 96), RTP},
		{"RTP with marker", pad(12, 144, 96|128), RTP},
		{"RTP, type 63 with marker", pad(12, 128, 191), RTP},
		{"RTP, type 96 with marker", pad(12, 128, 224), RTP},
		{"RTP, short", pad(11, 128, 96), Unknown},
		{"RTCP, first type", pad(8, 128, 192), RTCP},
		{"RTCP sender report", pad(28, 128, 200), RTCP},
		{"RTCP, last type", pad(8, 191, 223), RTCP},
		{"RTCP, short", pad(7, 128, 200), Unknown},
		{"above RTP", pad(20, 192, 96), Unknown},
	}
	for _, tt := range tests {
		if got := Classify(tt.b); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

// What other implementations take for their own must be classified so.
func FuzzClassify(f *testing.F) {
	f.Add(stun.MustBuild(stun.BindingRequest, stun.TransactionID, stun.Fingerprint).Raw)
	f.Add(pad(12, 128, 96))
	f.Add(pad(8, 128, 200, 0, 1))
	f.Add(pad(13, 22, 254, 253))
	f.Fuzz(func(t *testing.T, b []byte) {
		switch Classify(b) {
		case STUN:
			if !stun.IsMessage(b) {
				t.Errorf("pion says that %x is not STUN", b)
			}
		case RTP:
			if h := new(rtp.Header); b[0] == 128 && len(b) >= 12 {
				if _, err := h.Unmarshal(b); err != nil {
					t.Errorf("pion says that %x is not RTP: %v", b, err)
				}
			}
		case RTCP:
			var h rtcp.Header
			if err := h.Unmarshal(b); err != nil {
				t.Errorf("pion says that %x is not RTCP: %v", b, err)
			}
		}
	})
}

func BenchmarkClassify(b *testing.B) {
	packet := pad(1136, 128, 96)
	binary.BigEndian.PutUint32(packet[8:], 1)
	b.ReportAllocs()
	for range b.N {
		if Classify(packet) != RTP {
			b.Fatal("not RTP")
		}
	}
}
