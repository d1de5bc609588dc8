package room

import (
	"slices"
	"time"

	"github.com/tertulia-rtc/tertulia/protocol"
)

// recentMessages are the ids of the last messages of a participant: one that
// comes again is not passed on again.
type recentMessages struct {
	ids  [128]string
	next int
}

// add says whether the id is new, and keeps it.
func (m *recentMessages) add(id string) bool {
	if slices.Contains(m.ids[:], id) {
		return false
	}
	m.ids[m.next] = id
	m.next = (m.next + 1) % len(m.ids)
	return true
}

func (r *Room) message(now time.Time, p *participant, q protocol.Message) *protocol.Error {
	if err := need(p, protocol.PublishData); err != nil {
		return err
	}
	if q.Stream != 0 {
		if _, err := r.own(p, q.Stream); err != nil {
			return err
		}
	}
	var to []protocol.ParticipantID
	named := make(map[protocol.ParticipantID]bool, len(q.To))
	for _, id := range q.To {
		if _, ok := r.participants[id]; !ok {
			return protocol.Errorf(protocol.CodeNotFound, "There is no participant %s in the room; nobody got the message.", id)
		}
		if !named[id] {
			named[id] = true
			to = append(to, id)
		}
	}
	if !p.recent.add(q.ID) {
		return nil
	}
	q.From, q.Time, q.To = p.ID, now.UnixMilli(), to
	if to == nil {
		r.tellOthers(p.ID, protocol.TypeMessage, q)
		return nil
	}
	r.effects = append(r.effects, Tell{To: to, Type: protocol.TypeMessage, Data: q})
	return nil
}

func (r *Room) setMetadata(p *participant, q protocol.Metadata) *protocol.Error {
	if q.Of == "me" {
		p.Metadata = object(q.Metadata)
		r.tellAll(protocol.TypeParticipantUpdated, p.others())
		return nil
	}
	if err := need(p, protocol.Moderate); err != nil {
		return err
	}
	r.config.Room.Metadata = object(q.Metadata)
	r.tellAll(protocol.TypeRoomUpdated, r.config.Room)
	r.effects = append(r.effects, SaveMetadata{Room: r.config.Room})
	return nil
}

func (r *Room) kick(p *participant, q protocol.Kick) *protocol.Error {
	if err := need(p, protocol.Moderate); err != nil {
		return err
	}
	if q.Participant == p.ID {
		return protocol.Errorf(protocol.CodeBadRequest, "To end your own presence, leave.")
	}
	return r.Kick(q.Participant, q.Reason)
}

// Kick ends a presence on behalf of a moderator or of the API.
func (r *Room) Kick(id protocol.ParticipantID, reason string) *protocol.Error {
	if _, ok := r.participants[id]; !ok {
		return protocol.Errorf(protocol.CodeNotFound, "There is no participant %s in the room.", id)
	}
	r.Leave(id, protocol.ReasonKicked, reason)
	return nil
}
