package room

import (
	"maps"
	"slices"
	"time"

	"github.com/tertulia-rtc/tertulia/protocol"
)

// pending is a request of a client that waits for the worker.
type pending struct {
	participant protocol.ParticipantID
	re          uint64
	deadline    time.Time
	body        protocol.CommandBody // what the worker was told
	reading     uint64               // in place of participant and re: that of a Reading
}

// command tells the worker something that nobody waits for: the room's state is
// what counts, and the worker follows. Without a worker nothing is said; one
// that is found is told everything.
func (r *Room) command(body protocol.CommandBody) {
	if !r.workerFound {
		return
	}
	r.lastRequest++
	r.effects = append(r.effects, Command{Request: r.lastRequest, Body: body})
}

// ask tells the worker something whose answer a client waits for. Without a
// worker it waits for one.
func (r *Room) ask(now time.Time, p protocol.ParticipantID, re uint64, body protocol.CommandBody) {
	r.await(pending{participant: p, re: re, deadline: now.Add(AnswerTimeout), body: body})
}

func (r *Room) await(w pending) {
	r.lastRequest++
	r.pending[r.lastRequest] = w
	r.queue = append(r.queue, r.lastRequest)
	if r.workerFound {
		r.effects = append(r.effects, Command{Request: r.lastRequest, Body: w.body})
	}
}

// WorkerFound says that commands reach a worker from now on, which is told what it must
// know, after whatever it had of the room is dropped.
func (r *Room) WorkerFound() {
	r.workerFound = true
	r.command(protocol.DropRoom{})
	r.command(protocol.ConfigureRoom{RoomSettings: r.config.Settings})
	for _, id := range r.streamOrder {
		s := r.streams[id]
		if !s.announced {
			continue // is pending
		}
		r.command(s.command())
		r.tracksAgain(s)
		r.subscribeAgain(s)
	}
	for _, n := range r.queue {
		w, ok := r.pending[n]
		if !ok {
			continue
		}
		r.effects = append(r.effects, Command{Request: n, Body: w.body})
		switch q := w.body.(type) {
		case protocol.PublishStream:
			if s, ok := r.streams[q.Stream]; ok {
				r.tracksAgain(s)
				if s.announced { // what is published anew has lost its subscriptions
					r.subscribeAgain(s)
				}
			}
		case protocol.SubscribeStream:
			if p, ok := r.participants[w.participant]; ok {
				r.preferAgain(p, q.Stream)
			}
		}
	}
}

// WorkerLost says that the worker is gone, and all transports with it: clients
// are told to offer anew. What a client waits for and can still be done by another
// worker goes on waiting.
func (r *Room) WorkerLost() {
	if !r.workerFound {
		return
	}
	r.workerFound = false
	lost := protocol.Errorf(protocol.CodeUnavailable, "The media worker was lost; offer anew.")
	r.failPending(lost, func(w pending) bool {
		_, negotiates := negotiates(w.body)
		_, reads := w.body.(protocol.ReadCounters)
		return negotiates || reads
	})
	for _, id := range r.order {
		p := r.participants[id]
		for _, t := range slices.Sorted(maps.Keys(p.transports)) {
			delete(p.transports, t)
			r.tell(id, protocol.TypeTransport, protocol.TransportState{Transport: t, State: protocol.TransportClosed, Reason: "The media worker was lost."})
		}
	}
}

// HasWorker says whether commands reach a worker.
func (r *Room) HasWorker() bool { return r.workerFound }

// NeedsWorker says whether there is something that a worker should be told.
func (r *Room) NeedsWorker() bool {
	return !r.workerFound && !r.PeerToPeer() && (len(r.pending) > 0 || len(r.streams) > 0)
}

// Event takes what the worker tells; re is the number of the command that it
// answers, or 0.
func (r *Room) Event(re uint64, body protocol.EventBody) {
	if re != 0 {
		r.answered(re, body)
		return
	}
	switch e := body.(type) {
	case protocol.TransportChanged:
		r.transportChanged(e)
	case protocol.SlotsChanged:
		r.tell(e.Participant, protocol.TypeSlots, e.Slots)
	case protocol.SlotsMissing:
		r.tell(e.Participant, protocol.TypeSlotsWanted, e.SlotsWanted)
	case protocol.SubscriptionChanged:
		r.tell(e.Participant, protocol.TypeSubscription, e.Subscription)
	case protocol.LayersNeeded:
		r.layersNeeded(e)
	case protocol.TrackStarted:
		r.trackStarted(e)
	case protocol.SpeakersChanged:
		r.speakers(e.Speakers)
	}
}

// speakers passes on who speaks, without those who have just left.
func (r *Room) speakers(s protocol.Speakers) {
	s.Speakers = slices.DeleteFunc(slices.Clone(s.Speakers), func(sp protocol.Speaker) bool {
		known, ok := r.streams[sp.Stream]
		return !ok || !known.announced
	})
	if s.Speakers == nil {
		s.Speakers = []protocol.Speaker{}
	}
	r.tellAll(protocol.TypeSpeakers, s)
}

// answered ends what ask has begun.
func (r *Room) answered(re uint64, body protocol.EventBody) {
	w, ok := r.pending[re]
	if !ok {
		return // nobody waits, or no more
	}
	delete(r.pending, re)
	if f, ok := body.(protocol.Failed); ok {
		r.finish(w, nil, &f.Error)
		return
	}
	r.finish(w, body, nil)
}

func (r *Room) finish(w pending, answer protocol.EventBody, err *protocol.Error) {
	switch q := w.body.(type) {
	case protocol.Negotiate:
		r.offerAnswered(w, q.Transport, answer, err)
	case protocol.OfferTransport:
		r.inviteAnswered(w, q.Transport, answer, err)
	case protocol.AcceptAnswer:
		r.answerApplied(w, q.Transport, err)
	case protocol.PublishStream:
		r.publishAnswered(w, q.Stream, err)
	case protocol.SubscribeStream:
		r.subscribeAnswered(w, q.Stream, err)
	case protocol.ReadCounters:
		r.statsAnswered(w, answer, err)
	}
}

// Advance fails the requests that the worker has not answered in time, and takes back
// the invitations that clients have not.
func (r *Room) Advance(now time.Time) {
	r.endInvitations(now)
	late := protocol.Errorf(protocol.CodeUnavailable, "The media worker did not answer in time; try again.")
	for len(r.queue) > 0 {
		w, ok := r.pending[r.queue[0]]
		if ok && now.Before(w.deadline) {
			return
		}
		n := r.queue[0]
		r.queue = r.queue[1:]
		if ok {
			delete(r.pending, n)
			r.finish(w, nil, late)
		}
	}
}

// Timer says when Advance is due; zero: never.
func (r *Room) Timer() time.Time {
	next := r.nextInvitation()
	for len(r.queue) > 0 {
		if w, ok := r.pending[r.queue[0]]; ok {
			if next.IsZero() || w.deadline.Before(next) {
				return w.deadline
			}
			break
		}
		r.queue = r.queue[1:]
	}
	return next
}

// failPending answers those that match with an error.
func (r *Room) failPending(err *protocol.Error, match func(pending) bool) {
	for _, n := range slices.Clone(r.queue) {
		if w, ok := r.pending[n]; ok && match(w) {
			delete(r.pending, n)
			r.finish(w, nil, err)
		}
	}
}

// forget drops those that match without an answer.
func (r *Room) forget(match func(pending) bool) {
	maps.DeleteFunc(r.pending, func(_ uint64, w pending) bool { return match(w) })
}
