package main

import (
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// The sample in docs/config.md is the reference: it names every setting of the
// server, nothing else, and its values are the defaults.
func TestTheSampleInTheDocumentationIsTrue(t *testing.T) {
	sample := sampleSettings(t)

	var plain commands
	parse(t, &plain, "")
	var sampled commands
	parser := parse(t, &sampled, sample)
	if !reflect.DeepEqual(plain, sampled) {
		t.Errorf("the sample's values are not the defaults:\n%+v\n%+v", sampled, plain)
	}

	for _, flags := range [][]*kong.Flag{parser.Model.Flags, serveNode(t, parser).Flags} {
		for _, flag := range flags {
			if flag.Name == "help" || flag.Name == "config" {
				continue
			}
			if !strings.Contains(sample, "\n"+flag.Name+":") {
				t.Errorf("docs/config.md does not have the setting %s", flag.Name)
			}
		}
	}
}

func TestAKeyThatIsNoSettingStopsTheStart(t *testing.T) {
	var c commands
	_, err := newTestParser(t, &c, "htp: ':1'\n").Parse(nil)
	if err == nil || !strings.Contains(err.Error(), "htp") {
		t.Errorf("got %v, want an error that names the key", err)
	}
}

func TestListsInTheFile(t *testing.T) {
	var c commands
	parse(t, &c, "public-ip: [192.0.2.1, 2001:db8::1]\nice-server: ['turn:turn.example.org,ana,secret', 'stun:stun.example.org']\n")
	if got := len(c.Serve.PublicIP); got != 2 {
		t.Errorf("%d public addresses, want 2", got)
	}
	servers, err := c.Serve.iceServers()
	if err != nil || len(servers) != 2 || servers[0].Username != "ana" {
		t.Errorf("ICE servers: %v, %v", servers, err)
	}
}

func TestFlagsWinOverVariablesAndVariablesOverTheFile(t *testing.T) {
	t.Setenv("TERTULIA_HTTP", ":2")
	t.Setenv("TERTULIA_SHARDS", "2")
	var c commands
	parser := newTestParser(t, &c, "http: ':1'\nshards: 1\nmeet: off\n")
	if _, err := parser.Parse([]string{"--http", ":3"}); err != nil {
		t.Fatal(err)
	}
	if c.Serve.HTTP != ":3" || c.Serve.Shards != 2 || c.Serve.Meet != "off" {
		t.Errorf("got http %s, shards %d, meet %s", c.Serve.HTTP, c.Serve.Shards, c.Serve.Meet)
	}
}

func sampleSettings(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile("../../docs/config.md")
	if err != nil {
		t.Fatal(err)
	}
	_, sample, ok := strings.Cut(string(page), "```yaml")
	if !ok {
		t.Fatal("docs/config.md has no YAML sample")
	}
	sample, _, _ = strings.Cut(sample, "```")
	return sample
}

func newTestParser(t *testing.T, c *commands, file string) *kong.Kong {
	t.Helper()
	resolver, err := loadSettings(strings.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	parser, err := kong.New(c, kong.Name("tertulia"), kong.DefaultEnvars("TERTULIA"), kong.Resolvers(resolver))
	if err != nil {
		t.Fatal(err)
	}
	return parser
}

func parse(t *testing.T, c *commands, file string) *kong.Kong {
	t.Helper()
	parser := newTestParser(t, c, file)
	if _, err := parser.Parse(nil); err != nil {
		t.Fatal(err)
	}
	return parser
}

func serveNode(t *testing.T, parser *kong.Kong) *kong.Node {
	t.Helper()
	for _, node := range parser.Model.Children {
		if node.Name == "serve" {
			return node
		}
	}
	t.Fatal("no serve command")
	return nil
}
