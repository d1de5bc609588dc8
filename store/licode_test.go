package store

import (
	"encoding/json"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tertulia-rtc/tertulia/protocol"
)

func TestLicodeTokens(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		now := time.UnixMilli(1_700_000_000_000).UTC()
		s.Now = func() time.Time { return now }
		service, err := s.CreateService(ctx, Service{Name: "school"})
		if err != nil {
			t.Fatal(err)
		}
		room, err := s.CreateRoom(ctx, Room{Service: service.ID, Name: "r"})
		if err != nil {
			t.Fatal(err)
		}
		token := LicodeToken{
			Service: service.ID, Room: room.ID, Name: "ana", Role: "presenter", Host: "localhost:8080", Secure: true,
			Created: now, Expires: now.Add(3 * time.Minute),
		}
		keep := func() LicodeToken {
			kept, err := s.KeepLicodeToken(ctx, token)
			if err != nil {
				t.Fatal(err)
			}
			return kept
		}
		kept := keep()
		token.ID = kept.ID
		if !kept.ID.Valid() || cmp.Diff(token, kept) != "" {
			t.Fatal(cmp.Diff(token, kept))
		}
		token.ID = ""

		// Of many who come with it at once, one gets in.
		var took atomic.Int32
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				got, err := s.TakeLicodeToken(ctx, kept.ID)
				switch {
				case err == nil && cmp.Diff(kept, got) == "":
					took.Add(1)
				case !errors.Is(err, ErrNotFound):
					t.Error(got, err)
				}
			})
		}
		all.Wait()
		if took.Load() != 1 {
			t.Fatalf("taken %d times", took.Load())
		}

		kept = keep()
		now = now.Add(3 * time.Minute)
		if _, err := s.TakeLicodeToken(ctx, kept.ID); !errors.Is(err, ErrNotFound) {
			t.Fatal("after its time:", err)
		}
		now = now.Add(time.Millisecond)
		if err := s.Purge(ctx); err != nil {
			t.Fatal(err)
		}
		now = now.Add(-time.Minute)
		if _, err := s.TakeLicodeToken(ctx, kept.ID); !errors.Is(err, ErrNotFound) {
			t.Fatal("it was not forgotten:", err)
		}

		kept = keep()
		if err := s.DeleteRoom(ctx, room.ID); err != nil {
			t.Fatal(err)
		}
		if _, err := s.TakeLicodeToken(ctx, kept.ID); !errors.Is(err, ErrNotFound) {
			t.Fatal("for a room that was deleted:", err)
		}
		if _, err := s.KeepLicodeToken(ctx, token); !errors.Is(err, ErrNotFound) {
			t.Fatal("kept for a room that was deleted:", err)
		}
	})
}

func TestWhatLicodeKeepsOfServicesAndRooms(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		service, err := s.CreateService(ctx, Service{Name: "school", Licode: json.RawMessage(`{"a":1}`)})
		if err != nil || string(service.Licode) != `{"a":1}` {
			t.Fatal(service, err)
		}
		service.Licode = nil
		if service, err = s.UpdateService(ctx, service); err != nil || service.Licode != nil {
			t.Fatal(service, err)
		}
		plain, err := s.CreateRoom(ctx, Room{Service: service.ID, Name: "r"})
		if err != nil || plain.Mode != SFU || cmp.Diff(LicodeRoom{}, plain.Licode) != "" {
			t.Fatal(plain, err)
		}
		want := LicodeRoom{Name: "r", MediaConfiguration: "VP9_AND_OPUS", Data: json.RawMessage(`[1]`)}
		twin, err := s.CreateRoom(ctx, Room{Service: service.ID, Name: "r 2", Mode: P2P, Licode: want})
		if err != nil || twin.Mode != P2P || cmp.Diff(want, twin.Licode) != "" {
			t.Fatal(twin, err)
		}
		// The newest of that name; rooms of one millisecond are in the order of their ids.
		later := max(plain.ID, twin.ID)
		if twin.Created.After(plain.Created) {
			later = twin.ID
		}
		if got, err := s.RoomCalled(ctx, service.ID, "r"); err != nil || got.ID != later {
			t.Fatal(got, err)
		}
		if _, err := s.RoomCalled(ctx, service.ID, "r 2"); !errors.Is(err, ErrNotFound) {
			t.Fatal("a name that Licode's API does not tell:", err)
		}
		if _, err := s.RoomCalled(ctx, service.ID, ""); !errors.Is(err, ErrNotFound) {
			t.Fatal("no name:", err)
		}
		if _, err := s.RoomCalled(ctx, protocol.ServiceID(protocol.NewHexID()), "r"); !errors.Is(err, ErrNotFound) {
			t.Fatal("another service:", err)
		}
		twin.Licode, twin.Mode = LicodeRoom{}, ""
		if twin, err = s.UpdateRoom(ctx, twin); err != nil || twin.Mode != SFU || cmp.Diff(LicodeRoom{}, twin.Licode) != "" {
			t.Fatal(twin, err)
		}
	})
}
