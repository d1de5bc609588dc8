//go:build amd64 || arm64

package transport

import (
	"errors"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// socketVariants are the ways in which the same tests run.
var socketVariants = map[string]func(netip.AddrPort) (socket, error){
	"batched": func(a netip.AddrPort) (socket, error) { return listenNative(a, false) },
	"batched without segmentation": func(a netip.AddrPort) (socket, error) {
		s, err := listenKernel(a, false)
		if err != nil {
			return nil, err
		}
		s.segments = false
		return s, nil
	},
	"portable": listenPortable,
}

// knowsLocal says whether paths tell our address on a socket for all interfaces.
var knowsLocal = map[string]bool{"batched": true, "batched without segmentation": true}

func kernelSenderOf(t *testing.T, w *Writer) *kernelSender {
	t.Helper()
	k, ok := w.sender.(*kernelSender)
	if !ok {
		t.Skip("no batched sends here")
	}
	return k
}

// A run that the system refuses leaves datagram by datagram, and the peer gets
// no more runs. Loopback takes all runs, so a run is made that is too long: in
// one piece it exceeds what an IP packet can be.
func TestRefusedRunLeavesOneByOne(t *testing.T) {
	from, to := open(t, "batched", loopback4), open(t, "batched", loopback4)
	w := NewWriter(from)
	kernelSenderOf(t, w)
	path := Path{Remote: to.LocalAddr(), Local: loopback4.Addr()}
	for i := range 40 {
		b := w.Reserve(1800)
		b[0] = byte(i)
		w.Commit(&path, 1800)
	}
	// As if one run had taken them all: 72,000 bytes, EMSGSIZE.
	w.runs = append(w.runs[:0], run{path: path, end: w.used, size: 1800, count: 40})
	w.Flush()
	s := w.Stats()
	if s.Fallbacks != 1 || s.Datagrams != 40 || s.Failed != 0 {
		t.Fatalf("stats %+v: want 1 fallback and 40 datagrams", s)
	}
	if got := receive(t, to, 40); got[39].data[0] != 39 {
		t.Errorf("the last datagram is number %d, want 39", got[39].data[0])
	}
	for range 2 {
		w.Reserve(100)
		w.Commit(&path, 100)
	}
	if len(w.runs) != 2 {
		t.Errorf("%d runs for a peer that takes none, want 2", len(w.runs))
	}
}

// One message that cannot leave does not keep the others from leaving.
func TestFailingMessageIsSkipped(t *testing.T) {
	from, to := open(t, "batched", loopback4), open(t, "batched", loopback4)
	w := NewWriter(from)
	good := Path{Remote: to.LocalAddr()}
	bad := []Path{
		{Remote: netip.MustParseAddrPort("[2001:db8::1]:9")},              // IPv6 by a socket for IPv4
		{Remote: netip.MustParseAddrPort("255.255.255.255:9")},            // no right to broadcast
		{Remote: to.LocalAddr(), Local: netip.MustParseAddr("192.0.2.1")}, // not an address of ours
	}
	for i, p := range []Path{bad[0], good, bad[1], bad[2], good} {
		w.Reserve(1)[0] = byte(i)
		w.Commit(&p, 1)
	}
	w.Flush()
	if s := w.Stats(); s.Datagrams != 2 || s.Failed != 3 || s.Dropped != 0 {
		t.Errorf("stats %+v: want 2 datagrams, 3 failed", s)
	}
	got := receive(t, to, 2)
	if got[0].data[0] != 1 || got[1].data[0] != 4 {
		t.Errorf("got datagrams %d and %d, want 1 and 4", got[0].data[0], got[1].data[0])
	}
	for _, p := range bad {
		if err := SendTo(from, p, []byte{1}); err == nil {
			t.Errorf("SendTo %v: no error", p)
		}
	}
}

// What does not fit the socket's buffer is waited for a moment and then
// dropped and counted; Flush returns.
func TestFullBuffer(t *testing.T) {
	from := open(t, "batched", loopback4)
	w := NewWriter(from)
	k := kernelSenderOf(t, w)
	path := Path{Remote: open(t, "batched", loopback4).LocalAddr()}
	fill := func() {
		for range 200 {
			w.Reserve(100)
			w.Commit(&path, 100)
			w.Reserve(101)
			w.Commit(&path, 101)
		}
	}
	fill()
	// No socket here stays full, so the calls are made to say so.
	full := func(uintptr) { k.sent, k.errno = 0, unix.EAGAIN }
	trySend := k.trySend
	k.trySend = full
	k.waitSend = func(fd uintptr) bool { full(fd); return false }
	start := time.Now()
	w.Flush()
	if took := time.Since(start); took > 500*time.Millisecond {
		t.Errorf("Flush took %v", took)
	}
	if s := w.Stats(); s.Waits == 0 || s.Dropped != 400 || s.Datagrams != 0 {
		t.Errorf("stats %+v: want 400 dropped", s)
	}
	// One interrupted call, then a full queue of the device for one message.
	answers := []syscall.Errno{unix.EINTR, unix.ENOBUFS}
	k.trySend = func(fd uintptr) {
		if len(answers) > 0 {
			k.sent, k.errno = 0, answers[0]
			answers = answers[1:]
			return
		}
		trySend(fd)
	}
	for range 3 {
		w.Reserve(7)
		w.Commit(&path, 7)
		w.Reserve(8)
		w.Commit(&path, 8)
	}
	before := w.Stats()
	w.Flush()
	s := w.Stats()
	if dropped, sent := s.Dropped-before.Dropped, s.Datagrams-before.Datagrams; dropped+sent != 6 || dropped == 0 || dropped > 2 {
		t.Errorf("%d dropped, %d sent; want one message dropped, 6 datagrams in all", dropped, sent)
	}
}

// A system without IPv6 is served by IPv4; here only the address forms can be tried.
func TestWildcardIPv4(t *testing.T) {
	u := open(t, "batched", netip.MustParseAddrPort("0.0.0.0:0"))
	if a := u.LocalAddr().Addr(); a != netip.IPv4Unspecified() {
		t.Errorf("bound to %v", a)
	}
	peer := open(t, "batched", loopback4)
	if err := SendTo(peer, Path{Remote: netip.AddrPortFrom(netip.MustParseAddr("127.0.0.3"), u.LocalAddr().Port())}, []byte{1}); err != nil {
		t.Fatal(err)
	}
	got := receive(t, u, 1)[0]
	if want := (Path{Remote: peer.LocalAddr(), Local: netip.MustParseAddr("127.0.0.3")}); got.path != want {
		t.Errorf("path %v, want %v", got.path, want)
	}
}

func TestSharedPortSpreadsPeers(t *testing.T) {
	shards, err := ListenShards(loopback4.Addr(), 0, 0, 3)
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range shards {
		t.Cleanup(func() { u.Close() })
		if u.LocalAddr() != shards[0].LocalAddr() {
			t.Fatalf("shards at %v and %v", u.LocalAddr(), shards[0].LocalAddr())
		}
	}
	for range 60 {
		peer := open(t, "batched", loopback4)
		if err := SendTo(peer, Path{Remote: shards[0].LocalAddr()}, []byte{1}); err != nil {
			t.Fatal(err)
		}
	}
	total, used := 0, 0
	b := NewBatch(64)
	for _, u := range shards {
		if err := u.Read(b, time.Now()); err != nil {
			t.Fatal(err)
		}
		total += b.Len()
		if b.Len() > 0 {
			used++
		}
	}
	if total != 60 || used < 2 {
		t.Errorf("%d datagrams at %d shards, want 60 at several", total, used)
	}
	// A second server must not share the port.
	if _, err := ListenShards(loopback4.Addr(), shards[0].LocalAddr().Port(), shards[0].LocalAddr().Port(), 3); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("second server: %v, want EADDRINUSE", err)
	}
}

func FuzzDecodeControl(f *testing.F) {
	var s kernelSocket
	var control [controlSpace]byte
	n := s.encodeControl(&control, &Path{Remote: loopback4, Local: loopback4.Addr()}, 1200)
	f.Add(control[:n])
	s.ipv6 = true
	n = s.encodeControl(&control, &Path{Remote: loopback6, Local: loopback6.Addr()}, 1200)
	f.Add(control[:n])
	f.Fuzz(func(_ *testing.T, control []byte) { decodeControl(control) })
}
