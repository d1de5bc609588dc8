package sfu

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/pion/rtcp"

	"github.com/tertulia-rtc/tertulia/protocol"
	"github.com/tertulia-rtc/tertulia/sdp"
	"github.com/tertulia-rtc/tertulia/simnet"
)

// span is a room on several routers: worlds in one time, with pipes between them.
// Batches go through JSON, as if the routers were far apart.
type span struct {
	t      testing.TB
	worlds []*world
	full   func(from, to int, b *Batch) bool
	handed map[[2]int]int // packets
	wishes int
}

func newSpan(t testing.TB, n int, seed uint64) *span {
	s := &span{t: t, handed: map[[2]int]int{}}
	for i := range n {
		w := newWorld(t)
		w.rng = rand.New(rand.NewPCG(seed, uint64(i)))
		w.r = New(Config{Rand: w.rng})
		s.worlds = append(s.worlds, w)
	}
	return s
}

// mesh opens pipes between all.
func (s *span) mesh() *span {
	for i := range s.worlds {
		for k := range s.worlds {
			if i != k {
				s.worlds[i].r.OpenPipe(Pipe(k + 1))
			}
		}
		if i > 0 {
			s.worlds[i].r.SetQuiet(s.worlds[i].now, true)
		}
	}
	return s
}

// publish makes a stream of a client of one world known in all.
func (s *span) publish(c *client, stream protocol.StreamID, tracks ...protocol.PublishTrack) {
	s.t.Helper()
	from := Pipe(0)
	for i, w := range s.worlds {
		if w == c.w {
			from = Pipe(i + 1)
		}
	}
	for _, w := range s.worlds {
		if w == c.w {
			continue
		}
		if err := w.r.PublishBeyond(w.now, from, protocol.PublishStream{Participant: c.id, Stream: stream, Tracks: tracks}); err != nil {
			s.t.Fatal(err)
		}
	}
	c.publish(stream, tracks...)
}

// each does the same in all worlds, as commands for the whole room do.
func (s *span) each(do func(w *world)) {
	for _, w := range s.worlds {
		do(w)
	}
}

func (s *span) run(d time.Duration) {
	s.t.Helper()
	for range d / time.Millisecond {
		for _, w := range s.worlds {
			w.run(time.Millisecond)
		}
		for i, w := range s.worlds {
			w.r.HandOver(func(to Pipe, b *Batch) *Batch {
				k := int(to) - 1
				s.wishes += len(b.Keyframes)
				if s.full != nil && s.full(i, k, b) {
					b.Lose()
					return b
				}
				s.handed[[2]int{i, k}] += len(b.Packets)
				data, err := json.Marshal(b)
				if err != nil {
					s.t.Fatal(err)
				}
				var arrived Batch
				if err := json.Unmarshal(data, &arrived); err != nil {
					s.t.Fatal(err)
				}
				other := s.worlds[k]
				other.r.HandleBatch(other.now, Pipe(i+1), &arrived)
				b.Reset()
				return b
			})
		}
	}
}

var lan = simnet.Config{Latency: 5 * time.Millisecond}

// whole fails unless a receiver got an unbroken stream.
func (v *receiver) whole(t testing.TB, least int) {
	t.Helper()
	if len(v.packets) < least {
		t.Errorf("%s got %d packets of %d", v.c.id, len(v.packets), least)
		return
	}
	if len(v.missing) > 3 {
		t.Errorf("%s misses %d packets", v.c.id, len(v.missing))
	}
	if n := int(v.highest-v.packets[0].SequenceNumber) + 1; len(v.packets) < n-3 {
		t.Errorf("%s got %d packets of %d", v.c.id, len(v.packets), n)
	}
}

// Whoever subscribes on another router gets video and audio as those beside the
// publisher do: unbroken through losses on every link, with the same frames, and in
// sync.
func TestPipeCarriesAStream(t *testing.T) {
	for seed := range uint64(5) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			s := newSpan(t, 2, seed).mesh()
			lossy := simnet.Config{Latency: 20 * time.Millisecond, Jitter: 5 * time.Millisecond, Loss: 0.03}
			pub := s.worlds[0].join("ana", lossy, sends("0", sdp.Audio, opus), sends("1", sdp.Video, vp8, h264))
			s.publish(pub, 1, audioTrack("0"), videoTrack("1"))
			near := s.worlds[0].join("ben", lossy, receives("0", sdp.Audio, 1000, opus), receives("1", sdp.Video, 2000, vp8, h264))
			far := s.worlds[1].join("eva", lossy, receives("0", sdp.Audio, 1000, opus), receives("1", sdp.Video, 2000, vp8, h264))
			video := pub.video("1", 100)
			pub.audio("0", 200)
			s.run(time.Second)
			near.subscribe(1)
			far.subscribe(1)
			s.run(5 * time.Second)
			for _, c := range []*client{near, far} {
				c.receiver[2000].whole(t, 450)
				c.receiver[1000].whole(t, 230)
				if n := len(c.receiver[2000].reports); n < 3 {
					t.Errorf("%s got %d sender reports", c.id, n)
				}
			}
			_, a, _ := vp8Of(near.receiver[2000].last)
			_, b, _ := vp8Of(far.receiver[2000].last)
			if a != b && a != b+1 && b != a+1 {
				t.Errorf("frame %d here, %d there", a, b)
			}
			if video.plis > 4 {
				t.Errorf("%d keyframe requests", video.plis)
			}
			if n := len(taken[protocol.TrackStarted](s.worlds[1])); n != 0 {
				t.Errorf("%d tracks told a second time", n)
			}
			if n := len(taken[protocol.TrackStarted](s.worlds[0])); n != 2 {
				t.Errorf("%d tracks told", n)
			}
			// NACKs of those beyond are answered from the ring there.
			if st := s.worlds[1].stats(far); st.Retransmitted == 0 || st.NACKsMissed > st.NACKsIn/5 {
				t.Errorf("of %d NACKs %d are answered, %d missed", st.NACKsIn, st.Retransmitted, st.NACKsMissed)
			}
		})
	}
}

// A stream goes through a pipe only while somebody beyond subscribes to it.
func TestPipeCarriesWhatIsWanted(t *testing.T) {
	s := newSpan(t, 2, 1).mesh()
	pub := s.worlds[0].join("ana", lan, sends("1", sdp.Video, vp8))
	s.publish(pub, 1, videoTrack("1"))
	pub.video("1", 100)
	far := s.worlds[1].join("eva", lan, receives("1", sdp.Video, 2000, vp8))
	handed := func() int {
		before := s.handed[[2]int{0, 1}]
		s.run(time.Second)
		return s.handed[[2]int{0, 1}] - before
	}
	if n := handed(); n != 0 {
		t.Errorf("%d packets that nobody wants", n)
	}
	far.subscribe(1)
	if n := handed(); n < 100 {
		t.Errorf("%d packets", n)
	}
	prefer := func(paused bool) {
		want := protocol.Preference{Stream: 1, Track: "v", Priority: 10, Paused: paused}
		if err := s.worlds[1].r.Prefer(s.worlds[1].now, far.id, want); err != nil {
			t.Fatal(err)
		}
	}
	prefer(true)
	s.run(10 * time.Millisecond)
	if n := handed(); n != 0 {
		t.Errorf("%d packets while paused", n)
	}
	got := len(far.receiver[2000].packets)
	prefer(false)
	s.run(time.Second)
	if n := len(far.receiver[2000].packets) - got; n < 60 {
		t.Errorf("%d packets after the pause", n)
	}
	_ = s.worlds[1].r.Unsubscribe(s.worlds[1].now, far.id, 1)
	s.run(10 * time.Millisecond)
	if n := handed(); n != 0 {
		t.Errorf("%d packets after the end", n)
	}
	far.receiver[2000].whole(t, 150)
	for _, p := range s.worlds[1].r.state.Peers {
		if p != nil && p.beyond() {
			t.Error("the other router keeps what nobody wants")
		}
	}
	got = len(far.receiver[2000].packets)
	far.subscribe(1)
	if n := handed(); n < 100 {
		t.Errorf("%d packets when it is wanted again", n)
	}
	if n := len(far.receiver[2000].packets) - got; n < 60 {
		t.Errorf("%d packets come when it is wanted again", n)
	}
}

// However many want a keyframe, on however many routers, the publisher is asked
// at most once in an interval.
func TestKeyframesAreAskedForOnce(t *testing.T) {
	const routers = 4
	s := newSpan(t, routers, 1).mesh()
	pub := s.worlds[0].join("ana", lan, sends("1", sdp.Video, vp8))
	s.publish(pub, 1, videoTrack("1"))
	video := pub.video("1", 100)
	var all []*client
	for i := range routers {
		for k := range 3 {
			c := s.worlds[i].join(fmt.Sprintf("c%d-%d", i, k), lan, receives("1", sdp.Video, 2000, vp8))
			c.subscribe(1)
			all = append(all, c)
		}
	}
	s.run(2 * time.Second)
	video.plis = 0
	for range 300 { // 3 s of a storm
		for _, c := range all {
			c.sendRTCP(&rtcp.PictureLossIndication{MediaSSRC: 2000})
		}
		s.run(10 * time.Millisecond)
	}
	if video.plis < 5 || video.plis > 10 {
		t.Errorf("asked %d times in three seconds", video.plis)
	}
}

// Each router chooses layers for its own subscribers.
func TestLayersBeyondAPipe(t *testing.T) {
	s := newSpan(t, 2, 3).mesh()
	section := sends("1", sdp.Video, vp8)
	section.Recv.RIDs = []string{"q", "f"}
	pub := s.worlds[0].join("ana", simnet.Config{Latency: 5 * time.Millisecond, Loss: 0.01}, section)
	s.publish(pub, 1, videoTrack("1"))
	near := s.worlds[0].join("ben", lan, receives("1", sdp.Video, 2000, vp8))
	far := s.worlds[1].join("eva", lan, receives("1", sdp.Video, 2000, vp8))
	slow := s.worlds[1].join("uwe", simnet.Config{Latency: 30 * time.Millisecond, Rate: 600_000, Queue: 60_000}, receives("1", sdp.Video, 2000, vp8))
	small, large := pub.video("1", 100), pub.video("1", 300)
	small.rid, small.size = "q", 300
	large.rid, large.size = "f", 1100
	for _, c := range []*client{near, far, slow} {
		c.subscribe(1)
	}
	s.run(8 * time.Second)
	for c, size := range map[*client]int{near: 1100, far: 1100, slow: 300} {
		v := c.receiver[2000]
		if v.last == nil {
			t.Fatalf("%s got nothing", c.id)
		}
		if n := len(v.last.Payload); n != size {
			t.Errorf("%s gets packets of %d bytes", c.id, n)
		}
		if len(v.missing) > 5 {
			t.Errorf("%s misses %d", c.id, len(v.missing))
		}
	}
	// The publisher falls back to the small layer: everybody follows.
	large.silent = true
	s.run(3 * time.Second)
	for _, c := range []*client{near, far} {
		if n := len(c.receiver[2000].last.Payload); n != 300 {
			t.Errorf("%s then gets packets of %d bytes", c.id, n)
		}
	}
}

// The publisher is told of the layers that nobody has a use for, here or beyond.
func TestUnwantedLayersBeyondAPipe(t *testing.T) {
	s := newSpan(t, 2, 3).mesh()
	section := sends("1", sdp.Video, vp8)
	section.Recv.RIDs = []string{"q", "f"}
	pub := s.worlds[0].join("ana", lan, section)
	s.publish(pub, 1, videoTrack("1"))
	sized := func(sd *sender, width, height uint16) {
		sd.clock++ // so that the test's own marks stay away
		plain := sd.make
		sd.make = func(first, keyframe bool, frame int) []byte {
			b := plain(first, keyframe, frame)
			if first && keyframe {
				copy(b[9:], []byte{0x9d, 0x01, 0x2a})
				binary.LittleEndian.PutUint16(b[12:], width)
				binary.LittleEndian.PutUint16(b[14:], height)
			}
			return b
		}
	}
	small, large := pub.video("1", 100), pub.video("1", 300)
	small.rid, small.size = "q", 300
	large.rid, large.size = "f", 1100
	sized(small, 320, 180)
	sized(large, 1280, 720)
	far := s.worlds[1].join("eva", lan, receives("1", sdp.Video, 2000, vp8))
	far.subscribe(1)
	s.run(6 * time.Second)
	if n := len(taken[protocol.LayersNeeded](s.worlds[0])); n != 0 {
		t.Errorf("told %d times while all is wanted", n)
	}
	small320 := protocol.Preference{Stream: 1, Track: "v", Priority: 10, Width: 320, Height: 180}
	if err := s.worlds[1].r.Prefer(s.worlds[1].now, far.id, small320); err != nil {
		t.Fatal(err)
	}
	s.run(6 * time.Second)
	told := taken[protocol.LayersNeeded](s.worlds[0])
	if len(told) != 1 || !told[0].Layers[0].Wanted || told[0].Layers[1].Wanted || told[0].Layers[1].RID != "f" {
		t.Errorf("told %+v while nobody wants the large one", told)
	}
	// Somebody beside the publisher wants it.
	near := s.worlds[0].join("ben", lan, receives("1", sdp.Video, 2000, vp8))
	near.subscribe(1)
	s.run(2 * time.Second)
	if told := taken[protocol.LayersNeeded](s.worlds[0]); len(told) != 1 || !told[0].Layers[1].Wanted {
		t.Errorf("then told %+v", told)
	}
	// It leaves, and the one beyond wants it again: that is told at once.
	_ = s.worlds[0].r.Unsubscribe(s.worlds[0].now, near.id, 1)
	s.run(6 * time.Second)
	if told := taken[protocol.LayersNeeded](s.worlds[0]); len(told) != 1 || told[0].Layers[1].Wanted {
		t.Errorf("then told %+v", told)
	}
	check(t, s.worlds[1].r.Prefer(s.worlds[1].now, far.id, protocol.Preference{Stream: 1, Track: "v", Priority: 10, Width: 1280}))
	s.run(20 * time.Millisecond)
	if told := taken[protocol.LayersNeeded](s.worlds[0]); len(told) != 1 || !told[0].Layers[1].Wanted {
		t.Errorf("at last told %+v", told)
	}
	if n := len(taken[protocol.LayersNeeded](s.worlds[1])); n != 0 {
		t.Errorf("told %d times on the other side", n)
	}
}

// What is muted stops on both sides, and goes on with a keyframe.
func TestMuteBeyondAPipe(t *testing.T) {
	s := newSpan(t, 2, 1).mesh()
	pub := s.worlds[0].join("ana", lan, sends("1", sdp.Video, vp8))
	s.publish(pub, 1, videoTrack("1"))
	video := pub.video("1", 100)
	far := s.worlds[1].join("eva", lan, receives("1", sdp.Video, 2000, vp8))
	far.subscribe(1)
	s.run(2 * time.Second)
	v := far.receiver[2000]
	mute := func(muted bool) {
		s.each(func(w *world) { _ = w.r.Mute(w.now, protocol.MuteTrack{Stream: 1, Track: "v", Muted: muted}) })
	}
	mute(true)
	s.run(50 * time.Millisecond)
	before, keyframes := len(v.packets), video.keyframes
	s.run(time.Second)
	if n := len(v.packets) - before; n != 0 {
		t.Errorf("%d packets of a muted track", n)
	}
	mute(false)
	s.run(2 * time.Second)
	if n := len(v.packets) - before; n < 200 || video.keyframes == keyframes {
		t.Errorf("%d packets, %d keyframes afterwards", n, video.keyframes-keyframes)
	}
	v.whole(t, 300)
}

// Packets dropped between routers cost a keyframe and nothing else.
func TestPacketsDroppedOnTheWay(t *testing.T) {
	s := newSpan(t, 2, 1).mesh()
	pub := s.worlds[0].join("ana", lan, sends("1", sdp.Video, vp8))
	s.publish(pub, 1, videoTrack("1"))
	video := pub.video("1", 100)
	far := s.worlds[1].join("eva", lan, receives("1", sdp.Video, 2000, vp8))
	far.subscribe(1)
	s.run(2 * time.Second)
	keyframes := video.keyframes
	dropped := 0
	s.full = func(_, to int, b *Batch) bool {
		if to == 1 && dropped < 8 && len(b.Packets) > 0 {
			dropped += len(b.Packets)
			return true
		}
		return false
	}
	s.run(300 * time.Millisecond)
	if n := video.keyframes - keyframes; n != 1 {
		t.Errorf("%d keyframes for a gap", n)
	}
	s.run(3 * time.Second)
	if n := video.keyframes - keyframes; n != 1 {
		t.Errorf("%d keyframes in the end", n)
	}
	if got := s.worlds[0].r.PipeStats(2); got.Dropped != uint64(dropped) || dropped == 0 {
		t.Errorf("%d dropped, counted %+v", dropped, got)
	}
	if got := s.worlds[1].r.PipeStats(1); got.Gaps == 0 || got.Unknown != 0 {
		t.Errorf("counted %+v", got)
	}
	if n := len(far.receiver[2000].packets); n < 550 {
		t.Errorf("%d packets", n)
	}
}

// A publisher that restarts its numbers, or comes back on a new connection, is heard
// and seen beyond the pipe.
func TestPublisherReturnsBeyondAPipe(t *testing.T) {
	s := newSpan(t, 2, 1).mesh()
	pub := s.worlds[0].join("ana", lan, sends("0", sdp.Audio, opus), sends("1", sdp.Video, vp8))
	s.publish(pub, 1, audioTrack("0"), videoTrack("1"))
	video, audio := pub.video("1", 100), pub.audio("0", 200)
	far := s.worlds[1].join("eva", lan, receives("0", sdp.Audio, 1000, opus), receives("1", sdp.Video, 2000, vp8))
	far.subscribe(1)
	s.run(2 * time.Second)
	video.seq += 20_000
	audio.seq += 20_000
	video.keyframe = true
	goesOn := func(what string) {
		t.Helper()
		s.run(500 * time.Millisecond)
		a, v := len(far.receiver[1000].packets), len(far.receiver[2000].packets)
		s.run(time.Second)
		if a, v := len(far.receiver[1000].packets)-a, len(far.receiver[2000].packets)-v; a < 40 || v < 100 {
			t.Errorf("%s: %d packets of audio, %d of video in a second", what, a, v)
		}
	}
	goesOn("new numbers")
	w := s.worlds[0]
	w.r.RemoveTransport(w.now, pub.key)
	s.run(300 * time.Millisecond)
	delete(w.clients, pub.peer)
	pub.negotiate()
	w.clients[pub.peer] = pub
	w.r.SetConnected(w.now, pub.key, true)
	video.ssrc, video.rtx, audio.ssrc = 500, 501, 600
	goesOn("a new connection")
	far.receiver[2000].whole(t, 400)
	far.receiver[1000].whole(t, 150)
}

// A codec that changes in mid-stream changes beyond the pipe too.
func TestCodecChangesBeyondAPipe(t *testing.T) {
	s := newSpan(t, 2, 1).mesh()
	pub := s.worlds[0].join("ana", lan, sends("1", sdp.Video, vp8, h264))
	s.publish(pub, 1, videoTrack("1"))
	video := pub.video("1", 100)
	far := s.worlds[1].join("eva", lan, receives("1", sdp.Video, 2000, vp8, h264))
	far.subscribe(1)
	s.run(3 * time.Second)
	video.pt, video.rtxPT = 102, 103
	video.make = func(first, keyframe bool, _ int) []byte {
		b := make([]byte, video.size)
		b[0] = 0x41
		if keyframe && first {
			b[0] = 0x65
		}
		return b
	}
	s.run(3 * time.Second)
	last := far.receiver[2000].last
	if last.PayloadType != 102 {
		t.Errorf("the last packet has payload type %d", last.PayloadType)
	}
	if got := taken[protocol.SubscriptionChanged](s.worlds[1]); len(got) == 0 || got[len(got)-1].Codec != "H264" {
		t.Errorf("told %+v", got)
	}
}

// One router tells who speaks, wherever they are; the others are silent about it.
func TestSpeakersAreToldOnce(t *testing.T) {
	s := newSpan(t, 3, 1).mesh()
	for i, w := range s.worlds {
		c := w.join(fmt.Sprint("p", i), lan, sends("0", sdp.Audio, opus))
		s.publish(c, protocol.StreamID(i+1), audioTrack("0"))
		c.audio("0", 200).level = byte(20 + 20*i)
	}
	s.run(3 * time.Second)
	told := taken[protocol.SpeakersChanged](s.worlds[0])
	if len(told) == 0 || len(told[len(told)-1].Speakers.Speakers) < 2 || told[len(told)-1].Speakers.Speakers[0].Stream != 1 {
		t.Errorf("told %+v", told)
	}
	for _, w := range s.worlds[1:] {
		if n := len(taken[protocol.SpeakersChanged](w)); n != 0 {
			t.Errorf("told %d times elsewhere", n)
		}
	}
}

// Pipes form a tree: a router between two passes on what the farther one needs, and
// its wishes.
func TestPipesInARow(t *testing.T) {
	s := newSpan(t, 3, 1)
	s.worlds[0].r.OpenPipe(2)
	s.worlds[1].r.OpenPipe(1)
	s.worlds[1].r.OpenPipe(3)
	s.worlds[2].r.OpenPipe(2)
	pub := s.worlds[0].join("ana", lan, sends("1", sdp.Video, vp8))
	stream := protocol.PublishStream{Participant: pub.id, Stream: 1, Tracks: []protocol.PublishTrack{videoTrack("1")}}
	for i, from := range []Pipe{1, 2} {
		w := s.worlds[i+1]
		if err := w.r.PublishBeyond(w.now, from, stream); err != nil {
			t.Fatal(err)
		}
	}
	pub.publish(1, stream.Tracks...)
	video := pub.video("1", 100)
	far := s.worlds[2].join("eva", lan, receives("1", sdp.Video, 2000, vp8))
	s.run(time.Second)
	far.subscribe(1)
	s.run(3 * time.Second)
	far.receiver[2000].whole(t, 340)
	before := video.plis
	far.sendRTCP(&rtcp.PictureLossIndication{MediaSSRC: 2000})
	s.run(200 * time.Millisecond)
	if video.plis != before+1 {
		t.Errorf("%d requests for a keyframe", video.plis-before)
	}
	_ = s.worlds[2].r.Unsubscribe(s.worlds[2].now, far.id, 1)
	s.run(50 * time.Millisecond)
	n := s.handed[[2]int{0, 1}]
	s.run(time.Second)
	if n != s.handed[[2]int{0, 1}] {
		t.Error("the stream goes on to a router that needs it no more")
	}
}

// The state of both routers survives JSON in mid-stream.
func TestPipesSurviveRestoring(t *testing.T) {
	s := newSpan(t, 2, 1).mesh()
	pub := s.worlds[0].join("ana", lan, sends("0", sdp.Audio, opus), sends("1", sdp.Video, vp8))
	s.publish(pub, 1, audioTrack("0"), videoTrack("1"))
	pub.video("1", 100)
	pub.audio("0", 200)
	far := s.worlds[1].join("eva", lan, receives("0", sdp.Audio, 1000, opus), receives("1", sdp.Video, 2000, vp8))
	far.subscribe(1)
	s.run(2 * time.Second)
	for _, w := range s.worlds {
		state, err := json.Marshal(w.r)
		if err != nil {
			t.Fatal(err)
		}
		if w.r, err = Restore(w.r.cfg, state); err != nil {
			t.Fatal(err)
		}
	}
	before := len(far.receiver[2000].packets)
	s.run(2 * time.Second)
	if n := len(far.receiver[2000].packets) - before; n < 200 {
		t.Errorf("%d packets afterwards", n)
	}
}

// A batch that does not fit, or names what is not there, harms nobody.
func TestBatchesThatAreNone(t *testing.T) {
	s := newSpan(t, 2, 1).mesh()
	pub := s.worlds[0].join("ana", lan, sends("1", sdp.Video, vp8))
	s.publish(pub, 1, videoTrack("1"))
	pub.video("1", 100)
	far := s.worlds[1].join("eva", lan, receives("1", sdp.Video, 2000, vp8))
	far.subscribe(1)
	s.run(time.Second)
	r, now := s.worlds[1].r, s.worlds[1].now
	known := uint32(0)
	for serial := range r.pipe(1).in {
		known = serial
	}
	for _, b := range []Batch{
		{Packets: []PipedPacket{{Source: known, Payload: 9}}},
		{Packets: []PipedPacket{{Source: known + 100, Payload: 3}}, Bytes: []byte{1, 2, 3}},
		{Packets: []PipedPacket{{Source: known, PayloadType: 255}}},
		{Packets: []PipedPacket{{Source: known, PayloadType: 96, Extensions: 3}}, Bytes: []byte{99, 200, 1}},
		{Sections: []PipedSection{{Stream: 9}, {Stream: 1, Track: "x"}, {Stream: 1, Track: "v", Sources: make([]PipedSource, 9)}}},
		{Needs: []PipedNeed{{Stream: 1, Track: "v", Wanted: true}, {Stream: 7}}, Keyframes: []uint32{77}, Reports: []PipedReport{{Source: 99}}},
	} {
		r.HandleBatch(now, 1, &b)
		r.HandleBatch(now, 5, &b)
	}
	before := len(far.receiver[2000].packets)
	s.run(time.Second)
	if n := len(far.receiver[2000].packets) - before; n < 100 {
		t.Errorf("%d packets afterwards", n)
	}
}

// bridge is a publisher on one router and its listeners on another one, without
// links.
type bridge struct {
	*hall
	far  *Router
	free *Batch
}

func newBridge(t testing.TB, listeners int) *bridge {
	b := &bridge{hall: newHall(t, 1, 1), free: &Batch{}, far: New(Config{Rand: rand.New(rand.NewPCG(2, 2))})}
	b.r.OpenPipe(2)
	b.far.OpenPipe(1)
	if err := b.far.PublishBeyond(b.now, 1, protocol.PublishStream{Participant: "p0", Stream: 1, Tracks: []protocol.PublishTrack{videoTrack("v")}}); err != nil {
		t.Fatal(err)
	}
	for i := range listeners {
		id := protocol.ParticipantID(fmt.Sprintf("f%d", i))
		key := TransportKey{id, "main"}
		b.far.SetTransport(b.now, key, &sdp.Transport{Sections: []sdp.Section{receives("0", sdp.Video, 2000, vp8)}, ExtmapAllowMixed: true})
		b.far.SetConnected(b.now, key, true)
		if err := b.far.Subscribe(b.now, id, protocol.SubscribeTo{Stream: 1, Transport: "main"}); err != nil {
			t.Fatal(err)
		}
	}
	b.packets[0][24+6] = 0 // each frame is a keyframe
	for range 3000 {
		b.round(4)
	}
	b.sink = counting{}
	return b
}

// round is a batch of the publisher on its way to the listeners.
func (b *bridge) round(n int) {
	b.burst(n)
	b.r.HandOver(func(_ Pipe, full *Batch) *Batch {
		b.pass(b.far, 1, full)
		return b.free
	})
	b.far.Flush(b.now, &b.sink)
	if due := b.far.Timer(); !due.IsZero() && !due.After(b.now) {
		b.far.Advance(b.now, &b.sink)
	}
	b.far.HandOver(func(_ Pipe, full *Batch) *Batch {
		b.pass(b.r, 2, full)
		return b.free
	})
}

func (b *bridge) pass(to *Router, from Pipe, full *Batch) {
	to.HandleBatch(b.now, from, full)
	full.Reset()
	b.free = full
}

// A packet costs no memory on either side of a pipe.
func TestPipesAllocateNothing(t *testing.T) {
	b := newBridge(t, 10)
	if n := testing.AllocsPerRun(500, func() { b.round(4) }); n != 0 {
		t.Errorf("%v allocations for a batch", n)
	}
	if b.sink.rtp < 500*4*11 {
		t.Errorf("%d packets were sent", b.sink.rtp)
	}
}

// Whoever speaks in a big room is heard on all routers, and few others are.
func TestBigRoomOverPipes(t *testing.T) {
	s := newSpan(t, 2, 1).mesh()
	var senders []*sender
	var all []*client
	const people = 16
	for i := range people {
		var sections []sdp.Section
		sections = append(sections, sends("s", sdp.Audio, opus))
		for k := range 8 {
			slot := receives(fmt.Sprint("r", k), sdp.Audio, uint32(1000+2*k), opus)
			slot.Send.RTX = 0
			sections = append(sections, slot)
		}
		c := s.worlds[i%2].join(fmt.Sprint("p", i), lan, sections...)
		s.publish(c, protocol.StreamID(i+1), audioTrack("s"))
		a := c.audio("s", 200)
		a.level = 100
		all, senders = append(all, c), append(senders, a)
	}
	for i, c := range all {
		for k := range all {
			if i != k {
				c.subscribe(protocol.StreamID(k + 1))
			}
		}
	}
	s.run(3 * time.Second)
	for _, speaker := range []int{0, 1, 6} {
		for i := range senders {
			senders[i].level = 100
		}
		senders[speaker].level = 20
		s.run(3 * time.Second)
		for i, c := range all {
			heard := 0
			for k := range all {
				if n, ok := c.live(protocol.StreamID(k + 1)); ok && n > 0 {
					heard++
				}
			}
			if _, ok := c.live(protocol.StreamID(speaker + 1)); i != speaker && !ok {
				t.Errorf("%s does not hear %d", c.id, speaker)
			}
			if heard > 5 {
				t.Errorf("%s gets %d streams of audio", c.id, heard)
			}
		}
	}
	told := taken[protocol.SpeakersChanged](s.worlds[0])
	if len(told) == 0 || told[len(told)-1].Speakers.Speakers[0].Stream != 7 {
		t.Errorf("told %+v", told)
	}
}

// Nobody is asked for more slots because the others are beyond a pipe.
func TestSlotsOfABigRoomOverPipes(t *testing.T) {
	s := newSpan(t, 2, 1).mesh()
	const people = 40
	for i := range people {
		c := s.worlds[0].join(fmt.Sprint("p", i), lan, sends("s", sdp.Audio, opus))
		s.publish(c, protocol.StreamID(i+1), audioTrack("s"))
		c.audio("s", 200).level = 100
	}
	s.run(2 * time.Second)
	var slots []sdp.Section
	for k := range 6 {
		slot := receives(fmt.Sprint("r", k), sdp.Audio, uint32(1000+2*k), opus)
		slot.Send.RTX = 0
		slots = append(slots, slot)
	}
	far := s.worlds[1].join("eva", lan, slots...)
	for i := range people {
		far.subscribe(protocol.StreamID(i + 1))
	}
	s.run(3 * time.Second)
	for _, e := range taken[protocol.SlotsMissing](s.worlds[1]) {
		if e.Audio > 6 {
			t.Errorf("%d slots of audio are wanted", e.Audio)
		}
	}
	for i := range people {
		id := protocol.StreamID(i + 1)
		s.each(func(w *world) { _ = w.r.Unpublish(w.now, id) })
	}
	s.run(10 * time.Millisecond)
	for i, ear := range s.worlds[1].r.ears {
		if ear != nil {
			t.Errorf("ear %d still listens", i)
		}
	}
}

// live says how much of a stream a client was sent in a slot that is live.
func (c *client) live(stream protocol.StreamID) (packets uint64, ok bool) {
	for _, s := range c.w.r.peer(c.peer).Slots {
		if s.Stream == stream && s.Live && !s.track.Hushed {
			return s.Packets, true
		}
	}
	return 0, false
}

// Whatever another router hands over, nothing breaks.
func FuzzHandleBatch(f *testing.F) {
	s := newSpan(f, 2, 1).mesh()
	pub := s.worlds[0].join("ana", lan, sends("1", sdp.Video, vp8))
	s.publish(pub, 1, videoTrack("1"))
	pub.video("1", 100)
	far := s.worlds[1].join("eva", lan, receives("1", sdp.Video, 2000, vp8))
	far.subscribe(1)
	s.full = func(_, _ int, b *Batch) bool {
		if data, err := json.Marshal(b); err == nil && len(data) < 4000 {
			f.Add(data)
		}
		return false
	}
	s.run(100 * time.Millisecond)
	s.full = nil
	f.Add([]byte(`{"packets":[{"source":1,"extensions":9,"payload":3}],"bytes":"AAAA","lost":true}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var b Batch
		if json.Unmarshal(data, &b) != nil {
			return
		}
		s := newSpan(t, 2, 1).mesh()
		pub := s.worlds[0].join("ana", lan, sends("1", sdp.Video, vp8))
		s.publish(pub, 1, videoTrack("1"))
		far := s.worlds[1].join("eva", lan, receives("1", sdp.Video, 2000, vp8))
		far.subscribe(1)
		for i, w := range s.worlds {
			w.r.HandleBatch(w.now, Pipe(2-i), &b)
		}
		s.run(20 * time.Millisecond)
	})
}
