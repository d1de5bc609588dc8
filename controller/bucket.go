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
	b.fill(now)
	if b.level < 1 {
		return false
	}
	b.level--
	return true
}

// spend takes n tokens, also such as are not there yet.
func (b *bucket) spend(now time.Time, n int) {
	b.fill(now)
	b.level -= float64(n)
}

// solvent says whether no more was spent than there was.
func (b *bucket) solvent(now time.Time) bool {
	b.fill(now)
	return b.level >= 0
}

func (b *bucket) fill(now time.Time) {
	if b.at.IsZero() {
		b.level = b.size
	} else {
		b.level = min(b.size, b.level+now.Sub(b.at).Seconds()*b.perSecond)
	}
	b.at = now
}
