package transport

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"
)

var (
	loopback4 = netip.MustParseAddrPort("127.0.0.1:0")
	loopback6 = netip.MustParseAddrPort("[::1]:0")
	wildcard  = netip.AddrPort{}
)

// open opens a socket of a variant for the length of a test.
func open(t testing.TB, variant string, addr netip.AddrPort) *UDP {
	t.Helper()
	listen := socketVariants[variant]
	if listen == nil {
		t.Skipf("no %s sockets here", variant)
	}
	s, err := listen(addr)
	if err != nil {
		if addr.Addr() == loopback6.Addr() {
			t.Skipf("no IPv6 here: %v", err)
		}
		t.Fatal(err)
	}
	u := &UDP{socket: s}
	t.Cleanup(func() { u.Close() })
	return u
}

// receive reads n datagrams, copied.
func receive(t testing.TB, u *UDP, n int) []packet {
	t.Helper()
	var got []packet
	b := NewBatch(64)
	deadline := time.Now().Add(5 * time.Second)
	for len(got) < n {
		if err := u.Read(b, deadline); err != nil {
			t.Fatal(err)
		}
		if b.Len() == 0 {
			t.Fatalf("%d datagrams came, want %d", len(got), n)
		}
		for i := range b.Len() {
			data, path := b.Packet(i)
			got = append(got, packet{data: bytes.Clone(data), path: path})
		}
	}
	return got
}

// eachVariant runs a test for each way to read and write.
func eachVariant(t *testing.T, test func(t *testing.T, variant string)) {
	for _, variant := range slices.Sorted(func(yield func(string) bool) {
		for v := range socketVariants {
			if !yield(v) {
				return
			}
		}
	}) {
		t.Run(variant, func(t *testing.T) { test(t, variant) })
	}
}

// "Every packet leaves from the address that the peer's packets came to": a peer
// that sends to one of several addresses of a socket is answered from that one.
func TestAnswerLeavesFromWhereItCame(t *testing.T) {
	locals := []string{"127.0.0.1", "::1"}
	if runtime.GOOS == "linux" { // all of 127.0.0.0/8 is local there
		locals = append(locals, "127.0.0.2", "127.1.2.3")
	}
	eachVariant(t, func(t *testing.T, variant string) {
		if !knowsLocal[variant] {
			t.Skip("the system chooses the source")
		}
		server := open(t, variant, wildcard)
		w := NewWriter(server)
		for _, local := range locals {
			t.Run(local, func(t *testing.T) {
				addr := netip.MustParseAddr(local)
				peer := open(t, variant, netip.AddrPortFrom(addr, 0))
				to := netip.AddrPortFrom(addr, server.LocalAddr().Port())
				if addr.Is4() { // another than its own
					peer = open(t, variant, loopback4)
				}
				if err := SendTo(peer, Path{Remote: to}, []byte("check")); err != nil {
					t.Skipf("%s cannot be reached: %v", local, err)
				}
				got := receive(t, server, 1)[0]
				if want := (Path{Remote: peer.LocalAddr(), Local: addr}); got.path != want || string(got.data) != "check" {
					t.Fatalf("got %q by %v, want it by %v", got.data, got.path, want)
				}
				if err := SendTo(server, got.path, []byte("one")); err != nil {
					t.Fatal(err)
				}
				for range 3 { // a run
					copy(w.Reserve(4), "many")
					w.Commit(&got.path, 4)
				}
				w.Flush()
				for _, answer := range receive(t, peer, 4) {
					if answer.path.Remote != to {
						t.Errorf("%q came from %v, want %v", answer.data, answer.path.Remote, to)
					}
				}
			})
		}
	})
}

// What the Writer is given arrives: all of it, to whom it is for, in order,
// whatever the sizes.
func TestWriterDelivers(t *testing.T) {
	eachVariant(t, func(t *testing.T, variant string) {
		for _, addr := range []netip.AddrPort{loopback4, loopback6} {
			t.Run(addr.Addr().String(), func(t *testing.T) {
				server := open(t, variant, wildcard)
				w := NewWriter(server)
				peers := []*UDP{open(t, variant, addr), open(t, variant, addr)}
				var want [2][][]byte
				sizes := []int{1200, 1200, 1200, 900, 1200, 1, 1, 1201, 1200, 1201, MaxDatagram, MaxDatagram, 12}
				for round := range 10 {
					for i, peer := range peers {
						path := Path{Remote: peer.LocalAddr(), Local: addr.Addr()}
						for j, size := range sizes {
							data := bytes.Repeat([]byte{byte(round), byte(i), byte(j)}, size/3+1)[:size]
							copy(w.Reserve(size+20), data) // more than is committed
							w.Commit(&path, size)
							want[i] = append(want[i], data)
						}
					}
					w.Reserve(100) // not committed
				}
				w.Flush()
				for i, peer := range peers {
					got := receive(t, peer, len(want[i]))
					for j := range got {
						if !bytes.Equal(got[j].data, want[i][j]) {
							t.Fatalf("peer %d, datagram %d: got %d bytes %.6x, want %d bytes %.6x", i, j,
								len(got[j].data), got[j].data, len(want[i][j]), want[i][j])
						}
					}
				}
				n := uint64(len(sizes) * 20)
				s := w.Stats()
				if s.Datagrams != n || s.Failed+s.Dropped+s.Fallbacks != 0 {
					t.Errorf("stats %+v, want %d datagrams", s, n)
				}
				if merged := s.Messages < n; merged != w.sender.merges() {
					t.Errorf("%d messages for %d datagrams; merging is %v", s.Messages, n, w.sender.merges())
				}
			})
		}
	})
}

// noSender takes everything.
type noSender struct{}

func (noSender) merges() bool { return true }
func (noSender) send(w *Writer) {
	for i := range w.runs {
		w.stats.sent(&w.runs[i])
	}
}

// A run is equal sizes, of which the last may be less, to one path, up to 64
// datagrams and one IP packet.
func TestRuns(t *testing.T) {
	a := Path{Remote: netip.MustParseAddrPort("192.0.2.1:1")}
	b := Path{Remote: netip.MustParseAddrPort("192.0.2.1:2")}
	type datagram struct {
		path *Path
		size int
	}
	repeat := func(d datagram, n int) []datagram { return slices.Repeat([]datagram{d}, n) }
	tests := []struct {
		name      string
		datagrams []datagram
		counts    []int
	}{
		{"equal", repeat(datagram{&a, 1000}, 5), []int{5}},
		{"shorter ends a run", []datagram{{&a, 10}, {&a, 10}, {&a, 9}, {&a, 9}, {&a, 9}}, []int{3, 2}},
		{"longer begins one", []datagram{{&a, 10}, {&a, 11}, {&a, 11}}, []int{1, 2}},
		{"another path", []datagram{{&a, 10}, {&b, 10}, {&a, 10}}, []int{1, 1, 1}},
		{"64 segments", repeat(datagram{&a, 5}, 130), []int{64, 64, 2}},
		{"64 KB", repeat(datagram{&a, 2000}, 40), []int{32, 8}},
		{"empty", []datagram{{&a, 10}, {&a, 0}, {&a, 10}}, []int{2}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := &Writer{sender: noSender{}, slab: make([]byte, slabSize), runs: make([]run, 0, maxRuns)}
			for _, d := range tt.datagrams {
				w.Reserve(d.size)
				w.Commit(d.path, d.size)
			}
			var counts []int
			for _, r := range w.runs {
				counts = append(counts, r.count)
			}
			if !slices.Equal(counts, tt.counts) {
				t.Errorf("runs of %v datagrams, want %v", counts, tt.counts)
			}
		})
	}
}

func TestWriterForgetsPlainPeersInTheEnd(t *testing.T) {
	w := &Writer{plain: make(map[Path]struct{})}
	for i := range 3 * maxPlain {
		w.refused(Path{TCP: uint32(i)})
	}
	if len(w.plain) > maxPlain {
		t.Errorf("%d remembered", len(w.plain))
	}
}

func TestReadDeadlineWakeClose(t *testing.T) {
	eachVariant(t, func(t *testing.T, variant string) {
		u := open(t, variant, loopback4)
		b := NewBatch(4)
		empty := func(what string, deadline time.Time) {
			t.Helper()
			if err := u.Read(b, deadline); err != nil || b.Len() != 0 {
				t.Fatalf("%s: %d datagrams, error %v", what, b.Len(), err)
			}
		}
		empty("deadline passed", time.Now().Add(-time.Second))
		start := time.Now()
		empty("deadline", start.Add(30*time.Millisecond))
		if time.Since(start) < 25*time.Millisecond {
			t.Errorf("returned %v before the deadline", 30*time.Millisecond-time.Since(start))
		}
		u.Wake() // before the Read
		empty("wake before", time.Time{})
		for range 100 { // at about the same time
			go u.Wake()
			empty("wake", time.Time{})
		}
		time.Sleep(time.Millisecond) // a late Wake leaves no trace
		empty("after a wake", time.Now().Add(time.Millisecond))
		empty("after a wake", time.Now().Add(time.Millisecond))

		peer := open(t, variant, loopback4)
		if err := SendTo(peer, Path{Remote: u.LocalAddr()}, []byte("hello")); err != nil {
			t.Fatal(err)
		}
		receive(t, u, 1)

		closed := make(chan error)
		go func() { closed <- u.Read(NewBatch(1), time.Time{}) }()
		time.Sleep(10 * time.Millisecond)
		if err := u.Close(); err != nil {
			t.Fatal(err)
		}
		if err := <-closed; !errors.Is(err, net.ErrClosed) {
			t.Errorf("Read of a closed socket: %v", err)
		}
		if err := u.Read(b, time.Time{}); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Read after Close: %v", err)
		}
		u.Wake()
		if err := SendTo(u, Path{Remote: peer.LocalAddr()}, []byte{1}); !errors.Is(err, net.ErrClosed) {
			t.Errorf("SendTo after Close: %v", err)
		}
		w := NewWriter(u)
		path := Path{Remote: peer.LocalAddr()}
		w.Reserve(1)
		w.Commit(&path, 1)
		w.Flush()
		if s := w.Stats(); s.Failed != 1 {
			t.Errorf("stats after Close: %+v", s)
		}
	})
}

func TestTooLongIsDropped(t *testing.T) {
	eachVariant(t, func(t *testing.T, variant string) {
		u, peer := open(t, variant, loopback4), open(t, variant, loopback4)
		for _, n := range []int{MaxDatagram + 1, 9000, MaxDatagram, 1} {
			if err := SendTo(peer, Path{Remote: u.LocalAddr()}, make([]byte, n)); err != nil {
				t.Fatal(err)
			}
		}
		got := receive(t, u, 2)
		if len(got[0].data) != MaxDatagram || len(got[1].data) != 1 {
			t.Errorf("got %d and %d bytes", len(got[0].data), len(got[1].data))
		}
		if s := u.Stats(); s.Truncated != 2 || s.Datagrams != 2 || s.Bytes != MaxDatagram+1 {
			t.Errorf("stats %+v", s)
		}
	})
}

func TestPortInUse(t *testing.T) {
	eachVariant(t, func(t *testing.T, variant string) {
		u := open(t, variant, wildcard)
		_, err := socketVariants[variant](netip.AddrPortFrom(netip.Addr{}, u.LocalAddr().Port()))
		if !errors.Is(err, syscall.EADDRINUSE) {
			t.Errorf("error %v, want EADDRINUSE", err)
		}
	})
}

func TestListenShards(t *testing.T) {
	host := loopback4.Addr()
	for _, tt := range []struct {
		first, last uint16
		n           int
	}{{10, 9, 1}, {0, 9, 1}, {5000, 5001, 3}, {5000, 5000, 0}} {
		if _, err := ListenShards(host, tt.first, tt.last, tt.n); err == nil {
			t.Errorf("ListenShards(%d, %d, %d): no error", tt.first, tt.last, tt.n)
		}
	}
	// A range, with a port in use in the middle.
	var used *UDP
	var port uint16
	for p := uint16(23000); ; p += 10 {
		u, err := ListenUDP(netip.AddrPortFrom(host, p+1), false)
		if err == nil {
			used, port = u, p
			break
		}
	}
	defer used.Close()
	shards, err := ListenShards(host, port, port+9, 3)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[uint16]bool{port + 1: true}
	for _, u := range shards {
		defer u.Close()
		p := u.LocalAddr().Port()
		if seen[p] || p < port || p > port+9 {
			t.Errorf("port %d taken", p)
		}
		seen[p] = true
	}
}

// Where a port cannot be shared, one shard reads and all send.
func TestPortableShards(t *testing.T) {
	sockets, err := sharePortable(loopback4, 2)
	if err != nil {
		t.Fatal(err)
	}
	first, second := &UDP{socket: sockets[0]}, &UDP{socket: sockets[1]}
	defer first.Close()
	b := NewBatch(1)
	if err := second.Read(b, time.Now().Add(time.Millisecond)); err != nil || b.Len() != 0 {
		t.Errorf("%d datagrams, error %v", b.Len(), err)
	}
	second.Wake()
	if err := second.Read(b, time.Time{}); err != nil || b.Len() != 0 {
		t.Errorf("%d datagrams, error %v", b.Len(), err)
	}
	peer := open(t, "portable", loopback4)
	w := NewWriter(second)
	path := Path{Remote: peer.LocalAddr()}
	w.Reserve(1)
	w.Commit(&path, 1)
	w.Flush()
	if got := receive(t, peer, 1)[0]; got.path.Remote != first.LocalAddr() {
		t.Errorf("it came from %v, want %v", got.path.Remote, first.LocalAddr())
	}
	second.Close()
	if err := second.Read(b, time.Time{}); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Read after Close: %v", err)
	}
}

// exchange sends a burst through a Writer and reads it: per packet as forwarding does.
func exchange(t testing.TB, w *Writer, to *UDP, b *Batch, path *Path, n int) {
	for range n {
		buffer := w.Reserve(1200)
		buffer[0] = 128
		w.Commit(path, 1136)
	}
	w.Flush()
	for got := 0; got < n; got += b.Len() {
		if err := to.Read(b, time.Now().Add(time.Second)); err != nil || b.Len() == 0 {
			t.Fatalf("%d of %d datagrams came, error %v", got, n, err)
		}
		for i := range b.Len() {
			b.Packet(i)
		}
	}
}

func TestNoAllocationPerPacket(t *testing.T) {
	eachVariant(t, func(t *testing.T, variant string) {
		for _, addr := range []netip.AddrPort{loopback4, loopback6} {
			from, to := open(t, variant, wildcard), open(t, variant, wildcard)
			w, b := NewWriter(from), NewBatch(64)
			path := Path{Remote: netip.AddrPortFrom(addr.Addr(), to.LocalAddr().Port())}
			if knowsLocal[variant] {
				path.Local = addr.Addr()
			}
			if err := SendTo(from, path, []byte{1}); err != nil {
				t.Skipf("%v cannot be reached: %v", addr, err)
			}
			receive(t, to, 1)
			if allocs := testing.AllocsPerRun(100, func() { exchange(t, w, to, b, &path, 8) }); allocs > 0 {
				t.Errorf("%v: %v allocations for 8 packets", addr, allocs)
			}
		}
	})
}

func TestNoAllocationPerEmptyRead(t *testing.T) {
	for _, variant := range []string{"batched"} {
		u := open(t, variant, loopback4)
		b := NewBatch(8)
		if allocs := testing.AllocsPerRun(50, func() { _ = u.Read(b, time.Now().Add(100*time.Microsecond)) }); allocs > 0 {
			t.Errorf("%s: %v allocations for a Read to its deadline", variant, allocs)
		}
	}
}

func BenchmarkSendAndReceive(b *testing.B) {
	for variant := range socketVariants {
		for _, burst := range []int{1, 4, 16} {
			b.Run(variant+"/burst="+string('0'+rune(burst/10))+string('0'+rune(burst%10)), func(b *testing.B) {
				from, to := open(b, variant, loopback4), open(b, variant, loopback4)
				w, batch := NewWriter(from), NewBatch(64)
				path := Path{Remote: to.LocalAddr(), Local: loopback4.Addr()}
				b.ReportAllocs()
				b.SetBytes(1136)
				for n := 0; n < b.N; n += burst {
					exchange(b, w, to, batch, &path, burst)
				}
			})
		}
	}
}

// BenchmarkWriter is the bookkeeping alone, without the system.
func BenchmarkWriter(b *testing.B) {
	w := &Writer{sender: noSender{}, slab: make([]byte, slabSize), runs: make([]run, 0, maxRuns)}
	path := Path{Remote: netip.MustParseAddrPort("192.0.2.1:1"), Local: loopback4.Addr()}
	b.ReportAllocs()
	for range b.N {
		w.Reserve(1200)
		w.Commit(&path, 1136)
	}
}
