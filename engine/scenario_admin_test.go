package engine_test

import (
	"strings"
	"testing"
	"time"

	"github.com/rotahq/rota"
)

// span is the time from the first to the last invocation for a secret that
// ended after a moment.
func (l *life) span(name string, after time.Time) (from, to time.Time) {
	for _, s := range l.invoked(name) {
		if s.to.Before(after) {
			continue
		}
		if from.IsZero() || s.from.Before(from) {
			from = s.from
		}
		if s.to.After(to) {
			to = s.to
		}
	}
	return from, to
}

// Work on a child and on its admin secret never overlaps in time,
// whichever comes first, and the later one waits and is not lost.
func TestAChildAndItsAdminSecretAreNeverWorkedOnAtOnce(t *testing.T) {
	for _, c := range []struct {
		name, first, second string
		jump                time.Duration // of the clock, meanwhile
	}{
		{"the child's rotation runs and the admin secret's is asked for", "child", "admin", 0},
		{"the admin secret's rotation runs and the child's is asked for", "admin", "child", 0},
		{"the clock jumps forward past the child's claim", "child", "admin", 2 * time.Hour},
		{"the clock jumps back to before the admin secret's claim", "admin", "child", -2 * time.Hour},
	} {
		t.Run(c.name, func(t *testing.T) {
			live(t, func(t *testing.T, l *life) {
				l.start()
				l.twoUsers("child", tag("rota:expire", "after 1h"))
				before := map[string]string{}
				for _, name := range []string{"admin", "child"} {
					l.plan(name, "users", rules(""))
					before[name] = l.version(name)
				}
				l.sleep(time.Second)
				l.gate.set(slowly("set", 30*time.Second))
				asked := time.Now()
				for _, name := range []string{c.first, c.second} {
					if err := l.ask(name); err != nil {
						t.Fatal(err)
					}
					l.sleep(5 * time.Second)
				}
				l.wall.Add(int64(c.jump))
				for _, name := range []string{c.first, c.second} {
					l.rotated(name, before[name], 3*time.Minute)
				}
				_, end := l.span(c.first, asked.Add(time.Nanosecond))
				begin, _ := l.span(c.second, asked.Add(time.Nanosecond))
				if begin.Before(end) {
					t.Errorf("the work on the %s began at %s, before that on the %s ended at %s", c.second, begin, c.first, end)
				}
				if wait := begin.Sub(end); wait > 2*time.Second {
					t.Errorf("the %s waited %s longer than it had to", c.second, wait)
				}
				for _, name := range []string{c.first, c.second} {
					for _, s := range l.invoked(name) {
						if s.err != nil {
							t.Errorf("%s of the %s failed: %s", s.Step, name, s.err)
						}
					}
				}
			})
		})
	}
}

// The ending of a child uses the admin secret too.
func TestAnEndingOfAChildWaitsForItsAdminSecret(t *testing.T) {
	live(t, func(t *testing.T, l *life) {
		l.start()
		l.twoUsers("child", tag("rota:expire", "after 10m"))
		l.plan("admin", "users", rules(""))
		first := l.version("child")
		l.rotate("child", "users", rules(""))
		l.rotated("child", first, time.Minute)
		due := l.credential("child", first).Due
		l.sleep(time.Until(due) - 5*time.Second)
		l.gate.set(slowly("set", 30*time.Second))
		before := l.version("admin")
		if err := l.ask("admin"); err != nil {
			t.Fatal(err)
		}
		l.rotated("admin", before, time.Minute)
		l.sleep(5 * time.Second)
		ends := l.invokedFor("child", rota.ExpireSecret)
		_, over := l.span("admin", due)
		if len(ends) != 1 || ends[0].err != nil || ends[0].from.Before(over) {
			t.Errorf("endings %+v, want one that works, after the admin secret's rotation at %s", ends, over)
		}
		l.wantState("child", first, rota.ProvenDead)
	})
}

// Two children of one admin secret do not wait for each other.
func TestChildrenOfOneAdminSecretAreWorkedOnAtOnce(t *testing.T) {
	live(t, func(t *testing.T, l *life) {
		l.start()
		l.twoUsers("one")
		l.user("two", tag("rota:admin", "admin"))
		first := map[string]string{}
		l.gate.set(slowly("set", 30*time.Second))
		start := time.Now()
		for _, name := range []string{"one", "two"} {
			first[name] = l.version(name)
			l.rotate(name, "users", rules(""))
		}
		for _, name := range []string{"one", "two"} {
			l.rotated(name, first[name], time.Minute)
		}
		if took := time.Since(start); took > 35*time.Second {
			t.Errorf("both took %s, each takes 30s", took)
		}
	})
}

// Invariant 11.
func TestAnAdminSecretThatDoesNotServeTheChildIsNotUsed(t *testing.T) {
	command := "aws secretsmanager tag-resource --secret-id admin --tags 'Key=rota:serves,Value=other child'"
	serves := func(t *testing.T, l *life, value string) {
		t.Helper()
		if err := l.store.TagResource(t.Context(), caller, "admin", []rota.Tag{tag("rota:serves", value)}); err != nil {
			t.Fatal(err)
		}
	}
	live(t, func(t *testing.T, l *life) {
		l.start()
		l.user("admin", tag("rota:serves", "other"))
		l.user("child", tag("rota:admin", "admin"), tag("rota:expire", "after 5m"))
		before := l.version("child")
		err := l.setUp("child", "users", rules("rate(1 day)"), nil)
		if rota.CodeOf(err) != rota.InvalidParameter || !strings.Contains(err.Error(), command) {
			t.Errorf("the refusal is %v, want it to name %s", err, command)
		}
		l.sleep(wholeDay)
		if n := len(l.invoked("child")); n != 0 || l.describe("child").Rotation.Configured {
			t.Errorf("%d invocations for a child that is not served", n)
		}

		serves(t, l, "other child")
		l.rotate("child", "users", rules("rate(1 day)"))
		l.rotated("child", before, time.Minute)
		l.sleep(10 * time.Minute)

		// The admin secret's owner takes it back: the next rotation ends at
		// once, and says what to do.
		serves(t, l, "other")
		second, sets := l.version("child"), l.provider.Effects("set")
		l.sleep(wholeDay + 2*time.Hour)
		if l.version("child") != second || l.provider.Effects("set") != sets {
			t.Error("the admin secret was used for a child that it does not serve any more")
		}
		l.wantSaid("child", "createSecret", rota.OutcomeFailed, command, "given up")
		l.wantIdle("child")
		// The first rotation, and in two hours of the day at most three, each
		// with one fresh start.
		if n := len(l.invokedFor("child", rota.CreateSecret)); n > 1+3*2 {
			t.Errorf("%d attempts at what no retry mends", n)
		}

		serves(t, l, "other child")
		l.sleep(wholeDay)
		if l.version("child") == second {
			t.Error("the child is served again and the schedule did not rotate it")
		}
	})
}

// A wrong admin credential is a failure like any other: it is said, nothing
// is changed, and the next try after the admin secret was mended works.
func TestARefusedAdminCredentialIsSaidAndMended(t *testing.T) {
	live(t, func(t *testing.T, l *life) {
		l.start()
		l.twoUsers("child")
		before := l.version("child")
		l.provider.AddUser("admin", "changed by somebody")
		l.rotate("child", "users", rules("rate(1 day)"))
		l.sleep(3 * time.Minute)
		l.wantSaid("child", "setSecret", rota.OutcomeFailed, errAdmin.Error(), "attempt 2 at")
		if l.version("child") != before || l.provider.Effects("set") != 0 {
			t.Error("something changed without the admin's login")
		}
		l.provider.AddUser("admin", "first-admin")
		l.rotated("child", before, 6*time.Minute)
		l.wantIdle("child")
	})
}
