package sfu

import (
	"slices"

	"github.com/tertulia-rtc/tertulia/protocol"
	"github.com/tertulia-rtc/tertulia/sdp"
)

// keyframeState is the asking for keyframes of one source. However many
// subscribers want one, and however often, the publisher is asked at most once
// in keyframeInterval, and asked again while none comes.
type keyframeState struct {
	Wanted    bool
	AskedAt   instant // last request
	Asked     int     // requests since the last keyframe
	FIR       uint8   // sequence number of FIR (RFC 5104 section 4.3.1.1)
	CameAt    instant
	First     uint64 // sequence number of the first packet of the last keyframe; 0 when it is of no use any more
	Seen      bool
	Timestamp uint32 // of the last keyframe
}

// A publisher that is a browser ignores what it is asked within 300 ms of the
// last time, so a repeat keeps away from that limit.
const (
	keyframeInterval = 350 * millisecond
	keyframePatience = second // between repeats after many without an answer
	keyframeHurries  = 10
	// A subscriber may ask for keyframeAsks in a row, and one in each
	// keyframeAskInterval after that.
	keyframeAsks        = 3
	keyframeAskInterval = second
)

// next is when the publisher may be asked.
func (k *keyframeState) next() instant {
	if k.AskedAt == 0 {
		return 0
	}
	if k.Asked > keyframeHurries {
		return k.AskedAt + keyframePatience
	}
	return k.AskedAt + keyframeInterval
}

// wantKeyframe asks for a keyframe of a received stream. The request goes out in
// the next Advance.
func (r *Router) wantKeyframe(now instant, s *source) {
	t := s.in.track
	if t == nil || t.Kind != protocol.Video || t.Muted {
		return
	}
	s.Keyframe.Wanted = true
	r.schedule(max(now, s.Keyframe.next()))
}

// wantAwaited asks for the keyframes that slots of a track wait for. While it is
// not known which layer they will get, those of all; so too where they may be beyond
// a pipe.
func (r *Router) wantAwaited(now instant, t *track) {
	if t.in == nil {
		return
	}
	for _, s := range t.in.Sources {
		if len(t.Pipes) > 0 || slices.ContainsFunc(t.slots, func(sl *slot) bool {
			return sl.peer.Connected && !sl.Live && (sl.Aim == s.Serial || sl.Aim == 0 && !sl.part.Wish.Paused)
		}) {
			r.wantKeyframe(now, s)
		}
	}
}

// keyframeCame takes note of the answer.
func (s *source) keyframeCame(now instant, seq uint64) {
	s.Keyframe.Wanted = false
	s.Keyframe.Asked = 0
	if seq > s.Keyframe.First {
		s.Keyframe.CameAt, s.Keyframe.First = now, seq
	}
	s.Counted.Keyframes++
}

// advanceKeyframe sends the request that is due, by PLI (RFC 4585) or FIR
// (RFC 5104), whichever was negotiated.
func (r *Router) advanceKeyframe(now instant, p *peer, in *inbound, s *source, sink Sink) {
	k := &s.Keyframe
	if !k.Wanted || in.track == nil || in.track.Muted || !s.Seq.Started && !s.Signalled {
		return
	}
	if next := k.next(); now < next {
		r.schedule(next)
		return
	}
	c := in.codecInUse()
	if c == nil || !c.PLI && !c.FIR {
		k.Wanted = false
		return
	}
	k.AskedAt = now
	k.Asked++
	s.Counted.KeyframeRequests++
	b := r.scratch.rtcp[:0]
	if c.PLI {
		b = appendRTCPHeader(b, 1, rtcpPayloadFeedback)
		b = appendUint32(b, p.SSRC)
		b = appendUint32(b, s.SSRC)
	} else {
		k.FIR++
		b = appendRTCPHeader(b, 4, rtcpPayloadFeedback)
		b = appendUint32(b, p.SSRC)
		b = appendUint32(b, 0)
		b = appendUint32(b, s.SSRC)
		b = append(b, k.FIR, 0, 0, 0)
	}
	setRTCPLength(b, 0)
	r.sendRTCP(p, b, sink)
	r.schedule(k.next())
}

// codecInUse is the codec of what the section sends now, else its first one.
func (in *inbound) codecInUse() *sdp.Codec {
	if len(in.Codecs) == 0 {
		return nil
	}
	if t := in.track; t != nil && t.Started {
		for i := range in.Codecs {
			if in.Codecs[i].PayloadType == t.Formats[t.Format].PT {
				return &in.Codecs[i]
			}
		}
	}
	return &in.Codecs[0]
}
