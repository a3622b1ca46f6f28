package policy_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/rotahq/rota/access/policy"
)

// naive decides requests a second time, written from AWS's pages without a
// look at the evaluator: it reads the JSON again for every request, into
// maps, and matches with regular expressions. It takes for granted that the
// document was accepted.
type naive struct {
	principal, role string // ARNs; role only of a session
	action, on      string
	time            time.Time
	context         map[string][]string // lower case names
}

func naiveOf(r *policy.Request, role string) naive {
	n := naive{principal: r.Principal.ARN(), role: role, action: r.Action, on: r.Resource, time: r.Time, context: map[string][]string{}}
	for _, a := range r.Context {
		if a.Key.Derived() {
			continue
		}
		name := strings.ToLower(a.Key.String() + a.Tag)
		n.context[name] = append(n.context[name], a.Value)
	}
	account := strings.Split(n.principal, ":")[4]
	kind := strings.Split(n.principal, ":")[5]
	n.context["aws:principalaccount"] = []string{account}
	n.context["aws:principalarn"] = []string{n.principal}
	switch {
	case kind == "root":
		n.context["aws:principaltype"] = []string{"Account"}
		n.context["aws:userid"] = []string{account}
	case strings.HasPrefix(kind, "user/"):
		n.context["aws:principaltype"] = []string{"User"}
		n.context["aws:username"] = []string{kind[strings.LastIndex(kind, "/")+1:]}
	default:
		n.context["aws:principaltype"] = []string{"AssumedRole"}
	}
	if role != "" {
		n.context["aws:principalarn"] = []string{role}
	}
	if p := strings.Split(n.on, ":"); len(p) > 5 {
		n.context["aws:resourceaccount"] = []string{p[4]}
	}
	n.context["aws:viaawsservice"], n.context["aws:principalisawsservice"] = []string{"false"}, []string{"false"}
	n.context["aws:currenttime"] = []string{n.time.UTC().Format(time.RFC3339)}
	n.context["aws:epochtime"] = []string{strconv.FormatInt(n.time.Unix(), 10)}
	return n
}

// decide is "allow", "deny" or "none".
func (n naive) decide(identities []string, resource string) string {
	var identityAllows, direct, account bool
	for _, text := range identities {
		for _, s := range documents(text) {
			if s.applies(n) {
				if s.effect == "Deny" {
					return "deny"
				}
				identityAllows = true
			}
		}
	}
	if resource != "" {
		for _, s := range documents(resource) {
			named, onlyAccount := s.names(n)
			if named && s.applies(n) {
				if s.effect == "Deny" {
					return "deny"
				}
				account = true
				direct = direct || !onlyAccount
			}
		}
	}
	if strings.HasSuffix(n.principal, ":root") {
		identityAllows = true
	}
	theirs, ours := n.context["aws:resourceaccount"], n.context["aws:principalaccount"]
	allowed := identityAllows || direct
	if len(theirs) > 0 && theirs[0] != ours[0] {
		allowed = identityAllows && account
	}
	if allowed {
		return "allow"
	}
	return "none"
}

type naiveStatement struct {
	effect    string
	m         map[string]any
	variables bool
}

func documents(text string) (list []naiveStatement) {
	var doc map[string]any
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		panic(err)
	}
	for _, s := range many(doc["Statement"]) {
		m := s.(map[string]any)
		list = append(list, naiveStatement{m["Effect"].(string), m, doc["Version"] == "2012-10-17"})
	}
	return list
}

func many(v any) []any {
	if v == nil {
		return nil
	}
	if l, ok := v.([]any); ok {
		return l
	}
	return []any{v}
}

// names says whether the statement names the caller, and whether only by its
// account.
func (s naiveStatement) names(n naive) (named, onlyAccount bool) {
	who, not := s.m["Principal"], false
	if who == nil {
		who, not = s.m["NotPrincipal"], true
	}
	if who == "*" {
		return true, false
	}
	listed := map[string]bool{}
	for _, v := range many(who.(map[string]any)["AWS"]) {
		a := v.(string)
		if a == "*" {
			return true, false
		}
		if len(a) == 12 {
			a = "arn:aws:iam::" + a + ":root"
		}
		listed[a] = true
	}
	is := []string{n.principal}
	if n.role != "" {
		is = append(is, n.role)
	}
	root := "arn:aws:iam::" + n.context["aws:principalaccount"][0] + ":root"
	if not {
		for _, a := range append(is, root) {
			if !listed[a] {
				return true, false
			}
		}
		return false, false
	}
	for _, a := range is {
		if listed[a] {
			return true, false
		}
	}
	return listed[root], listed[root]
}

func (s naiveStatement) applies(n naive) bool {
	return s.covers("Action", func(p string) int { return toInt(wild("(?i)", p, false).MatchString(n.action)) }) &&
		s.covers("Resource", func(p string) int {
			re, ok := n.pattern("", p, s.variables, true, "resource")
			if !ok {
				return -1
			}
			return toInt(re.MatchString(n.on))
		}) && s.conditions(n)
}

func toInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// covers evaluates an element and its Not form; match is 1, 0, or -1 where a
// variable has no value.
func (s naiveStatement) covers(element string, match func(string) int) bool {
	if list := many(s.m[element]); list != nil {
		for _, p := range list {
			if match(p.(string)) == 1 {
				return true
			}
		}
		return false
	}
	open := false
	for _, p := range many(s.m["Not"+element]) {
		switch match(p.(string)) {
		case 1:
			return false
		case -1:
			open = true
		}
	}
	return !open || s.effect == "Deny"
}

// wild turns a pattern into a regular expression. arn keeps wildcards of the
// first five parts within their part; "resource" lets an asterisk that ends
// its part run on.
func wild(flags, p string, arn bool, mode ...string) *regexp.Regexp {
	var b strings.Builder
	b.WriteString("(?s)" + flags + "^")
	colons := 0
	for i, r := range p {
		inside := arn && colons < 5
		last := i+1 == len(p) || p[i+1] == ':'
		switch {
		case r == '*' && inside && !(len(mode) > 0 && mode[0] == "resource" && last):
			b.WriteString("[^:]*")
		case r == '*':
			b.WriteString(".*")
		case r == '?' && inside:
			b.WriteString("[^:]")
		case r == '?':
			b.WriteString(".")
		default:
			if r == ':' {
				colons++
			}
			b.WriteString(regexp.QuoteMeta(string(r)))
		}
	}
	return regexp.MustCompile(b.String() + "$")
}

var variable = regexp.MustCompile(`\$\{([^}',]*)(?:, '([^']*)')?\}`)

// pattern puts the values of variables in, wildcards of them quoted by
// characters that no policy of the tests has.
func (n naive) pattern(flags, p string, variables, wildcards bool, mode string) (*regexp.Regexp, bool) {
	hide := strings.NewReplacer("*", "\uE000", "?", "\uE001", ":", "\uE002")
	found := true
	if variables {
		p = variable.ReplaceAllStringFunc(p, func(v string) string {
			m := variable.FindStringSubmatch(v)
			if m[1] == "*" || m[1] == "?" || m[1] == "$" {
				return hide.Replace(m[1])
			}
			got := n.context[strings.ToLower(m[1])]
			switch {
			case len(got) == 1:
				return hide.Replace(got[0])
			case len(got) == 0 && strings.Contains(v, ", '"):
				return hide.Replace(m[2])
			}
			found = false
			return ""
		})
	}
	if !wildcards {
		p = hide.Replace(p)
	}
	re := wild(flags, p, mode != "", mode).String()
	re = strings.NewReplacer("\uE000", `\*`, "\uE001", `\?`, "\uE002", ":").Replace(re)
	return regexp.MustCompile(re), found
}

func (s naiveStatement) conditions(n naive) bool {
	block, _ := s.m["Condition"].(map[string]any)
	for op, keys := range block {
		for key, values := range keys.(map[string]any) {
			if !s.condition(n, op, key, many(values)) {
				return false
			}
		}
	}
	return true
}

func (s naiveStatement) condition(n naive, op, key string, want []any) bool {
	got := n.context[strings.Replace(strings.ToLower(key), "secretsmanager:resourcetag/", "aws:resourcetag/", 1)]
	quantor := ""
	if before, after, ok := strings.Cut(op, ":"); ok {
		quantor, op = before, after
	}
	if strings.HasSuffix(op, "IfExists") && len(got) == 0 {
		return true
	}
	op = strings.TrimSuffix(op, "IfExists")
	filled := []string{}
	for _, v := range got {
		if v != "" {
			filled = append(filled, v)
		}
	}
	if op == "Null" {
		for _, w := range want {
			if strings.EqualFold(fmt.Sprint(w), "true") == (len(filled) == 0) {
				return true
			}
		}
		return false
	}
	negated := strings.Contains(op, "Not")
	positive := strings.Replace(op, "Not", "", 1)
	each := func(v string) bool { // whether one value of the request satisfies the operator
		open := false
		for _, w := range want {
			switch n.compare(positive, v, fmt.Sprint(w), s.variables) {
			case 1:
				return !negated
			case -1:
				open = true
			}
		}
		return negated && (!open || s.effect == "Deny")
	}
	holds := 0
	if quantor != "" {
		got = filled
	}
	for _, v := range got {
		holds += toInt(each(v))
	}
	switch {
	case quantor == "ForAllValues":
		return holds == len(got)
	case quantor == "ForAnyValue":
		return holds > 0
	case len(got) == 0:
		return negated
	case s.effect == "Allow":
		return holds == len(got)
	}
	return holds > 0
}

func (n naive) compare(op, got, want string, variables bool) int {
	number := func(s string) float64 { f, _ := strconv.ParseFloat(s, 64); return f }
	moment := func(s string) float64 {
		if f, err := strconv.ParseFloat(s, 64); err == nil {
			return f
		}
		for _, l := range []string{"2006-01", "2006-01-02", "2006-01-02T15:04Z07:00", time.RFC3339} {
			if t, err := time.Parse(l, s); err == nil {
				return float64(t.Unix()) + float64(t.Nanosecond())/1e9
			}
		}
		return -1e300
	}
	match := func(flags string, wildcards bool, mode string) int {
		re, ok := n.pattern(flags, want, variables, wildcards, mode)
		if !ok {
			return -1
		}
		return toInt(re.MatchString(got))
	}
	ordered := func(op string, a, b float64) int {
		switch op {
		case "Equals":
			return toInt(a == b)
		case "LessThan":
			return toInt(a < b)
		case "LessThanEquals":
			return toInt(a <= b)
		case "GreaterThan":
			return toInt(a > b)
		}
		return toInt(a >= b)
	}
	switch {
	case op == "StringEquals":
		return match("", false, "")
	case op == "StringEqualsIgnoreCase":
		return match("(?i)", false, "")
	case op == "StringLike":
		return match("", true, "")
	case strings.HasPrefix(op, "Arn"):
		m := match("", true, "arn") // first: a variable without a value goes before all else
		if m == 1 && strings.Count(got, ":") < 5 {
			return 0
		}
		return m
	case strings.HasPrefix(op, "Numeric"):
		if _, err := strconv.ParseFloat(got, 64); err != nil {
			return 0
		}
		return ordered(op[len("Numeric"):], number(got), number(want))
	case strings.HasPrefix(op, "Date"):
		return ordered(op[len("Date"):], moment(got), moment(want))
	case op == "Bool":
		return toInt(strings.EqualFold(got, want))
	case op == "BinaryEquals":
		b, _ := base64.StdEncoding.DecodeString(want)
		return toInt(got == string(b))
	case op == "IpAddress":
		ip := net.ParseIP(got)
		if _, network, err := net.ParseCIDR(want); err == nil {
			return toInt(ip != nil && network.Contains(ip))
		}
		return toInt(ip != nil && ip.Equal(net.ParseIP(want)))
	}
	panic("operator " + op)
}
