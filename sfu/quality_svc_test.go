package sfu

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/pion/rtp"

	"github.com/tertulia-rtc/tertulia/codec"
	"github.com/tertulia-rtc/tertulia/protocol"
	"github.com/tertulia-rtc/tertulia/sdp"
	"github.com/tertulia-rtc/tertulia/simnet"
)

var vp9 = sdp.Codec{Codec: codec.Codec{Name: codec.VP9, ClockRate: 90000, Fmtp: "profile-id=0"}, PayloadType: 98, RTX: 99, NACK: true, PLI: true, TransportCC: true}

// svcCamera is a publisher's VP9 in one stream of three spatial and three temporal
// layers (L3T3), in flexible mode.
type svcCamera struct {
	*sender
	rng    *rand.Rand
	number int    // of pictures
	phase  int    // in the temporal pattern
	newest [3]int // picture of each temporal layer since the keyframe
	// refs is what the frames of each picture refer to in each picture before: how far back, 0 for none.
	refs []int
	keys []bool
}

// filmsSVC joins somebody who publishes VP9 with spatial layers.
func (w *world) filmsSVC(name string, stream protocol.StreamID) *svcCamera {
	c := w.join(name, goodLink, sends("1", sdp.Video, vp9))
	c.publish(stream, videoTrack("1"))
	cam := &svcCamera{sender: c.video("1", 100), rng: rand.New(rand.NewPCG(w.rng.Uint64(), 3))}
	cam.pt, cam.rtxPT, cam.perFrame, cam.every, cam.ignores = 98, 99, 0, time.Second/30, 300*time.Millisecond
	cam.encode = cam.next
	return cam
}

func (c *svcCamera) next(key bool) (out [][]byte) {
	if key {
		c.phase, c.newest = 0, [3]int{c.number, c.number, c.number}
	}
	tid := [4]uint8{0, 2, 1, 2}[c.phase%4]
	back := 0
	if !key {
		from := c.newest[0]
		if c.phase%4 == 3 {
			from = c.newest[1]
		}
		back = c.number - from
	}
	c.newest[tid] = c.number
	c.phase++
	c.refs, c.keys = append(c.refs, back), append(c.keys, key)
	for sid := range uint8(3) {
		size := [3]float64{150e3, 350e3, 1200e3}[sid] / 8 / 30 * [3]float64{1.6, 0.8, 0.8}[tid] * math.Exp(0.25*c.rng.NormFloat64())
		if key {
			size *= 4
		}
		parts := int(size+1099) / 1100
		for i := range parts {
			b := []byte{0x80 | 0x20 | 0x10, 0, 0, tid<<5 | sid<<1 | 0x10}
			binary.BigEndian.PutUint16(b[1:], 0x8000|uint16(c.number)&0x7fff)
			if i == 0 {
				b[0] |= 0x08
			}
			if i == parts-1 {
				b[0] |= 0x04
			}
			if sid == 2 {
				b[0] |= 0x01
			}
			if sid > 0 {
				b[3] |= 0x01
			}
			if !key {
				b[0] |= 0x40
				b = append(b, uint8(back)<<1)
			}
			if key && sid == 0 && i == 0 {
				b[0] |= 0x02
				b = append(b, 2<<5|0x10)
				for s := range 3 {
					b = binary.BigEndian.AppendUint16(b, uint16(320<<s))
					b = binary.BigEndian.AppendUint16(b, uint16(180<<s))
				}
			}
			b = binary.BigEndian.AppendUint32(append(b, sid, byte(i), byte(parts)), uint32(c.number))
			out = append(out, append(b, make([]byte, int(size)/parts)...))
		}
	}
	c.number++
	return out
}

// svcDecoder puts VP9 together. It shows a picture once a frame of it can be decoded
// that ends it; what says that it can be decoded is checked by what is true.
type svcDecoder struct {
	*decoder
	cam      *svcCamera
	pictures map[int]*svcPicture // by number
}

type svcPicture struct {
	have     [3]uint64 // parts of each frame
	whole    [3]bool
	decoded  [3]bool
	key      bool
	back     int
	end      int // spatial layer of the frame that ends it, −1 while unknown
	tid      uint8
	pid      uint16
	came     time.Time
	finished bool
}

func (d *svcDecoder) take(p *rtp.Packet) {
	desc, ok := codec.ParseVP9(p.Payload)
	if !ok || len(p.Payload) < desc.Size+7 {
		return // padding
	}
	t := d.v.w.t
	truth := p.Payload[desc.Size:]
	number := int(binary.BigEndian.Uint32(truth[3:]))
	d.started = true
	f := d.pictures[number]
	if f == nil {
		f = &svcPicture{end: -1, tid: desc.TID, pid: desc.PictureID, came: d.v.w.now, back: int(desc.References[0]), key: !desc.Predicted}
		d.pictures[number] = f
		d.highest = max(d.highest, number)
		delete(d.pictures, number-400)
	}
	if truth[0] != desc.SID || f.pid != desc.PictureID || f.back != d.cam.refs[number] || f.key != d.cam.keys[number] {
		t.Errorf("packet of layer %d of picture %d has another descriptor", truth[0], number)
	}
	f.have[desc.SID] |= 1 << truth[1]
	f.whole[desc.SID] = f.have[desc.SID] == 1<<truth[2]-1
	if p.Marker {
		f.end = int(desc.SID)
	}
	for n := number; n <= d.highest; n++ {
		if g := d.pictures[n]; g != nil {
			d.try(n, g)
		}
	}
}

// try decodes what can be decoded of a picture. A frame of a picture refers to that of
// the same layer in an earlier one, and to the layer below.
func (d *svcDecoder) try(number int, f *svcPicture) {
	for sid := range 3 {
		before := d.pictures[number-f.back]
		if !f.whole[sid] || f.decoded[sid] || !f.key && (before == nil || !before.decoded[sid]) || sid > 0 && !f.decoded[sid-1] {
			continue
		}
		f.decoded[sid] = true
	}
	if f.finished || f.end < 0 || !f.decoded[f.end] {
		return
	}
	f.finished = true
	s := showing{at: d.v.w.now, came: f.came, id: number, number: number, encoding: f.end, tid: f.tid, newest: true}
	for n := number + 1; n <= d.highest; n++ {
		if g := d.pictures[n]; g != nil && g.finished {
			s.newest = false
		}
	}
	if s.newest {
		d.last = s.at
	}
	d.shown = append(d.shown, s)
}

// Spatial layers in one stream: the link is filled with what fits, it goes down and up
// again without a keyframe being asked for, and all that ends a picture can be decoded.
func TestSpatialLayers(t *testing.T) {
	scenarios(t, func(t *testing.T, w *world) {
		cam := w.filmsSVC("ana", 1)
		w.run(2 * time.Second)
		link := simnet.Config{Latency: 50 * time.Millisecond, Rate: 3_000_000, Queue: 60_000}
		v := w.watchesSVC("ben", link, cam)
		d := v.decoders[0]
		w.run(15 * time.Second)
		d.checkEncoding(w.now.Add(-10*time.Second), w.now, 2)
		link.Rate = 800_000
		v.down.Set(link)
		fell := w.now
		w.run(15 * time.Second)
		d.checkEncoding(fell.Add(8*time.Second), w.now, 1)
		if share := d.inTime(w.now.Add(-5*time.Second), 400*time.Millisecond); share < 0.99 {
			t.Errorf("%.1f %% of the smaller pictures are decoded in time", 100*share)
		}
		link.Rate = 3_000_000
		v.down.Set(link)
		w.run(20 * time.Second)
		d.checkEncoding(w.now.Add(-8*time.Second), w.now, 2)
		v.checkFreeze(w.now, time.Second)
		// What was decided for the last seconds is what came, each picture of it.
		if share := d.inTime(w.now.Add(-8*time.Second), 400*time.Millisecond); share < 0.99 {
			t.Errorf("%.1f %% of the pictures are decoded in time", 100*share)
		}
	})
}

// Random losses of a stream of spatial layers are repaired.
func TestSpatialLayersWithLoss(t *testing.T) {
	scenarios(t, func(t *testing.T, w *world) {
		cam := w.filmsSVC("ana", 1)
		w.run(2 * time.Second)
		v := w.watchesSVC("ben", simnet.Config{Latency: 60 * time.Millisecond, Loss: 0.05, Rate: 3_000_000, Queue: 80_000}, cam)
		w.run(20 * time.Second)
		d := v.decoders[0]
		if share := d.inTime(v.joined, 400*time.Millisecond); share < 0.95 {
			t.Errorf("%.1f %% of the pictures are decoded in time", 100*share)
		}
		d.checkEncoding(w.now.Add(-5*time.Second), w.now, 2)
		v.checkFreeze(w.now, 500*time.Millisecond)
	})
}

// watchesSVC joins somebody who receives VP9.
func (w *world) watchesSVC(name string, link simnet.Config, cam *svcCamera) *viewer {
	v := &viewer{w: w, joined: w.now}
	v.client = w.join(name, link, receives("1", sdp.Video, 2000, vp9))
	v.up.Set(simnet.Config{Latency: link.Latency})
	d := &svcDecoder{decoder: &decoder{v: v, r: v.order[0], last: w.now, asked: w.now}, cam: cam, pictures: map[int]*svcPicture{}}
	d.r.taken = d.take
	v.decoders = append(v.decoders, d.decoder)
	v.subscribe(1)
	w.viewers = append(w.viewers, v)
	return v
}
