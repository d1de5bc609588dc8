package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
	_ "modernc.org/sqlite" // the driver "sqlite"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Open opens the database that url names ("sqlite:<path>", "sqlite::memory:" or
// "postgres://…"), making the file and its folder, and bringing the schema up to
// date. An error is one sentence for people.
func Open(ctx context.Context, url string) (*Store, error) {
	switch {
	case strings.HasPrefix(url, "sqlite:"):
		return openSQLite(ctx, strings.TrimPrefix(url, "sqlite:"))
	case strings.HasPrefix(url, "postgres://"), strings.HasPrefix(url, "postgresql://"):
		return openPostgres(ctx, url)
	}
	return nil, fmt.Errorf("the database must be sqlite:<path> or postgres://user:password@host/name, not %q", scheme(url))
}

// scheme cuts what may hold a password.
func scheme(url string) string {
	s, _, _ := strings.Cut(url, ":")
	return s + ":…"
}

func openSQLite(ctx context.Context, path string) (*Store, error) {
	if path == "" {
		return nil, errors.New("the database must be sqlite:<path>; the path is missing")
	}
	name := path
	if path != ":memory:" {
		if err := prepareFile(path); err != nil {
			return nil, err
		}
		name = (&url.URL{Path: path}).EscapedPath()
	}
	// NORMAL is safe in WAL mode against every end of the process; only a loss of
	// power may take the last commits back.
	db, err := sql.Open("sqlite", "file:"+name+"?_txlock=immediate"+
		"&_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)&_pragma=foreign_keys(1)")
	if err != nil {
		return nil, fmt.Errorf("cannot open the database %s: %w", path, err)
	}
	// One connection: SQLite has one writer at a time anyway, and within this
	// process nobody then meets a locked database.
	db.SetMaxOpenConns(1)
	s := &Store{Now: time.Now, db: db, explain: func(err error) error { return explainSQLite(path, err) }, keep: true, prepared: map[string]*sql.Stmt{}}
	if err := s.migrate(ctx, goose.DialectSQLite3); err != nil {
		_ = db.Close()
		return nil, err
	}
	return s, nil
}

// leastRoom is how many bytes must be free on the disk at the start.
const leastRoom = 512 << 10

// prepareFile makes the folder and the file, which holds keys and is therefore
// for its owner alone; SQLite gives its companions the same mode.
func prepareFile(path string) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return explainFile("make the data directory "+dir, err)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return explainFile("write the database "+path, err)
	}
	if err := f.Close(); err != nil {
		return explainFile("write the database "+path, err)
	}
	// WAL needs two more files beside it: a folder that takes no new files
	// would only fail later, and in darker words.
	probe, err := os.CreateTemp(dir, ".tertulia-*")
	if err != nil {
		return explainFile("write in the data directory "+dir, err)
	}
	// Nor can it work on a disk without room for a new database and its WAL.
	_, err = probe.Write(make([]byte, leastRoom))
	err = errors.Join(err, probe.Close(), os.Remove(probe.Name()))
	if err != nil {
		return explainFile("write in the data directory "+dir, err)
	}
	return nil
}

func openPostgres(ctx context.Context, url string) (*Store, error) {
	db, err := sql.Open("pgx", url)
	if err != nil {
		return nil, explainPostgres(err)
	}
	db.SetMaxOpenConns(16)
	db.SetMaxIdleConns(4)
	db.SetConnMaxIdleTime(5 * time.Minute)
	s := &Store{Now: time.Now, db: db, explain: explainPostgres}
	ping, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if err := db.PingContext(ping); err != nil {
		_ = db.Close()
		return nil, explainPostgres(err)
	}
	if err := s.migrate(ctx, goose.DialectPostgres); err != nil {
		_ = db.Close()
		return nil, err
	}
	return s, nil
}

// migrate brings the schema up to date and refuses one from the future.
func (s *Store) migrate(ctx context.Context, dialect goose.Dialect) error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	options := []goose.ProviderOption{goose.WithDisableGlobalRegistry(true)}
	if dialect == goose.DialectPostgres {
		// Who starts while another one migrates looks again every second, for five minutes.
		locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300))
		if err != nil {
			return err
		}
		options = append(options, goose.WithSessionLocker(locker))
	}
	provider, err := goose.NewProvider(dialect, s.db, files, options...)
	if err != nil {
		return fmt.Errorf("cannot read the migrations: %w", err)
	}
	// SQLite has no lock for all migrations together. Two processes that start at
	// once may get in each other's way; the loser looks again.
	for range 3 {
		if _, err = provider.Up(ctx); err == nil {
			break
		}
		if dialect == goose.DialectPostgres || ctx.Err() != nil {
			break
		}
	}
	if err != nil {
		return s.explain(err)
	}
	var last int64
	for _, source := range provider.ListSources() {
		last = max(last, source.Version)
	}
	version, err := provider.GetDBVersion(ctx)
	if err != nil {
		return s.explain(err)
	}
	if version > last {
		return fmt.Errorf("the database has schema %d and this version of Tertulia knows only schema %d: start the newer version that wrote it, or use another database", version, last)
	}
	return nil
}
