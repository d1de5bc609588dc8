package api

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/tertulia-rtc/tertulia/protocol"
)

// Participant is one presence of a user in a room.
type Participant struct {
	ID          protocol.ParticipantID `json:"id" example:"7d2f9f3a-4c1e-4b7a-9f60-0a1b2c3d4e5f"`
	User        string                 `json:"user" example:"Ana" doc:"Who the token was made for."`
	Role        string                 `json:"role" example:"presenter"`
	Permissions Permissions            `json:"permissions" nullable:"false"`
	Metadata    Object                 `json:"metadata,omitempty" doc:"What the participant says of itself."`
}

// User is a user with all its presences in a room.
type User struct {
	User         string        `json:"user" example:"Ana"`
	Participants []Participant `json:"participants" nullable:"false"`
}

// Stream is what a participant publishes.
type Stream struct {
	ID          protocol.StreamID      `json:"id" example:"4503599627370" doc:"1…2^53−1, unique in the service."`
	Participant protocol.ParticipantID `json:"participant" example:"7d2f9f3a-4c1e-4b7a-9f60-0a1b2c3d4e5f" doc:"Who publishes it."`
	Tracks      []Track                `json:"tracks" nullable:"false"`
	Data        bool                   `json:"data" doc:"Whether it has data channels."`
	Attributes  Object                 `json:"attributes,omitempty" doc:"The application's own JSON object."`
}

// Track is one medium of a stream.
type Track struct {
	ID     protocol.TrackID `json:"id" example:"video"`
	Kind   protocol.Kind    `json:"kind" enum:"audio,video" example:"video"`
	Source protocol.Source  `json:"source" example:"camera"`
	Muted  bool             `json:"muted"`
	Codec  string           `json:"codec,omitempty" example:"VP8" doc:"Once it is known."`
}

// ParticipantParam names a participant in a path.
type ParticipantParam struct {
	RoomParam
	Participant protocol.ParticipantID `path:"participant" maxLength:"64" example:"7d2f9f3a-4c1e-4b7a-9f60-0a1b2c3d4e5f"`
}

// UserParam names a user in a path.
type UserParam struct {
	RoomParam
	User string `path:"user" example:"Ana" doc:"The user, percent-encoded."`
}

// ReasonParam is why somebody is kicked.
type ReasonParam struct {
	Reason string `query:"reason" maxLength:"200" example:"See you tomorrow" doc:"What the participant is told."`
}

// Participants is the answer to who asks for all participants.
type Participants struct {
	Participants []Participant `json:"participants" nullable:"false"`
}

// Users is the answer to who asks for all users.
type Users struct {
	Users []User `json:"users" nullable:"false"`
}

// Streams is the answer to who asks for all streams.
type Streams struct {
	Streams []Stream `json:"streams" nullable:"false"`
}

type (
	participantsOutput struct{ Body Participants }
	usersOutput        struct{ Body Users }
	streamsOutput      struct{ Body Streams }
)

func (s *Server) addPresence() {
	add := func(id, method, path, summary, description string) huma.Operation {
		op := huma.Operation{
			OperationID: id, Method: method, Path: "/v1/rooms/{room}" + path, Tags: []string{"Presence"}, Security: needsService,
			Summary: summary, Description: description, Errors: []int{http.StatusNotFound},
		}
		if method == http.MethodDelete {
			op.DefaultStatus = http.StatusNoContent
		}
		return op
	}
	register(s, add("list-participants", http.MethodGet, "/participants", "List the participants",
		"Who is in the room now. A room that nobody is in has none."), s.listParticipants)
	register(s, add("get-participant", http.MethodGet, "/participants/{participant}", "Get a participant",
		"One presence of a user in the room."), s.getParticipant)
	register(s, add("kick-participant", http.MethodDelete, "/participants/{participant}", "Kick a participant",
		"Ends this presence: its media stop and its socket closes. It cannot resume; a fresh token would let it in again."), s.kickParticipant)
	register(s, add("list-users", http.MethodGet, "/users", "List the users",
		"Who is in the room now, each user once with all its presences."), s.listUsers)
	register(s, add("get-user", http.MethodGet, "/users/{user}", "Get a user",
		"A user that is in the room now, with all its presences."), s.getUser)
	register(s, add("kick-user", http.MethodDelete, "/users/{user}", "Kick a user",
		"Ends all presences of the user in the room."), s.kickUser)
	register(s, add("list-streams", http.MethodGet, "/streams", "List the streams",
		"What is published in the room now."), s.listStreams)
	register(s, add("get-stream", http.MethodGet, "/streams/{stream}", "Get a stream",
		"One stream that is published now."), s.getStream)
}

func showParticipant(p protocol.Participant) Participant {
	return Participant{ID: p.ID, User: p.User, Role: p.Role, Permissions: permissionsOf(p.Permissions), Metadata: Object(p.Metadata)}
}

func showStream(stream protocol.Stream) Stream {
	shown := Stream{ID: stream.ID, Participant: stream.Participant, Tracks: []Track{}, Data: stream.Data, Attributes: Object(stream.Attributes)}
	for _, t := range stream.Tracks {
		shown.Tracks = append(shown.Tracks, Track{ID: t.ID, Kind: t.Kind, Source: t.Source, Muted: t.Muted, Codec: t.Codec})
	}
	return shown
}

// participants gives who is in a room of the calling service.
func (s *Server) participants(ctx context.Context, id protocol.RoomID) ([]protocol.Participant, error) {
	room, err := s.room(ctx, id)
	if err != nil {
		return nil, err
	}
	return s.Rooms.Participants(ctx, room.ID)
}

func (s *Server) participant(ctx context.Context, in *ParticipantParam) (protocol.Participant, error) {
	all, err := s.participants(ctx, in.Room)
	if err != nil {
		return protocol.Participant{}, err
	}
	i := slices.IndexFunc(all, func(p protocol.Participant) bool { return p.ID == in.Participant })
	if i < 0 {
		return protocol.Participant{}, notFound("participant", string(in.Participant))
	}
	return all[i], nil
}

func (s *Server) listParticipants(ctx context.Context, in *RoomParam) (*participantsOutput, error) {
	all, err := s.participants(ctx, in.Room)
	if err != nil {
		return nil, err
	}
	out := new(participantsOutput)
	out.Body.Participants = []Participant{}
	for _, p := range all {
		out.Body.Participants = append(out.Body.Participants, showParticipant(p))
	}
	return out, nil
}

func (s *Server) getParticipant(ctx context.Context, in *ParticipantParam) (*struct{ Body Participant }, error) {
	p, err := s.participant(ctx, in)
	if err != nil {
		return nil, err
	}
	return &struct{ Body Participant }{showParticipant(p)}, nil
}

func (s *Server) kickParticipant(ctx context.Context, in *struct {
	ParticipantParam
	ReasonParam
},
) (*struct{}, error) {
	p, err := s.participant(ctx, &in.ParticipantParam)
	if err != nil {
		return nil, err
	}
	return nil, s.Rooms.Kick(ctx, in.Room, p.ID, in.Reason)
}

// users groups the participants, by user.
func (s *Server) users(ctx context.Context, room protocol.RoomID) ([]User, error) {
	all, err := s.participants(ctx, room)
	if err != nil {
		return nil, err
	}
	at := map[string]int{}
	users := []User{}
	for _, p := range all {
		i, ok := at[p.User]
		if !ok {
			i = len(users)
			at[p.User] = i
			users = append(users, User{User: p.User})
		}
		users[i].Participants = append(users[i].Participants, showParticipant(p))
	}
	slices.SortFunc(users, func(a, b User) int { return strings.Compare(a.User, b.User) })
	return users, nil
}

func (s *Server) user(ctx context.Context, in *UserParam) (User, error) {
	users, err := s.users(ctx, in.Room)
	if err != nil {
		return User{}, err
	}
	i := slices.IndexFunc(users, func(u User) bool { return u.User == in.User })
	if i < 0 {
		return User{}, notFound("user", in.User)
	}
	return users[i], nil
}

func (s *Server) listUsers(ctx context.Context, in *RoomParam) (*usersOutput, error) {
	users, err := s.users(ctx, in.Room)
	if err != nil {
		return nil, err
	}
	out := new(usersOutput)
	out.Body.Users = users
	return out, nil
}

func (s *Server) getUser(ctx context.Context, in *UserParam) (*struct{ Body User }, error) {
	user, err := s.user(ctx, in)
	if err != nil {
		return nil, err
	}
	return &struct{ Body User }{user}, nil
}

func (s *Server) kickUser(ctx context.Context, in *struct {
	UserParam
	ReasonParam
},
) (*struct{}, error) {
	user, err := s.user(ctx, &in.UserParam)
	if err != nil {
		return nil, err
	}
	for _, p := range user.Participants {
		if err := s.Rooms.Kick(ctx, in.Room, p.ID, in.Reason); err != nil && !isNotFound(err) {
			return nil, err
		}
	}
	return nil, nil
}

func (s *Server) streams(ctx context.Context, id protocol.RoomID) ([]protocol.Stream, error) {
	room, err := s.room(ctx, id)
	if err != nil {
		return nil, err
	}
	return s.Rooms.Streams(ctx, room.ID)
}

func (s *Server) listStreams(ctx context.Context, in *RoomParam) (*streamsOutput, error) {
	all, err := s.streams(ctx, in.Room)
	if err != nil {
		return nil, err
	}
	out := new(streamsOutput)
	out.Body.Streams = []Stream{}
	for _, stream := range all {
		out.Body.Streams = append(out.Body.Streams, showStream(stream))
	}
	return out, nil
}

func (s *Server) getStream(ctx context.Context, in *struct {
	RoomParam
	Stream string `path:"stream" maxLength:"16" example:"4503599627370"`
},
) (*struct{ Body Stream }, error) {
	all, err := s.streams(ctx, in.Room)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(all, func(stream protocol.Stream) bool { return stream.ID.String() == in.Stream })
	if i < 0 {
		return nil, notFound("stream", in.Stream)
	}
	return &struct{ Body Stream }{showStream(all[i])}, nil
}
