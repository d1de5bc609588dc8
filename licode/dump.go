package licode

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
)

// Dump is what mongoexport wrote of Licode's database: documents of the
// collections services and rooms.
type Dump struct {
	Services []DumpedService
	// Rooms are those of the collection rooms, which does not say whose they are:
	// that is in the services.
	Rooms []DumpedRoom
}

// DumpedService is a document of services.
type DumpedService struct {
	At     string // where it was read: file and number
	ID     string
	Name   string
	Key    string
	Rooms  []DumpedRoom
	Fields map[string]json.RawMessage // all, as plain JSON
}

// DumpedRoom is a room, of either collection.
type DumpedRoom struct {
	At                 string
	ID                 string
	Name               string
	P2P                bool
	Data               json.RawMessage // nil without
	MediaConfiguration string
}

// maxDocument bounds one document, in bytes. MongoDB's own limit is 16 MiB in a
// denser form.
const maxDocument = 128 << 20

// Read adds the documents of a file: one after the other, or in an array. A
// document with a key is a service, one without a room.
func (d *Dump) Read(r io.Reader, file string) error {
	limited := &documentReader{r: r, left: maxDocument}
	buffered := bufio.NewReader(limited)
	var array bool
	for {
		c, err := buffered.ReadByte()
		if errors.Is(err, io.EOF) {
			return fmt.Errorf("%s is empty", file)
		}
		if err != nil {
			return fmt.Errorf("%s cannot be read: %w", file, err)
		}
		if !strings.ContainsRune(" \t\r\n\ufeff", rune(c)) && c < 0x80 {
			array = c == '['
			if err := buffered.UnreadByte(); err != nil {
				return err
			}
			break
		}
	}
	decoder := json.NewDecoder(buffered)
	if array {
		_, _ = decoder.Token() // the bracket that was seen
	}
	for n := 1; ; n++ {
		if array && !decoder.More() {
			if _, err := decoder.Token(); err != nil {
				return fmt.Errorf("%s ends before its array does: %w", file, err)
			}
			return nil
		}
		limited.left = maxDocument
		var document map[string]json.RawMessage
		at := file + ", document " + strconv.Itoa(n)
		err := decoder.Decode(&document)
		if errors.Is(err, io.EOF) && !array {
			return nil
		}
		if err == nil && document == nil {
			err = errors.New("it is null")
		}
		if err != nil {
			return fmt.Errorf("%s is not a JSON object as mongoexport writes them: %w", at, err)
		}
		if err := d.add(document, at); err != nil {
			return fmt.Errorf("%s: %w", at, err)
		}
	}
}

// documentReader ends a document that has no end.
type documentReader struct {
	r    io.Reader
	left int
}

func (d *documentReader) Read(p []byte) (int, error) {
	if d.left <= 0 {
		return 0, fmt.Errorf("a document has more than %d MiB", maxDocument>>20)
	}
	n, err := d.r.Read(p[:min(len(p), d.left)])
	d.left -= n
	return n, err
}

func (d *Dump) add(document map[string]json.RawMessage, at string) error {
	plain, err := plainObject(document)
	if err != nil {
		return err
	}
	if _, isService := plain["key"]; !isService && plain["rooms"] == nil {
		room, err := readRoom(plain, at)
		if err == nil {
			d.Rooms = append(d.Rooms, room)
		}
		return err
	}
	service := DumpedService{At: at, ID: idOf(plain), Fields: plain}
	service.Name = nameIn(plain)
	service.Key, _ = object(plain).text("key")
	var rooms []map[string]json.RawMessage
	if raw, ok := plain["rooms"]; ok {
		if err := json.Unmarshal(raw, &rooms); err != nil {
			return errors.New("its rooms are not an array of objects")
		}
	}
	for i, fields := range rooms {
		room, err := readRoom(fields, at+", room "+strconv.Itoa(i+1))
		if err != nil {
			return err
		}
		service.Rooms = append(service.Rooms, room)
	}
	d.Services = append(d.Services, service)
	return nil
}

func readRoom(fields object, at string) (DumpedRoom, error) {
	room := DumpedRoom{At: at, ID: idOf(fields), Name: nameIn(fields), P2P: fields.is("p2p")}
	if fields.is("data") {
		room.Data = fields["data"]
	}
	room.MediaConfiguration, _ = fields.text("mediaConfiguration")
	return room, nil
}

func idOf(fields object) string {
	id, _ := fields.text("_id")
	return strings.ToLower(id)
}

// nameIn gives a name as text, whatever its type.
func nameIn(fields object) string {
	if s, ok := fields.text("name"); ok {
		return s
	}
	if raw := string(fields["name"]); raw != "null" {
		return raw
	}
	return ""
}

// plainObject turns MongoDB's Extended JSON (version 2, canonical or relaxed,
// and version 1) into plain JSON: ids and dates become strings, numbers numbers.
func plainObject(document map[string]json.RawMessage) (map[string]json.RawMessage, error) {
	plain := make(map[string]json.RawMessage, len(document))
	for key, raw := range document {
		var value any
		decoder := json.NewDecoder(strings.NewReader(string(raw)))
		decoder.UseNumber()
		if err := decoder.Decode(&value); err != nil {
			return nil, err
		}
		text, err := encode(plainValue(value))
		if err != nil {
			return nil, err
		}
		plain[key] = text
	}
	return plain, nil
}

func plainValue(value any) any {
	switch v := value.(type) {
	case []any:
		for i := range v {
			v[i] = plainValue(v[i])
		}
	case map[string]any:
		if len(v) == 1 {
			for key, inner := range v {
				if plain, ok := extended(key, inner); ok {
					return plain
				}
			}
		}
		for key := range v {
			v[key] = plainValue(v[key])
		}
	}
	return value
}

// extended gives the plain value of {"$key": inner}, if that is Extended JSON.
func extended(key string, inner any) (any, bool) {
	text, isText := inner.(string)
	switch key {
	case "$oid", "$symbol", "$code", "$uuid", "$numberDecimal":
		return text, isText
	case "$numberInt", "$numberLong", "$numberDouble":
		if number, ok := inner.(json.Number); ok {
			return number, true
		}
		f, err := strconv.ParseFloat(text, 64)
		switch {
		case !isText || err != nil:
			return nil, false
		case math.IsNaN(f) || math.IsInf(f, 0): // these have no place in JSON
			return nil, true
		case json.Valid([]byte(text)):
			return json.Number(text), true
		}
		return f, true
	case "$date":
		if inner, ok := inner.(map[string]any); ok {
			return plainValue(inner), true // {"$numberLong": "…"}
		}
		return inner, true
	case "$undefined":
		return nil, true
	}
	return nil, false
}
