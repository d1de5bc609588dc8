// Package room is one room as a machine: participants, streams, subscriptions,
// permissions, limits, moderation, messages, and what each participant is told.
//
// A Room is told what happens and when (Join, Handle, Event, Advance …), by one
// owner at a time, and puts what follows from it into a list that the owner
// takes with Effects: frames for participants, commands for the media worker.
// It has no goroutine, lock, socket or clock; the package controller has the
// loop that owns it. Media themselves are the business of the package sfu.
//
//	The rule: after each call, take the Effects and carry them out in their order.
package room

import (
	"encoding/json"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/tertulia-rtc/tertulia/protocol"
)

// AnswerTimeout is how long the worker may take to answer a command that a
// client waits for.
const AnswerTimeout = 5 * time.Second

// Config is what a room is made from.
type Config struct {
	Room            protocol.Room
	MaxParticipants int // 0: no limit, or protocol.DefaultPeers in a peer-to-peer room
	MaxStreams      int // 0: no limit
	// Settings are for the worker.
	Settings protocol.RoomSettings
	// Rand makes the ids of streams.
	Rand *rand.Rand
}

// Room is the state of one room.
type Room struct {
	config       Config
	participants map[protocol.ParticipantID]*participant
	order        []protocol.ParticipantID // in the order of their coming
	streams      map[protocol.StreamID]*stream
	streamOrder  []protocol.StreamID

	workerFound bool               // commands reach a worker now
	lastRequest uint64             // number of the last command
	pending     map[uint64]pending // commands whose answers clients wait for
	queue       []uint64           // keys of pending, oldest first; some may be gone from it

	invitations []invitation // that wait for clients' answers; some may not any more

	effects []Effect
}

// participant is one presence of a user.
type participant struct {
	protocol.Participant
	transports    map[protocol.TransportID]*transport
	subscriptions map[protocol.StreamID]protocol.SubscribeTo
	preferences   map[protocol.StreamID][]protocol.Preference // of the subscriptions, one per track
	streams       int                                         // that it publishes
	recent        recentMessages
}

func (p *participant) can(permission protocol.Permission) bool {
	return slices.Contains(p.Permissions, permission)
}

// others gives the participant as the others see it.
func (p *participant) others() protocol.Participant {
	q := p.Participant
	q.Permissions = nil
	return q
}

// New makes an empty room, without a worker.
func New(c Config) *Room {
	return &Room{
		config:       c,
		participants: map[protocol.ParticipantID]*participant{},
		streams:      map[protocol.StreamID]*stream{},
		pending:      map[uint64]pending{},
	}
}

// Join lets a participant in and tells the others. One who returns after the
// room was rebuilt is let in beyond the limit: it was in before.
func (r *Room) Join(p protocol.Participant, returns bool) *protocol.Error {
	if _, ok := r.participants[p.ID]; ok {
		return protocol.Errorf(protocol.CodeConflict, "The participant is in the room already.")
	}
	if err := r.CanJoin(); err != nil && !returns {
		return err
	}
	p.Metadata = object(p.Metadata)
	in := &participant{
		Participant:   p,
		transports:    map[protocol.TransportID]*transport{},
		subscriptions: map[protocol.StreamID]protocol.SubscribeTo{},
		preferences:   map[protocol.StreamID][]protocol.Preference{},
	}
	r.tellOthers(p.ID, protocol.TypeParticipantJoined, in.others())
	r.participants[p.ID] = in
	r.order = append(r.order, p.ID)
	return nil
}

// CanJoin says why nobody can join now, or nil.
func (r *Room) CanJoin() *protocol.Error {
	if limit := r.maxParticipants(); limit > 0 && len(r.participants) >= limit {
		return protocol.Errorf(protocol.CodeLimit, "The room is full: %d participants.", limit)
	}
	return nil
}

// Leave ends a presence for a reason, one of protocol.Reason…: its streams end,
// the others are told, its own session ends.
func (r *Room) Leave(id protocol.ParticipantID, reason, message string) {
	p, ok := r.participants[id]
	if !ok {
		return
	}
	delete(r.participants, id)
	r.failReadings(id)
	r.order = slices.DeleteFunc(r.order, func(o protocol.ParticipantID) bool { return o == id })
	r.forget(func(w pending) bool { return w.participant == id })
	for _, s := range r.streamsOf(id) {
		r.removeStream(s)
	}
	for _, sid := range slices.Sorted(maps.Keys(p.subscriptions)) {
		r.subscriberGone(p, sid)
	}
	r.tellOthers(id, protocol.TypeParticipantLeft, protocol.ParticipantLeft{Participant: id, Reason: reason})
	r.command(protocol.DropParticipant{Participant: p.ID})
	r.effects = append(r.effects, End{Participant: id, Reason: reason, Message: message})
}

// Close ends every presence, for a reason.
func (r *Room) Close(reason, message string) {
	for _, id := range r.order {
		r.failReadings(id)
	}
	for _, id := range r.order {
		r.effects = append(r.effects, End{Participant: id, Reason: reason, Message: message})
	}
	clear(r.participants)
	clear(r.streams)
	clear(r.pending)
	r.order, r.streamOrder, r.queue = nil, nil, nil
	r.command(protocol.DropRoom{})
}

// Change replaces what the API may change: name, metadata, codecs, limits and
// settings. Limits that are exceeded already hold for those who come later; the
// mode stays what it is as long as the room runs.
func (r *Room) Change(room protocol.Room, maxParticipants, maxStreams int, settings protocol.RoomSettings) {
	r.config.MaxParticipants, r.config.MaxStreams = maxParticipants, maxStreams
	if r.config.Settings != settings {
		r.config.Settings = settings
		r.command(protocol.ConfigureRoom{RoomSettings: settings})
	}
	room.ID, room.Mode, room.Metadata = r.config.Room.ID, r.config.Room.Mode, object(room.Metadata)
	old := r.config.Room
	r.config.Room = room
	if old.Name != room.Name || string(old.Metadata) != string(room.Metadata) || !slices.Equal(old.Codecs, room.Codecs) {
		r.tellAll(protocol.TypeRoomUpdated, room)
	}
}

// Info gives the room as participants see it.
func (r *Room) Info() protocol.Room { return r.config.Room }

// Empty says whether nobody is in the room.
func (r *Room) Empty() bool { return len(r.participants) == 0 }

// Len counts the participants.
func (r *Room) Len() int { return len(r.participants) }

// Participant gives one participant, with its permissions.
func (r *Room) Participant(id protocol.ParticipantID) (protocol.Participant, bool) {
	p, ok := r.participants[id]
	if !ok {
		return protocol.Participant{}, false
	}
	return p.Participant, true
}

// Participants lists the participants in the order of their coming, with their
// permissions.
func (r *Room) Participants() []protocol.Participant {
	list := make([]protocol.Participant, 0, len(r.order))
	for _, id := range r.order {
		list = append(list, r.participants[id].Participant)
	}
	return list
}

// Streams lists the streams in the order of their publishing.
func (r *Room) Streams() []protocol.Stream {
	list := make([]protocol.Stream, 0, len(r.streamOrder))
	for _, id := range r.streamOrder {
		if s := r.streams[id]; s.announced {
			list = append(list, s.public())
		}
	}
	return list
}

// Snapshot is all that a participant knows when it enters; the owner adds ICE
// servers and the resume token.
func (r *Room) Snapshot(id protocol.ParticipantID) protocol.Joined {
	j := protocol.Joined{Room: r.config.Room, Participants: []protocol.Participant{}, Streams: r.Streams()}
	for _, other := range r.order {
		p := r.participants[other]
		if other == id {
			j.Participant = p.Participant
			continue
		}
		j.Participants = append(j.Participants, p.others())
	}
	return j
}

// object makes null and nothing the same.
func object(b json.RawMessage) json.RawMessage {
	if string(b) == "null" || len(b) == 0 {
		return nil
	}
	return b
}
