package policy

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The limits of a document.
const (
	// MaxResourceCharacters is the largest resource policy
	// (https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html).
	MaxResourceCharacters = 20480

	// MaxIdentityCharacters is the largest identity policy, white space not
	// counted: the highest of AWS's limits, that of a role's inline policies
	// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html).
	MaxIdentityCharacters = 10240

	// maxBytes bounds what is read at all, white space included.
	maxBytes = 128 << 10
)

// The versions of the policy language. A document without one is of the first
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_version.html).
const (
	version2008 = "2008-10-17"
	version2012 = "2012-10-17"
)

// Policy is a parsed document. It does not change, and may be used by many
// goroutines at once. The zero Policy has no statement.
type Policy struct {
	name       string
	text       string
	kind       kind
	statements []statement
}

// kind is what a policy is attached to.
type kind uint8

const (
	identity kind = iota
	resource
)

func (k kind) String() string {
	if k == identity {
		return "identity-based"
	}
	return "resource-based"
}

type effect uint8

const (
	deny effect = iota
	allow
)

func (e effect) String() string {
	if e == allow {
		return "Allow"
	}
	return "Deny"
}

// statement is one statement, compiled. Of each pair, not says that the
// element is the one with Not.
type statement struct {
	sid           string
	effect        effect
	principals    *principals // nil in an identity policy
	notPrincipals bool
	actions       []pattern
	notActions    bool
	resources     []pattern
	notResources  bool
	conditions    []condition
}

// ParseIdentity reads a policy that is attached to a principal: up to
// [MaxIdentityCharacters], without Id and Principal, with a Sid of letters and
// digits. name is what decisions call it, such as its ARN.
//
// The error is a [rota.Error] with the code [rota.MalformedPolicy]; its cause
// is a [*Problem] that says where.
func ParseIdentity(name, text string) (*Policy, error) { return parse(name, text, identity) }

// ParseResource reads a policy that is attached to a secret: up to
// [MaxResourceCharacters], every statement with Principal or NotPrincipal.
//
// The error is as that of [ParseIdentity]; its message is AWS's own where AWS
// would refuse the policy too.
func ParseResource(name, text string) (*Policy, error) { return parse(name, text, resource) }

// Name is the name given when the policy was parsed.
func (p *Policy) Name() string { return p.name }

// Text is the document as it was given.
func (p *Policy) Text() string { return p.text }

// Statements is how many statements the policy has.
func (p *Policy) Statements() int { return len(p.statements) }

func parse(name, text string, kind kind) (*Policy, error) {
	p := &Policy{name: name, text: text, kind: kind}
	if problem := p.read(); problem != nil {
		return nil, problem.refusal(kind)
	}
	return p, nil
}

func (p *Policy) read() *Problem {
	if problem := p.fits(); problem != nil {
		return problem
	}
	n, problem := decode(p.text)
	if problem != nil {
		return problem
	}
	if n.shape != object {
		return bad("write one JSON object", "%s where the document belongs", n.shape)
	}
	version := version2008
	var statements *node
	for _, m := range n.members {
		switch m.name {
		case "Version":
			if m.value.shape != text || m.value.text != version2008 && m.value.text != version2012 {
				return bad("write "+version2012, "not a version of the policy language").in(m.name)
			}
			version = m.value.text
		case "Id":
			if p.kind == identity {
				return bad("leave it out", "an identity-based policy has no Id").in(m.name)
			}
			if m.value.shape != text {
				return bad("write a string", "%s where a string belongs", m.value.shape).in(m.name)
			}
		case "Statement":
			statements = m.value
		default:
			return unknownMember(m.name, "Version", "Id", "Statement")
		}
	}
	if statements == nil {
		return bad("write a statement", "the policy has no Statement")
	}
	return p.readStatements(statements, version == version2012)
}

// fits checks the size, before anything is decoded.
func (p *Policy) fits() *Problem {
	switch {
	case strings.TrimSpace(p.text) == "":
		return bad("write a policy", "the policy is empty")
	case len(p.text) > maxBytes:
		return bad("shorten it, or split it into several", "the policy is longer than %d bytes", maxBytes)
	case p.kind == resource:
		if n := utf8.RuneCountInString(p.text); n > MaxResourceCharacters {
			return bad("shorten it", "the policy has %d characters of at most %d", n, MaxResourceCharacters)
		}
	default:
		n := 0
		for _, r := range p.text {
			if !unicode.IsSpace(r) {
				n++
			}
		}
		if n > MaxIdentityCharacters {
			return bad("shorten it, or split it into several", "the policy has %d characters of at most %d, white space not counted", n, MaxIdentityCharacters)
		}
	}
	return nil
}

func (p *Policy) readStatements(n *node, vars bool) *Problem {
	items := n.items
	if n.shape != array {
		items = []*node{n}
	}
	if len(items) == 0 {
		return unknown("write a statement, or remove the policy", "no statement").in("Statement")
	}
	sids := map[string]bool{}
	for i, item := range items {
		var s statement
		problem := s.read(item, p.kind, vars)
		if problem == nil && s.sid != "" && sids[s.sid] {
			problem = bad("give each statement a Sid of its own", "a statement before has the same").in("Sid")
		}
		if problem != nil {
			problem.Statement, problem.Sid = i+1, s.sid
			return problem
		}
		sids[s.sid] = true
		p.statements = append(p.statements, s)
	}
	return nil
}

// pairs are the elements of which a statement has one.
var pairs = [...][2]string{{"Principal", "NotPrincipal"}, {"Action", "NotAction"}, {"Resource", "NotResource"}}

func (s *statement) read(n *node, kind kind, vars bool) *Problem {
	if n.shape != object {
		return bad("write an object", "%s where a statement belongs", n.shape)
	}
	has := map[string]bool{}
	for _, m := range n.members {
		if m.name == "Sid" { // first, so that every problem can name it
			if problem := s.readSid(m.value, kind); problem != nil {
				return problem.in(m.name)
			}
		}
		has[m.name] = true
	}
	for _, m := range n.members {
		if problem := s.readMember(m, vars); problem != nil {
			return problem
		}
	}
	if !has["Effect"] {
		return bad(`write "Effect": "Allow" or "Deny"`, "the statement has no Effect")
	}
	for _, pair := range pairs {
		one, other := has[pair[0]], has[pair[1]]
		switch {
		case pair[0] == "Principal" && kind == identity:
			if one || other {
				return bad("leave it out: the principal is whom the policy is attached to", "an identity-based policy has no %s", pair[0])
			}
		case one && other:
			return bad("keep one of them", "the statement has both %s and %s", pair[0], pair[1])
		case !one && !other:
			return bad("write one of them", "the statement has neither %s nor %s", pair[0], pair[1])
		}
	}
	return s.checkNotPrincipal()
}

// checkNotPrincipal refuses what AWS does not support
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_notprincipal.html).
func (s *statement) checkNotPrincipal() *Problem {
	if !s.notPrincipals {
		return nil
	}
	if s.effect == allow {
		return bad(`write "Effect": "Deny", or name those who may with Principal`, "NotPrincipal goes with Deny only").in("NotPrincipal")
	}
	if s.principals.everyone {
		return bad("name who is not denied, or remove the statement", "a Deny that leaves everybody out denies nobody").in("NotPrincipal")
	}
	return nil
}

func (s *statement) readSid(n *node, kind kind) *Problem {
	if n.shape != text {
		return bad("write a string", "%s where a string belongs", n.shape)
	}
	if kind == identity && n.text != "" && !each(n.text, alphanumeric) {
		return bad("use letters and digits", "%s has other characters", quote(n.text))
	}
	s.sid = n.text
	return nil
}

func (s *statement) readMember(m member, vars bool) (problem *Problem) {
	switch m.name {
	case "Sid":
	case "Effect":
		switch {
		case m.value.shape == text && m.value.text == "Allow":
			s.effect = allow
		case m.value.shape == text && m.value.text == "Deny":
			s.effect = deny
		default:
			problem = bad("write Allow or Deny, in this spelling", "neither Allow nor Deny")
		}
	case "Principal", "NotPrincipal":
		s.notPrincipals = m.name == "NotPrincipal"
		s.principals, problem = parsePrincipals(m.value)
	case "Action", "NotAction":
		s.notActions = m.name == "NotAction"
		s.actions, problem = patterns(m.value, parseAction)
	case "Resource", "NotResource":
		s.notResources = m.name == "NotResource"
		s.resources, problem = patterns(m.value, func(t string) (pattern, *Problem) { return parseResource(t, vars) })
	case "Condition":
		s.conditions, problem = parseConditions(m.value, vars)
	default:
		return unknownMember(m.name, "Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition")
	}
	if problem != nil {
		return problem.in(m.name)
	}
	return nil
}

func unknownMember(name string, known ...string) *Problem {
	if i := slices.IndexFunc(known, func(k string) bool { return strings.EqualFold(k, name) }); i >= 0 {
		return bad("write "+quote(known[i]), "no member is called %s", quote(name))
	}
	return bad("the members are "+strings.Join(known, ", "), "no member is called %s", quote(name))
}

// strs reads a string, or a list of strings that is not empty.
func strs(n *node) ([]string, *Problem) {
	items := n.items
	if n.shape != array {
		items = []*node{n}
	}
	if len(items) == 0 {
		return nil, unknown("name something, or remove the statement", "an empty list")
	}
	list := make([]string, 0, len(items))
	for _, item := range items {
		if item.shape != text {
			return nil, bad("write a string, or a list of strings", "%s where a string belongs", item.shape)
		}
		list = append(list, item.text)
	}
	return list, nil
}

func patterns(n *node, parse func(string) (pattern, *Problem)) ([]pattern, *Problem) {
	list, problem := strs(n)
	if problem != nil {
		return nil, problem
	}
	compiled := make([]pattern, 0, len(list))
	for _, s := range list {
		p, problem := parse(s)
		if problem != nil {
			return nil, problem
		}
		compiled = append(compiled, p)
	}
	return compiled, nil
}

// parseResource reads "*" or an ARN with wildcards. A * that ends a segment
// may stand for more than the segment, and so for the segments that are
// missing
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html).
func parseResource(s string, vars bool) (pattern, *Problem) {
	const hint = `write an ARN, arn:partition:service:region:account:resource, with * and ? anywhere but in the service, or "*"`
	syn := wildcards | segments | runOn
	if vars {
		syn |= placeholder
	}
	if s == "*" {
		return compile(s, wildcards)
	}
	part := strings.SplitN(s, ":", 6)
	ok := part[0] == "arn" && len(part) > 3
	for i := 1; ok && i < min(len(part), 5); i++ {
		ok = part[i] == "" && i > 2 || each(part[i], func(c byte) bool {
			return alphanumeric(c) || c == '-' || i != 2 && (c == '*' || c == '?')
		})
	}
	if ok && len(part) < 6 {
		ok = slices.ContainsFunc(part[3:], func(p string) bool { return strings.HasSuffix(p, "*") })
	}
	if ok && len(part) == 6 {
		ok = part[5] != "" && strings.IndexFunc(part[5], unicode.IsControl) < 0
	}
	if !ok {
		if vars && strings.Contains(s, "${") {
			if _, problem := compile(s, syn); problem != nil {
				return pattern{}, problem
			}
		}
		return pattern{}, bad(hint, "%s is no resource", quote(s))
	}
	return compile(s, syn)
}
