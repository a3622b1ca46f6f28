package storetest

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/store"
)

// Replicate copies a secret to There, which must succeed.
func (w *World) Replicate(name string) rota.Key {
	w.T.Helper()
	_, err := w.ReplicateSecretToRegions(w.T.Context(), Caller, store.ReplicateInput{SecretID: name, Regions: []store.ReplicaRegion{{Region: There}}})
	w.Must(err)
	s, err := w.DescribeSecret(w.T.Context(), In(There), store.DescribeSecretInput{SecretID: name})
	w.Must(err)
	return s.Key
}

// valueIn reads the AWSCURRENT value in a region; an error is its code.
func (w *World) valueIn(region, id string) string {
	out, err := w.GetSecretValue(w.T.Context(), In(region), store.GetSecretValueInput{SecretID: id})
	if err != nil {
		return "error: " + string(rota.CodeOf(err))
	}
	return string(out.Value.Reveal())
}

func (w *World) version(k rota.Key, id string) (v store.VersionRow, ok bool) {
	w.T.Helper()
	w.Must(w.Hooks.View(w.T.Context(), func(tx store.Tx) (err error) {
		v, ok, err = tx.Version(k, id)
		return err
	}))
	return v, ok
}

var regionChecks = []check{
	{"a region that was served once is served after a restart that does not name it", func(w *World) {
		same2(w, []string{Region, There, Elsewhere}, w.Regions())
		cfg := w.Config()
		cfg.Regions = nil
		s, err := store.Open(w.T.Context(), w.Hooks, cfg)
		w.Must(err)
		same2(w, []string{Region, There, Elsewhere}, s.Regions())
	}},
	{"a region may be added later, once, and the home is none of them", func(w *World) {
		cfg := w.Config()
		cfg.Regions = []string{"sa-east-1", Region, There, "sa-east-1"}
		s, err := store.Open(w.T.Context(), w.Hooks, cfg)
		w.Must(err)
		same2(w, []string{Region, There, Elsewhere, "sa-east-1"}, s.Regions())
		w.Restart()
		same2(w, []string{Region, There, Elsewhere, "sa-east-1"}, w.Regions())
	}},
	{"a store that has nothing new to write down opens without writing", func(w *World) {
		w.Hooks.Before = func() error { return errStop }
		_, err := store.Open(w.T.Context(), w.Hooks, w.Config())
		w.Hooks.Before = nil
		w.Must(err)
	}},
	{"who holds a claim works in the region of the claimed secret", func(w *World) {
		_, err := w.CreateSecret(w.T.Context(), In(There), store.CreateSecretInput{Name: "s", ClientRequestToken: "v1", Value: rota.StringValue("there")})
		w.Must(err)
		w.Create("s", "v1", "home")
		_, err = w.RotateSecret(w.T.Context(), In(There), store.RotateSecretInput{SecretID: "s", ClientRequestToken: "v2", RotationLambdaARN: ptr(Lambda)})
		w.Must(err)
		works, err := w.Due(w.T.Context(), w.Now(), 10, nil)
		w.Must(err)
		engine := w.Engine(works[0].Secret, "rotate") // its caller is of the home region
		out, err := w.GetSecretValue(w.T.Context(), engine, store.GetSecretValueInput{SecretID: "s"})
		w.Must(err)
		same2(w, "there", string(out.Value.Reveal()))
		w.Must(w.Put(engine, "s", "v2", "new", rota.Pending))
		same2(w, "error: not found", w.Value("s", "v2", ""))
	}},
	{"without an evaluator no policy is kept", func(w *World) {
		cfg := w.Config()
		cfg.Policies = nil
		s, err := store.Open(w.T.Context(), w.Hooks, cfg)
		w.Must(err)
		w.Create("s", "v1", "a")
		_, err = s.PutResourcePolicy(w.T.Context(), Caller, store.PutResourcePolicyInput{SecretID: "s", Document: "{}"})
		w.Refused(err, rota.InvalidRequest)
		_, err = s.ValidateResourcePolicy(w.T.Context(), Caller, "s", "{}")
		w.Refused(err, rota.InvalidRequest)
	}},
}

var replicaChecks = []check{
	{"a replica's value is sealed for its region, and the primary's does not open there", func(w *World) {
		s := w.Create("s", "v1", "a")
		there := w.Replicate("s")
		mine, _ := w.version(s.Key, "v1")
		copied, _ := w.version(there, "v1")
		if bytes.Equal(mine.Blob, copied.Blob) {
			w.T.Error("the same blob stands in both regions")
		}
		copied.Blob = mine.Blob
		w.Must(w.Hooks.Driver.Update(w.T.Context(), func(tx store.Tx) error { return tx.PutVersion(copied) }))
		same2(w, "error: decryption failed", w.valueIn(There, "s"))
	}},
	{"a replica keeps the id, the suffix and the versions' dates and order of its primary", func(w *World) {
		s := w.Create("s", "v1", "a")
		w.Clock.Advance(time.Hour)
		w.Must(w.Put(Caller, "s", "v2", "b"))
		w.Clock.Advance(time.Hour)
		there := w.Replicate("s")
		same2(w, s.ID, there.ID)
		for _, id := range []string{"v1", "v2"} {
			mine, _ := w.version(s.Key, id)
			copied, _ := w.version(there, id)
			if !mine.Created.Equal(copied.Created) || mine.Seq != copied.Seq {
				w.T.Errorf("%s: %v, %d there and %v, %d here", id, copied.Created, copied.Seq, mine.Created, mine.Seq)
			}
		}
	}},
	{"a write that is not committed leaves primary and replica as they were", func(w *World) {
		w.Create("s", "v1", "a")
		w.Replicate("s")
		w.Hooks.Before = func() error { return errStop }
		if w.Put(Caller, "s", "v2", "b") == nil {
			w.T.Error("it was acknowledged")
		}
		w.Hooks.Before = nil
		w.Restart()
		same2(w, "a", w.Value("s", "", ""))
		same2(w, "a", w.valueIn(There, "s"))
	}},
	{"a write whose answer was lost is in every region", func(w *World) {
		w.Create("s", "v1", "a")
		w.Replicate("s")
		w.Hooks.After = func() error { return errStop }
		_ = w.Put(Caller, "s", "v2", "b")
		w.Hooks.After = nil
		w.Restart()
		same2(w, "b", w.Value("s", "", ""))
		same2(w, "b", w.valueIn(There, "s"))
	}},
	{"several operations in one commit are followed", func(w *World) {
		w.Create("s", "v1", "a")
		w.Replicate("s")
		w.Must(w.Store.Update(w.T.Context(), "test", func(s *store.Store) error {
			for i := range 3 {
				_, err := s.PutSecretValue(w.T.Context(), Caller, store.PutSecretValueInput{
					SecretID: "s", ClientRequestToken: fmt.Sprint("t", i), Value: rota.StringValue(fmt.Sprint("value ", i)),
				})
				if err != nil {
					return err
				}
			}
			return s.TagResource(w.T.Context(), Caller, "s", []rota.Tag{{Key: "k"}})
		}))
		same2(w, "value 2", w.valueIn(There, "s"))
		d, err := w.DescribeSecret(w.T.Context(), In(There), store.DescribeSecretInput{SecretID: "s"})
		w.Must(err)
		same2(w, w.Describe("s").Stages, d.Stages)
		same2(w, 1, len(d.Tags))
	}},
	{"a value that cannot be opened makes the replication fail, and nothing is there", func(w *World) {
		s := w.Create("s", "v1", "a")
		w.Must(w.Put(Caller, "s", "v2", "b"))
		w.damage(s.Key, "v1")
		_, err := w.ReplicateSecretToRegions(w.T.Context(), Caller, store.ReplicateInput{SecretID: "s", Regions: []store.ReplicaRegion{{Region: There}}})
		w.Must(err)
		same2(w, []string{There + " Failed: Replication failed: A value of the secret can't be decrypted."}, replicas(w.Describe("s").Replicas))
		same2(w, "error: not found", w.valueIn(There, "s"))
		same2(w, "b", w.Value("s", "", ""))
	}},
	{"a damaged value of the primary does not keep it from changing, nor its replica from following", func(w *World) {
		s := w.Create("s", "v1", "a")
		w.Replicate("s")
		w.damage(s.Key, "v1")
		w.Must(w.Put(Caller, "s", "v2", "b"))
		same2(w, "b", w.valueIn(There, "s"))
	}},
	{"the day a version was read in a region stays when the version is sealed anew", func(w *World) {
		w.Create("s", "v1", "a")
		there := w.Replicate("s")
		same2(w, "a", w.valueIn(There, "s"))
		_, err := w.UpdateSecret(w.T.Context(), Caller, store.UpdateSecretInput{SecretID: "s", ClientRequestToken: "x", KMSKeyID: ptr("alias/k")})
		w.Must(err)
		v, _ := w.version(there, "v1")
		same2(w, Start.Truncate(24*time.Hour), v.Accessed)
	}},
	{"the date of a replica does not go back when its primary writes without a change", func(w *World) {
		s := w.Create("s", "v1", "a")
		w.Rotate("s", "v2")
		w.Replicate("s")
		w.Clock.Advance(time.Hour)
		_, err := w.UpdateSecret(w.T.Context(), In(There), store.UpdateSecretInput{SecretID: "s", ClientRequestToken: "x", KMSKeyID: ptr("alias/k")})
		w.Must(err)
		w.Must(w.Resolved(w.T.Context(), w.Engine(s.Key, "rotate")))
		d, err := w.DescribeSecret(w.T.Context(), In(There), store.DescribeSecretInput{SecretID: "s"})
		w.Must(err)
		same2(w, Start.Add(time.Hour), d.Changed)
		same2(w, w.Describe("s").Stages, d.Stages)
	}},
	{"a version that is pruned is pruned on the replica", func(w *World) {
		s := w.Create("s", "v0", "a")
		there := w.Replicate("s")
		for i := range 99 {
			w.Must(w.Put(Caller, "s", fmt.Sprint("w", i), "x"))
		}
		w.Clock.Advance(25 * time.Hour)
		w.Must(w.Put(Caller, "s", "last", "z"))
		for _, k := range []rota.Key{s.Key, there} {
			if _, ok := w.version(k, "v0"); ok {
				w.T.Errorf("the oldest version is still in %s", k.Region)
			}
		}
	}},
	{"a replica has no work, whatever its primary's schedule", func(w *World) {
		w.Create("s", "v1", "a")
		there := w.Replicate("s")
		w.Rotate("s", "v2")
		w.Clock.Advance(1000 * 24 * time.Hour)
		works, err := w.Due(w.T.Context(), w.Now(), 10, nil)
		w.Must(err)
		if len(works) != 1 || works[0].Secret.Region != Region {
			w.T.Errorf("due is %v", works)
		}
		_, err = w.Task(w.T.Context(), there)
		w.Refused(err, rota.NotFound)
	}},
	{"nobody ends a credential on a replica", func(w *World) {
		w.Create("s", "v1", "a")
		w.Must(w.Put(Caller, "s", "v2", "b"))
		w.Replicate("s")
		err := w.SetEnding(w.T.Context(), In(There), "s", "v1", store.EndingChange{Now: true})
		w.Refused(err, rota.InvalidParameter)
		w.Must(w.SetEnding(w.T.Context(), Caller, "s", "v1", store.EndingChange{Now: true}))
		d, err := w.DescribeSecret(w.T.Context(), In(There), store.DescribeSecretInput{SecretID: "s"})
		w.Must(err)
		same2(w, w.Describe("s").Stages, d.Stages)
	}},
	{"a deleted promoted secret whose ending is open keeps its place until that is over", func(w *World) {
		w.Create("s", "v1", "a")
		there := w.Replicate("s")
		_, err := w.StopReplicationToReplica(w.T.Context(), In(There), "s")
		w.Must(err)
		w.Must(w.Put(In(There), "s", "v2", "b"))
		w.Must(w.SetEnding(w.T.Context(), In(There), "s", "v1", store.EndingChange{Hold: true}))
		_, err = w.DeleteSecret(w.T.Context(), In(There), store.DeleteSecretInput{SecretID: "s", ForceDeleteWithoutRecovery: true})
		w.Must(err)
		ask := func() []string {
			_, err := w.ReplicateSecretToRegions(w.T.Context(), Caller, store.ReplicateInput{SecretID: "s", Regions: []store.ReplicaRegion{{Region: There}}, Overwrite: true})
			w.Must(err)
			return replicas(w.Describe("s").Replicas)
		}
		same2(w, []string{There + " Failed: Replication failed: A deleted secret with this ARN still has credentials to end in region " + There + "."}, ask())
		rows, err := w.CredentialsOf(w.T.Context(), there)
		w.Must(err)
		engine := w.Engine(there, "end")
		rows[0].State = rota.ProvenDead
		w.Must(w.UpdateCredential(w.T.Context(), engine, rows[0]))
		w.Must(w.Release(w.T.Context(), engine.Claim))
		w.Must(w.Purge(w.T.Context()))
		same2(w, []string{There + " InSync: Replication succeeded"}, ask())
		same2(w, "a", w.valueIn(There, "s"))
	}},
	{"an overwritten secret whose ending is open goes on ending without its name", func(w *World) {
		_, err := w.CreateSecret(w.T.Context(), In(There), store.CreateSecretInput{Name: "s", ClientRequestToken: "v1", Value: rota.StringValue("other")})
		w.Must(err)
		w.Must(w.Put(In(There), "s", "v2", "other 2"))
		old, err := w.DescribeSecret(w.T.Context(), In(There), store.DescribeSecretInput{SecretID: "s"})
		w.Must(err)
		w.Must(w.SetEnding(w.T.Context(), In(There), "s", "v1", store.EndingChange{Now: true}))
		_, err = w.CreateSecret(w.T.Context(), Caller, store.CreateSecretInput{
			Name: "s", ClientRequestToken: "v1", Value: rota.StringValue("a"), Regions: []store.ReplicaRegion{{Region: There}}, Overwrite: true,
		})
		w.Must(err)
		same2(w, "a", w.valueIn(There, "s"))
		works, err := w.Due(w.T.Context(), w.Now().Add(time.Minute), 10, nil)
		w.Must(err)
		if len(works) != 1 || works[0].Secret != old.Key {
			w.T.Errorf("due is %v, want the ending of the overwritten secret", works)
		}
		entries, err := w.JournalOf(w.T.Context(), In(There), old.ARN(), 10, 0)
		w.Must(err)
		if !slices.ContainsFunc(entries, func(e rota.JournalEntry) bool { return e.Step == "overwritten" }) {
			w.T.Errorf("the journal does not tell: %v", entries)
		}
	}},
	{"what is left of a removed replica is a tombstone", func(w *World) {
		s := w.Create("s", "v1", "a")
		there := w.Replicate("s")
		_, err := w.RemoveRegionsFromReplication(w.T.Context(), Caller, "s", []string{There})
		w.Must(err)
		w.Must(w.Hooks.View(w.T.Context(), func(tx store.Tx) error {
			if _, ok, _ := tx.Secret(there); ok {
				w.T.Error("its row is there")
			}
			if vs, _ := tx.Versions(there); len(vs) != 0 {
				w.T.Errorf("its versions are there: %v", vs)
			}
			stone, ok, err := tx.TombstoneByARN(Account, There, "s", s.Suffix)
			if !ok || stone.Key != there {
				w.T.Errorf("the tombstone is %v", stone)
			}
			return err
		}))
	}},
	{"the journal of the primary tells where it went, with whose request", func(w *World) {
		_, err := w.CreateSecret(w.T.Context(), In(Elsewhere), store.CreateSecretInput{Name: "s", ClientRequestToken: "o1"})
		w.Must(err)
		s := w.Create("s", "v1", "a")
		w.Replicate("s")
		_, err = w.ReplicateSecretToRegions(w.T.Context(), Caller, store.ReplicateInput{SecretID: "s", Regions: []store.ReplicaRegion{{Region: Elsewhere}}})
		w.Must(err)
		_, err = w.StopReplicationToReplica(w.T.Context(), In(There), "s")
		w.Must(err)
		_, err = w.RemoveRegionsFromReplication(w.T.Context(), Caller, "s", []string{Elsewhere})
		w.Must(err)
		entries, err := w.JournalOf(w.T.Context(), Caller, s.ARN(), 10, 0)
		w.Must(err)
		var told []string
		for _, e := range slices.Backward(entries) {
			told = append(told, e.Outcome+": "+e.Cause)
		}
		ann := " by " + Caller.Principal
		same2(w, []string{
			"ok: to " + There + ann + ": Replication succeeded",
			"failed: to " + Elsewhere + ann + ": Replication failed: Secret name s already exists in region " + Elsewhere + ".",
			"note: the replica in " + There + " was promoted" + ann,
			"note: the replica in " + Elsewhere + " was removed" + ann,
		}, told)
	}},
}
