package media

import (
	"time"

	"github.com/tertulia-rtc/tertulia/protocol"
	"github.com/tertulia-rtc/tertulia/sdp"
	"github.com/tertulia-rtc/tertulia/sfu"
	"github.com/tertulia-rtc/tertulia/transport"
)

// maxPaths bounds the addresses that one transport may prove as its own.
const maxPaths = 16

// peer is one transport of a participant: its ICE agent, its keys, and the
// path that its packets take. It belongs to its shard's loop.
type peer struct {
	// What each packet that leaves needs comes first, to be near together.
	outbound *transport.Outbound // nil until there are keys
	shard    *shard
	hasPath  bool
	path     transport.Path     // where media goes
	tcp      *transport.TCPConn // of path, if it is TCP
	stats    peerStats

	room      *room
	key       sfu.TransportKey
	index     sfu.Peer
	sessionID uint64 // of its answers' o= lines

	agent      transport.Agent
	ufrags     []string             // under which checks find it
	negotiated *sdp.Transport       // nil until both sides have agreed
	proposed   *proposal            // an offer of ours that waits for its answer; nil: none
	handshake  *transport.Handshake // from the first DTLS packet on
	inbound    *transport.Inbound   // nil until there are keys
	paths      []transport.Path     // proved by authenticated checks, oldest first
	lastHeard  time.Time
	foreign    map[transport.Path]*shard

	channels *dataChannels // nil without SCTP

	state  string // as last told: protocol.Transport…
	closed bool
}

// peerStats counts what a transport received and lost to errors.
type peerStats struct {
	PacketsIn  uint64 `json:"packetsIn"`
	BytesIn    uint64 `json:"bytesIn"`
	PacketsOut uint64 `json:"packetsOut"`
	BytesOut   uint64 `json:"bytesOut"`
	// Refused counts packets that failed authentication or replay protection.
	Refused uint64 `json:"refused"`
	// Checks counts authenticated connectivity checks.
	Checks uint64 `json:"checks"`
}

// receiveCheck takes a STUN message; it says whether it was authenticated.
func (p *peer) receiveCheck(now time.Time, path transport.Path, data []byte) bool {
	changed, err := p.agent.HandleSTUN(now, data, path, p.sendTo)
	if err != nil {
		p.stats.Refused++
		return false
	}
	if changed {
		p.nameUfrags() // after a restart, the first check with the new one ends the old
	}
	p.stats.Checks++
	p.learnPath(path)
	if selected, ok := p.agent.Selected(); ok && (!p.hasPath || selected != p.path) {
		p.path, p.hasPath = selected, true
		p.tcp = p.shard.worker.tcpConn(selected)
	}
	p.checkConnected(now)
	return true
}

// nameUfrags makes checks find the peer under the ufrags that its agent takes
// now, and under no others.
func (p *peer) nameUfrags() {
	s := p.shard
	for _, ufrag := range p.ufrags {
		if s.byUfrag[ufrag] == p {
			delete(s.byUfrag, ufrag)
		}
	}
	p.ufrags = p.agent.Ufrags()
	for _, ufrag := range p.ufrags {
		s.byUfrag[ufrag] = p
	}
}

// livesOn says whether the peer's media take the path and the peer was heard
// a short while ago: then the path is nobody else's.
func (p *peer) livesOn(now time.Time, path transport.Path) bool {
	return p.hasPath && p.path == path && now.Sub(p.agent.Seen) < transport.InterruptedAfter
}

// learnPath notes that the peer may send from the path.
func (p *peer) learnPath(path transport.Path) {
	if p.shard.byPath[path] == p {
		return
	}
	if old := p.shard.byPath[path]; old != nil {
		// The one before has fallen silent (receiveCheck), and NAT ports are reused.
		old.forgetPath(path)
	}
	if len(p.paths) >= maxPaths {
		oldest := 0
		if p.hasPath && p.paths[0] == p.path {
			oldest = 1 // never the one that media take
		}
		p.forgetPath(p.paths[oldest])
	}
	p.paths = append(p.paths, path)
	p.shard.byPath[path] = p
	if conn := p.shard.worker.tcpConn(path); conn != nil {
		conn.Authenticated()
	}
}

func (p *peer) forgetPath(path transport.Path) {
	for i := range p.paths {
		if p.paths[i] == path {
			p.paths = append(p.paths[:i], p.paths[i+1:]...)
			break
		}
	}
	if p.shard.byPath[path] == p {
		delete(p.shard.byPath, path)
	}
	if via, ok := p.foreign[path]; ok {
		delete(p.foreign, path)
		owner := p.shard
		via.post(func(time.Time) { via.forgetElsewhere(path, owner) })
	}
	p.agent.Forget(path)
	if p.hasPath && p.path == path {
		p.hasPath, p.tcp = false, nil
	}
}

// learnForeign asks the shard on whose socket the peer's packets come to send
// them here.
func (p *peer) learnForeign(path transport.Path, via *shard) {
	if p.foreign[path] == via {
		return
	}
	if p.foreign == nil {
		p.foreign = map[transport.Path]*shard{}
	}
	p.foreign[path] = via
	owner := p.shard
	via.post(func(now time.Time) { via.learnElsewhere(now, path, owner) })
}

// receiveDTLS feeds the handshake, which begins with the peer's first packet:
// peers that never connect cost nothing.
func (p *peer) receiveDTLS(data []byte) {
	if p.handshake == nil && !p.known() {
		p.keepEarly(data)
		return
	}
	if p.handshake == nil && !p.startHandshake() {
		return
	}
	p.handshake.Handle(data)
}

// startHandshake reports whether there is a handshake to feed.
func (p *peer) startHandshake() bool {
	s := p.shard
	remote := p.negotiated.Peer
	handshake, err := transport.NewHandshake(transport.HandshakeConfig{
		Certificate:     s.worker.certificate,
		PeerHash:        remote.FingerprintHash,
		PeerFingerprint: remote.Fingerprint,
		Send:            p.sendFromElsewhere,
		Done: func(keys *transport.Keys, err error) {
			s.post(func(now time.Time) { p.handshakeDone(now, keys, err) })
		},
		Left: func() {
			s.post(func(now time.Time) { p.drop(now, "the peer closed it") })
		},
	})
	if err != nil {
		s.log.Info("a DTLS handshake cannot begin", "participant", p.key.Participant, "err", err)
		return false
	}
	p.handshake = handshake
	return true
}

func (p *peer) handshakeDone(now time.Time, keys *transport.Keys, err error) {
	if p.closed {
		return
	}
	if err == nil {
		p.inbound, err = transport.NewInbound(*keys)
	}
	if err == nil {
		p.outbound, err = transport.NewOutbound(*keys)
	}
	if err != nil {
		p.shard.log.Info("a DTLS handshake failed", "room", p.room.id, "participant", p.key.Participant, "err", err)
		p.drop(now, "the DTLS handshake failed: "+err.Error())
		return
	}
	p.checkConnected(now)
}

// checkConnected tells the router and the owner once media can flow.
func (p *peer) checkConnected(now time.Time) {
	if !p.hasPath || p.outbound == nil || p.state == protocol.TransportConnected {
		return
	}
	p.room.router.SetConnected(now, p.key, true)
	p.setState(protocol.TransportConnected, "")
	p.shard.touch(p.room)
	p.startChannels()
}

// checkConsent looks at the clock of the ICE agent (RFC 7675).
func (p *peer) checkConsent(now time.Time) {
	p.agent.Advance(now, p.sendTo)
	switch p.agent.State(now) {
	case transport.ConnInterrupted:
		if p.state == protocol.TransportConnected {
			p.room.router.SetConnected(now, p.key, false)
			p.setState(protocol.TransportInterrupted, "no connectivity check came for five seconds")
		}
	case transport.ConnExpired:
		p.drop(now, "no connectivity check came for thirty seconds; is UDP or TCP to the media port blocked?")
	case transport.ConnConnected:
		p.checkConnected(now)
	}
}

func (p *peer) setState(state, reason string) {
	p.state = state
	p.room.tell(0, protocol.TransportChanged{
		Participant:    p.key.Participant,
		TransportState: protocol.TransportState{Transport: p.key.Transport, State: state, Reason: reason},
	})
}

// drop ends the transport from our side and says why.
func (p *peer) drop(now time.Time, reason string) {
	if p.closed {
		return
	}
	p.setState(protocol.TransportClosed, reason)
	p.room.removePeer(now, p)
}

// close lets go of everything outside the router.
func (p *peer) close() {
	if p.closed {
		return
	}
	p.closed = true
	s := p.shard
	for len(p.paths) > 0 {
		path := p.paths[0]
		if conn := s.worker.tcpConn(path); conn != nil {
			_ = conn.Close()
		}
		p.forgetPath(path)
	}
	for _, ufrag := range p.ufrags {
		if s.byUfrag[ufrag] == p {
			delete(s.byUfrag, ufrag)
		}
	}
	p.ufrags = nil
	p.closeChannels()
	if p.handshake != nil {
		go p.handshake.Close() // it waits for its goroutines, the loop for nobody
	}
	s.worker.counters.transports.Add(-1)
}

// receiveRTP opens a packet and gives it to the router.
func (p *peer) receiveRTP(now time.Time, path transport.Path, data []byte) {
	p.countIn(len(data))
	if p.inbound == nil {
		return
	}
	packet, err := p.inbound.OpenRTP(data)
	if err != nil {
		p.stats.Refused++
		return
	}
	p.heard(now, path)
	p.room.router.HandleRTP(now, p.index, packet)
	p.shard.touch(p.room)
}

func (p *peer) receiveRTCP(now time.Time, path transport.Path, data []byte) {
	p.countIn(len(data))
	if p.inbound == nil {
		return
	}
	packet, err := p.inbound.OpenRTCP(data)
	if err != nil {
		p.stats.Refused++
		return
	}
	p.heard(now, path)
	p.room.router.HandleRTCP(now, p.index, packet)
	p.shard.touch(p.room)
}

// heard takes an authentic packet for a sign of life, once a second: some
// browsers check so seldom that their consent would seem lost between two.
func (p *peer) heard(now time.Time, path transport.Path) {
	if path == p.path && now.Sub(p.lastHeard) >= time.Second {
		p.lastHeard = now
		p.agent.Heard(now)
	}
}

func (p *peer) countIn(n int) {
	p.stats.PacketsIn++
	p.stats.BytesIn += uint64(n)
}

// sendTo sends a datagram of control (STUN) through the loop's writer.
func (p *peer) sendTo(path transport.Path, data []byte) {
	s := p.shard
	if path.TCP != 0 {
		if conn := s.worker.tcpConn(path); conn != nil {
			conn.Send(data, transport.ClassControl)
		}
		return
	}
	copy(s.writer.Reserve(len(data)), data)
	s.writer.Commit(&path, len(data))
}

// sendFromElsewhere sends a datagram of the handshake, whose goroutines are
// not the loop's.
func (p *peer) sendFromElsewhere(data []byte) {
	data = append([]byte(nil), data...)
	p.shard.post(func(time.Time) {
		if p.hasPath {
			p.sendTo(p.path, data)
		} else if len(p.paths) > 0 {
			p.sendTo(p.paths[len(p.paths)-1], data)
		}
	})
}
