package rotation

import (
	"context"
	"errors"
	"fmt"

	"github.com/rotahq/rota"
)

// resolve ends an attempt that is given up, cancelled or deleted, where
// setting the new value may have killed the old one: it finishes if the new
// value works, and otherwise sets the current one back. Where old and new
// overlap there is nothing to do here: what is left of the pending
// credential is ended like any other.
func (j *job) resolve(ctx context.Context) (finished bool, err error) {
	c, ok := j.rotator.(Chooser)
	if !ok || j.req.Pending.IsZero() || j.plan.Capacity != 1 {
		return false, nil
	}
	err = j.rotator.Try(ctx, j.req, j.req.Pending)
	if err == nil {
		j.note("the new value works: finished instead of undone")
		return true, j.finish(ctx)
	}
	if !errors.Is(err, ErrRefused) {
		return false, fmt.Errorf("try the new value: %w", err)
	}
	err = j.rotator.Try(ctx, j.req, j.req.Current)
	if err == nil {
		j.note("the current value works: nothing to undo")
		return false, nil
	}
	if !errors.Is(err, ErrRefused) {
		return false, fmt.Errorf("try the current value: %w", err)
	}
	back := j.req
	back.Pending, back.Current = j.req.Current, j.req.Pending
	if err := c.Set(ctx, back); err != nil {
		return false, fmt.Errorf("set the current value back: %w", err)
	}
	if err := j.rotator.Try(ctx, j.req, j.req.Current); err != nil {
		return false, fmt.Errorf("try the current value after setting it back: %w", err)
	}
	j.note("the current value was set back")
	return false, j.record(ctx, j.secret.VersionOf(rota.Current), j.req.Current, rota.Live, "set back")
}
