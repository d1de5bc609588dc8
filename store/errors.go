package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// unavailable is an error of the database itself: a sentence for people, and
// the error beneath it.
type unavailable struct {
	sentence string
	cause    error
}

func (e *unavailable) Error() string   { return e.sentence }
func (e *unavailable) Unwrap() []error { return []error{ErrUnavailable, e.cause} }

// fail puts an error of a query into words, except those that callers know.
func (s *Store) fail(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, sql.ErrNoRows):
		return ErrNotFound
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	}
	return s.explain(err)
}

func explainFile(what string, err error) error {
	why := "it failed: " + err.Error()
	switch {
	case errors.Is(err, syscall.EROFS):
		why = "the file system is read-only"
	case errors.Is(err, fs.ErrPermission):
		why = "permission denied (is the folder read-only, or does it belong to another user?)"
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		why = "the disk is full"
	case errors.Is(err, syscall.ENOTDIR):
		why = "a part of the path is a file, not a folder"
	case errors.Is(err, syscall.EISDIR):
		why = "it is a folder, not a file"
	}
	return &unavailable{fmt.Sprintf("cannot %s: %s", what, why), err}
}

func explainSQLite(path string, err error) error {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return &unavailable{fmt.Sprintf("the database %s failed: %v", path, err), err}
	}
	if e.Code() == sqlite3.SQLITE_CONSTRAINT_UNIQUE || e.Code() == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY {
		return ErrExists
	}
	if e.Code() == sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY {
		return ErrNotFound
	}
	why := err.Error()
	switch e.Code() & 0xff { // the primary code, without its extension
	case sqlite3.SQLITE_FULL:
		why = "the disk is full"
	case sqlite3.SQLITE_READONLY:
		why = "it is read-only"
	case sqlite3.SQLITE_CANTOPEN:
		why = "it cannot be opened (is its folder there and writable?)"
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		why = "another process has held it locked for more than 5 s"
	case sqlite3.SQLITE_CORRUPT:
		why = "it is damaged; restore it from a copy"
	case sqlite3.SQLITE_NOTADB:
		why = "the file is not an SQLite database"
	case sqlite3.SQLITE_IOERR:
		why = "reading or writing it failed (is the disk full or gone?)"
	}
	return &unavailable{fmt.Sprintf("the database %s cannot be used: %s", path, why), err}
}

func explainPostgres(err error) error {
	var parse *pgconn.ParseConfigError
	var connect *pgconn.ConnectError
	var e *pgconn.PgError
	var network *net.OpError
	switch {
	case errors.As(err, &parse):
		// Its text holds the URL with the password cut out, and why.
		return fmt.Errorf("the PostgreSQL URL is not valid: %w", err)
	case errors.As(err, &e):
		switch e.Code {
		case "23505": // unique_violation
			return ErrExists
		case "23503": // foreign_key_violation
			return ErrNotFound
		case "28P01", "28000":
			return &unavailable{"PostgreSQL refuses the user or the password", err}
		case "3D000":
			return &unavailable{"PostgreSQL has no database of that name: " + e.Message, err}
		case "53100":
			return &unavailable{"the disk of the PostgreSQL server is full", err}
		case "25006":
			return &unavailable{"the PostgreSQL server is read-only", err}
		}
		return &unavailable{"PostgreSQL failed: " + e.Message, err}
	case errors.As(err, &connect):
		why := oneLine(connect.Error())
		if connect.Config != nil {
			return &unavailable{fmt.Sprintf("cannot reach PostgreSQL at %s port %d: %s", connect.Config.Host, connect.Config.Port, why), err}
		}
		return &unavailable{"cannot reach PostgreSQL: " + why, err}
	case errors.As(err, &network):
		return &unavailable{"the connection to PostgreSQL failed: " + oneLine(network.Error()), err}
	}
	return &unavailable{"PostgreSQL failed: " + oneLine(err.Error()), err}
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
