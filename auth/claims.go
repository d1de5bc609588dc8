package auth

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/golang-jwt/jwt/v5"

	"github.com/tertulia-rtc/tertulia/protocol"
)

// wireClaims is the payload of each kind of token. Claims that it does not name
// are ignored, as RFC 7519 section 4 wants.
type wireClaims struct {
	Issuer    string    `json:"iss"`
	Audience  audiences `json:"aud"`
	ID        string    `json:"jti"`
	IssuedAt  *float64  `json:"iat"` // seconds; fractions are allowed
	NotBefore *float64  `json:"nbf,omitempty"`
	ExpiresAt *float64  `json:"exp"`

	Room        string                 `json:"room,omitempty"`
	User        string                 `json:"user,omitempty"`
	Role        string                 `json:"role,omitempty"`
	Permissions *[]protocol.Permission `json:"permissions,omitempty"`
	Uses        *int                   `json:"uses,omitempty"`

	Session     string `json:"session,omitempty"`
	Participant string `json:"participant,omitempty"`
	Epoch       uint64 `json:"epoch,omitempty"`
}

// The methods of jwt.Claims.

func (w *wireClaims) GetExpirationTime() (*jwt.NumericDate, error) { return date(w.ExpiresAt), nil }
func (w *wireClaims) GetIssuedAt() (*jwt.NumericDate, error)       { return date(w.IssuedAt), nil }
func (w *wireClaims) GetNotBefore() (*jwt.NumericDate, error)      { return date(w.NotBefore), nil }
func (w *wireClaims) GetIssuer() (string, error)                   { return w.Issuer, nil }
func (w *wireClaims) GetSubject() (string, error)                  { return "", nil }
func (w *wireClaims) GetAudience() (jwt.ClaimStrings, error) {
	aud := make(jwt.ClaimStrings, len(w.Audience))
	for i, a := range w.Audience {
		aud[i] = string(a)
	}
	return aud, nil
}

// audiences is the aud claim: a string, or an array with one (RFC 7519 section
// 4.1.3).
type audiences []Audience

func (a audiences) MarshalJSON() ([]byte, error) {
	if len(a) == 1 {
		return json.Marshal(a[0])
	}
	return json.Marshal([]Audience(a))
}

func (a *audiences) UnmarshalJSON(b []byte) error {
	var one Audience
	if err := json.Unmarshal(b, &one); err == nil {
		*a = nil
		if one != "" {
			*a = audiences{one}
		}
		return nil
	}
	var many []Audience
	if err := json.Unmarshal(b, &many); err != nil {
		return errors.New("aud is neither a string nor an array of strings")
	}
	*a = many
	return nil
}

// maxDate is the year 9999: what is beyond is no time, and would overflow.
const maxDate = 253402300799

func date(seconds *float64) *jwt.NumericDate {
	if seconds == nil {
		return nil
	}
	return jwt.NewNumericDate(timeOf(*seconds))
}

func timeOf(seconds float64) time.Time {
	return time.UnixMilli(int64(math.Round(min(max(seconds, 0), maxDate) * 1000))).UTC()
}

func numericDate(t time.Time) *float64 {
	seconds := float64(t.UnixMilli()) / 1000
	return &seconds
}

func (w *wireClaims) join() (JoinClaims, error) {
	if err := w.common(MaxJoinLife, "24 hours"); err != nil {
		return JoinClaims{}, err
	}
	if err := w.presence(); err != nil {
		return JoinClaims{}, err
	}
	uses := 1
	if w.Uses != nil {
		uses = *w.Uses
	}
	if uses < 1 || uses > MaxUses {
		return JoinClaims{}, fmt.Errorf("its claim uses must be in 1…%d", MaxUses)
	}
	return JoinClaims{
		ID: w.ID, Service: protocol.ServiceID(w.Issuer),
		Room: protocol.RoomID(w.Room), User: w.User, Role: w.Role, Permissions: w.permissions(), Uses: uses,
		IssuedAt: timeOf(*w.IssuedAt), ExpiresAt: timeOf(*w.ExpiresAt),
	}, nil
}

func (w *wireClaims) api() (APIClaims, error) {
	if err := w.common(MaxAPILife, "15 minutes"); err != nil {
		return APIClaims{}, err
	}
	return APIClaims{
		ID: w.ID, Service: protocol.ServiceID(w.Issuer),
		IssuedAt: timeOf(*w.IssuedAt), ExpiresAt: timeOf(*w.ExpiresAt),
	}, nil
}

func (w *wireClaims) resume() (ResumeClaims, error) {
	if err := w.common(MaxResumeLife, "7 days"); err != nil {
		return ResumeClaims{}, err
	}
	if err := w.presence(); err != nil {
		return ResumeClaims{}, err
	}
	if !isID(w.Session) {
		return ResumeClaims{}, fmt.Errorf("its claim session must have 1…%d visible ASCII characters", MaxID)
	}
	if !protocol.ParticipantID(w.Participant).Valid() {
		return ResumeClaims{}, errors.New("its claim participant must be a UUID")
	}
	return ResumeClaims{
		ID: w.ID, Session: w.Session, Participant: protocol.ParticipantID(w.Participant), Service: protocol.ServiceID(w.Issuer),
		Room: protocol.RoomID(w.Room), User: w.User, Role: w.Role, Permissions: w.permissions(), Epoch: w.Epoch,
		IssuedAt: timeOf(*w.IssuedAt), ExpiresAt: timeOf(*w.ExpiresAt),
	}, nil
}

// common checks what every token has. That exp has not passed is checked by the
// parser, which knows the time.
func (w *wireClaims) common(life time.Duration, inWords string) error {
	switch {
	case !protocol.ServiceID(w.Issuer).Valid():
		return errIssuer
	case !isID(w.ID):
		return fmt.Errorf("its claim jti is missing or has not 1…%d visible ASCII characters", MaxID)
	case w.IssuedAt == nil:
		return errors.New("its claim iat is missing")
	case w.ExpiresAt == nil:
		return errors.New("its claim exp is missing")
	case *w.IssuedAt < 0 || *w.IssuedAt > maxDate || *w.ExpiresAt < 0 || *w.ExpiresAt > maxDate:
		return errors.New("its claims iat and exp must be seconds since 1970")
	case *w.ExpiresAt <= *w.IssuedAt:
		return errors.New("its exp is not after its iat")
	case *w.ExpiresAt-*w.IssuedAt > life.Seconds():
		return fmt.Errorf("its exp is more than %s after its iat", inWords)
	}
	return nil
}

// presence checks the claims of who is, or wants to be, in which room.
func (w *wireClaims) presence() error {
	switch {
	case !protocol.RoomID(w.Room).Valid():
		return errors.New("its claim room is missing or is not the id of a room (24 characters of 0–9 a–f)")
	case !isText(w.User, MaxUser):
		return fmt.Errorf("its claim user is missing or has not 1…%d characters without control characters", MaxUser)
	case !isText(w.Role, MaxRole):
		return fmt.Errorf("its claim role is missing or has not 1…%d characters without control characters", MaxRole)
	}
	if w.Permissions == nil {
		return nil
	}
	if len(*w.Permissions) > MaxPermissions {
		return fmt.Errorf("its claim permissions has more than %d entries", MaxPermissions)
	}
	for _, p := range *w.Permissions {
		if !slices.Contains(protocol.AllPermissions, p) {
			return fmt.Errorf("its claim permissions has %.40q, which is none of %s", string(p), permissionNames())
		}
	}
	return nil
}

func (w *wireClaims) permissions() []protocol.Permission {
	if w.Permissions == nil {
		return nil
	}
	return *w.Permissions
}

func permissionNames() string {
	names := make([]string, len(protocol.AllPermissions))
	for i, p := range protocol.AllPermissions {
		names[i] = string(p)
	}
	return strings.Join(names, ", ")
}

// isID says whether s has 1…MaxID visible ASCII characters.
func isID(s string) bool {
	if s == "" || len(s) > MaxID {
		return false
	}
	for _, c := range []byte(s) {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return true
}

// isText says whether s has 1…limit characters, none of which is a control
// character.
func isText(s string, limit int) bool {
	if s == "" || !utf8.ValidString(s) || utf8.RuneCountInString(s) > limit {
		return false
	}
	return strings.IndexFunc(s, unicode.IsControl) < 0
}
