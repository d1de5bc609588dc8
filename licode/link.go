package licode

import (
	"context"
	"sync"
	"time"

	"github.com/coder/websocket"

	"github.com/tertulia-rtc/tertulia/licode/socketio"
)

// Bounds of what waits to be written to a client, beyond which it is cut: its
// session knows what it has not got. A frame may take writeTimeout.
const (
	maxQueued      = 2048
	maxQueuedBytes = 8 << 20
	writeTimeout   = 10 * time.Second
)

// link is one WebSocket of a client. Frames are queued, so that a client that
// does not read makes nobody wait.
type link struct {
	socket *websocket.Conn
	// engine is owned by the handler of the request, and by the session once
	// it has the link.
	engine *socketio.Socket
	cancel context.CancelFunc // cuts the connection
	wake   chan struct{}      // of size 1

	mu       sync.Mutex
	queue    [][]byte
	queued   int // bytes
	finished bool
	code     websocket.StatusCode
}

func newLink(socket *websocket.Conn, cancel context.CancelFunc) *link {
	return &link{socket: socket, cancel: cancel, wake: make(chan struct{}, 1)}
}

// push queues frames; after finish it does nothing. nil is no frame.
func (l *link) push(frames ...[]byte) {
	l.mu.Lock()
	for _, f := range frames {
		if f == nil || l.finished {
			continue
		}
		l.queue = append(l.queue, f)
		l.queued += len(f)
	}
	tooMuch := len(l.queue) > maxQueued || l.queued > maxQueuedBytes
	l.mu.Unlock()
	if tooMuch {
		l.drop()
		return
	}
	l.nudge()
}

// finish closes the connection after what is queued.
func (l *link) finish(code websocket.StatusCode) {
	l.mu.Lock()
	if !l.finished {
		l.finished, l.code = true, code
	}
	l.mu.Unlock()
	l.nudge()
}

// drop cuts the connection, without what is queued.
func (l *link) drop() {
	l.mu.Lock()
	l.queue, l.queued, l.finished = nil, 0, true
	l.mu.Unlock()
	l.cancel()
}

func (l *link) nudge() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

func (l *link) take() (frames [][]byte, finished bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	frames, l.queue, l.queued = l.queue, nil, 0
	return frames, l.finished
}

// write is the goroutine that writes, until finish or the end of ctx. An error does not
// end the link: the reader hears of it too, after the last that the client has said.
func (l *link) write(ctx context.Context) {
	defer l.cancel()
	var err error
	for {
		frames, finished := l.take()
		for _, f := range frames {
			if err != nil {
				break
			}
			w, cancel := context.WithTimeout(ctx, writeTimeout)
			err = l.socket.Write(w, websocket.MessageText, f)
			cancel()
		}
		if finished {
			_ = l.socket.Close(l.code, "") // waits some seconds for the client's part
			return
		}
		if len(frames) > 0 {
			continue
		}
		select {
		case <-l.wake:
		case <-ctx.Done():
			return
		}
	}
}
