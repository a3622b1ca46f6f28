package store

import (
	"context"
	"errors"
	"time"

	"github.com/rotahq/rota"
)

// DeleteSecretInput is the input of DeleteSecret.
type DeleteSecretInput struct {
	SecretID                   string
	RecoveryWindowInDays       *int64 // nil: 30
	ForceDeleteWithoutRecovery bool
}

// DeleteSecretOutput is its output.
type DeleteSecretOutput struct {
	ARN, Name    string
	DeletionDate time.Time
}

const recoveryDays = 30

// DeleteSecret schedules a secret for deletion, or deletes it at once. A
// running rotation ends as by CancelRotateSecret; endings that are planned
// go on, and until they are over a deleted secret's rows stay, out of reach,
// while its name is free. The current credential stays alive at its provider
// and stays in the ledger. Deleting with force what does not exist is
// success, as on AWS
// (https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_DeleteSecret.html).
func (s *Store) DeleteSecret(ctx context.Context, c rota.Caller, in DeleteSecretInput) (out DeleteSecretOutput, err error) {
	err = s.update(ctx, c, "DeleteSecret", in.SecretID, func(x *session) error {
		if d := in.RecoveryWindowInDays; d != nil && (*d < 7 || *d > 30) {
			return rota.E(rota.InvalidParameter, "The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).")
		}
		if in.RecoveryWindowInDays != nil && in.ForceDeleteWithoutRecovery {
			return rota.E(rota.InvalidParameter, "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.")
		}
		it, err := x.openAny(in.SecretID)
		if errors.Is(err, rota.NotFound) && in.ForceDeleteWithoutRecovery {
			out, err = x.deleteNothing(in.SecretID)
			return err
		}
		if err != nil {
			return err
		}
		if err := it.mayDelete(in); err != nil {
			return err
		}
		out, err = it.delete(in)
		return err
	})
	return out, err
}

// deleteNothing is AWS's answer to a forced deletion of what is not there.
func (x *session) deleteNothing(id string) (DeleteSecretOutput, error) {
	r, err := parseID(x.c, id)
	if err != nil {
		return DeleteSecretOutput{}, err
	}
	if r.suffix == "" {
		if r.suffix, err = randomText(x.cfg.Rand, suffixAlphabet, 6); err != nil {
			return DeleteSecretOutput{}, err
		}
	}
	s := rota.Secret{Key: rota.Key{Account: r.account, Region: r.region}, Name: r.name, Suffix: r.suffix}
	return DeleteSecretOutput{s.ARN(), s.Name, x.now}, nil
}

// mayDelete refuses to delete what is scheduled already, a replica, and a
// primary with replicas.
func (it *item) mayDelete(in DeleteSecretInput) error {
	if it.row.Deleted() && !in.ForceDeleteWithoutRecovery {
		return rota.E(rota.InvalidRequest, msgMarkedDeleted)
	}
	if err := it.notReplica(); err != nil {
		return err
	}
	return it.noReplicas()
}

func (it *item) delete(in DeleteSecretInput) (DeleteSecretOutput, error) {
	days := int64(recoveryDays)
	switch {
	case in.ForceDeleteWithoutRecovery:
		days = 0
		it.row.Gone = it.now
	case in.RecoveryWindowInDays != nil:
		days = *in.RecoveryWindowInDays
	}
	it.row.DeletionDate = it.now.Add(time.Duration(days) * 24 * time.Hour)
	it.changed()
	out := DeleteSecretOutput{it.row.ARN(), it.row.Name, it.row.DeletionDate}
	if err := it.tellVersions(StartSecretVersionDelete); err != nil {
		return out, err
	}
	if err := it.halt("the secret was deleted" + by(it.c)); err != nil {
		return out, err
	}
	if in.ForceDeleteWithoutRecovery {
		// What a rotation left without being at work must not outlive it.
		if it.task.Kind == Idle {
			if err := it.dropPending(it.unfinished()); err != nil {
				return out, err
			}
		}
		done, err := it.purge()
		if done || err != nil {
			return out, err
		}
	}
	return out, it.save()
}

// RestoreSecretOutput is the output of RestoreSecret.
type RestoreSecretOutput struct {
	ARN, Name string
}

// RestoreSecret takes a secret off the schedule for deletion. Nothing rotates
// at once: the next rotation comes with the next window that begins from now
// on. A rotation that the deletion ended does not go on; what it left is
// ended. It may be repeated
// (https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_RestoreSecret.html).
func (s *Store) RestoreSecret(ctx context.Context, c rota.Caller, secretID string) (out RestoreSecretOutput, err error) {
	err = s.update(ctx, c, "RestoreSecret", secretID, func(x *session) error {
		it, err := x.openAny(secretID)
		if err != nil {
			return err
		}
		if err := it.notReplica(); err != nil {
			return err
		}
		out = RestoreSecretOutput{it.row.ARN(), it.row.Name}
		if !it.row.Deleted() {
			return nil
		}
		it.row.DeletionDate = time.Time{}
		it.changed()
		if err := it.tellVersions(CancelSecretVersionDelete); err != nil {
			return err
		}
		if it.task.Kind == Idle {
			if p := it.unfinished(); p != "" && p == it.task.Token && it.row.Rotation.Enabled {
				if err := it.dropPending(p); err != nil {
					return err
				}
			}
			if err := it.replan(); err != nil {
				return err
			}
		}
		return it.save()
	})
	return out, err
}

// purge removes a deleted secret for good, if nothing of it waits: no open
// ending, no rotation, nobody at work. What is left is a tombstone, the
// ledger and the journal.
func (it *item) purge() (bool, error) {
	if it.task.Kind != Idle || it.task.Claim.Active(it.now) {
		return false, nil
	}
	rows, err := it.tx.Credentials(it.row.Key)
	if err != nil {
		return false, err
	}
	current := it.labels[rota.Current]
	for _, c := range rows {
		if c.State.Open() {
			return false, nil
		}
		if c.State == rota.Live && c.Version == current {
			c.Evidence, c.Changed = "live, secret deleted", it.now
			if err := it.tx.PutCredential(c); err != nil {
				return false, err
			}
		}
	}
	t := Tombstone{Key: it.row.Key, Name: it.row.Name, Suffix: it.row.Suffix, Created: it.row.Created, Deleted: it.row.DeletionDate, Purged: it.now}
	if err := it.tx.PutTombstone(t); err != nil {
		return false, err
	}
	if err := it.tellVersions(EndSecretVersionDelete); err != nil {
		return false, err
	}
	return true, it.tx.DeleteSecret(it.row.Key)
}

// purgePage is how many deleted secrets one Purge looks at.
const purgePage = 200

// Purge removes secrets whose recovery window is over, and those deleted with
// force, once their endings are over. Each is a transaction of its own; one
// that fails does not keep the others. Versions are purged when a newer one
// needs the room. It may be called at any time, and again.
func (s *Store) Purge(ctx context.Context) error {
	var expired []SecretRow
	err := s.view(ctx, rota.Caller{}, "look for deleted secrets", "", func(x *session) (err error) {
		expired, err = x.tx.Expired(purgePage)
		return err
	})
	if err != nil {
		return err
	}
	var errs []error
	for _, row := range expired {
		errs = append(errs, s.update(ctx, rota.Caller{}, "purge", row.Name, func(x *session) error {
			it, err := x.openKey(row.Key)
			if errors.Is(err, rota.NotFound) {
				return nil
			}
			if err != nil {
				return err
			}
			return it.purgeExpired()
		}))
	}
	return errors.Join(errs...)
}

func (it *item) purgeExpired() error {
	if !it.row.Deleted() || it.row.DeletionDate.After(it.now) {
		return nil // restored meanwhile
	}
	if it.task.Kind == Idle {
		if err := it.dropPending(it.unfinished()); err != nil {
			return err
		}
	}
	done, err := it.purge()
	if done || err != nil || !it.row.Gone.IsZero() {
		return err
	}
	it.row.Gone = it.now
	return it.save()
}
