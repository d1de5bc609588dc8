package controller

import (
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tertulia-rtc/tertulia/auth"
	"github.com/tertulia-rtc/tertulia/bus"
	"github.com/tertulia-rtc/tertulia/protocol"
	"github.com/tertulia-rtc/tertulia/store"
)

// world is a controller on a real bus and a real store, with fake workers and
// clients, in a bubble with a clock of its own.
type world struct {
	t       *testing.T
	bus     *bus.Bus
	store   *store.Store
	service store.Service
	room    store.Room
	c       *Controller
	workers []*fakeWorker
	clients []*client
}

func inWorld(t *testing.T, f func(t *testing.T, w *world)) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "db")
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t}
		ctx := context.Background()
		var err error
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		w.store, err = store.Open(ctx, "sqlite:"+path)
		must(err)
		w.service, err = w.store.CreateService(ctx, store.Service{Name: "test", Roles: map[string][]protocol.Permission{"talker": {protocol.PublishData}}})
		must(err)
		w.room, err = w.store.CreateRoom(ctx, store.Room{Service: w.service.ID, Name: "r"})
		must(err)
		w.bus, err = bus.Start()
		must(err)
		w.start()
		defer func() {
			w.c.Close()
			for _, c := range w.clients {
				c.cut()
			}
			for _, k := range w.workers {
				k.stop()
			}
			synctest.Wait()
			w.bus.Close()
			_ = w.store.Close()
		}()
		f(t, w)
	})
}

func (w *world) start() {
	w.t.Helper()
	var err error
	if w.c, err = New(Config{Bus: w.bus, Store: w.store}); err != nil {
		w.t.Fatal(err)
	}
}

// restart ends the controller as SIGTERM does, and starts another.
func (w *world) restart() {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	w.c.Drain(ctx)
	if ctx.Err() != nil {
		w.t.Error("Drain did not get all sockets closed")
	}
	w.c.Close()
	w.start()
}

func (w *world) token(change func(*auth.JoinClaims)) string {
	w.t.Helper()
	claims := auth.JoinClaims{Service: w.service.ID, Room: w.room.ID, User: "u", Role: "presenter"}
	if change != nil {
		change(&claims)
	}
	token, err := auth.SignJoin([]byte(w.service.Key), claims, time.Now())
	if err != nil {
		w.t.Fatal(err)
	}
	return token
}

// fakeWorker answers commands.
type fakeWorker struct {
	w      *world
	id     protocol.WorkerID
	cancel context.CancelFunc
	sub    *bus.Subscription

	mu       sync.Mutex
	commands []string // types, in their order
	epoch    uint64
	last     protocol.Command
	answer   func(request uint64, body protocol.CommandBody) (protocol.EventBody, time.Duration)
}

func (w *world) worker(id protocol.WorkerID) *fakeWorker {
	w.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	k := &fakeWorker{w: w, id: id, cancel: cancel}
	var err error
	k.sub, err = w.bus.Subscribe(protocol.SubjectWorker(id), k.command)
	if err != nil {
		w.t.Fatal(err)
	}
	go func() {
		for ctx.Err() == nil {
			b, _ := json.Marshal(protocol.Heartbeat{Worker: id})
			_ = w.bus.Publish(protocol.SubjectHeartbeats, b)
			select {
			case <-time.After(250 * time.Millisecond):
			case <-ctx.Done():
			}
		}
	}()
	w.workers = append(w.workers, k)
	synctest.Wait()
	return k
}

// answers sets what answers commands from now on; nil for done.
func (k *fakeWorker) answers(f func(request uint64, body protocol.CommandBody) (protocol.EventBody, time.Duration)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.answer = f
}

func (k *fakeWorker) stop() { k.cancel(); k.sub.Close() }

func (k *fakeWorker) command(data []byte) {
	c, body, err := protocol.DecodeCommand(data)
	if err != nil {
		k.w.t.Error(err)
		return
	}
	k.mu.Lock()
	k.commands = append(k.commands, c.Type)
	k.epoch, k.last = c.Epoch, c
	answer := k.answer
	k.mu.Unlock()
	var event protocol.EventBody = protocol.Done{}
	var delay time.Duration
	switch q := body.(type) {
	case protocol.Negotiate:
		event = protocol.Negotiated{SDP: "answer to " + q.SDP}
	case protocol.ReadCounters:
		event = protocol.Counters{Transports: json.RawMessage(`[]`)}
	}
	if answer != nil {
		if event, delay = answer(c.Request, body); event == nil {
			return
		}
	}
	reply := func() { k.tell(c.Room, c.Epoch, c.Request, event) }
	if delay > 0 {
		time.AfterFunc(delay, reply)
		return
	}
	reply()
}

func (k *fakeWorker) tell(room protocol.RoomID, epoch, re uint64, body protocol.EventBody) {
	_ = k.w.bus.Publish(protocol.SubjectRoom(room), protocol.EncodeEvent(k.id, room, epoch, re, body))
}

func (k *fakeWorker) told() []string {
	synctest.Wait()
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.commands)
}

// pipe is a WebSocket in memory.
type pipe struct {
	toServer, toClient chan []byte
	closed             chan struct{}
	once               sync.Once
	code               int
}

var errCut = errors.New("cut")

func (p *pipe) Read(ctx context.Context) ([]byte, error) {
	select {
	case b := <-p.toServer:
		return b, nil
	case <-p.closed:
		return nil, errCut
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *pipe) Write(ctx context.Context, b []byte) error {
	select {
	case <-p.closed:
		return errCut
	default:
	}
	select {
	case p.toClient <- slices.Clone(b):
		return nil
	case <-p.closed:
		return errCut
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p *pipe) Close(code int, _ string) error {
	p.once.Do(func() { p.code = code; close(p.closed) })
	return nil
}

func (p *pipe) Opened() {}

func (p *pipe) RemoteAddr() string { return "192.0.2.1:1" }

// client is a client that keeps the rules, unless told otherwise.
type client struct {
	w      *world
	joined protocol.Joined
	resume string

	mu      sync.Mutex
	pipe    *pipe
	opening protocol.Frame
	frames  []protocol.Frame // numbered ones, each once
	got     uint64
	seq     uint64
	unacked [][]byte // of what was sent, from unackedSeq+1
	acked   uint64
	stalled chan struct{} // closed when it should read on; nil: reads
	silent  bool          // acknowledges nothing
}

// open opens a socket with an opening frame and gives the answer.
func (w *world) open(text string) (*client, protocol.Frame) {
	c := &client{w: w}
	w.clients = append(w.clients, c)
	return c, c.dial(func() string { return text })
}

// dial opens a socket; the old one is not listened to from the moment that the
// opening frame is made.
func (c *client) dial(open func() string) protocol.Frame {
	c.w.t.Helper()
	p := &pipe{toServer: make(chan []byte), toClient: make(chan []byte), closed: make(chan struct{})}
	c.mu.Lock()
	c.pipe, c.opening = p, protocol.Frame{}
	text := open()
	c.mu.Unlock()
	k := c.w.c
	go func() { _ = k.Serve(context.Background(), p) }()
	go c.read(p)
	if text != "" {
		c.raw(p, []byte(text))
	}
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.opening
}

func (c *client) raw(p *pipe, b []byte) {
	select {
	case p.toServer <- b:
	case <-p.closed:
	}
}

func (c *client) read(p *pipe) {
	for {
		c.mu.Lock()
		stalled := c.stalled
		c.mu.Unlock()
		if stalled != nil {
			select {
			case <-stalled:
			case <-p.closed:
				return
			}
		}
		var b []byte
		select {
		case b = <-p.toClient:
		case <-p.closed:
			return
		}
		var f protocol.Frame
		if err := json.Unmarshal(b, &f); err != nil {
			c.w.t.Errorf("the server wrote %q: %v", b, err)
			return
		}
		c.mu.Lock()
		if c.pipe != p {
			c.mu.Unlock()
			continue
		}
		bare := f.Type == ""
		switch {
		case bare:
		case f.Seq == 0:
			c.opening = f
		case f.Seq == c.got+1:
			c.got = f.Seq
			c.frames = append(c.frames, f)
		case f.Seq > c.got+1:
			c.w.t.Errorf("frame %d came after %d", f.Seq, c.got)
		}
		c.acknowledged(f.Ack)
		silent, ack := c.silent, c.got
		c.mu.Unlock()
		if !silent && (bare || f.Seq != 0) {
			go c.raw(p, protocol.AppendFrame(nil, 0, ack, "", 0, nil))
		}
	}
}

func (c *client) acknowledged(n uint64) {
	for c.acked < n && len(c.unacked) > 0 {
		c.unacked = c.unacked[1:]
		c.acked++
	}
}

func (w *world) join(change func(*auth.JoinClaims)) *client {
	w.t.Helper()
	return w.joinWith(w.token(change))
}

func (w *world) joinWith(token string) *client {
	w.t.Helper()
	c, answer := w.open(opening(protocol.TypeJoin, protocol.Join{Protocol: 1, Token: token, Metadata: json.RawMessage(`{"n":1}`)}))
	if answer.Type != protocol.TypeJoined {
		w.t.Fatalf("not joined but %s %s", answer.Type, answer.Data)
	}
	c.entered(answer)
	return c
}

func (c *client) entered(f protocol.Frame) {
	c.w.t.Helper()
	c.joined = protocol.Joined{}
	if err := json.Unmarshal(f.Data, &c.joined); err != nil {
		c.w.t.Fatal(err)
	}
	c.resume = c.joined.Resume
}

func opening(typ string, data any) string {
	b, _ := json.Marshal(data)
	return string(protocol.AppendFrame(nil, 0, 0, typ, 0, b))
}

func (c *client) id() protocol.ParticipantID { return c.joined.Participant.ID }

// request sends a request, keeping it for after a cut.
func (c *client) request(typ string, data any) uint64 {
	b, _ := json.Marshal(data)
	c.mu.Lock()
	c.seq++
	seq := c.seq
	text := protocol.AppendFrame(nil, seq, c.got, typ, 0, b)
	c.unacked = append(c.unacked, text)
	p := c.pipe
	c.mu.Unlock()
	c.raw(p, text)
	return seq
}

// cut cuts the socket as a network does.
func (c *client) cut() {
	c.mu.Lock()
	p := c.pipe
	c.mu.Unlock()
	_ = p.Close(1006, "")
}

// comeBack resumes, and sends again what has to be.
func (c *client) comeBack() protocol.Frame {
	c.w.t.Helper()
	answer := c.dial(func() string {
		return opening(protocol.TypeResume, protocol.Resume{Token: c.resume, Ack: c.got, Metadata: json.RawMessage(`{"n":2}`)})
	})
	switch answer.Type {
	case protocol.TypeResumed:
		var r protocol.Resumed
		if err := json.Unmarshal(answer.Data, &r); err != nil {
			c.w.t.Fatal(err)
		}
		c.mu.Lock()
		c.acknowledged(r.Ack)
		c.resume = r.Resume
		again, p := slices.Clone(c.unacked), c.pipe
		c.mu.Unlock()
		for _, text := range again {
			c.raw(p, text)
		}
	case protocol.TypeResynced:
		c.mu.Lock()
		c.seq, c.acked, c.unacked = 0, 0, nil
		c.got, c.frames = 0, nil
		c.mu.Unlock()
		c.entered(answer)
	}
	return answer
}

// seen gives the types of the numbered frames since the last call.
func (c *client) seen() []protocol.Frame {
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	f := c.frames
	c.frames = nil
	return f
}

func types(frames []protocol.Frame) []string {
	list := []string{}
	for _, f := range frames {
		list = append(list, f.Type)
	}
	return list
}

// do sends a request and gives its answer, which must come without time passing.
func (c *client) do(typ string, data any) protocol.Frame {
	c.w.t.Helper()
	re := c.request(typ, data)
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, f := range c.frames {
		if f.Re == re {
			return f
		}
	}
	c.w.t.Fatalf("no answer to %s", typ)
	return protocol.Frame{}
}

// closed gives the code that the socket was closed with; 0: it is open.
func (c *client) closed() int {
	synctest.Wait()
	c.mu.Lock()
	p := c.pipe
	c.mu.Unlock()
	select {
	case <-p.closed:
		return p.code
	default:
		return 0
	}
}

// wantTypes checks which frames came.
func (c *client) wantTypes(want ...string) {
	c.w.t.Helper()
	if got := types(c.seen()); !slices.Equal(got, want) {
		c.w.t.Errorf("frames %q came, want %q", got, want)
	}
}

func (c *client) wantClosed(code int) {
	c.w.t.Helper()
	if got := c.closed(); got != code {
		c.w.t.Errorf("the socket is closed with %d, want %d (0: open)", got, code)
	}
}

func codeOf(f protocol.Frame) protocol.Code {
	var e protocol.Error
	_ = json.Unmarshal(f.Data, &e)
	return e.Code
}

func wantRefused(t *testing.T, f protocol.Frame, code protocol.Code) {
	t.Helper()
	if f.Type != protocol.TypeRefused || codeOf(f) != code {
		t.Errorf("answered %s %s, want refused %s", f.Type, f.Data, code)
	}
}
