package media

import (
	"unsafe"

	"github.com/tertulia-rtc/tertulia/prefetch"
	"github.com/tertulia-rtc/tertulia/protocol"
	"github.com/tertulia-rtc/tertulia/sfu"
	"github.com/tertulia-rtc/tertulia/transport"
)

// SendRTP seals a packet of the router for one transport straight into the
// send slab (sfu.Sink).
func (r *room) SendRTP(packet *sfu.Packet) {
	p := r.peers[packet.To]
	if p == nil || !p.hasPath || p.outbound == nil {
		return
	}
	r.prefetch(int(packet.To))
	s := r.shard
	room := len(packet.Header) + len(packet.Prefix) + len(packet.Payload) + int(packet.Padding) + p.outbound.Overhead()
	if p.path.TCP != 0 {
		if room > len(s.scratch) || p.tcp == nil {
			return
		}
		n := p.outbound.SealRTP(s.scratch, packet.Header, packet.Prefix, packet.Payload, packet.Padding)
		p.tcp.Send(s.scratch[:n], tcpClass(packet))
		p.countOut(n)
		return
	}
	n := p.outbound.SealRTP(s.writer.Reserve(room), packet.Header, packet.Prefix, packet.Payload, packet.Padding)
	s.writer.Commit(&p.path, n)
	p.countOut(n)
}

// prefetch asks for the memory of the transports after the i-th, to which the next packets
// probably go; sfu.Router does the same with what it keeps of them.
func (r *room) prefetch(i int) {
	if i == r.prefetched {
		return
	}
	r.prefetched = i
	next := func(n int) *peer {
		if i+n < len(r.peers) {
			return r.peers[i+n]
		}
		return nil
	}
	if p := next(4); p != nil {
		prefetch.Bytes(p, peerSent)
	}
	if p := next(3); p != nil {
		prefetch.Value(p.outbound)
	}
	if p := next(2); p != nil && p.outbound != nil {
		p.outbound.Prefetch()
	}
	if p := next(1); p != nil && p.outbound != nil {
		p.outbound.PrefetchKey()
	}
}

// peerSent is how many bytes of a peer sending needs.
const peerSent = unsafe.Offsetof(peer{}.room)

// SendRTCP seals a compound packet for one transport (sfu.Sink).
func (r *room) SendRTCP(to sfu.Peer, compound []byte) {
	p := r.peers[to]
	if p == nil || !p.hasPath || p.outbound == nil {
		return
	}
	s := r.shard
	room := len(compound) + p.outbound.OverheadRTCP()
	if p.path.TCP != 0 {
		if room > len(s.scratch) || p.tcp == nil {
			return
		}
		n := p.outbound.SealRTCP(s.scratch, compound)
		p.tcp.Send(s.scratch[:n], transport.ClassControl)
		p.countOut(n)
		return
	}
	n := p.outbound.SealRTCP(s.writer.Reserve(room), compound)
	s.writer.Commit(&p.path, n)
	p.countOut(n)
}

// tcpClass says what a slow ICE-TCP peer may lose of a packet's kind.
func tcpClass(packet *sfu.Packet) transport.Class {
	switch {
	case packet.Kind == protocol.Audio:
		return transport.ClassAudio
	case packet.Retransmission:
		return transport.ClassRepair
	case packet.Keyframe:
		return transport.ClassKeyframe
	default:
		return transport.ClassVideo
	}
}

func (p *peer) countOut(n int) {
	p.stats.PacketsOut++
	p.stats.BytesOut += uint64(n)
	p.shard.sentPackets++
	p.shard.sentBytes += uint64(n)
}
