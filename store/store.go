// Package store keeps what outlives a process: services, rooms, redeemed and
// revoked tokens, the epochs of rooms and the server's secrets.
//
// It speaks to SQLite (one file in the data directory; the default) and to
// PostgreSQL (for several machines) with the same queries, which keep to what
// both understand: $1 parameters, TEXT ids, integer times, ON CONFLICT,
// RETURNING. Every write is one statement, so none needs a transaction.
//
// What is not here: who is in a room, and what they publish. That is in memory,
// at the controllers and the workers.
package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"github.com/tertulia-rtc/tertulia/protocol"
)

// The errors that callers tell apart with errors.Is.
var (
	ErrNotFound = errors.New("not found")
	ErrExists   = errors.New("exists already")
	ErrUsed     = errors.New("used up")
	// ErrUnavailable is in the chain of every error of the database itself (disk
	// full, server unreachable, file locked). The text is a sentence for people.
	ErrUnavailable = errors.New("the store is not available")
)

// DefaultCodecs is the order of codecs of a room that does not name its own.
var DefaultCodecs = []string{"VP8", "VP9", "H264", "AV1", "opus"}

// GuestService is the name of the service that the rooms of guests belong to.
const GuestService = "guests"

// SuperService is the name that the service which manages the others is made with.
const SuperService = "super"

// Service is a tenant: an application with an id and a key that sees only its
// own rooms.
type Service struct {
	ID      protocol.ServiceID
	Name    string                           // unique
	Key     string                           // signs the service's tokens
	Roles   map[string][]protocol.Permission // its own, beside or instead of protocol.BuiltinRoles
	Super   bool                             // manages the services; there is one
	Created time.Time
	// Licode is what only the package licode keeps of a service: its own JSON, or nil.
	Licode json.RawMessage
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
	Name            string          // unique within the service
	Mode            protocol.Mode   // how media go; "" means protocol.SFU, and is never stored
	Metadata        json.RawMessage // the application's own JSON object, or nil
	MaxParticipants int             // 0: no limit, or protocol.DefaultPeers in a peer-to-peer room
	MaxStreams      int             // 0: no limit
	Codecs          []string        // best first; never empty once stored
	// Settings are what the room's media follow; nil: protocol.DefaultRoomSettings.
	// Never nil once stored.
	Settings *protocol.RoomSettings
	Licode   LicodeRoom
	Created  time.Time
	Updated  time.Time
}

// LicodeRoom is what only the package licode keeps of a room.
type LicodeRoom struct {
	// Name is the room's name there, where names are not unique; empty: Room.Name.
	Name string
	// MediaConfiguration is the name of a set of codecs, or empty.
	MediaConfiguration string
	// Data is what there is instead of Metadata when that cannot hold it, or nil.
	Data json.RawMessage
}

// Store is a database. Its methods may be called from any goroutine.
type Store struct {
	// Now is the clock, time.Now unless it is replaced before the first use.
	Now func() time.Time

	db      *sql.DB
	explain func(error) error // puts errors of this kind of database into words

	keep     bool // whether one prepares its queries
	mu       sync.Mutex
	prepared map[string]*sql.Stmt
}

// Close closes the database.
func (s *Store) Close() error { return s.db.Close() }

// one asks for one row by a query that is asked at every join. SQLite parses such
// a query once, which takes longer than to carry it out; the driver of
// PostgreSQL sees to that itself.
func (s *Store) one(ctx context.Context, query string, args ...any) *sql.Row {
	if !s.keep {
		return s.db.QueryRowContext(ctx, query, args...)
	}
	statement, err := s.prepare(ctx, query) //nolint:sqlclosecheck // it is kept until the database is closed
	if err != nil {
		return s.db.QueryRowContext(ctx, query, args...) // which has the error too
	}
	return statement.QueryRowContext(ctx, args...)
}

func (s *Store) prepare(ctx context.Context, query string) (*sql.Stmt, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if statement, ok := s.prepared[query]; ok {
		return statement, nil
	}
	statement, err := s.db.PrepareContext(ctx, query) //nolint:sqlclosecheck // it is kept until the database is closed
	if err == nil {
		s.prepared[query] = statement
	}
	return statement, err
}

func (s *Store) now() int64 { return s.Now().UnixMilli() }

func fromMillis(ms int64) time.Time { return time.UnixMilli(ms).UTC() }
