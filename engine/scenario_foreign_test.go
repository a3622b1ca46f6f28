package engine_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/engine"
	"github.com/rotahq/rota/function"
	"github.com/rotahq/rota/rotation/rotationtest"
	"github.com/rotahq/rota/store"
)

const fn = "arn:aws:lambda:" + region + ":" + account + ":function:fn"

// register makes the function fn, which sets passwords in the steps of its
// own, under the claim; but those of the given steps fail while broken.
func (l *life) register(broken func() bool, steps ...rota.Step) {
	l.t.Helper()
	_, err := l.store.PutFunction(l.t.Context(), caller, store.Function{Name: "fn"}, func() error { return nil })
	if err != nil {
		l.t.Fatal(err)
	}
	l.foreign.set(func(ctx context.Context, c function.Call) error {
		for _, s := range steps {
			if s == c.Event.Step && broken() {
				return errors.New("ValueError: it does not work")
			}
		}
		next := rotationtest.UserValue("app", "next-"+c.Event.ClientRequestToken)
		switch c.Event.Step {
		case rota.CreateSecret:
			_, err := l.store.PutSecretValue(ctx, c.Caller, store.PutSecretValueInput{
				SecretID: c.Event.SecretID, ClientRequestToken: c.Event.ClientRequestToken, Value: next, VersionStages: []string{rota.Pending}, RotationToken: c.Event.RotationToken,
			})
			return err
		case rota.SetSecret:
			l.provider.AddUser("app", "next-"+c.Event.ClientRequestToken)
		case rota.FinishSecret:
			_, err := l.store.UpdateSecretVersionStage(ctx, c.Caller, store.UpdateSecretVersionStageInput{
				SecretID: c.Event.SecretID, VersionStage: rota.Current, MoveToVersionID: c.Event.ClientRequestToken, RemoveFromVersionID: l.version("app"),
			})
			return err
		}
		return nil
	})
}

// hand gives the secret to the function fn.
func (l *life) hand(name string, now bool) {
	l.t.Helper()
	arn := fn
	if _, err := l.store.RotateSecret(l.t.Context(), caller, store.RotateSecretInput{
		SecretID: name, ClientRequestToken: l.newID(), RotationLambdaARN: &arn, RotateImmediately: &now,
	}); err != nil {
		l.t.Fatalf("rotate %s: %v", name, err)
	}
}

// TestAForeignAttemptGoesOnUntilItWorks: what a function of somebody else set
// may be the only password that works, so its value is kept and tried, ever
// more seldom, with the same token.
func TestAForeignAttemptGoesOnUntilItWorks(t *testing.T) {
	live(t, func(t *testing.T, l *life) {
		l.start()
		l.user("app")
		before, broken := l.version("app"), true
		l.register(func() bool { return broken }, rota.TestSecret)
		l.hand("app", true)
		token := l.task("app").Token
		l.till("the usual attempts", 3*time.Hour, func() bool { return l.task("app").Attempt >= engine.MaxAttempts })
		l.sleep(10 * time.Hour)
		if s := l.describe("app"); s.VersionOf(rota.Pending) != token || s.VersionOf(rota.Current) != before {
			t.Errorf("labels %v", s.Stages)
		}
		tries := l.invokedFor("app", rota.TestSecret)
		for i, s := range tries[engine.MaxAttempts:] {
			if d := s.from.Sub(tries[engine.MaxAttempts+i-1].from); d < 30*time.Minute || d > 2*time.Hour {
				t.Errorf("attempt %d came %s after the one before", engine.MaxAttempts+i+1, d)
			}
		}
		if n := len(tries) - engine.MaxAttempts; n < 5 {
			t.Errorf("%d attempts in ten hours", n)
		}
		broken = false
		l.rotated("app", before, 2*time.Hour)
		if l.version("app") != token {
			t.Error("another version is AWSCURRENT")
		}
		for _, s := range l.invoked("app") {
			if s.Step == rota.ExpireSecret || s.Step == rota.ResolveSecret {
				t.Errorf("it was sent %s", s.Step)
			}
		}
	})
}

// TestACancelEndsAForeignAttempt leaves AWSPENDING, as AWS does.
func TestACancelEndsAForeignAttempt(t *testing.T) {
	live(t, func(t *testing.T, l *life) {
		l.start()
		l.user("app")
		before := l.version("app")
		l.register(func() bool { return true }, rota.SetSecret)
		l.hand("app", true)
		token := l.task("app").Token
		l.till("a failure", time.Hour, func() bool { return l.task("app").Attempt >= 2 })
		if _, err := l.store.CancelRotateSecret(t.Context(), caller, "app"); err != nil {
			t.Fatal(err)
		}
		l.till("the end", time.Hour, func() bool { return l.task("app").Kind == store.Idle })
		if s := l.describe("app"); s.VersionOf(rota.Pending) != token || s.VersionOf(rota.Current) != before {
			t.Errorf("labels %v", s.Stages)
		}
		if n := len(l.invokedFor("app", rota.ResolveSecret)); n > 0 {
			t.Errorf("it was sent resolveSecret %d times", n)
		}
	})
}

// TestAnEndingIsReportedWhenTheFunctionIsForeignByThen: what rota's own
// rotator meant to end is not ended by a function that does not know how, and
// never sent to it.
func TestAnEndingIsReportedWhenTheFunctionIsForeignByThen(t *testing.T) {
	live(t, func(t *testing.T, l *life) {
		l.start()
		l.key("app")
		before := l.version("app")
		l.rotate("app", "keys", rules("rate(30 days)"))
		l.rotated("app", before, time.Hour)
		l.register(func() bool { return false })
		l.hand("app", false)
		l.sleep(26 * time.Hour)
		if n := len(l.invokedFor("app", rota.ExpireSecret)); n > 0 {
			t.Errorf("it was sent expireSecret %d times", n)
		}
		rows, err := l.store.Credentials(t.Context(), caller, "app")
		if err != nil {
			t.Fatal(err)
		}
		reported := 0
		for _, c := range rows {
			if c.Version == before && c.State == rota.NotProven && strings.HasPrefix(c.Evidence, "not ended by rota: the secret is rotated by the function fn now") {
				reported++
			}
		}
		if reported != 1 {
			t.Errorf("the ledger has %+v", rows)
		}
		if n := len(l.journal("app", string(rota.ExpireSecret))); n != 1 {
			t.Errorf("the journal tells it %d times", n)
		}
	})
}
