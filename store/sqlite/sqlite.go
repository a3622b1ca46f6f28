// Package sqlite keeps the store in one SQLite file, without cgo.
//
// There is one connection that writes and a few that read. Writers queue in
// the program and never wait for SQLite's own lock, so simulated time works,
// and every commit is on the disk before it is acknowledged
// (https://www.sqlite.org/pragma.html#pragma_synchronous, FULL with WAL).
package sqlite

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
	"runtime"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/rotahq/rota"
	"github.com/rotahq/rota/store"
	"github.com/rotahq/rota/store/internal/sqltx"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Driver is a store.Driver on a file.
type Driver struct {
	path  string
	now   func() time.Time
	write *sql.DB
	read  *sql.DB
	// Connections are taken from and given back to these.
	writer  chan *conn
	readers chan *conn
	conns   []*conn
	closed  chan struct{}
	hot     hot
}

var _ store.Driver = (*Driver)(nil)

// Open opens the database file, makes it if it is not there (readable by its
// owner only), and brings its tables up to date. now is the clock of
// everything in it. The file must lie on a local disk, and only one process
// may have it open.
//
// A database that a newer rota made is refused.
func Open(ctx context.Context, path string, now func() time.Time) (*Driver, error) {
	d, err := open(ctx, path, now)
	if err != nil {
		return nil, &rota.Error{
			Code: rota.Internal, Op: "open the database", Message: path, Err: err,
			Hint: "the folder must exist and be writable, and the file must be a database that this version of rota knows",
		}
	}
	return d, nil
}

func open(ctx context.Context, path string, now func() time.Time) (*Driver, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	// SQLite gives its journal files the mode of the database.
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := f.Close(); err != nil {
		return nil, err
	}
	d := &Driver{path: path, now: now, closed: make(chan struct{})}
	if err := d.connect(ctx); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

func (d *Driver) connect(ctx context.Context) error {
	var err error
	if d.write, err = sql.Open("sqlite", dsn(d.path, "immediate", "cache_size(-16000)")); err != nil {
		return err
	}
	d.write.SetMaxOpenConns(1)
	if err := migrate(ctx, d.write); err != nil {
		return err
	}
	d.writer = make(chan *conn, 1)
	if err := d.add(ctx, d.write, d.writer); err != nil {
		return err
	}
	if d.read, err = sql.Open("sqlite", dsn(d.path, "deferred", "query_only(1)", "cache_size(-4000)")); err != nil {
		return err
	}
	n := min(max(4, 2*runtime.GOMAXPROCS(0)), 32)
	d.readers = make(chan *conn, n)
	for range n {
		if err := d.add(ctx, d.read, d.readers); err != nil {
			return err
		}
	}
	return nil
}

// dsn names the file and how each connection is set. The timeout is for
// another process (a backup, a person with sqlite3), not for ourselves.
func dsn(path, lock string, pragmas ...string) string {
	q := url.Values{}
	q.Set("_txlock", lock)
	for _, p := range append([]string{
		"busy_timeout(5000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)", "temp_store(MEMORY)",
		"journal_size_limit(67108864)", "trusted_schema(0)",
	}, pragmas...) {
		q.Add("_pragma", p)
	}
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + q.Encode()
}

// migrate brings the tables up to date. Each migration is a transaction.
func migrate(ctx context.Context, db *sql.DB) error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, db, files, goose.WithDisableGlobalRegistry(true), goose.WithTableName("schema_versions"))
	if err != nil {
		return err
	}
	have, known, err := p.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("read the version of the tables: %w", err)
	}
	if have > known {
		return fmt.Errorf("its tables are of version %d and this rota knows %d: use the rota that wrote it, or a newer one", have, known)
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("bring the tables up to date: %w", err)
	}
	return nil
}

func (d *Driver) add(ctx context.Context, db *sql.DB, pool chan *conn) error {
	c, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	w := &conn{sql: c, stmts: map[string]*sql.Stmt{}}
	d.conns = append(d.conns, w)
	pool <- w
	return nil
}

// Now is the clock.
func (d *Driver) Now() time.Time { return d.now().UTC().Truncate(time.Millisecond) }

// View runs f on one state of the database.
func (d *Driver) View(ctx context.Context, f func(store.Tx) error) error {
	return d.transact(ctx, d.readers, "BEGIN", f)
}

// Update runs f in a transaction, alone.
func (d *Driver) Update(ctx context.Context, f func(store.Tx) error) error {
	return d.transact(ctx, d.writer, "BEGIN IMMEDIATE", f)
}

func (d *Driver) transact(ctx context.Context, pool chan *conn, begin string, f func(store.Tx) error) error {
	c, err := d.take(ctx, pool)
	if err != nil {
		return err
	}
	defer func() { pool <- c }()
	if err := c.Exec(begin); err != nil {
		return d.explain(err)
	}
	done := false
	defer func() {
		if !done {
			// A failed statement may have rolled back already; after a panic
			// of f nothing stays either.
			_ = c.Exec("ROLLBACK")
		}
	}()
	if err := f(sqltx.New(c, d.Now())); err != nil {
		return d.explain(err)
	}
	commit := func() error { return c.Exec("COMMIT") }
	if pool == d.writer {
		err = d.hot.committing(commit)
	} else {
		err = commit()
	}
	if err != nil {
		return d.explain(err)
	}
	done = true
	return nil
}

// take waits for a connection. A caller that gave up waits no longer; once
// work began it runs to its end, since a commit cannot be half wanted.
func (d *Driver) take(ctx context.Context, pool chan *conn) (*conn, error) {
	if err := d.usable(ctx); err != nil {
		return nil, err
	}
	select {
	case c := <-pool:
		return c, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-d.closed:
		return nil, errClosed
	}
}

func (d *Driver) usable(ctx context.Context) error {
	select {
	case <-d.closed:
		return errClosed
	default:
		return ctx.Err()
	}
}

var errClosed = errors.New("the database is closed")

// explain says what to do about the errors that an operator can mend.
func (d *Driver) explain(err error) error {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return err
	}
	out := &rota.Error{Code: rota.Internal, Message: "The database could not be read or written.", Err: err}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_FULL:
		out.Message = "The database cannot grow: its disk is full, or it reached its page limit. Nothing was changed."
		out.Hint = "free space where " + d.path + " lies, then repeat the request"
	case sqlite3.SQLITE_IOERR:
		// A commit whose sync failed may be found after a restart.
		out.Message = "The disk of the database failed. Read again whether the change was kept."
		out.Hint = "check the disk that " + d.path + " lies on, then start rota again"
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_CANTOPEN:
		out.Message = "The database cannot be written. Nothing was changed."
		out.Hint = "let the user that runs rota write " + d.path + " and its folder"
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		out.Message = "Another process holds the database. Nothing was changed."
		out.Hint = "close other programs that have " + d.path + " open"
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		out.Message = "The database file is damaged."
		out.Hint = "stop rota and restore " + d.path + " from a backup"
	}
	return out
}

// Close waits for what runs, and closes the file. What comes later fails. It
// must be called once.
func (d *Driver) Close() error {
	var errs []error
	close(d.closed)
	for _, pool := range []chan *conn{d.writer, d.readers} {
		for range cap(pool) {
			if len(d.conns) == 0 {
				break
			}
			c := <-pool
			errs = append(errs, c.close())
			d.conns = d.conns[1:]
		}
	}
	for _, db := range []*sql.DB{d.read, d.write} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	return errors.Join(errs...)
}
