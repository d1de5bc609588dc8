package load

import (
	"encoding/binary"
	"errors"
	"slices"

	"github.com/tertulia-rtc/tertulia/transport"
)

// handleRTP takes a packet of media. What its header says in clear is used for
// all; the payload is opened where it is needed, and of the share that is asked for.
func (ep *endpoint) handleRTP(now, at instant, data []byte) {
	c := &ep.loop.counts
	if ep.in == nil {
		c.Early++
		return
	}
	header := 12 + 4*int(data[0]&0x0f)
	ssrc := binary.BigEndian.Uint32(data[8:])
	var mid []byte
	if data[0]&0x10 != 0 {
		if len(data) < header+4 {
			return
		}
		profile := binary.BigEndian.Uint16(data[header:])
		end := header + 4 + 4*int(binary.BigEndian.Uint16(data[header+2:]))
		if len(data) < end {
			return
		}
		var number []byte
		number, mid = ep.extensions(profile, data[header+4:end])
		if len(number) == 2 && ep.feedback.take(binary.BigEndian.Uint16(number), at) {
			ep.scheduleFeedback(at)
		}
		header = end
	}
	ep.feedbackIn += len(data)
	stream := ep.last
	if ssrc != ep.lastSSRC || stream.r == nil {
		stream = ep.bySSRC[ssrc]
		if stream.r == nil {
			if stream = ep.learn(ssrc, data[1]&0x7f, string(mid)); stream.r == nil {
				c.Strange++
				return
			}
		}
		ep.last, ep.lastSSRC = stream, ssrc
	}
	r := stream.r
	a := &ep.scratch.arrival
	*a = arrival{
		now: now, at: at, marker: data[1]&0x80 != 0, repaired: stream.rtx, media: true,
		seq: binary.BigEndian.Uint16(data[2:]), timestamp: binary.BigEndian.Uint32(data[4:]),
	}
	c.Received++
	c.ReceivedBytes += uint64(len(data))
	if stream.rtx || r.video && r.frame.broken || ep.loop.sample() {
		plain, err := ep.in.OpenRTP(data)
		if err != nil {
			if errors.Is(err, transport.ErrSRTPReplayed) {
				c.Repeated++
			} else {
				c.Refused++
				ep.rollOver(r, ssrc, a.seq)
			}
			return
		}
		r.refused = 0
		if plain[0]&0x20 != 0 {
			plain = plain[:len(plain)-int(plain[len(plain)-1])]
		}
		a.payload = plain[header:]
		if stream.rtx {
			if len(a.payload) < 2 {
				c.Padding++
				return
			}
			a.seq = binary.BigEndian.Uint16(a.payload)
			a.payload = a.payload[2:]
			c.ReceivedRTX++
		}
		if a.media = len(a.payload) > 0; !a.media {
			c.Padding++
		}
	}
	if !r.take(a) || !a.media {
		return
	}
	c.Delivered++
	if r.video {
		c.DeliveredVideo++
	} else {
		c.DeliveredAudio++
	}
	if ep.firstMedia == 0 {
		ep.firstMedia = at
	}
	if a.payload == nil {
		return
	}
	start := 1
	if r.video {
		start, _, _, _ = afterHead(a.payload)
	}
	if s, ok := readStamp(a.payload[min(start, len(a.payload)):]); ok {
		c.Stamped++
		if !a.repaired && ep.loop.windowEnd == ^uint64(0) {
			ep.loop.delay.add(at - s.sent)
		}
	}
}

// rollOver supposes that the sequence number of a stream has rolled over once, after
// some packets in a row were not authentic. libsrtp counts a rollover when the
// second packet of a stream that it sends has the number before the first; by RFC
// 3711 (appendix A) that is none.
func (ep *endpoint) rollOver(r *receiver, ssrc uint32, seq uint16) {
	if r.refused++; r.refused != 3 {
		return
	}
	state := ep.in.State()
	seen := transport.Seen{SSRC: ssrc, Highest: 1<<16 + uint64(seq)}
	if i := slices.IndexFunc(state.RTP, func(s transport.Seen) bool { return s.SSRC == ssrc }); i >= 0 {
		state.RTP[i] = seen
	} else {
		state.RTP = append(state.RTP, seen)
	}
	ep.in.Restore(state)
}

// extensions reads the transport-wide number and the mid of a packet (RFC 8285).
func (ep *endpoint) extensions(profile uint16, block []byte) (number, mid []byte) {
	two := profile&0xfff0 == 0x1000
	if !two && profile != 0xbede {
		return nil, nil
	}
	for len(block) > 0 {
		if block[0] == 0 {
			block = block[1:]
			continue
		}
		id, at, n := block[0]>>4, 1, int(block[0]&0x0f)+1
		if two {
			if len(block) < 2 {
				return number, mid
			}
			id, at, n = block[0], 2, int(block[1])
		}
		if len(block) < at+n {
			return number, mid
		}
		switch id {
		case ep.ids.transportCC:
			number = block[at : at+n]
		case ep.ids.mid:
			mid = block[at : at+n]
		}
		block = block[at+n:]
	}
	return number, mid
}

// learn finds out what an SSRC is that the description does not name: by mid, or
// by payload type if that says enough.
func (ep *endpoint) learn(ssrc uint32, pt uint8, mid string) streamOf {
	for _, r := range ep.receivers {
		s := ep.negotiated.Section(r.mid)
		if s == nil || mid != "" && mid != r.mid {
			continue
		}
		_, rtx, ok := s.Codec(pt)
		switch {
		case !ok, mid == "" && !rtx && r.ssrc != 0, rtx && (r.ssrc == 0 || r.rtx != 0):
			continue
		case rtx:
			ep.bind(r, r.ssrc, ssrc)
		default:
			ep.bind(r, ssrc, 0)
		}
		return ep.bySSRC[ssrc]
	}
	return streamOf{}
}
