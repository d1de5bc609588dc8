package erizo

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/tertulia-rtc/tertulia/protocol"
)

// NoAck in place of an acknowledgement's id: the client does not ask for one.
const NoAck = -1

// Bounds of what one client makes us keep.
const (
	// MaxPayload is how many bytes the msg of an event may have; Licode's sockets
	// take frames of 1 MB.
	MaxPayload = 1_000_000
	// maxRequests is how many native requests may wait for their answers before
	// events of the client are refused.
	maxRequests = 256
	// maxHints bounds the hints that are kept of streams that nobody has told of yet.
	maxHints = 1024
)

// Config is what a Client is made from.
type Config struct {
	// DefaultVideoBW and MaxVideoBW are told to the client, which keeps to them:
	// kilobits per second.
	DefaultVideoBW, MaxVideoBW int
	// SinglePC allows clients to have one connection for all that they publish and
	// one for all that they subscribe to, if they ask for that.
	SinglePC bool
	// Options are what the client says when it connects.
	Options Options
	// Rand makes ids of streams and messages.
	Rand *rand.Rand
}

// Options are those of Room.connect of Licode's client that have an effect.
type Options struct {
	SinglePC bool
	// Strategy names the one by which links are shared; other names are none.
	Strategy string
	// TargetBitrate is up to which links are measured, in bits per second; 0: what media need.
	TargetBitrate uint64
}

// ReadOptions reads Options from the query with which the client connects, where
// everything is text: "false", "0" and "" are false. Licode takes any text for true.
func ReadOptions(get func(name string) string) Options {
	o := Options{Strategy: get("streamPriorityStrategy")}
	switch get("singlePC") {
	case "", "0", "false", "null", "undefined":
	default:
		o.SinglePC = true
	}
	if n, ok := number(json.RawMessage(get("connectionTargetBw"))); ok && n > 0 {
		o.TargetBitrate = uint64(min(n, protocol.MaxWantedBitrate))
	}
	return o
}

// Client is the state of one client.
type Client struct {
	config   Config
	singlePC bool
	strategy string // a key of strategies; "": none
	target   uint64 // bits per second, of the links of subscriptions

	me           protocol.Participant
	mode         protocol.Mode
	participants []protocol.ParticipantID // the others, in the order of their coming
	joined       bool
	left         bool // the client has said that it goes
	over         bool // Disconnect was said

	streams     map[protocol.StreamID]*stream
	order       []*stream                  // of streams, as they came
	connections []*connection              // those that are in use, as they were made
	made        int                        // connections so far
	hints       map[protocol.StreamID]Hint // of streams of others
	readings    map[uint64]func(counted)   // ReadStats that are not answered
	lastTicket  uint64                     // of ReadStats
	waiting     map[uint64]answerer        // requests that are not answered
	lastRequest uint64                     // number of the last request
	nextLook    time.Time                  // when alerts look at the links next; zero: never
	looking     bool                       // they wait for counters

	effects []Effect
}

// answerer goes on when a request is answered.
type answerer func(now time.Time, data json.RawMessage, err *protocol.Error)

// New makes the machine of one client, which knows of no room yet.
func New(config Config) *Client {
	c := &Client{
		config:   config,
		singlePC: config.SinglePC && config.Options.SinglePC,
		target:   config.Options.TargetBitrate,
		streams:  map[protocol.StreamID]*stream{},
		hints:    map[protocol.StreamID]Hint{},
		readings: map[uint64]func(counted){},
		waiting:  map[uint64]answerer{},
	}
	c.choose(config.Options.Strategy)
	return c
}

// ask sends a native request. then may be nil.
func (c *Client) ask(typ string, body protocol.Request, then answerer) {
	c.lastRequest++
	if then != nil {
		c.waiting[c.lastRequest] = then
	}
	c.do(Request{Number: c.lastRequest, Type: typ, Body: body})
}

// Answered tells the answer to the Request of that number: the data of ok, or the error.
func (c *Client) Answered(now time.Time, number uint64, data json.RawMessage, err *protocol.Error) {
	then, ok := c.waiting[number]
	if !ok || c.over {
		return
	}
	delete(c.waiting, number)
	then(now, data, err)
}

// FromClient tells an event of the client. ack is the id of the acknowledgement
// that it asks for, or NoAck.
func (c *Client) FromClient(now time.Time, event string, msg json.RawMessage, ack int) {
	handle, ok := events[event]
	switch {
	case c.over, !c.joined, c.left:
		c.refuse(ack, reasonGone)
	case !ok:
		c.refuse(ack, reasonUnknown)
	case len(msg) > MaxPayload:
		c.refuse(ack, reasonMalformed)
	case len(c.waiting) >= maxRequests && event != EventDisconnection:
		c.refuseMedia(ack, reasonTooMuch)
	default:
		handle(c, now, msg, ack)
	}
}

// events are those of the client.
var events = map[string]func(c *Client, now time.Time, msg json.RawMessage, ack int){
	"publish":                      (*Client).publish,
	"unpublish":                    (*Client).unpublish,
	"subscribe":                    (*Client).subscribe,
	"unsubscribe":                  (*Client).unsubscribe,
	"connectionMessage":            (*Client).connectionMessage,
	"streamMessage":                (*Client).streamMessage,
	"streamMessageP2P":             (*Client).streamMessageP2P,
	"sendDataStream":               (*Client).sendData,
	"updateStreamAttributes":       (*Client).updateAttributes,
	"startRecorder":                (*Client).startRecorder,
	"stopRecorder":                 (*Client).stopRecorder,
	"getStreamStats":               (*Client).streamStats,
	"setStreamPriorityStrategy":    (*Client).setStrategy,
	"setConnectionTargetBandwidth": (*Client).setTarget,
	EventDisconnection:             (*Client).leave,
}

// EventDisconnection is how a client says that it will not come back.
const EventDisconnection = "clientDisconnection"

// leave ends the presence, as the client asks for.
func (c *Client) leave(_ time.Time, _ json.RawMessage, ack int) {
	c.ack(ack)
	c.left = true
	c.ask(protocol.TypeLeave, protocol.Leave{}, func(time.Time, json.RawMessage, *protocol.Error) {
		c.end(protocol.ReasonLeft, "")
	})
}

// end says that the presence is over.
func (c *Client) end(reason, message string) {
	if !c.over {
		c.over = true
		c.do(Disconnect{Reason: reason, Message: message})
	}
}

// iceServer is one of the form that browsers take; old ones, and Licode's
// configuration, have url.
type iceServer struct {
	URL string `json:"url,omitempty"`
	protocol.ICEServer
}

// connected is the state of the room that the client begins with.
type connected struct {
	Streams        []publicStream         `json:"streams"`
	ID             protocol.RoomID        `json:"id"`
	ClientID       protocol.ParticipantID `json:"clientId"`
	SinglePC       bool                   `json:"singlePC"`
	Strategy       any                    `json:"streamPriorityStrategy"`
	TargetBitrate  uint64                 `json:"connectionTargetBw"`
	P2P            bool                   `json:"p2p,omitempty"`
	DefaultVideoBW int                    `json:"defaultVideoBW"`
	MaxVideoBW     int                    `json:"maxVideoBW"`
	ICEServers     []iceServer            `json:"iceServers"`
}

// Joined tells the room as it is when the client enters.
func (c *Client) Joined(_ time.Time, j protocol.Joined) {
	if c.joined {
		return
	}
	c.joined = true
	c.me, c.mode = j.Participant, j.Room.Mode
	for _, p := range j.Participants {
		c.participants = append(c.participants, p.ID)
	}
	greeting := connected{
		Streams: []publicStream{}, ID: j.Room.ID, ClientID: j.Participant.ID, SinglePC: c.singlePC,
		Strategy: c.strategyName(), TargetBitrate: c.target, P2P: c.peers(),
		DefaultVideoBW: c.config.DefaultVideoBW, MaxVideoBW: c.config.MaxVideoBW, ICEServers: []iceServer{},
	}
	for _, s := range j.Streams {
		greeting.Streams = append(greeting.Streams, c.learn(s).public())
	}
	for _, s := range j.ICEServers {
		if len(s.URLs) > 0 {
			greeting.ICEServers = append(greeting.ICEServers, iceServer{URL: s.URLs[0], ICEServer: s})
		}
	}
	c.emit("connected", greeting)
}

// FromRoom tells an event of the native session.
func (c *Client) FromRoom(now time.Time, typ string, data json.RawMessage) {
	if handle, ok := roomEvents[typ]; ok && c.joined && !c.over {
		handle(c, now, data)
	}
}

// roomEvents are those of the native session that mean something to the client.
var roomEvents = map[string]func(c *Client, now time.Time, data json.RawMessage){
	protocol.TypeParticipantJoined:  told((*Client).participantJoined),
	protocol.TypeParticipantLeft:    told((*Client).participantLeft),
	protocol.TypeStreamPublished:    told((*Client).streamPublished),
	protocol.TypeStreamUpdated:      told((*Client).streamUpdated),
	protocol.TypeStreamUnpublished:  told((*Client).streamUnpublished),
	protocol.TypeSubscription:       told((*Client).subscriptionChanged),
	protocol.TypeTransport:          told((*Client).transportChanged),
	protocol.TypeMessage:            told((*Client).messageCame),
	protocol.TypeSignal:             told((*Client).signalCame),
	protocol.TypeStreamSubscribed:   told((*Client).streamSubscribed),
	protocol.TypeStreamUnsubscribed: told((*Client).streamUnsubscribed),
	protocol.TypeEnded:              told((*Client).ended),
}

// told reads the body of an event. One that cannot be read is of a later version.
func told[T any](handle func(*Client, time.Time, T)) func(*Client, time.Time, json.RawMessage) {
	return func(c *Client, now time.Time, data json.RawMessage) {
		var body T
		if json.Unmarshal(data, &body) == nil {
			handle(c, now, body)
		}
	}
}

func (c *Client) ended(_ time.Time, e protocol.Ended) { c.end(e.Reason, e.Message) }

func (c *Client) participantJoined(_ time.Time, p protocol.Participant) {
	if !slices.Contains(c.participants, p.ID) {
		c.participants = append(c.participants, p.ID)
	}
}

func (c *Client) participantLeft(_ time.Time, l protocol.ParticipantLeft) {
	c.participants = slices.DeleteFunc(c.participants, func(id protocol.ParticipantID) bool { return id == l.Participant })
}

// Advance does what is due.
func (c *Client) Advance(now time.Time) {
	if c.over {
		return
	}
	for _, x := range slices.Clone(c.connections) {
		if !x.deadline.IsZero() && !now.Before(x.deadline) {
			c.lost(x) // the client does not answer
		}
		c.qualityDue(now, x)
	}
	c.lookAtLinks(now)
}

// Timer says when Advance is due; zero: never.
func (c *Client) Timer() time.Time {
	var next time.Time
	sooner := func(t time.Time) {
		if !t.IsZero() && (next.IsZero() || t.Before(next)) {
			next = t
		}
	}
	if c.over {
		return next
	}
	sooner(c.nextLook)
	for _, x := range c.connections {
		sooner(x.deadline)
		sooner(x.quality.due)
	}
	return next
}

// newStreamID makes an id that no stream has that the client knows of.
func (c *Client) newStreamID() protocol.StreamID {
	for {
		id := protocol.StreamID(c.config.Rand.Uint64N(uint64(protocol.MaxStreamID))) + 1
		if c.streams[id] == nil {
			return id
		}
	}
}

// newMessageID makes the id of a message.
func (c *Client) newMessageID() string {
	return strconv.FormatUint(c.config.Rand.Uint64(), 36) + strconv.FormatUint(c.config.Rand.Uint64(), 36)
}
