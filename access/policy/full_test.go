package policy

import "testing"

func TestFullAccessIsAStatementThatAllowsEverythingWithoutACondition(t *testing.T) {
	for name, c := range map[string]struct {
		statements   string
		full, denies bool
	}{
		"everything":            {`{"Effect":"Allow","Action":"*","Resource":"*"}`, true, false},
		"in lists":              {`{"Effect":"Allow","Action":["rota:Show","*"],"Resource":["*"]}`, true, false},
		"written as *:*":        {`{"Effect":"Allow","Action":"*:*","Resource":"*"}`, true, false},
		"the second statement":  {`[{"Effect":"Allow","Action":"rota:Show","Resource":"*"},{"Effect":"Allow","Action":"*","Resource":"*"}]`, true, false},
		"a Deny beside it":      {`[{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Deny","Action":"rota:Show","Resource":"*"}]`, true, true},
		"a Deny of everything":  {`{"Effect":"Deny","Action":"*","Resource":"*"}`, false, true},
		"one service":           {`{"Effect":"Allow","Action":"secretsmanager:*","Resource":"*"}`, false, false},
		"some resources":        {`{"Effect":"Allow","Action":"*","Resource":"arn:aws:secretsmanager:*:*:secret:*"}`, false, false},
		"with a condition":      {`{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"true"}}}`, false, false},
		"all but some actions":  {`{"Effect":"Allow","NotAction":"rota:Show","Resource":"*"}`, false, false},
		"nothing, in two words": {`{"Effect":"Allow","NotAction":"*","Resource":"*"}`, false, false},
		"no resource":           {`{"Effect":"Allow","Action":"*","NotResource":"*"}`, false, false},
	} {
		p, err := ParseIdentity("p", `{"Version":"2012-10-17","Statement":`+c.statements+`}`)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if p.FullAccess() != c.full || p.Denies() != c.denies {
			t.Errorf("%s: full access %v, denies %v", name, p.FullAccess(), p.Denies())
		}
	}
}
