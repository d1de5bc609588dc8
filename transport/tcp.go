package transport

import "net/netip"

// TCP is a listener for ICE-TCP connections (RFC 6544, passive).
type TCP struct{}

// ListenTCP listens; accept is called in each connection's own goroutine with its first frame, a STUN check with a
// USERNAME, not yet authenticated. accept calls c.Run, and the connection ends when it returns.
func ListenTCP(addr netip.AddrPort, accept func(c *TCPConn, first []byte)) (*TCP, error) {
	return nil, errTODO
}

// LocalAddr is the address the listener is bound to.
func (t *TCP) LocalAddr() netip.AddrPort { return netip.AddrPort{} }

// Conn finds an open connection by Path.TCP; nil if there is none. Any goroutine.
func (t *TCP) Conn(id uint32) *TCPConn { return nil }

// Close ends the listener and all its connections.
func (t *TCP) Close() error { return nil }

// Stats counts connections and frames. Any goroutine.
func (t *TCP) Stats() TCPStats { return TCPStats{} }

// TCPStats are counts since the listener was opened.
type TCPStats struct {
	Open, Unauthenticated        int
	Accepted, Refused, TimedOut  uint64
	BadFrames, VideoDropped, Cut uint64
}

// Class says what happens to a frame when the peer does not read.
type Class uint8

// The classes of frames.
const (
	// ClassControl is STUN, DTLS and RTCP: kept up to the bound, then the connection is cut.
	ClassControl Class = iota
	// ClassAudio is treated like ClassControl.
	ClassAudio
	// ClassVideo is dropped while the queue is long, and from then on until a ClassKeyframe of the same SSRC.
	ClassVideo
	// ClassKeyframe is the first packet of a keyframe.
	ClassKeyframe
	// ClassRepair is a retransmission (RTX) or padding: dropped while the queue is long.
	ClassRepair
)

// TCPConn is one ICE-TCP connection.
type TCPConn struct{}

// Path leads back over the connection.
func (c *TCPConn) Path() Path { return Path{} }

// Run reads frames until the connection ends. The bytes are valid during the call of frames.
func (c *TCPConn) Run(frames func(b []byte)) {}

// Authenticated tells that a check on the connection was authentic; without it the connection ends after 10 seconds. Any goroutine.
func (c *TCPConn) Authenticated() {}

// Send queues one frame, copied, and never blocks; any goroutine. False: dropped.
func (c *TCPConn) Send(b []byte, class Class) bool { return false }

// Close ends the connection. Any goroutine.
func (c *TCPConn) Close() error { return nil }
