package licode

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Limits of a body.
const (
	maxBody     = 100 << 10 // bytes, as Express has it
	maxFields   = 1000      // of a form
	maxDepth    = 5         // of a form's brackets
	bodyTimeout = 10 * time.Second
)

// object is a JSON object whose values are not read yet.
type object map[string]json.RawMessage

// readBody reads a JSON object or a form. Anything else has no fields, as for
// Licode's server.
func readBody(w http.ResponseWriter, r *http.Request) (object, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return nil, nil
	}
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" && kind != "application/x-www-form-urlencoded" {
		return nil, nil //nolint:nilerr // a body of no type that is read here
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTimeout)) // not every writer can
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var tooLarge *http.MaxBytesError
	var network net.Error
	switch {
	case errors.As(err, &tooLarge):
		return nil, failure{http.StatusRequestEntityTooLarge, "The body has more than 100 KiB"}
	case errors.As(err, &network) && network.Timeout():
		return nil, failure{http.StatusRequestTimeout, "The body did not arrive in time"}
	case err != nil:
		return nil, failure{http.StatusBadRequest, "The body is cut short"}
	case len(bytes.TrimSpace(text)) == 0:
		return nil, nil
	case kind == "application/json":
		return decodeJSON(text)
	}
	return decodeForm(string(text))
}

func decodeJSON(text []byte) (object, error) {
	if !utf8.Valid(text) {
		return nil, failure{http.StatusBadRequest, "The body is not UTF-8"}
	}
	var fields object
	err := json.Unmarshal(text, &fields)
	var other *json.UnmarshalTypeError
	if errors.As(err, &other) && bytes.HasPrefix(bytes.TrimSpace(text), []byte("[")) {
		return nil, nil // an array has no fields
	}
	if err != nil {
		return nil, failure{http.StatusBadRequest, "The body is not a JSON object"}
	}
	return fields, nil
}

// decodeForm reads a form, in which options[data][a]=1 is a field of an object
// in an object. Values are strings.
func decodeForm(text string) (object, error) {
	bad := failure{http.StatusBadRequest, "The body is not a form"}
	if strings.Count(text, "&") >= maxFields {
		return nil, bad
	}
	root := map[string]any{}
	for pair := range strings.SplitSeq(text, "&") {
		key, value, _ := strings.Cut(pair, "=")
		key, err := url.QueryUnescape(key)
		if err != nil {
			return nil, bad
		}
		value, err = url.QueryUnescape(value)
		if err != nil {
			return nil, bad
		}
		if key == "" {
			continue
		}
		place, last := root, ""
		for _, name := range brackets(key) {
			if last != "" {
				next, ok := place[last].(map[string]any)
				if !ok {
					next = map[string]any{}
					place[last] = next
				}
				place = next
			}
			last = name
		}
		place[last] = strings.ToValidUTF8(value, "\uFFFD")
	}
	whole, err := json.Marshal(root)
	if err != nil {
		return nil, bad
	}
	return decodeJSON(whole)
}

// brackets takes a[b][c] apart; what does not have that form is one name.
func brackets(key string) []string {
	name, rest, nested := strings.Cut(key, "[")
	if !nested || name == "" || !strings.HasSuffix(rest, "]") {
		return []string{key}
	}
	names := append([]string{name}, strings.Split(strings.TrimSuffix(rest, "]"), "][")...)
	for _, n := range names {
		if n == "" || len(names) > maxDepth {
			return []string{key}
		}
	}
	return names
}

// object gives a field that is an object; any other has no fields.
func (o object) object(name string) object {
	var inner object
	if json.Unmarshal(o[name], &inner) != nil {
		return nil
	}
	return inner
}

// is says whether a field is there and not false, 0, null or empty, as in
// JavaScript; as texts, "false" and "0" are false too, since a form has only
// texts.
func (o object) is(name string) bool {
	switch value := strings.TrimSpace(string(o[name])); value {
	case "", "false", "null", `""`, `"false"`, `"0"`:
		return false
	default:
		number, err := strconv.ParseFloat(value, 64)
		return err != nil || number != 0
	}
}

// text gives a field that is a string.
func (o object) text(name string) (string, bool) {
	var s *string
	if json.Unmarshal(o[name], &s) != nil || s == nil {
		return "", false
	}
	return *s, true
}

// maxName bounds the name of a room or a service, in characters.
const maxName = 128

// name gives the field name: a text that can be shown, or a number.
func (o object) name() (string, bool) {
	s, ok := o.text("name")
	if !ok {
		var number json.Number
		if raw := o["name"]; len(raw) == 0 || raw[0] == '"' || json.Unmarshal(raw, &number) != nil {
			return "", false
		}
		s = number.String()
	}
	return s, isText(s, maxName) && strings.TrimSpace(s) != ""
}

// isText says whether s has 1…limit characters, none of which is a control
// character.
func isText(s string, limit int) bool {
	return s != "" && utf8.ValidString(s) && utf8.RuneCountInString(s) <= limit && strings.IndexFunc(s, unicode.IsControl) < 0
}

// encode gives JSON as JavaScript writes it, with < > and & as they are.
func encode(value any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(value); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
