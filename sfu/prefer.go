package sfu

import (
	"time"

	"github.com/tertulia-rtc/tertulia/protocol"
)

// Prefer sets what a subscriber wants of a track. It is checked for bounds, and
// its Priority is not 0.
func (r *Router) Prefer(_ time.Time, _ protocol.ParticipantID, _ protocol.Preference) *protocol.Error {
	return nil
}

// Configure sets what the media of the room follow.
func (r *Router) Configure(_ time.Time, _ protocol.RoomSettings) {}
