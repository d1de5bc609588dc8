package sdp

import "errors"

// Want says what an offer of ours should have that the transport has not.
type Want struct {
	Add    []Wanted             // new sections
	Change map[string]Direction // new directions of sections, by mid
	Stop   []string             // mids of sections to give up
}

// Wanted is a section to be added.
type Wanted struct {
	Kind      Kind
	Direction Direction
	MSID      string // "stream track" of what we send; empty for one made of the mid
}

// MakeOffer gives the SDP that offers t, nil at first, with what is wanted,
// and the state that AcceptAnswer needs. Until then t stays in force. Other
// Ufrag and Pwd in local than before restart ICE.
func MakeOffer(t *Transport, local Local, want Want) (next *Transport, offer string, err error) {
	return nil, "", errors.ErrUnsupported
}

// AcceptAnswer applies the peer's answer to the state that MakeOffer gave.
func AcceptAnswer(t *Transport, answer string) (next *Transport, err error) {
	return nil, errors.ErrUnsupported
}
