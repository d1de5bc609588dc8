package protocol

import (
	"encoding/json"
	"fmt"
)

// Subjects of the bus.

// SubjectWorker is where a worker takes its commands.
func SubjectWorker(id WorkerID) string { return "worker." + string(id) + ".commands" }

// SubjectRoom is where a worker tells its events of a room.
func SubjectRoom(id RoomID) string { return "room." + string(id) + ".events" }

// SubjectHeartbeats is where workers tell that they live, and their load.
const SubjectHeartbeats = "workers.heartbeats"

// Command is what the owner of a room tells a worker. Commands of one room
// are carried out in their order. A command whose epoch is below the highest
// that the worker has seen for the room is refused with CodeStaleEpoch.
type Command struct {
	Room    RoomID          `json:"room"`
	Epoch   uint64          `json:"epoch"`
	Request uint64          `json:"request"` // > 0; the event that answers it repeats it
	Type    string          `json:"type"`
	Body    json.RawMessage `json:"body,omitempty"`
}

// Event is what a worker tells the owner of a room. An event with Re answers
// the command of that number: every command is answered by exactly one event,
// "done", "failed", or one that has the result.
type Event struct {
	Worker WorkerID        `json:"worker"`
	Room   RoomID          `json:"room"`
	Epoch  uint64          `json:"epoch"`
	Re     uint64          `json:"re,omitempty"`
	Type   string          `json:"type"`
	Body   json.RawMessage `json:"body,omitempty"`
}

// CommandBody is one of the commands below.
type CommandBody interface{ commandType() string }

// EventBody is one of the events below.
type EventBody interface{ eventType() string }

// Commands.
type (
	// Negotiate applies a client's SDP offer to a transport, which it creates
	// if need be. Answered by Negotiated.
	Negotiate struct {
		Participant ParticipantID `json:"participant"`
		Transport   TransportID   `json:"transport"`
		SDP         string        `json:"sdp"`
		// Codecs lists the codecs of the room, best first.
		Codecs []string `json:"codecs"`
	}
	// OfferTransport makes an SDP offer of a transport, which it creates if need
	// be. Answered by Offered.
	OfferTransport struct {
		Participant ParticipantID `json:"participant"`
		Invite
		// Kinds are those of the tracks of Add.
		Kinds []Kind `json:"kinds,omitempty"`
		// Codecs lists the codecs of the room, best first.
		Codecs []string `json:"codecs"`
	}
	// AcceptAnswer applies a client's SDP answer to what OfferTransport offered.
	AcceptAnswer struct {
		Participant ParticipantID `json:"participant"`
		InviteAnswer
	}
	// TargetLink says up to which bitrate a transport's link should be measured.
	TargetLink struct {
		Participant ParticipantID `json:"participant"`
		LinkTarget
	}
	// DropTransport closes a transport.
	DropTransport struct {
		Participant ParticipantID `json:"participant"`
		Transport   TransportID   `json:"transport"`
	}
	// PublishStream makes a stream known to the router.
	PublishStream struct {
		Participant ParticipantID  `json:"participant"`
		Stream      StreamID       `json:"stream"`
		Tracks      []PublishTrack `json:"tracks"`
		Data        bool           `json:"data,omitempty"`
	}
	// UnpublishStream removes a stream and its subscriptions.
	UnpublishStream struct {
		Stream StreamID `json:"stream"`
	}
	// SubscribeStream makes or replaces a subscription.
	SubscribeStream struct {
		Participant ParticipantID `json:"participant"`
		SubscribeTo
	}
	// UnsubscribeStream removes a subscription.
	UnsubscribeStream struct {
		Participant ParticipantID `json:"participant"`
		Stream      StreamID      `json:"stream"`
	}
	// PreferTrack sets what a subscriber wants of a track. It comes after the
	// SubscribeStream of its stream, and again after each that replaces it.
	PreferTrack struct {
		Participant ParticipantID `json:"participant"`
		Preference
	}
	// ConfigureRoom sets what the room's media follow. It is the first that a
	// worker is told of a room after DropRoom, and comes again when it changes.
	ConfigureRoom struct{ RoomSettings }
	// MuteTrack stops or resumes the forwarding of a track.
	MuteTrack struct {
		Stream StreamID `json:"stream"`
		Track  TrackID  `json:"track"`
		Muted  bool     `json:"muted"`
	}
	// LimitTrack sets what each subscriber gets of a track at most, now and later. It
	// comes again after each PublishStream that replaces its stream.
	LimitTrack struct {
		Stream StreamID `json:"stream"`
		Track  TrackID  `json:"track"`
		// MaxBitrate is in bits per second; 0: no limit.
		MaxBitrate uint64 `json:"maxBitrate,omitempty"`
	}
	// DropParticipant removes a participant: transports, streams, subscriptions.
	DropParticipant struct {
		Participant ParticipantID `json:"participant"`
	}
	// DropRoom removes everything of the room.
	DropRoom struct{}
	// ListRoom asks what the worker holds of the room. Answered by Listing.
	ListRoom struct{}
	// ReadCounters asks for the statistics of a participant. Answered by Counters.
	ReadCounters struct {
		Participant ParticipantID `json:"participant"`
	}
)

// Events.
type (
	// Done answers a command that has no result.
	Done struct{}
	// Failed answers a command that could not be carried out.
	Failed struct{ Error }
	// Negotiated answers Negotiate.
	Negotiated struct {
		SDP string `json:"sdp"`
	}
	// Offered answers OfferTransport.
	Offered struct{ Invitation }
	// TransportChanged tells a new state of a transport.
	TransportChanged struct {
		Participant ParticipantID `json:"participant"`
		TransportState
	}
	// SlotsChanged tells slots whose binding changed.
	SlotsChanged struct {
		Participant ParticipantID `json:"participant"`
		Slots
	}
	// SlotsMissing tells how many slots a transport should have.
	SlotsMissing struct {
		Participant ParticipantID `json:"participant"`
		SlotsWanted
	}
	// SubscriptionChanged tells the state of a subscribed track.
	SubscriptionChanged struct {
		Participant ParticipantID `json:"participant"`
		Subscription
	}
	// LayersNeeded tells a publisher, the Participant, which layers of its track
	// anybody has a use for; when that changes.
	LayersNeeded struct {
		Participant ParticipantID `json:"participant"`
		LayersWanted
	}
	// TrackStarted tells the codec of a published track, at its first packet
	// and when it changes.
	TrackStarted struct {
		Stream StreamID `json:"stream"`
		Track  TrackID  `json:"track"`
		Codec  string   `json:"codec"`
	}
	// SpeakersChanged tells who speaks.
	SpeakersChanged struct{ Speakers }
	// Listing answers ListRoom.
	Listing struct {
		Transports    []ListedTransport    `json:"transports"`
		Streams       []PublishStream      `json:"streams"`
		Subscriptions []ListedSubscription `json:"subscriptions"`
	}
	// Counters answers ReadCounters.
	Counters struct {
		Transports json.RawMessage `json:"transports"`
	}
)

// ListedTransport is a transport in a Listing.
type ListedTransport struct {
	Participant ParticipantID `json:"participant"`
	Transport   TransportID   `json:"transport"`
	State       string        `json:"state"`
}

// ListedSubscription is a subscription in a Listing.
type ListedSubscription struct {
	Participant ParticipantID `json:"participant"`
	SubscribeTo
}

// Heartbeat is what a worker tells several times a second.
type Heartbeat struct {
	Worker        WorkerID `json:"worker"`
	Rooms         int      `json:"rooms"`
	Transports    int      `json:"transports"`
	Subscriptions int      `json:"subscriptions"`
	PacketsOut    uint64   `json:"packetsOut"` // since the worker's start
	BytesOut      uint64   `json:"bytesOut"`
}

func (Negotiate) commandType() string         { return "negotiate" }
func (OfferTransport) commandType() string    { return "offer" }
func (AcceptAnswer) commandType() string      { return "answer" }
func (TargetLink) commandType() string        { return "target" }
func (DropTransport) commandType() string     { return "drop-transport" }
func (PublishStream) commandType() string     { return "publish" }
func (UnpublishStream) commandType() string   { return "unpublish" }
func (SubscribeStream) commandType() string   { return "subscribe" }
func (UnsubscribeStream) commandType() string { return "unsubscribe" }
func (PreferTrack) commandType() string       { return "prefer" }
func (ConfigureRoom) commandType() string     { return "configure-room" }
func (MuteTrack) commandType() string         { return "mute" }
func (LimitTrack) commandType() string        { return "limit" }
func (DropParticipant) commandType() string   { return "drop-participant" }
func (DropRoom) commandType() string          { return "drop-room" }
func (ListRoom) commandType() string          { return "list" }
func (ReadCounters) commandType() string      { return "counters" }

func (Done) eventType() string                { return "done" }
func (Failed) eventType() string              { return "failed" }
func (Negotiated) eventType() string          { return "negotiated" }
func (Offered) eventType() string             { return "offered" }
func (TransportChanged) eventType() string    { return "transport" }
func (SlotsChanged) eventType() string        { return "slots" }
func (SlotsMissing) eventType() string        { return "slots-wanted" }
func (SubscriptionChanged) eventType() string { return "subscription" }
func (LayersNeeded) eventType() string        { return "layers-wanted" }
func (TrackStarted) eventType() string        { return "track" }
func (SpeakersChanged) eventType() string     { return "speakers" }
func (Listing) eventType() string             { return "listing" }
func (Counters) eventType() string            { return "counters" }

// EncodeCommand gives the bytes of a command for the bus.
func EncodeCommand(room RoomID, epoch, request uint64, body CommandBody) []byte {
	return mustMarshal(Command{Room: room, Epoch: epoch, Request: request, Type: body.commandType(), Body: mustMarshal(body)})
}

// DecodeCommand reads a command and its body from the bus.
func DecodeCommand(b []byte) (Command, CommandBody, error) {
	var c Command
	if err := json.Unmarshal(b, &c); err != nil {
		return c, nil, fmt.Errorf("command: %w", err)
	}
	body, err := decodeBody(c.Type, c.Body, commandBodies)
	return c, body, err
}

// EncodeEvent gives the bytes of an event for the bus; re is 0 for events that
// answer no command.
func EncodeEvent(worker WorkerID, room RoomID, epoch, re uint64, body EventBody) []byte {
	return mustMarshal(Event{Worker: worker, Room: room, Epoch: epoch, Re: re, Type: body.eventType(), Body: mustMarshal(body)})
}

// DecodeEvent reads an event and its body from the bus.
func DecodeEvent(b []byte) (Event, EventBody, error) {
	var e Event
	if err := json.Unmarshal(b, &e); err != nil {
		return e, nil, fmt.Errorf("event: %w", err)
	}
	body, err := decodeBody(e.Type, e.Body, eventBodies)
	return e, body, err
}

// commandBodies has the decoder of each type of command.
var commandBodies = map[string]func(json.RawMessage) (CommandBody, error){
	Negotiate{}.commandType():         command[Negotiate],
	OfferTransport{}.commandType():    command[OfferTransport],
	AcceptAnswer{}.commandType():      command[AcceptAnswer],
	TargetLink{}.commandType():        command[TargetLink],
	DropTransport{}.commandType():     command[DropTransport],
	PublishStream{}.commandType():     command[PublishStream],
	UnpublishStream{}.commandType():   command[UnpublishStream],
	SubscribeStream{}.commandType():   command[SubscribeStream],
	UnsubscribeStream{}.commandType(): command[UnsubscribeStream],
	PreferTrack{}.commandType():       command[PreferTrack],
	ConfigureRoom{}.commandType():     command[ConfigureRoom],
	MuteTrack{}.commandType():         command[MuteTrack],
	LimitTrack{}.commandType():        command[LimitTrack],
	DropParticipant{}.commandType():   command[DropParticipant],
	DropRoom{}.commandType():          command[DropRoom],
	ListRoom{}.commandType():          command[ListRoom],
	ReadCounters{}.commandType():      command[ReadCounters],
}

// eventBodies has the decoder of each type of event.
var eventBodies = map[string]func(json.RawMessage) (EventBody, error){
	Done{}.eventType():                event[Done],
	Failed{}.eventType():              event[Failed],
	Negotiated{}.eventType():          event[Negotiated],
	Offered{}.eventType():             event[Offered],
	TransportChanged{}.eventType():    event[TransportChanged],
	SlotsChanged{}.eventType():        event[SlotsChanged],
	SlotsMissing{}.eventType():        event[SlotsMissing],
	SubscriptionChanged{}.eventType(): event[SubscriptionChanged],
	LayersNeeded{}.eventType():        event[LayersNeeded],
	TrackStarted{}.eventType():        event[TrackStarted],
	SpeakersChanged{}.eventType():     event[SpeakersChanged],
	Listing{}.eventType():             event[Listing],
	Counters{}.eventType():            event[Counters],
}

func command[T CommandBody](b json.RawMessage) (CommandBody, error) {
	var v T
	err := json.Unmarshal(b, &v)
	return v, err
}

func event[T EventBody](b json.RawMessage) (EventBody, error) {
	var v T
	err := json.Unmarshal(b, &v)
	return v, err
}

func decodeBody[B any](typ string, body json.RawMessage, known map[string]func(json.RawMessage) (B, error)) (B, error) {
	decode, ok := known[typ]
	if !ok {
		var none B
		return none, fmt.Errorf("unknown type %q", typ)
	}
	if len(body) == 0 {
		body = json.RawMessage("{}")
	}
	v, err := decode(body)
	if err != nil {
		return v, fmt.Errorf("%s: %w", typ, err)
	}
	return v, nil
}

// mustMarshal cannot fail: every body is made of types that encoding/json
// writes, and raw JSON is checked at the door before it gets into one.
func mustMarshal(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic("protocol: " + err.Error())
	}
	return b
}
