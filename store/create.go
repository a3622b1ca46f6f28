package store

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/rotahq/rota"
)

// CreateSecretInput is the input of CreateSecret.
type CreateSecretInput struct {
	Name               string
	ClientRequestToken string // becomes the version id
	Value              rota.Value
	Description        string
	KMSKeyID           string
	Type               string
	Tags               []rota.Tag
	Regions            []ReplicaRegion // AddReplicaRegions
	Overwrite          bool            // ForceOverwriteReplicaSecret
}

// CreateSecretOutput is its output. VersionID is empty without a value.
type CreateSecretOutput struct {
	ARN, Name, VersionID string
	Replicas             []rota.Replica // nil unless it is replicated
}

// CreateSecret makes a secret; its value, if one is given, is AWSCURRENT. It
// is replicated as by ReplicateSecretToRegions. It may be repeated with the
// same token and value
// (https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html).
func (s *Store) CreateSecret(ctx context.Context, c rota.Caller, in CreateSecretInput) (out CreateSecretOutput, err error) {
	err = s.update(ctx, c, "CreateSecret", in.Name, func(x *session) error {
		if !validName(in.Name, true) {
			return rota.E(rota.Validation, msgBadName)
		}
		if in.ClientRequestToken == "" {
			return rota.E(rota.InvalidRequest, msgNoToken)
		}
		value, err := checkValue(in.Value)
		if err != nil {
			return err
		}
		in.Value = value
		if err := x.mayCreate(in); err != nil {
			return err
		}
		if err := x.checkTags(in.Tags); err != nil {
			return err
		}
		if err := x.checkRegions(in.Regions); err != nil {
			return err
		}
		row, exists, err := x.tx.SecretByName(x.c.Account, x.c.Region, in.Name)
		if err != nil {
			return err
		}
		if exists {
			if out, err = x.createAgain(row, in); err != nil {
				return err
			}
			out.Replicas, err = x.replicas(row)
			return err
		}
		out, err = x.create(in)
		return err
	})
	return out, err
}

// mayCreate authorises what the request asks for beside the secret, too
// (https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html).
// Whether the name is taken must not show before.
func (x *session) mayCreate(in CreateSecretInput) error {
	actions := []string{x.action}
	if len(in.Tags) > 0 {
		actions = append(actions, awsActions+"TagResource")
	}
	if len(in.Regions) > 0 {
		actions = append(actions, awsActions+"ReplicateSecretToRegions")
	}
	for _, action := range actions {
		if err := x.mayAct(action, unseen(x.c, in.Name, in.Name)); err != nil {
			return err
		}
	}
	return nil
}

// createAgain answers for a name that is taken.
func (x *session) createAgain(row SecretRow, in CreateSecretInput) (CreateSecretOutput, error) {
	out := CreateSecretOutput{ARN: row.ARN(), Name: row.Name}
	if row.Deleted() {
		return out, rota.E(rota.InvalidRequest, "You can't create this secret because a secret with this name is already scheduled for deletion.")
	}
	it := &item{session: x, row: row}
	v, ok, err := x.tx.Version(row.Key, in.ClientRequestToken)
	switch {
	case err != nil:
		return out, err
	case ok && v.Kind != rota.KindNone && !in.Value.IsZero():
		same, err := it.same(v, in.Value)
		if err == nil && !same {
			err = rota.E(rota.Exists, msgTokenUsed, in.ClientRequestToken, row.ARN())
		}
		out.VersionID = in.ClientRequestToken
		return out, err
	case in.Value.IsZero() && row.CreateToken == in.ClientRequestToken:
		return out, nil
	}
	return out, rota.E(rota.Exists, "The operation failed because the secret %s already exists.", in.Name)
}

func (x *session) create(in CreateSecretInput) (out CreateSecretOutput, err error) {
	it := &item{session: x, labels: map[rota.Label]string{}}
	it.row.Key = rota.Key{Account: x.c.Account, Region: x.c.Region, ID: x.cfg.NewID()}
	it.row.Name, it.row.Description, it.row.KMSKeyID, it.row.Type = in.Name, in.Description, in.KMSKeyID, in.Type
	it.row.Created, it.row.Changed = x.now, x.now
	it.row.EverTagged = len(in.Tags) > 0
	if in.Value.IsZero() {
		it.row.CreateToken = in.ClientRequestToken
	}
	if it.row.Suffix, err = x.newSuffix(in.Name); err != nil {
		return out, err
	}
	if err := x.tx.PutSecret(it.row); err != nil {
		return out, err
	}
	if len(in.Tags) > 0 {
		if err := x.tx.PutTags(it.row.Key, in.Tags); err != nil {
			return out, err
		}
	}
	out.ARN, out.Name = it.row.ARN(), in.Name
	if !in.Value.IsZero() {
		out.VersionID = in.ClientRequestToken
		if err := it.addVersion(out.VersionID, in.Value); err != nil {
			return out, err
		}
		if err := it.attach(rota.Current, out.VersionID); err != nil {
			return out, err
		}
	}
	if len(in.Regions) == 0 {
		return out, nil
	}
	if out.Replicas, err = it.replicate(in.Regions, in.Overwrite); err != nil {
		return out, err
	}
	return out, x.tx.PutSecret(it.row)
}

const suffixAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

// newSuffix is the end of an ARN that no secret of this name has or had.
func (x *session) newSuffix(name string) (string, error) {
	for range 100 {
		suffix, err := randomText(x.cfg.Rand, suffixAlphabet, 6)
		if err != nil {
			return "", err
		}
		_, taken, err := x.tx.SecretByARN(x.c.Account, x.c.Region, name, suffix)
		if err != nil {
			return "", err
		}
		_, dead, err := x.tx.TombstoneByARN(x.c.Account, x.c.Region, name, suffix)
		if err != nil {
			return "", err
		}
		if !taken && !dead {
			return suffix, nil
		}
	}
	return "", fmt.Errorf("no free ARN was found for %s: the source of randomness repeats itself", name)
}

// randomText picks n characters of a set, each equally likely.
func randomText(r io.Reader, set string, n int) (string, error) {
	var b strings.Builder
	for range n {
		i, err := randomBelow(r, len(set))
		if err != nil {
			return "", err
		}
		b.WriteByte(set[i])
	}
	return b.String(), nil
}

// randomBelow is a number from 0 to n-1, each equally likely; n is at most
// 65536.
func randomBelow(r io.Reader, n int) (int, error) {
	var b [2]byte
	for {
		if _, err := io.ReadFull(r, b[:]); err != nil {
			return 0, fmt.Errorf("read randomness: %w", err)
		}
		const all = 1 << 16
		if v := int(b[0])<<8 | int(b[1]); v < all-all%n {
			return v % n, nil
		}
	}
}
