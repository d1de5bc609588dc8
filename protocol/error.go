package protocol

import "fmt"

// Code says in one word what kind of thing went wrong. Clients branch on it;
// the doors map it to HTTP statuses and WebSocket close codes.
type Code string

// The codes that a client can meet.
const (
	CodeBadRequest   Code = "bad-request"   // malformed, oversized or out of order
	CodeUnauthorized Code = "unauthorized"  // no, false, expired or used token
	CodeForbidden    Code = "forbidden"     // the role does not permit it
	CodeNotFound     Code = "not-found"     // no such room, participant, stream or track
	CodeConflict     Code = "conflict"      // exists already, or is in another state
	CodeLimit        Code = "limit"         // a limit of the room or of the server is reached
	CodeTooFast      Code = "too-fast"      // more requests than the rate that the server allows
	CodeUnsupported  Code = "unsupported"   // a version, codec or feature that is not there
	CodeUnavailable  Code = "unavailable"   // for now: no worker, store or bus; try again
	CodeStaleEpoch   Code = "stale-epoch"   // a command of a former owner of the room
	CodeInternal     Code = "internal"      // a fault of the server; its log has the reason
	CodeResume       Code = "resume-failed" // the session is gone; join again with a fresh token
)

// Error is an error that a client may see: what kind, and a sentence that says
// what happened, why, and what to do. It never holds secrets.
type Error struct {
	Code    Code   `json:"code"`
	Message string `json:"message"`
}

// Error gives the code and the sentence.
func (e *Error) Error() string { return string(e.Code) + ": " + e.Message }

// Errorf makes an Error of a code and a formatted sentence.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}
