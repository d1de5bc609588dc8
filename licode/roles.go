package licode

import (
	"slices"

	"github.com/tertulia-rtc/tertulia/protocol"
	"github.com/tertulia-rtc/tertulia/store"
)

// In Licode a role is any word. What it may do, its configuration says by
// rights, each of which is true or has sub-rights; a word that it does not know
// may do nothing, and its holder may still come in. Here a role has the
// permissions that its service gave it, or those of the built-in role of that
// name: presenter, viewer and viewerWithData may do the same as in Licode.

// permissionsOf gives the permissions of a role, none for a word that the
// service does not know.
func permissionsOf(service store.Service, role string) []protocol.Permission {
	permissions, _ := service.Role(role)
	if permissions == nil {
		return []protocol.Permission{}
	}
	return permissions
}

// rights is what Licode's clients are told that somebody may do. Record and
// stats are our permissions of these names; controlhandlers is Moderate.
type rights struct {
	Publish         *publishRight `json:"publish,omitempty"`
	Subscribe       bool          `json:"subscribe,omitempty"`
	Record          bool          `json:"record,omitempty"`
	Stats           bool          `json:"stats,omitempty"`
	ControlHandlers bool          `json:"controlhandlers,omitempty"`
}

// publishRight is the right to publish: what may be in a stream.
type publishRight struct {
	Audio  bool `json:"audio"`
	Video  bool `json:"video"`
	Screen bool `json:"screen"`
	Data   bool `json:"data"`
}

// MarshalJSON gives true for the whole right, else its sub-rights.
func (p publishRight) MarshalJSON() ([]byte, error) {
	if p == (publishRight{true, true, true, true}) {
		return []byte("true"), nil
	}
	type parts publishRight
	return encode(parts(p))
}

// rightsOf puts permissions into Licode's words.
func rightsOf(permissions []protocol.Permission) rights {
	has := func(p protocol.Permission) bool { return slices.Contains(permissions, p) }
	r := rights{
		Subscribe: has(protocol.Subscribe), Record: has(protocol.Record), Stats: has(protocol.ReadStats),
		ControlHandlers: has(protocol.Moderate),
	}
	publish := publishRight{
		Audio: has(protocol.PublishAudio), Video: has(protocol.PublishVideo),
		Screen: has(protocol.PublishScreen), Data: has(protocol.PublishData),
	}
	if publish != (publishRight{}) {
		r.Publish = &publish
	}
	return r
}
