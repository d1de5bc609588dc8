package sfu

import "github.com/tertulia-rtc/tertulia/protocol"

// A receiver shows a picture as soon as it has all that the picture needs. Where
// a stream has temporal layers, that is also the picture after one of an upper
// layer whose packet was lost: browsers do not wait for the repair, and drop it
// when it comes. So they are asked to show all pictures so much later that
// repairs come in time (playout-delay,
// http://www.webrtc.org/experiments/rtp-hdrext/playout-delay), on links that
// lose packets, and only there.

// playout is the delay that a slot asks its receiver for.
type playout struct {
	Loss    float64 // share of the packets that the link loses, smoothed
	Delay   instant // that is asked for
	Lowered instant // since when less would do; 0: it would not
	Until   instant // that there is none any more is said until then
	Says    bool    // packets carry the extension
}

const (
	playoutLossy  = 0.01             // share of lost packets from which a picture waits for one round of repair
	playoutTwice  = 0.03             // for two
	playoutMore   = 0.06             // and for four: then of a hundred packets less than one is missing still
	playoutRound  = 20 * millisecond // that a receiver takes to ask again
	playoutStep   = 20 * millisecond
	playoutMost   = 500 * millisecond
	playoutLower  = 10 * second // that less must do before less is asked for
	playoutRepeat = 2 * second  // that it is said that there is no delay any more
)

// advancePlayout takes a new report of the receiver into account.
func (r *Router) advancePlayout(now instant, s *slot) {
	if s.Kind != protocol.Video || s.Form.IDs[extPlayoutDelay] == 0 {
		return
	}
	p := &s.Playout
	p.Loss += (float64(s.Reported.FractionLost)/256 - p.Loss) / 4
	var wanted instant
	if source := r.sources[s.Run.Source]; source != nil && source.Tracker.Layout.HasTemporal() {
		wanted = repairTime(p.Loss, s.Reported.RTT) + repairTime(float64(source.Counted.FractionLost)/256, source.RTT)
		wanted = min((wanted+playoutStep-1)/playoutStep*playoutStep, playoutMost)
	}
	switch {
	case wanted > p.Delay:
		p.Delay, p.Lowered = wanted, 0
	case wanted == p.Delay:
		p.Lowered = 0
	case p.Lowered == 0:
		p.Lowered = now
	case now-p.Lowered >= playoutLower:
		p.Delay, p.Lowered = wanted, 0
		p.Until = now + playoutRepeat
	}
	p.Says = p.Delay != 0 || now < p.Until
}

// repairTime is how long a packet that was lost takes to come, mostly. Requests
// and repairs are lost like everything else.
func repairTime(loss float64, rtt instant) instant {
	var rounds instant
	switch {
	case rtt == 0 || loss < playoutLossy:
		return 0
	case loss < playoutTwice:
		rounds = 1
	case loss < playoutMore:
		rounds = 2
	default:
		rounds = 4
	}
	return rounds*(rtt+playoutRound) + playoutRound
}

// appendTo appends the extension, in the form in which the ring holds them:
// two times of 12 bits in units of 10 ms, the least delay and the most.
func (p *playout) appendTo(dst []byte) []byte {
	const most = 1000
	least := uint16(p.Delay / (10 * millisecond))
	return append(dst, byte(extPlayoutDelay), 3, byte(least>>4), byte(least<<4)|most>>8, most&0xff)
}
