package media

import (
	"slices"
	"time"

	"github.com/tertulia-rtc/tertulia/protocol"
	"github.com/tertulia-rtc/tertulia/sfu"
)

// A room that one shard is too small for spans several. Each has a room of that id
// with a router of its own and some of the participants; pipes join the routers
// (sfu.Pipe). The worker knows which participant is where (Worker.rooms) and takes
// commands to the shards that they concern. What the room publishes is known on all
// of them, since all carry out the same commands in the same order.

// span is what the parts of a room have in common. A room that is dropped and begun
// again under its id has another one.
type span struct {
	id    protocol.RoomID
	first *shard // speaks for the room
}

// pipe is the way from a part of a room to another one.
type pipe struct {
	span *span
	from *shard
	to   *shard

	// Of the mailbox of to, under its lock.
	waiting int          // packets in it
	free    []*sfu.Batch // to fill next
}

// maxPiped bounds the packets of one pipe that wait for a shard; beyond it they are
// dropped, and video goes on with a keyframe.
const maxPiped = 8192

// pipeOf names a shard as routers know it.
func pipeOf(s *shard) sfu.Pipe { return sfu.Pipe(s.index + 1) }

// enter makes the room a part of a span.
func (r *room) enter(now time.Time, sp *span) {
	if r.span == sp {
		return
	}
	r.span = sp
	r.pipes = make([]*pipe, len(r.shard.worker.shards))
	r.give = r.giveBatch
	r.router.SetQuiet(now, sp.first != r.shard)
}

func (r *room) openPipe(to *shard) {
	r.pipes[to.index] = &pipe{span: r.span, from: r.shard, to: to}
	r.router.OpenPipe(pipeOf(to))
}

// handOver sends what the router has for the other parts of the room, at the end
// of a round.
func (r *room) handOver() {
	if r.span != nil {
		r.router.HandOver(r.give)
	}
}

func (r *room) giveBatch(to sfu.Pipe, b *sfu.Batch) *sfu.Batch {
	p := r.pipes[to-1]
	next, wake, dropped := p.to.mail.addBatch(p, b)
	if wake {
		p.to.udp.Wake()
	}
	r.shard.worker.counters.dropped.Add(uint64(dropped))
	return next
}

// takeBatches gives the routers what came from other shards.
func (s *shard) takeBatches(now time.Time) {
	for _, m := range s.takenBatches {
		// One of a span that has ended belongs to nobody.
		if r := s.rooms[m.pipe.span.id]; r != nil && r.span == m.pipe.span {
			r.router.HandleBatch(now, pipeOf(m.pipe.from), m.batch)
			s.touch(r)
		}
	}
	if len(s.takenBatches) > 0 {
		s.mail.giveBackBatches(s.takenBatches)
		clear(s.takenBatches)
	}
}

// hello is what a part of a room tells a new one.
type hello struct {
	streams    []protocol.PublishStream // of its own participants
	limits     []protocol.LimitTrack    // of their tracks
	configured bool
	settings   protocol.RoomSettings
	epoch      uint64
}

// grow opens a pipe to a new part of the room, and tells it what is published here.
func (r *room) grow(now time.Time, sp *span, to *shard) {
	r.enter(now, sp)
	r.openPipe(to)
	h := hello{configured: r.configured, settings: r.settings, epoch: r.epoch}
	r.router.Publications(func(from sfu.Pipe, s protocol.PublishStream, limits []protocol.LimitTrack) {
		if from == 0 {
			h.streams = append(h.streams, s)
			h.limits = append(h.limits, limits...)
		}
	})
	from := r.shard
	to.post(func(now time.Time) {
		to.deliver(now, sp.id, errand{welcomes: sp, work: func(now time.Time) {
			if r := to.rooms[sp.id]; r != nil && r.span == sp {
				r.welcome(now, from, h)
			}
		}})
	})
}

// begin makes a new part of a room, which has heard nothing yet of the others. What
// comes for it meanwhile waits.
func (s *shard) begin(now time.Time, sp *span, others []*shard) {
	if old := s.rooms[sp.id]; old != nil {
		old.close()
	}
	r := s.newRoom(sp.id)
	r.enter(now, sp)
	for _, o := range others {
		r.openPipe(o)
	}
	r.awaited = len(others)
}

// welcome takes what another part of the room has told. After all have, what waited
// is done.
func (r *room) welcome(now time.Time, from *shard, h hello) {
	for _, stream := range h.streams {
		if err := r.publishBeyond(now, from, stream); err != nil {
			r.shard.log.Error("a stream cannot be taken to another shard", "room", r.id, "stream", stream.Stream, "err", err.Message)
		}
	}
	for _, l := range h.limits {
		_ = r.router.Limit(now, l) // unless its stream could not be taken
	}
	r.epoch = max(r.epoch, h.epoch)
	if h.configured {
		r.configure(now, h.settings)
	}
	if r.awaited--; r.awaited > 0 {
		return
	}
	backlog := r.backlog
	r.backlog = nil
	for _, e := range backlog {
		r.shard.deliver(now, r.id, e) // one of them may have begun the room anew
	}
}

// errand is something to do for a room.
type errand struct {
	work     func(now time.Time)
	welcomes *span // it is what a part of this span has to tell a new one
}

// deliver does an errand now, or after the room's part here has heard of the others.
func (s *shard) deliver(now time.Time, id protocol.RoomID, e errand) {
	if r := s.rooms[id]; r != nil && r.awaited > 0 && (e.welcomes == nil || e.welcomes != r.span) {
		r.backlog = append(r.backlog, e)
		return
	}
	e.work(now)
}

// there does something in the part of the room on another shard.
func (r *room) there(s *shard, do func(o *room)) {
	sp := r.span
	s.post(func(now time.Time) {
		s.deliver(now, sp.id, errand{work: func(time.Time) {
			if o := s.rooms[sp.id]; o != nil && o.span == sp {
				do(o)
			}
		}})
	})
}

// publishBeyond makes a stream known whose publisher is on another shard.
func (r *room) publishBeyond(now time.Time, from *shard, c protocol.PublishStream) *protocol.Error {
	if err := r.router.PublishBeyond(now, pipeOf(from), c); err != nil {
		return err
	}
	if c.Data {
		r.publishData(c.Participant, c.Stream, from)
	}
	return nil
}

// home is where a room lives: from its first command on, until the room is gone
// and no other command is on its way.
type home struct {
	id       protocol.RoomID
	epoch    uint64
	shards   []*shard // that have a part of it, the first one from its beginning
	span     *span    // nil while it has only that
	members  map[protocol.ParticipantID]*shard
	commands int // on their way to shards
	uses     map[*shard]use
}

// use is what a shard has of a room after a command.
type use uint8

const (
	gone   use = iota // nothing
	vacant            // a part of a span that holds nothing
	inUse
)

func (s *shard) useOf(id protocol.RoomID) use {
	switch r := s.rooms[id]; {
	case r == nil:
		return gone
	case r.span != nil && r.empty():
		return vacant
	}
	return inUse
}

// loads gives how much the shards have to send, or will soon.
func (w *Worker) loads() []shardLoad {
	loads := make([]shardLoad, len(w.shards))
	for i, s := range w.shards {
		loads[i].packets = int(s.rate.Load() + s.fresh.Load()*presumedRate)
	}
	return loads
}

// homeOf gives where a room lives; a new one gets a place.
func (w *Worker) homeOf(id protocol.RoomID) *home {
	if h := w.rooms[id]; h != nil {
		return h
	}
	loads := w.loads()
	for _, h := range w.rooms {
		for _, s := range h.shards {
			loads[s.index].rooms++
		}
	}
	h := &home{id: id, shards: []*shard{w.shards[placeRoom(loads)]}, members: map[protocol.ParticipantID]*shard{}, uses: map[*shard]use{}}
	w.rooms[id] = h
	return h
}

// place gives the shard of a participant; a new one gets a place.
func (w *Worker) place(h *home, who protocol.ParticipantID) *shard {
	if s, ok := h.members[who]; ok {
		return s
	}
	present := make([]int, len(h.shards))
	for i, s := range h.shards {
		present[i] = s.index
	}
	s := w.shards[placeParticipant(present, w.loads(), w.config.ShardFull)]
	if !slices.Contains(h.shards, s) {
		w.grow(h, s)
	}
	h.members[who] = s
	return s
}

// grow lets a room live on one more shard.
func (w *Worker) grow(h *home, to *shard) {
	if h.span == nil {
		h.span = &span{id: h.id, first: h.shards[0]}
	}
	sp, others := h.span, slices.Clone(h.shards)
	w.post(h, to, func(now time.Time) { to.begin(now, sp, others) })
	for _, s := range others {
		w.post(h, s, func(now time.Time) { s.room(h.id).grow(now, sp, to) })
	}
	h.shards = append(h.shards, to)
}

// post leaves work for a shard's part of a room.
func (w *Worker) post(h *home, s *shard, work func(now time.Time)) {
	h.commands++
	s.post(func(now time.Time) {
		s.deliver(now, h.id, errand{work: func(now time.Time) {
			work(now)
			s.countFresh(h.id)
			w.settle(h, s, s.useOf(h.id))
		}})
	})
}

// settle forgets where the room lives, unless it lives on or another command is on
// its way.
func (w *Worker) settle(h *home, s *shard, u use) {
	w.mu.Lock()
	defer w.mu.Unlock()
	h.commands--
	h.uses[s] = u
	if h.commands > 0 {
		return
	}
	for _, u := range h.uses {
		if u == inUse {
			return
		}
	}
	delete(w.rooms, h.id)
	for s, u := range h.uses {
		if u == vacant {
			sp := h.span
			s.post(func(time.Time) {
				if r := s.rooms[h.id]; r != nil && r.span == sp {
					r.close()
				}
			})
		}
	}
}

// route takes a command to the shards that it concerns. Where these are several,
// one answers for all.
func (w *Worker) route(command protocol.Command, body protocol.CommandBody) {
	w.mu.Lock()
	defer w.mu.Unlock()
	h := w.homeOf(command.Room)
	if command.Epoch < h.epoch {
		// To be refused, also where the room has been forgotten meanwhile.
		first, epoch := h.shards[0], h.epoch
		w.post(h, first, func(now time.Time) {
			r := first.room(h.id)
			r.epoch = max(r.epoch, epoch)
			first.handleCommand(now, command, body, nil, nil)
		})
		return
	}
	all, speaker := h.shards, h.shards[0]
	switch c := body.(type) {
	case protocol.Negotiate:
		speaker = w.place(h, c.Participant)
		all = nil
	case protocol.OfferTransport:
		speaker = w.place(h, c.Participant)
		all = nil
	case protocol.SubscribeStream:
		speaker = w.place(h, c.Participant)
		all = nil
	case protocol.PublishStream:
		speaker = w.place(h, c.Participant)
		all = h.shards
	case protocol.TargetLink:
		all, speaker = nil, h.shardOf(c.Participant)
	case protocol.AcceptAnswer:
		all, speaker = nil, h.shardOf(c.Participant)
	case protocol.DropTransport:
		all, speaker = nil, h.shardOf(c.Participant)
	case protocol.UnsubscribeStream:
		all, speaker = nil, h.shardOf(c.Participant)
	case protocol.PreferTrack:
		all, speaker = nil, h.shardOf(c.Participant)
	case protocol.ReadCounters:
		all, speaker = nil, h.shardOf(c.Participant)
	case protocol.DropParticipant:
		speaker = h.shardOf(c.Participant)
	}
	if command.Epoch > h.epoch {
		h.epoch = command.Epoch
		if h.span != nil {
			w.raiseEpoch(h)
		}
	}
	if len(all) < 2 {
		w.post(h, speaker, func(now time.Time) { speaker.handleCommand(now, command, body, nil, nil) })
	} else {
		// The speaker is the last one, so that what comes of the command finds all
		// others prepared.
		j := &joint{speaker: speaker, left: len(all)}
		for _, s := range slices.Concat(slices.DeleteFunc(slices.Clone(all), func(s *shard) bool { return s == speaker }), []*shard{speaker}) {
			w.post(h, s, func(now time.Time) { s.handleCommand(now, command, body, speaker, j) })
		}
	}
	switch c := body.(type) {
	case protocol.DropParticipant:
		delete(h.members, c.Participant)
	case protocol.DropRoom:
		h.shards, h.span = h.shards[:1], nil
		clear(h.members)
	}
}

// shardOf gives the shard of a participant; the room's first one if it has none.
func (h *home) shardOf(who protocol.ParticipantID) *shard {
	if s, ok := h.members[who]; ok {
		return s
	}
	return h.shards[0]
}

// raiseEpoch tells all parts of a room of a new owner.
func (w *Worker) raiseEpoch(h *home) {
	epoch := h.epoch
	for _, s := range h.shards {
		w.post(h, s, func(time.Time) {
			if r := s.rooms[h.id]; r != nil {
				r.epoch = max(r.epoch, epoch)
			}
		})
	}
}
