package invoke

import (
	"regexp"
	"strings"
)

// functionName is the alphabet of function names, accountID of accounts
// (https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html).
var (
	functionName = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,64}$`)
	accountID    = regexp.MustCompile(`^[0-9]{12}$`)
)

// ValidName reports whether a function may have that name.
func ValidName(name string) bool { return functionName.MatchString(name) }

// ARN is the ARN of a function.
func ARN(region, account, name string) string {
	return "arn:aws:lambda:" + region + ":" + account + ":function:" + name
}

// Name is a function as a caller names it. Account and Region are "" where
// the name does not say them.
type Name struct{ Account, Region, Function, Qualifier string }

// ParseName reads the ways to name a function: name, name:qualifier,
// account:function:name[:qualifier], function:name[:qualifier] or an ARN
// (https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html).
func ParseName(s string) (n Name, ok bool) {
	p := strings.Split(s, ":")
	if p[0] == "arn" {
		if len(p) < 7 || p[2] != "lambda" || p[3] == "" || p[4] == "" {
			return n, false
		}
		n.Region = p[3]
		p = p[4:]
	}
	switch {
	case len(p) >= 3 && p[1] == "function":
		n.Account, p = p[0], p[2:]
	case len(p) >= 2 && p[0] == "function" && n.Region == "":
		p = p[1:]
	case n.Region != "":
		return n, false
	}
	if len(p) > 2 || !ValidName(p[0]) || n.Account != "" && !accountID.MatchString(n.Account) {
		return n, false
	}
	n.Function = p[0]
	if len(p) == 2 {
		n.Qualifier = p[1]
		if n.Qualifier == "" {
			return n, false
		}
	}
	return n, true
}
