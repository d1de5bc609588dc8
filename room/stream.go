package room

import (
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/tertulia-rtc/tertulia/protocol"
)

// stream is what a participant publishes.
type stream struct {
	id         protocol.StreamID
	owner      protocol.ParticipantID
	tracks     []protocol.PublishTrack
	data       bool
	label      string
	attributes json.RawMessage
	limits     map[protocol.TrackID]uint64 // what subscribers may get of tracks at most
	announced  bool                        // the worker has it, and the others know of it
}

// public gives the stream as participants see it.
func (s *stream) public() protocol.Stream {
	p := protocol.Stream{ID: s.id, Participant: s.owner, Tracks: make([]protocol.Track, len(s.tracks)), Data: s.data, Label: s.label, Attributes: s.attributes}
	for i, t := range s.tracks {
		p.Tracks[i] = t.Track
	}
	return p
}

func (s *stream) track(id protocol.TrackID) *protocol.PublishTrack {
	for i := range s.tracks {
		if s.tracks[i].ID == id {
			return &s.tracks[i]
		}
	}
	return nil
}

// command gives what the worker is told of the stream.
func (s *stream) command() protocol.PublishStream {
	return protocol.PublishStream{Participant: s.owner, Stream: s.id, Tracks: slices.Clone(s.tracks), Data: s.data}
}

func (r *Room) streamsOf(id protocol.ParticipantID) []*stream {
	var list []*stream
	for _, sid := range r.streamOrder {
		if s := r.streams[sid]; s.owner == id {
			list = append(list, s)
		}
	}
	return list
}

// published gives a stream that participants know.
func (r *Room) published(id protocol.StreamID) (*stream, *protocol.Error) {
	if s, ok := r.streams[id]; ok && s.announced {
		return s, nil
	}
	return nil, protocol.Errorf(protocol.CodeNotFound, "There is no stream %d in the room.", id)
}

// own gives a stream of the participant.
func (r *Room) own(p *participant, id protocol.StreamID) (*stream, *protocol.Error) {
	s, ok := r.streams[id]
	if !ok {
		return nil, protocol.Errorf(protocol.CodeNotFound, "There is no stream %d in the room.", id)
	}
	if s.owner != p.ID {
		return nil, protocol.Errorf(protocol.CodeForbidden, "Stream %d belongs to another participant.", id)
	}
	return s, nil
}

func (r *Room) publish(now time.Time, p *participant, re uint64, q protocol.Publish) *protocol.Error {
	if err := r.carried(q); err != nil {
		return err
	}
	if err := mayPublish(p, q); err != nil {
		return err
	}
	tracks := slices.Clone(q.Tracks)
	for i := range tracks {
		tracks[i].Codec = "" // the worker says it
		if r.PeerToPeer() {
			tracks[i].Transport, tracks[i].MID = "", "" // means nothing to anybody
		}
	}
	if old, ok := r.streams[q.Stream]; ok && q.Stream != 0 {
		return r.republish(now, p, re, old, tracks, q)
	}
	if limit := r.config.MaxStreams; limit > 0 && len(r.streams) >= limit {
		return protocol.Errorf(protocol.CodeLimit, "The room has %d streams, as many as it may have.", limit)
	}
	if p.streams >= protocol.MaxStreams {
		return protocol.Errorf(protocol.CodeLimit, "A participant has at most %d streams.", protocol.MaxStreams)
	}
	id := q.Stream
	for id == 0 || r.streams[id] != nil {
		id = protocol.StreamID(r.config.Rand.Uint64N(uint64(protocol.MaxStreamID))) + 1
	}
	s := &stream{id: id, owner: p.ID, tracks: tracks, data: q.Data, label: q.Label, attributes: object(q.Attributes), limits: map[protocol.TrackID]uint64{}}
	r.streams[id] = s
	r.streamOrder = append(r.streamOrder, id)
	p.streams++
	r.askToPublish(now, p, re, s)
	return nil
}

// askToPublish tells the worker of a stream and answers the client when it has answered;
// at once in a peer-to-peer room, where there is nobody to ask.
func (r *Room) askToPublish(now time.Time, p *participant, re uint64, s *stream) {
	if r.PeerToPeer() {
		r.publishAnswered(pending{participant: p.ID, re: re}, s.id, nil)
		return
	}
	r.ask(now, p.ID, re, s.command())
	r.tracksAgain(s)
}

// republish describes an own stream anew: after its transport was made anew, its
// tracks are elsewhere.
func (r *Room) republish(now time.Time, p *participant, re uint64, s *stream, tracks []protocol.PublishTrack, q protocol.Publish) *protocol.Error {
	if s.owner != p.ID {
		return protocol.Errorf(protocol.CodeConflict, "The id %d belongs to a stream of another participant.", s.id)
	}
	if !s.announced {
		return protocol.Errorf(protocol.CodeConflict, "Stream %d is being published.", s.id)
	}
	for i := range tracks {
		if old := s.track(tracks[i].ID); old != nil && old.Kind == tracks[i].Kind {
			tracks[i].Codec = old.Codec
		}
	}
	before := s.public()
	s.tracks, s.data = tracks, q.Data
	if q.Label != "" {
		s.label = q.Label
	}
	maps.DeleteFunc(s.limits, func(id protocol.TrackID, _ uint64) bool { return s.track(id) == nil })
	if q.Attributes != nil {
		s.attributes = object(q.Attributes)
	}
	// The worker gets the stream as a new one: it knows no other way to move
	// tracks, and this happens only when a transport was lost.
	r.command(protocol.UnpublishStream{Stream: s.id})
	r.askToPublish(now, p, re, s)
	r.subscribeAgain(s)
	if after := s.public(); !equalStreams(before, after) {
		r.tellAll(protocol.TypeStreamUpdated, protocol.StreamUpdated{Stream: after, By: p.ID})
	}
	return nil
}

func equalStreams(a, b protocol.Stream) bool {
	return a.Data == b.Data && a.Label == b.Label && string(a.Attributes) == string(b.Attributes) && slices.Equal(a.Tracks, b.Tracks)
}

func mayPublish(p *participant, q protocol.Publish) *protocol.Error {
	for _, t := range q.Tracks {
		if err := need(p, t.Permission()); err != nil {
			return err
		}
	}
	if q.Data {
		return need(p, protocol.PublishData)
	}
	return nil
}

// publishAnswered ends what publish has begun.
func (r *Room) publishAnswered(w pending, id protocol.StreamID, err *protocol.Error) {
	s, ok := r.streams[id]
	switch {
	case !ok:
		err = protocol.Errorf(protocol.CodeConflict, "The stream was unpublished meanwhile.")
	case err != nil && !s.announced:
		r.removeStream(s)
	case err == nil && !s.announced:
		s.announced = true
		r.tellOthers(s.owner, protocol.TypeStreamPublished, s.public())
	}
	if err != nil {
		r.fail(w.participant, w.re, err)
		return
	}
	r.ok(w.participant, w.re, protocol.Published{Stream: id})
}

func (r *Room) unpublish(p *participant, id protocol.StreamID) *protocol.Error {
	s, err := r.own(p, id)
	if err != nil {
		return err
	}
	r.removeStream(s)
	return nil
}

func (r *Room) removeStream(s *stream) {
	delete(r.streams, s.id)
	r.streamOrder = slices.DeleteFunc(r.streamOrder, func(id protocol.StreamID) bool { return id == s.id })
	if p, ok := r.participants[s.owner]; ok {
		p.streams--
		r.command(protocol.UnpublishStream{Stream: s.id}) // else DropParticipant does it
	}
	for _, p := range r.participants {
		p.forget(s.id)
	}
	// Else a worker that is found later would be told of it.
	r.failPending(nil, func(w pending) bool {
		q, publishes := w.body.(protocol.PublishStream)
		return publishes && q.Stream == s.id
	})
	if s.announced {
		r.tellOthers(s.owner, protocol.TypeStreamUnpublished, protocol.StreamUnpublished{Stream: s.id})
	}
}

// mute obeys the owner always, and a moderator who mutes.
func (r *Room) mute(p *participant, q protocol.Mute) *protocol.Error {
	s, err := r.published(q.Stream)
	if err != nil {
		return err
	}
	t := s.track(q.Track)
	if t == nil {
		return protocol.Errorf(protocol.CodeNotFound, "Stream %d has no track %q.", q.Stream, q.Track)
	}
	if s.owner != p.ID {
		if err := need(p, protocol.Moderate); err != nil {
			return err
		}
		if !q.Muted {
			return protocol.Errorf(protocol.CodeForbidden, "Only its owner can unmute a track.")
		}
	}
	if t.Muted == q.Muted {
		return nil
	}
	t.Muted = q.Muted
	r.command(protocol.MuteTrack(q))
	r.tellAll(protocol.TypeStreamUpdated, protocol.StreamUpdated{Stream: s.public(), By: p.ID})
	return nil
}

// tracksAgain tells the worker what holds already of the tracks of a stream that is new
// to it: mute states and limits.
func (r *Room) tracksAgain(s *stream) {
	for _, t := range s.tracks {
		if t.Muted {
			r.command(protocol.MuteTrack{Stream: s.id, Track: t.ID, Muted: true})
		}
		if limit := s.limits[t.ID]; limit != 0 {
			r.command(protocol.LimitTrack{Stream: s.id, Track: t.ID, MaxBitrate: limit})
		}
	}
}

// limit keeps what subscribers of a track may get at most, and tells the worker.
func (r *Room) limit(p *participant, q protocol.Limit) *protocol.Error {
	s, err := r.own(p, q.Stream)
	if err != nil {
		return err
	}
	if s.track(q.Track) == nil {
		return protocol.Errorf(protocol.CodeNotFound, "Stream %d has no track %q.", q.Stream, q.Track)
	}
	switch {
	case s.limits[q.Track] == q.MaxBitrate:
		return nil
	case q.MaxBitrate == 0:
		delete(s.limits, q.Track)
	default:
		s.limits[q.Track] = q.MaxBitrate
	}
	r.command(protocol.LimitTrack(q))
	return nil
}

func (r *Room) setAttributes(p *participant, q protocol.Attributes) *protocol.Error {
	s, err := r.own(p, q.Stream)
	if err != nil {
		return err
	}
	s.attributes = object(q.Attributes)
	if s.announced {
		r.tellAll(protocol.TypeStreamUpdated, protocol.StreamUpdated{Stream: s.public(), By: p.ID})
	}
	return nil
}

// trackStarted notes the codec that the worker saw.
func (r *Room) trackStarted(e protocol.TrackStarted) {
	s, ok := r.streams[e.Stream]
	if !ok {
		return
	}
	t := s.track(e.Track)
	if t == nil || t.Codec == e.Codec {
		return
	}
	t.Codec = e.Codec
	if s.announced {
		r.tellAll(protocol.TypeStreamUpdated, protocol.StreamUpdated{Stream: s.public()})
	}
}

// layersNeeded tells the publisher of a track which of its layers are wanted.
func (r *Room) layersNeeded(e protocol.LayersNeeded) {
	if s, ok := r.streams[e.Stream]; ok && s.owner == e.Participant {
		r.tell(s.owner, protocol.TypeLayersWanted, e.LayersWanted)
	}
}
