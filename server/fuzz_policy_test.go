package server

import (
	"encoding/json"
	"net/http"
	"testing"
	"unicode/utf8"
)

// FuzzPolicies puts any document on a secret, on a user, and on a session. One that is taken
// comes back as it was, says the same of itself when it is only checked, and
// every request is decided under it.
func FuzzPolicies(f *testing.F) {
	z := newFuzzed(f)
	for _, document := range []string{
		private, public, lockOut, ``, `{}`, `[]`, `null`, `{"Statement":[]}`, `{"Version":"2012-10-17","Statement":[{}]}`,
		`{"Version":"2012-10-17","Version":"2008-10-17","Statement":{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*"}}`,
		`{"Version":"2012-10-17","Statement":{"Effect":"Deny","NotPrincipal":{"AWS":"` + principal + `"},"NotAction":"secretsmanager:Get*","Resource":"*"}}`,
		`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"*"},"Action":["*"],"Resource":["*"],"Condition":{"IpAddress":{"aws:SourceIp":"0.0.0.0/0"},"Bool":{"aws:SecureTransport":"maybe"}}}}`,
		`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"` + arnOf(nobody) + `"},"Action":"secretsmanager:*","Resource":"*","Condition":{"StringLike":{"aws:ResourceTag/team":"${aws:username}*"},"DateLessThan":{"aws:CurrentTime":"2030-01-01T00:00:00Z"},"NumericLessThan":{"secretsmanager:RecoveryWindowInDays":"9"}}}}`,
		statement("Allow", []string{"*"}, ""), statement("Deny", []string{"rota:*", "secretsmanager:?et*"}, `,"Condition":{"ForAllValues:StringEquals":{"aws:TagKeys":["a","b"]}}`),
	} {
		f.Add(document)
	}
	f.Fuzz(func(t *testing.T, document string) {
		if !utf8.ValidString(document) {
			t.Skip("bodies are fuzzed elsewhere")
		}
		start := z.rows
		do := func(key, target, body string) (bool, string) {
			t.Helper()
			status, typ, answer := z.ask(t, key, target, []byte(body))
			return z.check(t, target, status, typ, answer), answer
		}
		in := `{"SecretId":"app/db","ResourcePolicy":` + quoted(document) + `}`
		valid, said := do(keyID, "secretsmanager.ValidateResourcePolicy", in)
		var checked struct{ PolicyValidationPassed bool }
		if err := json.Unmarshal([]byte(said), &checked); err != nil {
			t.Fatal(err)
		}
		put, _ := do(keyID, "secretsmanager.PutResourcePolicy", in)
		if checked.PolicyValidationPassed && !put {
			t.Fatalf("%q is valid and was not put", document)
		}
		if put && !valid {
			t.Fatalf("%q was put, and to check it fails: %s", document, said)
		}
		if put {
			var got struct{ ResourcePolicy string }
			ok, answer := do(keyID, "secretsmanager.GetResourcePolicy", `{"SecretId":"app/db"}`)
			if ok && (json.Unmarshal([]byte(answer), &got) != nil || got.ResourcePolicy != document) {
				t.Fatalf("%q came back as %q", document, answer)
			}
		}
		do(keyID, "rota.PutPrincipalPolicy", `{"Principal":"cy","PolicyName":"x","PolicyDocument":`+quoted(document)+`}`)
		do(keyID, "rota.ExplainPolicy", `{"Principal":"cy","Action":"secretsmanager:GetSecretValue","SecretId":"app/db"}`)
		do(keyID, "rota.GetSessionToken", `{"Policy":`+quoted(document)+`}`)
		for _, key := range []string{userKey + nobody, keyID} {
			do(key, "secretsmanager.GetSecretValue", `{"SecretId":"app/db"}`)
			do(key, "secretsmanager.UntagResource", `{"SecretId":"app/db","TagKeys":["team"]}`)
			do(key, "secretsmanager.BatchGetSecretValue", `{"Filters":[{"Key":"all","Values":["app"]}]}`)
			do(key, "rota.Show", `{"SecretId":"app/db"}`)
		}
		if z.rows != start {
			z.reset(t)
		}
		if status, _, answer := z.ask(t, keyID, "secretsmanager.DescribeSecret", []byte(`{"SecretId":"app/db"}`)); status != http.StatusOK {
			t.Fatalf("the next input starts with %s", answer)
		}
	})
}
