package protocol

import "encoding/json"

// Kind is what a track carries.
type Kind string

// The kinds of tracks.
const (
	Audio Kind = "audio"
	Video Kind = "video"
)

// Source is where a track comes from, as the publisher says. Permissions and
// layouts depend on it.
type Source string

// The sources of tracks.
const (
	Camera      Source = "camera"
	Microphone  Source = "microphone"
	Screen      Source = "screen"
	ScreenAudio Source = "screen-audio"
	Other       Source = "other"
)

// Permission is one thing that a role may do.
type Permission string

// The permissions. A publisher needs the one of each source that it publishes;
// "other" sources count as camera or microphone by their kind, screen-audio
// counts as screen.
const (
	PublishAudio  Permission = "publish-audio"
	PublishVideo  Permission = "publish-video"
	PublishScreen Permission = "publish-screen"
	PublishData   Permission = "publish-data" // streams with data, and messages
	Subscribe     Permission = "subscribe"
	Record        Permission = "record"
	ReadStats     Permission = "stats"
	Moderate      Permission = "moderate" // mute others, kick, change the room's metadata
)

// AllPermissions lists every permission, in the order of the documentation.
var AllPermissions = []Permission{PublishAudio, PublishVideo, PublishScreen, PublishData, Subscribe, Record, ReadStats, Moderate}

// BuiltinRoles are the roles that every service has. A service may define more,
// or redefine these.
var BuiltinRoles = map[string][]Permission{
	"presenter":      {PublishAudio, PublishVideo, PublishScreen, PublishData, Subscribe, Record, ReadStats, Moderate},
	"viewer":         {Subscribe},
	"viewerWithData": {Subscribe, PublishData},
}

// Limits of what a client may say.
const (
	MaxFrame       = 512 << 10 // bytes of one WebSocket message; an offer with all slots and every codec of a browser has 400 KB
	MaxMessage     = 64 << 10  // bytes of the JSON of one message to others
	MaxMetadata    = 16 << 10  // bytes of a room's, participant's or stream's metadata
	MaxTracks      = 16        // tracks of one stream
	MaxStreams     = 64        // streams of one participant
	MaxTransports  = 64        // transports of one participant; some clients make one for each stream
	MaxRecipients  = 1000      // named recipients of one message
	MaxSlots       = 64        // receiving slots of one transport, of each kind
	MaxChannelData = 64 << 10  // bytes of one message on a data channel
	MaxChannels    = 32        // data channels that one transport may open
	MaxMessageID   = 64        // bytes of the id of a message
	MaxMID         = 64        // bytes of the mid of an m-section
	MaxReason      = 256       // bytes of the reason of a kick
	MaxClient      = 128       // bytes of the name of a client's software
	MaxSignal      = 128 << 10 // bytes of the JSON of one signal to another participant
)

// Track describes one medium of a stream.
type Track struct {
	ID     TrackID `json:"id"`
	Kind   Kind    `json:"kind"`
	Source Source  `json:"source"`
	Muted  bool    `json:"muted,omitempty"`
	// Codec is the codec's name ("VP8", "opus") once it is negotiated.
	Codec string `json:"codec,omitempty"`
}

// Stream is what a participant publishes.
type Stream struct {
	ID          StreamID      `json:"id"`
	Participant ParticipantID `json:"participant"`
	Tracks      []Track       `json:"tracks"`
	// Data says that the stream has data channels.
	Data bool `json:"data,omitempty"`
	// Label is the id of the MediaStream at the publisher, if it says one.
	Label string `json:"label,omitempty"`
	// Attributes is the application's own JSON object.
	Attributes json.RawMessage `json:"attributes,omitempty"`
}

// Participant is one presence of a user in a room.
type Participant struct {
	ID          ParticipantID   `json:"id"`
	User        string          `json:"user"`
	Role        string          `json:"role"`
	Permissions []Permission    `json:"permissions,omitempty"`
	Metadata    json.RawMessage `json:"metadata,omitempty"`
}

// Room is what participants know of their room.
type Room struct {
	ID   RoomID `json:"id"`
	Name string `json:"name"`
	// Mode is how media go in the room; "" means SFU.
	Mode     Mode            `json:"mode,omitempty"`
	Metadata json.RawMessage `json:"metadata,omitempty"`
	// Codecs lists the codecs that publishers should prefer, best first.
	Codecs []string `json:"codecs"`
}

// ICEServer is a STUN or TURN server for clients, in the form of RTCIceServer.
type ICEServer struct {
	URLs       []string `json:"urls"`
	Username   string   `json:"username,omitempty"`
	Credential string   `json:"credential,omitempty"`
}
