package policy_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/rotahq/rota/access/policy"
)

// vectors reads a data file strictly. Every vector has a sentence of its own
// and a source.
func vectors[V any](t testing.TB, file string) []V {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	var list []V
	if err := yaml.UnmarshalWithOptions(b, &list, yaml.Strict()); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, v := range list {
		guards := reflect.ValueOf(v).FieldByName("Guards").String()
		source := reflect.ValueOf(v).FieldByName("Source").String()
		if guards == "" || seen[guards] || source != "decision" && !strings.HasPrefix(source, "https://") {
			t.Errorf("%s: %q: every vector has a sentence of its own and a source", file, guards)
		}
		seen[guards] = true
	}
	if len(list) == 0 {
		t.Fatal("no vectors")
	}
	return list
}

// Asked is the request of a vector.
type Asked struct {
	Principal string // ARN; "" is somebody
	Role      string // of which the principal is a session, if it has a path
	Action    string // "" is GetSecretValue
	On        string // ARN of the resource; "" is a secret
	Named     string
	Time      time.Time
	Context   map[string]any // key: value, or a list of values
}

const (
	somebody = "arn:aws:iam::123456789012:user/team/ada"
	secret   = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:app/db-AbCdEf"
)

func (a Asked) request(t testing.TB) *policy.Request {
	t.Helper()
	r := &policy.Request{Action: a.Action, Resource: a.On, Named: a.Named, Time: a.Time, Principal: principal(t, or(a.Principal, somebody))}
	if a.Role != "" {
		var err error
		if r.Principal, err = r.Principal.OfRole(a.Role); err != nil {
			t.Fatal(err)
		}
	}
	r.Action, r.Resource = or(r.Action, "secretsmanager:GetSecretValue"), or(r.Resource, secret)
	for name, v := range a.Context {
		key, tag, err := policy.ParseKey(name)
		if err != nil {
			t.Fatal(err)
		}
		list, ok := v.([]any)
		if !ok {
			list = []any{v}
		}
		for _, v := range list {
			r.Context = append(r.Context, policy.Attribute{Key: key, Tag: tag, Value: fmt.Sprint(v)})
		}
	}
	return r
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

func principal(t testing.TB, arn string) policy.Principal {
	t.Helper()
	p, err := policy.ParsePrincipal(arn)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func identity(t testing.TB, text string) *policy.Policy {
	t.Helper()
	p, err := policy.ParseIdentity("identity", text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func attached(t testing.TB, text string) *policy.Policy {
	t.Helper()
	if text == "" {
		return nil
	}
	p, err := policy.ParseResource("resource", text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func quoted(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}

func TestDecisions(t *testing.T) {
	for _, v := range vectors[decided](t, "decisions.yaml") {
		t.Run(v.Guards, func(t *testing.T) {
			r := v.request(t)
			var identities []*policy.Policy
			for i, text := range v.Identity {
				p, err := policy.ParseIdentity(fmt.Sprintf("p%d", i+1), text)
				if err != nil {
					t.Fatal(err)
				}
				identities = append(identities, p)
			}
			d, _ := policy.Explain(r, identities, attached(t, v.Resource))
			if got := describe(d); got != v.Want {
				t.Errorf("got %s, want %s", got, v.Want)
			}
			if e := policy.Evaluate(r, identities, attached(t, v.Resource)); e != d {
				t.Errorf("Evaluate says %v, Explain %v", e, d)
			}
			if (d.Err(r) == nil) != d.Allowed {
				t.Errorf("the error is %v", d.Err(r))
			}
			if v.Denial != "" && d.Denial(r) != v.Denial {
				t.Errorf("denial %q\nwant   %q", d.Denial(r), v.Denial)
			}
		})
	}
}

// decided is a vector of TestDecisions.
type decided struct {
	Guards, Source string
	Asked          `yaml:",inline"`
	Identity       []string
	Resource       string
	Want           string // as describe writes it
	Denial         string
}

// describe is a decision in a few words: "allow p1 2", "deny resource 1",
// "no identity-based policy", "root".
func describe(d policy.Decision) string {
	switch {
	case d.Statement > 0 && d.Allowed:
		return fmt.Sprintf("allow %s %d", d.Policy, d.Statement)
	case d.Statement > 0:
		return fmt.Sprintf("deny %s %d", d.Policy, d.Statement)
	case d.Allowed:
		return "root"
	}
	return "no " + d.By.String()
}
