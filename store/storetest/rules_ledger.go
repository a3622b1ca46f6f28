package storetest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/store"
)

var ledgerChecks = []check{
	{"the first full record takes the intent over", func(w *World) {
		ctx := w.T.Context()
		s := w.Create("s", "v1", "a")
		w.Rotate("s", "v2")
		c := w.Engine(s.Key, "rotate")
		w.Must(w.RecordCredential(ctx, c, rota.Credential{Version: "v2", Provider: "host", State: rota.Intended, Lane: "lane"}, rota.Value{}))
		intent := w.row(s.Key, "v2")
		w.Must(w.RecordCredential(ctx, c, rota.Credential{Version: "v2", Provider: "host", State: rota.Intended}, rota.Value{})) // repeated
		w.Must(w.RecordCredential(ctx, c, rota.Credential{Version: "v2", Provider: "host", Principal: "u", ProviderID: "7", State: rota.Live}, rota.Value{}))
		full := w.row(s.Key, "v2")
		same2(w, []any{intent.ID, "7", rota.Live, "lane", intent.Created}, []any{full.ID, full.ProviderID, full.State, full.Lane, full.Created})
	}},
	{"an intent of another provider or version is not taken over", func(w *World) {
		ctx := w.T.Context()
		s := w.Create("s", "v1", "a")
		w.Rotate("s", "v2")
		c := w.Engine(s.Key, "rotate")
		w.Must(w.RecordCredential(ctx, c, rota.Credential{Version: "v2", Provider: "other", State: rota.Intended}, rota.Value{}))
		w.Must(w.RecordCredential(ctx, c, rota.Credential{Version: "v1", Provider: "other", Principal: "u", State: rota.Live}, rota.Value{}))
		w.Must(w.RecordCredential(ctx, c, rota.Credential{Version: "v2", Provider: "host", Principal: "u", State: rota.Live}, rota.Value{}))
		rows, err := w.CredentialsOf(ctx, s.Key)
		w.Must(err)
		if len(rows) != 3 {
			w.T.Errorf("the ledger has %d rows", len(rows))
		}
	}},
	{"an attempt that was ended by hand can record no intent", func(w *World) {
		s := w.Create("s", "v1", "a")
		w.Rotate("s", "v2")
		c := w.Engine(s.Key, "rotate")
		w.Must(w.Stage(Caller, "s", rota.Pending, "v2", ""))
		w.Refused(w.RecordCredential(w.T.Context(), c, rota.Credential{Version: "v2", Provider: "host", State: rota.Intended}, rota.Value{}), rota.ClaimLost)
		rows, err := w.CredentialsOf(w.T.Context(), s.Key)
		w.Must(err)
		same2(w, 0, len(rows))
	}},
	{"what an attempt that was ended by hand learns of its credential does not cancel the ending", func(w *World) {
		s, c := w.running()
		w.Must(w.Stage(Caller, "s", rota.Pending, "v2", ""))
		before := w.row(s.Key, "v2")
		w.Must(w.RecordCredential(w.T.Context(), c, rota.Credential{
			Version: "v2", Provider: before.Provider, Principal: before.Principal, ProviderID: before.ProviderID, State: rota.Live, Evidence: "set",
		}, rota.Value{}))
		after := w.row(s.Key, "v2")
		same2(w, []any{rota.Superseded, before.Due, before.NotBefore, before.Deadline, "immediately", "set"},
			[]any{after.State, after.Due, after.NotBefore, after.Deadline, after.Policy, after.Evidence})
	}},
	{"the AWSCURRENT version cannot begin to end", func(w *World) {
		s := w.Create("s", "v1", "a")
		c := w.Engine(s.Key, "end")
		cred := rota.Credential{Version: "v1", Provider: "host", Principal: "u", State: rota.Ending}
		w.Refused(w.RecordCredential(w.T.Context(), c, cred, rota.Value{}), rota.ClaimLost)
	}},
	{"AWSCURRENT moved to a credential that is dead, or dying, is told in the journal", func(w *World) {
		for i, state := range []rota.CredentialState{rota.ProvenDead, rota.Ending, rota.Superseded} {
			name := fmt.Sprint("s", i)
			s := w.Create(name, "v1", "a")
			w.Must(w.Put(Caller, name, "v2", "b"))
			c := w.Engine(s.Key, "end")
			w.Must(w.RecordCredential(w.T.Context(), c, rota.Credential{Version: "v1", Provider: "host", Principal: "u", State: state}, rota.StringValue("a")))
			w.Must(w.Release(w.T.Context(), c.Claim))
			w.Must(w.Stage(Caller, name, rota.Current, "v2", "v1"))
			entries, err := w.JournalOf(w.T.Context(), Caller, name, 10, 0)
			w.Must(err)
			told := slices.ContainsFunc(entries, func(e rota.JournalEntry) bool { return e.Step == "moved" && e.Token == "v1" })
			same2(w, state != rota.Superseded, told)
		}
	}},
	{"two credentials of one version have a row each", func(w *World) {
		ctx := w.T.Context()
		s := w.Create("s", "v1", "a")
		c := w.Engine(s.Key, "rotate")
		for _, id := range []string{"7", "8", "7"} {
			w.Must(w.RecordCredential(ctx, c, rota.Credential{Version: "v1", Provider: "host", Principal: id, ProviderID: id, State: rota.Live}, rota.Value{}))
		}
		rows, err := w.CredentialsOf(ctx, s.Key)
		w.Must(err)
		if len(rows) != 2 {
			w.T.Errorf("the ledger has %d rows", len(rows))
		}
	}},
	{"a record keeps what it does not give, and a final state has no due time", func(w *World) {
		ctx := w.T.Context()
		s, _ := w.overlap()
		c := w.Engine(s.Key, "end")
		planned := w.row(s.Key, "v1")
		who := rota.Credential{Version: "v1", Provider: "host", Principal: "u", ProviderID: "id-v1"}
		ending := who
		ending.State, ending.Evidence, ending.Metadata = rota.Ending, "the ending began", map[string]string{"created": "today"}
		w.Must(w.RecordCredential(ctx, c, ending, rota.Value{}))
		r := w.row(s.Key, "v1")
		same2(w, []any{rota.Ending, planned.Policy, planned.NotBefore, planned.Due, planned.Deadline, planned.Fingerprint, "today"},
			[]any{r.State, r.Policy, r.NotBefore, r.Due, r.Deadline, r.Fingerprint, r.Metadata["created"]})
		dead := who
		dead.State = rota.ProvenDead
		w.Must(w.RecordCredential(ctx, c, dead, rota.Value{}))
		r = w.row(s.Key, "v1")
		if r.State != rota.ProvenDead || !r.Due.IsZero() || r.Policy != planned.Policy || r.Evidence != "the ending began" || r.Metadata["created"] != "today" {
			w.T.Errorf("the row is %+v", r)
		}
	}},
	{"the fingerprint is equal for equal secrets, and is no hash that one could guess with", func(w *World) {
		ctx := w.T.Context()
		s := w.Create("s", "v1", "a")
		c := w.Engine(s.Key, "rotate")
		for version, secret := range map[string]string{"a": "one", "b": "one", "c": "two"} {
			w.Must(w.RecordCredential(ctx, c, rota.Credential{Version: version, Provider: "host", Principal: "u", State: rota.Live}, rota.StringValue(secret)))
		}
		a, b, other := w.row(s.Key, "a").Fingerprint, w.row(s.Key, "b").Fingerprint, w.row(s.Key, "c").Fingerprint
		if a != b || a == other || a == "" {
			w.T.Errorf("the fingerprints are %q, %q and %q", a, b, other)
		}
		if want := w.Sealer.Fingerprint([]byte("credential"), []byte("host"), []byte("u"), []byte("one")); a != want {
			w.T.Errorf("the fingerprint is %q, want the keyed one %q", a, want)
		}
	}},
	{"a row is written whole by its id", func(w *World) {
		ctx := w.T.Context()
		s, _ := w.overlap()
		c := w.Engine(s.Key, "end")
		r := w.row(s.Key, "v1")
		r.Attempts, r.Evidence, r.Due = 3, "unreachable", w.Clock.Now().Add(time.Minute)
		w.Must(w.UpdateCredential(ctx, c, r))
		got := w.row(s.Key, "v1")
		r.Changed = got.Changed
		same2(w, r, got)
		r.State = rota.NotProven
		w.Must(w.UpdateCredential(ctx, c, r))
		if got := w.row(s.Key, "v1"); got.State != rota.NotProven || !got.Due.IsZero() {
			w.T.Errorf("the row is %+v", got)
		}
		r.ID = "none"
		w.Refused(w.UpdateCredential(ctx, c, r), rota.NotFound)
	}},
	{"rows of all secrets are listed by state and in pages", func(w *World) {
		ctx := w.T.Context()
		w.overlap()
		all, err := w.AllCredentials(ctx, Caller, store.CredentialFilter{})
		w.Must(err)
		open, err := w.AllCredentials(ctx, Caller, store.CredentialFilter{States: []rota.CredentialState{rota.Superseded, rota.Held}})
		w.Must(err)
		first, err := w.AllCredentials(ctx, Caller, store.CredentialFilter{Limit: 1})
		w.Must(err)
		rest, err := w.AllCredentials(ctx, Caller, store.CredentialFilter{After: first[0].ID, Limit: 10})
		w.Must(err)
		if len(all) != 2 || len(open) != 1 || open[0].Version != "v1" || len(rest) != 1 || rest[0].ID == first[0].ID {
			w.T.Errorf("%d rows, %d open, %d after the first", len(all), len(open), len(rest))
		}
	}},
	{"ledger and journal of a purged secret are found by its ARN", func(w *World) {
		ctx := w.T.Context()
		s := w.Create("s", "v1", "a")
		c := w.Engine(s.Key, "rotate")
		w.minted(c, "v1", rota.Live)
		w.Must(w.Journal(ctx, c, rota.JournalEntry{Secret: s.Key, Step: "note", Started: Start, Outcome: rota.OutcomeNote}))
		w.Must(w.Release(ctx, c.Claim))
		_, err := w.DeleteSecret(ctx, Caller, store.DeleteSecretInput{SecretID: "s", ForceDeleteWithoutRecovery: true})
		w.Must(err)
		rows, err := w.Credentials(ctx, Caller, s.ARN())
		w.Must(err)
		if len(rows) != 1 || rows[0].State != rota.Live || rows[0].Evidence != "live, secret deleted" {
			w.T.Errorf("the ledger has %+v", rows)
		}
		entries, err := w.JournalOf(ctx, Caller, s.ARN(), 10, 0)
		w.Must(err)
		if len(entries) != 1 || entries[0].Claim != c.Claim.Number {
			w.T.Errorf("the journal has %+v", entries)
		}
		_, err = w.Credentials(ctx, Caller, "s")
		w.Refused(err, rota.NotFound)
	}},
	{"without a claim nothing is written in the ledger", func(w *World) {
		w.Create("s", "v1", "a")
		w.Refused(w.RecordCredential(w.T.Context(), Caller, rota.Credential{Version: "v1"}, rota.Value{}), rota.ClaimLost)
	}},
}

var endingChecks = []check{
	{"the version that gains AWSCURRENT again is not ended", func(w *World) {
		s, _ := w.overlap()
		w.ends(s.Key, "v1", w.Clock.Now().Add(24*time.Hour))
		w.Must(w.Stage(Caller, "s", rota.Current, "v2", "v1"))
		w.live(s.Key, "v1")
		w.live(s.Key, "v2")
	}},
	{"an ending that began is cancelled too when its version gains AWSCURRENT", func(w *World) {
		s, _ := w.overlap()
		c := w.Engine(s.Key, "end")
		w.minted(c, "v1", rota.Ending)
		w.Must(w.Release(w.T.Context(), c.Claim))
		w.Must(w.Stage(Caller, "s", rota.Current, "v2", "v1"))
		w.live(s.Key, "v1")
	}},
	{"an ending comes when it is due, not under a claim and not from a full lane", func(w *World) {
		ctx := w.T.Context()
		s, _ := w.overlap()
		r := w.row(s.Key, "v1")
		w.Clock.Set(r.Due.Add(-time.Millisecond))
		due := func(skip ...string) (n int) {
			works, err := w.Due(ctx, w.Clock.Now(), 10, skip)
			w.Must(err)
			for _, k := range works {
				if k.Credential == r.ID && k.Version == "v1" && k.Lane == "lane" && k.Due.Equal(r.Due) {
					n++
				}
			}
			return n
		}
		same2(w, 0, due())
		w.Clock.Advance(time.Millisecond)
		same2(w, []int{1, 0, 1}, []int{due(), due("lane"), due("other")})
		c := w.Engine(s.Key, "end")
		same2(w, 0, due())
		w.Must(w.Release(ctx, c.Claim))
		same2(w, 1, due())
	}},
	{"a step that outlives its rotation plans no ending of AWSCURRENT", func(w *World) {
		s, _ := w.overlap()
		c := w.Engine(s.Key, "rotate")
		w.Refused(w.Stage(c, "s", rota.EndsLabel("v2", Start.Add(time.Hour)), "", "v2"), rota.ClaimLost)
		w.Refused(w.ScheduleEnding(w.T.Context(), c, rota.Credential{Version: "v2", Provider: "host", Principal: "u", ProviderID: "id-v2", NotBefore: Start, Due: Start}, rota.Value{}), rota.ClaimLost)
		w.live(s.Key, "v2")
	}},
	{"a new value by hand in an overlap leaves the ending as it is", func(w *World) {
		s, _ := w.overlap()
		at := w.Clock.Now().Add(24 * time.Hour)
		w.Must(w.Put(Caller, "s", "v3", "by hand"))
		w.ends(s.Key, "v1", at)
		w.live(s.Key, "v2")
	}},
	{"cancel, delete and restore in an overlap leave the ending as it is", func(w *World) {
		ctx := w.T.Context()
		s, _ := w.overlap()
		at := w.Clock.Now().Add(24 * time.Hour)
		_, err := w.CancelRotateSecret(ctx, Caller, "s")
		w.Must(err)
		w.ends(s.Key, "v1", at)
		_, err = w.DeleteSecret(ctx, Caller, store.DeleteSecretInput{SecretID: "s"})
		w.Must(err)
		w.ends(s.Key, "v1", at)
		_, err = w.RestoreSecret(ctx, Caller, "s")
		w.Must(err)
		w.ends(s.Key, "v1", at)
	}},
	{"the label of an open ending cannot be taken away or moved by hand", func(w *World) {
		s, _ := w.overlap()
		at := w.Clock.Now().Add(24 * time.Hour)
		label := rota.EndsLabel("v1", at)
		w.Refused(w.Stage(Caller, "s", label, "v1", ""), rota.InvalidRequest)
		w.Refused(w.Stage(Caller, "s", label, "v1", "v2"), rota.InvalidRequest)
		w.Refused(w.Put(Caller, "s", "v3", "x", label), rota.InvalidRequest)
		w.ends(s.Key, "v1", at)
	}},
	{"a person ends it now", func(w *World) {
		s, _ := w.overlap()
		w.Clock.Advance(time.Hour)
		w.Must(w.SetEnding(w.T.Context(), Caller, "s", "", store.EndingChange{Now: true}))
		w.ends(s.Key, "v1", w.Clock.Now())
	}},
	{"a person moves it to another time", func(w *World) {
		s, _ := w.overlap()
		at := w.Clock.Now().Add(72 * time.Hour)
		w.Must(w.SetEnding(w.T.Context(), Caller, "s", "v1", store.EndingChange{Until: at}))
		w.ends(s.Key, "v1", at)
		w.Refused(w.SetEnding(w.T.Context(), Caller, "s", "v1", store.EndingChange{Until: Start.Add(-time.Hour)}), rota.InvalidParameter)
	}},
	{"a person holds it and lets it go on", func(w *World) {
		ctx := w.T.Context()
		s, _ := w.overlap()
		at := w.Clock.Now().Add(24 * time.Hour)
		w.Refused(w.SetEnding(ctx, Caller, "s", "v1", store.EndingChange{Hold: true, Now: true}), rota.InvalidParameter)
		w.Must(w.SetEnding(ctx, Caller, "s", "", store.EndingChange{Hold: true}))
		if r := w.row(s.Key, "v1"); r.State != rota.Held || !r.Due.IsZero() || !r.NotBefore.Equal(at) {
			w.T.Errorf("the row is %+v", r)
		}
		c := w.Engine(s.Key, "end")
		w.minted(c, "v1", rota.Ending) // a handler that was on its way
		if r := w.row(s.Key, "v1"); r.State != rota.Held || !r.Due.IsZero() {
			w.T.Errorf("the hold was lifted: %+v", r)
		}
		r := w.row(s.Key, "v1")
		r.State, r.Due = rota.Superseded, w.Clock.Now()
		w.Must(w.UpdateCredential(ctx, c, r))
		if r := w.row(s.Key, "v1"); r.State != rota.Held || !r.Due.IsZero() {
			w.T.Errorf("the hold was lifted: %+v", r)
		}
		w.Must(w.SetEnding(ctx, Caller, "s", "", store.EndingChange{Resume: true}))
		w.ends(s.Key, "v1", at)
	}},
	{"an ending that was held past its time is due at once when it goes on", func(w *World) {
		ctx := w.T.Context()
		s, _ := w.overlap()
		w.Must(w.SetEnding(ctx, Caller, "s", "", store.EndingChange{Hold: true}))
		w.Clock.Advance(48 * time.Hour)
		w.Must(w.SetEnding(ctx, Caller, "s", "", store.EndingChange{Resume: true}))
		if r := w.row(s.Key, "v1"); r.State != rota.Superseded || !r.Due.Equal(w.Clock.Now()) || !r.Deadline.After(w.Clock.Now()) {
			w.T.Errorf("the row is %+v", r)
		}
	}},
	{"an ending at the next rotation is due by itself at no time, also after a hold", func(w *World) {
		ctx := w.T.Context()
		s, c := w.running()
		w.minted(c, "v1", rota.Live)
		w.Must(w.Stage(c, "s", rota.EndsLabel("v1", time.Time{}), "", "v1"))
		w.Must(w.ScheduleEnding(ctx, c, rota.Credential{Version: "v1", Provider: "host", Principal: "u", ProviderID: "id-v1", Policy: "next-rotation"}, rota.Value{}))
		w.Must(w.Stage(c, "s", rota.Current, "v1", "v2"))
		w.Must(w.Complete(ctx, c))
		for _, change := range []store.EndingChange{{Hold: true}, {Resume: true}} {
			w.Must(w.SetEnding(ctx, Caller, "s", "", change))
		}
		if r := w.row(s.Key, "v1"); r.State != rota.Superseded || !r.Due.IsZero() || !r.NotBefore.IsZero() {
			w.T.Errorf("the row is %+v", r)
		}
		same2(w, []string{rota.Previous, "rota-ends-next-v1"}, w.Describe("s").Stages["v1"])
	}},
	{"a version whose end nobody planned gets one, and the handler's record takes it over", func(w *World) {
		ctx := w.T.Context()
		s := w.Create("s", "v1", "a")
		w.Must(w.Put(Caller, "s", "v2", "b"))
		w.Must(w.SetEnding(ctx, Caller, "s", "v1", store.EndingChange{Now: true}))
		w.ends(s.Key, "v1", w.Clock.Now())
		c := w.Engine(s.Key, "end")
		w.minted(c, "v1", rota.Ending)
		if r := w.row(s.Key, "v1"); r.State != rota.Ending || r.Principal != "u" {
			w.T.Errorf("the row is %+v", r)
		}
	}},
	{"what is in use cannot be ended", func(w *World) {
		w.running()
		for _, version := range []string{"v1", "v2"} {
			w.Refused(w.SetEnding(w.T.Context(), Caller, "s", version, store.EndingChange{Now: true}), rota.InvalidRequest)
		}
		w.Refused(w.SetEnding(w.T.Context(), Caller, "s", "none", store.EndingChange{Now: true}), rota.NotFound)
	}},
	{"without a version the one open ending is meant, else the answer lists them", func(w *World) {
		ctx := w.T.Context()
		w.Create("s", "v1", "a")
		w.Refused(w.SetEnding(ctx, Caller, "s", "", store.EndingChange{Now: true}), rota.InvalidRequest)
		for _, v := range []string{"v2", "v3"} {
			w.Must(w.Put(Caller, "s", v, v))
		}
		for _, v := range []string{"v1", "v2"} {
			w.Must(w.SetEnding(ctx, Caller, "s", v, store.EndingChange{Now: true}))
		}
		err := w.SetEnding(ctx, Caller, "s", "", store.EndingChange{Hold: true})
		w.Refused(err, rota.InvalidRequest)
		if !strings.Contains(err.Error(), "v1, v2") {
			w.T.Errorf("the message is %q", err)
		}
	}},
	{"a credential that is proven dead has no second end", func(w *World) {
		s, _ := w.overlap()
		w.minted(w.Engine(s.Key, "end"), "v1", rota.ProvenDead)
		w.Refused(w.SetEnding(w.T.Context(), Caller, "s", "v1", store.EndingChange{Now: true}), rota.InvalidRequest)
	}},
}
