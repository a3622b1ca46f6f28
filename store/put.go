package store

import (
	"context"
	"slices"

	"github.com/rotahq/rota"
)

// PutSecretValueInput is the input of PutSecretValue.
type PutSecretValueInput struct {
	SecretID           string
	ClientRequestToken string
	Value              rota.Value
	VersionStages      []rota.Label // nil: AWSCURRENT
	RotationToken      string       // "" or that of the running rotation
}

// PutSecretValueOutput is its output.
type PutSecretValueOutput struct {
	ARN, Name, VersionID string
	VersionStages        []rota.Label
}

// PutSecretValue stores a value and puts labels on it, off any version that
// has them. The first value of a secret is AWSCURRENT whatever labels are
// given. It may be repeated with the same token and value; the labels of the
// repetition are ignored, and the real ones returned
// (https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutSecretValue.html).
//
// Under a claim only the token of the claimed rotation may be put; another is
// ClaimLost. A new AWSCURRENT value put by anyone else ends a running
// rotation, and while rotation is on it must be one that can be rotated.
func (s *Store) PutSecretValue(ctx context.Context, c rota.Caller, in PutSecretValueInput) (out PutSecretValueOutput, err error) {
	err = s.update(ctx, c, "PutSecretValue", in.SecretID, func(x *session) error {
		if _, err := parseID(x.c, in.SecretID); err != nil {
			return err
		}
		if in.ClientRequestToken == "" {
			return rota.E(rota.InvalidRequest, msgNoToken)
		}
		value, err := checkValue(in.Value)
		if err != nil {
			return err
		}
		if value.IsZero() {
			return rota.E(rota.InvalidRequest, msgNoValue)
		}
		it, err := x.open(in.SecretID)
		if err != nil {
			return err
		}
		fresh, err := it.put(in.ClientRequestToken, value, in.VersionStages, in.RotationToken)
		if err != nil {
			return err
		}
		if fresh {
			if err := it.save(); err != nil {
				return err
			}
		}
		out = PutSecretValueOutput{it.row.ARN(), it.row.Name, in.ClientRequestToken, sorted(it.labels, in.ClientRequestToken)}
		return nil
	})
	return out, err
}

// put stores a value with labels; nil labels are AWSCURRENT. fresh is false
// when the token and the value were known: then nothing changes.
func (it *item) put(token string, v rota.Value, labels []rota.Label, rotationToken string) (fresh bool, err error) {
	if it.mine && (it.task.Kind != Rotate || it.task.Token != token) {
		return false, it.lost("the rotation that made this value is over")
	}
	if rotationToken != "" && rotationToken != it.task.RotationToken {
		return false, rota.E(rota.InvalidRequest, "The RotationToken isn't the token of a running rotation of this secret.")
	}
	if fresh, err = it.store(token, v); err != nil || !fresh {
		return fresh, err
	}
	if labels == nil {
		labels = []rota.Label{rota.Current}
	}
	labels = slices.Compact(slices.Sorted(slices.Values(labels)))
	if it.labels[rota.Current] == "" && !slices.Contains(labels, rota.Current) {
		labels = append(labels, rota.Current)
	}
	current := slices.Contains(labels, rota.Current)
	if current {
		if err := it.newCurrent(token); err != nil {
			return false, err
		}
	}
	for _, l := range labels {
		if err := it.place(l, token); err != nil {
			return false, err
		}
	}
	if err := it.checkLabels(labels); err != nil {
		return false, err
	}
	it.changed()
	if current && !it.mine {
		return true, it.valueChanged()
	}
	return true, nil
}

// newCurrent makes a version with a new value AWSCURRENT. AWSPENDING goes
// with the value that loses AWSCURRENT, and a rotation that runs towards
// another version is abandoned.
func (it *item) newCurrent(token string) error {
	if p := it.labels[rota.Pending]; p != "" && p == it.labels[rota.Current] && p != token {
		if err := it.detach(rota.Pending); err != nil {
			return err
		}
	}
	if !it.mine && it.task.Kind != Idle && it.task.Token != token {
		if err := it.abandon("a new AWSCURRENT value was written", it.skip); err != nil {
			return err
		}
	}
	return it.moveCurrent(token)
}

// place puts a label on a version as a writer asks for it. Taking AWSPENDING
// away from the version that a rotation makes ends that rotation; a rotation
// function may do so itself, and the engine judges.
func (it *item) place(l rota.Label, version string) error {
	from := it.labels[l]
	switch {
	case from == version:
		return nil
	case from != "" && rota.IsEndsLabel(l):
		if err := it.mayUnlabel(l, from); err != nil {
			return err
		}
	case l == rota.Pending && from != "" && from != it.labels[rota.Current] && !it.mine:
		if err := it.takePending(from); err != nil {
			return err
		}
	}
	return it.attach(l, version)
}

// takePending is AWSPENDING removed by hand from a version that is not
// AWSCURRENT.
func (it *item) takePending(from string) error {
	if it.task.Kind != Idle && it.task.Token == from {
		return it.abandon("AWSPENDING was removed by hand", it.again) // the value is as old as before
	}
	return it.dropPending(from)
}

// mayUnlabel keeps the label of an ending on its version while the ledger
// waits for it: the label is the intent, and goes with it.
func (it *item) mayUnlabel(l rota.Label, version string) error {
	if it.mine {
		return nil
	}
	rows, err := it.tx.Credentials(it.row.Key)
	if err != nil {
		return err
	}
	for _, c := range rows {
		if c.Version == version && c.State.Open() {
			return rota.E(rota.InvalidRequest,
				"The staging label %s marks a credential that has still to end. Use rota expire %s --hold, --until or --now instead.", l, it.row.Name)
		}
	}
	return nil
}
