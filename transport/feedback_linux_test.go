//go:build amd64 || arm64

package transport

import (
	"net/netip"
	"testing"
	"time"
)

// Transport-wide feedback wakes nobody: Read does not return for it. All else comes
// as ever, and both come to the same shard.
func TestFeedbackIsKeptApart(t *testing.T) {
	for _, tt := range []struct {
		name   string
		listen netip.AddrPort
		from   netip.AddrPort
		shards int
	}{
		{"one shard", loopback4, loopback4, 1},
		{"one shard, IPv6", loopback6, loopback6, 1},
		{"all interfaces", wildcard, loopback4, 1},
		{"three shards", loopback4, loopback4, 3},
		{"three shards, IPv6", loopback6, loopback6, 3},
		{"three shards on all interfaces", wildcard, loopback4, 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			shards, err := ListenShards(tt.listen.Addr(), 0, 0, tt.shards)
			if err != nil {
				if tt.listen == loopback6 {
					t.Skipf("no IPv6 here: %v", err)
				}
				t.Fatal(err)
			}
			for _, u := range shards {
				defer u.Close()
				if !u.DefersFeedback() {
					t.Fatal("feedback comes with the rest")
				}
			}
			to := Path{Remote: netip.AddrPortFrom(tt.from.Addr(), shards[0].LocalAddr().Port())}
			b := NewBatch(64)
			used := map[int]bool{}
			for range 24 {
				peer := open(t, "batched", tt.from)
				plain := [][]byte{{0x80, 111, 1}, {0x81, 205, 2}, {0x8f, 206, 3}, {0x00, 0x01, 4}, {0xff, 0xff}, {7}}
				feedback := [][]byte{{0x8f, 205, 1}, {0xaf, 205, 2}}
				for _, data := range append(feedback, plain...) {
					if err := SendTo(peer, to, data); err != nil {
						t.Fatal(err)
					}
				}
				var got, apart, short int
				for i, u := range shards {
					for n := 1; n > 0; {
						if err := u.Read(b, time.Now().Add(time.Millisecond)); err != nil {
							t.Fatal(err)
						}
						n = b.Len()
						for k := range n {
							if data, _ := b.Packet(k); len(data) == 1 {
								short++ // too short to be looked at
								continue
							}
							got |= 1 << i
						}
					}
					if err := u.ReadFeedback(b); err != nil {
						t.Fatal(err)
					}
					if b.Len() == 0 {
						continue
					}
					apart |= 1 << i
					if b.Len() != len(feedback) {
						t.Errorf("%d datagrams of feedback, want %d", b.Len(), len(feedback))
					}
					data, path := b.Packet(0)
					if data[0] != 0x8f || data[1] != 205 || path.Remote.Port() != peer.LocalAddr().Port() || path.Local != tt.from.Addr() {
						t.Errorf("% x came apart, by %v", data, path)
					}
				}
				if got == 0 || got&(got-1) != 0 || apart != got || short != 1 {
					t.Fatalf("shards %b got the packets, %b the feedback, %d short ones", got, apart, short)
				}
				used[got] = true
			}
			if len(used) != tt.shards {
				t.Errorf("%d of %d shards got anything", len(used), tt.shards)
			}
		})
	}
}

// A loop that is always late must read all the same.
func TestReadWithAPastDeadline(t *testing.T) {
	u, peer := open(t, "batched", loopback4), open(t, "batched", loopback4)
	b := NewBatch(8)
	for range 3 {
		if err := SendTo(peer, Path{Remote: u.LocalAddr()}, []byte{1}); err != nil {
			t.Fatal(err)
		}
		if err := u.Read(b, time.Now().Add(-time.Second)); err != nil || b.Len() != 1 {
			t.Fatalf("%d datagrams, error %v", b.Len(), err)
		}
	}
}
