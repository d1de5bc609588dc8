package sfu

import (
	"github.com/tertulia-rtc/tertulia/protocol"
	"github.com/tertulia-rtc/tertulia/sfu/allocation"
	"github.com/tertulia-rtc/tertulia/sfu/rtpbuf"
)

// A slideshow is a slot that gets keyframes only. Each is a run of its own, so that
// numbers, timestamps and picture ids go on as they always do when a slot begins anew.

const (
	// slideshowBelow is the period of a slideshow that stands in for a layer which the
	// link does not carry.
	slideshowBelow = 3 * second
	// slideCost is what a keyframe has, as a stretch of the stream that it is part of.
	slideCost = 300 * millisecond
)

// slideState is the slideshow of a slot.
type slideState struct {
	Period instant // 0: the pictures move
	// Due is from when on the next keyframe is shown; AskedAt is when one was last asked
	// for.
	Due, AskedAt instant
	// Timestamp is that of the picture that is shown, as received, once there is one.
	Shown     bool
	Timestamp uint32
}

// after gives when the next picture is due after one. Slideshows of one period keep step,
// whenever they began, so that one keyframe serves them all; and one that others have
// asked for is not followed by another at once.
func (s *slideState) after(now instant) instant {
	return max((now + 1).on(s.Period), now+s.Period/2)
}

// slideshow says how far apart the keyframes are that a track is to have, 0 for moving
// pictures, and completes what was decided.
func (p *peer) slideshow(wish *protocol.Preference, d *allocation.Decision, options []allocation.Option) instant {
	switch {
	case wish.Slideshow > 0:
		if d.Option >= 0 {
			d.Reason = allocation.Slideshow
		}
		return instant(wish.Slideshow) * millisecond
	case wish.SlideshowBelow == 0 || wish.Pin != nil || !p.limited() || d.Ideal == allocation.None:
		return 0
	case int(d.Layer.Spatial) >= min(wish.SlideshowBelow, int(d.Ideal.Spatial)):
		return 0
	}
	if d.Option < 0 {
		d.Option, d.Layer = 0, options[0].Layer
	}
	d.Reason = allocation.SlideshowBelow
	return slideshowBelow
}

// slideOptions lists what a track offers to a slideshow: of each spatial layer the
// slowest one stands for all, since a keyframe has all of it.
func (r *Router) slideOptions(t *track, period instant) []allocation.Option {
	first := len(r.scratch.slides)
	for _, o := range t.options {
		bitrate := o.Bitrate
		o.Bitrate, o.Peak, o.FPS = 0, 0, 1
		at := len(r.scratch.slides)
		r.scratch.slides = append(r.scratch.slides, o)
		for at > first && r.scratch.slides[at-1].Spatial == o.Spatial {
			at--
		}
		slowest := &r.scratch.slides[at]
		slowest.Bitrate = max(slowest.Bitrate, bitrate*int64(slideCost)/int64(max(period, slideCost)), 1)
	}
	return r.scratch.slides[first:]
}

// pin gives the layer that a subscriber insists on, or nil. It stays valid until the
// next call.
func (st *part) pin() *allocation.Layer {
	if st.Wish.Pin == nil {
		return nil
	}
	st.pinned = allocation.Layer{Spatial: int8(st.Wish.Pin.Spatial), Temporal: int8(st.Wish.Pin.Temporal)}
	return &st.pinned
}

// setSlides begins or ends the slideshow of a slot. Moving pictures begin with a
// keyframe again.
func (r *Router) setSlides(now instant, s *slot, period instant) {
	s.peer.slides = s.peer.slides || period != 0
	if s.Slides.Period == period {
		return
	}
	next := slideState{Period: period}
	if period != 0 && (s.Live || s.Slides.Period != 0) {
		next.Due = next.after(now) // there is a picture already
	}
	s.Slides, s.Live = next, false
}

// wantSlide asks for a picture soon, in place of the next one that is due.
func (r *Router) wantSlide(now instant, s *slot) {
	s.Slides.Due = min(s.Slides.Due, now)
	r.schedulePeer(s.peer, now)
}

// advanceSlides asks for the keyframes that slideshows of a subscriber are to show, each
// no more often than a receiver may.
func (r *Router) advanceSlides(now instant, p *peer) {
	if !p.slides || !p.Connected {
		return
	}
	for _, s := range p.Slots {
		source := r.sources[s.Aim]
		if s.Slides.Period == 0 || source == nil || s.track == nil || s.track.Muted || source.in.track != s.track {
			continue
		}
		at := s.Slides.Due
		if s.Slides.AskedAt != 0 {
			at = max(at, s.Slides.AskedAt+keyframeAskInterval)
		}
		if at > now {
			r.schedulePeer(p, at)
			continue
		}
		s.Slides.AskedAt = now
		r.wantKeyframe(now, source)
		r.schedulePeer(p, now+keyframeAskInterval)
	}
}

// repeatLast sends the last packet of a slot once more. Nothing follows it for long, so
// the receiver would not miss it, nor those before it.
func (r *Router) repeatLast(s *slot) {
	s.Resent.Queue = append(s.Resent.Queue, s.Seq)
	if p := s.peer; !p.Resend.pending {
		p.Resend.pending = true
		r.resending = append(r.resending, p)
	}
}

// forwardSlides is forwardBatch for a slideshow: of what comes, the next keyframe that is
// due, and what is late of the one before.
func (r *Router) forwardSlides(now instant, sl *slot, s *source, sink Sink) {
	for i := range s.batch {
		b := &s.batch[i]
		e := b.entry
		if sl.Slides.Shown && sl.Run.Source == s.Serial && sl.Slides.Timestamp == e.Timestamp && e.Seq >= sl.Run.First && e.Flags&rtpbuf.Padding == 0 {
			r.offer(now, sl, s, b, sink)
			continue
		}
		if sl.Live && (sl.Run.Source != s.Serial || e.Seq > sl.In) {
			sl.Live = false // the picture is complete, or what is still to come of it is late
			r.repeatLast(sl)
		}
		if sl.Live || now < sl.Slides.Due || !r.maybeStart(now, sl, s, e) {
			continue
		}
		sl.Slides.Shown, sl.Slides.Timestamp = true, e.Timestamp
		sl.Slides.Due = sl.Slides.after(now)
		r.schedulePeer(sl.peer, sl.Slides.Due)
		r.offer(now, sl, s, b, sink)
	}
}
