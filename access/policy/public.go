package policy

import "strings"

// Public reports whether the policy, as a resource policy, grants broad
// access, and the first statement that does, counted from 1. It is what
// BlockPublicPolicy refuses and ValidateResourcePolicy reports
// (https://docs.aws.amazon.com/secretsmanager/latest/userguide/auth-and-access_resource-policies.html).
//
// A statement grants broad access if it allows everybody, unless a condition
// holds it to fixed values, without wildcards or variables, of a key that
// says who or whence: aws:SourceIp, aws:SourceArn, aws:SourceAccount,
// aws:PrincipalArn, aws:PrincipalAccount or aws:userid. Ranges wider than /8
// of IPv4 or /32 of IPv6 are not fixed. The rules are those that AWS's page
// on secrets refers to
// (https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html#access-control-block-public-access-policy-status).
// A Deny elsewhere does not narrow it.
func (p *Policy) Public() (statement int, public bool) {
	for i := range p.statements {
		s := &p.statements[i]
		if s.effect == allow && s.principals != nil && s.principals.everyone && !s.narrowed() {
			return i + 1, true
		}
	}
	return 0, false
}

func (s *statement) narrowed() bool {
	for i := range s.conditions {
		if s.conditions[i].narrows() {
			return true
		}
	}
	return false
}

// narrows reports whether the condition holds only for few callers. One that
// holds without the key, or for all but some values, does not.
func (c *condition) narrows() bool {
	if c.operator.negated || c.ifExists || c.set == forAll {
		return false
	}
	switch c.key {
	case SourceIp, SourceArn, SourceAccount, PrincipalArn, PrincipalAccount, UserID:
	default:
		return false
	}
	for i := range c.operands {
		if !c.fixes(&c.operands[i]) {
			return false
		}
	}
	return true
}

// fixes reports whether a value stands for one caller, or few.
func (c *condition) fixes(v *operand) bool {
	switch c.operator.family {
	case ipFamily:
		if v.network.Addr().Is4() {
			return v.network.Bits() >= 8
		}
		return v.network.Bits() >= 32
	case stringFamily, arnFamily:
		// Whoever may assume a role chooses what follows the colon of the id.
		return v.pattern.fixed() && (c.key != UserID || !strings.Contains(v.pattern.source, ":"))
	}
	return false
}
