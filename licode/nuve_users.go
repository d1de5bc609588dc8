package licode

import (
	"errors"
	"net/http"

	"github.com/tertulia-rtc/tertulia/protocol"
)

// userDocument is a participant as Nuve shows it: one of these for each
// presence, so a name may be there twice.
type userDocument struct {
	Name        string `json:"name"`
	Role        string `json:"role"`
	Permissions rights `json:"permissions"`
}

func showUser(p protocol.Participant) userDocument {
	return userDocument{Name: p.User, Role: p.Role, Permissions: rightsOf(p.Permissions)}
}

var (
	errNoUser    = failure{http.StatusNotFound, "User does not exist"}
	errNobody    = failure{http.StatusNotFound, "Room does not exist or the user is not connected"}
	errNoList    = failure{http.StatusServiceUnavailable, "Erizo Controller managing this room does not respond"}
	errNoCloud   = failure{http.StatusServiceUnavailable, "CloudHandler does not respond"}
	errKickLater = failure{http.StatusNotFound, "timeout"}
)

// present gives who is in the room that the path names; late is the answer when
// that cannot be told now.
func (n *Nuve) present(c *call, late failure) (protocol.RoomID, []protocol.Participant, error) {
	room, err := n.room(c)
	if err != nil {
		return "", nil, err
	}
	all, err := n.Rooms.Participants(c.ctx, room.ID)
	if err != nil {
		n.Log.WarnContext(c.ctx, "who is in a room could not be told", "room", room.ID, "reason", err)
		return "", nil, late
	}
	return room.ID, all, nil
}

func (n *Nuve) listUsers(c *call) (any, error) {
	_, all, err := n.present(c, errNoList)
	if err != nil {
		return nil, err
	}
	users := []userDocument{}
	for _, p := range all {
		users = append(users, showUser(p))
	}
	return users, nil
}

func (n *Nuve) getUser(c *call) (any, error) {
	_, all, err := n.present(c, errNoCloud)
	if err != nil {
		return nil, err
	}
	for _, p := range all {
		if p.User == c.params["user"] {
			return showUser(p), nil
		}
	}
	return nil, errNoUser
}

// kickUser ends all presences of the user of that name.
func (n *Nuve) kickUser(c *call) (any, error) {
	room, all, err := n.present(c, errKickLater)
	switch {
	case err != nil:
		return nil, err
	case len(all) == 0:
		return nil, errNobody
	}
	kicked := false
	for _, p := range all {
		if p.User != c.params["user"] {
			continue
		}
		var known *protocol.Error
		err := n.Rooms.Kick(c.ctx, room, p.ID, "")
		switch {
		case err == nil:
			kicked = true
		case errors.As(err, &known) && known.Code == protocol.CodeNotFound: // has left meanwhile
		default:
			n.Log.WarnContext(c.ctx, "a user could not be kicked", "room", room, "participant", p.ID, "reason", err)
			return nil, errKickLater
		}
	}
	if !kicked {
		return nil, errNoUser
	}
	return "Success", nil
}
