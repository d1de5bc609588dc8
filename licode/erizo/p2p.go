package erizo

import (
	"encoding/json"
	"time"
)

// peers says whether the media of the room go from client to client.
func (c *Client) peers() bool { return false }

func (c *Client) publishToPeers(s *stream, ack int) {}

func (c *Client) subscribeToPeer(s *stream, o object, ack int) {}

func (c *Client) streamMessageP2P(_ time.Time, _ json.RawMessage, ack int) {
	c.refuse(ack, "The room is not peer to peer")
}
