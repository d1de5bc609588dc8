package load

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// Report is what came of a run. Times are in the unit that their names end in;
// counts are of the measured time, unless said otherwise. docs/load.md explains
// how each is measured.
type Report struct {
	Scenario string    `json:"scenario"`
	Server   string    `json:"server"`
	When     time.Time `json:"when"`
	Settings Scenario  `json:"settings"`
	Seconds  float64   `json:"seconds"` // that were measured

	Joins     Joins         `json:"joins"`
	Packets   Packets       `json:"packets"`
	DelayMs   Quantiles     `json:"delayMs"` // from sent to come
	Video     *VideoReport  `json:"video,omitempty"`
	Feedback  Feedback      `json:"feedback"`
	Process   *ServerReport `json:"process,omitempty"` // with a PID
	Generator Generator     `json:"generator"`
	// Warnings say why figures cannot be trusted.
	Warnings []string `json:"warnings,omitempty"`
}

// Quantiles of durations, in milliseconds.
type Quantiles struct {
	Count uint64  `json:"count"`
	P50   float64 `json:"p50"`
	P90   float64 `json:"p90"`
	P99   float64 `json:"p99"`
	Most  float64 `json:"most"`
}

// Joins tells how long joining took, from the begin of signalling, of those who
// found somebody publishing.
type Joins struct {
	Joined int      `json:"joined"`
	Failed int      `json:"failed"`
	Errors []string `json:"errors,omitempty"` // the first ones
	// FirstMediaMs is until the first packet of any kind, FirstVideoMs of video,
	// FirstPictureMs until the last packet of the first keyframe.
	FirstMediaMs   Quantiles `json:"firstMediaMs"`
	FirstVideoMs   Quantiles `json:"firstVideoMs"`
	FirstPictureMs Quantiles `json:"firstPictureMs"`
	// Pictureless never got a keyframe.
	Pictureless int `json:"pictureless"`
}

// Packets are those of RTP.
type Packets struct {
	Sent     uint64  `json:"sent"`
	SentRate float64 `json:"sentRate"` // per second
	// Received are all that came; Forwarded is the same without what was only padding.
	Received     uint64  `json:"received"`
	ReceivedRate float64 `json:"receivedRate"`
	ReceivedMbps float64 `json:"receivedMbps"`
	Forwarded    uint64  `json:"forwarded"`
	Padding      uint64  `json:"padding"`
	// Expected by the sequence numbers, Delivered of these each once, after repair.
	Expected    uint64  `json:"expected"`
	Delivered   uint64  `json:"delivered"`
	Lost        uint64  `json:"lost"`
	LostPercent float64 `json:"lostPercent"`
	Gaps        uint64  `json:"gaps"`     // that were noticed at first
	Repaired    uint64  `json:"repaired"` // of these, by RTX
	// Owed is what should have come if everything that was sent went to everybody;
	// 0 where that is not so (simulcast).
	Owed        uint64  `json:"owed,omitempty"`
	OwedPercent float64 `json:"owedPercent,omitempty"` // of it that came
	Streams     int     `json:"streams"`               // that were received
	Wanted      int     `json:"wanted"`                // that should have been
	Silent      int     `json:"silent"`                // of those received, without a packet
	Refused     uint64  `json:"refused"`
	Repeated    uint64  `json:"repeated"`
	Strange     uint64  `json:"strange"`
	Opened      float64 `json:"openedPercent"`
}

// VideoReport is about pictures.
type VideoReport struct {
	FPS           float64 `json:"fps"` // of each stream that could be decoded
	Freezes       uint64  `json:"freezes"`
	FrozenSeconds float64 `json:"frozenSeconds"`
	FrozenStreams int     `json:"frozenStreams"`
	Keyframes     uint64  `json:"keyframes"` // that publishers sent
}

// Feedback is RTCP.
type Feedback struct {
	Sent              uint64 `json:"sent"` // packets
	Received          uint64 `json:"received"`
	TransportCCSent   uint64 `json:"transportCCSent"`
	NACKsSent         uint64 `json:"nacksSent"`
	NACKsReceived     uint64 `json:"nacksReceived"`
	PLIsSent          uint64 `json:"plisSent"`
	PLIsReceived      uint64 `json:"plisReceived"`
	PLIsWhenJoining   uint64 `json:"plisWhenJoining"` // received before the measured time
	KeyframesOfJoins  uint64 `json:"keyframesOfJoins"`
	TransportCCGotten uint64 `json:"transportCCReceived"`
}

// ServerReport is what /proc says of the server's process.
type ServerReport struct {
	PID                int     `json:"pid"`
	Processors         float64 `json:"processors"` // that it used
	MicrosPerPacket    float64 `json:"microsPerPacket"`
	ResidentKB         int64   `json:"residentKB"`       // at the end
	ResidentBeforeKB   int64   `json:"residentBeforeKB"` // before the first join
	KBPerParticipant   float64 `json:"kbPerParticipant"`
	MillisPerJoin      float64 `json:"millisPerJoin"`      // without what forwarding meanwhile cost
	MillisPerJoinGross float64 `json:"millisPerJoinGross"` // with it
}

// Generator is about this process: what it can measure depends on it.
type Generator struct {
	Loops           int       `json:"loops"`
	Processors      float64   `json:"processors"` // that it used
	LatePercent     float64   `json:"latePercent"`
	LatenessMs      Quantiles `json:"latenessMs"` // of frames sent
	Overflowed      uint64    `json:"overflowed"` // packets that it did not read in time
	Unsent          uint64    `json:"unsent"`
	Saturated       bool      `json:"saturated"`
	PacketsPerRead  float64   `json:"packetsPerRead"`
	PacketsPerWrite float64   `json:"packetsPerWrite"`
}

// snapshot is the state of the counters at one time.
type snapshot struct {
	at      time.Time
	joined  int64 // participants so far
	counts  counts
	sockets socketCounts
	own     time.Duration
	server  time.Duration
	rss     int64
}

// measurement is what a report is made of.
type measurement struct {
	run             *run
	began           time.Time
	joining, window [2]snapshot
	alone           [2]snapshot // between publishers and subscribers; zero without one of them
}

// snapshot reads all counters.
func (m *measurement) snapshot() snapshot { return m.run.snapshot() }

func (r *run) snapshot() snapshot {
	s := snapshot{at: time.Now(), joined: r.joined.Load(), own: ownTime()}
	if pid := r.scenario.PID; pid != 0 {
		s.server, _ = process(pid).computed()
		s.rss, _ = process(pid).resident()
	}
	for _, l := range r.loops {
		l.do(func(instant) {
			addCounts(&s.counts, &l.counts, 1)
			s.sockets.add(l.sockets.Stats())
		})
	}
	return s
}

// report computes it all.
func (m *measurement) report() *Report {
	r := m.run
	s := &r.scenario
	from, to := &m.window[0], &m.window[1]
	seconds := to.at.Sub(from.at).Seconds()
	c := to.counts
	addCounts(&c, &from.counts, -1)
	sockets := to.sockets.minus(from.sockets)

	report := &Report{Scenario: s.String(), Server: r.server.String(), When: m.began.UTC(), Settings: *s, Seconds: seconds}
	var all tally
	var delay, lateness histogram
	for _, l := range r.loops {
		l.do(func(instant) {
			t := l.tally()
			all.streams += t.streams
			all.silent += t.silent
			all.expected += t.expected
			all.received += t.received
			all.frames += t.frames
			all.freezes += t.freezes
			all.frozen += t.frozen
			all.frozenStreams += t.frozenStreams
			delay.merge(&l.delay)
			lateness.merge(&l.lateness)
		})
	}
	report.DelayMs = quantilesOf(&delay)
	m.joins(&report.Joins)
	kinds, videos := 0, 0
	if s.Audio {
		kinds++
	}
	if s.Video {
		kinds++
		videos = s.Rooms * (s.Publishers*(s.Publishers-1) + s.Publishers*s.Subscribers)
	}
	wanted := kinds * s.Rooms * (s.Publishers*(s.Publishers-1) + s.Publishers*s.Subscribers)
	p := Packets{
		Sent: c.Sent, SentRate: rate(c.Sent, seconds), Received: c.Received, ReceivedRate: rate(c.Received, seconds),
		ReceivedMbps: rate(c.ReceivedBytes, seconds) * 8 / 1e6, Forwarded: c.Received - c.Padding, Padding: c.Padding,
		Expected: all.expected, Delivered: all.received, Gaps: c.Gaps, Repaired: c.Repaired, Streams: all.streams, Wanted: wanted,
		Silent: all.silent, Refused: c.Refused, Repeated: c.Repeated, Strange: c.Strange, Opened: percent(c.Stamped, c.Delivered),
	}
	p.Lost = p.Expected - min(p.Delivered, p.Expected)
	p.LostPercent = percent(p.Lost, p.Expected)
	if !s.Simulcast {
		others := uint64(s.Publishers - 1 + s.Subscribers) // who receive a packet
		p.Owed = (c.SentVideo + c.SentAudio) * others
		p.OwedPercent = percent(c.Delivered, p.Owed)
	}
	report.Packets = p
	if s.Video {
		report.Video = &VideoReport{
			FPS: float64(all.frames) / max(seconds*float64(videos), 1e-9), Freezes: all.freezes,
			FrozenSeconds: float64(all.frozen) / float64(second), FrozenStreams: all.frozenStreams, Keyframes: c.KeyframesSent,
		}
	}
	report.Feedback = Feedback{
		Sent: c.RTCPSent, Received: c.RTCPReceived, TransportCCSent: c.FeedbackSent, TransportCCGotten: c.FeedbackReceived, NACKsSent: c.NACKsSent,
		NACKsReceived: c.NACKsReceived, PLIsSent: c.PLIsSent, PLIsReceived: c.PLIsReceived,
		PLIsWhenJoining: from.counts.PLIsReceived, KeyframesOfJoins: from.counts.KeyframesSent,
	}
	if s.PID != 0 {
		report.Process = m.process(c.Received)
	}
	g := Generator{
		Loops: s.Loops, Processors: (to.own - from.own).Seconds() / seconds, LatePercent: percent(c.FramesLate, c.FramesDue),
		LatenessMs: quantilesOf(&lateness), Overflowed: sockets.Overflowed, Unsent: sockets.Unsent,
		PacketsPerRead:  float64(sockets.Received) / max(float64(sockets.Reads), 1),
		PacketsPerWrite: float64(sockets.Sent) / max(float64(sockets.Calls), 1),
	}
	report.Generator = g
	report.warn()
	r.mu.Lock()
	report.Warnings = append(report.Warnings, r.notes...)
	r.mu.Unlock()
	return report
}

// joins fills in how long joining took.
func (m *measurement) joins(j *Joins) {
	r := m.run
	j.Joined, j.Failed = int(r.joined.Load()), int(r.failed.Load())
	for _, err := range r.joinErrors {
		j.Errors = append(j.Errors, err.Error())
	}
	var first, video, picture []instant
	for _, p := range r.participants {
		p.mu.Lock()
		endpoints, expects := slices.Clone(p.endpoints), p.expects
		p.mu.Unlock()
		if !expects || p.loop == nil {
			continue
		}
		var a, b, c instant
		p.loop.do(func(instant) {
			for _, ep := range endpoints {
				a, b, c = earlier(a, ep.firstMedia), earlier(b, ep.firstVideo), earlier(c, ep.firstKey)
			}
		})
		for _, one := range []struct {
			at   instant
			list *[]instant
		}{{a, &first}, {b, &video}, {c, &picture}} {
			if one.at != 0 {
				*one.list = append(*one.list, one.at-p.started)
			}
		}
		if r.scenario.Video && c == 0 {
			j.Pictureless++
		}
	}
	j.FirstMediaMs, j.FirstVideoMs, j.FirstPictureMs = quantilesOfList(first), quantilesOfList(video), quantilesOfList(picture)
}

// earlier is the earlier of two times, of which 0 is never.
func earlier(a, b instant) instant {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

// process is what the server's process cost.
func (m *measurement) process(received uint64) *ServerReport {
	from, to := &m.window[0], &m.window[1]
	seconds := to.at.Sub(from.at).Seconds()
	cost := to.server - from.server
	p := &ServerReport{
		PID: m.run.scenario.PID, Processors: cost.Seconds() / seconds, MicrosPerPacket: float64(cost.Microseconds()) / max(float64(received), 1),
		ResidentKB: to.rss, ResidentBeforeKB: m.joining[0].rss,
	}
	joined := max(float64(m.run.joined.Load()), 1)
	p.KBPerParticipant = float64(to.rss-m.joining[0].rss) / joined
	p.MillisPerJoinGross, p.MillisPerJoin = m.perJoin(cost, received)
	return p
}

// perJoin is what a join cost, in milliseconds, with and without what forwarding meanwhile
// did; cost and received are the server's time and the packets of the measured time.
//
// Forwarding costs something for each packet received and something for each second, in
// which the server wakes up for publishers' packets, however few get them. With
// subscribers, both are known: the publishers were alone for a while.
func (m *measurement) perJoin(cost time.Duration, received uint64) (gross, net float64) {
	from, to := m.joining[0], m.joining[1]
	perSecond := 0.0
	if alone := m.alone[1].at.Sub(m.alone[0].at); alone > 0 {
		perSecond = (m.alone[1].server - m.alone[0].server).Seconds() / alone.Seconds()
		from = m.alone[1]
	}
	perPacket := max(cost.Seconds()-perSecond*m.window[1].at.Sub(m.window[0].at).Seconds(), 0) / max(float64(received), 1)
	all := (to.server - from.server).Seconds()
	meanwhile := perSecond*to.at.Sub(from.at).Seconds() + perPacket*float64(to.counts.Received-from.counts.Received)
	each := 1000 / float64(max(to.joined-from.joined, 1))
	return all * each, max(all-meanwhile, 0) * each
}

// warn says what makes the figures doubtful.
func (r *Report) warn() {
	g := &r.Generator
	saturated := func(format string, args ...any) {
		g.Saturated = true
		r.Warnings = append(r.Warnings, "the generator is not to be trusted: "+fmt.Sprintf(format, args...))
	}
	if limit := float64(g.Loops) * 0.9; g.Processors > limit {
		saturated("it used %.2f processors, and has %d", g.Processors, g.Loops)
	}
	if g.LatePercent > 5 {
		saturated("%.1f %% of the frames were sent more than %v late (if it used few processors, something else did)", g.LatePercent, time.Duration(lateAfter))
	}
	if g.Overflowed > 0 {
		saturated("%d packets came faster than it read them, and count as lost", g.Overflowed)
	}
	if g.Unsent > 0 {
		saturated("%d packets could not be sent", g.Unsent)
	}
	add := func(format string, args ...any) { r.Warnings = append(r.Warnings, fmt.Sprintf(format, args...)) }
	if n := r.Packets.Wanted - r.Packets.Streams; n > 0 {
		add("%d of %d streams never came", n, r.Packets.Wanted)
	}
	if r.Packets.Silent > 0 {
		add("%d streams had no packet in the measured time", r.Packets.Silent)
	}
	if r.Joins.Failed > 0 {
		add("%d participants could not join; the first: %s", r.Joins.Failed, r.Joins.Errors[0])
	}
	if r.Joins.Pictureless > 0 {
		add("%d participants never got a keyframe", r.Joins.Pictureless)
	}
	if r.Settings.Open > 1 {
		add("one of %d packets was opened: the delay is of these, and padding alone counts as media", r.Settings.Open)
	}
	if r.Process != nil && r.Process.Processors > 0.9 {
		add("the server used %.2f processors: if it has but one, it is saturated itself", r.Process.Processors)
	}
}

func rate(n uint64, seconds float64) float64 { return float64(n) / max(seconds, 1e-9) }

func percent(n, of uint64) float64 {
	if of == 0 {
		return 0
	}
	return float64(n) / float64(of) * 100
}

func quantilesOf(h *histogram) Quantiles {
	return Quantiles{Count: h.n, P50: millis(h.quantile(0.5)), P90: millis(h.quantile(0.9)), P99: millis(h.quantile(0.99)), Most: millis(h.most)}
}

// quantilesOfList is exact, for few values.
func quantilesOfList(list []instant) Quantiles {
	if len(list) == 0 {
		return Quantiles{}
	}
	slices.Sort(list)
	q := func(share float64) float64 { return millis(list[min(int(share*float64(len(list))), len(list)-1)]) }
	return Quantiles{Count: uint64(len(list)), P50: q(0.5), P90: q(0.9), P99: q(0.99), Most: millis(list[len(list)-1])}
}

// millis rounds to microseconds.
func millis(d instant) float64 { return math.Round(float64(d)/1000) / 1000 }
