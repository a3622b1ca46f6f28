package store

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/rotahq/rota"
)

const (
	msgBadRegion   = "Invalid replica region."
	msgReplicaKept = "You can't delete secret %s that still has replica regions [%s]."
)

// ReplicaRegion is a region to replicate to, with the key for the copy there;
// "" is that region's default key.
type ReplicaRegion struct {
	Region, KMSKeyID string
}

// ReplicateInput is the input of ReplicateSecretToRegions.
type ReplicateInput struct {
	SecretID  string
	Regions   []ReplicaRegion // AddReplicaRegions
	Overwrite bool            // ForceOverwriteReplicaSecret
}

// ReplicationOutput is the output of the operations of replication that are
// called where the primary is.
type ReplicationOutput struct {
	ARN      string
	Replicas []rota.Replica // empty, and not nil, when there is none
}

// ReplicateSecretToRegions copies a secret to other regions and keeps the
// copies in step from then on: each commit that changes the secret changes
// them. The answer shows the regions asked for as InProgress, as AWS's does;
// what became of them, DescribeSecret tells. A region where it failed may be
// asked for again
// (https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_ReplicateSecretToRegions.html).
//
// Overwrite deletes the secret that has the name there, with force and for
// good, unless that one is replicated itself.
func (s *Store) ReplicateSecretToRegions(ctx context.Context, c rota.Caller, in ReplicateInput) (out ReplicationOutput, err error) {
	err = s.update(ctx, c, "ReplicateSecretToRegions", in.SecretID, func(x *session) error {
		it, err := x.open(in.SecretID)
		if err != nil {
			return err
		}
		if err := x.checkRegions(in.Regions); err != nil {
			return err
		}
		out.ARN = it.row.ARN()
		it.changed()
		out.Replicas, err = it.replicate(in.Regions, in.Overwrite)
		if err != nil {
			return err
		}
		return it.save()
	})
	return out, err
}

// checkRegions refuses regions that no secret of this region can be
// replicated to.
func (x *session) checkRegions(regions []ReplicaRegion) error {
	seen := map[string]bool{}
	for _, r := range regions {
		switch {
		case r.Region == "" || r.Region == x.c.Region:
			return rota.E(rota.InvalidParameter, msgBadRegion)
		case !slices.Contains(x.regions, r.Region):
			return rota.E(rota.InvalidParameter, msgBadRegion+" This server does not answer for %s; start it with --region %s to add it.", r.Region, r.Region)
		case seen[r.Region]:
			return rota.E(rota.InvalidParameter, "The replica region %s is given more than once.", r.Region)
		}
		seen[r.Region] = true
	}
	return nil
}

// replicate writes down where the secret goes; the copies are made at the end
// of the transaction. The caller saves the row.
func (it *item) replicate(regions []ReplicaRegion, overwrite bool) ([]rota.Replica, error) {
	it.row.PrimaryRegion = it.row.Region
	rows, err := it.tx.Replicas(it.row.Key)
	if err != nil {
		return nil, err
	}
	asked := map[string]bool{}
	for _, region := range regions {
		r := ReplicaRow{Primary: it.row.Key, Region: region.Region}
		if i := slices.IndexFunc(rows, func(h ReplicaRow) bool { return h.Region == region.Region }); i >= 0 {
			if r = rows[i]; r.Status != rota.ReplicaFailed {
				return nil, rota.E(rota.InvalidParameter, "The secret is already replicated to region %s.", r.Region)
			}
		}
		asked[r.Region] = true
		r.KMSKeyID, r.Status, r.Message = region.KMSKeyID, rota.ReplicaInProgress, ""
		if err := it.tellReplica(r); err != nil {
			return nil, err
		}
		why, err := it.obstacle(r, overwrite)
		if err != nil {
			return nil, err
		}
		write := it.tx.PutReplica
		if why != "" {
			r.Status, r.Message, write = rota.ReplicaFailed, why, it.concludeReplica
		}
		if err := write(r); err != nil {
			return nil, err
		}
	}
	out, err := it.replicas(it.row)
	for i := range out {
		if asked[out[i].Region] {
			out[i].Status, out[i].Message = rota.ReplicaInProgress, ""
		}
	}
	return out, err
}

// obstacle says why there can be no copy in the region, "" if there can. What
// may be overwritten is.
func (it *item) obstacle(r ReplicaRow, overwrite bool) (string, error) {
	name := it.row.Name
	row, taken, err := it.tx.SecretByName(it.row.Account, r.Region, name)
	if err != nil {
		return "", err
	}
	if taken {
		if !overwrite {
			return fmt.Sprintf(msgNameTaken, name, r.Region), nil
		}
		gone, err := it.displace(row)
		if err != nil {
			return "", err
		}
		if !gone {
			return fmt.Sprintf(msgNotDisplaced, name, r.Region), nil
		}
	}
	// What was promoted and deleted there may wait for an ending.
	_, taken, err = it.tx.SecretByARN(it.row.Account, r.Region, name, it.row.Suffix)
	if err != nil || !taken {
		return "", err
	}
	return fmt.Sprintf(msgNotOver, r.Region), nil
}

// displace deletes a secret with force, unless it is part of a replication. It
// takes DeleteSecret on that one: who may replicate may not thereby delete.
// One with this secret's own ARN, which was promoted before, must be gone at
// once; another may wait for its endings without its name.
func (it *item) displace(row SecretRow) (bool, error) {
	if row.PrimaryRegion != "" {
		return false, nil
	}
	if err := it.may(awsActions+"DeleteSecret", row, row.ARN()); err != nil {
		return false, err
	}
	other, err := it.load(row)
	if err != nil {
		return false, err
	}
	if row.Suffix == it.row.Suffix {
		waits, err := other.waits()
		if err != nil || waits {
			return false, err
		}
	}
	err = it.tx.AddJournal(rota.JournalEntry{
		Secret: row.Key, Step: "overwritten", Started: it.now, Outcome: rota.OutcomeNote,
		Cause: "deleted with force for a replica of " + it.row.ARN() + by(it.c), Next: "nothing: open endings go on",
	})
	if err != nil {
		return false, err
	}
	_, err = other.delete(DeleteSecretInput{ForceDeleteWithoutRecovery: true})
	return err == nil, err
}

// waits says whether a forced deletion would leave the secret's rows until
// something is over.
func (it *item) waits() (bool, error) {
	if it.task.Kind != Idle || it.task.Claim.Active(it.now) || it.unfinished() != "" {
		return true, nil
	}
	rows, err := it.tx.Credentials(it.row.Key)
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(rows, func(c rota.Credential) bool { return c.State.Open() }), nil
}

// RemoveRegionsFromReplication deletes replicas at once. A region that the
// secret is not replicated to is no error. It may be repeated
// (https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_RemoveRegionsFromReplication.html).
func (s *Store) RemoveRegionsFromReplication(ctx context.Context, c rota.Caller, secretID string, regions []string) (out ReplicationOutput, err error) {
	err = s.update(ctx, c, "RemoveRegionsFromReplication", secretID, func(x *session) error {
		it, err := x.open(secretID)
		if err != nil {
			return err
		}
		out.ARN = it.row.ARN()
		rows, err := x.tx.Replicas(it.row.Key)
		if err != nil {
			return err
		}
		left := len(rows)
		for _, r := range rows {
			if !slices.Contains(regions, r.Region) {
				continue
			}
			if err := it.dropReplica(r); err != nil {
				return err
			}
			left--
		}
		if left < len(rows) {
			if err := it.replicated(left); err != nil {
				return err
			}
		}
		if out.Replicas, err = it.replicas(it.row); out.Replicas == nil {
			out.Replicas = []rota.Replica{}
		}
		return err
	})
	return out, err
}

// replicated follows a change of the number of regions.
func (it *item) replicated(regions int) error {
	if regions == 0 {
		it.row.PrimaryRegion = ""
	}
	it.changed()
	return it.save()
}

// dropReplica deletes a replica, of which a tombstone is left, and its entry.
// Where the replication failed there is no replica: what has its name or even
// its key stands alone.
func (it *item) dropReplica(r ReplicaRow) error {
	if r.Status == rota.ReplicaInSync {
		t := Tombstone{Key: r.Key(), Name: it.row.Name, Suffix: it.row.Suffix, Created: it.row.Created, Deleted: it.now, Purged: it.now}
		if err := it.tx.PutTombstone(t); err != nil {
			return err
		}
		if err := it.tx.DeleteSecret(r.Key()); err != nil {
			return err
		}
	}
	if err := it.noteReplica(r, "removed"); err != nil {
		return err
	}
	return it.tx.DeleteReplica(r.Primary, r.Region)
}

func (x *session) noteReplica(r ReplicaRow, what string) error {
	return x.tx.AddJournal(rota.JournalEntry{
		Secret: r.Primary, Step: "replicate", Started: x.now, Outcome: rota.OutcomeNote,
		Cause: "the replica in " + r.Region + " was " + what + by(x.c), Next: "nothing: changes no longer follow there",
	})
}

// noReplicas refuses to delete a primary.
func (it *item) noReplicas() error {
	rows, err := it.tx.Replicas(it.row.Key)
	if err != nil || len(rows) == 0 {
		return err
	}
	var regions []string
	for _, r := range rows {
		regions = append(regions, r.Region)
	}
	return rota.E(rota.InvalidParameter, msgReplicaKept, it.row.ARN(), strings.Join(regions, ", "))
}

// replicas is ReplicationStatus: nil for a secret that is no primary.
func (x *session) replicas(row SecretRow) ([]rota.Replica, error) {
	if row.PrimaryRegion != row.Region {
		return nil, nil
	}
	rows, err := x.tx.Replicas(row.Key)
	if err != nil {
		return nil, err
	}
	out := []rota.Replica{}
	for _, r := range rows {
		one := rota.Replica{Region: r.Region, KMSKeyID: r.KMSKeyID, Status: r.Status, Message: r.Message}
		if r.Status == rota.ReplicaInSync {
			s, _, err := x.tx.Secret(r.Key())
			if err != nil {
				return nil, err
			}
			one.Accessed = s.Accessed
		}
		out = append(out, one)
	}
	return out, nil
}
