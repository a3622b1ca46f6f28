package httpapi

import (
	"errors"
	"fmt"
	"strings"

	"github.com/rotahq/rota/rotation"
)

// needsAdmin reports whether the provider is called with an admin secret.
func (p *Provider) needsAdmin() bool { return len(p.admin) > 0 }

// checkStrategy refuses what the file does not describe. A provider where
// two live at once by two principals can only alternate.
func (p *Provider) checkStrategy(req rotation.Request) error {
	want := req.Settings[rotation.SettingStrategy]
	if p.needsAdmin() && !req.Admin.Named() {
		return nil // told already; without an admin secret single-user is the default, not a wish
	}
	if p.kind == mints || want == "" || p.capacity == 2 && want == rotation.AlternatingUsers ||
		p.capacity == 1 && want == rotation.SingleUser {
		return nil
	}
	if p.capacity == 2 {
		return fmt.Errorf("strategy %s is not possible with %s: it alternates between two users, so that there is no gap; "+
			"leave the strategy out or set it to %s", want, p.name, rotation.AlternatingUsers)
	}
	return fmt.Errorf("strategy %s is not possible with %s; leave it out", want, p.name)
}

// checkAdmin checks that an admin secret is named where one is needed and,
// where its value may be read, that it holds what is needed.
func (p *Provider) checkAdmin(req rotation.Request) error {
	if !p.needsAdmin() {
		return nil
	}
	if !req.Admin.Named() {
		return fmt.Errorf("needs an admin secret with %s; name it with the tag rota:admin", fieldNames(p.admin))
	}
	if req.Admin.Value.IsZero() {
		return nil
	}
	what := "the value of the admin secret " + req.Admin.ARN
	admin, err := parseObject(req.Admin.Value)
	if err != nil {
		return fmt.Errorf("%s %w; it must be a JSON object with %s", what, err, fieldNames(p.admin))
	}
	return missing(what, admin, p.admin)
}

// checkSame refuses a value that names another address than the admin
// secret's.
func (p *Provider) checkSame(opts Options, a address, o object) error {
	if p.address.same == "" {
		return nil
	}
	named := o.text(p.address.same)
	if named == "" {
		return nil
	}
	if own, err := p.normalise(opts, named); err != nil || own.base != a.base {
		return fmt.Errorf("%s of the secret's value is not the address that the admin secret names; "+
			"correct one of them, or leave it out of the secret", p.address.same)
	}
	return nil
}

// checkOtherPrincipal checks that the next value will belong to a principal
// that may be overwritten.
func (p *Provider) checkOtherPrincipal(req rotation.Request, current object) error {
	if p.kind == mints {
		return nil
	}
	e := newEnv(p, req)
	now, next, err := p.principals(e, current)
	if err != nil {
		return nil // a field is missing, which is told already
	}
	if p.capacity == 2 && now == next {
		return errors.New("the secret's value names one user twice; two different ones are needed to alternate")
	}
	if admin := p.adminPrincipal(e, req); admin != "" && (now == admin || next == admin) {
		return errors.New("the secret's value names the admin secret's own principal, whose credential rota would overwrite")
	}
	return nil
}

// principals returns who logs in with the current value and with the next.
func (p *Provider) principals(e *env, current object) (now, next string, err error) {
	v, err := p.nextValue(e.with("current", current).withText("generated", "x"))
	if err != nil {
		return "", "", err
	}
	o, err := parseObject(v)
	if err != nil {
		return "", "", err
	}
	if now, err = p.identity.principal.text(e.with("this", current)); err != nil {
		return "", "", err
	}
	next, err = p.identity.principal.text(e.with("this", o))
	return now, next, err
}

func (p *Provider) adminPrincipal(e *env, req rotation.Request) string {
	admin, err := parseObject(req.Admin.Value)
	if err != nil {
		return ""
	}
	s, err := p.identity.admin.text(e.with("admin", admin))
	if err != nil {
		return ""
	}
	return s
}

// checkFollows checks that the pending value is what Choose makes of the
// current one, apart from the generated secret: otherwise setting it would
// overwrite a principal that the current value does not speak of.
func (p *Provider) checkFollows(e *env) error {
	for _, m := range p.next {
		if m.value.uses("generated") {
			continue
		}
		want, err := m.value.text(e)
		if err != nil {
			return fmt.Errorf("%s set: %w", p.name, err)
		}
		if e.objects["pending"].text(m.name) != want {
			return fmt.Errorf("%s set: %s of the pending value does not follow from the current value; "+
				"cancel the rotation and start a new one", p.name, m.name)
		}
	}
	pending := e.objects["pending"]
	principal, err := p.identity.principal.text(e.with("this", pending))
	if err != nil {
		return fmt.Errorf("%s set: %w", p.name, err)
	}
	admin, err := p.identity.admin.text(e)
	if err == nil && admin != "" && admin == principal {
		return fmt.Errorf("%s set: the pending value names the admin secret's own principal", p.name)
	}
	now, err := p.identity.principal.text(e.with("this", e.objects["current"]))
	if err == nil && p.capacity == 2 && now == principal {
		return fmt.Errorf("%s set: the pending value belongs to the current value's user, whom setting it would lock out", p.name)
	}
	return nil
}

// missing lists the required fields that o lacks and the declared ones that
// are not texts.
func missing(what string, o object, fields []rotation.Field) error {
	var lacks, wrong []string
	for _, f := range fields {
		_, err := o.scalar(f.Name)
		switch {
		case errors.Is(err, errAbsent):
			if f.Required {
				lacks = append(lacks, f.Name)
			}
		case err != nil:
			wrong = append(wrong, f.Name)
		}
	}
	var errs []error
	if lacks != nil {
		errs = append(errs, fmt.Errorf("%s lacks %s", what, strings.Join(lacks, ", ")))
	}
	if wrong != nil {
		errs = append(errs, fmt.Errorf("%s holds something other than a text in %s", what, strings.Join(wrong, ", ")))
	}
	return errors.Join(errs...)
}

func fieldNames(fields []rotation.Field) string {
	var names []string
	for _, f := range fields {
		if f.Required {
			names = append(names, f.Name)
		}
	}
	return strings.Join(names, ", ")
}
