package httpapi

import (
	"context"
	"fmt"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/rotation"
)

// minter is a provider that generates the value.
type minter struct{ in *interpreter }

// Mint sends the mint requests and makes the next value of what they picked.
// An error may leave a credential at the provider: it is found by req.Name.
func (m minter) Mint(ctx context.Context, req rotation.Request) (rota.Value, error) {
	c, err := m.in.call(req, verbMint, nil)
	if err != nil {
		return rota.Value{}, err
	}
	if _, err := c.must(ctx); err != nil {
		return rota.Value{}, err
	}
	next, err := m.in.p.nextValue(c.env)
	if err != nil {
		return rota.Value{}, fmt.Errorf("%s mint: %w", m.in.p.name, err)
	}
	return next, nil
}

// lister is a provider whose credentials carry our name.
type lister struct{ in *interpreter }

// List returns what stands under exactly req.Name; what the provider's own
// filter lets through besides is left out.
func (l lister) List(ctx context.Context, req rotation.Request) ([]rotation.Listed, error) {
	c, err := l.in.call(req, verbList, nil)
	if err != nil {
		return nil, err
	}
	out, err := c.must(ctx)
	if err != nil {
		return nil, err
	}
	return l.in.p.found.read(c, out, req.Name)
}

func (f foundRule) read(c *call, out outcome, name string) ([]rotation.Listed, error) {
	v, _ := at(out.reply.body, f.items)
	items, ok := v.([]any)
	if !ok {
		return nil, c.failed(out.step, "answered %d without the list of credentials", out.reply.status)
	}
	var listed []rotation.Listed
	for _, item := range items {
		v, _ := at(item, f.name)
		if have, err := scalarText(v); err != nil || have != name {
			continue
		}
		v, _ = at(item, f.id)
		id, err := scalarText(v)
		if err != nil || id == "" {
			return nil, c.failed(out.step, "answered %d with a credential that has no id", out.reply.status)
		}
		one := rotation.Listed{ID: id, Metadata: map[string]string{}}
		for _, p := range f.metadata {
			if v, ok := at(item, p.path); ok && v != nil {
				if s, err := scalarText(v); err == nil {
					one.Metadata[p.name] = s
				}
			}
		}
		listed = append(listed, one)
	}
	return listed, nil
}

// Revoke ends the credential with the provider's id; gone is success.
func (l lister) Revoke(ctx context.Context, req rotation.Request, id string) error {
	c, err := l.in.call(req, verbRevoke, nil)
	if err != nil {
		return err
	}
	c.env = c.env.withText("id", id)
	_, err = c.must(ctx)
	return err
}

// chooser is a provider that takes the value from us.
type chooser struct{ in *interpreter }

// Choose makes the next value of the current one and a generated secret.
func (ch chooser) Choose(req rotation.Request) (rota.Value, error) {
	p := ch.in.p
	current, err := parseObject(req.Current)
	if err != nil {
		return rota.Value{}, rotation.Permanent(fmt.Errorf("%s choose: the secret's value %w", p.name, err))
	}
	generated, err := generate(*p.generate, req.Rand)
	if err != nil {
		return rota.Value{}, fmt.Errorf("%s choose: %w", p.name, err)
	}
	next, err := p.nextValue(newEnv(p, req).with("current", current).withText("generated", generated))
	if err != nil {
		return rota.Value{}, rotation.Permanent(fmt.Errorf("%s choose: %w", p.name, err))
	}
	return next, nil
}

// Set makes the provider accept req.Pending, which must be what Choose makes
// of req.Current. Setting the same again succeeds.
func (ch chooser) Set(ctx context.Context, req rotation.Request) error {
	if req.Current.IsZero() {
		return rotation.Permanent(fmt.Errorf("%s set: there is no current value to tell what may be set", ch.in.p.name))
	}
	c, err := ch.in.call(req, verbSet, map[string]rota.Value{"pending": req.Pending})
	if err != nil {
		return err
	}
	if err := ch.in.p.checkFollows(c.env); err != nil {
		return rotation.Permanent(err)
	}
	_, err = c.must(ctx)
	return err
}

// End makes the credential of old useless by giving its principal a secret
// that nobody knows. It refuses where that would overwrite the current one.
func (ch chooser) End(ctx context.Context, req rotation.Request, old rota.Value) error {
	p := ch.in.p
	c, err := ch.in.call(req, verbEnd, map[string]rota.Value{"old": old})
	if err != nil {
		return err
	}
	if err := ch.checkEnd(req, old); err != nil {
		return rotation.Permanent(err)
	}
	unknown, err := generate(*p.generate, req.Rand)
	if err != nil {
		return fmt.Errorf("%s end: %w", p.name, err)
	}
	c.env = c.env.withText("generated", unknown)
	_, err = c.must(ctx)
	return err
}

func (ch chooser) checkEnd(req rotation.Request, old rota.Value) error {
	p := ch.in.p
	ended, err := ch.in.Identify(req, old)
	if err != nil {
		return err
	}
	if admin := p.adminPrincipal(newEnv(p, req), req); admin != "" && ended.Principal == admin {
		return fmt.Errorf("%s end: the value names the admin secret's own principal, which is never ended here", p.name)
	}
	if req.Current.IsZero() {
		return nil
	}
	current, err := ch.in.Identify(req, req.Current)
	if err != nil {
		return err
	}
	if ended.SamePrincipal(current) && !ended.SameCredential(current) {
		return fmt.Errorf(
			"%s end: the current value belongs to the same principal: the old one is overwritten already", p.name)
	}
	return nil
}

// nextValue makes the next value: the current one with the members of next
// replaced.
func (p *Provider) nextValue(e *env) (rota.Value, error) {
	members := map[string]any{}
	for _, m := range p.next {
		s, err := m.value.text(e)
		if err != nil {
			return rota.Value{}, fmt.Errorf("%s of the next value: %w", m.name, err)
		}
		members[m.name] = s
	}
	o, err := e.objects["current"].set(members)
	if err != nil {
		return rota.Value{}, err
	}
	return o.value()
}
