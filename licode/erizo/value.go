package erizo

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"

	"github.com/tertulia-rtc/tertulia/protocol"
)

// object is an object of the client's, whose members have whatever types its
// application gave them. They are read as JavaScript would read them.
type object map[string]json.RawMessage

// maxMembers bounds what is kept of one object.
const maxMembers = 256

// readObject reads an object; anything else is none.
func readObject(b json.RawMessage) (object, bool) {
	var o object
	if t := bytes.TrimLeft(b, " \t\r\n"); len(t) == 0 || t[0] != '{' || json.Unmarshal(b, &o) != nil || len(o) > maxMembers {
		return nil, false
	}
	return o, true
}

// readOptions reads {options: {…}, sdp: …}, in which most events of the client
// have what they are about.
func readOptions(b json.RawMessage) (options object, ok bool) {
	outer, ok := readObject(b)
	if !ok {
		return nil, false
	}
	return readObject(outer["options"])
}

// given says whether the member is there and is not null.
func (o object) given(name string) bool {
	b, ok := o[name]
	return ok && string(b) != "null"
}

// truthy reads a member as a condition.
func (o object) truthy(name string) bool { return truthy(o[name]) }

// refused says that the member is exactly false.
func (o object) refused(name string) bool { return string(o[name]) == "false" }

// text gives a string; anything else is "".
func (o object) text(name string) string {
	var s string
	_ = json.Unmarshal(o[name], &s) // what is none stays ""
	return s
}

// word gives a string, or the text of a number.
func (o object) word(name string) string {
	if n, ok := number(o[name]); ok {
		return strconv.FormatFloat(n, 'f', -1, 64)
	}
	return o.text(name)
}

// object gives an object; anything else is an empty one.
func (o object) object(name string) object {
	inner, _ := readObject(o[name])
	return inner
}

// positive gives a number above 0; anything else is 0.
func (o object) positive(name string) float64 {
	if n, ok := number(o[name]); ok && n > 0 {
		return n
	}
	return 0
}

// integer gives a whole number that JavaScript holds exactly.
func (o object) integer(name string) (int, bool) {
	n, ok := number(o[name])
	if !ok || n != math.Trunc(n) || math.Abs(n) > float64(protocol.MaxStreamID) {
		return 0, false
	}
	return int(n), true
}

// stream gives the id of a stream.
func (o object) stream(name string) (protocol.StreamID, bool) { return readStreamID(o[name]) }

// readStreamID reads a number, or the text of one: the keys of objects in
// JavaScript are text.
func readStreamID(b json.RawMessage) (protocol.StreamID, bool) {
	n, ok := number(b)
	if !ok {
		var s string
		if json.Unmarshal(b, &s) != nil {
			return 0, false
		}
		if n, ok = number(json.RawMessage(s)); !ok {
			return 0, false
		}
	}
	if n < 1 || n > float64(protocol.MaxStreamID) || n != math.Trunc(n) {
		return 0, false
	}
	return protocol.StreamID(n), true
}

// number reads a number of JSON.
func number(b json.RawMessage) (float64, bool) {
	if len(b) == 0 || b[0] != '-' && (b[0] < '0' || b[0] > '9') {
		return 0, false
	}
	n, err := strconv.ParseFloat(string(b), 64)
	return n, err == nil && !math.IsInf(n, 0) && !math.IsNaN(n)
}

// truthy says whether JavaScript takes the value for true.
func truthy(b json.RawMessage) bool {
	switch string(b) {
	case "", "null", "false", `""`:
		return false
	}
	if n, ok := number(b); ok {
		return n != 0
	}
	return true
}

// bitrate gives bits per second of kilobits per second, within what the room takes.
func bitrate(kbps float64) uint64 {
	return uint64(min(kbps*1000, protocol.MaxWantedBitrate))
}
