package policy_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/access/policy"
)

func TestARefusedPolicySaysWhereAndWhatToWrite(t *testing.T) {
	type refusal struct {
		Guards, Source     string
		Identity, Resource *string
		Statement          int
		Sid, Member        string
		Says, AWS          string
	}
	for _, v := range vectors[refusal](t, "refused.yaml") {
		t.Run(v.Guards, func(t *testing.T) {
			var err error
			if v.Resource != nil {
				_, err = policy.ParseResource("p", *v.Resource)
			} else {
				_, err = policy.ParseIdentity("p", *v.Identity)
			}
			var p *policy.Problem
			if !errors.Is(err, rota.MalformedPolicy) || !errors.As(err, &p) {
				t.Fatalf("got %v, want a malformed policy", err)
			}
			if p.Statement != v.Statement && v.Statement != 0 || p.Sid != v.Sid || p.Member != v.Member && v.Member != "" {
				t.Errorf("place: statement %d, sid %q, member %q; want %d, %q, %q", p.Statement, p.Sid, p.Member, v.Statement, v.Sid, v.Member)
			}
			if whole := p.Error() + "; " + p.Hint; !strings.Contains(whole, v.Says) {
				t.Errorf("it says   %s\nwithout   %s", whole, v.Says)
			}
			if p.Hint == "" {
				t.Error("it does not say what to write instead")
			}
			var e *rota.Error
			if !errors.As(err, &e) {
				t.Fatalf("%T", err)
			}
			want := v.AWS
			if want == "" {
				want = p.Error() + "; " + p.Hint
			}
			if e.Message != want {
				t.Errorf("message %q, want %q", e.Message, want)
			}
			if n := strings.Count(err.Error(), p.What); n != 1 {
				t.Errorf("the error says what is wrong %d times: %v", n, err)
			}
		})
	}
}

func TestSizesAreBounded(t *testing.T) {
	document := func(pad string, resource bool) string {
		s := `{"Statement":{"Effect":"Deny",` + pad
		if resource {
			s += `"Principal":"*",`
		}
		return s + `"Action":"*","Resource":"*"}}`
	}
	fill := func(size int, with string, resource bool) string {
		for pad := range size { // a list of resources, all the same, of the size that is missing
			s := document(`"Sid":"`+strings.Repeat(with, size-pad)+`",`, resource)
			if len([]rune(s)) == size {
				return s
			}
		}
		t.Fatal("no such size")
		return ""
	}
	for _, c := range []struct {
		name  string
		parse func(string, string) (*policy.Policy, error)
		text  string
		ok    bool
	}{
		{"a resource policy of 20480 characters", policy.ParseResource, fill(20480, "x", true), true},
		{"a resource policy of 20481 characters", policy.ParseResource, fill(20481, "x", true), false},
		{"characters are not bytes", policy.ParseResource, fill(20480, "é", true), true},
		{"an identity policy of 10240 characters", policy.ParseIdentity, fill(10240, "x", false), true},
		{"an identity policy of 10241 characters", policy.ParseIdentity, fill(10241, "x", false), false},
		{"white space does not count in an identity policy", policy.ParseIdentity, document(strings.Repeat(" ", 50000), false), true},
		{"white space counts in a resource policy", policy.ParseResource, document(strings.Repeat(" ", 50000), true), false},
		{"white space is bounded too", policy.ParseIdentity, document(strings.Repeat(" ", 1<<20), false), false},
		{"depth is bounded before the decoder's own bound", policy.ParseIdentity, strings.Repeat("[", 10000) + strings.Repeat("]", 10000), false},
		{"depth beyond the decoder's own bound is an error too", policy.ParseIdentity, strings.Repeat("[", 60000), false},
		{"invalid UTF-8", policy.ParseIdentity, document("\"Sid\":\"\xff\",", false), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := c.parse("p", c.text)
			if (err == nil) != c.ok {
				t.Errorf("got %v, want ok %t", err, c.ok)
			}
			if err != nil && len(err.Error()) > 2000 {
				t.Errorf("an error of %d bytes", len(err.Error()))
			}
		})
	}
}
