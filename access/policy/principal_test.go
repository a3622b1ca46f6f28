package policy_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/access/policy"
)

func TestPrincipalsAreFullARNs(t *testing.T) {
	long := strings.Repeat("x", 64)
	for _, c := range []struct {
		name, arn string
		ok        bool
	}{
		{"a user", "arn:aws:iam::123456789012:user/ada", true},
		{"a user with a path", "arn:aws:iam::123456789012:user/a/b/ada", true},
		{"a user with every character of a name", "arn:aws:iam::123456789012:user/A_9+=,.@-", true},
		{"the longest name", "arn:aws:iam::123456789012:user/" + long, true},
		{"a role of a service", "arn:aws:iam::123456789012:role/aws-service-role/x.amazonaws.com/Y", true},
		{"a session", "arn:aws:sts::123456789012:assumed-role/app/ada@example.com", true},
		{"a federated user", "arn:aws:sts::123456789012:federated-user/ada", true},
		{"the root user", "arn:aws:iam::123456789012:root", true},
		{"another partition", "arn:aws-us-gov:iam::123456789012:user/ada", true},
		{"nothing", "", false},
		{"a name", "ada", false},
		{"no partition", "arn::iam::123456789012:user/ada", false},
		{"a partition of somebody else", "arn:awsome:iam::123456789012:user/ada", false},
		{"a region", "arn:aws:iam:eu-west-1:123456789012:user/ada", false},
		{"an account that is too short", "arn:aws:iam::12345678901:user/ada", false},
		{"an account of letters", "arn:aws:iam::12345678901x:user/ada", false},
		{"a user without a name", "arn:aws:iam::123456789012:user/", false},
		{"a user without a slash", "arn:aws:iam::123456789012:user", false},
		{"a name that is too long", "arn:aws:iam::123456789012:user/" + long + "x", false},
		{"a name with a space", "arn:aws:iam::123456789012:user/a b", false},
		{"a wildcard in a name", "arn:aws:iam::123456789012:user/a*", false},
		{"a wildcard in a path", "arn:aws:iam::123456789012:user/*/ada", false},
		{"an empty path", "arn:aws:iam::123456789012:user//ada", false},
		{"more than root", "arn:aws:iam::123456789012:root/x", false},
		{"a slash after root", "arn:aws:iam::123456789012:root/", false},
		{"a session without a name", "arn:aws:sts::123456789012:assumed-role/app", false},
		{"a session with a path", "arn:aws:sts::123456789012:assumed-role/a/b/c", false},
		{"a role of STS", "arn:aws:sts::123456789012:role/app", false},
		{"a group", "arn:aws:iam::123456789012:group/g", false},
		{"a secret", secret, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := policy.ParsePrincipal(c.arn)
			if (err == nil) != c.ok || err != nil && !errors.Is(err, rota.InvalidParameter) {
				t.Fatalf("got %v, want ok %t", err, c.ok)
			}
			if c.ok && (p.ARN() != c.arn || p.Account() != "123456789012") {
				t.Errorf("got %s of %s", p.ARN(), p.Account())
			}
			// What cannot call cannot be named either.
			_, err = policy.ParseResource("p", `{"Statement":{"Effect":"Deny","Principal":{"AWS":`+quoted(c.arn)+`},"Action":"*","Resource":"*"}}`)
			if (err == nil) != c.ok {
				t.Errorf("as a Principal: %v", err)
			}
		})
	}
}

func TestASessionIsOfItsRoleOnly(t *testing.T) {
	for _, c := range []struct {
		name, principal, role string
		ok                    bool
	}{
		{"a role with a path", "arn:aws:sts::123456789012:assumed-role/app/x", "arn:aws:iam::123456789012:role/a/b/app", true},
		{"a role without one", "arn:aws:sts::123456789012:assumed-role/app/x", "arn:aws:iam::123456789012:role/app", true},
		{"another name", "arn:aws:sts::123456789012:assumed-role/app/x", "arn:aws:iam::123456789012:role/a/xapp", false},
		{"another account", "arn:aws:sts::123456789012:assumed-role/app/x", "arn:aws:iam::999999999999:role/app", false},
		{"a user", "arn:aws:sts::123456789012:assumed-role/app/x", "arn:aws:iam::123456789012:user/app", false},
		{"a session", "arn:aws:sts::123456789012:assumed-role/app/app", "arn:aws:sts::123456789012:assumed-role/app/app", false},
		{"root", "arn:aws:sts::123456789012:assumed-role/app/app", "arn:aws:iam::123456789012:root", false},
		{"a user has no role", somebody, "arn:aws:iam::123456789012:role/app", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := principal(t, c.principal).OfRole(c.role); (err == nil) != c.ok {
				t.Errorf("got %v, want ok %t", err, c.ok)
			}
		})
	}
}

func TestNobodyIsAllowedNothing(t *testing.T) {
	all := identity(t, `{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`)
	public := attached(t, `{"Statement":{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}}`)
	if d := policy.Evaluate(&policy.Request{Action: "rota:Status", Resource: "*"}, []*policy.Policy{all}, public); d.Allowed {
		t.Errorf("%+v", d)
	}
}
