package sqlite_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/rotahq/rota/internal/testdb"
	"github.com/rotahq/rota/store"
	"github.com/rotahq/rota/store/storetest"
)

func open(t testing.TB, folder string, now func() time.Time) store.Driver {
	t.Helper()
	return testdb.Open(t, filepath.Join(folder, "rota.db"), now)
}

func TestConformance(t *testing.T) { storetest.Run(t, open) }
