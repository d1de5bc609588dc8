package sfu

import (
	"slices"
	"time"

	"github.com/tertulia-rtc/tertulia/protocol"
	"github.com/tertulia-rtc/tertulia/sfu/allocation"
	"github.com/tertulia-rtc/tertulia/sfu/bwe"
	"github.com/tertulia-rtc/tertulia/sfu/layer"
)

// Dropped counts packets that belong to no transport.
type Dropped struct {
	UnknownPeer uint64 `json:"unknownPeer"`
}

// peerCounters counts for one transport.
type peerCounters struct {
	PacketsIn uint64 `json:"packetsIn"` // RTP
	BytesIn   uint64 `json:"bytesIn"`
	RTCPIn    uint64 `json:"rtcpIn"`
	RTCPOut   uint64 `json:"rtcpOut"`

	// Dropped, by reason.
	Malformed      uint64 `json:"malformed"`      // RTP or RTCP whose lengths do not fit
	UnknownSSRC    uint64 `json:"unknownSSRC"`    // RTP that no section could be found for
	UnknownPayload uint64 `json:"unknownPayload"` // a payload type that was not negotiated
	Unclaimed      uint64 `json:"unclaimed"`      // media of a section that is not published
	ForeignRTCP    uint64 `json:"foreignRTCP"`    // about SSRCs that are not this transport's

	KeyframesAsked     uint64 `json:"keyframesAsked"`   // PLI and FIR from it
	KeyframesRefused   uint64 `json:"keyframesRefused"` // of them that came too often
	NACKsIn            uint64 `json:"nacksIn"`          // packets asked for
	NACKsMissed        uint64 `json:"nacksMissed"`      // not held
	NACKsRepeated      uint64 `json:"nacksRepeated"`    // sent just before
	NACKsRefused       uint64 `json:"nacksRefused"`     // over the bounds
	Retransmitted      uint64 `json:"retransmitted"`    // packets
	RetransmittedBytes uint64 `json:"retransmittedBytes"`

	Paced         uint64 `json:"paced"`         // packets that had to wait
	PacingDropped uint64 `json:"pacingDropped"` // for which there were too many
	Probed        uint64 `json:"probed"`        // packets sent to measure the link
	ProbedBytes   uint64 `json:"probedBytes"`
	BadFeedback   uint64 `json:"badFeedback"` // transport-wide feedback that is malformed, or tells of too much
}

// sourceCounters counts for one received RTP stream.
type sourceCounters struct {
	Packets          uint64 `json:"packets"` // recovered ones included
	Bytes            uint64 `json:"bytes"`   // of payload
	Gaps             uint64 `json:"gaps"`    // packets that did not come when they should
	NACKed           uint64 `json:"nacked"`  // requests for packets
	Recovered        uint64 `json:"recovered"`
	Reordered        uint64 `json:"reordered"`
	GivenUp          uint64 `json:"givenUp"`
	RTX              uint64 `json:"rtx"` // packets of the retransmission stream
	Duplicates       uint64 `json:"duplicates"`
	Padding          uint64 `json:"padding"`
	RED              uint64 `json:"red"` // packets that came wrapped as RFC 2198 has it
	Stray            uint64 `json:"stray"`
	Restarts         uint64 `json:"restarts"`
	Refused          uint64 `json:"refused"`
	Keyframes        uint64 `json:"keyframes"`
	KeyframeRequests uint64 `json:"keyframeRequests"`
	Lost             int64  `json:"lost"`         // as last reported to the publisher
	FractionLost     uint8  `json:"fractionLost"` // in 1/256, of the last interval
}

// TransportStats is what is counted for one transport.
type TransportStats struct {
	Transport protocol.TransportID `json:"transport"`
	Connected bool                 `json:"connected"`
	peerCounters
	// Link is the congestion control towards the subscriber.
	Link       *LinkStats    `json:"link,omitempty"`
	Published  []SourceStats `json:"published,omitempty"`
	Subscribed []SlotStats   `json:"subscribed,omitempty"`
}

// LinkStats is what is known of the link to a subscriber, and how it is shared.
type LinkStats struct {
	bwe.Stats
	Measured bool  `json:"measured"` // false where the receiver cannot tell of it: then there is no limit
	Used     int64 `json:"used"`     // by what was chosen to be forwarded, in bits per second
	Waiting  int   `json:"waiting"`  // packets that wait for their turn
}

// SourceStats is what is counted for one RTP stream that a publisher sends.
type SourceStats struct {
	MID         string            `json:"mid"`
	RID         string            `json:"rid,omitempty"`
	Stream      protocol.StreamID `json:"stream,omitempty"`
	Track       protocol.TrackID  `json:"track,omitempty"`
	Codec       string            `json:"codec,omitempty"`
	Muted       bool              `json:"muted,omitempty"`
	Forwarded   bool              `json:"forwarded"` // it is the layer that is forwarded
	JitterMS    float64           `json:"jitterMs"`
	RTTMS       float64           `json:"rttMs,omitempty"` // from requests to retransmissions
	RingBytes   int               `json:"ringBytes"`
	Bitrate     uint64            `json:"bitrate"` // on the link, in bits per second
	Layers      []LayerStats      `json:"layers,omitempty"`
	LayerErrors layer.Counters    `json:"layerErrors,omitzero"` // contradictions in what it says of its layers
	sourceCounters
}

// LayerStats is one quality of a received stream.
type LayerStats struct {
	Spatial   int     `json:"spatial"`
	Temporal  int     `json:"temporal"`
	Width     int     `json:"width,omitempty"`
	Height    int     `json:"height,omitempty"`
	FrameRate float64 `json:"frameRate,omitempty"`
	Bitrate   uint64  `json:"bitrate"` // with the layers it needs, in bits per second
	Flowing   bool    `json:"flowing"`
}

// SlotStats is what is counted for one slot of a subscriber.
type SlotStats struct {
	MID    string            `json:"mid"`
	Stream protocol.StreamID `json:"stream,omitempty"`
	Track  protocol.TrackID  `json:"track,omitempty"`
	Live   bool              `json:"live"` // false while it waits, for a keyframe for example
	// Layer is what is forwarded of a video, with the reason why it is not more;
	// Paused is that reason when it is nothing.
	Layer    *protocol.Layer `json:"layer,omitempty"`
	Paused   string          `json:"paused,omitempty"`
	Switches uint64          `json:"switches"` // of layers
	// Slideshow is how many milliseconds lie between two pictures where only keyframes
	// are forwarded; 0 for moving pictures.
	Slideshow    int64   `json:"slideshow,omitempty"`
	Packets      uint64  `json:"packets"`
	Bytes        uint64  `json:"bytes"`
	Lost         int32   `json:"lost"` // as the subscriber reports
	FractionLost float64 `json:"fractionLost"`
	JitterMS     float64 `json:"jitterMs"`
	RTTMS        float64 `json:"rttMs,omitempty"`
	// PlayoutDelayMS is how much later than at once the receiver is asked to show
	// pictures, so that repairs come in time.
	PlayoutDelayMS float64 `json:"playoutDelayMs,omitempty"`
}

// Stats gives the counters of a participant's transports.
func (r *Router) Stats(id protocol.ParticipantID) []TransportStats {
	var all []TransportStats
	for _, p := range r.state.Peers {
		if p == nil || p.Key.Participant != id || p.beyond() {
			continue
		}
		t := TransportStats{Transport: p.Key.Transport, Connected: p.Connected, peerCounters: p.Counted}
		if p.Link != nil {
			t.Link = &LinkStats{Stats: p.Link.Stats(), Measured: p.measured, Used: p.Share.Used, Waiting: len(p.Pace.queue) - p.Pace.next}
		}
		for _, in := range p.Inbounds {
			for _, s := range in.Sources {
				t.Published = append(t.Published, s.stats())
			}
		}
		for _, s := range p.Slots {
			if s.track != nil || s.Packets > 0 {
				t.Subscribed = append(t.Subscribed, s.stats())
			}
		}
		all = append(all, t)
	}
	return all
}

// Dropped gives the counters of packets that belong to no transport.
func (r *Router) Dropped() Dropped { return r.dropped }

func (s *source) stats() SourceStats {
	st := SourceStats{
		MID: s.in.MID, RID: s.RID, Forwarded: s.forwarded(), RTTMS: milliseconds(s.RTT),
		RingBytes: s.ring.Bytes(), Bitrate: s.Rate, LayerErrors: s.Tracker.Counted, sourceCounters: s.Counted,
	}
	for _, l := range s.layers {
		st.Layers = append(st.Layers, LayerStats{
			Spatial: int(l.Spatial), Temporal: int(l.Temporal), Width: int(l.Width), Height: int(l.Height),
			FrameRate: float64(l.FrameRate), Bitrate: l.Bitrate, Flowing: l.Flowing,
		})
	}
	if s.Clock > 0 {
		st.JitterMS = float64(s.Seq.Jitter>>4) * 1000 / float64(s.Clock)
	}
	if t := s.in.track; t != nil {
		st.Stream, st.Track, st.Codec, st.Muted = t.pub.Stream, t.ID, t.Codec, t.Muted
	}
	return st
}

// forwarded says whether some subscriber gets the stream.
func (s *source) forwarded() bool {
	return s.in.track != nil && (len(s.in.track.Pipes) > 0 || slices.ContainsFunc(s.in.track.slots, func(sl *slot) bool { return sl.Live && sl.Run.Source == s.Serial }))
}

func (s *slot) stats() SlotStats {
	st := SlotStats{
		MID: s.MID, Stream: s.Stream, Track: s.Track, Live: s.Live, Packets: s.Packets, Bytes: s.Bytes,
		Lost: s.Reported.Lost, FractionLost: float64(s.Reported.FractionLost) / 256, RTTMS: milliseconds(s.Reported.RTT),
		PlayoutDelayMS: milliseconds(s.Playout.Delay),
		Layer:          s.presentLayer(), Switches: s.Switches, Slideshow: int64(s.Slides.Period / millisecond),
	}
	if s.Kind == protocol.Video && s.track != nil && s.Decision.Layer == allocation.None {
		st.Paused = s.Decision.Reason.String()
	}
	if len(s.Codecs) > 0 && s.Codecs[0].ClockRate > 0 {
		st.JitterMS = float64(s.Reported.Jitter) * 1000 / float64(s.Codecs[0].ClockRate)
	}
	return st
}

func milliseconds(d instant) float64 { return float64(time.Duration(d)) / float64(time.Millisecond) }
