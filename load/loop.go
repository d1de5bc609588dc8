package load

import (
	"runtime"
	"sync"

	"github.com/tertulia-rtc/tertulia/transport"
)

// counts are what the endpoints of a loop did since it began.
type counts struct {
	// Packets of RTP that were sent, with those that were sent again.
	Sent, SentBytes, SentVideo, SentAudio, Resent uint64
	// Packets of RTP that came, repairs and padding included, and their bytes with
	// RTP header and SRTP tag.
	Received, ReceivedBytes, ReceivedRTX, Padding uint64
	// Packets of media that came, each once.
	Delivered, DeliveredVideo, DeliveredAudio uint64
	// Stamped packets were opened and had a stamp of ours.
	Stamped uint64
	// Gaps are sequence numbers that were passed over; Repaired came later, by RTX.
	Gaps, Repaired uint64
	// Repeated packets had come before; Refused ones were not authentic; Strange
	// ones were of no stream that is known; Early ones came before the keys.
	Repeated, Refused, Strange, Early uint64
	// Impaired datagrams were lost because that was asked for.
	Impaired uint64

	RTCPSent, RTCPReceived                uint64
	FeedbackSent, FeedbackReceived        uint64
	NACKsSent, NACKsReceived              uint64
	PLIsSent, PLIsReceived, KeyframesSent uint64
	FramesDue, FramesLate                 uint64
}

// lateAfter is when a frame counts as sent late.
const lateAfter = 5 * millisecond

// loop is the goroutine that owns the sockets and endpoints of some of the
// participants.
type loop struct {
	run     *run
	sockets *transport.Sockets

	mu    sync.Mutex
	mail  []func(now instant)
	taken []func(now instant)

	endpoints []*endpoint // by socket
	heap      heap
	impair    impairment
	closed    bool
	done      chan struct{}

	counts    counts
	sampled   uint
	windowEnd uint64 // of receivers' windows: 0 before it, then the greatest number, then 0 again
	delay     histogram
	lateness  histogram
}

func newLoop(r *run, part uint64) (*loop, error) {
	sockets, err := transport.NewSockets()
	if err != nil {
		return nil, err
	}
	s := r.scenario
	l := &loop{run: r, sockets: sockets, done: make(chan struct{})}
	l.impair = impairment{loss: s.Loss, delay: instant(s.Delay), rng: random(s.Seed, 3<<32|part)}
	go l.loop()
	return l, nil
}

// post leaves work for the loop. Any goroutine may call it.
func (l *loop) post(work func(now instant)) {
	l.mu.Lock()
	l.mail = append(l.mail, work)
	l.mu.Unlock()
	l.sockets.Wake()
}

// do is post that waits until the work is done.
func (l *loop) do(work func(now instant)) {
	done := make(chan struct{})
	l.post(func(now instant) {
		work(now)
		close(done)
	})
	select {
	case <-done:
	case <-l.done:
	}
}

func (l *loop) close() {
	l.post(func(instant) { l.closed = true })
	<-l.done
	l.sockets.Close()
}

// loop receives, and does what is due. A sender does not wait for all sockets
// that have something.
func (l *loop) loop() {
	defer close(l.done)
	for !l.closed {
		ready, err := l.sockets.Wait(min(l.due(), clock()+second).time())
		if err != nil {
			l.run.fail(err)
			return
		}
		l.takeMail()
		for _, id := range ready {
			l.receive(id)
			l.advance()
		}
		l.advance()
		if len(ready) > 0 {
			runtime.Gosched() // signalling must not starve on one processor
		}
	}
	for _, ep := range l.endpoints {
		if ep != nil {
			ep.close()
		}
	}
}

func (l *loop) due() instant {
	due := l.impair.due()
	if len(l.heap) > 0 {
		due = min(due, l.heap[0].due)
	}
	return due
}

func (l *loop) takeMail() {
	l.mu.Lock()
	l.mail, l.taken = l.taken[:0], l.mail
	l.mu.Unlock()
	if len(l.taken) == 0 {
		return
	}
	now := clock()
	for i, work := range l.taken {
		work(now)
		l.taken[i] = nil
	}
}

func (l *loop) receive(id int) {
	n := l.sockets.Read(id)
	if n == 0 || id >= len(l.endpoints) || l.endpoints[id] == nil {
		return
	}
	ep := l.endpoints[id]
	now := clock()
	for i := range n {
		data, from, stamp := l.sockets.Datagram(i)
		came := instant(stamp)
		if came == 0 || came > now {
			came = now
		}
		if l.impair.active() {
			l.impair.receive(now, came, ep, from, data)
		} else {
			ep.handle(now, came, data, from)
		}
	}
}

// advance does what is due.
func (l *loop) advance() {
	now := clock()
	if l.impair.active() {
		l.impair.advance(now)
	}
	for len(l.heap) > 0 && l.heap[0].due <= now {
		ep := l.heap[0]
		ep.advance(now)
		l.heap.down(ep.place)
	}
}

// enter takes a new endpoint in.
func (l *loop) enter(ep *endpoint) {
	for ep.id >= len(l.endpoints) {
		l.endpoints = append(l.endpoints, nil)
	}
	l.endpoints[ep.id] = ep
	l.heap.add(ep)
}

// leave closes an endpoint and its socket.
func (l *loop) leave(ep *endpoint) {
	if ep.closed {
		return
	}
	ep.close()
	l.heap.remove(ep)
	l.endpoints[ep.id] = nil
	l.sockets.Shut(ep.id)
}

// sample says whether to open a packet that need not be opened.
func (l *loop) sample() bool {
	l.sampled++
	return l.sampled%uint(l.run.scenario.Open) == 0
}

// late counts how late something was sent.
func (l *loop) late(d instant) {
	l.counts.FramesDue++
	if d > lateAfter {
		l.counts.FramesLate++
	}
	if l.windowEnd != 0 {
		l.lateness.add(d)
	}
}

// openWindow begins to measure.
func (l *loop) openWindow(instant) {
	l.windowEnd = ^uint64(0)
	l.delay, l.lateness = histogram{}, histogram{}
	for _, ep := range l.endpoints {
		if ep == nil {
			continue
		}
		for _, r := range ep.receivers {
			r.window = receiverWindow{start: r.highest, end: ^uint64(0)}
		}
	}
}

// shutWindow ends it: packets with numbers that are known by now are still
// counted when they come.
func (l *loop) shutWindow(now instant) {
	l.windowEnd = 0
	for _, ep := range l.endpoints {
		if ep == nil {
			continue
		}
		for _, r := range ep.receivers {
			r.closeWindow(now)
		}
	}
}

func (r *receiver) closeWindow(now instant) {
	w := &r.window
	if w.end == 0 {
		return
	}
	w.end = max(r.highest, w.start)
	if !r.video || r.frame.shown == 0 {
		return
	}
	if f := &r.frame; f.count >= 5 && frozen(now-f.shown, f.sum/instant(min(f.count, len(f.intervals)))) {
		w.freezes++
		w.frozen += now - f.shown
	}
}

// tally are the sums over the receivers of a loop.
type tally struct {
	streams, silent    int // receivers, and those that got nothing in the window
	expected, received uint64
	frames, freezes    uint64
	frozen             instant
	frozenStreams      int
}

func (l *loop) tally() (t tally) {
	for _, ep := range l.endpoints {
		if ep == nil {
			continue
		}
		for _, r := range ep.receivers {
			w := &r.window
			if !r.started {
				continue
			}
			t.streams++
			expected := w.expected + r.windowed()
			if expected == 0 {
				t.silent++
			}
			t.expected += expected
			t.received += w.received
			t.frames += w.frames
			t.freezes += w.freezes
			t.frozen += w.frozen
			if w.freezes > 0 {
				t.frozenStreams++
			}
		}
	}
	return t
}
