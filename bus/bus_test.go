package bus

import (
	"bytes"
	"encoding/binary"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func start(t *testing.T) *Bus {
	t.Helper()
	b, err := Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

func TestMessagesOfOnePublisherArriveInOrder(t *testing.T) {
	b := start(t)
	const n = 5000
	got := make(chan uint32, n)
	if _, err := b.Subscribe("numbers", func(data []byte) { got <- binary.BigEndian.Uint32(data) }); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 4) // reused: Publish promises not to keep it
	for i := range uint32(n) {
		binary.BigEndian.PutUint32(buf, i)
		if err := b.Publish("numbers", buf); err != nil {
			t.Fatal(err)
		}
	}
	for i := range uint32(n) {
		select {
		case v := <-got:
			if v != i {
				t.Fatalf("message %d came as number %d", v, i)
			}
		case <-time.After(5 * time.Second):
			t.Fatalf("message %d did not come", i)
		}
	}
}

func TestEverySubscriberOfTheSubjectAndNoOther(t *testing.T) {
	b := start(t)
	var mu sync.Mutex
	count := map[string]int{}
	all := make(chan struct{}, 10)
	for _, s := range []struct{ name, subject string }{{"one", "room.a.events"}, {"two", "room.a.events"}, {"other", "room.b.events"}} {
		_, err := b.Subscribe(s.subject, func([]byte) {
			mu.Lock()
			count[s.name]++
			mu.Unlock()
			all <- struct{}{}
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, subject := range []string{"room.a.events", "room.b.events", "room.c.events"} {
		if err := b.Publish(subject, nil); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		<-all
	}
	mu.Lock()
	defer mu.Unlock()
	if count["one"] != 1 || count["two"] != 1 || count["other"] != 1 {
		t.Fatalf("messages came as %v, want one each", count)
	}
}

func TestAClosedSubscriptionIsSilent(t *testing.T) {
	b := start(t)
	got := make(chan string, 10)
	sub, err := b.Subscribe("s", func(data []byte) { got <- string(data) })
	if err != nil {
		t.Fatal(err)
	}
	sub.Close()
	if err := b.Publish("s", []byte("late")); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	if _, err := b.Subscribe("end", func([]byte) { close(done) }); err != nil {
		t.Fatal(err)
	}
	if err := b.Publish("end", nil); err != nil {
		t.Fatal(err)
	}
	<-done
	if len(got) != 0 {
		t.Fatalf("got %q after Close", <-got)
	}
}

func TestLargeMessages(t *testing.T) {
	b := start(t)
	got := make(chan []byte, 1)
	if _, err := b.Subscribe("s", func(data []byte) { got <- data }); err != nil {
		t.Fatal(err)
	}
	big := bytes.Repeat([]byte("x"), 2<<20)
	if err := b.Publish("s", big); err != nil {
		t.Fatal(err)
	}
	if data := <-got; !bytes.Equal(data, big) {
		t.Fatalf("%d bytes came of %d", len(data), len(big))
	}
	if err := b.Publish("s", make([]byte, MaxMessage+1)); err == nil {
		t.Fatal("a message beyond MaxMessage was taken")
	}
}

func TestAfterClose(t *testing.T) {
	b, err := Start()
	if err != nil {
		t.Fatal(err)
	}
	b.Close()
	if err := b.Publish("s", nil); !errors.Is(err, ErrClosed) {
		t.Errorf("Publish: %v, want ErrClosed", err)
	}
	if _, err := b.Subscribe("s", func([]byte) {}); !errors.Is(err, ErrClosed) {
		t.Errorf("Subscribe: %v, want ErrClosed", err)
	}
}

func TestCloseLeavesNothingBehind(t *testing.T) {
	before := goleak.IgnoreCurrent()
	b, err := Start()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Subscribe("s", func([]byte) {}); err != nil {
		t.Fatal(err)
	}
	b.Close()
	goleak.VerifyNone(t, before)
}

// The controller's tests stand on this.
func TestSeveralBussesInBubbles(t *testing.T) {
	for range 3 {
		synctest.Test(t, func(t *testing.T) {
			b, err := Start()
			if err != nil {
				t.Fatal(err)
			}
			defer b.Close()
			n := 0
			if _, err := b.Subscribe("s", func([]byte) { n++ }); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if err := b.Publish("s", nil); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				time.Sleep(10 * time.Minute)
			}
			if n != 2 {
				t.Errorf("%d messages came of 2", n)
			}
		})
	}
}
