package transport

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math/rand"
	"net"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/pion/datachannel"
	"github.com/pion/sctp"
	"go.uber.org/goleak"

	"github.com/tertulia-rtc/tertulia/protocol"
)

// event is what a ChannelsConfig was told.
type event struct {
	what string // open, message, close, end
	ch   *Channel
	text bool
	data []byte
	err  error
}

// channelPeer is a whole peer: DTLS client, SCTP client, and what our side was
// told.
type channelPeer struct {
	*dtlsClient
	assoc    *sctp.Association
	channels *Channels
	events   chan event
}

// newChannelPeer connects DTLS and, on our side, opens channels; SCTP comes
// with connect.
func newChannelPeer(t testing.TB) *channelPeer {
	t.Helper()
	client, done := newDTLSClient(t, nil)
	if err := client.shake(); err != nil {
		t.Fatal(err)
	}
	if o := wait(t, done); o.err != nil {
		t.Fatal(o.err)
	}
	p := &channelPeer{dtlsClient: client, events: make(chan event, 4096)}
	p.open(t)
	return p
}

func (p *channelPeer) open(t testing.TB) {
	t.Helper()
	var err error
	p.channels, err = p.h.OpenChannels(ChannelsConfig{
		OnOpen: func(ch *Channel) { p.events <- event{what: "open", ch: ch} },
		OnMessage: func(ch *Channel, text bool, data []byte) {
			p.events <- event{what: "message", ch: ch, text: text, data: bytes.Clone(data)}
		},
		OnClose: func(ch *Channel) { p.events <- event{what: "close", ch: ch} },
		OnEnd:   func(err error) { p.events <- event{what: "end", err: err} },
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (p *channelPeer) connect(t testing.TB) {
	t.Helper()
	assoc, err := sctp.ClientWithOptions(sctp.WithNetConn(p.conn), sctp.WithLoggerFactory(silence))
	if err != nil {
		t.Fatal(err)
	}
	p.assoc = assoc
}

func (p *channelPeer) close() {
	if p.assoc != nil {
		p.assoc.Close()
	}
	p.conn.Close()
	p.h.Close()
}

func (p *channelPeer) dial(t testing.TB, id uint16, c datachannel.Config) *datachannel.DataChannel {
	t.Helper()
	c.LoggerFactory = silence
	dc, err := datachannel.Dial(p.assoc, id, &c)
	if err != nil {
		t.Fatal(err)
	}
	return dc
}

func (p *channelPeer) accept(t testing.TB) *datachannel.DataChannel {
	t.Helper()
	dc, err := datachannel.Accept(p.assoc, &datachannel.Config{LoggerFactory: silence})
	if err != nil {
		t.Fatal(err)
	}
	return dc
}

func (p *channelPeer) next(t testing.TB, what string) event {
	t.Helper()
	select {
	case e := <-p.events:
		if e.what != what {
			t.Fatalf("told of %s (%v), want %s", e.what, e.err, what)
		}
		return e
	case <-time.After(10 * time.Second):
		t.Fatalf("not told of %s", what)
		return event{}
	}
}

func read(t testing.TB, dc *datachannel.DataChannel, want []byte, text bool) {
	t.Helper()
	buf := make([]byte, protocol.MaxChannelData)
	n, isString, err := dc.ReadDataChannel(buf)
	if err != nil || isString != text || !bytes.Equal(buf[:n], want) {
		t.Fatalf("read %d bytes, string %v, %v; want %d bytes, string %v", n, isString, err, len(want), text)
	}
}

func limit(n uint16) *uint16 { return &n }

func equalLimit(a, b *uint16) bool { return a == b || a != nil && b != nil && *a == *b }

func TestChannelsOpenedByPeer(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	p := newChannelPeer(t)
	defer p.close()
	p.connect(t)
	for i, c := range []struct {
		kind  datachannel.ChannelType
		value uint32
		want  ChannelOptions
	}{
		{datachannel.ChannelTypeReliable, 0, ChannelOptions{Ordered: true}},
		{datachannel.ChannelTypeReliableUnordered, 0, ChannelOptions{}},
		{datachannel.ChannelTypePartialReliableRexmit, 0, ChannelOptions{Ordered: true, MaxRetransmits: limit(0)}},
		{datachannel.ChannelTypePartialReliableRexmitUnordered, 3, ChannelOptions{MaxRetransmits: limit(3)}},
		{datachannel.ChannelTypePartialReliableTimed, 100, ChannelOptions{Ordered: true, MaxPacketLifeTime: limit(100)}},
		{datachannel.ChannelTypePartialReliableTimedUnordered, 1 << 20, ChannelOptions{MaxPacketLifeTime: limit(0xffff)}},
	} {
		dc := p.dial(t, uint16(2*i), datachannel.Config{ChannelType: c.kind, ReliabilityParameter: c.value, Label: "ñ", Protocol: "stream:7"})
		ch := p.next(t, "open").ch
		if ch.Label != "ñ" || ch.Protocol != "stream:7" || ch.ID != uint16(2*i) || ch.Ordered != c.want.Ordered ||
			!equalLimit(ch.MaxRetransmits, c.want.MaxRetransmits) || !equalLimit(ch.MaxPacketLifeTime, c.want.MaxPacketLifeTime) {
			t.Fatalf("%+v, want %+v", ch.ChannelOptions, c.want)
		}
		for _, m := range []struct {
			data []byte
			text bool
		}{
			{[]byte("hola"), true}, {nil, true}, {nil, false}, {[]byte{0, 1}, false},
			{bytes.Repeat([]byte("x"), protocol.MaxChannelData), false},
		} {
			if _, err := dc.WriteDataChannel(m.data, m.text); err != nil {
				t.Fatal(err)
			}
			if e := p.next(t, "message"); e.ch != ch || e.text != m.text || !bytes.Equal(e.data, m.data) {
				t.Fatalf("%d bytes, string %v; want %d, %v", len(e.data), e.text, len(m.data), m.text)
			}
			if err := ch.Send(m.text, m.data); err != nil {
				t.Fatal(err)
			}
			read(t, dc, m.data, m.text)
		}
		if i%2 == 0 {
			dc.Close()
		} else {
			ch.Close()
			// The peer sees the reset and resets its side.
			if _, _, err := dc.ReadDataChannel(make([]byte, 10)); err == nil {
				t.Fatal("closed here, open there")
			}
		}
		if e := p.next(t, "close"); e.ch != ch {
			t.Fatal("another channel was closed")
		}
		if err := ch.Send(true, nil); !errors.Is(err, ErrChannelClosed) {
			t.Fatalf("sent on a closed channel: %v", err)
		}
	}
	if err := (&Channel{}).Send(true, make([]byte, protocol.MaxChannelData+1)); !errors.Is(err, ErrTooLarge) {
		t.Fatal(err)
	}
}

// TestChannelsOpenedHere opens channels before the association is up and
// after, and reuses their streams.
func TestChannelsOpenedHere(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	p := newChannelPeer(t)
	defer p.close()
	early, err := p.channels.Open(ChannelOptions{Label: "early", Protocol: "stream:1", MaxRetransmits: limit(2)})
	if err != nil {
		t.Fatal(err)
	}
	if err := early.Send(true, []byte("first")); err != nil {
		t.Fatal(err)
	}
	p.connect(t)
	dc := p.accept(t)
	if dc.Label != "early" || dc.Protocol != "stream:1" || dc.ReliabilityParameter != 2 ||
		dc.ChannelType != datachannel.ChannelTypePartialReliableRexmitUnordered || dc.StreamIdentifier()%2 != 1 {
		t.Fatalf("%+v", dc.Config)
	}
	read(t, dc, []byte("first"), true)
	if _, err := dc.WriteDataChannel([]byte("back"), true); err != nil {
		t.Fatal(err)
	}
	if e := p.next(t, "message"); e.ch != early || string(e.data) != "back" {
		t.Fatal("another message came back")
	}
	// More than there are streams, one after the other.
	for i := range lastID {
		ch, err := p.channels.Open(ChannelOptions{Label: fmt.Sprint(i), Ordered: true})
		if err != nil {
			t.Fatal(err)
		}
		if err := ch.Send(true, []byte("hola")); err != nil {
			t.Fatal(err)
		}
		dc := p.accept(t)
		if dc.Label != ch.Label {
			t.Fatalf("label %q, want %q", dc.Label, ch.Label)
		}
		read(t, dc, []byte("hola"), true)
		if i%2 == 0 {
			ch.Close()
			dc.ReadDataChannel(make([]byte, 1))
		} else {
			dc.Close()
		}
		if e := p.next(t, "close"); e.ch != ch {
			t.Fatal("another channel was closed")
		}
	}
	p.channels.Close()
	if e := p.next(t, "close"); e.ch != early {
		t.Fatal("another channel was closed")
	}
	if e := p.next(t, "end"); e.err != nil {
		t.Fatal(e.err)
	}
	if _, err := p.channels.Open(ChannelOptions{}); !errors.Is(err, ErrChannelClosed) {
		t.Fatal(err)
	}
}

// TestChannelsLater: the application creates its first data channel long after
// the handshake. The peer's SCTP comes before ours is ready, then the
// association ends, and a second one follows.
func TestChannelsLater(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	client, done := newDTLSClient(t, nil)
	if _, err := client.h.OpenChannels(ChannelsConfig{}); !errors.Is(err, ErrNotReady) {
		t.Fatal(err)
	}
	if err := client.shake(); err != nil {
		t.Fatal(err)
	}
	if o := wait(t, done); o.err != nil {
		t.Fatal(o.err)
	}
	p := &channelPeer{dtlsClient: client, events: make(chan event, 100)}
	defer p.close()
	connected := make(chan struct{})
	go func() { defer close(connected); p.connect(t) }()
	for early := 0; early == 0; time.Sleep(time.Millisecond) {
		p.h.mu.Lock()
		early = len(p.h.early)
		p.h.mu.Unlock()
	}
	begin := time.Now()
	p.open(t)
	<-connected
	if d := time.Since(begin); d > 500*time.Millisecond {
		t.Errorf("up after %v: the first INIT was lost", d)
	}
	if _, err := p.h.OpenChannels(ChannelsConfig{}); !errors.Is(err, ErrChannels) {
		t.Fatal(err)
	}
	p.dial(t, 0, datachannel.Config{Label: "a"})
	p.next(t, "open")
	p.channels.Close()
	p.next(t, "close")
	p.next(t, "end")
	// pion's association closes the connection under it; keep that one.
	p.open(t)
	p.channels.Close()
	p.next(t, "end")
}

// TestChannelsNegotiatedByPeer: a channel without DCEP carries nothing for us.
func TestChannelsNegotiatedByPeer(t *testing.T) {
	p := newChannelPeer(t)
	defer p.close()
	p.connect(t)
	silent := p.dial(t, 0, datachannel.Config{Label: "tertulia", Negotiated: true})
	for range 10 {
		if _, err := silent.Write([]byte("nothing")); err != nil {
			t.Fatal(err)
		}
	}
	dc := p.dial(t, 2, datachannel.Config{Label: "a"})
	if ch := p.next(t, "open").ch; ch.Label != "a" {
		t.Fatal(ch.Label)
	}
	if _, err := dc.Write([]byte("b")); err != nil {
		t.Fatal(err)
	}
	if e := p.next(t, "message"); string(e.data) != "b" {
		t.Fatal(string(e.data))
	}
}

// stall makes the peer's SCTP deaf: what we send does not arrive.
func (p *channelPeer) stall() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.toUs = func([]byte) bool { return false }
}

// TestChannelSendNeverBlocks sends to a peer that hears nothing.
func TestChannelSendNeverBlocks(t *testing.T) {
	for _, c := range []struct {
		name    string
		options ChannelOptions
		bound   int
		size    int
	}{
		{"reliable", ChannelOptions{Ordered: true}, maxBufferedReliable, 4000},
		{"reliable, one byte each", ChannelOptions{Ordered: true}, maxBufferedMessages, 1},
		{"lossy", ChannelOptions{MaxRetransmits: limit(0)}, maxBufferedLossy, 4000},
		{"lossy, one byte each", ChannelOptions{MaxPacketLifeTime: limit(50)}, maxBufferedMessages, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newChannelPeer(t)
			defer p.close()
			p.connect(t)
			ch, err := p.channels.Open(c.options)
			if err != nil {
				t.Fatal(err)
			}
			p.accept(t)
			p.stall()
			message := make([]byte, c.size)
			slow := 0
			const n = 10000
			took := make([]time.Duration, n)
			for i := range took {
				begin := time.Now()
				err := ch.Send(false, message)
				took[i] = time.Since(begin)
				if errors.Is(err, ErrSlow) {
					slow++
				} else if err != nil {
					t.Fatal(err)
				}
			}
			each := median(took)
			if each > time.Millisecond {
				t.Errorf("half of the sends to a stalled peer took %v or more", each)
			}
			if ch.Buffered() > c.bound+dcepOpenLen {
				t.Errorf("%d bytes wait", ch.Buffered())
			}
			kept := n - slow - int(ch.Dropped())
			if c.options.Lossy() && slow > 0 || !c.options.Lossy() && ch.Dropped() > 0 || kept*c.size > c.bound || kept > maxBufferedMessages || kept < c.bound/c.size/2 {
				t.Errorf("%d slow, %d dropped, %d kept", slow, ch.Dropped(), kept)
			}
			t.Logf("%d kept, %d refused, %d dropped, in %v each", kept, slow, ch.Dropped(), each)
		})
	}
}

// TestChannelBufferDrains: a peer that keeps up can be sent to without end.
func TestChannelBufferDrains(t *testing.T) {
	p := newChannelPeer(t)
	defer p.close()
	p.connect(t)
	ch, err := p.channels.Open(ChannelOptions{Ordered: true})
	if err != nil {
		t.Fatal(err)
	}
	dc := p.accept(t)
	const n = 3 * maxBufferedMessages
	got := make(chan int)
	go func() {
		buf := make([]byte, 100)
		i := 0
		for ; i < n; i++ {
			k, err := dc.Read(buf)
			if err != nil || k != 4 || binary.BigEndian.Uint32(buf) != uint32(i) {
				break
			}
		}
		got <- i
	}()
	for i := range n {
		for {
			err := ch.Send(false, binary.BigEndian.AppendUint32(nil, uint32(i)))
			if err == nil {
				break
			}
			if !errors.Is(err, ErrSlow) {
				t.Fatal(err)
			}
			time.Sleep(time.Millisecond)
		}
	}
	if i := <-got; i != n {
		t.Fatalf("%d of %d came in order", i, n)
	}
}

// TestChannelsAreBounded opens more channels than are allowed.
func TestChannelsAreBounded(t *testing.T) {
	p := newChannelPeer(t)
	defer p.close()
	p.connect(t)
	for i := range 2 * protocol.MaxChannels {
		p.dial(t, uint16(2*i), datachannel.Config{Label: fmt.Sprint(i)})
		time.Sleep(time.Millisecond)
	}
	for range protocol.MaxChannels {
		p.next(t, "open")
	}
	select {
	case e := <-p.events:
		t.Fatalf("told of %s", e.what)
	case <-time.After(50 * time.Millisecond):
	}
	for i := 2 * protocol.MaxChannels; ; i++ {
		c := datachannel.Config{LoggerFactory: silence}
		if _, err := datachannel.Dial(p.assoc, uint16(2*i), &c); err != nil {
			break
		}
		if len(p.events) > 0 {
			break
		}
		if i > 1000 {
			t.Fatal("a peer may try to open any number of channels")
		}
		time.Sleep(time.Millisecond)
	}
	for range protocol.MaxChannels {
		p.next(t, "close")
	}
	if e := p.next(t, "end"); !errors.Is(e.err, ErrChannels) {
		t.Fatal(e.err)
	}
	c := newChannels(ChannelsConfig{}, nil)
	if _, err := c.Open(ChannelOptions{Label: string(make([]byte, maxDCEP))}); !errors.Is(err, ErrTooLarge) {
		t.Fatal(err)
	}
	for range (lastID + 1) / 2 {
		if _, err := c.Open(ChannelOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.Open(ChannelOptions{}); !errors.Is(err, ErrChannels) {
		t.Fatal(err)
	}
}

// TestChannelGoroutines counts what a participant with data channels costs.
func TestChannelGoroutines(t *testing.T) {
	p := newChannelPeer(t)
	defer p.close()
	if n := ownGoroutines(); n != 0 {
		t.Fatalf("%d goroutines before SCTP begins", n)
	}
	p.connect(t)
	for i := range 10 {
		p.dial(t, uint16(2*i), datachannel.Config{Label: "a"})
		p.next(t, "open")
		if _, err := p.channels.Open(ChannelOptions{Ordered: true}); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(50 * time.Millisecond)
	n := ownGoroutines()
	t.Logf("%d goroutines with 20 data channels", n)
	if n > 6 {
		t.Fatalf("%d goroutines, want at most 6", n)
	}
}

// ownGoroutines counts the goroutines that a Channels started, or that were
// started by what it started: the peer in the same process is left out.
func ownGoroutines() int {
	buf := make([]byte, 1<<20)
	buf = buf[:runtime.Stack(buf, true)]
	n := 0
	var run []byte
	stacks := bytes.Split(buf, []byte("\n\n"))
	for _, s := range stacks {
		if bytes.Contains(s, []byte("(*Channels).run(")) {
			n++
			run = s[len("goroutine "):bytes.IndexByte(s, '[')]
		}
	}
	if run != nil {
		for _, s := range stacks {
			if bytes.Contains(s, append([]byte("in goroutine "), bytes.TrimSpace(run)...)) {
				n++
			}
		}
	}
	return n
}

// TestChannelMemory logs what a dropped DTLS connection and one with data
// channels cost on our side.
func TestChannelMemory(t *testing.T) {
	const n = 50
	var before, after runtime.MemStats
	measure := func(m *runtime.MemStats) {
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(m)
	}
	keep := make([]*Handshake, n)
	connect := func(i int) *channelPeer {
		client, done := newDTLSClient(t, nil)
		if err := client.shake(); err != nil {
			t.Fatal(err)
		}
		if o := wait(t, done); o.err != nil {
			t.Fatal(o.err)
		}
		client.toThem = func([]byte) bool { return false }
		return &channelPeer{dtlsClient: client, events: make(chan event, 10)}
	}
	connect(0).conn.Close()
	measure(&before)
	for i := range keep {
		p := connect(i)
		p.conn.Close()
		keep[i] = p.h
		p.h.cfg.Send, p.h.cfg.Done = nil, nil // they hold the peer
	}
	measure(&after)
	perDropped := (int64(after.HeapAlloc) - int64(before.HeapAlloc)) / n
	t.Logf("dropped DTLS connection: %d bytes of heap, 0 goroutines", perDropped)
	if perDropped > 8<<10 {
		t.Errorf("%d bytes for a DTLS connection that was let go", perDropped)
	}

	// The peer's half goes away; ours stays, as it does for a while when a
	// browser vanishes.
	measure(&before)
	var kept []*channelPeer
	for i := range n {
		p := connect(i)
		p.mu.Lock()
		p.toThem = nil
		p.mu.Unlock()
		p.open(t)
		p.connect(t)
		p.dial(t, 0, datachannel.Config{Label: "a"})
		p.next(t, "open")
		p.mu.Lock()
		p.toThem = func([]byte) bool { return false }
		p.toUs = p.toThem
		p.fromUs = nil
		p.mu.Unlock()
		p.assoc.Close()
		p.conn.Close()
		p.conn, p.assoc = nil, nil
		kept = append(kept, p)
	}
	time.Sleep(100 * time.Millisecond)
	measure(&after)
	t.Logf("connection with data channels: %d bytes of heap, %d of stacks",
		(int64(after.HeapAlloc)-int64(before.HeapAlloc))/n, (int64(after.StackInuse)-int64(before.StackInuse))/n)
	for _, p := range kept {
		p.h.Close()
	}
	runtime.KeepAlive(keep)
}

func TestDCEP(t *testing.T) {
	for _, o := range []ChannelOptions{
		{}, {Label: "a", Protocol: "b", Ordered: true}, {MaxRetransmits: limit(0)}, {Ordered: true, MaxPacketLifeTime: limit(65535)},
	} {
		got, err := parseOpen(o.appendOpen(nil))
		if err != nil || got.Label != o.Label || got.Protocol != o.Protocol || got.Ordered != o.Ordered ||
			!equalLimit(got.MaxRetransmits, o.MaxRetransmits) || !equalLimit(got.MaxPacketLifeTime, o.MaxPacketLifeTime) {
			t.Errorf("%+v became %+v, %v", o, got, err)
		}
	}
}

func FuzzDCEP(f *testing.F) {
	f.Add((&ChannelOptions{Label: "a", Protocol: "stream:1", MaxRetransmits: limit(1)}).appendOpen(nil))
	f.Add([]byte{dcepAck})
	f.Fuzz(func(t *testing.T, b []byte) {
		o, err := parseOpen(b)
		if err != nil {
			return
		}
		if again, err := parseOpen(o.appendOpen(nil)); err != nil || again.Label != o.Label {
			t.Fatalf("%+v does not come back: %v", o, err)
		}
	})
}

// sctpTarget is an association of ours with a living peer, and the verification
// tag that it expects.
func sctpTarget(t testing.TB) (p *channelPeer, tag [4]byte) {
	p = newChannelPeer(t)
	p.events = make(chan event, 1<<16)
	p.connect(t)
	packets := make(chan []byte, 100)
	p.mu.Lock()
	p.toThem = func(b []byte) bool {
		if record, _ := nextRecord(b); record != nil && record[0] == recordData {
			if packet, ok := (&records{keys: p.h.records.keys}).open(record); ok && len(packets) < cap(packets) {
				packets <- packet
			}
		}
		return true
	}
	p.mu.Unlock()
	p.dial(t, 0, datachannel.Config{Label: "a"})
	p.next(t, "open")
	return p, [4]byte((<-packets)[4:8])
}

// FuzzSCTP throws packets at a living association, with the tag and the
// checksum put right so that they get far. A panic in a goroutine of the
// library would end the process.
func FuzzSCTP(f *testing.F) {
	for _, packet := range recordSCTP(f) {
		f.Add(packet)
	}
	var mu sync.Mutex
	peer, tag := sctpTarget(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		mu.Lock()
		defer mu.Unlock()
		peer.channels.mu.Lock()
		over := peer.channels.closed
		peer.channels.mu.Unlock()
		if over || len(peer.events) > 1<<15 {
			peer.close()
			peer, tag = sctpTarget(t)
		}
		b = withChecksum(b, tag)
		peer.channels.handle(bytes.Clone(b))
		peer.channels.handle(b)
	})
}

func withChecksum(b []byte, tag [4]byte) []byte {
	b = bytes.Clone(b)
	if len(b) < 12 {
		return b
	}
	if len(b) > 12 && b[12] != 1 { // an INIT has no tag
		copy(b[4:8], tag[:])
	}
	clear(b[8:12])
	binary.LittleEndian.PutUint32(b[8:], crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)))
	return b
}

// sctpPipe is a net.Conn of an association in a test.
type sctpPipe struct {
	*mailbox
	send func([]byte)
}

func (p *sctpPipe) Read(b []byte) (int, error) {
	packet, err := p.get()
	return copy(b, packet), err
}

func (p *sctpPipe) Write(b []byte) (int, error) {
	p.send(bytes.Clone(b))
	return len(b), nil
}

var _ net.Conn = (*sctpPipe)(nil)

// recordSCTP is what two associations say to each other.
func recordSCTP(t testing.TB) [][]byte {
	t.Helper()
	var mu sync.Mutex
	var packets [][]byte
	a, b := &sctpPipe{mailbox: newMailbox(64)}, &sctpPipe{mailbox: newMailbox(64)}
	cross := func(to *sctpPipe) func([]byte) {
		return func(packet []byte) {
			mu.Lock()
			packets = append(packets, packet)
			mu.Unlock()
			to.put(packet)
		}
	}
	a.send, b.send = cross(b), cross(a)
	server := make(chan *sctp.Association)
	go func() {
		s, _ := sctp.ServerWithOptions(sctp.WithNetConn(b), sctp.WithLoggerFactory(silence))
		server <- s
	}()
	client, err := sctp.ClientWithOptions(sctp.WithNetConn(a), sctp.WithLoggerFactory(silence))
	if err != nil {
		t.Fatal(err)
	}
	s := <-server
	dc, err := datachannel.Dial(client, 0, &datachannel.Config{Label: "a", LoggerFactory: silence, ChannelType: datachannel.ChannelTypePartialReliableRexmit})
	if err != nil {
		t.Fatal(err)
	}
	dc.Write(make([]byte, 3000))
	time.Sleep(20 * time.Millisecond)
	dc.Close()
	time.Sleep(20 * time.Millisecond)
	client.Close()
	s.Close()
	mu.Lock()
	defer mu.Unlock()
	return packets
}

// TestSCTPGarbage throws changed packets of a real peer at its association:
// nothing panics, and another peer's channels go on.
func TestSCTPGarbage(t *testing.T) {
	rng := rand.New(rand.NewSource(11))
	other := newChannelPeer(t)
	defer other.close()
	other.connect(t)
	dc := other.dial(t, 0, datachannel.Config{Label: "a"})
	other.next(t, "open")
	seeds := recordSCTP(t)
	for range 20 {
		p, tag := sctpTarget(t)
		for range 500 {
			b := bytes.Clone(seeds[rng.Intn(len(seeds))])
			for range rng.Intn(4) {
				if i := rng.Intn(len(b)); i >= 12 {
					b[i] = byte(rng.Intn(256))
				}
			}
			if rng.Intn(5) == 0 {
				b = b[:rng.Intn(len(b)+1)]
			}
			p.channels.handle(withChecksum(b, tag))
			if rng.Intn(50) == 0 {
				time.Sleep(time.Millisecond)
			}
		}
		p.close()
	}
	if _, err := dc.Write([]byte("still here")); err != nil {
		t.Fatal(err)
	}
	if e := other.next(t, "message"); string(e.data) != "still here" {
		t.Fatal(string(e.data))
	}
}
