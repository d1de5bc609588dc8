package sfu

import (
	"time"

	"github.com/tertulia-rtc/tertulia/protocol"
	"github.com/tertulia-rtc/tertulia/sfu/allocation"
	"github.com/tertulia-rtc/tertulia/sfu/bwe"
)

// TraceLine is one thing that a Router did or was told about the link to a
// subscriber. All lines of a transport together repeat how its estimate and its
// layers came about: see Replay. At is in nanoseconds of the Router's clock; one
// of the other fields is set.
type TraceLine struct {
	At          int64                  `json:"at"`
	Participant protocol.ParticipantID `json:"participant"`
	Transport   protocol.TransportID   `json:"transport"`

	Begin    bool         `json:"begin,omitempty"`    // the transport is a new one, also where there was one of its name
	Sent     *TraceSent   `json:"sent,omitempty"`     // a packet left
	Feedback []byte       `json:"feedback,omitempty"` // transport-wide feedback came: its FCI
	REMB     *int64       `json:"remb,omitempty"`     // a receiver's estimate came, in bits per second
	Report   *TraceReport `json:"report,omitempty"`   // a receiver report came
	Advance  bool         `json:"advance,omitempty"`  // time passed
	Probe    bool         `json:"probe,omitempty"`    // the controller was asked for padding
	Share    *TraceShare  `json:"share,omitempty"`    // the link was shared out
}

// TraceSent is a packet as the congestion control sees it.
type TraceSent struct {
	Seq  uint16   `json:"seq"`
	Size int      `json:"size"` // bytes of UDP payload
	Kind bwe.Kind `json:"kind"`
}

// TraceReport is what a receiver report says.
type TraceReport struct {
	Lost float64       `json:"lost"` // share, 0…1
	RTT  time.Duration `json:"rtt"`  // 0 unknown
}

// TraceShare is how a link was shared out among the video that a subscriber
// receives: what was asked, and the answer.
type TraceShare struct {
	Input     allocation.Input      `json:"input"`
	Estimate  int64                 `json:"estimate"` // of the controller
	Decisions []allocation.Decision `json:"decisions"`
	Enough    int64                 `json:"enough"`
	Target    int64                 `json:"target,omitempty"` // see Router.TargetLink
}

func (r *Router) trace(now instant, p *peer, line TraceLine) {
	line.At, line.Participant, line.Transport = int64(now), p.Key.Participant, p.Key.Transport
	r.cfg.Trace(line)
}

// Replay is the congestion control and the sharing of one transport, made again
// from a trace.
type Replay struct {
	Link      *bwe.Controller
	allocator allocation.Allocator
}

// NewReplay begins as a Router does with a new transport.
func NewReplay() *Replay { return &Replay{Link: bwe.New(bwe.Config{})} }

// Line does what a line says again. For a line with Share it gives what is decided
// now: the same as then, unless the code is another one.
func (r *Replay) Line(l TraceLine) *TraceShare {
	now := time.Duration(l.At)
	switch {
	case l.Begin:
		*r = *NewReplay()
	case l.Sent != nil:
		r.Link.Sent(now, l.Sent.Size, l.Sent.Kind)
	case l.Feedback != nil:
		r.Link.Feedback(now, l.Feedback)
	case l.REMB != nil:
		r.Link.REMB(now, *l.REMB)
	case l.Report != nil:
		r.Link.Report(now, l.Report.Lost, l.Report.RTT)
	case l.Advance:
		r.Link.Advance(now)
	case l.Probe:
		r.Link.Probe(now)
	case l.Share != nil:
		share := &TraceShare{Input: l.Share.Input, Estimate: r.Link.Estimate(), Target: l.Share.Target}
		result := r.allocator.Allocate(&share.Input)
		share.Decisions, share.Enough = append(share.Decisions, result.Decisions...), result.Enough
		r.Link.SetWanted(now, max(result.Enough, share.Target))
		return share
	}
	return nil
}
