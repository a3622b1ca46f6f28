package store

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/rotahq/rota"
)

// StopReplicationToReplica makes a replica a secret of its own, and returns
// its ARN. It is called where the replica is; its primary keeps the other
// replicas
// (https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_StopReplicationToReplica.html).
//
// What works on the credential stays with the primary: the promoted secret
// has its rotation turned off, no AWSPENDING, and no label of an ending, so
// that no two secrets rotate or end the same credential.
//
// secretID may also be the primary's ARN, as earlier editions of AWS's
// reference said. A secret that is no replica is InvalidRequest.
func (s *Store) StopReplicationToReplica(ctx context.Context, c rota.Caller, secretID string) (arn string, err error) {
	err = s.update(ctx, c, "StopReplicationToReplica", secretID, func(x *session) error {
		here, primary := x.hereOf(secretID)
		it, err := x.openReplica(here)
		switch {
		case err != nil:
			return err
		case primary != "" && primary != it.row.PrimaryRegion:
			return rota.E(rota.NotFound, msgNotFound)
		case !it.row.IsReplica():
			return rota.E(rota.InvalidRequest, "The secret isn't a replica. Call this operation in the Region of the replica that is to become a secret of its own.")
		}
		arn = it.row.ARN()
		if err := it.leave(); err != nil {
			return err
		}
		return it.promote()
	})
	return arn, err
}

// hereOf is an ARN with the caller's region in place of its own, which is
// returned too; any other id is left as it is.
func (x *session) hereOf(id string) (here, region string) {
	p := strings.SplitN(id, ":", 7)
	if len(p) != 7 || p[0] != "arn" || p[3] == x.c.Region {
		return id, ""
	}
	region, p[3] = p[3], x.c.Region
	return strings.Join(p, ":"), region
}

// leave takes the replica out of what its primary knows.
func (it *item) leave() error {
	k := it.row.Key
	k.Region = it.row.PrimaryRegion
	primary, err := it.openKey(k)
	if err != nil {
		return err
	}
	rows, err := it.tx.Replicas(k)
	if err != nil {
		return err
	}
	for _, r := range rows {
		if r.Region != it.row.Region {
			continue
		}
		if err := it.noteReplica(r, "promoted"); err != nil {
			return err
		}
		if err := it.tx.DeleteReplica(k, r.Region); err != nil {
			return err
		}
	}
	return primary.replicated(len(rows) - 1)
}

func (it *item) promote() error {
	it.row.PrimaryRegion = ""
	it.row.Rotation.Enabled = false
	it.changed()
	if err := it.dropPending(it.unfinished()); err != nil {
		return err
	}
	for _, l := range slices.Sorted(maps.Keys(it.labels)) {
		if rota.IsEndsLabel(l) {
			if err := it.detach(l); err != nil {
				return err
			}
		}
	}
	return it.save()
}
