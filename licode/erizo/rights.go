package erizo

import (
	"encoding/json"
	"fmt"

	"github.com/tertulia-rtc/tertulia/protocol"
)

// Rights are what a role may do in Licode's configuration, by the name of the
// right: publish, subscribe, record, stats, controlhandlers.
type Rights map[string]Right

// Right is one of them: in JSON true, false, or an object of sub-rights, by the
// name of what is published or subscribed to: audio, video, screen, data.
type Right struct {
	Granted bool
	// Sub has what is granted (true) or refused (false) of it; the rest is granted.
	Sub map[string]bool
}

// Names of rights. Others are names of control messages.
const (
	rightPublish   = "publish"
	rightSubscribe = "subscribe"
	rightRecord    = "record"
	rightStats     = "stats"
)

// unauthorized is what a client reads that lacks a right.
const unauthorized = "Unauthorized"

// UnmarshalJSON reads a right as Licode's configuration has it. A sub-right is
// refused by exactly false.
func (r *Right) UnmarshalJSON(b []byte) error {
	sub, ok := readObject(b)
	if !ok {
		*r = Right{Granted: truthy(b)}
		return nil
	}
	*r = Right{Granted: true, Sub: make(map[string]bool, len(sub))}
	for name := range sub {
		r.Sub[name] = !sub.refused(name)
	}
	return nil
}

// MarshalJSON writes it so.
func (r Right) MarshalJSON() ([]byte, error) {
	var v any = r.Granted
	if r.Granted && len(r.Sub) > 0 {
		v = r.Sub
	}
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("right: %w", err)
	}
	return b, nil
}

// may says whether the client has a right to all that the options ask for: what
// of audio, video, screen and data they name as JavaScript takes for true.
// Licode counts only what is exactly true, so that limits of the size got past it.
func (c *Client) may(right string, options object) bool {
	r, ok := c.config.Rights[right]
	if !ok || !r.Granted {
		return false
	}
	for name, granted := range r.Sub {
		if !granted && options.truthy(name) {
			return false
		}
	}
	return true
}

// permitted says whether the room lets the participant do so.
func (c *Client) permitted(p protocol.Permission) bool {
	for _, has := range c.me.Permissions {
		if has == p {
			return true
		}
	}
	return false
}
