//go:build unix

package media

import (
	"encoding/binary"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tertulia-rtc/tertulia/bus"
	"github.com/tertulia-rtc/tertulia/codec"
	"github.com/tertulia-rtc/tertulia/protocol"
	"github.com/tertulia-rtc/tertulia/sdp"
	"github.com/tertulia-rtc/tertulia/sfu"
	"github.com/tertulia-rtc/tertulia/transport"
)

// stage is a shard without its loop, and a room on it: one publisher of video
// and its subscribers. What the loop does in a round, burst does.
type stage struct {
	shard     *shard
	room      *room
	publisher *peer
	encrypted *transport.Outbound // the publisher's own; nil: packets come as plaintext
	now       time.Time
	packet    []byte
	datagram  []byte
	seq       uint16
}

// listens says where what is forwarded goes.
type listens uint8

const (
	// nowhere: the socket is closed, so each run is made ready for the system
	// and refused before the system call.
	nowhere listens = iota
	// atSockets: to a bound socket for each subscriber that nobody reads. The
	// system delivers until they are full, and then drops on delivery.
	atSockets
	// atDevice: through the device that scripts/bench-veth has made, which leads to where
	// all is dropped. It is what comes nearest to a network card.
	atDevice
)

// device is the address to send from and the one to send to, of that device.
var device = os.Getenv("TERTULIA_BENCH_VETH")

const (
	subscribers = 50
	payloadSize = 1100
)

var vp8 = sdp.Codec{Codec: codec.Codec{Name: codec.VP8, ClockRate: 90000}, PayloadType: 96, RTX: 97, NACK: true, PLI: true, TransportCC: true}

func newStage(t testing.TB, encrypted bool, to listens) *stage {
	t.Helper()
	local := netip.MustParseAddr("127.0.0.1")
	remote := local
	if to == atDevice {
		a, b, _ := strings.Cut(device, ",")
		local, remote = netip.MustParseAddr(a), netip.MustParseAddr(b)
	}
	udp, err := transport.ListenUDP(netip.AddrPortFrom(local, 0), false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = udp.Close() })
	events, err := bus.Start() // nothing goes over it once the stream is known
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(events.Close)
	worker := &Worker{config: Config{Bus: events, Log: slog.New(slog.DiscardHandler)}}
	s := &stage{now: time.Now(), shard: newShard(worker, 0, udp, nil)}
	s.room = s.shard.newRoom(testRoom)

	path := func() transport.Path {
		if to != atSockets {
			return transport.Path{Remote: netip.AddrPortFrom(remote, uint16(20000+len(s.room.peers))), Local: local}
		}
		sink, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(local, 0)))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = sink.Close() })
		_ = sink.SetReadBuffer(4096)
		return transport.Path{Remote: sink.LocalAddr().(*net.UDPAddr).AddrPort(), Local: local}
	}
	keys := transport.Keys{
		Profile:  transport.ProfileAEADAES128GCM,
		LocalKey: make([]byte, 16), LocalSalt: make([]byte, 12), RemoteKey: make([]byte, 16), RemoteSalt: make([]byte, 12),
	}
	section := sdp.Section{Mid: "v", Kind: sdp.Video, Codecs: []sdp.Codec{vp8}, Extensions: []sdp.Extension{{URI: sdp.MidURI, ID: 4}, {URI: sdp.TransportCCURI, ID: 3}}}
	join := func(n int) *peer {
		section := section
		section.Direction = sdp.RecvOnly
		if n > 0 {
			section.Direction = sdp.SendOnly
			section.Send = sdp.Sending{SSRC: uint32(2 * n), RTX: uint32(2*n + 1)}
		}
		p := &peer{shard: s.shard, room: s.room, key: sfu.TransportKey{Participant: protocol.ParticipantID(fmt.Sprint(n)), Transport: "main"}}
		p.negotiated = &sdp.Transport{Sections: []sdp.Section{section}, ExtmapAllowMixed: true}
		p.path, p.hasPath = path(), true
		keys.LocalKey[0] = byte(n) // each has its own
		var err error
		if p.inbound, err = transport.NewInbound(keys); err == nil {
			p.outbound, err = transport.NewOutbound(keys)
		}
		if err != nil {
			t.Fatal(err)
		}
		p.index = s.room.router.SetTransport(s.now, p.key, p.negotiated)
		s.room.byKey[p.key] = p
		s.room.peers = append(s.room.peers, p)
		s.shard.byPath[p.path] = p
		s.room.router.SetConnected(s.now, p.key, true)
		return p
	}
	s.publisher = join(0)
	if err := s.room.router.Publish(s.now, protocol.PublishStream{Participant: s.publisher.key.Participant, Stream: 1, Tracks: []protocol.PublishTrack{
		{Track: protocol.Track{ID: "v", Kind: protocol.Video, Source: protocol.Camera}, Transport: "main", MID: "v"},
	}}); err != nil {
		t.Fatal(err)
	}
	for n := 1; n <= subscribers; n++ {
		p := join(n)
		if err := s.room.router.Subscribe(s.now, p.key.Participant, protocol.SubscribeTo{Stream: 1, Transport: "main"}); err != nil {
			t.Fatal(err)
		}
	}
	if encrypted {
		// What the publisher seals with is what we open with.
		theirs := keys
		theirs.LocalKey, theirs.LocalSalt = keys.RemoteKey, keys.RemoteSalt
		if s.encrypted, err = transport.NewOutbound(theirs); err != nil {
			t.Fatal(err)
		}
	}
	if to == nowhere {
		_ = udp.Close()
	}
	// A header with extensions (mid, transport-wide number), a VP8 descriptor with
	// a picture id, the head of a keyframe, and as much as a full packet has.
	s.packet = append([]byte{
		0x90, 96, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xbe, 0xde, 0, 2, 0x40, 'v', 0x31, 0, 0, 0, 0, 0,
		0x90, 0x80, 0x80, 1, 0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0xe0, 0x01,
	}, make([]byte, payloadSize-14)...)
	for range 300 { // rings and lists grow to their size
		s.burst(16)
	}
	s.shard.sentPackets = 0
	return s
}

// burst is a round of the loop with a frame of n packets, and what is due by time.
func (s *stage) burst(n int) {
	s.now = s.now.Add(33 * time.Millisecond)
	for i := range n {
		s.seq++
		b := s.packet
		binary.BigEndian.PutUint16(b[2:], s.seq)
		binary.BigEndian.PutUint32(b[4:], uint32(s.now.UnixMilli())*90)
		binary.BigEndian.PutUint16(b[19:], s.seq)
		b[1] = 96
		if i == n-1 {
			b[1] |= 0x80 // marker
		}
		if s.encrypted == nil {
			s.room.router.HandleRTP(s.now, s.publisher.index, b)
			s.shard.touch(s.room)
			continue
		}
		s.datagram = s.datagram[:cap(s.datagram)]
		if len(s.datagram) == 0 {
			s.datagram = make([]byte, 2048)
		}
		k := s.encrypted.SealRTP(s.datagram, b[:24], nil, b[24:], 0)
		s.shard.receive(s.now, s.publisher.path, s.datagram[:k], nil)
	}
	s.shard.flush(s.now)
	if !s.now.Before(s.shard.nextAdvance) {
		s.shard.advance(s.now)
	}
	s.shard.writer.Flush()
}

type stageOf struct {
	name      string
	encrypted bool
	to        listens
}

var stages = []stageOf{
	{"plain/slab", false, nowhere},
	{"srtp/slab", true, nowhere},
	{"plain/sockets", false, atSockets},
	{"srtp/sockets", true, atSockets},
}

// A packet that is forwarded costs no memory: from the datagram of its
// publisher, by router, SRTP and send slab, to the system call.
func TestForwardingAllocatesNothing(t *testing.T) {
	for _, c := range stages {
		s := newStage(t, c.encrypted, c.to)
		// The first run is AllocsPerRun's own.
		if n := testing.AllocsPerRun(200, func() { s.burst(4) }); n != 0 {
			t.Errorf("%s: %v allocations for a frame of 4 packets to %d subscribers", c.name, n, subscribers)
		}
		if want := uint64(201 * 4 * subscribers); s.shard.sentPackets < want || s.shard.sentPackets > want+want/10 {
			t.Errorf("%s: %d packets were sent, not %d and some reports", c.name, s.shard.sentPackets, want)
		}
		if sent := s.shard.writer.Stats(); c.to == atSockets && (sent.Dropped > 0 || sent.Failed > 0) {
			t.Errorf("%s: %+v", c.name, sent)
		}
	}
}

// BenchmarkForward forwards a frame to 50 subscribers at a time, and tells what
// each packet that leaves costs: processor time, the system's included.
func BenchmarkForward(b *testing.B) {
	all := stages
	if device != "" {
		all = append(all[:len(all):len(all)], stageOf{"plain/device", false, atDevice})
	}
	for _, c := range all {
		for _, frame := range []int{1, 4, 16} {
			b.Run(fmt.Sprintf("%s/frame=%d", c.name, frame), func(b *testing.B) {
				s := newStage(b, c.encrypted, c.to)
				b.ReportAllocs()
				begun := processor(b)
				b.ResetTimer()
				for range b.N {
					s.burst(frame)
				}
				b.StopTimer()
				b.ReportMetric(float64(processor(b)-begun)/float64(s.shard.sentPackets), "cpu-ns/packet")
			})
		}
	}
}

// processor is the time that the test has computed, in nanoseconds.
func processor(t testing.TB) int64 {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		t.Fatal(err)
	}
	return used.Utime.Nano() + used.Stime.Nano()
}
