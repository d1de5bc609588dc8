package erizo

import "github.com/tertulia-rtc/tertulia/protocol"

// Effect is something that the owner of a Client has to carry out: Emit, Ack,
// Request, ReadStats, Hint, Disconnect.
type Effect interface{ isEffect() }

type (
	// Emit is an event for the client. Msg is to be written as JSON.
	Emit struct {
		Event string
		Msg   any
	}
	// Ack answers an event of the client. Args are to be written as a list of JSON,
	// in which nil is null.
	Ack struct {
		ID   int
		Args []any
	}
	// Request is a request of the native session.
	Request struct {
		Number uint64 // from 1, without gaps
		Type   string // protocol.TypeOffer…
		Body   protocol.Request
	}
	// ReadStats asks for what is counted for participants of the room, to be told
	// with Stats. Those who are not there any more may be left out.
	ReadStats struct {
		Ticket uint64
		Of     []protocol.ParticipantID
	}
	// Hint is for each other Client of the room, now and when one comes later, until
	// the stream ends: to be told with Hinted. Nothing but alerts depends on it. The last
	// of a stream counts.
	Hint struct {
		Stream protocol.StreamID
		// MinVideoBW is in kilobits per second; 0: there is none.
		MinVideoBW float64
		// Scheme is one of the names of Schemes.
		Scheme string
	}
	// Disconnect says that the presence is over. Reason is one of protocol.Reason….
	Disconnect struct {
		Reason  string
		Message string
	}
)

func (Emit) isEffect()       {}
func (Ack) isEffect()        {}
func (Request) isEffect()    {}
func (ReadStats) isEffect()  {}
func (Hint) isEffect()       {}
func (Disconnect) isEffect() {}

// Effects takes what is to be carried out, in its order.
func (c *Client) Effects() []Effect {
	e := c.effects
	c.effects = nil
	return e
}

func (c *Client) do(e Effect) { c.effects = append(c.effects, e) }

func (c *Client) emit(event string, msg any) { c.do(Emit{Event: event, Msg: msg}) }
