package transport

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"math/rand"
	"reflect"
	"testing"

	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"
)

var profiles = []Profile{ProfileAEADAES128GCM, ProfileAES128CMHMACSHA1}

// testKeys are keys of one side, and those of its peer.
func testKeys(p Profile, rng *rand.Rand) (ours, theirs Keys) {
	random := func(n int) []byte {
		b := make([]byte, n)
		rng.Read(b)
		return b
	}
	ours = Keys{p, random(p.keyLen()), random(p.saltLen()), random(p.keyLen()), random(p.saltLen())}
	return ours, Keys{p, ours.RemoteKey, ours.RemoteSalt, ours.LocalKey, ours.LocalSalt}
}

// oracle is pion's context for what k's side receives or sends.
func oracle(t testing.TB, key, salt []byte, p Profile) *srtp.Context {
	t.Helper()
	c, err := srtp.CreateContext(key, salt, srtp.ProtectionProfile(p), srtp.SRTPReplayProtection(replayWindow), srtp.SRTCPReplayProtection(64))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func testInbound(t testing.TB, k Keys) *Inbound {
	t.Helper()
	in, err := NewInbound(k)
	if err != nil {
		t.Fatal(err)
	}
	return in
}

func testOutbound(t testing.TB, k Keys) *Outbound {
	t.Helper()
	out, err := NewOutbound(k)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// rtpPacket is a packet with an extension now and then, and any payload.
func rtpPacket(t testing.TB, rng *rand.Rand, ssrc uint32, seq uint16, n int) (packet []byte, header int) {
	t.Helper()
	p := rtp.Packet{Header: rtp.Header{Version: 2, PayloadType: 96, SSRC: ssrc, SequenceNumber: seq, Timestamp: rng.Uint32(), Marker: seq%3 == 0}}
	if seq%2 == 0 {
		if err := p.SetExtension(1, []byte{1, 2, 3}); err != nil {
			t.Fatal(err)
		}
	}
	if seq%5 == 0 {
		p.CSRC = []uint32{7, 8}
	}
	p.Payload = make([]byte, n)
	rng.Read(p.Payload)
	b, err := p.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return b, len(b) - n
}

// order is a stream of sequence numbers over two wraps with gaps and late packets.
func order(rng *rand.Rand) []uint16 {
	var seqs []uint16
	for i := 65000; i < 65000+2*65536+2000; i += 1 + rng.Intn(200) {
		seqs = append(seqs, uint16(i))
	}
	shuffleNearby(rng, seqs)
	return seqs
}

// shuffleNearby reorders within groups of four; the first stays the first.
func shuffleNearby[T any](rng *rand.Rand, s []T) {
	for i := 1; i+4 <= len(s); i += 4 {
		group := s[i : i+4]
		rng.Shuffle(4, func(a, b int) { group[a], group[b] = group[b], group[a] })
	}
}

func TestSRTPSealedHereOpensThere(t *testing.T) {
	for _, profile := range profiles {
		t.Run(profile.String(), func(t *testing.T) {
			rng := rand.New(rand.NewSource(2))
			ours, _ := testKeys(profile, rng)
			out := testOutbound(t, ours)
			peer := oracle(t, ours.LocalKey, ours.LocalSalt, profile)
			var again [][2][]byte
			for _, seq := range order(rng) {
				for _, ssrc := range []uint32{1, 0xfffffff0} {
					packet, header := rtpPacket(t, rng, ssrc, seq, rng.Intn(1200))
					payload := bytes.Clone(packet[header:])
					prefix := payload[:min(len(payload), rng.Intn(3))]
					dst := make([]byte, len(packet)+out.Overhead())
					n := out.SealRTP(dst, packet[:header], prefix, payload[len(prefix):], 0)
					if n != len(dst) {
						t.Fatalf("sequence number %d: sealed to %d bytes, want %d", seq, n, len(dst))
					}
					if !bytes.Equal(payload, packet[header:]) {
						t.Fatal("the shared payload was written to")
					}
					got, err := peer.DecryptRTP(nil, dst, nil)
					if err != nil {
						t.Fatalf("sequence number %d: %v", seq, err)
					}
					if !bytes.Equal(got, packet) {
						t.Fatalf("sequence number %d: another packet came out", seq)
					}
					again = append(again, [2][]byte{packet, dst})
					again = again[max(0, len(again)-50):]
				}
			}
			// A packet sealed again, in answer to a NACK, is the same packet.
			for _, pair := range again {
				dst := make([]byte, len(pair[1]))
				header := rtpHeaderLength(pair[0])
				out.SealRTP(dst, pair[0][:header], nil, pair[0][header:], 0)
				if !bytes.Equal(dst, pair[1]) {
					t.Fatal("sealed again, a packet became another")
				}
			}
		})
	}
}

func TestSRTPSealedThereOpensHere(t *testing.T) {
	for _, profile := range profiles {
		t.Run(profile.String(), func(t *testing.T) {
			rng := rand.New(rand.NewSource(3))
			ours, _ := testKeys(profile, rng)
			in := testInbound(t, ours)
			peer := oracle(t, ours.RemoteKey, ours.RemoteSalt, profile)
			sealed := map[int][]byte{}
			var plain [][]byte
			// pion must seal in order, or it takes the wrap for a jump back.
			i := 0
			for seq := 65000; seq < 65000+65536+1500; seq += 1 + rng.Intn(100) {
				packet, _ := rtpPacket(t, rng, 77, uint16(seq), rng.Intn(1200))
				b, err := peer.EncryptRTP(nil, packet, nil)
				if err != nil {
					t.Fatal(err)
				}
				sealed[i] = b
				plain = append(plain, packet)
				i++
			}
			turn := make([]int, i)
			for j := range turn {
				turn[j] = j
			}
			shuffleNearby(rng, turn)
			for _, j := range turn {
				bad := bytes.Clone(sealed[j])
				bad[rng.Intn(len(bad))] ^= 1 << rng.Intn(8)
				if _, err := in.OpenRTP(bad); err == nil {
					t.Fatal("a changed packet was opened")
				}
				got, err := in.OpenRTP(bytes.Clone(sealed[j]))
				if err != nil {
					t.Fatalf("packet %d: %v", j, err)
				}
				if !bytes.Equal(got, plain[j]) {
					t.Fatalf("packet %d: another packet came out", j)
				}
				if _, err := in.OpenRTP(bytes.Clone(sealed[j])); !errors.Is(err, ErrSRTPReplayed) {
					t.Fatalf("packet %d: opened twice: %v", j, err)
				}
			}
			if n := len(in.State().RTP); n != 1 {
				t.Fatalf("%d SSRCs are remembered: changed packets left something behind", n)
			}
		})
	}
}

func TestSRTCPBothWays(t *testing.T) {
	for _, profile := range profiles {
		t.Run(profile.String(), func(t *testing.T) {
			rng := rand.New(rand.NewSource(4))
			ours, _ := testKeys(profile, rng)
			in, out := testInbound(t, ours), testOutbound(t, ours)
			sender := oracle(t, ours.RemoteKey, ours.RemoteSalt, profile)
			receiver := oracle(t, ours.LocalKey, ours.LocalSalt, profile)
			for i := range 300 {
				plain := make([]byte, 8+4*rng.Intn(100))
				rng.Read(plain)
				plain[0], plain[1] = 0x80, 200
				binary.BigEndian.PutUint16(plain[2:], uint16(len(plain)/4-1))
				binary.BigEndian.PutUint32(plain[4:], uint32(i%3))

				dst := make([]byte, len(plain)+out.OverheadRTCP())
				if n := out.SealRTCP(dst, plain); n != len(dst) {
					t.Fatalf("sealed to %d bytes, want %d", n, len(dst))
				}
				got, err := receiver.DecryptRTCP(nil, dst, nil)
				if err != nil || !bytes.Equal(got, plain) {
					t.Fatalf("sealed here, not opened there: %v", err)
				}
				// In place.
				copy(dst, plain)
				if n := out.SealRTCP(dst, dst[:len(plain)]); n != len(dst) {
					t.Fatal("not sealed in place")
				}
				if got, err = receiver.DecryptRTCP(nil, dst, nil); err != nil || !bytes.Equal(got, plain) {
					t.Fatalf("sealed in place, not opened there: %v", err)
				}

				sealed, err := sender.EncryptRTCP(nil, plain, nil)
				if err != nil {
					t.Fatal(err)
				}
				bad := bytes.Clone(sealed)
				bad[rng.Intn(len(bad))] ^= 1 << rng.Intn(8)
				if _, err := in.OpenRTCP(bad); err == nil {
					t.Fatal("a changed packet was opened")
				}
				if got, err = in.OpenRTCP(bytes.Clone(sealed)); err != nil || !bytes.Equal(got, plain) {
					t.Fatalf("sealed there, not opened here: %v", err)
				}
				if _, err = in.OpenRTCP(bytes.Clone(sealed)); !errors.Is(err, ErrSRTPReplayed) {
					t.Fatalf("opened twice: %v", err)
				}
			}
		})
	}
}

// TestSRTPStateSurvivesHandover stops in mid-stream, carries the state through
// JSON into new halves, and goes on: the peer notices nothing and old packets
// stay refused.
func TestSRTPStateSurvivesHandover(t *testing.T) {
	for _, profile := range profiles {
		t.Run(profile.String(), func(t *testing.T) {
			rng := rand.New(rand.NewSource(5))
			ours, theirs := testKeys(profile, rng)
			out, peer := testOutbound(t, ours), testInbound(t, theirs)
			var old [][]byte
			send := func(seq int) []byte {
				packet, header := rtpPacket(t, rng, 9, uint16(seq), 100)
				dst := make([]byte, len(packet)+out.Overhead())
				return dst[:out.SealRTP(dst, packet[:header], nil, packet[header:], 0)]
			}
			for seq := 65500; seq < 65600; seq++ {
				b := send(seq)
				old = append(old, bytes.Clone(b))
				if _, err := peer.OpenRTP(b); err != nil {
					t.Fatal(err)
				}
			}
			rtcp := append([]byte{0x80, 201, 0, 1, 0, 0, 0, 9}, make([]byte, 64)...)
			n := out.SealRTCP(rtcp, rtcp[:8])
			if _, err := peer.OpenRTCP(bytes.Clone(rtcp[:n])); err != nil {
				t.Fatal(err)
			}

			var outState OutboundState
			var inState InboundState
			var keys Keys
			throughJSON(t, out.State(), &outState)
			throughJSON(t, peer.State(), &inState)
			throughJSON(t, ours, &keys)
			if !reflect.DeepEqual(outState, out.State()) || !reflect.DeepEqual(inState, peer.State()) {
				t.Fatal("state changed on its way through JSON")
			}
			out, peer = testOutbound(t, keys), testInbound(t, theirs)
			out.Restore(outState)
			peer.Restore(inState)

			for _, b := range old {
				if _, err := peer.OpenRTP(bytes.Clone(b)); !errors.Is(err, ErrSRTPReplayed) {
					t.Fatalf("a packet from before: %v", err)
				}
			}
			if _, err := peer.OpenRTCP(bytes.Clone(rtcp[:n])); !errors.Is(err, ErrSRTPReplayed) {
				t.Fatalf("an RTCP packet from before: %v", err)
			}
			for seq := 65600; seq < 65700; seq++ {
				if _, err := peer.OpenRTP(send(seq)); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func throughJSON(t *testing.T, from, to any) {
	t.Helper()
	b, err := json.Marshal(from)
	if err == nil {
		err = json.Unmarshal(b, to)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestSRTPRefuses(t *testing.T) {
	for _, profile := range profiles {
		rng := rand.New(rand.NewSource(6))
		ours, theirs := testKeys(profile, rng)
		out, in := testOutbound(t, ours), testInbound(t, theirs)
		seal := func(header, payload []byte) []byte {
			dst := make([]byte, len(header)+len(payload)+out.Overhead())
			return dst[:out.SealRTP(dst, header, nil, payload, 0)]
		}
		header := func(ssrc uint32, seq uint16, first byte) []byte {
			h := make([]byte, 12)
			h[0] = first
			binary.BigEndian.PutUint16(h[2:], seq)
			binary.BigEndian.PutUint32(h[8:], ssrc)
			return h
		}
		for _, c := range []struct {
			name   string
			packet []byte
			want   error
		}{
			{"nothing", nil, ErrSRTPMalformed},
			{"header only", header(1, 1, 0x80), ErrSRTPMalformed},
			{"another version", append(header(1, 1, 0x40), make([]byte, 40)...), ErrSRTPMalformed},
			{"extension past the end", append(header(1, 1, 0x90), 0, 0, 0xff, 0xff, 1, 2, 3), ErrSRTPMalformed},
			{"CSRCs past the end", append(header(1, 1, 0x8f), make([]byte, 20)...), ErrSRTPMalformed},
			{"not sealed", append(header(1, 1, 0x80), make([]byte, 40)...), ErrSRTPAuth},
			{"empty payload", seal(header(1, 1, 0x80), nil), nil},
			{"padding alone", seal(header(1, 2, 0xa0), []byte{0, 0, 0, 4}), nil},
			{"padding of none", seal(header(1, 3, 0xa0), []byte{1, 2, 0}), ErrSRTPMalformed},
			{"padding too long", seal(header(1, 4, 0xa0), []byte{1, 2, 4}), ErrSRTPMalformed},
			{"padding without a byte", seal(header(1, 5, 0xa0), nil), ErrSRTPMalformed},
		} {
			if _, err := in.OpenRTP(c.packet); !errors.Is(err, c.want) {
				t.Errorf("%v: %s: %v, want %v", profile, c.name, err, c.want)
			}
		}
		if out.SealRTP(make([]byte, 12+4+out.Overhead()-1), header(1, 9, 0x80), nil, make([]byte, 4), 0) != 0 {
			t.Error("sealed into a buffer that is too small")
		}
		if out.SealRTP(make([]byte, 100), header(1, 65000, 0x80), nil, make([]byte, 4), 0) != 0 {
			t.Error("sealed a packet from before the beginning of its SSRC")
		}
		if out.SealRTP(make([]byte, 100), header(1, 9, 0x90), nil, make([]byte, 4), 0) != 0 {
			t.Error("sealed behind a malformed header")
		}
		for ssrc := range uint32(2 * maxSources) {
			_, err := in.OpenRTP(seal(header(ssrc+1, 100, 0x80), []byte{1}))
			if want := ssrc >= maxSources; want != errors.Is(err, ErrSRTPSources) {
				t.Fatalf("SSRC number %d: %v", ssrc, err)
			}
		}
		for _, b := range [][]byte{nil, make([]byte, 27), append([]byte{0x80, 200}, make([]byte, 60)...)} {
			if _, err := in.OpenRTCP(b); !errors.Is(err, ErrSRTPMalformed) {
				t.Errorf("RTCP of %d bytes: %v", len(b), err)
			}
		}
	}
	if _, err := NewInbound(Keys{Profile: 99}); !errors.Is(err, ErrKeys) {
		t.Error("keys of an unknown profile were taken")
	}
}

func TestReplayWindow(t *testing.T) {
	rng := rand.New(rand.NewSource(7))
	s := Seen{Highest: 5000}
	s.mark(5000)
	seen := map[uint64]bool{5000: true}
	for range 20000 {
		i := uint64(max(int64(s.Highest)+int64(rng.Intn(2*replayWindow))-int64(replayWindow)*3/2, 0))
		if rng.Intn(200) == 0 {
			i = s.Highest + uint64(rng.Intn(3*replayWindow))
		}
		want := seen[i] || i+replayWindow <= s.Highest
		if s.has(i) != want {
			t.Fatalf("index %d with highest %d: has %v, want %v", i, s.Highest, !want, want)
		}
		if !want {
			s.mark(i)
			seen[i] = true
		}
	}
}

func FuzzOpen(f *testing.F) {
	rng := rand.New(rand.NewSource(8))
	var ins []*Inbound
	for _, profile := range profiles {
		ours, theirs := testKeys(profile, rng)
		out := testOutbound(f, ours)
		packet, header := rtpPacket(f, rng, 5, 6, 50)
		dst := make([]byte, 200)
		f.Add(bytes.Clone(dst[:out.SealRTP(dst, packet[:header], nil, packet[header:], 0)]))
		f.Add(bytes.Clone(dst[:out.SealRTCP(dst, []byte{0x80, 200, 0, 1, 0, 0, 0, 1})]))
		ins = append(ins, testInbound(f, theirs))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, in := range ins {
			in.OpenRTP(bytes.Clone(b))
			in.OpenRTCP(bytes.Clone(b))
		}
	})
}

func TestSRTPAllocatesNothing(t *testing.T) {
	for _, profile := range profiles {
		for _, n := range []int{100, 1100} {
			rng := rand.New(rand.NewSource(9))
			ours, theirs := testKeys(profile, rng)
			out, in := testOutbound(t, ours), testInbound(t, theirs)
			packet, header := rtpPacket(t, rng, 3, 2, n)
			dst := make([]byte, 1500)
			seq := uint16(0)
			round := func() {
				seq++
				binary.BigEndian.PutUint16(packet[2:], seq)
				k := out.SealRTP(dst, packet[:header], packet[header:header+2], packet[header+2:], 0)
				if _, err := in.OpenRTP(dst[:k]); err != nil {
					t.Fatal(err)
				}
				k = out.SealRTCP(dst, append(dst[:0], 0x80, 201, 0, 1, 0, 0, 0, 9))
				if _, err := in.OpenRTCP(dst[:k]); err != nil {
					t.Fatal(err)
				}
			}
			round()
			if allocs := testing.AllocsPerRun(1000, round); allocs != 0 {
				t.Errorf("%v, %d bytes: %v allocations per round", profile, n, allocs)
			}
		}
	}
}

func BenchmarkSRTP(b *testing.B) {
	for _, profile := range profiles {
		for _, size := range []struct {
			name string
			n    int
		}{{"video", 1100}, {"audio", 100}} {
			rng := rand.New(rand.NewSource(10))
			ours, theirs := testKeys(profile, rng)
			packet, header := rtpPacket(b, rng, 3, 2, size.n)
			dst := make([]byte, 1500)
			b.Run("seal/"+size.name+"/"+profile.String(), func(b *testing.B) {
				out := testOutbound(b, ours)
				b.ReportAllocs()
				for seq := uint16(0); b.Loop(); seq++ {
					binary.BigEndian.PutUint16(packet[2:], seq)
					out.SealRTP(dst, packet[:header], nil, packet[header:], 0)
				}
			})
			b.Run("open/"+size.name+"/"+profile.String(), func(b *testing.B) {
				out, in := testOutbound(b, ours), testInbound(b, theirs)
				binary.BigEndian.PutUint16(packet[2:], 1)
				sealed := dst[:out.SealRTP(dst, packet[:header], nil, packet[header:], 0)]
				scratch := make([]byte, 1500)
				empty := in.State()
				in.OpenRTP(bytes.Clone(sealed))
				b.ReportAllocs()
				for b.Loop() {
					copy(scratch, sealed)
					in.rtp.seen[0].Window = [replayWindow / 64]uint64{} // the same packet each time
					if _, err := in.OpenRTP(scratch[:len(sealed)]); err != nil {
						b.Fatal(err)
					}
				}
				in.Restore(empty)
			})
		}
	}
}
