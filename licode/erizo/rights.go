package erizo

import (
	"slices"

	"github.com/tertulia-rtc/tertulia/protocol"
)

// Rights are the words of Licode's configuration for permissions, but for publish, which
// has PublishRights.
var Rights = map[string]protocol.Permission{
	"subscribe":       protocol.Subscribe,
	"record":          protocol.Record,
	"stats":           protocol.ReadStats,
	"controlhandlers": protocol.Moderate,
}

// PublishRights are the sub-rights of publish: what may be in a stream.
var PublishRights = map[string]protocol.Permission{
	"audio":  protocol.PublishAudio,
	"video":  protocol.PublishVideo,
	"screen": protocol.PublishScreen,
	"data":   protocol.PublishData,
}

// unauthorized is what a client reads that lacks a right.
const unauthorized = "Unauthorized"

// may says whether the room lets the client do so.
func (c *Client) may(p protocol.Permission) bool { return slices.Contains(c.me.Permissions, p) }

// mayPublish says whether the client may publish all that the options ask for: what of
// audio, video, screen and data they name as JavaScript takes for true. Licode counts
// only what is exactly true, so that limits of the size got past it. Options that name
// nothing need the right to publish something.
func (c *Client) mayPublish(options object) bool {
	something := false
	for part, p := range PublishRights {
		switch {
		case c.may(p):
			something = true
		case options.truthy(part):
			return false
		}
	}
	return something
}

// mayControl says whether the client may send control messages of that name, which is
// the name of a right.
func (c *Client) mayControl(name string) bool {
	if name == "publish" {
		return c.mayPublish(nil)
	}
	p, ok := Rights[name]
	return ok && c.may(p)
}
