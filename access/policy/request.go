package policy

import (
	"strconv"
	"strings"
	"time"
)

// Request is one call to be decided.
type Request struct {
	Principal Principal
	Action    string // "secretsmanager:GetSecretValue", "rota:Status", "lambda:InvokeFunction"
	Resource  string // ARN; "*" for an operation without one
	Named     string // what a denial calls the resource, if not its ARN: the name that the caller sent

	// Session is the policy that temporary credentials were issued with: they
	// may do nothing that it does not allow, and by it alone nothing. nil: no
	// limit.
	Session *Policy

	// Time is when the request is decided; conditions see whole seconds, as
	// AWS's do.
	Time time.Time

	// Context is what else is known of the request. A key with several values
	// is in it several times; derived keys are not looked for in it. A key
	// that is left out is absent, which decides too: a negated condition on
	// it holds. So everything that is known belongs in it.
	Context []Attribute
}

// Attribute is one value of one condition key.
type Attribute struct {
	Key   Key
	Tag   string // the tag's key, for RequestTag and ResourceTag
	Value string
}

// call is a request while it is evaluated.
type call struct {
	*Request
	action string // lower case
}

func (r *Request) call() call {
	return call{Request: r, action: strings.ToLower(r.Action)}
}

// value is one value of a condition key in the request. Clock keys have a
// time, so that nothing is formatted and parsed again.
type value struct {
	s  string
	at time.Time
}

// text is the value as a string.
func (v value) text(k Key) string {
	switch {
	case v.at.IsZero():
		return v.s
	case k == EpochTime:
		return strconv.FormatInt(v.at.Unix(), 10)
	}
	return v.at.UTC().Format(time.RFC3339)
}

// values appends what the request has for a key.
func (c *call) values(k Key, tag string, into []value) []value {
	one := func(s string) []value {
		if s == "" {
			return into
		}
		return append(into, value{s: s})
	}
	switch k {
	case CurrentTime, EpochTime:
		if c.Time.IsZero() {
			return into
		}
		return append(into, value{at: c.Time.Truncate(time.Second)})
	case PrincipalArn:
		return one(c.Principal.conditionARN())
	case PrincipalAccount:
		return one(c.Principal.account)
	case PrincipalType:
		return one(c.Principal.typ)
	case Username:
		return one(c.Principal.user)
	case PrincipalIsAWSService, ViaAWSService:
		return one("false")
	case SourceArn, SourceAccount:
		return into
	case ResourceAccount:
		return one(accountOf(c.Resource))
	case UserID:
		if c.Principal.root() {
			return one(c.Principal.account)
		}
	}
	for i := range c.Context {
		a := &c.Context[i]
		if a.Key == k && (a.Tag == tag || strings.EqualFold(a.Tag, tag)) {
			into = append(into, value{s: a.Value})
		}
	}
	return into
}

// accountOf is the account in an ARN, or "".
func accountOf(arn string) string {
	if !strings.HasPrefix(arn, "arn:") {
		return ""
	}
	rest := arn
	for range 4 {
		i := strings.IndexByte(rest, ':')
		if i < 0 {
			return ""
		}
		rest = rest[i+1:]
	}
	account, _, found := strings.Cut(rest, ":")
	if !found {
		return ""
	}
	return account
}
