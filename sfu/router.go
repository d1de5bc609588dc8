// Package sfu is the media of one room on one shard: it takes the decrypted RTP
// and RTCP packets of publishers and decides which of them go, rewritten how, to
// which subscribers.
//
// Router is a pure machine. It owns no socket, goroutine or clock: it is told
// what happened and when, and hands what is to be sent to a Sink.
//
// **What the Router is told takes effect at once; what it wants to send leaves
// only in Flush and Advance, and what it has to tell only through Events.**
//
// The loop that owns a Router is therefore:
//
//	for each received batch:
//		HandleRTP, HandleRTCP for each packet
//		Flush                    // forwards the batch, answers NACKs
//	when now ≥ Timer:
//		Advance                  // reports, feedback, repeats
//	after any of these, and after control calls:
//		Events, then Timer again
//
// Published packets are kept once, as plaintext, in a ring for each received
// RTP stream (package rtpbuf), from which every subscriber is served and every
// retransmission is made.
package sfu

import (
	"math/rand/v2"
	"time"

	"github.com/tertulia-rtc/tertulia/protocol"
	"github.com/tertulia-rtc/tertulia/sfu/allocation"
	"github.com/tertulia-rtc/tertulia/sfu/audible"
	"github.com/tertulia-rtc/tertulia/sfu/layer"
)

// TransportKey names a transport as the control calls know it.
type TransportKey struct {
	Participant protocol.ParticipantID
	Transport   protocol.TransportID
}

// Peer is the dense index of a transport inside its Router, for the calls of the
// hot path. An index is reused after RemoveTransport. The zero Peer is a valid one.
type Peer int32

// Config is what a Router is made with.
type Config struct {
	// Rand gives first sequence numbers, timestamps and the SSRC of reports.
	// It must not be nil.
	Rand *rand.Rand
	// RingBytes bounds the arena of one received video stream; 2 MiB when 0.
	RingBytes int
	// REMB is the bitrate, in bits per second, that publishers are told at first which
	// negotiated goog-remb but not transport-cc; 2.5 Mb/s when 0.
	REMB uint64
	// Trace, when set, is told all that decides on layers. What it is given is valid
	// during the call only.
	Trace func(TraceLine)
}

// Packet is one RTP packet for one subscriber: Header, Prefix, Payload and Padding are to
// be sent one after another. All are valid during the call only, and must
// not be changed.
type Packet struct {
	To      Peer
	Header  []byte // RTP header with its extensions
	Prefix  []byte // takes the place of the start of the payload: RTX's original sequence number, a rewritten VP8 descriptor
	Payload []byte // shared with the other subscribers
	// Padding is how many bytes of padding follow; the last of them says how many
	// there are (RFC 3550 section 5.1).
	Padding uint8
	Kind    protocol.Kind
	// Keyframe marks the first packet of a video frame that decodes by itself.
	Keyframe bool
	Marker   bool
	// Retransmission marks the answer to a NACK.
	Retransmission bool
}

// Sink takes what the Router sends.
type Sink interface {
	// SendRTP sends one packet. Packets of one Flush come subscriber by subscriber.
	SendRTP(p *Packet)
	// SendRTCP sends a compound RTCP packet, valid during the call only.
	SendRTCP(to Peer, compound []byte)
}

// Event is something that the owner of the room has to know: one of
// protocol.SlotsChanged, SlotsMissing, SubscriptionChanged, TrackStarted and
// SpeakersChanged.
type Event = protocol.EventBody

// Router is the media of one room on one shard. Its state is plain and
// survives a JSON round trip (MarshalJSON and Restore), but for the packets in
// the rings.
type Router struct {
	cfg   Config
	state routerState

	byKey     map[TransportKey]*peer
	ears      []*track // by track.Ear, nil where free
	streams   map[protocol.StreamID]*publication
	sources   map[uint32]*source // by serial
	due       instant            // when Advance is next wanted, 0 never
	events    []Event
	changed   []*peer // whose slots have to be told
	rebind    []*peer // whose subscriptions have to be looked at
	pending   []*source
	reports   []*source // whose sender report has to be passed on
	resending []*peer   // with NACKs to answer
	starting  []*slot   // that began a run in this Flush
	waiting   []*slot   // of video, that have to be sent something to begin with
	working   []*peer   // in one Flush
	round     uint32    // of Flush
	scratch   scratch
	dropped   Dropped
}

// routerState is what outlives a hand-over.
type routerState struct {
	Base          time.Time // of every instant
	Serial        uint32    // last one given to a source
	Peers         []*peer   // by index, nil where free
	Publications  []*publication
	Subscriptions []*subscription
	Ears          *audible.Selector // of audio tracks, by track.Ear
	Pipes         []*pipe
	Quiet         bool // another router of the room tells who speaks
}

// scratch is memory for one packet at a time, kept so that none is allocated.
type scratch struct {
	packet     Packet
	header     [maxHeader]byte
	prefix     [maxPrefix]byte
	forwarded  [256]byte
	extensions received
	rtcp       []byte
	rewritten  [512]byte // header extensions
	decision   layer.Decision
	parts      []*part
	share      allocation.Input
	sharing    []*slot
	slides     []allocation.Option
	allocator  allocation.Allocator
}

// New makes an empty Router.
func New(cfg Config) *Router {
	if cfg.RingBytes == 0 {
		cfg.RingBytes = 2 << 20
	}
	if cfg.REMB == 0 {
		cfg.REMB = 2_500_000
	}
	return &Router{
		scratch: scratch{rtcp: make([]byte, 0, 4096)},
		cfg:     cfg,
		state:   routerState{Ears: audible.New(audibleConfig(protocol.DefaultRoomSettings.Audio))},
		byKey:   map[TransportKey]*peer{},
		streams: map[protocol.StreamID]*publication{},
		sources: map[uint32]*source{},
	}
}

// instant gives a time as nanoseconds from the base, which is an hour before the
// first time ever told, so that 0 can mean never.
func (r *Router) instant(now time.Time) instant {
	if r.state.Base.IsZero() {
		// On the grid of everybody's clock, so that the routers of a shard have their
		// timers at the same moments.
		r.state.Base = now.Add(-time.Hour - time.Duration(now.UnixNano()%int64(second)))
	}
	return instant(now.Sub(r.state.Base))
}

func (r *Router) peer(id Peer) *peer {
	if id < 0 || int(id) >= len(r.state.Peers) {
		return nil
	}
	return r.state.Peers[id]
}

// schedule asks for Advance at t at the latest.
func (r *Router) schedule(t instant) {
	if r.due == 0 || t < r.due {
		r.due = t
	}
}

// schedulePeer asks for advanceSubscriber at t at the latest.
func (r *Router) schedulePeer(p *peer, t instant) {
	if p.due == 0 || t < p.due {
		p.due = t
	}
	r.schedule(t)
}

// Timer gives the time at which Advance is next due; zero when never.
func (r *Router) Timer() time.Time {
	if r.due == 0 {
		return time.Time{}
	}
	return r.state.Base.Add(time.Duration(r.due))
}

// Advance sends what is due by time: reports, feedback, and requests for
// packets and keyframes to publishers. Before its time it does nothing.
func (r *Router) Advance(now time.Time, sink Sink) {
	t := r.instant(now)
	if r.due == 0 || t < r.due {
		return
	}
	// What is done may ask for more at once (a packet given up, for a
	// keyframe), which the same round or the next one does.
	for range 3 {
		r.due = 0
		for _, p := range r.state.Peers {
			if p == nil || !p.Connected {
				continue
			}
			if len(p.Inbounds) > 0 {
				r.advanceInbound(t, p, sink)
			}
			if p.due != 0 && p.due <= t {
				r.advanceSubscriber(t, p, sink)
			}
			if p.due != 0 {
				r.schedule(p.due)
			}
		}
		r.advanceSpeakers(t)
		if len(r.pending) == 0 {
			r.startWaiting(t, sink)
			r.flushReports(t, sink)
		}
		if r.due == 0 || r.due > t {
			return
		}
	}
}

func (r *Router) advanceInbound(now instant, p *peer, sink Sink) {
	if p.beyond() {
		r.advanceBeyond(now, p)
		return
	}
	r.advanceTransportCC(now, p, sink)
	r.advanceMirror(now, p)
	r.advanceReports(now, p, sink)
	for _, in := range p.Inbounds {
		r.advanceSurvey(now, in)
		for _, s := range in.Sources {
			r.advanceLosses(now, p, in, s, sink)
			r.advanceKeyframe(now, p, in, s, sink)
		}
	}
}
