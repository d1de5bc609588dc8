package erizo

import (
	"encoding/json"
	"time"

	"github.com/tertulia-rtc/tertulia/protocol"
)

// startRecorder would record a stream.
func (c *Client) startRecorder(_ time.Time, msg json.RawMessage, ack int) {
	o, ok := readObject(msg)
	id, known := o.stream("to")
	s := c.streams[id]
	switch {
	case !c.may(protocol.Record):
		c.refuse(ack, unauthorized)
	case !ok || !known:
		c.refuse(ack, reasonMalformed)
	case c.peers():
		c.refuse(ack, "Stream can not be recorded")
	case s == nil:
		c.refuse(ack, "Unable to subscribe to stream for recording, publisher not present")
	case len(s.Tracks) == 0:
		c.refuse(ack, "Stream can not be recorded")
	default:
		c.refuse(ack, "Recording is not available on this server yet")
	}
}

// stopRecorder would end a recording; there is none.
func (c *Client) stopRecorder(_ time.Time, _ json.RawMessage, ack int) {
	if !c.may(protocol.Record) {
		c.refuse(ack, unauthorized)
		return
	}
	c.refuse(ack, "This stream is not being recorded")
}
