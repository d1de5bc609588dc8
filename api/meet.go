package api

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/tertulia-rtc/tertulia/auth"
	"github.com/tertulia-rtc/tertulia/protocol"
	"github.com/tertulia-rtc/tertulia/store"
)

// Limits of guests.
const (
	maxGuestRooms = 1000
	maxGuests     = 50               // in a room
	guestLinger   = 10 * time.Minute // of a room after the last has left
	guestToken    = 5 * time.Minute  // of a token; less than guestLinger, so that its room is there when it is used
)

// guestRole is what guests may do: everything among equals. Nobody moderates,
// since anybody could be anybody.
const guestRole = "presenter"

var guestRoles = map[string][]protocol.Permission{
	guestRole: {protocol.PublishAudio, protocol.PublishVideo, protocol.PublishScreen, protocol.PublishData, protocol.Subscribe, protocol.ReadStats},
}

// guestRoomName is what a guest room may be called: it is a part of an address.
var guestRoomName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// guests are the rooms that anybody may make by going there.
type guests struct {
	server  *Server
	service protocol.ServiceID

	mu sync.Mutex
	// seen is when each room was last wanted or found with somebody in it.
	seen map[protocol.RoomID]time.Time
}

func newGuests(s *Server) (*guests, error) {
	service, err := s.Store.EnsureGuestService(context.Background(), guestRoles)
	if err != nil {
		return nil, err
	}
	return &guests{server: s, service: service.ID, seen: map[protocol.RoomID]time.Time{}}, nil
}

// Guest is who asks to be let in.
type Guest struct {
	Name string `json:"name" minLength:"1" maxLength:"64" example:"Ana" doc:"How the others see the guest."`
}

func (s *Server) addMeet() {
	register(s, huma.Operation{
		OperationID: "create-guest-token", Method: http.MethodPost, Path: "/v1/meet/{room}/tokens", Tags: []string{"Guests"},
		Summary: "Let a guest in", DefaultStatus: http.StatusCreated, Errors: []int{http.StatusForbidden, http.StatusConflict},
		Description: "Makes a token for the guest room of that name, and the room if it is not there. Needs no service. " +
			"Guest rooms have nothing to do with any service's rooms, take 50 people, and vanish 10 minutes after the last has left. " +
			"The server may be started without them (403); it limits how many requests it takes from one address (429).",
	}, s.createGuestToken)
}

func (s *Server) createGuestToken(ctx context.Context, in *struct {
	Room string `path:"room" example:"friday-lunch" doc:"The room's name: 1 to 64 letters, digits, - and _."`
	Body Guest
},
) (*tokenOutput, error) {
	if s.guests == nil {
		return nil, protocol.Errorf(protocol.CodeForbidden, "this server does not let guests in; ask its operator for an invitation")
	}
	if wait, ok := s.arrivals.take(originOf(ctx).from.address, s.Now()); !ok {
		return nil, huma.ErrorWithHeaders(newProblem(http.StatusTooManyRequests, protocol.CodeTooFast, "too many people come in from your address at once; wait a little"),
			http.Header{"Retry-After": {strconv.Itoa(wait)}})
	}
	if !guestRoomName.MatchString(in.Room) {
		return nil, protocol.Errorf(protocol.CodeBadRequest, "the name of a room has 1 to 64 letters (a–z), digits, - and _")
	}
	name := strings.TrimSpace(in.Body.Name)
	if err := checkText("name", name); err != nil {
		return nil, err
	}
	service, err := s.Store.Service(ctx, s.guests.service)
	if err != nil {
		return nil, err
	}
	room, err := s.guests.room(ctx, in.Room)
	if err != nil {
		return nil, err
	}
	present, err := s.Rooms.Participants(ctx, room.ID)
	if err != nil {
		return nil, err
	}
	if len(present) >= maxGuests {
		return nil, protocol.Errorf(protocol.CodeLimit, "the room is full: %d people are in it", len(present))
	}
	return s.sign(service, room, auth.JoinClaims{User: name, Role: guestRole}, guestToken, originOf(ctx).base)
}

// room gives the guest room of that name, made if need be, and keeps it from
// vanishing before its token is used.
func (g *guests) room(ctx context.Context, name string) (store.Room, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	room, err := g.server.Store.RoomNamed(ctx, g.service, name)
	if errors.Is(err, store.ErrNotFound) {
		room, err = g.create(ctx, name)
	}
	if err == nil {
		g.seen[room.ID] = g.server.Now()
	}
	return room, err
}

func (g *guests) create(ctx context.Context, name string) (store.Room, error) {
	n, err := g.server.Store.CountRooms(ctx, g.service)
	if err != nil {
		return store.Room{}, err
	}
	if n >= maxGuestRooms {
		return store.Room{}, withRetry(newProblem(http.StatusServiceUnavailable, protocol.CodeLimit, "all guest rooms of this server are in use; try again in some minutes"))
	}
	room, _, err := g.server.Store.GetOrCreateRoom(ctx, g.service, name, store.Room{MaxParticipants: maxGuests})
	return room, err
}

// sweep removes the rooms that nobody has been in for guestLinger. After a start
// of the server, that counts from the first sweep.
func (g *guests) sweep(ctx context.Context) error {
	var after protocol.RoomID
	there := map[protocol.RoomID]bool{}
	for {
		rooms, err := g.server.Store.Rooms(ctx, g.service, after, 100)
		if err != nil {
			return err
		}
		for _, room := range rooms {
			after = room.ID
			there[room.ID] = true
			if err := g.sweepRoom(ctx, room.ID); err != nil {
				return err
			}
		}
		if len(rooms) < 100 {
			break
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for id, seen := range g.seen {
		if !there[id] && g.server.Now().Sub(seen) > guestLinger { // made after its page was read, or gone
			delete(g.seen, id)
		}
	}
	return nil
}

func (g *guests) sweepRoom(ctx context.Context, id protocol.RoomID) error {
	participants, err := g.server.Rooms.Participants(ctx, id)
	if err != nil {
		return err
	}
	now := g.server.Now()
	// Whoever wants the room from here on finds it gone and makes a new one.
	g.mu.Lock()
	seen, known := g.seen[id]
	if len(participants) > 0 || !known {
		g.seen[id] = now
	}
	vanish := len(participants) == 0 && known && now.Sub(seen) >= guestLinger
	if vanish {
		delete(g.seen, id)
		err = g.server.Store.DeleteRoom(ctx, id)
	}
	g.mu.Unlock()
	if !vanish || err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	return g.server.Rooms.CloseRoom(ctx, id)
}
