// Package storetest is what every driver of package store must pass: the
// rows of a transaction, the recorded behaviour of AWS as data
// (testdata/*.yaml), the rules of rotation, and random operations against
// invariants. A driver's test is one line:
//
//	func TestConformance(t *testing.T) { storetest.Run(t, open) }
//
// Each check has a sentence for a name that says which rule it guards.
package storetest

import (
	"testing"
	"time"

	"github.com/rotahq/rota/store"
)

// Open opens the database that belongs to a folder, and makes it if it is not
// there. Opened again after Close it must hold what was committed. The driver
// must use the clock if its database has none of its own.
type Open func(t testing.TB, folder string, now func() time.Time) store.Driver

// Run runs the whole suite on a driver.
func Run(t *testing.T, open Open) {
	t.Run("rows", func(t *testing.T) { rows(t, open) })
	t.Run("vectors", func(t *testing.T) {
		vectors(t, func(t *testing.T) *asker {
			w := NewWorld(t, open)
			return &asker{World: w, API: w.Store}
		})
	})
	t.Run("rules", func(t *testing.T) { rules(t, open) })
	t.Run("property", func(t *testing.T) { property(t, open) })
}
