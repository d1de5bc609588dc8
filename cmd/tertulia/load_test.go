//go:build linux && (amd64 || arm64)

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"github.com/tertulia-rtc/tertulia/load"
)

// runLoad runs `tertulia load` in this process, against a server in another.
func runLoad(t *testing.T, args ...string) (*load.Report, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "report.json")
	err := run(t.Context(), append([]string{"load", "-q", "--json", file}, args...), devNull(t))
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	report := &load.Report{}
	if err := json.Unmarshal(text, report); err != nil {
		t.Fatal(err)
	}
	return report, nil
}

func devNull(t *testing.T) *os.File {
	f, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

// One publisher and three subscribers: everything that is sent comes to all.
func TestLoadOneToThree(t *testing.T) {
	p := launch(t, t.TempDir())
	report, err := runLoad(t, "--url", p.url, "--service", string(testID)+":"+testKey, "--publishers", "1", "--subscribers", "3",
		"--warmup", "500ms", "--duration", "2s", "--pid", strconv.Itoa(p.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	packets := report.Packets
	if report.Joins.Joined != 4 || report.Joins.Failed != 0 || report.Joins.FirstPictureMs.Count != 3 {
		t.Errorf("joins: %+v", report.Joins)
	}
	if packets.Streams != 6 || packets.Silent != 0 || packets.Lost != 0 || packets.Refused+packets.Strange != 0 || packets.Expected < 3*100 {
		t.Errorf("packets: %+v", packets)
	}
	// The server measures a link with some packets that it sends again.
	if packets.Repeated > packets.Expected/20 {
		t.Errorf("%d of %d packets came twice", packets.Repeated, packets.Expected)
	}
	// 2 s of 30 frames and 50 audio packets; the begin and end of the window are not sharp.
	if packets.OwedPercent < 90 || packets.OwedPercent > 110 || report.Video.FPS < 25 {
		t.Errorf("%.1f %% delivered, %.1f frames a second", packets.OwedPercent, report.Video.FPS)
	}
	if report.DelayMs.Count < 3*100 || report.DelayMs.P50 <= 0 || report.Process == nil || report.Process.ResidentKB == 0 {
		t.Errorf("delay %+v, process %+v", report.DelayMs, report.Process)
	}
	// The rooms are gone again.
	status, body := p.call("GET", "/v1/rooms", basic(testID, testKey), "")
	if list, _ := json.Marshal(body); status != 200 || strings.Contains(string(list), "load-") {
		t.Errorf("rooms afterwards: %d %s", status, list)
	}
	p.end()
}

// What is lost on the way is asked for and sent again, both ways.
func TestLoadRepairs(t *testing.T) {
	p := launch(t, t.TempDir())
	report, err := runLoad(t, "--url", p.url, "--publishers", "2", "--no-audio", "--loss", "0.03", "--delay", "5ms", "--warmup", "500ms", "--duration", "2s")
	if err != nil {
		t.Fatal(err)
	}
	if report.Packets.Gaps == 0 || report.Packets.Repaired == 0 || report.Packets.LostPercent > 1 || report.Feedback.NACKsSent == 0 || report.Feedback.NACKsReceived == 0 {
		t.Errorf("packets %+v, feedback %+v", report.Packets, report.Feedback)
	}
	if report.DelayMs.P50 < 10 {
		t.Errorf("the delay is %.1f ms, though each way was to take 5", report.DelayMs.P50)
	}
	p.end()
}

// docs/load.md has every flag.
func TestLoadIsDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/load.md")
	if err != nil {
		t.Fatal(err)
	}
	parser, err := kong.New(&commands{}, kong.Vars{})
	if err != nil {
		t.Fatal(err)
	}
	for _, command := range parser.Model.Children {
		if command.Name != "load" {
			continue
		}
		for _, flag := range command.Flags {
			name := "`--" + flag.Name
			if flag.Tag.Negatable != "" {
				name = "`--no-" + flag.Name
			}
			if flag.Name != "quiet" && !strings.Contains(string(text), name) {
				t.Errorf("docs/load.md does not have %s`", name)
			}
		}
	}
}

func TestLoadExplainsItself(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"no server":     {[]string{"--url", "http://127.0.0.1:1"}, "--url"},
		"no URL":        {[]string{"--url", "localhost"}, "http://localhost:8080"},
		"no key":        {[]string{"--service", "abc"}, "ID:KEY"},
		"half of WHIP":  {[]string{"--whip", "http://localhost/{stream}"}, "--whep"},
		"one token":     {[]string{"--token", "x", "--rooms", "2"}, "--service"},
		"many guests":   {[]string{"--subscribers", "100", "--url", "http://127.0.0.1:1"}, "--service"},
		"nothing":       {[]string{"--no-video", "--no-audio"}, "nothing would be sent"},
		"no Janus":      {[]string{"--janus", "ws://127.0.0.1:1"}, "WebSocket transport"},
		"no such PID":   {[]string{"--pid", "999999999"}, "--pid"},
		"two of a kind": {[]string{"--janus", "ws://127.0.0.1:1", "--whip", "http://x/{stream}", "--whep", "http://x/{stream}"}, "one run is for one"},
	} {
		if _, err := runLoad(t, c.args...); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v; want %q in it", name, err, c.want)
		}
	}
}
