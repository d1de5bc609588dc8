package sfu

import (
	"time"
	"unsafe"

	"github.com/tertulia-rtc/tertulia/codec"
	"github.com/tertulia-rtc/tertulia/prefetch"
	"github.com/tertulia-rtc/tertulia/protocol"
	"github.com/tertulia-rtc/tertulia/sfu/bwe"
	"github.com/tertulia-rtc/tertulia/sfu/layer"
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
		r.handBatch(now, s)
	}
	if len(r.pending) == 1 {
		// The usual case: the bindings of one track are in the order of
		// subscribers already.
		s := r.pending[0]
		if t := s.in.track; t != nil && !t.Muted && !t.Hushed {
			for i, sl := range t.slots {
				prefetchSlots(t.slots, i)
				if sl.peer.Connected {
					r.forwardBatch(now, sl, s, sink)
				}
			}
		}
	} else {
		r.flushBySubscriber(now, sink)
	}
	for _, s := range r.pending {
		clear(s.batch) // a ring that has grown should not live on in what a keyframe has left here
		s.pending, s.batch = s.pending[:0], s.batch[:0]
	}
	r.pending = r.pending[:0]
	r.startWaiting(now, sink)
	r.flushRetransmissions(now, sink)
	r.flushReports(now, sink)
}

// prefetchSlots asks for the memory that the slots after the i-th will need, of each object
// one slot after the one that points to it.
func prefetchSlots(slots []*slot, i int) {
	if i+4 < len(slots) {
		prefetch.Value(slots[i+4])
	}
	if i+3 < len(slots) {
		p := slots[i+3].peer
		prefetch.Value(&p.Index)
		prefetch.Bytes(&p.Resend, unsafe.Offsetof(p.Share)-unsafe.Offsetof(p.Resend))
		prefetch.Bytes(&p.round, unsafe.Sizeof(*p)-unsafe.Offsetof(p.round))
	}
	if i+2 < len(slots) {
		slots[i+2].peer.Link.Prefetch()
	}
	if i+1 < len(slots) {
		slots[i+1].peer.Link.PrefetchPacket()
	}
}

// flushBySubscriber turns the batches of several sources into lists of work for
// each subscriber, and does them one subscriber after another.
func (r *Router) flushBySubscriber(now instant, sink Sink) {
	r.round++
	r.working = r.working[:0]
	for _, s := range r.pending {
		t := s.in.track
		if t == nil || t.Muted || t.Hushed {
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
	if sl.Run.Source != s.Serial && sl.Aim != s.Serial {
		return
	}
	if sl.Slides.Period != 0 {
		r.forwardSlides(now, sl, s, sink)
		return
	}
	for i := range s.batch {
		b := &s.batch[i]
		if sl.Live && sl.Run.Source == s.Serial || r.maybeStart(now, sl, s, b.entry) {
			r.offer(now, sl, s, b, sink)
		}
	}
}

// maybeStart begins a new run with a packet that allows it: on a slot that
// waits, or when another received stream has become the one to forward.
func (r *Router) maybeStart(now instant, sl *slot, s *source, e *rtpbuf.Entry) bool {
	if sl.Aim != s.Serial || e.Flags&rtpbuf.Padding != 0 || sl.Kind == protocol.Video && e.Flags&rtpbuf.Keyframe == 0 {
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
		next.Timestamp = sl.Run.Timestamp // the same clock goes on
	} else {
		next.Timestamp = sl.Timestamp + r.elapsed(now, sl, s, e) - e.Timestamp
	}
	if sl.Kind == protocol.Video {
		next.Cut = &cut{Selector: layer.Selector{Target: sl.Target}}
		next.Cut.Numbering.Begin(next.First, next.Out)
		next.Offsets = sl.Numbers.Begin(numbers(e), 0)
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

// elapsed is the media time between the last packet of a slot and the first one of
// another stream, in timestamp units: at least one. Where both streams have told
// their clocks, it is exact; else it is the time that passed here.
func (r *Router) elapsed(now instant, sl *slot, s *source, e *rtpbuf.Entry) uint32 {
	if sl.SentAt == 0 || now <= sl.SentAt {
		return 1 // a new slot starts anywhere
	}
	passed := int64(now-sl.SentAt) / 1000 * int64(s.Clock) / 1_000_000
	if old := r.sources[sl.Run.Source]; old != nil && old.in == s.in && old.SR.At != 0 && s.SR.At != 0 && old.Clock == s.Clock {
		// The time between their reports, in timestamp units, and what each has gone
		// on since its own.
		between := int64(s.SR.NTP-old.SR.NTP) >> 16 * int64(s.Clock) >> 16
		exact := between + int64(int32(e.Timestamp-s.SR.Timestamp)) - int64(int32(sl.Timestamp-sl.Run.Timestamp-old.SR.Timestamp))
		if d := exact - passed; exact > 0 && d < int64(s.Clock)/2 && -d < int64(s.Clock)/2 {
			return uint32(exact)
		}
	}
	return uint32(max(1, passed))
}

// offer forwards a packet of the present run if the slot is to have it. It gets its
// number now, and leaves at once or when there is time for it.
func (r *Router) offer(now instant, sl *slot, s *source, b *ready, sink Sink) {
	e, run, d := b.entry, &sl.Run, &r.scratch.decision
	late := e.Seq <= sl.In
	if run.Cut == nil {
		if e.Seq < run.First {
			return
		}
		*d = layer.Decision{Flags: layer.Forward}
		out := e.Seq - run.First + run.Out
		if !late {
			sl.sent(e, run, out, now)
		}
		r.send(now, sl, run, b, out, d, sink)
		return
	}
	if sl.peer.pacingFull() {
		sl.peer.Counted.PacingDropped++
		sl.Live = false // it goes on with a keyframe
		r.awaitStart(now, sl)
		return
	}
	*d = run.Cut.Selector.Select(&s.Tracker, &e.Info, int64(now))
	if !sl.formats[e.Format].vp8 {
		d.Skipped = 0 // the gaps in other picture ids mean nothing
	}
	if !d.Forward() {
		if out, hole := run.Cut.Numbering.Drop(e.Seq, &e.Info); hole {
			r.sendNothing(now, sl, out, sink)
		}
		sl.In = max(sl.In, e.Seq)
		return
	}
	out, ok := run.Cut.Numbering.Forward(e.Seq, &e.Info)
	if !ok {
		return
	}
	if !late {
		sl.sent(e, run, out, now)
		sl.Numbers.Note(run.Offsets.Apply(numbers(e), d.Skipped))
	}
	if !sl.peer.paces(now, len(b.payload)) {
		r.wait(now, sl, out)
		return
	}
	r.send(now, sl, run, b, out, d, sink)
}

// sent takes note of the newest packet.
func (s *slot) sent(e *rtpbuf.Entry, run *run, out uint64, now instant) {
	s.In, s.Seq, s.Timestamp, s.SentAt = e.Seq, out, e.Timestamp+run.Timestamp, now
}

// numbers are those that a packet gives to its frame.
func numbers(e *rtpbuf.Entry) layer.Numbers {
	return layer.Numbers{Frame: uint16(e.Info.Frame), PictureID: e.PictureID, TL0: e.TL0}
}

// send sends a packet of a run for the first time.
func (r *Router) send(now instant, sl *slot, run *run, b *ready, out uint64, d *layer.Decision, sink Sink) {
	e, p := b.entry, &r.scratch.packet
	f := &sl.formats[e.Format]
	if !r.fill(p, sl, run, f, b, d, 0) {
		return
	}
	p.Header = sl.Form.appendHeader(r.scratch.header[:0], f.pt, p.Marker, uint16(out), e.Timestamp+run.Timestamp, sl.SSRC, r.extensions(sl, run, b, d), f.timing)
	p.Retransmission = false
	if e.Flags&rtpbuf.Recovered != 0 {
		// The subscriber may have asked for it by now.
		sl.Resent.sent(out, now)
	}
	sl.Packets++
	n := uint64(len(p.Prefix) + len(p.Payload))
	sl.Bytes += n
	sl.peer.afterMedia(int64(n))
	r.emit(now, sl.peer, p, f.timing, bwe.Media, sink)
}

// extensions gives the header extensions of a packet for a slot: those that all
// get, but for a dependency descriptor that has to be changed, and a delay that
// the slot's receiver is asked for.
func (r *Router) extensions(sl *slot, run *run, b *ready, d *layer.Decision) []byte {
	described := sl.Form.IDs[extDependency] != 0 && (run.Offsets.Frame != 0 || d.Flags&(layer.SetActive|layer.Attach) != 0)
	delayed := sl.Playout.Says && sl.formats[b.entry.Format].timing != timeless // else it might be sent again as it was
	if !described && !delayed {
		return b.forwarded
	}
	out := r.scratch.rewritten[:0]
	if delayed {
		out = sl.Playout.appendTo(out)
	}
	for rest := b.forwarded; len(rest) > 2; rest = rest[2+int(rest[1]):] {
		one := rest[:2+int(rest[1])]
		switch kind := extension(one[0]); {
		case kind == extPlayoutDelay && delayed:
			continue
		case kind != extDependency || !described:
			out = append(out, one...)
			continue
		}
		at := len(out)
		out = append(out, byte(extDependency), 0)
		out = codec.AppendDependency(out, one[2:], r.structure(run, b.entry), d.Edit(run.Offsets.Frame))
		out[at+1] = byte(len(out) - at - 2)
	}
	return out
}

// structure is the dependency structure that a packet of a run builds on, or nil.
func (r *Router) structure(run *run, e *rtpbuf.Entry) *codec.DependencyStructure {
	if s := r.sources[run.Source]; s != nil {
		return s.Tracker.StructureOf(&e.Info)
	}
	return nil
}

// emit lets a packet leave. Its header is complete but for its timing.
func (r *Router) emit(now instant, to *peer, p *Packet, t timing, kind bwe.Kind, sink Sink) {
	if p.Padding > 0 {
		p.Header[0] |= 0x20
	}
	switch t {
	case numbered:
		size := len(p.Header) + len(p.Prefix) + len(p.Payload) + int(p.Padding) + sealOverhead
		seq := to.Link.Sent(time.Duration(now), size, kind)
		stamp(p.Header, t, uint32(seq))
		if r.cfg.Trace != nil {
			r.trace(now, to, TraceLine{Sent: &TraceSent{seq, size, kind}})
		}
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
func (r *Router) fill(p *Packet, sl *slot, run *run, f *outFormat, b *ready, d *layer.Decision, osn int) bool {
	e := b.entry
	p.To, p.Kind = sl.peer.Index, sl.Kind
	p.Marker = e.Flags&rtpbuf.Marker != 0 || d.Marker()
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
		if e.Descriptor > 1 && (f.vp8 || f.vp9) {
			rewrite(p, run.Offsets, f, b, d)
		}
	}
	return true
}

// rewrite makes the picture id and TL0PICIDX of VP8 and VP9 go on.
func rewrite(p *Packet, offsets layer.Offsets, f *outFormat, b *ready, decision *layer.Decision) {
	in := numbers(b.entry)
	out := offsets.Apply(in, decision.Skipped)
	if out.PictureID == in.PictureID && out.TL0 == in.TL0 {
		return
	}
	switch {
	case f.vp8:
		if d, ok := codec.ParseVP8(b.payload); ok {
			if !d.LongID {
				out.PictureID &= 0x7f // its owner counts modulo 128
			}
			p.Prefix = d.AppendVP8(p.Prefix, b.payload, out.PictureID, out.TL0)
			p.Payload = b.payload[d.Size:]
		}
	case f.vp9:
		if d, ok := codec.ParseVP9(b.payload); ok {
			p.Prefix = d.AppendVP9(p.Prefix, b.payload, out.PictureID, out.TL0)
			p.Payload = b.payload[d.Size:]
		}
	}
}
