package sqlite_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/rotahq/rota/store"
	"github.com/rotahq/rota/store/sqlite"
	"github.com/rotahq/rota/store/storetest"
)

func open(t testing.TB, folder string, now func() time.Time) store.Driver {
	t.Helper()
	d, err := sqlite.Open(t.Context(), filepath.Join(folder, "rota.db"), now)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestConformance(t *testing.T) { storetest.Run(t, open) }
