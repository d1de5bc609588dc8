package licode

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/tertulia-rtc/tertulia/licode/erizo"
	"github.com/tertulia-rtc/tertulia/protocol"
	"github.com/tertulia-rtc/tertulia/store"
)

// Import brings services and rooms of a Licode installation in, under the ids
// and keys that they had there, so that applications go on with them. What is
// there already stays, so it may be done again, after it was broken off or when
// there are more.
type Import struct {
	Store *store.Store
	// DryRun finds out what would be done, and does nothing.
	DryRun bool
	// Overwrite also makes what is there already as the dump has it.
	Overwrite bool
	// Super is the id of the service that manages the others from now on, or empty.
	Super protocol.ServiceID
	// Roles are given to each service, beside those it has.
	Roles map[string][]protocol.Permission
	// Say is told of what is not as it should be, a line each.
	Say func(line string)
	// Progress is told after each service and room; nil: nobody is.
	Progress func(done, of int)

	done, of int
	planned  map[string]protocol.ServiceID // rooms that are added, and to which service: a dry run finds none of them in the store
}

// Tally counts what became of what was read.
type Tally struct {
	Read      int
	Added     int
	Changed   int // was there otherwise, with Overwrite
	There     int // already
	Refused   int // as Say was told
	Ownerless int // rooms that no service has: nobody could see them in Licode either
}

// Run does it. An error is one of the store; what it is about is refused
// otherwise, and the rest goes on.
func (im *Import) Run(ctx context.Context, dump *Dump) (services, rooms Tally, err error) {
	im.of = len(dump.Services) + len(dump.Rooms)
	im.planned = map[string]protocol.ServiceID{}
	for _, s := range dump.Services {
		im.of += len(s.Rooms)
	}
	owned := map[string]bool{}
	seen := map[string]string{}
	for _, s := range dump.Services {
		services.Read++
		rooms.Read += len(s.Rooms)
		for _, r := range s.Rooms {
			owned[r.ID] = true
		}
		if first, twice := seen[s.ID]; twice {
			im.refuse(&services, s.At, fmt.Sprintf("the service %s was there in %s already", s.ID, first))
			continue
		}
		seen[s.ID] = s.At
		service, ok, err := im.service(ctx, s, &services)
		if err != nil {
			return services, rooms, fmt.Errorf("%s: %w", s.At, err)
		}
		im.step(1)
		if !ok {
			rooms.Refused += len(s.Rooms)
			im.step(len(s.Rooms))
			continue
		}
		for _, r := range s.Rooms {
			if err := im.room(ctx, service, r, &rooms); err != nil {
				return services, rooms, fmt.Errorf("%s: %w", r.At, err)
			}
			im.step(1)
		}
	}
	ownerless := []string{}
	for _, r := range dump.Rooms {
		im.step(1)
		if owned[r.ID] {
			continue // the service's copy is the one that Licode tells
		}
		rooms.Read++
		if known, err := im.known(ctx, r); err != nil {
			return services, rooms, err
		} else if known {
			rooms.There++
			continue
		}
		rooms.Ownerless++
		ownerless = append(ownerless, r.ID)
	}
	if len(ownerless) > 0 {
		im.say(fmt.Sprintf("%d rooms belong to no service of the dump and stay out: %s", len(ownerless), shorten(ownerless)))
	}
	return services, rooms, im.promote(ctx, dump)
}

func shorten(ids []string) string {
	if len(ids) > 5 {
		return strings.Join(ids[:5], ", ") + ", …"
	}
	return strings.Join(ids, ", ")
}

func (im *Import) step(n int) {
	im.done += n
	if im.Progress != nil {
		im.Progress(im.done, im.of)
	}
}

func (im *Import) say(line string) {
	if im.Say != nil {
		im.Say(line)
	}
}

func (im *Import) refuse(t *Tally, at, why string) {
	t.Refused++
	im.say(at + " is refused: " + why)
}

// service brings one service in. ok is false when it was refused.
func (im *Import) service(ctx context.Context, s DumpedService, t *Tally) (_ store.Service, ok bool, err error) {
	id := protocol.ServiceID(s.ID)
	switch {
	case !id.Valid():
		im.refuse(t, s.At, fmt.Sprintf("its _id %.40q is not an ObjectId of 24 hexadecimal characters", s.ID))
		return store.Service{}, false, nil
	case s.Key == "":
		im.refuse(t, s.At, "it has no key, so nothing could sign for it")
		return store.Service{}, false, nil
	case len(s.Key) > maxKey:
		im.refuse(t, s.At, fmt.Sprintf("its key has more than %d bytes", maxKey))
		return store.Service{}, false, nil
	}
	there, err := im.Store.Service(ctx, id)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return store.Service{}, false, err
	}
	if errors.Is(err, store.ErrNotFound) {
		service := store.Service{ID: id, Name: im.tidyName(s.Name, s.ID, s.At), Key: s.Key, Roles: im.Roles}
		t.Added++
		if im.DryRun {
			return service, true, nil
		}
		service, err = AddService(ctx, im.Store, service, s.Fields)
		if errors.Is(err, errBadService) {
			im.say(fmt.Sprintf("%s: what it has beside its name and key is more than %d KiB and stays out", s.At, maxExtra>>10))
			service, err = AddService(ctx, im.Store, store.Service{ID: id, Name: im.tidyName(s.Name, s.ID, ""), Key: s.Key, Roles: im.Roles}, nil)
		}
		return service, err == nil, err
	}
	changed := there
	if im.Overwrite {
		changed.Key = s.Key
		changed.Roles = maps.Clone(there.Roles)
		if len(im.Roles) > 0 && changed.Roles == nil {
			changed.Roles = map[string][]protocol.Permission{}
		}
		maps.Copy(changed.Roles, im.Roles)
	}
	if changed.Key == there.Key && maps.EqualFunc(changed.Roles, there.Roles, slices.Equal) {
		t.There++
		if there.Key != s.Key {
			im.say(s.At + ": the service is there with another key, which stays (--overwrite takes the one of the dump)")
		}
		return there, true, nil
	}
	t.Changed++
	if !im.DryRun {
		changed, err = im.Store.UpdateService(ctx, changed)
	}
	return changed, err == nil, err
}

// room brings one room of a service in.
func (im *Import) room(ctx context.Context, service store.Service, r DumpedRoom, t *Tally) error {
	if !protocol.RoomID(r.ID).Valid() {
		im.refuse(t, r.At, fmt.Sprintf("its _id %.40q is not an ObjectId of 24 hexadecimal characters", r.ID))
		return nil
	}
	there, err := im.Store.Room(ctx, protocol.RoomID(r.ID))
	owner := there.Service
	if errors.Is(err, store.ErrNotFound) {
		owner = im.planned[r.ID]
	}
	switch {
	case owner != "" && owner != service.ID:
		im.refuse(t, r.At, fmt.Sprintf("the room %s belongs to another service here, %s", r.ID, owner))
		return nil
	case errors.Is(err, store.ErrNotFound) && owner != "": // twice in the service
		t.There++
		return nil
	case errors.Is(err, store.ErrNotFound):
		t.Added++
		im.planned[r.ID] = service.ID
		room := im.fill(store.Room{ID: protocol.RoomID(r.ID), Service: service.ID, Name: im.tidyName(r.Name, r.ID, r.At)}, r)
		if im.DryRun {
			return nil
		}
		_, err = AddRoom(ctx, im.Store, room)
		return err
	case err != nil:
		return err
	}
	changed := there
	if im.Overwrite {
		renameRoom(&changed, im.tidyName(r.Name, r.ID, r.At))
		changed.Mode = protocol.SFU
		changed.Metadata, changed.Licode.Data = nil, nil
		changed = im.fill(changed, r)
	}
	if sameRoom(there, changed) {
		t.There++
		return nil
	}
	t.Changed++
	if im.DryRun {
		return nil
	}
	_, err = storeRoom(changed, func(room store.Room) (store.Room, error) { return im.Store.UpdateRoom(ctx, room) })
	return err
}

// fill sets what the dump says of a room beside its name.
func (im *Import) fill(room store.Room, r DumpedRoom) store.Room {
	if r.P2P {
		room.Mode = protocol.P2P
	}
	if r.Data != nil && setData(&room, r.Data) != nil {
		im.say(fmt.Sprintf("%s: its data has more than %d KiB and stays out", r.At, maxBody>>10))
	}
	if r.MediaConfiguration != "" && !isText(r.MediaConfiguration, maxConfiguration) {
		im.say(r.At + ": its mediaConfiguration is not the name of one and stays out")
	} else {
		configureMedia(&room, r.MediaConfiguration)
	}
	return room
}

func sameRoom(a, b store.Room) bool {
	return nameOf(a) == nameOf(b) && a.Mode == b.Mode && a.Licode.MediaConfiguration == b.Licode.MediaConfiguration &&
		slices.Equal(a.Codecs, b.Codecs) && bytes.Equal(a.Metadata, b.Metadata) && bytes.Equal(a.Licode.Data, b.Licode.Data)
}

// known says whether a room of the collection rooms came in at another time.
func (im *Import) known(ctx context.Context, r DumpedRoom) (bool, error) {
	if !protocol.RoomID(r.ID).Valid() {
		return false, nil
	}
	_, err := im.Store.Room(ctx, protocol.RoomID(r.ID))
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// tidyName gives a name that can be shown: the dump's, if it is one. At is where
// it was read, or empty when a change was told already.
func (im *Import) tidyName(name, id, at string) string {
	tidy := strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(name, "\uFFFD"))
	if runes := []rune(tidy); len(runes) > maxName {
		tidy = string(runes[:maxName])
	}
	if strings.TrimSpace(tidy) == "" {
		tidy = id
	}
	if tidy != name && at != "" {
		im.say(fmt.Sprintf("%s: the name %.60q becomes %.60q", at, name, tidy))
	}
	return tidy
}

// promote makes the service that Super names the one that manages the others.
func (im *Import) promote(ctx context.Context, dump *Dump) error {
	if im.Super == "" {
		return nil
	}
	in := slices.ContainsFunc(dump.Services, func(s DumpedService) bool { return s.ID == string(im.Super) })
	if _, err := im.Store.Service(ctx, im.Super); err != nil && (!in || !im.DryRun) {
		return fmt.Errorf("the service %s, which is to manage the others, is neither here nor in the dump", im.Super)
	}
	if im.DryRun {
		return nil
	}
	_, _, err := im.Store.EnsureSuperService(ctx, im.Super, "")
	return err
}

// inOrder gives permissions in the order of the documentation.
func inOrder(permissions []protocol.Permission) []protocol.Permission {
	ordered := []protocol.Permission{}
	for _, p := range protocol.AllPermissions {
		if slices.Contains(permissions, p) {
			ordered = append(ordered, p)
		}
	}
	return ordered
}

// RolesOf puts the roles of Licode's configuration (erizoController.roles) into
// permissions, but for those that are as every service has them. Notes say what
// of them cannot be said as Licode does.
func RolesOf(config json.RawMessage) (roles map[string][]protocol.Permission, notes []string, err error) {
	var all map[string]map[string]json.RawMessage
	if err := json.Unmarshal(config, &all); err != nil {
		return nil, nil, errors.New("the roles are not an object of objects")
	}
	roles = map[string][]protocol.Permission{}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if !isText(name, 32) || len(name) > 32 {
			notes = append(notes, fmt.Sprintf("role %.40q: a name has 32 bytes at most, and no control characters; it stays out", name))
			continue
		}
		permissions := []protocol.Permission{}
		rights := object(all[name])
		for _, right := range slices.Sorted(maps.Keys(rights)) {
			if !rights.is(right) {
				continue
			}
			sub := rights.object(right)
			permission, known := erizo.Rights[right]
			switch {
			case right == "publish":
				for part, permission := range erizo.PublishRights {
					// In Licode a sub-right that is not named is granted.
					if _, named := sub[part]; !named || sub.is(part) {
						permissions = append(permissions, permission)
					}
				}
			case known:
				if len(sub) > 0 {
					notes = append(notes, fmt.Sprintf("role %s: the right %s has no sub-rights here and is granted whole", name, right))
				}
				permissions = append(permissions, permission)
			default:
				notes = append(notes, fmt.Sprintf("role %s: the right %.40s is not known and stays out", name, right))
			}
		}
		permissions = inOrder(permissions)
		if builtin, ok := protocol.BuiltinRoles[name]; !ok || !slices.Equal(inOrder(builtin), permissions) {
			roles[name] = permissions
		}
	}
	return roles, notes, nil
}
