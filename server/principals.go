package server

import (
	"context"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/access/session"
	"github.com/rotahq/rota/wire"
)

// Principals lets the verifier and the gate ask the directory of principals.
type Principals struct{ *session.Directory }

var (
	_ wire.Keys = Principals{}
	_ Grants    = Principals{}
)

// Key finds a key, with who has it.
func (p Principals) Key(ctx context.Context, accessKeyID, sessionToken string) (wire.Key, error) {
	k, err := p.Directory.Key(ctx, accessKeyID, sessionToken)
	if err != nil {
		return wire.Key{}, err
	}
	return wire.Key{Secret: k.Secret, SessionToken: k.Token, Expires: k.Expires, Caller: k.Caller, Holder: k.Identity}, nil
}

// Grant is that of the key that signed, as it was when the signature was
// verified.
func (p Principals) Grant(_ context.Context, who wire.Identity) (Grant, error) {
	i, ok := who.Holder.(*session.Identity)
	if !ok {
		return Grant{}, rota.E(rota.Internal, "nobody knows who %s is", who.Caller.Principal)
	}
	p.Used(who.AccessKeyID)
	return grantOf(i), nil
}

// GrantOf is that of a principal.
func (p Principals) GrantOf(ctx context.Context, arn string) (Grant, error) {
	i, err := p.Identity(ctx, arn)
	if err != nil {
		return Grant{}, err
	}
	return grantOf(i), nil
}

func grantOf(i *session.Identity) Grant {
	g := Grant{Principal: i.Principal, Policies: i.Policies, Context: i.Context()}
	if i.Session != nil {
		g.Session = i.Session.Policy
	}
	return g
}
