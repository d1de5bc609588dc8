package erizo

import (
	"bytes"
	"encoding/json"
	"slices"
	"time"

	"github.com/tertulia-rtc/tertulia/protocol"
)

// stream is what the client knows of a stream of the room.
type stream struct {
	protocol.Stream
	// label is the id of its MediaStream, as the client was told. It is for life:
	// what the client gets of the stream has to come under it.
	label string
	// attributes are those that the client was told last.
	attributes json.RawMessage
	told       bool          // the client knows of it
	own        *publication  // nil where it is another's
	sub        *subscription // of the client, with media; or nil
	data       bool          // the client takes messages of it
}

// publicStream is how the client sees a stream.
type publicStream struct {
	ID         protocol.StreamID `json:"id"`
	Audio      bool              `json:"audio"`
	Video      bool              `json:"video"`
	Data       bool              `json:"data"`
	Label      string            `json:"label,omitempty"`
	Screen     bool              `json:"screen"`
	Attributes json.RawMessage   `json:"attributes,omitempty"`
}

// streamRef names a stream towards the client.
type streamRef struct {
	ID protocol.StreamID `json:"id"`
}

// learn notes a stream of the room, and finds a label for it: its own if the
// client can tell it from others by that. Peers send theirs as they are.
func (c *Client) learn(from protocol.Stream) *stream {
	s := &stream{Stream: from, label: from.Label}
	if s.label == "" || c.labelled(s.label) && !c.peers() {
		s.label = "s" + s.ID.String()
	}
	for c.labelled(s.label) && !c.peers() {
		s.label = "s" + c.newMessageID()
	}
	c.keep(s)
	return s
}

func (c *Client) keep(s *stream) {
	c.streams[s.ID] = s
	c.order = append(c.order, s)
}

func (c *Client) labelled(label string) bool {
	return slices.ContainsFunc(c.order, func(s *stream) bool { return s.label == label })
}

// public gives the stream as the client sees it, which it is about to be told.
// Screens are video too: clients would not subscribe to them otherwise. Everybody
// may send data with Licode.
func (s *stream) public() publicStream {
	s.told, s.attributes = true, s.Attributes
	p := publicStream{ID: s.ID, Data: true, Label: s.label, Attributes: s.Attributes}
	for _, t := range s.Tracks {
		p.Audio = p.Audio || t.Kind == protocol.Audio
		p.Video = p.Video || t.Kind == protocol.Video
		p.Screen = p.Screen || t.Source == protocol.Screen
	}
	if s.own != nil {
		p.Audio, p.Video, p.Screen, p.Data = s.own.audio, s.own.video, s.own.screen, s.own.data
	}
	return p
}

// announce tells the client of a stream.
func (c *Client) announce(s *stream) {
	if !s.told {
		c.emit("onAddStream", s.public())
	}
}

func (c *Client) streamPublished(now time.Time, from protocol.Stream) {
	switch known := c.streams[from.ID]; {
	case known == nil:
		c.announce(c.learn(from))
	case known.own == nil:
		c.updated(now, known, from)
	}
}

func (c *Client) streamUpdated(now time.Time, u protocol.StreamUpdated) {
	if s := c.streams[u.Stream.ID]; s != nil {
		c.updated(now, s, u.Stream)
	}
}

// updated takes in what has changed of a stream. Licode's clients cannot be told of
// other tracks: for them it ends, and there is another one.
func (c *Client) updated(now time.Time, s *stream, to protocol.Stream) {
	if s.own == nil && !sameTracks(s.Tracks, to.Tracks) {
		if s.sub != nil && !s.sub.failed {
			c.ask(protocol.TypeUnsubscribe, protocol.Unsubscribe{StreamRef: protocol.StreamRef{Stream: s.ID}}, nil)
		}
		hint, hinted := c.hints[s.ID]
		c.removed(now, s)
		if hinted {
			c.hints[s.ID] = hint
		}
		c.announce(c.learn(to))
		return
	}
	s.Stream = to
	c.tellAttributes(s)
}

// sameTracks says whether a client could be subscribed to one as to the other.
func sameTracks(a, b []protocol.Track) bool {
	return slices.EqualFunc(a, b, func(a, b protocol.Track) bool {
		return a.ID == b.ID && a.Kind == b.Kind && a.Source == b.Source
	})
}

// tellAttributes tells attributes that are new to the client if it takes data of
// the stream, as Licode has it.
func (c *Client) tellAttributes(s *stream) {
	if !s.told || !s.data || bytes.Equal(s.attributes, s.Attributes) {
		return
	}
	s.attributes = s.Attributes
	attributes := s.Attributes
	if attributes == nil {
		attributes = json.RawMessage("{}")
	}
	c.emit("onUpdateAttributeStream", struct {
		ID    protocol.StreamID `json:"id"`
		Attrs json.RawMessage   `json:"attrs"`
	}{s.ID, attributes})
}

func (c *Client) streamUnpublished(now time.Time, u protocol.StreamUnpublished) {
	if s := c.streams[u.Stream]; s != nil {
		c.removed(now, s)
	}
}

// removed ends what the client has of a stream that is gone from the room.
func (c *Client) removed(now time.Time, s *stream) {
	c.forget(s)
	if s.told {
		c.emit("onRemoveStream", streamRef{s.ID})
	}
	if s.sub != nil {
		c.dropSubscription(now, s, true)
	}
	if s.own != nil {
		c.dropPublication(s)
	}
}

// forget takes a stream out of what is known.
func (c *Client) forget(s *stream) {
	if c.streams[s.ID] == s {
		delete(c.streams, s.ID)
	}
	c.order = slices.DeleteFunc(c.order, func(o *stream) bool { return o == s })
	delete(c.hints, s.ID)
}
