package licode

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tertulia-rtc/tertulia/licode/mauth"
	"github.com/tertulia-rtc/tertulia/protocol"
	"github.com/tertulia-rtc/tertulia/store"
)

const challenge = `{"WWW-Authenticate":"MAuth realm=\"http://marte3.dit.upm.es\""}`

const nowhere = "/rooms/0123456789abcdef01234567"

// Licode's order: CORS, /test, OPTIONS, authentication, routes, 404.
func TestTheOrderOfEvaluation(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{"/", "/rooms", "/rooms/x/y/z", "/nothing"} {
		got := w.send("OPTIONS", path, "", "", "")
		if got.status != http.StatusOK || got.text != "OK" || got.kind != "text/plain; charset=utf-8" {
			t.Errorf("OPTIONS %s: %v", path, got)
		}
		for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE"} {
			w.expect(method+" "+path+" without credentials", w.send(method, path, "", "", ""), 401, challenge)
		}
		if got.header.Get("WWW-Authenticate") != "" {
			t.Error("the challenge is a header, too")
		}
	}
	for _, path := range []string{"/test", "/test/", "/Test"} {
		if got := w.send("GET", path, "", "", ""); got.status != http.StatusOK || got.kind != textKind || !strings.Contains(got.text, "<html") {
			t.Errorf("GET %s: %v", path, got)
		}
	}
	w.expect("the page is for GET", w.send("POST", "/test", "", "", ""), 401, challenge)
	for _, c := range [][2]string{
		{"GET", "/"}, {"GET", "/nothing"}, {"POST", nowhere}, {"PUT", "/rooms"}, {"GET", nowhere + "/tokens"}, {"GET", nowhere + "/users/a/b"},
		{"GET", "/rooms//"}, {"PUT", "/services"}, {"PATCH", "/services/0123456789abcdef01234567"}, {"GET", "//rooms"}, {"GET", "/rooms/a%2Fusers"[:6] + "s"},
	} {
		w.expect(c[0]+" "+c[1], w.call(w.school, c[0], c[1], ""), 404, "Resource not found")
	}
	w.expect("a method that nobody knows", w.send("BREW", "/rooms", "", "", ""), 404, "Resource not found")
	// The body is not looked at before the signature.
	w.expect("a body of a stranger", w.send("POST", "/rooms", "", "application/json", "{"), 401, challenge)
	if got := w.call(w.school, "POST", "/rooms", "{"); got.status != http.StatusBadRequest {
		t.Error("a body that is not JSON:", got)
	}
	// Trailing slashes, and words in either case, as Express has them.
	w.expect("a slash at the end", w.call(w.school, "GET", "/rooms/", ""), 200, "[]")
	w.expect("capital letters", w.call(w.school, "GET", "/Rooms", ""), 200, "[]")
	if got := w.call(w.school, "HEAD", "/rooms", ""); got.status != http.StatusOK || got.kind != jsonKind {
		t.Error("HEAD:", got)
	}
}

func TestAuthentication(t *testing.T) {
	w := newWorld(t)
	good := func() mauth.Header { return w.sign(w.school) }
	for name, forge := range map[string]func(h *mauth.Header){
		"a service that is not there": func(h *mauth.Header) { h.Service = "0123456789abcdef01234567" },
		"an id that is none":          func(h *mauth.Header) { h.Service = "school" },
		"an id in capitals":           func(h *mauth.Header) { h.Service = strings.ToUpper(h.Service) + "X" },
		"an id that tries tricks":     func(h *mauth.Header) { h.Service = "' OR 1=1 --" },
		"another service's id":        func(h *mauth.Header) { h.Service = string(w.other.ID) },
		"the super service's id":      func(h *mauth.Header) { h.Service = string(w.super.ID) },
		"no signature":                func(h *mauth.Header) { h.Signature = "" },
		"a signature of an empty key": func(h *mauth.Header) { h.Signature = mauth.Sign(nil, h.StringToSign()) },
		"a signature of another time": func(h *mauth.Header) { h.Timestamp += "0" },
		"another nonce":               func(h *mauth.Header) { h.Nonce += "0" },
		"another method":              func(h *mauth.Header) { h.Method = "HMAC_SHA256" },
		"a user that was put in":      func(h *mauth.Header) { h.Username, h.Role, h.HasUser = "mallory", "presenter", true },
		"no timestamp":                func(h *mauth.Header) { h.Timestamp = "" },
	} {
		h := good()
		forge(&h)
		w.expect(name, w.send("GET", "/rooms", h.String(), "", ""), 401, challenge)
	}
	for name, header := range map[string]string{
		"another scheme": "Basic YTpi", "garbage": strings.Repeat(",=", 10), "a very long header": "MAuth " + strings.Repeat("x", 10_000),
	} {
		w.expect(name, w.send("GET", "/rooms", header, "", ""), 401, challenge)
	}
	w.expect("the key is right", w.send("GET", "/rooms", good().String(), "", ""), 200, "[]")

	// An exact repeat is refused, and requests in any order within the window are not.
	h := good()
	w.expect("once", w.send("GET", "/rooms", h.String(), "", ""), 200, "[]")
	w.expect("the same again", w.send("GET", "/rooms", h.String(), "", ""), 401, challenge)
	w.expect("the same for another path", w.send("DELETE", nowhere, h.String(), "", ""), 401, challenge)
	earlier := good()
	w.now = w.now.Add(time.Second)
	later := good()
	w.expect("later", w.send("GET", "/rooms", later.String(), "", ""), 200, "[]")
	w.expect("overtaken", w.send("GET", "/rooms", earlier.String(), "", ""), 200, "[]")
	// A forged request does not spend the nonce of a good one.
	h = good()
	forged := h
	forged.Signature = mauth.Sign([]byte("guess"), h.StringToSign())
	w.expect("forged", w.send("GET", "/rooms", forged.String(), "", ""), 401, challenge)
	w.expect("the good one", w.send("GET", "/rooms", h.String(), "", ""), 200, "[]")
	// Clocks are not compared.
	h = mauth.Header{Method: mauth.Method, Service: string(w.other.ID), Nonce: "1", Timestamp: "17"}
	h.Signature = mauth.Sign([]byte(w.other.Key), h.StringToSign())
	w.expect("a clock that is wrong", w.send("GET", "/rooms", h.String(), "", ""), 200, "[]")
	if !strings.Contains(w.log.String(), "made already") || strings.Contains(w.log.String(), w.school.Key) {
		t.Error("the log does not say why, or says a key:", w.log.String())
	}
}

// MongoDB reads ids in either case, and so did Licode. A request is the same in both.
func TestIDsInCapitals(t *testing.T) {
	w := newWorld(t)
	room := w.room(w.school, `{"name":"r"}`)
	w.expect("a room", w.call(w.school, "GET", "/rooms/"+strings.ToUpper(room), ""), 200, `{"name":"r","_id":"`+room+`"}`)
	id := strings.ToUpper(string(w.school.ID))
	if got := w.call(w.super, "GET", "/services/"+id, ""); got.status != 200 {
		t.Error("a service:", got)
	}
	h := w.sign(w.school)
	w.expect("once", w.send("GET", "/rooms/"+room, h.String(), "", ""), 200, `{"name":"r","_id":"`+room+`"}`)
	h.Service = id
	w.expect("the same again, in capitals", w.send("GET", "/rooms/"+room, h.String(), "", ""), 401, challenge)
	capital := w.school
	capital.ID = protocol.ServiceID(id)
	w.expect("another, in capitals", w.call(capital, "GET", "/rooms/"+room, ""), 200, `{"name":"r","_id":"`+room+`"}`)
}

func TestWhoFailsTooOftenWaits(t *testing.T) {
	w := newWorld(t)
	w.callers.left = 3
	for range 3 {
		w.expect("a guess", w.send("GET", "/rooms", "MAuth guess", "", ""), 401, challenge)
	}
	got := w.call(w.school, "GET", "/rooms", "")
	w.expect("one too many", got, 429, "Too many failed attempts from your address")
	if got.header.Get("Retry-After") != "1" {
		t.Error(got.header)
	}
}

func TestAServiceWithoutAKeyProvesNothing(t *testing.T) {
	w := newWorld(t)
	keyless := w.school
	keyless.Key = ""
	if _, err := w.store.UpdateService(t.Context(), keyless); err != nil {
		t.Fatal(err)
	}
	w.expect("signed with nothing", w.call(keyless, "GET", "/rooms", ""), 401, challenge)
}

func TestTheStoreIsDown(t *testing.T) {
	w := newWorld(t)
	header := w.sign(w.school).String()
	_ = w.store.Close()
	if got := w.send("GET", "/rooms", header, "", ""); got.status != http.StatusServiceUnavailable || got.kind != textKind {
		t.Error(got)
	}
}

func TestRooms(t *testing.T) {
	w := newWorld(t)
	w.expect("none yet", w.call(w.school, "GET", "/rooms", ""), 200, "[]")
	for name, body := range map[string]string{
		"no body": "", "no name": `{}`, "null": `{"name":null}`, "empty": `{"name":""}`, "blank": `{"name":" "}`, "an object": `{"name":{}}`,
		"a control character": `{"name":"a\u0000b"}`, "too long": `{"name":"` + strings.Repeat("x", 129) + `"}`, "an array": `[1]`,
		"no name with test": `{"options":{"test":true}}`, "a configuration without end": `{"name":"a","options":{"mediaConfiguration":"` + strings.Repeat("x", 65) + `"}}`,
	} {
		w.expect(name, w.call(w.school, "POST", "/rooms", body), 400, "Invalid room")
	}
	if got := w.call(w.school, "POST", "/rooms", `{"name":"`+strings.Repeat("x", maxBody)+`"}`); got.status != http.StatusRequestEntityTooLarge {
		t.Error("a large body:", got.status)
	}
	id := w.room(w.school, `{"name":"<a & b>"}`)
	w.expect("get", w.call(w.school, "GET", "/rooms/"+id, ""), 200, `{"name":"<a & b>","_id":"`+id+`"}`)
	w.expect("get with a slash", w.call(w.school, "GET", "/rooms/"+id+"/", ""), 200, `{"name":"<a & b>","_id":"`+id+`"}`)
	w.expect("list", w.call(w.school, "GET", "/rooms", ""), 200, `[{"name":"<a & b>","_id":"`+id+`"}]`)

	// Another service's rooms are not there.
	for _, c := range [][3]string{
		{"GET", "/rooms/" + id, ""}, {"PUT", "/rooms/" + id, `{"name":"b"}`}, {"PATCH", "/rooms/" + id, `{}`}, {"DELETE", "/rooms/" + id, ""},
		{"GET", "/rooms/" + id + "/users", ""}, {"GET", "/rooms/" + id + "/users/ana", ""}, {"DELETE", "/rooms/" + id + "/users/ana", ""},
	} {
		w.expect("foreign "+c[0]+" "+c[1], w.call(w.other, c[0], c[1], c[2]), 404, "Room does not exist")
		w.expect("absent "+c[0], w.call(w.school, c[0], strings.Replace(c[1], id, "0123456789abcdef01234567", 1), c[2]), 404, "Room does not exist")
		w.expect("no id "+c[0], w.call(w.school, c[0], strings.Replace(c[1], id, "..%2F..%2Fetc", 1), c[2]), 404, "Room does not exist")
	}
	h := w.sign(w.other, "ana", "presenter").String()
	w.expect("a token for a foreign room", w.send("POST", "/rooms/"+id+"/tokens", h, "", ""), 404, "Room does not exist")
	w.expect("foreign list", w.call(w.other, "GET", "/rooms", ""), 200, "[]")

	w.expect("delete", w.call(w.school, "DELETE", "/rooms/"+id, ""), 200, "Room deleted")
	if len(w.rooms.closed) != 1 || w.rooms.closed[0] != protocol.RoomID(id) {
		t.Error("its call did not end:", w.rooms.closed)
	}
	w.expect("gone", w.call(w.school, "DELETE", "/rooms/"+id, ""), 404, "Room does not exist")
}

func TestOptionsOfRooms(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct{ options, want string }{
		{`{}`, ``},
		{`null`, ``},
		{`"{}"`, ``}, // as nuve.rb sends them
		{`[1]`, ``},
		{`{"p2p":true}`, `"p2p":true,`},
		{`{"p2p":1,"data":{"b":1,"a":[{}]},"mediaConfiguration":"VP9_AND_OPUS"}`, `"p2p":true,"data":{"b":1,"a":[{}]},"mediaConfiguration":"VP9_AND_OPUS",`},
		{`{"p2p":false,"data":null,"mediaConfiguration":7}`, ``},
		{`{"p2p":"false","data":"","mediaConfiguration":""}`, ``},
		{`{"data":"text"}`, `"data":"text",`},
		{`{"data":7}`, `"data":7,`},
		{`{"data":[1,2]}`, `"data":[1,2],`},
		{`{"mediaConfiguration":"default"}`, `"mediaConfiguration":"default",`},
		{`{"mediaConfiguration":"MY_OWN"}`, `"mediaConfiguration":"MY_OWN",`},
	} {
		got := w.call(w.school, "POST", "/rooms", `{"name":"r","options":`+c.options+`}`)
		id := got.text[max(0, len(got.text)-26):max(0, len(got.text)-2)]
		w.expect(c.options, got, 200, `{"name":"r",`+c.want+`"_id":"`+id+`"}`)
		w.expect(c.options, w.call(w.school, "GET", "/rooms/"+id, ""), 200, got.text)
	}
}

// What Nuve sets is what the rest of the server works with.
func TestWhatNuveSetsIsOurs(t *testing.T) {
	w := newWorld(t)
	stored := func(id string) store.Room {
		room, err := w.store.Room(t.Context(), protocol.RoomID(id))
		if err != nil {
			t.Fatal(err)
		}
		return room
	}
	room := stored(w.room(w.school, `{"name":"a","options":{"p2p":true,"data":{"a": 1},"mediaConfiguration":"H264_AND_OPUS"}}`))
	if room.Mode != protocol.P2P || string(room.Metadata) != `{"a":1}` || strings.Join(room.Codecs, " ") != "H264 opus" || room.Service != w.school.ID {
		t.Errorf("%+v", room)
	}
	room = stored(w.room(w.school, `{"name":"b","options":{"data":[1],"mediaConfiguration":"default"}}`))
	if room.Mode != protocol.SFU || room.Metadata != nil || string(room.Licode.Data) != "[1]" || strings.Join(room.Codecs, " ") != strings.Join(store.DefaultCodecs, " ") {
		t.Errorf("%+v", room)
	}
	// Metadata has 16 KiB at most: participants are told it.
	large := `{"a":"` + strings.Repeat("x", protocol.MaxMetadata) + `"}`
	room = stored(w.room(w.school, `{"name":"c","options":{"data":`+large+`}}`))
	if room.Metadata != nil || string(room.Licode.Data) != large {
		t.Error("large data is not kept beside the metadata")
	}
	// What others change counts.
	room.Metadata, room.Codecs = json.RawMessage(`{"b":2}`), []string{"AV1", "opus"}
	if _, err := w.store.UpdateRoom(t.Context(), room); err != nil {
		t.Fatal(err)
	}
	w.expect("changed elsewhere", w.call(w.school, "GET", "/rooms/"+string(room.ID), ""), 200, `{"name":"c","data":{"b":2},"_id":"`+string(room.ID)+`"}`)
}

// Applications written for Licode take the first room for theirs.
func TestRoomsAndServicesAreToldAsTheyWereMade(t *testing.T) {
	w := newWorld(t)
	var rooms, services []string
	for range 8 {
		w.now = w.now.Add(time.Millisecond)
		rooms = append(rooms, w.room(w.school, `{"name":"r"}`))
		services = append(services, strings.Trim(w.call(w.super, "POST", "/services", `{"name":"s","key":"k"}`).text, `"`))
	}
	told := func(service store.Service, path string) (ids []string) {
		var list []struct {
			ID string `json:"_id"`
		}
		if err := json.Unmarshal([]byte(w.call(service, "GET", path, "").text), &list); err != nil {
			t.Fatal(err)
		}
		for _, each := range list {
			ids = append(ids, each.ID)
		}
		return ids[max(0, len(ids)-8):] // those of the world were there before
	}
	if got := told(w.school, "/rooms"); !slices.Equal(got, rooms) {
		t.Errorf("made rooms %v, told %v", rooms, got)
	}
	if got := told(w.super, "/services"); !slices.Equal(got, services) {
		t.Errorf("made services %v, told %v", services, got)
	}
}

func TestNamesNeedNotBeUnique(t *testing.T) {
	w := newWorld(t)
	first := w.room(w.school, `{"name":"r"}`)
	w.now = w.now.Add(time.Second)
	second := w.room(w.school, `{"name":"r"}`)
	if first == second {
		t.Fatal("one room")
	}
	for _, id := range []string{first, second} {
		w.expect("both are called r", w.call(w.school, "GET", "/rooms/"+id, ""), 200, `{"name":"r","_id":"`+id+`"}`)
	}
	if got := w.room(w.school, `{"name":"r","options":{"getOrCreate":true}}`); got != second {
		t.Error("getOrCreate gives the newest of that name, and gave", got)
	}
	w.expect("rename", w.call(w.school, "PUT", "/rooms/"+second, `{"name":"s"}`), 200, "Room Updated")
	w.expect("renamed", w.call(w.school, "GET", "/rooms/"+second, ""), 200, `{"name":"s","_id":"`+second+`"}`)
	if room, err := w.store.RoomNamed(t.Context(), w.school.ID, "s"); err != nil || string(room.ID) != second || room.Licode.Name != "" {
		t.Error(room, err)
	}
	w.expect("and back", w.call(w.school, "PATCH", "/rooms/"+second, `{"name":"r"}`), 200, "Room Updated")
	w.expect("and back", w.call(w.school, "GET", "/rooms/"+second, ""), 200, `{"name":"r","_id":"`+second+`"}`)
	if got := w.room(w.school, `{"name":7}`); got == "" {
		t.Error("a number is no name")
	}
	if got := w.room(w.school, `{"name":"7","options":{"getOrCreate":"1","p2p":true}}`); got == "" {
		t.Error(got)
	}
	w.expect("the options count for a new room only", w.call(w.school, "GET", "/rooms", ""), 200, w.call(w.school, "GET", "/rooms/", "").text)
	if strings.Contains(w.call(w.school, "GET", "/rooms", "").text, "p2p") {
		t.Error("getOrCreate changed the room that was there")
	}
	// The same name in another service is another room.
	if got := w.room(w.other, `{"name":"r","options":{"getOrCreate":true}}`); got == first || got == second {
		t.Error("another service's room")
	}
}

func TestTheRoomForTests(t *testing.T) {
	w := newWorld(t)
	first := w.room(w.school, `{"name":"any","options":{"test":true,"p2p":true}}`)
	w.expect("its name", w.call(w.school, "GET", "/rooms/"+first, ""), 200, `{"name":"testRoom","_id":"`+first+`"}`)
	if second := w.room(w.school, `{"name":"other","options":{"test":true}}`); second != first {
		t.Error("there are two")
	}
}

func TestPutAndPatch(t *testing.T) {
	w := newWorld(t)
	id := w.room(w.school, `{"name":"r","options":{"p2p":true,"data":{"a":1},"mediaConfiguration":"VP8_AND_OPUS"}}`)
	step := func(method, body string, status int, text, want string) {
		t.Helper()
		w.expect(method+" "+body, w.call(w.school, method, "/rooms/"+id, body), status, text)
		w.expect("after "+method+" "+body, w.call(w.school, "GET", "/rooms/"+id, ""), 200, `{`+want+`,"_id":"`+id+`"}`)
	}
	const all = `"p2p":true,"data":{"a":1},"mediaConfiguration":"VP8_AND_OPUS"`
	step("PUT", ``, 400, "Invalid room", `"name":"r",`+all)
	step("PUT", `{"options":{}}`, 400, "Invalid room", `"name":"r",`+all)
	// PUT replaces the name, and only adds the rest.
	step("PUT", `{"name":"s"}`, 200, "Room Updated", `"name":"s",`+all)
	step("PUT", `{"name":"s","options":{"p2p":false,"data":null}}`, 200, "Room Updated", `"name":"s",`+all)
	step("PUT", `{"name":"s","options":{"data":{"b":2},"mediaConfiguration":"VP9_AND_OPUS"}}`, 200, "Room Updated", `"name":"s","p2p":true,"data":{"b":2},"mediaConfiguration":"VP9_AND_OPUS"`)
	// PATCH merges the data, and leaves the configuration alone.
	step("PATCH", ``, 200, "Room Updated", `"name":"s","p2p":true,"data":{"b":2},"mediaConfiguration":"VP9_AND_OPUS"`)
	step("PATCH", `{"name":"","options":{"data":{"a":[1]},"mediaConfiguration":"default"}}`, 200, "Room Updated", `"name":"s","p2p":true,"data":{"a":[1],"b":2},"mediaConfiguration":"VP9_AND_OPUS"`)
	step("PATCH", `{"name":"t","options":{"data":{"b":{"c":null}}}}`, 200, "Room Updated", `"name":"t","p2p":true,"data":{"a":[1],"b":{"c":null}},"mediaConfiguration":"VP9_AND_OPUS"`)
	step("PATCH", `{"options":{"data":"text"}}`, 400, "Invalid room", `"name":"t","p2p":true,"data":{"a":[1],"b":{"c":null}},"mediaConfiguration":"VP9_AND_OPUS"`)
	step("PATCH", `{"name":"a\u0000"}`, 400, "Invalid room", `"name":"t","p2p":true,"data":{"a":[1],"b":{"c":null}},"mediaConfiguration":"VP9_AND_OPUS"`)
	// A room without data: Licode's server fails here.
	id = w.room(w.school, `{"name":"plain"}`)
	step("PATCH", `{"options":{"data":{"a":1},"p2p":true}}`, 200, "Room Updated", `"name":"plain","p2p":true,"data":{"a":1}`)
	id = w.room(w.school, `{"name":"array","options":{"data":[1]}}`)
	step("PATCH", `{"options":{"data":{"a":1}}}`, 200, "Room Updated", `"name":"array","data":{"a":1}`)
	// Each room that was changed was told so.
	if len(w.rooms.changed) != 8 {
		t.Errorf("%d changes were told", len(w.rooms.changed))
	}
}

func TestForms(t *testing.T) {
	w := newWorld(t)
	post := func(body string) answer {
		return w.send("POST", "/rooms", w.sign(w.school).String(), "application/x-www-form-urlencoded; charset=utf-8", body)
	}
	for _, c := range []struct{ body, want string }{
		{"name=my+room&options=%7B%7D", `"name":"my room"`}, // as nuve.rb sends it
		{"name=a%26b&options=%7B%3Ap2p%3D%3Etrue%7D", `"name":"a&b"`},
		{"name=c&options[p2p]=true&options[mediaConfiguration]=VP8_AND_OPUS&options[data][a]=1", `"name":"c","p2p":true,"data":{"a":"1"},"mediaConfiguration":"VP8_AND_OPUS"`},
		{"name=d&options[p2p]=false&x[=1&]=2&[]=3&y[]=4&=5&&options[data][a][b][c][d][e][f]=7", `"name":"d"`},
		{"name=e&options=x&options[p2p]=1", `"name":"e","p2p":true`},
	} {
		got := post(c.body)
		if got.status != http.StatusOK || !strings.HasPrefix(got.text, "{"+c.want+`,"_id":`) {
			t.Errorf("%s: %v", c.body, got)
		}
	}
	w.expect("no name", post("options=%7B%7D"), 400, "Invalid room")
	w.expect("a nested name", post("name[a]=b"), 400, "Invalid room")
	w.expect("garbage", post("name=%zz"), 400, "The body is not a form")
	w.expect("too many", post("name=a"+strings.Repeat("&a=b", maxFields)), 400, "The body is not a form")
	w.expect("another type", w.send("POST", "/rooms", w.sign(w.school).String(), "text/plain", `{"name":"a"}`), 400, "Invalid room")
	w.expect("no type", w.send("POST", "/rooms", w.sign(w.school).String(), "", `{"name":"a"}`), 400, "Invalid room")
}

func TestUsers(t *testing.T) {
	w := newWorld(t)
	id := w.room(w.school, `{"name":"r"}`)
	room := protocol.RoomID(id)
	users := "/rooms/" + id + "/users"
	w.expect("nobody", w.call(w.school, "GET", users, ""), 200, "[]")
	w.expect("nobody to get", w.call(w.school, "GET", users+"/ana", ""), 404, "User does not exist")
	w.expect("nobody to kick", w.call(w.school, "DELETE", users+"/ana", ""), 404, "Room does not exist or the user is not connected")

	ana := w.rooms.enter(room, "ana", "presenter", protocol.BuiltinRoles["presenter"]...)
	w.rooms.enter(room, "ben/ñ", "viewer", protocol.Subscribe)
	again := w.rooms.enter(room, "ana", "king")
	w.rooms.enter(room, "eve", "viewerWithData", protocol.Subscribe, protocol.PublishData)
	const presenter = `{"name":"ana","role":"presenter","permissions":{"publish":true,"subscribe":true,"record":true,"stats":true,"controlhandlers":true}}`
	const viewer = `{"name":"ben/ñ","role":"viewer","permissions":{"subscribe":true}}`
	w.expect("all", w.call(w.school, "GET", users+"/", ""), 200, `[`+presenter+`,`+viewer+`,{"name":"ana","role":"king","permissions":{}},`+
		`{"name":"eve","role":"viewerWithData","permissions":{"publish":{"audio":false,"video":false,"screen":false,"data":true},"subscribe":true}}]`)
	w.expect("the first of that name", w.call(w.school, "GET", users+"/ana", ""), 200, presenter)
	w.expect("a name that must be escaped", w.call(w.school, "GET", users+"/ben%2F%C3%B1/", ""), 200, viewer)
	w.expect("not there", w.call(w.school, "GET", users+"/Ana", ""), 404, "User does not exist")
	w.expect("kick one who is not there", w.call(w.school, "DELETE", users+"/dan", ""), 404, "User does not exist")
	if len(w.rooms.kicked) != 0 {
		t.Fatal(w.rooms.kicked)
	}
	w.expect("kick", w.call(w.school, "DELETE", users+"/ana", ""), 200, "Success")
	if len(w.rooms.kicked) != 2 || w.rooms.kicked[0] != ana || w.rooms.kicked[1] != again {
		t.Error("all of that name are kicked, not", w.rooms.kicked)
	}

	w.rooms.kickErr = protocol.Errorf(protocol.CodeNotFound, "gone")
	w.expect("kick one who has just left", w.call(w.school, "DELETE", users+"/ana", ""), 404, "User does not exist")
	w.rooms.kickErr = errors.New("late")
	w.expect("kick, late", w.call(w.school, "DELETE", users+"/ana", ""), 404, "timeout")
	w.rooms.kickErr, w.rooms.err = nil, protocol.Errorf(protocol.CodeUnavailable, "late")
	w.expect("list, late", w.call(w.school, "GET", users, ""), 503, "Erizo Controller managing this room does not respond")
	w.expect("get, late", w.call(w.school, "GET", users+"/ana", ""), 503, "CloudHandler does not respond")
	w.expect("kick, late", w.call(w.school, "DELETE", users+"/ana", ""), 404, "timeout")
}

func TestServices(t *testing.T) {
	w := newWorld(t)
	const refused = "Service not authorized for this action"
	one := "/services/" + string(w.other.ID)
	for _, c := range [][3]string{{"POST", "/services", `{"name":"x","key":"k"}`}, {"GET", "/services", ""}, {"GET", one, ""}, {"DELETE", one, ""}, {"GET", "/services/nothing", ""}} {
		w.expect("an ordinary service: "+c[0]+" "+c[1], w.call(w.school, c[0], c[1], c[2]), 401, refused)
	}
	for name, body := range map[string]string{
		"no name": `{"key":"k"}`, "an empty key": `{"name":"x","key":""}`, "a key that is no text": `{"name":"x","key":7}`,
		"a key with control characters": `{"name":"x","key":"a\u0000"}`, "a key of too many bytes": `{"name":"x","key":"` + strings.Repeat("é", maxKey) + `"}`, "too much else": `{"name":"x","key":"k","more":"` + strings.Repeat("x", maxExtra) + `"}`,
	} {
		w.expect(name, w.call(w.super, "POST", "/services", body), 400, "Invalid service")
	}
	made := w.call(w.super, "POST", "/services/", `{"name":"new","key":"the key","plan":{"b":1,"a":2},"_id":"x","rooms":[1]}`)
	id := strings.Trim(made.text, `"`)
	w.expect("the id in quotes", made, 200, `"`+id+`"`)
	if !protocol.ServiceID(id).Valid() {
		t.Fatal(id)
	}
	service, err := w.store.Service(t.Context(), protocol.ServiceID(id))
	if err != nil || service.Key != "the key" {
		t.Fatal(service, err)
	}
	room := w.room(service, `{"name":"r"}`)
	document := `{"name":"new","key":"the key","plan":{"b":1,"a":2},"rooms":[{"name":"r","_id":"` + room + `"}],"_id":"` + id + `"}`
	w.expect("get", w.call(w.super, "GET", "/services/"+id+"/", ""), 200, document)
	if all := w.call(w.super, "GET", "/services/", ""); all.status != 200 || !strings.Contains(all.text, document) || !strings.Contains(all.text, w.super.Key) {
		t.Error("list:", all)
	}

	twin := strings.Trim(w.call(w.super, "POST", "/services", `{"name":"new"}`).text, `"`)
	if got := w.call(w.super, "GET", "/services/"+twin, ""); twin == id || !strings.HasPrefix(got.text, `{"name":"new","key":"`) || strings.Contains(got.text, `"key":""`) {
		t.Error("another of that name, with a key that is made:", got)
	}
	for _, absent := range []string{"0123456789abcdef01234567", "nothing", "..%2F"} {
		w.expect("absent", w.call(w.super, "GET", "/services/"+absent, ""), 404, "Service not found")
		w.expect("absent", w.call(w.super, "DELETE", "/services/"+absent, ""), 404, "Service not found")
	}
	w.expect("delete itself", w.call(w.super, "DELETE", "/services/"+string(w.super.ID), ""), 409, "Service is in use by the server itself")
	w.expect("delete", w.call(w.super, "DELETE", "/services/"+id, ""), 200, "Service deleted")
	if len(w.rooms.closed) != 1 || string(w.rooms.closed[0]) != room {
		t.Error("its calls did not end:", w.rooms.closed)
	}
	w.expect("its key is of no use", w.call(service, "GET", "/rooms", ""), 401, challenge)
}

func TestAHostThatIsNoneStopsTheStart(t *testing.T) {
	w := newWorld(t)
	for _, host := range []string{"meet.example.org", ":", "a:b:c", "https://meet.example.org"} {
		config := w.nuve.NuveConfig
		config.Host = host
		if _, err := NewNuve(config); err == nil {
			t.Errorf("%q is taken", host)
		}
	}
}

func FuzzForm(f *testing.F) {
	f.Add("name=a&options[data][a]=1&options[data]=2&a[b][c]=&=&[")
	f.Fuzz(func(t *testing.T, text string) {
		fields, err := decodeForm(text)
		if err != nil {
			return
		}
		if len(fields) > maxFields {
			t.Fatalf("%d fields", len(fields))
		}
		fields.name()
		fields.object("options").is("p2p")
		room := store.Room{}
		_ = fields.object("options").apply(&room)
	})
}
