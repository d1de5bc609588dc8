package room

import (
	"time"

	"github.com/tertulia-rtc/tertulia/protocol"
)

// Handle carries out a request of a participant; it was validated when it was
// decoded. re is its number in the session, which the Answer repeats. The answer may
// come with a later call, when the worker has answered or is late.
func (r *Room) Handle(now time.Time, from protocol.ParticipantID, re uint64, request protocol.Request) {
	p, ok := r.participants[from]
	if !ok {
		return // it has left; its session is ending
	}
	if err := r.withoutMedia(request); err != nil {
		r.fail(p.ID, re, err)
		return
	}
	var data any
	var err *protocol.Error
	switch q := request.(type) {
	case protocol.Offer:
		err = r.offer(now, p, re, q)
		if err == nil {
			return
		}
	case protocol.Invite:
		err = r.invite(now, p, re, q)
		if err == nil {
			return
		}
	case protocol.InviteAnswer:
		err = r.answer(now, p, re, q)
		if err == nil {
			return
		}
	case protocol.Publish:
		err = r.publish(now, p, re, q)
		if err == nil {
			return
		}
	case protocol.SubscribeTo:
		err = r.subscribe(now, p, re, q)
		if err == nil {
			return
		}
	case protocol.StatsRequest:
		err = r.stats(now, p, re)
		if err == nil {
			return
		}
	case protocol.Leave:
		r.ok(p.ID, re, nil)
		r.Leave(p.ID, protocol.ReasonLeft, "")
		return
	case protocol.CloseTransport:
		err = r.closeTransport(p, q)
	case protocol.Unpublish:
		err = r.unpublish(p, q.Stream)
	case protocol.Unsubscribe:
		err = r.unsubscribe(p, q.Stream)
	case protocol.Preference:
		err = r.prefer(p, q)
	case protocol.Limit:
		err = r.limit(p, q)
	case protocol.LinkTarget:
		err = r.target(p, q)
	case protocol.Mute:
		err = r.mute(p, q)
	case protocol.Attributes:
		err = r.setAttributes(p, q)
	case protocol.Metadata:
		err = r.setMetadata(p, q)
	case protocol.Message:
		err = r.message(now, p, q)
	case protocol.Signal:
		err = r.signal(p, q)
	case protocol.Kick:
		err = r.kick(p, q)
	default:
		err = protocol.Errorf(protocol.CodeUnsupported, "The room does not know this request.")
	}
	if err != nil {
		r.fail(p.ID, re, err)
		return
	}
	r.ok(p.ID, re, data)
}

func need(p *participant, permission protocol.Permission) *protocol.Error {
	if p.can(permission) {
		return nil
	}
	return protocol.Errorf(protocol.CodeForbidden, "The role %q lacks the permission %q.", p.Role, permission)
}
