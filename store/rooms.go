package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/tertulia-rtc/tertulia/protocol"
)

const roomColumns = `id, service, name, metadata, max_participants, max_streams, codecs, audio_loudest, audio_above, created, updated, mode, licode_name, licode_media, licode_data`

// roomValues are the parameters of newRoom.
const roomValues = `$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15`

// CreateRoom keeps a new room; an empty ID is made, no Codecs are DefaultCodecs.
// ErrExists when the service has a room of that name, ErrNotFound when there is
// no such service.
func (s *Store) CreateRoom(ctx context.Context, room Room) (Room, error) {
	return s.scanRoom(s.db.QueryRowContext(ctx,
		`INSERT INTO rooms (`+roomColumns+`) VALUES (`+roomValues+`) RETURNING `+roomColumns,
		s.newRoom(room)...))
}

// GetOrCreateRoom gives the service's room of that name, made like defaults if
// there is none.
func (s *Store) GetOrCreateRoom(ctx context.Context, service protocol.ServiceID, name string, defaults Room) (room Room, created bool, err error) {
	defaults.Service, defaults.Name = service, name
	// A room that is deleted between the two statements is made by the second try.
	for range 3 {
		room, err = s.RoomNamed(ctx, service, name)
		if !errors.Is(err, ErrNotFound) {
			return room, false, err
		}
		room, err = s.scanRoom(s.db.QueryRowContext(ctx,
			`INSERT INTO rooms (`+roomColumns+`) VALUES (`+roomValues+`) ON CONFLICT (service, name) DO NOTHING RETURNING `+roomColumns,
			s.newRoom(defaults)...))
		if !errors.Is(err, ErrNotFound) {
			return room, err == nil, err
		}
		if _, err := s.Service(ctx, service); err != nil {
			return Room{}, false, err
		}
	}
	return room, false, err
}

// newRoom gives the values of roomColumns.
func (s *Store) newRoom(room Room) []any {
	if room.ID == "" {
		room.ID = protocol.RoomID(protocol.NewHexID())
	}
	now := s.now()
	audio := settings(room).Audio
	return []any{string(room.ID), string(room.Service), room.Name, string(room.Metadata), room.MaxParticipants, room.MaxStreams, encode(codecs(room)), audio.Loudest, audio.Above, now, now,
		mode(room), room.Licode.Name, room.Licode.MediaConfiguration, string(room.Licode.Data)}
}

func settings(room Room) protocol.RoomSettings {
	if room.Settings == nil {
		return protocol.DefaultRoomSettings
	}
	return *room.Settings
}

func mode(room Room) string {
	if room.Mode == "" {
		return SFU
	}
	return room.Mode
}

func codecs(room Room) []string {
	if len(room.Codecs) == 0 {
		return DefaultCodecs
	}
	return room.Codecs
}

// Room gives the room with the id, or ErrNotFound.
func (s *Store) Room(ctx context.Context, id protocol.RoomID) (Room, error) {
	return s.scanRoom(s.db.QueryRowContext(ctx, `SELECT `+roomColumns+` FROM rooms WHERE id = $1`, string(id)))
}

// RoomNamed gives the service's room of that name, or ErrNotFound.
func (s *Store) RoomNamed(ctx context.Context, service protocol.ServiceID, name string) (Room, error) {
	return s.scanRoom(s.db.QueryRowContext(ctx, `SELECT `+roomColumns+` FROM rooms WHERE service = $1 AND name = $2`, string(service), name))
}

// RoomCalled gives the newest of the service's rooms that Licode's API calls by
// that name, or ErrNotFound.
func (s *Store) RoomCalled(ctx context.Context, service protocol.ServiceID, name string) (Room, error) {
	return s.scanRoom(s.db.QueryRowContext(ctx,
		`SELECT `+roomColumns+` FROM rooms WHERE service = $1 AND (name = $2 AND licode_name = '' OR licode_name = $2 AND licode_name <> '') ORDER BY created DESC, id DESC LIMIT 1`,
		string(service), name))
}

// Rooms gives up to limit rooms of the service whose ids follow after, in the
// order of their ids.
func (s *Store) Rooms(ctx context.Context, service protocol.ServiceID, after protocol.RoomID, limit int) ([]Room, error) {
	rows, err := s.db.QueryContext(ctx,
		`SELECT `+roomColumns+` FROM rooms WHERE service = $1 AND id > $2 ORDER BY id LIMIT $3`,
		string(service), string(after), limit)
	if err != nil {
		return nil, s.fail(err)
	}
	defer rows.Close()
	rooms := []Room{}
	for rows.Next() {
		room, err := s.scanRoom(rows)
		if err != nil {
			return nil, err
		}
		rooms = append(rooms, room)
	}
	return rooms, s.fail(rows.Err())
}

// CountRooms counts the service's rooms.
func (s *Store) CountRooms(ctx context.Context, service protocol.ServiceID) (n int, err error) {
	err = s.db.QueryRowContext(ctx, `SELECT COUNT(*) FROM rooms WHERE service = $1`, string(service)).Scan(&n)
	return n, s.fail(err)
}

// UpdateRoom replaces the name, the metadata, the limits, the codecs, the
// settings, the mode and Licode of a room.
func (s *Store) UpdateRoom(ctx context.Context, room Room) (Room, error) {
	audio := settings(room).Audio
	return s.scanRoom(s.db.QueryRowContext(ctx,
		`UPDATE rooms SET name = $1, metadata = $2, max_participants = $3, max_streams = $4, codecs = $5, audio_loudest = $6, audio_above = $7, updated = $8,
		     mode = $9, licode_name = $10, licode_media = $11, licode_data = $12 WHERE id = $13 RETURNING `+roomColumns,
		room.Name, string(room.Metadata), room.MaxParticipants, room.MaxStreams, encode(codecs(room)), audio.Loudest, audio.Above, s.now(),
		mode(room), room.Licode.Name, room.Licode.MediaConfiguration, string(room.Licode.Data), string(room.ID)))
}

// DeleteRoom removes a room.
func (s *Store) DeleteRoom(ctx context.Context, id protocol.RoomID) error {
	return s.deleted(s.db.ExecContext(ctx, `DELETE FROM rooms WHERE id = $1`, string(id)))
}

// RaiseEpoch makes owner the owner of the room in a new epoch, one above the
// last; the first is 1. ErrNotFound when the room is gone.
func (s *Store) RaiseEpoch(ctx context.Context, room protocol.RoomID, owner string) (epoch uint64, err error) {
	err = s.db.QueryRowContext(ctx, `UPDATE rooms SET epoch = epoch + 1, owner = $1 WHERE id = $2 RETURNING epoch`,
		owner, string(room)).Scan(&epoch)
	return epoch, s.fail(err)
}

func (s *Store) scanRoom(r row) (Room, error) {
	var room Room
	var metadata, codecs, data string
	var created, updated int64
	room.Settings = new(protocol.RoomSettings)
	err := r.Scan(&room.ID, &room.Service, &room.Name, &metadata, &room.MaxParticipants, &room.MaxStreams, &codecs,
		&room.Settings.Audio.Loudest, &room.Settings.Audio.Above, &created, &updated,
		&room.Mode, &room.Licode.Name, &room.Licode.MediaConfiguration, &data)
	if err != nil {
		return Room{}, s.fail(err)
	}
	room.Metadata, room.Licode.Data = raw(metadata), raw(data)
	if err := json.Unmarshal([]byte(codecs), &room.Codecs); err != nil {
		return Room{}, fmt.Errorf("the codecs of room %s in the database are not valid: %w", room.ID, err)
	}
	room.Created, room.Updated = fromMillis(created), fromMillis(updated)
	return room, nil
}

// deleted says ErrNotFound for a DELETE that found nothing.
func (s *Store) deleted(result sql.Result, err error) error {
	if err != nil {
		return s.fail(err)
	}
	n, err := result.RowsAffected()
	if err != nil {
		return s.fail(err)
	}
	if n == 0 {
		return ErrNotFound
	}
	return nil
}
