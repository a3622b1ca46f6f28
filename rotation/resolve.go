package rotation

import (
	"context"
	"errors"
	"fmt"

	"github.com/rotahq/rota"
)

// resolve ends an attempt that is given up, cancelled or deleted, where
// setting or minting the new value may have killed the old one: it finishes
// if the new value works, and otherwise, or where any value is accepted, sets
// the current one back. Where old and new overlap there is nothing to do
// here: what is left of the pending credential is ended like any other.
func (j *job) resolve(ctx context.Context) (finished bool, err error) {
	if j.req.Pending.IsZero() || j.plan.Capacity != 1 {
		return false, nil
	}
	err = j.rotator.Try(ctx, j.req, j.req.Pending)
	checks := true
	if err == nil {
		if checks, err = j.refusesRandom(ctx, j.req.Pending); err != nil {
			return false, err
		}
		if checks {
			j.note("the new value works: finished instead of undone")
			err = j.finish(ctx)
			return err == nil, err
		}
	} else if !errors.Is(err, ErrRefused) {
		return false, fmt.Errorf("try the new value: %w", err)
	}
	err = j.rotator.Try(ctx, j.req, j.req.Current)
	if err == nil && checks {
		j.note("the current value works: nothing to undo")
		return false, nil
	}
	if err != nil && !errors.Is(err, ErrRefused) {
		return false, fmt.Errorf("try the current value: %w", err)
	}
	c, ok := j.rotator.(Chooser)
	if !ok {
		return false, Permanent(errors.New("the provider accepts neither the new nor the current value, and a minted one cannot be set back"))
	}
	err = j.setBack(ctx, c, j.req.Pending)
	if errors.Is(err, ErrDenied) {
		err = fmt.Errorf("%w: put the working value with rota put %s", err, j.secret.Name)
	}
	return false, err
}

// mend closes a gap that was found later: the old value is accepted although
// its principal has another password in AWSCURRENT. Either the current one
// has not been set yet by a rotation that is under way, or the provider went
// back: a given-up value was set by a request that came late, or a backup
// was restored. Then, where only one can live, the current value is set.
func (j *job) mend(ctx context.Context, old rota.Value) error {
	c, ok := j.rotator.(Chooser)
	if !ok || j.plan.Capacity != 1 || !j.req.Pending.IsZero() {
		return nil
	}
	err := j.rotator.Try(ctx, j.req, j.req.Current)
	if err == nil || !errors.Is(err, ErrRefused) {
		return nil // the proof says what is wrong
	}
	return j.setBack(ctx, c, old)
}

// setBack makes the provider, who accepts holds or once did, accept the
// current value.
func (j *job) setBack(ctx context.Context, c Chooser, holds rota.Value) error {
	back := j.req
	back.Pending, back.Current = j.req.Current, holds
	if err := j.give(ctx, c, back); err != nil {
		return fmt.Errorf("set the current value back: %w", err)
	}
	if err := j.rotator.Try(ctx, j.req, j.req.Current); err != nil {
		return fmt.Errorf("try the current value after setting it back: %w", err)
	}
	j.note("the current value was set back")
	return j.record(ctx, j.secret.VersionOf(rota.Current), j.req.Current, rota.Live, "set back")
}
