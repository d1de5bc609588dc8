package erizo

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/tertulia-rtc/tertulia/protocol"
)

// reasonConnections is what a client reads that has too many of them.
const reasonConnections = "The client has too many connections, or too much in one"

// subscription is the client's receipt of the media of one stream.
type subscription struct {
	stream     *stream
	connection *connection // nil in a peer-to-peer room
	tracks     []protocol.Track
	mids       []string // of the sections, once they are offered
	asked      bool     // the room was asked for it
	ended      bool
	failed     bool // the client was told so, and is about to unsubscribe
	wishes     wishes
	sent       map[protocol.TrackID]protocol.Preference // what the room was told of them
	starved    map[protocol.TrackID]bool                // video by whether the link is too slow for it
	monitor    *monitor
}

// subscribe begins the receipt of a stream.
func (c *Client) subscribe(now time.Time, msg json.RawMessage, ack int) {
	o, ok := readOptions(msg)
	if !ok {
		c.refuseMedia(ack, reasonMalformed)
		return
	}
	for _, kind := range []string{"audio", "video"} {
		if _, said := o[kind]; !said {
			o[kind] = json.RawMessage("true")
		}
	}
	id, ok := o.stream("streamId")
	s := c.streams[id]
	switch {
	case !c.may(protocol.Subscribe):
		c.refuseMedia(ack, unauthorized)
	case !ok:
		c.refuseMedia(ack, reasonMalformed)
	case s == nil || !s.told:
		c.refuseMedia(ack, reasonNoStream)
	case len(s.Tracks) == 0:
		c.takeData(s, o)
		c.ack(ack, true)
		c.tellAttributes(s)
	case s.sub != nil && !s.sub.failed:
		c.refuseMedia(ack, "Stream already subscribed")
	case c.peers():
		c.subscribeToPeer(now, s, o, ack)
	default:
		c.subscribeMedia(now, s, o, ack)
	}
}

// takeData notes that the client wants messages of a stream, unless it refuses
// them. All streams can have some.
func (c *Client) takeData(s *stream, o object) { s.data = !o.refused("data") }

// subscribeMedia asks the room for the tracks that the client wants. It hears of its
// connection when the room agrees, and gets an offer after that.
func (c *Client) subscribeMedia(now time.Time, s *stream, o object, ack int) {
	if s.sub != nil {
		c.dropSubscription(now, s, true)
	}
	x := c.connectionFor(false)
	if x == nil {
		c.refuseMedia(ack, reasonConnections)
		return
	}
	sub := &subscription{
		stream: s, connection: x, wishes: readWishes(o),
		sent: map[protocol.TrackID]protocol.Preference{}, starved: map[protocol.TrackID]bool{},
	}
	ids := []protocol.TrackID{}
	for _, t := range s.Tracks {
		if t.Kind == protocol.Audio && o.truthy("audio") || t.Kind == protocol.Video && o.truthy("video") {
			sub.tracks = append(sub.tracks, t)
			ids = append(ids, t.ID)
		}
	}
	if c.overfills(x, sub) {
		c.maybeClose(x)
		c.refuseMedia(ack, reasonConnections)
		return
	}
	s.sub = sub
	c.takeData(s, o)
	if len(sub.tracks) == 0 {
		// There is a connection for it, in which nothing comes.
		c.ack(ack, true, erizoID, x.id)
		c.tellAttributes(s)
		return
	}
	sub.asked = true
	q := protocol.SubscribeTo{Stream: s.ID, Transport: x.transport, Tracks: ids}
	c.ask(protocol.TypeSubscribe, q, func(now time.Time, _ json.RawMessage, err *protocol.Error) {
		switch {
		case sub.ended || x.closed:
			c.refuseMedia(ack, reasonNoStream)
		case err != nil:
			sub.failed = true
			s.data = false
			c.dropSubscription(now, s, true)
			c.refuseMedia(ack, reasonOf(err))
		default:
			c.ack(ack, true, erizoID, x.id)
			c.tellAttributes(s)
			x.add = append(x.add, sub)
			c.proceed(now, x)
		}
	})
	c.prefer(sub)
	c.monitorSubscription(now, sub)
}

// overfills says whether a connection has no room for one more subscription: the server
// sends so many tracks of a kind in it at most.
func (c *Client) overfills(x *connection, sub *subscription) bool {
	count := map[protocol.Kind]int{}
	more := func(sub *subscription) {
		for _, t := range sub.tracks {
			count[t.Kind]++
		}
	}
	more(sub)
	for _, s := range c.order {
		if s.sub != nil && s.sub.connection == x {
			more(s.sub)
		}
	}
	return count[protocol.Audio] > protocol.MaxSlots || count[protocol.Video] > protocol.MaxSlots
}

// unsubscribe ends the receipt of a stream.
func (c *Client) unsubscribe(now time.Time, msg json.RawMessage, ack int) {
	id, ok := readStreamID(msg)
	s := c.streams[id]
	switch {
	case !c.may(protocol.Subscribe):
		c.refuse(ack, unauthorized)
	case !ok:
		c.refuse(ack, reasonMalformed)
	case s == nil:
		c.refuse(ack, reasonNoStream)
	case s.sub == nil && !s.data:
		c.refuse(ack, "Stream not subscribed")
	default:
		s.data = false
		c.ack(ack, true)
		if s.sub != nil {
			c.endSubscription(s)
			c.dropSubscription(now, s, false)
		}
	}
}

// endSubscription tells the room that the client does not want a stream any more.
func (c *Client) endSubscription(s *stream) {
	if s.sub.failed {
		return
	}
	s.sub.failed = true
	if s.sub.asked {
		c.ask(protocol.TypeUnsubscribe, protocol.Unsubscribe{StreamRef: protocol.StreamRef{Stream: s.ID}}, nil)
	}
}

// failSubscription tells the client that it gets nothing of a stream. It will
// unsubscribe from it.
func (c *Client) failSubscription(s *stream) {
	if s.sub.failed {
		return
	}
	c.endSubscription(s)
	c.connectionFailed("subscribe", s.ID)
}

// dropSubscription gives up what belongs to a subscription that is over. The client
// takes a stream for unsubscribed only when its tracks are gone, so their sections are given
// up before the connection is closed; except where it knows: it closes then by itself.
func (c *Client) dropSubscription(now time.Time, s *stream, knows bool) {
	sub, x := s.sub, s.sub.connection
	s.sub, sub.ended, sub.monitor = nil, true, nil
	if x == nil || x.closed {
		return
	}
	x.add = slices.DeleteFunc(x.add, func(o *subscription) bool { return o == sub })
	x.stop = append(x.stop, sub.mids...)
	c.qualityChanged(now, x)
	switch {
	case x.abandoned:
		c.maybeClose(x)
	case c.singlePC:
		c.proceed(now, x)
	case knows:
		c.close(x)
	default:
		x.closing = true
		c.proceed(now, x)
	}
}
