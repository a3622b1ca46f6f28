package storetest

import (
	"fmt"
	"strings"
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/store"
)

// minted records a credential of a version in the ledger.
func (w *World) minted(c rota.Caller, version string, state rota.CredentialState) {
	w.T.Helper()
	w.Must(w.RecordCredential(w.T.Context(), c, rota.Credential{
		Version: version, Rotator: "r", Provider: "host", Principal: "u", ProviderID: "id-" + version, State: state, Lane: "lane",
	}, rota.StringValue("secret part")))
}

// row is the one ledger row of a version.
func (w *World) row(k rota.Key, version string) rota.Credential {
	w.T.Helper()
	rows, err := w.CredentialsOf(w.T.Context(), k)
	w.Must(err)
	var found []rota.Credential
	for _, c := range rows {
		if c.Version == version {
			found = append(found, c)
		}
	}
	if len(found) != 1 {
		w.T.Fatalf("version %s has %d ledger rows", version, len(found))
	}
	return found[0]
}

// task is the rotation row of a secret.
func (w *World) task(k rota.Key) store.Task {
	w.T.Helper()
	t, err := w.Task(w.T.Context(), k)
	w.Must(err)
	return t
}

// running is a secret with a rotation towards v2 whose credential was minted,
// and the engine at work on it.
func (w *World) running() (rota.Secret, rota.Caller) {
	w.T.Helper()
	s := w.Create("s", "v1", "a")
	w.Rotate("s", "v2")
	c := w.Engine(s.Key, "rotate")
	w.minted(c, "v2", rota.Intended)
	w.Must(w.Put(c, "s", "v2", "b", rota.Pending))
	w.minted(c, "v2", rota.Live)
	return w.Describe("s"), c
}

// overlap is a secret that was rotated from v1 to v2 and whose old credential
// ends in a day.
func (w *World) overlap() (rota.Secret, rota.Caller) {
	w.T.Helper()
	s, c := w.running()
	w.minted(c, "v1", rota.Live)
	w.finish(c, "v1", "v2")
	w.Must(w.Complete(w.T.Context(), c))
	w.Must(w.Release(w.T.Context(), c.Claim))
	return w.Describe(s.Name), c
}

// finish is what finishSecret does: label, timer, move.
func (w *World) finish(c rota.Caller, from, to string) {
	w.T.Helper()
	at := w.Clock.Now().Add(24 * time.Hour)
	w.Must(w.Stage(c, "s", rota.EndsLabel(from, at), "", from))
	w.Must(w.ScheduleEnding(w.T.Context(), c, rota.Credential{
		Version: from, Provider: "host", Principal: "u", ProviderID: "id-" + from, Policy: "after 24h", NotBefore: at, Due: at, Deadline: at.Add(24 * time.Hour),
	}, rota.Value{}))
	w.Must(w.Stage(c, "s", rota.Current, from, to))
}

// ends fails the test unless the version has an ending label and its row is
// due at the label's time.
func (w *World) ends(k rota.Key, version string, at time.Time) {
	w.T.Helper()
	var label string
	for _, l := range w.Describe("s").Stages[version] {
		if rota.IsEndsLabel(l) {
			label = l
		}
	}
	if label != rota.EndsLabel(version, at) {
		w.T.Errorf("version %s has the ending label %q", version, label)
	}
	r := w.row(k, version)
	if r.State != rota.Superseded || !r.Due.Equal(at) || !r.NotBefore.Equal(at) || !r.Deadline.After(at) {
		w.T.Errorf("the row is %s, due %s, not before %s, deadline %s", r.State, r.Due, r.NotBefore, r.Deadline)
	}
}

// live fails the test unless nothing ends of the version.
func (w *World) live(k rota.Key, version string) {
	w.T.Helper()
	for _, l := range w.Describe("s").Stages[version] {
		if rota.IsEndsLabel(l) {
			w.T.Errorf("version %s has the label %s", version, l)
		}
	}
	r := w.row(k, version)
	if r.State != rota.Live || !r.Due.IsZero() || r.Policy != "" || !r.NotBefore.IsZero() || !r.Deadline.IsZero() {
		w.T.Errorf("the row is %+v", r)
	}
}

var attemptChecks = []check{
	{"an attempt that is abandoned ends the credential that it minted", func(w *World) {
		s, c := w.running()
		w.Must(w.Abandon(w.T.Context(), c, "refused"))
		w.ends(s.Key, "v2", w.Clock.Now())
		if got := w.Describe("s").VersionOf(rota.Pending); got != "" {
			w.T.Errorf("AWSPENDING is on %s", got)
		}
		if t := w.task(s.Key); t.Kind != store.Idle || t.LastError != "refused" || !t.Due.After(w.Clock.Now()) {
			w.T.Errorf("the task is %+v", t)
		}
	}},
	{"whoever looks at the queue is woken for the ending of what an attempt left", func(w *World) {
		s := w.Create("s", "v1", "a")
		_, err := w.RotateSecret(w.T.Context(), Caller, store.RotateSecretInput{SecretID: "s", ClientRequestToken: "v2", RotationLambdaARN: ptr(Lambda)})
		w.Must(err) // without a schedule, which would wake by itself
		c := w.Engine(s.Key, "rotate")
		w.minted(c, "v2", rota.Live)
		w.Woken = 0
		w.Must(w.Stage(Caller, "s", rota.Pending, "v2", ""))
		if w.Woken == 0 {
			w.T.Error("nobody was woken")
		}
		w.Must(w.Release(w.T.Context(), c.Claim))
	}},
	{"a function that puts AWSCURRENT itself moves no date that a person's value would", func(w *World) {
		s, _ := w.overlap()
		before := w.Describe("s").Rotation
		w.Clock.Advance(48 * time.Hour)
		c := w.Engine(s.Key, "rotate")
		_, err := w.Begin(w.T.Context(), c, "v3", "schedule", false)
		w.Must(err)
		w.Functions.Rotatable = picky // nor is its value checked
		w.Must(w.Put(c, "s", "v3", "bad"))
		same2(w, before, w.Describe("s").Rotation)
		w.Must(w.Complete(w.T.Context(), c))
	}},
	{"a rotation can finish in a secret whose labels are used up meanwhile", func(w *World) {
		s, c := w.running()
		var labels []string
		for i := range 18 {
			labels = append(labels, fmt.Sprint("l", i))
		}
		w.Must(w.Put(Caller, "s", "v9", "x", labels...))
		w.Refused(w.Stage(Caller, "s", "one-more", "", "v9"), rota.LimitExceeded)
		w.minted(c, "v1", rota.Live)
		w.finish(c, "v1", "v2")
		w.Must(w.Complete(w.T.Context(), c))
		w.ends(s.Key, "v1", w.Clock.Now().Add(24*time.Hour))
	}},
	{"endings of versions whose ids begin alike do not share a label", func(w *World) {
		ctx := w.T.Context()
		w.Create("s", "terraform-1", "a")
		w.Must(w.Put(Caller, "s", "terraform-2", "b"))
		w.Must(w.Put(Caller, "s", "terraform-3", "c"))
		for _, v := range []string{"terraform-1", "terraform-2"} {
			w.Must(w.SetEnding(ctx, Caller, "s", v, store.EndingChange{Now: true}))
		}
		at := w.Clock.Now()
		stages := w.Describe("s").Stages
		same2(w, []string{rota.EndsLabel("terraform-1", at)}, stages["terraform-1"])
		same2(w, []string{rota.Previous, rota.EndsLabel("terraform-2", at.Add(time.Second))}, stages["terraform-2"])
	}},
	{"an attempt that was only intended is ended too, since it may have reached the provider", func(w *World) {
		s := w.Create("s", "v1", "a")
		w.Rotate("s", "v2")
		c := w.Engine(s.Key, "rotate")
		w.Must(w.RecordCredential(w.T.Context(), c, rota.Credential{Version: "v2", Provider: "host", State: rota.Intended}, rota.Value{}))
		w.Must(w.Abandon(w.T.Context(), c, "refused"))
		w.ends(s.Key, "v2", w.Clock.Now())
	}},
	{"a label is in whole seconds, and the row waits for it", func(w *World) {
		s, c := w.running()
		w.Clock.Advance(300 * time.Millisecond)
		w.Must(w.Abandon(w.T.Context(), c, "refused"))
		w.ends(s.Key, "v2", Start.Add(time.Second))
	}},
	{"a new AWSCURRENT value by hand ends the minted credential, and the journal says who did it", func(w *World) {
		s, _ := w.running()
		w.Must(w.Put(Caller, "s", "v3", "by hand"))
		w.ends(s.Key, "v2", w.Clock.Now())
		entries, err := w.JournalOf(w.T.Context(), Caller, "s", 10, 0)
		w.Must(err)
		if len(entries) != 1 || entries[0].Token != "v2" || !strings.Contains(entries[0].Cause, Caller.Principal) {
			w.T.Errorf("the journal has %+v", entries)
		}
	}},
	{"AWSPENDING removed by hand ends the minted credential", func(w *World) {
		s, _ := w.running()
		w.Must(w.Stage(Caller, "s", rota.Pending, "v2", ""))
		w.ends(s.Key, "v2", w.Clock.Now())
	}},
	{"AWSPENDING moved by hand to another version ends the minted credential", func(w *World) {
		s, _ := w.running()
		w.Must(w.Stage(Caller, "s", rota.Pending, "v2", "v1"))
		w.ends(s.Key, "v2", w.Clock.Now())
		if t := w.task(s.Key); t.Kind != store.Idle {
			w.T.Errorf("the task is %q", t.Kind)
		}
	}},
	{"AWSPENDING left by a cancelled rotation ends its credential when it is removed", func(w *World) {
		ctx := w.T.Context()
		s, c := w.running()
		_, err := w.CancelRotateSecret(ctx, Caller, "s")
		w.Must(err)
		w.Must(w.Resolved(ctx, c))
		w.Must(w.Release(ctx, c.Claim))
		if r := w.row(s.Key, "v2"); r.State != rota.Live {
			w.T.Errorf("the cancel made it %s", r.State)
		}
		w.Must(w.Stage(Caller, "s", rota.Pending, "v2", ""))
		w.ends(s.Key, "v2", w.Clock.Now())
	}},
	{"a function may take AWSPENDING off by itself; the engine judges", func(w *World) {
		s, c := w.running()
		w.Must(w.Stage(c, "s", rota.Pending, "v2", ""))
		if t := w.task(s.Key); t.Kind != store.Rotate {
			w.T.Errorf("the task is %q", t.Kind)
		}
		w.Must(w.Abandon(w.T.Context(), c, "foreign"))
		w.ends(s.Key, "v2", w.Clock.Now())
	}},
	{"an empty version whose label its own function removed stays while the rotation runs, and goes with it", func(w *World) {
		s := w.Create("s", "v1", "a")
		w.Rotate("s", "v2")
		c := w.Engine(s.Key, "rotate")
		w.Must(w.Stage(c, "s", rota.Pending, "v2", ""))
		w.Must(w.Put(c, "s", "v2", "b", rota.Pending))
		w.Must(w.Stage(c, "s", rota.Pending, "v2", ""))
		w.Must(w.Abandon(w.T.Context(), c, "foreign"))
		same2(w, map[string][]string{"v1": {rota.Current}}, w.Describe("s").Stages)
	}},
	{"a cancelled attempt whose function took AWSPENDING off leaves no empty version", func(w *World) {
		s := w.Create("s", "v1", "a")
		w.Rotate("s", "v2")
		c := w.Engine(s.Key, "rotate")
		w.Must(w.Stage(c, "s", rota.Pending, "v2", ""))
		_, err := w.CancelRotateSecret(w.T.Context(), Caller, "s")
		w.Must(err)
		w.Must(w.Resolved(w.T.Context(), c))
		out, err := w.ListSecretVersionIds(w.T.Context(), Caller, store.ListSecretVersionIDsInput{SecretID: "s", IncludeDeprecated: true})
		w.Must(err)
		if len(out.Versions) != 1 {
			w.T.Errorf("the versions are %+v", out.Versions)
		}
	}},
	{"an attempt given up after finishSecret wrote its intent takes the intent back", func(w *World) {
		s, c := w.running()
		w.minted(c, "v1", rota.Live)
		at := w.Clock.Now().Add(time.Hour)
		w.Must(w.Stage(c, "s", rota.EndsLabel("v1", at), "", "v1"))
		w.Must(w.ScheduleEnding(w.T.Context(), c, rota.Credential{Version: "v1", Provider: "host", Principal: "u", ProviderID: "id-v1", NotBefore: at, Due: at}, rota.Value{}))
		w.Must(w.Abandon(w.T.Context(), c, "refused"))
		w.live(s.Key, "v1")
		w.ends(s.Key, "v2", w.Clock.Now())
	}},
	{"what would be ended is not due while it is AWSCURRENT", func(w *World) {
		ctx := w.T.Context()
		s, c := w.running()
		w.minted(c, "v1", rota.Live)
		w.Must(w.ScheduleEnding(ctx, c, rota.Credential{Version: "v1", Provider: "host", Principal: "u", ProviderID: "id-v1", NotBefore: Start, Due: Start}, rota.Value{}))
		w.Must(w.Release(ctx, c.Claim))
		endings := func() (n int) {
			works, err := w.Due(ctx, w.Clock.Now(), 10, nil)
			w.Must(err)
			for _, k := range works {
				if k.Credential != "" {
					n++
				}
			}
			return n
		}
		if n := endings(); n != 0 {
			w.T.Errorf("%d endings are due before AWSCURRENT moved", n)
		}
		w.Must(w.Stage(w.Engine(s.Key, "rotate"), "s", rota.Current, "v1", "v2"))
		w.Clock.Advance(time.Hour)
		if n := endings(); n != 1 {
			w.T.Errorf("%d endings are due after AWSCURRENT moved", n)
		}
	}},
	{"a test that is given up is over, and its copy is gone", func(w *World) {
		s := w.Create("s", "v1", "a")
		_, err := w.RotateSecret(w.T.Context(), Caller, store.RotateSecretInput{SecretID: "s", ClientRequestToken: "v2", RotationLambdaARN: ptr(Lambda), RotateImmediately: ptr(false)})
		w.Must(err)
		c := w.Engine(s.Key, "test")
		w.Must(w.GiveUp(w.T.Context(), c, rota.SetSecret, "refused"))
		if t := w.task(s.Key); t.Kind != store.Idle || t.LastError != "refused" {
			w.T.Errorf("the task is %+v", t)
		}
		same2(w, map[string][]string{"v1": {rota.Current}}, w.Describe("s").Stages)
	}},
	{"a failed test never makes the copy AWSCURRENT", func(w *World) {
		s := w.Create("s", "v1", "a")
		_, err := w.RotateSecret(w.T.Context(), Caller, store.RotateSecretInput{SecretID: "s", ClientRequestToken: "v2", RotationLambdaARN: ptr(Lambda), RotateImmediately: ptr(false)})
		w.Must(err)
		w.Refused(w.Stage(w.Engine(s.Key, "test"), "s", rota.Current, "v1", "v2"), rota.ClaimLost)
	}},
	{"a rotation that is given up waits for its resolution", func(w *World) {
		s, c := w.running()
		w.Must(w.Retry(w.T.Context(), c, w.Clock.Now().Add(time.Hour), rota.SetSecret, "one"))
		w.Must(w.GiveUp(w.T.Context(), c, rota.SetSecret, "two"))
		if t := w.task(s.Key); t.Kind != store.Rotate || !t.Resolve || !t.Due.Equal(w.Clock.Now()) || t.LastError != "two" || t.Attempt != 1 {
			w.T.Errorf("the task is %+v", t)
		}
	}},
	{"what the engine says of an attempt that is over changes nothing", func(w *World) {
		ctx := w.T.Context()
		s, _ := w.overlap()
		c := w.Engine(s.Key, "rotate")
		before, secret := w.task(s.Key), w.Describe("s")
		w.Must(w.Retry(ctx, c, w.Clock.Now(), rota.SetSecret, "late"))
		w.Must(w.Wait(ctx, c, w.Clock.Now(), "late"))
		w.Must(w.GiveUp(ctx, c, rota.SetSecret, "late"))
		w.Must(w.Abandon(ctx, c, "late"))
		w.Must(w.Resolved(ctx, c))
		w.Must(w.Complete(ctx, c))
		w.Must(w.CompleteTest(ctx, c))
		same2(w, before, w.task(s.Key))
		same2(w, secret, w.Describe("s"))
	}},
	{"waiting moves a start that is due and counts no attempt", func(w *World) {
		ctx := w.T.Context()
		s, _ := w.overlap()
		w.Clock.Advance(60 * 24 * time.Hour)
		c := w.Engine(s.Key, "rotate")
		w.Must(w.Wait(ctx, c, w.Clock.Now().Add(time.Hour), "an overlap is open"))
		if t := w.task(s.Key); !t.Due.Equal(w.Clock.Now().Add(time.Hour)) || t.Attempt != 0 {
			w.T.Errorf("the task is %+v", t)
		}
	}},
	{"a scheduled start is like one that was asked for", func(w *World) {
		s, _ := w.overlap()
		c := w.Engine(s.Key, "rotate")
		t, err := w.Begin(w.T.Context(), c, "v3", "schedule", false)
		w.Must(err)
		same2(w, []any{store.Rotate, "v3", "schedule", false, w.Clock.Now()}, []any{t.Kind, t.Token, t.Cause, t.Asked, t.Due})
		if t.RotationToken == "" || w.Describe("s").VersionOf(rota.Pending) != "v3" {
			w.T.Errorf("the task is %+v", t)
		}
	}},
	{"a scheduled start is refused where AWSPENDING is left, while rotation is off and on a deleted secret", func(w *World) {
		ctx := w.T.Context()
		s, _ := w.overlap()
		c := w.Engine(s.Key, "rotate")
		begin := func() error { _, err := w.Begin(ctx, c, "v9", "schedule", false); return err }
		w.Must(w.Put(Caller, "s", "v3", "left", rota.Pending))
		w.Refused(begin(), rota.InvalidRequest)
		w.Must(w.Stage(Caller, "s", rota.Pending, "v3", ""))
		_, err := w.CancelRotateSecret(ctx, Caller, "s")
		w.Must(err)
		w.Refused(begin(), rota.InvalidRequest)
		_, err = w.DeleteSecret(ctx, Caller, store.DeleteSecretInput{SecretID: "s"})
		w.Must(err)
		w.Refused(begin(), rota.InvalidRequest)
	}},
	{"after a rotation the next start is planned and nothing else", func(w *World) {
		s, _ := w.overlap()
		t := w.task(s.Key)
		if t.Kind != store.Idle || t.Attempt != 0 || t.LastError != "" || t.Touched || t.RotationToken != "" {
			w.T.Errorf("the task is %+v", t)
		}
		if open := time.Date(2026, 2, 4, 0, 0, 0, 0, time.UTC); t.Due.Before(open) || !t.Due.Before(open.Add(time.Hour)) {
			w.T.Errorf("the next start is %s", t.Due)
		}
	}},
	{"when rotation is off nothing is due after a resolution that finished", func(w *World) {
		ctx := w.T.Context()
		s, c := w.running()
		_, err := w.CancelRotateSecret(ctx, Caller, "s")
		w.Must(err)
		w.Must(w.Stage(c, "s", rota.Current, "v1", "v2"))
		w.Must(w.Complete(ctx, c))
		if t := w.task(s.Key); t.Kind != store.Idle || !t.Due.IsZero() {
			w.T.Errorf("the task is %+v", t)
		}
	}},
	{"reading through the resolution's claim works on a cancelled rotation", func(w *World) {
		_, c := w.running()
		_, err := w.CancelRotateSecret(w.T.Context(), Caller, "s")
		w.Must(err)
		out, err := w.GetSecretValue(w.T.Context(), c, store.GetSecretValueInput{SecretID: "s", VersionStage: rota.Pending})
		w.Must(err)
		if string(out.Value.Reveal()) != "b" {
			w.T.Error("the pending value cannot be read")
		}
	}},
	{"a commit that fails has changed nothing", func(w *World) {
		s, c := w.running()
		before, row := w.Describe("s"), w.row(s.Key, "v2")
		w.Hooks.Before = func() error { return errStop }
		for _, err := range []error{w.Put(Caller, "s", "v3", "x"), w.Abandon(w.T.Context(), c, "x"), w.Stage(Caller, "s", "l", "", "v1")} {
			if err == nil {
				w.T.Error("the failure was swallowed")
			}
		}
		w.Hooks.Before = nil
		same2(w, before, w.Describe("s"))
		same2(w, row, w.row(s.Key, "v2"))
	}},
}
