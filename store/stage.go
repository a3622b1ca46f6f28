package store

import (
	"context"

	"github.com/rotahq/rota"
)

// UpdateSecretVersionStageInput is the input of UpdateSecretVersionStage; ""
// leaves a side out.
type UpdateSecretVersionStageInput struct {
	SecretID            string
	VersionStage        rota.Label
	RemoveFromVersionID string
	MoveToVersionID     string
}

// UpdateSecretVersionStageOutput is its output.
type UpdateSecretVersionStageOutput struct {
	ARN, Name string
}

const (
	msgRemoveFrom = "The parameter RemoveFromVersionId can't be empty. Staging label %s is currently attached to version %s, so you must explicitly reference that version in RemoveFromVersionId."
	msgWrongFrom  = "When you move staging label %s, if you specify RemoveFromVersionId, it must be set to the version that currently has the staging label %s."
	// The apostrophe of AWS's sentence is typographic.
	msgKeepCurrent = "You can only move staging label AWSCURRENT to a different secret version. It can’t be completely removed."
	msgNoSide      = "You must provide RemoveFromVersionId, MoveToVersionId, or both."
)

// UpdateSecretVersionStage attaches, moves or removes a label. AWSPREVIOUS
// follows AWSCURRENT. Moving a label to where it is changes nothing
// (https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_UpdateSecretVersionStage.html).
//
// Under a claim AWSCURRENT can only be moved to the version that the claimed
// rotation makes; otherwise it is ClaimLost.
func (s *Store) UpdateSecretVersionStage(ctx context.Context, c rota.Caller, in UpdateSecretVersionStageInput) (out UpdateSecretVersionStageOutput, err error) {
	err = s.update(ctx, c, "UpdateSecretVersionStage", in.SecretID, func(x *session) error {
		it, err := x.open(in.SecretID)
		if err != nil {
			return err
		}
		out = UpdateSecretVersionStageOutput{it.row.ARN(), it.row.Name}
		return it.stage(in.VersionStage, in.RemoveFromVersionID, in.MoveToVersionID)
	})
	return out, err
}

func (it *item) stage(l rota.Label, from, to string) error {
	now := it.labels[l]
	if from == "" && to == "" {
		return rota.E(rota.InvalidParameter, msgNoSide)
	}
	if to != "" {
		v, ok, err := it.tx.Version(it.row.Key, to)
		if err != nil {
			return err
		}
		if !ok || l == rota.Current && v.Kind == rota.KindNone {
			return rota.E(rota.NotFound, msgNoVersion, to)
		}
	}
	switch {
	case from != "" && from != now:
		return rota.E(rota.InvalidParameter, msgWrongFrom, l, l)
	case to != "" && to == now:
		return nil
	case from == "" && now != "":
		return rota.E(rota.InvalidParameter, msgRemoveFrom, l, now)
	case to == "" && l == rota.Current:
		return rota.E(rota.InvalidParameter, msgKeepCurrent)
	}
	if err := it.restage(l, to); err != nil {
		return err
	}
	it.changed()
	return it.save()
}

// restage moves a label, or removes it when to is "".
func (it *item) restage(l rota.Label, to string) error {
	switch {
	case l == rota.Current:
		if it.mine && (it.task.Kind != Rotate || it.task.Token != to) {
			return it.lost("the rotation that made version " + to + " is over")
		}
		if err := it.moveCurrent(to); err != nil {
			return err
		}
	case to != "":
		if it.mine && rota.IsEndsLabel(l) {
			if err := it.mayEndCurrent(to); err != nil {
				return err
			}
		}
		if err := it.place(l, to); err != nil {
			return err
		}
	case l == rota.Pending && it.unfinished() != "" && !it.mine:
		return it.takePending(it.labels[l])
	case rota.IsEndsLabel(l):
		if err := it.mayUnlabel(l, it.labels[l]); err != nil {
			return err
		}
		return it.detach(l)
	default:
		return it.detach(l)
	}
	return it.checkLabels([]rota.Label{l})
}
