package rotation

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rotahq/rota"
)

// test proves that AWSPENDING works: accepted so many times in a row as the
// provider's propagation asks. It is also called alone, with a copy of
// AWSCURRENT, when rotation is set up with RotateImmediately=false.
func (j *job) test(ctx context.Context) error {
	if j.req.Pending.IsZero() {
		return fmt.Errorf("AWSPENDING of secret %s is empty: createSecret did not finish", j.secret.Name)
	}
	if j.req.Pending.Equal(j.req.Current) { // nothing was created: this is the set-up's test
		if err := j.checkProvider(ctx); err != nil {
			return err
		}
	}
	return j.accepted(ctx, j.req.Pending)
}

// accepted waits until the provider accepts v for good. A refusal that lasts
// for the whole propagation time is Permanent; a wait that does not fit into
// the step, and an answer that changes to and fro, is ErrNotYet.
func (j *job) accepted(ctx context.Context, v rota.Value) error {
	p := j.plan.Propagation
	need := max(p.Successes, 1)
	start := time.Now()
	onlyRefused := true
	for row := 0; ; {
		err := j.rotator.Try(ctx, j.req, v)
		switch {
		case err == nil:
			onlyRefused = false
			if row++; row >= need {
				return nil
			}
		case errors.Is(err, ErrRefused):
			row = 0
		case errors.Is(err, ErrNotYet):
			row, onlyRefused = 0, false
		default:
			return fmt.Errorf("try the new value: %w", err)
		}
		// Successes in a row end by themselves, however little time is left.
		if err != nil && time.Since(start)+p.Interval > p.Within {
			if onlyRefused {
				return Permanent(fmt.Errorf("the provider refuses the new value since %s: %w", p.Within, err))
			}
			return fmt.Errorf("the new value has not been accepted %d times in a row within %s: %w", need, p.Within, ErrNotYet)
		}
		if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= p.Interval {
			return fmt.Errorf("the new value has not propagated: %w", ErrNotYet)
		}
		if err := wait(ctx, p.Interval); err != nil {
			return err
		}
	}
}

func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
