package server

import (
	"cmp"
	"context"
	"net"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/access/policy"
	"github.com/rotahq/rota/store"
)

// ResourcePolicies lets the store check policies, of secrets and of
// principals, by the rules of package policy, which will also evaluate them.
type ResourcePolicies struct{}

var _ store.Policies = ResourcePolicies{}

// CheckPolicy reads a document.
func (ResourcePolicies) CheckPolicy(_ context.Context, p store.PolicySetup) (store.PolicyCheck, error) {
	doc, err := policy.ParseResource("ResourcePolicy", p.Document)
	if err != nil {
		return store.PolicyCheck{}, err
	}
	_, public := doc.Public()
	return store.PolicyCheck{Public: public, LocksOut: locksOut(doc, p)}, nil
}

// CheckIdentity reads a policy of a principal.
func (ResourcePolicies) CheckIdentity(name, document string) (store.IdentityCheck, error) {
	doc, err := policy.ParseIdentity(name, document)
	if err != nil {
		return store.IdentityCheck{}, err
	}
	return store.IdentityCheck{FullAccess: doc.FullAccess(), Denies: doc.Denies()}, nil
}

// locksOut says whether the caller could neither replace the policy nor
// delete it. A caller without an IAM principal cannot be locked out.
func locksOut(doc *policy.Policy, p store.PolicySetup) bool {
	who, err := policy.ParsePrincipal(p.Caller.Principal)
	if err != nil {
		return false
	}
	s := p.Secret
	if s.ID == "" { // any secret of the caller's
		s.Account, s.Region, s.Name, s.Suffix = p.Caller.Account, p.Caller.Region, "any", "AbCdEf"
	}
	r := &policy.Request{Principal: who, Resource: s.ARN(), Context: []policy.Attribute{{Key: policy.RequestedRegion, Value: s.Region}}}
	if host, _, err := net.SplitHostPort(p.Caller.Source); err == nil {
		r.Context = append(r.Context, policy.Attribute{Key: policy.SourceIp, Value: host})
	}
	for _, t := range s.Tags {
		r.Context = append(r.Context, policy.Attribute{Key: policy.ResourceTag, Tag: t.Key, Value: t.Value})
	}
	for _, action := range []string{"PutResourcePolicy", "DeleteResourcePolicy"} {
		r.Action = "secretsmanager:" + action
		if !policy.Evaluate(r, nil, doc).Explicit && !takes(r.Action, s, p) {
			return false
		}
	}
	return true
}

// takes says whether the caller may do something to the secret without the
// policy and not with it, asked with all that is known of this request: the
// clock, the connection, the principal.
func takes(action string, s rota.Secret, p store.PolicySetup) bool {
	if p.Caller.Trusted() {
		return false
	}
	on := rota.Resource{ARN: s.ARN(), Asked: s.ARN(), Tags: s.Tags, Type: s.Type, Function: s.Rotation.Function, PrimaryRegion: cmp.Or(s.PrimaryRegion, s.Region)}
	if p.Caller.Ask(action, on) != nil {
		return false
	}
	on.Policy = p.Document
	return p.Caller.Ask(action, on) != nil
}
