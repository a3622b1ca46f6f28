package invoke_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/rotahq/rota/function/invoke"
)

func TestAFailureSaysItsCauseFirst(t *testing.T) {
	f := &invoke.Failure{Type: "ValueError", Message: "no host", Log: "a | b"}
	if got := f.Error(); got != "ValueError: no host; its log ends: a | b" {
		t.Errorf("got %q", got)
	}
}

func TestParseFailure(t *testing.T) {
	for _, c := range []struct {
		guards, body, header string
		want                 invoke.Failure
	}{
		{"type and message are the function's own", `{"errorType":"E","errorMessage":"m","stackTrace":["x"]}`, "H", invoke.Failure{Type: "E", Message: "m"}},
		{"the header tells the type where the body does not", `{"errorMessage":"m"}`, "H", invoke.Failure{Type: "H", Message: "m"}},
		{"garbage is a failure all the same", `<html>`, "", invoke.Failure{Type: invoke.Unknown, Message: "the function reported an error that is not a JSON object with errorType and errorMessage"}},
		{"an empty object is a failure", `{}`, "", invoke.Failure{Type: invoke.Unknown}},
		{"lines of a message become one", `{"errorType":"E","errorMessage":"a\nb"}`, "", invoke.Failure{Type: "E", Message: "a b"}},
	} {
		t.Run(c.guards, func(t *testing.T) {
			if got := invoke.ParseFailure([]byte(c.body), c.header); *got != c.want {
				t.Errorf("got %+v, want %+v", *got, c.want)
			}
		})
	}
}

func TestWhatThePlatformSaysOfAFunctionNamesTheRequest(t *testing.T) {
	for want, f := range map[string]invoke.Failure{
		`{"errorType":"Runtime.ExitError","errorMessage":"RequestId: r Error: exit status 1"}`:  {Type: invoke.ExitError, Message: "exit status 1"},
		`{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: r Error: timed out"}`:       {Type: invoke.Timedout, Message: "timed out"},
		`{"errorType":"Runtime.OutOfMemory","errorMessage":"RequestId: other Error: too much"}`: {Type: invoke.OutOfMemory, Message: "RequestId: other Error: too much"},
		`{"errorType":"ValueError","errorMessage":"no host"}`:                                   {Type: "ValueError", Message: "no host"},
	} {
		if got := string(f.Answer("r")); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestParseName(t *testing.T) {
	for text, want := range map[string]invoke.Name{
		"fn":                                   {Function: "fn"},
		"fn:live":                              {Function: "fn", Qualifier: "live"},
		"function:fn":                          {Function: "fn"},
		"123456789012:function:fn":             {Account: "123456789012", Function: "fn"},
		"123456789012:function:fn:$LATEST":     {Account: "123456789012", Function: "fn", Qualifier: "$LATEST"},
		invoke.ARN("r-1", "123456789012", "f"): {Account: "123456789012", Region: "r-1", Function: "f"},
		"arn:aws:lambda:r-1:123456789012:function:f:2": {Account: "123456789012", Region: "r-1", Function: "f", Qualifier: "2"},
	} {
		if got, ok := invoke.ParseName(text); !ok || got != want {
			t.Errorf("%s is %+v %v, want %+v", text, got, ok, want)
		}
	}
	for _, text := range []string{
		"", ":", "a b", "fn:", "fn:a:b", "arn:aws:lambda:r:1:layer:x", "arn:aws:s3:r:1:function:x", "arn:aws:lambda:::function:x", "arn:aws:lambda:r:1:function",
		"1:layer:x", "../x", strings.Repeat("a", 65), "arn:aws:lambda:r:function:x",
	} {
		if got, ok := invoke.ParseName(text); ok {
			t.Errorf("%q is taken as %+v", text, got)
		}
	}
}

func TestLastLinesKeepsTheEndOnOneLine(t *testing.T) {
	if got := invoke.LastLines("1\n2\n\n3\r\n4\n5\n6\x1b[0m\n"); got != "2 | 3 | 4 | 5 | 6 [0m" {
		t.Errorf("got %q", got)
	}
	if got := invoke.LastLines(strings.Repeat("x", 10_000)); len(got) > 310 || !strings.HasSuffix(got, "…") {
		t.Errorf("a long line is %d bytes", len(got))
	}
}

func FuzzParseFailure(f *testing.F) {
	f.Add([]byte(`{"errorType":"E","errorMessage":"m"}`), "H")
	f.Add([]byte("\xff{"), "\n")
	f.Fuzz(func(t *testing.T, body []byte, header string) {
		got := invoke.ParseFailure(body, header)
		if text := got.Error(); got.Type == "" || len(text) > 2300 || strings.ContainsAny(text, "\n\r\x00\x1b") || !utf8.ValidString(text) {
			t.Errorf("%+v", got)
		}
		var back struct{ ErrorType, ErrorMessage string }
		if err := json.Unmarshal(got.Payload(), &back); err != nil || back.ErrorType != got.Type || back.ErrorMessage != got.Message {
			t.Errorf("the payload %s is not %+v", got.Payload(), got)
		}
	})
}

func FuzzParseName(f *testing.F) {
	f.Add("arn:aws:lambda:r-1:1:function:f:2")
	f.Add("1:function:fn")
	f.Fuzz(func(t *testing.T, s string) {
		n, ok := invoke.ParseName(s)
		if !ok {
			return
		}
		if !invoke.ValidName(n.Function) || !strings.Contains(s, n.Function) || (n.Region != "" && n.Account == "") {
			t.Errorf("%q is %+v", s, n)
		}
	})
}
