//go:build unix

package media

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/tertulia-rtc/tertulia/protocol"
	"github.com/tertulia-rtc/tertulia/sdp"
	"github.com/tertulia-rtc/tertulia/sfu"
	"github.com/tertulia-rtc/tertulia/transport"
)

// second adds a shard without its loop to a stage, with one subscriber of the same
// publisher.
func (s *stage) second(t testing.TB) *shard {
	t.Helper()
	loopback := netip.MustParseAddr("127.0.0.1")
	udp, err := transport.ListenUDP(netip.AddrPortFrom(loopback, 0), false)
	if err != nil {
		t.Fatal(err)
	}
	_ = udp.Close() // what is sent is refused before the system call
	worker := s.shard.worker
	b := newShard(worker, 1, udp, nil)
	worker.shards = []*shard{s.shard, b}
	sp := &span{id: testRoom, first: s.shard}
	r := b.newRoom(testRoom)
	for _, one := range []*room{s.room, r} {
		one.enter(s.now, sp)
	}
	s.room.openPipe(b)
	r.openPipe(s.shard)
	if err := r.publishBeyond(s.now, s.shard, protocol.PublishStream{Participant: s.publisher.key.Participant, Stream: 1, Tracks: []protocol.PublishTrack{
		{Track: protocol.Track{ID: "v", Kind: protocol.Video, Source: protocol.Camera}, Transport: "main", MID: "v"},
	}}); err != nil {
		t.Fatal(err)
	}
	section := sdp.Section{
		Mid: "v", Kind: sdp.Video, Direction: sdp.SendOnly, Codecs: []sdp.Codec{vp8}, Send: sdp.Sending{SSRC: 2, RTX: 3},
		Extensions: []sdp.Extension{{URI: sdp.MidURI, ID: 4}, {URI: sdp.TransportCCURI, ID: 3}},
	}
	p := &peer{shard: b, room: r, key: sfu.TransportKey{Participant: "far", Transport: "main"}, hasPath: true}
	p.negotiated = &sdp.Transport{Sections: []sdp.Section{section}, ExtmapAllowMixed: true}
	p.path = transport.Path{Remote: netip.AddrPortFrom(loopback, 9), Local: loopback}
	if p.outbound, err = transport.NewOutbound(transport.Keys{
		Profile:  transport.ProfileAEADAES128GCM,
		LocalKey: make([]byte, 16), LocalSalt: make([]byte, 12), RemoteKey: make([]byte, 16), RemoteSalt: make([]byte, 12),
	}); err != nil {
		t.Fatal(err)
	}
	p.index = r.router.SetTransport(s.now, p.key, p.negotiated)
	r.byKey[p.key] = p
	r.peers = append(r.peers, nil, nil)
	r.peers[p.index] = p
	r.router.SetConnected(s.now, p.key, true)
	if err := r.router.Subscribe(s.now, p.key.Participant, protocol.SubscribeTo{Stream: 1, Transport: "main"}); err != nil {
		t.Fatal(err)
	}
	b.touch(r)
	return b
}

// both is a round of the first shard and then one of the second.
func (s *stage) both(b *shard, n int) {
	s.burst(n)
	s.round(b)
	s.shard.takeMail(s.now) // wishes
}

// round is what the loop of another shard does in one.
func (s *stage) round(b *shard) {
	b.takeMail(s.now)
	b.flush(s.now)
	if !s.now.Before(b.nextAdvance) {
		b.advance(s.now)
	}
	b.writer.Flush()
}

// A packet costs no memory on its way to another shard.
func TestPipesBetweenShardsAllocateNothing(t *testing.T) {
	s := newStage(t, false, nowhere)
	b := s.second(t)
	for range 300 {
		s.both(b, 16)
	}
	before := b.sentPackets
	if n := testing.AllocsPerRun(200, func() { s.both(b, 4) }); n != 0 {
		t.Errorf("%v allocations for a frame of 4 packets", n)
	}
	if n := b.sentPackets - before; n < 201*4 {
		t.Errorf("%d packets were sent there", n)
	}
	if n := s.shard.worker.counters.dropped.Load(); n != 0 {
		t.Errorf("%d packets were dropped", n)
	}
}

// BenchmarkPipe tells what a packet of a publisher costs with one subscriber beside
// it, and what it costs when it goes to another shard too, for one there.
func BenchmarkPipe(b *testing.B) {
	for _, piped := range []bool{false, true} {
		for _, frame := range []int{1, 4, 16} {
			b.Run(fmt.Sprintf("piped=%v/frame=%d", piped, frame), func(b *testing.B) {
				s := newStage(b, false, nowhere)
				for n := 2; n <= subscribers; n++ {
					_ = s.room.router.Unsubscribe(s.now, protocol.ParticipantID(fmt.Sprint(n)), 1)
				}
				run := func() { s.burst(frame) }
				if piped {
					other := s.second(b)
					run = func() { s.both(other, frame) }
				}
				for range 300 {
					run()
				}
				b.ReportAllocs()
				begun := processor(b)
				b.ResetTimer()
				for range b.N {
					run()
				}
				b.StopTimer()
				b.ReportMetric(float64(processor(b)-begun)/float64(b.N*frame), "cpu-ns/packet")
			})
		}
	}
}
