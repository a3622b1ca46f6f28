package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/rotation"
)

// Try logs in once and asks for the time.
func (r *Rotator) Try(ctx context.Context, req rotation.Request, v rota.Value) error {
	s, err := r.settings(req.Settings)
	if err != nil {
		return permanent(req, "log in", err)
	}
	l, err := readLogin(req, "value", v)
	if err != nil {
		return err
	}
	c, err := r.connect(ctx, l, s.tlsFor(l), s.roots)
	if err != nil {
		return err
	}
	defer c.close(ctx)
	return c.exec(ctx, "ask for the time", "SELECT pg_catalog.now()")
}

// Set makes the server accept the password of req.Pending.
//
// What is wrong with the secret's values is permanent. What is wrong at the
// server is not, however clear: once a single user's current password is
// refused, the pending one may be the only good one there is, and a permanent
// error would throw it away.
func (r *Rotator) Set(ctx context.Context, req rotation.Request) error {
	s, err := r.settings(req.Settings)
	if err != nil {
		return permanent(req, "set a password", err)
	}
	current, err := readLogin(req, "current value", req.Current)
	if err != nil {
		return err
	}
	pending, err := readLogin(req, "pending value", req.Pending)
	if err != nil {
		return err
	}
	if err := guard(s, current, pending); err != nil {
		return permanent(req, "set a password", err)
	}
	v, err := verifier(string(pending.password.Reveal()), req.Rand)
	if err != nil {
		return permanent(req, "set a password", err)
	}
	if s.alternating {
		return r.setPartner(ctx, req, s, current, pending, v)
	}
	return r.setOwn(ctx, req, s, current, pending, v)
}

// guard refuses a pending value that is about another role or server than
// the current one, with the sentences of AWS's functions.
func guard(s settings, current, pending login) error {
	if s.alternating {
		if other, err := partner(current.user); err != nil || other != pending.user {
			return asAWS("Attempting to modify user %s other than current user or clone %s", pending.user, current.user)
		}
	} else if current.user != pending.user {
		return asAWS("Attempting to modify user %s other than current user %s", pending.user, current.user)
	}
	if current.address() != pending.address() {
		there, here := places(pending, current)
		return asAWS("Attempting to modify user for host %s other than current host %s", there, here)
	}
	return nil
}

// setOwn sets the password of a single user as that user, who logs in with
// the current password. Where that is refused, the pending one may be set
// already; and where that is refused too, the previous one may be left over
// from a rotation that never came to set its own.
func (r *Rotator) setOwn(ctx context.Context, req rotation.Request, s settings, current, pending login, v string) error {
	mode := s.tlsFor(current)
	c, err := r.connect(ctx, current, mode, s.roots)
	if errors.Is(err, rotation.ErrDead) {
		if c, err = r.connect(ctx, pending, mode, s.roots); err == nil {
			c.close(ctx)
			return nil
		}
	}
	if errors.Is(err, rotation.ErrDead) {
		c, err = r.connectPrevious(ctx, req, s, current, mode)
	}
	if err != nil {
		return withoutVerdict(err)
	}
	defer c.close(ctx)
	return c.setPassword(ctx, current.user, v)
}

// storeWhatWorks ends AWS's sentences, which operators search for as they are.
const storeWhatWorks = "store the value that works now, with rota put (on AWS: put-secret-value), and rotate again"

// connectPrevious logs in with the previous password of the same user.
func (r *Rotator) connectPrevious(
	ctx context.Context, req rotation.Request, s settings, current login, mode tlsMode,
) (*conn, error) {
	none := rotation.Denied(fmt.Errorf("postgres %s: Unable to log into database with previous, current, or pending secret of secret arn %s: %s",
		current.address(), req.SecretARN, storeWhatWorks))
	if req.Previous.IsZero() {
		return nil, none
	}
	previous, _, err := parseLogin(req.Previous, true)
	if err != nil {
		return nil, none
	}
	if previous.user != current.user {
		return nil, fmt.Errorf("%w: %w", none,
			asAWS("Attempting to modify user %s other than previous valid user %s", current.user, previous.user))
	}
	if previous.address() != current.address() {
		here, there := places(current, previous)
		return nil, fmt.Errorf("%w: %w", none,
			asAWS("Attempting to modify user for host %s other than previous valid host %s", here, there))
	}
	if previous.password.Equal(current.password) {
		return nil, none // it was refused a moment ago
	}
	c, err := r.connect(ctx, previous, mode, s.roots)
	if errors.Is(err, rotation.ErrDead) {
		return nil, none
	}
	return c, err
}

// withoutVerdict keeps a refusal of another credential from being taken for
// one of the pending credential.
func withoutVerdict(err error) error {
	if errors.Is(err, rotation.ErrRefused) {
		return rotation.Denied(err)
	}
	return err
}

// setPartner sets the password of the other user as the admin, and makes that
// user first where it is absent. The current credential must log in before:
// it proves that the secret may act for the pair.
func (r *Rotator) setPartner(
	ctx context.Context, req rotation.Request, s settings, current, pending login, v string,
) error {
	admin, err := adminLogin(req, current)
	if err != nil {
		return permanent(req, "set a password", err)
	}
	c, err := r.connect(ctx, current, s.tlsFor(current), s.roots)
	if errors.Is(err, rotation.ErrRefused) {
		return rotation.Denied(fmt.Errorf("postgres: Unable to log into database using current credentials for secret %s: %s: %s", req.SecretARN, err, storeWhatWorks))
	}
	if err != nil {
		return err
	}
	c.close(ctx)

	if c, err = r.connectAdmin(ctx, req, s, admin, current); err != nil {
		return err
	}
	defer c.close(ctx)
	return c.setPairPassword(ctx, current.user, pending.user, v)
}

func (r *Rotator) connectAdmin(ctx context.Context, req rotation.Request, s settings, admin, current login) (*conn, error) {
	c, err := r.connect(ctx, admin, s.tlsForAdmin(admin, current), s.roots)
	if errors.Is(err, rotation.ErrRefused) {
		return nil, rotation.Denied(fmt.Errorf("postgres: Unable to log into database using credentials in master secret %s: %s: store its value that works now, "+
			"with rota put (on AWS: put-secret-value); it is tried again by itself", req.Admin.ARN, err))
	}
	return c, err
}
