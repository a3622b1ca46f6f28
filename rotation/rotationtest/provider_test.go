package rotationtest_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/rotation"
	"github.com/rotahq/rota/rotation/rotationtest"
)

// TestASlowProviderRefusesWhatIsMadeUntilItIsQuickAgain, and what was there
// before it accepts all the time.
func TestASlowProviderRefusesWhatIsMadeUntilItIsQuickAgain(t *testing.T) {
	p := rotationtest.NewProvider(&points{})
	p.AddKey("key-0", "by hand", "first")
	p.AddUser("app", "first")
	for name, c := range map[string]struct {
		rotator rotation.Rotator
		old     rota.Value
	}{
		"a password":                {p.Users(), rotationtest.UserValue("app", "first")},
		"a minted key":              {p.Minting(0), rotationtest.KeyValue("key-0", "first")},
		"a key with an assigned id": {p.Assigning(), rotationtest.AssignedValue("by hand", "first")},
	} {
		t.Run(name, func(t *testing.T) {
			p.Slow(true)
			next := made(t, c.rotator, rotation.Request{Name: name, Current: c.old, Rand: rand.NewChaCha8([32]byte{})})
			try := func(v rota.Value) error { return c.rotator.Try(context.Background(), rotation.Request{}, v) }
			if err := try(next); !errors.Is(err, rotation.ErrDead) {
				t.Errorf("the new one is answered %v while the provider is slow", err)
			}
			if err := try(c.old); err != nil {
				t.Errorf("the old one is answered %v while the provider is slow", err)
			}
			p.Slow(false)
			if err := try(next); err != nil {
				t.Errorf("the new one is answered %v at last", err)
			}
		})
	}
}

// made mints a value, or chooses and sets one.
func made(t *testing.T, r rotation.Rotator, req rotation.Request) rota.Value {
	t.Helper()
	if m, ok := r.(rotation.Minter); ok {
		v, err := m.Mint(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	c := r.(rotation.Chooser)
	v, err := c.Choose(req)
	if err != nil {
		t.Fatal(err)
	}
	req.Pending = v
	if err := c.Set(t.Context(), req); err != nil {
		t.Fatal(err)
	}
	return v
}
