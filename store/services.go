package store

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/tertulia-rtc/tertulia/protocol"
)

const serviceColumns = `id, name, key, roles, super, created, licode`

// NewKey makes the key of a service: 256 random bits in base64url, as HS256
// wants them (RFC 7518 section 3.2).
func NewKey() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// CreateService keeps a new service; an empty ID or Key is made. ErrExists when
// the id or the name is taken, or is GuestService.
func (s *Store) CreateService(ctx context.Context, service Service) (Service, error) {
	if service.Name == GuestService {
		return Service{}, ErrExists
	}
	return s.insertService(ctx, service)
}

func (s *Store) insertService(ctx context.Context, service Service) (Service, error) {
	if service.ID == "" {
		service.ID = protocol.ServiceID(protocol.NewHexID())
	}
	if service.Key == "" {
		service.Key = NewKey()
	}
	super := 0
	if service.Super {
		super = 1
	}
	return s.scanService(s.db.QueryRowContext(ctx,
		`INSERT INTO services (`+serviceColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING `+serviceColumns,
		string(service.ID), service.Name, service.Key, encode(service.Roles), super, s.now(), string(service.Licode)))
}

// Service gives the service with the id, or ErrNotFound.
func (s *Store) Service(ctx context.Context, id protocol.ServiceID) (Service, error) {
	return s.scanService(s.db.QueryRowContext(ctx, `SELECT `+serviceColumns+` FROM services WHERE id = $1`, string(id)))
}

// KeyOf gives the function that the readers of tokens ask for the key of a
// service. That the store cannot be asked now is a *protocol.Error of its own,
// so that a good token is not called a bad one.
func (s *Store) KeyOf(ctx context.Context) func(protocol.ServiceID) ([]byte, error) {
	return func(id protocol.ServiceID) ([]byte, error) {
		service, err := s.Service(ctx, id)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return nil, protocol.Errorf(protocol.CodeUnavailable, "the token cannot be verified now; try again")
		}
		return []byte(service.Key), err
	}
}

// ServiceNamed gives the service with the name, or ErrNotFound.
func (s *Store) ServiceNamed(ctx context.Context, name string) (Service, error) {
	return s.scanService(s.db.QueryRowContext(ctx, `SELECT `+serviceColumns+` FROM services WHERE name = $1`, name))
}

// SuperService gives the service that manages the others, or ErrNotFound.
func (s *Store) SuperService(ctx context.Context) (Service, error) {
	return s.scanService(s.db.QueryRowContext(ctx, `SELECT `+serviceColumns+` FROM services WHERE super = 1`))
}

// Services gives all services, in the order of their ids.
func (s *Store) Services(ctx context.Context) ([]Service, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT `+serviceColumns+` FROM services ORDER BY id`)
	if err != nil {
		return nil, s.fail(err)
	}
	defer rows.Close()
	services := []Service{}
	for rows.Next() {
		service, err := s.scanService(rows)
		if err != nil {
			return nil, err
		}
		services = append(services, service)
	}
	return services, s.fail(rows.Err())
}

// UpdateService replaces the name, the key, the roles and Licode of a service.
func (s *Store) UpdateService(ctx context.Context, service Service) (Service, error) {
	return s.scanService(s.db.QueryRowContext(ctx,
		`UPDATE services SET name = $1, key = $2, roles = $3, licode = $4 WHERE id = $5 RETURNING `+serviceColumns,
		service.Name, service.Key, encode(service.Roles), string(service.Licode), string(service.ID)))
}

// DeleteService removes a service and its rooms.
func (s *Store) DeleteService(ctx context.Context, id protocol.ServiceID) error {
	return s.deleted(s.db.ExecContext(ctx, `DELETE FROM services WHERE id = $1`, string(id)))
}

// EnsureSuperService gives the service that manages the others, which it makes
// at the first start. A given id makes the service of that id the one; a given
// key becomes its key. An empty id or key leaves what is there.
func (s *Store) EnsureSuperService(ctx context.Context, id protocol.ServiceID, key string) (service Service, made bool, err error) {
	if id != "" && !id.Valid() {
		return Service{}, false, fmt.Errorf("the id of a service has 24 characters of 0–9 a–f; %q has not", string(id))
	}
	if len(key) > 512 {
		return Service{}, false, errors.New("the key of a service has 512 characters at most")
	}
	service, err = s.SuperService(ctx)
	switch {
	case err == nil && (id == "" || service.ID == id):
	case err == nil:
		// Another id than before: the former one becomes an ordinary service, which
		// keeps its rooms.
		if _, err := s.db.ExecContext(ctx, `UPDATE services SET super = 0 WHERE super = 1`); err != nil {
			return Service{}, false, s.fail(err)
		}
		fallthrough
	case errors.Is(err, ErrNotFound):
		service, made, err = s.makeSuper(ctx, id, key)
		if err != nil {
			return Service{}, false, err
		}
	default:
		return Service{}, false, err
	}
	if key != "" && service.Key != key {
		service.Key = key
		service, err = s.UpdateService(ctx, service)
	}
	return service, made, err
}

func (s *Store) makeSuper(ctx context.Context, id protocol.ServiceID, key string) (Service, bool, error) {
	if id != "" {
		service, err := s.scanService(s.db.QueryRowContext(ctx, `UPDATE services SET super = 1 WHERE id = $1 RETURNING `+serviceColumns, string(id)))
		if !errors.Is(err, ErrNotFound) {
			return service, false, err
		}
	}
	service, err := s.insertService(ctx, Service{ID: id, Name: SuperService, Key: key, Super: true})
	if errors.Is(err, ErrExists) {
		if other, e := s.SuperService(ctx); e == nil {
			return other, false, nil // another process was first
		}
		// A former super service has the name.
		service, err = s.insertService(ctx, Service{ID: id, Name: SuperService + "-" + protocol.NewHexID()[:6], Key: key, Super: true})
	}
	return service, err == nil, err
}

// EnsureGuestService gives the service named GuestService, with these roles.
func (s *Store) EnsureGuestService(ctx context.Context, roles map[string][]protocol.Permission) (Service, error) {
	service, err := s.ServiceNamed(ctx, GuestService)
	if errors.Is(err, ErrNotFound) {
		service, err = s.insertService(ctx, Service{Name: GuestService, Roles: roles})
		if errors.Is(err, ErrExists) { // another process was first
			service, err = s.ServiceNamed(ctx, GuestService)
		}
	}
	if err == nil && encode(service.Roles) != encode(roles) {
		service.Roles = roles
		service, err = s.UpdateService(ctx, service)
	}
	return service, err
}

// row is a *sql.Row or *sql.Rows.
type row interface{ Scan(dest ...any) error }

func (s *Store) scanService(r row) (Service, error) {
	var service Service
	var roles, licode string
	var super int
	var created int64
	if err := r.Scan(&service.ID, &service.Name, &service.Key, &roles, &super, &created, &licode); err != nil {
		return Service{}, s.fail(err)
	}
	if err := json.Unmarshal([]byte(roles), &service.Roles); err != nil {
		return Service{}, fmt.Errorf("the roles of service %s in the database are not valid: %w", service.ID, err)
	}
	service.Super = super == 1
	service.Created = fromMillis(created)
	service.Licode = raw(licode)
	return service, nil
}

// raw gives JSON from a column, in which an empty text is none.
func raw(text string) json.RawMessage {
	if text == "" {
		return nil
	}
	return json.RawMessage(text)
}

// encode cannot fail: it is given maps and slices of strings.
func encode(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic("store: " + err.Error())
	}
	return string(b)
}
