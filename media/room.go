package media

import (
	"math/rand/v2"
	"time"

	"github.com/tertulia-rtc/tertulia/protocol"
	"github.com/tertulia-rtc/tertulia/sfu"
)

// room is the media of one room on its shard: the router, and the transports
// that its packets come from and go to.
type room struct {
	shard  *shard
	id     protocol.RoomID
	epoch  uint64 // the highest seen
	router *sfu.Router

	byKey map[sfu.TransportKey]*peer
	peers []*peer // by sfu.Peer
	data  map[protocol.StreamID]*dataStream

	configured bool // it has settings, which would be lost with it
	settings   protocol.RoomSettings
	touched    bool
	gone       bool

	// Of a room that spans shards.
	span    *span // nil for others
	pipes   []*pipe
	give    func(to sfu.Pipe, b *sfu.Batch) *sfu.Batch // giveBatch, made once
	awaited int                                        // parts that have to tell what they have
	backlog []errand                                   // what came before they did

	prefetched int // the transport that was last sent to
	counted    int // subscriptions, when they were last looked at
}

// room gives a room, which it makes if need be.
func (s *shard) room(id protocol.RoomID) *room {
	if r := s.rooms[id]; r != nil {
		return r
	}
	return s.newRoom(id)
}

func (s *shard) newRoom(id protocol.RoomID) *room {
	seed := s.worker.seed()
	r := &room{
		shard:  s,
		id:     id,
		router: sfu.New(sfu.Config{Rand: rand.New(rand.NewPCG(seed, seed)), Trace: s.worker.trace.of(id)}),
		byKey:  map[sfu.TransportKey]*peer{},
		data:   map[protocol.StreamID]*dataStream{},
	}
	s.rooms[id] = r
	return r
}

// tell puts an event about the room on the bus; re is the command that it
// answers, or 0.
func (r *room) tell(re uint64, body protocol.EventBody) {
	r.shard.worker.tell(r.id, r.epoch, re, body)
}

// tellEvents passes on what the router noticed.
func (r *room) tellEvents() {
	for _, event := range r.router.Events() {
		r.tell(0, event)
	}
}

// removePeer removes a transport from the room and from the shard.
func (r *room) removePeer(now time.Time, p *peer) {
	p.close()
	r.router.RemoveTransport(now, p.key)
	delete(r.byKey, p.key)
	if int(p.index) < len(r.peers) && r.peers[p.index] == p {
		r.peers[p.index] = nil
	}
	r.shard.touch(r)
}

// close removes everything of the room.
func (r *room) close() {
	r.gone = true
	for _, p := range r.byKey {
		p.close()
	}
	delete(r.shard.rooms, r.id)
}

// empty says whether the room holds nothing any more. One with settings is kept
// until it is dropped.
func (r *room) empty() bool {
	streams, subscriptions := r.router.Counts()
	return !r.configured && len(r.byKey) == 0 && streams == 0 && subscriptions == 0
}

// newSSRC gives a random SSRC for a slot, which keeps it for life. Two alike in
// one transport are as unlikely as RFC 3550 §8.1 accepts.
func (r *room) newSSRC() uint32 {
	for {
		if ssrc := uint32(r.shard.worker.seed()); ssrc != 0 {
			return ssrc
		}
	}
}
