package licode

import (
	"encoding/json"

	"github.com/tertulia-rtc/tertulia/licode/erizo"
	"github.com/tertulia-rtc/tertulia/protocol"
)

// maxHints bounds the streams of a room that hints are kept of.
const maxHints = 4096

// hintedRoom is the clients of Licode's in a room, and what they want each other to
// know: it has no place in the native protocol, and is lost with the process.
type hintedRoom struct {
	sessions map[*session]bool
	hints    map[protocol.StreamID]sessionHint
}

// sessionHint is a hint and whose it is.
type sessionHint struct {
	erizo.Hint
	from *session
}

// hint keeps a hint, and tells it to the other clients of the room.
func (s *Signalling) hint(c *session, h erizo.Hint) {
	s.mu.Lock()
	defer s.mu.Unlock()
	room := s.rooms[c.room]
	if room == nil {
		return
	}
	old, known := room.hints[h.Stream]
	if known && old.from != c || !known && len(room.hints) >= maxHints {
		return
	}
	room.hints[h.Stream] = sessionHint{h, c}
	for other := range room.sessions {
		if other == c {
			continue
		}
		if len(other.hints) < maxHints {
			other.hints = append(other.hints, h)
		}
		other.nudge()
	}
}

// streamEnded forgets the hint of a stream.
func (s *Signalling) streamEnded(room protocol.RoomID, data json.RawMessage) {
	var u protocol.StreamUnpublished
	if json.Unmarshal(data, &u) != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.rooms[room]; r != nil {
		delete(r.hints, u.Stream)
	}
}
