package erizo

import (
	"encoding/json"
	"time"

	"github.com/tertulia-rtc/tertulia/protocol"
)

// In a peer-to-peer room a publisher makes a connection to each client that
// subscribes to one of its streams, and the room passes on what they say about it.

// peers says whether the media of the room go from client to client.
func (c *Client) peers() bool { return c.mode == protocol.P2P }

// peerMessage is a signal between two of Licode's clients. Those of other kinds
// have signals of their own, which mean nothing to these.
type peerMessage struct {
	Licode *peerSaid `json:"licode"`
}

type peerSaid struct {
	Stream protocol.StreamID `json:"streamId"`
	Msg    json.RawMessage   `json:"msg"`
}

// peerRequest asks a publisher to begin or to end a connection for a stream.
type peerRequest struct {
	StreamID   protocol.StreamID      `json:"streamId"`
	PeerSocket protocol.ParticipantID `json:"peerSocket"`
}

// publishToPeers publishes what the client says that the stream has.
func (c *Client) publishToPeers(s *stream, ack int) {
	var tracks []protocol.PublishTrack
	add := func(kind protocol.Kind, source protocol.Source) {
		tracks = append(tracks, protocol.PublishTrack{Track: protocol.Track{ID: protocol.TrackID(kind), Kind: kind, Source: source}})
	}
	if s.own.audio {
		add(protocol.Audio, protocol.Microphone)
	}
	switch {
	case s.own.screen:
		add(protocol.Video, protocol.Screen)
	case s.own.video:
		add(protocol.Video, protocol.Camera)
	}
	c.publishAtOnce(s, tracks, ack)
}

// subscribeToPeer asks for a stream: its publisher will offer a connection.
func (c *Client) subscribeToPeer(now time.Time, s *stream, o object, ack int) {
	if s.sub != nil {
		c.dropSubscription(now, s, true)
	}
	sub := &subscription{stream: s, tracks: s.Tracks, asked: true}
	s.sub = sub
	c.takeData(s, o)
	c.ask(protocol.TypeSubscribe, protocol.SubscribeTo{Stream: s.ID}, func(now time.Time, _ json.RawMessage, err *protocol.Error) {
		switch {
		case sub.ended:
			c.refuseMedia(ack, reasonNoStream)
		case err != nil:
			sub.failed = true
			s.data = false
			c.dropSubscription(now, s, true)
			c.refuseMedia(ack, reasonOf(err))
		default:
			c.ack(ack, true)
			c.tellAttributes(s)
		}
	})
}

func (c *Client) streamSubscribed(_ time.Time, e protocol.StreamSubscribed) {
	onlyData := e.Tracks != nil && len(e.Tracks) == 0
	if s := c.streams[e.Stream]; s != nil && s.own != nil && !onlyData {
		c.emit("publish_me", peerRequest{e.Stream, e.Participant})
	}
}

func (c *Client) streamUnsubscribed(_ time.Time, e protocol.StreamUnsubscribed) {
	if s := c.streams[e.Stream]; s != nil && s.own != nil {
		c.emit("unpublish_me", peerRequest{e.Stream, e.Participant})
	}
}

// streamMessageP2P passes on what the client says to another about a stream of
// one of the two.
func (c *Client) streamMessageP2P(_ time.Time, msg json.RawMessage, ack int) {
	o, ok := readOptions(msg)
	id, known := o.stream("streamId")
	to := protocol.ParticipantID(o.text("peerSocket"))
	s := c.streams[id]
	switch {
	case !c.peers():
		c.refuse(ack, "The room is not peer to peer")
		return
	case !ok || !known || !to.Valid() || !o.given("msg"):
		c.refuse(ack, reasonMalformed)
		return
	case s == nil || s.own == nil && s.Participant != to:
		c.refuse(ack, reasonNoStream)
		return
	}
	data, err := json.Marshal(peerMessage{&peerSaid{Stream: id, Msg: o["msg"]}})
	q := protocol.Signal{To: to, Data: data}
	if err != nil || q.Validate() != nil {
		c.refuse(ack, reasonMalformed)
		return
	}
	c.ask(protocol.TypeSignal, q, func(_ time.Time, _ json.RawMessage, err *protocol.Error) { c.settle(ack, err) })
}

// signalCame passes on what another client says about a stream of one of the two.
func (c *Client) signalCame(_ time.Time, q protocol.Signal) {
	var m peerMessage
	if json.Unmarshal(q.Data, &m) != nil || m.Licode == nil {
		return
	}
	if s := c.streams[m.Licode.Stream]; s == nil || s.own == nil && s.Participant != q.From {
		return
	}
	c.emit("stream_message_p2p", struct {
		peerRequest
		Msg json.RawMessage `json:"msg"`
	}{peerRequest{m.Licode.Stream, q.From}, m.Licode.Msg})
}
