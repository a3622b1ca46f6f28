package policy

import "strings"

// condition is one key below one operator. All conditions of a statement have
// to hold
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-logic-multiple-context-keys-or-values.html).
type condition struct {
	operator *operator
	set      set
	ifExists bool
	key      Key
	tag      string
	operands []operand
	written  []string // the values as written, for explanations
	named    string   // the operator as written
	label    string   // operator and key as written
}

// set is how the values of a request that has several count.
type set uint8

const (
	noSet set = iota
	forAll
	forAny
)

const (
	forAllPrefix   = "ForAllValues:"
	forAnyPrefix   = "ForAnyValue:"
	ifExistsSuffix = "IfExists"
)

// holds decides the condition for a statement with the effect.
//
// Without a value in the request, a condition does not hold, but a negated
// one does, one that ends in IfExists does, ForAllValues does and ForAnyValue
// does not
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html,
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html).
// For Null, ForAllValues and ForAnyValue, an empty text is no value.
//
// What several values mean to an operator without ForAllValues or ForAnyValue
// AWS does not say. Here they mean what grants less: to allow, every one has
// to match; to deny, one is enough.
func (c *condition) holds(r *call, effect effect) bool {
	var few [4]value
	got := r.values(c.key, c.tag, few[:0])
	if len(got) == 0 && c.ifExists {
		return true
	}
	all := c.set == forAll || c.set == noSet && effect == allow
	if c.set != noSet || c.operator.family == nullFamily {
		n := 0
		for _, v := range got {
			if v.s != "" || !v.at.IsZero() {
				got[n] = v
				n++
			}
		}
		got = got[:n]
	}
	if c.operator.family == nullFamily {
		return c.null(len(got) == 0)
	}
	if len(got) == 0 {
		switch c.set {
		case forAll:
			return true
		case forAny:
			return false
		}
		return c.operator.negated
	}
	for _, v := range got {
		if c.one(r, v, effect) != all {
			return !all
		}
	}
	return all
}

func (c *condition) null(absent bool) bool {
	for i := range c.operands {
		if c.operands[i].flag == absent {
			return true
		}
	}
	return false
}

// one compares one value of the request with all of the policy: any of them,
// or for a negated operator none of them. A variable without a value matches
// nothing; it makes a negated operator hold to deny and not to allow.
func (c *condition) one(r *call, v value, effect effect) bool {
	open := false
	for i := range c.operands {
		switch c.operator.test(r, c.key, v, &c.operands[i]) {
		case yes:
			return !c.operator.negated
		case unresolved:
			open = true
		}
	}
	return c.operator.negated && (!open || effect == deny)
}

// parseConditions reads a Condition element.
func parseConditions(n *node, vars bool) ([]condition, *Problem) {
	if n.shape != object {
		return nil, bad(`write {"Operator": {"key": "value"}}`, "%s where an object belongs", n.shape)
	}
	var list []condition
	for _, m := range n.members {
		base, problem := parseOperator(m.name)
		if problem != nil {
			return nil, problem
		}
		if m.value.shape != object || len(m.value.members) == 0 {
			return nil, bad(`write {"key": "value"}`, "an operator needs an object with condition keys").in(m.name)
		}
		for _, km := range m.value.members {
			c := base
			c.named, c.label = m.name, m.name+" "+plain(km.name)
			if problem := c.read(km, vars); problem != nil {
				return nil, problem.in(c.label)
			}
			for i := range list {
				if same := &list[i]; same.named == c.named && same.key == c.key && strings.EqualFold(same.tag, c.tag) {
					return nil, unknown("write the key once, with all its values", "one operator names the same key twice").in(c.label)
				}
			}
			list = append(list, c)
		}
	}
	return list, nil
}

// parseOperator reads the name of an operator with its prefix and suffix.
func parseOperator(name string) (c condition, _ *Problem) {
	base := name
	if rest, ok := strings.CutPrefix(base, forAllPrefix); ok {
		c.set, base = forAll, rest
	} else if rest, ok := strings.CutPrefix(base, forAnyPrefix); ok {
		c.set, base = forAny, rest
	}
	base, c.ifExists = strings.CutSuffix(base, ifExistsSuffix)
	c.operator = lookupOperator(base)
	if c.operator == nil {
		return c, bad(operatorHint(base), "%s is no condition operator", quote(name))
	}
	if c.operator.family == nullFamily && (c.ifExists || c.set != noSet) {
		return c, bad("write Null alone", "Null asks whether a key is there: %s means nothing", quote(name))
	}
	return c, nil
}

func operatorHint(name string) string {
	var names []string
	for i := range operators {
		if strings.EqualFold(operators[i].name, name) {
			return "write " + operators[i].name
		}
		names = append(names, operators[i].name)
	}
	return "the operators are " + strings.Join(names, ", ") + "; each but Null may end in IfExists and begin with ForAllValues: or ForAnyValue:"
}

// read fills in the key and its values.
func (c *condition) read(m member, vars bool) (problem *Problem) {
	if c.key, c.tag, problem = lookupKey(m.name); problem != nil {
		return problem
	}
	info := c.key.info()
	if !c.operator.family.suits(c.key) {
		return unknown("use "+operatorsFor(c.key), "%s can never hold for %s", c.operator.name, info.name)
	}
	if info.many && c.set == noSet && c.operator.family != nullFamily {
		return unknown("begin the operator with ForAllValues: or ForAnyValue:", "%s has several values", info.name)
	}
	values := m.value.items
	if m.value.shape != array {
		values = []*node{m.value}
	}
	if len(values) == 0 {
		return unknown("give a value, or leave the condition out", "a condition without a value")
	}
	for _, n := range values {
		if n.shape != text && n.shape != number && n.shape != boolean {
			return bad("write a string, a number, or true or false", "%s where a value belongs", n.shape)
		}
		v, problem := c.operator.parseOperand(n.text, vars)
		if problem != nil {
			return problem
		}
		c.operands = append(c.operands, v)
		c.written = append(c.written, n.text)
	}
	return nil
}
