package engine_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/engine"
	"github.com/rotahq/rota/store"
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

// Nobody knows the password that the provider has: no more logins are
// tried than the attempts ask for, and the error says what helps.
func TestAWrongPasswordThatNothingWasSetOverIsGivenUp(t *testing.T) {
	live(t, func(t *testing.T, l *life) {
		l.start()
		l.user("app")
		before := l.version("app")
		l.provider.AddUser("app", "changed by somebody")
		l.rotate("app", "users", rules("rate(30 days)"))
		l.till("the end of the attempts", time.Hour, func() bool { return l.task("app").Kind == store.Idle })
		if got := l.task("app").LastError; !strings.Contains(got, "put the working value with rota put app") {
			t.Errorf("the task says %q", got)
		}
		l.wantSaid("app", "resolveSecret", rota.OutcomeFailed, "rota put app", "it set nothing")
		l.wantIdle("app")
		l.sleep(10 * time.Hour)
		if n := len(l.invokedFor("app", rota.SetSecret)); n != engine.MaxAttempts {
			t.Errorf("setSecret was tried %d times, want %d", n, engine.MaxAttempts)
		}
		if n := len(l.invokedFor("app", rota.ResolveSecret)); n != 1 {
			t.Errorf("it was resolved %d times", n)
		}
		if s := l.describe("app"); s.VersionOf(rota.Current) != before || s.VersionOf(rota.Pending) != "" {
			t.Errorf("labels %v", s.Stages)
		}
		l.provider.AddUser("app", "first-app")
	})
}
