//go:build servers

package e2e

import (
	"context"
	"database/sql"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/internal/testserver"
	"github.com/rotahq/rota/wire"
)

const (
	crowdSize = 300
	hungSize  = 20 // more than have a place in a lane
	laneLimit = 16 // the program's default
	// crowdDone bounds the rotation of the crowd, and is shorter than a step
	// may take: no hung call ends by itself before.
	crowdDone = 4 * time.Minute
)

var hungFlags = []string{"--log-level", "error", "--step-timeout", "5m"}

// crowd is many secrets at one server, and some at another address, which
// may fall silent.
type crowd struct {
	s          *server
	many, hung *fleet
	silent     *silentPG
}

func newCrowd(tb testing.TB) *crowd {
	tb.Helper()
	pg := testserver.Postgres(tb)
	silent, through := startSilentPG(tb, pg)
	c := &crowd{
		s: serve(tb, build(tb), filepath.Join(tb.TempDir(), "data"), hungFlags...), silent: silent,
		many: &fleet{pg: pg}, hung: &fleet{pg: through},
	}
	makeRoles(tb, pg, "many", crowdSize)
	makeRoles(tb, pg, "hung", hungSize)
	c.many.setUp(tb, c.s, "many", crowdSize)
	c.hung.setUp(tb, c.s, "hung", hungSize)
	c.await(tb, "the set-up's tests are over", func(one wire.SecretStatus) bool { return one.State == "idle" }, append(c.many.names, c.hung.names...))
	return c
}

// setUp puts n secrets under a schedule, without a rotation.
func (f *fleet) setUp(tb testing.TB, s *server, prefix string, n int) {
	tb.Helper()
	client := s.client(tb)
	for i := range n {
		role := fmt.Sprintf("%s_%04d", prefix, i)
		f.put(tb, client, role, role, "first-"+role)
		if _, err := client.RotateSecret(tb.Context(), &secretsmanager.RotateSecretInput{
			SecretId: &role, RotationLambdaARN: aws.String(functionARN + "postgres"), RotateImmediately: aws.Bool(false),
			RotationRules: &types.RotationRulesType{ScheduleExpression: aws.String(longSchedule)},
		}); err != nil {
			tb.Fatalf("set up %s: %v", role, err)
		}
		f.names = append(f.names, role)
	}
}

// dueAtOnce stops the program, moves the scheduled start of all many and of
// so many hung ones to one and the same moment of today's window, and starts the
// program again before it. No schedule does that: starts in one window are spread, and
// those that a stopped program missed as well.
func (c *crowd) dueAtOnce(tb testing.TB, hung int) time.Time {
	tb.Helper()
	names := append(append([]string{}, c.many.names...), c.hung.names[:hung]...)
	c.s.terminate()
	at := time.Now().Add(6 * time.Second).Truncate(time.Millisecond)
	db, err := sql.Open("sqlite", "file:"+filepath.Join(c.s.dir, "rota.db"))
	if err != nil {
		tb.Fatal(err)
	}
	defer db.Close()
	tx, err := db.BeginTx(tb.Context(), nil)
	if err != nil {
		tb.Fatal(err)
	}
	// rate(30 days) counts from this day, and its window is the whole of today.
	today := at.UTC().Truncate(24 * time.Hour)
	from, last := today.AddDate(0, 0, -30), today.AddDate(0, 0, 1).Add(-time.Second)
	for _, name := range names {
		if _, err := tx.Exec(`UPDATE secrets SET anchor = ?, start = ?, next_rotation = ? WHERE name = ?`,
			from.UnixMilli(), at.UnixMilli(), last.UnixMilli(), name); err != nil {
			tb.Fatal(err)
		}
		res, err := tx.Exec(`UPDATE tasks SET due = ? WHERE kind = '' AND secret = (SELECT id FROM secrets WHERE name = ?)`, at.UnixMilli(), name)
		if err != nil {
			tb.Fatal(err)
		}
		if n, err := res.RowsAffected(); n != 1 || err != nil {
			tb.Fatalf("%s is not idle: %d rows, %v", name, n, err)
		}
	}
	if err := tx.Commit(); err != nil {
		tb.Fatal(err)
	}
	if err := db.Close(); err != nil {
		tb.Fatal(err)
	}
	c.s.start(tb, hungFlags...)
	for _, one := range c.status(tb, names) {
		if one.Next == nil || !one.Next.Equal(at) {
			tb.Fatalf("%s is due at %v, not at once with the others at %s: the program took too long to start?", one.Name, one.Next, at)
		}
	}
	return at
}

func (c *crowd) status(tb testing.TB, names []string) []wire.SecretStatus {
	tb.Helper()
	var all wire.StatusOutput
	c.s.own(tb, "Status", wire.StatusInput{}, &all)
	wanted := map[string]bool{}
	for _, name := range names {
		wanted[name] = true
	}
	var some []wire.SecretStatus
	for _, one := range all.Secrets {
		if wanted[one.Name] {
			some = append(some, one)
		}
	}
	if len(some) != len(names) {
		tb.Fatalf("status lists %d of %d secrets", len(some), len(names))
	}
	return some
}

// rotatedSince is a rotation that is over, with the old password proven dead.
func rotatedSince(at time.Time) func(wire.SecretStatus) bool {
	return func(one wire.SecretStatus) bool {
		return one.State == "idle" && one.LastRotated != nil && !one.LastRotated.Before(at) && one.OverlapOpen == 0
	}
}

func (c *crowd) await(tb testing.TB, what string, done func(wire.SecretStatus) bool, names []string) {
	tb.Helper()
	// Seldom: each look costs the server as much as a rotation.
	eventuallyEvery(tb, time.Second, crowdDone, what, func() (bool, string) {
		left, seen := 0, ""
		for _, one := range c.status(tb, names) {
			if !done(one) {
				left++
				seen = one.Name + " " + one.State + " " + one.Detail
			}
		}
		return left == 0, fmt.Sprintf("%d of %d are not, such as %s", left, len(names), seen)
	})
}

// awaitHung waits until n calls hang.
func (c *crowd) awaitHung(tb testing.TB, n int) {
	tb.Helper()
	eventuallyEvery(tb, 10*time.Millisecond, crowdDone, fmt.Sprintf("%d calls hang", n), func() (bool, string) {
		now, total := c.silent.hanging()
		return now >= n, fmt.Sprintf("%d hang, %d have hung", now, total)
	})
}

// took is the time from the moment when the many were due to the last proven
// death of an old password, as the ledger has it.
func (c *crowd) took(tb testing.TB, at time.Time) time.Duration {
	tb.Helper()
	var last time.Time
	for _, name := range c.many.names {
		var show wire.ShowOutput
		c.s.own(tb, "Show", wire.ShowInput{SecretId: name, MaxJournal: 1}, &show)
		for _, row := range show.Credentials {
			if row.State == string(rota.ProvenDead) && row.Changed.After(last) {
				last = row.Changed
			}
		}
	}
	return last.Sub(at)
}

// failures are the causes of the failed steps of a secret since a moment.
func (c *crowd) failures(tb testing.TB, name string, since time.Time) []wire.ShownEntry {
	tb.Helper()
	var show wire.ShowOutput
	c.s.own(tb, "Show", wire.ShowInput{SecretId: name, MaxJournal: 100}, &show)
	var failed []wire.ShownEntry
	for _, e := range show.Journal {
		if e.Outcome == string(rota.OutcomeFailed) && !e.Started.Before(since) {
			failed = append(failed, e)
		}
	}
	return failed
}

// TestAHungProviderDelaysNobody rotates 300 roles that are due at once, with
// others due at the same moment whose provider accepts the connection and
// does not answer until all 300 are done.
func TestAHungProviderDelaysNobody(t *testing.T) {
	c := newCrowd(t)
	for _, test := range []struct {
		name   string
		hung   int
		from   silence
		places int    // how many of them hang at a time
		hangUp string // what the journal says of the call that the provider ended; "": it answers after all
	}{
		{"one whose provider accepts the connection and says nothing: given up and called again all the while", 1, fromAccept, 1, "closed"},
		{"one whose provider takes a statement and says nothing: the same call hangs until all are done", 1, fromStatement, 1, "closed"},
		{"twenty at such a provider, more than have a place in its lane", hungSize, fromStatement, laneLimit, ""},
	} {
		ok := t.Run(test.name, func(t *testing.T) {
			hung := c.hung.names[:test.hung]
			c.silent.fallSilent(test.from)
			defer c.silent.speak(false)
			at := c.dueAtOnce(t, test.hung)
			rotated := rotatedSince(at)

			c.awaitHung(t, test.places)
			before := 0
			for _, one := range c.status(t, c.many.names) {
				if rotated(one) {
					before++
				}
			}
			if before == crowdSize {
				t.Fatal("all were done before the calls hung: nothing was tested")
			}

			c.await(t, "all are rotated while a provider hangs", rotated, c.many.names)
			now, total := c.silent.hanging()
			t.Logf("%d rotated in %s; %d were before the calls hung; %d of %d calls still hang", crowdSize, c.took(t, at).Round(time.Millisecond), before, now, total)
			if test.from == fromStatement && (now != test.places || total != test.places) {
				t.Errorf("%d calls hang and %d have, want the same %d from beginning to end", now, total, test.places)
			}
			begun := 0
			for _, one := range c.status(t, hung) {
				if rotated(one) {
					t.Errorf("%s is rotated by a provider that does not answer", one.Name)
				}
				if one.State != "idle" {
					begun++
				}
			}
			if begun != test.places {
				t.Errorf("%d of the %d that hang have begun, want %d: the others wait for a place in the lane", begun, test.hung, test.places)
			}
			c.awaitHung(t, test.places) // between two tries none hangs

			c.silent.speak(test.hangUp != "")
			c.await(t, "those that hung are rotated after all", rotated, hung)
			if test.hangUp != "" {
				c.explained(t, hung[0], at, test.hangUp)
			}
			c.healthy(t)
		})
		if !ok {
			return // what it left unfinished would fail the next one too
		}
	}
	for _, f := range []*fleet{c.many, c.hung} {
		client := c.s.client(t)
		for name, err := range f.eachName(f.names, func(name string) error {
			value, err := current(t.Context(), client, name, "")
			if err != nil {
				return err
			}
			return f.logIn(t.Context(), value)
		}) {
			t.Errorf("%s: AWSCURRENT does not log in: %v", name, err)
		}
	}
}

// explained checks that the journal tells why the call that hung failed, and
// what came next.
func (c *crowd) explained(t *testing.T, name string, since time.Time, last string) {
	t.Helper()
	failed := c.failures(t, name, since)
	if len(failed) == 0 {
		t.Fatalf("the journal of %s has no failure", name)
	}
	for i, e := range failed {
		cause := "no answer in time"
		if i == len(failed)-1 {
			cause = last
		}
		t.Logf("%s attempt %d, after %d ms: %s; %s", e.Step, e.Attempt, e.Milliseconds, e.Cause, e.Next)
		if e.Step != string(rota.SetSecret) || !strings.Contains(e.Cause, cause) || !strings.Contains(e.Cause, c.silent.l.Addr().String()) {
			t.Errorf("failure %d is in %s: %q, want in setSecret: %q", i+1, e.Step, e.Cause, cause)
		}
		if !strings.HasPrefix(e.Next, fmt.Sprintf("attempt %d at ", i+2)) {
			t.Errorf("after failure %d comes %q, want the next attempt", i+1, e.Next)
		}
	}
}

// healthy asks the program for its health.
func (c *crowd) healthy(t *testing.T) {
	t.Helper()
	req, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), http.MethodGet, c.s.url+"/healthz", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Errorf("/healthz answers %s", res.Status)
	}
}
