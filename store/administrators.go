package store

import (
	"context"
	"slices"

	"github.com/rotahq/rota"
)

// An administrator is an enabled principal with an active key that a policy
// allows everything and none denies anything. While there is one, somebody can
// mend whatever else is wrong; without one, only who can stop the server can.

const msgLastAdministrator = "This would leave nobody who has full access, is enabled and has an active access key. Make another administrator first, or repeat it with Force (--force)."

// keepAdministrator does a change and refuses it if it takes away the last
// administrator, unless force says so.
func (x *session) keepAdministrator(force bool, change func() error) error {
	before, err := x.administered()
	if err != nil {
		return err
	}
	if err := change(); err != nil {
		return err
	}
	after, err := x.administered()
	if err == nil && before && !after && !force {
		err = &rota.Error{Code: rota.InvalidRequest, Message: msgLastAdministrator}
	}
	return err
}

// administered reports whether there is an administrator.
func (x *session) administered() (bool, error) {
	arns, err := x.tx.FullAccess()
	if err != nil {
		return false, err
	}
	for _, arn := range arns {
		row, _, err := x.tx.Principal(arn)
		if err != nil {
			return false, err
		}
		p, err := x.fullPrincipal(row)
		if err != nil {
			return false, err
		}
		if !p.Disabled && !slices.ContainsFunc(p.Policies, func(p PrincipalPolicy) bool { return p.Denies }) &&
			slices.ContainsFunc(p.Keys, func(k AccessKey) bool { return !k.Inactive }) {
			return true, nil
		}
	}
	return false, nil
}

// FirstPrincipal is one that a new database begins with.
type FirstPrincipal struct {
	Principal  string // as in CreatePrincipal
	PolicyName string
	Document   string
	KeyID      string     // of its first access key; "" for none
	Secret     rota.Value // of that key
}

// PlaceOf reads which account and region a database is of. It is for who opens
// one as it is; a new one has neither, which is NotFound.
func PlaceOf(ctx context.Context, d Driver) (account, region string, err error) {
	err = d.View(ctx, func(tx Tx) error {
		a, err := tx.Meta(metaAccount)
		if err != nil {
			return err
		}
		r, err := tx.Meta(metaRegion)
		if err == nil && a == nil {
			err = rota.E(rota.NotFound, "The database is a new one, and of no account yet.")
		}
		account, region = string(a), string(r)
		return err
	})
	return account, region, wrap("read what the database is", "", err)
}

// metaFounded says that the first principals were made, whatever became of
// them.
const metaFounded = "store.principals"

// Founded reports whether FirstPrincipals made them.
func (s *Store) Founded(ctx context.Context) (done bool, err error) {
	err = s.d.View(ctx, func(tx Tx) error {
		v, err := tx.Meta(metaFounded)
		done = v != nil
		return err
	})
	return done, wrap("look for the first principals", "", err)
}

// FirstPrincipals makes the principals that a database begins with, all in one
// commit. Later calls, also after a restart and when all principals are gone,
// do nothing: who was removed stays so.
func (s *Store) FirstPrincipals(ctx context.Context, first ...FirstPrincipal) (made bool, err error) {
	err = s.update(ctx, rota.Caller{}, "make the first principals", "", func(x *session) error {
		made = false
		done, err := x.tx.Meta(metaFounded)
		if err != nil || done != nil {
			return err
		}
		for _, p := range first {
			if err := x.makeFirst(p); err != nil {
				return nameSecret(err, p.Principal)
			}
		}
		made = true
		return x.tx.PutMeta(metaFounded, []byte{1})
	})
	return made, err
}

func (x *session) makeFirst(p FirstPrincipal) error {
	w, err := x.parsePrincipal(x.c, p.Principal)
	if err != nil {
		return err
	}
	row, err := x.newPrincipal(w)
	if err != nil {
		return err
	}
	if err := x.attachPolicy(row, p.PolicyName, p.Document); err != nil {
		return err
	}
	if p.KeyID != "" {
		_, err = x.putKey(row.ARN, p.KeyID, p.Secret)
	}
	return err
}

// RecoverAdministrator makes an administrator of a principal when nobody can
// get in any more: it makes or enables it, puts the document in the place of
// all its policies and makes a new key. The keys that it has stay as they are,
// but for the oldest, inactive ones first, if there is no room for another one. It
// is for who can stop the server; each call makes another key.
func (s *Store) RecoverAdministrator(ctx context.Context, principal, policyName, document string) (key NewAccessKey, gone []string, err error) {
	err = s.update(ctx, rota.Caller{}, "recover the administrator", principal, func(x *session) error {
		gone = nil
		w, err := x.parsePrincipal(x.c, principal)
		if err != nil {
			return err
		}
		row, ok, err := x.tx.Principal(w.arn)
		if err == nil && !ok {
			row, err = x.newPrincipal(w)
		}
		if err != nil {
			return err
		}
		have, err := x.fullPrincipal(row)
		if err != nil {
			return err
		}
		for _, p := range have.Policies {
			if err := x.tx.DeletePrincipalPolicy(row.ARN, p.Name); err != nil {
				return err
			}
		}
		row.Disabled = false
		if err := x.attachPolicy(row, policyName, document); err != nil {
			return err
		}
		keys := have.Keys
		for len(keys) >= MostKeys {
			i := max(0, slices.IndexFunc(keys, func(k AccessKey) bool { return k.Inactive }))
			if err := x.tx.DeleteAccessKey(keys[i].ID); err != nil {
				return err
			}
			gone = append(gone, keys[i].ID)
			keys = slices.Delete(keys, i, i+1)
		}
		key, err = x.newKey(row.ARN)
		return err
	})
	return key, gone, err
}
