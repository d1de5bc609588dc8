package sfu

import (
	"time"

	"github.com/tertulia-rtc/tertulia/codec"
	"github.com/tertulia-rtc/tertulia/protocol"
	"github.com/tertulia-rtc/tertulia/sfu/bwe"
	"github.com/tertulia-rtc/tertulia/sfu/rtpbuf"
)

// ready is a packet of the batch with what all subscribers share of it.
type ready struct {
	entry     *rtpbuf.Entry
	forwarded []byte // header extensions
	payload   []byte
	primary   []byte // of RED; empty when malformed
}

// work is one source's batch for one subscriber.
type work struct {
	slot   *slot
	source *source
}

// maxPrefix bounds what takes the place of the start of a payload: the original
// sequence number of RTX and a rewritten descriptor or RED header.
const maxPrefix = 2 + maxREDHeader + codec.MaxVP8Descriptor

// Flush sends what the packets since the last Flush call for: the packets
// themselves, subscriber by subscriber, so that those of one subscriber can
// leave together; then answers to NACKs and sender reports.
func (r *Router) Flush(now time.Time, sink Sink) {
	if len(r.pending) > 0 || len(r.resending) > 0 || len(r.reports) > 0 || len(r.waiting) > 0 {
		r.flush(r.instant(now), sink)
	}
}

func (r *Router) flush(now instant, sink Sink) {
	for _, s := range r.pending {
		s.prepare()
	}
	if len(r.pending) == 1 {
		// The usual case: the bindings of one track are in the order of
		// subscribers already.
		s := r.pending[0]
		if t := s.in.track; t != nil && !t.Muted {
			for _, sl := range t.slots {
				if sl.peer.Connected {
					r.forwardBatch(now, sl, s, sink)
				}
			}
		}
	} else {
		r.flushBySubscriber(now, sink)
	}
	for _, s := range r.pending {
		s.pending, s.batch = s.pending[:0], s.batch[:0]
	}
	r.pending = r.pending[:0]
	r.startWaiting(now, sink)
	r.flushRetransmissions(now, sink)
	r.flushReports(now, sink)
}

// flushBySubscriber turns the batches of several sources into lists of work for
// each subscriber, and does them one subscriber after another.
func (r *Router) flushBySubscriber(now instant, sink Sink) {
	r.round++
	r.working = r.working[:0]
	for _, s := range r.pending {
		t := s.in.track
		if t == nil || t.Muted {
			continue
		}
		for _, sl := range t.slots {
			p := sl.peer
			if !p.Connected {
				continue
			}
			if p.round != r.round {
				p.round = r.round
				p.work = p.work[:0]
				r.working = append(r.working, p)
			}
			p.work = append(p.work, work{sl, s})
		}
	}
	for _, p := range r.working {
		for _, w := range p.work {
			r.forwardBatch(now, w.slot, w.source, sink)
		}
	}
}

// prepare resolves the batch of a source once for all subscribers.
func (s *source) prepare() {
	t := s.in.track
	if t == nil {
		return
	}
	for _, seq := range s.pending {
		e := s.ring.Get(seq)
		if e == nil {
			continue // the batch was larger than the ring may be
		}
		s.batch = append(s.batch, s.held(e))
	}
	if t.Kind == protocol.Video {
		equalise(s.batch)
	}
}

// forwardBatch decides and sends one source's packets for one slot.
func (r *Router) forwardBatch(now instant, sl *slot, s *source, sink Sink) {
	for i := range s.batch {
		b := &s.batch[i]
		if !sl.Live || sl.Run.Source != s.Serial {
			if !r.maybeStart(now, sl, s, b.entry) {
				continue
			}
		}
		r.forward(now, sl, b, sink)
	}
}

// maybeStart begins a new run with a packet that allows it: on a slot that
// waits, or when another layer has become the one to forward.
func (r *Router) maybeStart(now instant, sl *slot, s *source, e *rtpbuf.Entry) bool {
	if s.Serial != s.in.Current {
		return false
	}
	if sl.Kind == protocol.Video && e.Flags&rtpbuf.Keyframe == 0 || e.Flags&rtpbuf.Padding != 0 {
		return false
	}
	f := &sl.formats[e.Format]
	if f.op == opDrop {
		return false
	}
	next := run{Source: s.Serial, First: e.Seq, Out: sl.Seq + 1}
	if sl.Run.Source == s.Serial {
		if e.Seq <= sl.In {
			return false // late, from before the pause
		}
		// The same clock goes on.
		next.Timestamp, next.PictureID, next.TL0, next.Rewrite = sl.Run.Timestamp, sl.Run.PictureID, sl.Run.TL0, sl.Run.Rewrite
	} else {
		next.Timestamp = sl.Timestamp + elapsed(sl.SentAt, now, sl.Codecs[f.codec].ClockRate) - e.Timestamp
		if f.vp8 && sl.SentAt != 0 {
			next.PictureID = sl.PictureID + 1 - e.PictureID
			next.TL0 = sl.TL0 + 1 - e.TL0
			next.Rewrite = true
		}
	}
	sl.beginRun(next)
	sl.In, sl.Live = e.Seq-1, true
	if s.SR.At != 0 && !s.asked {
		// Lip sync from the start: everyone's report is due soon, but this slot
		// has had none.
		sl.SR.Due = true
		r.starting = append(r.starting, sl)
	}
	return true
}

// elapsed is the time since the slot sent its last packet, in timestamp units:
// at least one, and a new slot starts anywhere.
func elapsed(since, now instant, clock uint32) uint32 {
	if since == 0 || now <= since {
		return 1
	}
	return max(1, uint32(uint64(now-since)/1000*uint64(clock)/1_000_000))
}

// forward gives a packet of the present run its number, and sends it at once or
// when there is time for it.
func (r *Router) forward(now instant, sl *slot, b *ready, sink Sink) {
	e := b.entry
	if sl.peer.pacingFull() {
		sl.peer.Counted.PacingDropped++
		sl.Live = false // video goes on with a keyframe
		r.awaitStart(now, sl)
		return
	}
	run, out := &sl.Run, e.Seq-sl.Run.First+sl.Run.Out
	if e.Seq <= sl.In {
		if run, out = sl.runOf(sl.Run.Source, e.Seq); run == nil {
			return
		}
	} else {
		sl.In, sl.Seq, sl.Timestamp, sl.SentAt = e.Seq, out, e.Timestamp+run.Timestamp, now
		if sl.formats[e.Format].vp8 {
			sl.PictureID, sl.TL0 = e.PictureID+run.PictureID, e.TL0+run.TL0
		}
	}
	if sl.Kind == protocol.Video && !sl.peer.paces(now, len(b.payload)) {
		r.wait(now, sl, out)
		return
	}
	r.send(now, sl, run, b, out, sink)
}

// send sends a packet of a run for the first time.
func (r *Router) send(now instant, sl *slot, run *run, b *ready, out uint64, sink Sink) {
	e, p := b.entry, &r.scratch.packet
	f := &sl.formats[e.Format]
	if !r.fill(p, sl, run, f, b, 0) {
		return
	}
	p.Header = sl.Form.appendHeader(r.scratch.header[:0], f.pt, p.Marker, uint16(out), e.Timestamp+run.Timestamp, sl.SSRC, b.forwarded, f.timing)
	p.Retransmission = false
	if e.Flags&rtpbuf.Recovered != 0 {
		// The subscriber may have asked for it by now.
		sl.Resent.sent(out, now)
	}
	sl.Packets++
	n := uint64(len(p.Prefix) + len(p.Payload))
	sl.Bytes += n
	sl.peer.Resend.Credit += int64(n / 2)
	r.emit(now, sl.peer, p, f.timing, bwe.Media, sink)
}

// emit lets a packet leave. Its header is complete but for its timing.
func (r *Router) emit(now instant, to *peer, p *Packet, t timing, kind bwe.Kind, sink Sink) {
	if p.Padding > 0 {
		p.Header[0] |= 0x20
	}
	switch t {
	case numbered:
		size := len(p.Header) + len(p.Prefix) + len(p.Payload) + int(p.Padding) + sealOverhead
		stamp(p.Header, t, uint32(to.Link.Sent(time.Duration(now), size, kind)))
	case timestamped:
		stamp(p.Header, t, sendTime(now))
	}
	sink.SendRTP(p)
}

// sealOverhead is what SRTP adds to a packet, for the count of what a link carries.
const sealOverhead = 16

// fill sets what packet and retransmission have in common: Prefix (which begins
// with room for an original sequence number of size osn), Payload and flags. It
// is false when the slot cannot be sent the packet.
func (r *Router) fill(p *Packet, sl *slot, run *run, f *outFormat, b *ready, osn int) bool {
	e := b.entry
	p.To, p.Kind = sl.peer.Index, sl.Kind
	p.Marker = e.Flags&rtpbuf.Marker != 0
	p.Keyframe = e.Flags&rtpbuf.Keyframe != 0
	p.Prefix, p.Payload, p.Padding = r.scratch.prefix[:osn], b.payload, e.Pad
	if f.op == opDrop {
		return false
	}
	if e.Flags&rtpbuf.Padding != 0 {
		// The number is used up, so that subscribers have no gap to ask about.
		p.Payload, p.Padding = nil, 1
		return true
	}
	switch f.op {
	case opUnwrap:
		p.Payload = b.primary
		if len(b.primary) == 0 {
			return false
		}
	case opRenameRED:
		prefix, n := renameRED(p.Prefix, b.payload, f.inner)
		if n == 0 {
			return false
		}
		p.Prefix, p.Payload = prefix, b.payload[n:]
	case opForward:
		if f.vp8 && run.Rewrite && e.Descriptor > 1 {
			d, ok := codec.ParseVP8(b.payload)
			if !ok {
				break
			}
			id := e.PictureID + run.PictureID
			if !d.LongID {
				id &= 0x7f // its owner counts modulo 128
			}
			p.Prefix = d.AppendVP8(p.Prefix, b.payload, id, e.TL0+run.TL0)
			p.Payload = b.payload[d.Size:]
		}
	}
	return true
}
