package store

import (
	"context"
	"encoding/base32"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/rotahq/rota"
)

// MostPrincipals is how many there can be: as many users and roles as an
// account of AWS has
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html).
const MostPrincipals = 6000

// Principal is a user or a role, as it is shown. The secret halves of keys are
// not in it.
type Principal struct {
	ARN      string
	ID       string // of this one; another with the same ARN later has another
	Disabled bool
	Created  time.Time
	Changed  time.Time // it or its policies
	Policies []PrincipalPolicy
	Keys     []AccessKey
}

// CreatePrincipal makes a user or a role without policies, which may do
// nothing, and without keys. It is Exists if there is one with the name in any
// case and with any path. principal is an ARN, user/NAME, role/NAME or NAME,
// here and everywhere.
func (s *Store) CreatePrincipal(ctx context.Context, c rota.Caller, principal string) (out Principal, err error) {
	err = s.principal(ctx, c, "CreatePrincipal", principal, func(x *session, w who) error {
		if err := x.permanent(); err != nil {
			return err
		}
		if w.key() == "role/"+EngineRole {
			return rota.E(rota.InvalidParameter, "The role %s is rota's own, and nobody can act as it.", EngineRole)
		}
		row, err := x.newPrincipal(w)
		out = shownPrincipal(row)
		return err
	})
	return out, err
}

// newPrincipal makes the row of a principal.
func (x *session) newPrincipal(w who) (row PrincipalRow, err error) {
	if _, taken, err := x.tx.PrincipalNamed(w.key()); err != nil || taken {
		if err == nil {
			err = w.exists()
		}
		return row, err
	}
	all, err := x.tx.Principals("", MostPrincipals)
	if err != nil {
		return row, err
	}
	if len(all) == MostPrincipals {
		return row, rota.E(rota.LimitExceeded, "Cannot exceed quota for principals: %d", MostPrincipals)
	}
	prefix := "AIDA"
	if w.kind == "role" {
		prefix = "AROA"
	}
	id, err := randomID(x.cfg.Rand, prefix)
	if err != nil {
		return row, err
	}
	row = PrincipalRow{ARN: w.arn, Name: w.key(), ID: id, Created: x.now, Changed: x.now}
	return row, x.tx.PutPrincipal(row)
}

// randomID is an id as IAM's are: four letters that say what it is of, and 16
// random letters and digits
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids).
func randomID(rand io.Reader, prefix string) (string, error) {
	var b [10]byte
	if _, err := io.ReadFull(rand, b[:]); err != nil {
		return "", fmt.Errorf("read randomness: %w", err)
	}
	return prefix + base32.StdEncoding.EncodeToString(b[:]), nil
}

// ListPrincipalsInput is the input of ListPrincipals.
type ListPrincipalsInput struct {
	MaxResults int // up to 100, which is what 0 means
	NextToken  string
}

// ListPrincipalsOutput is its output.
type ListPrincipalsOutput struct {
	Principals []Principal // by ARN, without policies and keys
	NextToken  string      // "": these were the last
}

const mostListed = 100

// ListPrincipals lists all principals.
func (s *Store) ListPrincipals(ctx context.Context, c rota.Caller, in ListPrincipalsInput) (out ListPrincipalsOutput, err error) {
	p := s.newPage("ListPrincipals", in.MaxResults, mostListed)
	err = s.view(ctx, c, ownActions+"ListPrincipals", "", func(x *session) error {
		if err := x.mayAll(); err != nil {
			return err
		}
		out = ListPrincipalsOutput{Principals: []Principal{}}
		after := ""
		if err := p.read(in.NextToken, &after); err != nil {
			return err
		}
		rows, err := x.tx.Principals(after, p.max+1)
		if err != nil {
			return err
		}
		if len(rows) > p.max {
			rows = rows[:p.max]
			if out.NextToken, err = p.next(rows[p.max-1].ARN); err != nil {
				return err
			}
		}
		for _, row := range rows {
			out.Principals = append(out.Principals, shownPrincipal(row))
		}
		return nil
	})
	return out, err
}

// DescribePrincipal returns a principal with its policies and keys.
func (s *Store) DescribePrincipal(ctx context.Context, c rota.Caller, principal string) (out Principal, err error) {
	err = s.view(ctx, c, ownActions+"DescribePrincipal", principal, func(x *session) error {
		_, row, err := x.askedPrincipal(principal)
		if err != nil {
			return err
		}
		out, err = x.fullPrincipal(row)
		return err
	})
	return out, err
}

// SetPrincipal enables or disables a principal. While it is disabled none of
// its keys and of its temporary credentials is accepted, from the return of
// this call on. It may be repeated. The last administrator is not disabled
// unless force says so.
func (s *Store) SetPrincipal(ctx context.Context, c rota.Caller, principal string, enabled, force bool) error {
	op := "DisablePrincipal"
	if enabled {
		op = "EnablePrincipal"
	}
	return s.principal(ctx, c, op, principal, func(x *session, w who) error {
		row, err := x.managed(w)
		if err != nil || row.Disabled != enabled {
			return err
		}
		row.Disabled, row.Changed = !enabled, x.now
		return x.keepAdministrator(force, func() error { return x.tx.PutPrincipal(row) })
	})
}

// DeletePrincipal removes a principal, its policies and its keys: from the
// return of this call on neither they nor its temporary credentials are
// accepted, nor when another one of its name is made. The last administrator
// is not deleted unless force says so.
func (s *Store) DeletePrincipal(ctx context.Context, c rota.Caller, principal string, force bool) error {
	return s.principal(ctx, c, "DeletePrincipal", principal, func(x *session, w who) error {
		row, err := x.managed(w)
		if err != nil {
			return err
		}
		return x.keepAdministrator(force, func() error { return x.tx.DeletePrincipal(row.ARN) })
	})
}

// principal is an operation that changes one principal. It is authorised on
// its ARN, whether it exists or not.
func (s *Store) principal(ctx context.Context, c rota.Caller, op, principal string, f func(*session, who) error) error {
	return s.update(ctx, c, ownActions+op, principal, func(x *session) error {
		w, err := x.askPrincipal(principal)
		if err != nil {
			return err
		}
		return f(x, w)
	})
}

// askPrincipal reads whom a request names and authorises the operation on it.
func (x *session) askPrincipal(principal string) (who, error) {
	w, err := x.parsePrincipal(x.c, principal)
	if err != nil {
		return w, err
	}
	return w, x.mayAct(x.action, rota.Resource{ARN: w.arn, Asked: w.asked})
}

// askedPrincipal is askPrincipal for one that must be there.
func (x *session) askedPrincipal(principal string) (w who, row PrincipalRow, err error) {
	if w, err = x.askPrincipal(principal); err != nil {
		return w, row, err
	}
	row, ok, err := x.tx.Principal(w.arn)
	if err == nil && !ok {
		err = w.missing()
	}
	return w, row, err
}

// managed is the principal that a caller is about to change.
func (x *session) managed(w who) (PrincipalRow, error) {
	if err := x.permanent(); err != nil {
		return PrincipalRow{}, err
	}
	row, ok, err := x.tx.Principal(w.arn)
	if err == nil && !ok {
		err = w.missing()
	}
	return row, err
}

// TemporaryKey begins the ids of temporary credentials, and no other's.
const TemporaryKey = "ASIA"

// permanent refuses temporary credentials: what ends must not be able to leave
// behind what does not, nor to widen what it was limited to.
func (x *session) permanent() error {
	if strings.HasPrefix(x.c.AccessKey, TemporaryKey) {
		return rota.E(rota.AccessDenied, "Temporary credentials cannot change principals, their policies or their access keys.")
	}
	return nil
}

func shownPrincipal(row PrincipalRow) Principal {
	return Principal{ARN: row.ARN, ID: row.ID, Disabled: row.Disabled, Created: row.Created, Changed: row.Changed}
}

func (x *session) fullPrincipal(row PrincipalRow) (Principal, error) {
	p := shownPrincipal(row)
	var err error
	if p.Policies, err = x.tx.PrincipalPolicies(row.ARN); err != nil {
		return p, err
	}
	keys, err := x.tx.AccessKeys(row.ARN)
	for _, k := range keys {
		p.Keys = append(p.Keys, shownKey(k))
	}
	return p, err
}
