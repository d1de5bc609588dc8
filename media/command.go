package media

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"time"

	"github.com/tertulia-rtc/tertulia/protocol"
	"github.com/tertulia-rtc/tertulia/sdp"
	"github.com/tertulia-rtc/tertulia/sfu"
	"github.com/tertulia-rtc/tertulia/transport"
)

// handleCommand carries out one command and answers it with one event: with those
// of other shards, if it is a joint answer. Streams are published on the shard home.
func (s *shard) handleCommand(now time.Time, command protocol.Command, body protocol.CommandBody, home *shard, with *joint) {
	r := s.room(command.Room)
	answer, epoch := r.obey(now, command, body, home), max(command.Epoch, r.epoch)
	if !r.gone {
		s.touch(r)
		r.tellEvents()
	}
	if failed, ok := answer.(protocol.Failed); ok && failed.Code == protocol.CodeStaleEpoch {
		epoch = command.Epoch
	}
	if with != nil {
		if answer, ok := with.add(s, answer); ok {
			s.worker.tell(r.id, epoch, command.Request, answer)
		}
	} else {
		s.worker.tell(r.id, epoch, command.Request, answer)
	}
	if !r.gone && r.span == nil && r.empty() {
		r.close() // an empty room costs nothing, and comes back with its next command
	}
}

// obey carries a command out, unless it is of a former owner, and gives the answer.
func (r *room) obey(now time.Time, command protocol.Command, body protocol.CommandBody, home *shard) protocol.EventBody {
	if command.Epoch < r.epoch {
		return protocol.Failed{Error: *protocol.Errorf(protocol.CodeStaleEpoch,
			"the room has a newer owner (epoch %d, this command has %d)", r.epoch, command.Epoch)}
	}
	r.epoch = command.Epoch
	if c, ok := body.(protocol.PublishStream); ok && home != nil && home != r.shard {
		if err := r.publishBeyond(now, home, c); err != nil {
			return protocol.Failed{Error: *err}
		}
		return protocol.Done{}
	}
	answer, err := r.carryOut(now, body)
	if err != nil {
		return protocol.Failed{Error: *err}
	}
	return answer
}

// carryOut does what a command says.
func (r *room) carryOut(now time.Time, body protocol.CommandBody) (protocol.EventBody, *protocol.Error) {
	switch c := body.(type) {
	case protocol.Negotiate:
		return r.negotiate(now, c)
	case protocol.OfferTransport:
		return r.offerTransport(now, c)
	case protocol.AcceptAnswer:
		return done(r.acceptAnswer(now, c))
	case protocol.TargetLink:
		return done(r.router.TargetLink(now, c.Participant, c.LinkTarget))
	case protocol.DropTransport:
		if p := r.byKey[sfu.TransportKey{Participant: c.Participant, Transport: c.Transport}]; p != nil {
			r.removePeer(now, p)
		}
	case protocol.PublishStream:
		return done(r.publish(now, c))
	case protocol.UnpublishStream:
		return done(r.unpublish(now, c.Stream))
	case protocol.SubscribeStream:
		return done(r.subscribe(now, c))
	case protocol.UnsubscribeStream:
		r.unsubscribeData(c.Participant, c.Stream)
		return done(r.router.Unsubscribe(now, c.Participant, c.Stream))
	case protocol.PreferTrack:
		return done(r.router.Prefer(now, c.Participant, c.Preference))
	case protocol.ConfigureRoom:
		r.configure(now, c.RoomSettings)
	case protocol.MuteTrack:
		return done(r.router.Mute(now, c))
	case protocol.LimitTrack:
		return done(r.router.Limit(now, c))
	case protocol.DropParticipant:
		r.dropParticipant(now, c.Participant)
	case protocol.DropRoom:
		r.close()
	case protocol.ListRoom:
		return r.listing(), nil
	case protocol.ReadCounters:
		return r.readCounters(c.Participant)
	}
	return protocol.Done{}, nil
}

func (r *room) configure(now time.Time, s protocol.RoomSettings) {
	r.configured, r.settings = true, s
	r.router.Configure(now, s)
}

// done turns a result into the answer of a command that has none.
func done(err *protocol.Error) (protocol.EventBody, *protocol.Error) {
	return protocol.Done{}, err
}

// negotiate answers a client's offer for one of its transports.
func (r *room) negotiate(now time.Time, c protocol.Negotiate) (protocol.EventBody, *protocol.Error) {
	key := sfu.TransportKey{Participant: c.Participant, Transport: c.Transport}
	p := r.byKey[key]
	if p == nil {
		p = r.newPeer(now, key)
	}
	p.withdraw()
	next, answer, err := r.answer(p, c)
	if err != nil {
		return nil, asProtocolError(err)
	}
	p.agree(now, next)
	return protocol.Negotiated{SDP: answer}, nil
}

// newPeer makes a transport, which is the room's once it is kept.
func (r *room) newPeer(now time.Time, key sfu.TransportKey) *peer {
	return &peer{shard: r.shard, room: r, key: key, sessionID: r.shard.worker.seed() >> 2, agent: transport.NewAgent(now, rand.Reader, byte(r.shard.index))}
}

// keep takes a transport among those of the room.
func (r *room) keep(p *peer) {
	if r.byKey[p.key] == nil {
		r.byKey[p.key] = p
		r.shard.worker.counters.transports.Add(1)
	}
	p.nameUfrags()
}

// agree puts in force what both sides have agreed on.
func (p *peer) agree(now time.Time, next *sdp.Transport) {
	r := p.room
	p.negotiated = next
	p.agent.SetRemote(next.Peer.Ufrag, next.Peer.Pwd)
	p.index = r.router.SetTransport(now, p.key, next)
	for int(p.index) >= len(r.peers) {
		r.peers = append(r.peers, nil)
	}
	r.peers[p.index] = p
	r.keep(p)
	if p.state == protocol.TransportConnected {
		p.startChannels() // there may be an application section now
	}
}

// answer makes the SDP answer; a new ufrag of the peer restarts ICE (RFC 8839 §4.4.1.1.1).
func (r *room) answer(p *peer, c protocol.Negotiate) (*sdp.Transport, string, error) {
	local := p.local(c.Codecs)
	next, answer, err := sdp.Answer(p.negotiated, c.SDP, local)
	if err != nil {
		return nil, "", err
	}
	if p.negotiated != nil && next.Restarted(p.negotiated) {
		p.agent.Restart(rand.Reader)
		local.Ufrag, local.Pwd = p.agent.Local.Ufrag, p.agent.Local.Pwd
		next, answer, err = sdp.Answer(p.negotiated, c.SDP, local)
	}
	return next, answer, err
}

// local is our end of the transport, for SDP.
func (p *peer) local(codecs []string) sdp.Local {
	return sdp.Local{
		Ufrag:       p.agent.Local.Ufrag,
		Pwd:         p.agent.Local.Pwd,
		Fingerprint: p.shard.worker.certificate.Fingerprint(),
		Candidates:  p.shard.candidates,
		Codecs:      codecs,
		CNAME:       string(p.key.Participant),
		NewSSRC:     p.room.newSSRC,
		SessionID:   p.sessionID,
		Simulcast:   true,
	}
}

func (r *room) publish(now time.Time, c protocol.PublishStream) *protocol.Error {
	if err := r.router.Publish(now, c); err != nil {
		return err
	}
	if c.Data {
		r.publishData(c.Participant, c.Stream, nil)
	}
	return nil
}

func (r *room) unpublish(now time.Time, stream protocol.StreamID) *protocol.Error {
	r.unpublishData(stream)
	return r.router.Unpublish(now, stream)
}

func (r *room) subscribe(now time.Time, c protocol.SubscribeStream) *protocol.Error {
	if err := r.router.Subscribe(now, c.Participant, c.SubscribeTo); err != nil {
		return err
	}
	if c.Data {
		r.subscribeData(c.Participant, c.SubscribeTo)
	} else {
		r.unsubscribeData(c.Participant, c.Stream)
	}
	return nil
}

func (r *room) dropParticipant(now time.Time, id protocol.ParticipantID) {
	for key, p := range r.byKey {
		if key.Participant == id {
			r.removePeer(now, p)
		}
	}
	for stream, d := range r.data {
		if d.owner == id {
			r.unpublishData(stream)
		} else {
			r.unsubscribeData(id, stream)
		}
	}
	r.router.RemoveParticipant(now, id)
}

// listing tells what the worker holds of the room.
func (r *room) listing() protocol.Listing {
	streams, subscriptions := r.router.Listing()
	l := protocol.Listing{Streams: streams, Subscriptions: subscriptions}
	for _, p := range r.byKey {
		l.Transports = append(l.Transports, protocol.ListedTransport{Participant: p.key.Participant, Transport: p.key.Transport, State: p.state})
	}
	return l
}

// transportCounters is the statistics of one transport: the worker's own
// counters beside the router's.
type transportCounters struct {
	Transport protocol.TransportID `json:"transport"`
	State     string               `json:"state"`
	Path      string               `json:"path,omitempty"`
	peerStats
	Router any `json:"router,omitempty"`
}

func (r *room) readCounters(id protocol.ParticipantID) (protocol.EventBody, *protocol.Error) {
	all := []transportCounters{}
	routed := r.router.Stats(id)
	for key, p := range r.byKey {
		if key.Participant != id {
			continue
		}
		c := transportCounters{Transport: key.Transport, State: p.state, peerStats: p.stats}
		if p.hasPath {
			c.Path = "udp"
			if p.path.TCP != 0 {
				c.Path = "tcp"
			}
		}
		for i := range routed {
			if routed[i].Transport == key.Transport {
				c.Router = routed[i]
			}
		}
		all = append(all, c)
	}
	data, err := json.Marshal(all)
	if err != nil {
		return nil, protocol.Errorf(protocol.CodeInternal, "the counters could not be written: %v", err)
	}
	return protocol.Counters{Transports: data}, nil
}

// asProtocolError gives the error that a client may see.
func asProtocolError(err error) *protocol.Error {
	var known *protocol.Error
	if errors.As(err, &known) {
		return known
	}
	return protocol.Errorf(protocol.CodeBadRequest, "the SDP was refused: %v", err)
}
