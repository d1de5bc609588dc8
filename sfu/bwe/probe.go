package bwe

import "time"

// Constants of probes.
const (
	probeTick = 5 * time.Millisecond
	// A probe sends about probeBytes, within these durations: enough packets to
	// measure a rate, and not more queue than a few tens of milliseconds.
	probeBytes    = 10000
	probeShortest = 25 * time.Millisecond
	probeLongest  = 120 * time.Millisecond
	probeMost     = 250 * time.Millisecond // with what jitter adds
	// Rates of probes, as multiples of the estimate.
	probeFirst  = 2.5  // nothing is known
	probeNext   = 2.0  // the one before has passed
	probeAgain  = 1.5  // periodically
	probeWanted = 1.15 // of what is wanted, at most
	// probeShare is what is used of a rate that a link gave as its limit, so that
	// queues drain.
	probeShare = 0.95
	// Until the next probe: after one that told nothing, after one that found no
	// more (twice as long each time, to a limit), and after a decrease.
	probeRetry    = 300 * time.Millisecond
	probePause    = 1500 * time.Millisecond
	probePauseMax = 4 * time.Second
	probeAfterCut = 1500 * time.Millisecond
	// Feedback is waited for so long, beside the round trip; and so long once later
	// packets have been told of.
	probeAnswer = time.Second
	probeLate   = 150 * time.Millisecond
	// A transport is idle, and not probed, when nothing has left for so long.
	probeIdle   = 500 * time.Millisecond
	maxUnfilled = 3
	// probeConfirm leaves the queue of a probe time to drain before the second look.
	probeConfirm = 100 * time.Millisecond
)

// probeState is the probe in progress, and when the next one is due.
type probeState struct {
	Running  bool // packets leave
	Awaiting bool // they have left
	Rate     int64
	Start    time.Duration
	Length   time.Duration
	Tick     time.Duration // when Probe is next wanted
	Deadline time.Duration // for feedback
	Settled  time.Duration // packets that leave before may meet the probe's queue
	From, To uint64        // its packets, media included
	Bytes    int64         // that left since Start

	// What came of it.
	Came, Lost         int
	CameBytes          int
	FirstSize          int
	LastBytes          int // that left at the same time as the last
	FirstSent, LastOut time.Duration
	FirstIn, LastIn    time.Duration

	Next    time.Duration // not before
	Pause   time.Duration // after the next one that finds no more
	Passed  bool          // the latest found its whole rate
	Proven  bool          // one has told something since the start
	Silent  int           // probes in a row without answer
	Started int64         // ever
	// Confirm is the rate of the next probe, when one has found a limit above the
	// estimate; Confirms says that this one is such a second look.
	Confirm  int64
	Confirms bool
	// Unfilled is how many probes in a row had not half of what they asked for.
	// From maxUnfilled on there is nothing to pad with.
	Unfilled int
}

func (p *probeState) sent(size int) {
	if p.Running {
		p.Bytes += int64(size)
	}
}

// hold puts off the next probe.
func (p *probeState) hold(now, by time.Duration) {
	p.Next = max(p.Next, now+by)
	p.Passed, p.Confirm = false, 0
	p.Pause = probePause
}

// mine says whether a packet is part of the probe that is awaited.
func (p *probeState) mine(seq uint64) bool {
	return p.Running && seq >= p.From || p.Awaiting && seq >= p.From && seq < p.To
}

func (p *probeState) lose(seq uint64) {
	if p.mine(seq) {
		p.Lost++
	}
}

// find corrects lose: the packet came late.
func (p *probeState) find(seq uint64) {
	if p.mine(seq) && p.Lost > 0 {
		p.Lost--
	}
}

func (p *probeState) arrive(seq uint64, sent, came time.Duration, size int) {
	if !p.mine(seq) {
		return
	}
	if p.Came == 0 {
		p.FirstSent, p.FirstIn, p.FirstSize = sent, came, size
		p.LastOut, p.LastIn = sent, came
	}
	if sent > p.LastOut {
		p.LastOut, p.LastBytes = sent, 0
	}
	p.LastBytes += size
	if came < p.FirstIn {
		p.FirstIn, p.FirstSize = came, size
	}
	p.LastIn = max(p.LastIn, came)
	p.Came++
	p.CameBytes += size
}

// disturbs says whether a packet that left then may have waited for the probe.
func (p *probeState) disturbs(sent time.Duration) bool {
	return p.Started > 0 && sent >= p.Start && (p.Running || sent < p.Settled)
}

// maybeProbe begins a probe if one is due.
func (c *Controller) maybeProbe(now time.Duration) {
	p := &c.Probing
	if p.Running || p.Awaiting || now < p.Next || !c.wantsMore() {
		return
	}
	if c.History.idle(now, probeIdle) {
		p.Next = now + probeRetry // no probe in place of media
		return
	}
	if c.fallback(now) {
		c.fill(now)
		return
	}
	if c.Trend.Usage == Over || c.Arrival.queue() > c.calm() || c.Silence.Cuts > 0 || p.Silent > 2 && !c.Silence.Heard {
		p.Next = now + probeRetry
		return
	}
	times := probeAgain
	switch {
	case !p.Proven:
		times = probeFirst
	case p.Passed:
		times = probeNext
	}
	rate := int64(times * float64(c.Target))
	if c.deaf() {
		rate = int64(times * c.Loss.Rate)
	}
	if p.Confirm > 0 {
		rate = p.Confirm
	}
	rate = min(rate, int64(probeWanted*float64(c.Wanted)), c.Config.Max)
	length := time.Duration(probeBytes * 8 * int64(time.Second) / rate)
	length = min(max(length, probeShortest), probeLongest)
	length = min(length+c.deviation(8), probeMost)
	p.begin(now, rate, length, c.History.Next)
}

func (p *probeState) begin(now time.Duration, rate int64, length time.Duration, from uint64) {
	*p = probeState{
		Running: true, Rate: rate, Start: now, Length: length, Tick: now, From: from,
		Next: p.Next, Pause: p.Pause, Passed: p.Passed, Proven: p.Proven, Silent: p.Silent,
		Started: p.Started + 1, Unfilled: p.Unfilled, Confirms: p.Confirm > 0,
	}
}

// wantsMore says whether there is reason to look for more than the estimate.
func (c *Controller) wantsMore() bool {
	return c.Wanted > 0 && c.Target < min(c.Wanted+c.Wanted/50, c.Config.Max)
}

// Probe says how many bytes of padding, without headers of IP and UDP, should
// leave now: 0 when no probe runs, or when media have taken its place. What leaves
// is told to Sent, as Probe; what cannot leave is not made up for. While a probe
// runs, Timer asks for a call every 5 ms.
func (c *Controller) Probe(now time.Duration) int {
	p := &c.Probing
	if !p.Running || now >= p.Start+p.Length {
		return 0
	}
	p.Tick = now + probeTick
	due := min(now-p.Start+probeTick, p.Length)
	left := int64(due)*p.Rate/8/int64(time.Second) - p.Bytes
	return int(max(left, 0))
}

// advanceProbe ends the sending of a probe, and the wait for its answer.
func (c *Controller) advanceProbe(now time.Duration) {
	p := &c.Probing
	if p.Running && now >= p.Start+p.Length {
		p.Running, p.Awaiting = false, !c.fallback(now)
		p.To = c.History.Next
		p.Deadline = now + probeAnswer + c.RTT.response()
		p.Settled = now + 2*p.Length
		p.Unfilled++
		if p.Bytes*16 > p.Rate*int64(p.Length)/int64(time.Second) {
			p.Unfilled = 0
		}
	}
	if p.Awaiting && now >= p.Deadline {
		c.judgeProbe(now)
	}
}

// rest puts off the next probe, each time for longer.
func (p *probeState) rest(now time.Duration) {
	p.Next = now + max(p.Pause, probePause)
	p.Pause = min(2*max(p.Pause, probePause), probePauseMax)
}

// finishProbe takes the result once feedback has told of all its packets. When it
// has told of later ones only, the rest may still come.
func (c *Controller) finishProbe(now time.Duration) {
	p := &c.Probing
	switch {
	case !p.Awaiting || c.History.Told < p.To:
	case p.Came+p.Lost >= int(p.To-p.From):
		c.judgeProbe(now)
	default:
		p.Deadline = min(p.Deadline, now+probeLate)
	}
}

// judgeProbe draws the conclusions of a probe.
func (c *Controller) judgeProbe(now time.Duration) {
	p := &c.Probing
	p.Awaiting = false
	if told := p.Came + p.Lost; told == 0 || told*10 < int(p.To-p.From)*9 {
		p.Silent++
		p.Next = now + probeRetry<<min(p.Silent, 3)
		return
	}
	p.Silent = 0
	out, in := p.LastOut-p.FirstSent, p.LastIn-p.FirstIn
	share := float64(p.Lost) / float64(p.Came+p.Lost)
	if p.Came < 4 || out < 10*time.Millisecond || in <= 0 || p.Came < p.Lost {
		p.Next = now + probeRetry
		return
	}
	// The packets that left last, and the one that came first, took no part of the
	// time.
	left := int64(p.CameBytes-p.LastBytes) * 8 * int64(time.Second) / int64(out)
	got := int64(p.CameBytes-p.FirstSize) * 8 * int64(time.Second) / int64(in)
	shown := min(left, got, p.Rate)
	switch {
	case in <= out+out/10+2*time.Millisecond && share <= c.Loss.Short.share()+0.15:
		c.probePassed(now, shown)
	case float64(left) < 0.8*float64(p.Rate)*(1-share):
		p.Next = now + max(p.Pause, probePause) // it was media that were late, not a probe
	default:
		c.probeLimited(now, shown)
	}
}

// probePassed takes a bitrate that has shown no limit.
func (c *Controller) probePassed(now time.Duration, shown int64) {
	p, d, l := &c.Probing, &c.Delay, &c.Loss
	p.Proven = true
	p.Passed = !p.Confirms
	switch {
	case p.Confirms:
		p.rest(now)
	case shown < p.Rate*8/10: // not as much could be sent as should
		p.Pause, p.Next = probePause, now+probePause
	default:
		p.Pause, p.Next = probePause, now
	}
	d.Bitrate = max(d.Bitrate, shown)
	if shown > d.Capacity {
		d.Capacity = 0
	}
	switch {
	case l.Bound == 0:
	case l.Short.share() > l.limit():
		l.inherit(l.Short.share()) // more was sent, and not more lost
	default:
		l.Bound = max(l.Bound, shown)
	}
	c.settle(now, "a probe passed")
}

// probeLimited takes the bitrate at which a probe came that was sent faster.
func (c *Controller) probeLimited(now time.Duration, shown int64) {
	p, d := &c.Probing, &c.Delay
	first := !p.Proven
	p.Proven, p.Passed = true, false
	usable := int64(probeShare * float64(shown))
	if !p.Confirms && usable > d.Bitrate+d.Bitrate/10 {
		// Where others share the link, a fast probe takes from them. One that is not
		// faster than what it would find shows what is free. At the start, half is
		// taken until then.
		p.Confirm, p.Next = usable, now+probeConfirm
		if first {
			d.Bitrate += (usable - d.Bitrate) / 2
			c.settle(now, "a probe found the link's limit")
		}
		return
	}
	p.rest(now)
	d.Capacity, d.Known = shown, now
	if usable > d.Bitrate {
		d.Bitrate = usable
	} else {
		// Jitter makes a rate look lower, so half of it is believed.
		d.Bitrate -= (d.Bitrate - usable) / 2
	}
	c.settle(now, "a probe found the link's limit")
}
