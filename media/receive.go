package media

import (
	"time"

	"github.com/tertulia-rtc/tertulia/transport"
)

// receive takes one datagram. via is the shard on whose socket it came, when
// it was handed over.
func (s *shard) receive(now time.Time, path transport.Path, data []byte, via *shard) {
	protocol := transport.Classify(data)
	if protocol == transport.STUN {
		s.receiveCheck(now, path, data, via)
		return
	}
	p, ok := s.byPath[path]
	if !ok {
		// A packet from an address without an authenticated check moves
		// nothing here; another shard may know the address.
		if other, known := s.elsewhere[path]; known && via == nil {
			s.handTo(other, path, data)
		}
		return
	}
	switch protocol {
	case transport.RTP:
		p.receiveRTP(now, path, data)
	case transport.RTCP:
		p.receiveRTCP(now, path, data)
	case transport.DTLS:
		p.receiveDTLS(data)
	}
}

// receiveCheck takes a STUN message to the transport whose ufrag it names.
func (s *shard) receiveCheck(now time.Time, path transport.Path, data []byte, via *shard) {
	ufrag, ok := transport.UfragOf(data)
	if !ok {
		// A response to our own triggered check has no USERNAME; it matters
		// only to the transport that already has this path.
		if p, known := s.byPath[path]; known {
			p.receiveCheck(now, path, data)
		} else if other, known := s.elsewhere[path]; known && via == nil {
			s.handTo(other, path, data)
		}
		return
	}
	owner := s.worker.shardOfCheck(data)
	if owner == nil {
		return
	}
	var p *peer
	if owner == s {
		if p = s.byUfrag[ufrag]; p == nil {
			return
		}
	}
	if other := s.byPath[path]; other != nil && other != p && other.livesOn(now, path) {
		// A participant who can forge the sender's address could otherwise take
		// the path from somebody else, by checks for a transport of its own.
		return
	}
	if there := s.elsewhere[path]; there != nil && there != owner && via == nil {
		s.handTo(there, path, data) // it knows whether the path is still somebody's
		return
	}
	if p == nil {
		s.handOn(owner, path, data, via)
		return
	}
	if p.receiveCheck(now, path, data) && via != nil {
		// The peer proved that the path is its own: what comes from there on
		// the other shard's socket is for us.
		p.learnForeign(path, via)
	}
}

// handOn is handTo for what may have come from another shard itself.
func (s *shard) handOn(other *shard, path transport.Path, data []byte, via *shard) {
	if via == nil {
		via = s
	}
	s.handover[other] = append(s.handover[other], datagram{path: path, via: via, data: data})
}

// handTo keeps a datagram for another shard until the end of the round. The
// data stays valid that long: it is in the batch, or in taken mail.
func (s *shard) handTo(other *shard, path transport.Path, data []byte) {
	s.handOn(other, path, data, nil)
}

// learnElsewhere notes that a path's packets belong to another shard.
func (s *shard) learnElsewhere(now time.Time, path transport.Path, owner *shard) {
	if old := s.byPath[path]; old != nil {
		if old.livesOn(now, path) {
			return
		}
		old.forgetPath(path)
	}
	s.elsewhere[path] = owner
}

func (s *shard) forgetElsewhere(path transport.Path, owner *shard) {
	if s.elsewhere[path] == owner {
		delete(s.elsewhere, path)
	}
}

// tcpEnded lets go of the path of an ICE-TCP connection.
func (s *shard) tcpEnded(path transport.Path) {
	if p, ok := s.byPath[path]; ok {
		p.forgetPath(path)
	}
}
