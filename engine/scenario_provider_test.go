package engine_test

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/rotation"
)

// chooser and minter are the model's rotators under a name and at an address
// of their own, behind the gate of a life.
type chooser struct {
	rotation.Chooser
	l             *life
	name, address string
}

func (c chooser) Descriptor() rotation.Descriptor { return named(c.Chooser, c.name) }

func (c chooser) Plan(req rotation.Request) (rotation.Plan, error) {
	return at(c.Chooser, c.address, req)
}

func (c chooser) Identify(req rotation.Request, v rota.Value) (rotation.Identity, error) {
	id, err := c.Chooser.Identify(req, v)
	id.Provider = c.address
	return id, err
}

func (c chooser) Try(ctx context.Context, req rotation.Request, v rota.Value) error {
	if err := c.l.pass(ctx, "try", c.address, req, v); err != nil {
		return err
	}
	return c.Chooser.Try(ctx, req, v)
}

// errAdmin is the answer to an admin login that the provider does not know.
var errAdmin = errors.New("model: the admin login was refused")

func (c chooser) Set(ctx context.Context, req rotation.Request) error {
	if err := c.l.pass(ctx, "set", c.address, req, req.Pending); err != nil {
		return err
	}
	if req.Admin.Named() && !c.l.provider.Accepts(req.Admin.Value) {
		return errAdmin
	}
	return c.Chooser.Set(ctx, req)
}

func (c chooser) End(ctx context.Context, req rotation.Request, old rota.Value) error {
	if err := c.l.pass(ctx, "end", c.address, req, old); err != nil {
		return err
	}
	if req.Admin.Named() && !c.l.provider.Accepts(req.Admin.Value) {
		return errAdmin
	}
	err := c.Chooser.End(ctx, req, old)
	if err == nil {
		c.l.died(field(old, "username"))
	}
	return err
}

// minting is what the model's minting rotator is.
type minting interface {
	rotation.Minter
	rotation.Lister
}

type minter struct {
	minting
	l             *life
	name, address string
}

func (m minter) Descriptor() rotation.Descriptor { return named(m.minting, m.name) }

func (m minter) Plan(req rotation.Request) (rotation.Plan, error) {
	return at(m.minting, m.address, req)
}

func (m minter) Identify(req rotation.Request, v rota.Value) (rotation.Identity, error) {
	id, err := m.minting.Identify(req, v)
	id.Provider = m.address
	return id, err
}

func (m minter) Try(ctx context.Context, req rotation.Request, v rota.Value) error {
	if err := m.l.pass(ctx, "try", m.address, req, v); err != nil {
		return err
	}
	return m.minting.Try(ctx, req, v)
}

func (m minter) Mint(ctx context.Context, req rotation.Request) (rota.Value, error) {
	if err := m.l.pass(ctx, "mint", m.address, req, rota.Value{}); err != nil {
		return rota.Value{}, err
	}
	return m.minting.Mint(ctx, req)
}

func (m minter) List(ctx context.Context, req rotation.Request) ([]rotation.Listed, error) {
	if err := m.l.pass(ctx, "list", m.address, req, rota.Value{}); err != nil {
		return nil, err
	}
	return m.minting.List(ctx, req)
}

func (m minter) Revoke(ctx context.Context, req rotation.Request, id string) error {
	if err := m.l.pass(ctx, "revoke", m.address, req, rota.Value{}); err != nil {
		return err
	}
	err := m.minting.Revoke(ctx, req, id)
	if err == nil {
		m.l.died(id)
	}
	return err
}

func named(r rotation.Rotator, name string) rotation.Descriptor {
	d := r.Descriptor()
	d.Name = name
	return d
}

func at(r rotation.Rotator, address string, req rotation.Request) (rotation.Plan, error) {
	p, err := r.Plan(req)
	p.Lane, p.Identity.Provider = address, address
	return p, err
}

// field is a member of a value.
func field(v rota.Value, name string) string {
	var fields map[string]string
	_ = json.Unmarshal(v.Reveal(), &fields) // a value that is none has no fields
	return fields[name]
}
