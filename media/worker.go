package media

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tertulia-rtc/tertulia/bus"
	"github.com/tertulia-rtc/tertulia/protocol"
	"github.com/tertulia-rtc/tertulia/transport"
)

// heartbeatInterval is how often a worker says that it lives, residenceBeats after
// how many of these it logs how fast it was.
const (
	heartbeatInterval = 200 * time.Millisecond
	residenceBeats    = 25
)

// Config is what a worker needs. The zero value of each field that says so is
// a good default.
type Config struct {
	Bus *bus.Bus
	ID  protocol.WorkerID
	Log *slog.Logger
	// UDP has one socket per shard, and so says how many shards there are.
	UDP []*transport.UDP
	// TCP is the address for ICE-TCP; nil means none.
	TCP *netip.AddrPort
	// AdvertiseUDP is false where UDP must not be offered: then the sockets
	// only wake their loops.
	AdvertiseUDP bool
	// Trace, when set, gets all that decides on layers, as JSON lines; it slows the
	// forwarding down.
	Trace io.Writer
	// ShardFull is how many packets a second a shard sends before further
	// participants of its rooms go to others; 50,000 when 0.
	ShardFull int
	// PublicIPs replace the interfaces' addresses in candidates, behind NAT.
	PublicIPs []netip.Addr
}

// Worker is one media engine. Its methods may be called from any goroutine.
type Worker struct {
	config       Config
	certificate  *transport.Certificate
	shards       []*shard
	tcp          *transport.TCP
	subscription *bus.Subscription
	trace        *tracer // nil: none
	stop         context.CancelFunc
	done         sync.WaitGroup

	mu    sync.Mutex
	rooms map[protocol.RoomID]*home

	counters counters
}

// counters are the worker's sums over its shards, for the heartbeat.
type counters struct {
	transports, subscriptions atomic.Int64
	packetsOut, bytesOut      atomic.Uint64
	dropped                   atomic.Uint64 // hand-over or mailbox full

	mu        sync.Mutex
	residence residence // since it was last logged
}

// addResidence takes in what a shard has measured.
func (c *counters) addResidence(r *residence) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, n := range r {
		c.residence[i] += n
	}
	*r = residence{}
}

// takeResidence gives the quantiles of what was measured since the last call.
func (c *counters) takeResidence() (median, p99 time.Duration, packets uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := &c.residence
	median, p99, packets = r.quantile(0.5), r.quantile(0.99), r.total()
	*r = residence{}
	return median, p99, packets
}

// New starts a worker: its shards, its ICE-TCP listener and its ear on the bus.
func New(config Config) (*Worker, error) {
	if len(config.UDP) == 0 {
		return nil, errors.New("media: a worker needs a UDP socket per shard")
	}
	if len(config.UDP) > maxShards {
		return nil, fmt.Errorf("media: %d shards asked for, at most %d are possible", len(config.UDP), maxShards)
	}
	if config.Log == nil {
		config.Log = slog.New(slog.DiscardHandler)
	}
	if config.ShardFull == 0 {
		config.ShardFull = defaultShardFull
	}
	certificate, err := transport.NewCertificate()
	if err != nil {
		return nil, fmt.Errorf("media: certificate: %w", err)
	}
	ctx, stop := context.WithCancel(context.Background())
	w := &Worker{config: config, certificate: certificate, stop: stop, rooms: map[protocol.RoomID]*home{}}
	if config.Trace != nil {
		w.trace = newTracer(config.Trace)
	}

	var tcp netip.AddrPort
	if config.TCP != nil {
		w.tcp, err = transport.ListenTCP(*config.TCP, w.acceptTCP)
		if err != nil {
			stop()
			return nil, err
		}
		tcp = w.tcp.LocalAddr()
	}
	for i, udp := range config.UDP {
		candidates, err := w.candidates(udp, tcp)
		if err != nil {
			w.Close()
			return nil, err
		}
		w.shards = append(w.shards, newShard(w, i, udp, candidates))
	}
	for _, s := range w.shards {
		w.done.Go(s.run)
	}
	w.subscription, err = config.Bus.Subscribe(protocol.SubjectWorker(config.ID), w.handleCommand)
	if err != nil {
		w.Close()
		return nil, fmt.Errorf("media: %w", err)
	}
	w.done.Go(func() { w.heartbeats(ctx) })
	return w, nil
}

// Close ends the worker: transports are dropped without a word, as in a crash.
func (w *Worker) Close() {
	w.stop()
	if w.subscription != nil {
		w.subscription.Close()
	}
	if w.tcp != nil {
		_ = w.tcp.Close()
	}
	for _, s := range w.shards {
		s.post(func(time.Time) { s.close() })
	}
	w.done.Wait()
	if err := w.trace.flush(); err != nil {
		w.config.Log.Error("the trace is not complete", "err", err)
	}
}

// handleCommand takes one command from the bus to the shards that it concerns. The
// bus calls it from one goroutine, so commands of a room keep their order.
func (w *Worker) handleCommand(data []byte) {
	command, body, err := protocol.DecodeCommand(data)
	if err != nil {
		w.config.Log.Warn("a command on the bus cannot be read", "err", err)
		return
	}
	w.route(command, body)
}

func (w *Worker) roomCount() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.rooms)
}

// tell puts an event on the bus.
func (w *Worker) tell(room protocol.RoomID, epoch, re uint64, body protocol.EventBody) {
	data := protocol.EncodeEvent(w.config.ID, room, epoch, re, body)
	if err := w.config.Bus.Publish(protocol.SubjectRoom(room), data); err != nil {
		w.config.Log.Warn("an event could not be told", "room", room, "err", err)
	}
}

func (w *Worker) heartbeats(ctx context.Context) {
	tick := time.NewTicker(heartbeatInterval)
	defer tick.Stop()
	for beats := 1; ; beats++ {
		w.beat()
		if beats%residenceBeats == 0 {
			w.logResidence()
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// logResidence tells how long media packets were in the server.
func (w *Worker) logResidence() {
	median, p99, packets := w.counters.takeResidence()
	if packets > 0 {
		w.config.Log.Debug("media packets stayed in the server", "median", median, "p99", p99, "packets", packets)
	}
}

func (w *Worker) beat() {
	beat := protocol.Heartbeat{
		Worker:        w.config.ID,
		Rooms:         w.roomCount(),
		Transports:    int(w.counters.transports.Load()),
		Subscriptions: int(w.counters.subscriptions.Load()),
		PacketsOut:    w.counters.packetsOut.Load(),
		BytesOut:      w.counters.bytesOut.Load(),
	}
	data, err := json.Marshal(beat)
	if err == nil {
		err = w.config.Bus.Publish(protocol.SubjectHeartbeats, data)
	}
	if err != nil {
		w.config.Log.Debug("heartbeat", "err", err)
	}
}

// candidates gives what a shard's answers offer.
func (w *Worker) candidates(udp *transport.UDP, tcp netip.AddrPort) ([]string, error) {
	var address netip.AddrPort
	if w.config.AdvertiseUDP {
		address = udp.LocalAddr()
	}
	all, err := transport.LocalCandidates(address, tcp, w.config.PublicIPs)
	if err != nil {
		return nil, fmt.Errorf("media: %w", err)
	}
	values := make([]string, len(all))
	for i, c := range all {
		values[i] = c.String()
	}
	return values, nil
}

// acceptTCP finds the shard of a new ICE-TCP connection by the ufrag in its
// first frame, and reads the connection until it ends.
func (w *Worker) acceptTCP(conn *transport.TCPConn, first []byte) {
	s := w.shardOfCheck(first)
	if s == nil {
		return // the connection ends with this function
	}
	path := conn.Path()
	s.postDatagram(path, first)
	conn.Run(func(frame []byte) { s.postDatagram(path, frame) })
	s.post(func(time.Time) { s.tcpEnded(path) })
}

// shardOfCheck gives the shard that a connectivity check is for, by the first
// letter of our ufrag in it, or nil.
func (w *Worker) shardOfCheck(check []byte) *shard {
	ufrag, ok := transport.UfragOf(check)
	if !ok {
		return nil
	}
	index, ok := transport.ShardOf(ufrag)
	if !ok || int(index) >= len(w.shards) {
		return nil
	}
	return w.shards[index]
}

// tcpConn finds the ICE-TCP connection of a path; nil for UDP paths and
// connections that ended.
func (w *Worker) tcpConn(path transport.Path) *transport.TCPConn {
	if path.TCP == 0 || w.tcp == nil {
		return nil
	}
	return w.tcp.Conn(path.TCP)
}

// seed gives 64 random bits.
func (w *Worker) seed() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return binary.NativeEndian.Uint64(b[:])
}
