package rotation_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/rotation"
	"github.com/rotahq/rota/rotation/rotationtest"
)

// The shapes that a catalog must refuse.
type (
	neither   struct{ rotation.Rotator }
	onlyMints struct{ rotation.Minter }
	both      struct {
		rotation.Rotator
		rotation.Lister
		minter
		chooser
	}
	// The methods of one kind alone, so that both can be embedded.
	minter interface {
		Mint(context.Context, rotation.Request) (rota.Value, error)
	}
	chooser interface {
		Choose(rotation.Request) (rota.Value, error)
		Set(context.Context, rotation.Request) error
		End(context.Context, rotation.Request, rota.Value) error
	}
)

func TestACatalogRefusesWhatCannotBeDriven(t *testing.T) {
	p := rotationtest.NewProvider(noFault())
	users, keys := p.Users(), p.Minting(0)
	as := func(d rotation.Descriptor) rotation.Rotator {
		return described{keys.(rotation.Minter), keys.(rotation.Lister), d}
	}
	for _, c := range []struct {
		name     string
		rotators []rotation.Rotator
		err      string
	}{
		{"nothing", nil, ""},
		{"one of each kind", []rotation.Rotator{users, keys, p.Assigning()}, ""},
		{"two without a type", []rotation.Rotator{as(rotation.Descriptor{Name: "a"}), as(rotation.Descriptor{Name: "b"})}, ""},
		{"one without a name", []rotation.Rotator{as(rotation.Descriptor{})}, "no name"},
		{"two of one name", []rotation.Rotator{as(rotation.Descriptor{Name: "a"}), users, as(rotation.Descriptor{Name: "a"})}, `"a"`},
		{"two of one type", []rotation.Rotator{as(rotation.Descriptor{Name: "a", Type: "T"}), as(rotation.Descriptor{Name: "b", Type: "T"})}, `the type "T"`},
		{"one that neither chooses nor mints", []rotation.Rotator{neither{users}}, "must be a Chooser, or a Minter and a Lister"},
		{"one that mints and cannot list", []rotation.Rotator{onlyMints{keys.(rotation.Minter)}}, "must be a Chooser, or a Minter and a Lister"},
		{"one that mints and chooses", []rotation.Rotator{both{users, keys.(rotation.Lister), keys.(minter), users.(chooser)}}, "must be a Chooser"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := rotation.NewCatalog(c.rotators...)
			if c.err == "" && err != nil {
				t.Errorf("refused: %v", err)
			}
			if c.err != "" {
				wantError(t, err, c.err)
			}
		})
	}
}

func TestACatalogFindsByNameAndType(t *testing.T) {
	c := testCatalog(t)
	if r, ok := c.ByName("mail"); !ok || r.Descriptor().Name != "mail" {
		t.Error("mail is not found by name")
	}
	if r, ok := c.ByType("KeystoneKey"); !ok || r.Descriptor().Name != "keystone" {
		t.Error("keystone is not found by type")
	}
	if _, ok := c.ByName(""); ok {
		t.Error("no name finds something")
	}
	if r, ok := c.ByType(""); ok {
		t.Errorf("no type finds %s", r.Descriptor().Name)
	}
	var names []string
	for _, r := range c.All() {
		names = append(names, r.Descriptor().Name)
	}
	if want := []string{"postgres", "keystone", "mail"}; !slices.Equal(names, want) {
		t.Errorf("all: %v, want %v", names, want)
	}
}

func TestErrorsSteerThroughWrapping(t *testing.T) {
	cause := errors.New("cause")
	err := fmt.Errorf("op: %w", rotation.Permanent(fmt.Errorf("more: %w", rotation.RetryAfter(time.Minute, fmt.Errorf("%w: %w", rotation.ErrDead, cause)))))
	if !rotation.IsPermanent(err) {
		t.Error("it is not permanent")
	}
	if d, ok := rotation.AskedDelay(err); !ok || d != time.Minute {
		t.Errorf("the asked delay is %s, %t", d, ok)
	}
	for _, want := range []error{rotation.ErrDead, rotation.ErrRefused, cause} {
		if !errors.Is(err, want) {
			t.Errorf("%v is not found", want)
		}
	}
	if errors.Is(rotation.ErrRefused, rotation.ErrDead) {
		t.Error("every refusal is taken for a proof")
	}
	if got, want := err.Error(), "op: more: the credential is dead: the provider refuses the credential: cause"; got != want {
		t.Errorf("it reads %q, want %q", got, want)
	}
	if rotation.IsPermanent(cause) || rotation.IsPermanent(nil) {
		t.Error("an ordinary error is permanent")
	}
	if _, ok := rotation.AskedDelay(cause); ok {
		t.Error("an ordinary error asks for a delay")
	}
}
