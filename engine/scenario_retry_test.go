package engine_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/engine"
	"github.com/rotahq/rota/rotation"
	"github.com/rotahq/rota/store"
)

// failing lets a kind of call fail until it failed so often.
func failing(op string, times int, err error) func(context.Context, providerCall) error {
	return func(_ context.Context, c providerCall) error {
		if c.op == op && times > 0 {
			times--
			return err
		}
		return nil
	}
}

func TestRetriesGrowApartAndMakeOneRotation(t *testing.T) {
	for _, c := range []struct {
		name, rotator, op string
		times             int
		err               error
		longer            time.Duration // the first wait is at least this
	}{
		{"a password that cannot be set", "users", "set", 6, errDown, 0},
		{"a key that cannot be minted", "keys", "mint", 6, errDown, 0},
		{"a provider that asks for twenty minutes", "users", "set", 1, rotation.RetryAfter(20*time.Minute, errDown), 20 * time.Minute},
		{"a provider that asks for a week gets an hour", "users", "set", 1, rotation.RetryAfter(7*wholeDay, errDown), time.Hour},
	} {
		t.Run(c.name, func(t *testing.T) {
			live(t, func(t *testing.T, l *life) {
				l.start()
				if c.rotator == "users" {
					l.user("app")
				} else {
					l.key("app", tag("rota:expire", "immediately"))
				}
				before := l.version("app")
				l.gate.set(failing(c.op, c.times, c.err))
				l.rotate("app", c.rotator, rules("rate(30 days)"))
				token := l.task("app").Token
				l.rotated("app", before, 2*time.Hour)

				var tries []step
				for _, s := range l.invoked("app") {
					if s.token != token && s.Step != rota.ExpireSecret {
						t.Errorf("%s of another version %s", s.Step, s.token)
					}
					if s.err != nil {
						tries = append(tries, s)
					}
				}
				if len(tries) != c.times {
					t.Fatalf("%d steps failed, want %d", len(tries), c.times)
				}
				begins := l.invokedFor("app", rota.CreateSecret)
				for i, try := range tries {
					wait := begins[i+1].from.Sub(try.to)
					low, high := time.Second<<i/2, time.Second<<i
					if c.longer > 0 {
						low, high = c.longer, c.longer
					}
					if wait < low || wait > high+10*time.Millisecond {
						t.Errorf("attempt %d comes %s after the one that failed, want between %s and %s", i+2, wait, low, high)
					}
					l.wantSaid("app", string(try.Step), rota.OutcomeFailed, errDown.Error(), fmt.Sprintf("attempt %d at ", i+2))
				}
				if n := l.provider.Effects(c.op); n != 1 {
					t.Errorf("%d times %s at the provider, want once", n, c.op)
				}
				if got := l.version("app"); got != token {
					t.Errorf("AWSCURRENT is on %s, want on %s", got, token)
				}
				l.wantIdle("app")
				l.sleep(time.Second)
				l.wantState("app", before, rota.ProvenDead)
			})
		})
	}
}

func TestARotationThatFailsForGoodEndsAndTheScheduleBeginsAFreshOne(t *testing.T) {
	for _, c := range []struct{ rotator, op string }{{"users", "set"}, {"keys", "mint"}} {
		t.Run(c.rotator, func(t *testing.T) {
			live(t, func(t *testing.T, l *life) {
				l.start()
				if c.rotator == "users" {
					l.user("app")
				} else {
					l.key("app")
				}
				before := l.version("app")
				l.gate.set(failing(c.op, 1_000_000, errDown))
				l.rotate("app", c.rotator, rules("rate(1 day) + 2h"))
				token := l.task("app").Token
				took := l.till("the end of the attempts", time.Hour, func() bool { return l.task("app").Kind == store.Idle })
				if took < 9*time.Minute || took > 20*time.Minute {
					t.Errorf("the attempts took %s, want ten to twenty minutes", took)
				}
				if n := len(l.invokedFor("app", rota.CreateSecret)); n != engine.MaxAttempts {
					t.Errorf("%d attempts, want %d", n, engine.MaxAttempts)
				}
				l.wantSaid("app", "", rota.OutcomeFailed, errDown.Error(), "the attempt is given up and resolved")
				if n := len(l.invokedFor("app", rota.ResolveSecret)); n != 1 {
					t.Errorf("it was resolved %d times", n)
				}
				l.wantIdle("app")
				if got := l.task("app").LastError; !strings.Contains(got, errDown.Error()) {
					t.Errorf("the task's last error is %q", got)
				}
				l.sleep(time.Minute)
				if v := l.versions("app"); c.rotator == "keys" && len(v) != 1 {
					t.Errorf("the versions are %+v, want no placeholder left", v)
				}
				if c.rotator == "users" { // the value exists, and the provider may have heard of it
					l.wantState("app", token, rota.ProvenDead)
				}
				if len(l.starts("app")) != 0 || l.version("app") != before {
					t.Error("something follows the end of the attempts before the schedule")
				}

				l.gate.set(nil)
				l.sleep(time.Until(time.Now().Truncate(wholeDay).Add(wholeDay + 2*time.Hour)))
				starts := l.starts("app")
				fresh := l.version("app")
				if len(starts) != 1 || fresh == before || fresh == token {
					t.Errorf("starts %s, AWSCURRENT on %s: want one start on the next day, with a token of its own", starts, fresh)
				}
				l.wantIdle("app")
				if got := l.task("app").LastError; got != "" {
					t.Errorf("after a rotation the task's last error is %q", got)
				}
			})
		})
	}
}

// refuse is the gate of a provider that takes a new value and then refuses
// it, for so many values.
func refuse(times int) func(context.Context, providerCall) error {
	seen := map[string]bool{}
	return func(_ context.Context, c providerCall) error {
		who := string(c.value.Reveal())
		if c.op == "try" && strings.Contains(who, "first-") {
			return nil
		}
		if c.op == "try" && !seen[who] {
			if times == 0 {
				return nil
			}
			times--
			seen[who] = true
		}
		if c.op == "try" {
			return fmt.Errorf("model: %w", rotation.ErrDead)
		}
		return nil
	}
}

func TestAValueThatIsRefusedForGoodIsFollowedByOneFreshStart(t *testing.T) {
	for _, c := range []struct {
		name, rotator string
		refused       int
		rotates       bool
	}{
		{"a password, and the next one is taken", "users", 1, true},
		{"a key, and the next one is taken", "keys", 1, true},
		{"every password", "users", 1_000_000, false},
		{"every key", "keys", 1_000_000, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			live(t, func(t *testing.T, l *life) {
				l.start()
				if c.rotator == "users" {
					l.user("app")
				} else {
					l.key("app", tag("rota:expire", "immediately"))
				}
				before := l.version("app")
				l.plan("app", c.rotator, rules("rate(1 day) + 2h")) // the check of the provider is over
				l.gate.set(refuse(c.refused))
				if err := l.ask("app"); err != nil {
					t.Fatal(err)
				}
				first := l.task("app").Token
				l.sleep(5 * time.Minute)
				tokens := map[string]bool{}
				for _, s := range l.invokedFor("app", rota.CreateSecret) {
					tokens[s.token] = true
				}
				if len(tokens) != 2 || !tokens[first] {
					t.Errorf("rotations of the versions %v, want %s and one fresh start", tokens, first)
				}
				l.wantSaid("app", "testSecret", rota.OutcomeFailed, "refuses the new value", "given up")
				l.wantSaid("app", "scheduled", rota.OutcomeOK, "a fresh start after a refused value: asked for")
				l.wantIdle("app")
				if got := l.version("app"); (got != before) != c.rotates || got == first {
					t.Errorf("AWSCURRENT is on %s", got)
				}
				if !l.provider.Accepts(l.value("app", "")) {
					t.Error("the provider refuses AWSCURRENT")
				}
				if keys := l.provider.Keys(); c.rotator == "keys" && len(keys) != 1 {
					t.Errorf("alive at the provider: %v, want the current key alone", keys)
				}
				if c.rotator == "users" {
					l.wantSaid("app", "resolveSecret", rota.OutcomeOK, "the current value was set back")
				}
				l.wantState("app", first, rota.ProvenDead)
				n := len(l.invokedFor("app", rota.CreateSecret))
				l.sleep(10 * time.Hour)
				if more := len(l.invokedFor("app", rota.CreateSecret)) - n; more != 0 {
					t.Errorf("%d more attempts before the schedule", more)
				}
			})
		})
	}
}
