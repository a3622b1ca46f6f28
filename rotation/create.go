package rotation

import (
	"context"
	"errors"
	"fmt"

	"github.com/rotahq/rota"
)

// create fills AWSPENDING. A value that is there already is kept: never a
// second one. The placeholder with its token is the record of intent, and a
// minted credential carries a name made from it, so that what an earlier
// attempt left behind is found and removed before another is minted.
func (j *job) create(ctx context.Context) error {
	if err := j.adoptCurrent(ctx); err != nil {
		return err
	}
	if !j.req.Pending.IsZero() {
		j.note("AWSPENDING is filled already")
		return j.adoptPending(ctx)
	}
	if err := j.checkProvider(ctx); err != nil {
		return err
	}
	if err := j.endNext(ctx); err != nil {
		return err
	}
	if err := j.makeRoom(ctx); err != nil {
		return err
	}
	if err := j.room(); err != nil {
		return err
	}
	if m, ok := j.rotator.(Minter); ok {
		return j.mint(ctx, m)
	}
	v, err := j.rotator.(Chooser).Choose(j.req)
	j.hide.add(v)
	if err != nil {
		return fmt.Errorf("choose a value: %w", err)
	}
	return j.put(ctx, v)
}

func (j *job) mint(ctx context.Context, m Minter) error {
	if j.plan.Identity.ID == "" {
		return Permanent(fmt.Errorf("the value of secret %s does not name the provider's id of the credential, by which it would be revoked", j.secret.Name))
	}
	if filled, err := j.filledMeanwhile(ctx); filled || err != nil {
		return err
	}
	if err := j.sweep(ctx, j.req, "", "made by an attempt that did not finish"); err != nil {
		return err
	}
	if err := j.home.Ledger.Record(ctx, j.row(j.req.Token, Identity{Provider: j.plan.Identity.Provider}, rota.Intended), rota.Value{}); err != nil {
		return err
	}
	v, err := m.Mint(ctx, j.req)
	j.hide.add(v)
	if err != nil {
		return fmt.Errorf("mint %s: %w", j.req.Name, err)
	}
	if err = j.put(ctx, v); errors.Is(err, rota.Exists) {
		return errors.Join(err, j.discard(ctx, v))
	}
	return err
}

// filledMeanwhile looks again whether AWSPENDING is filled, right before what
// was minted under its name is revoked, where no claim keeps two attempts from
// working at once.
func (j *job) filledMeanwhile(ctx context.Context) (bool, error) {
	if j.home.Writes != nil {
		return false, nil // its writes are bound to the claim
	}
	v, err := j.optional(ctx, j.req.Token, "")
	if err != nil || v.IsZero() {
		return false, err
	}
	j.req.Pending = v
	j.hide.add(v)
	j.note("AWSPENDING was filled by another attempt")
	return true, j.adoptPending(ctx)
}

// discard revokes what was minted for a version that another attempt filled
// first.
func (j *job) discard(ctx context.Context, v rota.Value) error {
	id, err := j.rotator.Identify(j.req, v)
	if err != nil {
		return err
	}
	if l, ok := j.rotator.(Lister); ok && id.ID != "" {
		return l.Revoke(ctx, j.req, id.ID)
	}
	return nil
}

// put stores the pending value, and the ledger row of it.
func (j *job) put(ctx context.Context, v rota.Value) error {
	j.req.Pending = v
	return j.together(ctx, func() error {
		if err := j.home.Secrets.Put(ctx, j.arn, j.req.Token, v, j.event.RotationToken); err != nil {
			return fmt.Errorf("store AWSPENDING: %w", err)
		}
		return j.recordPending(ctx, "")
	})
}

// recordPending writes the ledger row of the pending value: a minted one is
// alive from its birth, a chosen one once it was set.
func (j *job) recordPending(ctx context.Context, evidence string) error {
	state := rota.Intended
	if _, minted := j.rotator.(Minter); minted || evidence != "" {
		state = rota.Live
	}
	return j.record(ctx, j.req.Token, j.req.Pending, state, evidence)
}

// adoptPending makes sure that the ledger knows the pending credential. What
// it says already stays: a retry does not turn a live one into an intent.
func (j *job) adoptPending(ctx context.Context) error {
	id, err := j.rotator.Identify(j.req, j.req.Pending)
	if err != nil {
		return err
	}
	_, known, err := j.known(ctx, j.req.Token, id)
	if known || err != nil {
		return err
	}
	return j.recordPending(ctx, "")
}

// adoptCurrent makes sure that the ledger knows the current credential, also
// one that rota did not make, and does not mean to end it: a finish that
// stopped before its move left the row superseded.
func (j *job) adoptCurrent(ctx context.Context) error {
	current := j.secret.VersionOf(rota.Current)
	c, known, err := j.known(ctx, current, j.plan.Identity)
	if err != nil {
		return err
	}
	if known && c.State != rota.Intended && !c.State.Open() {
		return nil
	}
	return j.record(ctx, current, j.req.Current, rota.Live, "found as AWSCURRENT")
}

// room refuses before anything is minted when the labels of the endings
// would not fit in the secret's quota at finishSecret.
func (j *job) room() error {
	n := 0
	for _, labels := range j.secret.Stages {
		n += len(labels)
	}
	// finishSecret adds one for the ending and, the first time, AWSPREVIOUS.
	if n+2 > rota.MaxLabels {
		return fmt.Errorf("secret %s has %d staging labels of %d: end old credentials first (rota show %s lists them, rota expire ends one)",
			j.secret.Name, n, rota.MaxLabels, j.secret.Name)
	}
	return nil
}

// checkProvider lets the provider refuse a random value once per address: a
// provider that accepts anything proves nothing.
func (j *job) checkProvider(ctx context.Context) error {
	address := j.plan.Identity.Provider
	_, known, err := j.home.Ledger.ProviderCheck(ctx, address)
	if err != nil || known {
		return err
	}
	checks, err := j.refusesRandom(ctx, j.req.Current)
	if err != nil {
		return err
	}
	if !checks {
		j.note("the provider at %s accepts a random value: it does not check, and no proof from it counts", address)
	}
	return j.home.Ledger.SaveProviderCheck(ctx, address, checks)
}

// refusesRandom reports whether the provider refuses v with a random secret
// part: otherwise that it accepts v tells nothing.
func (j *job) refusesRandom(ctx context.Context, v rota.Value) (bool, error) {
	random, err := j.rotator.Spoil(j.req, v)
	if err != nil {
		return false, fmt.Errorf("make a random value: %w", err)
	}
	j.hide.add(random)
	err = j.rotator.Try(ctx, j.req, random)
	if err == nil || errors.Is(err, ErrRefused) {
		return err != nil, nil
	}
	return false, fmt.Errorf("try a random value: %w", err)
}
