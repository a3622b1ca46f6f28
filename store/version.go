package store

import (
	"time"

	"github.com/rotahq/rota"
)

// checkValue refuses a value that is too long. An empty one counts as none.
func checkValue(v rota.Value) (rota.Value, error) {
	if v.Len() == 0 {
		return rota.Value{}, nil
	}
	if v.Len() <= rota.MaxValueBytes {
		return v, nil
	}
	member := "secretString"
	if v.Kind() == rota.KindBinary {
		member = "secretBinary"
	}
	return v, rota.E(rota.Validation,
		"1 validation error detected: Value at '%s' failed to satisfy constraint: Member must have length less than or equal to %d", member, rota.MaxValueBytes)
}

// maxVersions is how many versions a secret keeps, and keepFor how long a
// version stays at least
// (https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html).
const (
	maxVersions = 100
	keepFor     = 24 * time.Hour
)

// addVersion stores a value, or the empty placeholder, under a token that no
// version has. The value of a placeholder is filled in by fillVersion.
func (it *item) addVersion(token string, v rota.Value) error {
	if err := it.prune(); err != nil {
		return err
	}
	return it.writeVersion(VersionRow{Secret: it.row.Key, Version: rota.Version{ID: token}}, v)
}

func (it *item) writeVersion(row VersionRow, v rota.Value) error {
	row.Created, row.Kind, row.KMSKeyID = it.now, v.Kind(), it.row.KMSKeyID
	if !v.IsZero() {
		var err error
		if row.Blob, row.SealKey, err = it.cfg.Sealer.Seal(it.binding(row.ID), v); err != nil {
			return nameSecret(err, it.row.Name)
		}
	}
	return it.tx.PutVersion(row)
}

// store applies the token rule: a new token stores the value, a known one
// with the same value changes nothing, and the empty placeholder is filled
// in. fresh reports whether something was stored.
func (it *item) store(token string, v rota.Value) (fresh bool, err error) {
	have, ok, err := it.tx.Version(it.row.Key, token)
	switch {
	case err != nil:
		return false, err
	case !ok:
		return true, it.addVersion(token, v)
	case have.Kind == rota.KindNone:
		return true, it.writeVersion(have, v)
	}
	same, err := it.same(have, v)
	if err == nil && !same {
		err = rota.E(rota.Exists, msgTokenUsed, token, it.row.ARN())
	}
	return false, err
}

// same opens what is stored and compares: no hash of a value is kept.
func (it *item) same(have VersionRow, v rota.Value) (bool, error) {
	stored, err := it.unseal(it.row, have)
	return err == nil && stored.Equal(v), err
}

// prune makes room for one more version: the oldest without a label goes,
// if it is older than a day and none of its credentials waits for its end.
func (it *item) prune() error {
	versions, err := it.tx.Versions(it.row.Key)
	if err != nil {
		return err
	}
	excess := len(versions) - maxVersions + 1
	if excess <= 0 {
		return nil
	}
	labelled := map[string]bool{}
	for _, v := range it.labels {
		labelled[v] = true
	}
	rows, err := it.tx.Credentials(it.row.Key)
	if err != nil {
		return err
	}
	for _, c := range rows {
		labelled[c.Version] = labelled[c.Version] || c.State.Open()
	}
	for _, v := range versions {
		if excess == 0 {
			break
		}
		if labelled[v.ID] || it.now.Sub(v.Created) < keepFor {
			continue
		}
		if err := it.tx.DeleteVersion(it.row.Key, v.ID); err != nil {
			return err
		}
		if err := it.tell(SecretVersionDeletion, v.ID, ""); err != nil {
			return err
		}
		excess--
	}
	if excess > 0 {
		return rota.E(rota.LimitExceeded, "The secret has %d versions, and none without a staging label is older than 24 hours.", len(versions))
	}
	return nil
}

// checkLabels refuses labels over the quota of the secret, and new ones that
// could not be told apart in a list. It comes after they were put. The quota
// does not bind who holds the claim: a rotation whose value is in force at
// the provider must be able to finish.
func (it *item) checkLabels(put []rota.Label) error {
	for _, l := range put {
		for _, r := range l {
			if r < ' ' {
				return rota.E(rota.Validation, "A staging label can't contain control characters.")
			}
		}
	}
	if len(it.labels) > rota.MaxLabels && !it.mine {
		return rota.E(rota.LimitExceeded, "A secret can have at most %d staging labels over all its versions.", rota.MaxLabels)
	}
	return nil
}
