package controller

import (
	"time"

	"github.com/tertulia-rtc/tertulia/auth"
	"github.com/tertulia-rtc/tertulia/protocol"
)

// Times and limits of a session; docs/protocol.md has them.
const (
	resumeWindow  = 30 * time.Second       // that a session outlives its socket
	resumeLife    = 3 * 24 * time.Hour     // of a resume token
	openTimeout   = 10 * time.Second       // for the opening frame
	ackDelay      = 500 * time.Millisecond // until a bare acknowledgement
	ackFrames     = 16                     // or this many frames
	aliveInterval = 5 * time.Second        // between signs of life
	silenceLimit  = 12 * time.Second       // after which a socket is dead
	maxUnacked    = 1024                   // frames that the client has not acknowledged
	maxUnackedLen = 4 << 20                // and their bytes
	maxMalformed  = 5                      // frames without sense
)

// session is the life of a participant on the signalling side. It is owned by
// the loop of its room.
type session struct {
	claims auth.ResumeClaims // who it is; signed anew for each resume token
	id     string
	// predecessor is the session that a resync replaced. As long as nothing
	// was heard on this one, the client may not know that it was replaced.
	predecessor string

	socket *socket   // nil while there is none
	lost   time.Time // when the last one was lost

	// Sending.
	sent         uint64  // the last number given
	unacked      []frame // the last len(unacked) of those sent
	unackedBytes int
	lastSent     time.Time // anything, also a bare acknowledgement

	// Receiving.
	received  uint64    // the last number seen, without gaps
	told      uint64    // of these, what we have acknowledged
	ackDue    time.Time // when the rest must be; zero: nothing to acknowledge
	heard     time.Time // anything
	confirmed bool      // something was heard after the opening
	malformed int

	frames   bucket // of any kind
	requests bucket // that are carried out
	excess   bucket // that are refused as too fast
	// traffic is bytes: of requests, and of what each of them tells the others.
	// It keeps one from filling the queues of all who are in the room, whose
	// sessions end when they cannot keep up.
	traffic bucket
}

func newSession(id string, claims auth.ResumeClaims) *session {
	return &session{
		id: id, claims: claims,
		frames:   bucket{perSecond: 500, size: 2000},
		requests: bucket{perSecond: 50, size: 300},
		excess:   bucket{perSecond: 20, size: 200},
		traffic:  bucket{perSecond: 512 << 10, size: 2 << 20},
	}
}

// attach gives the session a socket.
func (s *session) attach(now time.Time, k *socket) {
	k.session, s.socket = s, k
	s.heard, s.lastSent, s.ackDue, s.told = now, now, time.Time{}, s.received
	k.received.Store(s.received)
}

// restart begins the numbers again, for a snapshot.
func (s *session) restart() {
	s.sent, s.received, s.told = 0, 0, 0
	s.unacked, s.unackedBytes = nil, 0
}

// send numbers a frame, keeps it until it is acknowledged, and queues it; one that is not
// urgent waits for the next that is, or for a nudge. It says false when the client lets too
// much pile up.
func (s *session) send(now time.Time, typ string, re uint64, data []byte, urgent bool) bool {
	if len(s.unacked) >= maxUnacked || s.unackedBytes+len(data) > maxUnackedLen && len(s.unacked) > 0 {
		return false
	}
	s.sent++
	f := frame{seq: s.sent, typ: typ, re: re, data: data}
	s.unacked = append(s.unacked, f)
	s.unackedBytes += len(data)
	switch {
	case s.socket == nil:
	case urgent:
		s.put(now, f)
	default:
		s.socket.leave(f)
	}
	return true
}

// put queues a frame, which carries an acknowledgement.
func (s *session) put(now time.Time, f frame) {
	s.socket.push(f)
	s.lastSent, s.told, s.ackDue = now, s.received, time.Time{}
}

// bare sends a bare acknowledgement.
func (s *session) bare(now time.Time) { s.put(now, frame{}) }

// acknowledged takes the client's acknowledgement.
func (s *session) acknowledged(n uint64) *protocol.Error {
	if n > s.sent {
		return protocol.Errorf(protocol.CodeBadRequest, "Frame %d was acknowledged, but %d is the last that was sent.", n, s.sent)
	}
	first := s.sent - uint64(len(s.unacked)) // the last that is acknowledged already
	if n <= first {
		return nil
	}
	gone := s.unacked[:n-first]
	for _, f := range gone {
		s.unackedBytes -= len(f.data)
	}
	clear(gone)
	s.unacked = s.unacked[n-first:]
	if len(s.unacked) == 0 {
		s.unacked = nil // let go of the array
	}
	return nil
}

// resumable says why a client that has received up to ack cannot go on, or nil.
func (s *session) resumable(ack uint64) *protocol.Error {
	if ack > s.sent || ack < s.sent-uint64(len(s.unacked)) {
		return protocol.Errorf(protocol.CodeResume, "The frames after %d are not kept; join again.", ack)
	}
	return nil
}

// accept takes the number of a frame: fresh says that it was not seen before.
func (s *session) accept(now time.Time, seq uint64) (fresh bool, err *protocol.Error) {
	switch {
	case seq > s.received+1:
		return false, protocol.Errorf(protocol.CodeBadRequest, "Frame %d came after frame %d.", seq, s.received)
	case seq == s.received+1:
		s.received, fresh = seq, true
		s.socket.received.Store(seq)
	}
	if s.ackDue.IsZero() {
		s.ackDue = now.Add(ackDelay)
	}
	return fresh, nil
}

// advance does what is due while a socket is there. It says false when the
// socket is dead.
func (s *session) advance(now time.Time) bool {
	if now.Sub(s.heard) >= silenceLimit {
		return false
	}
	due := !s.ackDue.IsZero() && !now.Before(s.ackDue)
	if due || s.received-s.told >= ackFrames || now.Sub(s.lastSent) >= aliveInterval {
		s.bare(now)
	}
	return true
}

// timer says when advance is due, or the window ends.
func (s *session) timer() time.Time {
	if s.socket == nil {
		return s.lost.Add(resumeWindow)
	}
	t := s.heard.Add(silenceLimit)
	if a := s.lastSent.Add(aliveInterval); a.Before(t) {
		t = a
	}
	if !s.ackDue.IsZero() && s.ackDue.Before(t) {
		t = s.ackDue
	}
	return t
}
