package erizo

import (
	"encoding/json"
	"math/rand/v2"
	"time"

	"github.com/tertulia-rtc/tertulia/protocol"
)

// NoAck in place of an acknowledgement's id: the client does not ask for one.
const NoAck = -1

// MaxPayload is how many bytes the msg of an event may have; Licode's sockets
// take frames of 1 MB.
const MaxPayload = 1_000_000

// Config is what a Client is made from.
type Config struct {
	// DefaultVideoBW and MaxVideoBW are told to the client, which keeps to them:
	// kilobits per second.
	DefaultVideoBW, MaxVideoBW int
	// SinglePC allows clients to have one connection for all that they publish and
	// one for all that they subscribe to, if they ask for that.
	SinglePC bool
	// ICEServers are for the client; nil: those of the snapshot.
	ICEServers []protocol.ICEServer
	// Rights are those of the client's role, by name.
	Rights Rights
	// Strategies are those that clients may choose; nil: DefaultStrategies.
	Strategies map[string]Strategy
	// Options are what the client says when it connects.
	Options Options
	// Rand makes ids of streams and messages.
	Rand *rand.Rand
}

// Options are those of Room.connect of Licode's client that have an effect.
type Options struct {
	SinglePC bool
	// Strategy names one of Config.Strategies; other names are none.
	Strategy string
	// TargetBitrate is in bits per second, where the strategy has none.
	TargetBitrate uint64
}

// Client is the state of one client.
type Client struct {
	config  Config
	effects []Effect
}

// New makes the machine of one client, which knows of no room yet.
func New(config Config) *Client { return &Client{config: config} }

// ReadOptions reads Options from the query with which the client connects, where
// everything is text: "false", "0" and "" are false.
func ReadOptions(get func(name string) string) Options { panic("TODO") }

// Joined tells the room as it is when the client enters.
func (c *Client) Joined(now time.Time, j protocol.Joined) {}

// Resynced tells the room as it is after the native session was rebuilt: the
// media are gone, and what the client has published with them.
func (c *Client) Resynced(now time.Time, j protocol.Joined) {}

// FromClient tells an event of the client. ack is the id of the acknowledgement
// that it asks for, or NoAck.
func (c *Client) FromClient(now time.Time, event string, msg json.RawMessage, ack int) {}

// FromRoom tells an event of the native session.
func (c *Client) FromRoom(now time.Time, typ string, data json.RawMessage) {}

// Answered tells the answer to the Request of that number: the data of ok, or the error.
func (c *Client) Answered(now time.Time, number uint64, data json.RawMessage, err *protocol.Error) {}

// Stats answers the ReadStats of that ticket: protocol.Stats.Transports of each
// participant that could be read.
func (c *Client) Stats(now time.Time, ticket uint64, of map[protocol.ParticipantID]json.RawMessage) {}

// Hinted tells a Hint of another client of the room. It may come before Joined.
func (c *Client) Hinted(now time.Time, h Hint) {}

// Advance does what is due.
func (c *Client) Advance(now time.Time) {}

// Timer says when Advance is due; zero: never.
func (c *Client) Timer() time.Time { return time.Time{} }
