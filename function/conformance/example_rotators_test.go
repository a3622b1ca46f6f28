package conformance_test

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/function/conformance"
	"github.com/rotahq/rota/rotation"
)

// gate is the provider: it has one password.
type gate struct {
	mu       sync.Mutex
	password string
}

func (g *gate) opens(v rota.Value) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return string(v.Reveal()) == g.password
}

// gates is a rotator for it: rota chooses the password, and sets it.
type gates struct{ gate *gate }

var _ rotation.Chooser = gates{}

func (gates) Descriptor() rotation.Descriptor {
	return rotation.Descriptor{Name: "gate", Title: "the password of a gate", Dead: "the gate stays shut"}
}

func (r gates) Plan(req rotation.Request) (rotation.Plan, error) {
	id, err := r.Identify(req, req.Current)
	return rotation.Plan{Identity: id, Capacity: 1, Lane: "gate", Propagation: rotation.Propagation{Successes: 1}}, err
}

func (gates) Identify(_ rotation.Request, v rota.Value) (rotation.Identity, error) {
	if v.IsZero() {
		return rotation.Identity{}, errors.New("the secret is empty: put the password of the gate into it")
	}
	return rotation.Identity{Provider: "https://gate.example.com", Principal: "whoever", Secret: v}, nil
}

func (r gates) Try(_ context.Context, _ rotation.Request, v rota.Value) error {
	if !r.gate.opens(v) {
		return rotation.ErrDead
	}
	return nil
}

func (r gates) Spoil(req rotation.Request, _ rota.Value) (rota.Value, error) { return r.Choose(req) }

func (gates) Choose(req rotation.Request) (rota.Value, error) {
	b := make([]byte, 16)
	_, err := io.ReadFull(req.Rand, b)
	return rota.StringValue(hex.EncodeToString(b)), err
}

func (r gates) Set(_ context.Context, req rotation.Request) error {
	r.gate.mu.Lock()
	defer r.gate.mu.Unlock()
	r.gate.password = string(req.Pending.Reveal())
	return nil
}

func (gates) End(context.Context, rotation.Request, rota.Value) error {
	return nil // one password at a time: the old one ended when the new one was set
}

// A rotator of one's own in the kit. In a test it is the same, with t.Fatal in
// the place of panic, and the report's text in the error.
func ExampleRotators() {
	g := &gate{password: "the first"}
	function, err := conformance.Rotators(gates{g})
	if err != nil {
		panic(err)
	}
	report, err := conformance.Run(context.Background(), conformance.Config{
		Function: function, Name: "gate", Pause: 10 * time.Millisecond,
		Value: rota.StringValue("the first"), Tags: []rota.Tag{{Key: "rota:rotator", Value: "gate"}},
		Provider: conformance.Provider{Accepts: func(_ context.Context, v rota.Value) (conformance.Verdict, error) {
			if g.opens(v) {
				return conformance.Accepted, nil
			}
			return conformance.Refused, nil
		}},
	})
	if err != nil {
		panic(err)
	}
	fmt.Println("broken:", report.Broken(), "stopped:", report.Stopped)
	// Output:
	// broken: [] stopped:
}
