package policy

import "strings"

// Verdict is what one statement says of a request.
type Verdict struct {
	Policy    string
	By        By
	Statement int // counted from 1
	Sid       string
	Effect    string // "Allow" or "Deny"
	Applies   bool
	Why       string // one sentence: why it applies, or the first element that does not
}

// Explain is [Evaluate] with what every statement says: identity policies
// first, then the session's, then the resource's. The sentences show values of the request and of the policies, so
// they are for those who may read the policies.
func Explain(r *Request, identities []*Policy, attached *Policy) (Decision, []Verdict) {
	d := Evaluate(r, identities, attached)
	c := r.call()
	var list []Verdict
	for _, p := range identities {
		list = p.explain(&c, IdentityPolicy, list)
	}
	list = r.Session.explain(&c, SessionPolicy, list)
	return d, attached.explain(&c, ResourcePolicy, list)
}

func (p *Policy) explain(c *call, by By, into []Verdict) []Verdict {
	if p == nil {
		return into
	}
	for i := range p.statements {
		s := &p.statements[i]
		result := s.test(c)
		into = append(into, Verdict{
			Policy: p.name, By: by, Statement: i + 1, Sid: s.sid, Effect: s.effect.String(),
			Applies: result.missed == nothing, Why: s.why(c, result),
		})
	}
	return into
}

func (s *statement) why(c *call, r result) string {
	switch r.missed {
	case thePrincipal:
		if s.notPrincipals {
			return "NotPrincipal leaves " + c.Principal.arn + " out"
		}
		return "Principal does not name " + c.Principal.arn
	case theAction:
		return miss("Action", s.notActions, s.actions, c, c.Action)
	case theResource:
		return miss("Resource", s.notResources, s.resources, c, c.Resource)
	case theCondition:
		return r.condition.why(c)
	}
	if r.relation == delegated && s.effect == allow {
		if c.foreign() {
			return "applies; it names only the account, so an identity-based policy has to allow it too"
		}
		return "applies, but grants nothing by itself: it names only the account, which leaves the decision to the identity-based policies"
	}
	return "applies"
}

func miss(element string, not bool, list []pattern, c *call, s string) string {
	if not {
		element = "Not" + element
	}
	for i := range list {
		if v := list[i].lacking(c); v != "" {
			return element + ": the request has no value for the variable " + v
		}
	}
	if not {
		return element + " leaves " + quote(s) + " out"
	}
	return element + " does not cover " + quote(s)
}

// lacking is the first variable that the request gives no value to, or "".
func (p *pattern) lacking(c *call) string {
	for i := range p.pieces {
		if v := &p.pieces[i].variable; p.pieces[i].kind == fromRequest {
			if _, ok := v.resolve(c); !ok {
				return "${" + v.key.String() + v.tag + "}"
			}
		}
	}
	return ""
}

// why says what the request has and what the condition wants.
func (c *condition) why(r *call) string {
	wants := make([]string, len(c.written))
	for i, w := range c.written {
		wants[i] = quote(w)
		if v := c.operands[i].pattern.lacking(r); v != "" {
			wants[i] += " (no value for " + v + ")"
		}
	}
	got := r.values(c.key, c.tag, nil)
	has := "has no such key"
	if len(got) > 0 {
		shown := make([]string, len(got))
		for i, v := range got {
			shown[i] = quote(v.text(c.key))
		}
		has = "has " + strings.Join(shown, ", ")
	}
	return "Condition " + c.label + " does not hold: the request " + has + ", the policy says " + strings.Join(wants, ", ")
}
