package load

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/tertulia-rtc/tertulia/transport"
)

// rig is an endpoint with keys, without a network: what it sends is dropped, but
// counted.
type rig struct {
	loop *loop
	ep   *endpoint
	// server seals what the endpoint receives.
	server *transport.Outbound
	now    instant
}

func rigWithKeys(t testing.TB) *rig {
	key, salt := make([]byte, 16), make([]byte, 12)
	keys := transport.Keys{Profile: transport.ProfileAEADAES128GCM, LocalKey: key, LocalSalt: salt, RemoteKey: key, RemoteSalt: salt}
	in, err := transport.NewInbound(keys)
	if err != nil {
		t.Fatal(err)
	}
	out, err := transport.NewOutbound(keys)
	if err != nil {
		t.Fatal(err)
	}
	server, err := transport.NewOutbound(keys)
	if err != nil {
		t.Fatal(err)
	}
	r := rigForFuzz()
	sockets, err := transport.NewSockets()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sockets.Close)
	id, addr, err := sockets.Open(netip.MustParseAddrPort("127.0.0.1:0"))
	if err != nil {
		t.Fatal(err)
	}
	r.loop.sockets = sockets
	r.ep.in, r.ep.out, r.ep.id, r.ep.remote, r.server = in, out, id, addr, server
	return r
}

func rigForFuzz() *rig {
	l := &loop{run: &run{scenario: Scenario{Open: 1, Seed: 1}}}
	ep := &endpoint{loop: l, place: -1, bySSRC: map[uint32]streamOf{}, ssrc: 1, cname: "test", feedbackAt: never, reportsAt: never, told: true}
	ep.scratch.head = make([]byte, 0, 2+maxHead+stampSize)
	ep.scratch.header = make([]byte, 0, maxHeader)
	ep.scratch.rtcp = make([]byte, 0, 1400)
	ep.scratch.seqs = make([]uint16, 0, 200)
	l.heap.add(ep)
	l.windowEnd = ^uint64(0)
	return &rig{loop: l, ep: ep, now: 1_800_000_000 * second}
}

// slot gives the endpoint a receiver.
func (r *rig) slot(video, nack bool) *receiver {
	one := &receiver{ep: r.ep, video: video, clockRate: 90000, nack: nack, pli: true}
	one.loss.due, one.frame.due, one.frame.broken = never, never, true
	one.window.end = ^uint64(0)
	r.ep.receivers = append(r.ep.receivers, one)
	r.ep.bind(one, 100+uint32(len(r.ep.receivers)), 200+uint32(len(r.ep.receivers)))
	return one
}

// frame is one of n packets from seq on, of which those in lost do not come.
func (r *rig) frame(one *receiver, seq uint16, n int, key bool, lost ...uint16) {
	for i := range uint16(n) {
		if !slices.Contains(lost, seq+i) {
			r.packet(one, seq+i, key && i == 0, i == 0, int(i) == n-1, false)
		}
	}
}

func (r *rig) packet(one *receiver, seq uint16, key, start, marker, repaired bool) bool {
	head := vp8Frame{key: key}
	a := arrival{now: r.now, at: r.now, seq: seq, timestamp: uint32(r.now / 11111), marker: marker, repaired: repaired, media: true, payload: head.appendHead(nil, start)}
	return one.take(&a)
}

func TestReceiverCountsLossAfterRepair(t *testing.T) {
	r := rigWithKeys(t)
	one := r.slot(true, true)
	r.frame(one, 65533, 6, true, 65535, 1) // over the wrap
	c := &r.loop.counts
	if c.Gaps != 2 || one.highest-one.base != 5 || one.received != 4 {
		t.Fatalf("%d gaps, %d numbers, %d received", c.Gaps, one.highest-one.base+1, one.received)
	}
	one.advance(r.now) // asks
	if c.NACKsSent != 1 {
		t.Errorf("%d NACKs", c.NACKsSent)
	}
	r.now += 30 * millisecond
	if !r.packet(one, 65535, false, false, false, true) || r.packet(one, 65535, false, false, false, true) {
		t.Error("a repair counts once")
	}
	if c.Repaired != 1 || c.Repeated != 1 || one.loss.rtt != 30*millisecond {
		t.Errorf("%d repaired, %d repeated, round trip %v", c.Repaired, c.Repeated, one.loss.rtt)
	}
	one.closeWindow(r.now)
	r.loop.endpoints = []*endpoint{r.ep}
	if got := r.loop.tally(); got.expected != 6 || got.received != 5 || got.streams != 1 {
		t.Errorf("tally: %+v; want 5 of 6", got)
	}
	if r.packet(one, 3, false, false, true, false); one.window.received != 5 {
		t.Error("a packet after the window counts")
	}
	if r.packet(one, 1, false, false, false, true); one.window.received != 6 {
		t.Error("a late repair of the window does not count")
	}
}

// A picture needs a keyframe and all packets since; without, a keyframe is asked for.
func TestReceiverShowsWhatCanBeDecoded(t *testing.T) {
	r := rigWithKeys(t)
	one := r.slot(true, true)
	c := &r.loop.counts
	step := func() { r.now += 33 * millisecond }
	r.frame(one, 1, 3, false)
	if one.window.frames != 0 || c.PLIsSent != 1 {
		t.Fatalf("%d frames, %d PLIs before a keyframe", one.window.frames, c.PLIsSent)
	}
	step()
	r.frame(one, 4, 3, true)
	if one.window.frames != 1 || r.ep.firstKey != r.now || r.ep.firstVideo != r.now-33*millisecond {
		t.Fatalf("%d frames, first picture at %d", one.window.frames, r.ep.firstKey)
	}
	step()
	r.frame(one, 7, 3, false, 8)
	step()
	r.frame(one, 10, 2, false)
	if one.window.frames != 1 {
		t.Fatalf("%d frames, though a packet is missing", one.window.frames)
	}
	r.packet(one, 8, false, false, false, true)
	if one.window.frames != 3 {
		t.Errorf("%d frames after the repair, want 3", one.window.frames)
	}
	// A loss that is not repaired in time breaks the picture until a keyframe.
	step()
	r.frame(one, 12, 3, false, 13)
	for range 40 {
		one.advance(r.now)
		step()
	}
	if !one.frame.broken || c.PLIsSent < 2 || len(one.loss.list) != 0 {
		t.Errorf("broken %v, %d PLIs, %d losses left", one.frame.broken, c.PLIsSent, len(one.loss.list))
	}
	if c.NACKsSent < 5 || c.NACKsSent > lostTries+1 {
		t.Errorf("%d NACKs for one packet", c.NACKsSent)
	}
	r.frame(one, 15, 3, true)
	if one.frame.broken || one.window.frames != 4 {
		t.Errorf("broken %v, %d frames after the keyframe", one.frame.broken, one.window.frames)
	}
}

// A keyframe behind a gap is shown without waiting for what is missing before it.
func TestReceiverJumpsToAKeyframe(t *testing.T) {
	r := rigWithKeys(t)
	one := r.slot(true, true)
	r.frame(one, 1, 2, true)
	r.frame(one, 3, 2, false, 3)
	r.frame(one, 5, 2, true)
	if one.window.frames != 2 {
		t.Errorf("%d frames, want both keyframes", one.window.frames)
	}
}

// webrtc-stats, freezeCount: an interval above three times the mean, and above the mean
// and 150 ms.
func TestReceiverCountsFreezes(t *testing.T) {
	r := rigWithKeys(t)
	one := r.slot(true, true)
	seq := uint16(1)
	next := func(after instant) {
		r.now += after
		r.frame(one, seq, 1, seq == 1)
		seq++
	}
	for range 50 {
		next(33 * millisecond)
	}
	next(180 * millisecond)
	if one.window.freezes != 0 {
		t.Error("180 ms is no freeze at 33")
	}
	next(250 * millisecond)
	if one.window.freezes != 1 || one.window.frozen != 250*millisecond {
		t.Errorf("%d freezes of %v", one.window.freezes, one.window.frozen)
	}
	one.closeWindow(r.now + second)
	if one.window.freezes != 2 {
		t.Error("a picture that stands still at the end is no freeze")
	}
}

func TestReceiverStartsAnew(t *testing.T) {
	r := rigWithKeys(t)
	one := r.slot(true, true)
	r.frame(one, 1, 10, true)
	r.packet(one, 30_000, true, true, true, false) // a stray
	if one.received != 10 {
		t.Fatalf("a stray counts: %d", one.received)
	}
	r.packet(one, 30_001, true, true, true, false)
	r.packet(one, 30_002, false, true, true, false)
	one.closeWindow(r.now)
	r.loop.endpoints = []*endpoint{r.ep}
	if got := r.loop.tally(); got.expected != 12 || got.received != 12 {
		t.Errorf("tally: %+v", got)
	}
}

// packets of a publisher of ours, as a server would send them on.
func (r *rig) publish(t testing.TB) (senders []*sender, seal func(s *sender, seq uint16, payload []byte) []byte) {
	t.Helper()
	buffer := make([]byte, transport.MaxDatagram)
	return r.ep.senders, func(s *sender, seq uint16, payload []byte) []byte {
		header := s.appendHeader(make([]byte, 0, maxHeader), r.now, packetHeader{seq: seq, marker: true, level: -1}, seq)
		return buffer[:r.server.SealRTP(buffer, header, nil, payload, 0)]
	}
}

func TestEndpointReadsStampsAndFeedback(t *testing.T) {
	r := rigWithKeys(t)
	one := r.slot(true, true)
	r.ep.ids.transportCC = 4
	_, seal := r.publish(t)
	from := &sender{ssrc: one.ssrc, pt: 96, ids: extensionIDs{transportCC: 4}}
	head := vp8Frame{key: true, width: 640, height: 360}
	st := stamp{sender: 7, counter: 1, sent: r.now - 3*millisecond}
	payload := append(st.append(head.appendHead(nil, true)), filler[:500]...)
	r.ep.handle(r.now, r.now, seal(from, 1, payload), r.ep.remote)
	c := &r.loop.counts
	if c.Delivered != 1 || c.Stamped != 1 || r.loop.delay.n != 1 || r.loop.delay.most != 3*millisecond || one.window.frames != 1 {
		t.Fatalf("%+v; delay %v", c, r.loop.delay.most)
	}
	r.ep.handle(r.now, r.now, seal(from, 2, nil), r.ep.remote) // padding only
	if c.Padding != 1 || c.Delivered != 1 {
		t.Errorf("%d of padding, %d delivered", c.Padding, c.Delivered)
	}
	if r.ep.feedbackAt != r.now+feedbackMost && r.ep.feedbackAt != r.now+feedbackLeast {
		t.Errorf("the feedback is due after %v", r.ep.feedbackAt-r.now)
	}
	r.ep.advance(r.ep.feedbackAt)
	if c.FeedbackSent != 1 || r.ep.feedbackAt != never {
		t.Errorf("%d feedbacks", c.FeedbackSent)
	}
	garbage := seal(from, 3, payload)
	garbage[len(garbage)-1]++
	if r.ep.handle(r.now, r.now, garbage, r.ep.remote); c.Refused != 1 {
		t.Errorf("%d refused", c.Refused)
	}
}

// RFC 4588: the original number is in front of the payload.
func TestEndpointTakesAndGivesRepairs(t *testing.T) {
	r := rigWithKeys(t)
	one := r.slot(true, true)
	_, seal := r.publish(t)
	media := &sender{ssrc: one.ssrc, pt: 96}
	head := vp8Frame{key: true}
	payload := head.appendHead(nil, true)
	for _, seq := range []uint16{1, 3} {
		r.ep.handle(r.now, r.now, slices.Clone(seal(media, seq, payload)), r.ep.remote)
	}
	r.ep.handle(r.now, r.now, seal(&sender{ssrc: one.rtx, pt: 97}, 1, append([]byte{0, 2}, payload...)), r.ep.remote)
	c := &r.loop.counts
	if c.Repaired != 1 || c.ReceivedRTX != 1 || c.Delivered != 3 || one.received != 3 {
		t.Errorf("%+v", c)
	}
	// As a publisher.
	s := &sender{ssrc: 500, rtxSSRC: 501, pt: 96, rtxPT: 97, video: true, camera: newVideo(random(1, 1), 1_000_000, 30), seq: 65530, wantKey: true}
	r.ep.senders = append(r.ep.senders, s)
	r.ep.cameras = append(r.ep.cameras, &camera{layers: []*sender{s}, next: never})
	r.ep.sendFrame(r.now, s, 0)
	sent := c.Sent
	r.ep.takeRTCP(r.now, appendNACK(nil, 9, 500, []uint16{65530, 65531, 900}))
	if c.Resent != 2 || c.Sent != sent+2 || c.NACKsReceived != 1 {
		t.Errorf("%d sent again of three asked for, of which one was never sent", c.Resent)
	}
	s.wantKey = false
	r.ep.takeRTCP(r.now, appendPLI(nil, 9, 500))
	r.ep.takeRTCP(r.now, appendFIR(nil, 9, 500, 1))
	if !s.wantKey || c.PLIsReceived != 2 {
		t.Errorf("a keyframe is wanted: %v after %d requests", s.wantKey, c.PLIsReceived)
	}
	keys := c.KeyframesSent
	r.ep.sendFrame(r.now+100*millisecond, s, 1) // too soon after the last
	r.ep.sendFrame(r.now+400*millisecond, s, 2)
	if c.KeyframesSent != keys+1 || s.wantKey {
		t.Errorf("%d keyframes for two requests", c.KeyframesSent-keys)
	}
}

func TestNothingIsAllocatedForAPacket(t *testing.T) {
	r := rigWithKeys(t)
	one := r.slot(true, true)
	r.ep.ids.transportCC = 4
	_, seal := r.publish(t)
	from := &sender{ssrc: one.ssrc, pt: 96, ids: extensionIDs{transportCC: 4}}
	s := &sender{ssrc: 500, pt: 96, video: true, camera: newVideo(random(1, 1), 1_000_000, 30), ids: extensionIDs{transportCC: 4}}
	head := vp8Frame{key: true}
	payload := append(head.appendHead(nil, true), filler[:1000]...)
	packets := make([][]byte, 3000)
	for i := range packets {
		packets[i] = slices.Clone(seal(from, uint16(i+1), payload))
	}
	i := 0
	round := func() {
		r.now += 10 * millisecond
		r.ep.handle(r.now, r.now, packets[i], r.ep.remote)
		i++
		r.ep.sendFrame(r.now, s, uint32(i))
		r.ep.flush()
		if i%10 == 0 {
			r.ep.sendFeedback(r.now)
			r.ep.reportsAt = r.now
			r.ep.sendReports(r.now)
		}
	}
	for range 300 {
		round()
	}
	if n := testing.AllocsPerRun(1000, round); n != 0 {
		t.Errorf("%v allocations for a packet in and a frame out", n)
	}
	if r.loop.counts.Delivered < 1000 {
		t.Errorf("only %d delivered", r.loop.counts.Delivered)
	}
}

// BenchmarkHandle is what a packet that comes costs behind the system call: one of
// 1,100 bytes, opened.
func BenchmarkHandle(b *testing.B) {
	r := rigWithKeys(b)
	one := r.slot(true, true)
	r.ep.ids.transportCC = 4
	_, seal := r.publish(b)
	from := &sender{ssrc: one.ssrc, pt: 96, ids: extensionIDs{transportCC: 4}}
	head := vp8Frame{}
	one.frame.broken = false
	payload := append(head.appendHead(nil, true), filler[:1080]...)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if i%40 == 0 {
			r.ep.feedback.next = r.ep.feedback.highest + 1
		}
		b.StopTimer()
		packet := seal(from, uint16(i), payload)
		b.StartTimer()
		r.ep.handle(r.now, r.now, packet, r.ep.remote)
	}
}

// BenchmarkSendFrame is what a packet that is sent costs with its system call, to
// a socket that nobody reads.
func BenchmarkSendFrame(b *testing.B) {
	r := rigWithKeys(b)
	s := &sender{ssrc: 500, pt: 96, video: true, camera: newVideo(random(1, 1), 1_200_000, 30), ids: extensionIDs{transportCC: 4}}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		r.ep.sendFrame(r.now, s, uint32(i))
		r.ep.flush()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(r.loop.counts.Sent), "ns/packet")
}
