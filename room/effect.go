package room

import "github.com/tertulia-rtc/tertulia/protocol"

// Effect is something that the owner of a Room has to carry out: Tell, Answer,
// Command, Reading, End, SaveMetadata.
type Effect interface{ isEffect() }

type (
	// Tell is an event for participants.
	Tell struct {
		To     []protocol.ParticipantID // nil: everybody in the room now
		Except protocol.ParticipantID   // "": nobody
		Type   string
		Data   any
	}
	// Answer answers a request: Error, or ok with Data (nil: {}).
	Answer struct {
		To    protocol.ParticipantID
		Re    uint64
		Error *protocol.Error
		Data  any
	}
	// Command is for the worker.
	Command struct {
		Request uint64
		Body    protocol.CommandBody
	}
	// Reading answers ReadStats: Error, or what the worker counts.
	Reading struct {
		Ticket uint64
		Error  *protocol.Error
		Stats  protocol.Stats
	}
	// End ends a session. The participant is gone from the room already.
	End struct {
		Participant protocol.ParticipantID
		Reason      string
		Message     string
	}
	// SaveMetadata asks to keep the metadata of the room, which a moderator
	// has changed.
	SaveMetadata struct{ Room protocol.Room }
)

func (Tell) isEffect()         {}
func (Answer) isEffect()       {}
func (Command) isEffect()      {}
func (Reading) isEffect()      {}
func (End) isEffect()          {}
func (SaveMetadata) isEffect() {}

// Effects takes what is to be carried out, in its order.
func (r *Room) Effects() []Effect {
	e := r.effects
	r.effects = nil
	return e
}

func (r *Room) tell(to protocol.ParticipantID, typ string, data any) {
	if _, ok := r.participants[to]; ok {
		r.effects = append(r.effects, Tell{To: []protocol.ParticipantID{to}, Type: typ, Data: data})
	}
}

func (r *Room) tellAll(typ string, data any) { r.tellOthers("", typ, data) }

func (r *Room) tellOthers(except protocol.ParticipantID, typ string, data any) {
	r.effects = append(r.effects, Tell{Except: except, Type: typ, Data: data})
}

func (r *Room) ok(to protocol.ParticipantID, re uint64, data any) {
	r.effects = append(r.effects, Answer{To: to, Re: re, Data: data})
}

func (r *Room) fail(to protocol.ParticipantID, re uint64, err *protocol.Error) {
	r.effects = append(r.effects, Answer{To: to, Re: re, Error: err})
}
