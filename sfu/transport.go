package sfu

import (
	"slices"
	"time"

	"github.com/tertulia-rtc/tertulia/codec"
	"github.com/tertulia-rtc/tertulia/protocol"
	"github.com/tertulia-rtc/tertulia/sdp"
	"github.com/tertulia-rtc/tertulia/sfu/bwe"
)

// peer is the state of one transport.
type peer struct {
	Key       TransportKey
	Index     Peer
	Connected bool
	From      Pipe   // by which it comes, if it is a transport of another router
	SSRC      uint32 // that our reports and feedback come from
	Inbounds  []*inbound
	Slots     []*slot
	Reserved  int // how many of them were offered for one track
	// Retired holds slots whose sections do not send at present: their SSRCs
	// may come back, and must never send a sequence number twice.
	Retired []*slot
	Kinds   [maxExtensionID]extension // by the ids of this transport
	Demux   demuxState
	CC      transportCCState
	Mirror  mirrorState
	Clock   clockState
	Reports reportState
	Resend  resendState
	// Link is the congestion control towards the peer; nil while it has no slots.
	Link  *bwe.Controller
	Pace  paceState
	Share shareState
	// Target is up to where the link is measured, in bits per second, where media need
	// less.
	Target int64 `json:"Target,omitzero"`
	// Wanted is how many audio and video slots were last asked for.
	Wanted  [2]int
	Counted peerCounters

	bySSRC  map[uint32]route
	subs    []*subscription
	changed bool // is in Router.changed
	rebind  bool // is in Router.rebind
	round   uint32
	work    []work
	due     instant // when advanceSubscriber is wanted, 0 never
	// measured says that the peer can tell of its link: by transport-wide feedback,
	// or by REMB.
	measured bool
	slides   bool // some slots get keyframes only
	fresh    bool // slots have been bound since the link was last shared out
}

// route says what an SSRC of a peer carries.
type route struct {
	in  *inbound
	src *source
	rtx bool
}

// inbound is an m-section in which the peer publishes.
type inbound struct {
	MID     string
	Kind    sdp.Kind
	Codecs  []sdp.Codec
	Sources []*source // one, or one for each simulcast layer
	Survey  surveyState

	version      uint32 // new when Codecs or Sources change
	payloadTypes [128]payloadType
	track        *track
}

// payloadType is what a payload type of an inbound means.
type payloadType struct {
	codec uint8 // index in Codecs, plus one; 0 is unknown
	rtx   bool
}

// SetTransport makes a transport known, or tells the outcome of a
// renegotiation: sections, payload types, extensions. Slots appear here and
// tracks find their media. It gives the index of the transport, which stays the
// same until RemoveTransport. The router keeps lists of t, which nobody may
// change any more.
func (r *Router) SetTransport(now time.Time, key TransportKey, t *sdp.Transport) Peer {
	at := r.instant(now)
	p := r.byKey[key]
	if p == nil {
		p = &peer{Key: key, SSRC: r.cfg.Rand.Uint32() | 1, bySSRC: map[uint32]route{}}
		p.Index = r.freeIndex()
		r.state.Peers[p.Index] = p
		r.byKey[key] = p
		for _, s := range r.state.Subscriptions {
			if s.Participant == key.Participant && s.Transport == key.Transport {
				p.subs = append(p.subs, s)
			}
		}
	}
	p.setExtensions(t)
	r.setInbounds(at, p, t)
	r.setSlots(at, p, t)
	r.needRebind(p)
	r.bind(at)
	return p.Index
}

func (r *Router) freeIndex() Peer {
	for i, p := range r.state.Peers {
		if p == nil {
			return Peer(i)
		}
	}
	r.state.Peers = append(r.state.Peers, nil)
	return Peer(len(r.state.Peers) - 1)
}

func (p *peer) setExtensions(t *sdp.Transport) {
	clear(p.Kinds[:])
	for _, s := range t.Sections {
		if s.Rejected {
			continue
		}
		for _, e := range s.Extensions {
			if int(e.ID) < len(p.Kinds) {
				p.Kinds[e.ID] = extensionURIs[e.URI]
			}
		}
	}
	p.Kinds[0] = extNone
}

// setInbounds brings the sections in which the peer publishes up to date.
func (r *Router) setInbounds(now instant, p *peer, t *sdp.Transport) {
	old := p.Inbounds
	p.Inbounds = nil
	for i := range t.Sections {
		s := &t.Sections[i]
		if s.Rejected || !s.Direction.Receives() || s.Kind != sdp.Audio && s.Kind != sdp.Video {
			continue
		}
		var in *inbound
		if k := slices.IndexFunc(old, func(in *inbound) bool { return in.MID == s.Mid && in.Kind == s.Kind }); k >= 0 {
			in = old[k]
			old = slices.Delete(slices.Clone(old), k, k+1)
		} else {
			in = &inbound{MID: s.Mid, Kind: s.Kind}
		}
		in.Codecs = s.Codecs
		in.index()
		p.Inbounds = append(p.Inbounds, in)
		r.signalled(p, in, s)
		if in.track == nil {
			r.claim(now, p, in)
		}
	}
	for _, in := range old {
		r.closeInbound(now, p, in)
	}
}

// index prepares the table of payload types.
func (in *inbound) index() {
	in.version++
	clear(in.payloadTypes[:])
	for i, c := range in.Codecs {
		in.payloadTypes[c.PayloadType&0x7f] = payloadType{codec: uint8(i + 1)}
		if c.RTX != 0 {
			in.payloadTypes[c.RTX&0x7f] = payloadType{codec: uint8(i + 1), rtx: true}
		}
	}
}

// claim finds the track that was published for a section.
func (r *Router) claim(now instant, p *peer, in *inbound) {
	for _, pub := range r.state.Publications {
		if pub.Participant != p.Key.Participant {
			continue
		}
		for _, t := range pub.Tracks {
			if t.Transport == p.Key.Transport && t.MID == in.MID && t.in == nil && t.Kind == kindOf(in.Kind) {
				r.join(now, p, t, in)
				return
			}
		}
	}
}

// closeInbound forgets a section, its sources and what they told.
func (r *Router) closeInbound(now instant, p *peer, in *inbound) {
	for _, s := range slices.Clone(in.Sources) {
		r.dropSource(p, in, s)
	}
	if in.track != nil {
		r.part(now, in.track)
	}
}

// setSlots brings the sections in which we send up to date.
func (r *Router) setSlots(now instant, p *peer, t *sdp.Transport) {
	old := append(p.Slots, p.Retired...)
	p.Slots, p.Retired, p.Reserved = nil, nil, 0
	var sent []uint32 // SSRCs of sections that do not send now, but may again
	for i := range t.Sections {
		s := &t.Sections[i]
		if !s.Rejected && !s.Direction.Sends() && s.Send.SSRC != 0 {
			sent = append(sent, s.Send.SSRC)
		}
		if s.Rejected || !s.Direction.Sends() || s.Send.SSRC == 0 || s.Kind != sdp.Audio && s.Kind != sdp.Video {
			continue
		}
		var sl *slot
		if k := slices.IndexFunc(old, func(sl *slot) bool { return sl.SSRC == s.Send.SSRC }); k >= 0 {
			sl = old[k]
			old = slices.Delete(slices.Clone(old), k, k+1)
		} else {
			// Low numbers, so that the first loss cannot hide a wrap from SRTP.
			sl = &slot{
				SSRC: s.Send.SSRC, RTX: s.Send.RTX, peer: p,
				Seq:       sequenceStart + r.cfg.Rand.Uint64N(1<<14),
				Timestamp: r.cfg.Rand.Uint32(), RTXSeq: uint16(r.cfg.Rand.Uint32N(1 << 14)),
			}
		}
		sl.MID, sl.Kind, sl.CNAME, sl.Ordinal = s.Mid, kindOf(s.Kind), s.Send.CNAME, s.Send.Ordinal
		if sl.Reserved = (reservation{s.Send.Stream, s.Send.Track}); sl.Reserved.Stream != 0 {
			p.Reserved++
		}
		sl.Codecs = s.Codecs
		sl.Form = headerForm{MID: s.Mid, AllowMixed: t.ExtmapAllowMixed}
		for _, e := range s.Extensions {
			if kind := extensionURIs[e.URI]; kind != extNone {
				sl.Form.IDs[kind] = e.ID
			}
		}
		p.Slots = append(p.Slots, sl)
		if sl.track != nil {
			sl.resolveAll()
			if sl.formats[sl.track.Format].op == opDrop {
				r.free(sl)
			}
		}
	}
	for _, sl := range old {
		r.free(sl)
		sl.pair = nil
		// A section that was given up takes its SSRCs with it: only one that has
		// stopped sending may send under them again.
		if slices.Contains(sent, sl.SSRC) {
			p.Retired = append(p.Retired, sl)
		}
	}
	p.pairSlots()
	begins := p.Link == nil
	if p.measureLink(); begins && p.Link != nil && r.cfg.Trace != nil {
		r.trace(now, p, TraceLine{Begin: true})
	}
}

// measureLink begins congestion control towards a peer that receives.
func (p *peer) measureLink() {
	if p.Link == nil && len(p.Slots) > 0 {
		p.Link = bwe.New(bwe.Config{})
	}
	p.measured = slices.ContainsFunc(p.Slots, func(s *slot) bool {
		return slices.ContainsFunc(s.Codecs, func(c sdp.Codec) bool { return c.REMB || s.timing(&c) == numbered })
	})
}

// SetConnected says whether media can be sent to the transport. What a
// subscriber misses meanwhile is not kept for it: video goes on with a keyframe.
func (r *Router) SetConnected(now time.Time, key TransportKey, connected bool) {
	at := r.instant(now)
	p := r.byKey[key]
	if p == nil || p.Connected == connected {
		return
	}
	p.Connected = connected
	for _, s := range p.Slots {
		s.Live = false
		r.awaitStart(at, s)
	}
	if connected {
		p.fresh = true
		r.wantShare(p, at)
		for _, in := range p.Inbounds {
			if in.track != nil {
				r.wantAwaited(at, in.track)
			}
		}
	}
	r.schedule(at)
}

// RemoveTransport forgets a transport. Streams published on it stay, and find
// their media again when a transport of the same key has it; subscriptions wait.
func (r *Router) RemoveTransport(now time.Time, key TransportKey) {
	at := r.instant(now)
	p := r.byKey[key]
	if p == nil {
		return
	}
	for _, in := range p.Inbounds {
		r.closeInbound(at, p, in)
	}
	for _, s := range p.Slots {
		r.free(s)
	}
	for _, sub := range p.subs {
		for _, st := range sub.Parts {
			r.setPart(sub, st, protocol.SubscriptionWaiting, "", "")
		}
	}
	p.Slots, p.Inbounds, p.subs = nil, nil, nil
	p.Connected = false
	delete(r.byKey, key)
	r.state.Peers[p.Index] = nil
	r.changed = slices.DeleteFunc(r.changed, func(q *peer) bool { return q == p })
	r.rebind = slices.DeleteFunc(r.rebind, func(q *peer) bool { return q == p })
	r.resending = slices.DeleteFunc(r.resending, func(q *peer) bool { return q == p })
	p.Pace = paceState{}
	r.bind(at)
}

// RemoveParticipant forgets a participant: transports, streams, subscriptions.
func (r *Router) RemoveParticipant(now time.Time, id protocol.ParticipantID) {
	for _, s := range slices.Clone(r.state.Subscriptions) {
		if s.Participant == id {
			_ = r.Unsubscribe(now, id, s.Stream) // it is there
		}
	}
	for _, pub := range slices.Clone(r.state.Publications) {
		if pub.Participant == id {
			_ = r.Unpublish(now, pub.Stream)
		}
	}
	for _, p := range slices.Clone(r.state.Peers) {
		if p != nil && p.Key.Participant == id {
			r.RemoveTransport(now, p.Key)
		}
	}
}

func kindOf(k sdp.Kind) protocol.Kind {
	if k == sdp.Audio {
		return protocol.Audio
	}
	return protocol.Video
}

// codecName gives the canonical name of a codec.
func codecName(c codec.Codec) string {
	name, _ := codec.Canonical(c.Name)
	return name
}
