package licode

import (
	"context"
	"errors"

	"github.com/tertulia-rtc/tertulia/protocol"
	"github.com/tertulia-rtc/tertulia/store"
)

// In Licode any number of rooms of a service, and of services, may have one
// name. Here names are unique, so that of several the first has the name, and
// the others have it with a part of their id behind it. Nuve goes on telling the
// name that they were given.

// tail is how many characters of an id tell rooms of one name apart.
const tail = 6

// nameOf gives what Nuve calls a room.
func nameOf(room store.Room) string {
	if room.Licode.Name != "" {
		return room.Licode.Name
	}
	return room.Name
}

// renameRoom gives a room a name that other rooms may have.
func renameRoom(room *store.Room, name string) {
	if name != nameOf(*room) {
		room.Name, room.Licode.Name = name, ""
	}
}

// twinName gives what a room or service is called when the name is taken.
func twinName(name, id string) string { return name + " " + id[len(id)-tail:] }

// AddRoom makes a room, under another name in the store if its own is taken.
func AddRoom(ctx context.Context, s *store.Store, room store.Room) (store.Room, error) {
	if room.ID == "" {
		room.ID = protocol.RoomID(protocol.NewHexID())
	}
	return storeRoom(room, func(r store.Room) (store.Room, error) { return s.CreateRoom(ctx, r) })
}

// storeRoom writes a room by its name or, where that is taken, by its twin name.
// A room that has the id already is ErrExists.
func storeRoom(room store.Room, write func(store.Room) (store.Room, error)) (store.Room, error) {
	written, err := write(room)
	if !errors.Is(err, store.ErrExists) {
		return written, err
	}
	name := nameOf(room)
	room.Licode.Name = name
	for _, twin := range []string{twinName(name, string(room.ID)), name + " " + string(room.ID)} {
		room.Name = twin
		if written, err = write(room); !errors.Is(err, store.ErrExists) {
			break
		}
	}
	return written, err
}
