package sfu

import (
	"slices"

	"github.com/tertulia-rtc/tertulia/protocol"
	"github.com/tertulia-rtc/tertulia/sdp"
	"github.com/tertulia-rtc/tertulia/sfu/rtpbuf"
)

// needChanged asks for the tracks of a stream from beyond that there is a use for
// here, and lets go of the others.
func (r *Router) needChanged(now instant, pub *publication) {
	p := r.pipe(pub.From)
	if p == nil {
		return
	}
	for _, t := range pub.Tracks {
		if need := r.needs(t); need != t.Needed {
			t.Needed, t.Upmost = need, nil
			p.out.Needs = append(p.out.Needs, PipedNeed{Stream: pub.Stream, Track: t.ID, Wanted: need})
			if !need {
				r.leave(now, p, t)
			}
		}
	}
}

// needs says whether anybody here wants a track, or anybody beyond another pipe, or
// it has to be listened to.
func (r *Router) needs(t *track) bool {
	if t.Kind == protocol.Audio && !r.state.Quiet || len(t.Pipes) > 0 {
		return true
	}
	for _, sub := range t.pub.subs {
		for _, st := range sub.Parts {
			if st.track == t && !st.Wish.Paused {
				return true
			}
		}
	}
	return false
}

// needUpTo tells which layer of a track is the highest that anybody here has a use
// for, by its index in those that are known here. The largest of them stands for any:
// there may be larger ones that the publisher has stopped.
func (r *Router) needUpTo(t *track, highest int) {
	p := r.pipe(t.pub.From)
	if p == nil || !t.Needed {
		return
	}
	var upmost *PipedLayer
	if highest < len(t.Wanted.Layers)-1 {
		l := &t.Wanted.Layers[highest]
		upmost = &PipedLayer{l.RID, l.Spatial}
	}
	if upmost == t.Upmost || upmost != nil && t.Upmost != nil && *upmost == *t.Upmost {
		return
	}
	t.Upmost = upmost
	p.out.Needs = append(p.out.Needs, PipedNeed{Stream: t.pub.Stream, Track: t.ID, Wanted: true, Upmost: upmost})
}

// takeSection makes what carries a track the like of what the other router has.
func (r *Router) takeSection(now instant, from *pipe, section *PipedSection) {
	pub := r.streams[section.Stream]
	if pub == nil || pub.From != from.To {
		return
	}
	t := pub.track(section.Track)
	if t == nil || !t.Needed || len(section.Sources) > maxSources || len(section.Codecs) > maxFormats*2 {
		return
	}
	p, in := r.placeBeyond(now, t)
	if in == nil {
		return
	}
	in.Codecs = section.Codecs
	in.index()
	for _, s := range slices.Clone(in.Sources) {
		if !slices.ContainsFunc(section.Sources, func(d PipedSource) bool { return d.RID == s.RID }) {
			delete(from.in, s.SSRC)
			r.dropSource(p, in, s)
		}
	}
	for _, d := range section.Sources {
		i := slices.IndexFunc(in.Sources, func(s *source) bool { return s.RID == d.RID })
		switch {
		case i < 0:
			from.in[d.Serial] = r.addSource(p, in, d.Serial, d.RID)
		case in.Sources[i].SSRC != d.Serial:
			s := in.Sources[i]
			delete(from.in, s.SSRC)
			delete(p.bySSRC, s.SSRC)
			s.SSRC = d.Serial
			from.in[s.SSRC], p.bySSRC[s.SSRC] = s, route{in: in, src: s}
			r.renew(s)
			r.wantAwaitedOf(now, s)
		}
	}
	if t.Kind == protocol.Audio && len(in.Sources) > 0 {
		for _, sl := range t.slots {
			sl.Aim = in.Sources[0].Serial
		}
	}
}

// wantAwaitedOf asks for the keyframe with which slots go on that were sent an
// earlier life of a stream.
func (r *Router) wantAwaitedOf(now instant, s *source) {
	if slices.ContainsFunc(s.in.track.slots, func(sl *slot) bool { return sl.Aim == s.Serial && sl.peer.Connected }) {
		r.wantKeyframe(now, s)
	}
}

// placeBeyond gives the peer and the section that stand for those beyond the pipe
// which carry a track.
func (r *Router) placeBeyond(now instant, t *track) (*peer, *inbound) {
	key := TransportKey{t.pub.Participant, t.Transport}
	p := r.byKey[key]
	if p == nil {
		p = &peer{Key: key, From: t.pub.From, Connected: true, bySSRC: map[uint32]route{}}
		p.Index = r.freeIndex()
		r.state.Peers[p.Index] = p
		r.byKey[key] = p
	}
	if p.From != t.pub.From {
		return nil, nil // the transport is one of our own
	}
	if t.in != nil {
		return p, t.in
	}
	in := &inbound{MID: t.MID, Kind: sdp.Audio}
	if t.Kind == protocol.Video {
		in.Kind = sdp.Video
	}
	p.Inbounds = append(p.Inbounds, in)
	r.join(now, p, t, in)
	return p, in
}

// leave forgets what came of a track.
func (r *Router) leave(now instant, from *pipe, t *track) {
	p, in := t.peer, t.in
	if in == nil || !p.beyond() {
		return
	}
	for _, s := range in.Sources {
		delete(from.in, s.SSRC)
	}
	r.closeInbound(now, p, in)
	t.options, t.choices = t.options[:0], t.choices[:0]
	p.Inbounds = slices.DeleteFunc(p.Inbounds, func(o *inbound) bool { return o == in })
	if len(p.Inbounds) == 0 {
		delete(r.byKey, p.Key)
		r.state.Peers[p.Index] = nil
	}
}

// unpublishBeyond forgets what came of a stream that has ended.
func (r *Router) unpublishBeyond(now instant, pub *publication) {
	if p := r.pipe(pub.From); p != nil {
		pub.From = 0
		for _, t := range pub.Tracks {
			r.leave(now, p, t)
			r.listen(now, t)
		}
	}
}

// takePackets takes the packets of a batch as if their publisher had sent them here.
func (r *Router) takePackets(now instant, p *pipe, b *Batch) {
	bytes := b.Bytes
	var s *source
	for i := range b.Packets {
		d := &b.Packets[i]
		at, end := int(d.Extensions), int(d.Extensions)+int(d.Payload)
		if end > len(bytes) {
			p.Counted.Malformed++
			return
		}
		p.Counted.PacketsIn++
		if s == nil || s.SSRC != d.Source {
			s = p.in[d.Source]
		}
		if s == nil {
			p.Counted.Unknown++
		} else {
			r.takePacket(now, p, s, d, bytes[:at], bytes[at:end])
		}
		bytes = bytes[end:]
	}
}

func (r *Router) takePacket(now instant, p *pipe, s *source, d *PipedPacket, extensions, payload []byte) {
	in := s.in
	pt := in.payloadTypes[d.PayloadType&0x7f]
	if in.track == nil || pt.codec == 0 || pt.rtx {
		p.Counted.Unknown++
		return
	}
	c := &in.Codecs[pt.codec-1]
	var flags rtpbuf.Flags
	first := !s.Seq.Started
	switch {
	case first:
		s.Seq = sequence{Started: true, Base: d.Seq, Highest: d.Seq, Bad: 1 << 16}
	case d.Seq > s.Seq.Highest:
		if d.Seq > s.Seq.Highest+1 {
			r.noteLosses(now, s, s.Seq.Highest+1, d.Seq, c)
		}
		s.Seq.Highest = d.Seq
	default:
		l, missing := s.findLoss(d.Seq)
		if !missing {
			p.Counted.Duplicates++
			return
		}
		s.Losses = slices.Delete(s.Losses, l, l+1)
		if d.Recovered {
			flags = rtpbuf.Recovered
			s.Counted.Recovered++
		} else {
			s.Counted.Reordered++
		}
	}
	s.Seq.Received++
	s.Clock = c.ClockRate
	s.LastAt = now
	h := rtpHeader{marker: d.Marker, pt: d.PayloadType, timestamp: d.Timestamp, payload: payload}
	ext := &r.scratch.extensions
	readForwarded(extensions, ext)
	r.keep(now, s, c, &h, ext, d.Seq, flags)
	if t := in.track; first && t.Kind == protocol.Video {
		t.survey(now)
		for _, sl := range t.slots {
			r.wantShare(sl.peer, now)
		}
	}
}

// readForwarded sorts extensions that appendForwarded has written.
func readForwarded(b []byte, into *received) {
	*into = received{}
	for len(b) >= 2 && len(b) >= 2+int(b[1]) {
		if kind := extension(b[0]); kind >= extAudioLevel && kind < extensions {
			into[kind] = b[2 : 2+int(b[1])]
		}
		b = b[2+int(b[1]):]
	}
}

// takeReport takes a sender report, which subscribers get with the next Flush.
func (r *Router) takeReport(now instant, p *pipe, d *PipedReport) {
	s := p.in[d.Source]
	if s == nil {
		return
	}
	s.SR = receivedReport{NTP: d.NTP, Timestamp: d.Timestamp, At: max(now-instant(d.Age), 1)}
	if !s.asked {
		s.asked = true
		r.reports = append(r.reports, s)
	}
}

// lostOnTheWay asks for keyframes of all that came by a pipe on which packets were
// dropped: nobody will send them again.
func (r *Router) lostOnTheWay(now instant, p *pipe) {
	for _, s := range p.in {
		if s.in.track != nil && slices.ContainsFunc(s.in.track.slots, func(sl *slot) bool { return sl.Live && sl.Run.Source == s.Serial }) {
			r.wantKeyframe(now, s)
		}
	}
}

// advanceBeyond does for streams from beyond a pipe what is due by time.
func (r *Router) advanceBeyond(now instant, p *peer) {
	from := r.pipe(p.From)
	for _, in := range p.Inbounds {
		r.advanceSurvey(now, in)
		for _, s := range in.Sources {
			r.expireLosses(now, s)
			r.wishKeyframe(now, from, s)
		}
	}
}

// expireLosses gives up what has not come for too long. The other router asks the
// publisher for it, and nobody else.
func (r *Router) expireLosses(now instant, s *source) {
	expired, needed := 0, false
	for ; expired < len(s.Losses) && now-s.Losses[expired].At >= nackGiveUp; expired++ {
		needed = needed || s.Losses[expired].Seq > s.Keyframe.First
		s.Counted.GivenUp++
	}
	s.Losses = slices.Delete(s.Losses, 0, expired)
	if len(s.Losses) > 0 {
		r.schedule(s.Losses[0].At + nackGiveUp)
	}
	if needed && s.in.track != nil && slices.ContainsFunc(s.in.track.slots, func(sl *slot) bool { return sl.Live && sl.Run.Source == s.Serial }) {
		r.wantKeyframe(now, s)
	}
}

// wishKeyframe passes on that a keyframe is wanted, no more often than a publisher
// is asked.
func (r *Router) wishKeyframe(now instant, from *pipe, s *source) {
	k := &s.Keyframe
	if !k.Wanted || from == nil || s.in.track == nil || s.in.track.Muted {
		return
	}
	if next := k.next(); now < next {
		r.schedule(next)
		return
	}
	k.AskedAt = now
	k.Asked++
	s.Counted.KeyframeRequests++
	from.out.Keyframes = append(from.out.Keyframes, s.SSRC)
	r.schedule(k.next())
}
