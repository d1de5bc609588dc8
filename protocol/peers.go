package protocol

import "encoding/json"

// Mode is how media go in a room.
type Mode string

// The modes of rooms.
const (
	SFU Mode = "sfu" // to the server, and from there to the others
	P2P Mode = "p2p" // from participant to participant; the server only signals
)

// DefaultPeers is how many participants a peer-to-peer room takes that does not
// say: each of them sends its media once for each other.
const DefaultPeers = 4

// PeerToPeer is the error of who asks for what only a server with the media has;
// lacks is the end of the sentence.
func PeerToPeer(lacks string) *Error {
	return Errorf(CodeUnsupported, "This room is peer to peer: its media do not go through the server, %s.", lacks)
}

// Signal is what one participant of a peer-to-peer room tells another for their
// connection: descriptions, candidates. The server passes on Data as it is.
// From is set by the server, and To is absent in the event.
type Signal struct {
	To   ParticipantID   `json:"to,omitempty"`
	From ParticipantID   `json:"from,omitempty"`
	Data json.RawMessage `json:"data"`
}

// StreamSubscribed tells the publisher of a stream in a peer-to-peer room who
// wants it, and what of it: Tracks (all when nil, none when empty) and data
// channels. It replaces what was told before of the same participant.
type StreamSubscribed struct {
	Stream      StreamID      `json:"stream"`
	Participant ParticipantID `json:"participant"`
	Tracks      []TrackID     `json:"tracks,omitzero"`
	Data        bool          `json:"data,omitempty"`
}

// StreamUnsubscribed tells the publisher who wants the stream no more, or has
// left.
type StreamUnsubscribed struct {
	Stream      StreamID      `json:"stream"`
	Participant ParticipantID `json:"participant"`
}

func (Signal) isRequest() {}

// Validate checks id and size.
func (s Signal) Validate() *Error {
	switch {
	case !s.To.Valid():
		return badParticipant()
	case len(s.Data) == 0:
		return Errorf(CodeBadRequest, "data is missing.")
	case len(s.Data) > MaxSignal:
		return Errorf(CodeBadRequest, "The signal has %d bytes; at most %d are allowed.", len(s.Data), MaxSignal)
	}
	return nil
}

// Carried checks that each track names what carries it, as rooms need whose
// media go through the server.
func (p Publish) Carried() *Error {
	for _, t := range p.Tracks {
		if t.Transport == "" {
			return badName("transport of a track")
		}
		if t.MID == "" {
			return badMID(t.ID)
		}
	}
	return nil
}

// Carried checks that the transport is named.
func (s SubscribeTo) Carried() *Error {
	if s.Transport == "" {
		return badName("transport")
	}
	return nil
}
