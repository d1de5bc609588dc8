// Package tertulia_test holds the rules of the house: which package stands on
// which layer, what pure packages may not do, and who owns which dependency.
// A rule that is broken fails with a sentence that says which one and why.
package tertulia_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/tertulia-rtc/tertulia"

// layers is the house, from the ground up. A package imports lower layers
// only, never its own: what two neighbours share belongs below them, and what
// joins them belongs above.
var layers = [][]string{
	{"protocol", "codec", "simnet", "licode/socketio", "prefetch"},
	{"auth", "licode/mauth", "sfu/rtpbuf", "sfu/bwe", "sfu/allocation", "sfu/audible", "sfu/layer", "sdp"},
	{"room", "sfu", "licode/erizo"},
	{"transport", "bus", "store", "web"},
	{"media", "controller", "load"},
	{"api", "licode"},
	{"cmd/tertulia", "e2e/link"},
}

// pureLayers is how many layers, from the ground, are told the time and hold
// no goroutine, lock, socket or file: so that the hard parts are tested in
// microseconds and replayed from a trace.
const pureLayers = 3

// owners names the only packages that may import a heavy dependency, so that
// it can be replaced in one place.
var owners = map[string][]string{
	"github.com/pion/dtls/":               {"transport"},
	"github.com/pion/sctp":                {"transport"},
	"github.com/pion/datachannel":         {}, // a foreign peer of tests
	"github.com/pion/stun/":               {"transport"},
	"golang.org/x/sys":                    {"transport"},
	"github.com/pion/sdp/":                {"sdp"},
	"github.com/nats-io/":                 {"bus"},
	"modernc.org/sqlite":                  {"store"},
	"github.com/jackc/pgx":                {"store"},
	"github.com/pressly/goose":            {"store"},
	"github.com/golang-jwt/":              {"auth"},
	"github.com/danielgtaylor/huma":       {"api"},
	"github.com/coder/websocket":          {"api", "load", "licode"},
	"golang.org/x/time/rate":              {"api"},
	"github.com/alecthomas/":              {"cmd/tertulia"},
	"gopkg.in/yaml":                       {"cmd/tertulia"},
	"github.com/pion/webrtc/":             {}, // a foreign peer of tests
	"github.com/pion/srtp/":               {}, // the oracle of tests
	"github.com/pion/ice/":                {},
	"github.com/pion/interceptor":         {},
	"github.com/prometheus/client_golang": {"cmd/tertulia"},
}

// forbiddenInPure are the packages of the standard library that have no place
// in a pure package, with the reason.
var forbiddenInPure = map[string]string{
	"os":             "a pure package touches no file",
	"net":            "a pure package opens no socket (net/netip is fine)",
	"net/http":       "a pure package opens no socket",
	"sync":           "a pure package has one owner and needs no lock",
	"log":            "a pure package returns what happened; its owner logs it",
	"log/slog":       "a pure package returns what happened; its owner logs it",
	"database/sql":   "a pure package touches no database",
	"context":        "a pure package never waits",
	"os/exec":        "a pure package starts no process",
	"testing/fstest": "test code stays in _test.go files",
}

// forbiddenCalls are the functions that bring in the clock or chance.
var forbiddenCalls = map[string]map[string]string{
	"time": {
		"Now": clockReason, "Since": clockReason, "Until": clockReason, "Sleep": clockReason, "After": clockReason,
		"AfterFunc": clockReason, "NewTimer": clockReason, "NewTicker": clockReason, "Tick": clockReason,
	},
	"math/rand":    {"*": chanceReason},
	"math/rand/v2": {"*": chanceReason},
}

const (
	clockReason  = "a pure package is told the time; take `now time.Time` as an argument"
	chanceReason = "a pure package takes a *rand.Rand, so that a run can be repeated from its seed"
)

// constructors of math/rand do not use the global source.
var randConstructors = []string{"New", "NewSource", "NewPCG", "NewChaCha8", "Rand", "Source", "NewZipf", "PCG", "ChaCha8"}

type sourceFile struct {
	path string
	test bool
	ast  *ast.File
}

func TestEveryPackageHasItsPlace(t *testing.T) {
	for pkg := range house(t) {
		if _, ok := layerOf(pkg); !ok {
			t.Errorf("package %s has no layer: give it one in arch_test.go, or move what it holds to where it belongs; a drawer for everything has no place here", pkg)
		}
	}
	for _, layer := range layers {
		for _, pkg := range layer {
			if _, ok := house(t)[pkg]; !ok {
				t.Errorf("package %s has a layer but no files: take it out of the table", pkg)
			}
		}
	}
}

func TestImportsGoDown(t *testing.T) {
	for pkg, files := range house(t) {
		mine, ok := layerOf(pkg)
		if !ok {
			continue // TestEveryPackageHasItsPlace says so
		}
		for _, f := range files {
			for _, path := range imports(f.ast) {
				dep, inside := strings.CutPrefix(path, module+"/")
				if !inside {
					continue
				}
				theirs, known := layerOf(dep)
				switch {
				case f.test && (dep == pkg || dep == "simnet"):
				case !known:
					t.Errorf("%s imports %s, which has no layer", f.path, dep)
				case theirs >= mine:
					t.Errorf("%s (layer %d) imports %s (layer %d): a package imports lower layers only", f.path, mine, dep, theirs)
				case dep == "simnet" && !f.test && pkg != "e2e/link": // itself for tests
					t.Errorf("%s imports simnet, which is for tests", f.path)
				}
			}
		}
	}
}

func TestPurePackagesArePure(t *testing.T) {
	for pkg, files := range house(t) {
		layer, ok := layerOf(pkg)
		if !ok || layer >= pureLayers {
			continue
		}
		for _, f := range files {
			if !f.test {
				checkPure(t, pkg, f)
			}
		}
	}
}

func checkPure(t *testing.T, pkg string, f sourceFile) {
	t.Helper()
	names := map[string]string{} // local name → import path
	for _, spec := range f.ast.Imports {
		path, _ := strconv.Unquote(spec.Path.Value)
		if reason, bad := forbiddenInPure[path]; bad {
			t.Errorf("%s imports %s: %s", f.path, path, reason)
		}
		if path == "sync/atomic" && pkg != "sfu/rtpbuf" {
			t.Errorf("%s imports sync/atomic: only sfu/rtpbuf may, for the shared ring", f.path)
		}
		name := strings.TrimSuffix(path, "/v2")
		name = name[strings.LastIndex(name, "/")+1:]
		if spec.Name != nil {
			name = spec.Name.Name
		}
		names[name] = path
	}
	ast.Inspect(f.ast, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			t.Errorf("%s starts a goroutine: a pure package has none; its loop stands on a higher layer", f.path)
		case *ast.ChanType, *ast.SelectStmt:
			t.Errorf("%s uses a channel: a pure package is called, not sent to", f.path)
		case *ast.CallExpr:
			sel, ok := n.Fun.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			ident, ok := sel.X.(*ast.Ident)
			if !ok || ident.Obj != nil {
				return true
			}
			bad := forbiddenCalls[names[ident.Name]]
			reason, found := bad[sel.Sel.Name]
			if !found {
				reason = bad["*"]
				if slices.Contains(randConstructors, sel.Sel.Name) {
					reason = ""
				}
			}
			if reason != "" {
				t.Errorf("%s calls %s.%s: %s", f.path, ident.Name, sel.Sel.Name, reason)
			}
		}
		return true
	})
}

func TestHeavyDependenciesHaveOneOwner(t *testing.T) {
	for pkg, files := range house(t) {
		for _, f := range files {
			if f.test {
				continue
			}
			for _, path := range imports(f.ast) {
				for prefix, allowed := range owners {
					if strings.HasPrefix(path, prefix) && !slices.Contains(allowed, pkg) {
						t.Errorf("%s imports %s, whose owner is %v: go through the owner, so that the dependency can be replaced in one place", f.path, path, allowed)
					}
				}
			}
		}
	}
}

func TestEveryPackageSaysWhatItIs(t *testing.T) {
	for pkg, files := range house(t) {
		var comments int
		for _, f := range files {
			if !f.test && f.ast.Doc != nil {
				comments++
			}
		}
		if comments != 1 {
			t.Errorf("package %s has %d package comments: one file says what the package is, for whom, and what it does not do", pkg, comments)
		}
	}
}

// house reads the Go files of every package, by its folder.
func house(t *testing.T) map[string][]sourceFile {
	t.Helper()
	fset := token.NewFileSet()
	found := map[string][]sourceFile{}
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() && (name == "node_modules" || name == "testdata" || len(name) > 1 && strings.HasPrefix(name, ".")) {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(name, ".go") || filepath.Dir(path) == "." {
			return nil
		}
		file, err := parser.ParseFile(fset, path, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		pkg := filepath.ToSlash(filepath.Dir(path))
		found[pkg] = append(found[pkg], sourceFile{path: path, test: strings.HasSuffix(name, "_test.go"), ast: file})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(found) == 0 {
		t.Fatal("no package found: this test must run at the root of the repository")
	}
	maps.DeleteFunc(found, func(_ string, files []sourceFile) bool {
		return !slices.ContainsFunc(files, func(f sourceFile) bool { return !f.test })
	})
	return found
}

func layerOf(pkg string) (int, bool) {
	for i, layer := range layers {
		if slices.Contains(layer, pkg) {
			return i, true
		}
	}
	return 0, false
}

func imports(f *ast.File) []string {
	var paths []string
	for _, spec := range f.Imports {
		path, _ := strconv.Unquote(spec.Path.Value)
		paths = append(paths, path)
	}
	return paths
}
