package policy

import "strings"

// variable is ${key}, ${key, 'default'} or one of ${*}, ${?} and ${$}
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html).
type variable struct {
	key      Key // 0 for a character that stands for itself: fallback
	tag      string
	fallback string
	optional bool // there is a fallback
}

const variableHint = "write ${key} or ${key, 'default'} with a condition key, or ${*}, ${?}, ${$} for the character itself"

// parseVariable reads the variable that s begins with, and its length.
func parseVariable(s string) (v variable, length int, _ *Problem) {
	end := closing(s)
	if end < 0 {
		return v, 0, bad(variableHint, "the policy variable in %s is not closed", quote(s))
	}
	inner, length := s[len("${"):end], end+1
	switch inner {
	case "*", "?", "$":
		return variable{fallback: inner}, length, nil
	}
	name := inner
	if i := strings.IndexByte(inner, ','); i >= 0 {
		rest := inner[i:]
		if len(rest) < len(", ''") || !strings.HasPrefix(rest, ", '") || !strings.HasSuffix(rest, "'") {
			return v, 0, bad(variableHint, "the default value in %s is not written as , 'text'", quote(s[:length]))
		}
		name, v.fallback, v.optional = inner[:i], rest[len(", '"):len(rest)-1], true
		if strings.Contains(v.fallback, "'") {
			return v, 0, bad(variableHint, "the default value in %s has a quotation mark", quote(s[:length]))
		}
	}
	key, tag, problem := lookupKey(name)
	if problem != nil {
		problem.What = "the policy variable " + quote(s[:length]) + ": " + problem.What
		return v, 0, problem
	}
	if key.info().many {
		return v, 0, bad("use a key that has one value", "the policy variable %s is a key of several values", quote(s[:length]))
	}
	v.key, v.tag = key, tag
	return v, length, nil
}

// closing finds the brace that ends a variable; one within the quotation
// marks of a default value does not.
func closing(s string) int {
	quoted := false
	for i := len("${"); i < len(s); i++ {
		switch s[i] {
		case '\'':
			quoted = !quoted
		case '}':
			if !quoted {
				return i
			}
		}
	}
	return -1
}

// resolve is the value in this request. Where the request has none, or
// several, and there is no default, there is no value.
func (v *variable) resolve(c *call) (string, bool) {
	var few [2]value
	switch got := c.values(v.key, v.tag, few[:0]); {
	case len(got) == 1:
		return got[0].text(v.key), true
	case len(got) == 0 && v.optional:
		return v.fallback, true
	}
	return "", false
}
