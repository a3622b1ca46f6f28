package policy_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/rotahq/rota/access/policy"
)

// The operators of AWS's page
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html).
const documentedOperators = `
	StringEquals StringNotEquals StringEqualsIgnoreCase StringNotEqualsIgnoreCase StringLike StringNotLike
	NumericEquals NumericNotEquals NumericLessThan NumericLessThanEquals NumericGreaterThan NumericGreaterThanEquals
	DateEquals DateNotEquals DateLessThan DateLessThanEquals DateGreaterThan DateGreaterThanEquals
	Bool BinaryEquals IpAddress NotIpAddress ArnEquals ArnLike ArnNotEquals ArnNotLike Null`

func TestConditions(t *testing.T) {
	type held struct {
		Guards, Source string
		Asked          `yaml:",inline"`
		Condition      string
		Holds          *bool
		Allow, Deny    bool
	}
	list := vectors[held](t, "conditions.yaml")
	for _, operator := range strings.Fields(documentedOperators) {
		if !slices.ContainsFunc(list, func(v held) bool { return strings.Contains(v.Condition, `"`+operator+`":`) }) {
			t.Errorf("no vector has %s", operator)
		}
	}
	for _, v := range list {
		t.Run(v.Guards, func(t *testing.T) {
			if v.Holds != nil {
				v.Allow, v.Deny = *v.Holds, *v.Holds
			}
			r := v.request(t)
			statement := func(effect string) string {
				return `{"Effect":"` + effect + `","Principal":"*","Action":"*","Resource":"*","Condition":` + v.Condition + `}`
			}
			p := attached(t, `{"Version":"2012-10-17","Statement":[`+statement("Allow")+`,`+statement("Deny")+`]}`)
			_, verdicts := policy.Explain(r, nil, p)
			for i, want := range []bool{v.Allow, v.Deny} {
				if got := verdicts[i]; got.Applies != want {
					t.Errorf("%s applies: %t, want %t: %s", got.Effect, got.Applies, want, got.Why)
				}
			}
		})
	}
}

func TestPublic(t *testing.T) {
	type wide struct {
		Guards, Source, Statement string
		Public                    bool
	}
	const narrow = `{"Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":"*","Resource":"*"}`
	for _, v := range vectors[wide](t, "public.yaml") {
		t.Run(v.Guards, func(t *testing.T) {
			p := attached(t, `{"Version":"2012-10-17","Statement":[`+narrow+`,{`+v.Statement+`,"Action":"secretsmanager:GetSecretValue","Resource":"*"}]}`)
			n, public := p.Public()
			if public != v.Public || public && n != 2 || !public && n != 0 {
				t.Errorf("got %d, %t, want %t", n, public, v.Public)
			}
		})
	}
}
