package media

import (
	"bufio"
	"encoding/json"
	"io"
	"sync"

	"github.com/tertulia-rtc/tertulia/protocol"
	"github.com/tertulia-rtc/tertulia/sfu"
)

// tracer writes what the routers of all shards trace, a line of JSON for each.
type tracer struct {
	mu     sync.Mutex
	writer *bufio.Writer
	lines  *json.Encoder
	failed error
}

// tracedLine is a line with its room.
type tracedLine struct {
	Room protocol.RoomID `json:"room"`
	sfu.TraceLine
}

func newTracer(w io.Writer) *tracer {
	t := &tracer{writer: bufio.NewWriterSize(w, 64<<10)}
	t.lines = json.NewEncoder(t.writer)
	return t
}

// of gives the function by which a room's router traces; nil when nothing is to
// be traced.
func (t *tracer) of(room protocol.RoomID) func(sfu.TraceLine) {
	if t == nil {
		return nil
	}
	return func(line sfu.TraceLine) {
		t.mu.Lock()
		defer t.mu.Unlock()
		if t.failed == nil {
			t.failed = t.lines.Encode(tracedLine{room, line})
		}
	}
}

// flush writes what is left.
func (t *tracer) flush() error {
	if t == nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.failed == nil {
		t.failed = t.writer.Flush()
	}
	return t.failed
}
