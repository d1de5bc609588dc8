package sfu

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tertulia-rtc/tertulia/codec"
	"github.com/tertulia-rtc/tertulia/protocol"
	"github.com/tertulia-rtc/tertulia/sdp"
	"github.com/tertulia-rtc/tertulia/sfu/allocation"
	"github.com/tertulia-rtc/tertulia/sfu/layer"
	"github.com/tertulia-rtc/tertulia/sfu/rtpbuf"
)

// slot is a receiving section of a subscriber. Its SSRCs are for life, and so
// are its sequence numbers, timestamps and picture ids: they go on when the slot
// is bound to another track, so that the receiver sees one unbroken stream.
type slot struct {
	MID  string
	Kind protocol.Kind
	// Ordinal is that of sdp.Sending; 0 for none.
	Ordinal int
	SSRC    uint32
	RTX     uint32
	CNAME   string
	Codecs  []sdp.Codec
	Form    headerForm

	// Stream and Track are what it is bound to; Stream is 0 while it is free.
	Stream protocol.StreamID
	Track  protocol.TrackID

	// Live says that Run is being forwarded; otherwise the slot waits for a
	// packet to start a new run with: any of audio, a keyframe of video.
	Live bool
	Run  run
	// Aim is the serial of the received stream that is wanted here, 0 for none, and
	// Target the layers of it. The slot goes over to it with a keyframe.
	Aim      uint32
	Target   layer.Target
	Decision decision
	Switches uint64 // of the layer that was decided on
	// Starved says that not even the smallest layer fits the link.
	Starved bool
	// Past holds runs before Run of the same track, oldest first, from which
	// packets may still be asked for.
	Past []run

	In        uint64 // highest extended sequence number of Run that was received
	Seq       uint64 // highest extended sequence number sent
	Timestamp uint32 // of that packet
	SentAt    instant
	Numbers   layer.Sent // of frames
	RTXSeq    uint16
	Packets   uint64 // sent, without retransmissions
	Bytes     uint64 // of their payloads
	Resent    resentState
	AskAgain  instant // when its requests for keyframes are all worked off
	Reported  receiverReport
	Playout   playout
	SR        sentReport
	Slides    slideState
	// Reserved says that the slot was offered for one track and carries no other.
	Reserved reservation

	peer    *peer
	pair    *slot // of the other kind with the same ordinal, which the receiver synchronises with this one
	track   *track
	part    *part
	changed bool
	formats [maxFormats]outFormat
}

// reservation names the track for which a slot was offered; none for other slots.
type reservation struct {
	Stream protocol.StreamID
	Track  protocol.TrackID
}

// reserved gives the slot that was offered for a track: the one that it has already, or
// else a free one. Nil: there is none.
func (p *peer) reserved(st *part) (found *slot) {
	if p.Reserved == 0 {
		return nil
	}
	for _, s := range p.Slots {
		if s.Reserved == (reservation{st.sub.Stream, st.Track}) && s.Kind == st.track.Kind && (s.part == st || s.track == nil && found == nil) {
			if found = s; s.part == st {
				break
			}
		}
	}
	return found
}

// decision is what the sharing of the link came to for a slot.
type decision struct {
	Layer  allocation.Layer
	Reason allocation.Reason
}

// run is a stretch of one received stream that is forwarded with the same
// offsets: what is sent again later is found through it.
type run struct {
	Source    uint32 // serial; 0 is no run
	First     uint64 // sequence number received, of the first packet
	Out       uint64 // the same, as sent
	Timestamp uint32 // what is added to timestamps
	// Offsets are those of the numbers of frames, of video.
	Offsets layer.Offsets
	// Cut is what is left out of a video; nil for audio.
	Cut *cut
}

// cut is which packets of a run are left out, and how the gaps are closed.
type cut struct {
	Selector  layer.Selector
	Numbering layer.Numbering
}

const maxPastRuns = 3

// beginRun makes a run the present one.
func (s *slot) beginRun(next run) {
	if s.Run.Source != 0 {
		if len(s.Past) == maxPastRuns {
			copy(s.Past, s.Past[1:])
			s.Past = s.Past[:maxPastRuns-1]
		}
		s.Past = append(s.Past, s.Run)
	}
	s.Run = next
}

// findRun gives the run in which a sequence number was sent.
func (s *slot) findRun(out uint64) *run {
	if s.Run.Source != 0 && out >= s.Run.Out {
		return &s.Run
	}
	for i := len(s.Past) - 1; i >= 0; i-- {
		if out >= s.Past[i].Out {
			return &s.Past[i]
		}
	}
	return nil
}

// held finds the packet that was sent under a number, in the ring of its source; the
// decision is how it was sent. It is not ok when it is not held any more, or was
// never sent.
func (r *Router) held(s *slot, out uint64, d *layer.Decision) (run *run, b ready, ok bool) {
	run = s.findRun(out)
	if run == nil || s.track == nil {
		return nil, b, false
	}
	source := r.sources[run.Source]
	if source == nil || source.in.track != s.track {
		return nil, b, false
	}
	seq := out - run.Out + run.First
	if run.Cut != nil {
		if seq, ok = run.Cut.Numbering.Original(out); !ok {
			return nil, b, false
		}
	}
	e := source.ring.Get(seq)
	if e == nil {
		return nil, b, false
	}
	*d = layer.Decision{Flags: layer.Forward}
	if run.Cut != nil && e.Flags&rtpbuf.Padding == 0 {
		if *d, ok = run.Cut.Selector.Recall(&e.Info); !ok {
			return nil, b, false
		}
		if !s.formats[e.Format].vp8 {
			d.Skipped = 0
		}
	}
	return run, source.held(e), true
}

// operation is what has to be done to payloads of a format.
type operation uint8

const (
	opDrop      operation = iota // the receiver did not negotiate it
	opForward                    // as it is
	opUnwrap                     // RED: only the primary block
	opRenameRED                  // RED: block headers name another payload type
)

// outFormat is how a slot sends one of its track's formats.
type outFormat struct {
	op    operation
	codec uint8 // index in Codecs
	pt    uint8
	rtx   uint8 // payload type of RTX, 0 none
	inner uint8 // payload type of Opus inside RED
	nack  bool
	vp8   bool
	vp9   bool
	// timing is what its packets say of the moment in which they leave.
	timing timing
}

// resolve finds how the format with index i of the track is sent.
func (s *slot) resolve(i int) {
	f := &s.track.Formats[i]
	s.formats[i] = outFormat{}
	if k := s.accepts(f.Codec); k >= 0 {
		c := &s.Codecs[k]
		out := outFormat{op: opForward, codec: uint8(k), pt: c.PayloadType, nack: c.NACK, vp8: f.vp8, vp9: f.vp9, timing: s.timing(c)}
		if s.RTX != 0 {
			out.rtx = c.RTX
		}
		if f.RED {
			// The blocks of RED name the payload type of Opus.
			opus := slices.IndexFunc(s.Codecs, func(c sdp.Codec) bool { return strings.EqualFold(c.Name, codec.Opus) })
			if opus < 0 {
				return
			}
			out.op, out.inner = opRenameRED, s.Codecs[opus].PayloadType
		}
		s.formats[i] = out
		return
	}
	if f.RED {
		for k := range s.Codecs {
			if c := &s.Codecs[k]; strings.EqualFold(c.Name, codec.Opus) {
				s.formats[i] = outFormat{op: opUnwrap, codec: uint8(k), pt: c.PayloadType, nack: c.NACK, timing: s.timing(c)}
				if s.RTX != 0 {
					s.formats[i].rtx = c.RTX
				}
				return
			}
		}
	}
}

// timing says what packets of a codec tell of the moment in which they leave. A
// packet that may be sent again as it was tells nothing, for it could not be the
// same again.
func (s *slot) timing(c *sdp.Codec) timing {
	switch {
	case c.NACK && (c.RTX == 0 || s.RTX == 0):
		return timeless
	case c.TransportCC && s.Form.canTell(numbered):
		return numbered
	case c.REMB && s.Form.canTell(timestamped):
		return timestamped
	}
	return timeless
}

func (s *slot) resolveAll() {
	for i := range s.track.Formats {
		s.resolve(i)
	}
}

// accepts gives the index of the codec to send c as, or −1.
func (s *slot) accepts(c codec.Codec) int {
	if i := slices.IndexFunc(s.Codecs, func(mine sdp.Codec) bool { return codec.Match(mine.Codec, c) }); i >= 0 {
		return i
	}
	return slices.IndexFunc(s.Codecs, func(mine sdp.Codec) bool { return codec.Decodes(mine.Codec, c) })
}

// canCarry says whether the slot can be bound to a track that has started.
func (s *slot) canCarry(t *track) bool {
	f := &t.Formats[t.Format]
	if s.accepts(f.Codec) >= 0 {
		return true
	}
	return f.RED && slices.ContainsFunc(s.Codecs, func(c sdp.Codec) bool { return strings.EqualFold(c.Name, codec.Opus) })
}

// subscription is one participant's receipt of one stream.
type subscription struct {
	Participant protocol.ParticipantID
	protocol.SubscribeTo
	Parts []*part
}

// part is the subscription of one track.
type part struct {
	Track  protocol.TrackID
	State  string
	Codec  string
	Cause  string
	Reason string
	// Wish is what the subscriber wants of it.
	Wish protocol.Preference

	sub    *subscription
	track  *track
	slot   *slot
	wants  bool             // that there is a use for it now
	pinned allocation.Layer // memory for pin
}

// Subscribe makes or replaces a subscription. It is an error when there is no
// such stream or track. What comes of it is told by events.
func (r *Router) Subscribe(now time.Time, who protocol.ParticipantID, to protocol.SubscribeTo) *protocol.Error {
	at := r.instant(now)
	pub := r.streams[to.Stream]
	if pub == nil {
		return protocol.Errorf(protocol.CodeNotFound, "there is no stream %d", to.Stream)
	}
	if len(to.Tracks) > protocol.MaxTracks {
		return protocol.Errorf(protocol.CodeLimit, "a stream has at most %d tracks", protocol.MaxTracks)
	}
	for _, id := range to.Tracks {
		if !slices.ContainsFunc(pub.Tracks, func(t *track) bool { return t.ID == id }) {
			return protocol.Errorf(protocol.CodeNotFound, "stream %d has no track %q", to.Stream, id)
		}
	}
	var kept []*part
	sub := pub.subscribers[who]
	if sub != nil && sub.Transport == to.Transport {
		// Tracks that stay keep their slots.
		sub.SubscribeTo = to
		sub.Tracks = slices.Clone(to.Tracks)
		kept, sub.Parts = sub.Parts, nil
	} else {
		if sub != nil {
			r.dropSubscription(sub)
		}
		sub = &subscription{Participant: who, SubscribeTo: to}
		sub.Tracks = slices.Clone(to.Tracks)
		r.state.Subscriptions = append(r.state.Subscriptions, sub)
		pub.subs = append(pub.subs, sub)
		pub.subscribers[who] = sub
		if p := r.byKey[TransportKey{who, to.Transport}]; p != nil {
			p.subs = append(p.subs, sub)
		}
	}
	for _, t := range pub.Tracks {
		if to.Tracks != nil && !slices.Contains(to.Tracks, t.ID) {
			continue
		}
		if k := slices.IndexFunc(kept, func(p *part) bool { return p.Track == t.ID }); k >= 0 {
			sub.Parts = append(sub.Parts, kept[k])
			kept = slices.Delete(kept, k, k+1)
			continue
		}
		p := &part{Track: t.ID, sub: sub, track: t}
		sub.Parts = append(sub.Parts, p)
		r.setPart(sub, p, protocol.SubscriptionWaiting, "", "")
	}
	for _, p := range kept {
		if p.slot != nil {
			r.free(p.slot)
		}
	}
	r.needChanged(at, pub)
	if p := r.byKey[TransportKey{who, to.Transport}]; p != nil {
		r.needRebind(p)
	}
	r.bind(at)
	return nil
}

// Unsubscribe removes a subscription; one that does not exist is no error.
func (r *Router) Unsubscribe(now time.Time, who protocol.ParticipantID, stream protocol.StreamID) *protocol.Error {
	at := r.instant(now)
	for _, s := range r.state.Subscriptions {
		if s.Participant == who && s.Stream == stream {
			r.dropSubscription(s)
			if pub := r.streams[stream]; pub != nil {
				r.needChanged(at, pub)
			}
			break
		}
	}
	r.bind(at)
	return nil
}

func (r *Router) dropSubscription(sub *subscription) {
	for _, p := range sub.Parts {
		if p.slot != nil {
			r.free(p.slot)
		}
	}
	is := func(s *subscription) bool { return s == sub }
	r.state.Subscriptions = slices.DeleteFunc(r.state.Subscriptions, is)
	if pub := r.streams[sub.Stream]; pub != nil {
		pub.subs = slices.DeleteFunc(pub.subs, is)
		delete(pub.subscribers, sub.Participant)
	}
	if p := r.byKey[TransportKey{sub.Participant, sub.Transport}]; p != nil {
		p.subs = slices.DeleteFunc(p.subs, is)
		r.needRebind(p)
	}
}

// needRebind asks bind to look at a subscriber.
func (r *Router) needRebind(p *peer) {
	if !p.rebind {
		p.rebind = true
		r.rebind = append(r.rebind, p)
	}
}

// bind gives slots to tracks that wait for one, in the order in which they were
// subscribed to, and tells what is missing.
func (r *Router) bind(now instant) {
	for len(r.rebind) > 0 {
		p := r.rebind[len(r.rebind)-1]
		r.rebind = r.rebind[:len(r.rebind)-1]
		p.rebind = false
		r.bindPeer(now, p)
	}
}

// bindPeer gives a subscriber's slots to the tracks that it has a use for, the most
// important ones first. A track that there is no use for now keeps its slot until
// another one wants it.
func (r *Router) bindPeer(now instant, p *peer) {
	var wanted, have [2]int
	for _, s := range p.Slots {
		if s.Reserved.Stream == 0 {
			have[kindIndex(s.Kind)]++
		}
	}
	list := r.scratch.parts[:0]
	for _, sub := range p.subs {
		for _, st := range sub.Parts {
			st.wants = r.wants(st)
			list = append(list, st)
		}
	}
	slices.SortStableFunc(list, func(a, b *part) int {
		if a.wants != b.wants {
			if a.wants {
				return -1
			}
			return 1
		}
		return b.priority() - a.priority()
	})
	contending := 0
	for _, st := range list {
		switch wants := r.bindPart(now, p, st); {
		case p.reserved(st) != nil:
		case wants && r.contends(st.track):
			contending++
		case wants:
			wanted[kindIndex(st.track.Kind)]++
		}
	}
	// Newcomers are audible until they have been heard, but not for so long that it is
	// worth a slot for each.
	wanted[kindIndex(protocol.Audio)] += min(contending, r.state.Ears.Most())
	clear(list)
	r.scratch.parts = list
	r.wantShare(p, now)
	for i, kind := range [...]protocol.Kind{protocol.Audio, protocol.Video} {
		wanted[i] = min(wanted[i], protocol.MaxSlots-p.count(kind)+have[i])
	}
	if wanted[0] <= have[0] && wanted[1] <= have[1] {
		p.Wanted = [2]int{}
		return
	}
	if wanted == p.Wanted {
		return
	}
	p.Wanted = wanted
	r.events = append(r.events, protocol.SlotsMissing{Participant: p.Key.Participant, SlotsWanted: protocol.SlotsWanted{
		Transport: p.Key.Transport, Audio: wanted[0], Video: wanted[1],
	}})
}

// wants says whether there is a use for a subscribed track now.
func (r *Router) wants(st *part) bool {
	if st.track.Kind == protocol.Audio {
		return !st.Wish.Paused && !st.track.Hushed
	}
	return !st.Wish.Paused
}

func (st *part) priority() int {
	if st.Wish.Priority == 0 {
		return protocol.DefaultPriority
	}
	return st.Wish.Priority
}

// bindPart brings one subscribed track up to date and says whether it needs a
// slot.
func (r *Router) bindPart(now instant, p *peer, st *part) bool {
	t, sub := st.track, st.sub
	if !t.Started {
		r.setPart(sub, st, protocol.SubscriptionWaiting, "", "")
		return st.wants
	}
	if own := p.reserved(st); own != nil && st.slot != nil && own != st.slot {
		r.free(st.slot) // it goes over to the one that was offered for it
	}
	if st.slot != nil && st.slot.canCarry(t) {
		r.tellBound(sub, st)
		return st.wants
	}
	if st.slot != nil {
		r.free(st.slot)
	}
	if !st.wants {
		r.tellBound(sub, st)
		return false
	}
	best, some, able := r.slotFor(p, st)
	switch {
	case some && !able:
		r.setPart(sub, st, protocol.SubscriptionUnsupported, t.Codec, unsupported(p, t))
		return false
	case best == nil && p.count(t.Kind) >= protocol.MaxSlots:
		r.setPaused(sub, st, protocol.PausedBySlots)
		return true
	case best == nil:
		r.setPart(sub, st, protocol.SubscriptionWaiting, t.Codec, "")
		return true
	}
	if best.track != nil {
		r.free(best)
	}
	r.bindSlot(now, p, best, st)
	r.tellBound(sub, st)
	return true
}

// tellBound tells how a track is that has a slot, or needs none now.
func (r *Router) tellBound(sub *subscription, st *part) {
	switch {
	case st.Wish.Paused:
		r.setPaused(sub, st, protocol.PausedBySubscriber)
	case st.slot != nil && st.slot.Starved:
		r.setPaused(sub, st, protocol.PausedByBandwidth)
	default:
		r.setPart(sub, st, protocol.SubscriptionActive, st.track.Codec, "")
	}
}

// count says how many slots of a kind the peer has.
func (p *peer) count(k protocol.Kind) (n int) {
	for _, s := range p.Slots {
		if s.Kind == k {
			n++
		}
	}
	return n
}

// slotFor finds the slot that suits a track best: a free one, else that of a track
// that matters less. some and able say whether there are slots of its kind, and
// such as can carry its codec.
func (r *Router) slotFor(p *peer, st *part) (best *slot, some, able bool) {
	if own := p.reserved(st); own != nil {
		if own.canCarry(st.track) {
			return own, true, true
		}
		return nil, true, false
	}
	var fit fitness
	var least *slot
	for _, s := range p.Slots {
		if s.Kind != st.track.Kind || s.Reserved.Stream != 0 {
			continue
		}
		some = true
		if !s.canCarry(st.track) {
			continue
		}
		able = true
		if s.track == nil {
			if f := s.fitness(st.track); f > fit {
				best, fit = s, f
			}
		} else if o := s.part; r.lessThan(o, st) && (least == nil || r.lessThan(o, least.part)) {
			least = s
		}
	}
	if best == nil {
		best = least
	}
	return best, some, able
}

// lessThan says whether a slot of st is better given to other.
func (r *Router) lessThan(st, other *part) bool {
	if wants := r.wants(st); wants != r.wants(other) {
		return !wants
	}
	return st.priority() < other.priority()
}

// fitness says how well a free slot suits a track with respect to its pair, for
// receivers synchronise the two.
type fitness uint8

const (
	fitsSomehow fitness = iota + 1 // the pair is bound to another stream
	fitsApart                      // nothing to be in sync with
	fitsWell
	fitsExactly // the pair is bound to the same stream
)

func (s *slot) fitness(t *track) fitness {
	paired := slices.ContainsFunc(t.pub.Tracks, func(o *track) bool { return o.Kind != t.Kind })
	switch {
	case s.pair == nil && paired:
		return fitsApart
	case s.pair == nil:
		return fitsWell
	case s.pair.track == nil && paired:
		return fitsWell
	case s.pair.track == nil:
		return fitsApart // better left to those that have both kinds
	case s.pair.Stream == t.pub.Stream:
		return fitsExactly
	}
	return fitsSomehow
}

// pairSlots finds the pairs.
func (p *peer) pairSlots() {
	byOrdinal := map[int][2]*slot{}
	for _, s := range p.Slots {
		s.pair = nil
		if both := byOrdinal[s.Ordinal]; s.Ordinal != 0 && both[kindIndex(s.Kind)] == nil {
			both[kindIndex(s.Kind)] = s
			byOrdinal[s.Ordinal] = both
		}
	}
	for _, both := range byOrdinal {
		if both[0] != nil && both[1] != nil {
			both[0].pair, both[1].pair = both[1], both[0]
		}
	}
}

// bindSlot gives a free slot to a track.
func (r *Router) bindSlot(now instant, p *peer, s *slot, st *part) {
	t := st.track
	s.Stream, s.Track = t.pub.Stream, t.ID
	s.track, s.part, st.slot = t, st, s
	s.clear()
	t.slots = append(t.slots, s)
	s.resolveAll()
	r.slotChanged(s)
	if s.Kind == protocol.Audio && t.in != nil && len(t.in.Sources) > 0 {
		s.Aim = t.in.Sources[0].Serial
	}
	if s.Kind == protocol.Video {
		r.advanceWanted(now, t) // what nobody wanted may be wanted now
	}
	p.fresh = true
}

// clear forgets what the slot sends. Its numbers go on.
func (s *slot) clear() {
	s.Live, s.Run, s.Past = false, run{}, s.Past[:0]
	s.Aim, s.Target, s.Starved, s.Slides = 0, layer.Target{}, false, slideState{}
	s.Decision = decision{Layer: allocation.None}
}

// free takes a slot from its track; another one that waits may have it.
func (r *Router) free(s *slot) {
	if s.track == nil {
		return
	}
	r.release(s)
	r.needRebind(s.peer)
}

// release takes a slot from its track.
func (r *Router) release(s *slot) {
	s.track.slots = slices.DeleteFunc(s.track.slots, func(o *slot) bool { return o == s })
	s.part.slot = nil
	s.track, s.part = nil, nil
	s.Stream, s.Track = 0, ""
	s.clear()
	s.Resent.Queue = s.Resent.Queue[:0]
	r.slotChanged(s)
}

// unsupported says to people why a track cannot be forwarded.
func unsupported(p *peer, t *track) string {
	var names []string
	for _, s := range p.Slots {
		if s.Kind != t.Kind {
			continue
		}
		for _, c := range s.Codecs {
			if name := codecName(c.Codec); !slices.Contains(names, name) && name != codec.RED {
				names = append(names, name)
			}
		}
	}
	what := t.Codec
	if slices.Contains(names, what) {
		what += " in a profile" // the name alone would not explain it
	}
	if len(names) == 0 {
		return fmt.Sprintf("the track is %s, and this receiver accepts no codec of ours", what)
	}
	return fmt.Sprintf("the track is %s, which this receiver does not accept; it accepts %s", what, strings.Join(names, ", "))
}

// kindIndex gives 0 for audio and 1 for video.
func kindIndex(k protocol.Kind) int {
	if k == protocol.Audio {
		return 0
	}
	return 1
}
