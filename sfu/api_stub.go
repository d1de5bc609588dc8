package sfu

import (
	"time"

	"github.com/tertulia-rtc/tertulia/protocol"
	"github.com/tertulia-rtc/tertulia/sdp"
)

// Router is the media of one room on one shard.
type Router struct{}

// New makes an empty Router.
func New(cfg Config) *Router { return &Router{} }

// SetTransport makes a transport known, or tells the outcome of a renegotiation.
func (r *Router) SetTransport(now time.Time, key TransportKey, t *sdp.Transport) Peer { return 0 }

// SetConnected says whether media can be sent to the transport.
func (r *Router) SetConnected(now time.Time, key TransportKey, connected bool) {}

// RemoveTransport forgets a transport.
func (r *Router) RemoveTransport(now time.Time, key TransportKey) {}

// RemoveParticipant forgets a participant: transports, streams, subscriptions.
func (r *Router) RemoveParticipant(now time.Time, id protocol.ParticipantID) {}

// Publish makes a stream known.
func (r *Router) Publish(now time.Time, p protocol.PublishStream) *protocol.Error { return nil }

// Unpublish forgets a stream and its subscriptions.
func (r *Router) Unpublish(now time.Time, id protocol.StreamID) *protocol.Error { return nil }

// Mute stops or resumes the forwarding of a track.
func (r *Router) Mute(now time.Time, m protocol.MuteTrack) *protocol.Error { return nil }

// Subscribe makes or replaces a subscription.
func (r *Router) Subscribe(now time.Time, who protocol.ParticipantID, to protocol.SubscribeTo) *protocol.Error {
	return nil
}

// Unsubscribe removes a subscription; one that does not exist is no error.
func (r *Router) Unsubscribe(now time.Time, who protocol.ParticipantID, stream protocol.StreamID) *protocol.Error {
	return nil
}

// HandleRTP takes a decrypted RTP packet, valid during the call only.
func (r *Router) HandleRTP(now time.Time, from Peer, packet []byte) {}

// HandleRTCP takes a decrypted compound RTCP packet, valid during the call only.
func (r *Router) HandleRTCP(now time.Time, from Peer, compound []byte) {}

// Flush sends what the packets since the last Flush call for.
func (r *Router) Flush(now time.Time, sink Sink) {}

// Advance sends what is due by time.
func (r *Router) Advance(now time.Time, sink Sink) {}

// Timer gives the time at which Advance is next due; zero when never.
func (r *Router) Timer() time.Time { return time.Time{} }

// Events takes what there is to tell.
func (r *Router) Events() []Event { return nil }

// Listing gives what the router holds.
func (r *Router) Listing() ([]protocol.PublishStream, []protocol.ListedSubscription) { return nil, nil }

// TransportStats is what is counted for one transport.
type TransportStats struct{}

// Stats gives the counters of a participant's transports.
func (r *Router) Stats(id protocol.ParticipantID) []TransportStats { return nil }
