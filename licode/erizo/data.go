package erizo

import (
	"encoding/json"
	"time"

	"github.com/tertulia-rtc/tertulia/protocol"
)

// dataMessage is what a stream has to say, in both directions.
type dataMessage struct {
	ID  protocol.StreamID `json:"id"`
	Msg json.RawMessage   `json:"msg"`
}

// sendData sends a message of one of the client's streams to those who take
// messages of it. Licode lets anybody speak for any stream.
func (c *Client) sendData(_ time.Time, msg json.RawMessage, ack int) {
	o, ok := readObject(msg)
	id, known := o.stream("id")
	s, reason := c.owned(id, ok && known)
	if reason != "" {
		c.refuse(ack, reason)
		return
	}
	data := o["msg"]
	if len(data) == 0 {
		data = json.RawMessage("null")
	}
	q := protocol.Message{ID: c.newMessageID(), Stream: s.ID, Data: data}
	if err := q.Validate(); err != nil {
		c.refuse(ack, reasonOf(err))
		return
	}
	if !s.own.inRoom() {
		c.ack(ack) // nobody can have subscribed to it yet
		return
	}
	c.ask(protocol.TypeMessage, q, func(_ time.Time, _ json.RawMessage, err *protocol.Error) { c.settle(ack, err) })
}

// messageCame passes a message on, if the client takes those of its stream. What
// participants of other kinds say belongs to no stream: it comes with the first of theirs that
// the client takes messages of.
func (c *Client) messageCame(_ time.Time, m protocol.Message) {
	for _, s := range c.order {
		if s.data && s.Participant == m.From && (m.Stream == 0 || m.Stream == s.ID) {
			c.emit("onDataStream", dataMessage{ID: s.ID, Msg: m.Data})
			return
		}
	}
}

// updateAttributes replaces the attributes of one of the client's streams.
func (c *Client) updateAttributes(_ time.Time, msg json.RawMessage, ack int) {
	o, ok := readObject(msg)
	id, known := o.stream("id")
	s, reason := c.owned(id, ok && known)
	if reason != "" {
		c.refuse(ack, reason)
		return
	}
	attributes := json.RawMessage("{}")
	if o.given("attrs") {
		attributes = o["attrs"]
	}
	if err := protocol.CheckObject("attributes", attributes); err != nil {
		c.refuse(ack, err.Message)
		return
	}
	s.Attributes = attributes
	if !s.own.inRoom() {
		c.ack(ack) // it will be published with them
		return
	}
	q := protocol.Attributes{Stream: s.ID, Attributes: attributes}
	c.ask(protocol.TypeAttributes, q, func(_ time.Time, _ json.RawMessage, err *protocol.Error) { c.settle(ack, err) })
}
