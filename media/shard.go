package media

import (
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/tertulia-rtc/tertulia/protocol"
	"github.com/tertulia-rtc/tertulia/transport"
)

const (
	batchSize = 64
	// sweepInterval is how often the shard looks at the clocks of its
	// transports; their finest limit is seconds (RFC 7675).
	sweepInterval = 500 * time.Millisecond
	// freshLeft is how many quarters of the new subscriptions still count as such after
	// a sweep: a transport takes a second or so until media flow.
	freshLeft = 3
	// idleWait bounds a sleep when nothing is due.
	idleWait = 10 * time.Second
)

// maxShards is how many shards the first letter of a ufrag can name.
const maxShards = 64

// shard is one loop with the socket that it reads and sends through, and the
// rooms that live on it. Its fields belong to its goroutine, run, but for
// mail, which others fill.
type shard struct {
	worker     *Worker
	index      int
	log        *slog.Logger
	udp        *transport.UDP
	batch      *transport.Batch
	writer     *transport.Writer
	candidates []string // what its answers offer

	mail mailbox

	rooms   map[protocol.RoomID]*room
	touched []*room // rooms that got packets in this round

	byUfrag map[string]*peer
	byPath  map[transport.Path]*peer
	// elsewhere knows the paths whose packets come to this shard's socket but
	// belong to another shard. A path gets in by an authenticated check only.
	elsewhere map[transport.Path]*shard
	handover  map[*shard][]datagram // of this round

	nextAdvance time.Time // the earliest timer of all routers
	nextSweep   time.Time
	closed      bool

	arrivals  []int64 // of the media packets of this round, as the system tells them
	residence residence

	subscriptions          int // at the last sweep
	lastSweep              time.Time
	sentPackets, sentBytes uint64 // since the last sweep

	takenWork      []func(time.Time)
	takenDatagrams []datagram
	takenBatches   []piped
	scratch        []byte // where packets for TCP are sealed

	// For placement, from any goroutine.
	rate  atomic.Int64 // packets sent in a second
	fresh atomic.Int64 // subscriptions so new that their packets do not show in rate
}

func newShard(w *Worker, index int, udp *transport.UDP, candidates []string) *shard {
	return &shard{
		worker:     w,
		index:      index,
		log:        w.config.Log.With("shard", index),
		udp:        udp,
		batch:      transport.NewBatch(batchSize),
		writer:     transport.NewWriter(udp),
		candidates: candidates,
		rooms:      map[protocol.RoomID]*room{},
		byUfrag:    map[string]*peer{},
		byPath:     map[transport.Path]*peer{},
		elsewhere:  map[transport.Path]*shard{},
		handover:   map[*shard][]datagram{},
		scratch:    make([]byte, handoverSize),
	}
}

// run is the loop: take what came, let the routers decide, send it all.
// A round never waits for anything but packets.
func (s *shard) run() {
	for !s.closed {
		err := s.udp.Read(s.batch, s.wakeAt(time.Now()))
		now := time.Now()
		if err != nil {
			if !s.closed {
				s.log.Error("the media socket is gone", "err", err)
			}
			s.close()
			return
		}
		s.takeMail(now)
		for i := range s.batch.Len() {
			data, path := s.batch.Packet(i)
			if transport.Classify(data) == transport.RTP {
				s.arrivals = append(s.arrivals, s.batch.Arrived(i))
			}
			s.receive(now, path, data, nil)
		}
		s.handOver()
		s.flush(now)
		if !now.Before(s.nextAdvance) {
			s.advance(now)
		}
		if !now.Before(s.nextSweep) {
			s.sweep(now)
		}
		s.writer.Flush()
		s.measure()
	}
}

// measure notes how long the media packets of this round were here.
func (s *shard) measure() {
	if len(s.arrivals) == 0 {
		return
	}
	now := time.Now().UnixNano()
	for _, arrived := range s.arrivals {
		if arrived != 0 {
			s.residence.add(time.Duration(now - arrived))
		}
	}
	s.arrivals = s.arrivals[:0]
}

// wakeAt says until when the loop may sleep.
func (s *shard) wakeAt(now time.Time) time.Time {
	at := now.Add(idleWait)
	if s.nextAdvance.Before(at) && len(s.rooms) > 0 {
		at = s.nextAdvance
	}
	if s.nextSweep.Before(at) && (len(s.byUfrag) > 0 || s.subscriptions > 0 || s.rate.Load()+s.fresh.Load() > 0) {
		at = s.nextSweep
	}
	return at
}

// takeMail does the work that others left, and takes in their datagrams.
func (s *shard) takeMail(now time.Time) {
	s.takenWork, s.takenDatagrams, s.takenBatches = s.mail.take(s.takenWork, s.takenDatagrams, s.takenBatches)
	for i, work := range s.takenWork {
		work(now)
		s.takenWork[i] = nil
	}
	s.takeBatches(now)
	for i := range s.takenDatagrams {
		d := &s.takenDatagrams[i]
		s.receive(now, d.path, d.data, d.via)
	}
}

// handOver gives other shards their packets of this round, and the mailbox
// its buffers, which some of these packets may lie in.
func (s *shard) handOver() {
	for other, datagrams := range s.handover {
		if len(datagrams) == 0 {
			continue
		}
		wake, dropped := other.mail.addDatagrams(datagrams)
		if wake {
			other.udp.Wake()
		}
		s.worker.counters.dropped.Add(uint64(dropped))
		s.handover[other] = datagrams[:0]
	}
	s.mail.giveBack(s.takenDatagrams)
}

// flush lets the routers that got packets send what they decided.
func (s *shard) flush(now time.Time) {
	for i, r := range s.touched {
		r.touched = false
		s.touched[i] = nil
		if r.gone {
			continue
		}
		r.router.Flush(now, r)
		s.afterRouter(now, r)
	}
	s.touched = s.touched[:0]
}

// advance lets every router do what is due.
func (s *shard) advance(now time.Time) {
	s.nextAdvance = now.Add(idleWait)
	for _, r := range s.rooms {
		if at := r.router.Timer(); !at.IsZero() && !now.Before(at) {
			r.router.Advance(now, r)
		}
		s.afterRouter(now, r)
	}
}

// afterRouter tells the router's events and notes when it wants to be called.
func (s *shard) afterRouter(now time.Time, r *room) {
	r.tellEvents()
	r.handOver()
	if at := r.router.Timer(); !at.IsZero() && at.Before(s.nextAdvance) {
		s.nextAdvance = at
	}
}

// touch notes that the room's router has something to flush in this round.
func (s *shard) touch(r *room) {
	if !r.touched {
		r.touched = true
		s.touched = append(s.touched, r)
	}
}

// post leaves work for the loop; it may be called from any goroutine.
func (s *shard) post(work func(now time.Time)) {
	if s.mail.add(work) {
		s.udp.Wake()
	}
}

// postDatagram leaves one packet that came by TCP for the loop.
func (s *shard) postDatagram(path transport.Path, data []byte) {
	wake, dropped := s.mail.addDatagrams([]datagram{{path: path, data: data}})
	if wake {
		s.udp.Wake()
	}
	s.worker.counters.dropped.Add(uint64(dropped))
}

// sweep looks at the clocks of the transports: consent that was lost is told,
// and after a while the transport goes.
func (s *shard) sweep(now time.Time) {
	s.nextSweep = now.Add(sweepInterval)
	s.mail.trim()
	for _, p := range s.byUfrag {
		p.checkConsent(now)
	}
	subscriptions := 0
	for _, r := range s.rooms {
		_, n := r.router.Counts()
		subscriptions += n
	}
	s.worker.counters.subscriptions.Add(int64(subscriptions - s.subscriptions))
	s.subscriptions = subscriptions
	if passed := now.Sub(s.lastSweep); passed > 0 && passed < 4*sweepInterval {
		s.rate.Store(int64(float64(s.sentPackets) / passed.Seconds()))
	}
	s.lastSweep = now
	s.fresh.Store(s.fresh.Load() * freshLeft / 4)
	s.worker.counters.packetsOut.Add(s.sentPackets)
	s.worker.counters.bytesOut.Add(s.sentBytes)
	s.sentPackets, s.sentBytes = 0, 0
	s.worker.counters.addResidence(&s.residence)
}

// countFresh takes note of subscriptions that a command has made.
func (s *shard) countFresh(id protocol.RoomID) {
	if r := s.rooms[id]; r != nil {
		_, n := r.router.Counts()
		s.fresh.Add(int64(max(n-r.counted, 0)))
		r.counted = n
	}
}

func (s *shard) close() {
	s.closed = true
	for _, r := range s.rooms {
		r.close()
	}
	_ = s.udp.Close()
}
