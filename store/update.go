package store

import (
	"context"

	"github.com/rotahq/rota"
)

// UpdateSecretInput is the input of UpdateSecret. What is nil, and a zero
// Value, stays as it is.
type UpdateSecretInput struct {
	SecretID           string
	ClientRequestToken string
	Value              rota.Value
	Description        *string
	KMSKeyID           *string // "" is the default key
	Type               *string
}

// UpdateSecretOutput is its output. VersionID is empty without a value.
type UpdateSecretOutput struct {
	ARN, Name, VersionID string
}

// UpdateSecret changes metadata, and stores a value as AWSCURRENT if one is
// given. It may be repeated with the same token and value: then the value is
// as it was, and the metadata are set again. Another key seals the versions
// anew that AWSCURRENT, AWSPENDING and AWSPREVIOUS are on. It is the only
// thing that a replica lets change where it is
// (https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_UpdateSecret.html).
func (s *Store) UpdateSecret(ctx context.Context, c rota.Caller, in UpdateSecretInput) (out UpdateSecretOutput, err error) {
	err = s.update(ctx, c, "UpdateSecret", in.SecretID, func(x *session) error {
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
		open := x.open
		if in.onlyKey() {
			open = x.openReplica
		}
		it, err := open(in.SecretID)
		if err != nil {
			return err
		}
		out = UpdateSecretOutput{ARN: it.row.ARN(), Name: it.row.Name}
		if err := it.updateMetadata(in); err != nil {
			return err
		}
		if !value.IsZero() {
			out.VersionID = in.ClientRequestToken
			if _, err := it.put(in.ClientRequestToken, value, nil, ""); err != nil {
				return err
			}
		}
		if in.Type != nil {
			if err := it.settingsChanged(); err != nil {
				return err
			}
		}
		return it.save()
	})
	return out, err
}

// onlyKey says whether nothing but the key is to change.
func (in UpdateSecretInput) onlyKey() bool {
	return in.KMSKeyID != nil && in.Value.IsZero() && in.Description == nil && in.Type == nil
}

func (it *item) updateMetadata(in UpdateSecretInput) error {
	if in.Description != nil {
		it.row.Description = *in.Description
		it.changed()
	}
	if in.Type != nil {
		it.row.Type = *in.Type
		it.changed()
	}
	if in.KMSKeyID == nil {
		return nil
	}
	it.row.KMSKeyID = *in.KMSKeyID
	it.changed()
	if it.row.IsReplica() {
		if err := it.tellKey(); err != nil {
			return err
		}
	}
	done := map[string]bool{}
	for _, l := range []rota.Label{rota.Current, rota.Pending, rota.Previous} {
		id := it.labels[l]
		if id == "" || done[id] {
			continue
		}
		done[id] = true
		if err := it.reseal(id); err != nil {
			return err
		}
	}
	return nil
}

// tellKey lets the primary know the key of its replica.
func (it *item) tellKey() error {
	k := it.row.Key
	k.Region = it.row.PrimaryRegion
	rows, err := it.tx.Replicas(k)
	if err != nil {
		return err
	}
	for _, r := range rows {
		if r.Region == it.row.Region {
			r.KMSKeyID = it.row.KMSKeyID
			return it.tx.PutReplica(r)
		}
	}
	return nil
}

// reseal stores a version's value under the keys of today.
func (it *item) reseal(id string) error {
	v, ok, err := it.tx.Version(it.row.Key, id)
	if err != nil || !ok {
		return err
	}
	value, err := it.unseal(it.row, v)
	if err != nil {
		return err
	}
	v.KMSKeyID = it.row.KMSKeyID
	if !value.IsZero() {
		if v.Blob, v.SealKey, err = it.cfg.Sealer.Seal(it.binding(id), value); err != nil {
			return nameSecret(err, it.row.Name)
		}
	}
	return it.tx.PutVersion(v)
}
