package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// In a folder where no server has been, the commands that look for something
// say so, and leave nothing behind.
func TestNoServerWasHere(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	for _, args := range [][]string{{"service", "list"}, {"service", "show"}, {"room", "list"}, {"room", "create", "r"}, {"token", "64b7f3a1c2d4e5f60718293a", "ana"}} {
		if out, err := runHere(t, append([]string{"--data", data}, args...)...); err == nil || !strings.Contains(err.Error(), "there is no database at "+data) {
			t.Errorf("%v: %q, %v", args, out, err)
		}
	}
	if _, err := os.Stat(data); err == nil {
		t.Error("a data folder was made")
	}
}

func TestWhatTheShellMayNotAskFor(t *testing.T) {
	data := t.TempDir()
	at := func(args ...string) (string, error) { return runHere(t, append([]string{"--data", data}, args...)...) }
	if out, err := at("service", "create", "school"); err != nil || !strings.Contains(out, "key ") {
		t.Fatal(out, err)
	}
	room, err := at("room", "create", "Physics 1")
	if err != nil {
		t.Fatal(err)
	}
	room = strings.TrimSpace(room)
	for want, args := range map[string][]string{
		"1 to 128 characters, and this one 0":   {"service", "create", ""},
		"1 to 128 characters, and this one 129": {"room", "create", strings.Repeat("ä", 129)},
		"--life 30h0m0s":                        {"token", room, "ana", "--life", "30h"},
		"--uses 0":                              {"token", room, "ana", "--uses", "0"},
		`no role "king"`:                        {"token", room, "ana", "--role", "king"},
	} {
		if out, err := at(args...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %q, %v; want %q", args, out, err, want)
		}
	}
	if token, err := at("token", room, "ana", "--life", "24h", "--uses", "1000000"); err != nil || strings.Count(token, ".") != 2 {
		t.Error(token, err)
	}
}

// The help of a flag names its default, also where the flag says what it takes.
func TestTheHelpHasTheDefaults(t *testing.T) {
	for command, want := range map[string][]string{"serve": {"[:8080]", "[:7882]", "[tertulia-data]"}, "load": {"[http://localhost:8080]", "[1200]"}} {
		help, err := runHere(t, command, "--help")
		if err != nil {
			t.Fatal(err)
		}
		for _, value := range want {
			if !strings.Contains(help, value) {
				t.Errorf("the help of %s has no %s", command, value)
			}
		}
	}
}
