package conformance

import (
	"net/http"
	"strings"
	"testing"
)

// FuzzCall: whatever a function sends is a call that can be told of, and its
// value is in no word of it.
func FuzzCall(f *testing.F) {
	f.Add("secretsmanager.PutSecretValue", `{"SecretId":"app","ClientRequestToken":"t","SecretString":"canary-value","VersionStages":["AWSPENDING"]}`, "AWS4-HMAC-SHA256 Credential=AKIA/20260101/us-east-1/secretsmanager/aws4_request")
	f.Add("secretsmanager.PutSecretValue", `{"SecretId":"app","ClientRequestToken":"t","SecretBinary":"Y2FuYXJ5LXZhbHVl"}`, "")
	f.Add("secretsmanager.GetSecretValue", `{"VersionId":"v","VersionStage":"x"}`, "")
	f.Add("", `[`, "Credential=")
	f.Fuzz(func(t *testing.T, target, body, authorization string) {
		h := http.Header{}
		h.Set("X-Amz-Target", target)
		c := parseCall(h, []byte(body))
		c.About = c.about(func(string) string { return "new" }, func(string) string { return "other" })
		for _, value := range c.in.values {
			if v := string(value.Reveal()); strings.Contains(v, "canary") && strings.Contains(c.String(), v) {
				t.Errorf("%s tells the value", c)
			}
		}
		if id := accessKeyID(authorization); strings.Contains(id, "/") {
			t.Errorf("%q is no id", id)
		}
	})
}

func TestALabelOfAFunctionsOwnIsTheSameInEveryRun(t *testing.T) {
	name := func(string) string { return "old" }
	in := input{}
	for label, want := range map[string]string{
		"rota-ends-20261124T101900Z-ca725c4a": "rota-ends-(time)-old", "AWSPENDING": "AWSPENDING", "rota-ends-next-0f0f0f0f": "rota-ends-next-old",
	} {
		if got := in.label(label, name); got != want {
			t.Errorf("%s is %s, want %s", label, got, want)
		}
	}
}
