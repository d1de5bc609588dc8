package api

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tertulia-rtc/tertulia/auth"
	"github.com/tertulia-rtc/tertulia/protocol"
	"github.com/tertulia-rtc/tertulia/store"
)

func guest(room, name string) *http.Request {
	return request("POST", "/v1/meet/"+room+"/tokens", object{"name": name})
}

func TestGuests(t *testing.T) {
	d := open(t, nil)
	d.newRoom("lunch") // of a service: not the guests'
	body, _ := d.send(guest("lunch", " Ana Ñ "), 201)
	claims, err := auth.ParseJoin(body["token"].(string), d.store.KeyOf(t.Context()), d.clock.Now())
	if err != nil || claims.User != "Ana Ñ" || claims.Uses != 1 || claims.Permissions != nil {
		t.Fatalf("%+v %v", claims, err)
	}
	service, err := d.store.Service(t.Context(), claims.Service)
	if err != nil || service.Name != store.GuestService {
		t.Fatal(service.Name, err)
	}
	permissions, _ := service.Role(claims.Role)
	if fmt.Sprint(permissions) != "[publish-audio publish-video publish-screen publish-data subscribe stats]" {
		t.Error("what guests may do:", permissions)
	}
	room, err := d.store.Room(t.Context(), claims.Room)
	if err != nil || room.Service != service.ID || room.Name != "lunch" || room.MaxParticipants != 50 {
		t.Errorf("%+v %v", room, err)
	}
	again, _ := d.send(guest("lunch", "Bo"), 201)
	if fmt.Sprint(again["room"]) != fmt.Sprint(body["room"]) || again["token"] == body["token"] {
		t.Error("the second guest:", again)
	}
	d.rooms.enter(room.ID, make([]protocol.Participant, 50)...)
	d.refuse(guest("lunch", "Cy"), 409, "full")
}

func TestGuestsBadRequests(t *testing.T) {
	d := open(t, nil)
	for _, room := range []string{strings.Repeat("x", 65), "a%20b", "a.b", "%C3%B1", "a%2Fb"} {
		w := d.raw(guest(room, "Ana"))
		if w.Code != 400 || !strings.Contains(w.Body.String(), "letters") {
			t.Errorf("room %s: %d %s", room, w.Code, w.Body)
		}
	}
	for _, name := range []string{"", strings.Repeat("é", 65)} {
		d.refuse(guest("lunch", name), 422, "body.name")
	}
	d.refuse(guest("lunch", "  "), 400, "empty")
	d.refuse(guest("lunch", "a\x1b[31m"), 400, "control characters")
	d.refuse(request("POST", "/v1/meet/lunch/tokens", object{"name": "Ana", "role": "presenter"}), 422, "role")
	d.send(guest(strings.Repeat("x", 64), strings.Repeat("é", 64)), 201)
}

func TestMeetOff(t *testing.T) {
	d := open(t, func(c *Config) { c.Meet = false })
	d.refuse(guest("lunch", "Ana"), 403, "does not let guests in")
	if _, err := d.store.ServiceNamed(t.Context(), store.GuestService); err == nil {
		t.Error("the service of the guests is there")
	}
}

func TestGuestsAreLimited(t *testing.T) {
	d := open(t, nil)
	for range 100 {
		d.send(guest("lunch", "Ana"), 201)
	}
	_, w := d.send(guest("lunch", "Ana"), 429)
	if w.Header().Get("Retry-After") != "1" {
		t.Error("Retry-After:", w.Header().Get("Retry-After"))
	}
	other := guest("lunch", "Ana")
	other.RemoteAddr = "203.0.113.7:1"
	d.send(other, 201)
}

func TestGuestRoomsAreCapped(t *testing.T) {
	d := open(t, nil)
	for i := range maxGuestRooms {
		if _, _, err := d.store.GetOrCreateRoom(t.Context(), d.server.guests.service, fmt.Sprint("room", i), store.Room{}); err != nil {
			t.Fatal(err)
		}
	}
	body, w := d.send(guest("onemore", "Ana"), 503)
	if body["type"] != "urn:tertulia:limit" || w.Header().Get("Retry-After") == "" {
		t.Error(body)
	}
	d.send(guest("room7", "Ana"), 201)
	d.send(d.as(d.school, request("POST", "/v1/rooms", object{"name": "x"})), 201) // services are not touched
}

func TestGuestRoomsVanish(t *testing.T) {
	d := open(t, nil)
	sweep := func() {
		t.Helper()
		if err := d.server.guests.sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	there := func(id protocol.RoomID) bool {
		_, err := d.store.Room(t.Context(), id)
		return err == nil
	}
	staff := d.newRoom("staff")
	enter := func(name string) protocol.RoomID {
		body, _ := d.send(guest(name, "Ana"), 201)
		return protocol.RoomID(body["room"].(object)["id"].(string))
	}
	lunch, dinner := enter("lunch"), enter("dinner")
	d.rooms.enter(lunch, protocol.Participant{ID: "a"})
	d.clock.advance(9 * time.Minute)
	sweep()
	if !there(lunch) || !there(dinner) {
		t.Fatal("gone within 10 minutes")
	}
	d.clock.advance(time.Minute)
	sweep()
	if !there(lunch) || there(dinner) {
		t.Fatal("10 minutes after the last left (or never came), and no sooner:", there(lunch), there(dinner))
	}
	d.rooms.mu.Lock()
	d.rooms.participants[lunch] = nil
	d.rooms.mu.Unlock()
	sweep()
	d.clock.advance(6 * time.Minute)
	enter("lunch") // somebody is on the way
	d.clock.advance(6 * time.Minute)
	sweep()
	if !there(lunch) {
		t.Fatal("gone while somebody is on the way")
	}
	d.clock.advance(5 * time.Minute)
	sweep()
	if there(lunch) {
		t.Fatal("still there")
	}
	if again := enter("lunch"); again == lunch {
		t.Fatal("the same room")
	}
	if !there(staff) {
		t.Fatal("a service's room was swept")
	}

	// After a restart the time counts anew.
	server, err := New(d.server.Config)
	if err != nil {
		t.Fatal(err)
	}
	d.server = server
	d.clock.advance(time.Hour)
	sweep()
	if n, _ := d.store.CountRooms(t.Context(), server.guests.service); n != 1 {
		t.Fatal(n, "rooms")
	}
	d.clock.advance(10 * time.Minute)
	sweep()
	if n, _ := d.store.CountRooms(t.Context(), server.guests.service); n != 0 {
		t.Fatal(n, "rooms")
	}
}

// TestRun lets the loop do it, in virtual time.
func TestRun(t *testing.T) {
	db, err := store.Open(t.Context(), "sqlite::memory:")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	synctest.Test(t, func(t *testing.T) {
		db.Now = time.Now
		s, err := New(Config{Store: db, Rooms: &rooms{participants: map[protocol.RoomID][]protocol.Participant{}}, Meet: true})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.guests.room(t.Context(), "lunch"); err != nil {
			t.Fatal(err)
		}
		if err := db.Redeem(t.Context(), "t", s.guests.service, time.Now().Add(time.Minute), 1); err != nil {
			t.Fatal(err)
		}
		go s.Run(t.Context())
		time.Sleep(9 * time.Minute)
		if n, _ := db.CountRooms(t.Context(), s.guests.service); n != 1 {
			t.Fatal("vanished too soon")
		}
		time.Sleep(3 * time.Minute)
		synctest.Wait()
		if n, _ := db.CountRooms(t.Context(), s.guests.service); n != 0 {
			t.Fatal("did not vanish")
		}
		if err := db.Redeem(t.Context(), "t", s.guests.service, time.Now().Add(time.Minute), 1); err != nil {
			t.Fatal("the expired token is still kept:", err)
		}
	})
}
