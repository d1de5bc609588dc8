package main

import (
	"fmt"
	"os"
	"runtime/debug"
)

// version is the version of the next release; builds from a checkout add the
// commit.
const version = "0.1.0-dev"

type versionCommand struct{}

// Run prints the version.
func (versionCommand) Run(out *os.File) error {
	_, err := fmt.Fprintln(out, "tertulia", versionString())
	return err
}

func versionString() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return version
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return version + "+" + s.Value[:12]
		}
	}
	return version
}
