package server

import (
	"context"
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/access/session"
	"github.com/rotahq/rota/store"
	"github.com/rotahq/rota/wire"
)

// Sessions issues temporary credentials to callers; session.Directory does.
type Sessions interface {
	GetSessionToken(ctx context.Context, c rota.Caller, r session.TokenRequest) (session.Credentials, error)
}

// principalOperations are rota's own on principals, their policies and keys.
func principalOperations() map[string]operation {
	return map[string]operation{
		"CreatePrincipal":       ownOn((*Server).createPrincipal),
		"ListPrincipals":        reads(ownOn((*Server).listPrincipals)),
		"DescribePrincipal":     reads(ownOn((*Server).describePrincipal)),
		"EnablePrincipal":       ownOn((*Server).enablePrincipal),
		"DisablePrincipal":      ownOn((*Server).disablePrincipal),
		"DeletePrincipal":       ownOn((*Server).deletePrincipal),
		"CreateAccessKey":       ownOn((*Server).createAccessKey),
		"ListAccessKeys":        reads(ownOn((*Server).listAccessKeys)),
		"UpdateAccessKey":       ownOn((*Server).updateAccessKey),
		"DeleteAccessKey":       ownOn((*Server).deleteAccessKey),
		"PutPrincipalPolicy":    ownOn((*Server).putPrincipalPolicy),
		"DeletePrincipalPolicy": ownOn((*Server).deletePrincipalPolicy),
		"GetSessionToken":       reads(ownOn((*Server).getSessionToken)),
	}
}

func (s *Server) createPrincipal(ctx context.Context, c rota.Caller, in wire.CreatePrincipalInput) (wire.PrincipalOutput, error) {
	if in.Principal == "" {
		return wire.PrincipalOutput{}, noPrincipal()
	}
	p, err := s.Store.CreatePrincipal(ctx, c, in.Principal)
	return wire.PrincipalOutput{Principal: shownPrincipal(p)}, err
}

// noPrincipal is the refusal of an operation that never means the caller by
// saying nothing.
func noPrincipal() error { return rota.E(rota.InvalidParameter, "You must provide a Principal.") }

func (s *Server) listPrincipals(ctx context.Context, c rota.Caller, in wire.ListPrincipalsInput) (wire.ListPrincipalsOutput, error) {
	got, err := s.Store.ListPrincipals(ctx, c, store.ListPrincipalsInput{MaxResults: in.MaxResults, NextToken: in.NextToken})
	out := wire.ListPrincipalsOutput{Principals: []wire.ShownPrincipal{}, NextToken: got.NextToken}
	for _, p := range got.Principals {
		out.Principals = append(out.Principals, shownPrincipal(p))
	}
	return out, err
}

func (s *Server) describePrincipal(ctx context.Context, c rota.Caller, in wire.DescribePrincipalInput) (wire.PrincipalOutput, error) {
	p, err := s.Store.DescribePrincipal(ctx, c, in.Principal)
	return wire.PrincipalOutput{Principal: shownPrincipal(p)}, err
}

func (s *Server) enablePrincipal(ctx context.Context, c rota.Caller, in wire.ChangePrincipalInput) (wire.Done, error) {
	if in.Principal == "" {
		return wire.Done{}, noPrincipal()
	}
	return wire.Done{}, s.Store.SetPrincipal(ctx, c, in.Principal, true, in.Force)
}

func (s *Server) disablePrincipal(ctx context.Context, c rota.Caller, in wire.ChangePrincipalInput) (wire.Done, error) {
	if in.Principal == "" {
		return wire.Done{}, noPrincipal()
	}
	return wire.Done{}, s.Store.SetPrincipal(ctx, c, in.Principal, false, in.Force)
}

func (s *Server) deletePrincipal(ctx context.Context, c rota.Caller, in wire.ChangePrincipalInput) (wire.Done, error) {
	if in.Principal == "" {
		return wire.Done{}, noPrincipal()
	}
	return wire.Done{}, s.Store.DeletePrincipal(ctx, c, in.Principal, in.Force)
}

func (s *Server) createAccessKey(ctx context.Context, c rota.Caller, in wire.CreateAccessKeyInput) (wire.CreateAccessKeyOutput, error) {
	k, err := s.Store.CreateAccessKey(ctx, c, in.Principal)
	return wire.CreateAccessKeyOutput{
		Principal: k.Principal, AccessKeyId: k.ID, SecretAccessKey: wire.Disclosed{Value: k.Secret}, Created: k.Created,
	}, err
}

func (s *Server) listAccessKeys(ctx context.Context, c rota.Caller, in wire.ListAccessKeysInput) (wire.ListAccessKeysOutput, error) {
	keys, err := s.Store.ListAccessKeys(ctx, c, in.Principal)
	return wire.ListAccessKeysOutput{AccessKeys: shownKeys(keys)}, err
}

func (s *Server) updateAccessKey(ctx context.Context, c rota.Caller, in wire.UpdateAccessKeyInput) (wire.Done, error) {
	if in.Status != wire.KeyActive && in.Status != wire.KeyInactive {
		return wire.Done{}, rota.E(rota.InvalidParameter, "The Status of an access key is %s or %s.", wire.KeyActive, wire.KeyInactive)
	}
	return wire.Done{}, s.Store.SetAccessKey(ctx, c, in.Principal, in.AccessKeyId, in.Status == wire.KeyActive, in.Force)
}

func (s *Server) deleteAccessKey(ctx context.Context, c rota.Caller, in wire.DeleteAccessKeyInput) (wire.Done, error) {
	return wire.Done{}, s.Store.DeleteAccessKey(ctx, c, in.Principal, in.AccessKeyId, in.Force)
}

func (s *Server) putPrincipalPolicy(ctx context.Context, c rota.Caller, in wire.PutPrincipalPolicyInput) (wire.Done, error) {
	if in.Principal == "" {
		return wire.Done{}, noPrincipal()
	}
	return wire.Done{}, s.Store.PutPrincipalPolicy(ctx, c, in.Principal, in.PolicyName, in.PolicyDocument, in.Force)
}

func (s *Server) deletePrincipalPolicy(ctx context.Context, c rota.Caller, in wire.DeletePrincipalPolicyInput) (wire.Done, error) {
	if in.Principal == "" {
		return wire.Done{}, noPrincipal()
	}
	return wire.Done{}, s.Store.DeletePrincipalPolicy(ctx, c, in.Principal, in.PolicyName, in.Force)
}

func (s *Server) getSessionToken(ctx context.Context, c rota.Caller, in wire.GetSessionTokenInput) (wire.GetSessionTokenOutput, error) {
	if in.DurationSeconds < 0 || in.DurationSeconds > int64(session.MaxDuration/time.Second) {
		in.DurationSeconds = 1 // out of bounds as well, and no product overflows
	}
	k, err := s.Sessions.GetSessionToken(ctx, c, session.TokenRequest{
		Policy: in.Policy, Name: in.SessionName, Duration: time.Duration(in.DurationSeconds) * time.Second,
	})
	return wire.GetSessionTokenOutput{
		AccessKeyId: k.AccessKeyID, SecretAccessKey: wire.Disclosed{Value: k.Secret}, SessionToken: wire.Disclosed{Value: k.Token}, Expiration: k.Expires,
	}, err
}

func shownPrincipal(p store.Principal) wire.ShownPrincipal {
	out := wire.ShownPrincipal{Arn: p.ARN, PrincipalId: p.ID, State: wire.PrincipalEnabled, Created: p.Created, Changed: p.Changed, AccessKeys: shownKeys(p.Keys)}
	if p.Disabled {
		out.State = wire.PrincipalDisabled
	}
	for _, d := range p.Policies {
		out.Policies = append(out.Policies, wire.ShownPolicy{PolicyName: d.Name, PolicyDocument: d.Document, Changed: d.Changed})
	}
	return out
}

func shownKeys(keys []store.AccessKey) []wire.ShownKey {
	out := []wire.ShownKey{}
	for _, k := range keys {
		shown := wire.ShownKey{AccessKeyId: k.ID, Status: wire.KeyActive, Created: k.Created, LastUsed: timePtr(k.Used)}
		if k.Inactive {
			shown.Status = wire.KeyInactive
		}
		out = append(out, shown)
	}
	return out
}
