package erizo

import (
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"github.com/tertulia-rtc/tertulia/protocol"
	"github.com/tertulia-rtc/tertulia/sdp"
)

// publication is what the client publishes as one stream.
type publication struct {
	// audio, video, screen and data are what the client says that it has.
	audio, video, screen, data bool
	muteAudio, muteVideo       bool
	// maxVideoBW and minVideoBW are in kilobits per second; 0: there is none.
	maxVideoBW, minVideoBW float64
	scheme                 string
	connection             *connection // nil: no media
	state                  publicationState
	failed                 bool // the client was told so, and is about to unpublish
}

type publicationState uint8

const (
	reserved   publicationState = iota // the client has the id
	publishing                         // the room was asked
	published
	withdrawn
)

// publish takes a new stream of the client.
func (c *Client) publish(now time.Time, msg json.RawMessage, ack int) {
	o, ok := readOptions(msg)
	if !ok {
		c.refuseMedia(ack, reasonMalformed)
		return
	}
	if reason := c.mayNotPublish(o); reason != "" {
		c.refuseMedia(ack, reason)
		return
	}
	s := &stream{
		Stream: protocol.Stream{ID: c.newStreamID(), Participant: c.me.ID, Data: o.truthy("data"), Label: o.text("label")},
		own: &publication{
			audio: o.truthy("audio"), video: o.truthy("video"), screen: o.truthy("screen"), data: o.truthy("data"),
			muteAudio: o.object("muteStream").truthy("audio"), muteVideo: o.object("muteStream").truthy("video"),
			maxVideoBW: o.positive("maxVideoBW"), minVideoBW: o.positive("minVideoBW"), scheme: scheme(o.text("scheme")),
		},
	}
	s.label = s.Label
	if o.given("attributes") {
		s.Attributes = o["attributes"]
	}
	switch state := o.text("state"); {
	case state == "url":
		c.refuseMedia(ack, "Publishing by URL is not available on this server yet")
	case state == "recording":
		c.refuseMedia(ack, "Publishing a recording is not available on this server yet")
	case c.peers():
		c.publishToPeers(s, ack)
	case state == "erizo":
		c.publishMedia(s, ack)
	default:
		c.publishData(s, ack)
	}
}

// mayNotPublish says why the client may not publish such a stream, or "".
func (c *Client) mayNotPublish(o object) string {
	own := 0
	for _, s := range c.order {
		if s.own != nil {
			own++
		}
	}
	switch {
	case !c.mayPublish(o):
		return unauthorized
	case own >= protocol.MaxStreams:
		return "A client publishes at most " + strconv.Itoa(protocol.MaxStreams) + " streams"
	case o.given("label") && (o.text("label") == "" || !protocol.ValidLabel(o.text("label"))):
		return "The label is not the id of a MediaStream"
	}
	if err := protocol.CheckObject("attributes", o["attributes"]); err != nil {
		return err.Message
	}
	return ""
}

// publishMedia gives the client an id and a connection at once. The room hears of the
// stream when the client's offer says in which sections it is.
func (c *Client) publishMedia(s *stream, ack int) {
	if s.label == "" || c.singlePC && c.labelled(s.label) {
		c.refuseMedia(ack, "The label is missing or in use")
		return
	}
	if !s.own.audio && !s.own.video && !s.own.screen {
		c.refuseMedia(ack, reasonNothing)
		return
	}
	x := c.connectionFor(true)
	if x == nil {
		c.refuseMedia(ack, reasonConnections)
		return
	}
	s.own.connection = x
	c.keep(s)
	c.ack(ack, s.ID, erizoID, x.id)
}

// publishOffered finds the streams that are in an offer for the first time and
// tells the room of them. It says whether the offer can be read.
func (c *Client) publishOffered(x *connection, offer string) bool {
	d, err := sdp.Parse(offer)
	if err != nil {
		return false
	}
	sections := d.Offered()
	for _, s := range c.order {
		if s.own == nil || s.own.connection != x || s.own.state != reserved || s.own.failed {
			continue
		}
		if tracks := s.tracksIn(sections); len(tracks) > 0 {
			c.publishTracks(x, s, tracks)
		}
	}
	return true
}

// tracksIn finds what of an offer is the stream, by the id of its MediaStream. What
// the client has not said that it publishes does not count: its rights were not asked for
// that.
func (s *stream) tracksIn(sections []sdp.OfferedSection) []protocol.PublishTrack {
	var tracks []protocol.PublishTrack
	count := map[protocol.Kind]int{}
	for _, o := range sections {
		if o.Rejected || o.Stream != s.label || !o.Direction.Receives() || len(tracks) == protocol.MaxTracks {
			continue
		}
		t := protocol.PublishTrack{Transport: s.own.connection.transport, MID: o.MID}
		switch {
		case o.Kind == sdp.Audio && s.own.audio:
			t.Kind, t.Source, t.Muted = protocol.Audio, protocol.Microphone, s.own.muteAudio
		case o.Kind == sdp.Video && s.own.screen:
			t.Kind, t.Source, t.Muted = protocol.Video, protocol.Screen, s.own.muteVideo
		case o.Kind == sdp.Video && s.own.video:
			t.Kind, t.Source, t.Muted = protocol.Video, protocol.Camera, s.own.muteVideo
		default:
			continue
		}
		t.ID = protocol.TrackID(t.Kind)
		if n := count[t.Kind]; n > 0 {
			t.ID += protocol.TrackID(strconv.Itoa(n + 1))
		}
		count[t.Kind]++
		tracks = append(tracks, t)
	}
	return tracks
}

// publishTracks tells the room of a stream with media.
func (c *Client) publishTracks(x *connection, s *stream, tracks []protocol.PublishTrack) {
	s.Tracks = nil
	for _, t := range tracks {
		s.Tracks = append(s.Tracks, t.Track)
	}
	c.askToPublish(s, tracks, func(err *protocol.Error) {
		switch {
		case s.own.state != publishing:
		case err != nil:
			s.own.state = withdrawn
			c.lost(x)
		default:
			s.own.state = published
			if x.connected {
				c.announce(s)
			}
			c.hint(s)
		}
	})
	c.limit(s)
}

// publishData publishes a stream that has nothing but messages.
func (c *Client) publishData(s *stream, ack int) {
	if s.own.audio || s.own.video || s.own.screen {
		c.refuseMedia(ack, reasonNothing)
		return
	}
	c.publishAtOnce(s, nil, ack)
}

// publishAtOnce publishes a stream whose media do not come here, or that has none.
func (c *Client) publishAtOnce(s *stream, tracks []protocol.PublishTrack, ack int) {
	if len(tracks) == 0 && !s.own.data {
		c.refuseMedia(ack, reasonNothing)
		return
	}
	for _, t := range tracks {
		s.Tracks = append(s.Tracks, t.Track)
	}
	c.keep(s)
	c.askToPublish(s, tracks, func(err *protocol.Error) {
		switch {
		case s.own.state != publishing:
			c.refuseMedia(ack, reasonNoStream)
		case err != nil:
			c.forget(s)
			c.refuseMedia(ack, reasonOf(err))
		default:
			s.own.state = published
			c.ack(ack, s.ID)
			c.announce(s)
		}
	})
}

// askToPublish tells the room of a stream.
func (c *Client) askToPublish(s *stream, tracks []protocol.PublishTrack, then func(*protocol.Error)) {
	s.own.state = publishing
	// Streams without data channels have messages too; only one without anything else
	// has to say that it is there for them.
	q := protocol.Publish{Stream: s.ID, Tracks: tracks, Data: len(tracks) == 0, Label: s.Label, Attributes: s.Attributes}
	c.ask(protocol.TypePublish, q, func(_ time.Time, _ json.RawMessage, err *protocol.Error) { then(err) })
}

// unpublish ends a stream of the client.
func (c *Client) unpublish(now time.Time, msg json.RawMessage, ack int) {
	id, ok := readStreamID(msg)
	s := c.streams[id]
	switch {
	case !c.mayPublish(nil):
		c.refuse(ack, unauthorized)
	case !ok:
		c.refuse(ack, reasonMalformed)
	case s == nil:
		c.refuse(ack, reasonNoStream)
	case s.own == nil:
		c.refuse(ack, unauthorized)
	default:
		c.withdraw(s)
		c.ack(ack, true)
		c.removed(now, s)
	}
}

// withdraw takes a stream out of the room, if it is there.
func (c *Client) withdraw(s *stream) {
	if s.own.state == publishing || s.own.state == published {
		c.ask(protocol.TypeUnpublish, protocol.Unpublish{StreamRef: protocol.StreamRef{Stream: s.ID}}, nil)
	}
	s.own.state = withdrawn
}

// dropPublication ends what belongs to a stream that is forgotten.
func (c *Client) dropPublication(s *stream) {
	s.own.state = withdrawn
	if x := s.own.connection; x != nil && !x.closed {
		c.maybeClose(x)
	}
}

// failPublication tells the client that a stream of its does not work. It will
// unpublish it.
func (c *Client) failPublication(s *stream) {
	if s.own.failed {
		return
	}
	s.own.failed = true
	c.withdraw(s)
	c.connectionFailed("publish", s.ID)
}

// connectionFailed tells the client which of its streams a connection was lost for.
func (c *Client) connectionFailed(typ string, id protocol.StreamID) {
	c.emit("connection_failed", struct {
		Type     string            `json:"type"`
		StreamID protocol.StreamID `json:"streamId"`
	}{typ, id})
}

// owned gives a stream of the client, or the reason why it has none of that id.
func (c *Client) owned(id protocol.StreamID, ok bool) (*stream, string) {
	s := c.streams[id]
	switch {
	case !ok:
		return nil, reasonMalformed
	case s == nil:
		return nil, reasonNoStream
	case s.own == nil:
		return nil, reasonNotOwner
	}
	return s, ""
}

// inRoom says whether the room knows the stream, or is about to.
func (p *publication) inRoom() bool { return p.state == publishing || p.state == published }

// limit tells the room what the client allows its subscribers of its video.
func (c *Client) limit(s *stream) {
	if s.own.maxVideoBW == 0 || !s.own.inRoom() {
		return
	}
	for _, t := range s.tracksOf(protocol.Video) {
		c.ask(protocol.TypeLimit, protocol.Limit{Stream: s.ID, Track: t.ID, MaxBitrate: bitrate(s.own.maxVideoBW)}, nil)
	}
}

// tracksOf gives the tracks of a kind.
func (s *stream) tracksOf(kind protocol.Kind) []protocol.Track {
	return slices.DeleteFunc(slices.Clone(s.Tracks), func(t protocol.Track) bool { return t.Kind != kind })
}
