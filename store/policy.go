package store

import (
	"context"

	"github.com/rotahq/rota"
)

// Policies reads policies for the store, which keeps them as text.
// It is handed in at Open.
type Policies interface {
	// CheckPolicy refuses a document of which it does not understand every
	// part (MalformedPolicy, with AWS's sentence), and says what the document
	// would do. It runs inside a transaction and must not use the store.
	CheckPolicy(ctx context.Context, p PolicySetup) (PolicyCheck, error)
	// CheckIdentity does the same for a policy that is attached to a principal.
	CheckIdentity(name, document string) (IdentityCheck, error)
}

// PolicySetup is a document as CheckPolicy is shown it.
type PolicySetup struct {
	Document string
	Secret   rota.Secret // the zero Secret when the request names none
	Caller   rota.Caller
}

// PolicyCheck is what a document would do.
type PolicyCheck struct {
	Public   bool // it gives access to whoever asks
	LocksOut bool // it denies the caller the operations that would mend it
}

// PolicyFinding is one reason why a policy does not pass its validation.
type PolicyFinding struct {
	CheckName, Message string
}

// The checks of ValidateResourcePolicy. AWS names the first so where it was
// seen; the name of the second is our own.
const (
	checkPublic  = "REFLEXIVE_PRINCIPAL_CHECK"
	checkLockOut = "CALLER_LOCKOUT_CHECK"
)

const (
	msgPublicPolicy = "The BlockPublicPolicy parameter is set to true, and the resource policy did not prevent broad access to the secret."
	msgBroad        = "The resource policy grants access to a wide range of principals. Name the accounts, users or roles that need the secret."
	msgLocksOut     = "The resource policy denies its author the operations that could change it again."
	msgNoPolicies   = "This server cannot evaluate resource policies, and keeps none."
)

// ResourcePolicyOutput is the output of the operations of resource policies.
// Document is only set by GetResourcePolicy, "" if the secret has none.
type ResourcePolicyOutput struct {
	ARN, Name, Document string
}

// GetResourcePolicy returns the policy as it was put. On a secret that is
// scheduled for deletion it is refused, as the errors that AWS lists for it
// say
// (https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetResourcePolicy.html).
func (s *Store) GetResourcePolicy(ctx context.Context, c rota.Caller, secretID string) (out ResourcePolicyOutput, err error) {
	err = s.view(ctx, c, "GetResourcePolicy", secretID, func(x *session) error {
		it, err := x.openReplica(secretID)
		if err != nil {
			return err
		}
		out = ResourcePolicyOutput{ARN: it.row.ARN(), Name: it.row.Name}
		out.Document, err = x.tx.Policy(it.row.Key)
		return err
	})
	return out, err
}

// PutResourcePolicyInput is the input of PutResourcePolicy.
type PutResourcePolicyInput struct {
	SecretID    string
	Document    string
	BlockPublic bool // BlockPublicPolicy
}

// PutResourcePolicy replaces the policy as a whole. A document that could not
// be evaluated is MalformedPolicy; one that is public, when that is to be
// blocked, PublicPolicy. It may be repeated
// (https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutResourcePolicy.html).
func (s *Store) PutResourcePolicy(ctx context.Context, c rota.Caller, in PutResourcePolicyInput) (out ResourcePolicyOutput, err error) {
	err = s.update(ctx, c, "PutResourcePolicy", in.SecretID, func(x *session) error {
		it, err := x.open(in.SecretID)
		if err != nil {
			return err
		}
		check, err := x.checkPolicy(in.Document, it.row)
		if err != nil {
			return err
		}
		if in.BlockPublic && check.Public {
			return rota.E(rota.PublicPolicy, msgPublicPolicy)
		}
		out = ResourcePolicyOutput{ARN: it.row.ARN(), Name: it.row.Name}
		if err := x.tx.PutPolicy(it.row.Key, in.Document); err != nil {
			return err
		}
		it.changed()
		return it.save()
	})
	return out, err
}

// DeleteResourcePolicy removes the policy. Without one nothing changes. It
// may be repeated
// (https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_DeleteResourcePolicy.html).
func (s *Store) DeleteResourcePolicy(ctx context.Context, c rota.Caller, secretID string) (out ResourcePolicyOutput, err error) {
	err = s.update(ctx, c, "DeleteResourcePolicy", secretID, func(x *session) error {
		it, err := x.open(secretID)
		if err != nil {
			return err
		}
		out = ResourcePolicyOutput{ARN: it.row.ARN(), Name: it.row.Name}
		have, err := x.tx.Policy(it.row.Key)
		if err != nil || have == "" {
			return err
		}
		if err := x.tx.PutPolicy(it.row.Key, ""); err != nil {
			return err
		}
		it.changed()
		return it.save()
	})
	return out, err
}

// ValidateResourcePolicy says what speaks against a policy, nil if nothing
// does; it keeps nothing. A document that could not be evaluated is
// MalformedPolicy, as PutResourcePolicy would answer. secretID may be empty
// (https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_ValidateResourcePolicy.html).
func (s *Store) ValidateResourcePolicy(ctx context.Context, c rota.Caller, secretID, document string) (findings []PolicyFinding, err error) {
	err = s.view(ctx, c, "ValidateResourcePolicy", secretID, func(x *session) error {
		findings = nil
		row, err := x.toValidate(secretID)
		if err != nil {
			return err
		}
		check, err := x.checkPolicy(document, row)
		if err != nil {
			return err
		}
		if check.Public {
			findings = append(findings, PolicyFinding{checkPublic, msgBroad})
		}
		if check.LocksOut {
			findings = append(findings, PolicyFinding{checkLockOut, msgLocksOut})
		}
		return nil
	})
	return findings, err
}

// toValidate finds the secret that a policy is meant for, if it is for one.
// Who validates must also be allowed to put it, as on AWS.
func (x *session) toValidate(secretID string) (SecretRow, error) {
	const put = "PutResourcePolicy"
	if secretID == "" {
		if err := x.mayAll(); err != nil {
			return SecretRow{}, err
		}
		return SecretRow{}, permit(x.c, put)
	}
	row, err := x.find(secretID)
	if err != nil {
		return row, err
	}
	if err := x.may(awsActions+put, row, secretID); err != nil {
		return row, err
	}
	if row.Deleted() {
		err = rota.E(rota.InvalidRequest, msgMarkedDeleted)
	}
	return row, err
}

// checkPolicy reads a document for a secret, or for none.
func (x *session) checkPolicy(document string, row SecretRow) (check PolicyCheck, err error) {
	if x.cfg.Policies == nil {
		return check, rota.E(rota.InvalidRequest, msgNoPolicies)
	}
	setup := PolicySetup{Document: document, Caller: x.c}
	if row.ID != "" {
		if setup.Secret, err = x.full(row); err != nil {
			return check, err
		}
	}
	return x.cfg.Policies.CheckPolicy(x.ctx, setup)
}
