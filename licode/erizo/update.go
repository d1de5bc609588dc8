package erizo

import (
	"encoding/json"
	"time"

	"github.com/tertulia-rtc/tertulia/protocol"
)

// Limits of the time between the pictures of a slideshow, in milliseconds.
const (
	minSlideshow = 2_000
	maxSlideshow = 10_000
)

// wishes are what the client wants of a subscription, from all that it has said.
type wishes struct {
	muteAudio, muteVideo bool
	maxVideoBW           float64 // kilobits per second; 0: no limit
	width, height        int     // pixels; 0: no limit
	frameRate            float64 // per second; 0: no limit
	pin                  *protocol.PinnedLayer
	slideshow            int // milliseconds; 0: moving pictures
	slideshowBelow       int // spatial layer; 0: never
	priority             string
	// What the stream's scheme does to spare the link.
	withoutVideo, slides bool
}

// readWishes reads the options of subscribe. Licode forgets those of the size and
// of the bandwidth until they are said again.
func readWishes(o object) wishes {
	w := wishes{priority: defaultPriority}
	w.read(o)
	return w
}

// read takes in those of the settings that are there.
func (w *wishes) read(o object) {
	if mute, ok := o["muteStream"]; ok {
		m, _ := readObject(mute)
		w.muteAudio, w.muteVideo = m.truthy("audio"), m.truthy("video")
	}
	if kbps := o.positive("maxVideoBW"); kbps > 0 {
		w.maxVideoBW = kbps
	}
	if _, ok := o["video"]; ok {
		v := o.object("video")
		w.width, w.height = v.upTo("width", protocol.MaxWantedSize), v.upTo("height", protocol.MaxWantedSize)
		w.frameRate = min(v.object("frameRate").positive("max"), protocol.MaxWantedRate)
	}
	if layer := o.object("qualityLayer"); layer != nil {
		w.pin = readPin(layer)
	}
	if _, ok := o["slideShowMode"]; ok {
		w.slideshow = o.slideshow("slideShowMode")
	}
	if below := o.object("slideShowBelowLayer"); below != nil {
		w.slideshowBelow = 0
		// Below the smallest layer the room sends nothing, however slow the pictures.
		if n, ok := below.integer("spatialLayer"); ok && below.truthy("enabled") {
			w.slideshowBelow = max(0, min(n, protocol.MaxLayer))
		}
	}
	if o.given("priorityLevel") {
		if p := o.word("priorityLevel"); len(p) <= maxPriorityName {
			w.priority = p
		}
	}
}

// maxPriorityName bounds the names of priorities.
const maxPriorityName = 32

// upTo gives the upper bound of a constraint, {max: …}; 0: none.
func (o object) upTo(name string, most float64) int {
	return int(min(o.object(name).positive("max"), most))
}

// readPin reads a layer to insist on; if one of its numbers is −1 the choice is the room's.
func readPin(o object) *protocol.PinnedLayer {
	spatial, ok := o.integer("spatialLayer")
	temporal, also := o.integer("temporalLayer")
	if !ok || !also || spatial < 0 || temporal < 0 {
		return nil
	}
	return &protocol.PinnedLayer{Spatial: min(spatial, protocol.MaxLayer), Temporal: min(temporal, protocol.MaxLayer)}
}

// slideshow reads true, a period in milliseconds, or anything else for moving
// pictures.
func (o object) slideshow(name string) int {
	if string(o[name]) == "true" {
		return minSlideshow
	}
	if period, ok := o.integer(name); ok {
		return max(minSlideshow, min(period, maxSlideshow))
	}
	return 0
}

// preference says what the wishes are for one track.
func (c *Client) preference(sub *subscription, t protocol.Track) protocol.Preference {
	w := &sub.wishes
	p := protocol.Preference{Stream: sub.stream.ID, Track: t.ID}
	if t.Kind == protocol.Audio {
		p.Paused = w.muteAudio
		return p
	}
	p.Width, p.Height, p.FrameRate = w.width, w.height, w.frameRate
	p.MaxBitrate = bitrate(w.maxVideoBW)
	p.Priority = c.weight(w.priority)
	p.Paused = w.muteVideo || w.withoutVideo
	p.Pin = w.pin
	p.Slideshow = w.slideshow
	if p.Slideshow == 0 && w.slides {
		p.Slideshow = minSlideshow
	}
	p.SlideshowBelow = w.slideshowBelow
	return p
}

// prefer tells the room what has changed of the wishes.
func (c *Client) prefer(sub *subscription) {
	if sub.failed || sub.ended {
		return
	}
	for _, t := range sub.tracks {
		p := c.preference(sub, t)
		before, ok := sub.sent[t.ID]
		if !ok {
			before = protocol.Preference{Stream: p.Stream, Track: p.Track}
		}
		if samePreference(before, p) {
			continue
		}
		sub.sent[t.ID] = p
		c.ask(protocol.TypePrefer, p, nil)
	}
}

func samePreference(a, b protocol.Preference) bool {
	if (a.Pin == nil) != (b.Pin == nil) || a.Pin != nil && *a.Pin != *b.Pin {
		return false
	}
	a.Pin, b.Pin = nil, nil
	return a == b
}

// streamMessage takes what the client says of a stream that it publishes or gets.
func (c *Client) streamMessage(now time.Time, msg json.RawMessage, ack int) {
	o, ok := readOptions(msg)
	message := o.object("msg")
	id, known := o.stream("streamId")
	if !ok || message == nil || !known {
		c.refuse(ack, reasonMalformed)
		return
	}
	s := c.streams[id]
	switch typ := message.text("type"); {
	case c.peers():
		c.refuse(ack, reasonPeers)
	case s == nil:
		c.refuse(ack, reasonNoStream)
	case s.own == nil && s.sub == nil:
		c.refuse(ack, "Stream not subscribed")
	case typ == "control":
		c.control(message.object("action"), ack)
	case typ != "updatestream":
		c.refuse(ack, reasonMalformed)
	case s.own != nil:
		c.ack(ack)
		c.updateOwn(s, message.object("config"))
	default:
		c.ack(ack)
		s.sub.wishes.read(message.object("config"))
		c.prefer(s.sub)
	}
}

// control takes a control message. What Licode's handlers do (log, mostly) has no
// counterpart: only the right is looked at, so that applications go on.
func (c *Client) control(action object, ack int) {
	if !c.mayControl(action.text("name")) {
		c.refuse(ack, unauthorized)
		return
	}
	c.ack(ack)
}

// updateOwn changes the settings of a stream that the client publishes.
func (c *Client) updateOwn(s *stream, config object) {
	if mute, ok := config["muteStream"]; ok {
		m, _ := readObject(mute)
		c.muteOwn(s, m.truthy("audio"), m.truthy("video"))
	}
	if kbps := config.positive("maxVideoBW"); kbps > 0 {
		s.own.maxVideoBW = kbps
		c.limit(s)
	}
	if kbps := config.positive("minVideoBW"); kbps > 0 {
		s.own.minVideoBW = kbps
		c.hint(s)
	}
}

// muteOwn mutes or unmutes the client's own tracks for everybody.
func (c *Client) muteOwn(s *stream, audio, video bool) {
	before := map[protocol.Kind]bool{protocol.Audio: s.own.muteAudio, protocol.Video: s.own.muteVideo}
	now := map[protocol.Kind]bool{protocol.Audio: audio, protocol.Video: video}
	s.own.muteAudio, s.own.muteVideo = audio, video
	if !s.own.inRoom() {
		return // it will be published so
	}
	for _, t := range s.Tracks {
		if before[t.Kind] != now[t.Kind] || t.Muted != now[t.Kind] {
			c.ask(protocol.TypeMute, protocol.Mute{Stream: s.ID, Track: t.ID, Muted: now[t.Kind]}, nil)
		}
	}
}

// setStrategy changes how the client's links are shared, and takes their target back, as in
// Licode. Licode's client calls back only if there is a result, so there is one.
func (c *Client) setStrategy(_ time.Time, msg json.RawMessage, ack int) {
	var name string
	_ = json.Unmarshal(msg, &name) // anything else names no strategy
	c.choose(name)
	c.target = 0
	c.ack(ack, true)
	for _, s := range c.order {
		if s.sub != nil {
			c.prefer(s.sub)
		}
	}
	c.aimAll()
}

// setTarget changes up to which bitrate the client's links are measured.
func (c *Client) setTarget(_ time.Time, msg json.RawMessage, ack int) {
	n, ok := number(msg)
	if !ok || n < 0 {
		c.refuse(ack, reasonMalformed)
		return
	}
	c.target = uint64(min(n, protocol.MaxWantedBitrate))
	c.ack(ack, true)
	c.aimAll()
}

// aimAll tells the room of all links that there are; those to come are aimed when they
// are agreed on.
func (c *Client) aimAll() {
	for _, x := range c.connections {
		if x.agreed {
			c.aim(x)
		}
	}
}

// aim tells the room up to which bitrate a link is to be measured.
func (c *Client) aim(x *connection) {
	c.ask(protocol.TypeTarget, protocol.LinkTarget{Transport: x.transport, Bitrate: c.target}, nil)
}
