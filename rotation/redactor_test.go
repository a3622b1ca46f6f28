package rotation_test

import (
	"strings"
	"testing"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/rotation"
)

func TestARedactorHidesWhatOthersPrint(t *testing.T) {
	key := "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQ\nEFAASCBKcwggSjAgEAAoIBAQC7\n-----END PRIVATE KEY-----"
	var r rotation.Redactor
	r.Hide(rota.StringValue(`{"username":"app","password":"hunter2-hunter2","private_key":`+jsonText(key)+`}`), rota.StringValue("a whole value"))
	for text, want := range map[string]string{
		"login as app with hunter2-hunter2 failed":        "login as app with [secret] failed",
		`{"password": "hunter2-hunter2"}`:                 `{"password": "[secret]"}`,
		"got a whole value here":                          "got [secret] here",
		"a line MIIEvQIBADANBgkqhkiG9w0BAQ of a key":      "a line [secret] of a key",
		"host db.example.com is not reachable":            "host db.example.com is not reachable",
		"one\nEFAASCBKcwggSjAgEAAoIBAQC7\nthree username": "one\n[secret]\nthree username",
	} {
		if got := r.Text(text); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}

func jsonText(s string) string { return `"` + strings.ReplaceAll(s, "\n", `\n`) + `"` }

func TestWhatIsLeftOfACutValueGoesToo(t *testing.T) {
	secret := "0123456789abcdefghijklmnopqrstuv"
	var r rotation.Redactor
	r.Hide(rota.StringValue(secret))
	log := strings.Repeat("x", 64) + " " + secret + "\nthe next line " + secret + "\nthe end\n"
	for cut := range len(log) {
		got := r.Tail(log[cut:])
		for n := 6; n <= len(secret); n++ {
			if strings.Contains(got, secret[len(secret)-n:]) || strings.Contains(got, secret[:n]) {
				t.Fatalf("cut at %d: %q", cut, got)
			}
		}
	}
	lines := "ab-one\ncd-two\nef-three\ngh-four"
	r.Hide(rota.StringValue(lines))
	for cut := range len(lines) {
		if got := r.Tail((lines + "\n" + strings.Repeat("y", 60) + "\nthe end\n")[cut:]); strings.Contains(got, "two") || strings.Contains(got, "four") {
			t.Fatalf("cut at %d of a value of many lines: %q", cut, got)
		}
	}
	if got := r.Tail(log); !strings.HasSuffix(got, "the end\n") {
		t.Errorf("the end is gone: %q", got)
	}
}
