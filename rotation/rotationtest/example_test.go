package rotationtest_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/rotation"
	"github.com/rotahq/rota/rotation/rotationtest"
)

// points names every effect, and stops the process at one of them.
type points struct {
	seen    []string
	stopAt  string
	stopped bool
}

func (p *points) At(name string) rotationtest.Fault {
	p.seen = append(p.seen, name)
	if name == p.stopAt {
		return rotationtest.StopAfter
	}
	return rotationtest.None
}
func (p *points) Stop()         { p.stopped = true }
func (p *points) Stopped() bool { return p.stopped }

const exampleToken = "11111111-2222-4333-8444-555555555555"

// rotate does the four steps until one fails, as AWS or rota's engine does.
func rotate(h *rotation.Handler, home *rotationtest.Home) error {
	for _, step := range []rota.Step{rota.CreateSecret, rota.SetSecret, rota.TestSecret, rota.FinishSecret} {
		ev := rota.Event{Step: step, SecretID: "app/key", ClientRequestToken: exampleToken, RotationToken: "the rotation's"}
		if _, err := h.Handle(context.Background(), home.Home(), ev); err != nil {
			return err
		}
	}
	return nil
}

// begin is a provider with one key, and a home with a secret that holds it and
// whose rotation has begun. Put your own rotator in the place of the provider's.
func begin(p *points) (*rotationtest.Provider, *rotationtest.Home, *rotation.Handler) {
	provider := rotationtest.NewProvider(p)
	provider.AddKey("key-0", "made by hand", "first")
	home := rotationtest.NewHome(p)
	home.Create("app/key", "00000000-1111-4222-8333-444444444444", rotationtest.KeyValue("key-0", "first"), rota.Tag{Key: "rota:rotator", Value: "model-keys"})
	if err := home.Begin("app/key", exampleToken, "the rotation's"); err != nil {
		panic(err)
	}
	catalog, err := rotation.NewCatalog(provider.Minting(0))
	if err != nil {
		panic(err)
	}
	return provider, home, &rotation.Handler{Catalog: catalog, Now: time.Now, Rand: rand.NewChaCha8([32]byte{})}
}

// A rotation with nothing in its way, and what it did at the provider.
func Example() {
	p := &points{}
	provider, home, handler := begin(p)
	fmt.Println(rotate(handler, home))
	now := home.Secret("app/key").VersionOf(rota.Current)
	fmt.Println("AWSCURRENT is the new version:", now == exampleToken)
	fmt.Println("it is accepted:", provider.Accepts(home.Value("app/key", now)))
	fmt.Println("mints:", provider.Effects("mint"), "live:", provider.Keys())
	// Output:
	// <nil>
	// AWSCURRENT is the new version: true
	// it is accepted: true
	// mints: 1 live: [key-0 key-1]
}

// A process that dies right after the provider minted: the key lives, and
// nobody holds it. The next process finds it by its name.
func ExampleProvider_crash() {
	p := &points{stopAt: "provider mint"}
	provider, home, handler := begin(p)
	err := rotate(handler, home)
	fmt.Println("stopped:", errors.Is(err, rotationtest.ErrStopped), "live:", provider.Keys())

	again := &points{}
	provider.UsePoints(again)
	home.UsePoints(again)
	fmt.Println(rotate(handler, home), "live:", provider.Keys())
	// Output:
	// stopped: true live: [key-0 key-1]
	// <nil> live: [key-0 key-2]
}
