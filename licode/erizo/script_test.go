package erizo

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tertulia-rtc/tertulia/protocol"
)

var update = flag.Bool("update", false, "write what the machine does into the scripts")

// TestScripts runs testdata/*.txt. A script is a list of steps, each a line:
//
//	client ROLE [option=value …]  begins anew; options as in the query
//	joined {json}                 the snapshot; members that are not there are filled in
//	> EVENT ACK {json}            of the client; ACK is - where it asks for none
//	room TYPE {json}              an event of the room
//	ok NUMBER {json}              of a request
//	error NUMBER CODE SENTENCE
//	stats TICKET {json}
//	hint {json}                   of another client
//	wait 5s                       lets time pass, and calls Advance whenever it is due
//
// and below it, indented, what follows. $me, $ana and so on are participants, $1, $2…
// streams in the order of their making, $c1… connections; @offer(label audio video) is
// an offer of the sections with these mids.
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
				t.Errorf("the machine does something else (-script +machine):\n%s", diff)
			}
		})
	}
}

type script struct {
	client  *Client
	now     time.Time
	streams []string
	acked   map[int]bool
}

func runScript(t *testing.T, text string) string {
	s := &script{now: time.UnixMilli(1_000_000)}
	s.begin("presenter", nil)
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

func testConfig() Config {
	return Config{DefaultVideoBW: 300, MaxVideoBW: 2000, SinglePC: true, Rand: rand.New(rand.NewPCG(1, 2))}
}

func (s *script) begin(role string, options []string) {
	config := testConfig()
	config.Options = ReadOptions(func(name string) string {
		for _, o := range options {
			if v, ok := strings.CutPrefix(o, name+"="); ok {
				return v
			}
		}
		return ""
	})
	s.client, s.streams, s.acked = New(config), nil, map[int]bool{}
	s.client.me.Role = role
}

func participantID(name string) protocol.ParticipantID {
	return protocol.ParticipantID(fmt.Sprintf("00000000-0000-4000-8000-%012x", name))
}

var (
	nameVar       = regexp.MustCompile(`\$([a-z]{2,})`)
	streamVar     = regexp.MustCompile(`\$([0-9]+)`)
	connectionVar = regexp.MustCompile(`\$c([0-9]+)`)
	offerVar      = regexp.MustCompile(`@offer\(([^)]*)\)`)
	uuid          = regexp.MustCompile(`00000000-0000-4000-8000-0*([0-9a-f]+)`)
	connectionRef = regexp.MustCompile(`\$?me_erizo_([0-9]+)`)
	bigNumber     = regexp.MustCompile(`\b[0-9]{12,16}\b`)
	sdpText       = regexp.MustCompile(`v=0[^"]*`)
)

func (s *script) in(line string) json.RawMessage {
	line = connectionVar.ReplaceAllString(line, `"`+string(participantID("me"))+`_erizo_$1"`)
	line = nameVar.ReplaceAllStringFunc(line, func(v string) string { return `"` + string(participantID(v[1:])) + `"` })
	line = streamVar.ReplaceAllStringFunc(line, func(v string) string {
		n, _ := strconv.Atoi(v[1:])
		if n > len(s.streams) {
			return "77"
		}
		return s.streams[n-1]
	})
	line = offerVar.ReplaceAllStringFunc(line, func(v string) string {
		b, _ := json.Marshal(testOffer(strings.Fields(v[7 : len(v)-1])...))
		return string(b)
	})
	return json.RawMessage(strings.TrimSpace(line))
}

func (s *script) out(line string) string {
	line = uuid.ReplaceAllStringFunc(line, func(v string) string {
		var name []byte
		_, _ = fmt.Sscanf(strings.TrimLeft(v[24:], "0"), "%x", &name)
		return string(name)
	})
	line = connectionRef.ReplaceAllString(line, `$$c$1`)
	line = sdpText.ReplaceAllString(line, "…")
	return bigNumber.ReplaceAllStringFunc(line, func(v string) string {
		i := slices.Index(s.streams, v)
		if i < 0 {
			i = len(s.streams)
			s.streams = append(s.streams, v)
		}
		return "$" + strconv.Itoa(i+1)
	})
}

// testOffer makes an offer of a client: sections with the msid of label, "0a" for
// audio of mid 0, "1v" for video of mid 1. Those after "-" are not in use.
func testOffer(label ...string) string {
	var b strings.Builder
	b.WriteString("v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE")
	for i, w := range label {
		if n := len(w) - 1; i > 0 && n > 0 && w[0] != '=' {
			b.WriteString(" " + w[:n])
		}
	}
	b.WriteString("\r\n")
	b.WriteString("a=fingerprint:sha-256 " + strings.Repeat("AA:", 31) + "AA\r\na=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\na=setup:actpass\r\n")
	direction, msid := "sendonly", ""
	for i, w := range label {
		switch {
		case i == 0 || w == "":
			msid = w
		case strings.HasPrefix(w, "="):
			msid = w[1:]
		case w == "-":
			direction = "inactive"
		default:
			mid, kind := w[:len(w)-1], w[len(w)-1]
			if kind == 'a' {
				b.WriteString("m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=rtpmap:111 opus/48000/2\r\n")
			} else {
				b.WriteString("m=video 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=rtpmap:96 VP8/90000\r\n")
			}
			b.WriteString("a=mid:" + mid + "\r\na=rtcp-mux\r\na=" + direction + "\r\na=msid:" + msid + " t" + mid + "\r\n")
		}
	}
	return b.String()
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
	rest := func(n int) string { return strings.Join(words[min(n, len(words)):], " ") }
	number := func(w string) int {
		n, err := strconv.Atoi(w)
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		return n
	}
	read := func(text string, v any) {
		if text == "" {
			text = "{}"
		}
		if err := json.Unmarshal(s.in(text), v); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
	}
	asked := NoAck
	switch words[0] {
	case "client":
		s.begin(arg(1), strings.Fields(rest(2)))
	case "joined":
		role := s.client.me.Role
		j := protocol.Joined{
			Participant: protocol.Participant{ID: participantID("me"), User: "me", Role: role, Permissions: protocol.BuiltinRoles[role]},
			Room:        protocol.Room{ID: "000000000000000000000001", Name: "r"},
		}
		read(rest(1), &j)
		s.client.Joined(s.now, j)
	case ">":
		if arg(2) != "-" {
			asked = number(arg(2))
		}
		s.client.FromClient(s.now, arg(1), s.in(arg(3)), asked)
	case "room":
		s.client.FromRoom(s.now, arg(1), s.in(rest(2)))
	case "ok":
		s.client.Answered(s.now, uint64(number(arg(1))), s.in(rest(2)), nil)
	case "error":
		s.client.Answered(s.now, uint64(number(arg(1))), nil, protocol.Errorf(protocol.Code(arg(2)), "%s", arg(3)))
	case "stats":
		of := map[protocol.ParticipantID]json.RawMessage{}
		read(rest(2), &of)
		s.client.Stats(s.now, uint64(number(arg(1))), of)
	case "hint":
		var h Hint
		read(rest(1), &h)
		s.client.Hinted(s.now, h)
	case "wait":
		d, err := time.ParseDuration(arg(1))
		if err != nil {
			t.Fatal(err)
		}
		end := s.now.Add(d)
		for {
			at := s.client.Timer()
			if at.IsZero() || at.After(end) {
				break
			}
			s.now = at
			s.client.Advance(s.now)
			if next := s.client.Timer(); !next.IsZero() && !next.After(at) {
				t.Fatalf("%q: Advance does not move the timer on", line)
			}
		}
		s.now = end
	default:
		t.Fatalf("%q: what is that?", line)
	}
	var lines []string
	for _, e := range s.client.Effects() {
		if a, ok := e.(Ack); ok {
			if s.acked[a.ID] {
				t.Errorf("%q: the acknowledgement %d comes twice", line, a.ID)
			}
			s.acked[a.ID] = true
		}
		lines = append(lines, s.out(s.show(e)))
	}
	return lines
}

func (s *script) show(e Effect) string {
	switch e := e.(type) {
	case Emit:
		return fmt.Sprintf("emit %s %s", e.Event, text(e.Msg))
	case Ack:
		return fmt.Sprintf("ack %d %s", e.ID, text(e.Args))
	case Request:
		if err := e.Body.Validate(); err != nil {
			return fmt.Sprintf("request %d %s: %s", e.Number, e.Type, err)
		}
		return fmt.Sprintf("request %d %s %s", e.Number, e.Type, text(e.Body))
	case ReadStats:
		return fmt.Sprintf("read %d %s", e.Ticket, text(e.Of))
	case Hint:
		return "hint " + text(e)
	case Disconnect:
		return fmt.Sprintf("disconnect %s %q", e.Reason, e.Message)
	}
	return "?"
}

func text(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err.Error()
	}
	return strings.TrimSpace(b.String())
}
