package policy_test

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/access/policy"
)

// FuzzParse: whatever the text, parsing ends in a policy that can be
// evaluated or in the one documented error; and a policy that is accepted has
// no member that a second reader would find differently.
func FuzzParse(f *testing.F) {
	for _, v := range vectors[decided](f, "decisions.yaml") {
		for _, s := range append(v.Identity, v.Resource) {
			f.Add(s)
		}
	}
	for seed := range uint64(50) {
		w := world{rand.New(rand.NewPCG(seed, 2))}
		f.Add(w.document(true))
		f.Add(w.document(false))
	}
	w := world{rand.New(rand.NewPCG(3, 3))}
	var requests []*policy.Request
	var roles []string
	for range 8 {
		r, role := w.request(f)
		requests, roles = append(requests, r), append(roles, role)
	}
	f.Fuzz(func(t *testing.T, text string) {
		identity, err := policy.ParseIdentity("i", text)
		checkRefusal(t, err)
		resource, err := policy.ParseResource("r", text)
		checkRefusal(t, err)
		if identity != nil && resource != nil {
			t.Fatal("it is both an identity-based and a resource-based policy")
		}
		if identity == nil && resource == nil {
			return
		}
		if !json.Valid([]byte(text)) {
			t.Fatal("what is accepted is not JSON")
		}
		for i, r := range requests {
			var identities []*policy.Policy
			n := naiveOf(r, roles[i])
			want := ""
			if identity != nil {
				identities = []*policy.Policy{identity}
				want = n.decide([]string{text}, "")
			} else {
				resource.Public()
				want = n.decide(nil, text)
			}
			d, _ := policy.Explain(r, identities, resource)
			if got := decision(d); got != want {
				t.Errorf("got %s, a naive reading gives %s\nrequest %+v", got, want, r)
			}
		}
	})
}

func checkRefusal(t *testing.T, err error) {
	if err == nil {
		return
	}
	var p *policy.Problem
	if rota.CodeOf(err) != rota.MalformedPolicy || !errors.As(err, &p) || p.What == "" || p.Hint == "" {
		t.Fatalf("not the documented error: %v", err)
	}
	if len(err.Error()) > 8000 {
		t.Fatalf("an error of %d bytes", len(err.Error()))
	}
}

func FuzzParsePrincipal(f *testing.F) {
	for _, s := range worldPrincipals {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, arn string) {
		p, err := policy.ParsePrincipal(arn)
		if err != nil {
			if rota.CodeOf(err) != rota.InvalidParameter {
				t.Fatal(err)
			}
			return
		}
		if p.ARN() != arn || len(p.Account()) != 12 {
			t.Errorf("%q in account %q", p.ARN(), p.Account())
		}
		// Whoever may call may be named.
		text := `{"Statement":{"Effect":"Allow","Principal":{"AWS":` + quoted(arn) + `},"Action":"*","Resource":"*"}}`
		d := policy.Evaluate(&policy.Request{Principal: p, Action: "rota:Status", Resource: "*"}, nil, attached(t, text))
		if !d.Allowed || d.By != policy.ResourcePolicy {
			t.Errorf("its own name does not name it: %+v", d)
		}
	})
}
