package licode_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
)

// TestTranscripts replays what clients of Licode's were recorded to say, and
// holds the server to what it answered.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		revision := "4"
		if strings.Contains(file, "revision3") {
			revision = "3"
		}
		inHouse(t, func(t *testing.T, h *house) {
			query := h.token("ana", "presenter")
			g := h.call(query, revision)
			values := map[string]string{"room": string(h.room.ID)}
			for n, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
				kind, frame, _ := strings.Cut(line, " ")
				switch kind {
				case ">":
					g.say(fill(frame, values))
					synctest.Wait()
				case "<":
					got, err := g.frame()
					if err != nil || !fits(frame, got, values) {
						t.Fatalf("%s, line %d: %q (%v), want %q with %v", file, n+1, got, err, frame, values)
					}
				case "cut":
					g.cut()
					query.Set("clientId", values["client"])
					delete(values, "sid")
					g = h.call(query, revision)
				}
			}
			g.cut()
		})
	}
}

// fill puts values into the names in braces.
func fill(frame string, values map[string]string) string {
	for name, value := range values {
		frame = strings.ReplaceAll(frame, "{"+name+"}", value)
	}
	return frame
}

var inBraces = regexp.MustCompile(`\\\{([a-z]+)\\\}`)

// fits says whether a frame is the one that is wanted, and learns the values
// that have names in it. It is compared as text, since clients of all ages read it.
func fits(want, got string, values map[string]string) bool {
	pattern := inBraces.ReplaceAllString(regexp.QuoteMeta(fill(want, values)), `([0-9a-f-]+)`)
	found := regexp.MustCompile("^" + pattern + "$").FindStringSubmatch(got)
	if found == nil {
		return false
	}
	for i, name := range inBraces.FindAllStringSubmatch(regexp.QuoteMeta(fill(want, values)), -1) {
		values[name[1]] = found[i+1]
	}
	return got[0] != '4' || len(got) == 2 || json.Valid([]byte(strings.TrimLeft(got[2:], "0123456789")))
}
