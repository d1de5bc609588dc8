package sfu

import (
	"slices"
	"time"

	"github.com/tertulia-rtc/tertulia/protocol"
	"github.com/tertulia-rtc/tertulia/sfu/rtpbuf"
)

// handed is a pipe that a track is handed to.
type handed struct {
	To     Pipe
	Upmost *PipedLayer

	in      *inbound // that was described to the other router, and which version of it
	version uint32
}

// handleNeed begins or ends the handing over of a track.
func (r *Router) handleNeed(now instant, p *pipe, n *PipedNeed) {
	pub := r.streams[n.Stream]
	if pub == nil || pub.From == p.To {
		return // it has just ended
	}
	t := pub.track(n.Track)
	if t == nil {
		return
	}
	i := t.pipesTo(p.To)
	switch {
	case !n.Wanted && i >= 0:
		t.Pipes = slices.Delete(t.Pipes, i, i+1)
	case n.Wanted && i >= 0:
		t.Pipes[i].Upmost = n.Upmost
	case n.Wanted:
		t.Pipes = append(t.Pipes, handed{To: p.To, Upmost: n.Upmost})
		r.handPast(now, p, t)
	}
	r.needChanged(now, pub)
	if t.Kind == protocol.Video {
		r.advanceWanted(now, t)
	}
}

// handPast begins with what the rings have since a recent keyframe, so that whoever
// waits beyond the pipe sees something at once and the publisher is not asked.
func (r *Router) handPast(now instant, p *pipe, t *track) {
	if t.in == nil || t.Muted {
		return
	}
	for _, s := range t.in.Sources {
		if s.SR.At != 0 {
			r.handReport(now, s)
		}
		if !s.keyframeHeld(now) {
			continue
		}
		r.describeTo(p, t)
		for seq := s.Keyframe.First; seq <= s.Seq.Highest; seq++ {
			if e := s.ring.Get(seq); e != nil {
				p.hand(now, s, e, s.ring.Extensions(e), s.ring.Payload(e))
			}
		}
	}
}

// hand puts a packet into the batch.
func (p *pipe) hand(now instant, s *source, e *rtpbuf.Entry, extensions, payload []byte) {
	if len(p.out.Packets) >= maxBatchPackets || len(p.out.Bytes) >= maxBatchBytes {
		p.Counted.Dropped += uint64(p.out.Lose())
	}
	p.out.add(s, e, s.in.track.Formats[e.Format].PT, extensions, payload, now)
	p.Counted.PacketsOut++
}

// handBatch hands a source's batch to all pipes that want its track.
func (r *Router) handBatch(now instant, s *source) {
	t := s.in.track
	if t == nil || t.Muted {
		return
	}
	for i := range t.Pipes {
		p := r.pipe(t.Pipes[i].To)
		if p == nil {
			continue
		}
		r.describeTo(p, t)
		for k := range s.batch {
			b := &s.batch[k]
			p.hand(now, s, b.entry, b.forwarded, b.payload)
		}
	}
}

// handReport hands the last sender report of a source on.
func (r *Router) handReport(now instant, s *source) {
	t := s.in.track
	for i := range t.Pipes {
		p := r.pipe(t.Pipes[i].To)
		if p == nil || len(p.out.Reports) >= maxBatchPackets {
			continue
		}
		r.describeTo(p, t)
		p.out.Reports = append(p.out.Reports, PipedReport{
			Source: s.Serial, NTP: s.SR.NTP, Timestamp: s.SR.Timestamp, Age: time.Duration(now - s.SR.At),
		})
	}
}

// describeTo tells what carries a track, if that is not known beyond the pipe.
func (r *Router) describeTo(p *pipe, t *track) {
	i := t.pipesTo(p.To)
	if i < 0 || t.in == nil {
		return
	}
	h := &t.Pipes[i]
	if h.in == t.in && h.version == t.in.version {
		return
	}
	h.in, h.version = t.in, t.in.version
	section := PipedSection{Stream: t.pub.Stream, Track: t.ID, Codecs: slices.Clone(t.in.Codecs)}
	for _, s := range t.in.Sources {
		section.Sources = append(section.Sources, PipedSource{Serial: s.Serial, RID: s.RID})
	}
	p.out.Sections = append(p.out.Sections, section)
}

// wantedBeyond gives the index of the highest layer of a track that anybody beyond
// a pipe has a use for, −1 for none.
func (t *track) wantedBeyond(layers []wantedLayer) int {
	highest := -1
	for i := range t.Pipes {
		at := len(layers) - 1
		if u := t.Pipes[i].Upmost; u != nil {
			if k := slices.IndexFunc(layers, func(l wantedLayer) bool { return l.RID == u.RID && l.Spatial == u.Spatial }); k >= 0 {
				at = k
			}
		}
		highest = max(highest, at)
	}
	return highest
}
