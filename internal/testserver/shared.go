package testserver

import (
	"slices"
	"sync"
	"testing"
)

// Shared is a PostgreSQL for all tests of a binary, for those that need no
// settings of their own and do not stop it. TestMain ends it:
//
//	var shared testserver.Shared
//
//	func TestMain(m *testing.M) {
//		code := m.Run()
//		shared.End()
//		os.Exit(code)
//	}
type Shared struct {
	once sync.Once
	pg   *PG
	end  []func()
}

// Postgres starts the server when it is asked for first.
func (s *Shared) Postgres(t testing.TB) *PG {
	t.Helper()
	s.once.Do(func() { s.pg = Postgres(lasting{t, s}) })
	if s.pg == nil {
		t.Fatal("the shared PostgreSQL did not start, as an earlier test tells")
	}
	return s.pg
}

// End ends the server, if it was started.
func (s *Shared) End() {
	for _, f := range slices.Backward(s.end) {
		f()
	}
	s.end = nil
}

// lasting is the test that happens to start the shared server, which outlives
// it.
type lasting struct {
	testing.TB
	s *Shared
}

func (l lasting) Cleanup(f func()) { l.s.end = append(l.s.end, f) }

// Failed is false, since nothing can be logged when that test is over.
func (l lasting) Failed() bool { return false }
