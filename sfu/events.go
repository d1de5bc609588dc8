package sfu

import (
	"github.com/tertulia-rtc/tertulia/protocol"
)

// Events takes what there is to tell the owner of the room since the last call,
// in the order in which it happened; changes of slots come last, as they are now.
func (r *Router) Events() []Event {
	for _, p := range r.changed {
		p.changed = false
		e := protocol.SlotsChanged{Participant: p.Key.Participant, Slots: protocol.Slots{Transport: p.Key.Transport}}
		for _, s := range p.Slots {
			if s.changed {
				s.changed = false
				e.Slots.Slots = append(e.Slots.Slots, protocol.Slot{MID: s.MID, Stream: s.Stream, Track: s.Track})
			}
		}
		if len(e.Slots.Slots) > 0 {
			r.events = append(r.events, e)
		}
	}
	r.changed = r.changed[:0]
	events := r.events
	r.events = nil
	return events
}

func (r *Router) slotChanged(s *slot) {
	s.changed = true
	if p := s.peer; !p.changed {
		p.changed = true
		r.changed = append(r.changed, p)
	}
}

// setPart sets the state of a subscribed track and tells it when it is new.
func (r *Router) setPart(sub *subscription, p *part, state, codec, reason string) {
	r.setCause(sub, p, state, codec, "", reason)
}

// setPaused tells that nothing of a subscribed track is sent for now.
func (r *Router) setPaused(sub *subscription, p *part, cause string) {
	r.setCause(sub, p, protocol.SubscriptionPaused, p.track.Codec, cause, pauses[cause])
}

// pauses says to people why.
var pauses = map[string]string{
	protocol.PausedByBandwidth:  "not even the smallest layer of the video fits the connection",
	protocol.PausedBySubscriber: "paused as asked",
	protocol.PausedBySlots:      "there are more tracks than the connection has places for; those of higher priority have them",
}

func (r *Router) setCause(sub *subscription, p *part, state, codec, cause, reason string) {
	if p.State == state && p.Codec == codec && p.Reason == reason && p.Cause == cause {
		return
	}
	p.State, p.Codec, p.Cause, p.Reason = state, codec, cause, reason
	r.events = append(r.events, protocol.SubscriptionChanged{Participant: sub.Participant, Subscription: protocol.Subscription{
		Stream: sub.Stream, Track: p.Track, State: state, Codec: codec, Cause: cause, Reason: reason,
	}})
}
