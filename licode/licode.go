// Package licode lets what was written for Licode work with Tertulia: the REST
// API of its Nuve, which applications call (nuve_*.go), the tokens that it hands
// out (token.go), and the signalling of its clients over Socket.IO (signalling.go).
//
// A client of Licode's has a session (session.go), the goroutine that owns three
// values: erizo.Client, which translates; socketio.Reliable, which repeats what a
// cut has lost; and the client's side of a native session (native.go), by which
// it is a participant like any other.
//
// It works on the same services, rooms and participants as the package api: a
// room that is made in one is seen in the other. Where Licode's answers are
// odd, they are odd here too, since clients read them; where Licode has a fault
// that nobody can rely on, it is mended. docs/from-licode.md tells the differences.
package licode

import (
	"context"
	"net/http"
	"net/netip"

	"github.com/tertulia-rtc/tertulia/protocol"
	"github.com/tertulia-rtc/tertulia/store"
)

// Rooms is what this door asks of, and tells to, whoever runs the rooms. A room
// that nobody is in has no participants.
type Rooms interface {
	Participants(ctx context.Context, room protocol.RoomID) ([]protocol.Participant, error)
	Kick(ctx context.Context, room protocol.RoomID, id protocol.ParticipantID, reason string) error
	CloseRoom(ctx context.Context, room protocol.RoomID) error
	RoomChanged(ctx context.Context, room store.Room) error
}

// Callers is what all doors together know of who calls, so that who fails at
// one of them has failed at all.
type Callers interface {
	// Client says which address a request comes from, and whether it came by TLS.
	Client(r *http.Request) (from netip.Addr, secure bool)
	// Barred says for how many seconds an address may not try to prove who it is;
	// 0: it may.
	Barred(from netip.Addr) (seconds int)
	// Failed counts an address that could not prove who it is.
	Failed(from netip.Addr)
}
