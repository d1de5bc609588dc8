package transport

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Bounds of ICE-TCP.
const (
	// authenticationTime is how long a connection may exist without an
	// authentic check.
	authenticationTime = 10 * time.Second
	// maxUnauthenticated bounds the connections without an authentic check, of
	// one listener and of one peer address.
	maxUnauthenticated        = 512
	maxUnauthenticatedPerPeer = 64
	// maxFirstFrame bounds the first frame, in bytes: a check is about 100.
	maxFirstFrame = 548
	// videoBacklog is how many bytes may wait before video is dropped; it goes
	// on, with a keyframe, when half of it is left. At 1 Mb/s it is half a second.
	videoBacklog = 64 << 10
	// maxBacklog is how many bytes may wait before the connection is cut.
	maxBacklog = 256 << 10
	// maxBlocked bounds the video streams remembered as waiting for a keyframe.
	maxBlocked = 64
	// drainPiece is how much of a backlog is written at a time, in bytes.
	drainPiece = 16 << 10
)

// tcpIDs numbers the connections of all listeners (Path.TCP).
var tcpIDs atomic.Uint32

// TCP is a listener for passive ICE-TCP (RFC 6544). All of its methods may be called
// from any goroutine.
type TCP struct {
	listener net.Listener
	accept   func(c *TCPConn, first []byte)
	// portable makes all frames go through the draining goroutine.
	portable bool
	// timeout is authenticationTime, other in tests.
	timeout  time.Duration
	finished sync.WaitGroup // the accepting goroutine

	mu sync.Mutex
	// conns are the open connections by their number.
	conns  map[uint32]*TCPConn
	closed bool
	// unauthenticated counts those of conns by the peer's address.
	unauthenticated      map[netip.Addr]int
	totalUnauthenticated int
	stats                TCPStats
}

// TCPStats are counts of one listener, since it was opened but for Open and
// Unauthenticated.
type TCPStats struct {
	// Open connections, and those of them without an authentic check yet.
	Open, Unauthenticated int
	// Accepted connections, and those Refused because too many were unauthenticated.
	Accepted, Refused uint64
	// TimedOut connections brought no authentic check within 10 seconds.
	TimedOut uint64
	// BadFrames ended a connection: too long, or a first one that is no check.
	BadFrames uint64
	// VideoDropped frames met a peer that does not read; Cut connections had
	// so much waiting that they were ended.
	VideoDropped, Cut uint64
}

// ListenTCP listens for ICE-TCP connections at an address as [ListenUDP] does.
// Each connection has a goroutine of its own, which reads the first frame and calls
// accept with it: it is a check that names an agent ([UfragOf]), not yet
// authenticated. accept hands it to the agent's owner, who tells
// [TCPConn.Authenticated], and calls [TCPConn.Run] for the rest; when accept
// returns the connection ends. first is valid during the call.
func ListenTCP(addr netip.AddrPort, accept func(c *TCPConn, first []byte)) (*TCP, error) {
	return listenTCP(addr, accept, authenticationTime, false)
}

func listenTCP(addr netip.AddrPort, accept func(c *TCPConn, first []byte), timeout time.Duration, portable bool) (*TCP, error) {
	host := addr.Addr().Unmap()
	network, name := "tcp", ""
	switch {
	case allInterfaces(host):
	case host.Is4():
		network, name = "tcp4", host.String()
	default:
		network, name = "tcp6", host.String()
	}
	var config net.ListenConfig
	config.SetMultipathTCP(false) // one path is one path
	listener, err := config.Listen(context.Background(), network, net.JoinHostPort(name, strconv.Itoa(int(addr.Port()))))
	if err != nil {
		return nil, err
	}
	t := &TCP{
		listener: listener, accept: accept, timeout: timeout, portable: portable,
		conns: make(map[uint32]*TCPConn), unauthenticated: make(map[netip.Addr]int),
	}
	t.finished.Go(t.acceptAll)
	return t, nil
}

// LocalAddr is the address the listener is bound to, as [UDP.LocalAddr].
func (t *TCP) LocalAddr() netip.AddrPort {
	a := t.listener.Addr().(*net.TCPAddr).AddrPort()
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

// Conn finds an open connection by its number, Path.TCP; nil if there is none.
func (t *TCP) Conn(id uint32) *TCPConn {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.conns[id]
}

// Close ends the listener and all of its connections. Their goroutines end as
// soon as the callbacks that they are in return.
func (t *TCP) Close() error {
	err := t.listener.Close()
	t.mu.Lock()
	t.closed = true
	conns := make([]*TCPConn, 0, len(t.conns))
	for _, c := range t.conns {
		conns = append(conns, c)
	}
	t.mu.Unlock()
	for _, c := range conns {
		_ = c.Close()
	}
	t.finished.Wait()
	return err
}

// Stats counts connections and frames.
func (t *TCP) Stats() TCPStats {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.stats
	s.Open = len(t.conns)
	s.Unauthenticated = t.totalUnauthenticated
	return s
}

// count changes the statistics.
func (t *TCP) count(change func(s *TCPStats)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	change(&t.stats)
}

func (t *TCP) acceptAll() {
	pause := time.Duration(0)
	for {
		conn, err := t.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			// Mostly: no file descriptor is left. Others may be closed meanwhile.
			pause = min(max(2*pause, 5*time.Millisecond), time.Second)
			time.Sleep(pause)
			continue
		}
		pause = 0
		c, err := newTCPConn(t, conn.(*net.TCPConn))
		if err != nil || !t.add(c) {
			_ = conn.Close()
			continue
		}
		go c.serve()
	}
}

// add takes a connection on, unless there are too many without a check.
func (t *TCP) add(c *TCPConn) bool {
	peer := c.path.Remote.Addr()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed || t.totalUnauthenticated >= maxUnauthenticated || t.unauthenticated[peer] >= maxUnauthenticatedPerPeer {
		t.stats.Refused++
		return false
	}
	t.stats.Accepted++
	t.totalUnauthenticated++
	t.unauthenticated[peer]++
	t.conns[c.path.TCP] = c
	return true
}

// settle takes a connection out of the unauthenticated.
func (t *TCP) settle(c *TCPConn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.settleLocked(c)
}

func (t *TCP) settleLocked(c *TCPConn) {
	if c.settled {
		return
	}
	c.settled = true
	peer := c.path.Remote.Addr()
	t.totalUnauthenticated--
	if t.unauthenticated[peer]--; t.unauthenticated[peer] == 0 {
		delete(t.unauthenticated, peer)
	}
}

func (t *TCP) remove(c *TCPConn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.settleLocked(c)
	delete(t.conns, c.path.TCP)
}

// Class says what becomes of a frame when the peer does not read.
type Class uint8

// The classes of frames.
const (
	// ClassControl is STUN, DTLS and RTCP: it waits, and if 256 KB do, the
	// connection is cut.
	ClassControl Class = iota
	// ClassAudio waits like ClassControl.
	ClassAudio
	// ClassVideo is dropped while much is waiting, and from then on until the
	// next ClassKeyframe of the same SSRC.
	ClassVideo
	// ClassKeyframe is the first packet of a keyframe.
	ClassKeyframe
	// ClassRepair is a retransmission (RTX has its own SSRC and no keyframes)
	// or a probe: dropped while much is waiting.
	ClassRepair
)

// TCPConn is one ICE-TCP connection, with the framing of RFC 4571. Its methods
// may be called from any goroutine, Run only from the one that accept was called in.
//
// A frame is written at once if the system takes it. Otherwise it is queued,
// and a goroutine exists for as long as the queue does, which writes the queue
// as the peer reads. So the loop that sends is never blocked, and has nothing
// to retry.
type TCPConn struct {
	listener *TCP
	conn     *net.TCPConn
	raw      syscall.RawConn
	path     Path
	// settled says that it does not count as unauthenticated; guarded by listener.mu.
	settled       bool
	authenticated atomic.Bool
	input         frameReader

	mu sync.Mutex
	// queue are framed bytes not given to the system, which draining, if it
	// exists, has not taken yet; backlog counts both.
	queue    []byte
	backlog  int
	draining bool
	closed   bool
	// blocked are the SSRCs of video that waits for a keyframe.
	blocked []uint32
	// write is what tryWrite writes, and written how much of it the system took.
	write    []byte
	written  int
	tryWrite func(fd uintptr) bool
}

func newTCPConn(t *TCP, conn *net.TCPConn) (*TCPConn, error) {
	remote := conn.RemoteAddr().(*net.TCPAddr).AddrPort()
	local := conn.LocalAddr().(*net.TCPAddr).AddrPort()
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, err
	}
	c := &TCPConn{
		listener: t, conn: conn, raw: raw,
		path: Path{Remote: netip.AddrPortFrom(remote.Addr().Unmap(), remote.Port()), Local: local.Addr().Unmap(), TCP: nextTCPID()},
	}
	c.tryWrite = func(fd uintptr) bool {
		c.written = writeNow(fd, c.write)
		return true
	}
	limitUnsent(raw)
	return c, nil
}

// nextTCPID never returns zero, which stands for UDP.
func nextTCPID() uint32 {
	for {
		if id := tcpIDs.Add(1); id != 0 {
			return id
		}
	}
}

// Path leads back over the connection.
func (c *TCPConn) Path() Path { return c.path }

// serve is the connection's goroutine.
func (c *TCPConn) serve() {
	defer c.listener.remove(c)
	defer func() { _ = c.Close() }()
	// One deadline for all until a check was authentic: it bounds the slowest sender too.
	_ = c.conn.SetReadDeadline(time.Now().Add(c.listener.timeout))
	first, err := c.input.next(c.conn, maxFirstFrame)
	if err == nil {
		if _, ok := UfragOf(first); ok {
			c.listener.accept(c, first)
			return
		}
		err = errBadFrame
	}
	c.ended(err)
}

// ended counts why reading has ended.
func (c *TCPConn) ended(err error) {
	var timeout net.Error
	switch {
	case errors.Is(err, errBadFrame):
		c.listener.count(func(s *TCPStats) { s.BadFrames++ })
	case errors.As(err, &timeout) && timeout.Timeout() && !c.authenticated.Load():
		c.listener.count(func(s *TCPStats) { s.TimedOut++ })
	}
}

// Run reads frames until the connection ends, and calls frames with each; the
// bytes may be changed, and are valid during the call.
func (c *TCPConn) Run(frames func(b []byte)) {
	for {
		frame, err := c.input.next(c.conn, MaxDatagram)
		if err != nil {
			c.ended(err)
			return
		}
		if len(frame) > 0 {
			frames(frame)
		}
	}
}

// Authenticated tells that a check that came by the connection was authentic.
// Without it the connection ends 10 seconds after it was opened.
func (c *TCPConn) Authenticated() {
	if !c.authenticated.Swap(true) {
		c.listener.settle(c)
		_ = c.conn.SetReadDeadline(time.Time{})
	}
}

// Send sends a frame (a STUN, DTLS, SRTP or SRTCP packet), of which it keeps a
// copy if need be; it never blocks. False: the frame was dropped, because the
// peer does not read or the connection has ended.
func (c *TCPConn) Send(b []byte, class Class) bool {
	if len(b) == 0 || len(b) > MaxDatagram {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	if !c.admits(b, class) {
		c.listener.count(func(s *TCPStats) { s.VideoDropped++ })
		return false
	}
	if c.backlog+2+len(b) > maxBacklog {
		c.listener.count(func(s *TCPStats) { s.Cut++ })
		c.closeLocked()
		return false
	}
	c.queue = binary.BigEndian.AppendUint16(c.queue, uint16(len(b)))
	c.queue = append(c.queue, b...)
	c.backlog += 2 + len(b)
	if c.draining {
		return true
	}
	if !c.listener.portable {
		c.writeQueue()
	}
	if len(c.queue) > 0 && !c.closed {
		c.draining = true
		go c.drain()
	}
	return !c.closed
}

// admits decides about dropping video.
func (c *TCPConn) admits(b []byte, class Class) bool {
	if class != ClassVideo && class != ClassKeyframe && class != ClassRepair {
		return true
	}
	var ssrc uint32 // of an RTP packet: bytes 8 to 12 (RFC 3550, section 5.1)
	if len(b) >= minRTP {
		ssrc = binary.BigEndian.Uint32(b[8:])
	}
	at := -1
	for i, s := range c.blocked {
		if s == ssrc {
			at = i
		}
	}
	switch {
	case class == ClassRepair:
		return c.backlog < videoBacklog
	case at >= 0 && class == ClassKeyframe && c.backlog <= videoBacklog/2:
		c.blocked[at] = c.blocked[len(c.blocked)-1]
		c.blocked = c.blocked[:len(c.blocked)-1]
		return true
	case at >= 0:
		return false
	case c.backlog < videoBacklog:
		return true
	}
	if len(c.blocked) == maxBlocked {
		c.blocked = append(c.blocked[:0], c.blocked[1:]...)
	}
	c.blocked = append(c.blocked, ssrc)
	return false
}

// writeQueue gives the system as much of the queue as it takes.
func (c *TCPConn) writeQueue() {
	c.write, c.written = c.queue, 0
	err := c.raw.Write(c.tryWrite)
	c.write = nil
	if err != nil || c.written < 0 {
		c.closeLocked()
		return
	}
	c.backlog -= c.written
	rest := copy(c.queue, c.queue[c.written:])
	c.queue = c.queue[:rest]
}

// drain writes the queue as the peer reads, until it is empty.
func (c *TCPConn) drain() {
	var taken []byte
	for {
		c.mu.Lock()
		if len(c.queue) == 0 || c.closed {
			c.draining = false
			if cap(c.queue) > videoBacklog {
				c.queue = nil
			}
			c.mu.Unlock()
			return
		}
		taken, c.queue = c.queue, taken[:0]
		c.mu.Unlock()
		for rest := taken; len(rest) > 0; {
			n, err := c.conn.Write(rest[:min(len(rest), drainPiece)])
			c.mu.Lock()
			c.backlog -= n
			c.mu.Unlock()
			if err != nil {
				_ = c.Close()
				break
			}
			rest = rest[n:]
		}
	}
}

// Close ends the connection; Run returns.
func (c *TCPConn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closeLocked()
	return nil
}

func (c *TCPConn) closeLocked() {
	if !c.closed {
		c.closed = true
		// What the peer has not read in time is of no use: do not linger.
		_ = c.conn.SetLinger(0)
		_ = c.conn.Close()
	}
}

// errBadFrame ends a connection.
var errBadFrame = errors.New("a frame too long, or not a check first")

// frameReader takes a stream apart: frames of a 16-bit length and as many bytes
// (RFC 4571, section 2).
type frameReader struct {
	// buffer[start:end] is read and not yet returned.
	buffer     []byte
	start, end int
}

// next returns the next frame, of at most limit bytes; it is valid until the
// next call.
func (f *frameReader) next(r io.Reader, limit int) ([]byte, error) {
	if f.buffer == nil {
		f.buffer = make([]byte, 2+MaxDatagram)
	}
	for {
		if held := f.buffer[f.start:f.end]; len(held) >= 2 {
			n := int(binary.BigEndian.Uint16(held))
			if n > limit {
				return nil, errBadFrame
			}
			if len(held) >= 2+n {
				f.start += 2 + n
				return held[2 : 2+n : 2+n], nil
			}
		}
		f.end = copy(f.buffer, f.buffer[f.start:f.end])
		f.start = 0
		n, err := r.Read(f.buffer[f.end:])
		f.end += n
		if n == 0 && err != nil {
			return nil, err
		}
	}
}
