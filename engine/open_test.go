package engine_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/rotahq/rota/internal/testdb"
	"github.com/rotahq/rota/seal"
	"github.com/rotahq/rota/store"
)

// openDriver opens the database with the clock of the test, which is
// simulated inside a bubble.
func openDriver(t *testing.T, path string) store.Driver {
	t.Helper()
	return testdb.Open(t, path, time.Now)
}

func newSealer(t *testing.T) *seal.Sealer {
	t.Helper()
	s, err := seal.Create(filepath.Join(t.TempDir(), "seal.key"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}
