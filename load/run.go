package load

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tertulia-rtc/tertulia/transport"
)

// run is one run of a scenario.
type run struct {
	scenario    Scenario
	server      Server
	certificate *transport.Certificate
	progress    func(Progress)

	loops []*loop
	ssrcs struct {
		sync.Mutex
		rng *rand.Rand
	}

	mu           sync.Mutex
	participants []*participant
	joinErrors   []error
	notes        []string // what else went wrong
	joined       atomic.Int64
	failed       atomic.Int64
	fatal        chan error
}

// Server is where a run goes to, and by which signalling.
type Server interface {
	// prepare makes the rooms and what else is needed before anybody joins.
	prepare(ctx context.Context, r *run) error
	// join brings one participant in, until its media flow. It is called from a
	// goroutine of the participant.
	join(ctx context.Context, p *participant) error
	// leave takes it out again.
	leave(p *participant)
	// finish removes what prepare made.
	finish(r *run)
	// String names the server for the report.
	String() string
}

// participant is one synthetic participant: of a room, and which in it; the
// first ones publish.
type participant struct {
	run         *run
	loop        *loop
	room, index int
	publishes   bool
	name        string
	media       media

	started   instant // when its signalling began
	mu        sync.Mutex
	endpoints []*endpoint
	// expects says that there was something to receive when it came, so that
	// its joining can be measured.
	expects   bool
	signalled any // what its kind of signalling keeps
}

// expected is how many publishers it will receive.
func (p *participant) expected() int {
	if p.publishes {
		return p.run.scenario.Publishers - 1
	}
	return p.run.scenario.Publishers
}

// endpoint makes a transport of the participant.
func (p *participant) endpoint(local netip.Addr) (*endpoint, error) {
	ep, err := p.loop.newEndpoint(p.name, local, p.started)
	if err == nil {
		p.mu.Lock()
		p.endpoints = append(p.endpoints, ep)
		p.mu.Unlock()
	}
	return ep, err
}

// Progress is what is going on, for people.
type Progress struct {
	Phase   string
	Elapsed time.Duration
	Joined  int
	Of      int
	Failed  int
	// Rates since the last one, per second, and the loss in per cent.
	Sent, Received float64
	Bits           float64
	Lost           float64
	Server, Own    float64 // processors
}

// Run runs a scenario against a server and says what came of it. progress is
// called about every second, from one goroutine; it may be nil. When the context
// ends, so does the run, with what was measured so far if the measured time had begun.
func Run(ctx context.Context, s Scenario, server Server, progress func(Progress)) (*Report, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	certificate, err := transport.NewCertificate()
	if err != nil {
		return nil, err
	}
	r := &run{scenario: s, server: server, certificate: certificate, progress: progress, fatal: make(chan error, 1)}
	r.ssrcs.rng = random(s.Seed, 4<<32)
	if s.PID != 0 {
		if _, err := process(s.PID).computed(); err != nil {
			return nil, err
		}
	}
	defer func() {
		for _, l := range r.loops {
			l.close()
		}
	}()
	for i := range s.Loops {
		l, err := newLoop(r, uint64(i))
		if err != nil {
			return nil, fmt.Errorf("sockets: %w", err)
		}
		r.loops = append(r.loops, l)
	}
	if err := server.prepare(ctx, r); err != nil {
		return nil, err
	}
	defer server.finish(r)
	defer r.leave()
	return r.measure(ctx)
}

func (r *run) newSSRC() uint32 {
	r.ssrcs.Lock()
	defer r.ssrcs.Unlock()
	for {
		if ssrc := r.ssrcs.rng.Uint32(); ssrc != 0 {
			return ssrc
		}
	}
}

// fail ends the run.
func (r *run) fail(err error) {
	select {
	case r.fatal <- err:
	default:
	}
}

// measure is the run from the first join to the report.
func (r *run) measure(ctx context.Context) (*Report, error) {
	s := &r.scenario
	m := measurement{run: r, began: time.Now()}
	watch := r.watch()
	defer watch.end()
	watch.set("joining")
	before := m.snapshot()
	if err := r.joinAll(ctx, &m); err != nil {
		return nil, err
	}
	m.joining = [2]snapshot{before, m.snapshot()}
	if r.joined.Load() == 0 {
		return nil, fmt.Errorf("nobody could join: %w", errors.Join(r.joinErrors...))
	}
	watch.set("warming up")
	if err := r.sleep(ctx, s.Warmup); err != nil {
		return nil, err
	}
	watch.set("measuring")
	for _, l := range r.loops {
		l.do(l.openWindow)
	}
	from := m.snapshot()
	err := r.sleep(ctx, s.Duration)
	m.window = [2]snapshot{from, m.snapshot()}
	for _, l := range r.loops {
		l.do(l.shutWindow)
	}
	if err != nil && (ctx.Err() == nil || m.window[1].at.Sub(from.at) < time.Second) {
		return nil, err
	}
	watch.set("waiting for repairs")
	_ = r.sleep(context.WithoutCancel(ctx), 500*time.Millisecond+2*s.Delay)
	return m.report(), nil
}

func (r *run) sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case err := <-r.fatal:
		return err
	case <-ctx.Done():
		return fmt.Errorf("ended before there was something to report: %w", ctx.Err())
	}
}

// aloneFor is how long only the publishers are there, to see what they cost.
const aloneFor = 3 * time.Second

// joinAll lets everybody join at the rate that was asked for: first those who
// publish, room by room, then the others.
func (r *run) joinAll(ctx context.Context, m *measurement) error {
	s := &r.scenario
	var publishers, subscribers []*participant
	for index := range s.perRoom() {
		for room := range s.Rooms {
			p := &participant{run: r, room: room, index: index, publishes: index < s.Publishers}
			p.name = fmt.Sprintf("r%dp%d", room+1, index+1)
			if p.publishes {
				p.media = s.media(room*s.Publishers + index)
				publishers = append(publishers, p)
			} else {
				subscribers = append(subscribers, p)
			}
		}
	}
	start, n := time.Now(), 0
	for _, group := range [...][]*participant{publishers, subscribers} {
		if n > 0 && len(group) > 0 && s.PID != 0 {
			began := m.snapshot()
			if err := r.sleep(ctx, aloneFor); err != nil {
				return err
			}
			m.alone = [2]snapshot{began, m.snapshot()}
			start = start.Add(m.alone[1].at.Sub(began.at))
		}
		var joining sync.WaitGroup
		for _, p := range group {
			due := start.Add(time.Duration(float64(n) / s.JoinRate * float64(time.Second)))
			if err := r.sleep(ctx, time.Until(due)); err != nil {
				joining.Wait()
				return err
			}
			p.loop = r.loops[n%len(r.loops)]
			n++
			r.mu.Lock()
			r.participants = append(r.participants, p)
			r.mu.Unlock()
			joining.Go(func() { r.join(ctx, p) })
		}
		joining.Wait() // subscribers are to find something
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}

// join brings one in, and counts.
func (r *run) join(ctx context.Context, p *participant) {
	ctx, cancel := context.WithTimeout(ctx, maxJoinWait)
	defer cancel()
	err := r.server.join(ctx, p)
	if err == nil {
		r.joined.Add(1)
		return
	}
	r.failed.Add(1)
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.joinErrors) < 5 {
		r.joinErrors = append(r.joinErrors, fmt.Errorf("%s: %w", p.name, err))
	}
}

// leave takes everybody out, some at a time.
func (r *run) leave() {
	var leaving sync.WaitGroup
	places := make(chan struct{}, 32)
	for _, p := range r.participants {
		places <- struct{}{}
		leaving.Go(func() {
			r.server.leave(p)
			<-places
		})
	}
	leaving.Wait()
}

// awaitConnected waits until an endpoint is connected.
func awaitConnected(ctx context.Context, ep *endpoint) error {
	select {
	case err := <-ep.connected():
		return err
	case <-ctx.Done():
		return fmt.Errorf("the transport was not connected in time: %w", ctx.Err())
	}
}
