package transport

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/pion/stun/v3"
)

// framed is a frame as on the wire (RFC 4571).
func framed(b []byte) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...)
}

func aCheck() []byte {
	return stun.MustBuild(stun.BindingRequest, stun.TransactionID, stun.NewUsername("Aours:them"), stun.Fingerprint).Raw
}

// median tells whether calls wait: a busy machine delays a few of them, waiting
// delays most.
func median(took []time.Duration) time.Duration {
	slices.Sort(took)
	return took[len(took)/2]
}

// readFrame reads one frame of a connection.
func readFrame(t testing.TB, r io.Reader) []byte {
	t.Helper()
	var length [2]byte
	if _, err := io.ReadFull(r, length[:]); err != nil {
		t.Fatal(err)
	}
	frame := make([]byte, binary.BigEndian.Uint16(length[:]))
	if _, err := io.ReadFull(r, frame); err != nil {
		t.Fatal(err)
	}
	return frame
}

// tcpSide is a listener in a test, with the last connection that it accepted.
type tcpSide struct {
	*TCP
	conns  chan *TCPConn
	frames chan []byte
	ended  chan *TCPConn
}

func openTCP(t testing.TB, addr netip.AddrPort, timeout time.Duration, portable bool) *tcpSide {
	t.Helper()
	s := &tcpSide{conns: make(chan *TCPConn, 100), frames: make(chan []byte, 1000), ended: make(chan *TCPConn, 100)}
	var err error
	s.TCP, err = listenTCP(addr, func(c *TCPConn, first []byte) {
		s.frames <- bytes.Clone(first)
		s.conns <- c
		c.Run(func(b []byte) { s.frames <- bytes.Clone(b) })
		s.ended <- c
	}, timeout, portable)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func dial(t testing.TB, to netip.AddrPort) *net.TCPConn {
	t.Helper()
	conn, err := net.Dial("tcp", to.String())
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn.(*net.TCPConn)
}

func eachTCP(t *testing.T, test func(t *testing.T, portable bool)) {
	for _, portable := range []bool{false, true} {
		t.Run(fmt.Sprintf("portable=%v", portable), func(t *testing.T) { test(t, portable) })
	}
}

// eventually waits for what another goroutine does.
func eventually(t testing.TB, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

func TestTCPCarriesFrames(t *testing.T) {
	eachTCP(t, func(t *testing.T, portable bool) {
		for _, host := range []string{"127.0.0.1", "::1"} {
			s := openTCP(t, wildcard, time.Minute, portable)
			client := dial(t, netip.AddrPortFrom(netip.MustParseAddr(host), s.LocalAddr().Port()))
			first := aCheck()
			all := bytes.Join([][]byte{framed(first), framed([]byte("two")), framed(nil), framed(bytes.Repeat([]byte{3}, MaxDatagram))}, nil)
			for len(all) > 0 { // in pieces that do not match the frames
				n := min(len(all), 31)
				if _, err := client.Write(all[:n]); err != nil {
					t.Fatal(err)
				}
				all = all[n:]
			}
			for i, want := range []int{len(first), 3, MaxDatagram} {
				if got := <-s.frames; len(got) != want {
					t.Errorf("frame %d has %d bytes, want %d", i, len(got), want)
				}
			}
			c := <-s.conns
			remote := client.LocalAddr().(*net.TCPAddr).AddrPort()
			want := Path{Remote: netip.AddrPortFrom(remote.Addr().Unmap(), remote.Port()), Local: netip.MustParseAddr(host), TCP: c.Path().TCP}
			if c.Path() != want || want.TCP == 0 || s.Conn(want.TCP) != c {
				t.Errorf("path %v, want %v", c.Path(), want)
			}
			c.Authenticated()
			for i := range 100 {
				if !c.Send([]byte{byte(i), 1, 2}, ClassAudio) {
					t.Fatalf("frame %d not sent", i)
				}
			}
			for i := range 100 {
				if got := readFrame(t, client); !bytes.Equal(got, []byte{byte(i), 1, 2}) {
					t.Fatalf("frame %d is %x", i, got)
				}
			}
			if c.Send(nil, ClassAudio) || c.Send(make([]byte, MaxDatagram+1), ClassAudio) {
				t.Error("an empty or too long frame was sent")
			}
			client.Close()
			<-s.ended
			eventually(t, "the connection is gone", func() bool { return s.Conn(want.TCP) == nil })
			if c.Send([]byte{1}, ClassControl) {
				t.Error("a frame was sent after the end")
			}
			if st := s.Stats(); st.Open != 0 || st.Unauthenticated != 0 || st.Accepted != 1 || st.BadFrames+st.TimedOut+st.Cut != 0 {
				t.Errorf("stats %+v", st)
			}
		}
	})
}

func TestTCPFirstFrame(t *testing.T) {
	tests := map[string][]byte{
		"no check":   framed([]byte("GET / HTTP/1.1\r\n\r\n")),
		"HTTP":       []byte("GET / HTTP/1.1\r\n\r\n"),
		"too long":   framed(append(aCheck(), make([]byte, maxFirstFrame)...)),
		"DTLS first": framed(pad(100, 22, 254, 253)),
		"empty":      framed(nil),
	}
	for name, first := range tests {
		s := openTCP(t, loopback4, time.Minute, false)
		client := dial(t, s.LocalAddr())
		_, _ = client.Write(first)
		if n, err := client.Read(make([]byte, 1)); n != 0 || err == nil {
			t.Errorf("%s: an answer", name)
		}
		eventually(t, name+": counted", func() bool { return s.Stats().BadFrames == 1 && s.Stats().Open == 0 })
		if len(s.conns) > 0 {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestTCPWithoutAuthenticCheckEnds(t *testing.T) {
	const timeout = 300 * time.Millisecond
	s := openTCP(t, loopback4, timeout, false)
	silent, slow, stranger, friend := dial(t, s.LocalAddr()), dial(t, s.LocalAddr()), dial(t, s.LocalAddr()), dial(t, s.LocalAddr())
	_, _ = slow.Write(framed(aCheck())[:5])
	_, _ = stranger.Write(framed(aCheck()))
	<-s.conns
	_, _ = friend.Write(framed(aCheck()))
	c := <-s.conns
	c.Authenticated()
	c.Authenticated() // again
	for _, conn := range []net.Conn{silent, slow, stranger} {
		if _, err := conn.Read(make([]byte, 1)); err == nil {
			t.Error("it was answered")
		}
	}
	eventually(t, "three are counted", func() bool { return s.Stats().TimedOut == 3 })
	eventually(t, "they are gone", func() bool { return s.Stats().Open == 1 && s.Stats().Unauthenticated == 0 })
	if s.Conn(c.Path().TCP) != c {
		t.Error("the authenticated connection is gone")
	}
}

func TestTCPUnauthenticatedAreBounded(t *testing.T) {
	s := openTCP(t, loopback4, time.Minute, false)
	for range maxUnauthenticatedPerPeer + 5 {
		dial(t, s.LocalAddr())
	}
	eventually(t, "some are refused", func() bool { return s.Stats().Refused == 5 })
	if st := s.Stats(); st.Unauthenticated != maxUnauthenticatedPerPeer {
		t.Errorf("stats %+v", st)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	eventually(t, "all have ended", func() bool { return s.Stats().Open == 0 && s.Stats().Unauthenticated == 0 })
}

// rtpFrame is an RTP packet of an SSRC.
func rtpFrame(ssrc uint32, size int) []byte {
	b := pad(size, 128, 96)
	binary.BigEndian.PutUint32(b[8:], ssrc)
	return b
}

// "An ICE-TCP peer that does not read has a bounded queue: video dropped to
// the next keyframe, audio kept, the loop never blocked."
func TestTCPSlowReader(t *testing.T) {
	eachTCP(t, func(t *testing.T, portable bool) {
		s := openTCP(t, loopback4, time.Minute, portable)
		client := dial(t, s.LocalAddr())
		_ = client.SetReadBuffer(64 << 10)
		_, _ = client.Write(framed(aCheck()))
		c := <-s.conns
		c.Authenticated()

		const video, otherVideo, audio, repair = 1, 2, 3, 4
		waiting := func() int {
			c.mu.Lock()
			defer c.mu.Unlock()
			return c.backlog
		}
		var took []time.Duration
		dropped := uint64(0)
		send := func(ssrc uint32, size int, class Class) bool {
			begin := time.Now()
			sent := c.Send(rtpFrame(ssrc, size), class)
			took = append(took, time.Since(begin))
			if !sent {
				dropped++
			}
			return sent
		}
		fill := func(ssrc uint32) {
			for sent := 0; send(ssrc, 1100, ClassVideo); sent++ {
				if sent > 100_000 {
					t.Fatal("video is never dropped")
				}
			}
		}
		fill(video)
		// The system may still take some of what is waiting: it is full when no more of it goes.
		for ssrc := uint32(100); ; ssrc++ {
			before := waiting()
			time.Sleep(100 * time.Millisecond)
			if waiting() == before && before >= videoBacklog {
				break
			}
			fill(ssrc)
		}
		if !send(audio, 100, ClassAudio) || !send(audio, 100, ClassControl) {
			t.Error("audio or control was dropped")
		}
		if send(video, 1100, ClassKeyframe) || send(otherVideo, 1100, ClassVideo) || send(repair, 1100, ClassRepair) {
			t.Error("video was sent while much is waiting")
		}
		// These found the socket full.
		if each := median(took[max(0, len(took)-50):]); each > time.Millisecond {
			t.Errorf("half of the sends to who does not read took %v or more", each)
		}
		go func() { _, _ = io.Copy(io.Discard, client) }()
		eventually(t, "the queue is read", func() bool { return waiting() == 0 })
		if send(video, 1100, ClassVideo) || send(otherVideo, 1100, ClassVideo) {
			t.Error("video goes on without a keyframe")
		}
		if !send(repair, 1100, ClassRepair) || !send(5, 1100, ClassVideo) {
			t.Error("a stream that has lost nothing waits")
		}
		if !send(video, 1100, ClassKeyframe) || !send(video, 1100, ClassVideo) {
			t.Error("video does not go on with a keyframe")
		}
		if send(otherVideo, 1100, ClassVideo) {
			t.Error("the keyframe of one stream let another go on")
		}
		if st := s.Stats(); st.VideoDropped != dropped || st.Cut != 0 {
			t.Errorf("stats %+v, want %d dropped", st, dropped)
		}
	})
}

func TestTCPCutsWhoNeverReads(t *testing.T) {
	eachTCP(t, func(t *testing.T, portable bool) {
		s := openTCP(t, loopback4, time.Minute, portable)
		client := dial(t, s.LocalAddr())
		_, _ = client.Write(framed(aCheck()))
		c := <-s.conns
		c.Authenticated()
		sent := 0
		for c.Send(rtpFrame(1, 1000), ClassAudio) {
			if sent++; sent > 100_000 {
				t.Fatal("never cut")
			}
		}
		<-s.ended
		if st := s.Stats(); st.Cut != 1 {
			t.Errorf("stats %+v", st)
		}
		eventually(t, "it is gone", func() bool { return s.Stats().Open == 0 })
	})
}

// Frames of several goroutines come whole, and those of each in order, with
// the peer reading in fits.
func TestTCPManySenders(t *testing.T) {
	eachTCP(t, func(t *testing.T, portable bool) {
		s := openTCP(t, loopback4, time.Minute, portable)
		client := dial(t, s.LocalAddr())
		_, _ = client.Write(framed(aCheck()))
		c := <-s.conns
		const senders, each = 4, 150
		var all sync.WaitGroup
		for i := range senders {
			all.Go(func() {
				for j := range each {
					b := pad(300+j, byte(i), byte(j))
					if !c.Send(b, ClassControl) {
						t.Errorf("frame %d of %d was not sent", j, i)
						return
					}
					if j%40 == 0 {
						runtime.Gosched()
					}
				}
			})
		}
		in := bufio.NewReader(client)
		var next [senders]int
		for n := range senders * each {
			if n%100 == 0 {
				time.Sleep(2 * time.Millisecond)
			}
			b := readFrame(t, in)
			i := b[0]
			if int(b[1]) != next[i]%256 || len(b) != 300+next[i] {
				t.Fatalf("sender %d: frame %d of %d bytes, want %d", i, b[1], len(b), next[i])
			}
			next[i]++
		}
		all.Wait()
	})
}

func TestTCPPortInUse(t *testing.T) {
	s := openTCP(t, wildcard, time.Minute, false)
	if other, err := ListenTCP(netip.AddrPortFrom(netip.Addr{}, s.LocalAddr().Port()), nil); err == nil {
		other.Close()
		t.Error("the port was bound twice")
	}
}

// However a stream is cut into reads, the frames are the same.
func FuzzFrameReader(f *testing.F) {
	f.Add(bytes.Join([][]byte{framed([]byte("one")), framed(nil), framed([]byte("three"))}, nil), 100)
	f.Add([]byte{0xff, 0xff, 1}, 100)
	f.Add([]byte{0, 5, 1}, 3)
	f.Fuzz(func(t *testing.T, stream []byte, limit int) {
		limit = min(max(limit, 0), MaxDatagram)
		whole, bytewise := bytes.NewReader(stream), iotest.OneByteReader(bytes.NewReader(stream))
		var a, b frameReader
		for {
			x, errX := a.next(whole, limit)
			y, errY := b.next(bytewise, limit)
			if !bytes.Equal(x, y) || !errors.Is(errX, errY) {
				t.Fatalf("%x, %v in one piece; %x, %v byte by byte", x, errX, y, errY)
			}
			if errX != nil {
				return
			}
			if len(x) > limit {
				t.Fatalf("a frame of %d bytes, limit %d", len(x), limit)
			}
		}
	})
}

func TestTCPSendDoesNotAllocate(t *testing.T) {
	s := openTCP(t, loopback4, time.Minute, false)
	client := dial(t, s.LocalAddr())
	_, _ = client.Write(framed(aCheck()))
	c := <-s.conns
	frame := rtpFrame(1, 1000)
	buffer := make([]byte, 1002)
	allocs := testing.AllocsPerRun(100, func() {
		c.Send(frame, ClassVideo)
		if _, err := io.ReadFull(client, buffer); err != nil {
			t.Fatal(err)
		}
	})
	if allocs > 0 && runtime.GOOS == "linux" {
		t.Errorf("%v allocations a frame", allocs)
	}
}
