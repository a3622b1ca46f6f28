package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/rotation"
)

// End gives the role of old a password that nobody can know.
//
// It logs in with old itself: if that is refused as dead, there is nothing to
// do; if it is accepted, old is the proof that this secret may end it, and
// the role changes its own password. So ending reaches no role whose password
// the secret does not hold, whatever names its values carry. Only where the
// server recognises the role but will not let it work (NOLOGIN, its
// connection limit, a ban on changing passwords) the admin does it, and only
// to the partner of the current user.
//
// The role of the current value is never touched: with another password, old
// was overwritten already and there is nothing to do.
func (r *Rotator) End(ctx context.Context, req rotation.Request, old rota.Value) error {
	s, err := r.settings(req.Settings)
	if err != nil {
		return permanent(req, "end a password", err)
	}
	l, err := readLogin(req, "old value", old)
	if err != nil {
		return err
	}
	var current login
	if !req.Current.IsZero() {
		if current, err = readLogin(req, "current value", req.Current); err != nil {
			return err
		}
		switch {
		case current.identity().SameCredential(l.identity()):
			return permanent(req, "end a password", fmt.Errorf("user %q has it as the current one", l.user))
		case current.identity().SamePrincipal(l.identity()):
			return nil
		}
	}
	if !req.Pending.IsZero() {
		pending, err := readLogin(req, "pending value", req.Pending)
		if err != nil {
			return err
		}
		switch {
		case pending.identity().SameCredential(l.identity()):
			return permanent(req, "end a password", fmt.Errorf("user %q has it as the pending one", l.user))
		case pending.identity().SamePrincipal(l.identity()):
			return fmt.Errorf("postgres: secret %s: end a password of user %q: the rotation under way overwrites it: %w",
				req.SecretARN, l.user, rotation.ErrNotYet)
		}
	}
	v, err := deadVerifier(req.Rand)
	if err != nil {
		return fmt.Errorf("postgres: secret %s: end a password: %w", req.SecretARN, err)
	}

	c, err := r.connect(ctx, l, s.tlsFor(l), s.roots)
	if errors.Is(err, rotation.ErrDead) {
		return nil
	}
	if err == nil {
		err = c.setPassword(ctx, l.user, v)
		c.close(ctx)
	}
	switch sqlState(err) {
	case stateNotPermitted, stateTooMany, statePrivilege:
		if !req.Admin.Value.IsZero() {
			return r.endByAdmin(ctx, req, s, current, l, v)
		}
	}
	return err
}

func (r *Rotator) endByAdmin(ctx context.Context, req rotation.Request, s settings, current, old login, v string) error {
	if other, err := partner(current.user); err != nil || other != old.user || current.provider() != old.provider() {
		return permanent(req, "end a password", asAWS("Attempting to modify user %s other than current user or clone %s",
			old.user, current.user))
	}
	admin, err := adminLogin(req, current)
	if err != nil {
		return permanent(req, "end a password", err)
	}
	c, err := r.connectAdmin(ctx, req, s, admin, current)
	if err != nil {
		return err
	}
	defer c.close(ctx)
	p, err := c.readPair(ctx, current.user, old.user)
	if err != nil {
		return err
	}
	if !p.exists {
		return nil
	}
	if !p.related {
		return c.notRelated(current.user, old.user)
	}
	return c.setPassword(ctx, old.user, v)
}
