package engine_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/rotation"
	"github.com/rotahq/rota/rotation/rotationtest"
	"github.com/rotahq/rota/store"
)

// unreachable finishes a rotation of a key whose provider then fails every
// call, so that the ending cannot be proven.
func unreachable(t *testing.T, l *life) (first string) {
	t.Helper()
	l.start()
	l.key("app", tag("rota:expire", "after 1h"))
	first = l.version("app")
	l.rotate("app", "keys", rules("rate(30 days)"))
	l.rotated("app", first, time.Minute)
	l.gate.set(down)
	return first
}

func TestAnEndingThatCannotBeProvenSaysSoAtItsDeadline(t *testing.T) {
	live(t, func(t *testing.T, l *life) {
		first := unreachable(t, l)
		due := l.credential("app", first).NotBefore
		l.sleep(time.Until(due.Add(20 * time.Hour)))
		l.restart() // tries go on where they were
		if c := l.credential("app", first); c.State != rota.Ending || !strings.Contains(c.Evidence, errDown.Error()) || c.Attempts < 20*4 {
			t.Errorf("before the deadline the ledger says %s, %d tries, %q", c.State, c.Attempts, c.Evidence)
		}
		l.sleep(6 * time.Hour)
		tries := l.invokedFor("app", rota.ExpireSecret)
		for i := range tries[1:] {
			if wait := tries[i+1].from.Sub(tries[i].to); wait > 15*time.Minute+time.Second {
				t.Errorf("%s between two tries", wait)
			}
		}
		c := l.credential("app", first)
		if c.State != rota.NotProven || !strings.Contains(c.Evidence, errDown.Error()) || !c.Due.IsZero() {
			t.Errorf("after the deadline the ledger says %s, due %s, %q", c.State, c.Due, c.Evidence)
		}
		if given := c.Changed.Sub(due); given < wholeDay || given > wholeDay+16*time.Minute {
			t.Errorf("it was given up %s after its time, want a day and at most a quarter of an hour", given)
		}
		l.wantSaid("app", "expireSecret", rota.OutcomeFailed, errDown.Error(), "nothing by itself: end it by hand")
		n := len(tries)
		l.sleep(5 * time.Hour)
		if more := len(l.invokedFor("app", rota.ExpireSecret)) - n; more != 0 {
			t.Errorf("%d tries after it was given up", more)
		}

		l.gate.set(nil)
		if err := l.store.SetEnding(t.Context(), caller, "app", first, store.EndingChange{Now: true}); err != nil {
			t.Fatal(err)
		}
		l.sleep(late)
		l.wantState("app", first, rota.ProvenDead)
	})
}

func TestAProviderThatComesBackProvesTheEndingWithinAQuarterOfAnHour(t *testing.T) {
	live(t, func(t *testing.T, l *life) {
		first := unreachable(t, l)
		l.sleep(9 * time.Hour)
		l.wantState("app", first, rota.Ending)
		l.gate.set(nil)
		took := l.till("the proof", wholeDay, func() bool { return l.credential("app", first).State == rota.ProvenDead })
		if took > 16*time.Minute {
			t.Errorf("the proof came %s after the provider", took)
		}
	})
}

// "Dead" is claimed only on the exact answer: not on a refusal that means
// something else, on garbage, or from a provider that refuses everything.
func TestOnlyTheExactAnswerIsAProof(t *testing.T) {
	old := firstKey("app")
	for _, c := range []struct {
		name string
		gate func(context.Context, providerCall) error
		says string
	}{
		{"a refusal that does not mean dead", func(_ context.Context, p providerCall) error {
			if p.op == "try" && p.value.Equal(old) {
				return fmt.Errorf("model: locked for a minute: %w", rotation.ErrRefused)
			}
			return nil
		}, "not with the answer that means dead"},
		{"a provider that throttles", func(_ context.Context, p providerCall) error {
			if p.op == "try" && p.value.Equal(old) {
				return rotation.RetryAfter(time.Minute, fmt.Errorf("model: too many requests: %w", rotation.ErrNotYet))
			}
			return nil
		}, "too many requests"},
		{"a provider that refuses everybody", func(_ context.Context, p providerCall) error {
			if p.op == "try" {
				return fmt.Errorf("model: %w", rotation.ErrDead)
			}
			return nil
		}, "the control failed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			live(t, func(t *testing.T, l *life) {
				l.start()
				l.key("app", tag("rota:expire", "after 1h"))
				first := l.version("app")
				l.rotate("app", "keys", rules("rate(30 days)"))
				l.rotated("app", first, time.Minute)
				l.gate.set(c.gate)
				l.sleep(3 * time.Hour)
				l.wantState("app", first, rota.Ending)
				l.wantSaid("app", "expireSecret", rota.OutcomeFailed, c.says)
				if got := l.credential("app", first).Evidence; !strings.Contains(got, c.says) {
					t.Errorf("the evidence is %q, want that %s", got, c.says)
				}
			})
		})
	}
}

// A provider that accepts a random value does not check: proofs from it are
// void, which is said when it is found out and at the ending, and what it
// accepts is no reason to leave a step out.
func TestAProviderThatAcceptsAnythingProvesNothing(t *testing.T) {
	for _, c := range []struct{ name, rotator string }{{"keys", "keys"}, {"one user", "users"}, {"two users", "users"}} {
		t.Run(c.name, func(t *testing.T) {
			live(t, func(t *testing.T, l *life) {
				l.start()
				switch c.name {
				case "keys":
					l.key("app", tag("rota:expire", "immediately"))
				case "one user":
					l.user("app")
				default:
					l.twoUsers("app", tag("rota:expire", "immediately"))
				}
				first := l.version("app")
				l.provider.AnswerTries(func(rota.Value, error) error { return nil })
				l.rotate("app", c.rotator, rules("rate(1 day)"))
				l.rotated("app", first, time.Minute)
				l.sleep(time.Minute)
				l.wantSaid("app", "createSecret", rota.OutcomeOK, "accepts a random value: it does not check, and no proof from it counts")
				l.wantState("app", first, rota.NotProven)
				if got := l.credential("app", first).Evidence; !strings.Contains(got, "accepts random values: a proof from it is void") {
					t.Errorf("the evidence is %q", got)
				}
				if !l.provider.Accepts(l.value("app", "")) {
					t.Error("AWSCURRENT moved to a value that was never set")
				}
				if l.provider.Accepts(firstUser("app")) || l.provider.Accepts(firstKey("app")) {
					t.Error("the old credential was not ended")
				}
				// It is known from now on, also to the next process.
				l.restart()
				second := l.version("app")
				l.sleep(wholeDay + 2*time.Hour)
				if n := strings.Count(fmt.Sprint(l.journal("app", "createSecret")), "accepts a random value"); n != 1 {
					t.Errorf("the provider was asked for a random value %d times", n)
				}
				l.wantState("app", second, rota.NotProven)
			})
		})
	}
}

// Where nothing can be found out by trying, a rotation that ends in the gap
// sets the old password back, which is good wherever it was.
func TestAGapAtAProviderThatAcceptsAnythingIsClosedByTheOldPassword(t *testing.T) {
	for _, c := range []struct {
		name string
		set  bool // the last thing that happened
	}{{"after the new password was set", true}, {"before it was set", false}} {
		t.Run(c.name, func(t *testing.T) {
			live(t, func(t *testing.T, l *life) {
				l.start()
				l.user("admin", tag("rota:serves", "@"))
				l.user("app", tag("rota:admin", "admin"), tag("rota:strategy", "single-user"))
				first := l.version("app")
				l.provider.AnswerTries(func(rota.Value, error) error { return nil })
				l.plan("app", "users", rules("rate(10 days)"))
				l.meanly.set(func(point string) rotationtest.Fault {
					if l.task("app").Resolve || point != "set" {
						return rotationtest.None
					}
					if c.set {
						return rotationtest.DoneUnknown
					}
					return rotationtest.NotDoneUnclear
				})
				if err := l.ask("app"); err != nil {
					t.Fatal(err)
				}
				l.sleep(time.Hour)
				if got := l.version("app"); got != first {
					t.Errorf("AWSCURRENT moved to %s by a rotation that failed", got)
				}
				l.wantIdle("app")
				if !l.provider.Accepts(l.value("app", "")) {
					t.Error("the provider refuses AWSCURRENT")
				}
			})
		})
	}
}

// A provider may check all users but one, as a trusted host in PostgreSQL's
// pg_hba.conf is not asked for its password: others still are.
func TestThePasswordOfAUserWhoIsTrustedIsSetAllTheSame(t *testing.T) {
	live(t, func(t *testing.T, l *life) {
		l.start()
		for _, name := range []string{"other", "trusted"} {
			l.user(name)
		}
		l.plan("other", "users", rules("")) // the provider checks, it says
		l.provider.AnswerTries(func(v rota.Value, truth error) error {
			if field(v, "username") == "trusted" {
				return nil
			}
			return truth
		})
		before := l.version("trusted")
		l.rotate("trusted", "users", rules(""))
		l.rotated("trusted", before, time.Minute)
		if !l.provider.Accepts(l.value("trusted", "")) {
			t.Error("AWSCURRENT moved to a password that was never set")
		}
	})
}
