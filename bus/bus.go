// Package bus carries the commands and events between controllers and media
// workers. It is a NATS server inside the process, without a listener, and one
// connection to it; both sides speak to it as they would to a cluster.
//
// The contract: messages of one publisher on one subject arrive in their order,
// each at most once, and without delivery to anyone who subscribed later. A
// message may be lost when the process is overwhelmed, so what needs an answer is asked with a
// time limit. Bodies are made and read by the package protocol.
package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// MaxMessage is the largest message in bytes: an SDP of protocol.MaxFrame, with
// every character escaped, still fits.
const MaxMessage = 8 << 20

// ErrClosed is what Publish and Subscribe give after Close.
var ErrClosed = errors.New("the bus is closed")

// Bus is a connection to the bus. Its methods may be called from any goroutine.
type Bus struct {
	server *server.Server
	conn   *nats.Conn
}

// Start starts a bus inside this process.
func Start() (*Bus, error) {
	s, err := server.NewServer(&server.Options{
		ServerName: "tertulia",
		DontListen: true,
		NoLog:      true,
		NoSigs:     true,
		MaxPayload: MaxMessage,
		MaxPending: 256 << 20,
	})
	if err != nil {
		return nil, fmt.Errorf("bus: %w", err)
	}
	s.Start()
	if !s.ReadyForConnections(10 * time.Second) {
		s.Shutdown()
		return nil, errors.New("bus: the server inside the process did not start within 10 s")
	}
	conn, err := nats.Connect("", nats.InProcessServer(s), nats.Name("tertulia"), nats.NoReconnect())
	if err != nil {
		s.Shutdown()
		return nil, fmt.Errorf("bus: %w", err)
	}
	return &Bus{server: s, conn: conn}, nil
}

// Publish sends data to whoever subscribes to the subject now. It does not wait
// for them. data may be reused afterwards.
func (b *Bus) Publish(subject string, data []byte) error {
	if len(data) > MaxMessage {
		return fmt.Errorf("bus: a message of %d bytes; at most %d are allowed", len(data), MaxMessage)
	}
	return explain(b.conn.Publish(subject, data))
}

// Subscribe calls handle for every message on the subject, one after the other,
// in a goroutine of the subscription. data belongs to handle. When Subscribe returns, the bus
// knows the subscription: what is published next arrives.
func (b *Bus) Subscribe(subject string, handle func(data []byte)) (*Subscription, error) {
	sub, err := b.conn.Subscribe(subject, func(m *nats.Msg) { handle(m.Data) })
	if err != nil {
		return nil, explain(err)
	}
	// FlushTimeout would do, but it shares timers between all connections, which
	// tests with clocks of their own must not.
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := b.conn.FlushWithContext(ctx); err != nil {
		_ = sub.Unsubscribe()
		return nil, explain(err)
	}
	return &Subscription{sub: sub}, nil
}

// Close ends the connection and the server. Messages under way are lost.
func (b *Bus) Close() {
	b.conn.Close()
	b.server.Shutdown()
	b.server.WaitForShutdown()
}

// Subscription is a subscription to a subject.
type Subscription struct{ sub *nats.Subscription }

// Close ends the subscription. A call of handle that is under way may still
// run when Close returns; none starts after it.
func (s *Subscription) Close() { _ = s.sub.Unsubscribe() }

func explain(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, nats.ErrConnectionClosed):
		return ErrClosed
	}
	return fmt.Errorf("bus: %w", err)
}
