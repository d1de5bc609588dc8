package sfu

import (
	"slices"

	"github.com/tertulia-rtc/tertulia/protocol"
)

// Listing gives the streams and subscriptions that the router holds, in the order
// in which they were made.
func (r *Router) Listing() (streams []protocol.PublishStream, subscriptions []protocol.ListedSubscription) {
	for _, pub := range r.state.Publications {
		streams = append(streams, pub.described())
	}
	for _, sub := range r.state.Subscriptions {
		l := protocol.ListedSubscription{Participant: sub.Participant, SubscribeTo: sub.SubscribeTo}
		l.Tracks = slices.Clone(sub.Tracks)
		subscriptions = append(subscriptions, l)
	}
	return streams, subscriptions
}

// Counts gives how many streams and subscriptions there are.
func (r *Router) Counts() (streams, subscriptions int) {
	return len(r.state.Publications), len(r.state.Subscriptions)
}

// described is what was published.
func (p *publication) described() protocol.PublishStream {
	s := protocol.PublishStream{Participant: p.Participant, Stream: p.Stream, Data: p.Data}
	for _, t := range p.Tracks {
		s.Tracks = append(s.Tracks, t.PublishTrack)
	}
	return s
}
