package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/rotation"
)

// A provider that refuses one secret's credential works: the others in its
// lane are not kept waiting.
func TestARefusedCredentialDelaysNoOtherSecretOfItsProvider(t *testing.T) {
	live(t, func(t *testing.T, l *life) {
		l.start()
		for i := range 4 {
			l.user(fmt.Sprint("bad", i))
			l.provider.AddUser(fmt.Sprint("bad", i), "changed by somebody")
			l.rotate(fmt.Sprint("bad", i), "users", rules("rate(30 days)"))
		}
		for i := range 20 {
			l.sleep(7 * time.Second)
			name := fmt.Sprint("good", i)
			l.user(name)
			before := l.version(name)
			l.rotate(name, "users", rules("rate(30 days)"))
			if took := l.rotated(name, before, 2*time.Minute); took > time.Second {
				t.Fatalf("%s waited %s for secrets whose credential is refused", name, took)
			}
		}
		for i := range 4 { // somebody sets the known password again
			l.provider.AddUser(fmt.Sprint("bad", i), "first-"+fmt.Sprint("bad", i))
		}
		l.wantSaid("bad0", "setSecret", rota.OutcomeFailed, "neither the current nor the previous password logs in", "attempt 5 at")
	})
}

// A set whose answer was lost may be in force, and a provider that refuses all
// logins for a while says nothing about that: the gap stays open, and is
// closed once the provider answers, also when a person cancelled meanwhile.
func TestAGapIsClosedHoweverClearlyAProviderRefusesMeanwhile(t *testing.T) {
	live(t, func(t *testing.T, l *life) {
		l.start()
		l.user("app")
		l.plan("app", "users", rules("rate(30 days)"))
		l.sleep(time.Minute)
		var set atomic.Bool
		begun := time.Now()
		l.gate.set(func(_ context.Context, c providerCall) error {
			if set.Load() && time.Since(begun) < 10*time.Minute {
				return errors.Join(rotation.ErrDenied, rotation.ErrRefused)
			}
			if c.op == "set" && !set.Swap(true) {
				var value struct{ Username, Password string }
				if err := json.Unmarshal(c.value.Reveal(), &value); err != nil {
					return err
				}
				l.provider.AddUser("app", value.Password)
				return errDown // the answer is lost
			}
			return nil
		})
		if err := l.ask("app"); err != nil {
			t.Fatal(err)
		}
		l.sleep(10 * time.Second)
		if _, err := l.store.CancelRotateSecret(t.Context(), caller, "app"); err != nil {
			t.Fatal(err)
		}
		l.sleep(30 * time.Minute)
		if !set.Load() {
			t.Fatal("nothing was set")
		}
		if !l.provider.Accepts(l.value("app", "")) {
			t.Errorf("AWSCURRENT is refused: %+v", l.journal("app", "resolveSecret"))
		}
		l.wantIdle("app")
	})
}
