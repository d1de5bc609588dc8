// Package auth makes and reads the signed tokens of Tertulia: join tokens (the
// right to enter one room), api tokens (a service speaking to the REST API) and
// resume tokens (a session that goes on after a cut).
//
// All three are JSON Web Tokens (RFC 7519) signed by HS256, each with an audience
// of its own, and each is refused where another is asked for. The package is told
// the time and keeps nothing: that a token is used no more often than it
// allows is the store's business. docs/tokens.md tells it for those who sign tokens.
package auth

import (
	"time"

	"github.com/tertulia-rtc/tertulia/protocol"
)

// Audience says what a token is for; it is the aud claim.
type Audience string

// The audiences.
const (
	AudienceJoin   Audience = "tertulia:join"
	AudienceAPI    Audience = "tertulia:api"
	AudienceResume Audience = "tertulia:resume"
)

// Limits of tokens.
const (
	Leeway         = 30 * time.Second   // of the clocks of who signs and who reads
	MaxJoinLife    = 24 * time.Hour     // from iat to exp of a join token
	MaxAPILife     = 15 * time.Minute   // from iat to exp of an api token
	MaxResumeLife  = 7 * 24 * time.Hour // from iat to exp of a resume token
	MaxToken       = 8 << 10            // bytes of a token
	MaxID          = 64                 // characters of a jti or a session id
	MaxUser        = 128                // characters of a user
	MaxRole        = 32                 // characters of a role
	MaxPermissions = 32                 // entries of permissions
	MaxUses        = 1_000_000          // of a join token
)

// JoinClaims is what a join token says.
type JoinClaims struct {
	ID          string // jti, 1…MaxID characters, unique within the service
	Service     protocol.ServiceID
	Room        protocol.RoomID
	User        string
	Role        string
	Permissions []protocol.Permission // nil: those of the role
	Uses        int                   // how often it may be redeemed; 0 is signed as 1
	IssuedAt    time.Time
	ExpiresAt   time.Time
}

// APIClaims is what an api token says.
type APIClaims struct {
	ID        string
	Service   protocol.ServiceID
	IssuedAt  time.Time
	ExpiresAt time.Time
}

// ResumeClaims is what a resume token says: all that a server which has
// forgotten the session must know to take the participant back.
type ResumeClaims struct {
	ID          string
	Session     string // 1…MaxID characters
	Participant protocol.ParticipantID
	Service     protocol.ServiceID
	Room        protocol.RoomID
	User        string
	Role        string
	Permissions []protocol.Permission
	Epoch       uint64 // of the room, when the token was made
	IssuedAt    time.Time
	ExpiresAt   time.Time
}

// KeyOf gives the key of a service. Its error is given back to the caller as it
// is when it is a *protocol.Error; any other is told to clients as a service
// that is not known.
type KeyOf func(protocol.ServiceID) ([]byte, error)
