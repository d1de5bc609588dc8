package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tertulia-rtc/tertulia/protocol"
)

func TestServices(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		s.Now = func() time.Time { return time.UnixMilli(1_700_000_000_123) }
		made, err := s.CreateService(ctx, Service{Name: "school", Roles: map[string][]protocol.Permission{"pupil": {protocol.Subscribe}}})
		if err != nil {
			t.Fatal(err)
		}
		if !made.ID.Valid() || len(made.Key) < 43 || made.Created != time.UnixMilli(1_700_000_000_123).UTC() || made.Super {
			t.Fatalf("made %+v", made)
		}
		got, err := s.Service(ctx, made.ID)
		if err != nil || cmp.Diff(made, got) != "" {
			t.Fatalf("got %v, %s", err, cmp.Diff(made, got))
		}
		if p, ok := got.Role("pupil"); !ok || len(p) != 1 {
			t.Fatal("own role", p, ok)
		}
		if p, ok := got.Role("viewer"); !ok || len(p) != 1 {
			t.Fatal("built-in role", p, ok)
		}
		if _, ok := got.Role("king"); ok {
			t.Fatal("a role that nobody defined")
		}
		if _, err := s.CreateService(ctx, Service{Name: "school"}); !errors.Is(err, ErrExists) {
			t.Fatal("same name:", err)
		}
		if _, err := s.CreateService(ctx, Service{Name: GuestService}); !errors.Is(err, ErrExists) {
			t.Fatal("the name of the guests:", err)
		}
		if _, err := s.CreateService(ctx, Service{ID: made.ID, Name: "other"}); !errors.Is(err, ErrExists) {
			t.Fatal("same id:", err)
		}
		got.Name, got.Key, got.Roles = "academy", "k2", nil
		updated, err := s.UpdateService(ctx, got)
		if err != nil || cmp.Diff(got, updated) != "" {
			t.Fatalf("updated %v, %s", err, cmp.Diff(got, updated))
		}
		if byName, err := s.ServiceNamed(ctx, "academy"); err != nil || byName.ID != made.ID {
			t.Fatal(byName, err)
		}
		room, err := s.CreateRoom(ctx, Room{Service: made.ID, Name: "r"})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.DeleteService(ctx, made.ID); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Room(ctx, room.ID); !errors.Is(err, ErrNotFound) {
			t.Fatal("the room of a deleted service:", err)
		}
		for _, err := range []error{
			s.DeleteService(ctx, made.ID),
			second(s.UpdateService(ctx, got)),
			second(s.Service(ctx, made.ID)),
		} {
			if !errors.Is(err, ErrNotFound) {
				t.Fatal("gone, but", err)
			}
		}
		if all, err := s.Services(ctx); err != nil || len(all) != 0 {
			t.Fatal(all, err)
		}
	})
}

func second[T any](_ T, err error) error { return err }

func TestSuperService(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		first, made, err := s.EnsureSuperService(ctx, "", "")
		if err != nil || !made || !first.Super || !first.ID.Valid() || first.Key == "" {
			t.Fatal(first, made, err)
		}
		again, made, err := s.EnsureSuperService(ctx, "", "")
		if err != nil || made || cmp.Diff(first, again) != "" {
			t.Fatal("second start:", again, made, err)
		}
		keyed, made, err := s.EnsureSuperService(ctx, "", "mine")
		if err != nil || made || keyed.ID != first.ID || keyed.Key != "mine" {
			t.Fatal("given key:", keyed, made, err)
		}
		id := protocol.ServiceID(strings.Repeat("ab", 12))
		given, made, err := s.EnsureSuperService(ctx, id, "hers")
		if err != nil || !made || given.ID != id || given.Key != "hers" || !given.Super {
			t.Fatal("given id:", given, made, err)
		}
		if former, err := s.Service(ctx, first.ID); err != nil || former.Super {
			t.Fatal("the former one:", former, err)
		}
		back, made, err := s.EnsureSuperService(ctx, first.ID, "")
		if err != nil || made || back.ID != first.ID || back.Key != "mine" || !back.Super {
			t.Fatal("back to the first:", back, made, err)
		}
		if _, _, err := s.EnsureSuperService(ctx, "nonsense", ""); err == nil || !strings.Contains(err.Error(), "24 characters") {
			t.Fatal("a bad id:", err)
		}
	})
}

func TestGuestService(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		roles := map[string][]protocol.Permission{"presenter": {protocol.Subscribe}}
		a, err := s.EnsureGuestService(ctx, roles)
		if err != nil || a.Name != GuestService {
			t.Fatal(a, err)
		}
		roles["presenter"] = append(roles["presenter"], protocol.PublishAudio)
		b, err := s.EnsureGuestService(ctx, roles)
		if err != nil || a.ID != b.ID || a.Key != b.Key || len(b.Roles["presenter"]) != 2 {
			t.Fatal(b, err)
		}
	})
}

func TestRooms(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		service, other := newService(t, s, "one"), newService(t, s, "two")
		room, err := s.CreateRoom(ctx, Room{Service: service, Name: "Física ‘1’", Mode: protocol.P2P, Metadata: json.RawMessage(`{"a":[1,"é"]}`), MaxParticipants: 7, MaxStreams: 9, Codecs: []string{"AV1", "opus"},
			Settings: &protocol.RoomSettings{Audio: protocol.AudioSettings{Loudest: 5}}})
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.Room(ctx, room.ID)
		if err != nil || cmp.Diff(room, got) != "" || string(got.Metadata) != `{"a":[1,"é"]}` || got.Mode != protocol.P2P || got.MaxParticipants != 7 || got.MaxStreams != 9 || got.Codecs[0] != "AV1" ||
			got.Settings.Audio != (protocol.AudioSettings{Loudest: 5}) {
			t.Fatalf("%+v %v", got, err)
		}
		if _, err := s.CreateRoom(ctx, Room{Service: service, Name: room.Name}); !errors.Is(err, ErrExists) {
			t.Fatal("same name:", err)
		}
		if _, err := s.CreateRoom(ctx, Room{Service: other, Name: room.Name}); err != nil {
			t.Fatal("same name in another service:", err)
		}
		if _, err := s.CreateRoom(ctx, Room{Service: protocol.ServiceID(protocol.NewHexID()), Name: "x"}); !errors.Is(err, ErrNotFound) {
			t.Fatal("a service that is not there:", err)
		}
		got.Name, got.Mode, got.Metadata, got.MaxParticipants, got.Codecs, got.Settings = "new", "", nil, 0, nil, nil
		updated, err := s.UpdateRoom(ctx, got)
		if err != nil || updated.Name != "new" || updated.Mode != protocol.SFU || updated.Metadata != nil || updated.MaxParticipants != 0 || cmp.Diff(updated.Codecs, DefaultCodecs) != "" || *updated.Settings != protocol.DefaultRoomSettings {
			t.Fatalf("%+v %v", updated, err)
		}
		if n, err := s.CountRooms(ctx, service); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		if err := s.DeleteRoom(ctx, room.ID); err != nil {
			t.Fatal(err)
		}
		if err := s.DeleteRoom(ctx, room.ID); !errors.Is(err, ErrNotFound) {
			t.Fatal(err)
		}
	})
}

func TestRoomsPageByPage(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		service, other := newService(t, s, "one"), newService(t, s, "two")
		for i := range 7 {
			for _, owner := range []protocol.ServiceID{service, other} {
				if _, err := s.CreateRoom(ctx, Room{Service: owner, Name: fmt.Sprint("room ", i)}); err != nil {
					t.Fatal(err)
				}
			}
		}
		seen := map[protocol.RoomID]bool{}
		var after protocol.RoomID
		for pages := 0; ; pages++ {
			page, err := s.Rooms(ctx, service, after, 3)
			if err != nil {
				t.Fatal(err)
			}
			for _, room := range page {
				if seen[room.ID] || room.Service != service || room.ID <= after {
					t.Fatal("repeated, foreign or out of order:", room)
				}
				seen[room.ID], after = true, room.ID
			}
			if len(page) < 3 {
				break
			}
		}
		if len(seen) != 7 {
			t.Fatal(len(seen), "rooms of 7")
		}
	})
}

func TestGetOrCreateRoomAtOnce(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		service := newService(t, s, "one")
		var made atomic.Int32
		ids := atOnce(t, 20, func() (protocol.RoomID, error) {
			room, created, err := s.GetOrCreateRoom(t.Context(), service, "hall", Room{MaxParticipants: 5})
			if created {
				made.Add(1)
			}
			if room.MaxParticipants != 5 {
				err = errors.Join(err, errors.New("not like the defaults"))
			}
			return room.ID, err
		})
		if made.Load() != 1 {
			t.Fatal(made.Load(), "said that they made it")
		}
		for _, id := range ids {
			if id != ids[0] {
				t.Fatal("two rooms of one name")
			}
		}
		if _, _, err := s.GetOrCreateRoom(t.Context(), protocol.ServiceID(protocol.NewHexID()), "hall", Room{}); !errors.Is(err, ErrNotFound) {
			t.Fatal("a service that is not there:", err)
		}
	})
}

func TestRedeemAtOnce(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		service := newService(t, s, "one")
		exp := time.Now().Add(time.Hour)
		for _, uses := range []int{1, 3} {
			var ok atomic.Int32
			atOnce(t, 50, func() (int, error) {
				switch err := s.Redeem(t.Context(), fmt.Sprint("token ", uses), service, exp, uses); {
				case err == nil:
					ok.Add(1)
				case !errors.Is(err, ErrUsed):
					return 0, err
				}
				return 0, nil
			})
			if int(ok.Load()) != uses {
				t.Errorf("%d of 50 redeemed a token that allows %d", ok.Load(), uses)
			}
		}
		if err := s.Redeem(t.Context(), "token 1", newService(t, s, "two"), exp, 1); err != nil {
			t.Error("the same jti of another service:", err)
		}
		if err := s.Redeem(t.Context(), "none", service, exp, 0); !errors.Is(err, ErrUsed) {
			t.Error("no uses:", err)
		}
	})
}

func TestRedeemedIsKeptUntilExpiry(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		now := time.Now()
		s.Now = func() time.Time { return now }
		service := newService(t, s, "one")
		exp := now.Add(time.Hour)
		redeem := func() error { return s.Redeem(ctx, "t", service, exp, 1) }
		if err := errors.Join(redeem(), s.Revoke(ctx, "session", exp), s.Purge(ctx)); err != nil {
			t.Fatal(err)
		}
		now = exp.Add(time.Minute) // a reader's clock may still let it pass
		if err := s.Purge(ctx); err != nil {
			t.Fatal(err)
		}
		if err := redeem(); !errors.Is(err, ErrUsed) {
			t.Fatal("forgotten before its expiry:", err)
		}
		if revoked, err := s.Revoked(ctx, "session"); !revoked || err != nil {
			t.Fatal(revoked, err)
		}
		now = exp.Add(10 * time.Minute)
		if err := s.Purge(ctx); err != nil {
			t.Fatal(err)
		}
		if revoked, err := s.Revoked(ctx, "session"); revoked || err != nil {
			t.Fatal(revoked, err)
		}
		if err := redeem(); err != nil {
			t.Fatal("still kept:", err)
		}
	})
}

func TestEpochs(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		room, err := s.CreateRoom(t.Context(), Room{Service: newService(t, s, "one"), Name: "r"})
		if err != nil {
			t.Fatal(err)
		}
		seen := map[uint64]bool{}
		for _, epoch := range atOnce(t, 20, func() (uint64, error) { return s.RaiseEpoch(t.Context(), room.ID, "me") }) {
			if seen[epoch] || epoch < 1 || epoch > 20 {
				t.Fatal("epoch", epoch, "twice, or out of range")
			}
			seen[epoch] = true
		}
		if _, err := s.RaiseEpoch(t.Context(), protocol.RoomID(protocol.NewHexID()), "me"); !errors.Is(err, ErrNotFound) {
			t.Fatal("a room that is not there:", err)
		}
	})
}

func TestSecrets(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		secrets := atOnce(t, 10, func() (string, error) {
			b, err := s.Secret(t.Context(), "resume")
			return string(b), err
		})
		for _, secret := range secrets {
			if secret != secrets[0] || len(secret) != 32 {
				t.Fatal("two secrets of one name, or of a wrong size")
			}
		}
		if other, err := s.Secret(t.Context(), "other"); err != nil || string(other) == secrets[0] {
			t.Fatal("one secret under two names")
		}
	})
}

// TestRestart: what is redeemed, made and raised is so after a restart, too.
func TestRestart(t *testing.T) {
	urls := map[string]func(t *testing.T) string{
		"sqlite":   func(t *testing.T) string { return "sqlite:" + filepath.Join(t.TempDir(), "a folder? 100%#1", "t.db") },
		"postgres": postgresURL,
	}
	for name, makeURL := range urls {
		t.Run(name, func(t *testing.T) {
			url := makeURL(t)
			ctx := t.Context()
			s := openTest(t, url)
			service := newService(t, s, "one")
			exp := time.Now().Add(time.Hour)
			if err := s.Redeem(ctx, "t", service, exp, 1); err != nil {
				t.Fatal(err)
			}
			secret, _ := s.Secret(ctx, "resume")
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = openTest(t, url)
			if err := s.Redeem(ctx, "t", service, exp, 1); !errors.Is(err, ErrUsed) {
				t.Fatal("after a restart:", err)
			}
			if again, _ := s.Secret(ctx, "resume"); string(again) != string(secret) || len(again) == 0 {
				t.Fatal("another secret after a restart")
			}
		})
	}
}

// TestTwoProcesses opens one database many times at once, as a server and a
// command line do.
func TestTwoProcesses(t *testing.T) {
	urls := map[string]func(t *testing.T) string{
		"sqlite":   func(t *testing.T) string { return "sqlite:" + filepath.Join(t.TempDir(), "t.db") },
		"postgres": postgresURL,
	}
	for name, makeURL := range urls {
		t.Run(name, func(t *testing.T) {
			url := makeURL(t)
			ids := atOnce(t, 4, func() (protocol.ServiceID, error) {
				s, err := Open(t.Context(), url)
				if err != nil {
					return "", err
				}
				defer s.Close()
				service, _, err := s.EnsureSuperService(t.Context(), "", "")
				return service.ID, err
			})
			for _, id := range ids {
				if id != ids[0] {
					t.Fatal("two super services")
				}
			}
		})
	}
}

func TestOpenRefusals(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte(strings.Repeat("this is not a database ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ url, want string }{
		{"mysql://root:secret@x/y", "must be sqlite:<path> or postgres://"},
		{"sqlite:", "path is missing"},
		{"sqlite:" + file, "not an SQLite database"},
		{"sqlite:" + dir, "a folder, not a file"},
		{"sqlite:" + filepath.Join(file, "t.db"), "a file, not a folder"},
		{"sqlite:/proc/tertulia/t.db", "cannot make the data directory"},
		{"postgres://u:secret@127.0.0.1:1/x", "cannot reach PostgreSQL at 127.0.0.1 port 1"},
		{"postgres://u:secret@127.0.0.1:bad/x", "URL is not valid"},
	} {
		s, err := Open(t.Context(), c.url)
		if err == nil {
			_ = s.Close()
			t.Errorf("%s: opened", c.url)
			continue
		}
		if msg := err.Error(); !strings.Contains(msg, c.want) || strings.Contains(msg, "secret") || strings.Contains(msg, "\n") {
			t.Errorf("%s: %q, want one line with %q and no password", c.url, msg, c.want)
		}
	}
}

// TestRoomsOfTheFirstSchema: a room that was there before its settings has the
// default ones, and the migration can be taken back.
func TestRoomsOfTheFirstSchema(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		room, err := s.CreateRoom(ctx, Room{Service: newService(t, s, "one"), Name: "old", Settings: &protocol.RoomSettings{}})
		if err != nil {
			t.Fatal(err)
		}
		down, err := migrations.ReadFile("migrations/00002_audio.sql")
		if err != nil {
			t.Fatal(err)
		}
		up, back, ok := strings.Cut(string(down), "-- +goose Down")
		if !ok {
			t.Fatal("the migration cannot be taken back")
		}
		for _, statements := range []string{back, up} {
			for statement := range strings.SplitSeq(statements, ";") {
				if !strings.Contains(statement, "TABLE") {
					continue
				}
				if _, err := s.db.ExecContext(ctx, statement); err != nil {
					t.Fatal(statement, err)
				}
			}
		}
		got, err := s.Room(ctx, room.ID)
		if err != nil || *got.Settings != protocol.DefaultRoomSettings {
			t.Fatalf("%+v %v", got.Settings, err)
		}
	})
}

// TestNewerSchema: a database that a later version wrote is left alone.
func TestNewerSchema(t *testing.T) {
	for name, makeURL := range map[string]func(t *testing.T) string{
		"sqlite":   func(t *testing.T) string { return "sqlite:" + filepath.Join(t.TempDir(), "t.db") },
		"postgres": postgresURL,
	} {
		t.Run(name, func(t *testing.T) {
			url := makeURL(t)
			s := openTest(t, url)
			if _, err := s.db.Exec(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (999, true)`); err != nil {
				t.Fatal(err)
			}
			_ = s.Close()
			if _, err := Open(t.Context(), url); err == nil || !strings.Contains(err.Error(), "has schema 999") {
				t.Fatal(err)
			}
		})
	}
}

// TestFullDisk limits the database to the pages it has: the same error as a
// disk without space gives.
func TestFullDisk(t *testing.T) {
	s := openTest(t, "sqlite:"+filepath.Join(t.TempDir(), "t.db"))
	service := newService(t, s, "one")
	var n int
	if err := s.db.QueryRow(`PRAGMA max_page_count = 1`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	_, err := s.CreateRoom(t.Context(), Room{Service: service, Name: "r", Metadata: json.RawMessage(`"` + strings.Repeat("x", 100_000) + `"`)})
	if !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "the disk is full") {
		t.Fatal(err)
	}
	if _, err := s.Service(t.Context(), service); err != nil {
		t.Fatal("reading on a full disk:", err)
	}
}

// TestFileModes: the database holds keys, so others may not read it.
func TestFileModes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data", "t.db")
	newService(t, openTest(t, "sqlite:"+path), "one")
	for _, name := range []string{path, path + "-wal"} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if mode := info.Mode().Perm(); mode&0o077 != 0 {
			t.Errorf("%s has mode %o", name, mode)
		}
	}
}

func TestMemory(t *testing.T) {
	s := openTest(t, "sqlite::memory:")
	newService(t, s, "one")
	newService(t, s, "two")
}

func newService(t *testing.T, s *Store, name string) protocol.ServiceID {
	t.Helper()
	service, err := s.CreateService(t.Context(), Service{Name: name})
	if err != nil {
		t.Fatal(err)
	}
	return service.ID
}

// atOnce calls f n times at once.
func atOnce[T any](t *testing.T, n int, f func() (T, error)) []T {
	t.Helper()
	results, errs := make([]T, n), make([]error, n)
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-start
			results[i], errs[i] = f()
		})
	}
	close(start)
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	return results
}

// BenchmarkJoin is what the store is asked at each join.
func BenchmarkJoin(b *testing.B) {
	s, err := Open(b.Context(), "sqlite:"+b.TempDir()+"/bench.db")
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	service, err := s.CreateService(b.Context(), Service{Name: "bench"})
	if err != nil {
		b.Fatal(err)
	}
	room, err := s.CreateRoom(b.Context(), Room{Service: service.ID, Name: "bench"})
	if err != nil {
		b.Fatal(err)
	}
	exp := time.Now().Add(time.Hour)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Service(b.Context(), service.ID); err != nil {
			b.Fatal(err)
		}
		if _, err := s.Room(b.Context(), room.ID); err != nil {
			b.Fatal(err)
		}
		if err := s.Redeem(b.Context(), "token", service.ID, exp, 1<<30); err != nil {
			b.Fatal(err)
		}
	}
}
