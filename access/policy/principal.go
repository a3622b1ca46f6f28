package policy

import (
	"slices"
	"strings"

	"github.com/rotahq/rota"
)

// Principal is who calls. The zero Principal is nobody: no policy allows it
// anything.
type Principal struct {
	arn     string
	account string
	typ     string // as aws:PrincipalType
	user    string // friendly name, only of a user
	role    string // ARN of the role, only of a session
}

// The values of aws:PrincipalType
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html#principaltable).
const (
	typeAccount   = "Account"
	typeUser      = "User"
	typeRole      = "AssumedRole"
	typeFederated = "FederatedUser"
)

// ParsePrincipal reads the ARN of a user, a role, a session of a role
// (arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION), a federated user or the
// root user of an account
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html).
//
// The ARN of a session lacks the path of its role; if the role has one, say
// so with [Principal.OfRole].
func ParsePrincipal(arn string) (Principal, error) {
	if p, ok := parsePrincipal(arn); ok {
		return p, nil
	}
	return Principal{}, &rota.Error{
		Code: rota.InvalidParameter, Message: "Not the ARN of a principal: " + quote(arn) + ".",
		Hint: "write arn:aws:iam::ACCOUNT:user/NAME, …:role/NAME, …:root or arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION",
	}
}

func parsePrincipal(arn string) (p Principal, ok bool) {
	part := strings.SplitN(arn, ":", 6)
	if len(part) != 6 || part[0] != "arn" || !isPartition(part[1]) || part[3] != "" || !isAccount(part[4]) {
		return p, false
	}
	p.arn, p.account = arn, part[4]
	what, name, _ := strings.Cut(part[5], "/")
	switch part[2] + ":" + what {
	case "iam:root":
		p.typ = typeAccount
		return p, part[5] == "root"
	case "iam:user":
		p.typ, p.user = typeUser, name[strings.LastIndexByte(name, '/')+1:]
		return p, isPathName(name)
	case "iam:role":
		p.typ = typeRole
		return p, isPathName(name)
	case "sts:assumed-role":
		role, session, found := strings.Cut(name, "/")
		p.typ, p.role = typeRole, "arn:"+part[1]+":iam::"+part[4]+":role/"+role
		return p, found && isName(role) && isName(session)
	case "sts:federated-user":
		p.typ = typeFederated
		return p, isName(name)
	}
	return p, false
}

// OfRole says which role a session is of. Account and name have to be those
// of the session.
func (p Principal) OfRole(arn string) (Principal, error) {
	role, ok := parsePrincipal(arn)
	if !ok || p.role == "" || role.typ != typeRole || role.role != "" ||
		role.account != p.account || arn[strings.LastIndexByte(arn, '/'):] != p.role[strings.LastIndexByte(p.role, '/'):] {
		return Principal{}, &rota.Error{
			Code: rota.InvalidParameter, Message: quote(arn) + " is not the role of the session " + quote(p.arn) + ".",
			Hint: "give the ARN of the role, with its path, of which the session is",
		}
	}
	p.role = arn
	return p, nil
}

// ARN is the ARN that was parsed.
func (p Principal) ARN() string { return p.arn }

// Account is the principal's account.
func (p Principal) Account() string { return p.account }

// root reports whether this is the root user of its account.
func (p *Principal) root() bool { return p.typ == typeAccount }

// conditionARN is the value of aws:PrincipalArn: a session has that of its
// role
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-principalarn).
func (p *Principal) conditionARN() string {
	if p.role != "" {
		return p.role
	}
	return p.arn
}

func isPartition(s string) bool {
	return s == "aws" || strings.HasPrefix(s, "aws-") && each(s[len("aws-"):], func(c byte) bool { return c >= 'a' && c <= 'z' || c == '-' })
}

func isAccount(s string) bool {
	return len(s) == 12 && each(s, func(c byte) bool { return c >= '0' && c <= '9' })
}

// isName has the characters of a user's, role's or session's name
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html).
func isName(s string) bool {
	return len(s) <= 64 && each(s, func(c byte) bool { return alphanumeric(c) || strings.IndexByte("_+=,.@-", c) >= 0 })
}

// isPathName is a name, maybe after a path: printable characters between
// slashes. A wildcard is not one: nobody matches part of a principal.
func isPathName(s string) bool {
	i := strings.LastIndexByte(s, '/')
	path := s[:i+1]
	return isName(s[i+1:]) && len(path) <= 511 && !strings.HasPrefix(path, "/") &&
		(path == "" || each(path, func(c byte) bool { return c > ' ' && c < 0x7f && c != '*' && c != '?' }))
}

func alphanumeric(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// each reports whether all bytes of a text that is not empty are as they
// should be.
func each(s string, as func(byte) bool) bool {
	for i := range len(s) {
		if !as(s[i]) {
			return false
		}
	}
	return s != ""
}

// principals is a Principal or NotPrincipal element.
type principals struct {
	everyone bool
	accounts []string
	arns     []string
	services []string // kept to be shown; nobody who calls here is a service
}

// relation is how a Principal element names a caller.
type relation uint8

const (
	unnamed relation = iota
	delegated
	direct
)

// relate says how the element names the caller: it, or the role that it is a
// session of, or only its account. The account is the root user itself; for
// everybody else of it, it delegates the decision to their identity-based
// policies
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html#principal-accounts).
func (l *principals) relate(p *Principal) relation {
	switch {
	case l.everyone || slices.Contains(l.arns, p.arn) || p.role != "" && slices.Contains(l.arns, p.role):
		return direct
	case !slices.Contains(l.accounts, p.account):
		return unnamed
	case p.root():
		return direct
	}
	return delegated
}

// except reports whether a NotPrincipal element leaves the caller out. It has
// to list everything that the caller is: session, role and account; user and
// account
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_notprincipal.html).
func (l *principals) except(p *Principal) bool {
	return slices.Contains(l.accounts, p.account) &&
		(p.root() || slices.Contains(l.arns, p.arn)) &&
		(p.role == "" || slices.Contains(l.arns, p.role))
}

const principalHint = `write "*" or {"AWS": […]} with account ids or the full ARNs of users, roles and sessions, without wildcards, or {"Service": […]}`

func parsePrincipals(n *node) (*principals, *Problem) {
	if n.shape == text && n.text == "*" {
		return &principals{everyone: true}, nil
	}
	if n.shape != object || len(n.members) == 0 {
		return nil, bad(principalHint, `neither "*" nor an object with a kind of principal`)
	}
	l := &principals{}
	for _, m := range n.members {
		var add func(string) bool
		switch m.name {
		case "AWS":
			add = l.addAWS
		case "Service":
			add = l.addService
		default:
			p := bad(principalHint, "%s is no kind of principal that a secret has", quote(m.name))
			p.aws = unsupportedPrincipal
			return nil, p
		}
		list, problem := strs(m.value)
		if problem != nil {
			return nil, problem.in(m.name)
		}
		for _, s := range list {
			if !add(s) {
				p := bad(principalHint, "%s is no principal", quote(s)).in(m.name)
				p.aws = unsupportedPrincipal
				return nil, p
			}
		}
	}
	return l, nil
}

func (l *principals) addAWS(s string) bool {
	if s == "*" {
		l.everyone = true
		return true
	}
	if isAccount(s) {
		l.accounts = append(l.accounts, s)
		return true
	}
	p, ok := parsePrincipal(s)
	switch {
	case !ok:
		return false
	case p.root():
		l.accounts = append(l.accounts, p.account)
	default:
		l.arns = append(l.arns, s)
	}
	return true
}

func (l *principals) addService(s string) bool {
	ok := strings.Contains(s, ".") && !strings.Contains(s, "..") && len(s) <= 253 &&
		alphanumeric(s[0]) && alphanumeric(s[len(s)-1]) &&
		each(s, func(c byte) bool { return alphanumeric(c) || c == '.' || c == '-' })
	if ok {
		l.services = append(l.services, s)
	}
	return ok
}
