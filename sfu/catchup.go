package sfu

import (
	"github.com/tertulia-rtc/tertulia/protocol"
	"github.com/tertulia-rtc/tertulia/sdp"
	"github.com/tertulia-rtc/tertulia/sfu/rtpbuf"
)

// What a slot is sent from the ring when it begins. A keyframe that is older than
// this is not worth it: the publisher may be asked for another one by then, and a
// receiver that gets a long past at once takes that for a late network.
const (
	catchUpAge     = keyframeInterval
	catchUpPackets = 192
	catchUpBytes   = 192 << 10
)

// awaitStart sees to it that a slot which waits is sent something soon: what the
// ring has since a recent keyframe, with the next Flush or Advance, or else a
// keyframe that the publisher is asked for. A subscriber that is not connected
// gets neither, so that no keyframe is made in vain.
func (r *Router) awaitStart(now instant, s *slot) {
	if s.track == nil || s.Kind != protocol.Video || !s.peer.Connected {
		return
	}
	if s.Slides.Period != 0 {
		r.wantSlide(now, s)
		return
	}
	r.waiting = append(r.waiting, s)
	r.schedule(now)
}

// startWaiting does what awaitStart put off. Everything in the rings must have
// been forwarded already.
func (r *Router) startWaiting(now instant, sink Sink) {
	for i, s := range r.waiting {
		r.waiting[i] = nil
		source := r.sources[s.Aim]
		if s.track == nil || source == nil || source.in.track != s.track || !s.peer.Connected || s.Live && s.Run.Source == s.Aim || s.Slides.Period != 0 {
			continue // a slideshow that began meanwhile asks by itself
		}
		if s.Live || !r.catchUp(now, s, source, sink) {
			r.wantKeyframe(now, source)
		}
	}
	r.waiting = r.waiting[:0]
}

// catchUp sends a slot the last keyframe and what followed it, when all of that is
// in the ring, recent, and not too much for one burst. What is still asked for
// from the publisher may lack: it is forwarded when it comes.
func (r *Router) catchUp(now instant, sl *slot, s *source, sink Sink) bool {
	t := sl.track
	if t.Muted || !s.keyframeHeld(now) {
		return false
	}
	first := s.ring.Get(s.Keyframe.First)
	// The burst ends now, so it began when the keyframe came.
	if !r.maybeStart(instant(first.At), sl, s, first) {
		return false
	}
	for seq := s.Keyframe.First; seq <= s.Seq.Highest; seq++ {
		if e := s.ring.Get(seq); e != nil {
			b := s.held(e)
			r.offer(now, sl, s, &b, sink)
		}
	}
	return true
}

// keyframeHeld says whether the ring has the last keyframe and what followed it,
// all of that recent and not too much for one burst. What is still asked for from
// the publisher may lack.
func (s *source) keyframeHeld(now instant) bool {
	if s.in.Kind != sdp.Video || s.Keyframe.First == 0 || now-s.Keyframe.CameAt > catchUpAge || s.Seq.Highest-s.Keyframe.First >= catchUpPackets {
		return false
	}
	first := s.ring.Get(s.Keyframe.First)
	if first == nil || first.Flags&rtpbuf.Keyframe == 0 || first.Format != s.in.track.Format {
		return false
	}
	size := 0
	for seq := s.Keyframe.First; seq <= s.Seq.Highest; seq++ {
		if e := s.ring.Get(seq); e != nil {
			size += len(s.ring.Payload(e))
		} else if _, asked := s.findLoss(seq); !asked {
			return false
		}
	}
	return size <= catchUpBytes
}
