package controller

import (
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tertulia-rtc/tertulia/protocol"
)

// TestBigRoomsAreToldSomeAtATime: in a big room several comings reach a client together,
// in their order and in good time, and never after what was said later.
func TestBigRoomsAreToldSomeAtATime(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		first := w.join(nil)
		for range bigRoom {
			w.join(nil)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		first.seen()

		one := w.join(nil)
		two := w.join(nil)
		synctest.Wait()
		if frames := first.seen(); len(frames) != 0 {
			t.Fatalf("a client of a big room was told at once: %v", frames)
		}
		time.Sleep(2 * lagTime)
		synctest.Wait()
		first.wantTypes(protocol.TypeParticipantJoined, protocol.TypeParticipantJoined)

		one.do(protocol.TypeLeave, struct{}{})
		two.do(protocol.TypeMessage, protocol.Message{ID: "1", Data: json.RawMessage(`"after"`)})
		first.wantTypes(protocol.TypeParticipantLeft, protocol.TypeMessage)
	})
}

// TestLaggardsComeInLots: however many there are, no more than a lot are woken at once, and
// who is added meanwhile waits as long as the first ones did.
func TestLaggardsComeInLots(t *testing.T) {
	now := time.Unix(0, 0)
	var q laggards
	woken := func(sockets []*socket) (n int) {
		for _, s := range sockets {
			select {
			case <-s.wake:
				n++
			default:
			}
		}
		return n
	}
	sockets := make([]*socket, 2*lagSockets+1)
	for i := range sockets {
		sockets[i] = newSocket(nil, nil)
		q.add(now, sockets[i])
		q.add(now, sockets[i])
	}
	if q.advance(now.Add(lagTime - 1)); woken(sockets) != 0 {
		t.Fatal("sockets were woken too early")
	}
	again := sockets[0]
	for lot, want := range []int{lagSockets, lagSockets, 1} {
		now = q.timer()
		q.advance(now)
		if n := woken(sockets); n != want {
			t.Fatalf("%d sockets were woken in lot %d, want %d", n, lot, want)
		}
		if lot == 0 {
			q.add(now, again)
		}
	}
	if at := q.timer(); !at.Equal(now.Add(lagTime)) {
		t.Fatalf("who came meanwhile is due after %v, want %v", at.Sub(now), lagTime)
	}
	q.advance(q.timer())
	if woken(sockets) != 1 || !q.timer().IsZero() {
		t.Fatal("the one that came meanwhile was not woken, or something is left")
	}
}
