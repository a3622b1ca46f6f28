//go:build linux

package function_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/function"
	"github.com/rotahq/rota/store"
)

func TestAFunctionThatWasNotMadeForRotaRotates(t *testing.T) {
	w := newWorld(t)
	w.register("rotates", 20*time.Second)
	token := w.rotate()
	w.until("the rotation", func() bool { return w.secret().VersionOf(rota.Current) == token && !w.secret().Rotation.Last.IsZero() })
	s := w.secret()
	if s.VersionOf(rota.Pending) != "" || s.VersionOf(rota.Previous) == "" || w.password() == canary {
		t.Errorf("labels %v", s.Stages)
	}
	if got := w.wrote("attempts"); !slices.Equal(got, []string{"createSecret", "setSecret", "testSecret", "finishSecret"}) {
		t.Errorf("it was sent %v", got)
	}
	lines := w.journal()
	if last := lines[len(lines)-1]; !strings.Contains(last, "finishSecret ok") || !strings.Contains(last, "rota does not end it") {
		t.Errorf("the journal says of the old credential: %s", last)
	}
	w.nothingLeft()
}

// TestBadFunctions: whatever a function does in a step, the secret stays
// good, the journal says what happened, the next attempt starts clean and
// succeeds once the function is mended, and no process is left.
func TestBadFunctions(t *testing.T) {
	for _, c := range []struct {
		how, step string
		cause     string // the journal's entry of that step has it
		note      string // what is said of it beside the cause
		timeout   time.Duration
	}{
		{how: "never-answers", step: "createSecret", cause: "createSecret failed: Sandbox.Timedout: Task timed out after 1.50 seconds", timeout: 1500 * time.Millisecond},
		{how: "never-answers", step: "setSecret", cause: "setSecret failed: Sandbox.Timedout: Task timed out", timeout: 1500 * time.Millisecond},
		{how: "floods", step: "createSecret", cause: "createSecret failed: Flooded: enough; its log ends: "},
		{how: "forks", step: "testSecret", cause: "testSecret failed: Runtime.ExitError: Runtime exited with error: exit status 4", note: "the function left 3 processes behind; they were ended"},
		{how: "exits", step: "createSecret", cause: "createSecret failed: Runtime.ExitError: Runtime exited with error: exit status 4; its log ends: no more"},
		{how: "exits", step: "finishSecret", cause: "finishSecret failed: Runtime.ExitError: Runtime exited with error: exit status 4"},
		{how: "is-huge", step: "testSecret", cause: "testSecret failed: Function.ResponseSizeTooLarge: Response payload size exceeded"},
		{how: "dies-after", step: "createSecret", cause: "createSecret failed: Runtime.ExitError: Runtime exited with error: signal: killed, after it had answered"},
		{how: "dies-after", step: "setSecret", cause: "setSecret failed: Runtime.ExitError: Runtime exited with error: signal: killed, after it had answered"},
		{how: "answers-garbage", step: "setSecret", cause: "setSecret failed: Runtime.UnknownReason: the function reported an error that is not a JSON object"},
		{how: "lies", step: "createSecret", cause: "setSecret failed: RotationError: "},
		{how: "lies", step: "finishSecret", cause: "failed: complete the rotation app/key: finishSecret ended without an error, but AWSCURRENT isn't on version"},
	} {
		t.Run(c.how+" in "+c.step, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			if c.timeout == 0 {
				c.timeout = 20 * time.Second
			}
			w.register(c.how+" "+c.step, c.timeout)
			token := w.rotate()
			w.until("the failure", func() bool {
				return slices.ContainsFunc(w.journal(), func(entry string) bool { return strings.Contains(entry, c.cause) })
			})
			if !slices.ContainsFunc(w.journal(), func(entry string) bool { return strings.Contains(entry, c.cause) && strings.Contains(entry, c.note) }) {
				t.Errorf("that entry of the journal lacks %q:\n%s", c.note, strings.Join(w.journal(), "\n"))
			}
			if s := w.secret(); s.VersionOf(rota.Current) == token || s.VersionOf(rota.Pending) != token || w.password() != canary {
				t.Errorf("the secret is not as it was: %v", s.Stages)
			}
			w.mend()
			w.until("the next attempt", func() bool { return w.secret().VersionOf(rota.Current) == token && !w.secret().Rotation.Last.IsZero() })
			if w.password() == canary {
				t.Error("the password is the old one")
			}
			steps := w.wrote("attempts")
			if n := len(steps); n < 5 || !slices.Equal(steps[n-4:], []string{"createSecret", "setSecret", "testSecret", "finishSecret"}) {
				t.Errorf("the last attempt was sent %v", steps)
			}
			w.nothingLeft()
		})
	}
}

func TestASecondAnswerIsNotedAndChangesNothing(t *testing.T) {
	w := newWorld(t)
	w.register("answers-twice testSecret", 20*time.Second)
	token := w.rotate()
	w.until("the rotation", func() bool { return w.secret().VersionOf(rota.Current) == token && !w.secret().Rotation.Last.IsZero() })
	if lines := strings.Join(w.journal(), "\n"); !strings.Contains(lines, "testSecret ok: the function answered 1 more times; the first answer counts") {
		t.Errorf("the journal:\n%s", lines)
	}
}

func TestAFunctionMayTouchItsSecretAndItsAdminSecretOnly(t *testing.T) {
	w := newWorld(t)
	w.create("admin/other", `{"token":"x"}`, rota.Tag{Key: "rota:serves", Value: "other/"})
	w.register("pries setSecret", 20*time.Second)
	w.rotate()
	w.until("the answer", func() bool { return strings.Contains(strings.Join(w.journal(), "\n"), "Denied: see the folder") })
	got := strings.Split(strings.TrimSpace(string(must(os.ReadFile(filepath.Join(w.folder, "pried"))))), "\n")
	if want := []string{
		"may read its secret", "may not read another secret", "may read its admin secret", "may not read the admin secret of another",
		"may not list secrets", "may not write its admin secret", "may not delete its secret", "may not ask without credentials",
	}; !slices.Equal(got, want) {
		t.Errorf("it %s\nwant %s", strings.Join(got, ", "), strings.Join(want, ", "))
	}
}

func TestNoValueLeavesAFunctionThroughItsLog(t *testing.T) {
	w := newWorld(t)
	w.register("prints-secrets testSecret", 20*time.Second)
	w.rotate()
	w.until("the failure", func() bool { return strings.Contains(strings.Join(w.journal(), "\n"), "Leaky") })
	everything := strings.Join(w.journal(), "\n") + w.log.String()
	for _, secret := range []string{canary, "canary-admin-token", "canary-of-the-environment", pending(w)} {
		if secret == "" || strings.Contains(everything, secret) {
			t.Errorf("%q is in the journal or the log", secret)
		}
	}
	entry := ""
	for _, line := range w.journal() {
		if strings.Contains(line, "Leaky") {
			entry = line
		}
	}
	for _, want := range []string{"Leaky: [secret] is the password", "current [secret]", "pending [secret]", "key [secret] [secret] [secret]"} {
		if !strings.Contains(entry, want) {
			t.Errorf("%s\nlacks %q", entry, want)
		}
	}
}

func pending(w *world) string {
	v := must(w.store.GetSecretValue(w.t.Context(), rota.Caller{}, store.GetSecretValueInput{SecretID: "app/key", VersionStage: rota.Pending}))
	_, after, _ := strings.Cut(string(v.Value.Reveal()), `"password":"`)
	return strings.TrimSuffix(after, `"}`)
}

// TestAnAttemptOfAForeignFunctionIsNotGivenUp: what it set may be the only
// password that works, so AWSPENDING stays until a person decides.
func TestAnAttemptOfAForeignFunctionIsNotGivenUp(t *testing.T) {
	w := newWorld(t)
	w.register("lies finishSecret", 20*time.Second)
	token := w.rotate()
	w.until("the failure", func() bool { return strings.Contains(strings.Join(w.journal(), "\n"), "AWSCURRENT isn't on version") })
	must(w.store.CancelRotateSecret(t.Context(), rota.Caller{}, "app/key"))
	w.until("the end", func() bool {
		task, err := w.store.Task(t.Context(), w.secret().Key)
		return err == nil && task.Kind == store.Idle
	})
	if s := w.secret(); s.VersionOf(rota.Pending) != token || w.password() != canary {
		t.Errorf("labels %v", s.Stages)
	}
	w.nothingLeft()
}

func TestWhatCannotBeInvokedIsRefusedAtOnce(t *testing.T) {
	w := newWorld(t)
	rotate := func(arn string) error {
		_, err := w.store.RotateSecret(t.Context(), rota.Caller{}, store.RotateSecretInput{SecretID: "app/key", ClientRequestToken: newID(), RotationLambdaARN: &arn})
		return err
	}
	for _, arn := range []string{fnARN, "arn:aws:lambda:eu-west-1:" + account + ":function:fn", "arn:aws:lambda:" + region + ":210987654321:function:fn", "fn"} {
		if err := rotate(arn); !errors.Is(err, rota.AccessDenied) || !strings.Contains(err.Error(), "Secrets Manager cannot invoke the specified Lambda function") {
			t.Errorf("%s: %v", arn, err)
		}
		if w.secret().Rotation.Configured {
			t.Errorf("%s was saved", arn)
		}
	}
	w.register("rotates", time.Second)
	if err := w.store.TagResource(t.Context(), rota.Caller{}, "app/key", []rota.Tag{{Key: "rota:expire", Value: "after 1h"}}); err != nil {
		t.Fatal(err)
	}
	if err := rotate(fnARN); !errors.Is(err, rota.InvalidParameter) || !strings.Contains(err.Error(), "rota:expire") {
		t.Errorf("a policy that the function cannot follow: %v", err)
	}
	must(0, w.store.UntagResource(t.Context(), rota.Caller{}, "app/key", []string{"rota:expire"}))
	must(0, w.store.UntagResource(t.Context(), rota.Caller{}, "admin/api", []string{"rota:serves"}))
	if err := rotate(fnARN); !errors.Is(err, rota.InvalidParameter) || !strings.Contains(err.Error(), "does not serve") {
		t.Errorf("an admin secret that does not serve: %v", err)
	}
}

func TestAFunctionThatWasRemovedFailsInWords(t *testing.T) {
	w := newWorld(t)
	w.register("rotates", time.Second)
	arn := fnARN
	must(w.store.RotateSecret(t.Context(), rota.Caller{}, store.RotateSecretInput{SecretID: "app/key", ClientRequestToken: newID(), RotationLambdaARN: &arn}))
	if err := w.store.DeleteFunction(t.Context(), rota.Caller{}, "fn"); err != nil {
		t.Fatal(err)
	}
	w.run()
	w.until("the failure", func() bool {
		return strings.Contains(strings.Join(w.journal(), "\n"), "createSecret failed: Secrets Manager cannot invoke the specified Lambda function")
	})
}

func TestAShutdownEndsTheFunctionAndHandsTheRotationBack(t *testing.T) {
	w := newWorld(t)
	w.register("never-answers setSecret", 20*time.Second)
	arn := fnARN
	must(w.store.RotateSecret(t.Context(), rota.Caller{}, store.RotateSecretInput{SecretID: "app/key", ClientRequestToken: newID(), RotationLambdaARN: &arn}))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- w.engine.Run(ctx) }()
	w.until("the hanging step", func() bool { return len(w.wrote("misbehaved")) > 0 })
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	w.nothingLeft()
	if lines := strings.Join(w.journal(), "\n"); !strings.Contains(lines, "the next start goes on with this rotation") {
		t.Errorf("the journal:\n%s", lines)
	}
}

// TestWhatALateFunctionWritesIsRefused: its credentials carry the claim that
// it was started under, and are worth nothing once another holds it.
func TestWhatALateFunctionWritesIsRefused(t *testing.T) {
	w := newWorld(t)
	w.register("waits createSecret", 20*time.Second)
	arn := fnARN
	must(w.store.RotateSecret(t.Context(), rota.Caller{}, store.RotateSecretInput{SecretID: "app/key", ClientRequestToken: newID(), RotationLambdaARN: &arn}))
	key := w.secret().Key
	claim := func() (rota.Claim, store.Task) {
		c, task, err := w.store.Claim(t.Context(), rota.Caller{}, store.ClaimRequest{Secret: key, Owner: "test", For: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		return c, task
	}
	first, task := claim()
	failed := make(chan error, 1)
	go func() {
		_, err := w.router.Invoke(t.Context(), function.Call{
			Function: fnARN, Caller: rota.Caller{Account: account, Region: region, Claim: first}, Last: true,
			Event: rota.Event{Step: rota.CreateSecret, SecretID: task.ARN, ClientRequestToken: task.Token, RotationToken: task.RotationToken},
		})
		failed <- err
	}()
	w.until("the function at work", func() bool { return len(w.wrote("misbehaved")) > 0 })
	if err := w.store.Release(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	claim()
	if err := os.WriteFile(filepath.Join(w.folder, "go"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := <-failed; err == nil || !strings.Contains(err.Error(), "claim") {
		t.Errorf("got %v", err)
	}
	if _, err := w.store.GetSecretValue(t.Context(), rota.Caller{}, store.GetSecretValueInput{SecretID: "app/key", VersionStage: rota.Pending}); !errors.Is(err, rota.NotFound) {
		t.Errorf("it wrote AWSPENDING: %v", err)
	}
	w.nothingLeft()
}
