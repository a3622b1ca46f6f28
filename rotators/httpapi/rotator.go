package httpapi

import (
	"context"
	"errors"
	"fmt"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/rotation"
)

// Rotator returns the rotator of the provider. Its dynamic type has exactly
// the optional interfaces of its kind: mint is a Minter and Lister, choose a
// Chooser, assign a Chooser and Lister. It may be used by many goroutines.
func (p *Provider) Rotator(opts Options) rotation.Rotator {
	in := &interpreter{p: p, client: newClient(opts)}
	switch p.kind {
	case mints:
		return struct {
			*interpreter
			minter
			lister
		}{in, minter{in}, lister{in}}
	case assigns:
		return struct {
			*interpreter
			chooser
			lister
		}{in, chooser{in}, lister{in}}
	}
	return struct {
		*interpreter
		chooser
	}{in, chooser{in}}
}

// interpreter is what every kind has.
type interpreter struct {
	p      *Provider
	client *client
}

// Descriptor is what the file says.
func (in *interpreter) Descriptor() rotation.Descriptor { return in.p.Descriptor() }

// Plan lists every problem of the settings, the value and the admin secret.
// Where the admin secret is named but may not be read yet, what only its
// value shows is left out: Identity is zero and Lane is the admin secret's.
func (in *interpreter) Plan(req rotation.Request) (rotation.Plan, error) {
	p := in.p
	var problems []error
	add := func(err error) {
		if err != nil {
			problems = append(problems, err)
		}
	}
	add(p.checkStrategy(req))
	for _, s := range p.settings {
		if err := s.check(req.Settings[s.Name]); err != nil {
			add(fmt.Errorf("setting %s %w", s.Name, err))
		}
	}
	current, err := parseObject(req.Current)
	if err != nil {
		add(fmt.Errorf("the secret's value %w; it must be a JSON object with %s", err, fieldNames(p.fields)))
	} else {
		add(missing("the secret's value", current, p.fields))
		add(p.checkOtherPrincipal(req, current))
	}
	add(p.checkAdmin(req))
	plan := rotation.Plan{
		Capacity: p.capacity, Propagation: p.propagation, RevocationLag: p.lag, CannotDetect: p.cannotDetect,
		Lane: "admin " + req.Admin.ARN,
	}
	if len(problems) == 0 && !(req.Admin.Value.IsZero() && p.needsAdmin()) {
		if plan.Identity, err = in.Identify(req, req.Current); err != nil {
			add(err)
		} else if a, err := p.addressOf(in.client.opts, req); err == nil {
			plan.Lane = a.host + in.account(req)
		}
	}
	if len(problems) > 0 {
		return rotation.Plan{}, rotation.Permanent(rotation.ProblemsOf(problems...))
	}
	return plan, nil
}

// Identify names the credential of v.
func (in *interpreter) Identify(req rotation.Request, v rota.Value) (rotation.Identity, error) {
	o, a, err := in.locate(req, v)
	if err != nil {
		return rotation.Identity{}, lasting(fmt.Errorf("%s identify: %w", in.p.name, err))
	}
	e := newEnv(in.p, req).with("this", o)
	principal, err := in.p.identity.principal.text(e)
	if err != nil {
		return rotation.Identity{}, rotation.Permanent(fmt.Errorf("%s identify: %w", in.p.name, err))
	}
	id, err := in.p.identity.id.text(e)
	if err != nil {
		return rotation.Identity{}, rotation.Permanent(fmt.Errorf("%s identify: %w", in.p.name, err))
	}
	return rotation.Identity{
		Provider:  a.base + in.account(req),
		Principal: principal,
		ID:        id,
		Secret:    rota.StringValue(o.text(in.p.identity.secret)),
	}, nil
}

// account is " <account>", or nothing where the address says it all.
func (in *interpreter) account(req rotation.Request) string {
	e := newEnv(in.p, req)
	if admin, err := parseObject(req.Admin.Value); err == nil {
		e.objects["admin"] = admin
	}
	if s, err := in.p.identity.account.text(e); err == nil && s != "" {
		return " " + s
	}
	return ""
}

// locate reads a value and the address of its provider, which must be the
// one that the value names, if it names any.
func (in *interpreter) locate(req rotation.Request, v rota.Value) (object, address, error) {
	o, err := parseObject(v)
	if err != nil {
		return nil, address{}, fmt.Errorf("the secret's value %w", err)
	}
	if err := missing("the secret's value", o, in.p.fields); err != nil {
		return nil, address{}, err
	}
	a, err := in.p.addressOf(in.client.opts, req)
	if err != nil {
		return nil, address{}, err
	}
	return o, a, in.p.checkSame(in.client.opts, a, o)
}

// Try sends the file's test requests with the credential of v. An answer
// that means dead is believed only after the proof requests.
func (in *interpreter) Try(ctx context.Context, req rotation.Request, v rota.Value) error {
	c, err := in.call(req, verbTest, map[string]rota.Value{"this": v})
	if err != nil {
		return err
	}
	out, err := c.run(ctx)
	if err != nil {
		return err
	}
	switch out.means {
	case accepted:
		return nil
	case notYet:
		return fmt.Errorf("%w: %w", c.failed(out.step, "answered %d", out.reply.status), rotation.ErrNotYet)
	case dead:
		proof := *c
		proof.verb = verbProof
		if _, err := proof.run(ctx); err != nil {
			return fmt.Errorf("%s test: the answer means dead, but the address is not proven: %w", in.p.name, err)
		}
		return fmt.Errorf("%w: %w", c.failed(out.step, "answered %d", out.reply.status), rotation.ErrDead)
	}
	return fmt.Errorf("%w: %w", c.failed(out.step, "answered %d", out.reply.status), rotation.ErrRefused)
}

// Spoil replaces the secret field.
func (in *interpreter) Spoil(req rotation.Request, v rota.Value) (rota.Value, error) {
	o, err := parseObject(v)
	if err != nil {
		return rota.Value{}, rotation.Permanent(fmt.Errorf("%s spoil: the secret's value %w", in.p.name, err))
	}
	name := in.p.identity.secret
	other, err := spoil(req.Rand, o.text(name))
	if err != nil {
		return rota.Value{}, fmt.Errorf("%s spoil: %w", in.p.name, err)
	}
	if o, err = o.set(map[string]any{name: other}); err != nil {
		return rota.Value{}, fmt.Errorf("%s spoil: %w", in.p.name, err)
	}
	return o.value()
}

// call prepares the requests of a verb with the values it is about. Current
// and the admin secret are added where they exist.
func (in *interpreter) call(req rotation.Request, v verb, about map[string]rota.Value) (*call, error) {
	fail := func(err error) (*call, error) {
		return nil, lasting(fmt.Errorf("%s %s: %w", in.p.name, v, err))
	}
	if err := in.p.checkAdmin(req); err != nil {
		return fail(err)
	}
	a, err := in.p.addressOf(in.client.opts, req)
	if err != nil {
		return fail(err)
	}
	e := newEnv(in.p, req)
	values := map[string]rota.Value{}
	if !req.Current.IsZero() {
		values["current"] = req.Current
	}
	for scope, value := range about {
		values[scope] = value
	}
	for scope, value := range values {
		o, _, err := in.locate(req, value)
		if err != nil {
			return fail(err)
		}
		e.objects[scope] = o
	}
	if !req.Admin.Value.IsZero() {
		if e.objects["admin"], err = parseObject(req.Admin.Value); err != nil {
			return fail(err)
		}
	}
	return &call{p: in.p, client: in.client, req: req, verb: v, address: a, env: e}, nil
}

// lasting marks what is wrong with the secret, the admin secret or their
// settings as Permanent; that a value is not at hand may pass.
func lasting(err error) error {
	if errors.Is(err, errAdminUnread) {
		return err
	}
	return rotation.Permanent(err)
}
