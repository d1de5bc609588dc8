package sfu

import (
	"slices"
	"strings"
	"time"

	"github.com/tertulia-rtc/tertulia/codec"
	"github.com/tertulia-rtc/tertulia/protocol"
	"github.com/tertulia-rtc/tertulia/sfu/allocation"
	"github.com/tertulia-rtc/tertulia/sfu/layer"
)

// publication is a published stream.
type publication struct {
	Participant protocol.ParticipantID
	Stream      protocol.StreamID
	Data        bool
	From        Pipe // by which it comes, if its transports are those of another router
	Tracks      []*track

	subs        []*subscription
	subscribers map[protocol.ParticipantID]*subscription // the same
}

// track is one medium of a published stream.
type track struct {
	protocol.PublishTrack
	// Formats lists what came, for entries of rings and for slots to refer to;
	// it only grows. Format is the one that is in use. Both are empty until the
	// first packet.
	Formats []format
	Format  uint8
	Started bool
	// FormatAt is when Format last changed.
	FormatAt instant
	// Ear is its number among the audio tracks that are listened to, −1 for none.
	// Hushed says that it is not among the audible ones of a big room.
	Ear    int
	Hushed bool
	// Leveled says that it has sent audio levels (RFC 6464).
	Leveled bool
	Wanted  wantedState
	// MaxBitrate is what each subscriber gets of it at most, in bits per second; 0: all.
	MaxBitrate uint64
	// Pipes are those that it is handed to. Needed and Upmost are what was asked for
	// of a track that comes by one.
	Pipes  []handed
	Needed bool
	Upmost *PipedLayer

	pub   *publication
	peer  *peer    // that publishes it, while it is there
	in    *inbound // its section, while it is there
	slots []*slot  // that are bound to it

	// What it offers, as surveyed last: options and choices belong together.
	options []allocation.Option
	choices []choice
	ranked  []*source
}

// format is a codec as the publisher has it.
type format struct {
	codec.Codec
	// RED says that it wraps Opus in RFC 2198. PT is what the publisher
	// calls it, for the block headers of RED.
	RED bool
	PT  uint8

	vp8, vp9 bool
}

// name is the codec as people know it: RED is a wrapping of Opus.
func (f *format) name() string {
	if f.RED {
		return codec.Opus
	}
	return codecName(f.Codec)
}

const maxFormats = 16

// formatOf gives the index of a codec in Formats, which it adds if need be.
func (t *track) formatOf(c codec.Codec, pt uint8) (uint8, bool) {
	for i := range t.Formats {
		if f := &t.Formats[i]; f.PT == pt && strings.EqualFold(f.Name, c.Name) && f.Fmtp == c.Fmtp {
			return uint8(i), true
		}
	}
	if len(t.Formats) == maxFormats {
		return 0, false
	}
	name := codecName(c)
	t.Formats = append(t.Formats, format{Codec: c, PT: pt, RED: strings.EqualFold(c.Name, codec.RED), vp8: name == codec.VP8, vp9: name == codec.VP9})
	for _, s := range t.slots {
		s.resolve(len(t.Formats) - 1)
	}
	return uint8(len(t.Formats) - 1), true
}

// Publish makes a stream known. The transports and sections of its tracks may
// appear before or after. Publishing a stream again replaces it, and ends its
// subscriptions.
func (r *Router) Publish(now time.Time, p protocol.PublishStream) *protocol.Error {
	at := r.instant(now)
	if len(p.Tracks) > protocol.MaxTracks {
		return protocol.Errorf(protocol.CodeLimit, "a stream has at most %d tracks", protocol.MaxTracks)
	}
	for i, t := range p.Tracks {
		if t.Kind != protocol.Audio && t.Kind != protocol.Video {
			return protocol.Errorf(protocol.CodeBadRequest, "track %q is neither audio nor video", t.ID)
		}
		for _, u := range p.Tracks[:i] {
			if u.ID == t.ID || u.Transport == t.Transport && u.MID == t.MID {
				return protocol.Errorf(protocol.CodeBadRequest, "tracks %q and %q of the stream share an id or a section", u.ID, t.ID)
			}
		}
		if other := r.claimant(p.Participant, t.Transport, t.MID); other != nil && other.pub.Stream != p.Stream {
			return protocol.Errorf(protocol.CodeConflict, "section %q of transport %q carries a track of stream %d already; unpublish that first", t.MID, t.Transport, other.pub.Stream)
		}
	}
	if old := r.streams[p.Stream]; old != nil {
		if old.Participant != p.Participant {
			return protocol.Errorf(protocol.CodeConflict, "stream %d belongs to another participant", p.Stream)
		}
		if err := r.Unpublish(now, p.Stream); err != nil {
			return err
		}
	}
	pub := &publication{Participant: p.Participant, Stream: p.Stream, Data: p.Data, subscribers: map[protocol.ParticipantID]*subscription{}}
	for _, t := range p.Tracks {
		pub.Tracks = append(pub.Tracks, &track{PublishTrack: t, pub: pub, Ear: -1})
	}
	r.state.Publications = append(r.state.Publications, pub)
	r.streams[p.Stream] = pub
	for _, t := range pub.Tracks {
		peer := r.byKey[TransportKey{p.Participant, t.Transport}]
		if peer == nil {
			continue
		}
		for _, in := range peer.Inbounds {
			if in.MID == t.MID && in.track == nil && kindOf(in.Kind) == t.Kind {
				r.join(at, peer, t, in)
			}
		}
	}
	r.bind(at)
	return nil
}

// claimant gives the track that a section was published as.
func (r *Router) claimant(who protocol.ParticipantID, transport protocol.TransportID, mid string) *track {
	for _, pub := range r.state.Publications {
		if pub.Participant != who {
			continue
		}
		for _, t := range pub.Tracks {
			if t.Transport == transport && t.MID == mid {
				return t
			}
		}
	}
	return nil
}

// join gives a track the section that carries it.
func (r *Router) join(now instant, p *peer, t *track, in *inbound) {
	t.peer, t.in = p, in
	in.track = t
	r.listen(now, t)
	r.wantAwaited(now, t)
}

// part takes a track's section away; its slots stay bound, for it may come back.
func (r *Router) part(now instant, t *track) {
	if t.in == nil {
		return
	}
	for _, s := range t.in.Sources {
		s.pending = s.pending[:0]
		s.Losses = s.Losses[:0]
		s.Keyframe.First = 0 // what the ring has belongs to this track
	}
	t.in.track = nil
	t.in, t.peer = nil, nil
	r.listen(now, t)
	r.interrupt(now, t)
}

// interrupt makes all slots of a track wait for what comes next, of video a keyframe. In
// a slideshow that does not wait for the next picture that is due.
func (r *Router) interrupt(now instant, t *track) {
	for _, s := range t.slots {
		s.Live = false
		if s.Slides.Period != 0 {
			r.wantSlide(now, s)
		}
	}
}

// Unpublish forgets a stream and its subscriptions. It is an error when there is
// no such stream.
func (r *Router) Unpublish(now time.Time, id protocol.StreamID) *protocol.Error {
	at := r.instant(now)
	pub := r.streams[id]
	if pub == nil {
		return protocol.Errorf(protocol.CodeNotFound, "there is no stream %d", id)
	}
	delete(r.streams, id)
	r.state.Publications = slices.DeleteFunc(r.state.Publications, func(p *publication) bool { return p == pub })
	for _, sub := range slices.Clone(pub.subs) {
		r.dropSubscription(sub)
	}
	r.unpublishBeyond(at, pub)
	for _, t := range pub.Tracks {
		r.part(at, t)
	}
	r.bind(at)
	return nil
}

// changeFormat takes note of the first packet of a track, and of a new codec in
// mid-stream. It is false when the packet has to be dropped: a publisher that
// changes all the time must not keep its subscribers busy.
func (r *Router) changeFormat(now instant, t *track, f uint8) bool {
	if t.Started && now-t.FormatAt < second {
		return false
	}
	name := t.Formats[f].name()
	told := t.Started && name == t.Formats[t.Format].name()
	t.Started, t.Format, t.FormatAt = true, f, now
	if !told {
		t.Codec = name
		if !t.peer.beyond() {
			r.events = append(r.events, protocol.TrackStarted{Stream: t.pub.Stream, Track: t.ID, Codec: name})
		}
	}
	r.interrupt(now, t)
	for _, s := range t.in.Sources {
		s.Tracker = layer.Tracker{}
	}
	r.wantAwaited(now, t) // it comes with the new codec, unless its start is lost
	for _, sub := range t.pub.subs {
		if p := r.byKey[TransportKey{sub.Participant, sub.Transport}]; p != nil {
			r.needRebind(p)
		}
	}
	r.bind(now)
	return true
}
