package engine_test

import (
	"context"
	"testing"
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/store"
)

// planned is a life with one secret whose next window opens so much later. The
// process is away until an hour before.
func planned(t *testing.T, l *life, r rota.Rules, open time.Time) (first string) {
	t.Helper()
	l.start()
	l.user("app")
	first = l.version("app")
	l.plan("app", "users", r)
	l.sleep(time.Minute)
	if next := l.describe("app").Rotation.Next; next.Before(open) || next.Sub(open) > wholeDay {
		t.Fatalf("its window ends at %s, want one that opens at %s", next, open)
	}
	l.stop()
	time.Sleep(time.Until(open.Add(-time.Hour)))
	l.start()
	return first
}

// downUntil is a provider that cannot set anything before a time.
func downUntil(until time.Time) func(context.Context, providerCall) error {
	return func(_ context.Context, c providerCall) error {
		if c.op == "set" && time.Now().Before(until) {
			return errDown
		}
		return nil
	}
}

// insideHours reports the starts that lie outside of the hours of the window.
func insideHours(t *testing.T, starts []time.Time, open time.Time, long time.Duration) {
	t.Helper()
	for _, at := range starts {
		if since := at.Sub(open) % wholeDay; since < 0 || since >= long {
			t.Errorf("a start at %s, outside of the %s from %s", at, long, open.Format(time.TimeOnly))
		}
	}
}

// An outage as long as a window costs a day, and not a schedule period; a
// shorter one not even that.
func TestAfterAnOutageTheRotationIsMadeUpForInTheHoursOfItsWindow(t *testing.T) {
	monthEnd := time.Date(2000, 1, 31, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name   string
		rules  rota.Rules
		open   time.Time
		long   time.Duration
		outage time.Duration // from the opening on
		latest time.Duration // from the opening on
		next   string        // NextRotationDate after it
	}{
		{"a rate with a Duration, down for the window", rules("rate(30 days) + 2h"), monthEnd, 2 * time.Hour, 2 * time.Hour, wholeDay + 2*time.Hour, "2000-03-02 01:59:59"},
		{"a cron expression with a Duration, down for the window", rules("cron(0 2 L * ? *) + 2h"), monthEnd.Add(2 * time.Hour), 2 * time.Hour, 2 * time.Hour, wholeDay + 2*time.Hour, "2000-02-29 03:59:59"},
		{"down for three days", rules("rate(30 days) + 2h"), monthEnd, 2 * time.Hour, 3 * wholeDay, 3*wholeDay + 2*time.Hour, "2000-03-04 01:59:59"},
		{"down for a part of the window", rules("rate(30 days) + 6h"), monthEnd, 6 * time.Hour, 3 * time.Hour, 5 * time.Hour, "2000-03-01 05:59:59"},
		{"the whole day, down for a part of it", rules("rate(30 days)"), monthEnd, wholeDay, 7 * time.Hour, 9 * time.Hour, "2000-03-01 23:59:59"},
	} {
		t.Run(c.name, func(t *testing.T) {
			live(t, func(t *testing.T, l *life) {
				first := planned(t, l, c.rules, c.open)
				l.gate.set(downUntil(c.open.Add(c.outage)))
				l.sleep(time.Until(c.open.Add(c.outage)))
				failedTries := len(l.starts("app"))
				if failedTries == 0 || l.version("app") != first {
					t.Fatalf("%d starts during the outage, AWSCURRENT on %s", failedTries, l.version("app"))
				}
				if next, want := l.describe("app").Rotation.Next, c.open.Add(c.long-time.Second); !next.Equal(want) {
					t.Errorf("while it fails NextRotationDate is %s, want that of the window it missed, %s", next, want)
				}
				if due := l.task("app").Due; due.IsZero() || due.After(time.Now().Add(wholeDay)) {
					t.Errorf("the fresh start is due at %s", due)
				}
				l.rotated("app", first, time.Until(c.open.Add(c.latest)))
				starts := l.starts("app")
				insideHours(t, starts, c.open, c.long)
				for i := 1; i < len(starts); i++ {
					if apart := starts[i].Sub(starts[i-1]); apart < time.Hour {
						t.Errorf("a fresh start %s after the one before, which took attempts of its own", apart)
					}
				}
				if got := l.describe("app").Rotation.Next.Format(time.DateTime); got != c.next {
					t.Errorf("after it NextRotationDate is %s, want %s", got, c.next)
				}
				l.wantIdle("app")
			})
		})
	}
}

// Down for the window is what a server can be, too. Then nothing is
// rotated outside of the hours that were chosen.
func TestAStartThatMissedItsWindowWaitsForTheSameHours(t *testing.T) {
	six := 6 * time.Hour
	for _, c := range []struct {
		name  string
		rules rota.Rules
		back  time.Duration // after the midnight that begins the 31st
		from  time.Duration // when the first start may be
		long  time.Duration
	}{
		{"a cron expression for each day", rules("cron(0 2 * * ? *) + 2h"), six + 6*time.Minute, 26 * time.Hour, 2 * time.Hour},
		{"a rate of thirty days", rules("rate(30 days) + 2h"), six, wholeDay, 2 * time.Hour},
		{"a rate of four hours, whose next window comes first", rules("rate(4 hours)"), six, 8 * time.Hour, time.Hour},
		{"back within the window", rules("rate(30 days) + 8h"), six, six, 2 * time.Hour},
		{"without a Duration it is the whole day", rules("rate(30 days)"), six, six, 10 * time.Minute},
		{"and each day that follows", rules("rate(30 days)"), wholeDay + six, wholeDay + six, 10 * time.Minute},
	} {
		t.Run(c.name, func(t *testing.T) {
			live(t, func(t *testing.T, l *life) {
				l.start()
				l.user("app")
				first := l.version("app")
				l.plan("app", "users", c.rules)
				l.sleep(time.Minute)
				l.stop()
				midnight := time.Date(2000, 1, 31, 0, 0, 0, 0, time.UTC)
				time.Sleep(time.Until(midnight.Add(c.back)))
				l.start()
				l.rotated("app", first, 36*time.Hour)
				starts := l.starts("app")
				if len(starts) != 1 || starts[0].Before(midnight.Add(c.from)) || !starts[0].Before(midnight.Add(c.from+c.long)) {
					t.Errorf("it started at %s, want once, in the %s from %s", starts, c.long, midnight.Add(c.from))
				}
				if waits := l.waits("app"); c.from > c.back {
					l.wantSaid("app", "scheduled", rota.OutcomeWaiting, "its window has closed", "look again at ")
				} else if len(waits) > 0 {
					t.Errorf("it waited: %+v", waits)
				}
			})
		})
	}
}

// Asking by hand is no reason to leave out what the schedule has to do.
func TestARotationAskedForThatFailsPostponesNothing(t *testing.T) {
	open := time.Date(2000, 1, 31, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name string
		asks time.Time
	}{
		{"long before the window", open.Add(-20 * time.Minute)},
		{"in the window, after its start failed", open.Add(70 * time.Minute)},
	} {
		t.Run(c.name, func(t *testing.T) {
			live(t, func(t *testing.T, l *life) {
				first := planned(t, l, rules("rate(30 days) + 6h"), open)
				due := l.task("app").Due
				l.gate.set(downUntil(c.asks.Add(30 * time.Minute)))
				l.sleep(time.Until(c.asks))
				if err := l.ask("app"); err != nil {
					t.Fatal(err)
				}
				l.rotated("app", first, time.Until(open.Add(4*time.Hour)))
				if starts := l.starts("app"); len(starts) == 0 || starts[0].Sub(due).Abs() > time.Second {
					t.Errorf("the schedule started at %s, want first at %s", starts, due)
				}
				insideHours(t, l.starts("app"), open, 6*time.Hour)
			})
		})
	}
}

// Taking AWSPENDING away and asking for another rotation is what rota rotate
// --anew does. The current value is as old as before: if that rotation fails
// too, the secret is overdue all the same.
func TestAnOverdueSecretThatIsBegunAnewStaysOverdueUntilARotationSucceeds(t *testing.T) {
	open := time.Date(2000, 1, 31, 0, 0, 0, 0, time.UTC)
	live(t, func(t *testing.T, l *life) {
		planned(t, l, rules("rate(30 days) + 6h"), open)
		l.gate.set(downUntil(open.Add(3 * time.Hour)))
		l.till("the attempts", 3*time.Hour, func() bool { return l.task("app").Attempt > 3 })
		before := l.describe("app")
		if _, err := l.store.UpdateSecretVersionStage(t.Context(), caller, store.UpdateSecretVersionStageInput{
			SecretID: "app", VersionStage: rota.Pending, RemoveFromVersionID: before.VersionOf(rota.Pending),
		}); err != nil {
			t.Fatal(err)
		}
		if err := l.ask("app"); err != nil {
			t.Fatal(err)
		}
		l.till("the end of the attempts", 3*time.Hour, func() bool { return l.task("app").Kind == store.Idle })
		if due := l.task("app").Due; due.IsZero() || due.After(open.Add(6*time.Hour)) {
			t.Errorf("the next rotation is due at %s, not within the window", due)
		}
		if next := l.describe("app").Rotation.Next; !next.Equal(before.Rotation.Next) {
			t.Errorf("NextRotationDate moved from %s to %s without a success", before.Rotation.Next, next)
		}
		l.till("the rotation", 6*time.Hour, func() bool { return !l.describe("app").Rotation.Last.Equal(before.Rotation.Last) })
	})
}
