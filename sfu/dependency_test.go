package sfu

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"github.com/tertulia-rtc/tertulia/codec"
	"github.com/tertulia-rtc/tertulia/protocol"
	"github.com/tertulia-rtc/tertulia/sdp"
	"github.com/tertulia-rtc/tertulia/simnet"
)

var av1 = sdp.Codec{Codec: codec.Codec{Name: codec.AV1, ClockRate: 90000}, PayloadType: 45, RTX: 46, NACK: true, PLI: true, TransportCC: true}

// described are the extensions of who tells of layers by dependency descriptors.
var described = append(theExtensions[:len(theExtensions):len(theExtensions)], sdp.Extension{URI: sdp.DependencyDescriptorURI, ID: 12})

// temporalStream has a sender make AV1 of one spatial and three temporal layers (L1T3). Its
// payloads have the descriptor too, from byte 20 on.
type temporalStream struct {
	*sender
	number uint16 // of the next frame
	offset uint   // of template ids
	phase  int
	width  int
	parts  int
	// temporals is how many temporal layers there are, 3 or 2.
	temporals int
}

func (c *client) temporal(mid, rid string, ssrc uint32, width int) *temporalStream {
	s := &temporalStream{sender: c.video(mid, ssrc), number: uint16(65500 - ssrc), offset: uint(ssrc) % 64, width: width, parts: 1 + width/400, temporals: 3}
	s.rid, s.pt, s.rtxPT, s.perFrame = rid, 45, 46, 0
	s.encode = s.next
	s.dependency = func(payload []byte) []byte { return payload[20 : 20+payload[19]] }
	return s
}

// bits packs a string of zeros and ones.
func bits(s string) []byte {
	b := make([]byte, (len(s)+7)/8)
	for i, c := range s {
		b[i/8] |= byte(c-'0') << (7 - i%8)
	}
	return b
}

func (s *temporalStream) next(key bool) (out [][]byte) {
	if key {
		s.phase = 0
	}
	template := [4]uint{1, 3, 2, 4}[s.phase%4]
	layers := "00010" + "0001010011" + // decode targets, layers of the templates
		"101010101010001010000001000001" + // indications
		"0" + "100110" + "100010" + "100000" + "100000" + // references
		"01" + "00000100001000010011" // one chain
	if s.temporals == 2 {
		template = [4]uint{1, 2, 1, 2}[s.phase%4]
		layers = "00001" + "000111" + "101010100001" + "0" + "100010" + "100000" + "10" + "000000100001"
	}
	if key {
		template = 0
	}
	s.phase++
	for i := range s.parts {
		d := fmt.Sprintf("%b%b%06b%016b", b2i(i == 0), b2i(i == s.parts-1), (s.offset+template)%64, s.number)
		if key && i == 0 {
			d += "10000" + fmt.Sprintf("%06b", s.offset) + layers + "1" + fmt.Sprintf("%016b%016b", s.width-1, s.width*9/16-1)
		}
		b := make([]byte, 200+s.width)
		b[0], b[19] = 0x10, byte(len(bits(d)))
		copy(b[20:], bits(d))
		out = append(out, b)
	}
	s.number++
	return out
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Across switches between simulcast layers with dependency descriptors (AV1, L1T3) frame
// numbers go on by one and are shifted by one constant until the next switch, the structure
// comes with the switch, and a retransmission has the descriptor that was sent first.
func TestDependencyAcrossSwitches(t *testing.T) {
	w := newWorldFrom(t, 3)
	w.overhead = packetRest - 1
	section := sends("1", sdp.Video, av1)
	section.Recv.RIDs, section.Extensions = []string{"q", "f"}, described
	pub := w.join("ana", simnet.Config{Latency: 5 * time.Millisecond, Loss: 0.01}, section)
	pub.publish(1, videoTrack("1"))
	in := receives("1", sdp.Video, 2000, av1)
	in.Extensions = described
	link := simnet.Config{Latency: 20 * time.Millisecond, Loss: 0.02, Rate: 3_000_000, Queue: 100_000}
	sub := w.join("ben", link, in)
	pub.temporal("1", "q", 100, 320)
	pub.temporal("1", "f", 300, 1280)

	first := map[uint16][]byte{} // extensions, by the number sent
	again := 0
	var structure codec.DependencyStructure
	var shift, newest uint16
	var width uint16
	switches, seen, frames := 0, map[uint8]bool{}, 0
	w.tap = func(p *Packet) {
		var h rtp.Packet
		if p.To != sub.peer || h.Unmarshal(append(append(bytes.Clone(p.Header), p.Prefix...), p.Payload...)) != nil || len(h.Payload) < 100 {
			return
		}
		ext := h.GetExtension(12)
		if h.SSRC == 2001 {
			again++
			if seq := binary.BigEndian.Uint16(h.Payload); !bytes.Equal(first[seq], ext) {
				t.Errorf("%d is sent again with descriptor %x, was %x", seq, ext, first[seq])
			}
			return
		}
		first[h.SequenceNumber] = bytes.Clone(ext)
		d, ok := codec.ParseDependency(ext, &structure)
		own := h.Payload[20:][:h.Payload[19]]
		if !ok || !d.Known {
			t.Fatalf("descriptor %x of %x makes no sense", ext, own)
		}
		by := d.FrameNumber - binary.BigEndian.Uint16(own[1:])
		if size := uint16(len(h.Payload) - 200); size != width {
			if !d.HasStructure || structure.Width[0] != size {
				t.Errorf("a switch comes without its structure")
			}
			if width != 0 && d.FrameNumber != newest+1 {
				t.Errorf("frame %d follows %d at a switch", d.FrameNumber, newest)
			}
			width, shift = size, by
			switches++
		}
		if by != shift {
			t.Errorf("frame numbers are shifted by %d, then by %d", shift, by)
		}
		if int16(d.FrameNumber-newest) > 0 || frames == 0 {
			newest = d.FrameNumber
		}
		frames++
		seen[d.Temporal] = true
	}
	sub.subscribe(1)
	for range 3 {
		w.run(8 * time.Second)
		link.Rate = 450_000
		sub.down.Set(link)
		w.run(6 * time.Second)
		link.Rate = 3_000_000
		sub.down.Set(link)
	}
	w.run(time.Second)
	if switches < 4 || again < 10 || len(seen) != 3 {
		t.Errorf("%d switches, %d packets again, layers %v of %d packets", switches, again, seen, frames)
	}
}

// Retransmissions of packets from before another structure build on their own one, which
// has other decode targets.
func TestOldStructureAgain(t *testing.T) {
	w := newWorldFrom(t, 3)
	section := sends("1", sdp.Video, av1)
	section.Extensions = described
	pub := w.join("ana", simnet.Config{}, section)
	pub.publish(1, videoTrack("1"))
	in := receives("1", sdp.Video, 2000, av1)
	in.Extensions = described
	sub := w.join("ben", simnet.Config{}, in)
	sub.receiver[2000].nacks = false
	s := pub.temporal("1", "", 100, 320)
	first := map[uint16][]byte{}
	again, masked := 0, 0
	w.tap = func(p *Packet) {
		var h rtp.Packet
		if h.Unmarshal(append(append(bytes.Clone(p.Header), p.Prefix...), p.Payload...)) != nil || len(h.Payload) < 100 {
			return
		}
		ext := h.GetExtension(12)
		if h.SSRC != 2001 {
			first[h.SequenceNumber] = bytes.Clone(ext)
			return
		}
		again++
		seq := binary.BigEndian.Uint16(h.Payload)
		if len(ext) > 3 {
			masked++
		}
		if !bytes.Equal(first[seq], ext) {
			t.Errorf("%d is sent again with descriptor %x, was %x", seq, ext, first[seq])
		}
	}
	sub.subscribe(1)
	w.run(time.Second)
	if err := w.r.Prefer(w.now, "ben", protocol.Preference{Stream: 1, Track: "v", FrameRate: 15}); err != nil {
		t.Fatal(err)
	}
	w.run(time.Second)
	last := sub.receiver[2000].highest
	s.temporals, s.keyframe = 2, true
	w.run(100 * time.Millisecond)
	sub.sendRTCP(&rtcp.TransportLayerNack{MediaSSRC: 2000, Nacks: []rtcp.NackPair{{PacketID: last - 3, LostPackets: 7}}})
	w.run(50 * time.Millisecond)
	if again != 4 || masked != 4 {
		t.Errorf("%d packets are sent again, %d of them with decode targets", again, masked)
	}
}
