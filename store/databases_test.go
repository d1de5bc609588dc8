package store

import (
	"context"
	"database/sql"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// onEach runs a test on an empty database of each kind.
func onEach(t *testing.T, test func(t *testing.T, s *Store)) {
	t.Run("sqlite", func(t *testing.T) { test(t, openTest(t, "sqlite:"+filepath.Join(t.TempDir(), "t.db"))) })
	t.Run("postgres", func(t *testing.T) { test(t, openTest(t, postgresURL(t))) })
}

func openTest(t *testing.T, url string) *Store {
	t.Helper()
	s, err := Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

var (
	postgresOnce sync.Once
	postgresBase string // URL without parameters
	postgresSkip string // why there is none
	postgresStop = func() {}
	schemas      atomic.Int64
)

func TestMain(m *testing.M) {
	code := m.Run()
	postgresStop()
	os.Exit(code)
}

// postgresURL gives a URL of an empty schema on the PostgreSQL server that
// TERTULIA_TEST_POSTGRES names, or on one that is started for the tests.
func postgresURL(t *testing.T) string {
	t.Helper()
	postgresOnce.Do(startPostgres)
	if postgresBase == "" {
		t.Skip("not run on PostgreSQL: " + postgresSkip)
	}
	db, err := sql.Open("pgx", postgresBase)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	schema := fmt.Sprintf("t%d_%d", os.Getpid(), schemas.Add(1))
	if _, err := db.ExecContext(t.Context(), "CREATE SCHEMA "+schema); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		db, err := sql.Open("pgx", postgresBase)
		if err == nil {
			_, _ = db.ExecContext(context.Background(), "DROP SCHEMA "+schema+" CASCADE")
			_ = db.Close()
		}
	})
	return postgresBase + "?search_path=" + schema
}

// startPostgres starts a server on a loopback port, with its data in a temporary
// folder. PostgreSQL refuses to run as root, so root lends it the user postgres.
func startPostgres() {
	if url := os.Getenv("TERTULIA_TEST_POSTGRES"); url != "" {
		postgresBase = url
		return
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	if len(found) == 0 {
		postgresSkip = "TERTULIA_TEST_POSTGRES names no server and none is installed under /usr/lib/postgresql"
		return
	}
	bin := found[len(found)-1]
	dir, err := os.MkdirTemp("", "tertulia-postgres-")
	if err != nil {
		postgresSkip = err.Error()
		return
	}
	attributes := &syscall.SysProcAttr{Setpgid: true}
	if os.Geteuid() == 0 {
		u, err := user.Lookup("postgres")
		if err != nil {
			postgresSkip = "root cannot run PostgreSQL and there is no user postgres"
			return
		}
		uid, _ := strconv.Atoi(u.Uid)
		gid, _ := strconv.Atoi(u.Gid)
		if err := os.Chown(dir, uid, gid); err != nil {
			postgresSkip = err.Error()
			return
		}
		attributes.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}
	command := func(name string, args ...string) *exec.Cmd {
		c := exec.Command(filepath.Join(bin, name), args...)
		c.SysProcAttr = attributes
		c.Dir = dir
		return c
	}
	data := filepath.Join(dir, "data")
	postgresStop = func() { _ = os.RemoveAll(dir) }
	if out, err := command("initdb", "-D", data, "-A", "trust", "-U", "tertulia", "--no-sync", "-E", "UTF8").CombinedOutput(); err != nil {
		postgresSkip = fmt.Sprintf("initdb failed: %v: %s", err, out)
		return
	}
	port := freePort()
	server := command("postgres", "-D", data, "-p", strconv.Itoa(port), "-k", dir, "-F", "-c", "listen_addresses=127.0.0.1")
	if err := server.Start(); err != nil {
		postgresSkip = err.Error()
		return
	}
	postgresStop = func() {
		_ = server.Process.Signal(syscall.SIGINT) // fast shutdown
		_ = server.Wait()
		_ = os.RemoveAll(dir)
	}
	base := fmt.Sprintf("postgres://tertulia@127.0.0.1:%d/postgres", port)
	db, err := sql.Open("pgx", base)
	if err != nil {
		postgresSkip = err.Error()
		return
	}
	defer db.Close()
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if err = db.Ping(); err == nil {
			postgresBase = base
			return
		}
		if time.Now().After(end) {
			postgresSkip = "the server did not start: " + err.Error()
			return
		}
	}
}

func freePort() int {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}
