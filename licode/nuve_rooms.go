package licode

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/tertulia-rtc/tertulia/codec"
	"github.com/tertulia-rtc/tertulia/protocol"
	"github.com/tertulia-rtc/tertulia/store"
)

// roomDocument is a room as Nuve shows it.
type roomDocument struct {
	Name               string          `json:"name"`
	P2P                bool            `json:"p2p,omitempty"`
	Data               json.RawMessage `json:"data,omitempty"`
	MediaConfiguration string          `json:"mediaConfiguration,omitempty"`
	ID                 protocol.RoomID `json:"_id"`
}

func showRoom(room store.Room) roomDocument {
	return roomDocument{
		Name: nameOf(room), P2P: isP2P(room), Data: dataOf(room),
		MediaConfiguration: mediaConfigurationOf(room), ID: room.ID,
	}
}

// isP2P says whether participants of the room send media to each other.
func isP2P(room store.Room) bool { return room.Mode == protocol.P2P }

// mediaConfigurations are the codecs of Licode's named configurations. Those
// that are not here, "default" among them, are the default of rooms, which
// begins with VP8 as Licode's does.
var mediaConfigurations = map[string][]string{
	"VP8_AND_OPUS":  {codec.VP8, codec.Opus},
	"VP9_AND_OPUS":  {codec.VP9, codec.Opus},
	"H264_AND_OPUS": {codec.H264, codec.Opus},
}

// maxConfiguration bounds the name of a configuration, in characters.
const maxConfiguration = 64

// configureMedia sets the codecs of a room by the name of a configuration.
func configureMedia(room *store.Room, name string) {
	room.Licode.MediaConfiguration = name
	room.Codecs = codecsOf(name)
}

func codecsOf(configuration string) []string {
	if codecs, ok := mediaConfigurations[configuration]; ok {
		return codecs
	}
	return store.DefaultCodecs
}

// mediaConfigurationOf gives the name that was set, unless the codecs were
// changed since by other means.
func mediaConfigurationOf(room store.Room) string {
	if name := room.Licode.MediaConfiguration; slices.Equal(room.Codecs, codecsOf(name)) {
		return name
	}
	return ""
}

// Nuve's data is the room's metadata, which participants see; except that what
// is not an object, or is too large, is kept beside it, for Nuve alone. When
// there is metadata, that is what counts.

func dataOf(room store.Room) json.RawMessage {
	if room.Metadata != nil {
		return room.Metadata
	}
	return room.Licode.Data
}

func setData(room *store.Room, data json.RawMessage) error {
	var compact bytes.Buffer
	if err := json.Compact(&compact, data); err != nil || compact.Len() > maxBody {
		return errBadRoom
	}
	room.Metadata, room.Licode.Data = nil, nil
	if compact.Bytes()[0] == '{' && compact.Len() <= protocol.MaxMetadata {
		room.Metadata = compact.Bytes()
	} else {
		room.Licode.Data = compact.Bytes()
	}
	return nil
}

// mergeData sets some keys of the data. Data that is no object gives way.
func mergeData(room *store.Room, patch json.RawMessage) error {
	var fields, merged object
	if json.Unmarshal(patch, &fields) != nil {
		return errBadRoom
	}
	if json.Unmarshal(dataOf(*room), &merged) != nil || merged == nil {
		merged = object{}
	}
	for key, value := range fields {
		merged[key] = value
	}
	whole, err := encode(merged)
	if err != nil {
		return errBadRoom
	}
	return setData(room, whole)
}

// apply sets what POST and PUT take of their options; neither can unset.
func (o object) apply(room *store.Room) error {
	if o.is("p2p") {
		room.Mode = protocol.P2P
	}
	if o.is("data") {
		if err := setData(room, o["data"]); err != nil {
			return err
		}
	}
	if name, ok := o.text("mediaConfiguration"); ok {
		if name != "" && !isText(name, maxConfiguration) {
			return errBadRoom
		}
		configureMedia(room, name)
	}
	return nil
}

// testRoom is what a service's room for tests is called.
const testRoom = "testRoom"

func (n *Nuve) createRoom(c *call) (any, error) {
	name, ok := c.body.name()
	if !ok {
		return nil, errBadRoom
	}
	options := c.body.object("options")
	room := store.Room{Service: c.service.ID, Name: name}
	if options.is("test") {
		room.Name = testRoom
	} else if err := options.apply(&room); err != nil {
		return nil, err
	}
	if options.is("test") || options.is("getOrCreate") {
		return n.getOrCreate(c, room)
	}
	room, err := AddRoom(c.ctx, n.Store, room)
	return showRoom(room), err
}

func (n *Nuve) getOrCreate(c *call, room store.Room) (any, error) {
	found, err := n.Store.RoomCalled(c.ctx, c.service.ID, room.Name)
	if errors.Is(err, store.ErrNotFound) {
		// Of two who ask at once, the second gets the first's.
		found, _, err = n.Store.GetOrCreateRoom(c.ctx, c.service.ID, room.Name, room)
	}
	if errors.Is(err, store.ErrNotFound) {
		return nil, failure{http.StatusNotFound, "Service not found"}
	}
	return showRoom(found), err
}

func (n *Nuve) listRooms(c *call) (any, error) { return n.roomsOf(c, c.service.ID) }

// roomsOf gives all rooms of a service as they were made, which is Licode's order: applications
// take the first for theirs.
func (n *Nuve) roomsOf(c *call, service protocol.ServiceID) ([]roomDocument, error) {
	const page = 500
	var all []store.Room
	for after := protocol.RoomID(""); ; {
		rooms, err := n.Store.Rooms(c.ctx, service, after, page)
		if err != nil {
			return nil, err
		}
		all = append(all, rooms...)
		if len(rooms) < page {
			break
		}
		after = rooms[len(rooms)-1].ID
	}
	slices.SortStableFunc(all, func(a, b store.Room) int { return a.Created.Compare(b.Created) })
	shown := []roomDocument{}
	for _, room := range all {
		shown = append(shown, showRoom(room))
	}
	return shown, nil
}

// room gives the room that the path names. Another service's is not there, as
// far as this one can tell.
func (n *Nuve) room(c *call) (store.Room, error) {
	id := protocol.RoomID(strings.ToLower(c.params["room"]))
	if !id.Valid() {
		return store.Room{}, errNoRoom
	}
	room, err := n.Store.Room(c.ctx, id)
	if errors.Is(err, store.ErrNotFound) || err == nil && room.Service != c.service.ID {
		return store.Room{}, errNoRoom
	}
	return room, err
}

func (n *Nuve) getRoom(c *call) (any, error) {
	room, err := n.room(c)
	return showRoom(room), err
}

func (n *Nuve) updateRoom(c *call) (any, error) {
	room, err := n.room(c)
	if err != nil {
		return nil, err
	}
	name, ok := c.body.name()
	if !ok {
		return nil, errBadRoom
	}
	renameRoom(&room, name)
	if err := c.body.object("options").apply(&room); err != nil {
		return nil, err
	}
	return n.changeRoom(c, room)
}

func (n *Nuve) patchRoom(c *call) (any, error) {
	room, err := n.room(c)
	if err != nil {
		return nil, err
	}
	if c.body.is("name") {
		name, ok := c.body.name()
		if !ok {
			return nil, errBadRoom
		}
		renameRoom(&room, name)
	}
	options := c.body.object("options")
	if options.is("p2p") {
		room.Mode = protocol.P2P
	}
	if options.is("data") {
		if err := mergeData(&room, options["data"]); err != nil {
			return nil, err
		}
	}
	return n.changeRoom(c, room)
}

// changeRoom keeps a changed room and tells who is in it.
func (n *Nuve) changeRoom(c *call, room store.Room) (any, error) {
	room, err := storeRoom(room, func(r store.Room) (store.Room, error) { return n.Store.UpdateRoom(c.ctx, r) })
	if errors.Is(err, store.ErrNotFound) {
		return nil, errNoRoom
	}
	if err != nil {
		return nil, err
	}
	return "Room Updated", n.Rooms.RoomChanged(c.ctx, room)
}

func (n *Nuve) deleteRoom(c *call) (any, error) {
	room, err := n.room(c)
	if err != nil {
		return nil, err
	}
	// The row goes first, so that nobody can come in while the call ends.
	if err := n.Store.DeleteRoom(c.ctx, room.ID); err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	return "Room deleted", n.Rooms.CloseRoom(c.ctx, room.ID)
}
