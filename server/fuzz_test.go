package server

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/rotahq/rota/wire"
)

// targets are all operations, AWS's and rota's own, in a fixed order.
func (z *fuzzed) targets() (out []string) {
	for _, name := range slices.Sorted(maps.Keys(z.Server.aws)) {
		out = append(out, "secretsmanager."+name)
	}
	for _, name := range slices.Sorted(maps.Keys(z.Server.own)) {
		out = append(out, "rota."+name)
	}
	return out
}

// hostile are bodies that no client writes.
var hostile = []string{
	``, ` `, `null`, `[]`, `{}`, `{`, `"`, `0`, "\xef\xbb\xbf{}", `{}{}`, `{"SecretId":"app/db"} x`,
	`{"SecretId":null}`, `{"SecretId":5}`, `{"SecretId":{"SecretId":"app/db"}}`, `{"SecretId":["app/db"]}`, `{"secretid":"app/db"}`,
	`{"SecretId":"app/db","SecretId":"empty"}`, `{"SecretId":"empty","SecretId":{}}`, `{"Secret\u0049d":"app/db","Name":"app/db"}`,
	"{\"SecretId\":\"\xff\xfe\"}", `{"SecretId":"\ud800"}`, `{"SecretId":"\u0000"}`, "{\"SecretId\":\"a\nb\"}",
	`{"SecretId":"` + strings.Repeat("a", 3000) + `"}`, `{"SecretId":"arn:aws:secretsmanager:us-east-1:123456789012:secret:` + strings.Repeat("a", 600) + `"}`,
	strings.Repeat(`[`, 20000), strings.Repeat(`{"a":`, 20000), `{"a":` + strings.Repeat(`[`, 9000) + strings.Repeat(`]`, 9000) + `,"SecretId":"app/db"}`,
	`{` + strings.Repeat(`"SecretId":"app/db",`, 5000) + `"SecretId":"app/db"}`,
	`{"SecretId":"app/db","Name":"x","Tags":[` + strings.Repeat(`{},`, 5000) + `{}],"Filters":[` + strings.Repeat(`{},`, 5000) + `{}]}`,
	`{"SecretId":"app/db","Tags":[` + strings.Repeat(`null,`, 5000) + `null],"TagKeys":[` + strings.Repeat(`"",`, 5000) + `""]}`,
	`{"SecretId":"app/db","Name":"app/new","RecoveryWindowInDays":1e400,"MaxResults":-1,"PasswordLength":99999999999999999999999}`,
	`{"SecretId":"app/db","RecoveryWindowInDays":9223372036854775808,"MaxResults":1.5,"PasswordLength":4096}`,
	`{"SecretId":"app/db","RecoveryWindowInDays":7,"ForceDeleteWithoutRecovery":true}`,
	`{"SecretId":"app/db","SecretBinary":"!","SecretString":"","ClientRequestToken":""}`, `{"Name":"app/new","SecretBinary":"AA=="}`,
	`{"Name":"app/new","SecretString":"x","ClientRequestToken":"33333333-3333-4333-8333-333333333333","AddReplicaRegions":[{"Region":"` + there + `"},{"Region":"` + region + `"}]}`,
	`{"SecretIdList":["app/db","app/none","app/deleted",""],"Filters":[{"Key":"name","Values":["a"]}]}`,
	`{"SecretId":"app/db","RotationRules":{"ScheduleExpression":"cron(0 0 31 2 ? *)"},"RotationLambdaARN":"x"}`,
	`{"SecretId":"app/turned","SecretString":"x","VersionStages":["AWSPENDING"],"VersionStage":"AWSPENDING","RemoveFromVersionId":"22222222-2222-4222-8222-222222222222"}`,
	`{"SecretId":"app/db","ResourcePolicy":"` + strings.Repeat(`[`, 20000) + `"}`,
	`{"Principal":"p","PolicyName":"p","PolicyDocument":"{}","Name":"p","Arn":"arn:aws:iam::123456789012:user/p"}`,
}

// FuzzAnyBodyIsAnsweredOrRefusedAsDocumented sends any body to any operation,
// signed by the administrator, and then by a user who may do nothing.
func FuzzAnyBodyIsAnsweredOrRefusedAsDocumented(f *testing.F) {
	z := newFuzzed(f)
	targets := z.targets()
	for i, target := range targets {
		for _, body := range hostile {
			f.Add(byte(i), []byte(body))
		}
		for name, op := range allOperations {
			if operation, _, _ := strings.Cut(name, ","); operation == target {
				for _, secret := range []string{"app/db", "app/binary", "app/turned", "app/deleted", "empty"} {
					body := strings.NewReplacer("SECRET", secret, "FIRST", "11111111-1111-4111-8111-111111111111", "TOKEN", "33333333-3333-4333-8333-333333333333", "PRIVATE", quoted(private), "KEY", keyID).Replace(op.body)
					f.Add(byte(i), []byte(body))
				}
			}
		}
	}
	f.Fuzz(func(t *testing.T, op byte, body []byte) {
		target := targets[int(op)%len(targets)]
		status, typ, answer := z.ask(t, userKey+nobody, target, body)
		if z.check(t, target, status, typ, answer); strings.Contains(answer, "canary") && !strings.Contains(string(body), "canary") {
			t.Fatalf("%s tells who may do nothing a value: %s", target, answer)
		}
		if len(body) > MaxBody {
			t.Skip("has a test of its own")
		}
		before := z.rows
		status, typ, answer = z.ask(t, keyID, target, body)
		if z.check(t, target, status, typ, answer); z.rows != before {
			z.reset(t)
		}
	})
}

// FuzzAStrangerLearnsNothing sends requests with any headers. What was signed
// for one request signs no other, and whoever did not sign is told nothing but
// that.
func FuzzAStrangerLearnsNothing(f *testing.F) {
	z := newFuzzed(f)
	const target, body = "secretsmanager.DescribeSecret", `{"SecretId":"app/db"}`
	signed := httptest.NewRequestWithContext(f.Context(), http.MethodPost, "/", strings.NewReader(body))
	signed.Header.Set("X-Amz-Target", target)
	wire.Sign(signed, []byte(body), keyID, secretKey, region, wire.Service, z.at)
	good, date := signed.Header.Get("Authorization"), signed.Header.Get("X-Amz-Date")
	if status, _, answer := z.serve(f, signed); status != http.StatusOK {
		f.Fatalf("the request that is to be changed is refused itself: %s", answer)
	}
	signature := good[strings.LastIndex(good, "=")+1:]
	for _, auth := range []string{
		good, "", " ", "AWS4-HMAC-SHA256", "Basic YTpi", strings.ToLower(good), strings.ReplaceAll(good, ", ", ","), good + ",", good + good,
		strings.Replace(good, keyID, "AKIAUNKNOWN", 1), strings.Replace(good, keyID, userKey+nobody, 1), strings.Replace(good, region, there, 1),
		strings.Replace(good, signature, strings.Repeat("0", 64), 1), strings.Replace(good, signature, strings.ToUpper(signature), 1),
		strings.Replace(good, "host;", "", 1), strings.Replace(good, "SignedHeaders=", "SignedHeaders=;", 1),
		strings.Replace(good, "x-amz-target", strings.Repeat("x;", 5000)+"x-amz-target", 1), strings.Replace(good, keyID, strings.Repeat("A", 100000), 1),
	} {
		for _, op := range []string{target, "secretsmanager.GetSecretValue", "secretsmanager.Nothing", "rota.Status", "AWSLambda.Invoke", ""} {
			f.Add("POST", "/", auth, date, op, "", "", []byte(body))
		}
		f.Add("POST", "/", auth, date, target, strings.Repeat("f", 64), "token", []byte(body))
		f.Add("POST", "/2015-03-31/functions/rota-model-keys/invocations", auth, date, "", "", "", []byte(body))
	}
	f.Add("GET", "/", good, date, target, "", "", []byte(body))
	f.Add("POST", "/", good, "20260101T000000Z", target, "", "", []byte(body))
	f.Add("POST", "/", good, date, target, "", "", []byte(`{"SecretId":"app/none"}`))
	f.Fuzz(func(t *testing.T, method, path, auth, date, target, hash, token string, body []byte) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(string(body)))
		r.Method, r.URL.Path = method, path
		for name, value := range map[string]string{"Authorization": auth, "X-Amz-Date": date, "X-Amz-Target": target, "X-Amz-Content-Sha256": hash, "X-Amz-Security-Token": token} {
			if value != "" {
				r.Header[http.CanonicalHeaderKey(name)] = []string{value}
			}
		}
		if path == "/healthz" {
			t.Skip("it is for everybody")
		}
		status, typ, answer := z.serve(t, r)
		before := z.rows
		if z.rows = z.look(t); z.rows != before {
			t.Fatalf("a request changed the database: %s", answer)
		}
		switch typ {
		case "MissingAuthenticationTokenException", "IncompleteSignatureException", "InvalidSignatureException", "UnrecognizedClientException", "ExpiredTokenException":
			if strings.Contains(answer, "app/db") && !strings.Contains(auth+target+date+hash+token, "app/db") || len(answer) > 16<<10 {
				t.Fatalf("a stranger is told %s", answer)
			}
		case "UnknownOperationException", "RequestEntityTooLargeException", "RequestTooLargeException", "InvalidRequestContentException":
			if method == http.MethodPost && path == "/" && len(body) <= MaxBody {
				t.Fatalf("a stranger is told %s", answer)
			}
		default:
			// It passed as the request that was signed, or it was forged.
			if method != http.MethodPost || path != "/" || target != "secretsmanager.DescribeSecret" || string(body) != `{"SecretId":"app/db"}` || token != "" || !strings.Contains(auth, signature) {
				t.Fatalf("%s %s with %q was taken: %d %s", method, path, auth, status, answer)
			}
		}
	})
}
