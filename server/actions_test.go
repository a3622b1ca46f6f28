package server

import (
	"slices"
	"testing"

	"github.com/rotahq/rota/access/policy"
)

// TestPoliciesKnowTheActionsOfTheServer: what the server asks about can be
// named in a policy, and what it does not cannot.
func TestPoliciesKnowTheActionsOfTheServer(t *testing.T) {
	w := newWorld(t)
	asked := []string{"lambda:InvokeFunction"}
	for service, operations := range map[string]map[string]operation{"secretsmanager": w.awsOperations(), "rota": w.ownOperations()} {
		for name := range operations {
			if service == "rota" && name == "Rotate" {
				continue // it takes the rights of the calls that it is made of
			}
			asked = append(asked, service+":"+name)
		}
	}
	slices.Sort(asked)
	if known := policy.Actions(); !slices.Equal(known, asked) {
		t.Errorf("policies know\n%q\nand the server asks about\n%q", known, asked)
	}
}

// TestWhatIsMarkedAsAReadIsOne: each other operation is one commit with its
// record, and a record says of itself whether it is of a read.
func TestWhatIsMarkedAsAReadIsOne(t *testing.T) {
	w := newWorld(t)
	var marked []string
	for name, o := range w.aws {
		if o.reads {
			marked = append(marked, name)
		}
		if w.Server.own[name].do != nil {
			t.Errorf("AWS's and rota's operation %s have one name", name)
		}
	}
	for name, o := range w.Server.own {
		if o.reads {
			marked = append(marked, name)
		}
	}
	slices.Sort(marked)
	if want := []string{
		"BatchGetSecretValue", "DescribePrincipal", "DescribeSecret", "ExplainPolicy", "GetFunction", "GetRandomPassword", "GetResourcePolicy",
		"GetSecretValue", "GetSessionToken", "ListAccessKeys", "ListFunctions", "ListPrincipals", "ListSecretVersionIds", "ListSecrets", "Show", "Status",
		"ValidateResourcePolicy",
	}; !slices.Equal(marked, want) {
		t.Errorf("marked as reads are\n%q\nwant\n%q", marked, want)
	}
}
