package policy

// FullAccess reports whether a statement of an identity policy allows every
// action on every resource without a condition. Whether another one denies is
// told by Denies.
func (p *Policy) FullAccess() bool {
	for i := range p.statements {
		s := &p.statements[i]
		if s.effect == allow && len(s.conditions) == 0 && everything(s.actions, s.notActions) && everything(s.resources, s.notResources) {
			return true
		}
	}
	return false
}

// Denies reports whether a statement denies anything.
func (p *Policy) Denies() bool {
	for i := range p.statements {
		if p.statements[i].effect == deny {
			return true
		}
	}
	return false
}

// everything reports whether an element is "*", written in some way.
func everything(list []pattern, not bool) bool {
	if not {
		return false
	}
	for i := range list {
		if s := list[i].source; s == "*" || s == "*:*" {
			return true
		}
	}
	return false
}
