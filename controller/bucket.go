package controller

import "time"

// bucket is a token bucket that is told the time.
type bucket struct {
	perSecond float64
	size      float64
	level     float64
	at        time.Time // of level; zero: full
}

// take takes one token, if there is one.
func (b *bucket) take(now time.Time) bool {
	if b.at.IsZero() {
		b.level = b.size
	} else {
		b.level = min(b.size, b.level+now.Sub(b.at).Seconds()*b.perSecond)
	}
	b.at = now
	if b.level < 1 {
		return false
	}
	b.level--
	return true
}
