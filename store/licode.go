package store

import (
	"context"
	"time"

	"github.com/tertulia-rtc/tertulia/protocol"
)

// LicodeToken is the right to join a room once, by Licode's signalling. It is
// kept here, and what a client holds only names it.
type LicodeToken struct {
	ID      protocol.TokenID
	Service protocol.ServiceID
	Room    protocol.RoomID
	Name    string // of the user
	Role    string
	Host    string // host:port where it is to be used
	Secure  bool   // by TLS
	Created time.Time
	Expires time.Time
}

const licodeTokenColumns = `id, service, room, name, role, host, secure, created, expires`

// KeepLicodeToken keeps a token until it is taken or expires; an empty ID is
// made. ErrNotFound when the room or the service is gone.
func (s *Store) KeepLicodeToken(ctx context.Context, token LicodeToken) (LicodeToken, error) {
	if token.ID == "" {
		token.ID = protocol.TokenID(protocol.NewHexID())
	}
	secure := 0
	if token.Secure {
		secure = 1
	}
	return s.scanLicodeToken(s.db.QueryRowContext(ctx,
		`INSERT INTO licode_tokens (`+licodeTokenColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING `+licodeTokenColumns,
		string(token.ID), string(token.Service), string(token.Room), token.Name, token.Role, token.Host, secure,
		token.Created.UnixMilli(), token.Expires.UnixMilli()))
}

// TakeLicodeToken gives a token and forgets it: of any number of simultaneous
// calls one succeeds. ErrNotFound when there is none, or it has expired.
func (s *Store) TakeLicodeToken(ctx context.Context, id protocol.TokenID) (LicodeToken, error) {
	return s.scanLicodeToken(s.db.QueryRowContext(ctx,
		`DELETE FROM licode_tokens WHERE id = $1 AND expires > $2 RETURNING `+licodeTokenColumns, string(id), s.now()))
}

func (s *Store) scanLicodeToken(r row) (LicodeToken, error) {
	var t LicodeToken
	var secure int
	var created, expires int64
	err := r.Scan(&t.ID, &t.Service, &t.Room, &t.Name, &t.Role, &t.Host, &secure, &created, &expires)
	if err != nil {
		return LicodeToken{}, s.fail(err)
	}
	t.Secure = secure == 1
	t.Created, t.Expires = fromMillis(created), fromMillis(expires)
	return t, nil
}
