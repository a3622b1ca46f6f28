package storetest

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/seal"
	"github.com/rotahq/rota/store"
)

// check is one rule on a fresh store.
type check struct {
	guards string
	check  func(w *World)
}

// rules are the rules that are more than one request and its answer.
func rules(t *testing.T, open Open) {
	for _, group := range []struct {
		name   string
		checks []check
	}{{"keys", keyChecks}, {"claims", claimChecks}, {"together", togetherChecks}, {"outbox", outboxChecks}, {"attempts", attemptChecks}, {"ledger", ledgerChecks}, {"endings", endingChecks}, {"readers", readerChecks}, {"purge", purgeChecks}, {"settings", settingChecks}, {"lists", listChecks}, {"regions", regionChecks}, {"replicas", replicaChecks}, {"allowed", allowChecks}, {"principals", principalChecks}, {"administrators", administratorChecks}, {"principals and crashes", principalCrashChecks}, {"redirected", redirectChecks}, {"functions", functionChecks}} {
		t.Run(group.name, func(t *testing.T) {
			for _, c := range group.checks {
				t.Run(c.guards, func(t *testing.T) { c.check(NewWorld(t, open)) })
			}
		})
	}
}

var keyChecks = []check{
	{"another sealing key is refused before anything is read", func(w *World) {
		w.Create("s", "v1", "a")
		other, err := seal.OpenOrCreate(filepath.Join(w.T.TempDir(), "key"), true)
		w.Must(err)
		cfg := w.Config()
		cfg.Sealer, cfg.Account = other, "999999999999" // the key is looked at first
		_, err = store.Open(w.T.Context(), w.Hooks, cfg)
		w.Refused(err, rota.DecryptionFailed)
		if w.Value("s", "", "") != "a" {
			w.T.Error("the database was changed")
		}
	}},
	{"another account or region than the database's is refused", func(w *World) {
		for _, change := range []func(*store.Config){
			func(c *store.Config) { c.Account = "999999999999" }, func(c *store.Config) { c.Region = "us-east-1" },
		} {
			cfg := w.Config()
			change(&cfg)
			_, err := store.Open(w.T.Context(), w.Hooks, cfg)
			w.Refused(err, rota.InvalidRequest)
		}
	}},
	{"a damaged row is a DecryptionFailure that names the secret, and stops no other", func(w *World) {
		s := w.Create("s", "v1", "a")
		w.Create("other", "v1", "b")
		w.damage(s.Key, "v1")
		_, err := w.GetSecretValue(w.T.Context(), Caller, store.GetSecretValueInput{SecretID: "s"})
		w.Refused(err, rota.DecryptionFailed)
		if e := err.(*rota.Error); e.Secret != "s" {
			w.T.Errorf("the error names %q", e.Secret)
		}
		out, err := w.BatchGetSecretValue(w.T.Context(), Caller, store.BatchGetSecretValueInput{SecretIDs: []string{"s", "other"}})
		w.Must(err)
		if len(out.Values) != 1 || len(out.Errors) != 1 || out.Errors[0].Code != rota.DecryptionFailed {
			w.T.Errorf("the batch gave %v and %v", len(out.Values), out.Errors)
		}
		w.Refused(w.Put(Caller, "s", "v1", "a"), rota.DecryptionFailed) // cannot be compared
		w.Must(w.Put(Caller, "s", "v2", "c"))
		if w.Value("s", "", "") != "c" {
			w.T.Error("a new value cannot be read")
		}
	}},
	{"a value copied into another version's row does not open", func(w *World) {
		s := w.Create("s", "v1", "a")
		w.Must(w.Put(Caller, "s", "v2", "b"))
		w.Must(w.Hooks.Driver.Update(w.T.Context(), func(tx store.Tx) error {
			v1, _, err := tx.Version(s.Key, "v1")
			if err != nil {
				return err
			}
			v2, _, err := tx.Version(s.Key, "v2")
			if err != nil {
				return err
			}
			v2.Blob = v1.Blob
			return tx.PutVersion(v2)
		}))
		if got := w.Value("s", "v2", ""); got != "error: decryption failed" {
			w.T.Errorf("read %q", got)
		}
	}},
	{"nothing of a value stands in a row", func(w *World) {
		s := w.Create("s", "v1", "very-secret-text")
		w.Must(w.Hooks.View(w.T.Context(), func(tx store.Tx) error {
			v, _, err := tx.Version(s.Key, "v1")
			if v.SealKey == "" || contains(v.Blob, "secret") {
				w.T.Errorf("sealed with %q: %q", v.SealKey, v.Blob)
			}
			return err
		}))
	}},
	{"another KmsKeyId seals the labelled versions anew and shows on new ones", func(w *World) {
		s := w.Create("s", "v1", "a")
		w.Must(w.Put(Caller, "s", "v2", "b"))
		w.Must(w.Put(Caller, "s", "v3", "c"))
		_, err := w.UpdateSecret(w.T.Context(), Caller, store.UpdateSecretInput{SecretID: "s", ClientRequestToken: "x", KMSKeyID: ptr("alias/k")})
		w.Must(err)
		w.Must(w.Hooks.View(w.T.Context(), func(tx store.Tx) error {
			for id, want := range map[string]string{"v1": "", "v2": "alias/k", "v3": "alias/k"} {
				v, _, err := tx.Version(s.Key, id)
				if err != nil || v.KMSKeyID != want {
					w.T.Errorf("%s has %q: %v", id, v.KMSKeyID, err)
				}
			}
			return nil
		}))
		if w.Value("s", "v1", "")+w.Value("s", "v2", "")+w.Value("s", "v3", "") != "abc" {
			w.T.Error("a value changed")
		}
	}},
	{"what was acknowledged is there after a restart", func(w *World) {
		w.Create("s", "v1", "a")
		w.Rotate("s", "v2")
		before := w.Describe("s")
		w.Restart()
		same2(w, before, w.Describe("s"))
		if w.Value("s", "", "") != "a" {
			w.T.Error("the value is gone")
		}
	}},
	{"small texts are kept", func(w *World) {
		ctx := w.T.Context()
		if got, err := w.Meta(ctx, "k"); got != "" || err != nil {
			w.T.Errorf("%q %v", got, err)
		}
		w.Must(w.SetMeta(ctx, "k", "one"))
		w.Must(w.SetMeta(ctx, "k", "two"))
		w.Restart()
		if got, err := w.Meta(ctx, "k"); got != "two" || err != nil {
			w.T.Errorf("%q %v", got, err)
		}
	}},
	{"the check of a provider is kept", func(w *World) {
		ctx := w.T.Context()
		if _, known, err := w.ProviderCheck(ctx, "host"); known || err != nil {
			w.T.Errorf("%v %v", known, err)
		}
		w.Must(w.SaveProviderCheck(ctx, "host", false))
		checks, known, err := w.ProviderCheck(ctx, "host")
		if checks || !known || err != nil {
			w.T.Errorf("%v %v %v", checks, known, err)
		}
	}},
}

// damage changes one bit of a sealed value.
func (w *World) damage(k rota.Key, version string) {
	w.T.Helper()
	w.Must(w.Hooks.Driver.Update(w.T.Context(), func(tx store.Tx) error {
		v, _, err := tx.Version(k, version)
		if err != nil {
			return err
		}
		v.Blob[len(v.Blob)-1] ^= 1
		return tx.PutVersion(v)
	}))
}

var claimChecks = []check{
	{"a claim keeps others away until it lapses, and its number grows", func(w *World) {
		s := w.Create("s", "v1", "a")
		first := w.Engine(s.Key, "rotate")
		_, _, err := w.Claim(w.T.Context(), Caller, store.ClaimRequest{Secret: s.Key, Owner: "other", Use: "end", For: time.Minute})
		w.Refused(err, rota.Busy)
		w.Clock.Advance(time.Minute)
		second := w.Engine(s.Key, "end")
		if second.Claim.Number != first.Claim.Number+1 {
			w.T.Errorf("the number went from %d to %d", first.Claim.Number, second.Claim.Number)
		}
		w.Refused(w.Renew(w.T.Context(), first.Claim, time.Minute), rota.ClaimLost)
		w.Refused(w.Release(w.T.Context(), first.Claim), rota.ClaimLost)
		w.Must(w.Release(w.T.Context(), second.Claim))
		w.Refused(w.Renew(w.T.Context(), second.Claim, time.Minute), rota.ClaimLost)
		third := w.Engine(s.Key, "end")
		if third.Claim.Number != second.Claim.Number+1 {
			w.T.Errorf("the number went from %d to %d", second.Claim.Number, third.Claim.Number)
		}
	}},
	{"a renewed claim lasts", func(w *World) {
		s := w.Create("s", "v1", "a")
		c := w.Engine(s.Key, "rotate")
		w.Clock.Advance(50 * time.Second)
		w.Must(w.Renew(w.T.Context(), c.Claim, time.Minute))
		w.Clock.Advance(50 * time.Second)
		_, _, err := w.Claim(w.T.Context(), Caller, store.ClaimRequest{Secret: s.Key, Owner: "other", For: time.Minute})
		w.Refused(err, rota.Busy)
	}},
	{"an admin secret in work keeps its children waiting, and the other way round", func(w *World) {
		ctx := w.T.Context()
		admin, child, other := w.Create("admin", "v1", "a"), w.Create("child", "v1", "a"), w.Create("other", "v1", "a")
		c := w.Engine(admin.Key, "rotate")
		ask := func(k, admin rota.Key) error {
			_, _, err := w.Claim(ctx, Caller, store.ClaimRequest{Secret: k, Owner: "node", Use: "rotate", For: time.Minute, Admin: admin})
			return err
		}
		w.Refused(ask(child.Key, admin.Key), rota.Busy)
		w.Must(w.Release(ctx, c.Claim))
		w.Must(ask(child.Key, admin.Key))
		w.Refused(ask(admin.Key, rota.Key{}), rota.Busy)
		w.Must(ask(other.Key, admin.Key)) // children do not keep each other waiting
		w.Clock.Advance(time.Minute)
		w.Must(ask(admin.Key, rota.Key{}))
	}},
	{"after a restart no claim of the former process counts, and its work is due", func(w *World) {
		ctx := w.T.Context()
		s := w.Create("s", "v1", "a")
		w.Rotate("s", "v2")
		c := w.Engine(s.Key, "rotate")
		w.Must(w.Retry(ctx, c, w.Clock.Now().Add(time.Hour), rota.SetSecret, "unreachable"))
		idle := w.Create("idle", "v1", "a")
		e := w.Engine(idle.Key, "end")
		w.Restart()
		w.Must(w.VoidClaims(ctx, "node"))
		for _, lost := range []rota.Caller{c, e} {
			w.Refused(w.Renew(ctx, lost.Claim, time.Minute), rota.ClaimLost)
		}
		w.Refused(w.Put(c, "s", "v2", "b", rota.Pending), rota.ClaimLost)
		task, err := w.Task(ctx, s.Key)
		w.Must(err)
		if !task.Due.Equal(w.Clock.Now()) || task.Claim.Number != c.Claim.Number+1 || task.Attempt != 1 {
			w.T.Errorf("the task is %+v", task)
		}
	}},
	{"every write and read under a lost claim is refused", func(w *World) {
		ctx := w.T.Context()
		s := w.Create("s", "v1", "a")
		w.Rotate("s", "v2")
		c := w.Engine(s.Key, "rotate")
		w.Clock.Advance(time.Minute)
		w.Engine(s.Key, "rotate")
		_, getErr := w.GetSecretValue(ctx, c, store.GetSecretValueInput{SecretID: "s"})
		_, describeErr := w.DescribeSecret(ctx, c, store.DescribeSecretInput{SecretID: "s"})
		_, beginErr := w.Begin(ctx, c, "v3", "schedule", false)
		for what, err := range map[string]error{
			"get": getErr, "describe": describeErr, "begin": beginErr,
			"put":   w.Put(c, "s", "v2", "b", rota.Pending),
			"stage": w.Stage(c, "s", rota.Current, "v1", "v2"),
			"touch": w.MarkTouched(ctx, c), "retry": w.Retry(ctx, c, w.Clock.Now(), rota.SetSecret, ""), "wait": w.Wait(ctx, c, w.Clock.Now(), ""),
			"complete": w.Complete(ctx, c), "test": w.CompleteTest(ctx, c), "abandon": w.Abandon(ctx, c, ""), "resolved": w.Resolved(ctx, c), "give up": w.GiveUp(ctx, c, rota.SetSecret, ""),
			"record": w.RecordCredential(ctx, c, rota.Credential{Version: "v1", State: rota.Live}, rota.Value{}),
			"end":    w.ScheduleEnding(ctx, c, rota.Credential{Version: "v1"}, rota.Value{}),
			"change": w.UpdateCredential(ctx, c, rota.Credential{ID: "x"}),
		} {
			if rota.CodeOf(err) != rota.ClaimLost {
				w.T.Errorf("%s: %v", what, err)
			}
		}
		same2(w, map[string][]string{"v1": {rota.Current}, "v2": {rota.Pending}}, w.Describe("s").Stages)
	}},
	{"under a claim only the version of the rotation is written and made AWSCURRENT", func(w *World) {
		s := w.Create("s", "v1", "a")
		w.Must(w.Put(Caller, "s", "v0", "z", "old"))
		w.Rotate("s", "v2")
		c := w.Engine(s.Key, "rotate")
		w.Refused(w.Put(c, "s", "v9", "x", rota.Pending), rota.ClaimLost)
		w.Refused(w.Stage(c, "s", rota.Current, "v1", "v0"), rota.ClaimLost)
		w.Must(w.Put(c, "s", "v2", "b", rota.Pending))
		w.Must(w.Stage(c, "s", rota.Current, "v1", "v2"))
	}},
	{"a step that outlives its rotation cannot finish it", func(w *World) {
		s := w.Create("s", "v1", "a")
		w.Rotate("s", "v2")
		c := w.Engine(s.Key, "rotate")
		w.Must(w.Put(c, "s", "v2", "b", rota.Pending))
		w.Must(w.Put(Caller, "s", "v3", "by hand"))
		w.Refused(w.Stage(c, "s", rota.Current, "v3", "v2"), rota.ClaimLost)
		w.Refused(w.MarkTouched(w.T.Context(), c), rota.ClaimLost)
		if got := w.Value("s", "", ""); got != "by hand" {
			w.T.Errorf("AWSCURRENT is %q", got)
		}
	}},
	{"what is due comes oldest first, not from full lanes, and not under a claim", func(w *World) {
		ctx := w.T.Context()
		w.Functions.Rotatable = func(s store.Setup) (store.Assignment, error) {
			return store.Assignment{Lane: "lane of " + s.Secret.Name}, nil
		}
		var keys []rota.Key
		for _, name := range []string{"a", "b", "c"} {
			keys = append(keys, w.Create(name, "v1", "x").Key)
			w.Rotate(name, "v2")
			w.Clock.Advance(time.Second)
		}
		due := func(limit int, skip ...string) (names string) {
			works, err := w.Due(ctx, w.Clock.Now(), limit, skip)
			w.Must(err)
			for _, k := range works {
				names += k.Lane[len(k.Lane)-1:]
			}
			return names
		}
		next, err := w.NextDue(ctx)
		w.Must(err)
		if !next.Equal(Start) {
			w.T.Errorf("the earliest is %s", next)
		}
		for _, c := range []struct{ want, got string }{
			{"abc", due(10)}, {"ab", due(2)}, {"ac", due(10, "lane of b", "another lane")}, {"", due(10, "lane of a", "lane of b", "lane of c")},
		} {
			if c.want != c.got {
				w.T.Errorf("want %q, got %q", c.want, c.got)
			}
		}
		claim := w.Engine(keys[0], "rotate").Claim
		if got := due(10); got != "bc" {
			w.T.Errorf("under a claim: %q", got)
		}
		w.Must(w.Release(ctx, claim))
		w.Clock.Set(Start.Add(-time.Hour))
		if got := due(10); got != "" {
			w.T.Errorf("before its time: %q", got)
		}
	}},
	{"what became overdue is given new times, and what runs is not", func(w *World) {
		ctx := w.T.Context()
		for _, name := range []string{"a", "b", "c"} {
			s := w.Create(name, "v1", "x")
			w.Rotate(name, "v2")
			if name != "c" {
				c := w.Engine(s.Key, "rotate")
				w.Must(w.Abandon(ctx, c, "failed"))
				w.Must(w.Release(ctx, c.Claim))
			}
		}
		w.Clock.Advance(100 * 24 * time.Hour)
		now := w.Clock.Now()
		var names []string
		w.Must(w.Spread(ctx, now, func(i, n int, t store.Task) time.Time {
			names = append(names, t.Name)
			if n != 2 {
				w.T.Errorf("%d are overdue", n)
			}
			return now.Add(time.Duration(i+1) * time.Minute)
		}))
		works, err := w.Due(ctx, now, 10, nil)
		w.Must(err)
		if len(names) != 2 || len(works) != 1 {
			w.T.Errorf("spread %v, due %v", names, works)
		}
	}},
	{"the start lies in the first half of its window, within an hour, and is always the same", func(w *World) {
		ctx := w.T.Context()
		seen := map[time.Time]bool{}
		for _, name := range []string{"a", "b", "c", "d"} {
			s := w.Create(name, "v1", "x")
			_, err := w.RotateSecret(ctx, Caller, store.RotateSecretInput{
				SecretID: name, ClientRequestToken: "v2", RotationLambdaARN: ptr(Lambda), RotationRules: &rota.Rules{Expression: "cron(0 16 * * ? *)", Duration: "1h"}, RotateImmediately: ptr(false),
			})
			w.Must(err)
			c := w.Engine(s.Key, "test")
			w.Must(w.CompleteTest(ctx, c))
			first, err := w.Task(ctx, s.Key)
			w.Must(err)
			open := time.Date(2026, 1, 5, 16, 0, 0, 0, time.UTC)
			if first.Due.Before(open) || !first.Due.Before(open.Add(30*time.Minute)) {
				w.T.Errorf("%s starts at %s", name, first.Due)
			}
			seen[first.Due] = true
			w.Must(w.Release(ctx, c.Claim))
			_, err = w.DeleteSecret(ctx, Caller, store.DeleteSecretInput{SecretID: name})
			w.Must(err)
			_, err = w.RestoreSecret(ctx, Caller, name)
			w.Must(err)
			second, err := w.Task(ctx, s.Key)
			w.Must(err)
			if !second.Due.Equal(first.Due) {
				w.T.Errorf("%s starts at %s, then at %s", name, first.Due, second.Due)
			}
		}
		if len(seen) < 3 {
			w.T.Errorf("four secrets start at %v", seen)
		}
	}},
	{"whoever looks at the queue is woken when something becomes due", func(w *World) {
		w.Create("s", "v1", "a")
		before := w.Woken
		w.Rotate("s", "v2")
		if w.Woken == before {
			w.T.Error("nobody was woken")
		}
		before = w.Woken
		_, err := w.RotateSecret(w.T.Context(), Caller, store.RotateSecretInput{SecretID: "s", ClientRequestToken: "v3"})
		w.Refused(err, rota.InvalidRequest)
		if w.Woken == before {
			w.T.Error("nobody was woken for the hastened retry")
		}
	}},
}
