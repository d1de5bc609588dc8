//go:build linux && (amd64 || arm64)

package load

import (
	"bufio"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/tertulia-rtc/tertulia/transport"
)

// How many packets one processor can receive and send is measured with a peer in
// another process, on another processor:
//
//	go test -c -o /tmp/load.test ./load
//	taskset -c 1 /tmp/load.test -test.run Capacity -test.v -capacity 0
var capacity = flag.String("capacity", "", "measure the capacity, with a peer on this processor")

const asPeer = "BE_THE_PEER_OF_A_CAPACITY_TEST"

func TestMain(m *testing.M) {
	switch os.Getenv(asPeer) {
	case "blast":
		blast()
		return
	case "sink":
		sink()
		return
	}
	os.Exit(m.Run())
}

func capacityKeys() transport.Keys {
	key, salt := make([]byte, 16), make([]byte, 12)
	return transport.Keys{Profile: transport.ProfileAEADAES128GCM, LocalKey: key, LocalSalt: salt, RemoteKey: key, RemoteSalt: salt}
}

// peer starts the other process.
func peer(t *testing.T, role, input string) *bufio.Reader {
	t.Helper()
	if *capacity == "" {
		t.Skip("this takes a processor for each side; -capacity names the one of the peer")
	}
	cmd := exec.CommandContext(t.Context(), "taskset", "-c", *capacity, os.Args[0])
	cmd.Env = append(os.Environ(), asPeer+"="+role)
	cmd.Stdin = strings.NewReader(input)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return bufio.NewReader(out)
}

// capacityLoop is a loop with n endpoints that have keys.
func capacityLoop(t *testing.T, n int) (*loop, []*endpoint) {
	t.Helper()
	r := &run{scenario: Scenario{Open: 1, Seed: 1}, fatal: make(chan error, 1)}
	r.ssrcs.rng = random(1, 1)
	l, err := newLoop(r, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.close)
	var all []*endpoint
	for i := range n {
		ep, err := l.newEndpoint(fmt.Sprint(i), netip.MustParseAddr("127.0.0.1"), clock())
		if err != nil {
			t.Fatal(err)
		}
		l.do(func(instant) {
			ep.in, _ = transport.NewInbound(capacityKeys())
			ep.out, _ = transport.NewOutbound(capacityKeys())
			ep.told = true
		})
		all = append(all, ep)
	}
	return l, all
}

// counted runs for five seconds and tells what it cost.
func counted(t *testing.T, l *loop, what string, count func(*counts) uint64) {
	t.Helper()
	time.Sleep(time.Second)
	read := func() (n uint64, lost uint64) {
		l.do(func(instant) { n, lost = count(&l.counts), l.sockets.Stats().Overflowed+l.sockets.Stats().Unsent })
		return n, lost
	}
	before, lostBefore := read()
	cpu, begin := ownTime(), time.Now()
	time.Sleep(5 * time.Second)
	after, lost := read()
	used, seconds := ownTime()-cpu, time.Since(begin).Seconds()
	n := float64(after - before)
	t.Logf("%s: %.0f packets/s with %.2f of a processor: %.2f µs each, so %.0f/s for a whole one; %d lost, %.1f %% of the frames late", what,
		n/seconds, used.Seconds()/seconds, float64(used.Nanoseconds())/1000/n, n/used.Seconds(), lost-lostBefore, percent(l.counts.FramesLate, l.counts.FramesDue))
}

// TestCapacityReceiving: 200 participants get bursts of four packets of 1,100 bytes, as
// fast as the peer can send them.
func TestCapacityReceiving(t *testing.T) {
	if *capacity == "" {
		t.Skip("-capacity is not given")
	}
	l, all := capacityLoop(t, 200)
	var ports strings.Builder
	for _, ep := range all {
		fmt.Fprintln(&ports, ep.address.Port())
		l.do(func(instant) {
			one := &receiver{ep: ep, video: true, clockRate: 90000, nack: true, pli: true}
			one.loss.due, one.frame.due, one.frame.broken = never, never, true
			ep.receivers = append(ep.receivers, one)
			ep.bind(one, 1, 2)
			ep.ids.transportCC = 4
			ep.remote = netip.MustParseAddrPort("127.0.0.1:9")
			ep.reportsAt = clock()
			ep.want(ep.reportsAt)
		})
	}
	peer(t, "blast", ports.String())
	counted(t, l, "receiving, each packet opened", func(c *counts) uint64 { return c.Received })
	l.run.scenario.Open = 16
	counted(t, l, "receiving, one of 16 opened", func(c *counts) uint64 { return c.Received })
}

// blast is the peer that sends: bursts of four packets to each port.
func blast() {
	server, err := transport.ListenUDP(netip.MustParseAddrPort("127.0.0.1:0"), false)
	if err != nil {
		panic(err)
	}
	w := transport.NewWriter(server)
	type subscriber struct {
		path transport.Path
		out  *transport.Outbound
		seq  uint16
	}
	var all []*subscriber
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		var port uint16
		_, _ = fmt.Sscan(lines.Text(), &port)
		out, err := transport.NewOutbound(capacityKeys())
		if err != nil {
			panic(err)
		}
		all = append(all, &subscriber{path: transport.Path{Remote: netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port)}, out: out})
	}
	s := sender{ssrc: 1, pt: 96, ids: extensionIDs{transportCC: 4}}
	head := vp8Frame{}
	header := make([]byte, 0, maxHeader)
	for frame := 0; ; frame++ {
		head.key = frame%100 == 0
		head.picture++
		for _, one := range all {
			for i := range 4 {
				one.seq++
				st := stamp{sender: 1, counter: uint32(one.seq), sent: clock()}
				prefix := st.append(head.appendHead(make([]byte, 0, maxHead+stampSize), i == 0))
				header = s.appendHeader(header[:0], 0, packetHeader{seq: one.seq, timestamp: uint32(frame) * 3000, marker: i == 3, level: -1}, one.seq)
				n := one.out.SealRTP(w.Reserve(transport.MaxDatagram), header, prefix, filler[:1100-len(prefix)], 0)
				w.Commit(&one.path, n)
			}
		}
		w.Flush()
	}
}

// TestCapacitySending: 400 publishers of 2.4 Mb/s, which are more than 100,000 packets
// a second, to a peer that reads them.
func TestCapacitySending(t *testing.T) {
	if *capacity == "" {
		t.Skip("-capacity is not given")
	}
	l, all := capacityLoop(t, 400)
	out := peer(t, "sink", "")
	var port uint16
	line, err := out.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	_, _ = fmt.Sscan(line, &port)
	for i, ep := range all {
		l.do(func(now instant) {
			rng := random(1, uint64(i))
			s := &sender{ssrc: uint32(i + 1), pt: 96, video: true, camera: newVideo(rng, 2_400_000, 30), ids: extensionIDs{transportCC: 4}}
			ep.remote = netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port)
			cam := &camera{layers: []*sender{s}, interval: second / 30, next: now + instant(rng.Int64N(int64(second/30)))}
			cam.begun = cam.next
			ep.senders, ep.cameras = []*sender{s}, []*camera{cam}
			ep.want(cam.next)
		})
	}
	counted(t, l, "sending", func(c *counts) uint64 { return c.Sent })
}

// sink is the peer that reads, and tells its port.
func sink() {
	server, err := transport.ListenUDP(netip.MustParseAddrPort("127.0.0.1:0"), false)
	if err != nil {
		panic(err)
	}
	fmt.Println(server.LocalAddr().Port())
	for batch := transport.NewBatch(64); ; {
		if server.Read(batch, time.Time{}) != nil {
			return
		}
	}
}
