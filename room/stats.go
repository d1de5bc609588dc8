package room

import (
	"time"

	"github.com/tertulia-rtc/tertulia/protocol"
)

func (r *Room) stats(now time.Time, p *participant, re uint64) *protocol.Error {
	if err := need(p, protocol.ReadStats); err != nil {
		return err
	}
	r.ask(now, p.ID, re, protocol.ReadCounters{Participant: p.ID})
	return nil
}

// ReadStats asks on behalf of the API for what the worker counts for a
// participant. The Reading with the ticket comes with this call or a later one,
// always.
func (r *Room) ReadStats(now time.Time, id protocol.ParticipantID, ticket uint64) {
	switch _, ok := r.participants[id]; {
	case !ok:
		r.effects = append(r.effects, Reading{Ticket: ticket, Error: protocol.Errorf(protocol.CodeNotFound, "There is no participant %s in the room.", id)})
	case r.PeerToPeer():
		r.effects = append(r.effects, Reading{Ticket: ticket, Error: nothingCounted()})
	case !r.workerFound:
		// Nothing is counted where there are no media; nor is a worker needed for that.
		r.effects = append(r.effects, Reading{Ticket: ticket, Stats: protocol.Stats{Transports: []byte("[]")}})
	default:
		r.await(pending{reading: ticket, deadline: now.Add(AnswerTimeout), body: protocol.ReadCounters{Participant: id}})
	}
}

// failReadings answers those that wait for the counters of a participant who is
// gone.
func (r *Room) failReadings(id protocol.ParticipantID) {
	gone := protocol.Errorf(protocol.CodeNotFound, "The participant %s has left the room.", id)
	r.failPending(gone, func(w pending) bool {
		c, ok := w.body.(protocol.ReadCounters)
		return ok && w.reading != 0 && c.Participant == id
	})
}

func (r *Room) statsAnswered(w pending, answer protocol.EventBody, err *protocol.Error) {
	c, ok := answer.(protocol.Counters)
	if !ok && err == nil {
		err = protocol.Errorf(protocol.CodeInternal, "The media worker gave no counters.")
	}
	switch {
	case w.reading != 0:
		r.effects = append(r.effects, Reading{Ticket: w.reading, Error: err, Stats: protocol.Stats(c)})
	case err != nil:
		r.fail(w.participant, w.re, err)
	default:
		r.ok(w.participant, w.re, protocol.Stats(c))
	}
}
