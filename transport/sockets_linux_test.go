//go:build amd64 || arm64

package transport

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"
	"time"
)

// manyClients are n sockets, and one that sends to them.
func manyClients(t testing.TB, n int) (s *Sockets, addrs []netip.AddrPort, server *UDP) {
	t.Helper()
	s, err := NewSockets()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	for i := range n {
		id, addr, err := s.Open(loopback4)
		if err != nil || id != i {
			t.Fatalf("socket %d has number %d: %v", i, id, err)
		}
		addrs = append(addrs, addr)
	}
	if server, err = ListenUDP(loopback4, false); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	return s, addrs, server
}

func TestSocketsReceive(t *testing.T) {
	const clients, each = 5, 150 // more than one batch
	s, addrs, server := manyClients(t, clients)
	began := time.Now().UnixNano()
	for k := range each {
		for i, addr := range addrs {
			if err := SendTo(server, Path{Remote: addr}, binary.BigEndian.AppendUint32([]byte{byte(i)}, uint32(k))); err != nil {
				t.Fatal(err)
			}
		}
	}
	got := make([]uint32, clients)
	for total := 0; total < clients*each; {
		ready, err := s.Wait(time.Now().Add(5 * time.Second))
		if err != nil || len(ready) == 0 {
			t.Fatalf("%d of %d came; ready %v, %v", total, clients*each, ready, err)
		}
		for _, id := range ready {
			for i := range s.Read(id) {
				data, from, at := s.Datagram(i)
				if int(data[0]) != id || binary.BigEndian.Uint32(data[1:]) != got[id] || from != server.LocalAddr() {
					t.Fatalf("socket %d got %v from %v, expected number %d", id, data, from, got[id])
				}
				if at < began || at > time.Now().UnixNano() {
					t.Fatalf("it came at %d, which is not between %d and now", at, began)
				}
				got[id]++
				total++
			}
		}
	}
	if st := s.Stats(); st.Received != clients*each || st.Overflowed != 0 {
		t.Errorf("counted: %+v", st)
	}
}

func TestSocketsSend(t *testing.T) {
	s, addrs, server := manyClients(t, 2)
	for i := range socketsBatch {
		b := s.Reserve(100)
		if b == nil {
			t.Fatalf("no room for datagram %d", i)
		}
		b[0] = byte(i)
		s.Commit(10 + i)
	}
	if s.Reserve(1) != nil {
		t.Error("there is room for more than a batch")
	}
	s.Send(1, server.LocalAddr())
	for i, p := range receive(t, server, socketsBatch) {
		if len(p.data) != 10+i || p.data[0] != byte(i) || p.path.Remote != addrs[1] {
			t.Fatalf("datagram %d has %d bytes from %v", i, len(p.data), p.path.Remote)
		}
	}
	if st := s.Stats(); st.Calls != 1 || st.Sent != socketsBatch || st.Unsent != 0 {
		t.Errorf("counted: %+v", st)
	}
}

func TestSocketsWait(t *testing.T) {
	s, _, _ := manyClients(t, 1)
	begin := time.Now()
	if ready, err := s.Wait(begin.Add(30 * time.Millisecond)); err != nil || len(ready) != 0 || time.Since(begin) < 30*time.Millisecond {
		t.Errorf("at the deadline: %v, %v after %v", ready, err, time.Since(begin))
	}
	if _, err := s.Wait(begin); err != nil {
		t.Errorf("with a deadline that has passed: %v", err)
	}
	go func() {
		time.Sleep(20 * time.Millisecond)
		s.Wake()
	}()
	if ready, err := s.Wait(time.Time{}); err != nil || len(ready) != 0 {
		t.Errorf("after Wake: %v, %v", ready, err)
	}
	s.Wake() // before a Wait
	if ready, err := s.Wait(time.Time{}); err != nil || len(ready) != 0 {
		t.Errorf("after an earlier Wake: %v, %v", ready, err)
	}
}

func TestSocketsShut(t *testing.T) {
	s, _, server := manyClients(t, 3)
	s.Shut(1)
	if n := s.Read(1); n != 0 {
		t.Errorf("a closed socket has %d datagrams", n)
	}
	copy(s.Reserve(4), "gone")
	s.Commit(4)
	s.Send(1, server.LocalAddr())
	if st := s.Stats(); st.Unsent != 1 {
		t.Errorf("counted: %+v", st)
	}
	if id, _, err := s.Open(loopback4); id != 1 || err != nil {
		t.Errorf("the next socket has number %d, %v; want that of the closed one", id, err)
	}
}

// Overflow is told, so that a slow reader does not take its own losses for the network's.
func TestSocketsTellOverflow(t *testing.T) {
	s, addrs, server := manyClients(t, 1)
	datagram := bytes.Repeat([]byte{1}, 1200)
	for range 20_000 {
		_ = SendTo(server, Path{Remote: addrs[0]}, datagram)
	}
	drain := func() {
		for s.Read(0) > 0 {
		}
	}
	drain()
	_ = SendTo(server, Path{Remote: addrs[0]}, datagram)
	time.Sleep(10 * time.Millisecond)
	drain()
	if st := s.Stats(); st.Overflowed == 0 || st.Overflowed+st.Received != 20_001 {
		t.Errorf("counted: %+v", st)
	}
}

func TestSocketsAllocateNothing(t *testing.T) {
	s, addrs, server := manyClients(t, 1)
	w := NewWriter(server)
	path := Path{Remote: addrs[0]}
	round := func() {
		for range 8 {
			w.Reserve(1100)
			w.Commit(&path, 1100)
		}
		w.Flush()
		for n := 0; n < 8; {
			ready, err := s.Wait(time.Now().Add(time.Second))
			if err != nil || len(ready) == 0 {
				t.Fatal("nothing came")
			}
			n += s.Read(ready[0])
		}
		s.Reserve(100)
		s.Commit(100)
		s.Send(0, server.LocalAddr())
	}
	round()
	if n := testing.AllocsPerRun(200, round); n != 0 {
		t.Errorf("%v allocations for eight datagrams in and one out", n)
	}
}

// BenchmarkSockets is what receiving costs in bursts of four to each of 100
// sockets; the sender, which has another goroutine's time, is not counted.
func BenchmarkSockets(b *testing.B) {
	s, addrs, server := manyClients(b, 100)
	w := NewWriter(server)
	b.ReportAllocs()
	var reading time.Duration
	for n := 0; n < b.N; {
		for i := range addrs {
			path := Path{Remote: addrs[i]}
			for range 4 {
				w.Reserve(1100)
				w.Commit(&path, 1100)
			}
		}
		w.Flush()
		begin := time.Now()
		for left := 400; left > 0; {
			ready, err := s.Wait(begin.Add(time.Second))
			if err != nil || len(ready) == 0 {
				b.Fatal("nothing came")
			}
			for _, id := range ready {
				left -= s.Read(id)
			}
		}
		reading += time.Since(begin)
		n += 400
	}
	b.ReportMetric(float64(reading.Nanoseconds())/float64(max(b.N/400*400, 400)), "ns/packet")
}
