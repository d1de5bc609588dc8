package protocol

// An invitation is an SDP offer of the server, for clients that answer offers
// rather than make them. A transport may have offers of either side in its life,
// one at a time.

// Invite asks the server to offer a transport, which it makes if need be: with
// new sections for what it is to send, without others, or with fresh
// credentials. The client answers with InviteAnswer.
type Invite struct {
	Transport TransportID      `json:"transport"`
	Add       []InvitedSection `json:"add,omitempty"`
	// Stop lists mids of sections to give up.
	Stop []string `json:"stop,omitempty"`
	// Restart restarts ICE.
	Restart bool `json:"restart,omitempty"`
}

// InvitedSection is a section in which the server sends one track, and never
// another: a slot that is bound for life.
type InvitedSection struct {
	Stream StreamID `json:"stream"`
	Track  TrackID  `json:"track"`
	// Label is the id of the MediaStream that the client is to get (RFC 8830);
	// empty for one that the server makes.
	Label string `json:"label,omitempty"`
}

// Invitation is the server's offer.
type Invitation struct {
	SDP string `json:"sdp"`
	// MIDs are those of the added sections, in their order.
	MIDs []string `json:"mids,omitempty"`
}

// InviteAnswer is the client's answer to an Invitation.
type InviteAnswer struct {
	Transport TransportID `json:"transport"`
	SDP       string      `json:"sdp"`
}

// Limit is what the owner of a stream allows its subscribers at most of a track.
type Limit struct {
	Stream StreamID `json:"stream"`
	Track  TrackID  `json:"track"`
	// MaxBitrate is in bits per second, for each subscriber; 0: no limit.
	MaxBitrate uint64 `json:"maxBitrate,omitempty"`
}

// LinkTarget asks the server to find out whether the way to the client carries
// so much, with padding where media need less.
type LinkTarget struct {
	Transport TransportID `json:"transport"`
	// Bitrate is in bits per second; 0: what media need.
	Bitrate uint64 `json:"bitrate,omitempty"`
}

// MaxLabel is how many bytes the label of a stream may have.
const MaxLabel = 64

// ValidLabel says whether a label can be the id of a MediaStream in SDP: up to
// MaxLabel characters of a token (RFC 8830 section 2, RFC 8866 section 9), but not "-",
// which stands there for no MediaStream.
func ValidLabel(label string) bool {
	if len(label) > MaxLabel || label == "-" {
		return false
	}
	for i := 0; i < len(label); i++ {
		switch c := label[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case c == '!', c >= '#' && c <= '\'', c == '*', c == '+', c == '-', c == '.', c >= '^' && c <= '`', c >= '{' && c <= '~':
		default:
			return false
		}
	}
	return true
}

func (Invite) isRequest()       {}
func (InviteAnswer) isRequest() {}
func (Limit) isRequest()        {}
func (LinkTarget) isRequest()   {}

// Validate checks names, numbers and the label.
func (v Invite) Validate() *Error {
	switch {
	case !v.Transport.Valid():
		return badName("transport")
	case len(v.Add) > MaxSlots || len(v.Stop) > 2*MaxSlots:
		return Errorf(CodeBadRequest, "An invitation adds at most %d sections and stops at most %d.", MaxSlots, 2*MaxSlots)
	}
	for _, s := range v.Add {
		switch {
		case !s.Stream.Valid():
			return badStream()
		case !s.Track.Valid():
			return badName("id of a track")
		case !ValidLabel(s.Label):
			return badLabel()
		}
	}
	for _, mid := range v.Stop {
		if mid == "" || len(mid) > MaxMID {
			return Errorf(CodeBadRequest, "A mid has 1 to %d bytes.", MaxMID)
		}
	}
	return nil
}

// Validate checks the transport's name; the SDP is the worker's business.
func (a InviteAnswer) Validate() *Error { return Offer(a).Validate() }

// Validate checks ids and the bound.
func (l Limit) Validate() *Error {
	switch {
	case !l.Stream.Valid():
		return badStream()
	case !l.Track.Valid():
		return badName("id of a track")
	case l.MaxBitrate > MaxWantedBitrate:
		return Errorf(CodeBadRequest, "maxBitrate must be 0 to %d bits per second.", MaxWantedBitrate)
	}
	return nil
}

// Validate checks name and bound.
func (l LinkTarget) Validate() *Error {
	switch {
	case !l.Transport.Valid():
		return badName("transport")
	case l.Bitrate > MaxWantedBitrate:
		return Errorf(CodeBadRequest, "bitrate must be 0 to %d bits per second.", MaxWantedBitrate)
	}
	return nil
}

func badLabel() *Error {
	return Errorf(CodeBadRequest, "A label has at most %d characters of a token (RFC 8866 section 9), and is not %q.", MaxLabel, "-")
}
