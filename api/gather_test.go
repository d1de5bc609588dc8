package api

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// gatheringServer is a socket on our side, and the client's end of it.
func gatheringServer(t *testing.T) (*Conn, *websocket.Conn) {
	t.Helper()
	opened := make(chan *Conn, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := &hijacker{ResponseWriter: w}
		socket, err := websocket.Accept(h, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		opened <- &Conn{socket: socket, net: h.conn}
	}))
	t.Cleanup(server.Close)
	client, _, err := websocket.Dial(t.Context(), strings.Replace(server.URL, "http", "ws", 1), nil) //nolint:bodyclose // Dial leaves none
	if err != nil {
		t.Fatal(err)
	}
	client.SetReadLimit(1 << 20)
	conn := <-opened
	t.Cleanup(func() { _ = client.CloseNow(); _ = conn.socket.CloseNow() })
	return conn, client
}

// TestMessagesOfEveryLength: the three forms of a frame's length, both ways, gathered and not.
func TestMessagesOfEveryLength(t *testing.T) {
	conn, client := gatheringServer(t)
	lengths := []int{0, 1, 125, 126, 127, 500, 1000, 5000, lentBuffer - 1, lentBuffer, 65535, 65536, 200_000}
	for _, gathered := range []bool{false, true} {
		if gathered {
			conn.Gather()
		}
		done := make(chan error, 1)
		go func() {
			for _, n := range lengths {
				if err := conn.Write(t.Context(), bytes.Repeat([]byte{'x'}, n)); err != nil {
					done <- err
					return
				}
			}
			done <- conn.Release(t.Context())
		}()
		for _, n := range lengths {
			_, b, err := client.Read(t.Context())
			if err != nil || len(b) != n {
				t.Fatalf("gathered %v: a message of %d bytes came as %d, %v", gathered, n, len(b), err)
			}
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	conn.socket.SetReadLimit(1 << 20)
	for _, n := range lengths {
		sent := bytes.Repeat([]byte{'y'}, n)
		if err := client.Write(t.Context(), websocket.MessageText, sent); err != nil {
			t.Fatal(err)
		}
		if b, err := conn.Read(t.Context()); err != nil || !bytes.Equal(b, sent) {
			t.Fatalf("a client's message of %d bytes came as %d, %v", n, len(b), err)
		}
	}
}

// TestGatheredMessagesLeaveTogether: nothing before Release, then all in one write.
func TestGatheredMessagesLeaveTogether(t *testing.T) {
	ours, theirs := net.Pipe()
	defer theirs.Close()
	conn := &Conn{net: &gatheringConn{Conn: ours}}
	conn.Gather()
	for range 3 {
		if err := conn.Write(t.Context(), []byte("abc")); err != nil {
			t.Fatal(err)
		}
	}
	go func() { _ = conn.Release(t.Context()) }()
	b := make([]byte, 100)
	n, err := theirs.Read(b)
	if want := "\x81\x03abc\x81\x03abc\x81\x03abc"; err != nil || string(b[:n]) != want {
		t.Fatalf("%q left, %v; want %q", b[:n], err, want)
	}
}

// TestWhoDoesNotReadIsGivenUp: Release and Write end with the context's deadline.
func TestWhoDoesNotReadIsGivenUp(t *testing.T) {
	ours, theirs := net.Pipe()
	defer theirs.Close()
	conn := &Conn{net: &gatheringConn{Conn: ours}}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if err := conn.Write(ctx, []byte("abc")); err == nil {
		t.Fatal("a write that nobody read was content")
	}
	<-ctx.Done()
	conn.Gather()
	if err := conn.Write(ctx, []byte("abc")); err == nil {
		t.Fatal("a write after the deadline was content")
	}
}

// TestCloseIsToldAfterALotThatWasGivenUp: the close frame does not wait with what was
// gathered.
func TestCloseIsToldAfterALotThatWasGivenUp(t *testing.T) {
	conn, client := gatheringServer(t)
	ctx, cancel := context.WithCancel(t.Context())
	conn.Gather()
	if err := conn.Write(ctx, []byte("abc")); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := conn.Write(ctx, []byte("def")); err == nil {
		t.Fatal("a write after the end was content")
	}
	closed := make(chan error, 1)
	go func() { closed <- conn.Close(4408, "the client does not read") }()
	if _, b, err := client.Read(t.Context()); websocket.CloseStatus(err) != 4408 {
		t.Fatalf("the client got %q, %v", b, err)
	}
	if err := <-closed; err != nil {
		t.Fatal(err)
	}
}

// TestNothingOfAnEarlyMessageIsLost: a client may send before it has read our answer.
func TestNothingOfAnEarlyMessageIsLost(t *testing.T) {
	ours, theirs := net.Pipe()
	defer theirs.Close()
	c := &gatheringConn{Conn: ours, early: []byte("early")}
	go func() { _, _ = theirs.Write([]byte("late")) }()
	var all []byte
	b := make([]byte, 3)
	for len(all) < len("earlylate") {
		n, err := c.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, b[:n]...)
	}
	if string(all) != "earlylate" {
		t.Fatalf("%q", all)
	}
}
