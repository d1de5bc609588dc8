//go:build linux

// Package e2e_test measures the real binary with foreign peers that need no browser.
package e2e_test

import (
	"flag"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/tertulia-rtc/tertulia/protocol"
)

// The limits, in the kB of /proc: 1,024 bytes. A MB is 1,024 of them.
const (
	maxIdle           = 30 * 1024
	maxPerParticipant = 150
)

var (
	participants = flag.Int("participants", 200, "how many participants the memory is measured with")
	settle       = flag.Duration("settle", 20*time.Second, "how long the server is left alone before it is measured")
	pause        = flag.Bool("pause", false, "wait for Enter before the processes end, to look at them")
)

func needsBinary(t *testing.T) {
	t.Helper()
	if os.Getenv("TERTULIA_BINARY") == "" {
		t.Skip("this measures the real binary: `make bench` builds it and names it in TERTULIA_BINARY")
	}
}

// TestIdleMemory: what a server takes that has just started, and nobody uses.
func TestIdleMemory(t *testing.T) {
	needsBinary(t)
	var all []memory
	for range 5 {
		p := start(t)
		time.Sleep(3 * time.Second)
		all = append(all, p.memory(t))
		if len(all) == 5 {
			n, _ := p.goroutines(t)
			t.Logf("goroutines: %d", n)
		}
		_ = p.command.Process.Kill()
		<-p.ended
	}
	slices.SortFunc(all, func(a, b memory) int { return a.rss - b.rss })
	m := all[2]
	t.Logf("idle: RSS %.1f MB (%.1f–%.1f), of which own %.1f MB, pages of the binary %.1f MB", mb(m.rss), mb(all[0].rss), mb(all[4].rss), mb(m.anon), mb(m.file))
	if m.rss > maxIdle {
		t.Errorf("an idle server takes %.1f MB; at most 30 are allowed", mb(m.rss))
	}
}

// TestParticipantMemory: what each participant adds who is connected, with
// four slots of each kind, and subscribes to a camera that sends nothing any more.
func TestParticipantMemory(t *testing.T) {
	needsBinary(t)
	server := start(t)
	token := server.room(t, *participants+1)

	lens, err := newCamera()
	if err != nil {
		t.Fatal(err)
	}
	ana, err := join(server.url, token)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(ana.close)
	var published protocol.Published
	if err := ana.request(protocol.TypePublish, protocol.Publish{Tracks: lens.tracks()}, &published); err != nil {
		t.Fatal(err)
	}
	if err := ana.connect(0, lens.audio, lens.video); err != nil {
		t.Fatal(err)
	}
	lens.shoot(10)
	time.Sleep(*settle / 2)
	before := server.memory(t)
	joined := server.processor(t)

	// Eight at a time: the handshakes are those of the peers too.
	all := make([]*participant, *participants)
	places := make(chan int)
	var joining sync.WaitGroup
	for range 8 {
		joining.Go(func() {
			for i := range places {
				if all[i], err = enter(server.url, token, published.Stream); err != nil {
					t.Errorf("participant %d: %v", i, err)
				}
			}
		})
	}
	for i := range all {
		places <- i
	}
	close(places)
	joining.Wait()
	joined = server.processor(t) - joined
	t.Cleanup(func() {
		for _, p := range all {
			if p != nil {
				p.close()
			}
		}
	})
	if t.Failed() {
		t.FailNow()
	}
	lens.shoot(20)
	for i, p := range all {
		if err := p.awaitActive(2); err != nil {
			t.Fatalf("participant %d: %v", i, err)
		}
		if p.received.Load() == 0 {
			t.Fatalf("participant %d got nothing", i)
		}
	}

	time.Sleep(*settle)
	computed := server.processor(t)
	time.Sleep(*settle)
	computed = server.processor(t) - computed
	after := server.memory(t)
	for _, p := range all {
		select {
		case <-p.ended:
			t.Fatalf("a participant is gone: %v", p.failed)
		default:
		}
	}
	each := float64(after.rss-before.rss) / float64(*participants)
	own := float64(after.anon-before.anon) / float64(*participants)
	if *pause {
		t.Logf("PID %d; Enter goes on", server.command.Process.Pid)
		_, _ = os.Stdin.Read(make([]byte, 1))
	}
	goroutines, by := server.goroutines(t)
	t.Logf("%d participants: RSS %.1f MB, %.0f KB each (own %.0f KB; pages of the binary grew by %.1f MB)", *participants, mb(after.rss), each, own, mb(after.file-before.file))
	t.Logf("with the first: RSS %.1f MB", mb(before.rss))
	t.Logf("goroutines: %d, %.2f for each participant", goroutines, float64(goroutines)/float64(*participants))
	t.Logf("processor: %.1f ms for each to join; idle, %.0f µs a second for each", float64(joined.Microseconds())/1000/float64(*participants),
		float64(computed.Microseconds())/settle.Seconds()/float64(*participants))
	for name, n := range by {
		if n >= *participants/2 {
			t.Logf("  %d by %s", n, name)
		}
	}
	if each > maxPerParticipant {
		t.Errorf("a participant takes %.0f KB; at most %d are allowed", each, maxPerParticipant)
	}
}

// enter joins, subscribes to the stream and connects.
func enter(url, token string, stream protocol.StreamID) (*participant, error) {
	p, err := join(url, token)
	if err != nil {
		return nil, err
	}
	if err := p.connect(4); err != nil {
		return p, err
	}
	var nothing struct{}
	return p, p.request(protocol.TypeSubscribe, protocol.SubscribeTo{Stream: stream, Transport: "main"}, &nothing)
}

func mb(kb int) float64 { return float64(kb) / 1024 }
