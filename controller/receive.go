package controller

import (
	"time"

	"github.com/tertulia-rtc/tertulia/protocol"
)

// incoming is a frame of a client, decoded by the reader of its socket.
type incoming struct {
	frame     protocol.Frame
	malformed *protocol.Error  // there is no frame to speak of
	request   protocol.Request // nil for bare acknowledgements
	refused   *protocol.Error  // the request has no sense
	size      int              // of its text, as it counts for session.traffic
}

func decode(text []byte) incoming {
	in := incoming{size: len(text)}
	in.frame, in.malformed = protocol.DecodeFrame(text)
	switch f := in.frame; {
	case in.malformed != nil:
	case f.Type == "" && f.Seq != 0, f.Type != "" && f.Seq == 0:
		in.malformed = protocol.Errorf(protocol.CodeBadRequest, "Frames with a type, and only those, have a number.")
	case f.Type != "":
		in.request, in.refused = protocol.DecodeRequest(f.Type, f.Data)
	}
	switch in.request.(type) {
	case protocol.Offer, protocol.InviteAnswer:
		in.size /= 4 // nobody else is told it; but to answer it takes time
	}
	in.frame.Data = nil // not needed any more
	return in
}

// receive takes a frame that came on a socket.
func (l *loop) receive(now time.Time, k *socket, in incoming) {
	s := k.session
	if s == nil {
		return // the session has another socket, or none
	}
	s.heard, s.confirmed = now, true
	defer l.touch(s)
	if !s.frames.take(now) {
		l.detach(now, s, protocol.CloseTooFast, "too many frames", true)
		return
	}
	if in.malformed != nil {
		l.malformed(now, s, in.malformed)
		return
	}
	if err := s.acknowledged(in.frame.Ack); err != nil {
		l.broken(s, err)
		return
	}
	if in.frame.Type == "" {
		return
	}
	fresh, err := s.accept(now, in.frame.Seq)
	switch {
	case err != nil:
		l.broken(s, err)
	case !fresh:
	case !s.requests.take(now) || !s.traffic.solvent(now):
		l.send(now, s, protocol.TypeError, in.frame.Seq, marshal(protocol.Errorf(protocol.CodeTooFast, "Too many requests; this one was not carried out.")))
		if !s.excess.take(now) {
			l.detach(now, s, protocol.CloseTooFast, "too many requests", true)
		}
	case in.refused != nil:
		s.traffic.spend(now, in.size)
		l.send(now, s, protocol.TypeError, in.frame.Seq, marshal(in.refused))
	default:
		s.traffic.spend(now, in.size)
		l.room.Handle(now, s.claims.Participant, in.frame.Seq, in.request)
		l.cause = s
		l.carryOut(now)
		l.cause = nil
	}
	if s.socket != nil && s.received-s.told >= ackFrames {
		l.carryOut(now) // the answer may carry the acknowledgement
		if s.socket != nil && s.received-s.told >= ackFrames {
			s.bare(now)
		}
	}
}

func (l *loop) malformed(now time.Time, s *session, err *protocol.Error) {
	l.send(now, s, protocol.TypeError, 0, marshal(err))
	s.malformed++
	if s.malformed >= maxMalformed {
		l.broken(s, err)
	}
}

// broken ends the session of a client that breaks the rules.
func (l *loop) broken(s *session, err *protocol.Error) {
	l.room.Leave(s.claims.Participant, protocol.ReasonError, err.Message)
}
