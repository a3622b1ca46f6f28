package engine_test

import (
	"context"
	"encoding/json"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/rotation/rotationtest"
	"github.com/rotahq/rota/store"
)

// Where one password can live, what ends the attempts between
// set and finish leaves the secret with a value that is accepted.
func TestAttemptsThatEndInTheGapOfASinglePassword(t *testing.T) {
	// The provider becomes unreachable right after the password was set.
	lost := func(l *life) func(context.Context, providerCall) error {
		return func(context.Context, providerCall) error {
			if l.provider.Effects("set") > 0 {
				return errDown
			}
			return nil
		}
	}
	for _, c := range []struct {
		name   string
		gate   func(*life) func(context.Context, providerCall) error
		during func(t *testing.T, l *life) // in the gap
		after  func(t *testing.T, l *life) // hours later, before the provider is itself again
		moved  bool                        // AWSCURRENT, in the end
		said   []string                    // by the resolution
	}{
		{"the provider is away for hours: the new value works, and is finished", lost, nil, nil, true, []string{"the new value works: finished instead of undone"}},
		{"somebody put the old password back meanwhile: nothing is to be undone", lost, nil, func(_ *testing.T, l *life) {
			l.provider.AddUser("app", "first-app")
		}, false, []string{"the current value works: nothing to undo"}},
		{"rotation is cancelled: the new value works, and is finished", func(*life) func(context.Context, providerCall) error { return slowly("set", 20*time.Second) }, func(t *testing.T, l *life) {
			if _, err := l.store.CancelRotateSecret(t.Context(), caller, "app"); err != nil {
				t.Fatal(err)
			}
		}, nil, true, []string{"the new value works: finished instead of undone"}},
		{"the secret is deleted: the new value works, and is finished", func(*life) func(context.Context, providerCall) error { return slowly("set", 20*time.Second) }, func(t *testing.T, l *life) {
			if _, err := l.store.DeleteSecret(t.Context(), caller, store.DeleteSecretInput{SecretID: "app"}); err != nil {
				t.Fatal(err)
			}
		}, nil, true, []string{"the new value works: finished instead of undone"}},
		{"rotation is cancelled and the new value is refused: the old one is set back", func(*life) func(context.Context, providerCall) error {
			refused, slow := refuse(1_000_000), slowly("set", 20*time.Second)
			return func(ctx context.Context, p providerCall) error {
				if err := slow(ctx, p); err != nil {
					return err
				}
				return refused(ctx, p)
			}
		}, func(t *testing.T, l *life) {
			if _, err := l.store.CancelRotateSecret(t.Context(), caller, "app"); err != nil {
				t.Fatal(err)
			}
		}, nil, false, []string{"the current value was set back"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			live(t, func(t *testing.T, l *life) {
				l.start()
				l.user("app")
				before := l.version("app")
				l.plan("app", "users", rules("rate(30 days)"))
				l.gate.set(c.gate(l))
				if err := l.ask("app"); err != nil {
					t.Fatal(err)
				}
				l.sleep(10 * time.Second)
				if c.during != nil {
					c.during(t, l)
				} else if l.provider.Accepts(l.value("app", "")) {
					t.Fatal("there is no gap: AWSCURRENT is accepted")
				}
				l.sleep(3 * time.Hour)
				if c.during == nil {
					task := l.task("app")
					if task.Kind != store.Rotate || !task.Resolve {
						t.Errorf("after hours in the gap the task is %q, to be resolved: %t", task.Kind, task.Resolve)
					}
					l.wantSaid("app", "resolveSecret", rota.OutcomeFailed, errDown.Error(), "again at")
				}
				if c.after != nil {
					c.after(t, l)
				}
				l.gate.set(nil)
				l.restart()
				l.sleep(10 * time.Minute)
				if c.said != nil {
					l.wantSaid("app", "resolveSecret", rota.OutcomeOK, c.said...)
				}
				s := l.describe("app")
				if s.Deleted() {
					if _, err := l.store.RestoreSecret(t.Context(), caller, "app"); err != nil {
						t.Fatal(err)
					}
				}
				if got := l.task("app"); got.Kind != store.Idle {
					t.Errorf("the task is left in %q: %s", got.Kind, got.LastError)
				}
				if (s.VersionOf(rota.Current) != before) != c.moved {
					t.Errorf("AWSCURRENT is on %s", s.VersionOf(rota.Current))
				}
				if !l.provider.Accepts(l.value("app", "")) {
					t.Error("the provider refuses AWSCURRENT")
				}
			})
		})
	}
}

// A value that was given up and proven dead comes back: its request arrives late,
// or the provider is restored from a backup. The next rotation finds it.
func TestAGivenUpValueThatComesBackDoesNotLockTheSecretOut(t *testing.T) {
	live(t, func(t *testing.T, l *life) {
		l.start()
		l.user("app")
		l.plan("app", "users", rules("rate(30 days)"))
		for range 8 { // older ones, all dead: those are not tried before it
			from := l.version("app")
			if err := l.ask("app"); err != nil {
				t.Fatal(err)
			}
			l.rotated("app", from, time.Minute)
			l.sleep(time.Minute)
		}
		l.gate.set(func(_ context.Context, p providerCall) error {
			if p.op == "set" {
				return errDown
			}
			return nil
		})
		if err := l.ask("app"); err != nil {
			t.Fatal(err)
		}
		l.sleep(5 * time.Second)
		given := l.describe("app").VersionOf(rota.Pending)
		value := l.value("app", given)
		_, err := l.store.UpdateSecretVersionStage(t.Context(), caller, store.UpdateSecretVersionStageInput{SecretID: "app", VersionStage: rota.Pending, RemoveFromVersionID: given})
		if err != nil {
			t.Fatal(err)
		}
		l.gate.set(nil)
		l.sleep(10 * time.Minute)
		l.wantState("app", given, rota.ProvenDead)
		l.provider.AddUser("app", passwordOf(t, value))
		if l.provider.Accepts(l.value("app", "")) {
			t.Fatal("AWSCURRENT is accepted: there is nothing to find")
		}
		from := l.version("app")
		if err := l.ask("app"); err != nil {
			t.Fatal(err)
		}
		l.rotated("app", from, 10*time.Minute)
		if !l.provider.Accepts(l.value("app", "")) || l.provider.Accepts(value) {
			t.Error("the provider refuses AWSCURRENT, or accepts the value that was given up")
		}
		l.wantSaid("app", "setSecret", rota.OutcomeOK, "the provider has the value of version "+given)
	})
}

func passwordOf(t *testing.T, v rota.Value) string {
	t.Helper()
	var f struct{ Password string }
	if err := json.Unmarshal(v.Reveal(), &f); err != nil {
		t.Fatal(err)
	}
	return f.Password
}

// Where no value works that anybody knows, few are tried: a provider may lock an
// account that was refused often. One that is away is not asked for others.
func TestFewDeadValuesAreTried(t *testing.T) {
	for _, c := range []struct {
		name  string
		away  bool
		said  string
		tried int32 // at most, in one attempt
	}{
		{"all are refused", false, "neither the current nor the previous password logs in", 6},
		{"the provider is away", true, errDown.Error(), 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			live(t, func(t *testing.T, l *life) {
				l.start()
				l.user("app")
				l.plan("app", "users", rules("rate(30 days)"))
				for range 8 {
					from := l.version("app")
					if err := l.ask("app"); err != nil {
						t.Fatal(err)
					}
					l.rotated("app", from, time.Minute)
					l.sleep(time.Minute)
				}
				l.provider.AddUser("app", "changed by somebody")
				var tries atomic.Int32
				l.gate.set(func(_ context.Context, p providerCall) error {
					if p.op == "try" && tries.Add(1) > 1 && c.away || p.op == "set" && c.away {
						return errDown
					}
					return nil
				})
				if err := l.ask("app"); err != nil {
					t.Fatal(err)
				}
				l.sleep(500 * time.Millisecond) // the first attempt
				l.wantSaid("app", "setSecret", rota.OutcomeFailed, c.said)
				if got := tries.Load(); got < 2 || got > c.tried {
					t.Errorf("%d values were tried, want 2 to %d", got, c.tried)
				}
				l.gate.set(nil)
				l.provider.AddUser("app", passwordOf(t, l.value("app", ""))) // somebody helps
				l.sleep(time.Hour)
			})
		})
	}
}

// A password that somebody changed in the gap: nobody knows a value that
// works. It is tried and said until a person helps.
func TestAGapThatOnlyAPersonCanCloseStaysOpenAndSaysSo(t *testing.T) {
	live(t, func(t *testing.T, l *life) {
		l.start()
		l.user("app")
		l.plan("app", "users", rules("rate(4 hours)"))
		l.gate.set(func(context.Context, providerCall) error {
			if l.provider.Effects("set") == 1 {
				l.provider.AddUser("app", "changed by somebody")
			}
			return nil
		})
		if err := l.ask("app"); err != nil {
			t.Fatal(err)
		}
		l.sleep(9 * time.Hour)
		l.wantSaid("app", "resolveSecret", rota.OutcomeFailed, "neither the current nor the previous password logs in", "again at")
		if got := len(l.starts("app")); got != 0 {
			t.Errorf("%d rotations were started over the open gap", got)
		}
		l.gate.set(nil)
		l.provider.AddUser("app", "new by hand")
		_, err := l.store.PutSecretValue(t.Context(), caller, store.PutSecretValueInput{SecretID: "app", ClientRequestToken: l.newID(), Value: rotationtest.UserValue("app", "new by hand")})
		if err != nil {
			t.Fatal(err)
		}
		l.sleep(time.Minute)
		l.wantIdle("app")
		l.sleep(4 * time.Hour)
		if got := len(l.starts("app")); got != 1 {
			t.Errorf("the schedule started %d rotations after the value was put by hand, want one", got)
		}
	})
}
