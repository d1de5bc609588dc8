package sfu

import (
	"slices"
	"time"

	"github.com/tertulia-rtc/tertulia/protocol"
	"github.com/tertulia-rtc/tertulia/sdp"
	"github.com/tertulia-rtc/tertulia/sfu/rtpbuf"
)

// A room that one router is too small for has several, each with the transports of
// some of its participants, and a pipe between any two. All routers know all
// publications. A router asks for the tracks that its own subscribers want
// (PipedNeed), and is handed their packets, whole and unselected: it takes them in
// as if a publisher had sent them, with the same extended sequence numbers, keeps
// them in rings of its own, and so chooses layers, rewrites and answers NACKs by
// itself. Wishes for keyframes go the other way, where they are merged with those
// of everybody else.
//
// What goes through a pipe are values (Batch), so it does not matter whether the
// other router is in this process. The owner takes them to it:
//
//	after Flush, Advance and control calls:
//		HandOver
//	when a batch comes from another router:
//		HandleBatch, then Flush and so on
//
// Batches must come in order. Packets may be dropped on the way (Batch.Lose), the
// rest may not.

// Pipe names the router at the other end, as the owner likes. 0 is none.
type Pipe int32

// Batch is what a router has for another one.
type Batch struct {
	// Needs and Keyframes are for a router nearer to the publisher: which tracks are
	// to be handed over, and the serials of streams of which a keyframe is wanted.
	Needs     []PipedNeed `json:"needs,omitempty"`
	Keyframes []uint32    `json:"keyframes,omitempty"`

	// Lost says that packets were dropped which belong before those of this batch.
	Lost bool `json:"lost,omitempty"`
	// Sections describe what carries a track, before its first packet and when it
	// changes.
	Sections []PipedSection `json:"sections,omitempty"`
	Packets  []PipedPacket  `json:"packets,omitempty"`
	Bytes    []byte         `json:"bytes,omitempty"` // extensions and payload of each packet, one after another
	Reports  []PipedReport  `json:"reports,omitempty"`
}

// PipedNeed says whether a track is to be handed over.
type PipedNeed struct {
	Stream protocol.StreamID `json:"stream"`
	Track  protocol.TrackID  `json:"track"`
	Wanted bool              `json:"wanted"`
	// Upmost is the highest layer of a video that anybody has a use for; nil: any.
	Upmost *PipedLayer `json:"upmost,omitempty"`
}

// PipedLayer names a spatial layer as protocol.WantedLayer does.
type PipedLayer struct {
	RID     string `json:"rid,omitempty"`
	Spatial int    `json:"spatial,omitempty"`
}

// PipedSection is what carries a track: its payload types and its RTP streams.
type PipedSection struct {
	Stream  protocol.StreamID `json:"stream"`
	Track   protocol.TrackID  `json:"track"`
	Codecs  []sdp.Codec       `json:"codecs"`
	Sources []PipedSource     `json:"sources"`
}

// PipedSource is one RTP stream of a section. A stream whose numbers have begun
// anew has a new serial.
type PipedSource struct {
	Serial uint32 `json:"serial"`
	RID    string `json:"rid,omitempty"`
}

// PipedPacket is one packet of a stream.
type PipedPacket struct {
	Source      uint32        `json:"source"` // serial
	Seq         uint64        `json:"seq"`    // extended
	Timestamp   uint32        `json:"timestamp"`
	PayloadType uint8         `json:"payloadType"`
	Marker      bool          `json:"marker,omitempty"`
	Recovered   bool          `json:"recovered,omitempty"` // came late
	Extensions  uint8         `json:"extensions"`          // bytes, in the form of appendForwarded
	Payload     uint16        `json:"payload"`             // bytes
	Age         time.Duration `json:"age,omitempty"`       // since it came from the publisher
}

// PipedReport is the publisher's last sender report about a stream.
type PipedReport struct {
	Source    uint32        `json:"source"` // serial
	NTP       uint64        `json:"ntp"`    // by the clock of the routers
	Timestamp uint32        `json:"timestamp"`
	Age       time.Duration `json:"age,omitempty"`
}

// Bounds of a batch that nobody takes.
const (
	maxBatchPackets = 4096
	maxBatchBytes   = 4 << 20
)

// Empty says whether there is nothing to hand over.
func (b *Batch) Empty() bool {
	return len(b.Packets) == 0 && len(b.Reports) == 0 && len(b.Sections) == 0 && len(b.Needs) == 0 && len(b.Keyframes) == 0
}

// Reset empties a batch and keeps its memory.
func (b *Batch) Reset() {
	clear(b.Sections)
	clear(b.Needs)
	*b = Batch{
		Needs: b.Needs[:0], Keyframes: b.Keyframes[:0], Sections: b.Sections[:0],
		Packets: b.Packets[:0], Bytes: b.Bytes[:0], Reports: b.Reports[:0],
	}
}

// Lose drops the packets, for want of room on the way, and says how many. The other
// router will hear that there were some.
func (b *Batch) Lose() int {
	n := len(b.Packets)
	b.Lost = b.Lost || n > 0
	b.Packets, b.Bytes, b.Reports = b.Packets[:0], b.Bytes[:0], b.Reports[:0]
	return n
}

func (b *Batch) add(s *source, e *rtpbuf.Entry, pt uint8, extensions, payload []byte, now instant) {
	b.Packets = append(b.Packets, PipedPacket{
		Source: s.Serial, Seq: e.Seq, Timestamp: e.Timestamp, PayloadType: pt,
		Marker: e.Flags&rtpbuf.Marker != 0, Recovered: e.Flags&rtpbuf.Recovered != 0,
		Extensions: uint8(len(extensions)), Payload: uint16(len(payload)), Age: time.Duration(now) - time.Duration(e.At),
	})
	b.Bytes = append(b.Bytes, extensions...)
	b.Bytes = append(b.Bytes, payload...)
}

// pipe is this router's end of a pipe.
type pipe struct {
	To      Pipe
	Counted PipeStats

	out *Batch
	in  map[uint32]*source // what is taken in, by the other router's serials
}

// PipeStats is what is counted of a pipe.
type PipeStats struct {
	PacketsOut uint64 `json:"packetsOut"`
	PacketsIn  uint64 `json:"packetsIn"`
	Dropped    uint64 `json:"dropped"`    // packets for which there was no room on the way
	Gaps       uint64 `json:"gaps"`       // batches that came after dropped packets
	Unknown    uint64 `json:"unknown"`    // packets of streams that are not taken in (any more)
	Malformed  uint64 `json:"malformed"`  // batches whose lengths do not fit
	Duplicates uint64 `json:"duplicates"` // packets that had come already
}

// OpenPipe makes another router of the room known. All publications of its
// transports are told by PublishBeyond, and what HandOver has for it must get there.
func (r *Router) OpenPipe(to Pipe) {
	if to == 0 || r.pipe(to) != nil {
		return
	}
	r.state.Pipes = append(r.state.Pipes, &pipe{To: to, out: &Batch{}, in: map[uint32]*source{}})
}

// SetQuiet says whether another router tells who speaks in the room. The one that
// does listens to all audio.
func (r *Router) SetQuiet(now time.Time, quiet bool) {
	at := r.instant(now)
	r.state.Quiet = quiet
	for _, pub := range r.state.Publications {
		r.needChanged(at, pub)
	}
}

// PipeStats gives the counters of a pipe.
func (r *Router) PipeStats(to Pipe) PipeStats {
	if p := r.pipe(to); p != nil {
		return p.Counted
	}
	return PipeStats{}
}

func (r *Router) pipe(to Pipe) *pipe {
	for _, p := range r.state.Pipes {
		if p.To == to {
			return p
		}
	}
	return nil
}

// HandOver gives what there is for other routers. The function takes a batch over
// and returns another one to go on with: an empty one, or the same after Lose.
func (r *Router) HandOver(give func(to Pipe, b *Batch) *Batch) {
	for _, p := range r.state.Pipes {
		if !p.out.Empty() {
			before := len(p.out.Packets)
			next := give(p.To, p.out)
			if next == p.out && next.Lost {
				p.Counted.Dropped += uint64(before)
			}
			p.out = next
		}
	}
}

// HandleBatch takes what another router handed over. The batch is its owner's again
// afterwards. Packets are forwarded by the next Flush.
func (r *Router) HandleBatch(now time.Time, from Pipe, b *Batch) {
	p := r.pipe(from)
	if p == nil {
		return
	}
	at := r.instant(now)
	for i := range b.Needs {
		r.handleNeed(at, p, &b.Needs[i])
	}
	for _, serial := range b.Keyframes {
		if s := r.sources[serial]; s != nil {
			r.wantKeyframe(at, s)
		}
	}
	if b.Lost {
		p.Counted.Gaps++
		r.lostOnTheWay(at, p)
	}
	for i := range b.Sections {
		r.takeSection(at, p, &b.Sections[i])
	}
	r.takePackets(at, p, b)
	for i := range b.Reports {
		r.takeReport(at, p, &b.Reports[i])
	}
}

// PublishBeyond is Publish for a stream whose transports are those of another
// router.
func (r *Router) PublishBeyond(now time.Time, from Pipe, s protocol.PublishStream) *protocol.Error {
	if r.pipe(from) == nil {
		return protocol.Errorf(protocol.CodeInternal, "there is no pipe %d", from)
	}
	if err := r.Publish(now, s); err != nil {
		return err
	}
	pub := r.streams[s.Stream]
	pub.From = from
	at := r.instant(now)
	for _, t := range pub.Tracks {
		r.listen(at, t)
	}
	r.needChanged(at, pub)
	return nil
}

// Publications gives all that is published with the limits of its tracks, and by which
// pipe it comes; 0 for the router's own transports.
func (r *Router) Publications(each func(from Pipe, s protocol.PublishStream, limits []protocol.LimitTrack)) {
	for _, pub := range r.state.Publications {
		each(pub.From, pub.described(), pub.limits())
	}
}

// restorePipes finds again what the state does not say.
func (r *Router) restorePipes() {
	for _, p := range r.state.Pipes {
		p.out, p.in = &Batch{}, map[uint32]*source{}
		for _, from := range r.state.Peers {
			if from == nil || from.From != p.To {
				continue
			}
			for _, in := range from.Inbounds {
				for _, s := range in.Sources {
					p.in[s.SSRC] = s
				}
			}
		}
	}
}

// beyond says whether a peer is the place of a transport of another router.
func (p *peer) beyond() bool { return p.From != 0 }

// pipesTo gives the index of a pipe that a track is handed to, or −1.
func (t *track) pipesTo(to Pipe) int {
	return slices.IndexFunc(t.Pipes, func(h handed) bool { return h.To == to })
}
