package lambda

import (
	"context"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/rotation"
)

// Guarded is the catalog behind the allow-list: a rotator that is not on it
// plans nothing, and none is let near a host that is not on it, whichever
// value names the host. The error of a program's catalog is passed on.
func Guarded(c rotation.Catalog, a Allow) (rotation.Catalog, error) {
	var all []rotation.Rotator
	for _, r := range c.All() {
		all = append(all, guarded(r, a))
	}
	return rotation.NewCatalog(all...)
}

// guarded keeps the interfaces that r has, by which the handler knows its
// kind.
func guarded(r rotation.Rotator, a Allow) rotation.Rotator {
	g := guard{r, a}
	lister, lists := r.(rotation.Lister)
	switch r := r.(type) {
	case rotation.Minter:
		return struct {
			guard
			guardMinter
			guardLister
		}{g, guardMinter{g, r}, guardLister{g, lister}}
	case rotation.Chooser:
		if !lists {
			return struct {
				guard
				guardChooser
			}{g, guardChooser{g, r}}
		}
		return struct {
			guard
			guardChooser
			guardLister
		}{g, guardChooser{g, r}, guardLister{g, lister}}
	}
	return g // the catalog refuses it
}

type guard struct {
	inner rotation.Rotator
	allow Allow
}

func (g guard) Descriptor() rotation.Descriptor { return g.inner.Descriptor() }

func (g guard) Plan(req rotation.Request) (rotation.Plan, error) {
	if err := g.allow.rotator(g.inner.Descriptor().Name); err != nil {
		return rotation.Plan{}, rotation.Permanent(err)
	}
	plan, err := g.inner.Plan(req)
	if err != nil {
		return plan, err
	}
	if err := g.allow.provider(plan.Identity.Provider); err != nil {
		return rotation.Plan{}, rotation.Permanent(err)
	}
	return plan, nil
}

func (g guard) Identify(req rotation.Request, v rota.Value) (rotation.Identity, error) {
	return g.inner.Identify(req, v)
}

func (g guard) Spoil(req rotation.Request, v rota.Value) (rota.Value, error) {
	return g.inner.Spoil(req, v)
}

func (g guard) Try(ctx context.Context, req rotation.Request, v rota.Value) error {
	if err := g.hosts(req, v); err != nil {
		return err
	}
	return g.inner.Try(ctx, req, v)
}

// hosts checks the address that each value names. The handler asked Plan
// about the current one before it came here.
func (g guard) hosts(req rotation.Request, values ...rota.Value) error {
	for _, v := range values {
		if v.IsZero() {
			continue
		}
		id, err := g.inner.Identify(req, v)
		if err != nil {
			return err
		}
		if err := g.allow.provider(id.Provider); err != nil {
			return rotation.Permanent(err)
		}
	}
	return nil
}

type guardChooser struct {
	guard guard
	inner rotation.Chooser
}

func (g guardChooser) Choose(req rotation.Request) (rota.Value, error) { return g.inner.Choose(req) }

func (g guardChooser) Set(ctx context.Context, req rotation.Request) error {
	// A previous value that cannot be read is the rotator's to judge; one
	// that can be must name an allowed host.
	if err := g.guard.hosts(req, req.Pending, req.Current); err != nil {
		return err
	}
	if id, err := g.inner.Identify(req, req.Previous); err == nil && !req.Previous.IsZero() {
		if err := g.guard.allow.provider(id.Provider); err != nil {
			req.Previous = rota.Value{} // it is only one of three that may be tried
		}
	}
	return g.inner.Set(ctx, req)
}

func (g guardChooser) End(ctx context.Context, req rotation.Request, old rota.Value) error {
	if err := g.guard.hosts(req, old); err != nil {
		return err
	}
	return g.inner.End(ctx, req, old)
}

type guardMinter struct {
	guard guard
	inner rotation.Minter
}

func (g guardMinter) Mint(ctx context.Context, req rotation.Request) (rota.Value, error) {
	if err := g.guard.hosts(req, req.Current); err != nil {
		return rota.Value{}, err
	}
	return g.inner.Mint(ctx, req)
}

type guardLister struct {
	guard guard
	inner rotation.Lister
}

func (g guardLister) List(ctx context.Context, req rotation.Request) ([]rotation.Listed, error) {
	if err := g.guard.hosts(req, req.Current); err != nil {
		return nil, err
	}
	return g.inner.List(ctx, req)
}

func (g guardLister) Revoke(ctx context.Context, req rotation.Request, id string) error {
	if err := g.guard.hosts(req, req.Current); err != nil {
		return err
	}
	return g.inner.Revoke(ctx, req, id)
}
