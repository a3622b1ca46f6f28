package server

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/access/policy"
	"github.com/rotahq/rota/wire"
)

// explainPolicy says what the policies say of a request that was not sent. It
// shows policies of the principal and of the secret to whoever may ask.
func (s *Server) explainPolicy(ctx context.Context, c rota.Caller, in wire.ExplainPolicyInput) (wire.ExplainPolicyOutput, error) {
	var out wire.ExplainPolicyOutput
	on, unseen, err := s.Store.Resource(ctx, c, in.SecretId)
	if err != nil {
		return out, err
	}
	service, name, _ := strings.Cut(in.Action, ":")
	if service == "" || name == "" || strings.ContainsAny(in.Action, "*? ") {
		return out, rota.E(rota.InvalidParameter, "The Action %q is none: write one action, such as secretsmanager:GetSecretValue.", in.Action)
	}
	if !policy.Action(in.Action) {
		return out, rota.E(rota.InvalidParameter, "No action is called %s.", in.Action)
	}
	arn := principalARN(c.Account, in.Principal)
	grant, err := s.Grants.GrantOf(ctx, arn)
	if errors.Is(err, rota.NotFound) {
		return out, rota.E(rota.InvalidParameter, "There is no principal %s.", arn)
	}
	if err != nil {
		return out, err
	}
	g, err := s.supposed(grant, c, in)
	if err != nil {
		return out, err
	}
	attached, err := s.documents.policy(on)
	if err != nil {
		return out, err
	}
	r := g.request(in.Action, on)
	d, verdicts := policy.Explain(r, grant.Policies, attached)
	out = wire.ExplainPolicyOutput{
		Principal: arn, Action: in.Action, Resource: on.ARN, Allowed: d.Allowed, Reason: d.Reason(), Statements: []wire.ShownStatement{},
	}
	if !d.Allowed {
		out.Denial = denialOf(g, in.Action, on, unseen)
	}
	for _, v := range verdicts {
		out.Statements = append(out.Statements, wire.ShownStatement{
			Policy: v.Policy, By: v.By.String(), Statement: v.Statement, Sid: v.Sid, Effect: v.Effect, Applies: v.Applies, Why: v.Why,
			Decides: d.Statement > 0 && v.By == d.By && v.Policy == d.Policy && v.Statement == d.Statement,
		})
	}
	return out, nil
}

// principalARN is that of a name: NAME or user/NAME, or role/NAME.
func principalARN(account, name string) string {
	if strings.HasPrefix(name, "arn:") {
		return name
	}
	if !strings.HasPrefix(name, "user/") && !strings.HasPrefix(name, "role/") {
		name = "user/" + name
	}
	return "arn:aws:iam::" + account + ":" + name
}

// supposed is the gate of a request that has what the input says, and what
// follows from the rest of it.
func (s *Server) supposed(grant Grant, c rota.Caller, in wire.ExplainPolicyInput) (*gate, error) {
	g := &gate{grant: grant, now: s.Verifier.Now(), account: c.Account, region: c.Region, read: &s.documents, context: slices.Clip(grant.Context)}
	given := map[policy.Key]bool{}
	for _, name := range slices.Sorted(maps.Keys(in.Context)) {
		k, tag, err := policy.ParseKey(name)
		if err != nil {
			return nil, rota.E(rota.InvalidParameter, "Context: %s", messageOf(err))
		}
		given[k] = true
		if err := g.suppose(k, tag, in.Context[name]); err != nil {
			return nil, err
		}
	}
	if !given[policy.RequestedRegion] {
		g.know(policy.RequestedRegion, c.Region)
	}
	for _, a := range usual(in, given) {
		if !given[a.Key] {
			g.know(a.Key, a.Value)
		}
	}
	return g, nil
}

// usual is what about would know of a request that has no more than its
// SecretId.
func usual(in wire.ExplainPolicyInput, given map[policy.Key]bool) []policy.Attribute {
	service, name, _ := strings.Cut(strings.ToLower(in.Action), ":")
	if service != "secretsmanager" {
		return nil
	}
	list := []policy.Attribute{{Key: policy.SecretId, Value: in.SecretId}}
	switch name {
	case "createsecret":
		list[0].Key = policy.Name
	case "getsecretvalue":
		if !given[policy.VersionId] {
			list = append(list, policy.Attribute{Key: policy.VersionStage, Value: rota.Current})
		}
	case "putsecretvalue":
		list = append(list, policy.Attribute{Key: policy.VersionStage, Value: rota.Current})
	case "rotatesecret":
		list = append(list, policy.Attribute{Key: policy.RotateImmediately, Value: "true"}, policy.Attribute{Key: policy.ModifyRotationRules, Value: "false"})
	}
	return list
}

// suppose adds the values of a key. Time can be supposed; what else follows
// from principal, secret and clock cannot.
func (g *gate) suppose(k policy.Key, tag string, values []string) error {
	switch {
	case k == policy.CurrentTime && len(values) == 1:
		at, err := time.Parse(time.RFC3339, values[0])
		if err != nil {
			return rota.E(rota.InvalidParameter, "Context: %s %q is no time; write it as 2026-01-31T12:00:00Z.", k, values[0])
		}
		g.now = at
		return nil
	case k.Derived(), k == policy.ResourceTag, k == policy.ResourceType, k == policy.ResourceAllowRotationLambdaArn, k == policy.SecretPrimaryRegion:
		return rota.E(rota.InvalidParameter, "Context: %s%s follows from the principal, the secret or the clock, and can't be given.", k, tag)
	}
	for _, v := range values {
		g.context = append(g.context, policy.Attribute{Key: k, Tag: tag, Value: v})
	}
	return nil
}

// denialOf is what the principal would be told: as the store does it, of a secret
// that he may not know of no more than of one that does not exist.
func denialOf(g *gate, action string, on, unseen rota.Resource) string {
	err := g.may(action, on)
	if hidden := g.may(action, unseen); hidden != nil {
		err = hidden
	}
	return messageOf(err)
}

// messageOf is the part of an error that a caller sees.
func messageOf(err error) string {
	var e *rota.Error
	if errors.As(err, &e) {
		return e.Message
	}
	return ""
}
