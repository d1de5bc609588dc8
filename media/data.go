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
// receives what they carry.
type dataStream struct {
	owner       protocol.ParticipantID
	sources     map[*transport.Channel]*dataSource
	subscribers map[protocol.ParticipantID]protocol.TransportID
}

// dataSource is one channel of the publisher, and its copies towards subscribers.
type dataSource struct {
	channel *transport.Channel
	copies  map[*peer]*transport.Channel
}

// dataChannels is the SCTP side of a transport. Its callbacks come from the
// association's goroutine; each leaves its work to the shard's loop, at most
// maxInFlight at a time, so that a fast sender waits and not the loop.
type dataChannels struct {
	channels *transport.Channels
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
	for _, stream := range p.room.data {
		if transport, ok := stream.subscribers[p.key.Participant]; ok && transport == p.key.Transport {
			for _, source := range stream.sources {
				source.copyTo(p)
			}
		}
	}
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
	source := &dataSource{channel: c, copies: map[*peer]*transport.Channel{}}
	stream.sources[c] = source
	for participant, transport := range stream.subscribers {
		if to := r.byKey[sfu.TransportKey{Participant: participant, Transport: transport}]; to != nil {
			source.copyTo(to)
		}
	}
}

// copyTo opens the like of the channel towards a subscriber, whose SCTP may
// still be to come.
func (s *dataSource) copyTo(to *peer) {
	if to.channels == nil || s.copies[to] != nil {
		return
	}
	c, err := to.channels.channels.Open(s.channel.ChannelOptions)
	if err != nil {
		to.shard.log.Info("a data channel could not be opened", "participant", to.key.Participant, "err", err)
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
	for _, stream := range p.room.data {
		for _, source := range stream.sources {
			if source.copies[p] == c {
				delete(source.copies, p)
			}
		}
	}
}

func (s *dataSource) close() {
	for to, c := range s.copies {
		c.Close()
		delete(s.copies, to)
	}
}

// publishData makes a stream's data known, and binds channels that came first.
func (r *room) publishData(owner protocol.ParticipantID, id protocol.StreamID) {
	r.data[id] = &dataStream{
		owner:       owner,
		sources:     map[*transport.Channel]*dataSource{},
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
	if p := r.byKey[sfu.TransportKey{Participant: who, Transport: to.Transport}]; p != nil {
		for _, source := range stream.sources {
			source.copyTo(p)
		}
	}
}

func (r *room) unsubscribeData(who protocol.ParticipantID, id protocol.StreamID) {
	stream := r.data[id]
	if stream == nil {
		return
	}
	delete(stream.subscribers, who)
	for _, source := range stream.sources {
		for to, c := range source.copies {
			if to.key.Participant == who {
				c.Close()
				delete(source.copies, to)
			}
		}
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
	for _, stream := range p.room.data {
		for _, source := range stream.sources {
			delete(source.copies, p)
		}
	}
	close(p.channels.ended)
	go p.channels.channels.Close() // it waits for its goroutines, the loop for nobody
	p.channels = nil
}
