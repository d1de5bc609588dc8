package media

import (
	"bytes"
	"strconv"
	"strings"
	"time"

	"github.com/tertulia-rtc/tertulia/protocol"
	"github.com/tertulia-rtc/tertulia/sfu"
	"github.com/tertulia-rtc/tertulia/transport"
)

// dataStream is a stream with data channels: the publisher's channels, and who
// receives what they carry. In a room that spans shards, the publisher's shard opens
// the copies of its channels and sends in them, wherever their transports are.
type dataStream struct {
	owner       protocol.ParticipantID
	home        *shard                                          // of the publisher, if it is another one
	sources     map[*transport.Channel]*dataSource              // none on other shards than the publisher's
	receivers   map[*dataChannels]bool                          // where copies are opened; as sources
	subscribers map[protocol.ParticipantID]protocol.TransportID // on this shard
}

// dataSource is one channel of the publisher, and its copies towards subscribers.
type dataSource struct {
	channel *transport.Channel
	copies  map[*dataChannels]*transport.Channel
}

// dataChannels is the SCTP side of a transport. Its callbacks come from the
// association's goroutine; each leaves its work to the shard's loop, at most
// maxInFlight at a time, so that a fast sender waits and not the loop.
type dataChannels struct {
	owner    *peer
	channels *transport.Channels // may be called from any goroutine
	inFlight chan struct{}
	ended    chan struct{}                            // closed when nobody listens any more
	opened   map[*transport.Channel]protocol.StreamID // by the peer
}

// maxInFlight bounds the messages of one transport that wait for the loop.
const maxInFlight = 64

// channelProtocol is the protocol of the data channels of a stream.
const channelProtocol = "stream:"

// startChannels begins SCTP once the transport is connected and its
// negotiation has the application section; till then it costs nothing.
func (p *peer) startChannels() {
	if p.channels != nil || p.outbound == nil || p.negotiated.Application() == nil {
		return
	}
	d := &dataChannels{
		owner:    p,
		inFlight: make(chan struct{}, maxInFlight),
		ended:    make(chan struct{}),
		opened:   map[*transport.Channel]protocol.StreamID{},
	}
	leave := func(work func()) { d.leave(p, work) }
	channels, err := p.handshake.OpenChannels(transport.ChannelsConfig{
		OnOpen: func(c *transport.Channel) { leave(func() { p.channelOpened(c) }) },
		OnMessage: func(c *transport.Channel, isString bool, data []byte) {
			data = bytes.Clone(data)
			leave(func() { p.channelMessage(c, isString, data) })
		},
		OnClose: func(c *transport.Channel) { leave(func() { p.channelClosed(c) }) },
	})
	if err != nil {
		p.shard.log.Info("data channels could not be started", "participant", p.key.Participant, "err", err)
		return
	}
	d.channels, p.channels = channels, d
	for id, stream := range p.room.data {
		if stream.subscribers[p.key.Participant] == p.key.Transport {
			p.room.attach(id, d)
		}
	}
}

// atHome does something with a stream on the shard of its publisher.
func (r *room) atHome(id protocol.StreamID, do func(*dataStream)) {
	stream := r.data[id]
	switch {
	case stream == nil:
	case stream.home == nil:
		do(stream)
	default:
		r.there(stream.home, func(o *room) {
			if stream := o.data[id]; stream != nil && stream.home == nil {
				do(stream)
			}
		})
	}
}

// attach opens copies of a stream's channels on a subscriber's transport, now and
// when there are more.
func (r *room) attach(id protocol.StreamID, d *dataChannels) {
	r.atHome(id, func(stream *dataStream) {
		stream.receivers[d] = true
		for _, source := range stream.sources {
			source.copyTo(d)
		}
	})
}

// detach ends what attach began.
func (r *room) detach(id protocol.StreamID, d *dataChannels) {
	r.atHome(id, func(stream *dataStream) {
		delete(stream.receivers, d)
		for _, source := range stream.sources {
			if c := source.copies[d]; c != nil {
				c.Close()
				delete(source.copies, d)
			}
		}
	})
}

// leave hands work to the loop, and waits while too much of it is on its way.
func (d *dataChannels) leave(p *peer, work func()) {
	select {
	case d.inFlight <- struct{}{}:
	case <-d.ended:
		return
	}
	p.shard.post(func(time.Time) {
		<-d.inFlight
		if p.channels == d {
			work()
		}
	})
}

// channelOpened takes a channel that the peer opened: its protocol names one
// of its own streams.
func (p *peer) channelOpened(c *transport.Channel) {
	id, ok := streamOfChannel(c.Protocol)
	if !ok {
		c.Close()
		return
	}
	p.channels.opened[c] = id
	p.room.bindChannel(p, c, id)
}

func streamOfChannel(name string) (protocol.StreamID, bool) {
	digits, ok := strings.CutPrefix(name, channelProtocol)
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 10, 64)
	id := protocol.StreamID(n)
	return id, err == nil && id.Valid()
}

// bindChannel joins a publisher's channel to its stream, if that is published
// already; publishData does it otherwise.
func (r *room) bindChannel(p *peer, c *transport.Channel, id protocol.StreamID) {
	stream := r.data[id]
	if stream == nil {
		return
	}
	if stream.owner != p.key.Participant {
		c.Close()
		return
	}
	source := &dataSource{channel: c, copies: map[*dataChannels]*transport.Channel{}}
	stream.sources[c] = source
	for to := range stream.receivers {
		source.copyTo(to)
	}
}

// copyTo opens the like of the channel towards a subscriber.
func (s *dataSource) copyTo(to *dataChannels) {
	if s.copies[to] != nil {
		return
	}
	c, err := to.channels.Open(s.channel.ChannelOptions)
	if err != nil {
		to.owner.shard.log.Info("a data channel could not be opened", "participant", to.owner.key.Participant, "err", err)
		return
	}
	s.copies[to] = c
}

// channelMessage passes a message on. A subscriber that does not keep up loses
// it on a lossy channel; on a reliable one it loses the channel, since nobody
// else shall wait for it.
func (p *peer) channelMessage(c *transport.Channel, isString bool, data []byte) {
	source := p.room.sourceOf(p.channels.opened[c], c)
	if source == nil {
		return
	}
	for to, theirs := range source.copies {
		if err := theirs.Send(isString, data); err != nil {
			theirs.Close()
			delete(source.copies, to)
			to.owner.shard.log.Info("a subscriber's data channel is closed: it could not be sent in, mostly since the subscriber reads more slowly than the publisher sends",
				"participant", to.owner.key.Participant, "channel", theirs.Label, "err", err)
		}
	}
}

func (r *room) sourceOf(id protocol.StreamID, c *transport.Channel) *dataSource {
	if stream := r.data[id]; stream != nil {
		return stream.sources[c]
	}
	return nil
}

// channelClosed ends the copies of a publisher's channel, or forgets a copy
// that a subscriber closed.
func (p *peer) channelClosed(c *transport.Channel) {
	if id, ok := p.channels.opened[c]; ok {
		delete(p.channels.opened, c)
		if source := p.room.sourceOf(id, c); source != nil {
			source.close()
			delete(p.room.data[id].sources, c)
		}
		return
	}
	d := p.channels
	for id, stream := range p.room.data {
		if stream.subscribers[p.key.Participant] != p.key.Transport {
			continue
		}
		p.room.atHome(id, func(stream *dataStream) {
			for _, source := range stream.sources {
				if source.copies[d] == c {
					delete(source.copies, d)
				}
			}
		})
	}
}

func (s *dataSource) close() {
	for to, c := range s.copies {
		c.Close()
		delete(s.copies, to)
	}
}

// publishData makes a stream's data known, and binds channels that came first. home
// is the publisher's shard, if it is another one.
func (r *room) publishData(owner protocol.ParticipantID, id protocol.StreamID, home *shard) {
	r.data[id] = &dataStream{
		owner:       owner,
		home:        home,
		sources:     map[*transport.Channel]*dataSource{},
		receivers:   map[*dataChannels]bool{},
		subscribers: map[protocol.ParticipantID]protocol.TransportID{},
	}
	for _, p := range r.byKey {
		if p.key.Participant != owner || p.channels == nil {
			continue
		}
		for c, stream := range p.channels.opened {
			if stream == id {
				r.bindChannel(p, c, id)
			}
		}
	}
}

func (r *room) unpublishData(id protocol.StreamID) {
	if stream := r.data[id]; stream != nil {
		for _, source := range stream.sources {
			source.close()
		}
		delete(r.data, id)
	}
}

func (r *room) subscribeData(who protocol.ParticipantID, to protocol.SubscribeTo) {
	stream := r.data[to.Stream]
	if stream == nil {
		return
	}
	if old, ok := stream.subscribers[who]; ok && old != to.Transport {
		r.unsubscribeData(who, to.Stream)
	}
	stream.subscribers[who] = to.Transport
	if p := r.byKey[sfu.TransportKey{Participant: who, Transport: to.Transport}]; p != nil && p.channels != nil {
		r.attach(to.Stream, p.channels)
	}
}

func (r *room) unsubscribeData(who protocol.ParticipantID, id protocol.StreamID) {
	stream := r.data[id]
	if stream == nil {
		return
	}
	key := sfu.TransportKey{Participant: who, Transport: stream.subscribers[who]}
	delete(stream.subscribers, who)
	if p := r.byKey[key]; p != nil && p.channels != nil {
		r.detach(id, p.channels)
	}
}

// closeChannels ends what the transport carried: its own channels' copies, and the
// copies towards it.
func (p *peer) closeChannels() {
	if p.channels == nil {
		return
	}
	for c := range p.channels.opened {
		p.channelClosed(c)
	}
	for id, stream := range p.room.data {
		if stream.subscribers[p.key.Participant] == p.key.Transport {
			p.room.detach(id, p.channels)
		}
	}
	close(p.channels.ended)
	go p.channels.channels.Close() // it waits for its goroutines, the loop for nobody
	p.channels = nil
}
