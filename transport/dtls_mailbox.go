package transport

import (
	"net"
	"os"
	"sync"
	"time"
)

// mailbox is a bounded queue of datagrams with the deadlines of a net.Conn: the
// side of a connection that a library reads from.
type mailbox struct {
	in     chan []byte
	wake   chan struct{} // makes get return nil, once per token
	closed chan struct{}

	mu      sync.Mutex
	expired chan struct{} // closed while the read deadline has passed
	timer   *time.Timer
	shut    bool
}

func newMailbox(size int) *mailbox {
	return &mailbox{
		in:      make(chan []byte, size),
		wake:    make(chan struct{}, 1),
		closed:  make(chan struct{}),
		expired: make(chan struct{}),
	}
}

// put leaves a datagram, which is the mailbox's from then on. A full mailbox
// drops it, as a network would.
func (m *mailbox) put(datagram []byte) {
	select {
	case m.in <- datagram:
	default:
	}
}

// poke makes one get return nil.
func (m *mailbox) poke() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// get waits for a datagram. Errors: net.ErrClosed, os.ErrDeadlineExceeded.
func (m *mailbox) get() ([]byte, error) {
	m.mu.Lock()
	expired := m.expired
	m.mu.Unlock()
	// Nothing is delivered any more once it is closed or too late.
	select {
	case <-m.closed:
		return nil, net.ErrClosed
	case <-expired:
		return nil, os.ErrDeadlineExceeded
	default:
	}
	select {
	case b := <-m.in:
		return b, nil
	case <-m.wake:
		return nil, nil
	case <-m.closed:
		return nil, net.ErrClosed
	case <-expired:
		return nil, os.ErrDeadlineExceeded
	}
}

// SetReadDeadline has the meaning it has in net.Conn: it also ends a read that
// waits already.
func (m *mailbox) SetReadDeadline(t time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.timer != nil && !m.timer.Stop() {
		<-m.expired // the timer is about to close it: let it
	}
	m.timer = nil
	passed := false
	select {
	case <-m.expired:
		passed = true
	default:
	}
	if left := time.Until(t); t.IsZero() || left > 0 {
		// A waiting reader holds the channel, so it is replaced only when used up.
		if passed {
			m.expired = make(chan struct{})
		}
		if !t.IsZero() {
			expired := m.expired
			m.timer = time.AfterFunc(left, func() { close(expired) })
		}
	} else if !passed {
		close(m.expired)
	}
	return nil
}

// SetWriteDeadline does nothing: writes do not wait.
func (m *mailbox) SetWriteDeadline(time.Time) error { return nil }

// SetDeadline sets the read deadline.
func (m *mailbox) SetDeadline(t time.Time) error { return m.SetReadDeadline(t) }

// Close ends all reads. It may be called again.
func (m *mailbox) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.shut {
		m.shut = true
		close(m.closed)
	}
	if m.timer != nil {
		m.timer.Stop()
		m.timer = nil
	}
	return nil
}

// LocalAddr is a constant: nobody dials these connections.
func (m *mailbox) LocalAddr() net.Addr { return peerAddr{} }

// RemoteAddr is the same constant.
func (m *mailbox) RemoteAddr() net.Addr { return peerAddr{} }

// peerAddr stands for the peer wherever it is; ICE knows where.
type peerAddr struct{}

func (peerAddr) Network() string { return "ice" }
func (peerAddr) String() string  { return "peer" }
