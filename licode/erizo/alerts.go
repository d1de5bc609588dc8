package erizo

import (
	"math"
	"slices"
	"time"

	"github.com/tertulia-rtc/tertulia/protocol"
)

// Schemes are what is done for subscribers whose links do not carry the least
// bandwidth that the publisher of a stream names, by Licode's names: tell them; drop the
// video; drop it and try again three times; show slides; tell them in between too.
var Schemes = []string{schemeNotify, schemeBreak, schemeRecover, schemeSlideshow, schemeStop}

const (
	schemeNotify    = "notify"
	schemeBreak     = "notify-break"
	schemeRecover   = "notify-break-recover"
	schemeSlideshow = "notify-slideshow"
	schemeStop      = "notify-stop-feedback"
)

// Messages of alerts.
const (
	alertInsufficient = "insufficient"
	alertRecovered    = "recovered"
	alertAudioOnly    = "audio-only"
	alertSlideshow    = "slideshow"
	alertStopFeedback = "stop-feedback"
)

// How links are looked at.
const (
	lookInterval = time.Second
	lookSamples  = 5  // of which the mean counts
	lookPatience = 10 // ticks before something is said
	lookRetry    = 20 // ticks before video is tried again
	lookRetries  = 3
	lookTolerate = 0.8 // of the least bandwidth
)

// scheme gives the scheme of that name; Licode would load any file of the name.
func scheme(name string) string {
	if slices.Contains(Schemes, name) {
		return name
	}
	return schemeNotify
}

// hint tells the other clients what least bandwidth a stream of ours should have.
func (c *Client) hint(s *stream) {
	if s.own.minVideoBW > 0 && s.own.state == published {
		c.do(Hint{Stream: s.ID, MinVideoBW: s.own.minVideoBW, Scheme: s.own.scheme})
	}
}

// Hinted tells a Hint of another client of the room. It may come before Joined.
func (c *Client) Hinted(now time.Time, h Hint) {
	s := c.streams[h.Stream]
	if c.over || s == nil && len(c.hints) >= maxHints || s != nil && s.own != nil {
		return
	}
	c.hints[h.Stream] = h
	if s == nil || s.sub == nil || s.sub.failed {
		return
	}
	if m := s.sub.monitor; m != nil && h.MinVideoBW > 0 {
		m.limit(h.MinVideoBW)
		return
	}
	s.sub.wishes.withoutVideo, s.sub.wishes.slides = false, false
	c.prefer(s.sub)
	c.monitorSubscription(now, s.sub)
}

// monitorSubscription begins to look at the link of a subscription, if the
// publisher names a least bandwidth.
func (c *Client) monitorSubscription(now time.Time, sub *subscription) {
	h, ok := c.hints[sub.stream.ID]
	sub.monitor = nil
	video := slices.ContainsFunc(sub.tracks, func(t protocol.Track) bool { return t.Kind == protocol.Video })
	if !ok || !(h.MinVideoBW > 0) || !video || sub.connection == nil {
		return
	}
	sub.monitor = &monitor{scheme: scheme(h.Scheme)}
	sub.monitor.limit(h.MinVideoBW)
	if c.nextLook.IsZero() {
		c.nextLook = now.Add(lookInterval)
	}
}

// lookAtLinks reads what the links carry, once a second while somebody wants to know.
func (c *Client) lookAtLinks(now time.Time) {
	if c.nextLook.IsZero() || now.Before(c.nextLook) {
		return
	}
	c.nextLook = time.Time{}
	if !slices.ContainsFunc(c.order, func(s *stream) bool { return s.sub != nil && s.sub.monitor != nil }) {
		return
	}
	c.nextLook = now.Add(lookInterval)
	if c.looking {
		return // the last ones have not come yet
	}
	c.looking = true
	c.read([]protocol.ParticipantID{c.me.ID}, func(of counted) {
		c.looking = false
		transports := of.transports(c.me.ID)
		for _, s := range c.order {
			if s.sub != nil && s.sub.monitor != nil {
				c.look(s, estimateOf(transports, s.sub.connection.transport))
			}
		}
	})
}

// look tells a monitor what the link of its subscription carries.
func (c *Client) look(s *stream, estimate float64) {
	sub := s.sub
	if sub.wishes.slideshow > 0 {
		return
	}
	message, average := sub.monitor.tick(estimate)
	sub.wishes.withoutVideo, sub.wishes.slides = sub.monitor.withoutVideo, sub.monitor.slides
	if sub.monitor.over {
		sub.monitor = nil
	}
	c.prefer(sub)
	if message != "" {
		c.emit("onBandwidthAlert", struct {
			Stream    protocol.StreamID `json:"streamID"`
			Message   string            `json:"message"`
			Bandwidth int64             `json:"bandwidth"`
		}{s.ID, message, int64(average)})
	}
}

// monitor finds out whether a link carries the least bandwidth that a stream
// needs, as Licode's schemes do it.
type monitor struct {
	scheme       string
	lower, upper float64 // bits per second: too little below, enough above
	samples      []float64
	average      float64
	last         float64 // the average of the tick before
	averages     int     // how many there were, 2 at most
	state        monitorState
	ticks        int // towards the next change
	silent       int // since the last alert, with schemeStop
	retryAt      int // in ticks; 0: not planned
	giveUpAt     int // in ticks
	retries      int

	// What follows for the video.
	withoutVideo, slides bool
	over                 bool // there is nothing more to find out
}

type monitorState uint8

const (
	monitorStable monitorState = iota
	monitorLow
	monitorTrying
	monitorLost
)

// limit sets the least bandwidth, in kilobits per second.
func (m *monitor) limit(kbps float64) {
	m.lower, m.upper = math.Floor(kbps*1000*lookTolerate), math.Ceil(kbps*1000)
}

// tick takes in a sample, in bits per second; 0 for none. It gives the message of an
// alert with its bandwidth, or "".
func (m *monitor) tick(sample float64) (message string, bandwidth float64) {
	if sample > 0 {
		m.samples = append(m.samples, sample)
		if len(m.samples) > lookSamples {
			m.samples = m.samples[1:]
		}
		var sum float64
		for _, s := range m.samples {
			sum += s
		}
		m.average = math.Ceil(sum / float64(len(m.samples)))
	}
	if len(m.samples) > 0 {
		message = m.step()
		m.last, m.averages = m.average, min(m.averages+1, 2)
	}
	return message, m.average
}

func (m *monitor) step() string {
	switch m.state {
	case monitorStable:
		if !m.insufficient() {
			return ""
		}
		m.ticks = 0
		switch m.scheme {
		case schemeStop:
			m.state, m.silent = monitorLow, 0
		case schemeRecover:
			m.state, m.withoutVideo = monitorLow, true
		case schemeBreak, schemeSlideshow:
			m.state = monitorLost
		}
		return alertInsufficient
	case monitorLow:
		if m.scheme == schemeStop {
			return m.stopped()
		}
		return m.low()
	case monitorTrying:
		return m.trying()
	}
	return m.lost()
}

// insufficient says whether the link has carried too little for long enough and
// does not get better.
func (m *monitor) insufficient() bool {
	if m.averages > 0 && m.average <= m.last && m.average < m.lower {
		m.ticks++
	}
	if m.ticks > lookPatience {
		m.ticks = 0
		return true
	}
	return false
}

// stopped goes on with a stream of schemeStop whose link is slow.
func (m *monitor) stopped() string {
	if m.average >= m.upper {
		if m.ticks++; m.ticks > lookPatience {
			m.state, m.ticks, m.silent = monitorStable, 0, 0
			return alertRecovered
		}
		return ""
	}
	if m.silent++; m.silent > lookPatience {
		m.silent = 0
		return alertStopFeedback
	}
	return ""
}

// low waits for the next try.
func (m *monitor) low() string {
	switch {
	case m.average > m.upper:
		return m.recovered()
	case m.retries >= lookRetries:
		m.state = monitorLost
	case m.retryAt == 0:
		m.retryAt = m.ticks + lookRetry
	default:
		if m.ticks++; m.ticks == m.retryAt {
			m.state, m.withoutVideo = monitorTrying, false
			m.giveUpAt = m.ticks + lookPatience
		}
	}
	return ""
}

// trying goes on while the link gets better with video.
func (m *monitor) trying() string {
	switch {
	case m.average > m.upper:
		return m.recovered()
	case m.averages > 0 && m.average > m.last:
		m.giveUpAt = m.ticks + lookPatience
	default:
		if m.ticks++; m.ticks >= m.giveUpAt {
			m.state, m.withoutVideo = monitorLow, true
			m.retryAt = 0
			m.retries++
		}
	}
	return ""
}

func (m *monitor) recovered() string {
	m.state, m.withoutVideo = monitorStable, false
	m.ticks, m.retryAt, m.retries = 0, 0, 0
	return alertRecovered
}

// lost ends the attempts. The alert has no bandwidth: that of Licode is 0.
func (m *monitor) lost() string {
	m.over, m.average = true, 0
	if m.scheme == schemeSlideshow {
		m.slides = true
		return alertSlideshow
	}
	m.withoutVideo = true
	return alertAudioOnly
}
