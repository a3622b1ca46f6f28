package store

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/rotahq/rota"
)

// OutboxRow is something that a commit has to tell: it is written with the
// commit, and stays until it was delivered. So what happened and what is told
// of it cannot differ, whatever crashes in between.
type OutboxRow struct {
	Seq  int64  // its place, given by the database; never used twice
	Kind string // ToAudit, ToEvents
	ID   string // of the event, to find out after a crash whether it was
	Body []byte // JSON, never a value
}

// The kinds of rows: where they are to be delivered.
const (
	ToAudit  = "audit"  // the record of calls and of what happens, in CloudTrail's shape
	ToEvents = "events" // labels that moved, in EventBridge's shape
)

// What is a thing that a commit did, by CloudTrail's name for it, if it has
// one
// (https://docs.aws.amazon.com/secretsmanager/latest/userguide/monitoring-cloudtrail.html).
type What string

// What happens to secrets without a call of its own. Each rotation and test
// that started ends in one of the three; each attempt that fails is told, the
// last one and those before it.
const (
	RotationStarted       What = "RotationStarted"
	RotationSucceeded     What = "RotationSucceeded"
	RotationFailed        What = "RotationFailed"
	RotationAbandoned     What = "RotationAbandoned" // ended by hand: a new value, a label taken away, a cancel, a deletion
	TestRotationStarted   What = "TestRotationStarted"
	TestRotationSucceeded What = "TestRotationSucceeded"
	TestRotationFailed    What = "TestRotationFailed"

	StartSecretVersionDelete  What = "StartSecretVersionDelete"
	CancelSecretVersionDelete What = "CancelSecretVersionDelete"
	EndSecretVersionDelete    What = "EndSecretVersionDelete"
	SecretVersionDeletion     What = "SecretVersionDeletion" // an old version made room

	ReplicationStarted   What = "ReplicationStarted"
	ReplicationSucceeded What = "ReplicationSucceeded"
	ReplicationFailed    What = "ReplicationFailed"

	// How the ending of an old credential came out; of rota's own.
	CredentialProvenDead What = "CredentialProvenDead"
	CredentialNotProven  What = "CredentialNotProven"

	// LabelUpdated is a label other than AWSPENDING and AWSPREVIOUS put on a
	// version, as Amazon EventBridge is told
	// (https://docs.aws.amazon.com/secretsmanager/latest/userguide/monitoring-eventbridge.html).
	LabelUpdated What = "LabelUpdated"
)

// Happening is one of these things. It never holds a value.
type Happening struct {
	What      What
	At        time.Time
	Secret    rota.Key
	ARN, Name string
	Version   string     // that it is about, or that has the label now
	Label     rota.Label // of LabelUpdated
	Region    string     // of a replication: the other region
	Cause     string     // why; "" for none
}

// tell puts a happening into the outbox, with what is written now.
func (x *session) tell(h Happening, of rota.Secret) error {
	if x.cfg.Tell == nil {
		return nil
	}
	h.At, h.Secret, h.ARN, h.Name = x.now, of.Key, of.ARN(), of.Name
	row, ok := x.cfg.Tell(h)
	if !ok {
		return nil
	}
	x.told = true
	return x.tx.AddOutbox(row)
}

func (it *item) tell(what What, version, cause string) error {
	return it.session.tell(Happening{What: what, Version: version, Cause: cause}, it.row.Secret)
}

// tellVersions tells the same of every version that has a value.
func (it *item) tellVersions(what What) error {
	if it.cfg.Tell == nil {
		return nil
	}
	versions, err := it.tx.Versions(it.row.Key)
	if err != nil {
		return err
	}
	for _, v := range versions {
		if v.Kind == rota.KindNone {
			continue
		}
		if err := it.tell(what, v.ID, ""); err != nil {
			return err
		}
	}
	return nil
}

// tellCredential tells that the ending of a credential is over, if it was not
// before.
func (it *item) tellCredential(before rota.CredentialState, c rota.Credential) error {
	switch {
	case c.State == before:
	case c.State == rota.ProvenDead:
		return it.tell(CredentialProvenDead, c.Version, c.Evidence)
	case c.State == rota.NotProven:
		return it.tell(CredentialNotProven, c.Version, c.Evidence)
	}
	return nil
}

// How an attempt ends.
const (
	succeeded = "Succeeded"
	failed    = "Failed"
	abandoned = "Abandoned"
)

// tellFailed tells of a failed attempt, in the sentence that AWS has for it.
// Why the step failed is in the journal.
func (it *item) tellFailed(step rota.Step) error {
	what := RotationFailed
	if it.task.Kind == Test {
		what = TestRotationFailed
	}
	return it.tell(what, it.task.Token, "Error when executing lambda "+it.row.Rotation.Function+" during "+string(step)+" step")
}

// over tells how the attempt ended; it comes before what forgets it. That it
// failed was told when its last step did.
func (it *item) over(how, cause string) error {
	what := What("Rotation" + how)
	switch {
	case it.task.Kind == Idle, how == failed:
		return nil
	case it.task.Kind == Test:
		if how == abandoned {
			how = failed // AWS has no other word for it
		}
		what = What("TestRotation" + how)
	}
	return it.tell(what, it.task.Token, cause)
}

// tellLabels tells where the labels are that the transaction moved.
func (x *session) tellLabels(w *watch) error {
	if x.cfg.Tell == nil {
		return nil
	}
	for _, k := range slices.SortedFunc(maps.Keys(w.changed), compareKeys) {
		moved := w.changed[k].labels
		if len(moved) == 0 {
			continue
		}
		row, ok, err := x.tx.Secret(k)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		for _, l := range slices.Sorted(maps.Keys(moved)) {
			if l == rota.Pending || l == rota.Previous {
				continue
			}
			if err := x.tell(Happening{What: LabelUpdated, Label: l, Version: moved[l]}, row.Secret); err != nil {
				return err
			}
		}
	}
	return nil
}

// Tell puts rows into the outbox. Within Update they are part of its commit.
func (s *Store) Tell(ctx context.Context, rows ...OutboxRow) error {
	err := s.d.Update(ctx, func(tx Tx) error {
		for _, r := range rows {
			if err := tx.AddOutbox(r); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil && s.cfg.Outgoing != nil {
		s.cfg.Outgoing()
	}
	return wrap("tell what happened", "", err)
}

// Outbox lists what is to be delivered, oldest first. There is nothing older
// than what it lists, and nothing older comes later.
func (s *Store) Outbox(ctx context.Context, limit int) (rows []OutboxRow, err error) {
	err = s.d.View(ctx, func(tx Tx) (err error) {
		rows, err = tx.Outbox(limit)
		return err
	})
	return rows, wrap("read the outbox", "", err)
}

// Delivered removes what was delivered: all rows up to a number. It may be
// repeated.
func (s *Store) Delivered(ctx context.Context, upTo int64) error {
	err := s.d.Update(ctx, func(tx Tx) error { return tx.DeleteOutbox(upTo) })
	return wrap("empty the outbox", "", err)
}

// tellReplica tells how far a replication came.
func (x *session) tellReplica(r ReplicaRow) error {
	if x.cfg.Tell == nil {
		return nil
	}
	row, ok, err := x.tx.Secret(r.Primary)
	if err != nil || !ok {
		return err
	}
	h := Happening{What: ReplicationStarted, Region: r.Region, Cause: r.Message}
	switch r.Status {
	case rota.ReplicaInSync:
		h.What = ReplicationSucceeded
	case rota.ReplicaFailed:
		h.What = ReplicationFailed
	}
	return x.tell(h, row.Secret)
}
