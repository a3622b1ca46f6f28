package engine_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing/synctest"
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/rotation/rotationtest"
	"github.com/rotahq/rota/store"
)

// What a test does in a life, and what it sees.

var (
	errDown = errors.New("model: no route to the provider")
	errSame = errors.New("not reached within the time")
)

// down lets every call of a provider fail.
func down(context.Context, providerCall) error { return errDown }

// user makes a secret with a user of its name, and key one with a key. Their
// AWSCURRENT must be accepted from now on: always where old and new overlap,
// and otherwise at the end.
func (l *life) user(name string, tags ...rota.Tag) {
	l.t.Helper()
	l.provider.AddUser(name, "first-"+name)
	l.create(l.t, name, firstUser(name), tags...)
	l.guarding(&l.guarded, name)
}

func (l *life) key(name string, tags ...rota.Tag) {
	l.t.Helper()
	l.provider.AddKey("id-"+name, "by hand", "first-"+name)
	l.create(l.t, name, firstKey(name), tags...)
	l.guarding(&l.guarded, name)
	l.guarding(&l.overlapping, name)
}

func firstUser(name string) rota.Value { return rotationtest.UserValue(name, "first-"+name) }
func firstKey(name string) rota.Value  { return rotationtest.KeyValue("id-"+name, "first-"+name) }

func (l *life) guarding(list *[]string, name string) {
	l.lock.Lock()
	defer l.lock.Unlock()
	*list = append(*list, name)
}

// twoUsers makes an admin secret and a secret whose two users alternate.
func (l *life) twoUsers(name string, tags ...rota.Tag) {
	l.t.Helper()
	l.user("admin", tag("rota:serves", "@"))
	l.user(name, append(tags, tag("rota:admin", "admin"))...)
	l.guarding(&l.overlapping, name)
}

func tag(key, value string) rota.Tag { return rota.Tag{Key: key, Value: value} }

// rules reads a schedule, with a Duration after a plus: "rate(1 day) + 2h".
func rules(text string) rota.Rules {
	expression, duration, _ := strings.Cut(text, " + ")
	return rota.Rules{Expression: expression, Duration: duration}
}

// rotate sets rotation up by a rotator and starts one.
func (l *life) rotate(name, rotator string, r rota.Rules) {
	l.t.Helper()
	if err := l.setUp(name, rotator, r, nil); err != nil {
		l.t.Fatalf("rotate %s: %v", name, err)
	}
}

// plan sets rotation up with a test only, and lets it end.
func (l *life) plan(name, rotator string, r rota.Rules) {
	l.t.Helper()
	if err := l.setUp(name, rotator, r, ptr(false)); err != nil {
		l.t.Fatalf("plan the rotation of %s: %v", name, err)
	}
	synctest.Wait()
}

func (l *life) setUp(name, rotator string, r rota.Rules, immediately *bool) error {
	_, err := l.store.RotateSecret(l.t.Context(), caller, store.RotateSecretInput{
		SecretID: name, ClientRequestToken: l.newID(), RotateImmediately: immediately, RotationRules: &r,
		RotationLambdaARN: ptr("arn:aws:lambda:" + region + ":" + account + ":function:rota-" + rotator),
	})
	return err
}

// ask starts a rotation of a secret that is set up.
func (l *life) ask(name string) error {
	_, err := l.store.RotateSecret(l.t.Context(), caller, store.RotateSecretInput{SecretID: name, ClientRequestToken: l.newID()})
	return err
}

// ending changes the one open ending.
func (l *life) ending(name string, change store.EndingChange) {
	l.t.Helper()
	if err := l.store.SetEnding(l.t.Context(), caller, name, "", change); err != nil {
		l.t.Fatalf("change the ending of %s: %v", name, err)
	}
	synctest.Wait()
}

// sleep lets time pass, and what became due be done.
func (l *life) sleep(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// till lets time pass until something is so, and says how long it took.
func (l *life) till(what string, within time.Duration, so func() bool) time.Duration {
	l.t.Helper()
	start := time.Now()
	tick := max(within/2000, 100*time.Millisecond)
	for synctest.Wait(); !so(); l.sleep(tick) {
		if time.Since(start) > within {
			l.t.Fatalf("%s: %v (%s)", what, errSame, within)
		}
	}
	return time.Since(start)
}

// rotated lets time pass until the secret's rotation is over and moved
// AWSCURRENT away from the version.
func (l *life) rotated(name, from string, within time.Duration) time.Duration {
	l.t.Helper()
	return l.till("the rotation of "+name, within, func() bool {
		return l.version(name) != from && l.task(name).Kind == store.Idle
	})
}

func (l *life) describe(name string) rota.Secret {
	l.t.Helper()
	s, err := l.store.DescribeSecret(l.t.Context(), caller, store.DescribeSecretInput{SecretID: name})
	if err != nil {
		l.t.Fatal(err)
	}
	return s
}

// version is the AWSCURRENT version.
func (l *life) version(name string) string { return l.describe(name).VersionOf(rota.Current) }

// value is the value of a version, of AWSCURRENT if it is "".
func (l *life) value(name, version string) rota.Value {
	l.t.Helper()
	out, err := l.watch.GetSecretValue(l.t.Context(), caller, store.GetSecretValueInput{SecretID: name, VersionID: version})
	if err != nil {
		l.t.Fatal(err)
	}
	return out.Value
}

// versions lists all versions, those without labels too.
func (l *life) versions(name string) []rota.Version {
	l.t.Helper()
	out, err := l.store.ListSecretVersionIds(l.t.Context(), caller, store.ListSecretVersionIDsInput{SecretID: name, IncludeDeprecated: true})
	if err != nil {
		l.t.Fatal(err)
	}
	return out.Versions
}

func (l *life) task(name string) store.Task {
	l.t.Helper()
	task, err := l.store.Task(l.t.Context(), l.describe(name).Key)
	if err != nil {
		l.t.Fatal(err)
	}
	return task
}

// credential is the ledger row of a version.
func (l *life) credential(name, version string) rota.Credential {
	l.t.Helper()
	rows, err := l.store.Credentials(l.t.Context(), caller, name)
	if err != nil {
		l.t.Fatal(err)
	}
	i := slices.IndexFunc(rows, func(c rota.Credential) bool { return c.Version == version })
	if i < 0 {
		l.t.Fatalf("the ledger of %s knows nothing of version %s", name, version)
	}
	return rows[i]
}

// journal lists the entries of a secret, oldest first, of one step if it is
// not "".
func (l *life) journal(name, step string) []rota.JournalEntry {
	l.t.Helper()
	all, err := l.store.JournalOf(l.t.Context(), caller, name, 10_000, 0)
	if err != nil {
		l.t.Fatal(err)
	}
	slices.Reverse(all)
	return slices.DeleteFunc(all, func(e rota.JournalEntry) bool { return step != "" && e.Step != step })
}

// starts are the scheduled starts of a secret.
func (l *life) starts(name string) []time.Time {
	l.t.Helper()
	var out []time.Time
	for _, e := range l.journal(name, "scheduled") {
		if e.Outcome == rota.OutcomeOK {
			out = append(out, e.Started)
		}
	}
	return out
}

// says reports whether an entry of the outcome has all the texts in its
// cause and what follows.
func says(entries []rota.JournalEntry, outcome string, texts ...string) bool {
	return slices.ContainsFunc(entries, func(e rota.JournalEntry) bool {
		return e.Outcome == outcome && !slices.ContainsFunc(texts, func(text string) bool {
			return !strings.Contains(e.Cause+" | "+e.Next, text)
		})
	})
}

// wantSaid fails unless the journal says so.
func (l *life) wantSaid(name, step, outcome string, texts ...string) {
	l.t.Helper()
	entries := l.journal(name, step)
	if says(entries, outcome, texts...) {
		return
	}
	l.t.Errorf("no %s entry of %q in the journal of %s says %q; it has:", outcome, step, name, texts)
	for _, e := range l.journal(name, "") {
		l.t.Logf("%s %s %s: %s | %s", e.Started.Format(time.DateTime), e.Step, e.Outcome, e.Cause, e.Next)
	}
}

// wantIdle fails unless no rotation runs and nothing is left of one.
func (l *life) wantIdle(name string) {
	l.t.Helper()
	if task := l.task(name); task.Kind != store.Idle {
		l.t.Errorf("the task of %s is %q, attempt %d: %s", name, task.Kind, task.Attempt, task.LastError)
	}
	if p := l.describe(name).VersionOf(rota.Pending); p != "" {
		l.t.Errorf("AWSPENDING of %s is left on %s", name, p)
	}
}

// wantState fails unless the ledger says this of a version.
func (l *life) wantState(name, version string, want rota.CredentialState) {
	l.t.Helper()
	if c := l.credential(name, version); c.State != want {
		l.t.Errorf("the ledger says that version %s of %s is %q (%s), want %q", version, name, c.State, c.Evidence, want)
	}
}

// slowly lets a call take a time, or until its context ends.
func slowly(op string, d time.Duration) func(context.Context, providerCall) error {
	return func(ctx context.Context, c providerCall) error {
		if c.op != op {
			return nil
		}
		select {
		case <-time.After(d):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
