package protocol

import "encoding/json"

// Frame is one WebSocket text message of the native signalling.
//
// The opening frames of a socket (join, resume and their answers joined,
// resumed, resynced, refused) have no number. Every other frame that has a
// Type is numbered from 1 in its direction of the session. Ack acknowledges
// the frames of the other side up to and including its value; a frame with
// nothing but Ack is a bare acknowledgement and has no number.
type Frame struct {
	Seq  uint64          `json:"seq,omitempty"`
	Ack  uint64          `json:"ack,omitempty"`
	Type string          `json:"type,omitempty"`
	Re   uint64          `json:"re,omitempty"` // in ok and error: the number of the request
	Data json.RawMessage `json:"data,omitempty"`
}

// Types of opening frames.
const (
	TypeJoin     = "join"     // client: Join
	TypeResume   = "resume"   // client: Resume
	TypeJoined   = "joined"   // server: Joined
	TypeResumed  = "resumed"  // server: Resumed
	TypeResynced = "resynced" // server: Joined, a full snapshot in a new epoch
	TypeRefused  = "refused"  // server: Error; the socket closes
)

// Types of requests, from the client. Each is answered by ok or error.
const (
	TypeOffer       = "offer"       // Offer → Answer
	TypeInvite      = "invite"      // Invite → Invitation
	TypeAnswer      = "answer"      // InviteAnswer → {}
	TypeClose       = "close"       // CloseTransport → {}
	TypePublish     = "publish"     // Publish → Published
	TypeUnpublish   = "unpublish"   // StreamRef → {}
	TypeSubscribe   = "subscribe"   // SubscribeTo → {}
	TypeUnsubscribe = "unsubscribe" // StreamRef → {}
	TypePrefer      = "prefer"      // Preference → {}
	TypeLimit       = "limit"       // Limit → {}
	TypeTarget      = "target"      // LinkTarget → {}
	TypeMute        = "mute"        // Mute → {}
	TypeAttributes  = "attributes"  // Attributes → {}
	TypeMetadata    = "metadata"    // Metadata → {}
	TypeMessage     = "message"     // Message → {}; also the event to its recipients
	TypeSignal      = "signal"      // Signal → {}; also the event to the other side; p2p rooms only
	TypeKick        = "kick"        // Kick → {}
	TypeStats       = "stats"       // {} → Stats
	TypeLeave       = "leave"       // {} → {}; the socket closes
)

// Types of the server's answers and events.
const (
	TypeOK                 = "ok"
	TypeError              = "error"               // Error
	TypeParticipantJoined  = "participant-joined"  // Participant
	TypeParticipantUpdated = "participant-updated" // Participant
	TypeParticipantLeft    = "participant-left"    // ParticipantLeft
	TypeStreamPublished    = "stream-published"    // Stream
	TypeStreamUpdated      = "stream-updated"      // StreamUpdated
	TypeStreamUnpublished  = "stream-unpublished"  // StreamUnpublished
	TypeStreamSubscribed   = "stream-subscribed"   // StreamSubscribed; p2p rooms only
	TypeStreamUnsubscribed = "stream-unsubscribed" // StreamUnsubscribed; p2p rooms only
	TypeSlots              = "slots"               // Slots
	TypeSlotsWanted        = "slots-wanted"        // SlotsWanted
	TypeSubscription       = "subscription"        // Subscription
	TypeLayersWanted       = "layers-wanted"       // LayersWanted
	TypeSpeakers           = "speakers"            // Speakers
	TypeRoomUpdated        = "room-updated"        // Room
	TypeTransport          = "transport"           // TransportState
	TypeEnded              = "ended"               // Ended; the socket closes, the session is gone
)

// Join asks to enter the room that the token names.
type Join struct {
	Protocol int    `json:"protocol"`
	Token    string `json:"token"`
	// Client names the client software and its version, for logs.
	Client   string          `json:"client,omitempty"`
	Metadata json.RawMessage `json:"metadata,omitempty"`
}

// Joined is the whole of what a participant knows when it enters (joined) or
// when its session could only be rebuilt (resynced).
type Joined struct {
	Participant  Participant   `json:"participant"`
	Room         Room          `json:"room"`
	Participants []Participant `json:"participants"` // the others
	Streams      []Stream      `json:"streams"`      // own ones too
	ICEServers   []ICEServer   `json:"iceServers,omitempty"`
	Resume       string        `json:"resume"`       // token for Resume
	ResumeWindow int           `json:"resumeWindow"` // seconds that the session outlives its socket
}

// Resume asks to go on with a session on a new socket.
type Resume struct {
	Token string `json:"token"`
	Ack   uint64 `json:"ack"` // the highest number received from the server
	// Metadata is the participant's metadata as it is now. It is used only when
	// the server has forgotten the session, which is then resynced.
	Metadata json.RawMessage `json:"metadata,omitempty"`
}

// Resumed says that the session goes on: Ack is the highest number that the
// server has received; what the client has not acknowledged follows.
type Resumed struct {
	Ack    uint64 `json:"ack"`
	Resume string `json:"resume"`
}

// Offer is an SDP offer of the client for one of its transports, which it
// creates, changes or restarts.
type Offer struct {
	Transport TransportID `json:"transport"`
	SDP       string      `json:"sdp"`
}

// Answer is the server's SDP answer.
type Answer struct {
	SDP string `json:"sdp"`
}

// CloseTransport ends a transport and what it carries.
type CloseTransport struct {
	Transport TransportID `json:"transport"`
}

// PublishTrack says which m-section carries a track. In a peer-to-peer room
// there is none: Transport and MID are empty.
type PublishTrack struct {
	Track
	Transport TransportID `json:"transport,omitempty"`
	MID       string      `json:"mid,omitempty"`
}

// Publish makes a stream. The m-sections of its tracks may be offered before
// or after. A client that was resynced gives the Stream ids that it had, to
// keep them where they are still free.
type Publish struct {
	Stream     StreamID        `json:"stream,omitempty"`
	Tracks     []PublishTrack  `json:"tracks,omitempty"`
	Data       bool            `json:"data,omitempty"`
	Label      string          `json:"label,omitempty"` // see Stream
	Attributes json.RawMessage `json:"attributes,omitempty"`
}

// Published names the new stream.
type Published struct {
	Stream StreamID `json:"stream"`
}

// StreamRef names a stream.
type StreamRef struct {
	Stream StreamID `json:"stream"`
}

// SubscribeTo asks for tracks (all when nil, none when empty) of a stream, and its data
// channels, on a transport (of which a peer-to-peer room has none). A second one
// for the same stream replaces the first.
type SubscribeTo struct {
	Stream    StreamID    `json:"stream"`
	Transport TransportID `json:"transport,omitempty"`
	Tracks    []TrackID   `json:"tracks,omitzero"`
	Data      bool        `json:"data,omitempty"`
}

// Mute sets the mute state of a track. Its owner may mute and unmute; a
// moderator may mute; then nothing is forwarded until the owner unmutes.
type Mute struct {
	Stream StreamID `json:"stream"`
	Track  TrackID  `json:"track"`
	Muted  bool     `json:"muted"`
}

// Attributes replaces the attributes of an own stream.
type Attributes struct {
	Stream     StreamID        `json:"stream"`
	Attributes json.RawMessage `json:"attributes"`
}

// Metadata replaces the participant's own metadata, or the room's ("room").
type Metadata struct {
	Of       string          `json:"of"` // "me" or "room"
	Metadata json.RawMessage `json:"metadata"`
}

// Message is application data to all others, or to those in To. ID is the
// sender's UUID for it: receivers drop repeats of (From, ID). From and Time
// are set by the server. Stream says that it belongs to a stream of the sender's;
// 0: to none.
type Message struct {
	ID     string          `json:"id"`
	To     []ParticipantID `json:"to,omitempty"`
	Stream StreamID        `json:"stream,omitempty"`
	From   ParticipantID   `json:"from,omitempty"`
	Time   int64           `json:"time,omitempty"` // Unix milliseconds
	Data   json.RawMessage `json:"data"`
}

// Kick ends another participant's presence.
type Kick struct {
	Participant ParticipantID `json:"participant"`
	Reason      string        `json:"reason,omitempty"`
}

// Stats answers a stats request: what the server counts for the participant.
type Stats struct {
	Transports json.RawMessage `json:"transports"`
}

// Reasons why participants leave and sessions end.
const (
	ReasonLeft     = "left"
	ReasonKicked   = "kicked"
	ReasonTimeout  = "timeout" // did not come back within the resume window, or stopped reading
	ReasonError    = "error"   // broke the rules of the signalling
	ReasonDeleted  = "room-deleted"
	ReasonShutdown = "shutdown" // the server ends; come back with the resume token
	ReasonReplaced = "replaced" // the session was resumed on another socket
)

// ParticipantLeft tells who left and why.
type ParticipantLeft struct {
	Participant ParticipantID `json:"participant"`
	Reason      string        `json:"reason"`
}

// StreamUpdated has the stream as it is now; By is who changed it.
type StreamUpdated struct {
	Stream Stream        `json:"stream"`
	By     ParticipantID `json:"by,omitempty"`
}

// StreamUnpublished tells that a stream ended.
type StreamUnpublished struct {
	Stream StreamID `json:"stream"`
}

// Slot is a receiving m-section of a transport and what it is bound to now;
// Stream is 0 while it is free.
type Slot struct {
	MID    string   `json:"mid"`
	Stream StreamID `json:"stream,omitempty"`
	Track  TrackID  `json:"track,omitempty"`
}

// Slots tells the slots whose binding changed.
type Slots struct {
	Transport TransportID `json:"transport"`
	Slots     []Slot      `json:"slots"`
}

// SlotsWanted asks for receiving m-sections: how many there should be in all
// for what the participant subscribes to on this transport.
type SlotsWanted struct {
	Transport TransportID `json:"transport"`
	Audio     int         `json:"audio"`
	Video     int         `json:"video"`
}

// States of a subscribed track.
const (
	SubscriptionWaiting     = "waiting" // for a slot, or for the publisher's media
	SubscriptionActive      = "active"
	SubscriptionPaused      = "paused" // nothing of it is sent for now; Cause and Reason say why
	SubscriptionUnsupported = "codec-unsupported"
)

// Causes of a paused subscription, for programs.
const (
	PausedByBandwidth  = "bandwidth"  // not even the smallest layer fits the subscriber's link
	PausedBySubscriber = "subscriber" // it asked for that with a Preference
	PausedBySlots      = "slots"      // the transport has no slot for it
	PausedByLoudness   = "loudness"   // audio that is not among the loudest of a big room
)

// Subscription tells the state of a subscribed track.
type Subscription struct {
	Stream StreamID `json:"stream"`
	Track  TrackID  `json:"track"`
	State  string   `json:"state"`
	Codec  string   `json:"codec,omitempty"`
	Reason string   `json:"reason,omitempty"` // a sentence for people
	Cause  string   `json:"cause,omitempty"`  // of paused: one of the words above
}

// Speaker is an audio track that is heard now.
type Speaker struct {
	Stream StreamID `json:"stream"`
	Track  TrackID  `json:"track"`
	Level  int      `json:"level"` // −127…0 dBov (RFC 6464)
}

// Speakers lists who speaks now, loudest first; empty in silence.
type Speakers struct {
	Speakers []Speaker `json:"speakers"`
}

// States of a transport.
const (
	TransportConnected   = "connected"
	TransportInterrupted = "interrupted" // no consent for 5 s; restart ICE
	TransportClosed      = "closed"
)

// TransportState tells how a transport is.
type TransportState struct {
	Transport TransportID `json:"transport"`
	State     string      `json:"state"`
	Reason    string      `json:"reason,omitempty"`
}

// Ended says that the session is over and why.
type Ended struct {
	Reason  string `json:"reason"`
	Message string `json:"message,omitempty"`
}

// Close codes of the WebSocket.
const (
	CloseEnded      = 1000 // the session ended, as said before in "ended" or the answer to "leave"
	CloseComeBack   = 1001 // the server shuts down or the room moves; resume
	CloseBadRequest = 4400 // the client broke the rules; the session is gone
	CloseRefused    = 4401 // refused, as said before in "refused"
	CloseSilent     = 4408 // the client was silent for SilenceLimit or did not read; resume
	CloseReplaced   = 4409 // the session was resumed on another socket
	CloseTooFast    = 4429 // more requests than allowed; resume after some seconds
)
