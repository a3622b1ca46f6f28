package rotation_test

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/rotation"
	"github.com/rotahq/rota/rotation/rotationtest"
)

// door is a provider that has one password.
type door struct{ password string }

// doors is a rotator of it: rota chooses the value, and sets it. It knows
// nothing of versions, labels and steps.
type doors struct{ door *door }

var _ rotation.Chooser = doors{}

func (doors) Descriptor() rotation.Descriptor {
	return rotation.Descriptor{Name: "door", Title: "the password of a door", Dead: "the door stays shut"}
}

func (d doors) Plan(req rotation.Request) (rotation.Plan, error) {
	id, err := d.Identify(req, req.Current)
	return rotation.Plan{Identity: id, Capacity: 1, Lane: "door", Propagation: rotation.Propagation{Successes: 1}}, err
}

func (doors) Identify(_ rotation.Request, v rota.Value) (rotation.Identity, error) {
	if v.IsZero() {
		return rotation.Identity{}, errors.New("the secret is empty")
	}
	return rotation.Identity{Provider: "door", Principal: "whoever", Secret: v}, nil
}

func (d doors) Try(_ context.Context, _ rotation.Request, v rota.Value) error {
	if string(v.Reveal()) != d.door.password {
		return rotation.ErrDead
	}
	return nil
}

func (d doors) Spoil(req rotation.Request, _ rota.Value) (rota.Value, error) { return d.Choose(req) }

func (doors) Choose(req rotation.Request) (rota.Value, error) {
	b := make([]byte, 16)
	_, err := io.ReadFull(req.Rand, b)
	return rota.StringValue(hex.EncodeToString(b)), err
}

func (d doors) Set(_ context.Context, req rotation.Request) error {
	d.door.password = string(req.Pending.Reveal())
	return nil
}

func (doors) End(context.Context, rotation.Request, rota.Value) error {
	return nil // one password at a time: the old one ended when the new one was set
}

// A rotator of one's own, and the handler that runs the protocol for it. The
// home is one in memory here; rota serve and AWS are the real ones.
func ExampleHandler() {
	d := &door{"first"}
	catalog, err := rotation.NewCatalog(doors{d})
	if err != nil {
		panic(err)
	}
	handler := &rotation.Handler{Catalog: catalog, Now: time.Now, Rand: rand.NewChaCha8([32]byte{})}

	home := rotationtest.NewHome(noFault())
	home.Create("app/door", first, rota.StringValue("first"), rota.Tag{Key: "rota:rotator", Value: "door"})
	token := "11111111-2222-4333-8444-555555555555"
	if err := home.Begin("app/door", token, rotationToken); err != nil {
		panic(err)
	}
	for _, step := range steps {
		for range 2 { // every step may be repeated
			ev := rota.Event{Step: step, SecretID: "app/door", ClientRequestToken: token, RotationToken: rotationToken}
			if _, err := handler.Handle(context.Background(), home.Home(), ev); err != nil {
				panic(err)
			}
		}
	}
	now := home.Secret("app/door").VersionOf(rota.Current)
	fmt.Println("AWSCURRENT is the new version:", now == token)
	fmt.Println("it opens the door:", d.password == string(home.Value("app/door", now).Reveal()))
	fmt.Println("values do not print:", home.Value("app/door", now))
	// Output:
	// AWSCURRENT is the new version: true
	// it opens the door: true
	// values do not print: [secret]
}
