// Command tertulia is the whole server in one binary: `tertulia` (or
// `tertulia serve`) takes calls; `tertulia service`, `room` and `token`
// administer it from the shell. Flags, environment variables and the YAML file
// are the same settings; docs/config.md explains each.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"
)

// commands is the command line.
type commands struct {
	Config kong.ConfigFlag `help:"YAML file with settings; flags and TERTULIA_… variables win over it." placeholder:"FILE"`
	Data   string          `help:"Directory of the database and of what else must be kept." default:"tertulia-data" placeholder:"DIR"`
	DB     string          `name:"db" help:"Database: sqlite:FILE or postgres://…; by default a SQLite file in the data directory." placeholder:"URL"`

	Serve        serveCommand        `cmd:"" default:"withargs" help:"Take calls (the default)."`
	Service      serviceCommand      `cmd:"" help:"List, create and delete services."`
	Room         roomCommand         `cmd:"" help:"List, create and delete rooms."`
	Token        tokenCommand        `cmd:"" help:"Make a token that lets one user into one room."`
	Load         loadCommand         `cmd:"" help:"Put load on a server and measure it."`
	ImportLicode importLicodeCommand `cmd:"" help:"Bring services, rooms and settings over from Licode."`
	Version      versionCommand      `cmd:"" help:"Print the version."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "tertulia:", err)
		os.Exit(1)
	}
}

// helpOf is what the help says of a flag: with its default, which kong leaves out
// where the flag names what it takes.
func helpOf(value *kong.Value) string {
	help := kong.DefaultHelpValueFormatter(value)
	flag := value.Flag
	if flag == nil || flag.PlaceHolder == "" || value.Default == "" {
		return help
	}
	return strings.TrimSuffix(help, ".") + " [" + value.Default + "]."
}

// errUsage is an error of the command line that was already explained.
var errUsage = errors.New("see tertulia --help")

// run is the program without its process: arguments in, an error out.
func run(ctx context.Context, args []string, out *os.File) error {
	var c commands
	exited := false
	parser, err := kong.New(&c,
		kong.Name("tertulia"),
		kong.Description("Videoconferencing as a service, in one binary."),
		kong.UsageOnError(),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.ValueFormatter(helpOf),
		kong.DefaultEnvars("TERTULIA"),
		kong.Configuration(loadSettings, "tertulia.yaml"),
		kong.Writers(out, os.Stderr),
		kong.Exit(func(int) { exited = true }),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(out),
	)
	if err != nil {
		return err
	}
	parsed, err := parser.Parse(args)
	if exited {
		return nil // --help was asked for
	}
	if err != nil {
		return fmt.Errorf("%w; %w", err, errUsage)
	}
	return parsed.Run(&c)
}
