package media

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"

	"github.com/tertulia-rtc/tertulia/protocol"
	"github.com/tertulia-rtc/tertulia/sfu"
)

// guest is a client that publishes video, audio and data, and receives all others.
type guest struct {
	*client
	stream    protocol.StreamID
	keyframes *atomic.Int64 // asked for
	video     *atomic.Int64 // packets received
	heard     sync.Map      // streams whose messages came
	channel   *webrtc.DataChannel
}

// tertulia is a room of so many guests, each of whom publishes and subscribes to
// everybody else as it comes.
func tertulia(t *testing.T, r *rig, guests, from int) (all []*guest) {
	t.Helper()
	return r.comes(nil, guests, from)
}

// comes lets guests come to those who are there.
func (r *rig) comes(all []*guest, guests, from int) []*guest {
	t := r.t
	t.Helper()
	for i := range guests {
		n := from + i
		g := &guest{client: r.newClient(n), stream: protocol.StreamID(n)}
		g.keyframes = publish(t, g.client)
		g.video = receive(t, g.client, len(all)+guests)
		id := fmt.Sprintf("stream:%d", g.stream)
		var err error
		if g.channel, err = g.CreateDataChannel("chat", &webrtc.DataChannelInit{Protocol: &id}); err != nil {
			t.Fatal(err)
		}
		g.OnDataChannel(func(c *webrtc.DataChannel) {
			c.OnMessage(func(m webrtc.DataChannelMessage) { g.heard.Store(string(m.Data), true) })
		})
		r.negotiate(g.client, nil)
		r.must(protocol.PublishStream{Participant: g.id, Stream: g.stream, Data: true, Tracks: []protocol.PublishTrack{{
			Track: protocol.Track{ID: "camera", Kind: protocol.Video, Source: protocol.Camera}, Transport: "main", MID: "0",
		}}})
		for _, o := range all {
			r.subscribe(o, g)
			r.subscribe(g, o)
		}
		all = append(all, g)
	}
	for _, g := range all {
		r.awaitConnected(g.id)
	}
	return all
}

func (r *rig) subscribe(g, to *guest) {
	r.t.Helper()
	r.must(protocol.SubscribeStream{Participant: g.id, SubscribeTo: protocol.SubscribeTo{Stream: to.stream, Transport: "main", Data: true}})
}

// flows waits until each of the guests gets video from so many others, at least.
func (r *rig) flows(what string, all []*guest, others int) {
	r.t.Helper()
	for _, g := range all {
		before := map[protocol.StreamID]uint64{}
		first := true
		waitFor(r.t, fmt.Sprintf("%s: %d streams at %s", what, others, g.id), func() bool {
			now := r.sent(g)
			if first {
				before, first = now, false
			}
			flowing := 0
			for stream, n := range now {
				if n > before[stream]+10 {
					flowing++
				}
			}
			return flowing >= others
		})
	}
}

// sent gives how many packets of each stream were sent to a guest.
func (r *rig) sent(g *guest) map[protocol.StreamID]uint64 {
	sent := map[protocol.StreamID]uint64{}
	done := make(chan struct{}, len(r.worker.shards))
	asked := 0
	for _, s := range r.worker.shards {
		asked++
		s.post(func(time.Time) {
			defer func() { done <- struct{}{} }()
			room := s.rooms[testRoom]
			if room == nil {
				return
			}
			for _, st := range room.router.Stats(g.id) {
				for _, slot := range st.Subscribed {
					if slot.Stream != 0 {
						r.mu.Lock()
						sent[slot.Stream] += slot.Packets
						r.mu.Unlock()
					}
				}
			}
		})
	}
	for range asked {
		<-done
	}
	return sent
}

// spread says how many transports there are on each shard.
func (r *rig) spread() []int {
	counts := make([]int, len(r.worker.shards))
	for i, s := range r.worker.shards {
		n := make(chan int)
		s.post(func(time.Time) {
			k := 0
			if room := s.rooms[testRoom]; room != nil {
				k = len(room.byKey)
			}
			n <- k
		})
		counts[i] = <-n
	}
	return counts
}

func newSmallShards(t *testing.T, shards int) *rig {
	return newRigOf(t, shards, func(c *Config) { c.ShardFull = 1 })
}

// A room that outgrows its shard goes on on others, and everybody still sees and
// reads everybody.
func TestARoomSpansShards(t *testing.T) {
	for _, shards := range []int{2, 3} {
		t.Run(fmt.Sprintf("%d shards", shards), func(t *testing.T) {
			r := newSmallShards(t, shards)
			r.must(protocol.ConfigureRoom{RoomSettings: protocol.DefaultRoomSettings})
			all := tertulia(t, r, 5, 1)
			for i, n := range r.spread() {
				if n == 0 {
					t.Errorf("nobody is on shard %d of %v", i, r.spread())
				}
			}
			r.flows("all", all, 4)
			for _, g := range all {
				waitFor(t, "an open channel", func() bool { return g.channel.ReadyState() == webrtc.DataChannelStateOpen })
			}
			waitFor(t, "messages from everybody to everybody", func() bool {
				for _, g := range all {
					_ = g.channel.SendText(fmt.Sprint(g.stream))
				}
				heard := 0
				for _, g := range all {
					g.heard.Range(func(_, _ any) bool { heard++; return true })
				}
				return heard == 5*4
			})

			listing := r.must(protocol.ListRoom{}).(protocol.Listing)
			if len(listing.Transports) != 5 || len(listing.Streams) != 5 || len(listing.Subscriptions) != 20 {
				t.Errorf("the listing has %d transports, %d streams, %d subscriptions", len(listing.Transports), len(listing.Streams), len(listing.Subscriptions))
			}
			for _, g := range all {
				if c := r.must(protocol.ReadCounters{Participant: g.id}).(protocol.Counters); len(c.Transports) < 100 {
					t.Errorf("the counters of %s are %s", g.id, c.Transports)
				}
			}
			r.toldOnce(all)

			t.Log("mute")
			r.must(protocol.MuteTrack{Stream: 1, Track: "camera", Muted: true})
			r.flows("with one muted", all[1:], 3)
			for _, g := range all[1:] {
				waitFor(t, "nothing of what is muted", func() bool {
					before := r.sent(g)[1] // some may still be paced
					time.Sleep(200 * time.Millisecond)
					return r.sent(g)[1] == before
				})
			}
			r.must(protocol.MuteTrack{Stream: 1, Track: "camera"})
			r.flows("unmuted", all, 4)

			t.Log("unpublish")
			r.must(protocol.UnpublishStream{Stream: 2})
			r.flows("without one stream", []*guest{all[0], all[2], all[3], all[4]}, 3)

			t.Log("leave")
			r.must(protocol.DropParticipant{Participant: all[4].id})
			r.flows("without one guest", []*guest{all[0], all[2], all[3]}, 2)
			if listing := r.must(protocol.ListRoom{}).(protocol.Listing); len(listing.Transports) != 4 || len(listing.Streams) != 3 || len(listing.Subscriptions) != 9 {
				t.Errorf("the listing has %d transports, %d streams, %d subscriptions", len(listing.Transports), len(listing.Streams), len(listing.Subscriptions))
			}

			t.Log("drop and begin again")
			r.must(protocol.DropRoom{})
			if listing := r.must(protocol.ListRoom{}).(protocol.Listing); len(listing.Transports)+len(listing.Streams)+len(listing.Subscriptions) != 0 {
				t.Errorf("the listing is %+v", listing)
			}
			r.must(protocol.ConfigureRoom{RoomSettings: protocol.DefaultRoomSettings})
			again := tertulia(t, r, 4, 11)
			r.flows("again", again, 3)
			r.must(protocol.DropRoom{})
			r.isGone()
		})
	}
}

// toldOnce fails if an event that is for the whole room was told by several shards.
func (r *rig) toldOnce(all []*guest) {
	r.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	started := map[protocol.StreamID]int{}
	answers := map[uint64]int{}
	for _, e := range r.events {
		if s, ok := e.body.(protocol.TrackStarted); ok {
			started[s.Stream]++
		}
		if e.re != 0 {
			answers[e.re]++
		}
	}
	for _, g := range all {
		if n := started[g.stream]; n != 1 {
			r.t.Errorf("told %d times that stream %d has started", n, g.stream)
		}
	}
	for re, n := range answers {
		if n != 1 {
			r.t.Errorf("command %d was answered %d times", re, n)
		}
	}
}

// isGone fails unless the worker has forgotten the room.
func (r *rig) isGone() {
	r.t.Helper()
	waitFor(r.t, "nothing of the room", func() bool {
		r.worker.mu.Lock()
		known := len(r.worker.rooms)
		r.worker.mu.Unlock()
		for _, s := range r.worker.shards {
			n := make(chan int)
			s.post(func(time.Time) { n <- len(s.rooms) })
			known += <-n
		}
		return known == 0
	})
}

// Without settings, a room is gone with the last participant, from all shards.
func TestASpanEndsWithItsRoom(t *testing.T) {
	r := newSmallShards(t, 3)
	all := tertulia(t, r, 4, 1)
	r.flows("all", all, 3)
	for _, g := range all {
		r.must(protocol.DropParticipant{Participant: g.id})
	}
	r.isGone()
}

// However many subscribers on however many shards want a keyframe, the publisher is
// asked once in an interval.
func TestKeyframeStormOverShards(t *testing.T) {
	r := newSmallShards(t, 3)
	all := tertulia(t, r, 4, 1)
	r.flows("all", all, 3)
	before := all[0].keyframes.Load()
	end := time.Now().Add(2 * time.Second)
	for time.Now().Before(end) {
		for _, g := range all[1:] {
			for _, receiver := range g.GetReceivers() {
				if track := receiver.Track(); track != nil && track.Kind() == webrtc.RTPCodecTypeVideo && track.SSRC() != 0 {
					_ = g.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: uint32(track.SSRC())}})
				}
			}
		}
		time.Sleep(5 * time.Millisecond)
	}
	if n := all[0].keyframes.Load() - before; n < 3 || n > 8 {
		t.Errorf("the publisher was asked %d times in two seconds", n)
	}
}

// Commands that come while a room grows are carried out in order, and each is
// answered once: also when the room is dropped meanwhile.
func TestCommandsWhileARoomGrows(t *testing.T) {
	r := newSmallShards(t, 3)
	participant := func(n int) protocol.ParticipantID {
		return protocol.ParticipantID(fmt.Sprintf("00000000-0000-4000-8000-%012d", n))
	}
	request, want, most := uint64(1000), 0, 0
	send := func(epoch uint64, body protocol.CommandBody) {
		t.Helper()
		request++
		want++
		if err := r.bus.Publish(protocol.SubjectWorker("w"), protocol.EncodeCommand(testRoom, epoch, request, body)); err != nil {
			t.Fatal(err)
		}
	}
	answered := func() {
		t.Helper()
		waitFor(t, "an answer to each command", func() bool {
			r.mu.Lock()
			defer r.mu.Unlock()
			answers := 0
			for _, e := range r.events {
				if e.re != 0 {
					answers++
				}
			}
			return answers >= want
		})
	}
	for round := range uint64(20) {
		send(round+1, protocol.DropRoom{})
		send(round+1, protocol.ConfigureRoom{RoomSettings: protocol.DefaultRoomSettings})
		for n := range 12 {
			send(round+1, protocol.PublishStream{Participant: participant(n), Stream: protocol.StreamID(n + 1), Data: true})
			for k := range n {
				send(round+1, protocol.SubscribeStream{Participant: participant(n), SubscribeTo: protocol.SubscribeTo{Stream: protocol.StreamID(k + 1), Transport: "main"}})
			}
			if (n == 3 || n == 11) && round%2 == 1 {
				answered() // so that it is seen that the shard has something to do
			}
			r.worker.mu.Lock()
			if h := r.worker.rooms[testRoom]; h != nil {
				most = max(most, len(h.shards))
			}
			r.worker.mu.Unlock()
			if round > 0 {
				send(round, protocol.UnpublishStream{Stream: 1}) // of a former owner
			}
		}
	}
	answered()
	if most < 2 {
		t.Error("the room has always lived on one shard")
	}
	listing := r.do(20, protocol.ListRoom{}).(protocol.Listing)
	if len(listing.Streams) != 12 || len(listing.Subscriptions) != 66 {
		t.Errorf("%d streams, %d subscriptions", len(listing.Streams), len(listing.Subscriptions))
	}
	r.mu.Lock()
	stale, failed := 0, 0
	for _, e := range r.events {
		if f, ok := e.body.(protocol.Failed); ok {
			failed++
			if f.Code == protocol.CodeStaleEpoch {
				stale++
			} else {
				t.Errorf("refused: %+v", f)
			}
		}
	}
	r.mu.Unlock()
	if stale != 20*12-12 {
		t.Errorf("%d commands of former owners were refused", stale)
	}
	r.do(21, protocol.DropRoom{})
	r.isGone()
}

// A shard that does not take what comes loses packets, not memory, and hears of it.
func TestAPipeIsBounded(t *testing.T) {
	var box mailbox
	p := &pipe{}
	b := new(sfu.Batch)
	lost := 0
	for range 100 {
		b.Packets = append(b.Packets, make([]sfu.PipedPacket, 200)...)
		next, _, dropped := box.addBatch(p, b)
		lost += dropped
		b = next
	}
	if p.waiting > maxPiped || lost != 100*200-p.waiting || !b.Lost {
		t.Errorf("%d packets wait, %d are lost", p.waiting, lost)
	}
	b.Keyframes = append(b.Keyframes, 7) // what is no packet gets through
	if _, _, dropped := box.addBatch(p, b); dropped != 0 {
		t.Errorf("%d packets dropped", dropped)
	}
	_, _, batches := box.take(nil, nil, nil)
	if last := batches[len(batches)-1].batch; !last.Lost || len(last.Keyframes) != 1 {
		t.Errorf("the last batch is %+v", last)
	}
	box.giveBackBatches(batches)
	if p.waiting != 0 || len(p.free) != maxFreeBatches {
		t.Errorf("%d packets wait, %d batches are kept", p.waiting, len(p.free))
	}
}

// What was muted before the room had further shards is muted there too.
func TestAMutedStreamStaysMutedWhenARoomGrows(t *testing.T) {
	r := newSmallShards(t, 2)
	all := tertulia(t, r, 2, 1)
	for _, g := range all {
		receive(t, g.client, 2) // for the one to come
		r.negotiate(g.client, nil)
	}
	r.flows("both", all, 1)
	r.must(protocol.MuteTrack{Stream: 1, Track: "camera", Muted: true})
	all = r.comes(all, 1, 3)
	if counts := r.spread(); counts[0]*counts[1] == 0 {
		t.Fatalf("all are on one shard: %v", counts)
	}
	r.flows("muted", all[2:], 1)
	if n := r.sent(all[2])[1]; n != 0 {
		t.Errorf("%d packets of a muted stream", n)
	}
	r.must(protocol.MuteTrack{Stream: 1, Track: "camera"})
	r.flows("unmuted", all, 2)
}

// What a publisher allows of a track holds on all shards, also on those that the room
// comes to later.
func TestALimitHoldsOnAllShards(t *testing.T) {
	r := newSmallShards(t, 3)
	all := tertulia(t, r, 2, 1)
	want := protocol.LimitTrack{Stream: 1, Track: "camera", MaxBitrate: 300_000}
	check := func() {
		t.Helper()
		for _, s := range r.worker.shards {
			told := make(chan []protocol.LimitTrack)
			s.post(func(time.Time) {
				var limits []protocol.LimitTrack
				if room := s.rooms[testRoom]; room != nil {
					room.router.Publications(func(_ sfu.Pipe, _ protocol.PublishStream, of []protocol.LimitTrack) {
						limits = append(limits, of...)
					})
				} else {
					limits = append(limits, want)
				}
				told <- limits
			})
			if limits := <-told; len(limits) != 1 || limits[0] != want {
				t.Errorf("shard %d knows of %+v", s.index, limits)
			}
		}
	}
	r.must(want)
	check()
	r.comes(all, 2, 3)
	if counts := r.spread(); counts[0] == 0 || counts[1] == 0 || counts[2] == 0 {
		t.Fatalf("not on all shards: %v", counts)
	}
	check()
	want.MaxBitrate = 500_000
	r.must(want)
	check()
}

// A participant stays on its shard: with a new transport, and when ICE restarts.
func TestAParticipantStaysOnItsShard(t *testing.T) {
	r := newSmallShards(t, 3)
	all := tertulia(t, r, 3, 1)
	where := func() []*shard {
		r.worker.mu.Lock()
		defer r.worker.mu.Unlock()
		var list []*shard
		for _, g := range all {
			list = append(list, r.worker.rooms[testRoom].members[g.id])
		}
		return list
	}
	before := where()
	if before[2] == before[0] {
		t.Fatal("all are on one shard")
	}
	r.flows("all", all, 2)
	for _, g := range all {
		offer, err := g.CreateOffer(&webrtc.OfferOptions{ICERestart: true})
		if err != nil {
			t.Fatal(err)
		}
		gathered := webrtc.GatheringCompletePromise(g.PeerConnection)
		if err := g.SetLocalDescription(offer); err != nil {
			t.Fatal(err)
		}
		<-gathered
		answer := r.must(protocol.Negotiate{
			Participant: g.id, Transport: "main", SDP: g.LocalDescription().SDP, Codecs: []string{"VP8", "opus"},
		}).(protocol.Negotiated).SDP
		if err := g.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
			t.Fatal(err)
		}
	}
	r.flows("after a restart of ICE", all, 2)
	if after := where(); !slices.Equal(before, after) {
		t.Errorf("participants have moved from %v to %v", before, after)
	}
	for i, s := range before {
		found := make(chan bool)
		s.post(func(time.Time) {
			found <- s.rooms[testRoom].byKey[sfu.TransportKey{Participant: all[i].id, Transport: "main"}] != nil
		})
		if !<-found {
			t.Errorf("participant %d has no transport on its shard", i)
		}
	}
}
