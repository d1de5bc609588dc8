package sfu

import (
	"time"

	"github.com/tertulia-rtc/tertulia/protocol"
	"github.com/tertulia-rtc/tertulia/sfu/allocation"
	"github.com/tertulia-rtc/tertulia/sfu/layer"
)

// shareState is the sharing of a subscriber's link among what it receives.
type shareState struct {
	Due      instant // when it is shared out next, 0 not before something changes
	At       instant // when it was
	Estimate int64   // of the link, at that time
	Used     int64
	// Starving says that nothing of what is wanted fits, and nothing else is sent by
	// which the link could be seen to get better. TrickleAt is when the next little
	// is sent for that.
	Starving  bool
	TrickleAt instant
}

const (
	// shareInterval bounds how often a link is shared out: the estimate moves with
	// each feedback.
	shareInterval = 100 * millisecond
	// unlimited is the estimate for those who cannot tell of their link.
	unlimited = 1 << 40
	// packetOverhead is what a packet takes on the link beside its payload: IP, UDP,
	// RTP with extensions, SRTP.
	packetOverhead = 28 + 12 + 16 + 16
	// trickleInterval and trickleBytes are 20 kb/s, less than any estimate.
	trickleInterval = 100 * millisecond
	trickleBytes    = plainPadding
)

// differs says whether an estimate is another one than was shared out.
func (s *shareState) differs(estimate int64) bool {
	d := estimate - s.Estimate
	return d > s.Estimate/50 || -d > s.Estimate/50
}

// wantShare asks for the link to be shared out anew: now, if that was not just
// done.
func (r *Router) wantShare(p *peer, now instant) {
	if len(p.Slots) == 0 {
		return
	}
	at := max(now, p.Share.At+shareInterval).on(grid)
	if p.fresh {
		at = now
	}
	if p.Share.Due == 0 || at < p.Share.Due {
		p.Share.Due = at
	}
	r.schedulePeer(p, p.Share.Due)
}

// advanceShare shares a link out if it is time.
func (r *Router) advanceShare(now instant, p *peer) {
	switch {
	case p.Share.Due == 0:
	case p.Share.Due > now:
		r.schedulePeer(p, p.Share.Due)
	default:
		r.share(now, p)
	}
}

// share divides what the subscriber's link carries among its video; audio comes
// first. docs/allocation.md has the rules.
func (r *Router) share(now instant, p *peer) {
	p.fresh, p.Share.Due = false, 0
	in := &r.scratch.share
	in.Tracks, in.Audio = in.Tracks[:0], 0
	r.scratch.slides = r.scratch.slides[:0]
	r.scratch.sharing = r.scratch.sharing[:0]
	for _, s := range p.Slots {
		t := s.track
		if t == nil || t.in == nil || t.Muted {
			continue
		}
		if s.Kind == protocol.Audio {
			if s.Live {
				in.Audio += int64(t.in.rate())
			}
			continue
		}
		if len(t.options) == 0 {
			t.survey(now)
		}
		wish, options := &s.part.Wish, t.options
		if wish.Slideshow > 0 {
			options = r.slideOptions(t, instant(wish.Slideshow)*millisecond)
		}
		in.Tracks = append(in.Tracks, allocation.Track{
			Priority: s.part.priority(), Screen: t.Source == protocol.Screen, Options: options, Current: s.Decision.Layer,
			Wants: allocation.Wants{Width: wish.Width, Height: wish.Height, FPS: wish.FrameRate, MaxBitrate: t.most(wish), Paused: wish.Paused, Pin: s.part.pin()},
		})
		r.scratch.sharing = append(r.scratch.sharing, s)
	}
	in.Estimate = unlimited
	if p.measured {
		in.Estimate = p.Link.Estimate()
		if p.Link.Calm() {
			// Keyframes make a layer look larger than it is for a second. What passes
			// fits, whatever was shown before.
			in.Estimate = max(in.Estimate, r.passing(in))
		}
	}
	result := r.scratch.allocator.Allocate(in)
	if r.cfg.Trace != nil {
		r.trace(now, p, TraceLine{Share: &TraceShare{Input: *in, Estimate: p.Link.Estimate(), Decisions: result.Decisions, Enough: result.Enough, Target: p.Target}})
	}
	p.Link.SetWanted(time.Duration(now), max(result.Enough, p.Target))
	unseen := p.measured && in.Audio == 0 // nothing but video shows how the link is
	try := !p.Link.Measured() || unseen && starving(result.Decisions) && p.probeSlot() == nil
	p.slides = false
	moving, lacks := false, false
	for i, s := range r.scratch.sharing {
		d := result.Decisions[i]
		if d.Option < 0 && d.Reason != allocation.PausedBySubscriber && try && len(in.Tracks[i].Options) > 0 {
			// Nothing is known of the link yet, or can be known: the least is worth a try.
			d.Option, d.Layer = 0, in.Tracks[i].Options[0].Layer
		}
		period := p.slideshow(&s.part.Wish, &d, in.Tracks[i].Options)
		moving = moving || d.Option >= 0 && period == 0
		lacks = lacks || starved(&d) || d.Reason == allocation.SlideshowBelow
		r.setSlides(now, s, period)
		r.decide(now, s, d)
	}
	p.Share.Starving = unseen && lacks && !moving
	clear(r.scratch.sharing)
	p.Share.At, p.Share.Estimate, p.Share.Used = now, p.Link.Estimate(), result.Used
}

// starved says whether a track gets nothing for want of bandwidth.
func starved(d *allocation.Decision) bool {
	return d.Option < 0 && d.Reason != allocation.PausedBySubscriber && d.Reason != allocation.NoLayer
}

// starving says whether nothing is sent, for want of bandwidth alone.
func starving(decisions []allocation.Decision) bool {
	lacks := false
	for i := range decisions {
		if decisions[i].Option >= 0 {
			return false
		}
		lacks = lacks || starved(&decisions[i])
	}
	return lacks
}

// trickle keeps a link measured that nothing fits: what is never sent cannot be seen
// to pass.
func (r *Router) trickle(now instant, p *peer, sink Sink) {
	if !p.Share.Starving {
		return
	}
	if now >= p.Share.TrickleAt {
		p.Share.TrickleAt = now + trickleInterval
		r.probe(now, p, trickleBytes, sink)
	}
	r.schedulePeer(p, p.Share.TrickleAt)
}

// passing is what the layers take that are being forwarded, with audio.
func (r *Router) passing(in *allocation.Input) int64 {
	sum := in.Audio
	for i, s := range r.scratch.sharing {
		if !s.Live || s.Run.Source != s.Aim || s.Slides.Period != 0 {
			continue // it is about to change, or a keyframe now and then is all of it
		}
		for _, o := range in.Tracks[i].Options {
			if o.Layer == s.Decision.Layer {
				sum += o.Bitrate
			}
		}
	}
	return sum
}

// rate is what a section's streams take on a link, in bits per second.
func (in *inbound) rate() (bits uint64) {
	for _, s := range in.Sources {
		bits += s.Rate
	}
	return bits
}

// decide makes a decision the aim of a slot.
func (r *Router) decide(now instant, s *slot, d allocation.Decision) {
	if d.Layer.Spatial != s.Decision.Layer.Spatial || d.Layer.Temporal != s.Decision.Layer.Temporal {
		s.Switches++
	}
	s.Decision = decision{Layer: d.Layer, Reason: d.Reason}
	if starved := starved(&d); starved != s.Starved {
		s.Starved = starved
		r.tellBound(s.part.sub, s.part)
	}
	c := s.track.chosen(d.Option)
	if c == nil {
		s.Aim, s.Live = 0, false
		return
	}
	if s.Target != c.target {
		s.Target = c.target
		r.wantShare(s.peer, now+shareInterval) // to see what became of it
	}
	if s.Slides.Period != 0 {
		s.Aim = c.source.Serial
		return
	}
	if s.Live && s.Run.Source == c.source.Serial {
		s.Run.Cut.Selector.Target = c.target
		if s.Run.Cut.Selector.NeedsKeyframe(&c.source.Tracker.Layout, int64(now)) != layer.NotNeeded {
			r.wantKeyframe(now, c.source)
		}
		s.Aim = c.source.Serial
		return
	}
	if s.Live && s.peer.limited() && s.peer.Link.Congested() {
		// Until the keyframe comes, no more than needed of what is too much.
		s.Run.Cut.Selector.Target.Temporal = 0
	}
	if s.Aim != c.source.Serial || !s.Live {
		s.Aim = c.source.Serial
		r.awaitStart(now, s)
	}
}
