package store

import (
	"context"

	"github.com/rotahq/rota"
)

// MostPolicies is how many policies a principal can have.
const MostPolicies = 20

// IdentityCheck is what an identity policy would do.
type IdentityCheck struct {
	FullAccess bool // a statement allows everything on everything, without a condition
	Denies     bool // a statement denies something
}

// PutPrincipalPolicy gives a principal a policy, or replaces the one of the
// same name. A document of which the evaluator does not understand every part
// is MalformedPolicy. It counts from the return of this call on, and may be
// repeated. The last administrator keeps full access unless force says so.
func (s *Store) PutPrincipalPolicy(ctx context.Context, c rota.Caller, principal, name, document string, force bool) error {
	return s.principal(ctx, c, "PutPrincipalPolicy", principal, func(x *session, w who) error {
		row, err := x.managed(w)
		if err != nil {
			return err
		}
		have, err := x.policy(row, name)
		if err != nil || have.Document == document {
			return err
		}
		if have.Name == "" {
			all, err := x.tx.PrincipalPolicies(row.ARN)
			if err != nil {
				return err
			}
			if len(all) >= MostPolicies {
				return rota.E(rota.LimitExceeded, "Cannot exceed quota for PoliciesPerPrincipal: %d", MostPolicies)
			}
		}
		return x.keepAdministrator(force, func() error { return x.attachPolicy(row, name, document) })
	})
}

// attachPolicy checks a policy and writes it.
func (x *session) attachPolicy(row PrincipalRow, name, document string) error {
	if x.cfg.Policies == nil {
		return rota.E(rota.InvalidRequest, "This server cannot evaluate policies, and keeps none.")
	}
	check, err := x.cfg.Policies.CheckIdentity(name, document)
	if err != nil {
		return err
	}
	row.Changed = x.now
	if err := x.tx.PutPrincipal(row); err != nil {
		return err
	}
	return x.tx.PutPrincipalPolicy(PrincipalPolicy{
		Principal: row.ARN, Name: name, Document: document, FullAccess: check.FullAccess, Denies: check.Denies, Changed: x.now,
	})
}

// DeletePrincipalPolicy takes a policy from a principal. The last
// administrator keeps full access unless force says so.
func (s *Store) DeletePrincipalPolicy(ctx context.Context, c rota.Caller, principal, name string, force bool) error {
	return s.principal(ctx, c, "DeletePrincipalPolicy", principal, func(x *session, w who) error {
		row, err := x.managed(w)
		if err != nil {
			return err
		}
		have, err := x.policy(row, name)
		if err == nil && have.Name == "" {
			err = rota.E(rota.NotFound, "The %s policy with name %s cannot be found.", w.kind, name)
		}
		if err != nil {
			return err
		}
		return x.keepAdministrator(force, func() error {
			row.Changed = x.now
			if err := x.tx.PutPrincipal(row); err != nil {
				return err
			}
			return x.tx.DeletePrincipalPolicy(row.ARN, name)
		})
	})
}

// policy finds a policy of a principal by its name; the zero one if it has
// none.
func (x *session) policy(row PrincipalRow, name string) (PrincipalPolicy, error) {
	if !policyName.MatchString(name) {
		return PrincipalPolicy{}, rota.E(rota.InvalidParameter, "The name of a policy has 1 to 128 letters, digits and _+=,.@-.")
	}
	all, err := x.tx.PrincipalPolicies(row.ARN)
	for _, p := range all {
		if p.Name == name {
			return p, err
		}
	}
	return PrincipalPolicy{}, err
}
