package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/rotation/rotationtest"
	"github.com/rotahq/rota/store"
)

// The interference matrix: at every point of a rotation with its overlap and
// its ending, and of the test of RotateImmediately=false, a person does
// something to the secret. Whatever it is, and whatever it is answered, the
// invariants hold once all is quiet, and the next rotation that is asked for
// succeeds.

// person does one thing to the secret, beside the engine. An error of the
// store is an answer like any other: then nothing changed.
type person struct {
	does string
	// bad is set where the person makes AWSCURRENT a value that the provider
	// refuses: nobody can mend that.
	bad  bool
	act  func(ctx context.Context, w *world) error
	then func(ctx context.Context, w *world) error // a minute later; nil: nothing
}

var persons = []person{
	{does: "puts a value that works", act: func(ctx context.Context, w *world) error { return w.putByHand(ctx, true) }},
	{does: "puts a value that works, and begins anew", act: func(ctx context.Context, w *world) error {
		return errors.Join(w.putByHand(ctx, true), beginAnew(ctx, w))
	}},
	{does: "puts a value that the provider refuses", bad: true, act: func(ctx context.Context, w *world) error { return w.putByHand(ctx, false) }},
	{does: "puts a value as AWSPENDING", act: func(ctx context.Context, w *world) error {
		v, err := w.current(ctx)
		if err != nil {
			return err
		}
		_, err = w.watch.PutSecretValue(ctx, caller, store.PutSecretValueInput{
			SecretID: name, ClientRequestToken: w.newID(), Value: v, VersionStages: []string{rota.Pending},
		})
		return err
	}, then: removePending},
	{does: "removes AWSPENDING", act: removePending},
	{does: "begins anew", act: beginAnew},
	{does: "moves AWSCURRENT back", act: func(ctx context.Context, w *world) error {
		s, err := w.describe(ctx)
		if err != nil {
			return err
		}
		to := s.VersionOf(rota.Previous)
		rows, err := w.watch.CredentialsOf(ctx, s.Key)
		if err != nil {
			return err
		}
		_, err = w.watch.UpdateSecretVersionStage(ctx, caller, store.UpdateSecretVersionStageInput{
			SecretID: name, VersionStage: rota.Current, RemoveFromVersionID: s.VersionOf(rota.Current), MoveToVersionID: to,
		})
		if err != nil {
			return err
		}
		// What died, or was dying, stays dead.
		w.bad = w.scenario.capacity == 1
		for _, c := range rows {
			w.bad = w.bad || c.Version == to && (c.State == rota.Ending || c.State == rota.ProvenDead)
		}
		return nil
	}},
	{does: "cancels the rotation", act: func(ctx context.Context, w *world) error {
		_, err := w.watch.CancelRotateSecret(ctx, caller, name)
		return err
	}},
	{does: "cancels the rotation, and begins anew", act: func(ctx context.Context, w *world) error {
		_, err := w.watch.CancelRotateSecret(ctx, caller, name)
		return errors.Join(err, beginAnew(ctx, w))
	}},
	{does: "asks for a rotation", act: askAgain},
	{does: "deletes and restores the secret, and begins anew", act: func(ctx context.Context, w *world) error {
		err := deleteIt(ctx, w)
		_, rerr := w.watch.RestoreSecret(ctx, caller, name)
		return errors.Join(err, rerr, beginAnew(ctx, w))
	}},
	{does: "deletes the secret", act: deleteIt},
	{does: "deletes the secret by force", act: func(ctx context.Context, w *world) error {
		_, err := w.watch.DeleteSecret(ctx, caller, store.DeleteSecretInput{SecretID: name, ForceDeleteWithoutRecovery: true})
		return err
	}},
	{does: "deletes and restores the secret", act: deleteIt, then: func(ctx context.Context, w *world) error {
		_, err := w.watch.RestoreSecret(ctx, caller, name)
		return err
	}},
	{does: "ends the old credential now", act: func(ctx context.Context, w *world) error {
		return w.watch.SetEnding(ctx, caller, name, "", store.EndingChange{Now: true})
	}},
	{does: "holds the ending, and lets it go", act: func(ctx context.Context, w *world) error {
		return w.watch.SetEnding(ctx, caller, name, "", store.EndingChange{Hold: true})
	}, then: func(ctx context.Context, w *world) error {
		return w.watch.SetEnding(ctx, caller, name, "", store.EndingChange{Resume: true})
	}},
}

func askAgain(ctx context.Context, w *world) error {
	_, err := w.watch.RotateSecret(ctx, caller, store.RotateSecretInput{SecretID: name, ClientRequestToken: w.newID()})
	return err
}

// beginAnew gives up what is under way, or left of it, and asks for a rotation
// before anything else can happen.
func beginAnew(ctx context.Context, w *world) error {
	return errors.Join(removePending(ctx, w), askAgain(ctx, w))
}

func deleteIt(ctx context.Context, w *world) error {
	_, err := w.watch.DeleteSecret(ctx, caller, store.DeleteSecretInput{SecretID: name})
	return err
}

func removePending(ctx context.Context, w *world) error {
	s, err := w.describe(ctx)
	if err != nil || s.VersionOf(rota.Pending) == "" {
		return err
	}
	_, err = w.watch.UpdateSecretVersionStage(ctx, caller, store.UpdateSecretVersionStageInput{
		SecretID: name, VersionStage: rota.Pending, RemoveFromVersionID: s.VersionOf(rota.Pending),
	})
	return err
}

func (w *world) describe(ctx context.Context) (rota.Secret, error) {
	return w.watch.DescribeSecret(ctx, caller, store.DescribeSecretInput{SecretID: name})
}

// handMade is the password that a person gives a user.
const handMade = "by-hand"

// putByHand writes a new AWSCURRENT: another key, or another password of the
// user that is current. One that works is made at the provider first.
func (w *world) putByHand(ctx context.Context, works bool) error {
	now, err := w.current(ctx)
	if err != nil {
		return err
	}
	var f struct{ Username, ID string }
	if err := json.Unmarshal(now.Reveal(), &f); err != nil {
		return err
	}
	v := rotationtest.KeyValue("key-by-hand", "by-hand")
	if f.Username != "" {
		v = rotationtest.UserValue(f.Username, handMade)
	}
	switch {
	case works && f.Username != "":
		w.provider.AddUser(f.Username, handMade)
	case works:
		w.provider.AddKey("key-by-hand", "by hand", "by-hand")
	}
	w.byHand = w.newID()
	_, err = w.watch.PutSecretValue(ctx, caller, store.PutSecretValueInput{SecretID: name, ClientRequestToken: w.byHand, Value: v})
	return err
}

const (
	minute = time.Minute
	// quiet is the longest simulated time after which nothing is left to be
	// done: all attempts of a rotation, and its ending.
	quiet = 2 * time.Hour
)

// calm lets time pass until nothing is left to be done.
func (w *world) calm(t *testing.T) {
	t.Helper()
	for range quiet / (5 * minute) {
		w.pass(5 * minute)
		rows, err := w.watch.CredentialsOf(t.Context(), w.id)
		if err != nil {
			t.Fatal(err)
		}
		task, err := w.watch.Task(t.Context(), w.id)
		idle := err != nil || task.Kind == store.Idle && task.Claim.Owner == ""
		if idle && !slices.ContainsFunc(rows, func(c rota.Credential) bool { return c.State.Open() }) {
			return
		}
	}
}

// interfere runs the rotation with the person in it, and checks the end.
func (w *world) interfere(t *testing.T, who person, point int) {
	t.Helper()
	ctx := context.Background()
	var did atomic.Bool
	p := &points{at: -1, between: point}
	p.act = func() {
		did.Store(true)
		if err := who.act(ctx, w); err != nil {
			w.answer = err.Error()
		}
		if !who.bad {
			w.check()
		}
	}
	w.bad = who.bad
	w.start(t, p)
	s, err := w.describe(ctx)
	if err != nil {
		t.Fatal(err)
	}
	w.id, w.arn = s.Key, s.ARN()
	w.run(t)
	// The last point comes with the ending.
	for range 15 {
		w.pass(minute)
		if did.Load() && who.then != nil {
			w.pass(minute)
			_ = who.then(ctx, w) // it may have nothing to do any more
			who.then = nil
		}
	}
	if !did.Load() {
		t.Fatal("the point was never reached")
	}
	w.calm(t)
	w.settled(t, who)
	if w.bad {
		w.lastOneLives(t)
	}
	// Nothing ends, and so nothing can be minted where it is full, while the
	// current credential is dead.
	if full := w.bad && w.scenario.limit > 0; !who.bad && !full {
		w.goesOn(t)
	}
	for _, v := range w.violations {
		t.Error(v)
	}
	if t.Failed() {
		t.Logf("the person was answered %q", w.answer)
		w.tell(t)
	}
	w.stop(t)
}

// settled is what holds once all is quiet.
func (w *world) settled(t *testing.T, who person) {
	t.Helper()
	ctx := t.Context()
	rows, err := w.watch.CredentialsOf(ctx, w.id)
	if err != nil {
		t.Fatal(err)
	}
	s, err := w.describe(ctx)
	gone := err != nil // deleted by force
	deleted := gone || s.Deleted()
	if !gone && !w.bad {
		if v, err := w.current(ctx); err == nil && !w.provider.Accepts(v) {
			t.Error("the provider refuses AWSCURRENT")
		}
	}
	if task, err := w.watch.Task(ctx, w.id); err == nil {
		if task.Kind != store.Idle {
			t.Errorf("the task is left in %q, attempt %d, resolve %t: %s", task.Kind, task.Attempt, task.Resolve, task.LastError)
		}
		if task.Claim.Owner != "" {
			t.Errorf("the claim for %q is left", task.Claim.Use)
		}
	}
	open := map[string]bool{}
	alive := w.provider.Names()
	for _, c := range rows {
		// While the current credential is dead nothing ends: it would be the last.
		waits := w.bad && strings.HasPrefix(c.Evidence, "the control failed")
		if c.State.Open() {
			open[c.Version] = true
		}
		if c.State.Open() && !waits {
			t.Errorf("the ending of version %s is left %q, due %s: %s", c.Version, c.State, c.Due, c.Evidence)
		}
		if c.ProviderID == "" {
			continue
		}
		// The ledger says live of what is AWSCURRENT, also if a person moved it to
		// what was dying; and what waits lives.
		unsure := w.bad && (c.Version == s.VersionOf(rota.Current) || waits)
		if _, lives := alive[c.ProviderID]; !unsure && lives != (c.State == rota.Live) {
			t.Errorf("key %s of version %s is %q in the ledger, and alive: %t", c.ProviderID, c.Version, c.State, lives)
		}
		delete(alive, c.ProviderID)
	}
	for id := range alive {
		// What a person made is known once a rotation looked at it.
		if id != "key-by-hand" && id != "key-0" {
			t.Errorf("key %s is alive, and the ledger does not know it", id)
		}
	}
	pending := s.VersionOf(rota.Pending)
	if pending != "" && s.Rotation.Enabled && !deleted && who.does != "deletes and restores the secret" {
		t.Errorf("AWSPENDING is left on %s", pending)
	}
	for version, labels := range s.Stages {
		if slices.ContainsFunc(labels, rota.IsEndsLabel) && !open[version] {
			t.Errorf("version %s is left with %v", version, labels)
		}
	}
}

// lastOneLives is that a person's mistake does not end the last credential
// that works.
func (w *world) lastOneLives(t *testing.T) {
	t.Helper()
	if w.provider.Accepts(w.scenario.first) { // the ledger may not know it yet
		return
	}
	rows, err := w.watch.CredentialsOf(t.Context(), w.id)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range rows {
		out, err := w.watch.GetSecretValue(t.Context(), caller, store.GetSecretValueInput{SecretID: name, VersionID: c.Version})
		if err == nil && w.provider.Accepts(out.Value) {
			return
		}
	}
	t.Error("no credential is left that works")
}

// goesOn asks for one more rotation, which must succeed.
func (w *world) goesOn(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	s, err := w.describe(ctx)
	if err != nil {
		return // deleted by force
	}
	if s.Deleted() {
		if _, err := w.watch.RestoreSecret(ctx, caller, name); err != nil {
			t.Fatal(err)
		}
	}
	if err := removePending(ctx, w); err != nil { // as AWS leaves it after a cancel or a delete
		t.Fatal(err)
	}
	before, err := w.current(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := askAgain(ctx, w); err != nil {
		t.Fatalf("ask for the next rotation: %v", err)
	}
	w.calm(t)
	after, err := w.current(ctx)
	switch {
	case err != nil:
		t.Fatal(err)
	case after.Equal(before):
		t.Error("the next rotation did not happen")
	case !w.provider.Accepts(after):
		t.Error("after the next rotation the provider refuses AWSCURRENT")
	}
	if w.provider.Accepts(before) {
		t.Error("after the next rotation the provider still accepts the value before it")
	}
	w.settled(t, person{})
	w.aloneNow(t)
}

// aloneNow is that after a whole rotation nothing that the ledger knows lives
// beside the current credential.
func (w *world) aloneNow(t *testing.T) {
	t.Helper()
	s, err := w.describe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	rows, err := w.watch.CredentialsOf(t.Context(), w.id)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range rows {
		if c.State == rota.Live && c.Version != s.VersionOf(rota.Current) {
			t.Errorf("the credential of version %s is left alive: %s", c.Version, c.Evidence)
		}
	}
}

// tell shows the journal and the ledger of a case that failed.
func (w *world) tell(t *testing.T) {
	t.Helper()
	rows, _ := w.watch.CredentialsOf(t.Context(), w.id)
	var b strings.Builder
	for _, c := range rows {
		fmt.Fprintf(&b, "\n  ledger: %s %s id=%s %s: %s", c.Version[30:], c.Principal, c.ProviderID, c.State, c.Evidence)
	}
	entries, _ := w.watch.JournalOf(t.Context(), caller, w.arn, 100, 0)
	slices.Reverse(entries)
	for _, e := range entries {
		fmt.Fprintf(&b, "\n  %s %s %s %s: %s -> %s", e.Started.Format(time.TimeOnly), e.Token[30:], e.Step, e.Outcome, e.Cause, e.Next)
	}
	t.Log(b.String())
}

// fullScenario is a provider that takes two keys: for a rotation that is
// asked for while an overlap is open, the old one must go first.
var fullScenario = scenario{
	name: "mint, two at most", function: "model-keys", limit: 2,
	first:    rotationtest.KeyValue("key-0", "first-secret"),
	provider: func(p *rotationtest.Provider) { p.AddKey("key-0", "by hand", "first-secret") },
}

// canDo says whether the person could do that at the provider at all.
func (p person) canDo(sc scenario) bool {
	return sc.limit == 0 || !strings.HasPrefix(p.does, "puts a value that works")
}

// TestInterferenceMatrix: whatever a person does at any point, one good
// credential stays, nothing is orphaned, and rotation goes on.
func TestInterferenceMatrix(t *testing.T) {
	for _, sc := range append(slices.Clone(scenarios), fullScenario) {
		for _, set := range []struct {
			up   string
			only bool
		}{{"a rotation and its ending", false}, {"the test of the set-up", true}} {
			t.Run(sc.name+", "+set.up, func(t *testing.T) {
				clean, key := &points{at: -1}, newSealer(t)
				var database []byte
				synctest.Test(t, func(t *testing.T) { database = beginWith(t, sc, key, !set.only) })
				synctest.Test(t, func(t *testing.T) {
					w := newWorld(t, sc, key, database)
					w.start(t, clean)
					w.run(t)
					w.pass(15 * minute)
					w.stop(t)
				})
				cases := 0
				for i, point := range clean.names {
					for _, who := range persons {
						if !who.canDo(sc) {
							continue
						}
						cases++
						t.Run(fmt.Sprintf("%s before %03d %s", who.does, i, point), func(t *testing.T) {
							t.Parallel()
							synctest.Test(t, func(t *testing.T) {
								w := newWorld(t, sc, key, database)
								w.interfere(t, who, i)
							})
						})
					}
				}
				t.Logf("summary: %d cases at %d points; replay one with: go test ./engine -run '%s/<case>'", cases, len(clean.names), t.Name())
			})
		}
	}
}
