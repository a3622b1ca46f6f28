package httpapi

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"
)

func testEnv(t testing.TB, value string) *env {
	t.Helper()
	return &env{
		objects: map[string]object{"this": {"user": mustJSON(t, value), "n": []byte(`17`), "list": []byte(`[1]`), "none": []byte(`""`)}},
		texts:   map[string]string{"name": "rota-1"},
		found:   map[string]map[string]any{"picked": {"tags": []any{"a"}, "nothing": nil}},
		setting: func(string) string { return "90d" },
		rand:    bytes.NewReader(bytes.Repeat([]byte{1, 2, 3, 4}, 64)),
		now:     time.Date(2026, 11, 23, 12, 0, 0, 1, time.UTC),
	}
}

func mustJSON(t testing.TB, v any) []byte {
	t.Helper()
	b, err := encodeJSON(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestATemplateRendersWhatItNames(t *testing.T) {
	tests := []struct{ rule, template, want string }{
		{"literal text stays", "a { b } c", "a { b } c"},
		{"a field of a value", "x-{{this.user}}-y", "x-ann-y"},
		{"spaces do not matter", "{{ this.user }}", "ann"},
		{"a number is its text", "{{this.n}}", "17"},
		{"a word", "{{name}}", "rota-1"},
		{"a setting with a transform", "{{settings.expires-in | from-now-utc-micros}}", "2027-02-21T12:00:01.000000"},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			tpl, err := parseTemplate(tt.template)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := tpl.text(testEnv(t, "ann")); err != nil || got != tt.want {
				t.Errorf("got %q, %v; want %q", got, err, tt.want)
			}
		})
	}
}

func TestATemplateThatNamesNothingIsAnError(t *testing.T) {
	for _, s := range []string{"{{this.other}}", "{{this.none}}", "{{old.user}}", "{{id}}", "{{picked.nothing}}", "{{picked.other}}"} {
		tpl, err := parseTemplate(s)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tpl.text(testEnv(t, "ann")); !errors.Is(err, errAbsent) {
			t.Errorf("%s: %v", s, err)
		}
	}
	for _, s := range []string{"{{this.list}}", "{{picked.tags}}"} {
		tpl, _ := parseTemplate(s)
		if _, err := tpl.text(testEnv(t, "ann")); err == nil || errors.Is(err, errAbsent) {
			t.Errorf("%s as a text: %v", s, err)
		}
	}
}

func TestMalformedTemplatesAreRefused(t *testing.T) {
	for _, s := range []string{"{{", "}}", "{{}}", "{{ }}", "{{a.b.c}}", "{{a|}}", "{{A.b}}", "{{a.b | c | d}}", "{{a.b}", "x}}y{{a.b}}", "{{{{a}}}}"} {
		if _, err := parseTemplate(s); err == nil {
			t.Errorf("%q was accepted", s)
		}
	}
}

func TestWhatAPositionCannotCarryIsRefusedWithoutShowingIt(t *testing.T) {
	tests := []struct {
		rule   string
		escape func(string) (string, error)
		value  string
	}{
		{"CR and LF end a header", headerValue, canary + "\r\nX-Admin: yes"},
		{"NUL is in no header", headerValue, canary + "\x00"},
		{"a colon ends a Basic user", basicUser, canary + ":x"},
		{"a dot segment is normalised away", pathSegment, ".."},
		{"an empty segment addresses the collection", pathSegment, ""},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			if got, err := tt.escape(tt.value); err == nil {
				t.Errorf("accepted as %q", got)
			} else if strings.Contains(err.Error(), canary) {
				t.Errorf("the error shows the value: %v", err)
			}
		})
	}
}

func TestRabbitMQsHashIsSaltAndSHA256(t *testing.T) {
	v, err := transforms["rabbitmq-sha256"](testEnv(t, "ann"), "test12")
	if err != nil {
		t.Fatal(err)
	}
	b, err := base64.StdEncoding.DecodeString(v.(string))
	if err != nil || len(b) != 36 {
		t.Fatalf("%d bytes, %v", len(b), err)
	}
	if want := sha256.Sum256(append([]byte{1, 2, 3, 4}, "test12"...)); !bytes.Equal(b[4:], want[:]) || !bytes.Equal(b[:4], []byte{1, 2, 3, 4}) {
		t.Error("not the salt and the hash of salt and password")
	}
}

func FuzzTemplate(f *testing.F) {
	f.Add("{{this.user}}", "ann")
	f.Add("/a/{{this.user}}/b", "../x")
	f.Add("{{this.user | rabbitmq-sha256}}", "a\r\nb")
	f.Add("{{name}}{{settings.x | from-now-utc-micros}}", "%2f")
	f.Fuzz(func(t *testing.T, s, value string) {
		tpl, err := parseTemplate(s)
		if err != nil {
			return
		}
		for _, p := range tpl.parts {
			if _, ok := transforms[p.transform]; !ok && p.transform != "" {
				return // the loader refuses it
			}
		}
		e := testEnv(t, value)
		if got, err := tpl.escaped(e, headerValue); err == nil && len(tpl.parts) == 1 && tpl.parts[0].scope != "" &&
			strings.ContainsAny(got, "\r\n\x00") {
			t.Fatalf("a header of %q", got)
		}
		seg, err := pathSegment(value)
		if err != nil {
			return
		}
		u, err := url.Parse("https://h.example.com/a/" + seg + "/b")
		if err != nil {
			t.Fatalf("%q is not a path: %v", seg, err)
		}
		if strings.Count(u.EscapedPath(), "/") != 3 || u.RawQuery != "" || u.Fragment != "" || u.Host != "h.example.com" {
			t.Fatalf("%q left its segment: %s", value, u)
		}
		if back, err := url.PathUnescape(strings.Split(u.EscapedPath(), "/")[2]); err != nil || back != value {
			t.Fatalf("%q arrives as %q", value, back)
		}
	})
}
