package store

import (
	"cmp"
	"errors"
	"maps"
	"slices"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/seal"
)

// What is said of a region, as AWS does.
const (
	msgReplicated   = "Replication succeeded"
	msgUnreadable   = "Replication failed: A value of the secret can't be decrypted."
	msgNameTaken    = "Replication failed: Secret name %s already exists in region %s."
	msgNotDisplaced = "Replication failed: Secret name %s in region %s is replicated itself, or work on it is not over. It was not overwritten."
	msgNotOver      = "Replication failed: A deleted secret with this ARN still has credentials to end in region %s."
)

// follow brings the replicas of every secret that the transaction changed in
// step with it. It is the last act of each transaction, so a replica never
// lags behind a commit.
func (x *session) follow(w *watch) error {
	for _, k := range slices.SortedFunc(maps.Keys(w.changed), compareKeys) {
		c := w.changed[k]
		if c.row == nil {
			row, ok, err := x.tx.Secret(k)
			if err != nil {
				return err
			}
			if !ok {
				continue
			}
			c.row = &row
		}
		if c.row.PrimaryRegion != k.Region {
			continue // not replicated, or a replica
		}
		rows, err := x.tx.Replicas(k)
		if err != nil {
			return err
		}
		for _, r := range rows {
			if err := x.followOne(*c.row, r, c.versions); err != nil {
				return err
			}
		}
	}
	return nil
}

func compareKeys(a, b rota.Key) int {
	return cmp.Or(cmp.Compare(a.Account, b.Account), cmp.Compare(a.Region, b.Region), cmp.Compare(a.ID, b.ID))
}

func (x *session) followOne(primary SecretRow, r ReplicaRow, changed map[string]bool) error {
	if r.Status == rota.ReplicaFailed {
		return nil
	}
	err := x.copyTo(primary, r, changed)
	if r.Status == rota.ReplicaInSync {
		return err
	}
	r.Status, r.Message = rota.ReplicaInSync, msgReplicated
	if errors.Is(err, rota.DecryptionFailed) { // nothing was written
		r.Status, r.Message, err = rota.ReplicaFailed, msgUnreadable, nil
	}
	if err != nil {
		return err
	}
	return x.concludeReplica(r)
}

// concludeReplica writes what became of a region that was in progress.
func (x *session) concludeReplica(r ReplicaRow) error {
	e := rota.JournalEntry{
		Secret: r.Primary, Step: "replicate", Started: x.now, Outcome: rota.OutcomeOK,
		Cause: "to " + r.Region + by(x.c) + ": " + r.Message, Next: "every change follows in the same commit",
	}
	if r.Status == rota.ReplicaFailed {
		e.Outcome, e.Next = rota.OutcomeFailed, "nothing: ask again when the reason is gone"
	}
	if err := x.tx.AddJournal(e); err != nil {
		return err
	}
	if err := x.tellReplica(r); err != nil {
		return err
	}
	return x.tx.PutReplica(r)
}

// copyTo makes the replica equal to its primary, but for what is the region's
// own: key and last access. Values are sealed anew, since a sealed value
// opens only in its region. Where one does not open nothing was written.
func (x *session) copyTo(primary SecretRow, r ReplicaRow, changed map[string]bool) error {
	k := r.Key()
	have, exists, err := x.tx.Secret(k)
	if err != nil {
		return err
	}
	versions, err := x.tx.Versions(primary.Key)
	if err != nil {
		return err
	}
	there, err := x.tx.Versions(k)
	if err != nil {
		return err
	}
	old := map[string]VersionRow{}
	for _, v := range there {
		old[v.ID] = v
	}
	var copies []VersionRow
	for _, v := range versions {
		was, ok := old[v.ID]
		delete(old, v.ID)
		if ok && !changed[v.ID] {
			continue
		}
		c, err := x.sealFor(primary, r, v.ID)
		if err != nil {
			return err
		}
		c.Accessed = was.Accessed
		copies = append(copies, c)
	}
	row := SecretRow{Secret: primary.Secret}
	row.Key, row.KMSKeyID, row.Accessed = k, r.KMSKeyID, have.Accessed
	if exists {
		row.Changed = latest(primary.Changed, have.Changed)
	}
	if err := x.tx.PutSecret(row); err != nil {
		return err
	}
	for _, c := range copies {
		if err := x.tx.PutVersion(c); err != nil {
			return err
		}
	}
	if err := x.copyLabels(primary.Key, k); err != nil {
		return err
	}
	for _, id := range slices.Sorted(maps.Keys(old)) {
		if err := x.tx.DeleteVersion(k, id); err != nil {
			return err
		}
	}
	return x.copyTagsAndPolicy(primary.Key, k)
}

// sealFor is a version of the primary as the replica has it.
func (x *session) sealFor(primary SecretRow, r ReplicaRow, id string) (VersionRow, error) {
	v, ok, err := x.tx.Version(primary.Key, id)
	if err != nil || !ok {
		return v, err
	}
	value, err := x.unseal(primary, v)
	if err != nil {
		return v, err
	}
	v.Secret, v.KMSKeyID = r.Key(), r.KMSKeyID
	if value.IsZero() {
		return v, nil
	}
	b := seal.Binding{Account: v.Secret.Account, Region: v.Secret.Region, ID: v.Secret.ID, Version: id}
	if v.Blob, v.SealKey, err = x.cfg.Sealer.Seal(b, value); err != nil {
		return v, nameSecret(err, primary.Name)
	}
	return v, nil
}

func (x *session) copyLabels(from, to rota.Key) error {
	want, err := x.tx.Labels(from)
	if err != nil {
		return err
	}
	have, err := x.tx.Labels(to)
	if err != nil {
		return err
	}
	for _, l := range slices.Sorted(maps.Keys(want)) {
		if have[l] != want[l] {
			if err := x.tx.PutLabel(to, l, want[l]); err != nil {
				return err
			}
		}
	}
	for _, l := range slices.Sorted(maps.Keys(have)) {
		if want[l] == "" {
			if err := x.tx.DeleteLabel(to, l); err != nil {
				return err
			}
		}
	}
	return nil
}

func (x *session) copyTagsAndPolicy(from, to rota.Key) error {
	want, err := x.tx.Tags(from)
	if err != nil {
		return err
	}
	have, err := x.tx.Tags(to)
	if err != nil {
		return err
	}
	if !slices.Equal(want, have) {
		if err := x.tx.PutTags(to, want); err != nil {
			return err
		}
	}
	policy, err := x.tx.Policy(from)
	if err != nil {
		return err
	}
	old, err := x.tx.Policy(to)
	if err != nil || old == policy {
		return err
	}
	return x.tx.PutPolicy(to, policy)
}
