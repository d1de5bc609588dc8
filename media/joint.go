package media

import (
	"sync"

	"github.com/tertulia-rtc/tertulia/protocol"
)

// joint is the answer to a command that several shards carry out: that of one of
// them, after all have.
type joint struct {
	speaker *shard

	mu      sync.Mutex
	left    int // shards that have not answered
	answer  protocol.EventBody
	listing protocol.Listing // of the others
}

// add takes a shard's answer, and gives the one for all when that was the last.
func (j *joint) add(s *shard, answer protocol.EventBody) (protocol.EventBody, bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.left--
	if s == j.speaker {
		j.answer = answer
	} else if l, ok := answer.(protocol.Listing); ok {
		// Streams are the same everywhere.
		j.listing.Transports = append(j.listing.Transports, l.Transports...)
		j.listing.Subscriptions = append(j.listing.Subscriptions, l.Subscriptions...)
	}
	if j.left > 0 {
		return nil, false
	}
	if l, ok := j.answer.(protocol.Listing); ok {
		l.Transports = append(l.Transports, j.listing.Transports...)
		l.Subscriptions = append(l.Subscriptions, j.listing.Subscriptions...)
		return l, true
	}
	return j.answer, true
}
