// Package testdb opens databases for tests. What takes the time with a new
// file are the migrations, ten times more under the race detector: they run
// once for each test binary, and every new database begins as a copy.
package testdb

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/rotahq/rota/store/sqlite"
)

// Open opens the database file as sqlite.Open does, and makes it if it is not
// there. Who opens it closes it.
func Open(tb testing.TB, path string, now func() time.Time) *sqlite.Driver {
	tb.Helper()
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		b, err := blank()
		if err != nil {
			tb.Fatalf("make an empty database: %v", err)
		}
		if err := os.WriteFile(path, b, 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	d, err := sqlite.Open(context.Background(), path, now)
	if err != nil {
		tb.Fatal(err)
	}
	return d
}

// blank is the file of a database that nothing was written to. It is made
// outside of whatever bubble of simulated time asks for it first: SQLite
// starts nothing that would stay in it.
var blank = sync.OnceValues(func() ([]byte, error) {
	folder, err := os.MkdirTemp("", "rota-testdb-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	path := filepath.Join(folder, "rota.db")
	d, err := sqlite.Open(context.Background(), path, time.Now)
	if err != nil {
		return nil, err
	}
	if err := d.Close(); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
})
