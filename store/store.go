// Package store keeps what outlives a process: services, rooms, redeemed and
// revoked tokens, the epochs of rooms and the server's secrets. It speaks to
// SQLite (one file in the data directory) and to PostgreSQL with the same
// queries.
package store

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/tertulia-rtc/tertulia/protocol"
)

// The errors that callers tell apart with errors.Is.
var (
	ErrNotFound = errors.New("not found")
	ErrExists   = errors.New("exists already")
	ErrUsed     = errors.New("used up")
)

// DefaultCodecs is the order of codecs of a room that does not name its own.
var DefaultCodecs = []string{"VP8", "VP9", "H264", "AV1", "opus"}

// GuestService is the name of the service that the rooms of guests belong to.
const GuestService = "guests"

// Service is a tenant: an application with an id and a key that sees only its
// own rooms.
type Service struct {
	ID      protocol.ServiceID
	Name    string
	Key     string                           // signs the service's tokens
	Roles   map[string][]protocol.Permission // its own, beside or instead of protocol.BuiltinRoles
	Super   bool                             // manages the services
	Created time.Time
}

// Role gives the permissions of a role: the service's own, else the built-in one.
func (s Service) Role(name string) ([]protocol.Permission, bool) {
	if p, ok := s.Roles[name]; ok {
		return p, true
	}
	p, ok := protocol.BuiltinRoles[name]
	return p, ok
}

// Room is the scope of communication.
type Room struct {
	ID              protocol.RoomID
	Service         protocol.ServiceID
	Name            string
	Metadata        json.RawMessage // the application's own JSON object, or nil
	MaxParticipants int             // 0: no limit
	MaxStreams      int             // 0: no limit
	Codecs          []string        // best first
	Created         time.Time
	Updated         time.Time
}

// Store is a database. Its methods may be called from any goroutine.
type Store struct {
	// Now is the clock, time.Now unless it is replaced before the first use.
	Now func() time.Time
}

var errStub = errors.New("not written yet")

// Open opens the database that url names ("sqlite:<path>" or
// "postgres://…"), making it and bringing its schema up to date as needed.
func Open(ctx context.Context, url string) (*Store, error) { return nil, errStub }

// Close closes the database.
func (s *Store) Close() error { return nil }

// CreateService keeps a new service. An empty ID or Key is made.
func (s *Store) CreateService(ctx context.Context, service Service) (Service, error) {
	return service, errStub
}

// Service gives the service with the id, or ErrNotFound.
func (s *Store) Service(ctx context.Context, id protocol.ServiceID) (Service, error) {
	return Service{}, errStub
}

// ServiceNamed gives the service with the name, or ErrNotFound.
func (s *Store) ServiceNamed(ctx context.Context, name string) (Service, error) {
	return Service{}, errStub
}

// Services gives all services by name.
func (s *Store) Services(ctx context.Context) ([]Service, error) { return nil, errStub }

// UpdateService replaces name, key and roles of a service.
func (s *Store) UpdateService(ctx context.Context, service Service) (Service, error) {
	return service, errStub
}

// DeleteService removes a service and its rooms.
func (s *Store) DeleteService(ctx context.Context, id protocol.ServiceID) error { return errStub }

// EnsureSuperService gives the service that manages the others, made at the
// first start. A given id and key replace those it had.
func (s *Store) EnsureSuperService(ctx context.Context, id protocol.ServiceID, key string) (service Service, made bool, err error) {
	return Service{}, false, errStub
}

// EnsureGuestService gives the service named GuestService with these roles.
func (s *Store) EnsureGuestService(ctx context.Context, roles map[string][]protocol.Permission) (Service, error) {
	return Service{}, errStub
}

// CreateRoom keeps a new room. An empty ID is made. ErrExists when the service
// has a room of that name.
func (s *Store) CreateRoom(ctx context.Context, room Room) (Room, error) { return room, errStub }

// GetOrCreateRoom gives the service's room of that name, made like defaults if
// there is none.
func (s *Store) GetOrCreateRoom(ctx context.Context, service protocol.ServiceID, name string, defaults Room) (room Room, created bool, err error) {
	return Room{}, false, errStub
}

// Room gives the room with the id, or ErrNotFound.
func (s *Store) Room(ctx context.Context, id protocol.RoomID) (Room, error) { return Room{}, errStub }

// RoomNamed gives the service's room of that name, or ErrNotFound.
func (s *Store) RoomNamed(ctx context.Context, service protocol.ServiceID, name string) (Room, error) {
	return Room{}, errStub
}

// Rooms gives up to limit rooms of the service whose ids follow after, by id.
func (s *Store) Rooms(ctx context.Context, service protocol.ServiceID, after protocol.RoomID, limit int) ([]Room, error) {
	return nil, errStub
}

// CountRooms counts the service's rooms.
func (s *Store) CountRooms(ctx context.Context, service protocol.ServiceID) (int, error) {
	return 0, errStub
}

// UpdateRoom replaces name, metadata, limits and codecs of a room.
func (s *Store) UpdateRoom(ctx context.Context, room Room) (Room, error) { return room, errStub }

// DeleteRoom removes a room.
func (s *Store) DeleteRoom(ctx context.Context, id protocol.RoomID) error { return errStub }

// Redeem counts one use of the service's token in one atomic statement, kept
// until the token expires at exp. ErrUsed when it had its uses.
func (s *Store) Redeem(ctx context.Context, jti string, service protocol.ServiceID, exp time.Time, uses int) error {
	return errStub
}

// Revoke refuses the session from now until a time.
func (s *Store) Revoke(ctx context.Context, session string, until time.Time) error { return errStub }

// Revoked says whether the session was revoked.
func (s *Store) Revoked(ctx context.Context, session string) (bool, error) { return false, errStub }

// RaiseEpoch makes owner the owner of the room in a new epoch, one above the
// last. ErrNotFound when the room is gone.
func (s *Store) RaiseEpoch(ctx context.Context, room protocol.RoomID, owner string) (epoch uint64, err error) {
	return 0, errStub
}

// Secret gives the server's own secret of that name: 32 random bytes, made once
// and kept.
func (s *Store) Secret(ctx context.Context, name string) ([]byte, error) { return nil, errStub }

// Purge removes what is kept for nothing: tokens and revocations past their time.
func (s *Store) Purge(ctx context.Context) error { return errStub }
