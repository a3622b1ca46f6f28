package policy

import (
	"encoding/base64"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// operator is one condition operator, without prefix and suffix
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html).
type operator struct {
	name    string
	family  family
	negated bool
	compare comparison
}

// family is what an operator compares, and thereby what its values may be.
type family uint8

const (
	stringFamily family = iota
	numericFamily
	dateFamily
	boolFamily
	binaryFamily
	ipFamily
	arnFamily
	nullFamily
)

func (f family) String() string {
	return [...]string{"String", "Numeric", "Date", "Bool", "Binary", "IpAddress", "Arn", "Null"}[f]
}

type comparison uint8

const (
	equal comparison = iota
	equalFold
	like
	less
	lessEqual
	greater
	greaterEqual
)

// holds applies an ordering to the result of a comparison.
func (c comparison) holds(order int) bool {
	switch c {
	case less:
		return order < 0
	case lessEqual:
		return order <= 0
	case greater:
		return order > 0
	case greaterEqual:
		return order >= 0
	}
	return order == 0
}

var operators = [...]operator{
	{name: "StringEquals", family: stringFamily},
	{name: "StringNotEquals", family: stringFamily, negated: true},
	{name: "StringEqualsIgnoreCase", family: stringFamily, compare: equalFold},
	{name: "StringNotEqualsIgnoreCase", family: stringFamily, compare: equalFold, negated: true},
	{name: "StringLike", family: stringFamily, compare: like},
	{name: "StringNotLike", family: stringFamily, compare: like, negated: true},
	{name: "NumericEquals", family: numericFamily},
	{name: "NumericNotEquals", family: numericFamily, negated: true},
	{name: "NumericLessThan", family: numericFamily, compare: less},
	{name: "NumericLessThanEquals", family: numericFamily, compare: lessEqual},
	{name: "NumericGreaterThan", family: numericFamily, compare: greater},
	{name: "NumericGreaterThanEquals", family: numericFamily, compare: greaterEqual},
	{name: "DateEquals", family: dateFamily},
	{name: "DateNotEquals", family: dateFamily, negated: true},
	{name: "DateLessThan", family: dateFamily, compare: less},
	{name: "DateLessThanEquals", family: dateFamily, compare: lessEqual},
	{name: "DateGreaterThan", family: dateFamily, compare: greater},
	{name: "DateGreaterThanEquals", family: dateFamily, compare: greaterEqual},
	{name: "Bool", family: boolFamily},
	{name: "BinaryEquals", family: binaryFamily},
	{name: "IpAddress", family: ipFamily},
	{name: "NotIpAddress", family: ipFamily, negated: true},
	{name: "ArnEquals", family: arnFamily, compare: like},
	{name: "ArnLike", family: arnFamily, compare: like},
	{name: "ArnNotEquals", family: arnFamily, compare: like, negated: true},
	{name: "ArnNotLike", family: arnFamily, compare: like, negated: true},
	{name: "Null", family: nullFamily},
}

func lookupOperator(name string) *operator {
	for i := range operators {
		if operators[i].name == name {
			return &operators[i]
		}
	}
	return nil
}

// suits reports whether an operator can ever hold for a key. Text compares
// with anything, and free text may be anything.
func (f family) suits(k Key) bool {
	if f == stringFamily || f == nullFamily {
		return true
	}
	switch k.info().kind {
	case freeText:
		return true
	case arnText:
		return f == arnFamily
	case boolText:
		return f == boolFamily
	case numberText:
		return f == numericFamily
	case timeText:
		return f == dateFamily || k == EpochTime && f == numericFamily
	case ipText:
		return f == ipFamily
	}
	return false
}

// operatorsFor names the families that suit a key.
func operatorsFor(k Key) string {
	var names []string
	for f := stringFamily; f < nullFamily; f++ {
		if f.suits(k) {
			names = append(names, f.String())
		}
	}
	return strings.Join(names, " or ") + " operators"
}

// operand is one value of a condition, read once.
type operand struct {
	pattern pattern // String and Arn
	number  float64
	at      time.Time
	flag    bool
	binary  string
	network netip.Prefix
}

// parseOperand reads a value as the operator wants it. vars says whether the
// version of the policy has variables.
func (o *operator) parseOperand(s string, vars bool) (v operand, problem *Problem) {
	var ok bool
	switch o.family {
	case stringFamily, arnFamily:
		var syn syntax
		if vars {
			syn |= placeholder
		}
		if o.compare == like {
			syn |= wildcards
		}
		if o.family == arnFamily {
			syn |= segments
			if strings.Count(s, ":") < 5 || !strings.HasPrefix(s, "arn:") {
				return v, bad("write an ARN of six parts, arn:partition:service:region:account:resource; each may have wildcards", "%s is no ARN", quote(s))
			}
		}
		v.pattern, problem = compile(s, syn)
		return v, problem
	}
	if vars && strings.Contains(s, "${") {
		return v, bad("use variables with String and Arn operators", "%s has no variables, and %s looks like one", o.name, quote(s))
	}
	hint := ""
	switch o.family {
	case numericFamily:
		hint = "write a whole or decimal number with up to 15 digits"
		v.number, ok = parseNumber(s)
	case dateFamily:
		hint = "write 2026-11-23T10:00:00Z, 2026-11-23, 2026-11, or the seconds since 1970"
		v.at, ok = parseTime(s)
	case boolFamily, nullFamily:
		hint = "write true or false"
		v.flag, ok = parseBool(s)
	case binaryFamily:
		hint = "write base64"
		b, err := base64.StdEncoding.Strict().DecodeString(s)
		v.binary, ok = string(b), err == nil
	case ipFamily:
		hint = "write an address, or a range such as 203.0.113.0/24 or 2001:db8::/32"
		v.network, ok = parseNetwork(s)
	}
	if !ok {
		return v, bad(hint, "%s is no value for %s", quote(s), o.name)
	}
	return v, nil
}

// test compares a value of the request with one of the policy, before any
// negation. A value that is not of the operator's type does not match.
func (o *operator) test(c *call, k Key, v value, want *operand) matched {
	switch o.family {
	case stringFamily:
		s := v.text(k)
		if o.compare == equalFold {
			return want.pattern.matchFold(c, s)
		}
		return want.pattern.match(c, s)
	case arnFamily:
		return want.pattern.match(c, v.text(k))
	case numericFamily:
		n, ok := v.s, true
		number := float64(v.at.Unix())
		if v.at.IsZero() {
			number, ok = parseNumber(n)
		}
		return answer(ok && o.compare.holds(compareFloat(number, want.number)))
	case dateFamily:
		at, ok := v.at, true
		if at.IsZero() {
			at, ok = parseTime(v.s)
		}
		return answer(ok && o.compare.holds(at.Compare(want.at)))
	case boolFamily:
		flag, ok := parseBool(v.s)
		return answer(ok && flag == want.flag)
	case binaryFamily:
		return answer(v.s == want.binary)
	case ipFamily:
		ip, err := netip.ParseAddr(v.s)
		return answer(err == nil && want.network.Contains(ip.Unmap().WithZone("")))
	}
	return no
}

func compareFloat(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// parseNumber takes what float64 holds exactly enough to compare: no
// exponent, no infinity.
func parseNumber(s string) (float64, bool) {
	whole, fraction, point := strings.Cut(strings.TrimPrefix(s, "-"), ".")
	if !digits(whole) || point && !digits(fraction) || len(whole)+len(fraction) > 15 {
		return 0, false
	}
	n, err := strconv.ParseFloat(s, 64)
	return n, err == nil
}

func digits(s string) bool {
	return each(s, func(c byte) bool { return c >= '0' && c <= '9' })
}

// parseTime takes the W3C forms of ISO 8601
// (https://www.w3.org/TR/NOTE-datetime) and epoch seconds. Four digits alone
// could be a year or seconds, and are neither.
func parseTime(s string) (time.Time, bool) {
	if digits(strings.TrimPrefix(s, "-")) {
		n, err := strconv.ParseInt(s, 10, 64)
		return time.Unix(n, 0), err == nil && len(s) != 4 && n > -1e11 && n < 1e12
	}
	for _, layout := range [...]string{time.RFC3339, "2006-01-02T15:04Z07:00", "2006-01-02", "2006-01"} {
		if at, err := time.Parse(layout, s); err == nil {
			return at, true
		}
	}
	return time.Time{}, false
}

func parseBool(s string) (flag, ok bool) {
	flag = strings.EqualFold(s, "true")
	return flag, flag || strings.EqualFold(s, "false")
}

// parseNetwork takes an address or a range. IPv4 written within IPv6 is IPv4,
// and bits after the prefix do not matter.
func parseNetwork(s string) (netip.Prefix, bool) {
	if ip, err := netip.ParseAddr(s); err == nil {
		ip = ip.Unmap()
		return netip.PrefixFrom(ip, ip.BitLen()), ip.Zone() == ""
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return p, false
	}
	if p.Addr().Is4In6() {
		if p.Bits() < 96 {
			return p, false
		}
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p.Masked(), true
}
