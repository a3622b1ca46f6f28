package storetest

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/store"
)

// tellAll is the Tell of every test: a row is the happening as JSON.
func tellAll(h store.Happening) (store.OutboxRow, bool) {
	b, err := json.Marshal(h)
	if err != nil {
		panic(err)
	}
	kind := store.ToAudit
	if h.What == store.LabelUpdated {
		kind = store.ToEvents
	}
	return store.OutboxRow{Kind: kind, ID: "id", Body: b}, true
}

// told takes what is in the outbox.
func (w *World) told() (out []store.Happening) {
	w.T.Helper()
	for {
		rows, err := w.Outbox(w.T.Context(), 100)
		w.Must(err)
		if len(rows) == 0 {
			return out
		}
		for _, r := range rows {
			var h store.Happening
			w.Must(json.Unmarshal(r.Body, &h))
			out = append(out, h)
		}
		w.Must(w.Delivered(w.T.Context(), rows[len(rows)-1].Seq))
	}
}

// names are what was told, as "What version" or "LABEL=version".
func (w *World) names() (out []string) {
	w.T.Helper()
	for _, h := range w.told() {
		if h.What == store.LabelUpdated {
			out = append(out, h.Label+"="+h.Version)
			continue
		}
		out = append(out, strings.TrimSpace(string(h.What)+" "+h.Version+h.Region))
	}
	return out
}

func (w *World) wantTold(after string, want ...string) {
	w.T.Helper()
	if got := w.names(); !slices.Equal(got, want) {
		w.T.Errorf("%s: told was %q, want %q", after, got, want)
	}
}

var outboxChecks = []check{
	{"a label on a version is told, but for AWSPENDING and AWSPREVIOUS", func(w *World) {
		s := w.Create("s", "v1", "a")
		all := w.told()
		if len(all) != 1 || all[0].Secret != s.Key || all[0].ARN != s.ARN() || all[0].Name != "s" || !all[0].At.Equal(Start) {
			w.T.Fatalf("told was %+v", all)
		}
		w.Must(w.Put(Caller, "s", "v2", "b"))
		w.wantTold("a new value", "AWSCURRENT=v2")
		w.Must(w.Put(Caller, "s", "v3", "b", "B", "A", rota.Pending))
		w.wantTold("two labels", "A=v3", "B=v3")
		w.Must(w.Stage(Caller, "s", "A", "v3", ""))
		w.wantTold("a label that is taken away")
		w.Must(w.Stage(Caller, "s", "B", "v3", "v3"))
		w.wantTold("a label that stays where it is")
		w.Must(w.Stage(Caller, "s", rota.Current, "v2", "v1"))
		w.wantTold("a move", "AWSCURRENT=v1")
	}},
	{"a rotation is told when it starts and when it succeeds", func(w *World) {
		s, c := w.running()
		w.wantTold("the start", "AWSCURRENT=v1", "RotationStarted v2")
		w.Must(w.Stage(c, s.Name, rota.Current, "v1", "v2"))
		w.Must(w.Complete(w.T.Context(), c))
		w.wantTold("the end", "AWSCURRENT=v2", "RotationSucceeded v2")
		w.Must(w.Complete(w.T.Context(), c))
		w.wantTold("a repetition")
	}},
	{"each attempt that fails is told, in AWS's sentence and not again when the rotation is given up", func(w *World) {
		_, c := w.running()
		w.told()
		ctx := w.T.Context()
		w.Must(w.Retry(ctx, c, w.Clock.Now().Add(time.Hour), rota.CreateSecret, "unreachable"))
		w.Must(w.GiveUp(ctx, c, rota.SetSecret, "refused"))
		w.Must(w.Unresolved(ctx, c, w.Clock.Now(), "unreachable"))
		all := w.told()
		for i, step := range []rota.Step{rota.CreateSecret, rota.SetSecret} {
			want := "Error when executing lambda " + Lambda + " during " + string(step) + " step"
			if len(all) != 2 || all[i].What != store.RotationFailed || all[i].Version != "v2" || all[i].Cause != want {
				w.T.Fatalf("told was %+v, want two failures, the one of %s with %q", all, step, want)
			}
		}
		w.Must(w.Abandon(ctx, c, "refused"))
		if all := w.told(); len(all) != 1 || !strings.HasPrefix(all[0].Label, "rota-ends-") {
			w.T.Errorf("at the end told was %+v", all)
		}
	}},
	{"a rotation whose AWSPENDING went away before it failed was abandoned", func(w *World) {
		_, c := w.running()
		w.told()
		w.Must(w.Abandon(w.T.Context(), c, "AWSPENDING is gone"))
		if all := w.told(); len(all) != 2 || all[0].What != store.RotationAbandoned || all[0].Cause != "AWSPENDING is gone" {
			w.T.Errorf("told was %+v", all)
		}
	}},
	{"a cancel that comes during a step is why the rotation ends, whatever the step says then", func(w *World) {
		ctx := w.T.Context()
		for i, then := range []func(c rota.Caller) error{
			func(c rota.Caller) error {
				return w.Retry(ctx, c, w.Clock.Now().Add(time.Hour), rota.SetSecret, "Runtime.ExitError")
			},
			func(c rota.Caller) error { return w.GiveUp(ctx, c, rota.SetSecret, "Runtime.ExitError") },
			func(c rota.Caller) error {
				return w.Wait(ctx, c, w.Clock.Now().Add(time.Hour), "the server stopped")
			},
		} {
			name := fmt.Sprintf("s%d", i)
			s := w.Create(name, "v1", "a")
			w.Rotate(name, "v2")
			c := w.Engine(s.Key, "rotate")
			w.Must(w.MarkTouched(ctx, c))
			_, err := w.CancelRotateSecret(ctx, Caller, name)
			w.Must(err)
			w.Must(then(c))
			cancelled := "rotation was cancelled by " + Caller.Principal
			if task, err := w.Task(ctx, s.Key); err != nil || !task.Resolve || !task.Due.Equal(w.Clock.Now()) || task.LastError != cancelled {
				w.T.Errorf("after %d: %+v, %v; want it due now for its resolution because %q", i, task, err, cancelled)
			}
			w.Must(w.Unresolved(ctx, c, w.Clock.Now().Add(time.Minute), "first"))
			w.Must(w.Unresolved(ctx, c, w.Clock.Now().Add(time.Minute), "second"))
			w.told()
			w.Must(w.Resolved(ctx, c))
			want := cancelled + "; not resolved yet: second"
			if all := w.told(); len(all) == 0 || all[0].What != store.RotationAbandoned || all[0].Cause != want {
				w.T.Errorf("after %d told was %+v, want RotationAbandoned because %q", i, all, want)
			}
		}
	}},
	{"a rotation that is ended by hand was abandoned, and says by what", func(w *World) {
		for n, c := range []struct {
			by   func(secret string) error
			says string
		}{
			{func(s string) error { return w.Put(Caller, s, "by-hand", "c") }, "a new AWSCURRENT value was written"},
			{func(s string) error { return w.Stage(Caller, s, rota.Pending, "v2", "") }, "AWSPENDING was removed by hand"},
			{func(s string) error {
				_, err := w.CancelRotateSecret(w.T.Context(), Caller, s)
				return err
			}, "rotation was cancelled by " + Caller.Principal},
			{func(s string) error {
				_, err := w.DeleteSecret(w.T.Context(), Caller, store.DeleteSecretInput{SecretID: s})
				return err
			}, "the secret was deleted by " + Caller.Principal},
		} {
			name := fmt.Sprintf("s%d", n)
			w.Create(name, "v1", "a")
			w.Rotate(name, "v2")
			w.told()
			w.Must(c.by(name))
			var ends []store.Happening
			for _, h := range w.told() {
				if strings.HasPrefix(string(h.What), "Rotation") {
					ends = append(ends, h)
				}
			}
			if len(ends) != 1 || ends[0].What != store.RotationAbandoned || ends[0].Version != "v2" || !strings.Contains(ends[0].Cause, c.says) {
				w.T.Errorf("%s: told was %+v", c.says, ends)
			}
		}
	}},
	{"a test is told under its own names", func(w *World) {
		ctx := w.T.Context()
		no := false
		begin := func(token string) rota.Caller {
			_, err := w.RotateSecret(ctx, Caller, store.RotateSecretInput{SecretID: "s", ClientRequestToken: token, RotationLambdaARN: ptr(Lambda), RotateImmediately: &no})
			w.Must(err)
			return w.Engine(w.Describe("s").Key, "test")
		}
		w.Create("s", "v1", "a")
		w.told()
		c := begin("v2")
		w.Must(w.CompleteTest(ctx, c))
		w.Must(w.Release(ctx, c.Claim))
		c = begin("v3")
		w.Must(w.GiveUp(ctx, c, rota.SetSecret, "refused"))
		w.wantTold("two tests", "TestRotationStarted v2", "TestRotationSucceeded v2", "TestRotationStarted v3", "TestRotationFailed v3")
	}},
	{"a deletion is told of each version: begun, taken back, and over", func(w *World) {
		ctx := w.T.Context()
		w.Create("s", "v1", "a")
		w.Must(w.Put(Caller, "s", "v2", "b"))
		w.told()
		_, err := w.DeleteSecret(ctx, Caller, store.DeleteSecretInput{SecretID: "s"})
		w.Must(err)
		w.wantTold("deletion", "StartSecretVersionDelete v1", "StartSecretVersionDelete v2")
		_, err = w.RestoreSecret(ctx, Caller, "s")
		w.Must(err)
		w.wantTold("restoration", "CancelSecretVersionDelete v1", "CancelSecretVersionDelete v2")
		_, err = w.RestoreSecret(ctx, Caller, "s")
		w.Must(err)
		w.wantTold("a repetition")
		_, err = w.DeleteSecret(ctx, Caller, store.DeleteSecretInput{SecretID: "s", RecoveryWindowInDays: ptr[int64](7)})
		w.Must(err)
		w.told()
		w.Must(w.Purge(ctx))
		w.wantTold("a purge before its time")
		w.Clock.Advance(8 * 24 * 3600e9)
		w.Must(w.Purge(ctx))
		w.wantTold("the purge", "EndSecretVersionDelete v1", "EndSecretVersionDelete v2")
	}},
	{"a version that makes room is told", func(w *World) {
		w.Create("s", "v000", "a")
		for i := range 99 {
			w.Must(w.Put(Caller, "s", fmt.Sprintf("v%03d", i+1), "a"))
		}
		w.Clock.Advance(25 * 3600e9)
		w.told()
		w.Must(w.Put(Caller, "s", "v100", "a"))
		w.wantTold("the hundred and first", "SecretVersionDeletion v000", "AWSCURRENT=v100")
	}},
	{"a replication is told, and how it ended", func(w *World) {
		w.Create("s", "v1", "a")
		_, err := w.CreateSecret(w.T.Context(), In(Elsewhere), store.CreateSecretInput{Name: "s", ClientRequestToken: "v1", Value: rota.StringValue("b")})
		w.Must(err)
		w.told()
		_, err = w.ReplicateSecretToRegions(w.T.Context(), Caller, store.ReplicateInput{SecretID: "s", Regions: []store.ReplicaRegion{{Region: There}, {Region: Elsewhere}}})
		w.Must(err)
		w.wantTold("replication", "ReplicationStarted "+There, "ReplicationStarted "+Elsewhere, "ReplicationFailed "+Elsewhere, "ReplicationSucceeded "+There)
	}},
	{"how the ending of a credential came out is told once", func(w *World) {
		ctx := w.T.Context()
		s, _ := w.overlap()
		w.told()
		c := w.Engine(s.Key, "end")
		row := w.row(s.Key, "v1")
		row.Attempts, row.Evidence = 1, "not yet"
		w.Must(w.UpdateCredential(ctx, c, row))
		w.wantTold("a try that proved nothing")
		row.State, row.Evidence = rota.NotProven, "unreachable"
		w.Must(w.UpdateCredential(ctx, c, row))
		w.Must(w.UpdateCredential(ctx, c, row))
		if all := w.told(); len(all) != 1 || all[0].What != store.CredentialNotProven || all[0].Version != "v1" || all[0].Cause != "unreachable" {
			w.T.Errorf("told was %+v", all)
		}
		w.minted(c, "v1", rota.ProvenDead)
		w.minted(c, "v1", rota.ProvenDead)
		w.wantTold("the proof", "CredentialProvenDead v1")
	}},
	{"what is told is in the commit that it tells of, and who delivers is woken once it is there", func(w *World) {
		ctx := w.T.Context()
		w.Create("s", "v1", "a")
		w.told()
		woken := w.Outgoing
		if woken == 0 {
			w.T.Error("nobody was woken")
		}
		w.Hooks.Before = func() error { return errStop }
		if err := w.Put(Caller, "s", "v2", "b"); !errors.Is(err, errStop) {
			w.T.Errorf("the commit that fails says %v", err)
		}
		w.Hooks.Before = nil
		w.wantTold("a commit that failed")
		commits := w.counting()
		w.Must(w.Update(ctx, "several things", func(st *store.Store) error {
			if _, err := st.PutSecretValue(ctx, Caller, store.PutSecretValueInput{SecretID: "s", ClientRequestToken: "v2", Value: rota.StringValue("b")}); err != nil {
				return err
			}
			return st.Tell(ctx, store.OutboxRow{Kind: store.ToAudit, ID: "own", Body: []byte(`{"What":"own"}`)})
		}))
		if n := commits(); n != 1 || w.Outgoing != woken+1 {
			w.T.Errorf("it was %d commits, and %d calls", n, w.Outgoing-woken)
		}
		w.wantTold("both", "AWSCURRENT=v2", "own")
		err := w.Update(ctx, "several things", func(st *store.Store) error {
			w.Must(st.Tell(ctx, store.OutboxRow{Kind: store.ToAudit, ID: "own", Body: []byte(`{"What":"own"}`)}))
			return errStop
		})
		if !errors.Is(err, errStop) || w.Outgoing != woken+1 {
			w.T.Errorf("%v, and %d calls", err, w.Outgoing-woken)
		}
		w.wantTold("what was rolled back")
	}},
	{"a refusal that did something says so, also when it is wrapped", func(w *World) {
		ctx := w.T.Context()
		w.Create("s", "v1", "a")
		w.Rotate("s", "v2")
		_, err := w.RotateSecret(ctx, Caller, store.RotateSecretInput{SecretID: "s", ClientRequestToken: "v3"})
		w.Refused(err, rota.InvalidRequest)
		if !store.Keeps(err) || !store.Keeps(fmt.Errorf("wrapped: %w", err)) {
			w.T.Errorf("%v keeps nothing", err)
		}
		_, err = w.RotateSecret(ctx, Caller, store.RotateSecretInput{SecretID: "none", ClientRequestToken: "v3"})
		if store.Keeps(err) || store.Keeps(nil) {
			w.T.Errorf("%v keeps something", err)
		}
	}},
}

// outboxRows is the check of a driver alone.
func outboxRows(t *testing.T, d store.Driver) {
	add := func(kind, id string) {
		t.Helper()
		update(t, d, func(tx store.Tx) error {
			return tx.AddOutbox(store.OutboxRow{Kind: kind, ID: id, Body: []byte(`{"é":"` + id + `"}`)})
		})
	}
	list := func(limit int) (out []store.OutboxRow) {
		t.Helper()
		view(t, d, func(tx store.Tx) (err error) {
			out, err = tx.Outbox(limit)
			return err
		})
		return out
	}
	if got := list(10); len(got) != 0 {
		t.Errorf("a new outbox has %+v", got)
	}
	for _, id := range []string{"a", "b", "c"} {
		add("k"+id, id)
	}
	all := list(10)
	if len(all) != 3 || all[0].Seq >= all[1].Seq || all[1].Seq >= all[2].Seq {
		t.Fatalf("the outbox has %+v", all)
	}
	for i, id := range []string{"a", "b", "c"} {
		same(t, store.OutboxRow{Seq: all[i].Seq, Kind: "k" + id, ID: id, Body: []byte(`{"é":"` + id + `"}`)}, all[i])
	}
	same(t, all[:2], list(2))
	remove := func(upTo int64) {
		t.Helper()
		update(t, d, func(tx store.Tx) error { return tx.DeleteOutbox(upTo) })
	}
	remove(all[1].Seq)
	same(t, all[2:], list(10))
	remove(all[2].Seq)
	remove(all[2].Seq)
	add("k", "d")
	if got := list(10); len(got) != 1 || got[0].Seq <= all[2].Seq {
		t.Errorf("a number was used again: %+v after %+v", got, all)
	}
}

// turns checks that each rotation and test that started ends once, and that
// what was told of labels is where they are.
type turns struct {
	open   string // the version of the attempt that runs
	labels map[rota.Label]string
}

func (t *turns) follow(w *World, all []store.Happening, at picture) {
	w.T.Helper()
	if t.labels == nil {
		t.labels = map[rota.Label]string{}
	}
	for _, h := range all {
		name := strings.TrimPrefix(string(h.What), "Test")
		switch {
		case h.Secret != at.Secret.Key: // another region's
		case h.What == store.LabelUpdated:
			t.labels[h.Label] = h.Version
		case name == string(store.RotationStarted):
			if t.open != "" {
				w.T.Errorf("%s of %s was told while %s runs", h.What, h.Version, t.open)
			}
			t.open = h.Version
		case strings.HasPrefix(name, "Rotation"):
			if t.open != h.Version {
				w.T.Errorf("%s of %s was told while %q runs", h.What, h.Version, t.open)
			}
			t.open = ""
		}
	}
	runs := ""
	if at.Task.Kind != store.Idle {
		runs = at.Task.Token
	}
	if t.open != runs {
		w.T.Errorf("%q runs, and what was told says %q", runs, t.open)
	}
	for l, v := range at.Labels {
		if l != rota.Pending && l != rota.Previous && t.labels[l] != v {
			w.T.Errorf("%s is on %s, and was told to be on %q", l, v, t.labels[l])
		}
	}
}
