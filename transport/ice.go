package transport

import (
	"errors"
	"io"
	"net/netip"
	"time"
)

var _ netip.Addr

// What HandleSTUN says of a message that changes nothing.
var (
	ErrMalformed       = errors.New("malformed STUN message")
	ErrUnauthenticated = errors.New("STUN message with wrong credentials")
)

// Credentials are a ufrag and password (RFC 8445, section 5.3).
type Credentials struct {
	Ufrag string `json:"ufrag"`
	Pwd   string `json:"pwd"`
}

// ConnState is the state of an Agent.
type ConnState uint8

// The states of an agent.
const (
	ConnNew         ConnState = iota // no authenticated check yet
	ConnChecking                     // checks, but no pair is nominated
	ConnConnected                    // a pair is selected
	ConnInterrupted                  // no authenticated check for 5 seconds
	ConnExpired                      // nor for 30 seconds, or none within 30 seconds of the start
)

// Agent is the ICE-lite agent of one transport.
type Agent struct {
	Local  Credentials
	Remote Credentials
}

// NewAgent makes an agent with fresh credentials; the first character of its ufrag names the shard (0 to 63), see ShardOf.
func NewAgent(now time.Time, rand io.Reader, shard byte) Agent { return Agent{} }

// ShardOf is the shard that a ufrag names.
func ShardOf(ufrag string) (shard byte, ok bool) { return 0, false }

// SetRemote tells the peer's credentials, as its description has them.
func (a *Agent) SetRemote(ufrag, pwd string) {}

// Restart makes fresh credentials (RFC 8445, section 9); the old stay valid until the first check with the new. SetRemote follows.
func (a *Agent) Restart(rand io.Reader) {}

// Ufrags are the local ufrags under which checks may come: the current one, and the one before a restart until it has gone.
func (a *Agent) Ufrags() []string { return nil }

// HandleSTUN takes a STUN message that came by a path, answers it by send (valid during the call), and reports whether
// the selected path or the state changed. An error (ErrMalformed, ErrUnauthenticated) is for counting.
func (a *Agent) HandleSTUN(now time.Time, msg []byte, from Path, send func(to Path, b []byte)) (changed bool, err error) {
	return false, nil
}

// Heard tells that an authentic packet (SRTP, SRTCP) came over the selected path: a sign of life like a check.
func (a *Agent) Heard(now time.Time) {}

// Selected is the path for media: the pair that the peer nominated last.
func (a *Agent) Selected() (Path, bool) { return Path{}, false }

// Validated reports whether an authenticated check came by a path (and the agent still remembers): only from there DTLS and SRTP may come.
func (a *Agent) Validated(p Path) bool { return false }

// State is the agent's state at a time.
func (a *Agent) State(now time.Time) ConnState { return 0 }

// Timer is when State changes by itself next, or Advance is due; zero: never.
func (a *Agent) Timer() time.Time { return time.Time{} }

// Advance does what is due: it asks a silent peer for a sign of life.
func (a *Agent) Advance(now time.Time, send func(to Path, b []byte)) {}
