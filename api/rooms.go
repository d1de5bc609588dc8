package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/tertulia-rtc/tertulia/codec"
	"github.com/tertulia-rtc/tertulia/protocol"
	"github.com/tertulia-rtc/tertulia/store"
)

// Room is a room as the API shows it.
type Room struct {
	ID              protocol.RoomID `json:"id" example:"64b7f3a1c2d4e5f60718293a" doc:"24 hexadecimal characters."`
	Name            string          `json:"name" example:"Physics 1"`
	Mode            protocol.Mode   `json:"mode" enum:"sfu,p2p" doc:"sfu: media go through the server. p2p: they go from participant to participant, and the server only signals."`
	Metadata        Object          `json:"metadata,omitempty" example:"{\"course\":7}" doc:"The application's own JSON object, which participants see."`
	MaxParticipants int             `json:"maxParticipants" doc:"How many may be in the room at once; 0: no limit, or 4 in a p2p room."`
	MaxStreams      int             `json:"maxStreams" doc:"How many streams may be published at once; 0: no limit."`
	Codecs          []string        `json:"codecs" nullable:"false" example:"[\"VP8\",\"VP9\",\"H264\",\"AV1\",\"opus\"]" doc:"The codecs of the room, best first."`
	Audio           Audio           `json:"audio"`
	Created         time.Time       `json:"created"`
	Updated         time.Time       `json:"updated"`
}

func showRoom(room store.Room) Room {
	return Room{
		ID: room.ID, Name: room.Name, Mode: room.Mode, Metadata: Object(room.Metadata), MaxParticipants: room.MaxParticipants, MaxStreams: room.MaxStreams,
		Codecs: room.Codecs, Audio: Audio(room.Settings.Audio), Created: room.Created, Updated: room.Updated,
	}
}

// Audio is how the audio of a big room is limited.
type Audio struct {
	Loudest int `json:"loudest" example:"3" doc:"How many audio tracks are forwarded at once: the loudest. 0: all, the limit is off."`
	Above   int `json:"above" example:"12" doc:"The limit begins when more audio tracks than this are published. 0: always."`
}

// AudioPatch sets what is given of Audio.
type AudioPatch struct {
	Loudest *int `json:"loudest,omitempty" minimum:"0" maximum:"50" example:"5" doc:"How many audio tracks are forwarded at once: the loudest. 0: all, the limit is off. Default: 3."`
	Above   *int `json:"above,omitempty" minimum:"0" maximum:"1000000" example:"20" doc:"The limit begins when more audio tracks than this are published. 0: always. Default: 12."`
}

// apply gives the settings with what is given changed.
func (a *AudioPatch) apply(s protocol.RoomSettings) *protocol.RoomSettings {
	if a != nil && a.Loudest != nil {
		s.Audio.Loudest = *a.Loudest
	}
	if a != nil && a.Above != nil {
		s.Audio.Above = *a.Above
	}
	return &s
}

// NewRoom is what a room is made of.
type NewRoom struct {
	Name            string      `json:"name" minLength:"1" maxLength:"128" example:"Physics 1" doc:"Unique within the service."`
	GetOrCreate     bool        `json:"getOrCreate,omitempty" doc:"When there is a room of that name: give that one (200) instead of refusing (409). The other fields count for a new room only."`
	Mode            string      `json:"mode,omitempty" enum:"sfu,p2p" default:"sfu" example:"p2p" doc:"How media go; cannot be changed later. sfu: through the server. p2p: from participant to participant, while the server only signals; for a few people, without layers, recording and the server's statistics."`
	Metadata        Object      `json:"metadata,omitempty" example:"{\"course\":7}" doc:"The application's own JSON object, 16 KiB at most."`
	MaxParticipants int         `json:"maxParticipants,omitempty" minimum:"0" maximum:"1000000" doc:"0: no limit, or 4 in a p2p room."`
	MaxStreams      int         `json:"maxStreams,omitempty" minimum:"0" maximum:"1000000" doc:"0: no limit."`
	Codecs          []string    `json:"codecs,omitempty" nullable:"false" maxItems:"16" example:"[\"VP9\",\"VP8\",\"opus\"]" doc:"Best first, of VP8, VP9, H264, AV1, opus, red, G722, PCMU and PCMA. Default: VP8, VP9, H264, AV1, opus. Without an audio codec, opus is added."`
	Audio           *AudioPatch `json:"audio,omitempty" doc:"How the audio of a big room is limited. Tracks without the audio-level extension (RFC 6464) are always forwarded, and are none of the loudest."`
}

// RoomPatch is what of a room can be changed.
type RoomPatch struct {
	Name            *string     `json:"name,omitempty" minLength:"1" maxLength:"128" example:"Physics 2"`
	Metadata        Object      `json:"metadata,omitempty" example:"{\"course\":8}" doc:"Replaces the metadata as a whole; null removes it."`
	MaxParticipants *int        `json:"maxParticipants,omitempty" minimum:"0" maximum:"1000000" example:"20" doc:"0: no limit, or 4 in a p2p room. Who is in already stays."`
	MaxStreams      *int        `json:"maxStreams,omitempty" minimum:"0" maximum:"1000000" doc:"0: no limit. What is published already stays."`
	Codecs          *[]string   `json:"codecs,omitempty" maxItems:"16" doc:"Best first; an empty list brings back the default. Counts for what is negotiated from now on."`
	Audio           *AudioPatch `json:"audio,omitempty" doc:"How the audio of a big room is limited; what is not given stays. Counts at once."`
}

// RoomParam names the room in a path.
type RoomParam struct {
	Room protocol.RoomID `path:"room" example:"64b7f3a1c2d4e5f60718293a" doc:"The room's id."`
}

// RoomPage is a part of the list of rooms.
type RoomPage struct {
	Rooms []Room `json:"rooms" nullable:"false"`
	Next  string `json:"next,omitempty" example:"64b7f3a1c2d4e5f60718293a" doc:"The cursor of the next page; absent on the last."`
}

type (
	roomOutput  struct{ Body Room }
	roomsOutput struct{ Body RoomPage }
)

func (s *Server) addRooms() {
	register(s, huma.Operation{
		OperationID: "create-room", Method: http.MethodPost, Path: "/v1/rooms", Tags: []string{"Rooms"}, Security: needsService,
		Summary: "Create a room", DefaultStatus: http.StatusCreated, Errors: []int{http.StatusConflict},
		Description: "Makes a room (201). With `getOrCreate`, a room of that name that is there already is given instead (200).",
		Responses: map[string]*huma.Response{"200": {
			Description: "The room was there already (with getOrCreate).",
			Content:     map[string]*huma.MediaType{"application/json": {Schema: &huma.Schema{Ref: "#/components/schemas/Room"}}},
		}},
	}, s.createRoom)
	register(s, huma.Operation{
		OperationID: "list-rooms", Method: http.MethodGet, Path: "/v1/rooms", Tags: []string{"Rooms"}, Security: needsService,
		Summary:     "List the rooms",
		Description: "The service's rooms by id, a page at a time: give `next` of one answer as `cursor` to get the page that follows.",
	}, s.listRooms)
	register(s, huma.Operation{
		OperationID: "get-room", Method: http.MethodGet, Path: "/v1/rooms/{room}", Tags: []string{"Rooms"}, Security: needsService,
		Summary: "Get a room", Description: "A room of the service.", Errors: []int{http.StatusNotFound},
	}, s.getRoom)
	register(s, huma.Operation{
		OperationID: "update-room", Method: http.MethodPatch, Path: "/v1/rooms/{room}", Tags: []string{"Rooms"}, Security: needsService,
		Summary: "Change a room", Errors: []int{http.StatusNotFound, http.StatusConflict},
		Description: "Changes what is given and leaves the rest. Who is in the room is told at once. The mode cannot be changed.",
	}, s.updateRoom)
	register(s, huma.Operation{
		OperationID: "delete-room", Method: http.MethodDelete, Path: "/v1/rooms/{room}", Tags: []string{"Rooms"}, Security: needsService,
		Summary: "Delete a room", DefaultStatus: http.StatusNoContent, Errors: []int{http.StatusNotFound},
		Description: "Ends the call that goes on in it, and removes it. Tokens for it are of no use any more.",
	}, s.deleteRoom)
}

func (s *Server) createRoom(ctx context.Context, in *struct{ Body NewRoom }) (*struct {
	Status   int
	Location string `header:"Location" doc:"Where the room is."`
	Body     Room
}, error,
) {
	if err := checkText("name", in.Body.Name); err != nil {
		return nil, err
	}
	metadata, err := in.Body.Metadata.metadata()
	if err != nil {
		return nil, err
	}
	codecs, err := checkCodecs(in.Body.Codecs)
	if err != nil {
		return nil, err
	}
	service := caller(ctx).ID
	room := store.Room{
		Service: service, Name: in.Body.Name, Mode: protocol.Mode(in.Body.Mode), Metadata: metadata,
		MaxParticipants: in.Body.MaxParticipants, MaxStreams: in.Body.MaxStreams, Codecs: codecs,
		Settings: in.Body.Audio.apply(protocol.DefaultRoomSettings),
	}
	created := true
	if in.Body.GetOrCreate {
		room, created, err = s.Store.GetOrCreateRoom(ctx, service, in.Body.Name, room)
	} else {
		room, err = s.Store.CreateRoom(ctx, room)
	}
	if errors.Is(err, store.ErrExists) {
		return nil, protocol.Errorf(protocol.CodeConflict, "the service has a room of this name; with getOrCreate it would be given")
	}
	if err != nil {
		return nil, err
	}
	out := &struct {
		Status   int
		Location string `header:"Location" doc:"Where the room is."`
		Body     Room
	}{Status: http.StatusOK, Location: s.PublicURL + "/v1/rooms/" + string(room.ID), Body: showRoom(room)}
	if created {
		out.Status = http.StatusCreated
	}
	return out, nil
}

func (s *Server) listRooms(ctx context.Context, in *struct {
	Cursor string `query:"cursor" maxLength:"64" doc:"next of the page before."`
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"Rooms on a page."`
	Name   string `query:"name" maxLength:"128" doc:"Only the room of this name."`
},
) (*roomsOutput, error) {
	out := new(roomsOutput)
	out.Body.Rooms = []Room{}
	service := caller(ctx).ID
	if in.Name != "" {
		room, err := s.Store.RoomNamed(ctx, service, in.Name)
		if err == nil {
			out.Body.Rooms = append(out.Body.Rooms, showRoom(room))
		} else if !errors.Is(err, store.ErrNotFound) {
			return nil, err
		}
		return out, nil
	}
	if in.Cursor != "" && !protocol.RoomID(in.Cursor).Valid() {
		return nil, protocol.Errorf(protocol.CodeBadRequest, "the cursor is not one that a page gave as next")
	}
	rooms, err := s.Store.Rooms(ctx, service, protocol.RoomID(in.Cursor), in.Limit+1)
	if err != nil {
		return nil, err
	}
	if len(rooms) > in.Limit {
		rooms = rooms[:in.Limit]
		out.Body.Next = string(rooms[in.Limit-1].ID)
	}
	for _, room := range rooms {
		out.Body.Rooms = append(out.Body.Rooms, showRoom(room))
	}
	return out, nil
}

func (s *Server) getRoom(ctx context.Context, in *RoomParam) (*roomOutput, error) {
	room, err := s.room(ctx, in.Room)
	if err != nil {
		return nil, err
	}
	return &roomOutput{showRoom(room)}, nil
}

func (s *Server) updateRoom(ctx context.Context, in *struct {
	RoomParam
	Body RoomPatch
},
) (*roomOutput, error) {
	room, err := s.room(ctx, in.Room)
	if err != nil {
		return nil, err
	}
	patch := in.Body
	if patch.Name != nil {
		if err := checkText("name", *patch.Name); err != nil {
			return nil, err
		}
		if *patch.Name != room.Name {
			room.Name, room.Licode.Name = *patch.Name, "" // Licode's API tells the new name too
		}
	}
	if patch.Metadata != nil {
		if room.Metadata, err = patch.Metadata.metadata(); err != nil {
			return nil, err
		}
	}
	if patch.MaxParticipants != nil {
		room.MaxParticipants = *patch.MaxParticipants
	}
	if patch.MaxStreams != nil {
		room.MaxStreams = *patch.MaxStreams
	}
	if patch.Codecs != nil {
		if room.Codecs, err = checkCodecs(*patch.Codecs); err != nil {
			return nil, err
		}
	}
	room.Settings = patch.Audio.apply(*room.Settings)
	room, err = s.Store.UpdateRoom(ctx, room)
	switch {
	case errors.Is(err, store.ErrExists):
		return nil, protocol.Errorf(protocol.CodeConflict, "the service has another room of this name")
	case errors.Is(err, store.ErrNotFound):
		return nil, notFound("room", string(in.Room))
	case err != nil:
		return nil, err
	}
	if err := s.Rooms.RoomChanged(ctx, room); err != nil {
		return nil, err
	}
	return &roomOutput{showRoom(room)}, nil
}

func (s *Server) deleteRoom(ctx context.Context, in *RoomParam) (*struct{}, error) {
	room, err := s.room(ctx, in.Room)
	if err != nil {
		return nil, err
	}
	// The row goes first, so that nobody can come in while the call ends.
	if err := s.Store.DeleteRoom(ctx, room.ID); err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	return nil, s.Rooms.CloseRoom(ctx, room.ID)
}

// room gives a room of the calling service. Another service's room is not
// there, as far as this one can tell.
func (s *Server) room(ctx context.Context, id protocol.RoomID) (store.Room, error) {
	if !id.Valid() {
		return store.Room{}, notFound("room", string(id))
	}
	room, err := s.Store.Room(ctx, id)
	if errors.Is(err, store.ErrNotFound) || err == nil && room.Service != caller(ctx).ID {
		return store.Room{}, notFound("room", string(id))
	}
	return room, err
}

// checkCodecs gives the canonical list, nil for the default.
func checkCodecs(names []string) ([]string, error) {
	if len(names) == 0 {
		return nil, nil
	}
	codecs := make([]string, 0, len(names)+1)
	audio := false
	for _, name := range names {
		canonical, ok := codec.Canonical(name)
		if !ok {
			return nil, protocol.Errorf(protocol.CodeBadRequest, "the codec %.40q is not known; these are: %v", name, codec.Preferred)
		}
		for _, other := range codecs {
			if other == canonical {
				return nil, protocol.Errorf(protocol.CodeBadRequest, "the codec %s is there twice", canonical)
			}
		}
		codecs = append(codecs, canonical)
		audio = audio || codec.IsAudio(canonical) && canonical != codec.RED
	}
	if !audio {
		codecs = append(codecs, codec.Opus)
	}
	return codecs, nil
}
