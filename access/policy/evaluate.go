package policy

import (
	"strconv"
	"strings"

	"github.com/rotahq/rota"
)

// Decision is what the policies say of a request.
type Decision struct {
	Allowed  bool
	Explicit bool // denied by a Deny statement, not for want of an Allow
	By       By

	// The statement that decided; empty for an implicit deny and for root.
	Policy    string // the policy's name
	Statement int    // counted from 1
	Sid       string
}

// By is what decided: the policy that allows or denies, or the one in which an
// Allow is missing.
type By uint8

const (
	IdentityPolicy By = iota
	ResourcePolicy
	AccountRoot // the account's root user may do everything that is not denied
	SessionPolicy
)

func (b By) String() string {
	return [...]string{"identity-based policy", "resource-based policy", "root user of the account", "session policy"}[b]
}

// Evaluate decides a request by the policies attached to its principal and
// the one attached to its resource, which may be nil.
//
// A Deny that applies wins over everything. Within one account, an Allow in
// either kind of policy is enough; across accounts both kinds have to allow
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html).
// An Allow in a resource policy that names only the caller's account leaves
// the decision to the identity policies. The root user needs no Allow in its
// own account.
//
// What a session's own policy does not allow, nothing allows it.
//
// It changes nothing, and may be called again and at the same time.
func Evaluate(r *Request, identities []*Policy, attached *Policy) Decision {
	if r.Principal.arn == "" {
		return Decision{}
	}
	c := r.call()
	if r.Session == nil {
		return evaluate(&c, identities, attached)
	}
	if i := r.Session.find(&c, deny, direct); i >= 0 {
		return r.Session.decision(i, SessionPolicy)
	}
	d := evaluate(&c, identities, attached)
	if d.Allowed && r.Session.find(&c, allow, direct) < 0 {
		return Decision{By: SessionPolicy}
	}
	return d
}

func evaluate(c *call, identities []*Policy, attached *Policy) Decision {
	for _, p := range identities {
		if i := p.find(c, deny, direct); i >= 0 {
			return p.decision(i, IdentityPolicy)
		}
	}
	if i := attached.find(c, deny, delegated); i >= 0 {
		return attached.decision(i, ResourcePolicy)
	}

	foreign, least := c.foreign(), direct
	if foreign {
		least = delegated
	}
	granted := attached.find(c, allow, least)
	if granted >= 0 && !foreign {
		return attached.decision(granted, ResourcePolicy)
	}
	d := own(c, identities)
	if d.Allowed && foreign && granted < 0 {
		return Decision{By: ResourcePolicy}
	}
	return d
}

// foreign reports whether the resource belongs to another account than the
// caller's.
func (r *Request) foreign() bool {
	account := accountOf(r.Resource)
	return account != "" && account != r.Principal.account
}

// own is what the caller's own side allows, denials aside.
func own(c *call, identities []*Policy) Decision {
	if c.Principal.root() {
		return Decision{Allowed: true, By: AccountRoot}
	}
	for _, p := range identities {
		if i := p.find(c, allow, direct); i >= 0 {
			return p.decision(i, IdentityPolicy)
		}
	}
	return Decision{By: IdentityPolicy}
}

// find is the first statement of an effect that applies and names the caller
// at least so closely, or -1. A nil policy has none.
func (p *Policy) find(c *call, e effect, least relation) int {
	if p == nil {
		return -1
	}
	for i := range p.statements {
		if s := &p.statements[i]; s.effect == e {
			if result := s.test(c); result.missed == nothing && result.relation >= least {
				return i
			}
		}
	}
	return -1
}

func (p *Policy) decision(i int, by By) Decision {
	s := &p.statements[i]
	return Decision{
		Allowed: s.effect == allow, Explicit: s.effect == deny, By: by,
		Policy: p.name, Statement: i + 1, Sid: s.sid,
	}
}

// element is the part of a statement that a request misses.
type element uint8

const (
	nothing element = iota
	thePrincipal
	theAction
	theResource
	theCondition
)

// result is how a statement and a request meet.
type result struct {
	missed    element
	condition *condition // the first that does not hold
	relation  relation
}

func (s *statement) test(c *call) result {
	r := result{relation: direct}
	if s.notPrincipals {
		if s.principals.except(&c.Principal) {
			return result{missed: thePrincipal}
		}
	} else if s.principals != nil {
		if r.relation = s.principals.relate(&c.Principal); r.relation == unnamed {
			return result{missed: thePrincipal}
		}
	}
	if !covers(s.actions, s.notActions, c, c.action, s.effect) {
		return result{missed: theAction}
	}
	if !covers(s.resources, s.notResources, c, c.Resource, s.effect) {
		return result{missed: theResource}
	}
	for i := range s.conditions {
		if !s.conditions[i].holds(c, s.effect) {
			return result{missed: theCondition, condition: &s.conditions[i]}
		}
	}
	return r
}

// covers reports whether an element, or its opposite, covers a text. A
// pattern with a variable that has no value covers nothing; of NotResource,
// that denies and does not allow.
func covers(list []pattern, not bool, c *call, s string, e effect) bool {
	open := false
	for i := range list {
		switch list[i].match(c, s) {
		case yes:
			return !not
		case unresolved:
			open = true
		}
	}
	return not && (!open || e == deny)
}

// Reason says in one sentence why.
func (d Decision) Reason() string {
	if d.Statement > 0 {
		verb := "denied"
		if d.Allowed {
			verb = "allowed"
		}
		s := verb + " by statement " + strconv.Itoa(d.Statement)
		if d.Sid != "" {
			s += " (" + strconv.Quote(d.Sid) + ")"
		}
		return s + " of the " + d.By.String() + " " + d.Policy
	}
	if d.Allowed {
		return "allowed: the " + d.By.String() + " may do what is not denied"
	}
	return "denied: no " + d.By.String() + " allows it"
}

// Denial is AWS's sentence for a denied request
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html).
// An operation without a resource is told without one.
func (d Decision) Denial(r *Request) string {
	var b strings.Builder
	b.WriteString("User: " + r.Principal.arn + " is not authorized to perform: " + r.Action)
	named := r.Named
	if named == "" && r.Resource != "*" {
		named = r.Resource
	}
	if named != "" {
		b.WriteString(" on resource: " + named)
	}
	policy, article := d.By.String(), "a"
	if d.By == IdentityPolicy {
		article = "an"
	}
	switch {
	case d.Explicit:
		b.WriteString(" with an explicit deny in " + article + " " + policy)
	default:
		b.WriteString(" because no " + policy + " allows the " + r.Action + " action")
	}
	return b.String()
}

// Err is nil if the request is allowed, and otherwise an error with the code
// [rota.AccessDenied], AWS's sentence for the caller and the reason for the
// log.
func (d Decision) Err(r *Request) error {
	if d.Allowed {
		return nil
	}
	return &rota.Error{
		Code: rota.AccessDenied, Message: d.Denial(r),
		Hint: d.Reason() + "; rota policy explain prints what every statement says",
	}
}
