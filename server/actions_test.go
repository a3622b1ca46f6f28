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
