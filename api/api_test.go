package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/tertulia-rtc/tertulia/auth"
	"github.com/tertulia-rtc/tertulia/protocol"
	"github.com/tertulia-rtc/tertulia/store"
)

type object = map[string]any

// TestEveryOperation goes through the whole API as a user would, holds each
// exchange against the description, and misses none of its operations.
func TestEveryOperation(t *testing.T) {
	d := open(t, nil)

	d.send(request(http.MethodGet, "/healthz", nil), 200)

	// Services.
	made, w := d.send(d.as(d.super, request(http.MethodPost, "/v1/services", object{"name": "clinic", "roles": object{"nurse": []string{"subscribe"}}})), 201)
	key, _ := made["key"].(string)
	service := w.Header().Get("Location")
	if !strings.HasPrefix(service, testURL+"/v1/services/") || len(key) < 43 {
		t.Fatal(service, made)
	}
	service = pathOf(service)
	clinic := store.Service{ID: protocol.ServiceID(made["id"].(string)), Key: key}
	list, w := d.send(d.as(d.super, request(http.MethodGet, "/v1/services", nil)), 200)
	if n := len(list["services"].([]any)); n != 4 || strings.Contains(w.Body.String(), `"key"`) { // super, school, guests, clinic
		t.Fatal(n, "services, or a key in the list:", w.Body)
	}
	got, w := d.send(d.as(clinic, request(http.MethodGet, service, nil)), 200)
	if got["name"] != "clinic" || strings.Contains(w.Body.String(), key) {
		t.Fatal(w.Body)
	}
	if got, _ := d.send(d.as(d.super, request(http.MethodPatch, service, object{"name": "hospital"})), 200); got["name"] != "hospital" {
		t.Fatal(got)
	}
	replaced, _ := d.send(d.as(d.super, request(http.MethodPost, service+"/key", nil)), 200)
	d.refuse(d.as(clinic, request(http.MethodGet, service, nil)), 401, "signature")
	clinic.Key = replaced["key"].(string)
	d.send(d.as(clinic, request(http.MethodPut, service+"/roles/doctor", object{"permissions": []string{"subscribe", "moderate"}})), 200)
	roles, _ := d.send(d.as(clinic, request(http.MethodGet, service+"/roles", nil)), 200)
	if fmt.Sprint(roles["roles"]) != fmt.Sprint([]any{
		object{"builtin": false, "name": "doctor", "permissions": []any{"subscribe", "moderate"}},
		object{"builtin": false, "name": "nurse", "permissions": []any{"subscribe"}},
		object{"builtin": true, "name": "presenter", "permissions": words(protocol.AllPermissions)},
		object{"builtin": true, "name": "viewer", "permissions": []any{"subscribe"}},
		object{"builtin": true, "name": "viewerWithData", "permissions": []any{"subscribe", "publish-data"}},
	}) {
		t.Fatal(roles)
	}
	d.send(d.as(clinic, request(http.MethodDelete, service+"/roles/nurse", nil)), 204)

	// Rooms.
	made, w = d.send(d.as(clinic, request(http.MethodPost, "/v1/rooms", object{
		"name": "Ward 1", "metadata": object{"floor": 3}, "maxParticipants": 9, "maxStreams": 8, "codecs": []string{"vp9", "H264"},
	})), 201)
	room := pathOf(w.Header().Get("Location"))
	id := protocol.RoomID(made["id"].(string))
	if room != "/v1/rooms/"+string(id) || fmt.Sprint(made["codecs"]) != "[VP9 H264 opus]" || fmt.Sprint(made["metadata"]) != "map[floor:3]" {
		t.Fatal(room, made)
	}
	if same, _ := d.send(d.as(clinic, request(http.MethodPost, "/v1/rooms", object{"name": "Ward 1", "getOrCreate": true})), 200); same["id"] != made["id"] {
		t.Fatal("get or create:", same)
	}
	other, _ := d.send(d.as(clinic, request(http.MethodPost, "/v1/rooms", object{"name": "Ward 2", "getOrCreate": true})), 201)
	if fmt.Sprint(other["codecs"]) != "[VP8 VP9 H264 AV1 opus]" {
		t.Fatal("default codecs:", other)
	}
	first, _ := d.send(d.as(clinic, request(http.MethodGet, "/v1/rooms?limit=1", nil)), 200)
	second, _ := d.send(d.as(clinic, request(http.MethodGet, "/v1/rooms?limit=1&cursor="+first["next"].(string), nil)), 200)
	if _, more := second["next"]; more || len(second["rooms"].([]any)) != 1 {
		t.Fatal("two pages of one:", first, second)
	}
	if named, _ := d.send(d.as(clinic, request(http.MethodGet, "/v1/rooms?name=Ward+2", nil)), 200); len(named["rooms"].([]any)) != 1 {
		t.Fatal("by name:", named)
	}
	d.send(d.as(clinic, request(http.MethodGet, room, nil)), 200)
	patched, _ := d.send(d.as(clinic, request(http.MethodPatch, room, object{"name": "Ward One", "metadata": nil, "maxParticipants": 0, "codecs": []string{}})), 200)
	if _, ok := patched["metadata"]; ok || patched["name"] != "Ward One" || patched["maxParticipants"] != 0.0 || patched["maxStreams"] != 8.0 || len(patched["codecs"].([]any)) != 5 {
		t.Fatal("changed:", patched)
	}
	// The audio of big rooms: the defaults, and what is set of them.
	if fmt.Sprint(made["audio"]) != "map[above:12 loudest:3]" {
		t.Fatal("default settings:", made)
	}
	if set, _ := d.send(d.as(clinic, request(http.MethodPost, "/v1/rooms", object{"name": "Ward 3", "audio": object{"loudest": 0}})), 201); fmt.Sprint(set["audio"]) != "map[above:12 loudest:0]" {
		t.Fatal("settings:", set)
	}
	if len(d.rooms.changed) != 1 || d.rooms.changed[0].Name != "Ward One" {
		t.Fatal("told of the change:", d.rooms.changed)
	}
	for _, c := range []struct {
		patch object
		want  protocol.AudioSettings
	}{
		{object{"audio": object{"above": 20}}, protocol.AudioSettings{Loudest: 3, Above: 20}},
		{object{"audio": object{"loudest": 5, "above": 0}}, protocol.AudioSettings{Loudest: 5}},
		{object{"audio": object{}}, protocol.AudioSettings{Loudest: 5}},
		{object{"name": "Ward One"}, protocol.AudioSettings{Loudest: 5}},
	} {
		patched, _ := d.send(d.as(clinic, request(http.MethodPatch, room, c.patch)), 200)
		told := d.rooms.changed[len(d.rooms.changed)-1].Settings.Audio
		if told != c.want || fmt.Sprint(patched["audio"]) != fmt.Sprintf("map[above:%d loudest:%d]", c.want.Above, c.want.Loudest) {
			t.Errorf("%v: %v, told %v, want %v", c.patch, patched["audio"], told, c.want)
		}
	}

	// How media go: said when the room is made, and never again.
	if made["mode"] != "sfu" {
		t.Fatal("default mode:", made)
	}
	peers, w := d.send(d.as(clinic, request(http.MethodPost, "/v1/rooms", object{"name": "Two", "mode": "p2p"})), 201)
	two := pathOf(w.Header().Get("Location"))
	if again, _ := d.send(d.as(clinic, request(http.MethodGet, two, nil)), 200); peers["mode"] != "p2p" || again["mode"] != "p2p" || again["maxParticipants"] != 0.0 {
		t.Fatal("a peer-to-peer room:", peers, again)
	}
	d.send(d.as(clinic, request(http.MethodPost, "/v1/rooms", object{"name": "Three", "mode": "mesh"})), 422)
	d.send(d.as(clinic, request(http.MethodPatch, two, object{"mode": "sfu"})), 422)
	if renamed, _ := d.send(d.as(clinic, request(http.MethodPatch, two, object{"name": "Pair"})), 200); renamed["mode"] != "p2p" {
		t.Fatal("renamed:", renamed)
	}

	// Tokens.
	token, _ := d.send(d.as(clinic, request(http.MethodPost, room+"/tokens", object{"user": "Ana", "role": "doctor", "uses": 2, "expiresIn": 60, "permissions": []string{}})), 201)
	claims, err := auth.ParseJoin(token["token"].(string), d.store.KeyOf(t.Context()), d.clock.Now())
	if err != nil || claims.User != "Ana" || claims.Role != "doctor" || claims.Uses != 2 || claims.Room != id || claims.Permissions == nil || len(claims.Permissions) != 0 || claims.ExpiresAt.Sub(d.clock.Now()) != time.Minute {
		t.Fatalf("%+v %v", claims, err)
	}
	if token["url"] != testURL || fmt.Sprint(token["room"]) != fmt.Sprint(object{"id": string(id), "name": "Ward One"}) {
		t.Fatal(token)
	}

	// Presence.
	ana := protocol.Participant{ID: "00000000-0000-4000-8000-000000000001", User: "Ana Ñ", Role: "doctor", Permissions: []protocol.Permission{"subscribe"}, Metadata: json.RawMessage(`{"a":1}`)}
	twin := ana
	twin.ID, twin.Metadata = "00000000-0000-4000-8000-000000000002", nil
	bo := protocol.Participant{ID: "00000000-0000-4000-8000-000000000003", User: "Bo", Role: "viewer"}
	d.rooms.enter(id, ana, bo, twin)
	d.rooms.streams[id] = []protocol.Stream{{ID: protocol.MaxStreamID, Participant: ana.ID, Data: true, Tracks: []protocol.Track{{ID: "v", Kind: protocol.Video, Source: protocol.Camera, Codec: "VP8"}}}}
	all, _ := d.send(d.as(clinic, request(http.MethodGet, room+"/participants", nil)), 200)
	if len(all["participants"].([]any)) != 3 {
		t.Fatal(all)
	}
	if one, _ := d.send(d.as(clinic, request(http.MethodGet, room+"/participants/"+string(ana.ID), nil)), 200); one["user"] != ana.User {
		t.Fatal(one)
	}
	if none, _ := d.send(d.as(clinic, request(http.MethodGet, room+"/participants/"+string(bo.ID)+"/stats", nil)), 200); len(none["transports"].([]any)) != 0 {
		t.Fatal(none)
	}
	d.rooms.stats = map[protocol.ParticipantID]json.RawMessage{ana.ID: json.RawMessage(`[{"transport":"main","state":"connected","path":"udp","later":1,"router":{"connected":true,"published":[{"mid":"0","rid":"h","packets":7}],
		"subscribed":[{"mid":"4","stream":9007199254740991,"track":"v","live":true,"layer":{"rid":"q","spatial":0,"temporal":1,"width":320,"height":180,"frameRate":14.9,"bitrate":90000,"reason":"Too little."}}]}}]`)}
	counted, _ := d.send(d.as(clinic, request(http.MethodGet, room+"/participants/"+string(ana.ID)+"/stats", nil)), 200)
	if text := fmt.Sprint(counted["transports"]); !strings.Contains(text, "reason:Too little.") || !strings.Contains(text, "later:1") {
		t.Fatal(counted)
	}
	users, _ := d.send(d.as(clinic, request(http.MethodGet, room+"/users", nil)), 200)
	if len(users["users"].([]any)) != 2 {
		t.Fatal(users)
	}
	if user, _ := d.send(d.as(clinic, request(http.MethodGet, room+"/users/Ana%20%C3%91", nil)), 200); len(user["participants"].([]any)) != 2 {
		t.Fatal(user)
	}
	streams, _ := d.send(d.as(clinic, request(http.MethodGet, room+"/streams", nil)), 200)
	if len(streams["streams"].([]any)) != 1 {
		t.Fatal(streams)
	}
	d.send(d.as(clinic, request(http.MethodGet, room+"/streams/9007199254740991", nil)), 200)
	d.send(d.as(clinic, request(http.MethodDelete, room+"/participants/"+string(bo.ID)+"?reason=bye", nil)), 204)
	d.send(d.as(clinic, request(http.MethodDelete, room+"/users/Ana%20%C3%91", nil)), 204)
	if !slices.Equal(d.rooms.kicked, []protocol.ParticipantID{bo.ID, ana.ID, twin.ID}) {
		t.Fatal("kicked:", d.rooms.kicked)
	}

	// The end of it all.
	d.send(d.as(clinic, request(http.MethodDelete, room, nil)), 204)
	d.send(d.as(d.super, request(http.MethodDelete, service, nil)), 204)
	if !slices.Contains(d.rooms.closed, id) || !slices.Contains(d.rooms.closed, protocol.RoomID(other["id"].(string))) {
		t.Fatal("closed:", d.rooms.closed)
	}
	d.refuse(d.as(clinic, request(http.MethodGet, service, nil)), 401, "not known")

	d.send(request(http.MethodPost, "/v1/meet/lunch/tokens", object{"name": "Ana"}), 201)
	d.send(request(http.MethodGet, "/v1/signal", nil), 426)

	for path, item := range d.description().Paths.Map() {
		for method, op := range item.Operations() {
			if len(d.seen[op.OperationID]) == 0 {
				t.Errorf("%s %s (%s) was not tried", method, path, op.OperationID)
			}
			if op.Summary == "" || op.Description == "" || len(op.Tags) == 0 {
				t.Errorf("%s %s (%s) says too little of itself", method, path, op.OperationID)
			}
			if op.RequestBody != nil && op.RequestBody.Value.Content.Get("application/json").Example == nil {
				t.Errorf("%s %s (%s) has no example", method, path, op.OperationID)
			}
		}
	}
}

func (d *door) description() *openapi3.T {
	d.t.Helper()
	w := d.raw(httptest.NewRequest(http.MethodGet, "/v1/openapi.json", nil))
	doc, err := openapi3.NewLoader().LoadFromData(w.Body.Bytes())
	if err != nil {
		d.t.Fatal(err)
	}
	if !strings.HasPrefix(doc.OpenAPI, "3.1") {
		d.t.Error("not OpenAPI 3.1 but", doc.OpenAPI)
	}
	return doc
}

// TestRoutesAreDescribed: each described path and method is really there.
func TestRoutesAreDescribed(t *testing.T) {
	d := open(t, nil)
	for path, item := range d.description().Paths.Map() {
		for method := range item.Operations() {
			if w := d.raw(request(method, strings.NewReplacer("{", "", "}", "").Replace(path), nil)); strings.Contains(w.Body.String(), "nothing at this path") || w.Code == 405 {
				t.Errorf("%s %s is described and not there", method, path)
			}
		}
	}
}

func words(permissions []protocol.Permission) []any {
	all := make([]any, len(permissions))
	for i, p := range permissions {
		all[i] = string(p)
	}
	return all
}

// TestOthersRoomsAreNotThere: a service cannot tell another's room from none.
func TestOthersRoomsAreNotThere(t *testing.T) {
	d := open(t, nil)
	room := "/v1/rooms/" + string(d.newRoom("staff"))
	nowhere := "/v1/rooms/" + protocol.NewHexID()
	for _, c := range []struct {
		method, path string
		body         any
	}{
		{"GET", "", nil},
		{"PATCH", "", object{"name": "mine"}},
		{"DELETE", "", nil},
		{"GET", "/participants", nil},
		{"GET", "/participants/x", nil},
		{"GET", "/participants/x/stats", nil},
		{"DELETE", "/participants/x", nil},
		{"GET", "/users", nil},
		{"GET", "/users/x", nil},
		{"DELETE", "/users/x", nil},
		{"GET", "/streams", nil},
		{"GET", "/streams/1", nil},
		{"POST", "/tokens", object{"user": "Ana", "role": "presenter"}},
	} {
		theirs, _ := d.send(d.as(d.super, request(c.method, room+c.path, c.body)), 404)
		none, _ := d.send(d.as(d.super, request(c.method, nowhere+c.path, c.body)), 404)
		if strings.ReplaceAll(fmt.Sprint(theirs), room[10:], "") != strings.ReplaceAll(fmt.Sprint(none), nowhere[10:], "") {
			t.Errorf("%s %s: %v is not %v", c.method, c.path, theirs, none)
		}
	}
	if list, _ := d.send(d.as(d.super, request("GET", "/v1/rooms", nil)), 200); len(list["rooms"].([]any)) != 0 {
		t.Error("another's rooms in the list:", list)
	}
	d.send(d.as(d.school, request("GET", room, nil)), 200)
}

func TestOnlyTheSuperServiceManages(t *testing.T) {
	d := open(t, nil)
	own, super := "/v1/services/"+string(d.school.ID), "/v1/services/"+string(d.super.ID)
	for _, c := range []struct {
		method, path string
		body         any
		status       int
	}{
		{"POST", "/v1/services", object{"name": "x"}, 403},
		{"GET", "/v1/services", nil, 403},
		{"PATCH", own, object{"name": "x"}, 403},
		{"DELETE", own, nil, 403},
		{"POST", own + "/key", nil, 403},
		{"GET", super, nil, 404},
		{"GET", super + "/roles", nil, 404},
		{"PUT", super + "/roles/x", object{"permissions": []string{}}, 404},
		{"GET", own, nil, 200},
		{"GET", own + "/roles", nil, 200},
	} {
		d.send(d.as(d.school, request(c.method, c.path, c.body)), c.status)
	}
	d.refuse(d.as(d.super, request("DELETE", super, nil)), 409, "cannot be deleted")
	guests, err := d.store.ServiceNamed(t.Context(), store.GuestService)
	if err != nil {
		t.Fatal(err)
	}
	d.refuse(d.as(d.super, request("DELETE", "/v1/services/"+string(guests.ID), nil)), 409, "--meet=off")
	d.refuse(d.as(d.super, request("PATCH", own, object{"name": "guests"})), 409, "guests")
	d.refuse(d.as(d.super, request("PATCH", own, object{"name": "super"})), 409, "another service")
	d.refuse(d.as(d.super, request("POST", "/v1/services", object{"name": "school"})), 409, "this name")
	d.refuse(d.as(d.super, request("GET", "/v1/services/x", nil)), 404, "no service")
}

// TestBadRequests: what is malformed gets a sentence, and the server goes on.
func TestBadRequests(t *testing.T) {
	d := open(t, nil)
	room := "/v1/rooms/" + string(d.newRoom("staff"))
	d.newRoom("hall")
	for _, c := range []struct {
		method, path string
		body         any
		status       int
		want         string
	}{
		{"POST", "/v1/rooms", "", 400, "body is required"},
		{"POST", "/v1/rooms", "{", 400, "body"},
		{"POST", "/v1/rooms", "[]", 422, "object"},
		{"POST", "/v1/rooms", "null", 422, "object"},
		{"POST", "/v1/rooms", `{"name":"a"} {}`, 400, "body"},
		{"POST", "/v1/rooms", "\xff\xfe", 400, "body"},
		{"POST", "/v1/rooms", object{}, 422, "name"},
		{"POST", "/v1/rooms", object{"name": ""}, 422, "body.name"},
		{"POST", "/v1/rooms", object{"name": 5}, 422, "body.name"},
		{"POST", "/v1/rooms", object{"name": " "}, 400, "name is empty"},
		{"POST", "/v1/rooms", object{"name": "a\x00b"}, 400, "control characters"},
		{"POST", "/v1/rooms", object{"name": strings.Repeat("x", 129)}, 422, "body.name"},
		{"POST", "/v1/rooms", object{"name": "x", "colour": "red"}, 422, "colour"},
		{"POST", "/v1/rooms", object{"name": "x", "maxParticipants": -1}, 422, "maxParticipants"},
		{"POST", "/v1/rooms", object{"name": "x", "maxStreams": 1.5}, 422, "maxStreams"},
		{"POST", "/v1/rooms", object{"name": "x", "audio": object{"loudest": -1}}, 422, "loudest"},
		{"POST", "/v1/rooms", object{"name": "x", "audio": object{"loudest": 51}}, 422, "loudest"},
		{"POST", "/v1/rooms", object{"name": "x", "audio": object{"above": 1000001}}, 422, "above"},
		{"POST", "/v1/rooms", object{"name": "x", "audio": 3}, 422, "audio"},
		{"PATCH", room, object{"audio": object{"quietest": 1}}, 422, "quietest"},
		{"POST", "/v1/rooms", object{"name": "x", "metadata": 7}, 422, "metadata"},
		{"POST", "/v1/rooms", object{"name": "x", "metadata": object{"a": strings.Repeat("x", protocol.MaxMetadata)}}, 400, "16384 are the most"},
		{"POST", "/v1/rooms", "{\"name\":\"x\",\"metadata\":{\"a\":\"\xff\"}}", 400, "UTF-8"},
		{"POST", "/v1/rooms", object{"name": "x", "codecs": []string{"H265"}}, 400, `"H265" is not known`},
		{"POST", "/v1/rooms", object{"name": "x", "codecs": []string{"VP8", "vp8"}}, 400, "twice"},
		{"POST", "/v1/rooms", object{"name": "x", "codecs": []int{1}}, 422, "codecs"},
		{"POST", "/v1/rooms", object{"name": "staff"}, 409, "getOrCreate"},
		{"PATCH", room, object{"name": "hall"}, 409, "another room"},
		{"PATCH", room, object{"id": "x"}, 422, "id"},
		{"GET", "/v1/rooms?limit=0", nil, 422, "limit"},
		{"GET", "/v1/rooms?limit=1001", nil, 422, "limit"},
		{"GET", "/v1/rooms?limit=many", nil, 422, "limit"},
		{"GET", "/v1/rooms?cursor=here", nil, 400, "cursor"},
		{"GET", "/v1/rooms?offset=5", nil, 422, "offset"},
		{"GET", "/v1/rooms/../services", nil, 404, ""},
		{"GET", "/v1/rooms/%00", nil, 404, "no room"},
		{"GET", room + "/participants/nobody", nil, 404, "no participant"},
		{"GET", room + "/participants/nobody/stats", nil, 404, "no participant"},
		{"GET", room + "/users/nobody", nil, 404, "no user"},
		{"GET", room + "/streams/1", nil, 404, "no stream"},
		{"POST", room + "/tokens", object{"user": "Ana"}, 422, "role"},
		{"POST", room + "/tokens", object{"user": "Ana", "role": "king"}, 400, `no role "king"`},
		{"POST", room + "/tokens", object{"user": "Ana", "role": "viewer", "permissions": []string{"fly"}}, 422, "permissions"},
		{"POST", room + "/tokens", object{"user": "Ana", "role": "viewer", "expiresIn": 86401}, 422, "expiresIn"},
		{"POST", room + "/tokens", object{"user": "Ana", "role": "viewer", "uses": 0}, 422, "uses"},
		{"POST", room + "/tokens", object{"user": "a\nb", "role": "viewer"}, 400, "control characters"},
		{"PUT", "/v1/services/" + string(d.school.ID) + "/roles/x", object{"permissions": []string{"fly"}}, 422, "permissions"},
		{"DELETE", "/v1/services/" + string(d.school.ID) + "/roles/viewer", nil, 404, "no role"},
	} {
		r := d.as(d.school, request(c.method, c.path, c.body))
		w := d.raw(r)
		var problem struct{ Type, Detail string }
		if w.Code != c.status && (c.want != "" || w.Code < 300) {
			t.Errorf("%s %s %v: %d %s, want %d", c.method, c.path, c.body, w.Code, w.Body, c.status)
			continue
		}
		if c.want == "" {
			continue
		}
		if err := json.Unmarshal(w.Body.Bytes(), &problem); err != nil || !strings.Contains(problem.Detail, c.want) || !strings.HasPrefix(problem.Type, problemType) {
			t.Errorf("%s %s %v: %s, want %q", c.method, c.path, c.body, w.Body, c.want)
		}
	}

	big := d.as(d.school, request("POST", "/v1/rooms", `{"name":"`+strings.Repeat("x", maxBody)+`"}`))
	d.refuse(big, 413, "65536 bytes")
	text := d.as(d.school, request("POST", "/v1/rooms", `name=x`))
	text.Header.Set("Content-Type", "text/plain")
	d.refuse(text, 415, "send JSON, with Content-Type: application/json")

	for _, c := range []struct{ method, path, want string }{
		{"GET", "/v1/nothing", "nothing at this path"},
		{"GET", "/v1", "nothing at this path"},
		{"GET", "/v1/rooms/", "nothing at this path"},
		{"TRACE", "/v1/rooms", "GET, POST"},
		{"DELETE", "/v1/services", "GET, POST"},
	} {
		w := d.raw(request(c.method, c.path, nil))
		if w.Code != 404 && w.Code != 405 || !strings.Contains(w.Body.String(), c.want) || w.Header().Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s %s: %d %s", c.method, c.path, w.Code, w.Body)
		}
	}
	d.send(d.as(d.school, request("GET", room, nil)), 200)
}

// TestFaultsBehindTheDoor: a controller or a database that is away is no fault
// of the client's, and its words stay inside.
func TestFaultsBehindTheDoor(t *testing.T) {
	d := open(t, nil)
	room := "/v1/rooms/" + string(d.newRoom("staff"))
	d.rooms.err = protocol.Errorf(protocol.CodeUnavailable, "no worker is there; try again")
	d.refuse(d.as(d.school, request("GET", room+"/streams", nil)), 503, "no worker is there")
	d.rooms.err = fmt.Errorf("the disk of host x27 says %s", d.school.Key)
	d.refuse(d.as(d.school, request("GET", room+"/streams", nil)), 500, "its log has the reason")
	if !strings.Contains(d.log.String(), "x27") {
		t.Error("the log does not have the reason")
	}
	_ = d.store.Close()
	_, w := d.send(d.as(d.school, request("GET", room, nil)), 503)
	if w.Header().Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
}

func TestHealth(t *testing.T) {
	ready := false
	d := open(t, func(c *Config) { c.Ready = func() bool { return ready } })
	d.refuse(request("GET", "/healthz", nil), 503, "does not take calls")
	ready = true
	d.send(request("GET", "/healthz", nil), 200)
}

func TestPages(t *testing.T) {
	d := open(t, func(c *Config) {
		c.Pages = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/boom" {
				panic("boom")
			}
			_, _ = w.Write([]byte("page " + r.URL.Path))
		})
	})
	w := d.raw(request("GET", "/m/friday", nil))
	if w.Body.String() != "page /m/friday" || w.Header().Get("Cache-Control") != "" || w.Header().Get("Access-Control-Allow-Origin") != "" {
		t.Error(w.Body, w.Header())
	}
	if w := d.raw(request("GET", "/v1/nothing", nil)); w.Code != 404 || w.Header().Get("Content-Type") != "application/problem+json" {
		t.Error("a page in the place of the API:", w.Code, w.Body)
	}
	if w := d.raw(request("DELETE", "/v1/rooms", nil)); w.Code != 405 || w.Header().Get("Allow") != "GET, POST" {
		t.Error(w.Code, w.Header(), w.Body)
	}
	if w := d.raw(request("GET", "/boom", nil)); w.Code != 500 || !strings.Contains(d.log.String(), "boom") {
		t.Error("a panic:", w.Code, w.Body)
	}
}

func TestConfig(t *testing.T) {
	d := open(t, nil)
	for _, c := range []Config{
		{},
		{Store: d.store, Rooms: d.rooms, PublicURL: "meet.example.org"},
		{Store: d.store, Rooms: d.rooms, PublicURL: "https://x/?a=b"},
		{Store: d.store, Rooms: d.rooms, AllowOrigins: []string{"[x"}},
	} {
		if _, err := New(c); err == nil {
			t.Errorf("%+v was taken", c)
		}
	}
}
