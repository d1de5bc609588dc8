package room

import (
	"slices"

	"github.com/tertulia-rtc/tertulia/protocol"
)

// PeerToPeer says whether media go from participant to participant. Then there
// is no worker: what the room knows of streams and subscriptions is all there
// is, and publishers are told who subscribes.
func (r *Room) PeerToPeer() bool { return r.config.Room.Mode == protocol.P2P }

// maxParticipants is the limit of those who may be in at once; 0: none.
func (r *Room) maxParticipants() int {
	if r.config.MaxParticipants == 0 && r.PeerToPeer() {
		return protocol.DefaultPeers
	}
	return r.config.MaxParticipants
}

// withoutMedia refuses what needs a server that has the media, in a room where
// it has none.
func (r *Room) withoutMedia(request protocol.Request) *protocol.Error {
	if !r.PeerToPeer() {
		return nil
	}
	switch request.(type) {
	case protocol.Offer, protocol.Invite, protocol.InviteAnswer, protocol.LinkTarget, protocol.CloseTransport:
		return protocol.PeerToPeer("which has no transports; participants connect by signals")
	case protocol.Preference, protocol.Limit:
		return protocol.PeerToPeer("which cannot choose layers")
	case protocol.StatsRequest:
		return nothingCounted()
	}
	return nil
}

func nothingCounted() *protocol.Error {
	return protocol.PeerToPeer("which counts nothing of them")
}

// carried checks that what is published says how it comes, if it comes here.
func (r *Room) carried(q protocol.Publish) *protocol.Error {
	if r.PeerToPeer() {
		return nil
	}
	return q.Carried()
}

// carriedTo checks that a subscription says where to, if anything goes from here.
func (r *Room) carriedTo(q protocol.SubscribeTo) *protocol.Error {
	if r.PeerToPeer() {
		return nil
	}
	return q.Carried()
}

// subscribePeer notes a subscription and tells the publisher, who does the rest.
func (r *Room) subscribePeer(p *participant, re uint64, s *stream, q protocol.SubscribeTo) *protocol.Error {
	if s.owner == p.ID {
		return protocol.Errorf(protocol.CodeBadRequest, "Stream %d is your own; in a peer-to-peer room it cannot be received.", s.id)
	}
	q.Transport = ""
	p.subscriptions[q.Stream] = q
	r.subscriberThere(p, q)
	r.ok(p.ID, re, nil)
	return nil
}

// subscriberThere tells a publisher, who must know it, what somebody wants of
// its stream.
func (r *Room) subscriberThere(p *participant, q protocol.SubscribeTo) {
	if r.PeerToPeer() {
		r.tell(r.streams[q.Stream].owner, protocol.TypeStreamSubscribed,
			protocol.StreamSubscribed{Stream: q.Stream, Participant: p.ID, Tracks: q.Tracks, Data: q.Data})
	}
}

// subscriberGone tells a publisher that somebody wants its stream no more.
func (r *Room) subscriberGone(p *participant, id protocol.StreamID) {
	if s, ok := r.streams[id]; ok && r.PeerToPeer() {
		r.tell(s.owner, protocol.TypeStreamUnsubscribed, protocol.StreamUnsubscribed{Stream: id, Participant: p.ID})
	}
}

// signal passes on what one participant tells another for their connection.
// What goes through that connection the server does not see; so who may neither
// publish nor receive gets none.
func (r *Room) signal(p *participant, q protocol.Signal) *protocol.Error {
	switch _, ok := r.participants[q.To]; {
	case !r.PeerToPeer():
		return protocol.Errorf(protocol.CodeUnsupported, "This room is not peer to peer: participants do not connect to each other.")
	case !slices.ContainsFunc(p.Permissions, connects):
		return protocol.Errorf(protocol.CodeForbidden, "The role %q may neither publish nor subscribe, so it has no connections.", p.Role)
	case q.To == p.ID:
		return protocol.Errorf(protocol.CodeBadRequest, "A signal to oneself makes no sense.")
	case !ok:
		return protocol.Errorf(protocol.CodeNotFound, "There is no participant %s in the room.", q.To)
	}
	r.tell(q.To, protocol.TypeSignal, protocol.Signal{From: p.ID, Data: q.Data})
	return nil
}

// connects says whether the permission is one that needs a connection.
func connects(permission protocol.Permission) bool {
	switch permission {
	case protocol.PublishAudio, protocol.PublishVideo, protocol.PublishScreen, protocol.PublishData, protocol.Subscribe:
		return true
	}
	return false
}
