package sfu

import (
	"slices"

	"github.com/tertulia-rtc/tertulia/sdp"
)

// loss is a sequence number that has not come.
type loss struct {
	Seq    uint64
	At     instant // when its absence was noticed
	SentAt instant // of the last request
	Next   instant // when it is asked for, or given up
	Tries  uint8
}

// What is done about losses of publishers.
const (
	maxLosses   = 512 // that are remembered of one source
	nackDelay   = 4 * millisecond
	nackGiveUp  = second
	nackTries   = 10
	nackRetry   = 100 * millisecond // while the round trip is unknown
	nackAtLeast = 20 * millisecond
)

// noteLosses takes note of the gap [from, to).
func (r *Router) noteLosses(now instant, s *source, from, to uint64, c *sdp.Codec) {
	if s.in.track == nil || s.in.track.Muted {
		return
	}
	s.Counted.Gaps += to - from
	if to-from > maxLosses {
		s.Counted.GivenUp += to - from - maxLosses
		from = to - maxLosses
	}
	if over := len(s.Losses) + int(to-from) - maxLosses; over > 0 {
		s.Counted.GivenUp += uint64(over)
		s.Losses = slices.Delete(s.Losses, 0, over)
	}
	for seq := from; seq < to; seq++ {
		s.Losses = append(s.Losses, loss{Seq: seq, At: now, Next: now + nackDelay})
	}
	r.schedule(now + nackDelay)
}

// findLoss finds a number among the losses, which are in rising order.
func (s *source) findLoss(seq uint64) (int, bool) {
	return slices.BinarySearchFunc(s.Losses, seq, func(l loss, seq uint64) int {
		switch {
		case l.Seq < seq:
			return -1
		case l.Seq > seq:
			return 1
		}
		return 0
	})
}

// measured takes in a time from request to retransmission.
func (s *source) measured(d instant) {
	if s.RTT == 0 {
		s.RTT = d
	}
	s.RTT += (d - s.RTT) / 8
}

// retryAfter is the time to wait before asking again.
func (s *source) retryAfter(tries uint8) instant {
	if s.RTT == 0 {
		return nackRetry
	}
	// A little longer each time: the round trip may have grown.
	return max(s.RTT+s.RTT/4, nackAtLeast) + instant(tries)*s.RTT/4
}

// advanceLosses asks a publisher for what is missing, and gives up what has been
// missing for too long.
func (r *Router) advanceLosses(now instant, p *peer, in *inbound, s *source, sink Sink) {
	if len(s.Losses) == 0 {
		return
	}
	asks := len(in.Codecs) > 0 && slices.ContainsFunc(in.Codecs, func(c sdp.Codec) bool { return c.NACK })
	due := instant(0)
	kept := s.Losses[:0]
	b := r.scratch.rtcp[:0]
	var pairs int
	var first, mask uint64
	flush := func() {
		if mask == 0 && first == 0 {
			return
		}
		if pairs == 0 {
			b = appendRTCPHeader(b, 1, rtcpTransportFeedback)
			b = appendUint32(b, p.SSRC)
			b = appendUint32(b, s.SSRC)
		}
		b = append(b, byte(first>>8), byte(first), byte(mask>>8), byte(mask))
		pairs++
		first, mask = 0, 0
	}
	given := false
	for _, l := range s.Losses {
		if now >= l.Next {
			if now-l.At >= nackGiveUp || l.Tries >= nackTries {
				s.Counted.GivenUp++
				given = given || asks
				continue
			}
			if asks {
				l.Tries++
				l.SentAt = now
				s.Counted.NACKed++
				if first != 0 && l.Seq-first <= 16 {
					mask |= 1 << (l.Seq - first - 1)
				} else {
					flush()
					first = l.Seq
				}
				l.Next = now + s.retryAfter(l.Tries)
			} else {
				l.Next = l.At + nackGiveUp
			}
		}
		if due == 0 || l.Next < due {
			due = l.Next
		}
		kept = append(kept, l)
	}
	s.Losses = kept
	flush()
	if pairs > 0 {
		setRTCPLength(b, 0)
		r.sendRTCP(p, b, sink)
	}
	if due != 0 {
		r.schedule(due)
	}
	if given && in.track != nil && len(in.track.Pipes) > 0 {
		r.wantKeyframe(now, s)
	}
	if given && in.track != nil && slices.ContainsFunc(in.track.slots, func(sl *slot) bool { return sl.Live && sl.Run.Source == s.Serial }) {
		r.wantKeyframe(now, s)
	}
}
