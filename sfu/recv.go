package sfu

import (
	"encoding/binary"
	"slices"
	"time"

	"github.com/tertulia-rtc/tertulia/codec"
	"github.com/tertulia-rtc/tertulia/protocol"
	"github.com/tertulia-rtc/tertulia/sdp"
	"github.com/tertulia-rtc/tertulia/sfu/layer"
	"github.com/tertulia-rtc/tertulia/sfu/rtpbuf"
)

// source is one received RTP stream: a track, or one simulcast layer of it.
type source struct {
	Serial uint32 // new for each SSRC and for each restart of its numbers
	SSRC   uint32
	RTX    uint32 // 0 while unknown
	RID    string // empty without simulcast by RID
	// Signalled says that the SDP named the SSRC.
	Signalled bool
	Seq       sequence
	Clock     uint32 // Hz, of the last packet
	Losses    []loss
	RTT       instant // from request to retransmission, smoothed; 0 unknown
	Keyframe  keyframeState
	SR        receivedReport
	Reference uint32        // of its last sender report, for our receiver reports (LSR)
	LastAt    instant       // when the last packet came
	Window    uint64        // bytes on the link since the last survey
	Rate      uint64        // bits per second of the window before
	Tracker   layer.Tracker // of the layers in it; for video
	Picture   uint16        // newest picture id, extended
	Peaks     []int64       // the most that each took lately, in bits per second
	Counted   sourceCounters

	in      *inbound
	layers  []layer.Layer
	ring    *rtpbuf.Ring
	pending []uint64 // extended sequence numbers of the batch
	batch   []ready
	asked   bool // is in Router.reports
}

// Bounds of the demultiplexer.
const (
	maxSources     = 4  // of one section
	learnBurst     = 32 // SSRCs that a transport may show at once …
	learnPerSecond = 2  // … and further ones
)

// demuxState bounds how often a transport may come with unknown SSRCs.
type demuxState struct {
	Learned int
	Since   instant
}

func (d *demuxState) allow(now instant) bool {
	if n := int((now - d.Since) / (second / learnPerSecond)); n > 0 || d.Since == 0 {
		d.Learned = max(d.Learned-n, 0)
		d.Since = now
	}
	if d.Learned >= learnBurst {
		return false
	}
	d.Learned++
	return true
}

// HandleRTP takes a decrypted RTP packet, valid during the call only. It is
// forwarded by the next Flush.
func (r *Router) HandleRTP(now time.Time, from Peer, packet []byte) {
	p := r.peer(from)
	if p == nil {
		r.dropped.UnknownPeer++
		return
	}
	h, ok := parseRTP(packet)
	if !ok {
		p.Counted.Malformed++
		return
	}
	at := r.instant(now)
	p.Counted.PacketsIn++
	p.Counted.BytesIn += uint64(len(packet))
	ext := &r.scratch.extensions
	readExtensions(&h, &p.Kinds, ext)
	if v := ext[extTransportCC]; len(v) == 2 && len(p.Inbounds) > 0 {
		p.CC.arrived(binary.BigEndian.Uint16(v), at)
		r.schedule(p.CC.due())
	}
	if v := ext[extSendTime]; len(v) == 3 && len(p.Inbounds) > 0 {
		r.mirrored(at, p, v, len(packet))
	}
	to, ok := p.bySSRC[h.ssrc]
	if !ok {
		if to, ok = r.learn(at, p, &h, ext); !ok {
			p.Counted.UnknownSSRC++
			return
		}
	}
	pt := to.in.payloadTypes[h.pt]
	if pt.codec == 0 || pt.rtx != to.rtx {
		p.Counted.UnknownPayload++
		return
	}
	if to.in.track == nil {
		p.Counted.Unclaimed++
		return
	}
	c := &to.in.Codecs[pt.codec-1]
	if to.rtx {
		r.unwrapRTX(at, to.src, c, &h, ext)
		return
	}
	r.receive(at, to.src, c, &h, ext)
}

// learn finds what an unknown SSRC carries (RFC 8843 section 9.2): by the MID and
// RID that it names, else by a payload type that only one section has.
func (r *Router) learn(now instant, p *peer, h *rtpHeader, ext *received) (to route, ok bool) {
	if !p.Demux.allow(now) {
		return to, false
	}
	for _, in := range p.Inbounds {
		if mid := ext[extMID]; mid != nil && string(mid) == in.MID {
			to.in = in
			break
		} else if mid == nil && in.payloadTypes[h.pt].codec != 0 {
			if to.in != nil {
				return to, false // two sections might be meant
			}
			to.in = in
		}
	}
	if to.in == nil || to.in.payloadTypes[h.pt].codec == 0 {
		return to, false
	}
	in := to.in
	to.rtx = in.payloadTypes[h.pt].rtx
	rid := string(ext[extRID])
	if to.rtx && ext[extRepairedRID] != nil {
		rid = string(ext[extRepairedRID])
	}
	i := slices.IndexFunc(in.Sources, func(s *source) bool { return s.RID == rid })
	if rid == "" && len(in.Sources) > 1 {
		return to, false // which of them it stands for is unknown
	}
	switch {
	case i < 0 && (to.rtx || len(in.Sources) >= maxSources || len(rid) > 16):
		return to, false
	case i < 0:
		to.src = r.addSource(p, in, h.ssrc, rid)
		return route{in: in, src: to.src}, true
	case to.rtx:
		to.src = in.Sources[i]
		delete(p.bySSRC, to.src.RTX)
		to.src.RTX = h.ssrc
	default:
		to.src = in.Sources[i]
		delete(p.bySSRC, to.src.SSRC)
		to.src.SSRC, to.src.Signalled = h.ssrc, false
		r.renew(to.src)
	}
	p.bySSRC[h.ssrc] = to
	return to, true
}

// signalled makes the sources that the SDP names, and forgets those that it
// named and does not name any more.
func (r *Router) signalled(p *peer, in *inbound, s *sdp.Section) {
	for _, src := range slices.Clone(in.Sources) {
		if src.Signalled && !slices.Contains(s.Recv.SSRCs, src.SSRC) {
			r.dropSource(p, in, src)
		}
	}
	if len(s.Recv.RIDs) == 0 {
		for _, ssrc := range s.Recv.SSRCs {
			if _, taken := p.bySSRC[ssrc]; !taken && len(in.Sources) < maxSources {
				r.addSource(p, in, ssrc, "").Signalled = true
			}
		}
	}
	for _, pair := range s.Recv.FID {
		to, ok := p.bySSRC[pair.Primary]
		if _, taken := p.bySSRC[pair.RTX]; ok && !taken && to.in == in && !to.rtx {
			delete(p.bySSRC, to.src.RTX)
			to.src.RTX = pair.RTX
			p.bySSRC[pair.RTX] = route{in: in, src: to.src, rtx: true}
		}
	}
}

func (r *Router) addSource(p *peer, in *inbound, ssrc uint32, rid string) *source {
	limits := rtpbuf.Audio
	if in.Kind == sdp.Video {
		limits = r.videoLimits()
	}
	s := &source{SSRC: ssrc, RID: rid, in: in, ring: rtpbuf.New(limits)}
	in.Sources = append(in.Sources, s)
	p.bySSRC[ssrc] = route{in: in, src: s}
	r.renew(s)
	return s
}

func (r *Router) videoLimits() rtpbuf.Limits {
	limits := rtpbuf.Video
	limits.MaxBytes = r.cfg.RingBytes
	limits.Bytes = min(limits.Bytes, limits.MaxBytes)
	return limits
}

// renew begins a source anew: its numbers have no relation to those before.
func (r *Router) renew(s *source) {
	delete(r.sources, s.Serial)
	r.state.Serial++
	s.in.version++
	if s.in.track != nil {
		for _, sl := range s.in.track.slots {
			if sl.Aim == s.Serial {
				sl.Aim = r.state.Serial
			}
		}
	}
	s.Serial = r.state.Serial
	r.sources[s.Serial] = s
	s.Seq = sequence{}
	s.Losses = s.Losses[:0]
	s.SR = receivedReport{}
	s.Keyframe.First = 0
	s.Tracker = layer.Tracker{}
	s.pending = s.pending[:0]
	s.ring.Reset()
}

func (r *Router) dropSource(p *peer, in *inbound, s *source) {
	delete(p.bySSRC, s.SSRC)
	delete(p.bySSRC, s.RTX)
	delete(r.sources, s.Serial)
	in.version++
	in.Sources = slices.DeleteFunc(in.Sources, func(o *source) bool { return o == s })
	s.pending = s.pending[:0]
}

// unwrapRTX takes the original out of a packet of the retransmission stream
// (RFC 4588 section 4): its sequence number comes first in the payload.
func (r *Router) unwrapRTX(now instant, s *source, c *sdp.Codec, h *rtpHeader, ext *received) {
	if len(h.payload) < 2 {
		s.Counted.Padding++ // probing
		return
	}
	if !s.Seq.Started {
		return
	}
	seq := binary.BigEndian.Uint16(h.payload)
	h.payload = h.payload[2:]
	if int16(seq-uint16(s.Seq.Highest)) > 0 {
		// Never seen in the stream itself: it has come before its gap was noticed.
		h.seq = seq
		r.receive(now, s, c, h, ext)
		return
	}
	s.Counted.RTX++
	r.receiveLate(now, s, c, h, ext, s.Seq.extend(seq), true)
}

// receive takes a packet of a media stream.
func (r *Router) receive(now instant, s *source, c *sdp.Codec, h *rtpHeader, ext *received) {
	before := s.Seq.Highest
	started := s.Seq.Started
	seq, v := s.Seq.receive(h.seq)
	switch v {
	case stray:
		s.Counted.Stray++
		return
	case late:
		r.receiveLate(now, s, c, h, ext, seq, false)
		return
	case restarted:
		s.Counted.Restarts++
		kept := s.Seq
		r.renew(s)
		s.Seq = kept
	case inOrder:
		if started && seq > before+1 {
			r.noteLosses(now, s, before+1, seq, c)
		}
	}
	s.Clock = c.ClockRate
	s.LastAt = now
	s.Seq.count(now, h.timestamp, c.ClockRate)
	r.keep(now, s, c, h, ext, seq, 0)
}

// receiveLate takes a packet that is out of order: wanted if it fills a gap.
func (r *Router) receiveLate(now instant, s *source, c *sdp.Codec, h *rtpHeader, ext *received, seq uint64, rtx bool) {
	l, missing := s.findLoss(seq)
	if !missing {
		s.Counted.Duplicates++
		return
	}
	var flags rtpbuf.Flags
	if tries := s.Losses[l].Tries; tries > 0 {
		flags = rtpbuf.Recovered
		s.Counted.Recovered++
		if tries == 1 {
			s.measured(now - s.Losses[l].SentAt)
		}
	} else {
		s.Counted.Reordered++
	}
	s.Losses = slices.Delete(s.Losses, l, l+1)
	if rtx {
		s.Seq.Received++ // its timing says nothing about jitter
	} else {
		s.Seq.count(now, h.timestamp, 0)
	}
	r.keep(now, s, c, h, ext, seq, flags)
}

// keep puts a packet into the ring and into the batch.
func (r *Router) keep(now instant, s *source, c *sdp.Codec, h *rtpHeader, ext *received, seq uint64, flags rtpbuf.Flags) {
	t := s.in.track
	s.Counted.Packets++
	s.Counted.Bytes += uint64(len(h.payload))
	s.Window += uint64(len(h.payload) + packetOverhead)
	r.scheduleSurvey(now, s.in)
	if !t.peer.beyond() {
		r.scheduleReport(now, t.peer)
	}
	if t.Muted {
		return
	}
	if !t.Leveled && t.Kind == protocol.Audio && len(ext[extAudioLevel]) == 1 {
		t.Leveled = true
	}
	f, ok := t.formatOf(c.Codec, c.PayloadType)
	if !ok {
		s.Counted.Refused++
		return
	}
	if !t.Started || f != t.Format && (t.Kind == protocol.Video || t.Formats[f].name() != t.Formats[t.Format].name()) {
		if flags != 0 || !r.changeFormat(now, t, f) {
			s.Counted.Refused++
			return
		}
	}
	if t.Formats[f].RED {
		s.Counted.RED++
	}
	e := rtpbuf.Entry{Seq: seq, At: int64(now), Timestamp: h.timestamp, Format: f, Flags: flags}
	if h.marker {
		e.Flags |= rtpbuf.Marker
	}
	switch {
	case len(h.payload) == 0:
		e.Flags |= rtpbuf.Padding
		s.Counted.Padding++
	case t.Kind == protocol.Audio:
		if v := ext[extAudioLevel]; len(v) == 1 && flags == 0 {
			r.heard(now, t, v[0])
		}
	default:
		if r.describe(now, s, &t.Formats[f], h, ext, &e) {
			s.keyframeCame(now, seq)
		}
	}
	if s.ring.Put(e, appendForwarded(r.scratch.forwarded[:0], ext), h.payload) == nil {
		s.Counted.Refused++
		return
	}
	if len(s.pending) == 0 {
		r.pending = append(r.pending, s)
	}
	s.pending = append(s.pending, seq)
}

// describe reads what forwarding needs of a video payload, and says whether a
// keyframe begins.
func (r *Router) describe(now instant, s *source, f *format, h *rtpHeader, ext *received, e *rtpbuf.Entry) bool {
	e.Info = s.Tracker.Track(int64(now), layer.Packet{
		Codec: codecName(f.Codec), Payload: h.payload, Dependency: ext[extDependency],
		Size: len(h.payload) + packetOverhead, Timestamp: h.timestamp, Marker: h.marker,
	})
	keyframe := e.Info.Flags.Has(codec.KeyFrame|codec.FrameStart) && e.Info.Spatial == 0
	if f.vp8 {
		if d, ok := codec.ParseVP8(h.payload); ok {
			e.Descriptor, e.TL0, e.PictureID = uint8(d.Size), d.TL0PicIdx, s.picture(d.PictureID, d.LongID)
		}
	} else if f.vp9 {
		if d, ok := codec.ParseVP9(h.payload); ok {
			e.Descriptor, e.TL0, e.PictureID = uint8(d.Size), d.TL0PicIdx, s.picture(d.PictureID, d.LongID)
		}
	}
	if !keyframe || s.Keyframe.Seen && s.Keyframe.Timestamp == h.timestamp {
		return false // H264 may have several packets of which each could be the first
	}
	s.Keyframe.Seen, s.Keyframe.Timestamp = true, h.timestamp
	e.Flags |= rtpbuf.Keyframe
	return true
}

// picture extends a picture id, of 15 or 7 bits, to 16: what a subscriber was sent last
// is found by them, also when ids have begun anew.
func (s *source) picture(id uint16, long bool) uint16 {
	unused := 9
	if long {
		unused = 1
	}
	ahead := int16((id-s.Picture)<<unused) >> unused
	id = s.Picture + uint16(ahead)
	if ahead > 0 {
		s.Picture = id
	}
	return id
}
