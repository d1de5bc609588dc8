package sfu

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"github.com/tertulia-rtc/tertulia/codec"
	"github.com/tertulia-rtc/tertulia/protocol"
	"github.com/tertulia-rtc/tertulia/sdp"
	"github.com/tertulia-rtc/tertulia/sfu/allocation"
	"github.com/tertulia-rtc/tertulia/simnet"
)

// This file has the people of the quality scenarios: cameras that send video as
// browsers do, and viewers that decode it as browsers do, without pictures.

// packetRest is what a packet takes on a link beside what the router makes: SRTP's
// tag, the headers of UDP and IP.
const packetRest = sealOverhead + 28

// opusPlain is Opus as browsers negotiate it: without retransmissions.
var opusPlain = sdp.Codec{Codec: opus.Codec, PayloadType: 111, TransportCC: true}

// camera is a publisher's simulcast video of one track, VP8 with three temporal
// layers in each of its encodings.
type camera struct {
	c         *client
	rng       *rand.Rand
	encodings []*encoding
	apart     bool // a keyframe of one encoding is none of the others
}

// encoding is one simulcast layer.
type encoding struct {
	*sender
	cam           *camera
	index         int
	rate          float64 // bits a second of payload
	width, height int
	pictures      []picture
	phase         int
	tl0           uint8
	newest        [3]int  // picture of each temporal layer, since the keyframe
	debt          float64 // bytes that were too many
	keyless       bool    // never sends a keyframe
}

// picture is what is true of one picture, whatever its packets say.
type picture struct {
	key   bool
	tid   uint8
	sync  bool
	refs  []int
	parts int
}

// The usual encodings of a camera.
var threeEncodings = []struct {
	rid           string
	rate          float64
	width, height int
}{{"q", 150e3, 320, 180}, {"h", 500e3, 640, 360}, {"f", 1700e3, 1280, 720}}

// goodLink is that of a publisher: its rate is that of the pacer of a browser.
var goodLink = simnet.Config{Latency: 5 * time.Millisecond, Rate: 8_000_000}

// films joins somebody who publishes a microphone and a camera of n encodings.
func (w *world) films(name string, stream protocol.StreamID, n int) *camera {
	section := sends("1", sdp.Video, vp8)
	for _, e := range threeEncodings[:n] {
		section.Recv.RIDs = append(section.Recv.RIDs, e.rid)
	}
	c := w.join(name, goodLink, sends("0", sdp.Audio, opusPlain), section)
	c.publish(stream, audioTrack("0"), videoTrack("1"))
	c.audio("0", 50)
	cam := &camera{c: c, rng: rand.New(rand.NewPCG(w.rng.Uint64(), 3))}
	for i, e := range threeEncodings[:n] {
		s := c.video("1", uint32(100+10*i))
		s.rid, s.perFrame, s.every, s.ignores = e.rid, 0, time.Second/30, 300*time.Millisecond
		enc := &encoding{sender: s, cam: cam, index: i, rate: e.rate, width: e.width, height: e.height}
		s.encode = enc.next
		cam.encodings = append(cam.encodings, enc)
	}
	w.cameras[stream] = cam
	return cam
}

// next makes the payloads of the next picture.
func (e *encoding) next(key bool) [][]byte {
	if e.index == 0 && !e.cam.apart {
		// One request is one for all encodings, in libvpx.
		for _, o := range e.cam.encodings {
			key = key || o.keyframe
		}
		for _, o := range e.cam.encodings {
			o.keyframe = key
		}
		e.keyframe = false
	}
	key = key && !e.keyless
	p := picture{key: key}
	number := len(e.pictures)
	if key {
		e.phase, e.newest = 0, [3]int{number, number, number}
		e.keyframes++
	} else {
		p.tid = [4]uint8{0, 2, 1, 2}[e.phase%4]
		from := e.newest[0]
		if e.phase%4 == 3 {
			from = e.newest[1]
		}
		p.refs = []int{from}
		p.sync = e.phase%4 == 1 || e.phase%4 == 2
	}
	e.newest[p.tid] = number
	e.phase++
	if p.tid == 0 {
		e.tl0++
	}
	// Temporal layers take 40, 20 and 40 % of the rate, in a quarter, a quarter and
	// half of the pictures.
	mean := e.rate / 8 / 30
	size := mean * [3]float64{1.6, 0.8, 0.8}[p.tid] * math.Exp(0.25*e.cam.rng.NormFloat64())
	if key {
		size = 6 * mean * math.Exp(0.2*e.cam.rng.NormFloat64())
	} else {
		size *= min(max(1-e.debt/(mean*20), 0.6), 1.2)
	}
	e.debt = max(e.debt+size-mean*[3]float64{1.6, 0.8, 0.8}[p.tid], -2*mean)
	bytes := max(int(size), 40)
	p.parts = (bytes + 1099) / 1100
	e.pictures = append(e.pictures, p)
	var out [][]byte
	for i := range p.parts {
		b := make([]byte, 24+bytes/p.parts)
		b[0], b[1] = 0x80, 0xe0 // X; I L T
		if i == 0 {
			b[0] |= 0x10
		}
		if p.tid == 2 {
			b[0] |= 0x20
		}
		binary.BigEndian.PutUint16(b[2:], 0x8000|uint16(number)&0x7fff)
		b[4], b[5] = e.tl0, p.tid<<6
		if p.sync {
			b[5] |= 0x20
		}
		b[6] = 1
		if key {
			b[6] = 0x10
			copy(b[9:], []byte{0x9d, 0x01, 0x2a})
			binary.LittleEndian.PutUint16(b[12:], uint16(e.width))
			binary.LittleEndian.PutUint16(b[14:], uint16(e.height))
		}
		// What is true of it, for decoders.
		b[16], b[17], b[18] = byte(e.index), byte(i), byte(p.parts)
		binary.BigEndian.PutUint32(b[19:], uint32(number))
		out = append(out, b)
	}
	return out
}

// viewer is a subscriber with a decoder for each of its video slots.
type viewer struct {
	*client
	w        *world
	decoders []*decoder
	joined   time.Time

	sent      []int           // bytes on the link in each binLength since joined, media and probes
	queue     []time.Duration // that a packet would have waited, each 10 ms
	estimates []int64         // each 100 ms since joined
	shares    int             // how often the link was shared out
	share     allocation.Decision
	inverted  int // how often a higher priority was on a lower layer
	video     int // packets of video that were sent to it, probes included
}

const binLength = 250 * time.Millisecond

// watches joins somebody who receives the cameras' streams.
func (w *world) watches(name string, link simnet.Config, streams ...protocol.StreamID) *viewer {
	var sections []sdp.Section
	for i := range streams {
		sections = append(sections, receives(fmt.Sprint(2*i), sdp.Audio, uint32(1000+10*i), opusPlain),
			receives(fmt.Sprint(2*i+1), sdp.Video, uint32(2000+10*i), vp8))
	}
	v := &viewer{w: w, joined: w.now}
	v.client = w.join(name, link, sections...)
	up := link
	up.Rate, up.Queue = 0, 0
	v.up.Set(up)
	for _, r := range v.order {
		if r.section.Kind == sdp.Audio {
			r.nacks = false
			r.taken = func(*rtp.Packet) {}
			continue
		}
		d := &decoder{v: v, r: r, last: w.now, asked: w.now}
		r.taken = d.take
		v.decoders = append(v.decoders, d)
	}
	for _, s := range streams {
		v.subscribe(s)
	}
	w.viewers = append(w.viewers, v)
	return v
}

// quality makes a world for scenarios.
func quality(t testing.TB, seed uint64) *world {
	w := newWorldFrom(t, seed)
	w.overhead = packetRest - 1
	w.tap = func(p *Packet) {
		for _, v := range w.viewers {
			if v.peer == p.To {
				i := int(w.now.Sub(v.joined) / binLength)
				v.sent = append(v.sent, make([]int, max(0, i+1-len(v.sent)))...)
				v.sent[i] += len(p.Header) + len(p.Prefix) + len(p.Payload) + int(p.Padding) + packetRest
				if p.Kind == protocol.Video {
					v.video++
				}
			}
		}
	}
	w.r.cfg.Trace = func(l TraceLine) {
		if l.Share == nil || len(l.Share.Decisions) == 0 {
			return
		}
		for _, v := range w.viewers {
			if v.id == l.Participant {
				v.judge(l.Share)
			}
		}
	}
	w.tick = func() {
		for _, v := range w.viewers {
			for _, d := range v.decoders {
				d.tick()
			}
			since := w.now.Sub(v.joined)
			if since%(10*time.Millisecond) == 0 {
				v.queue = append(v.queue, v.down.Backlog(w.now))
			}
			if since%(100*time.Millisecond) == 0 {
				v.estimates = append(v.estimates, w.r.peer(v.peer).Link.Estimate())
			}
		}
	}
	return w
}

// decoder is the end of a video slot: it puts frames together, knows which it can
// decode by what their descriptors say, and checks that by what is true.
type decoder struct {
	v *viewer
	r *receiver

	started bool
	highest int // extended picture id
	frames  map[int]*assembly
	last    time.Time
	asked   time.Time

	first   int       // picture id of the first keyframe
	shown   []showing // what was decoded, in the order in which it could be
	broken  int       // decoded though something that it needs had not been
	decoded map[[3]int]bool
}

// assembly is a picture of which packets have come.
type assembly struct {
	id        int
	d         codec.VP8Descriptor
	stream    protocol.StreamID
	encoding  int
	number    int
	parts     int
	have      uint64
	timestamp uint32
	came      time.Time // the first packet
	complete  bool
	decoded   bool
}

// showing is a decoded picture.
type showing struct {
	at, came time.Time
	id       int
	encoding int
	number   int
	tid      uint8
	newest   bool // no later picture had been decoded
}

func (d *decoder) tick() {
	now := d.v.w.now
	wait := 3 * time.Second // as Chromium does, once it has a picture
	if len(d.shown) == 0 {
		wait = 200 * time.Millisecond
	}
	if now.Sub(d.last) >= wait && now.Sub(d.asked) >= wait && d.started {
		d.asked = now
		d.v.sendRTCP(&rtcp.PictureLossIndication{MediaSSRC: d.r.section.Send.SSRC})
	}
	if now.UnixMilli()%100 == 0 {
		for s, at := range d.r.missing {
			if now.Sub(at) > 0 && d.r.highest-s > 2000 {
				delete(d.r.missing, s)
			}
		}
	}
}

func (d *decoder) take(p *rtp.Packet) {
	now := d.v.w.now
	desc, ok := codec.ParseVP8(p.Payload)
	if !ok || len(p.Payload) < desc.Size+17 {
		return // padding
	}
	if !desc.HasPictureID || !desc.HasTL0PicIdx || !desc.HasTID {
		d.v.w.t.Fatalf("%s: packet %d without picture id, TL0PICIDX or TID", d.v.id, p.SequenceNumber)
	}
	id := int(desc.PictureID)
	if d.started {
		id = d.highest + int(int16((desc.PictureID-uint16(d.highest))<<1))>>1
	} else {
		d.started, d.frames, d.decoded = true, map[int]*assembly{}, map[[3]int]bool{}
		d.highest, d.first = id, id
	}
	truth := p.Payload[desc.Size+10:]
	f := d.frames[id]
	if f == nil {
		f = &assembly{id: id, d: desc, timestamp: p.Timestamp, came: now, stream: d.v.w.bound(d.r), encoding: int(truth[0]), number: int(binary.BigEndian.Uint32(truth[3:])), parts: int(truth[2])}
		d.frames[id] = f
		if before := d.frames[id-1]; before != nil && int32(f.timestamp-before.timestamp) <= 0 {
			d.v.w.t.Errorf("%s: picture %d has a timestamp %d after that of the one before", d.v.id, id, int32(f.timestamp-before.timestamp))
		}
		delete(d.frames, id-400)
	}
	d.highest = max(d.highest, id)
	f.have |= 1 << truth[1]
	f.d.Keyframe = f.d.Keyframe || desc.Keyframe
	if f.encoding != int(truth[0]) || f.number != int(binary.BigEndian.Uint32(truth[3:])) || f.timestamp != p.Timestamp {
		d.v.w.t.Errorf("%s: packets of two pictures have the picture id %d", d.v.id, id)
	}
	if f.have == 1<<f.parts-1 && !f.complete {
		f.complete = true
		for again := true; again; {
			again = false
			for i := max(d.highest-120, f.id); i <= d.highest; i++ {
				if g := d.frames[i]; g != nil && g.complete && !g.decoded && d.decodable(g) {
					d.decode(g)
					again = true
				}
			}
		}
	}
}

// decodable says whether a complete picture can be decoded, by what is said of it:
// RFC 7741 section 4.2.
func (d *decoder) decodable(f *assembly) bool {
	if f.d.Keyframe {
		return true
	}
	for i := f.id - 1; i > f.id-60; i-- {
		g := d.frames[i]
		switch {
		case f.d.TID == 0 || f.d.LayerSync:
			// It needs the picture of temporal layer 0 before it.
			if g != nil && g.d.TID == 0 {
				want := f.d.TL0PicIdx
				if f.d.TID == 0 {
					want--
				}
				return g.decoded && g.d.TL0PicIdx == want
			}
		case g == nil:
			return false // it may need this one
		case g.d.TID > f.d.TID:
		case !g.decoded || g.d.TL0PicIdx != f.d.TL0PicIdx:
			return false
		case g.d.TID == 0:
			return true
		}
	}
	return false
}

func (d *decoder) decode(f *assembly) {
	f.decoded = true
	truth := d.v.w.cameras[f.stream].encodings[f.encoding].pictures[f.number]
	key := [3]int{int(f.stream), f.encoding}
	if f.d.Keyframe != truth.key {
		d.v.w.t.Errorf("%s: picture %d is a keyframe: %v, and says %v", d.v.id, f.id, truth.key, f.d.Keyframe)
	}
	for _, ref := range truth.refs {
		key[2] = ref
		if !d.decoded[key] {
			d.broken++
			d.v.w.t.Errorf("%s at %v: picture %d (number %d of encoding %d) looks fit to be decoded, but needs number %d", d.v.id, d.v.w.now.Sub(d.v.joined), f.id, f.number, f.encoding, ref)
		}
	}
	key[2] = f.number
	d.decoded[key] = true
	s := showing{at: d.v.w.now, came: f.came, id: f.id, encoding: f.encoding, number: f.number, tid: f.d.TID, newest: true}
	for i := f.id + 1; i <= d.highest; i++ {
		if g := d.frames[i]; g != nil && g.decoded {
			s.newest = false
		}
	}
	if s.newest {
		d.last = s.at
	}
	d.shown = append(d.shown, s)
}

// bound gives the stream that a slot shows.
func (w *world) bound(r *receiver) protocol.StreamID {
	for _, s := range w.r.peer(r.c.peer).Slots {
		if s.SSRC == r.section.Send.SSRC {
			return s.Stream
		}
	}
	return 0
}

// freeze gives the longest time without a new picture between two moments, and when it began.
func (d *decoder) freeze(from, to time.Time) (longest time.Duration, at time.Duration) {
	last := from
	look := func(t time.Time) {
		if gap := t.Sub(last); gap > longest {
			longest, at = gap, last.Sub(d.v.joined)
		}
		last = t
	}
	for _, s := range d.shown {
		if s.newest && !s.at.Before(from) && s.at.Before(to) {
			look(s.at)
		}
	}
	look(to)
	return longest, at
}

// inTime gives the share of the pictures sent after a moment that could be decoded
// within so long of the first packet of theirs that left.
func (d *decoder) inTime(from time.Time, within time.Duration) float64 {
	good, low := 0, math.MaxInt
	for _, s := range d.shown {
		if s.came.Before(from) {
			continue
		}
		low = min(low, s.id)
		if s.at.Sub(s.came) <= within {
			good++
		}
	}
	return float64(good) / float64(d.highest-low+1)
}

// layers gives which encoding was shown in each so long a stretch of time, −1 for nothing.
func (d *decoder) layers(each time.Duration) []int {
	var out []int
	for _, s := range d.shown {
		i := int(s.at.Sub(d.v.joined) / each)
		for len(out) <= i {
			out = append(out, -1)
		}
		out[i] = max(out[i], s.encoding)
	}
	return out
}

// quantile gives the value that a share of all values is not above.
func quantile[T int | int64 | time.Duration](values []T, share float64) T {
	s := slices.Clone(values)
	slices.Sort(s)
	return s[min(int(share*float64(len(s))), len(s)-1)]
}

// judge checks every sharing of a viewer's link against a search through all.
func (v *viewer) judge(s *TraceShare) {
	best := bestShare(&s.Input)
	for i, d := range s.Decisions {
		if d.Option != best[i] {
			v.w.t.Fatalf("%s at %v: track %d has option %d, the search finds %d: %+v", v.id, v.w.now.Sub(v.joined), i, d.Option, best[i], s.Input)
		}
		for j, e := range s.Decisions {
			if s.Input.Tracks[i].Priority > s.Input.Tracks[j].Priority && d.Layer.Spatial < e.Layer.Spatial {
				v.inverted++
			}
		}
	}
	v.share = s.Decisions[0]
	v.shares++
}

// checkForwarded checks that for the last so long a time what was sent is what was
// decided last, and that temporal layers are all there.
func (v *viewer) checkForwarded(last time.Duration, temporals int) {
	v.w.t.Helper()
	if v.shares < int(last/time.Second) {
		v.w.t.Errorf("the link was shared out %d times", v.shares)
	}
	seen := map[uint8]bool{}
	for _, s := range v.decoders[0].shown {
		if s.at.After(v.w.now.Add(-last)) {
			seen[s.tid] = true
			if s.encoding != int(v.share.Layer.Spatial) {
				v.w.t.Fatalf("encoding %d is shown at %v, decided is %v", s.encoding, s.at.Sub(v.joined), v.share.Layer)
			}
		}
	}
	if len(seen) != temporals {
		v.w.t.Errorf("temporal layers %v are shown, decided is %v", seen, v.share.Layer)
	}
}

// checkRate checks that no more is sent than a link carries for more than a second.
func (v *viewer) checkRate(rate int, from int) {
	v.w.t.Helper()
	over := 0
	for i, n := range v.sent[from:] {
		if n*8*int(time.Second/binLength) <= rate {
			over = 0
		} else if over++; over > int(time.Second/binLength) {
			v.w.t.Fatalf("more than the link carries is sent for more than a second until %v", time.Duration(i+1)*binLength)
		}
	}
}

// checkFreeze checks that new pictures come, once there is a first one.
func (v *viewer) checkFreeze(to time.Time, limit time.Duration) {
	v.w.t.Helper()
	for i, d := range v.decoders {
		from := v.joined.Add(time.Second)
		if len(d.shown) > 0 && d.shown[0].at.Before(from) {
			from = d.shown[0].at
		}
		if gap, at := d.freeze(from, to); gap > limit {
			v.w.t.Errorf("video %d stands still for %v at %v", i, gap, at)
		}
	}
}

// checkEncoding checks that pictures of one encoding only are shown.
func (d *decoder) checkEncoding(from, to time.Time, want int) {
	d.v.w.t.Helper()
	n := 0
	for _, s := range d.shown {
		if s.newest && s.at.After(from) && s.at.Before(to) {
			if n++; s.encoding != want {
				d.v.w.t.Errorf("encoding %d is shown at %v, want %d", s.encoding, s.at.Sub(d.v.joined), want)
				return
			}
		}
	}
	if n == 0 {
		d.v.w.t.Errorf("nothing is shown from %v to %v", from.Sub(d.v.joined), to.Sub(d.v.joined))
	}
}

// firstSince gives how long after a moment the first picture was decoded; −1 if none was.
func (d *decoder) firstSince(t time.Time) time.Duration {
	for _, s := range d.shown {
		if s.at.After(t) {
			return s.at.Sub(t)
		}
	}
	return -1
}

// switches is how often the layer that is decided on has changed.
func (v *viewer) switches() (n uint64) {
	for _, s := range v.w.stats(v.client).Subscribed {
		n += s.Switches
	}
	return n
}

// prefer sets the size in which a camera's video is shown, and its priority.
func (v *viewer) prefer(stream protocol.StreamID, width, height, priority int) {
	v.w.t.Helper()
	v.wish(protocol.Preference{Stream: stream, Track: "v", Width: width, Height: height, Priority: priority})
}

func (v *viewer) wish(p protocol.Preference) {
	v.w.t.Helper()
	if err := v.w.r.Prefer(v.w.now, v.id, p); err != nil {
		v.w.t.Fatal(err)
	}
}

// shows gives the decoder that shows a stream.
func (v *viewer) shows(stream protocol.StreamID) *decoder {
	for _, d := range v.decoders {
		if v.w.bound(d.r) == stream {
			return d
		}
	}
	v.w.t.Fatalf("%s does not show stream %d", v.id, stream)
	return nil
}
