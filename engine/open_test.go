package engine_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/rotahq/rota/seal"
	"github.com/rotahq/rota/store"
	"github.com/rotahq/rota/store/sqlite"
)

// openDriver opens the database with the clock of the test, which is
// simulated inside a bubble.
func openDriver(t *testing.T, path string) store.Driver {
	t.Helper()
	d, err := sqlite.Open(t.Context(), path, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func newSealer(t *testing.T) *seal.Sealer {
	t.Helper()
	s, err := seal.Create(filepath.Join(t.TempDir(), "seal.key"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}
