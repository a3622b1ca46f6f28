package policy_test

import (
	"testing"

	"github.com/rotahq/rota/access/policy"
)

const (
	allowsAll = `{"Version":"2012-10-17","Statement":{"Sid":"All","Effect":"Allow","Action":"*","Resource":"*"}}`
	allowsGet = `{"Version":"2012-10-17","Statement":{"Sid":"Get","Effect":"Allow","Action":"secretsmanager:Get*","Resource":"*"}}`
	allowsPut = `{"Version":"2012-10-17","Statement":{"Sid":"Put","Effect":"Allow","Action":"secretsmanager:Put*","Resource":"*"}}`
	deniesGet = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},{"Sid":"NoGet","Effect":"Deny","Action":"secretsmanager:Get*","Resource":"*"}]}`
	attachedP = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"` + somebody + `"},"Action":"*","Resource":"*"}}`
)

func TestASessionPolicyLimitsAndNeverGrants(t *testing.T) {
	const (
		who   = "User: " + somebody + " is not authorized to perform: secretsmanager:GetSecretValue on resource: " + secret + " "
		get   = " the secretsmanager:GetSecretValue action"
		noOwn = who + "because no identity-based policy allows" + get
		noSes = who + "because no session policy allows" + get
	)
	for _, c := range []struct {
		what, identity, session, attached, denial string
	}{
		{"both allow it", allowsAll, allowsGet, "", ""},
		{"the session does not", allowsAll, allowsPut, "", noSes},
		{"the session denies it", allowsAll, deniesGet, "", who + "with an explicit deny in a session policy"},
		{"the principal may not", allowsPut, allowsGet, "", noOwn},
		{"the principal is denied it", deniesGet, allowsGet, "", who + "with an explicit deny in an identity-based policy"},
		{"the resource allows it, and the session", allowsPut, allowsGet, attachedP, ""},
		{"the resource allows it, and the session does not", allowsPut, allowsPut, attachedP, noSes},
	} {
		t.Run(c.what, func(t *testing.T) {
			r := Asked{}.request(t)
			own, err := policy.ParseIdentity("own", c.identity)
			if err != nil {
				t.Fatal(err)
			}
			if r.Session, err = policy.ParseIdentity("limit", c.session); err != nil {
				t.Fatal(err)
			}
			var p *policy.Policy
			if c.attached != "" {
				p = attached(t, c.attached)
			}
			d, verdicts := policy.Explain(r, []*policy.Policy{own}, p)
			got := ""
			if !d.Allowed {
				got = d.Denial(r)
			}
			if got != c.denial {
				t.Errorf("got  %q\nwant %q", got, c.denial)
			}
			seen := false
			for _, v := range verdicts {
				seen = seen || v.By == policy.SessionPolicy && v.Policy == "limit"
			}
			if !seen {
				t.Errorf("the explanation leaves the session's policy out: %+v", verdicts)
			}
		})
	}
}
