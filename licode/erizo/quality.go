package erizo

import (
	"time"

	"github.com/tertulia-rtc/tertulia/protocol"
)

// Levels of the quality of a connection. Licode has one between, and never tells it.
const (
	qualityVeryLow = 0
	qualityGood    = 2
)

// qualityRises is how long a level stays before it rises.
const qualityRises = 30 * time.Second

// quality is what the client was told of how good a connection is.
type quality struct {
	level   int
	changed time.Time
	due     time.Time // when it may rise; zero: it does not want to
}

func (c *Client) subscriptionChanged(now time.Time, e protocol.Subscription) {
	s := c.streams[e.Stream]
	if s == nil || s.sub == nil || s.sub.connection == nil {
		return
	}
	delete(s.sub.starved, e.Track)
	for _, t := range s.sub.tracks {
		if t.ID != e.Track || t.Kind != protocol.Video {
			continue
		}
		switch {
		case e.State == protocol.SubscriptionActive:
			s.sub.starved[e.Track] = false
		case e.State == protocol.SubscriptionPaused && e.Cause == protocol.PausedByBandwidth:
			s.sub.starved[e.Track] = true
		}
	}
	c.qualityChanged(now, s.sub.connection)
}

// qualityOf says how good a connection is now: very low when nothing of the video
// that is wanted fits.
func (c *Client) qualityOf(x *connection) int {
	level := qualityGood
	for _, s := range c.order {
		if s.sub == nil || s.sub.connection != x {
			continue
		}
		for _, starved := range s.sub.starved {
			if !starved {
				return qualityGood
			}
			level = qualityVeryLow
		}
	}
	return level
}

// qualityChanged tells a level that has fallen at once, and one that has risen when
// the last change is long ago.
func (c *Client) qualityChanged(now time.Time, x *connection) {
	level := c.qualityOf(x)
	rises := x.quality.changed.Add(qualityRises)
	switch {
	case level == x.quality.level:
		x.quality.due = time.Time{}
	case level > x.quality.level && now.Before(rises):
		x.quality.due = rises
	default:
		x.quality = quality{level: level, changed: now}
		c.tellConnection(x.id, infoQuality, connectionEvent{Type: "quality_level", Level: &level})
	}
}

// qualityDue looks again at a level that may rise now.
func (c *Client) qualityDue(now time.Time, x *connection) {
	if !x.quality.due.IsZero() && !now.Before(x.quality.due) {
		c.qualityChanged(now, x)
	}
}
