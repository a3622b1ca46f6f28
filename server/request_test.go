package server

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/wire"
)

const createBody = `{"Name":"app/forged","ClientRequestToken":"00000000-0000-0000-0000-000000000000","SecretString":"` + valueOne + `"}`

// resend is the request with another body, still under the old signature.
func resend(r *http.Request, body string) *http.Request {
	r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
	return r
}

func TestRequestsThatAreNotSignedAsTheyMustBeChangeNothing(t *testing.T) {
	w := newWorld(t)
	const target = "secretsmanager.CreateSecret"
	signed := func(key, secret, region, service string, at time.Time) *http.Request {
		r := w.request(t, target, createBody)
		wire.Sign(r, []byte(createBody), key, secret, region, service, at)
		return r
	}
	now := time.Now()
	for name, test := range map[string]struct {
		request *http.Request
		want    string
	}{
		"without a signature": {func() *http.Request {
			r := w.request(t, target, createBody)
			r.Header.Del("Authorization")
			return r
		}(), "MissingAuthenticationTokenException"},
		"half an Authorization header": {func() *http.Request {
			r := w.request(t, target, createBody)
			h := r.Header.Get("Authorization")
			r.Header.Set("Authorization", h[:strings.Index(h, ", Signature=")])
			return r
		}(), "IncompleteSignatureException"},
		"half a signature": {func() *http.Request {
			r := w.request(t, target, createBody)
			h := r.Header.Get("Authorization")
			r.Header.Set("Authorization", h[:len(h)-32])
			return r
		}(), "InvalidSignatureException"},
		"another secret access key":  {signed(keyID, "forged", region, "secretsmanager", now), "InvalidSignatureException"},
		"an unknown access key":      {signed("AKIAUNKNOWN", secretKey, region, "secretsmanager", now), "UnrecognizedClientException"},
		"six minutes late":           {signed(keyID, secretKey, region, "secretsmanager", now.Add(-6*time.Minute)), "InvalidSignatureException"},
		"six minutes early":          {signed(keyID, secretKey, region, "secretsmanager", now.Add(6*time.Minute)), "InvalidSignatureException"},
		"signed for another region":  {signed(keyID, secretKey, "sa-east-1", "secretsmanager", now), "InvalidSignatureException"},
		"signed for another service": {signed(keyID, secretKey, region, "sts", now), "InvalidSignatureException"},
		"a body that was changed":    {resend(w.request(t, target, createBody), strings.Replace(createBody, "forged", "FORGED", 1)), "InvalidSignatureException"},
		"a body that was cut":        {resend(w.request(t, target, createBody), createBody[:len(createBody)-8]), "InvalidSignatureException"},
		"another operation than was signed": {func() *http.Request {
			r := w.request(t, "secretsmanager.DescribeSecret", createBody)
			r.Header.Set("X-Amz-Target", target)
			return r
		}(), "InvalidSignatureException"},
		"another hash than the body's": {func() *http.Request {
			r := w.request(t, target, createBody)
			r.Header.Set("X-Amz-Content-Sha256", strings.Repeat("0", 64))
			wire.Sign(r, []byte(createBody), keyID, secretKey, region, wire.Service, now)
			return r
		}(), "InvalidSignatureException"},
		"a path": {func() *http.Request {
			r := w.request(t, target, createBody)
			r.URL.Path = "/v1"
			return r
		}(), "UnknownOperationException"},
		"the method GET": {func() *http.Request {
			r := w.request(t, target, createBody)
			r.Method, r.Body, r.ContentLength = http.MethodGet, nil, 0
			return r
		}(), "UnknownOperationException"},
		"an operation that nobody has":        {w.request(t, "secretsmanager.DropEverything", createBody), "UnknownOperationException"},
		"an operation that rota has not":      {w.request(t, "rota.DropEverything", createBody), "UnknownOperationException"},
		"a body that is no JSON":              {w.request(t, target, createBody[1:]), "SerializationException"},
		"a member of the wrong type":          {w.request(t, target, `{"Name":[]}`), "SerializationException"},
		"rota's own with an unknown member":   {w.request(t, "rota.Expire", `{"SecretId":"x","Nowish":true}`), "SerializationException"},
		"rota's own with more than an object": {w.request(t, "rota.Status", `{}{}`), "SerializationException"},
	} {
		t.Run(name, func(t *testing.T) {
			a := send(t, test.request)
			if a.status != 400 || a.typ != test.want || a.text == "" {
				t.Errorf("got %d %s %q, want 400 %s with a text", a.status, a.typ, a.text, test.want)
			}
			if a.header.Get("X-Amzn-Requestid") == "" || a.header.Get("Date") == "" || a.header.Get("Content-Type") != wire.ContentType {
				t.Errorf("the answer lacks a header: %v", a.header)
			}
		})
	}
	if n := len(must(w.sdk().ListSecrets(t.Context(), &secretsmanager.ListSecretsInput{})).SecretList); n != 0 {
		t.Errorf("%d secrets were made", n)
	}
}

func TestTheBodyHasALimit(t *testing.T) {
	w := newWorld(t)
	tooMuch := strings.Repeat(" ", MaxBody) + "x"
	chunked := w.request(t, "secretsmanager.CreateSecret", tooMuch)
	chunked.Body, chunked.ContentLength = io.NopCloser(io.MultiReader(strings.NewReader(tooMuch))), -1
	for name, r := range map[string]*http.Request{
		"with its length told": w.request(t, "secretsmanager.CreateSecret", tooMuch),
		"in chunks":            chunked,
	} {
		a := send(t, r)
		if a.status != http.StatusRequestEntityTooLarge || a.typ != "RequestEntityTooLargeException" {
			t.Errorf("a byte too much, %s: got %d %s, want 413 RequestEntityTooLargeException", name, a.status, a.typ)
		}
	}
	// The largest value in the largest writing of it still fits.
	nuls := strings.Repeat(`\u0000`, rota.MaxValueBytes)
	a := send(t, w.request(t, "secretsmanager.CreateSecret", `{"Name":"big","ClientRequestToken":"`+newID()+`","SecretString":"`+nuls+`"}`))
	if a.status != http.StatusOK {
		t.Fatalf("a value of %d bytes, each escaped: %d %s", rota.MaxValueBytes, a.status, a.body)
	}
	a = send(t, w.request(t, "secretsmanager.GetSecretValue", `{"SecretId":"big"}`))
	if !strings.Contains(a.body, `"SecretString":"`+nuls+`"`) {
		t.Errorf("it came back as %d bytes", len(a.body))
	}
}

func TestHealthNeedsNoSignature(t *testing.T) {
	w := newWorld(t)
	check := func(method string, status int, body string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, w.url+"/healthz", nil)
		if err != nil {
			t.Fatal(err)
		}
		if a := send(t, r); a.status != status || strings.TrimSpace(a.body) != body {
			t.Errorf("%s /healthz: %d %q, want %d %q", method, a.status, a.body, status, body)
		}
	}
	check(http.MethodGet, 200, `{"status":"ok"}`)
	check(http.MethodHead, 200, "")
	check(http.MethodPost, 405, "")
	w.sick.Store(true)
	check(http.MethodGet, 503, `{"status":"failing"}`)
	if !strings.Contains(w.log.String(), "the database does not answer") {
		t.Error("the log does not say what fails")
	}
}

func TestAPanicIsTheEndOfOneRequestOnly(t *testing.T) {
	w := newWorld(t)
	w.aws["DescribeSecret"] = operation{do: func(context.Context, *request, []byte) ([]byte, error) { panic(fmt.Sprintf("with %s", valueOne)) }}
	a := send(t, w.request(t, "secretsmanager.DescribeSecret", `{"SecretId":"x"}`))
	if a.status != 500 || a.typ != "InternalServiceError" || strings.Contains(a.body, valueOne) {
		t.Errorf("got %d %s, want 500 InternalServiceError with nothing of the panic", a.status, a.body)
	}
	log := w.log.String()
	if !strings.Contains(log, "panic (string)") || !strings.Contains(log, "request_test.go") || !strings.Contains(log, "operation=DescribeSecret") {
		t.Errorf("the log does not say where: %s", log)
	}
	if strings.Contains(log, valueOne) {
		t.Error("the log holds the text of the panic")
	}
	if a := send(t, w.request(t, "secretsmanager.ListSecrets", `{}`)); a.status != 200 {
		t.Errorf("the next request: %d %s", a.status, a.body)
	}
}

func TestTheLogTellsOfRequestsButHoldsNoValue(t *testing.T) {
	w := newWorld(t)
	for target, body := range map[string]string{
		"secretsmanager.CreateSecret":   createBody,
		"secretsmanager.GetSecretValue": `{"SecretId":"app/forged"}`,
		"secretsmanager.PutSecretValue": `{"SecretId":"none","ClientRequestToken":"` + newID() + `","SecretString":"` + valueTwo + `"}`,
		"secretsmanager.UpdateSecret":   `{"SecretId":"app/forged","SecretString":"` + valueTwo + strings.Repeat("x", rota.MaxValueBytes) + `"}`,
	} {
		send(t, w.request(t, target, body))
	}
	forged := w.request(t, "secretsmanager.GetSecretValue", `{}`)
	wire.Sign(forged, []byte(`{}`), keyID, "wrong", region, wire.Service, time.Now())
	send(t, forged)
	log := w.log.String()
	for _, want := range []string{"operation=CreateSecret", "principal=" + principal, "request_id=", "source=127.0.0.1", "duration=", `code="invalid signature"`} {
		if !strings.Contains(log, want) {
			t.Errorf("the log does not say %s", want)
		}
	}
	signature := forged.Header.Get("Authorization")
	signature = signature[strings.LastIndex(signature, "=")+1:]
	for _, never := range []string{"canary", "Authorization", "AWS4-HMAC", signature} {
		if strings.Contains(log, never) {
			t.Errorf("the log holds %q:\n%s", never, log)
		}
	}
}

func TestAtTheUsualLevelOnlyFaultsOfTheServerAreLogged(t *testing.T) {
	w := newWorld(t)
	before := w.log.String()
	w.Log = quiet(w)
	send(t, w.request(t, "secretsmanager.GetSecretValue", `{"SecretId":"none"}`))
	send(t, w.request(t, "secretsmanager.ListSecrets", `{}`))
	if log := w.log.String(); log != before {
		t.Errorf("it says %s", log)
	}
	w.aws["ListSecrets"] = operation{do: func(context.Context, *request, []byte) ([]byte, error) { return nil, fmt.Errorf("the disk is gone") }}
	if a := send(t, w.request(t, "secretsmanager.ListSecrets", `{}`)); a.status != 500 || strings.Contains(a.body, "disk") {
		t.Errorf("got %d %s, want 500 without the cause", a.status, a.body)
	}
	if log := w.log.String(); !strings.Contains(log, "the disk is gone") {
		t.Errorf("the log does not have the cause: %s", log)
	}
}
