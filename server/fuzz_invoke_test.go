package server

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/function/remote"
	"github.com/rotahq/rota/wire"
)

// refusals are what the Invoke API answers besides success, with its status.
var refusals = map[string]int{
	"AccessDeniedException": http.StatusForbidden, "InvalidSignatureException": http.StatusForbidden,
	"ResourceNotFoundException": http.StatusNotFound, "UnknownOperationException": http.StatusNotFound,
	"ValidationException": http.StatusBadRequest, "InvalidRequestContentException": http.StatusBadRequest,
	"RequestTooLargeException": http.StatusRequestEntityTooLarge, "TooManyRequestsException": http.StatusTooManyRequests,
}

// echo makes the function fn answer with what it was sent.
func (z *fuzzed) echo(f *testing.F) {
	f.Helper()
	lambda := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body) // what is cut short comes back so
		_, _ = w.Write(b)
	}))
	f.Cleanup(lambda.Close)
	z.Functions.Remote.Store = z.store
	z.Functions.Remote.Ambient = func(_ context.Context, t remote.Target) (*remote.Client, error) {
		t.Region, t.Endpoint = region, lambda.URL
		return remote.New(t, remote.Keys{AccessKeyID: keyID, SecretAccessKey: rota.StringValue(secretKey)}), nil
	}
}

// invocation is a request to the Invoke API, signed by AWS's own signer.
func (z *fuzzed) invocation(t testing.TB, key string, target *url.URL, kind string, payload []byte) *http.Request {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", bytes.NewReader(payload))
	sent := *target
	r.URL = &sent
	if kind != "" {
		r.Header.Set(wire.HeaderInvocationType, kind)
	}
	sum := sha256.Sum256(payload)
	keys := aws.Credentials{AccessKeyID: key, SecretAccessKey: secretKey}
	if err := v4.NewSigner().SignHTTP(t.Context(), keys, r, hex.EncodeToString(sum[:]), wire.ServiceLambda, region, z.at); err != nil {
		t.Fatal(err)
	}
	r.URL.RawQuery = target.RawQuery // which the signer writes anew
	return r
}

// FuzzAnInvocationIsAnsweredOrRefusedAsDocumented invokes by any path and
// query, with any payload: as a user who may do nothing, as the administrator,
// and with what was signed for another target.
func FuzzAnInvocationIsAnsweredOrRefusedAsDocumented(f *testing.F) {
	z := newFuzzed(f)
	for _, name := range []string{
		"fn", "fn:$LATEST", "fn:1", "fn:", "function:fn", account + ":function:fn", "999999999999:function:fn", "arn:aws:lambda:" + region + ":" + account + ":function:fn",
		"arn%3Aaws%3Alambda%3A" + region + "%3A" + account + "%3Afunction%3Afn%3A%24LATEST", "arn:aws:lambda:" + there + ":" + account + ":function:fn", "arn:aws:lambda",
		"rota-model-keys", "none", "", "a%20b", "..%2F..%2Fx", "%66n", "fn/", "/fn", "fn%00", "%ff", "ünï", strings.Repeat("a", 200), strings.Repeat("%3A", 200),
	} {
		f.Add(name+wire.InvokeSuffix, "", "", []byte(`{"SecretId":"app/db"}`))
	}
	for _, query := range []string{"Qualifier=%24LATEST", "Qualifier=1", "Qualifier=", "Qualifier=1&Qualifier=%24LATEST", "b=2&a=1&a=0&c=x%20y+z%2B", "a;b", "a=%zz", "%", "=", "&&", "a=\xff", "?", "é=1", "Og&\x92:", "a-b=1&a=z&a=é"} {
		f.Add("fn"+wire.InvokeSuffix, query, "", []byte(`{}`))
	}
	for _, payload := range append(hostile[:24:24], `{"Step":"createSecret","SecretId":"app/turned","ClientRequestToken":"x"}`, `"\ud800"`, `1e999`, strings.Repeat(`[`, 20000)) {
		for _, kind := range []string{"", wire.RequestResponse, wire.EventInvocation, wire.DryRun, "Later"} {
			f.Add("fn"+wire.InvokeSuffix, "", kind, []byte(payload))
		}
	}
	f.Add("fn/versions", "", "", []byte{})
	f.Add("fn"+wire.InvokeSuffix+"/", "", "", []byte{})
	f.Fuzz(func(t *testing.T, path, query, kind string, payload []byte) {
		text := wire.InvokePrefix + path
		if query != "" {
			text += "?" + query
		}
		target, err := url.ParseRequestURI(text)
		if err != nil {
			t.Skip("no server is sent this")
		}
		check := func(r *http.Request) (status int, typ, answer string) {
			w := httptest.NewRecorder()
			z.ServeHTTP(w, r)
			status, typ, answer = w.Code, w.Header().Get("X-Amzn-Errortype"), w.Body.String()
			if typ != "" && (refusals[typ] != status || !json.Valid(w.Body.Bytes()) || len(answer) > 64<<10) || typ == "" && status/100 != 2 {
				t.Fatalf("%q: %d %s is not documented: %s", text, status, typ, answer)
			}
			before := z.rows
			if z.rows = z.look(t); z.rows != before {
				t.Fatalf("%q changed the database: %s", text, answer)
			}
			return status, typ, answer
		}
		_, unreadable := url.ParseQuery(target.RawQuery)

		_, typ, answer := check(z.invocation(t, userKey+nobody, target, kind, payload))
		if typ == "" || strings.Contains(answer, "canary") && !strings.Contains(text+kind+string(payload), "canary") {
			t.Fatalf("%q: who may do nothing is told %s", text, answer)
		}

		status, typ, answer := check(z.invocation(t, keyID, target, kind, payload))
		if badly := typ == "InvalidSignatureException"; badly != (unreadable != nil) && typ != "UnknownOperationException" {
			t.Fatalf("%q, signed by the SDK: %d %s", text, status, answer)
		}
		want := string(payload)
		if want == "" {
			want = "{}"
		}
		if status == http.StatusOK && answer != want || typ == "" && !json.Valid([]byte(want)) {
			t.Fatalf("%q with %q: %d %q", text, payload, status, answer)
		}

		// What was signed for one target is good for no other.
		signed := z.invocation(t, keyID, &url.URL{Path: wire.InvokePrefix + "fn" + wire.InvokeSuffix}, kind, payload)
		if target.EscapedPath() != signed.URL.EscapedPath() || strings.Trim(target.RawQuery, "&") != "" {
			signed.URL = target
			if status, typ, answer := check(signed); typ != "InvalidSignatureException" && typ != "UnknownOperationException" {
				t.Fatalf("%q with the signature of another: %d %s", text, status, answer)
			}
		}
	})
}
