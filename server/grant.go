package server

import (
	"context"

	"github.com/rotahq/rota/access/policy"
	"github.com/rotahq/rota/wire"
)

// Grant is what a principal is, and what its own policies say.
type Grant struct {
	Principal policy.Principal
	Policies  []*policy.Policy   // attached to the principal
	Session   *policy.Policy     // what its temporary credentials are limited to; nil: not
	Context   []policy.Attribute // what else is known of it: aws:userid, aws:TokenIssueTime
}

// Grants knows the principals.
type Grants interface {
	// Grant is that of whoever signed a request. It is asked once for each
	// request, after the signature was verified.
	Grant(ctx context.Context, who wire.Identity) (Grant, error)

	// GrantOf is that of the principal with an ARN, as it would be with keys
	// of its own. rota.NotFound: there is none.
	GrantOf(ctx context.Context, arn string) (Grant, error)
}

// fullAccess is the policy of who may do everything.
const fullAccess = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`

// FullAccess is the grant of a principal that may do everything which no
// resource policy denies. The error is that of an ARN that names nobody.
func FullAccess(arn string) (Grant, error) {
	who, err := policy.ParsePrincipal(arn)
	if err != nil {
		return Grant{}, err
	}
	all, err := policy.ParseIdentity("FullAccess", fullAccess)
	if err != nil {
		return Grant{}, err
	}
	return Grant{Principal: who, Policies: []*policy.Policy{all}}, nil
}
