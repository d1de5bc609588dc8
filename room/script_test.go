package room

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tertulia-rtc/tertulia/protocol"
)

var update = flag.Bool("update", false, "write what the room does into the scripts")

// TestScripts runs testdata/*.txt. A script is a list of steps, each a line:
//
//	room maxParticipants maxStreams [p2p]
//	join NAME ROLE [returns]
//	NAME SEQ TYPE {json}        a request of a participant
//	event TYPE {json}           of the worker
//	answer REQUEST TYPE {json}  of the worker to a command
//	found | lost                the worker
//	wait 5s                     lets time pass and calls Advance
//	read NAME TICKET            the statistics, for the API
//	kick NAME REASON | close REASON MESSAGE | snapshot NAME | room-changed {json}
//
// and below it, indented, what follows from it. $NAME stands for the id of a
// participant, $1, $2… for streams in the order of their making.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no scripts", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := runScript(t, string(want))
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
				t.Errorf("the room does something else (-script +room):\n%s", diff)
			}
		})
	}
}

type script struct {
	room    *Room
	now     time.Time
	streams []protocol.StreamID
}

func newScript() *script {
	return &script{room: newRoom(0, 0, ""), now: time.UnixMilli(1_000_000)}
}

func newRoom(participants, streams int, mode protocol.Mode) *Room {
	return New(Config{
		Room:            protocol.Room{ID: "000000000000000000000001", Name: "r", Mode: mode, Codecs: []string{"VP8", "opus"}},
		MaxParticipants: participants, MaxStreams: streams, Settings: protocol.DefaultRoomSettings,
		Rand: rand.New(rand.NewPCG(1, 2)),
	})
}

func runScript(t *testing.T, text string) string {
	s := newScript()
	var out strings.Builder
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if strings.HasPrefix(line, "\t") {
			continue
		}
		out.WriteString(line + "\n")
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		for _, o := range s.step(t, line) {
			out.WriteString("\t" + o + "\n")
		}
	}
	return out.String()
}

// participantID makes a UUID that has the name in it.
func participantID(name string) protocol.ParticipantID {
	return protocol.ParticipantID(fmt.Sprintf("00000000-0000-4000-8000-%012x", name))
}

var (
	nameVar   = regexp.MustCompile(`\$([a-z]+)`)
	streamVar = regexp.MustCompile(`\$([0-9]+)`)
	uuid      = regexp.MustCompile(`00000000-0000-4000-8000-0*([0-9a-f]+)`)
	bigNumber = regexp.MustCompile(`[0-9]{10,}`)
)

func (s *script) in(line string) string {
	line = nameVar.ReplaceAllStringFunc(line, func(v string) string { return `"` + string(participantID(v[1:])) + `"` })
	return streamVar.ReplaceAllStringFunc(line, func(v string) string {
		n, _ := strconv.Atoi(v[1:])
		if n > len(s.streams) {
			return "77"
		}
		return s.streams[n-1].String()
	})
}

func (s *script) out(line string) string {
	line = uuid.ReplaceAllStringFunc(line, func(v string) string {
		var name []byte
		_, _ = fmt.Sscanf(strings.TrimLeft(v[24:], "0"), "%x", &name)
		return string(name)
	})
	return bigNumber.ReplaceAllStringFunc(line, func(v string) string {
		for i, id := range s.streams {
			if id.String() == v {
				return "$" + strconv.Itoa(i+1)
			}
		}
		return v
	})
}

func (s *script) step(t *testing.T, line string) []string {
	t.Helper()
	words := strings.SplitN(line, " ", 4)
	arg := func(i int) string {
		if i < len(words) {
			return words[i]
		}
		return ""
	}
	number := func(w string) uint64 {
		n, err := strconv.ParseUint(w, 10, 64)
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		return n
	}
	var lines []string
	refuse := func(err *protocol.Error) {
		if err != nil {
			lines = append(lines, "refused "+err.Error())
		}
	}
	switch words[0] {
	case "room":
		s.room = newRoom(int(number(arg(1))), int(number(arg(2))), protocol.Mode(arg(3)))
	case "join":
		refuse(s.room.Join(protocol.Participant{
			ID: participantID(arg(1)), User: arg(1), Role: arg(2), Permissions: protocol.BuiltinRoles[arg(2)],
		}, arg(3) == "returns"))
	case "event":
		rest := strings.TrimPrefix(line, "event "+arg(1))
		s.room.Event(0, workerEvent(t, arg(1), s.in(rest)))
	case "answer":
		s.room.Event(number(arg(1)), workerEvent(t, arg(2), s.in(arg(3))))
	case "found":
		s.room.WorkerFound()
	case "lost":
		s.room.WorkerLost()
	case "wait":
		d, err := time.ParseDuration(arg(1))
		if err != nil {
			t.Fatal(err)
		}
		s.now = s.now.Add(d)
		s.room.Advance(s.now)
	case "kick":
		refuse(s.room.Kick(participantID(arg(1)), arg(2)))
	case "close":
		s.room.Close(arg(1), arg(2))
	case "read":
		s.room.ReadStats(s.now, participantID(arg(1)), number(arg(2)))
	case "snapshot":
		lines = append(lines, s.json(s.room.Snapshot(participantID(arg(1)))))
	case "room-changed":
		var change struct {
			protocol.Room
			MaxParticipants, MaxStreams int
			Settings                    protocol.RoomSettings
		}
		change.Settings = protocol.DefaultRoomSettings
		if err := json.Unmarshal([]byte(strings.TrimPrefix(line, "room-changed ")), &change); err != nil {
			t.Fatal(err)
		}
		s.room.Change(change.Room, change.MaxParticipants, change.MaxStreams, change.Settings)
	default:
		request, err := protocol.DecodeRequest(arg(2), json.RawMessage(s.in(arg(3))))
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		s.room.Handle(s.now, participantID(words[0]), number(arg(1)), request)
	}
	effects := s.room.Effects()
	for _, id := range s.room.streamOrder {
		known := false
		for _, k := range s.streams {
			known = known || k == id
		}
		if !known {
			s.streams = append(s.streams, id)
		}
	}
	for _, e := range effects {
		lines = append(lines, s.out(s.show(e)))
	}
	return lines
}

func workerEvent(t *testing.T, typ, body string) protocol.EventBody {
	t.Helper()
	if strings.TrimSpace(body) == "" {
		body = "{}"
	}
	_, event, err := protocol.DecodeEvent(fmt.Appendf(nil, `{"type":%q,"body":%s}`, typ, body))
	if err != nil {
		t.Fatal(err)
	}
	return event
}

func (s *script) show(e Effect) string {
	switch e := e.(type) {
	case Tell:
		to := "all"
		if e.To != nil {
			to = fmt.Sprint(e.To)
		} else if e.Except != "" {
			to = "all but " + string(e.Except)
		}
		return fmt.Sprintf("%s: %s %s", to, e.Type, s.json(e.Data))
	case Answer:
		if e.Error != nil {
			return fmt.Sprintf("%s: error %d %s", e.To, e.Re, e.Error)
		}
		return fmt.Sprintf("%s: ok %d %s", e.To, e.Re, s.json(e.Data))
	case Command:
		c, _, err := protocol.DecodeCommand(protocol.EncodeCommand("", 0, e.Request, e.Body))
		if err != nil {
			return err.Error()
		}
		return fmt.Sprintf("worker %d: %s %s", e.Request, c.Type, c.Body)
	case Reading:
		if e.Error != nil {
			return fmt.Sprintf("reading %d %s", e.Ticket, e.Error)
		}
		return fmt.Sprintf("reading %d %s", e.Ticket, s.json(e.Stats))
	case End:
		return fmt.Sprintf("%s: end %s %q", e.Participant, e.Reason, e.Message)
	case SaveMetadata:
		return "save " + s.json(e.Room)
	}
	return "?"
}

func (s *script) json(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err.Error()
	}
	return s.out(strings.TrimSpace(b.String()))
}
