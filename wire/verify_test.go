package wire

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/google/go-cmp/cmp"
	"github.com/rotahq/rota"
)

const (
	testID     = "AKIDEXAMPLE"
	testSecret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
	testToken  = "session/token+1=="
	testRegion = "eu-west-1"
	testHost   = "localhost:8443"
)

var testNow = time.Date(2026, 11, 1, 10, 15, 0, 0, time.UTC)

// testKeys are two keys: a long-term one and one of a session.
type testKeys map[string]Key

func (k testKeys) Key(_ context.Context, id, _ string) (Key, error) {
	if id == "AKIDBROKEN" {
		return Key{}, errors.New("the database is away")
	}
	key, ok := k[id]
	if !ok {
		return Key{}, rota.E(rota.NotFound, "no such key")
	}
	return key, nil
}

func newKeys() testKeys {
	caller := rota.Caller{Principal: "arn:aws:iam::000000000000:user/app", Account: "000000000000"}
	return testKeys{
		testID:        {Secret: rota.StringValue(testSecret), Caller: caller},
		"ASIDSESSION": {Secret: rota.StringValue(testSecret), SessionToken: rota.StringValue(testToken), Expires: testNow.Add(time.Hour), Caller: caller},
		"ASIDEXPIRED": {Secret: rota.StringValue(testSecret), SessionToken: rota.StringValue(testToken), Expires: testNow, Caller: caller},
		"AKIDNOTHING": {Caller: caller},
	}
}

func newVerifier() *Verifier {
	return &Verifier{
		Keys:     newKeys(),
		Now:      func() time.Time { return testNow },
		Region:   func(r string) bool { return r == testRegion },
		Services: []string{Service},
	}
}

// newRequest is a request as a server sees it, not yet signed.
func newRequest(body string) *http.Request {
	r := httptest.NewRequest("POST", "http://"+testHost+"/", strings.NewReader(body))
	r.Header.Set("Content-Type", ContentType)
	r.Header.Set("X-Amz-Target", "secretsmanager.GetSecretValue")
	return r
}

const testBody = `{"SecretId":"app/db"}`

// sdkSign signs with the SDK's signer, which signs every header that is there.
func sdkSign(t testing.TB, r *http.Request, body, id, region, service string, at time.Time) {
	t.Helper()
	sum := sha256.Sum256([]byte(body))
	creds := aws.Credentials{AccessKeyID: id, SecretAccessKey: testSecret}
	if strings.HasPrefix(id, "ASID") {
		creds.SessionToken = testToken
	}
	if err := v4.NewSigner().SignHTTP(context.Background(), creds, r, hex.EncodeToString(sum[:]), service, region, at); err != nil {
		t.Fatal(err)
	}
}

func TestVerifyAcceptsWhatTheSDKSigned(t *testing.T) {
	tests := []struct {
		name          string
		before, after func(*http.Request) // signing
		id, service   string
		body          string
	}{
		{name: "the least", body: testBody},
		{name: "an empty body", body: ""},
		{name: "a body that is not ASCII", body: `{"SecretId":"é😀"}`},
		{name: "with the headers that SDKs sign", body: testBody, before: func(r *http.Request) {
			r.Header.Set("Amz-Sdk-Invocation-Id", "6c1e1f02-5a3c-4b8e-9a63-0d8f5f3f6f0e")
			r.Header.Set("Amz-Sdk-Request", "attempt=1; max=3")
			r.Header.Set("X-Amz-User-Agent", "aws-sdk-js/3.0.0")
			r.Header.Set("Accept-Encoding", "identity")
		}},
		{name: "with the headers that the CLI sends and does not sign", body: testBody, after: func(r *http.Request) {
			r.Header.Set("User-Agent", "aws-cli/2.0.0")
			r.Header.Set("Amz-Sdk-Invocation-Id", "6c1e1f02-5a3c-4b8e-9a63-0d8f5f3f6f0e")
			r.Header.Set("Amz-Sdk-Request", "attempt=1; max=3")
			r.Header.Set("Accept-Encoding", "identity")
		}},
		{name: "with the hash of the body in a header", body: testBody, before: func(r *http.Request) {
			sum := sha256.Sum256([]byte(testBody))
			r.Header.Set("X-Amz-Content-Sha256", hex.EncodeToString(sum[:]))
		}},
		{name: "with spaces in a header", body: testBody, before: func(r *http.Request) {
			r.Header.Set("X-Amz-Meta-A", "  a   b \t c  d ")
		}},
		{name: "with a header in several lines", body: testBody, before: func(r *http.Request) {
			r.Header["X-Amz-Meta-A"] = []string{" b ", "a", "", "c  d"}
		}},
		{name: "with an empty header", body: testBody, before: func(r *http.Request) {
			r.Header.Set("X-Amz-Meta-A", "")
		}},
		{name: "on the default port", body: testBody, before: func(r *http.Request) { r.Host = "localhost" }},
		{name: "on an IPv6 address", body: testBody, before: func(r *http.Request) { r.Host = "[::1]:8443" }},
		{name: "with a session token", body: testBody, id: "ASIDSESSION"},
		{name: "for another service, where it is accepted", body: testBody, service: "sts"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRequest(tt.body)
			if tt.before != nil {
				tt.before(r)
			}
			id, service := testID, Service
			if tt.id != "" {
				id = tt.id
			}
			if tt.service != "" {
				service = tt.service
			}
			sdkSign(t, r, tt.body, id, testRegion, service, testNow)
			if tt.after != nil {
				tt.after(r)
			}
			v := newVerifier()
			v.Services = []string{Service, "sts"}
			want := Identity{AccessKeyID: id, Service: service, Caller: newKeys()[testID].Caller}
			want.Caller.Region, want.Caller.AccessKey = testRegion, id
			for _, what := range []string{"the first time", "again within five minutes, with the remembered key"} {
				got, err := v.Verify(r, []byte(tt.body))
				if err != nil {
					t.Fatalf("%s: %v", what, err)
				}
				if d := cmp.Diff(want, got); d != "" {
					t.Error(what, d)
				}
				if len(v.keys.m) != 1 {
					t.Errorf("%s: %d keys are remembered", what, len(v.keys.m))
				}
			}
		})
	}
}

// literalSign signs the canonical request that is given, letter by letter, so
// that nothing of the code under test decides what is signed.
func literalSign(r *http.Request, canonical, signed string) {
	hash := func(s string) string { sum := sha256.Sum256([]byte(s)); return hex.EncodeToString(sum[:]) }
	sign := func(key []byte, s string) []byte {
		h := hmac.New(sha256.New, key)
		io.WriteString(h, s)
		return h.Sum(nil)
	}
	const scope = "20261101/eu-west-1/secretsmanager/aws4_request"
	key := sign([]byte("AWS4"+testSecret), "20261101")
	for _, part := range []string{"eu-west-1", "secretsmanager", "aws4_request"} {
		key = sign(key, part)
	}
	signature := hex.EncodeToString(sign(key, "AWS4-HMAC-SHA256\n20261101T101500Z\n"+scope+"\n"+hash(canonical)))
	r.Header.Set("X-Amz-Date", "20261101T101500Z")
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+testID+"/"+scope+", SignedHeaders="+signed+", Signature="+signature)
}

func TestVerifyAcceptsOtherWaysToSign(t *testing.T) {
	hash := fmt.Sprintf("%x", sha256.Sum256([]byte(testBody)))
	t.Run("with User-Agent and Expect signed, which the SDK never does", func(t *testing.T) {
		r := newRequest(testBody)
		r.Header.Set("User-Agent", "curl/8  (x)")
		r.Header.Set("Expect", "100-continue")
		literalSign(r, "POST\n/\n\ncontent-type:application/x-amz-json-1.1\nexpect:100-continue\nhost:localhost:8443\nuser-agent:curl/8 (x)\n"+
			"x-amz-date:20261101T101500Z\nx-amz-target:secretsmanager.GetSecretValue\n\ncontent-type;expect;host;user-agent;x-amz-date;x-amz-target\n"+hash,
			"content-type;expect;host;user-agent;x-amz-date;x-amz-target")
		if _, err := newVerifier().Verify(r, []byte(testBody)); err != nil {
			t.Error(err)
		}
	})
	t.Run("but not with a header signed as empty that is not there", func(t *testing.T) {
		r := newRequest(testBody)
		literalSign(r, "POST\n/\n\nhost:localhost:8443\nx-amz-date:20261101T101500Z\nx-amz-target:secretsmanager.GetSecretValue\nx-amz-zone:\n\nhost;x-amz-date;x-amz-target;x-amz-zone\n"+hash,
			"host;x-amz-date;x-amz-target;x-amz-zone")
		if _, err := newVerifier().Verify(r, []byte(testBody)); !errors.Is(err, rota.InvalidSignature) {
			t.Errorf("got %v", err)
		}
	})
	minimal := func() *http.Request {
		r := newRequest(testBody)
		literalSign(r, "POST\n/\n\nhost:localhost:8443\nx-amz-date:20261101T101500Z\nx-amz-target:secretsmanager.GetSecretValue\n\nhost;x-amz-date;x-amz-target\n"+hash,
			"host;x-amz-date;x-amz-target")
		return r
	}
	t.Run("with nothing but what must be signed", func(t *testing.T) {
		if _, err := newVerifier().Verify(minimal(), []byte(testBody)); err != nil {
			t.Error(err)
		}
	})
	for what, date := range map[string]string{"HTTP's form": "Sun, 01 Nov 2026 10:15:00 GMT", "AWS's form": "20261101T101500Z"} {
		dated := func() *http.Request {
			r := newRequest(testBody)
			r.Header.Set("Date", date)
			literalSign(r, "POST\n/\n\ndate:"+date+"\nhost:localhost:8443\nx-amz-target:secretsmanager.GetSecretValue\n\ndate;host;x-amz-target\n"+hash,
				"date;host;x-amz-target")
			r.Header.Del("X-Amz-Date")
			return r
		}
		t.Run("with the header Date alone, in "+what, func(t *testing.T) {
			if _, err := newVerifier().Verify(dated(), []byte(testBody)); err != nil {
				t.Error(err)
			}
		})
		t.Run("but not with another Date, in "+what, func(t *testing.T) {
			r := dated()
			r.Header.Set("Date", strings.ReplaceAll(strings.ReplaceAll(date, "15:00", "16:00"), "1500Z", "1600Z"))
			if _, err := newVerifier().Verify(r, []byte(testBody)); !errors.Is(err, rota.InvalidSignature) {
				t.Errorf("got %v", err)
			}
		})
	}
	t.Run("with the parameters in another order and no spaces", func(t *testing.T) {
		r := minimal()
		parts := strings.Split(strings.TrimPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 "), ", ")
		r.Header.Set("Authorization", "AWS4-HMAC-SHA256   "+parts[2]+","+parts[0]+" ,  "+parts[1]+",")
		if _, err := newVerifier().Verify(r, []byte(testBody)); err != nil {
			t.Error(err)
		}
	})
}

func TestTheSigningKeyIsTheOneInTheDocumentation(t *testing.T) {
	// https://docs.aws.amazon.com/general/latest/gr/signature-v4-examples.html
	got := signingKey([]byte("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"), "20120215", "us-east-1", "iam")
	if want := "f4780e2d9f65fa895f9c67b32ce1baf0b0d8a43505a000a1a9e090d414db404d"; hex.EncodeToString(got[:]) != want {
		t.Errorf("got %x, want %s", got, want)
	}
}

const badSignature = "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details."

// edit changes the Authorization header.
func edit(old, new string) func(*http.Request) {
	return func(r *http.Request) {
		h := r.Header.Get("Authorization")
		if !strings.Contains(h, old) {
			panic("nothing to edit: " + old)
		}
		r.Header.Set("Authorization", strings.Replace(h, old, new, 1))
	}
}

func del(name string) func(*http.Request) { return func(r *http.Request) { r.Header.Del(name) } }

func set(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

func add(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Add(name, value) }
}

func TestVerifyRefuses(t *testing.T) {
	const (
		hashedPrefix = "(Hashed with SHA-256 and encoded with Base64) Authorization="
		unordered    = "SignedHeaders must be lower case names, sorted, each once."
		unknownKey   = "The security token included in the request is invalid."
	)
	tests := []struct {
		name           string
		id, region     string              // what it is signed with, if not the usual
		service        string              //
		at             time.Time           //
		before, forge  func(*http.Request) // signing
		body           string              // that arrives, if not the one that was signed
		code           rota.Code
		want, wantPart string
	}{
		{name: "no Authorization header", forge: del("Authorization"), code: rota.MissingAuthentication, want: "Missing Authentication Token"},
		{name: "an empty Authorization header", forge: set("Authorization", ""), code: rota.MissingAuthentication, want: "Missing Authentication Token"},
		{name: "another scheme", forge: set("Authorization", "Bearer c4n4ry"), code: rota.MissingAuthentication, want: "Missing Authentication Token"},
		{name: "a presigned address", forge: func(r *http.Request) { del("Authorization")(r); r.URL.RawQuery = "X-Amz-Signature=0" }, code: rota.UnknownOperation, wantPart: "without a query"},
		{name: "another path", forge: func(r *http.Request) { r.URL.Path = "/x" }, code: rota.UnknownOperation, wantPart: "path /"},
		{name: "two Authorization headers", forge: add("Authorization", "AWS4-HMAC-SHA256"), code: rota.IncompleteSignature, wantPart: "must be there once"},
		{name: "a header that ends after the algorithm", forge: set("Authorization", "AWS4-HMAC-SHA256"), code: rota.IncompleteSignature, wantPart: "Authorization header requires 'Credential' parameter. Authorization header requires 'Signature' parameter. Authorization header requires 'SignedHeaders' parameter. " + hashedPrefix},
		{name: "no credential", forge: edit("Credential=", "Credentials="), code: rota.IncompleteSignature, wantPart: "Authorization header requires 'Credential' parameter. " + hashedPrefix},
		{name: "no signed headers", forge: edit("SignedHeaders=", "Signed="), code: rota.IncompleteSignature, wantPart: "Authorization header requires 'SignedHeaders' parameter. " + hashedPrefix},
		{name: "no signature", forge: edit("Signature=", "Sig="), code: rota.IncompleteSignature, wantPart: "Authorization header requires 'Signature' parameter. " + hashedPrefix},
		{name: "a parameter without an equal-sign", forge: edit("Signature=", "Signature"), code: rota.IncompleteSignature, wantPart: "Invalid key=value pair (missing equal-sign) in Authorization header (hashed with SHA-256 and encoded with Base64): '"},
		{name: "a parameter that is there twice", forge: edit("Signature=", "Signature=0, Signature="), code: rota.IncompleteSignature, want: "Authorization header has more than one 'Signature' parameter."},
		{name: "no date", forge: del("X-Amz-Date"), code: rota.IncompleteSignature, wantPart: "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. " + hashedPrefix},
		{name: "two dates", forge: add("X-Amz-Date", "20261101T101500Z"), code: rota.IncompleteSignature, wantPart: "must be there once"},
		{name: "a date in another form", forge: set("X-Amz-Date", "2026-11-01T10:15:00Z"), code: rota.IncompleteSignature, want: "Date must be in ISO-8601 'basic format'. Got '2026-11-01T10:15:00Z'. See http://en.wikipedia.org/wiki/ISO_8601"},
		{name: "a date with a fraction", forge: set("X-Amz-Date", "20261101T101500.5Z"), code: rota.IncompleteSignature, wantPart: "Date must be in ISO-8601 'basic format'."},
		{name: "a long date that is not even text", forge: set("X-Amz-Date", strings.Repeat("\x80", 5000)), code: rota.IncompleteSignature, want: "Date must be in ISO-8601 'basic format'. Got '...'. See http://en.wikipedia.org/wiki/ISO_8601"},
		{name: "a request that is too old by a second", at: testNow.Add(-5*time.Minute - time.Second), code: rota.InvalidSignature, want: "Signature expired: 20261101T100959Z is now earlier than 20261101T101000Z (20261101T101500Z - 5 min.)"},
		{name: "a request from the future by a second too much", at: testNow.Add(5*time.Minute + time.Second), code: rota.InvalidSignature, want: "Signature not yet current: 20261101T102001Z is still later than 20261101T102000Z (20261101T101500Z + 5 min.)"},
		{name: "a date that was changed after signing", forge: set("X-Amz-Date", "20261101T101501Z"), code: rota.InvalidSignature, want: badSignature},
		{name: "Host not signed", forge: edit(";host;", ";"), code: rota.InvalidSignature, want: "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."},
		{name: "X-Amz-Date not signed", forge: edit(";x-amz-date;", ";"), code: rota.InvalidSignature, want: "'X-Amz-Date' must be a 'SignedHeader' in the AWS Authorization."},
		{name: "Date not signed, in its place", forge: func(r *http.Request) {
			r.Header.Set("Date", testNow.Format(http.TimeFormat))
			del("X-Amz-Date")(r)
		}, code: rota.InvalidSignature, want: "'Date' must be a 'SignedHeader' in the AWS Authorization."},
		{name: "a Date in another form", forge: func(r *http.Request) {
			r.Header.Set("Date", "2026-11-01T10:15:00Z")
			del("X-Amz-Date")(r)
		}, code: rota.IncompleteSignature, want: "Date must be in ISO-8601 'basic format'. Got '2026-11-01T10:15:00Z'. See http://en.wikipedia.org/wiki/ISO_8601"},
		{name: "two Dates", forge: func(r *http.Request) {
			add("Date", testNow.Format(http.TimeFormat))(r)
			add("Date", testNow.Format(http.TimeFormat))(r)
			del("X-Amz-Date")(r)
		}, code: rota.IncompleteSignature, want: "The Authorization and Date headers must be there once."},
		{name: "X-Amz-Target not signed", forge: edit(";x-amz-target", ""), code: rota.InvalidSignature, want: "'X-Amz-Target' must be a 'SignedHeader' in the AWS Authorization."},
		{name: "the session token not signed", id: "ASIDSESSION", forge: edit(";x-amz-security-token", ""), code: rota.InvalidSignature, want: "'X-Amz-Security-Token' must be a 'SignedHeader' in the AWS Authorization."},
		{name: "signed headers that are not sorted", forge: edit("content-length;content-type;", "content-type;content-length;"), code: rota.IncompleteSignature, want: unordered},
		{name: "a signed header that is listed twice", forge: edit(";host;", ";host;host;"), code: rota.IncompleteSignature, want: unordered},
		{name: "a signed header in capitals", forge: edit("content-length", "Content-length"), code: rota.IncompleteSignature, want: unordered},
		{name: "an empty name among the signed headers", forge: edit("SignedHeaders=", "SignedHeaders=;"), code: rota.IncompleteSignature, want: unordered},
		{name: "another algorithm", forge: edit("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"), code: rota.IncompleteSignature, want: "Unsupported AWS 'algorithm': 'AWS4-ECDSA-P256-SHA256' (only AWS4-HMAC-SHA256 for now)."},
		{name: "a credential with too few parts", forge: edit("/aws4_request", ""), code: rota.IncompleteSignature, want: "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got 4"},
		{name: "a credential with the secret half in it, which is not told", forge: edit(testID, "wJalr/K7MDENG/bPxRf/c4n4ry"), code: rota.IncompleteSignature, want: "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got 8"},
		{name: "a credential without a key id", forge: edit(testID, ""), code: rota.IncompleteSignature, want: "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got 5"},
		{name: "another region", region: "us-east-1", code: rota.InvalidSignature, want: "Credential should be scoped to a valid region, not 'us-east-1'."},
		{name: "another service", service: "s3", code: rota.InvalidSignature, want: "Credential should be scoped to correct service: 'secretsmanager'."},
		{name: "another ending of the scope", forge: edit("aws4_request", "aws5_request"), code: rota.InvalidSignature, want: "Credential should be scoped with a valid terminator: 'aws4_request', not 'aws5_request'."},
		{name: "the scope of another day", forge: edit("/20261101/", "/20261102/"), code: rota.InvalidSignature, want: "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '20261102' != '20261101', from '20261101T101500Z'."},
		{name: "everything wrong in the scope at once", region: "us-east-1", service: "s3", code: rota.InvalidSignature, want: "Credential should be scoped to a valid region, not 'us-east-1'. Credential should be scoped to correct service: 'secretsmanager'."},
		{name: "an unknown key", id: "AKIDUNKNOWN", code: rota.UnrecognizedClient, want: unknownKey},
		{name: "a key without a secret", id: "AKIDNOTHING", code: rota.UnrecognizedClient, want: unknownKey},
		{name: "a key that cannot be looked up", id: "AKIDBROKEN", code: rota.Internal},
		{name: "another id with the same secret", forge: edit(testID, "ASIDSESSION"), code: rota.UnrecognizedClient, want: unknownKey},
		{name: "a session token that was removed", id: "ASIDSESSION", forge: del("X-Amz-Security-Token"), code: rota.UnrecognizedClient, want: unknownKey},
		{name: "a session token that is another", id: "ASIDSESSION", forge: set("X-Amz-Security-Token", testToken+"x"), code: rota.UnrecognizedClient, want: unknownKey},
		{name: "a session token that is there twice", id: "ASIDSESSION", forge: add("X-Amz-Security-Token", testToken), code: rota.UnrecognizedClient, want: unknownKey},
		{name: "a session token for a key without one", before: set("X-Amz-Security-Token", "x"), code: rota.UnrecognizedClient, want: unknownKey},
		{name: "a session that ended", id: "ASIDEXPIRED", code: rota.ExpiredToken, want: "The security token included in the request is expired"},
		{name: "the hash of another body", before: set("X-Amz-Content-Sha256", strings.Repeat("0", 64)), code: rota.InvalidSignature, want: "The provided 'x-amz-content-sha256' header does not match what was computed."},
		{name: "a body that is not signed", before: set("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD"), code: rota.InvalidSignature, want: "The provided 'x-amz-content-sha256' header does not match what was computed."},
		{name: "a hash of the body that is added after signing", forge: set("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD"), code: rota.InvalidSignature, want: "The provided 'x-amz-content-sha256' header does not match what was computed."},
		{name: "a body that was changed", body: strings.Replace(testBody, "app", "abb", 1), code: rota.InvalidSignature, want: badSignature},
		{name: "a body that was cut", body: testBody[:5], code: rota.InvalidSignature, want: badSignature},
		{name: "a method that was changed", forge: func(r *http.Request) { r.Method = "PUT" }, code: rota.InvalidSignature, want: badSignature},
		{name: "a host that was changed", forge: func(r *http.Request) { r.Host = "localhost" }, code: rota.InvalidSignature, want: badSignature},
		{name: "an operation that was changed", forge: set("X-Amz-Target", "secretsmanager.DeleteSecret"), code: rota.InvalidSignature, want: badSignature},
		{name: "an operation that was added", forge: add("X-Amz-Target", "secretsmanager.DeleteSecret"), code: rota.InvalidSignature, want: badSignature},
		{name: "a signed header that was changed", forge: set("Content-Type", "text/plain"), code: rota.InvalidSignature, want: badSignature},
		{name: "a signed header that was removed", forge: del("Content-Type"), code: rota.InvalidSignature, want: badSignature},
		{name: "a header that was added to the list after signing", forge: func(r *http.Request) {
			r.Header.Set("X-Amz-Zone", "a")
			edit(";x-amz-target", ";x-amz-target;x-amz-zone")(r)
		}, code: rota.InvalidSignature, want: badSignature},
		{name: "a header that is in the list and not in the request", forge: edit(";x-amz-target", ";x-amz-target;x-amz-zone"), code: rota.InvalidSignature, want: badSignature},
		{name: "a signature that was cut", forge: func(r *http.Request) {
			h := r.Header.Get("Authorization")
			r.Header.Set("Authorization", h[:len(h)-1])
		}, code: rota.InvalidSignature, want: badSignature},
		{name: "a signature with another last digit", forge: func(r *http.Request) {
			h := r.Header.Get("Authorization")
			r.Header.Set("Authorization", h[:len(h)-1]+string("10"[h[len(h)-1]%2])) // always another one: 1 for even, 0 for odd
		}, code: rota.InvalidSignature, want: badSignature},
		{name: "a signature in capitals", forge: func(r *http.Request) {
			h := r.Header.Get("Authorization")
			at := strings.Index(h, "Signature=") + len("Signature=")
			r.Header.Set("Authorization", h[:at]+strings.ToUpper(h[at:]))
		}, code: rota.InvalidSignature, want: badSignature},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRequest(testBody)
			id, region, service, at := testID, testRegion, Service, testNow
			if tt.id != "" {
				id = tt.id
			}
			if tt.region != "" {
				region = tt.region
			}
			if tt.service != "" {
				service = tt.service
			}
			if !tt.at.IsZero() {
				at = tt.at
			}
			if tt.before != nil {
				tt.before(r)
			}
			sdkSign(t, r, testBody, id, region, service, at)
			if tt.forge != nil {
				tt.forge(r)
			}
			body := testBody
			if tt.body != "" {
				body = tt.body
			}
			v := newVerifier()
			got, err := v.Verify(r, []byte(body))
			if rota.CodeOf(err) != tt.code {
				t.Fatalf("got %v, want the code %q", err, tt.code)
			}
			if !reflect.DeepEqual(got, Identity{}) {
				t.Errorf("got an identity with the error: %+v", got)
			}
			var e *rota.Error
			if errors.As(err, &e) && (tt.want != "" && e.Message != tt.want || !strings.Contains(e.Message, tt.wantPart)) {
				t.Errorf("got  %s\nwant %s%s", e.Message, tt.want, tt.wantPart)
			}
			if strings.Contains(err.Error(), "c4n4ry") {
				t.Error("the error tells a secret")
			}
			if len(v.keys.m) > 0 {
				t.Error("a request that was refused has left a key in memory")
			}
		})
	}
}

func TestTheClockMayBeOffByFiveMinutes(t *testing.T) {
	for _, off := range []time.Duration{-Skew, Skew} {
		r := newRequest(testBody)
		sdkSign(t, r, testBody, testID, testRegion, Service, testNow.Add(off))
		if _, err := newVerifier().Verify(r, []byte(testBody)); err != nil {
			t.Errorf("%v: %v", off, err)
		}
	}
}

func TestARequestAroundMidnightIsOfTheDayThatTheClientHad(t *testing.T) {
	midnight := time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC)
	v := newVerifier()
	v.Now = func() time.Time { return midnight.Add(time.Minute) }
	r := newRequest(testBody)
	sdkSign(t, r, testBody, testID, testRegion, Service, midnight.Add(-time.Minute))
	if _, err := v.Verify(r, []byte(testBody)); err != nil {
		t.Error(err)
	}
}

func TestAReplacedOrRevokedKeyStopsWorkingAtOnce(t *testing.T) {
	v := newVerifier()
	keys := v.Keys.(testKeys)
	r := newRequest(testBody)
	sdkSign(t, r, testBody, testID, testRegion, Service, testNow)
	verify := func() error { _, err := v.Verify(r, []byte(testBody)); return err }
	if err := verify(); err != nil {
		t.Fatal(err)
	}

	key := keys[testID]
	other := key
	other.Secret = rota.StringValue("another")
	keys[testID] = other
	if err := verify(); !errors.Is(err, rota.InvalidSignature) {
		t.Errorf("after the key was replaced: %v", err)
	}
	delete(keys, testID)
	if err := verify(); !errors.Is(err, rota.UnrecognizedClient) {
		t.Errorf("after the key was revoked: %v", err)
	}
	keys[testID] = key
	if err := verify(); err != nil {
		t.Errorf("after the key came back: %v", err)
	}
}

func TestRememberedKeysAreBounded(t *testing.T) {
	var k signingKeys
	secret := rota.StringValue(testSecret)
	for i := range 3 * maxSigningKeys {
		a := authorization{keyID: fmt.Sprint("AKID", i), scope: "s"}
		key, known := k.get(a, secret)
		if known {
			t.Fatal("a key is known before it was put")
		}
		k.put(a, secret, key)
		if len(k.m) > maxSigningKeys {
			t.Fatalf("%d keys are remembered", len(k.m))
		}
		if _, known := k.get(a, secret); !known {
			t.Fatal("the key that was just put is not remembered")
		}
	}
}

func TestManyGoroutinesVerifyAtOnce(t *testing.T) {
	v := newVerifier()
	r := newRequest(testBody)
	sdkSign(t, r, testBody, testID, testRegion, Service, testNow)
	done := make(chan error)
	for range 8 {
		go func() {
			var err error
			for range 50 {
				if _, e := v.Verify(r, []byte(testBody)); e != nil {
					err = e
				}
			}
			done <- err
		}()
	}
	for range 8 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func TestSignIsAcceptedAndEqualToTheSDK(t *testing.T) {
	tests := []struct {
		name   string
		id     string
		header map[string]string
		host   string
	}{
		{name: "the least", id: testID},
		{name: "a session token", id: "ASIDSESSION", header: map[string]string{"X-Amz-Security-Token": testToken}},
		{name: "other headers with odd spaces", id: testID, header: map[string]string{"X-Amz-A": " a   b ", "X-Amz-B": ""}},
		{name: "a host of its own", id: testID, host: "rota.example:8443"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			build := func() *http.Request {
				r, err := http.NewRequest("POST", "https://"+testHost, bytes.NewReader(nil))
				if err != nil {
					t.Fatal(err)
				}
				r.ContentLength = 0 // or the SDK signs it
				r.Host = tt.host
				r.Header.Set("Content-Type", ContentType)
				r.Header.Set("X-Amz-Target", "rota.Status")
				for name, value := range tt.header {
					r.Header.Set(name, value)
				}
				return r
			}
			ours, theirs := build(), build()
			Sign(ours, []byte(testBody), tt.id, testSecret, testRegion, Service, testNow)
			sdkSign(t, theirs, testBody, tt.id, testRegion, Service, testNow)
			if d := cmp.Diff(theirs.Header, ours.Header); d != "" {
				t.Error(d)
			}

			Sign(ours, []byte(testBody), tt.id, testSecret, testRegion, Service, testNow) // again
			ours.URL.Path = "/"                                                           // as it arrives
			if _, err := newVerifier().Verify(ours, []byte(testBody)); err != nil {
				t.Error(err)
			}
			if _, err := newVerifier().Verify(ours, []byte(testBody+" ")); !errors.Is(err, rota.InvalidSignature) {
				t.Errorf("another body: %v", err)
			}
		})
	}
}
