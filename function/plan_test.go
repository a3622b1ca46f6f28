package function_test

import (
	"testing"
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/function"
	"github.com/rotahq/rota/rotation"
	"github.com/rotahq/rota/rotation/rotationtest"
	"github.com/rotahq/rota/store"
)

// forgetful is a rotator whose provider revokes late and cannot list.
type forgetful struct {
	rotation.Minter
	rotation.Lister
}

func (f forgetful) Descriptor() rotation.Descriptor { return f.Minter.Descriptor() }

func (f forgetful) Plan(req rotation.Request) (rotation.Plan, error) {
	plan, err := f.Minter.Plan(req)
	plan.RevocationLag, plan.CannotDetect = time.Minute, "the provider lists nothing"
	return plan, err
}

func TestWhatAPlanSaysOfTheProviderReachesAPerson(t *testing.T) {
	model := rotationtest.NewProvider(nil).Minting(3)
	catalog, err := rotation.NewCatalog(forgetful{model.(rotation.Minter), model.(rotation.Lister)})
	if err != nil {
		t.Fatal(err)
	}
	secret := rota.Secret{Tags: []rota.Tag{{Key: "rota:rotator", Value: model.Descriptor().Name}}}
	a, err := function.Registry{Catalog: catalog}.Check(t.Context(), store.Setup{Secret: secret, Current: rotationtest.KeyValue("k0", "s0")})
	if err != nil || a.Plan == nil {
		t.Fatal(err)
	}
	if a.Capacity != 3 || a.Plan.RevocationLag != time.Minute || a.Plan.CannotDetect != "the provider lists nothing" {
		t.Errorf("%d, %+v", a.Capacity, a.Plan)
	}
}
