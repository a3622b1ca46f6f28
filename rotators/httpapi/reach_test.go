package httpapi

import (
	"encoding/json"
	"testing"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/rotation"
)

// TestAnotherAddressInAnAdminSecretIsAnotherDestination: only the tag
// rota:serves tells that a secret is an admin secret, and nothing tells of which
// provider.
func TestAnotherAddressInAnAdminSecretIsAnotherDestination(t *testing.T) {
	var rotators []rotation.Rotator
	all := embeddedProviders(t)
	for _, p := range all {
		rotators = append(rotators, p.Rotator(Options{}))
	}
	catalog, err := rotation.NewCatalog(rotators...)
	if err != nil {
		t.Fatal(err)
	}
	admin := rota.Secret{Name: "admin", Tags: []rota.Tag{{Key: rotation.TagServes, Value: "app/"}}}
	for name, p := range all {
		d, found := p.Descriptor(), false
		value := func(changed string) rota.Value {
			members := map[string]string{}
			for _, f := range d.Admin {
				members[f.Name] = "x"
			}
			members[changed] = "y"
			text, err := json.Marshal(members)
			if err != nil {
				t.Fatal(err)
			}
			return rota.StringValue(string(text))
		}
		for _, f := range d.Admin {
			found = found || f.Address
			moved := rotation.Reach(catalog, admin, value(f.Name)) != rotation.Reach(catalog, admin, value("none"))
			if moved != f.Address {
				t.Errorf("%s: another %s is another destination: %v, want %v", name, f.Name, moved, f.Address)
			}
		}
		if p.address.base.uses("admin") && !found {
			t.Errorf("%s takes its address from the admin secret, and no field of it is marked", name)
		}
	}
}

func TestTheFieldsThatNameTheAddressAreMarked(t *testing.T) {
	all := embeddedProviders(t)
	for name, want := range map[string]string{"keystone": "authUrl", "rabbitmq": "managementUrl"} {
		d := all[name].Descriptor()
		for _, f := range append(d.Fields, d.Admin...) {
			if f.Address != (f.Name == want) {
				t.Errorf("%s: %s is marked: %v", name, f.Name, f.Address)
			}
		}
	}
}
