package sdp

import "errors"

// Answer applies an offer to a transport, nil at first, and gives the next
// state and the SDP to answer with.
func Answer(t *Transport, offer string, local Local) (next *Transport, answer string, err error) {
	d, err := Parse(offer)
	if err != nil {
		return nil, "", err
	}
	return d.Answer(t, local)
}

// Answer is the function Answer for an offer that is parsed already.
func (d *Description) Answer(t *Transport, local Local) (next *Transport, answer string, err error) {
	return nil, "", errors.ErrUnsupported
}
