package erizo

import "github.com/tertulia-rtc/tertulia/protocol"

// Reasons that clients read, where Licode has a text of its own for them or
// gives no answer at all.
const (
	reasonUnknown   = "Unknown event"
	reasonMalformed = "The message can not be read"
	reasonNoStream  = "Stream does not exist"
	reasonNotOwner  = "Stream belongs to another client"
	reasonTooMuch   = "Too many requests are waiting"
	reasonPeers     = "The room is peer to peer"
	reasonNothing   = "There is nothing to publish"
	reasonGone      = "Client has left the room"
)

// ack answers an event of the client, if it asked for that.
func (c *Client) ack(id int, args ...any) {
	if args == nil {
		args = []any{}
	}
	if id != NoAck {
		c.do(Ack{ID: id, Args: args})
	}
}

// refuse answers with an error, in the place of most events.
func (c *Client) refuse(id int, reason string) { c.ack(id, nil, reason) }

// refuseMedia answers publish or subscribe with an error. The client reads the reason
// in the fourth place where media were to come, and in the second where not.
func (c *Client) refuseMedia(id int, reason string) { c.ack(id, nil, reason, nil, reason) }

// settle answers an event with what became of the native request.
func (c *Client) settle(id int, err *protocol.Error) {
	if err != nil {
		c.refuse(id, reasonOf(err))
		return
	}
	c.ack(id)
}

// reasonOf gives the sentence of an error of the room.
func reasonOf(err *protocol.Error) string {
	if err.Code == protocol.CodeForbidden {
		return unauthorized
	}
	return err.Message
}
