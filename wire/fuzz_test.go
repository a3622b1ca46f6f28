package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/rotahq/rota"
)

func FuzzDecodeNeverPanicsAndAgreesWithTheStandardLibrary(f *testing.F) {
	for _, body := range []string{
		`{}`, `null`, `[]`, `{"SecretId":"a","VersionStage":null}`, `{"SecretId":"a\u00e9\ud83d\ude00"}`, `{"Secret\u0049d":"x"}`,
		`{"SecretId":"a","Tags":[{"Key":"k","Value":""},null]}`, `{"SecretId":"a","RotationRules":{"AutomaticallyAfterDays":1e1}}`,
		`{"SecretString":"\ud83d","SecretBinary":"AA=="}`, ` { "Filters" : [ { "Key":"name", "Values":["a"] } ] } `, `{"a":[[[{"b":"\\\"]}"}]]],"SecretId":"x"}`,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, make := range shapes() {
			in, _ := make()
			err := Decode(body, in)
			if err != nil && !errors.Is(err, rota.Serialization) && !errors.Is(err, rota.Validation) {
				t.Fatalf("an error without a code: %v", err)
			}
		}
		// The oracle: the standard library's map of members, which is as case-sensitive
		// and lets the last of two win, and its reading of text.
		var m map[string]json.RawMessage
		if !utf8.Valid(body) || json.Unmarshal(body, &m) != nil || m == nil {
			return
		}
		var in GetSecretValueInput
		if err := Decode(body, &in); errors.Is(err, rota.Serialization) {
			return
		}
		for name, got := range map[string]string{"SecretId": in.SecretId, "VersionId": in.VersionId, "VersionStage": in.VersionStage} {
			var want string
			if m[name] != nil {
				if err := json.Unmarshal(m[name], &want); err != nil {
					t.Fatalf("%s: decoded %q, the standard library says %v", name, got, err)
				}
			}
			if got != want {
				t.Fatalf("%s: got %q, want %q", name, got, want)
			}
		}
	})
}

func FuzzTextIsReadAndWrittenAsTheStandardLibraryDoes(f *testing.F) {
	for _, s := range []string{"", "a", "\"\\/\b\f\n\r\t\x00\x1f\x7f", "é😀\u2028\ufffd", "\xff\xe2\x28"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		written := appendText(nil, text)
		if !bytes.Equal(written, appendText(nil, string(text))) {
			t.Fatal("bytes and string differ")
		}
		var read string
		if err := json.Unmarshal(written, &read); err != nil {
			t.Fatalf("%q is not JSON: %v", written, err)
		}
		if read != string([]rune(string(text))) { // U+FFFD for each bad byte
			t.Fatalf("wrote %q, the standard library reads %q", text, read)
		}
		if ours, ok := unquote(raw(written)); !ok || string(ours) != read {
			t.Fatalf("wrote %q, read %q", text, ours)
		}
		// And what the standard library writes, with other escapes.
		theirs, err := json.Marshal(string(text))
		if err != nil {
			t.Fatal(err)
		}
		if ours, ok := unquote(raw(theirs)); !ok || string(ours) != read {
			t.Fatalf("read %q as %q", theirs, ours)
		}
		// And text as it stands, if it happens to be a string token.
		if json.Valid(text) && utf8.Valid(text) {
			token := bytes.TrimSpace(text)
			if token[0] == '"' {
				ours, ok := unquote(raw(token))
				if err := json.Unmarshal(token, &read); err != nil {
					t.Fatal(err)
				}
				if ok && string(ours) != read {
					t.Fatalf("read %q as %q, the standard library as %q", token, ours, read)
				}
				if !ok && !strings.Contains(read, "\ufffd") {
					t.Fatalf("refused %q, which has no half surrogate", token)
				}
			}
		}
	})
}

func FuzzAuthorizationIsParsedOrRefused(f *testing.F) {
	good := newRequest(testBody)
	sdkSign(f, good, testBody, testID, testRegion, Service, testNow)
	header := good.Header.Get("Authorization")
	date := good.Header.Get("X-Amz-Date")
	for _, h := range []string{
		header, "", "AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256 Credential=a/b/c/d/e, SignedHeaders=;;, Signature=", "AWS4-HMAC-SHA256 =,=,,",
		strings.Replace(header, "host", "authorization;host", 1), strings.ToLower(header), strings.ReplaceAll(header, ", ", ","),
	} {
		f.Add(h, date)
	}
	f.Add(header, "2026")
	f.Add(header, "20261101T101500Zz")
	want, err := newVerifier().Verify(good, []byte(testBody))
	if err != nil {
		f.Fatal(err)
	}
	wantParsed, _ := parseAuthorization(header)
	f.Fuzz(func(t *testing.T, h, d string) {
		r := newRequest(testBody)
		r.ContentLength = good.ContentLength
		r.Header.Set("Authorization", h)
		r.Header.Set("X-Amz-Date", d)
		got, err := newVerifier().Verify(r, []byte(testBody))
		if err == nil {
			// The signature is known for one set of parts only, however they are spaced.
			parsed, _ := parseAuthorization(h)
			if !reflect.DeepEqual(got, want) || d != date || parsed.credential != wantParsed.credential || parsed.signed != wantParsed.signed || parsed.signature != wantParsed.signature {
				t.Fatalf("accepted %q", h)
			}
			return
		}
		switch code := rota.CodeOf(err); code {
		case rota.MissingAuthentication, rota.IncompleteSignature, rota.InvalidSignature, rota.UnrecognizedClient:
		default:
			t.Fatalf("refused with %q: %v", code, err)
		}
		if len(err.Error()) > 4*maxEcho {
			t.Fatalf("an error of %d bytes", len(err.Error()))
		}
	})
}

func FuzzEncodeRoundTrip(f *testing.F) {
	f.Add("arn", []byte("secret"), "AWSCURRENT", int64(1790000000123))
	f.Fuzz(func(t *testing.T, name string, secret []byte, label string, ms int64) {
		out := &GetSecretValueOutput{Name: name, SecretBinary: rota.BinaryValue(secret), VersionStages: []string{label, label}}
		var got struct {
			Name          string
			SecretBinary  []byte
			VersionStages []string
		}
		if err := json.Unmarshal(Encode(out), &got); err != nil {
			t.Fatal(err)
		}
		if utf8.ValidString(name) && got.Name != name || !bytes.Equal(got.SecretBinary, secret) {
			t.Fatalf("got %+v", got)
		}
		if utf8.ValidString(label) {
			if d := cmp.Diff(out.VersionStages, got.VersionStages); d != "" {
				t.Fatal(d)
			}
		}
	})
}
