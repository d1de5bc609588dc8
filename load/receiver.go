package load

import (
	"encoding/binary"
	"slices"
)

// receiver is one RTP stream that a participant receives: a slot.
type receiver struct {
	ep        *endpoint
	video     bool
	mid       string
	ssrc, rtx uint32
	clockRate uint32
	nack      bool
	pli, fir  bool
	firNumber uint8
	refused   int // packets in a row that were not authentic

	sequence
	flags [sequenceWindow]uint8 // by number
	loss  lossState
	frame frameState
	// Of the last sender report: for the round trip (RFC 3550 section 6.4.1).
	report   uint32
	reportAt instant

	window receiverWindow
}

// receiverWindow counts within the measured time.
type receiverWindow struct {
	start, end uint64 // packets with numbers in (start, end] count
	expected   uint64 // of runs of numbers before the present one
	received   uint64 // each number once
	frames     uint64
	freezes    uint64
	frozen     instant
}

// sequence follows the sequence numbers of a stream (RFC 3550 appendix A.1).
type sequence struct {
	started       bool
	base, highest uint64
	bad           uint32 // the number that would confirm a jump
	received      uint64 // each once
	priorExpected uint64
	priorReceived uint64
	transit       int64
	jitter        uint32 // in 1/16 of timestamp units
}

const (
	sequenceWindow = 1024 // how far back a packet is told from its repeats
	maxDropout     = 3000
	sequenceStart  = 1 << 16
)

// Flags of a number.
const (
	flagGot    = 1 << iota
	flagMarker // the last packet of a frame
	flagKey    // the first one of a keyframe
)

// arrival is one packet.
type arrival struct {
	now, at   instant
	seq       uint16
	timestamp uint32
	marker    bool
	repaired  bool
	payload   []byte // nil: it was not opened
	media     bool   // not padding alone
}

// take takes a packet. It says whether it is a new one.
func (r *receiver) take(a *arrival) bool {
	seq, ok := r.extend(a)
	if !ok {
		return false
	}
	flag := &r.flags[seq%sequenceWindow]
	if *flag&flagGot != 0 {
		r.ep.loop.counts.Repeated++
		return false
	}
	*flag = flagGot
	if a.marker {
		*flag |= flagMarker
	}
	r.received++
	if !a.repaired {
		r.count(a)
	}
	if w := &r.window; w.end != 0 && seq > w.start && seq <= w.end {
		w.received++
	}
	if len(r.loss.list) > 0 {
		r.found(a, seq)
	}
	if r.video {
		r.takeVideo(a, seq)
	}
	return true
}

// extend gives the extended number, makes room for new ones and notes the gaps.
func (r *receiver) extend(a *arrival) (seq uint64, ok bool) {
	if !r.started {
		r.start(a.seq)
		return r.highest, true
	}
	delta := int16(a.seq - uint16(r.highest))
	switch {
	case delta > 0 && delta <= maxDropout:
		seq = r.highest + uint64(delta)
		for s := r.highest + 1; s <= seq; s++ {
			r.flags[s%sequenceWindow] = 0
			if s < seq {
				r.lost(a.now, s)
			}
		}
		r.highest = seq
		r.bad = 1 << 16
		return seq, true
	case delta <= 0 && -int(delta) < sequenceWindow:
		seq = r.highest - uint64(-int(delta))
		return seq, seq >= r.base
	case a.repaired:
		return 0, false
	case r.bad == uint32(a.seq):
		w := &r.window
		if w.end != 0 {
			w.expected += r.windowed()
		}
		r.start(a.seq)
		if w.end != 0 {
			w.start = r.highest - 1
		}
		return r.highest, true
	}
	r.bad = uint32(a.seq + 1)
	return 0, false
}

func (r *receiver) start(seq uint16) {
	jitter := r.jitter
	r.sequence = sequence{started: true, base: sequenceStart + uint64(seq), highest: sequenceStart + uint64(seq), bad: 1 << 16, jitter: jitter}
	clear(r.flags[:])
	r.loss.list = r.loss.list[:0]
	r.frame.next = r.highest
	r.frame.broken = true
	r.frame.pendingKey = 0
}

// windowed is how many numbers of the present run are within the window, which
// may have begun before it.
func (r *receiver) windowed() uint64 {
	from, to := max(r.window.start, r.base-1), min(r.window.end, r.highest)
	return to - min(from, to)
}

// count takes the arrival into the jitter (RFC 3550 appendix A.8).
func (r *receiver) count(a *arrival) {
	transit := int64(a.at/1000)*int64(r.clockRate)/1_000_000 - int64(a.timestamp)
	if r.received > 1 {
		d := int64(int32(transit - r.transit))
		if d < 0 {
			d = -d
		}
		if d < int64(r.clockRate)*10 {
			r.jitter += uint32(d) - (r.jitter+8)>>4
		}
	}
	r.transit = transit
}

// lossState are the numbers that have not come.
type lossState struct {
	list []lostPacket
	due  instant
	rtt  instant
}

type lostPacket struct {
	seq   uint64
	at    instant // when its absence was noticed
	asked instant
	next  instant
	tries uint8
}

// What is done about losses, as in libwebrtc.
const (
	maxLost     = 1000
	lostGiveUp  = second
	lostTries   = 10
	lostReorder = 50 * millisecond // how long one that cannot be asked for is waited for
	rttDefault  = 100 * millisecond
	rttLeast    = 20 * millisecond
)

// lost notes a number that was passed over, and asks for it at once.
func (r *receiver) lost(now instant, seq uint64) {
	r.ep.loop.counts.Gaps++
	if len(r.loss.list) >= maxLost {
		r.loss.list = r.loss.list[:0]
	}
	l := lostPacket{seq: seq, at: now, next: now}
	if !r.nack {
		l.next = now + lostReorder
	}
	r.loss.list = append(r.loss.list, l)
	r.loss.due = min(r.loss.due, l.next)
	r.ep.want(l.next)
}

func (l *lossState) find(seq uint64) (int, bool) {
	return slices.BinarySearchFunc(l.list, seq, func(p lostPacket, seq uint64) int {
		return int(int64(p.seq - seq))
	})
}

// found takes a number off the list of those that are missing.
func (r *receiver) found(a *arrival, seq uint64) {
	i, ok := r.loss.find(seq)
	if !ok {
		return
	}
	l := &r.loss.list[i]
	if a.repaired {
		r.ep.loop.counts.Repaired++
	}
	if l.tries == 1 {
		rtt := a.now - l.asked
		if r.loss.rtt == 0 {
			r.loss.rtt = rtt
		}
		r.loss.rtt += (rtt - r.loss.rtt) / 8
	}
	r.loss.list = slices.Delete(r.loss.list, i, i+1)
}

// advanceLosses asks for what is missing and gives up what has been for long.
func (r *receiver) advanceLosses(now instant) {
	if now < r.loss.due {
		r.ep.want(r.loss.due)
		return
	}
	ask := r.ep.scratch.seqs[:0]
	due := never
	kept := r.loss.list[:0]
	for _, l := range r.loss.list {
		if now >= l.next {
			if !r.nack || l.tries >= lostTries || now-l.at >= lostGiveUp {
				continue
			}
			if len(ask) < cap(ask) {
				ask = append(ask, uint16(l.seq))
				l.tries++
				l.asked = now
				rtt := r.loss.rtt
				if rtt == 0 {
					rtt = rttDefault
				}
				l.next = now + max(rtt+rtt/4, rttLeast)
			}
		}
		due = min(due, l.next)
		kept = append(kept, l)
	}
	given := len(kept) < len(r.loss.list)
	r.loss.list = kept
	r.loss.due = due
	if due != never {
		r.ep.want(due)
	}
	if len(ask) > 0 {
		r.ep.sendRTCP(appendNACK(r.ep.feedbackOn(r, now), r.ep.ssrc, r.ssrc, ask))
		r.ep.loop.counts.NACKsSent++
	}
	if given && r.video {
		r.consume(now)
	}
}

// frameState follows the frames of video: which are whole, which could be
// decoded, and whether the picture stood still.
type frameState struct {
	next       uint64  // the first number that no whole frame before it has
	broken     bool    // what comes cannot be decoded before a keyframe
	pendingKey uint64  // a keyframe behind a gap
	asked      instant // when a keyframe was last asked for
	due        instant // when it is asked for again
	shown      instant // the last frame that could be decoded
	intervals  [30]instant
	count      int
	sum        instant
}

// pliInterval is between two requests for a keyframe.
const pliInterval = 200 * millisecond

func (r *receiver) takeVideo(a *arrival, seq uint64) {
	ep := r.ep
	if ep.firstVideo == 0 && a.media {
		ep.firstVideo = a.at
	}
	if a.payload != nil {
		if _, start, key, ok := afterHead(a.payload); ok && start && key {
			r.flags[seq%sequenceWindow] |= flagKey
			if seq > r.frame.next {
				r.frame.pendingKey = seq
			}
		}
	}
	r.consume(a.at)
}

// consume goes over the packets that are there without a gap.
func (r *receiver) consume(now instant) {
	f := &r.frame
	for f.next <= r.highest {
		flag := r.flags[f.next%sequenceWindow]
		if flag&flagGot == 0 {
			if f.pendingKey > f.next && r.whole(f.pendingKey) {
				f.next = f.pendingKey
				continue
			}
			if _, waits := r.loss.find(f.next); waits && r.highest-f.next < sequenceWindow/2 {
				return
			}
			f.broken = true
			f.next++
			continue
		}
		if flag&flagKey != 0 {
			f.broken = false
		}
		f.next++
		if flag&flagMarker == 0 {
			continue
		}
		if f.broken {
			r.wantKeyframe(now)
			continue
		}
		r.show(now)
	}
}

// whole says whether all packets of the frame that begins with a number are there.
func (r *receiver) whole(seq uint64) bool {
	for ; seq <= r.highest; seq++ {
		switch flag := r.flags[seq%sequenceWindow]; {
		case flag&flagGot == 0:
			return false
		case flag&flagMarker != 0:
			return true
		}
	}
	return false
}

// show takes a frame that could be decoded. The picture froze when it came later
// after the one before than three times the mean, and than the mean and 150 ms
// (freezeCount of webrtc-stats).
func (r *receiver) show(now instant) {
	f := &r.frame
	f.due = never
	if r.ep.firstKey == 0 {
		r.ep.firstKey = now
	}
	if r.window.end == ^uint64(0) {
		r.window.frames++
	}
	if f.shown != 0 {
		interval := now - f.shown
		if f.count >= 5 {
			if frozen(interval, f.sum/instant(min(f.count, len(f.intervals)))) {
				if r.window.end == ^uint64(0) {
					r.window.freezes++
					r.window.frozen += interval
				}
			}
		}
		slot := &f.intervals[f.count%len(f.intervals)]
		f.sum += interval - *slot
		*slot = interval
		f.count++
	}
	f.shown = now
}

func frozen(interval, mean instant) bool {
	return interval > max(3*mean, mean+150*millisecond)
}

// wantKeyframe asks for a keyframe, unless one was asked for just now.
func (r *receiver) wantKeyframe(now instant) {
	f := &r.frame
	if now-f.asked < pliInterval {
		f.due = min(f.due, f.asked+pliInterval)
		r.ep.want(f.due)
		return
	}
	f.asked = now
	f.due = now + pliInterval
	r.ep.want(f.due)
	b := r.ep.feedbackOn(r, now)
	switch {
	case r.pli:
		b = appendPLI(b, r.ep.ssrc, r.ssrc)
	case r.fir:
		r.firNumber++
		b = appendFIR(b, r.ep.ssrc, r.ssrc, r.firNumber)
	default:
		return
	}
	r.ep.sendRTCP(b)
	r.ep.loop.counts.PLIsSent++
}

// advance does what is due.
func (r *receiver) advance(now instant) {
	if len(r.loss.list) > 0 {
		r.advanceLosses(now)
	}
	if r.frame.due != never && r.frame.due != 0 {
		if now < r.frame.due {
			r.ep.want(r.frame.due)
		} else {
			r.frame.due = never
			if r.frame.broken {
				r.wantKeyframe(now)
			}
		}
	}
}

// appendReport appends a report block (RFC 3550 section 6.4.1).
func (r *receiver) appendReport(b []byte, now instant) []byte {
	expected := r.highest - r.base + 1
	lost := int64(expected) - int64(r.received)
	interval := int64(expected - r.priorExpected)
	missed := interval - int64(r.received-r.priorReceived)
	r.priorExpected, r.priorReceived = expected, r.received
	fraction := uint32(0)
	if interval > 0 && missed > 0 {
		fraction = uint32(min(missed*256/interval, 255))
	}
	b = appendUint32(b, r.ssrc)
	b = appendUint32(b, fraction<<24|uint32(min(max(lost, -0x800000), 0x7fffff))&0xffffff)
	b = appendUint32(b, uint32(r.highest-sequenceStart))
	b = appendUint32(b, r.jitter>>4)
	b = appendUint32(b, r.report)
	since := uint32(0)
	if r.reportAt != 0 {
		since = uint32(uint64(now-r.reportAt) * 65536 / uint64(second))
	}
	return appendUint32(b, since)
}

// takeReport takes a sender report.
func (r *receiver) takeReport(now instant, packet []byte) {
	r.report = uint32(binary.BigEndian.Uint64(packet[8:]) >> 16)
	r.reportAt = now
}
