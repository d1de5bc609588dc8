// Package bwe estimates how many bits a second one transport can carry to one
// subscriber, from what the subscriber tells of the packets that it got: the
// sender's half of congestion control.
//
// A Controller is told of each packet that leaves and gives it its
// transport-wide sequence number; it reads the feedback
// (draft-holmer-rmcat-transport-wide-cc-extensions-01), and answers with an
// estimate and with probes that should leave. The way is that of Google
// congestion control (draft-ietf-rmcat-gcc-02) with changes for a sender whose
// media come in steps, since a router can choose layers and not bitrates:
//
//   - the estimate never rises above what was shown to pass: by media that filled
//     it, or by a probe;
//   - delay is judged once per feedback and by the queue that stands, so that one
//     late burst is no congestion;
//   - random loss is told from congestion by what a lower rate does to it.
//
// Peers without transport-wide feedback are served by REMB
// (draft-alvestrand-rmcat-remb-03) and receiver reports, more coarsely.
//
// All bitrates are in bits a second and count IP and UDP headers. All times are
// durations since a moment that the owner chose. The package knows nothing of
// RTP, layers or sockets: what to send is decided above. docs/congestion.md
// explains the whole and has measured figures.
package bwe

import (
	"time"
	"unsafe"

	"github.com/tertulia-rtc/tertulia/prefetch"
)

// Config bounds an estimate. The zero Config is what a call wants.
type Config struct {
	// Start is the estimate before anything is known. 0 is 600 kb/s: audio and a
	// middle layer. It stands for a few hundred milliseconds only, until the first
	// probes have been answered; what it costs on a slower link is that much queue.
	Start int64
	// Min is never fallen below: 0 is 30 kb/s, which carries audio.
	Min int64
	// Max is never risen above, 1 Gb/s at most: 0 is 60 Mb/s, a wall of top layers.
	Max int64
}

func (cfg Config) withDefaults() Config {
	if cfg.Max <= 0 {
		cfg.Max = 60e6
	}
	if cfg.Min <= 0 {
		cfg.Min = 30e3
	}
	cfg.Min = min(cfg.Min, 1e9)
	cfg.Max = min(max(cfg.Max, cfg.Min), 1e9)
	if cfg.Start <= 0 {
		cfg.Start = 600e3
	}
	cfg.Start = min(max(cfg.Start, cfg.Min), cfg.Max)
	return cfg
}

// Kind says what a packet is for.
type Kind uint8

// The kinds of packets.
const (
	Media  Kind = iota
	Repair      // a retransmission that was asked for
	Probe       // padding that Controller.Probe asked for
)

// headerBytes are the IPv4 and UDP headers of a packet.
const headerBytes = 28

// Controller is the congestion control of one transport. Make it with New. Its
// fields are its state, for keeping and moving; they are not for reading: see
// Stats.
type Controller struct {
	// What each packet that leaves needs comes first, to be near together.
	History history
	Target  int64 // the estimate
	Silence silenceState
	Probing probeState
	Peer    peerState

	Config  Config
	Arrival arrivalState
	Trend   trendState
	Acked   ackedState
	Delay   delayState
	Loss    lossState
	RTT     rttState
	Counts  Counts

	Wanted  int64 // what would be used; -1 while nobody has said
	Reason  Reason
	Changed time.Duration // when Target changed last
}

// Prefetch asks for the memory that Sent and Estimate will need, and PrefetchPacket for
// what Sent writes. They are to be called in this order, a little ahead; c may be nil.
func (c *Controller) Prefetch() { prefetch.Bytes(c, unsafe.Offsetof(Controller{}.Config)) }

// PrefetchPacket is the second step of Prefetch.
func (c *Controller) PrefetchPacket() {
	if c != nil && len(c.History.Ring) > 0 {
		prefetch.Value(&c.History.Ring[c.History.Next&uint64(len(c.History.Ring)-1)])
	}
}

// New makes a controller that has seen nothing.
func New(cfg Config) *Controller {
	cfg = cfg.withDefaults()
	c := &Controller{Config: cfg, Target: cfg.Start, Wanted: -1}
	c.Delay.Bitrate = cfg.Start
	c.Trend.reset()
	return c
}

// Sent takes note of a packet that leaves, of size bytes of UDP payload, and gives
// the transport-wide sequence number that it must carry.
func (c *Controller) Sent(now time.Duration, size int, kind Kind) uint16 {
	size += headerBytes
	seq := c.History.add(now, size, kind)
	c.Probing.sent(size)
	c.Silence.sent(now)
	return uint16(seq)
}

// Estimate is how many bits a second may be used for media and repair together.
func (c *Controller) Estimate() int64 { return c.Target }

// SetWanted says how much would be used if there were no limit. Nothing is
// probed for beyond it; 0 is nothing. It may be called as often as one likes.
func (c *Controller) SetWanted(now time.Duration, bitrate int64) {
	c.Wanted = min(max(bitrate, 0), 1e12)
	if c.Silence.Waiting {
		c.maybeProbe(now)
	}
}

// enough is the estimate above which there is nothing to look for: what is wanted,
// and a tenth for repair and for frames that are larger than others.
func (c *Controller) enough() int64 {
	if c.Wanted < 0 {
		return c.Config.Max
	}
	return min(c.Wanted+c.Wanted/10, c.Config.Max)
}

// Reason says in words why the estimate is what it is.
type Reason string

// settle makes the estimate of its parts. why is the reason if it changes.
func (c *Controller) settle(now time.Duration, why Reason) {
	target := c.Delay.Bitrate
	if b := c.Loss.Bound; b > 0 && b < target {
		target = b
	}
	target = min(max(target, c.Config.Min), c.Config.Max)
	if target == c.Target {
		return
	}
	if target < c.Target {
		c.Counts.Decreases++
	}
	c.Target, c.Reason, c.Changed = target, why, now
}
