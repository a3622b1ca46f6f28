package policy

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/rotahq/rota"
)

// AWS's sentences for a policy that is not taken
// (https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutResourcePolicy.html).
const (
	invalidSyntax        = "This policy has invalid syntax."
	unsupportedPrincipal = "This resource policy contains an unsupported principal."
)

// Problem is why a policy is refused, and where. It is the cause of the
// [rota.Error] that parsing returns; find it with errors.As.
type Problem struct {
	Statement int    // counted from 1; 0 if it is not about one statement
	Sid       string // of that statement, if it was read already
	Member    string // "Action", "Condition StringLike aws:username"; "" for the whole
	What      string // what is wrong
	Hint      string // what to write instead

	aws string // AWS's own sentence; "" where AWS takes what is refused here
}

func (p *Problem) Error() string {
	var where []string
	if p.Statement > 0 {
		s := "statement " + strconv.Itoa(p.Statement)
		if p.Sid != "" {
			s += " (" + quote(p.Sid) + ")"
		}
		where = append(where, s)
	}
	if p.Member != "" {
		where = append(where, p.Member)
	}
	if len(where) == 0 {
		return p.What
	}
	return strings.Join(where, ", ") + ": " + p.What
}

// refusal is the error for the caller. A resource policy that AWS would
// refuse as well gets AWS's sentence and nothing else, because clients compare
// it; the place is in the cause. Everything else says what is wrong at once.
func (p *Problem) refusal(kind kind) error {
	message := p.aws
	if kind == identity || message == "" {
		message = p.Error()
		if p.Hint != "" {
			message += "; " + p.Hint
		}
		return &rota.Error{Code: rota.MalformedPolicy, Message: message, Err: quiet{p}}
	}
	return &rota.Error{Code: rota.MalformedPolicy, Message: message, Hint: p.Hint, Err: p}
}

// quiet is a cause that is found with errors.As and whose text stands in the
// message already.
type quiet struct{ *Problem }

func (q quiet) Error() string { return "the policy is not stored" }
func (q quiet) Unwrap() error { return q.Problem }

// bad is a problem that AWS refuses too.
func bad(hint, format string, args ...any) *Problem {
	return &Problem{What: fmt.Sprintf(format, args...), Hint: hint, aws: invalidSyntax}
}

// unknown is a problem of what AWS takes and this evaluator does not know:
// refused, because ignoring it would decide otherwise than the author meant.
func unknown(hint, format string, args ...any) *Problem {
	return &Problem{What: fmt.Sprintf(format, args...), Hint: hint}
}

// in says in which member the problem is. The innermost call comes first.
func (p *Problem) in(member string) *Problem {
	if p.Member == "" {
		p.Member = member
	} else {
		p.Member = member + " " + p.Member
	}
	return p
}

// quote shows a text of a policy, shortened: an error is no place for 20 KB.
func quote(s string) string {
	const most = 96
	if r := []rune(s); len(r) > most {
		s = string(r[:most]) + "…"
	}
	return strconv.Quote(s)
}

// plain shows a name of a policy as it is, if it can be shown in a line.
func plain(s string) string {
	if len(s) <= 96 && each(s, func(c byte) bool { return c > ' ' && c < 0x7f && c != '"' }) {
		return s
	}
	return quote(s)
}
