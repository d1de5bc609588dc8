package licode

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tertulia-rtc/tertulia/protocol"
	"github.com/tertulia-rtc/tertulia/store"
)

const (
	superID = "5f1a2b3c4d5e6f7081920a00"
	appID   = "5f1a2b3c4d5e6f7081920a01"
)

func roomID(n int) string { return fmt.Sprintf("6f1a2b3c4d5e6f708192%04x", n) }

// What mongoexport writes: a document a line, with Extended JSON.
var exportedServices = `{"_id":{"$oid":"` + superID + `"},"name":"superService","key":"30745","rooms":[]}
{"_id":{"$oid":"` + appID + `"},"name":"app","key":"secret","since":{"$date":"2020-01-02T03:04:05Z"},"size":{"$numberLong":"9007199254740993"},"rooms":[` +
	`{"name":"a","_id":{"$oid":"` + roomID(1) + `"}},` +
	`{"name":"b","p2p":true,"data":{"n":{"$numberInt":"7"},"d":{"$date":{"$numberLong":"1577934245000"}},"o":{"$oid":"` + roomID(9) + `"}},"mediaConfiguration":"VP9_AND_OPUS","_id":{"$oid":"` + roomID(2) + `"}},` +
	`{"name":"a","data":[{"$numberDouble":"1.5"},{"$numberDouble":"NaN"},{"$undefined":true}],"_id":{"$oid":"` + strings.ToUpper(roomID(3)) + `"}}],` +
	`"testRoom":{"name":"testRoom","_id":{"$oid":"` + roomID(4) + `"}}}
`

var exportedRooms = `[{"_id":{"$oid":"` + roomID(1) + `"},"name":"stale","erizoControllerId":{"$oid":"` + superID + `"}},
{"_id":"` + roomID(2) + `","name":"b"},
{"_id":{"$oid":"` + roomID(5) + `"},"name":"of nobody"}]`

func readDump(t *testing.T, files ...string) *Dump {
	t.Helper()
	d := new(Dump)
	for i, text := range files {
		if err := d.Read(strings.NewReader(text), fmt.Sprintf("file%d", i+1)); err != nil {
			t.Fatal(err)
		}
	}
	return d
}

func TestImport(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	var said []string
	steps := 0
	run := func(change func(*Import)) (services, rooms Tally) {
		t.Helper()
		said = nil
		im := &Import{Store: w.store, Say: func(line string) { said = append(said, line) }, Progress: func(done, of int) {
			if steps++; done > of {
				t.Errorf("%d of %d", done, of)
			}
		}}
		if change != nil {
			change(im)
		}
		services, rooms, err := im.Run(ctx, readDump(t, exportedServices, exportedRooms))
		if err != nil {
			t.Fatal(err)
		}
		return services, rooms
	}
	expect := func(what string, got, want Tally) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %+v, want %+v", what, got, want)
		}
	}

	services, rooms := run(func(im *Import) { im.DryRun = true })
	expect("dry services", services, Tally{Read: 2, Added: 2})
	expect("dry rooms", rooms, Tally{Read: 4, Added: 3, Ownerless: 1})
	if all, err := w.store.Services(ctx); err != nil || len(all) != 3 {
		t.Fatal("a dry run did something:", all, err)
	}

	services, rooms = run(nil)
	expect("services", services, Tally{Read: 2, Added: 2})
	expect("rooms", rooms, Tally{Read: 4, Added: 3, Ownerless: 1})
	if len(said) != 1 || !strings.Contains(said[0], roomID(5)) || steps == 0 {
		t.Error(said, steps)
	}
	app, err := w.store.Service(ctx, appID)
	if err != nil || app.Key != "secret" || app.Name != "app" {
		t.Fatal(app, err)
	}
	// Applications go on with what they had.
	w.expect("a room by its old id", w.call(app, "GET", "/rooms/"+roomID(2), ""), 200,
		`{"name":"b","p2p":true,"data":{"d":1577934245000,"n":7,"o":"`+roomID(9)+`"},"mediaConfiguration":"VP9_AND_OPUS","_id":"`+roomID(2)+`"}`)
	w.expect("another of the same name", w.call(app, "GET", "/rooms/"+roomID(3), ""), 200, `{"name":"a","data":[1.5,null,null],"_id":"`+roomID(3)+`"}`)
	w.expect("the service's copy counts", w.call(app, "GET", "/rooms/"+roomID(1), ""), 200, `{"name":"a","_id":"`+roomID(1)+`"}`)
	w.expect("the service", w.call(w.super, "GET", "/services/"+superID, ""), 200, `{"name":"superService","key":"30745","rooms":[],"_id":"`+superID+`"}`)
	if got := w.call(w.super, "GET", "/services/"+appID, ""); !strings.HasPrefix(got.text, `{"name":"app","key":"secret","since":"2020-01-02T03:04:05Z","size":9007199254740993,"rooms":[`) {
		t.Error(got)
	}

	// Again: nothing happens.
	services, rooms = run(nil)
	expect("again services", services, Tally{Read: 2, There: 2})
	expect("again rooms", rooms, Tally{Read: 4, There: 3, Ownerless: 1})
	services, rooms = run(func(im *Import) { im.Overwrite = true })
	expect("again with overwrite, services", services, Tally{Read: 2, There: 2})
	expect("again with overwrite, rooms", rooms, Tally{Read: 4, There: 3, Ownerless: 1})

	// What was changed here stays, unless it is to be overwritten.
	w.expect("rename", w.call(app, "PUT", "/rooms/"+roomID(1), `{"name":"c","options":{"p2p":true,"data":{"x":1}}}`), 200, "Room Updated")
	app.Key = "another"
	if _, err = w.store.UpdateService(ctx, app); err != nil {
		t.Fatal(err)
	}
	services, rooms = run(nil)
	expect("changed services", services, Tally{Read: 2, There: 2})
	expect("changed rooms", rooms, Tally{Read: 4, There: 3, Ownerless: 1})
	if len(said) != 2 || !strings.Contains(said[0], "another key") || strings.Contains(strings.Join(said, ""), "secret") {
		t.Error(said)
	}
	roles := map[string][]protocol.Permission{"singer": {protocol.PublishAudio}}
	for _, dry := range []bool{true, false} {
		services, rooms = run(func(im *Import) { im.Overwrite, im.DryRun, im.Roles, im.Super = true, dry, roles, superID })
		expect("overwritten services", services, Tally{Read: 2, Changed: 2})
		expect("overwritten rooms", rooms, Tally{Read: 4, Changed: 1, There: 2, Ownerless: 1})
	}
	if app, err = w.store.Service(ctx, appID); err != nil || app.Key != "secret" || cmp.Diff(roles, app.Roles) != "" {
		t.Error(app, err)
	}
	w.expect("as the dump has it", w.call(app, "GET", "/rooms/"+roomID(1), ""), 200, `{"name":"a","_id":"`+roomID(1)+`"}`)
	if super, err := w.store.SuperService(ctx); err != nil || super.ID != superID || super.Key != "30745" {
		t.Error(super, err)
	}
}

func TestWhatImportRefuses(t *testing.T) {
	w := newWorld(t)
	foreign := w.room(w.school, `{"name":"r"}`)
	dump := readDump(t, strings.Join([]string{
		`{"_id":"x","name":"a","key":"k","rooms":[{"_id":"` + roomID(1) + `","name":"r"}]}`,
		`{"_id":"` + roomID(50) + `","name":"no key","rooms":[]}`,
		`{"_id":"` + roomID(51) + `","name":"long key","key":"` + strings.Repeat("k", maxKey+1) + `"}`,
		`{"_id":"` + appID + `","name":"school","key":"k","rooms":[{"_id":"` + foreign + `","name":"theirs"},{"_id":"y","name":"r"},{"_id":"` + roomID(2) + `","name":"\u0000"},
		{"_id":"` + roomID(3) + `","name":7,"mediaConfiguration":"a\nb","data":"` + strings.Repeat("x", maxBody) + `"}]}`,
		`{"_id":"` + appID + `","name":"twice","key":"k"}`,
		`{"_id":"` + roomID(52) + `","name":"much","key":"k","more":"` + strings.Repeat("x", maxExtra) + `"}`,
	}, "\n"))
	var said []string
	im := &Import{Store: w.store, Say: func(line string) { said = append(said, line) }}
	services, rooms, err := im.Run(t.Context(), dump)
	if err != nil || services != (Tally{Read: 6, Added: 2, Refused: 4}) || rooms != (Tally{Read: 5, Added: 2, Refused: 3}) {
		t.Errorf("%+v %+v %v", services, rooms, err)
	}
	all := strings.Join(said, "\n")
	for _, want := range []string{
		`file1, document 1 is refused: its _id "x"`, "file1, document 2 is refused: it has no key", "file1, document 3 is refused: its key", "room 1 is refused: the room " + foreign + " belongs to another service",
		`room 2 is refused: its _id "y"`, `room 3: the name "\x00" becomes "` + roomID(2) + `"`, "room 4: its data", "room 4: its mediaConfiguration", "was there in file1, document 4", "document 6: what it has beside",
	} {
		if !strings.Contains(all, want) {
			t.Errorf("nobody said %q; said was\n%s", want, all)
		}
	}
	app, err := w.store.Service(t.Context(), appID)
	if err != nil {
		t.Fatal(err)
	}
	w.expect("the rest came in", w.call(app, "GET", "/rooms", ""), 200, `[{"name":"`+roomID(2)+`","_id":"`+roomID(2)+`"},{"name":"7","_id":"`+roomID(3)+`"}]`)
	if got := w.call(w.super, "GET", "/services/"+appID, ""); !strings.HasPrefix(got.text, `{"name":"school",`) {
		t.Error("a service whose name is taken:", got)
	}
	im = &Import{Store: w.store, Super: protocol.ServiceID(roomID(77))}
	if _, _, err := im.Run(t.Context(), new(Dump)); err == nil {
		t.Error("a super service that is not there")
	}
}

// A dry run says of a room that is there twice what the run says.
func TestRoomsThatAreThereTwice(t *testing.T) {
	w := newWorld(t)
	dump := readDump(t, `{"_id":"`+appID+`","name":"a","key":"k","rooms":[{"_id":"`+roomID(1)+`","name":"r"},{"_id":"`+roomID(1)+`","name":"r"}]}
		{"_id":"`+superID+`","name":"b","key":"k","rooms":[{"_id":"`+roomID(1)+`","name":"r"},{"_id":"`+roomID(2)+`","name":"r"}]}`)
	for _, dry := range []bool{true, false} {
		var said []string
		im := &Import{Store: w.store, DryRun: dry, Say: func(line string) { said = append(said, line) }}
		_, rooms, err := im.Run(t.Context(), dump)
		if want := (Tally{Read: 4, Added: 2, There: 1, Refused: 1}); err != nil || rooms != want {
			t.Errorf("dry %v: %+v, want %+v (%v)", dry, rooms, want, err)
		}
		if len(said) != 1 || !strings.Contains(said[0], "another service here, "+appID) {
			t.Errorf("dry %v: %q", dry, said)
		}
	}
}

func TestFilesThatAreNoDump(t *testing.T) {
	for name, text := range map[string]string{
		"empty": " \n", "a word": "hello", "half": `{"_id":`, "half an array": `[{"_id":"x","name":"a"}`, "numbers": "1 2", "null": "null",
		"something after a document": `{"_id":"x"} x`, "rooms that are none": `{"_id":"x","key":"k","rooms":"all"}`, "room documents that are none": `{"_id":"x","key":"k","rooms":[1]}`,
	} {
		if err := new(Dump).Read(strings.NewReader(text), "F"); err == nil || !strings.HasPrefix(err.Error(), "F") {
			t.Errorf("%s: %v", name, err)
		}
	}
	d := readDump(t, "\ufeff[ ]", " [{\"name\":\"r\"} , {\"key\":\"k\"}]\n", "{}")
	if len(d.Rooms) != 2 || len(d.Services) != 1 {
		t.Errorf("%+v", d)
	}
}

func TestRolesOfLicodesConfiguration(t *testing.T) {
	got, notes, err := RolesOf([]byte(`{
		"presenter":{"publish":true,"subscribe":true,"record":true,"stats":true,"controlhandlers":true},
		"viewer":{"subscribe":true},
		"viewerWithData":{"subscribe":true,"publish":{"audio":false,"video":false,"screen":false,"data":true}},
		"singer":{"publish":{"video":false,"screen":false},"record":true,"stats":false},
		"picky":{"subscribe":{"audio":true,"video":false},"fly":true},
		"nobody":{},
		"a role whose name is longer than all":{}}`))
	want := map[string][]protocol.Permission{
		"singer": {protocol.PublishAudio, protocol.PublishData, protocol.Record},
		"picky":  {protocol.Subscribe},
		"nobody": {},
	}
	if err != nil || cmp.Diff(want, got) != "" || len(notes) != 3 {
		t.Error(cmp.Diff(want, got), notes, err)
	}
	if _, _, err := RolesOf([]byte(`{"a":1}`)); err == nil {
		t.Error("a role that is none")
	}
}

func FuzzDump(f *testing.F) {
	f.Add(exportedServices)
	f.Add(exportedRooms)
	f.Fuzz(func(t *testing.T, text string) {
		d := new(Dump)
		if d.Read(strings.NewReader(text), "F") != nil {
			return
		}
		im := &Import{}
		for _, s := range d.Services {
			im.tidyName(s.Name, s.ID, s.At)
			for _, r := range s.Rooms {
				im.fill(store.Room{Name: im.tidyName(r.Name, r.ID, r.At)}, r)
			}
		}
	})
}
