package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/tertulia-rtc/tertulia/licode"
	"github.com/tertulia-rtc/tertulia/protocol"
	"github.com/tertulia-rtc/tertulia/store"
)

// importLicodeCommand is for those who come from Licode.
type importLicodeCommand struct {
	Data     importLicodeData     `cmd:"" default:"withargs" help:"Bring in services and rooms that mongoexport wrote (the default)."`
	Settings importLicodeSettings `cmd:"" name:"config" help:"Print licode_config.js, given as JSON, as settings of this server."`
}

// importLicodeData brings in services and rooms.
type importLicodeData struct {
	Files     []string           `arg:"" help:"What mongoexport wrote of the collections services and rooms: a document a line, or arrays. - reads the standard input." placeholder:"FILE"`
	DryRun    bool               `help:"Say what would be done, and do nothing."`
	Overwrite bool               `help:"Also change keys of services, and rooms, that are there already to what the files say."`
	Super     protocol.ServiceID `help:"Id of the service that manages the others from now on (Licode's superserviceID)." placeholder:"ID"`
	Roles     string             `help:"licode_config.js as JSON: its roles become those of every service that is brought in." placeholder:"FILE"`
}

// Run brings them in and prints what became of them.
func (c importLicodeData) Run(ctx context.Context, all *commands, out *os.File) error {
	if c.Super != "" && !c.Super.Valid() {
		return fmt.Errorf("--super %q is not the id of a service (24 hexadecimal characters)", c.Super)
	}
	roles, err := c.roles(out)
	if err != nil {
		return err
	}
	dump := new(licode.Dump)
	for _, name := range c.Files {
		if err := readFile(name, dump.Read); err != nil {
			return err
		}
	}
	fmt.Fprintf(out, "Read %d services and %d documents of rooms.\n", len(dump.Services), len(dump.Rooms))
	return all.withStore(ctx, func(s *store.Store) error {
		im := &licode.Import{
			Store: s, DryRun: c.DryRun, Overwrite: c.Overwrite, Super: c.Super, Roles: roles,
			Say:      func(line string) { fmt.Fprintln(out, line) },
			Progress: everySecond(out),
		}
		services, rooms, err := im.Run(ctx, dump)
		if printed := printTally(out, c.DryRun, services, rooms); err == nil {
			err = printed
		}
		if refused := services.Refused + rooms.Refused; err == nil && refused > 0 {
			err = fmt.Errorf("%d of them were refused, for the reasons above", refused)
		}
		return err
	})
}

// roles reads the roles of a configuration.
func (c importLicodeData) roles(out io.Writer) (map[string][]protocol.Permission, error) {
	if c.Roles == "" {
		return nil, nil
	}
	var config struct {
		ErizoController struct {
			Roles json.RawMessage `json:"roles"`
		} `json:"erizoController"`
	}
	if err := readFile(c.Roles, func(r io.Reader, name string) error {
		if err := json.NewDecoder(r).Decode(&config); err != nil {
			return fmt.Errorf("%s is not licode_config.js as JSON: %w", name, err)
		}
		return nil
	}); err != nil {
		return nil, err
	}
	if config.ErizoController.Roles == nil {
		return nil, fmt.Errorf("%s has no erizoController.roles", c.Roles)
	}
	roles, notes, err := licode.RolesOf(config.ErizoController.Roles)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.Roles, err)
	}
	for _, note := range notes {
		fmt.Fprintln(out, note)
	}
	return roles, nil
}

// readFile opens a file, or the standard input for "-".
func readFile(name string, read func(r io.Reader, name string) error) error {
	if name == "-" {
		return read(os.Stdin, "the standard input")
	}
	f, err := os.Open(name)
	if err != nil {
		return fmt.Errorf("cannot read what is to be brought in: %w", err)
	}
	return errors.Join(read(f, name), f.Close())
}

// everySecond prints how far it is, for those who wait.
func everySecond(out io.Writer) func(done, of int) {
	last := time.Now()
	return func(done, of int) {
		if now := time.Now(); now.Sub(last) >= time.Second {
			last = now
			fmt.Fprintf(out, "%d of %d\n", done, of)
		}
	}
}

func printTally(out *os.File, dry bool, services, rooms licode.Tally) error {
	if dry {
		fmt.Fprintln(out, "Nothing was done; this would be:")
	}
	return table(out, "\tREAD\tADDED\tCHANGED\tTHERE ALREADY\tREFUSED\tOF NO SERVICE", func(row func(cells ...any)) {
		row("services", services.Read, services.Added, services.Changed, services.There, services.Refused, services.Ownerless)
		row("rooms", rooms.Read, rooms.Added, rooms.Changed, rooms.There, rooms.Refused, rooms.Ownerless)
	})
}

// importLicodeSettings prints a configuration in our words.
type importLicodeSettings struct {
	File string `arg:"" help:"licode_config.js as JSON: node -p 'JSON.stringify(require(\"./licode_config.js\"))'. - reads the standard input." placeholder:"FILE"`
}

// Run prints it: a settings file, in which comments name every key and say what became of it.
func (c importLicodeSettings) Run(out *os.File) error {
	var text bytes.Buffer
	if err := readFile(c.File, func(r io.Reader, name string) error {
		return translateConfig(&text, r, name)
	}); err != nil {
		return err
	}
	_, err := out.Write(text.Bytes())
	return err
}
