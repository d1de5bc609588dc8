package licode

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/tertulia-rtc/tertulia/protocol"
	"github.com/tertulia-rtc/tertulia/store"
)

// maxKey bounds the key of a service, in bytes.
const maxKey = 512

// maxExtra bounds what is kept of a service beside its name and key, in bytes.
const maxExtra = 16 << 10

var (
	errNotSuper   = failure{http.StatusUnauthorized, "Service not authorized for this action"}
	errNoService  = failure{http.StatusNotFound, "Service not found"}
	errBadService = failure{http.StatusBadRequest, "Invalid service"}
	errInUse      = failure{http.StatusConflict, "Service is in use by the server itself"}
)

// serviceDocument is a service as Nuve shows it to the super service: name,
// key, what else it was made with, rooms, _id.
type serviceDocument struct {
	service store.Service
	rooms   []roomDocument
}

// MarshalJSON keeps the order of the fields.
func (d serviceDocument) MarshalJSON() ([]byte, error) {
	var extra object
	_ = json.Unmarshal(d.service.Licode, &extra) // ours, or absent
	var b bytes.Buffer
	add := func(key string, value any) error {
		k, err := encode(key)
		if err != nil {
			return err
		}
		v, err := encode(value)
		if err != nil {
			return err
		}
		if b.Len() > 0 {
			b.WriteByte(',')
		}
		b.Write(k)
		b.WriteByte(':')
		b.Write(v)
		return nil
	}
	name := d.service.Name
	if kept, ok := extra.text("name"); ok && d.service.Name == twinName(kept, string(d.service.ID)) {
		name = kept
	}
	err := errors.Join(add("name", name), add("key", d.service.Key))
	for _, key := range slices.Sorted(maps.Keys(extra)) {
		if !slices.Contains([]string{"name", "key", "rooms", "_id"}, key) {
			err = errors.Join(err, add(key, extra[key]))
		}
	}
	err = errors.Join(err, add("rooms", d.rooms), add("_id", d.service.ID))
	return append(append([]byte("{"), b.Bytes()...), '}'), err
}

// AddService makes a service, under another name in the store if its own is
// taken. Fields are what else it was made with; of these, name, key, rooms and
// _id are not kept.
func AddService(ctx context.Context, s *store.Store, service store.Service, fields map[string]json.RawMessage) (store.Service, error) {
	extra := object(maps.Clone(fields))
	for _, own := range []string{"name", "key", "rooms", "_id", "testRoom", "testToken"} {
		delete(extra, own)
	}
	if service.ID == "" {
		service.ID = protocol.ServiceID(protocol.NewHexID())
	}
	keep := func() error {
		service.Licode = nil
		if len(extra) == 0 {
			return nil
		}
		text, err := encode(extra)
		if err != nil || len(text) > maxExtra {
			return errBadService
		}
		service.Licode = text
		return nil
	}
	if err := keep(); err != nil {
		return store.Service{}, err
	}
	made, err := s.CreateService(ctx, service)
	if !errors.Is(err, store.ErrExists) {
		return made, err
	}
	name, err := encode(service.Name)
	if err != nil {
		return store.Service{}, errBadService
	}
	if extra == nil {
		extra = object{}
	}
	extra["name"] = name
	if err := keep(); err != nil {
		return store.Service{}, err
	}
	service.Name = twinName(service.Name, string(service.ID))
	return s.CreateService(ctx, service)
}

func (n *Nuve) createService(c *call) (any, error) {
	if !c.service.Super {
		return nil, errNotSuper
	}
	name, ok := c.body.name()
	if !ok {
		return nil, errBadService
	}
	key, isString := c.body.text("key")
	if _, given := c.body["key"]; given && (!isString || !isText(key, maxKey) || len(key) > maxKey) {
		return nil, errBadService // nothing could sign with it
	}
	service, err := AddService(c.ctx, n.Store, store.Service{Name: name, Key: key}, c.body)
	if err != nil {
		return nil, err
	}
	return service.ID, nil // a JSON string, in quotes
}

func (n *Nuve) showService(c *call, service store.Service) (serviceDocument, error) {
	rooms, err := n.roomsOf(c, service.ID)
	return serviceDocument{service: service, rooms: rooms}, err
}

func (n *Nuve) listServices(c *call) (any, error) {
	if !c.service.Super {
		return nil, errNotSuper
	}
	services, err := n.Store.Services(c.ctx)
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(services, func(a, b store.Service) int { return a.Created.Compare(b.Created) })
	all := []serviceDocument{}
	for _, service := range services {
		shown, err := n.showService(c, service)
		if err != nil {
			return nil, err
		}
		all = append(all, shown)
	}
	return all, nil
}

// otherService gives the service that the path names to the super service.
func (n *Nuve) otherService(c *call) (store.Service, error) {
	if !c.service.Super {
		return store.Service{}, errNotSuper
	}
	id := protocol.ServiceID(strings.ToLower(c.params["service"]))
	if !id.Valid() {
		return store.Service{}, errNoService
	}
	service, err := n.Store.Service(c.ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		err = errNoService
	}
	return service, err
}

func (n *Nuve) getService(c *call) (any, error) {
	service, err := n.otherService(c)
	if err != nil {
		return nil, err
	}
	return n.showService(c, service)
}

func (n *Nuve) deleteService(c *call) (any, error) {
	service, err := n.otherService(c)
	if err != nil {
		return nil, err
	}
	if service.Super || service.Name == store.GuestService {
		return nil, errInUse
	}
	rooms, err := n.roomsOf(c, service.ID)
	if err != nil {
		return nil, err
	}
	// The rows go first, so that nobody can come in while the calls end.
	if err := n.Store.DeleteService(c.ctx, service.ID); err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	for _, room := range rooms {
		err = errors.Join(err, n.Rooms.CloseRoom(c.ctx, room.ID))
	}
	return "Service deleted", err
}
