package engine_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/engine"
	"github.com/rotahq/rota/function"
	"github.com/rotahq/rota/rotation/rotationtest"
)

// RotateImmediately=false makes a version with
// the current value, tests it alone, and leaves nothing.
func TestSetUpWithATestOnly(t *testing.T) {
	for _, rotator := range []string{"users", "keys"} {
		t.Run(rotator, func(t *testing.T) {
			live(t, func(t *testing.T, l *life) {
				l.start()
				if rotator == "users" {
					l.user("app")
				} else {
					l.key("app", tag("rota:expire", "immediately"))
				}
				before, value := l.version("app"), l.value("app", "")
				var during rota.Secret
				var tested rota.Value
				l.onStep.set(func(_ context.Context, c function.Call) error {
					during = l.describe("app")
					tested = l.value("app", c.Event.ClientRequestToken)
					return nil
				})
				l.plan("app", rotator, rules("rate(12 hours) + 2h"))
				l.sleep(time.Minute)
				l.onStep.set(nil)

				l.wantSaid("app", "testSecret", rota.OutcomeOK, "nothing was rotated")
				steps := l.invoked("app")
				if len(steps) != 1 || steps[0].Step != rota.TestSecret || steps[0].err != nil {
					t.Fatalf("invoked: %+v, want testSecret alone", steps)
				}
				if p := during.VersionOf(rota.Pending); p != steps[0].token || p == before || !tested.Equal(value) {
					t.Errorf("during the test AWSPENDING is on %q, want on the version %s, with the current value", p, steps[0].token)
				}
				if got := during.VersionOf(rota.Current); got != before {
					t.Errorf("during the test AWSCURRENT is on %s, want on %s", got, before)
				}
				if v := l.versions("app"); len(v) != 1 || v[0].ID != before || !slices.Equal(v[0].Labels, []rota.Label{rota.Current}) {
					t.Errorf("after the test the versions are %+v, want only %s", v, before)
				}
				if n := l.provider.Effects("set") + l.provider.Effects("mint"); n != 0 {
					t.Errorf("%d changes at the provider by a test", n)
				}
				r := l.describe("app").Rotation
				if !r.Last.IsZero() || r.Next.Format(time.DateTime) != "2000-01-01 13:59:59" {
					t.Errorf("after the test LastRotatedDate is %s and NextRotationDate %s, want none and the end of the first window", r.Last, r.Next)
				}
				l.wantSaid("app", "testSecret", rota.OutcomeOK)

				l.sleep(12*time.Hour - 2*time.Minute)
				if got := l.version("app"); got != before {
					t.Errorf("AWSCURRENT moved before the first window")
				}
				l.sleep(2 * time.Hour)
				starts := l.starts("app")
				if len(starts) != 1 || starts[0].Day() != 1 || starts[0].Hour() < 12 || starts[0].Hour() > 13 {
					t.Errorf("starts: %s, want one in the first window", starts)
				}
				if l.version("app") == before {
					t.Error("the schedule did not rotate it")
				}
				l.wantIdle("app")
			})
		})
	}
}

// A test that fails is tried again, ends, says so, and neither
// touches AWSCURRENT nor the schedule.
func TestSetUpWhoseTestFails(t *testing.T) {
	for _, c := range []struct {
		name     string
		down     time.Duration // the provider; 0: it refuses the value instead
		attempts int           // 0: enough for the time
		outcome  string
		cause    string
		next     string
		lasts    bool // as the task's last error
	}{
		{"a value that is refused ends the test at once", 0, 1, rota.OutcomeFailed, "refuses the new value", "the attempt is given up", true},
		{"a provider that comes back is asked again", time.Minute, 0, rota.OutcomeFailed, errDown.Error(), "attempt 2 at", false},
		{"a provider that stays away ends the test", 5 * time.Hour, engine.MaxAttempts, rota.OutcomeFailed, errDown.Error(), "the attempt is given up", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			live(t, func(t *testing.T, l *life) {
				l.start()
				l.user("app")
				before := l.version("app")
				if c.down > 0 {
					back := time.Now().Add(c.down)
					l.gate.set(func(ctx context.Context, p providerCall) error {
						if time.Now().Before(back) {
							return errDown
						}
						return nil
					})
				} else {
					l.provider.AddUser("app", "changed by somebody")
				}
				l.plan("app", "users", rules("rate(1 day) + 2h"))
				l.sleep(2 * time.Hour)
				steps := l.invoked("app")
				if c.attempts > 0 && len(steps) != c.attempts {
					t.Errorf("%d tests, want %d", len(steps), c.attempts)
				}
				if c.attempts == 0 && (len(steps) < 3 || steps[len(steps)-1].err != nil) {
					t.Errorf("tests: %+v, want some that failed and one that did not", steps)
				}
				for _, s := range steps {
					if s.Step != rota.TestSecret {
						t.Errorf("%s was invoked", s.Step)
					}
				}
				l.wantSaid("app", "testSecret", c.outcome, c.cause, c.next)
				l.wantIdle("app")
				if v := l.versions("app"); len(v) != 1 || v[0].ID != before {
					t.Errorf("the versions are %+v, want only %s", v, before)
				}
				if got := l.task("app").LastError; (got != "") != c.lasts {
					t.Errorf("the task's last error is %q", got)
				}

				// What was wrong is mended: the schedule does not remember it.
				l.gate.set(nil)
				l.provider.AddUser("app", "first-app")
				l.sleep(wholeDay)
				if got := l.starts("app"); len(got) != 1 || got[0].Day() != 2 {
					t.Errorf("starts: %s, want one on the next day", got)
				}
				if l.version("app") == before {
					t.Error("the schedule did not rotate it")
				}
				if !l.provider.Accepts(l.value("app", "")) || l.provider.Accepts(rotationtest.UserValue("app", "first-app")) {
					t.Error("the schedule's rotation is not in force at the provider")
				}
			})
		})
	}
}
