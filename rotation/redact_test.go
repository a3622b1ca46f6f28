package rotation

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/rotahq/rota"
)

func hiding(v ...rota.Value) *job {
	j := &job{}
	j.hide.fields(Descriptor{Fields: []Field{{Name: "pin", Secret: true}, {Name: "username"}}})
	j.hide.add(v...)
	return j
}

func TestNoErrorShowsAnyPartOfAValue(t *testing.T) {
	const password = `p"a\s<s>&w/o+r d%é`
	doc, err := json.Marshal(map[string]any{
		"username": "application", "pin": "1234567", "password": password, "apiToken": "tok-en-value",
		"nested":    map[string]any{"secretKey": "nested-value", "list": []any{"plain", map[string]any{"pwd": "in-a-list"}}},
		"keyNumber": 87654321, "credentials": map[string]any{"left": "below-a-secret-name"},
	})
	if err != nil {
		t.Fatal(err)
	}
	j := hiding(rota.StringValue(string(doc)), rota.BinaryValue([]byte("binary-value")), rota.StringValue("plain-text-value"), rota.Value{})
	asJSON, _ := json.Marshal(password)
	for name, text := range map[string]string{
		"the whole value":             string(doc),
		"a whole text":                "plain-text-value",
		"whole bytes":                 "binary-value",
		"a password":                  password,
		"a password quoted by %q":     fmt.Sprintf("%q", password),
		"a password in a JSON body":   string(asJSON),
		"a password in a query":       "?p=" + url.QueryEscape(password),
		"a password in a path":        "/p/" + url.PathEscape(password),
		"a password in base64":        base64.StdEncoding.EncodeToString([]byte(password)),
		"a field that is declared so": "1234567",
		"a field that is called so":   "tok-en-value",
		"a number":                    "87654321",
		"a field of an inner object":  "nested-value",
		"a field in a list":           "in-a-list",
		"all below a name that is so": "below-a-secret-name",
	} {
		for _, around := range []string{"%s", "before %s after", "twice %[1]s and %[1]s"} {
			got := j.clean(fmt.Errorf(around, text)).Error()
			if strings.Contains(got, text) {
				t.Errorf("%s is shown in %q", name, got)
			}
			if !strings.Contains(got, "[secret]") {
				t.Errorf("%s: nothing was hidden in %q", name, got)
			}
		}
	}
	if got := j.clean(errors.New("user application is unknown")).Error(); got != "user application is unknown" {
		t.Errorf("what is no secret is hidden: %q", got)
	}
}

func TestAVariableThatNamesASecretIsNone(t *testing.T) {
	for _, c := range []struct {
		name, value string
		hidden      bool
	}{
		{"ADMIN_SECRET_ID", "keys/admin", false},
		{"ADMIN_SECRET_ARN", "arn:aws:secretsmanager:us-east-1:123456789012:secret:keys/admin-AbCdEf", false},
		{"SECRET_NAME", "keys/admin", false},
		{"TOKEN_URL", "https://auth.example.com/", false},
		{"ROTA_ALLOW_ADMIN_SECRETS", "keys/admin admin/*", false},
		{"API_TOKEN", "tok-en-value", true},
		{"SECRET", "tok-en-value", true},
		{"VAULT_SECRET_ID", "84896a0c-1347-aa90-a4f6-aca8b7558780", true},
		{"TOKEN_URL", "https://user:tok-en-value@example.com", true},
		{"TOKEN_URL", "https://example.com/?token=tok-en-value", true},
		{"SECRET_WEBHOOK_URL", "https://hooks.example.com/services/tok-en-value", true},
		{"secret_id", "in-a-value", true}, // no name of a variable, as those of an environment are
	} {
		var r Redactor
		env, err := json.Marshal(map[string]string{c.name: c.value})
		if err != nil {
			t.Fatal(err)
		}
		r.HideEnvironment(rota.StringValue(string(env)))
		if got := r.Text("could not use " + c.value + " here"); (got == "could not use [secret] here") != c.hidden || !c.hidden && !strings.Contains(got, c.value) {
			t.Errorf("%s: got %q, want it hidden: %t", c.name, got, c.hidden)
		}
	}
}

// What stands in a secret is no name of another, however its members are called.
func TestAMemberOfASecretIsHiddenWhateverItsNameEndsWith(t *testing.T) {
	var r Redactor
	r.Hide(rota.StringValue(`{"API_KEY_ID":"an-id-of-a-key","TOKEN_URL":"https://auth.example.com/"}`))
	for _, value := range []string{"an-id-of-a-key", "https://auth.example.com/"} {
		if got := r.Text("could not use " + value); got != "could not use [secret]" {
			t.Errorf("got %q", got)
		}
	}
}

func TestAPartThatBeginsAnotherDoesNotShowItsEnd(t *testing.T) {
	for range 20 { // maps have no order
		j := hiding(rota.StringValue(`{"password":"abcdef","token":"abcdefghij","secret":"cdefgh"}`))
		if got := j.clean(errors.New("sent abcdefghij and abcdef")).Error(); got != "sent [secret] and [secret]" {
			t.Fatalf("got %q", got)
		}
	}
}

func TestVeryShortPartsAreLeftSoThatErrorsStayReadable(t *testing.T) {
	j := hiding(rota.StringValue(`{"password":"a"}`))
	if got := j.clean(errors.New("a cat sat")).Error(); got != "a cat sat" {
		t.Errorf("got %q", got)
	}
}

func TestACleanedErrorStillSteers(t *testing.T) {
	j := hiding(rota.StringValue("hidden-value"))
	if j.clean(nil) != nil {
		t.Error("no error became one")
	}
	plain := errors.New("nothing in it")
	if got := j.clean(plain); got != plain {
		t.Errorf("an error without a secret was changed: %v", got)
	}
	err := j.clean(fmt.Errorf("try hidden-value: %w", Permanent(RetryAfter(time.Minute, fmt.Errorf("hidden-value: %w", &rota.Error{Code: rota.Busy, Err: ErrDead})))))
	if strings.Contains(err.Error(), "hidden") {
		t.Errorf("it shows the value: %v", err)
	}
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		if got := fmt.Sprintf(format, err); strings.Contains(got, "hidden-value") {
			t.Errorf("%s shows the value: %s", format, got)
		}
	}
	if !errors.Is(err, ErrDead) || !errors.Is(err, ErrRefused) || !errors.Is(err, rota.Busy) || !IsPermanent(err) {
		t.Error("what it wraps is lost")
	}
	if d, ok := AskedDelay(err); !ok || d != time.Minute {
		t.Errorf("the asked delay is %s, %t", d, ok)
	}
	var e *rota.Error
	if !errors.As(err, &e) {
		t.Error("the rota.Error is lost")
	}
}
