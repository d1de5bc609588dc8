package protocol

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Request is one of the requests of a client; requests lists them.
type Request interface {
	// Validate checks what can be said without knowing the room.
	Validate() *Error
	isRequest()
}

// The requests that have no type of their own elsewhere.
type (
	// Unpublish ends an own stream.
	Unpublish struct{ StreamRef }
	// Unsubscribe ends the receipt of a stream.
	Unsubscribe struct{ StreamRef }
	// StatsRequest asks for Stats.
	StatsRequest struct{}
	// Leave ends the session.
	Leave struct{}
)

func (Offer) isRequest()          {}
func (CloseTransport) isRequest() {}
func (Publish) isRequest()        {}
func (Unpublish) isRequest()      {}
func (SubscribeTo) isRequest()    {}
func (Unsubscribe) isRequest()    {}
func (Mute) isRequest()           {}
func (Attributes) isRequest()     {}
func (Metadata) isRequest()       {}
func (Message) isRequest()        {}
func (Kick) isRequest()           {}
func (StatsRequest) isRequest()   {}
func (Leave) isRequest()          {}

// requests has the decoder of each type of request.
var requests = map[string]func(json.RawMessage) (Request, *Error){
	TypeOffer:       request[Offer],
	TypeInvite:      request[Invite],
	TypeAnswer:      request[InviteAnswer],
	TypeClose:       request[CloseTransport],
	TypePublish:     request[Publish],
	TypeUnpublish:   request[Unpublish],
	TypeSubscribe:   request[SubscribeTo],
	TypeUnsubscribe: request[Unsubscribe],
	TypePrefer:      request[Preference],
	TypeLimit:       request[Limit],
	TypeTarget:      request[LinkTarget],
	TypeMute:        request[Mute],
	TypeAttributes:  request[Attributes],
	TypeMetadata:    request[Metadata],
	TypeMessage:     request[Message],
	TypeSignal:      request[Signal],
	TypeKick:        request[Kick],
	TypeStats:       request[StatsRequest],
	TypeLeave:       request[Leave],
}

// DecodeFrame reads one WebSocket message. It checks size, UTF-8 (a frame
// that is not would end the sockets of those to whom its data is passed on)
// and JSON, not what the frame means.
func DecodeFrame(b []byte) (Frame, *Error) {
	var f Frame
	if len(b) > MaxFrame {
		return f, Errorf(CodeBadRequest, "The frame has %d bytes; at most %d are allowed.", len(b), MaxFrame)
	}
	if !utf8.Valid(b) {
		return f, Errorf(CodeBadRequest, "The frame is not UTF-8.")
	}
	if t := bytes.TrimLeft(b, " \t\r\n"); len(t) == 0 || t[0] != '{' {
		return f, Errorf(CodeBadRequest, "The frame is not a JSON object.")
	}
	if err := json.Unmarshal(b, &f); err != nil {
		return Frame{}, Errorf(CodeBadRequest, "The frame cannot be read: %s.", jsonError(err))
	}
	return f, nil
}

// AppendFrame appends the text of a frame to dst. data is valid JSON, or nil.
func AppendFrame(dst []byte, seq, ack uint64, typ string, re uint64, data json.RawMessage) []byte {
	dst = append(dst, '{')
	number := func(name string, n uint64) {
		if n == 0 {
			return
		}
		dst = append(dst, name...)
		dst = strconv.AppendUint(dst, n, 10)
		dst = append(dst, ',')
	}
	number(`"seq":`, seq)
	number(`"ack":`, ack)
	if typ != "" {
		dst = append(dst, `"type":"`...)
		dst = append(dst, typ...) // one of ours: nothing to escape
		dst = append(dst, `",`...)
	}
	number(`"re":`, re)
	if data != nil {
		dst = append(dst, `"data":`...)
		dst = append(dst, data...)
	} else if dst[len(dst)-1] == ',' {
		dst = dst[:len(dst)-1]
	}
	return append(dst, '}')
}

// DecodeRequest reads the body of a numbered frame of a client and validates it.
func DecodeRequest(typ string, data json.RawMessage) (Request, *Error) {
	decode, ok := requests[typ]
	if !ok {
		return nil, Errorf(CodeBadRequest, "There is no request of type %q.", clip(typ, 32))
	}
	return decode(data)
}

func request[T Request](data json.RawMessage) (Request, *Error) {
	var v T
	if err := decodeData(data, &v); err != nil {
		return nil, err
	}
	if err := v.Validate(); err != nil {
		return nil, err
	}
	return v, nil
}

// DecodeOpening reads the first frame of a client: a Join or a Resume.
func DecodeOpening(b []byte) (any, *Error) {
	f, err := DecodeFrame(b)
	if err != nil {
		return nil, err
	}
	if f.Seq != 0 {
		return nil, Errorf(CodeBadRequest, "An opening frame has no number.")
	}
	switch f.Type {
	case TypeJoin:
		var v Join
		if err := decodeData(f.Data, &v); err != nil {
			return nil, err
		}
		return v, v.Validate()
	case TypeResume:
		var v Resume
		if err := decodeData(f.Data, &v); err != nil {
			return nil, err
		}
		return v, v.Validate()
	}
	return nil, Errorf(CodeBadRequest, "The first frame must be %q or %q, not %q.", TypeJoin, TypeResume, clip(f.Type, 32))
}

func decodeData(data json.RawMessage, v any) *Error {
	if len(data) == 0 || string(data) == "null" {
		data = json.RawMessage("{}")
	}
	if err := json.Unmarshal(data, v); err != nil {
		return Errorf(CodeBadRequest, "The data cannot be read: %s.", jsonError(err))
	}
	return nil
}

// jsonError cuts what only a Go programmer understands.
func jsonError(err error) string { return clip(strings.TrimPrefix(err.Error(), "json: "), 200) }

// clip keeps answers to nonsense short.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}

// Validate checks a Join; an unknown version is unsupported.
func (j Join) Validate() *Error {
	switch {
	case j.Protocol != Version:
		return Errorf(CodeUnsupported, "This server speaks version %d of the protocol, not %d.", Version, j.Protocol)
	case j.Token == "":
		return Errorf(CodeUnauthorized, "The join token is missing.")
	case len(j.Client) > MaxClient:
		return Errorf(CodeBadRequest, "client has more than %d bytes.", MaxClient)
	}
	return CheckObject("metadata", j.Metadata)
}

// Validate checks a Resume.
func (r Resume) Validate() *Error {
	if r.Token == "" {
		return Errorf(CodeResume, "The resume token is missing.")
	}
	return CheckObject("metadata", r.Metadata)
}

// Validate checks the transport's name; the SDP is the worker's business.
func (o Offer) Validate() *Error {
	if !o.Transport.Valid() {
		return badName("transport")
	}
	if o.SDP == "" {
		return Errorf(CodeBadRequest, "sdp is missing.")
	}
	return nil
}

// Validate checks the transport's name.
func (c CloseTransport) Validate() *Error {
	if !c.Transport.Valid() {
		return badName("transport")
	}
	return nil
}

// Validate checks tracks and attributes.
func (p Publish) Validate() *Error {
	switch {
	case p.Stream != 0 && !p.Stream.Valid():
		return badStream()
	case len(p.Tracks) == 0 && !p.Data:
		return Errorf(CodeBadRequest, "A stream needs tracks, or data.")
	case len(p.Tracks) > MaxTracks:
		return Errorf(CodeLimit, "A stream has at most %d tracks.", MaxTracks)
	case !ValidLabel(p.Label):
		return badLabel()
	}
	for i, t := range p.Tracks {
		if err := t.validate(); err != nil {
			return err
		}
		for _, other := range p.Tracks[:i] {
			if other.ID == t.ID {
				return Errorf(CodeBadRequest, "Two tracks of the stream have the id %q.", t.ID)
			}
		}
	}
	return CheckObject("attributes", p.Attributes)
}

func (t PublishTrack) validate() *Error {
	switch {
	case !t.ID.Valid():
		return badName("id of a track")
	case t.Kind != Audio && t.Kind != Video:
		return Errorf(CodeBadRequest, "The kind of track %q must be %q or %q.", t.ID, Audio, Video)
	case t.Transport != "" && !t.Transport.Valid():
		return badName("transport of a track")
	case len(t.MID) > MaxMID:
		return badMID(t.ID)
	}
	kinds := map[Source]Kind{Camera: Video, Microphone: Audio, Screen: Video, ScreenAudio: Audio, Other: t.Kind}
	if kind, ok := kinds[t.Source]; !ok || kind != t.Kind {
		return Errorf(CodeBadRequest, "The source of track %q cannot be %q for %s.", t.ID, clip(string(t.Source), 32), t.Kind)
	}
	return nil
}

// Permission gives the permission that publishing the track needs.
func (t Track) Permission() Permission {
	switch {
	case t.Source == Screen, t.Source == ScreenAudio:
		return PublishScreen
	case t.Kind == Audio:
		return PublishAudio
	}
	return PublishVideo
}

// Validate checks the stream's id.
func (s StreamRef) Validate() *Error {
	if !s.Stream.Valid() {
		return badStream()
	}
	return nil
}

// Validate checks ids and names.
func (s SubscribeTo) Validate() *Error {
	switch {
	case !s.Stream.Valid():
		return badStream()
	case s.Transport != "" && !s.Transport.Valid():
		return badName("transport")
	case len(s.Tracks) > MaxTracks:
		return Errorf(CodeBadRequest, "A stream has at most %d tracks.", MaxTracks)
	}
	for _, t := range s.Tracks {
		if !t.Valid() {
			return badName("id of a track")
		}
	}
	return nil
}

// Validate checks the ids.
func (m Mute) Validate() *Error {
	if !m.Stream.Valid() {
		return badStream()
	}
	if !m.Track.Valid() {
		return badName("id of a track")
	}
	return nil
}

// Validate checks id and size.
func (a Attributes) Validate() *Error {
	if !a.Stream.Valid() {
		return badStream()
	}
	return CheckObject("attributes", a.Attributes)
}

// Validate checks whose it is, and size.
func (m Metadata) Validate() *Error {
	if m.Of != "me" && m.Of != "room" {
		return Errorf(CodeBadRequest, `of must be "me" or "room".`)
	}
	return CheckObject("metadata", m.Metadata)
}

// Validate checks id, receivers and size.
func (m Message) Validate() *Error {
	switch {
	case m.ID == "" || len(m.ID) > MaxMessageID:
		return Errorf(CodeBadRequest, "The id of a message must have 1 to %d bytes.", MaxMessageID)
	case len(m.Data) == 0:
		return Errorf(CodeBadRequest, "data is missing.")
	case len(m.Data) > MaxMessage:
		return Errorf(CodeBadRequest, "The message has %d bytes; at most %d are allowed.", len(m.Data), MaxMessage)
	case m.Stream != 0 && !m.Stream.Valid():
		return badStream()
	case len(m.To) > MaxRecipients:
		return Errorf(CodeBadRequest, "A message names at most %d receivers.", MaxRecipients)
	}
	for _, p := range m.To {
		if !p.Valid() {
			return badParticipant()
		}
	}
	return nil
}

// Validate checks id and size.
func (k Kick) Validate() *Error {
	if !k.Participant.Valid() {
		return badParticipant()
	}
	if len(k.Reason) > MaxReason {
		return Errorf(CodeBadRequest, "The reason has more than %d bytes.", MaxReason)
	}
	return nil
}

// Validate has nothing to check.
func (StatsRequest) Validate() *Error { return nil }

// Validate has nothing to check.
func (Leave) Validate() *Error { return nil }

// CheckObject checks that metadata or attributes are a JSON object of at most
// MaxMetadata bytes, or absent (nil or null).
func CheckObject(what string, b json.RawMessage) *Error {
	t := bytes.TrimSpace(b)
	switch {
	case len(b) > MaxMetadata:
		return Errorf(CodeBadRequest, "%s has %d bytes; at most %d are allowed.", what, len(b), MaxMetadata)
	case len(t) == 0 || string(t) == "null":
		return nil
	case t[0] != '{' || !json.Valid(t):
		return Errorf(CodeBadRequest, "%s must be a JSON object.", what)
	}
	return nil
}

func badName(what string) *Error {
	return Errorf(CodeBadRequest, "The %s must have 1 to 32 characters of A–Z a–z 0–9 _ -.", what)
}

func badMID(id TrackID) *Error {
	return Errorf(CodeBadRequest, "The mid of track %q must have 1 to %d bytes.", id, MaxMID)
}

func badStream() *Error {
	return Errorf(CodeBadRequest, "The id of a stream is an integer from 1 to %d.", MaxStreamID)
}

func badParticipant() *Error {
	return Errorf(CodeBadRequest, "The id of a participant is a UUID in lower case.")
}
