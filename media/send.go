package media

import (
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
